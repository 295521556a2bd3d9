//! A chart of shares, as SVG.

use std::fmt::Write;

/// A bar: a name, a share (1) and its bounds.
pub(super) struct Bar {
    pub name: String,
    pub share: f64,
    pub bounds: [f64; 2],
}

/// Pixels: height of a bar with its room, width of the names and of a share of 1.
const ROW: f64 = 22.0;
const NAMES: f64 = 260.0;
const WIDE: f64 = 420.0;

/// Bars with their bounds as lines, from 0 to 100 %.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    let height = ROW * (bars.len() as f64 + 2.5);
    let width = NAMES + WIDE + 60.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    let bottom = ROW * (bars.len() as f64 + 1.5);
    for tenth in (0..=10).step_by(2) {
        let x = NAMES + WIDE * f64::from(tenth) / 10.0;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{ROW}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{} %</text>",
            bottom + 15.0,
            10 * tenth
        );
    }
    for (index, bar) in bars.iter().enumerate() {
        let y = ROW * (index as f64 + 1.5);
        let at = |share: f64| NAMES + WIDE * share.clamp(0.0, 1.0);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{NAMES}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#0072b2\"/>\
             <line x1=\"{}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"black\" stroke-width=\"1.5\"/>\
             <text x=\"{}\" y=\"{}\">{:.0} %</text>",
            NAMES - 8.0,
            y + 4.0,
            escaped(&bar.name),
            y - 7.0,
            at(bar.share) - NAMES,
            14.0,
            at(bar.bounds[0]),
            at(bar.bounds[1]),
            at(bar.bounds[1]) + 6.0,
            y + 4.0,
            100.0 * bar.share
        );
    }
    text + "</svg>\n"
}

/// A text as it may stand in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_shares() {
        let bar = |name: &str, share: f64| Bar {
            name: name.to_owned(),
            share,
            bounds: [share - 0.1, share + 0.1],
        };
        let text = bars("a < b", &[bar("one", 0.5), bar("two", 0.25)]);
        assert!(text.contains("a &lt; b") && text.ends_with("</svg>\n"));
        for width in [0.5 * WIDE, 0.25 * WIDE] {
            assert!(
                text.contains(&format!("width=\"{width}\" height=\"14\"")),
                "{text}"
            );
        }
        // The line of the second goes from 15 % to 35 %.
        let (from, to) = (NAMES + 0.15 * WIDE, NAMES + 0.35 * WIDE);
        assert!(
            text.contains(&format!("x1=\"{from}\" x2=\"{to}\"")),
            "{text}"
        );
    }
}
