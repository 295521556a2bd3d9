//! Both levels in one loop: LV-HBA (Yao et al. 2024) on the problem of a grasp, in place of
//! programmes that are solved every few steps.
//!
//! Upper variables `x` are position, rotation vector and motors about a stance, in units of
//! `UNIT`; lower ones `y` the forces of all loads. With the weight `w_f` of the forces,
//!
//! `f(x, y) = mean_j V_j(x, y_j)`, `F(x, y) = E(x, y) / w_f`,
//!
//! `E` being the energy of the descent. The constraints of the forces do not depend on the
//! hand, so that they are the set `Y`; they are met by Dykstra's method (Boyle and Dykstra 1986).

use std::convert::Infallible;

use backflow_optim::bilevel::{Bilevel, Both, LvHba, Residuals};
use backflow_sim::pose::{exp, exp_vjp};
use nalgebra::Vector3;

use super::energy::{Forces, Stance, Weights, Workspace, energy_vjp};
use crate::{
    force::{LOADS, Limits, Rows, VARIABLES, loads, value},
    hand::Hand,
    object::Object,
};

/// Unit of positions (m), and of angles (rad), at which energies curve about alike.
const UNIT: (f64, f64) = (0.1, 1.0);

/// The problem of a grasp about a stance.
pub struct Levels<'a> {
    hand: &'a Hand,
    object: &'a Object,
    about: Stance<f64>,
    weights: Weights,
    rows: Rows,
    workspace: Workspace<f64>,
}

impl<'a> Levels<'a> {
    /// The problem about a stance, for an energy and for limits of the forces.
    pub fn new(
        hand: &'a Hand,
        object: &'a Object,
        about: &Stance<f64>,
        weights: Weights,
        limits: &Limits,
    ) -> Self {
        Self {
            hand,
            object,
            about: about.clone(),
            weights: Weights {
                spread: limits.spread,
                ..weights
            },
            rows: Rows::new(hand.fingers.len(), limits),
            workspace: Workspace::new(hand),
        }
    }

    /// Upper variables.
    pub fn size(&self) -> usize {
        6 + self.hand.motors.len()
    }

    fn unit(&self, index: usize) -> f64 {
        let way = index < 3 || index >= 6 && super::descend::slides(self.hand, index - 6);
        if way { UNIT.0 } else { UNIT.1 }
    }

    fn turn(&self, x: &[f64]) -> Vector3<f64> {
        Vector3::new(x[3], x[4], x[5]) * UNIT.1
    }

    /// The stance of upper variables.
    pub fn stance(&self, x: &[f64]) -> Stance<f64> {
        let motors = self.about.motors.iter().zip(&x[6..]).enumerate();
        Stance {
            position: self.about.position + Vector3::new(x[0], x[1], x[2]) * UNIT.0,
            rotation: exp(&self.turn(x)) * self.about.rotation,
            motors: motors
                .map(|(index, (motor, x))| motor + x * self.unit(6 + index))
                .collect(),
        }
    }

    /// The forces of lower variables.
    pub fn forces(&self, y: &[f64]) -> Forces<f64> {
        let mut forces = [[0.0; VARIABLES]; LOADS];
        for (forces, y) in forces.iter_mut().zip(y.chunks(self.rows.variables())) {
            forces[..y.len()].copy_from_slice(y);
        }
        forces
    }

    /// An energy over `w_f`, and its derivatives.
    fn both(&mut self, x: &[f64], y: &[f64], weights: &Weights) -> Both {
        let (stance, forces) = (self.stance(x), self.forces(y));
        let (hand, object, scale) = (self.hand, self.object, 1.0 / self.weights.force);
        self.workspace.place(hand, object, &stance);
        let mut gradient = vec![0.0; self.size()];
        let workspace = &mut self.workspace;
        let value = energy_vjp(
            hand,
            object,
            &stance,
            &forces,
            weights,
            workspace,
            &mut gradient,
        );
        let turn_bar = Vector3::new(gradient[3], gradient[4], gradient[5]);
        let turn_bar = exp_vjp(&self.turn(x), &turn_bar);
        gradient[3..6].copy_from_slice(turn_bar.as_slice());
        for (index, entry) in gradient.iter_mut().enumerate() {
            *entry *= scale * self.unit(index);
        }
        let contacts = self.workspace.contacts();
        let mut y_bar = vec![0.0; y.len()];
        let size = self.rows.variables();
        let lines = y.chunks(size).zip(y_bar.chunks_mut(size));
        for (load, (z, bar)) in loads().iter().zip(lines) {
            value::forces_vjp(contacts, load, z, weights.spread, 1.0 / LOADS as f64, bar);
        }
        Both {
            value: value * scale,
            x: gradient,
            y: y_bar,
        }
    }
}

impl Bilevel for Levels<'_> {
    type Error = Infallible;

    fn upper(&mut self, x: &[f64], y: &[f64]) -> Result<Both, Infallible> {
        let weights = self.weights;
        Ok(self.both(x, y, &weights))
    }

    fn lower(&mut self, x: &[f64], y: &[f64]) -> Result<Both, Infallible> {
        let forces_alone = Weights {
            distance: 0.0,
            collision: 0.0,
            ..self.weights
        };
        Ok(self.both(x, y, &forces_alone))
    }

    fn constraints(&mut self, _: &[f64], _: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok(Vec::new())
    }

    fn constraints_vjp(&mut self, x: &[f64], y: &[f64], _: &[f64]) -> Result<Both, Infallible> {
        Ok(Both {
            value: 0.0,
            x: vec![0.0; x.len()],
            y: vec![0.0; y.len()],
        })
    }

    fn project(&mut self, x: &mut [f64], y: &mut [f64]) -> Result<(), Infallible> {
        for (index, motor) in self.hand.motors.iter().enumerate() {
            let (unit, zero) = (self.unit(6 + index), self.about.motors[index]);
            let (low, high) = ((motor.range.0 - zero) / unit, (motor.range.1 - zero) / unit);
            x[6 + index] = x[6 + index].clamp(low, high);
        }
        self.project_lower(y)
    }

    fn project_lower(&mut self, y: &mut [f64]) -> Result<(), Infallible> {
        for z in y.chunks_mut(self.rows.variables()) {
            project(&self.rows, z);
        }
        Ok(())
    }
}

/// Rounds over all constraints, at most.
const ROUNDS: usize = 5000;
/// A move (1) that ends them.
const STILL: f64 = 1e-9;

/// The nearest point that meets all rows, by Dykstra's method.
fn project(rows: &Rows, z: &mut [f64]) {
    let mut left = vec![0.0; rows.len()];
    for _ in 0..ROUNDS {
        let mut most = 0.0_f64;
        for (index, left) in left.iter_mut().enumerate() {
            let row = &rows.rows[index];
            let square: f64 = row.iter().map(|(_, factor)| factor * factor).sum();
            let free = rows.product(index, z) + *left * square;
            let met = free.max(rows.low[index]).min(rows.high[index]);
            let now = (free - met) / square;
            for &(column, factor) in row {
                z[column] += factor * (*left - now);
            }
            most = most.max((now - *left).abs());
            *left = now;
        }
        if most < STILL {
            break;
        }
    }
}

/// Where a run of the single loop has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The hand.
    pub stance: Stance<f64>,
    /// The forces of the loads.
    pub forces: Forces<f64>,
    /// What every iteration was off.
    pub residuals: Vec<Residuals>,
}

/// Some iterations of LV-HBA from the stance that `levels` is about, with forces that start
/// nearest to zero.
pub fn single_loop(levels: &mut Levels<'_>, method: &LvHba, iterations: usize) -> Found {
    let x = vec![0.0; levels.size()];
    let y = vec![0.0; LOADS * levels.rows.variables()];
    let Ok(mut state) = method.start(levels, &x, &y);
    let mut residuals = Vec::with_capacity(iterations);
    for _ in 0..iterations {
        let Ok(found) = method.advance(&mut state, levels);
        residuals.push(found);
    }
    Found {
        stance: levels.stance(&state.x),
        forces: levels.forces(&state.y),
        residuals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        force::interior::{self, Friction},
        hand::library,
        synthesis::{Settings, clearance::Margins, start::start},
        testing::{ball, noise},
    };

    fn weights() -> Weights {
        Weights {
            force: 200.0,
            distance: 1e3,
            reach: 0.01,
            collision: 100.0,
            margins: Margins {
                links: 0.006,
                tips: 0.0,
            },
            apart: 0.003,
            spread: 0.01,
        }
    }

    /// The mean of the least values of the loads.
    fn least(levels: &Levels<'_>, limits: &Limits) -> f64 {
        let value = |load: &[f64; 6]| {
            let contacts = levels.workspace.contacts();
            let solved = interior::solve(contacts, load, limits, Friction::Pyramid);
            solved.unwrap().0
        };
        loads().iter().map(value).sum::<f64>() / LOADS as f64
    }

    #[test]
    fn derivatives_of_both_levels_are_those_of_differences() {
        let (hand, object) = (library::named("allegro").unwrap(), ball(0.035));
        let about = start(&hand, &object, &Settings::default(), 3);
        let limits = Limits::of(&hand.pressures);
        let mut levels = Levels::new(&hand, &object, &about, weights(), &limits);
        let x: Vec<f64> = (0..levels.size() as u64)
            .map(|i| 0.1 * noise(i).x)
            .collect();
        let mut y: Vec<f64> = (0..6 * levels.rows.variables() as u64)
            .map(|i| 0.3 * noise(100 + i).x)
            .collect();
        levels.project_lower(&mut y).unwrap();
        for upper in [true, false] {
            let mut at = |x: &[f64], y: &[f64]| {
                let Ok(found) = if upper {
                    levels.upper(x, y)
                } else {
                    levels.lower(x, y)
                };
                found
            };
            let (found, step) = (at(&x, &y), 1e-6);
            let ways = |count: usize, seed: u64| -> Vec<f64> {
                (0..count as u64).map(|i| noise(seed + i).y).collect()
            };
            let (dx, dy) = (ways(x.len(), 300), ways(y.len(), 600));
            let mut moved = |by: f64| {
                let along = |at: &[f64], way: &[f64]| -> Vec<f64> {
                    at.iter().zip(way).map(|(at, way)| at + by * way).collect()
                };
                at(&along(&x, &dx), &along(&y, &dy)).value
            };
            let known = (moved(step) - moved(-step)) / (2.0 * step);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let slope = dot(&found.x, &dx) + dot(&found.y, &dy);
            assert!(
                (slope - known).abs() < 1e-7 * (1.0 + known.abs()),
                "{upper} {slope} {known}"
            );
            assert!(dot(&found.x, &found.x) > 1e-6 && dot(&found.y, &found.y) > 1e-6);
        }
    }

    #[test]
    fn nearest_forces_meet_all_constraints_and_cannot_be_nearer() {
        let hand = library::named("shadow").unwrap();
        let rows = Rows::new(5, &Limits::of(&hand.pressures));
        let wish: Vec<f64> = (0..16).map(|i| noise(i).x).collect();
        let mut z = wish.clone();
        project(&rows, &mut z);
        for index in 0..rows.len() {
            let product = rows.product(index, &z);
            assert!(product > rows.low[index] - 1e-6 && product < rows.high[index] + 1e-6);
        }
        // Of a convex set: nothing else of it lies on the side of the wish.
        for seed in 0..20 {
            let mut other: Vec<f64> = (0..16).map(|i| noise(500 + 20 * seed + i).x).collect();
            project(&rows, &mut other);
            let side: f64 = (0..16).map(|i| (wish[i] - z[i]) * (other[i] - z[i])).sum();
            assert!(side < 1e-6, "{side}");
        }
    }

    #[test]
    fn one_loop_lowers_both_levels() {
        let (hand, object) = (library::named("allegro").unwrap(), ball(0.035));
        let about = start(&hand, &object, &Settings::default(), 3);
        let limits = Limits::of(&hand.pressures);
        let mut levels = Levels::new(&hand, &object, &about, weights(), &limits);
        let method = LvHba {
            alpha: 0.1,
            eta: 0.3,
            penalty: 1.0,
            power: 0.1,
            ..LvHba::default()
        };
        let found = single_loop(&mut levels, &method, 300);
        let (first, last) = (&found.residuals[0], &found.residuals[299]);
        levels.workspace.place(&hand, &object, &found.stance);
        let lower = least(&levels, &limits);
        // The forces are nearly the best ones there, though no programme was solved.
        assert!(last.upper < 0.5 * first.upper, "{first:?} {last:?}");
        assert!(
            last.lower - lower < 0.1 * first.lower,
            "{} {lower} {first:?}",
            last.lower
        );
        assert!(last.lower > lower - 1e-9);
    }
}
