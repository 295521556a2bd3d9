//! The only place that talks to the terminal.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line of the result.
pub fn say(line: &str) {
    // A reader that went away is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints one JSON object on a line.
pub fn say_json(value: &serde_json::Value) {
    say(&value.to_string());
}

/// Prints a line beside the result.
fn remark(line: &str) {
    // As above.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints an error.
pub fn complain(message: &str) {
    remark(&format!("error: {message}"));
}

/// Tells how long work is coming along: a bar on a terminal, else a line now and then on
/// the error output.
pub struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    last: Option<Instant>,
    total: Option<usize>,
}

/// Time between lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

impl Progress {
    /// Progress of `total` pieces of work, silent where `quiet`.
    pub fn new(total: usize, unit: &str, quiet: bool) -> Self {
        let template = "[{elapsed_precise}] {bar:30} {pos}/{len} UNIT {msg} (eta {eta})";
        let bar = ProgressBar::new(total as u64);
        Self::with(bar, template, unit, Some(total), quiet)
    }

    /// Progress of work whose end is not known.
    pub fn counting(unit: &str, quiet: bool) -> Self {
        let template = "[{elapsed_precise}] {spinner} {pos} UNIT {msg}";
        Self::with(ProgressBar::no_length(), template, unit, None, quiet)
    }

    #[expect(clippy::disallowed_methods, reason = "the command may read the clock")]
    fn with(
        bar: ProgressBar,
        template: &str,
        unit: &str,
        total: Option<usize>,
        quiet: bool,
    ) -> Self {
        let bar =
            (!quiet && std::io::stderr().is_terminal()).then(
                || match ProgressStyle::with_template(&template.replace("UNIT", unit)) {
                    Ok(style) => bar.with_style(style),
                    Err(_) => bar,
                },
            );
        Self {
            bar,
            quiet,
            last: Some(Instant::now()),
            total,
        }
    }

    /// Says that `done` pieces are done.
    #[expect(clippy::disallowed_methods, reason = "the command may read the clock")]
    pub fn at(&mut self, done: usize, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(message.to_owned());
        } else if !self.quiet
            && (self.total == Some(done) || self.last.is_none_or(|last| last.elapsed() >= PAUSE))
        {
            let of = self
                .total
                .map_or_else(String::new, |total| format!("/{total}"));
            remark(&format!("{done}{of} {message}"));
            self.last = Some(Instant::now());
        }
    }

    /// Clears the bar.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A stop watch.
pub struct Watch(Instant);

impl Watch {
    /// Starts.
    #[expect(clippy::disallowed_methods, reason = "the command may read the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
