//! M-FAC (Frantar, Kurtic & Alistarh 2021): on least squares over scenarios of condition 1e4 it
//! needs <= 0.5 of the rollouts of Adam at its best rate. (That products equal those of the
//! dense inverse is tested beside the code.)

use backflow_optim::{Random, Settings};

use crate::toys::{Scenarios, dot, run};

const SCENARIOS: usize = 16;
const DIMENSION: usize = 8;

/// f_i = (a_i . x - b_i)^2 / 2 with a right-hand side that some x meets. The a_i are normal, stretched along axes that are
/// none of the coordinates' so that the condition of A^T A is about 1e4.
fn rows() -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut random = Random::new(2, &[]);
    let mut mirror = random.normals(DIMENSION);
    let length = crate::toys::norm(&mirror);
    mirror.iter_mut().for_each(|m| *m /= length);
    let scale = |j: usize| 100_f64.powf(j as f64 / (DIMENSION - 1) as f64);
    let row = |random: &mut Random| -> Vec<f64> {
        let row: Vec<f64> = (0..DIMENSION).map(|j| scale(j) * random.normal()).collect();
        let share = 2.0 * dot(&row, &mirror);
        row.iter()
            .zip(&mirror)
            .map(|(a, m)| a - share * m)
            .collect()
    };
    let rows: Vec<Vec<f64>> = (0..SCENARIOS).map(|_| row(&mut random)).collect();
    let truth = random.normals(DIMENSION);
    let right = rows.iter().map(|a| dot(a, &truth)).collect();
    (rows, right)
}

/// Iterations until the value is 1e-4 of its start; none within 3000.
fn iterations(update: &str, schedule: &str) -> Option<usize> {
    let (rows, right) = rows();
    let function = |i: usize, x: &[f64]| {
        let residual = dot(&rows[i], x) - right[i];
        (
            0.5 * residual * residual,
            rows[i].iter().map(|a| residual * a).collect(),
        )
    };
    let mut objective = Scenarios::new(SCENARIOS, function);
    let settings = Settings {
        iterations: 3000,
        update: ron::from_str(update).unwrap(),
        schedule: ron::from_str(schedule).unwrap(),
        ..Settings::default()
    };
    let (_, _, records) = run(&settings, &[0.0; DIMENSION], &mut objective);
    let first = records[0].value;
    records
        .iter()
        .position(|record| record.value <= 1e-4 * first)
}

#[test]
fn ill_conditioned_scenarios_need_half_the_rollouts_of_adam() {
    let rates = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
    let adam = rates.map(|rate| iterations(&format!("Adam(rate: {rate})"), "Constant"));
    let m_fac = [1e-5, 2e-5, 3e-5, 5e-5, 1e-4].map(|rate| {
        iterations(
            &format!("Mfac(rate: {rate}, damping: 1e-6, window: 16)"),
            "Constant",
        )
    });
    println!("iterations to 1e-4: Adam {adam:?}, M-FAC {m_fac:?}");
    let best = |counts: &[Option<usize>]| counts.iter().flatten().min().copied();
    let (adam, m_fac) = (best(&adam).unwrap(), best(&m_fac).unwrap());
    assert!(2 * m_fac <= adam, "{m_fac} {adam}");
}
