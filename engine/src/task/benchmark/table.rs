//! Scores of tasks x methods as one page.

use super::{
    methods::METHODS,
    run::{Finished, Point},
};

/// A run with its curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What came out.
    pub finished: Finished,
    /// How it came there.
    pub curve: Vec<Point>,
}

/// `1 - L / L_idle`: 0 is what doing nothing gives, 1 a loss of zero.
pub fn score(best: f64, idle: f64) -> f64 {
    1.0 - best / idle
}

/// The middle of some numbers, the mean of the two middle ones of an even count; NaN of none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => numbers[n / 2],
        n => 0.5 * (numbers[n / 2 - 1] + numbers[n / 2]),
    }
}

/// Tasks in order of their names.
pub fn tasks(entries: &[Entry]) -> Vec<&str> {
    let mut tasks: Vec<&str> = entries.iter().map(|e| e.finished.task.as_str()).collect();
    tasks.sort_unstable();
    tasks.dedup();
    tasks
}

/// Methods that some task was run with, in the order of the list.
pub fn methods(entries: &[Entry]) -> Vec<&'static str> {
    let used = |name: &str| entries.iter().any(|e| e.finished.method == name);
    METHODS
        .iter()
        .map(|method| method.name)
        .filter(|name| used(name))
        .collect()
}

/// Runs of a task and a method.
pub fn of<'a>(entries: &'a [Entry], task: &str, method: &str) -> Vec<&'a Entry> {
    let fits = |entry: &&Entry| entry.finished.task == task && entry.finished.method == method;
    entries.iter().filter(fits).collect()
}

/// The page: what was compared, the table of scores (medians over seeds), the table of losses, and
/// the plots that lie beside it in the folder `plots`.
pub fn page(entries: &[Entry], plots: &str) -> String {
    let (tasks, methods) = (tasks(entries), methods(entries));
    let mut page = "# Benchmark\n\nWritten by `backflow task report`.\n\n".to_owned();
    page.push_str(
        "Every method gets the same budget of simulated substeps for a task; a substep of a gradient \
         counts as three\n(forward, once more, back). The score is `1 - L / L_idle`, with L the least loss found \
         and L_idle that of the scene as it\nstands: 0 is what doing nothing gives, 1 a loss of zero. Scores are medians over \
         seeds; methods that do not draw at\nrandom are run once.\n\n## Scores\n\n",
    );
    page.push_str(&format!(
        "| task | budget | L_idle | {} |\n",
        methods.join(" | ")
    ));
    page.push_str(&format!("|---|---|---|{}\n", "---|".repeat(methods.len())));
    for task in &tasks {
        let any = entries.iter().find(|e| e.finished.task == *task);
        let Some(any) = any else { continue };
        let idle = any.finished.first;
        page.push_str(&format!(
            "| {task} | {} | {idle:.4e} |",
            any.finished.budget
        ));
        for method in &methods {
            let found: Vec<f64> = of(entries, task, method)
                .iter()
                .map(|entry| score(entry.finished.best, idle))
                .collect();
            match found.len() {
                0 => page.push_str(" |"),
                1 => page.push_str(&format!(" {:.3} |", found[0])),
                n => page.push_str(&format!(" {:.3} ({n}) |", median(found))),
            }
        }
        page.push('\n');
    }
    page.push_str("\nA number in brackets is the number of seeds.\n\n## Methods\n\n");
    for method in METHODS
        .iter()
        .filter(|method| methods.contains(&method.name))
    {
        page.push_str(&format!("- `{}`: {}\n", method.name, method.about));
    }
    page.push_str("\n## Curves\n");
    for task in &tasks {
        page.push_str(&format!(
            "\n### {task}\n\n![{task}: loss against substeps]({plots}/{file}-substeps.svg)\n\
             ![{task}: loss against seconds]({plots}/{file}-seconds.svg)\n",
            file = task.replace('/', "-"),
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(task: &str, method: &str, seed: u64, best: f64) -> Entry {
        Entry {
            finished: Finished {
                task: task.to_owned(),
                method: method.to_owned(),
                seed,
                budget: 100,
                spent: 100,
                first: 2.0,
                best,
                best_iteration: 3,
                iterations: 5,
                x: Vec::new(),
            },
            curve: Vec::new(),
        }
    }

    #[test]
    fn scores_are_medians_over_seeds_beside_the_idle_loss() {
        let entries = [
            entry("b", "cma", 0, 1.0),
            entry("b", "cma", 1, 0.5),
            entry("b", "cma", 2, 1.5),
            entry("b", "idle", 0, 2.0),
            entry("a", "adam", 0, 0.2),
        ];
        let page = page(&entries, "plots");
        assert!(
            page.contains("| task | budget | L_idle | adam | cma | idle |"),
            "{page}"
        );
        assert!(
            page.contains("| a | 100 | 2.0000e0 | 0.900 | | |"),
            "{page}"
        );
        assert!(
            page.contains("| b | 100 | 2.0000e0 | | 0.500 (3) | 0.000 |"),
            "{page}"
        );
    }

    #[test]
    fn median_of_an_even_count_is_the_mean_of_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}
