//! The results as a table of text and as a page of the documentation.

use std::fmt::Write;

use super::{Case, Outcome, Row, Tier};

/// A number to four digits.
fn show(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&value.abs()) {
        let digits = (3 - value.abs().log10().floor() as i32).max(0) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.3e}")
    }
}

/// An error or a tolerance: relative ones in percent.
fn show_error(value: f64, relative: bool) -> String {
    if relative && value.abs() >= 1e-6 {
        format!("{:.2} %", 100.0 * value)
    } else {
        show(value)
    }
}

fn verdict(row: &Row) -> &'static str {
    match (row.tolerance, row.holds()) {
        (None, _) => "reported",
        (Some(_), true) => "holds",
        (Some(_), false) => "**falls short**",
    }
}

/// The rows of a case, one a line.
pub fn table(case: &Case, outcome: &Outcome) -> String {
    let mut text = format!("{}: {}\n", case.id, case.about);
    for row in &outcome.rows {
        let tolerance = row.tolerance.map_or_else(
            || "-".to_owned(),
            |tolerance| show_error(tolerance, row.relative),
        );
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {:<40} {:<12} {:>12} {:>12} {:<8} error {:>10} of {:>9}  {}",
            row.quantity,
            row.grid,
            show(row.value),
            show(row.reference),
            row.unit,
            show_error(row.error, row.relative),
            tolerance,
            verdict(row).trim_matches('*'),
        );
    }
    if let Some(order) = outcome.order {
        let _ = writeln!(text, "  observed order {order:.2}");
    }
    text
}

/// The page of the documentation, from the results of all cases.
pub fn page(tier: Tier, results: &[(&Case, Outcome)]) -> String {
    let option = match tier {
        Tier::Fast => "",
        Tier::Full => " --full",
    };
    let holding = results
        .iter()
        .filter(|(_, outcome)| outcome.holds())
        .count();
    let mut page = format!(
        "# Validation\n\nWritten by `backflow validate{option} --page docs/validation.md`. Reference \
         values and their sources are in\n`tests/reference/*.csv`; a tolerance stands beside each. \
         {holding} of {} cases hold in all of their numbers.\n",
        results.len()
    );
    for (case, outcome) in results {
        let _ = write!(page, "\n## {}: {}\n\n", case.id, case.about);
        page.push_str("| quantity | grid | value | reference | unit | error | tolerance | |\n");
        page.push_str("|---|---|---|---|---|---|---|---|\n");
        for row in &outcome.rows {
            let tolerance = row
                .tolerance
                .map_or_else(String::new, |tolerance| show_error(tolerance, row.relative));
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {tolerance} | {} |",
                row.quantity,
                row.grid,
                show(row.value),
                show(row.reference),
                row.unit,
                show_error(row.error, row.relative),
                verdict(row),
            );
        }
        if let Some(order) = outcome.order {
            let _ = write!(page, "\nObserved order of convergence: {order:.2}.\n");
        }
        if !case.remark.is_empty() {
            let _ = write!(page, "\n{}\n", case.remark);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_to_four_digits() {
        assert_eq!(show(1234.56), "1235");
        assert_eq!(show(0.012_344), "0.01234");
        assert_eq!(show(-2.5e-7), "-2.500e-7");
        assert_eq!(show_error(0.0123, true), "1.23 %");
        assert_eq!(show_error(0.0123, false), "0.01230");
    }
}
