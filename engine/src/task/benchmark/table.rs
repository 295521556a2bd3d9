//! Scores of tasks x methods as one page.

use std::path::PathBuf;

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
    /// Folder of the run.
    pub folder: PathBuf,
}

impl Entry {
    /// Name of a picture of it beside the page.
    pub fn picture(&self, name: &str) -> String {
        let Finished { task, method, .. } = &self.finished;
        format!("{}-{method}-{name}", task.replace('/', "-"))
    }
}

/// `(L_idle - L) / (L_idle - bound)`: 0 is what doing nothing gives, 1 the least that the loss could
/// be. With a bound of 0 it is `1 - L / L_idle`.
pub fn score(finished: &Finished) -> f64 {
    scored(finished, finished.best)
}

/// The score of a value in the problem of a run.
fn scored(finished: &Finished, value: f64) -> f64 {
    let Finished { first, bound, .. } = finished;
    (first - value) / (first - bound)
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

/// Methods of the table, without those that leave a part of `scene` out.
pub fn compared(entries: &[Entry]) -> Vec<&'static str> {
    let whole = |name: &&str| {
        METHODS
            .iter()
            .any(|m| m.name == *name && m.without.is_none())
    };
    methods(entries).into_iter().filter(whole).collect()
}

/// The middle score of a task and a method, with the number of seeds where there are several.
fn cell(entries: &[Entry], task: &str, method: &str) -> String {
    let found: Vec<f64> = of(entries, task, method)
        .iter()
        .map(|entry| score(&entry.finished))
        .collect();
    match found.len() {
        0 => String::new(),
        1 => format!("{:.3} ", found[0]),
        n => format!("{:.3} ({n}) ", median(found)),
    }
}

/// The page: how it was made, in the words of `notes`; the table of scores (medians over seeds), of
/// metrics, of what the scene's method is without its parts; pictures and plots, which lie beside it
/// in the folder `plots`.
pub fn page(entries: &[Entry], notes: &str, plots: &str) -> String {
    let mut page = "# Benchmark\n\nWritten by `backflow task report`.\n\n".to_owned();
    page.push_str(
        "Every method gets the same budget of simulated substeps for a task; a substep of a gradient \
         counts as three\n(forward, once more, back). The score is `(L_idle - L) / (L_idle - bound)`, with L the \
         least loss found, L_idle that of\nthe scene as it stands, and the bound 0 unless the table gives another: 0 is \
         what doing nothing gives, 1 the best there\ncould be. Scores are medians over seeds; methods that do not draw at \
         random are run once.\n",
    );
    if !notes.trim().is_empty() {
        page.push_str(&format!("\n{}\n", notes.trim()));
    }
    page.push_str("\n## Scores\n\n");
    scores(&mut page, entries);
    metrics(&mut page, entries);
    ablations(&mut page, entries);
    page.push_str("\n## Methods\n\n");
    let used = methods(entries);
    for method in METHODS.iter().filter(|method| used.contains(&method.name)) {
        page.push_str(&format!("- `{}`: {}\n", method.name, method.about));
    }
    page.push_str("\n## Curves and pictures\n");
    for task in tasks(entries) {
        curves(&mut page, entries, task, plots);
    }
    page
}

fn scores(page: &mut String, entries: &[Entry]) {
    let methods = compared(entries);
    page.push_str(&format!(
        "| task | budget | L_idle | bound | start | {} |\n",
        methods.join(" | ")
    ));
    page.push_str(&format!(
        "|---|---|---|---|---|{}\n",
        "---|".repeat(methods.len())
    ));
    for task in tasks(entries) {
        let any = entries.iter().find(|e| e.finished.task == task);
        let Some(any) = any else { continue };
        let Finished {
            budget,
            first,
            bound,
            ..
        } = any.finished;
        let start = scored(&any.finished, any.finished.guess);
        page.push_str(&format!(
            "| {task} | {budget} | {first:.4e} | {bound} | {start:.3} |"
        ));
        for method in &methods {
            page.push_str(&format!(" {}|", cell(entries, task, method)));
        }
        page.push('\n');
    }
    page.push_str("\n`start` is the score of what all methods but `idle` begin with. A number in brackets is the number of \
         seeds.\n",
    );
}

fn metrics(page: &mut String, entries: &[Entry]) {
    let named = |e: &&Entry| !e.finished.metrics.is_empty();
    if !entries.iter().any(|e| named(&e)) {
        return;
    }
    page.push_str(
        "\n## Metrics of the best point of `scene`\n\n| task | metric | value |\n|---|---|---|\n",
    );
    let of_scene = |e: &&Entry| e.finished.method == "scene";
    let mut rows: Vec<&Entry> = entries.iter().filter(named).filter(of_scene).collect();
    rows.sort_by(|a, b| a.finished.task.cmp(&b.finished.task));
    for entry in rows {
        for (name, value) in &entry.finished.metrics {
            page.push_str(&format!(
                "| {} | {name} | {value:.3} |\n",
                entry.finished.task
            ));
        }
    }
}

fn ablations(page: &mut String, entries: &[Entry]) {
    let parts = METHODS.iter().filter(|method| method.without.is_some());
    let used = methods(entries);
    let parts: Vec<&str> = parts
        .map(|m| m.name)
        .filter(|name| used.contains(name))
        .collect();
    if parts.is_empty() {
        return;
    }
    page.push_str("\n## What the parts of the schemes bring\n\n");
    page.push_str(&format!("| task | scene | {} |\n", parts.join(" | ")));
    page.push_str(&format!("|---|---|{}\n", "---|".repeat(parts.len())));
    for task in tasks(entries) {
        if !parts.iter().any(|part| !of(entries, task, part).is_empty()) {
            continue;
        }
        page.push_str(&format!("| {task} | {}|", cell(entries, task, "scene")));
        for part in &parts {
            page.push_str(&format!(" {}|", cell(entries, task, part)));
        }
        page.push('\n');
    }
    page.push_str("\nAn empty cell is a task without that part, or a run that was not made.\n");
}

fn curves(page: &mut String, entries: &[Entry], task: &str, plots: &str) {
    let file = task.replace('/', "-");
    page.push_str(&format!(
        "\n### {task}\n\n![{task}: loss against substeps]({plots}/{file}-substeps.svg)\n\
         ![{task}: loss against seconds]({plots}/{file}-seconds.svg)\n",
    ));
    let mut shown = Vec::new();
    for (method, name, what) in [
        ("idle", "last.png", "idle"),
        ("scene", "last.png", "best of `scene`"),
        ("idle", "goal.png", "the demonstration"),
    ] {
        for entry in of(entries, task, method) {
            if entry.folder.join(name).is_file() {
                shown.push(format!("![{what}]({plots}/{}) {what}", entry.picture(name)));
            }
        }
    }
    if !shown.is_empty() {
        page.push_str(&format!("\nThe last frame: {}\n", shown.join(" ")));
    }
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
                guess: 2.0,
                bound: 0.0,
                best,
                best_iteration: 3,
                iterations: 5,
                metrics: Vec::new(),
                x: Vec::new(),
            },
            curve: Vec::new(),
            folder: PathBuf::new(),
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
        let page = page(&entries, "Seeds 0 to 2.", "plots");
        assert!(page.contains("\nSeeds 0 to 2.\n"), "{page}");
        assert!(
            page.contains("| task | budget | L_idle | bound | start | adam | cma | idle |"),
            "{page}"
        );
        assert!(
            page.contains("| a | 100 | 2.0000e0 | 0 | 0.000 | 0.900 | | |"),
            "{page}"
        );
        assert!(
            page.contains("| b | 100 | 2.0000e0 | 0 | 0.000 | | 0.500 (3) | 0.000 |"),
            "{page}"
        );
    }

    #[test]
    fn parts_have_a_table_of_their_own_and_a_bound_is_what_scores_go_to() {
        let mut bounded = entry("a", "scene", 0, -2.0);
        bounded.finished.bound = -3.0;
        bounded.finished.metrics = vec![("filled".to_owned(), 0.25)];
        assert_eq!(score(&bounded.finished), 0.8);
        let page = page(&[bounded, entry("a", "hard", 0, 1.0)], "", "plots");
        assert!(
            page.contains("| task | budget | L_idle | bound | start | scene |"),
            "{page}"
        );
        assert!(page.contains("| task | scene | hard |"), "{page}");
        assert!(page.contains("| a | 0.800 | 0.500 |"), "{page}");
        assert!(page.contains("| a | filled | 0.250 |"), "{page}");
    }

    #[test]
    fn median_of_an_even_count_is_the_mean_of_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}
