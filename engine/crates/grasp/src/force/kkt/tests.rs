use backflow_diff::{
    Implicit, Map,
    linear::{ConjugateGradient, Params},
};
use nalgebra::Vector3;

use super::*;
use crate::{
    force::{
        Contact, Limits,
        interior::{self, Friction},
        loads, value,
    },
    testing::noise,
};

/// Contacts spread over a ball, pushing about inwards.
fn contacts(count: usize, seed: u64) -> Vec<Contact<f64>> {
    (0..count as u64)
        .map(|index| {
            let arm = (noise(seed + 10 * index) + Vector3::ith(index as usize % 3, 0.4))
                .normalize()
                * 0.6;
            let normal = (-arm + noise(seed + 10 * index + 5) * 0.2).normalize();
            Contact::new(arm, &normal)
        })
        .collect()
}

fn columns(contacts: &[Contact<f64>]) -> Vec<f64> {
    let columns = contacts
        .iter()
        .flat_map(|contact| (0..3).map(|axis| contact.column(axis)));
    columns.flatten().collect()
}

fn limits(count: usize) -> Limits {
    Limits::of(&[
        ((0..count).collect(), 1.0),
        (vec![0, 1], 0.4),
        (vec![count - 1], 0.5),
    ])
}

#[test]
fn value_is_that_of_an_interior_point_method() {
    for count in [2, 4, 5] {
        let rows = Rows::new(count, &limits(count));
        for seed in 0..6 {
            let contacts = contacts(count, 100 * seed);
            let load = loads()[seed as usize];
            let forces = Forces {
                rows: rows.clone(),
                load,
            };
            let grasp = columns(&contacts);
            let known = |load: &[f64; 6]| {
                let solved = interior::solve(&contacts, load, &limits(count), Friction::Pyramid);
                solved.unwrap().0
            };
            let found = forces.solve(&grasp).unwrap();
            let exact = value::value(&contacts, &load, &found[..rows.variables()], rows.spread);
            let least = known(&load);
            assert!(
                (exact - least).abs() < 1e-8 * (1.0 + least),
                "{count} {seed} {exact} {least}"
            );
            // In single precision, at the tolerance of synthesis, all loads at once.
            let mut batch = Batch::<f32>::new(&rows);
            for (column, entry) in batch.grasp.iter_mut().enumerate() {
                *entry = std::array::from_fn(|axis| [grasp[6 * column + axis] as f32; WIDTH]);
            }
            for axis in 0..6 {
                batch.load[axis] = std::array::from_fn(|lane| loads()[lane % 6][axis] as f32);
            }
            assert!(batch.solve(&rows, &Settings::default()).converged);
            for (lane, load) in loads().into_iter().enumerate() {
                let z: Vec<f64> = batch.z.iter().map(|z| f64::from(z[lane])).collect();
                let found = value::value(&contacts, &load, &z, rows.spread);
                let least = known(&load);
                assert!(
                    (found - least).abs() < 1e-3,
                    "{count} {seed} {lane} {found} {least}"
                );
            }
        }
    }
}

#[test]
fn solution_meets_the_optimality_conditions() {
    let forces = Forces {
        rows: Rows::new(5, &limits(5)),
        load: loads()[3],
    };
    let grasp = columns(&contacts(5, 7));
    let found = forces.solve(&grasp).unwrap();
    let mut residual = vec![0.0; forces.unknowns()];
    forces.residual(&found, &grasp, &mut residual);
    assert!(residual.iter().all(|r| r.abs() < 1e-10), "{residual:?}");
    let active = (0..forces.rows.len())
        .filter(|&row| found[16 + row].abs() > 1e-6)
        .count();
    assert!(active > 3, "a test of no constraint: {active}");
}

#[test]
fn danskin_gradient_is_what_central_differences_say() {
    for seed in [3, 900, 2000] {
        let (rows, load) = (Rows::new(5, &limits(5)), loads()[0]);
        let forces = Forces {
            rows: rows.clone(),
            load,
        };
        let at = contacts(5, seed);
        let directions: Vec<_> = (0..5)
            .map(|i| (noise(seed + 70 + i), noise(seed + 80 + i)))
            .collect();
        let optimum = |step: f64| {
            let moved: Vec<_> = at
                .iter()
                .zip(&directions)
                .map(|(contact, (arm, turn))| {
                    let normal = (contact.axes[0] + turn * step).normalize();
                    Contact::new(contact.arm + arm * step, &normal)
                })
                .collect();
            let z = forces.solve(&columns(&moved)).unwrap();
            value::value(&moved, &load, &z[..16], rows.spread)
        };
        let z = forces.solve(&columns(&at)).unwrap();
        let mut bars = vec![(Vector3::zeros(), Vector3::zeros()); 5];
        value::value_vjp(&at, &load, &z[..16], 1.0, &mut bars);
        let mut found = 0.0;
        for ((contact, (arm, turn)), (arm_bar, normal_bar)) in at.iter().zip(&directions).zip(&bars)
        {
            let n = contact.axes[0];
            found += arm.dot(arm_bar) + (turn - n * n.dot(turn)).dot(normal_bar);
        }
        let step = 1e-5;
        let known = (optimum(step) - optimum(-step)) / (2.0 * step);
        assert!(
            (found - known).abs() < 1e-6 * (1.0 + known.abs()),
            "{found} {known}"
        );
        assert!(known.abs() > 1e-4);
    }
}

#[test]
fn implicit_derivative_of_the_forces_is_what_central_differences_say() {
    let forces = Forces {
        rows: Rows::new(4, &limits(4)),
        load: loads()[2],
    };
    let grasp = columns(&contacts(4, 41));
    let n = forces.rows.variables();
    let solver = ConjugateGradient {
        params: Params {
            maximum_iterations: Some(20_000),
            ..Params::with_tolerance(1e-11)
        },
    };
    let map = Implicit::normal_equations(forces.clone(), solver);
    let (solution, tape) = map.apply(&grasp).unwrap();
    let mut bar = vec![0.0; forces.unknowns()];
    (0..n).for_each(|i| bar[i] = noise(i as u64).x);
    let grasp_bar = map.vjp(&tape, &bar).unwrap();
    let direction: Vec<f64> = (0..grasp.len() as u64).map(|i| noise(500 + i).y).collect();
    let found: f64 = grasp_bar.iter().zip(&direction).map(|(a, b)| a * b).sum();
    let at = |step: f64| {
        let moved: Vec<f64> = grasp
            .iter()
            .zip(&direction)
            .map(|(g, d)| g + step * d)
            .collect();
        let z = forces.solve(&moved).unwrap();
        z[..n].iter().zip(&bar).map(|(z, bar)| z * bar).sum::<f64>()
    };
    let step = 1e-6;
    let known = (at(step) - at(-step)) / (2.0 * step);
    assert!(
        (found - known).abs() < 1e-6 * (1.0 + known.abs()),
        "{found} {known}"
    );
    assert!(known.abs() > 1e-3 && solution.len() == bar.len());
}

#[test]
fn products_with_the_jacobian_are_transposes() {
    let forces = Forces {
        rows: Rows::new(4, &limits(4)),
        load: loads()[1],
    };
    let grasp = columns(&contacts(4, 11));
    let found = forces.solve(&grasp).unwrap();
    let size = forces.unknowns();
    let v: Vec<f64> = (0..size as u64).map(|i| noise(i).x).collect();
    let u: Vec<f64> = (0..size as u64).map(|i| noise(i).y).collect();
    let (mut right, mut left) = (vec![0.0; size], vec![0.0; size]);
    forces.unknown_jvp(&found, &grasp, &v, &mut right);
    forces.unknown_vjp(&found, &grasp, &u, &mut left);
    let [a, b]: [f64; 2] =
        [(&u, &right), (&left, &v)].map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum());
    assert!((a - b).abs() < 1e-12 * (1.0 + a.abs()) && a.abs() > 1e-3);
}

#[test]
fn warm_start_takes_fewer_iterations() {
    let rows = Rows::new(5, &limits(5));
    let fill = |batch: &mut Batch<f32>, seed: u64, shift: f64| {
        for lane in 0..WIDTH {
            let mut contacts = contacts(5, seed + 1000 * lane as u64);
            contacts
                .iter_mut()
                .for_each(|contact| contact.arm *= 1.0 + shift);
            let grasp = columns(&contacts);
            for (column, entry) in batch.grasp.iter_mut().enumerate() {
                for axis in 0..6 {
                    entry[axis][lane] = grasp[6 * column + axis] as f32;
                }
            }
            for axis in 0..6 {
                batch.load[axis][lane] = loads()[lane % 6][axis] as f32;
            }
        }
    };
    let mut batch = Batch::<f32>::new(&rows);
    fill(&mut batch, 1, 0.0);
    let cold = batch.solve(&rows, &Settings::default());
    fill(&mut batch, 1, 0.01);
    let warm = batch.solve(&rows, &Settings::default());
    assert!(
        cold.converged && warm.converged && warm.iterations < cold.iterations,
        "{cold:?} {warm:?}"
    );
}
