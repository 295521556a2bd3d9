//! What was found, as a page.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::{Outcome, Reference, median};

/// A line of the table: a model on a material, medians over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Material.
    pub material: String,
    /// Model.
    pub model: String,
    /// Seeds that are done.
    pub seeds: usize,
    /// Weights of the network.
    pub weights: usize,
    /// Steps of the optimiser.
    pub iterations: f64,
    /// CPU time of the training (s).
    pub cpu_seconds: Option<f64>,
    /// Mean squared distance of the samples (m^2).
    pub mse: f64,
    /// The same as GIOROM counts it, in edges of the room.
    pub giorom_mse: f64,
    /// Root of the mean squared distance over that of the displacement.
    pub relative: f64,
    /// Mean squared distance with half the samples over that with all, and with twice as many.
    pub half_and_twice: [Option<f64>; 2],
    /// Relative error of all particles, from the samples of the operator.
    pub full: f64,
    /// Chamfer distance of them (m^2).
    pub chamfer: f64,
    /// Change of momentum in a step away from walls, beyond the weight and over it.
    pub momentum: Option<f64>,
    /// Greatest distance beyond a wall (m).
    pub beyond_walls: f64,
    /// CPU time of a step (ms).
    pub ms_per_step: f64,
    /// Relative error of all particles from the true samples: by moving least squares, and with the learned kernel.
    pub reconstructed: [f64; 2],
    /// Rollouts that were not finite.
    pub lost: usize,
}

/// The lines of some outcomes, in the order of the first of each material and model.
pub fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for outcome in outcomes {
        let key = (outcome.material.as_str(), outcome.model.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.iter().filter_map(|key| row(outcomes, *key)).collect()
}

fn row(outcomes: &[Outcome], (material, model): (&str, &str)) -> Option<Row> {
    let same = |one: &&Outcome| one.material == material && one.model == model;
    let own: Vec<_> = outcomes.iter().filter(same).collect();
    let first = own.first()?;
    let middle = |part: &dyn Fn(&Outcome) -> Option<f64>| {
        let found: Vec<_> = own.iter().filter_map(|one| part(one)).collect();
        (!found.is_empty()).then(|| median(&found))
    };
    let all = |part: &dyn Fn(&super::At) -> f64| {
        middle(&|one| one.at.first().map(part)).unwrap_or(f64::NAN)
    };
    let other = |factor: &dyn Fn(usize, usize) -> bool| {
        middle(&|one| {
            let own = one.at.first()?;
            let other = one.at.iter().find(|at| factor(at.samples, own.samples))?;
            Some(other.rollout.mse / own.rollout.mse)
        })
    };
    Some(Row {
        material: material.to_owned(),
        model: model.to_owned(),
        seeds: own.len(),
        weights: first.weights,
        iterations: middle(&|one| Some(one.iterations as f64)).unwrap_or(0.0),
        cpu_seconds: middle(&|one| one.cpu_seconds),
        mse: all(&|at| at.rollout.mse),
        giorom_mse: all(&|at| at.giorom_mse),
        relative: all(&|at| at.rollout.relative),
        half_and_twice: [
            other(&|samples, own| samples == own / 2),
            other(&|samples, own| samples == 2 * own),
        ],
        full: all(&|at| at.full.relative),
        chamfer: all(&|at| at.chamfer),
        momentum: middle(&|one| one.at.first().and_then(|at| at.momentum)),
        beyond_walls: own
            .iter()
            .flat_map(|one| &one.at)
            .fold(0.0, |most, at| most.max(at.beyond_walls)),
        ms_per_step: middle(&|one| Some(one.ms_per_step)).unwrap_or(f64::NAN),
        reconstructed: [
            all(&|at| at.reconstructed_by_least_squares.relative),
            all(&|at| at.reconstructed.relative),
        ],
        lost: own.iter().flat_map(|one| &one.at).map(|at| at.lost).sum(),
    })
}

const HEAD: &str = "| material | prediction | seeds | weights | iterations | training CPU s | rollout m^2 | as GIOROM counts | relative | half, twice the samples | all particles, relative | Chamfer m^2 | momentum | beyond walls m | CPU ms a step |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

/// The page, in Markdown: of each material its models, what is reached without learning, and the decoder.
pub fn table(rows: &[Row], references: &[Reference]) -> String {
    let mut page = HEAD.to_owned();
    let optional = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    // Writing to a string cannot fail.
    for reference in references {
        let name = &reference.material;
        for row in rows.iter().filter(|row| row.material == *name) {
            let lost = if row.lost > 0 {
                format!(" ({} rollouts not finite)", row.lost)
            } else {
                String::new()
            };
            let momentum = row.momentum.map_or("-".to_owned(), |m| format!("{m:.1e}"));
            let _ = writeln!(
                page,
                "| {name} | {}{lost} | {} | {} | {:.0} | {} | {:.2e} | {:.2e} | {:.3} | {}, {} | {:.3} | {:.2e} | {momentum} | {:.1e} | {:.2} |",
                row.model,
                row.seeds,
                row.weights,
                row.iterations,
                optional(row.cpu_seconds, 0),
                row.mse,
                row.giorom_mse,
                row.relative,
                optional(row.half_and_twice[0], 2),
                optional(row.half_and_twice[1], 2),
                row.full,
                row.chamfer,
                row.beyond_walls,
                row.ms_per_step,
            );
        }
        let _ = writeln!(
            page,
            "| {name} | engine of {} particles | - | - | - | - | {:.2e} of all | - | - | - | {:.3} | {:.2e} | - | - | {:.2} |",
            reference.coarse_particles,
            reference.coarse.mse,
            reference.coarse.relative,
            reference.coarse_chamfer,
            reference.coarse_ms_per_step,
        );
        for (what, score) in [
            ("free fall", reference.free_fall),
            ("constant velocity", reference.constant_velocity),
        ] {
            let _ = writeln!(
                page,
                "| {name} | {what} | - | - | - | - | {:.2e} | - | {:.3} | - | - | - | - | - | - |",
                score.mse, score.relative
            );
        }
    }
    page += "\n| material | particles | trajectories | steps | engine CPU ms a step | all of true samples: least squares | with the learned kernel |\n|---|---|---|---|---|---|---|\n";
    for reference in references {
        let name = &reference.material;
        let [plain, learned] = (rows.iter())
            .find(|row| row.material == *name)
            .map_or([f64::NAN; 2], |row| row.reconstructed);
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {} | {:.2} | {plain:.4} | {learned:.4} |",
            reference.particles,
            reference.trajectories,
            reference.steps,
            reference.engine_ms_per_step,
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{compare::At, train::Score};

    fn outcome(model: &str, seed: u64, mse: f64) -> Outcome {
        let score = |mse: f64| Score {
            mse,
            last: mse,
            relative: mse.sqrt(),
        };
        let at = |samples: usize, mse: f64| At {
            samples,
            rollout: score(mse),
            giorom_mse: mse,
            full: score(mse),
            full_by_least_squares: score(mse),
            chamfer: mse,
            reconstructed: score(1e-4),
            reconstructed_by_least_squares: score(4e-4),
            beyond_walls: 0.0,
            momentum: None,
            each: vec![mse],
            lost: 0,
        };
        Outcome {
            material: "jelly".to_owned(),
            model: model.to_owned(),
            seed,
            weights: 10,
            iterations: 5,
            cpu_seconds: None,
            validation: mse,
            ms_per_step: 1.0,
            at: vec![at(8, mse), at(4, 3.0 * mse), at(16, 2.0 * mse)],
        }
    }

    #[test]
    fn a_line_is_the_median_over_seeds() {
        let outcomes = [
            outcome("a", 0, 1e-2),
            outcome("b", 0, 5e-2),
            outcome("a", 1, 9e-2),
            outcome("a", 2, 4e-2),
        ];
        let rows = rows(&outcomes);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].model.as_str(), rows[0].seeds), ("a", 3));
        assert_eq!(rows[0].mse, 4e-2);
        let [half, twice] = rows[0].half_and_twice.map(Option::unwrap);
        assert!((half - 3.0).abs() < 1e-12 && (twice - 2.0).abs() < 1e-12);
        let score = outcomes[0].at[0].rollout;
        let reference = Reference {
            material: "jelly".to_owned(),
            particles: 100,
            trajectories: 2,
            steps: 10,
            constant_velocity: score,
            free_fall: score,
            rest: score,
            engine_ms_per_step: 3.0,
            coarse_particles: 9,
            coarse: score,
            coarse_chamfer: 1e-3,
            coarse_ms_per_step: 0.5,
        };
        let page = table(&rows, &[reference]);
        let columns = |line: &str| line.matches('|').count();
        let first = page.lines().next().unwrap();
        for line in page.lines().take(7) {
            assert_eq!(columns(line), columns(first), "{line}");
        }
        assert!(
            page.contains(
                "| jelly | a | 3 | 10 | 5 | - | 4.00e-2 | 4.00e-2 | 0.200 | 3.00, 2.00 |"
            )
        );
        assert!(page.contains("| jelly | engine of 9 particles |"));
        assert!(
            page.contains("| jelly | 100 | 2 | 10 | 3.00 | 0.0200 | 0.0100 |"),
            "{page}"
        );
    }
}
