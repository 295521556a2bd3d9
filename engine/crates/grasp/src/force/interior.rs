//! The same programmes by an interior point method, that of the crate clarabel (Goulart and
//! Chen 2024): one at a time and from a cold start, to ten digits, with the friction pyramid or
//! the cone itself.

use clarabel::{
    algebra::CscMatrix,
    solver::{
        DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SecondOrderConeT,
        SolverStatus, SupportedConeT,
    },
};

use serde::{Deserialize, Serialize};

use super::{Contact, Limits, Rows};
use crate::GraspError;

/// How friction is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Friction {
    /// By the edges of a pyramid, [`Limits::edges`].
    Pyramid,
    /// By `hypot(a, b) <= mu p`.
    Cone,
}

/// What the gap and the residuals may be (1).
const TOLERANCE: f64 = 1e-11;

/// The value of the programme and the forces `z` that have it.
///
/// # Errors
/// It has no solution, or none is found.
pub fn solve(
    contacts: &[Contact<f64>],
    load: &[f64; 6],
    limits: &Limits,
    friction: Friction,
) -> Result<(f64, Vec<f64>), GraspError> {
    let fault = |found: String| GraspError::Simulator {
        what: "programme of the forces".to_owned(),
        found,
    };
    let count = contacts.len();
    let (rows, n) = (Rows::new(count, limits), 3 * count + 1);
    let curvature = curvature(contacts, load, limits.spread);
    let (mut lines, mut bounds) = (Vec::new(), Vec::new());
    for (index, row) in rows.rows.iter().enumerate() {
        // The rows of a pyramid are those with a tangential force.
        if friction == Friction::Cone && row.iter().any(|&(column, _)| !column.is_multiple_of(3)) {
            continue;
        }
        for (sign, bound) in [(1.0, rows.high[index]), (-1.0, -rows.low[index])] {
            if bound.is_finite() {
                let mut line = vec![0.0; n];
                for &(column, factor) in row {
                    line[column] = sign * factor;
                }
                lines.push(line);
                bounds.push(bound);
            }
        }
    }
    let mut cones: Vec<SupportedConeT<f64>> = vec![NonnegativeConeT(bounds.len())];
    if friction == Friction::Cone {
        for contact in 0..count {
            for (axis, factor) in [(0, limits.friction), (1, 1.0), (2, 1.0)] {
                let mut line = vec![0.0; n];
                line[3 * contact + axis] = -factor;
                lines.push(line);
                bounds.push(0.0);
            }
            cones.push(SecondOrderConeT(3));
        }
    }
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(TOLERANCE)
        .tol_gap_rel(TOLERANCE)
        .tol_feas(TOLERANCE)
        .build()
        .map_err(|error| fault(error.to_string()))?;
    let (p, a) = (CscMatrix::from(&curvature), CscMatrix::from(&lines));
    let mut solver = DefaultSolver::new(&p, &vec![0.0; n], &a, &bounds, &cones, settings)
        .map_err(|error| fault(error.to_string()))?;
    solver.solve();
    match solver.solution.status {
        SolverStatus::Solved | SolverStatus::AlmostSolved => {
            Ok((solver.solution.obj_val, solver.solution.x.clone()))
        }
        status => Err(fault(format!("{status:?}"))),
    }
}

/// `S^T S + epsilon P`, `S = (G, -w)`: its upper triangle.
fn curvature(contacts: &[Contact<f64>], load: &[f64; 6], spread: f64) -> Vec<Vec<f64>> {
    let axes = contacts
        .iter()
        .flat_map(|contact| (0..3).map(|axis| contact.column(axis)));
    let columns: Vec<[f64; 6]> = axes.chain([load.map(|entry| -entry)]).collect();
    let n = columns.len();
    let entry = |i: usize, j: usize| -> f64 {
        if i > j {
            return 0.0;
        }
        let product: f64 = columns[i].iter().zip(&columns[j]).map(|(a, b)| a * b).sum();
        let normal = i == j && i.is_multiple_of(3) && i + 1 < n;
        product + if normal { spread } else { 0.0 }
    };
    (0..n)
        .map(|i| (0..n).map(|j| entry(i, j)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::force::{loads, value};
    use nalgebra::Vector3;

    /// Three contacts around a ball and one below.
    fn contacts() -> Vec<Contact<f64>> {
        let arms = [
            Vector3::new(1.0, 0.1, 0.0),
            Vector3::new(-0.6, 0.8, 0.1),
            Vector3::new(-0.5, -0.9, -0.1),
            Vector3::new(0.1, 0.0, -1.0),
        ];
        arms.iter()
            .map(|arm| Contact::new(arm.normalize() * 0.6, &-arm.normalize()))
            .collect()
    }

    #[test]
    fn cone_lies_between_the_pyramids_inside_and_around_it() {
        let limits = |around: bool| Limits {
            around,
            ..Limits::of(&[((0..4).collect(), 1.0)])
        };
        let contacts = contacts();
        let mut apart = 0.0;
        for load in loads() {
            let of = |around: bool, friction| {
                let (value, z) = solve(&contacts, &load, &limits(around), friction).unwrap();
                let known = value::value(&contacts, &load, &z, limits(around).spread);
                assert!((value - known).abs() < 1e-9, "{value} {known}");
                (value, z)
            };
            let (inside, _) = of(false, Friction::Pyramid);
            let (around, _) = of(true, Friction::Pyramid);
            let (cone, z) = of(true, Friction::Cone);
            assert!(
                around < cone + 1e-9 && cone < inside + 1e-9,
                "{around} {cone} {inside}"
            );
            apart += inside - around;
            for f in z.chunks_exact(3) {
                assert!(f[1].hypot(f[2]) <= limits(true).friction * f[0] + 1e-7);
            }
        }
        // Friction limits the forces of some of the loads.
        assert!(apart > 1e-4, "{apart}");
    }

    #[test]
    fn programmes_without_a_solution_are_said_to_have_none() {
        let limits = Limits {
            most: 0.1,
            ..Limits::of(&[((0..4).collect(), 1.0)])
        };
        let error = solve(&contacts(), &loads()[0], &limits, Friction::Pyramid).unwrap_err();
        assert!(error.to_string().contains("Infeasible"), "{error}");
    }
}
