//! Threads for work that the window must not wait for.

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How far the priority of such work is below that of the window, on the scale of `nice`: where both
/// want a core, the window gets nine tenths of it.
#[cfg(target_os = "linux")]
const BELOW: i32 = 10;

/// Lowers the priority of the thread that calls it, on systems where threads have one of their own.
pub fn step_back() {
    // Where it is refused, the work goes on as it was.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(BELOW);
}

/// Threads to simulate with, below the window's: all but one, which is left for the window. `None`
/// where the system has none left: then those of everyone do.
pub fn background() -> Option<ThreadPool> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let builder = ThreadPoolBuilder::new()
        .num_threads(all.saturating_sub(1).max(1))
        .start_handler(|_| step_back());
    builder.build().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn priority() -> i32 {
        rustix::process::nice(0).unwrap()
    }

    #[test]
    fn work_in_the_background_steps_back_and_the_window_does_not() {
        let before = priority();
        let below = background().unwrap().install(priority);
        assert!(below > before, "{below} {before}");
        assert_eq!(priority(), before);
    }
}
