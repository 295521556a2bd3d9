//! Exact augmented Lagrangian (Hong et al. 2023): |(grad L, c)| <= 1e-6 on at least 8 of 10 problems of Hock & Schittkowski
//! (1981) with unit steps at the end; an optimal control of Poisson's equation on 16 x 16 to 1e-4 with MINRES; the
//! sketched solver on small ones.

use std::convert::Infallible;

use backflow_optim::constrained::{AugmentedLagrangian, Constrained, Inner};

use crate::toys::{dot, norm};

/// A function and its derivatives by complex steps would need another scalar; here central differences of
/// values with a step at which polynomials of these sizes are good to about 1e-9.
struct Small {
    value: fn(&[f64]) -> f64,
    equations: fn(&[f64]) -> Vec<f64>,
}

fn difference(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    let along = |i: usize, h: f64| {
        let mut point = x.to_vec();
        point[i] += h;
        f(&point)
    };
    // fourth order: error h^4/30 f^(5) and eps f / h
    let h = 2e-3;
    let slope = |i: usize| {
        let near = along(i, h) - along(i, -h);
        let far = along(i, 2.0 * h) - along(i, -2.0 * h);
        (8.0 * near - far) / (12.0 * h)
    };
    (0..x.len()).map(slope).collect()
}

impl Constrained for Small {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        Ok((self.value)(x))
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok(difference(self.value, x))
    }

    fn equations(&mut self, x: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok((self.equations)(x))
    }

    fn equations_jvp(&mut self, x: &[f64], direction: &[f64]) -> Result<Vec<f64>, Infallible> {
        let count = (self.equations)(x).len();
        let row = |k: usize| dot(&difference(|x| (self.equations)(x)[k], x), direction);
        Ok((0..count).map(row).collect())
    }

    fn equations_vjp(&mut self, x: &[f64], multipliers: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok(difference(|x| dot(&(self.equations)(x), multipliers), x))
    }

    fn hessian_vector(
        &mut self,
        x: &[f64],
        l: &[f64],
        direction: &[f64],
    ) -> Result<Vec<f64>, Infallible> {
        let size = norm(direction);
        if size == 0.0 {
            return Ok(vec![0.0; x.len()]);
        }
        let at = |h: f64| {
            let point: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + h * d).collect();
            difference(|x| (self.value)(x) + dot(&(self.equations)(x), l), &point)
        };
        let h = 2e-3 / size;
        let (after, before) = (at(h), at(-h));
        Ok(after
            .iter()
            .zip(&before)
            .map(|(a, b)| (a - b) / (2.0 * h))
            .collect())
    }
}

/// Number, start, least value, functions.
type Problem = (
    u32,
    &'static [f64],
    f64,
    fn(&[f64]) -> f64,
    fn(&[f64]) -> Vec<f64>,
);

fn problems() -> Vec<Problem> {
    let sqrt2 = 2_f64.sqrt();
    vec![
        (
            6,
            &[-1.2, 1.0],
            0.0,
            |x| (1.0 - x[0]).powi(2),
            |x| vec![10.0 * (x[1] - x[0] * x[0])],
        ),
        (
            7,
            &[2.0, 2.0],
            -(3_f64.sqrt()),
            |x| (1.0 + x[0] * x[0]).ln() - x[1],
            |x| vec![(1.0 + x[0] * x[0]).powi(2) + x[1] * x[1] - 4.0],
        ),
        (
            26,
            &[-2.6, 2.0, 2.0],
            0.0,
            |x| (x[0] - x[1]).powi(2) + (x[1] - x[2]).powi(4),
            |x| vec![(1.0 + x[1] * x[1]) * x[0] + x[2].powi(4) - 3.0],
        ),
        (
            27,
            &[2.0, 2.0, 2.0],
            0.04,
            |x| 0.01 * (x[0] - 1.0).powi(2) + (x[1] - x[0] * x[0]).powi(2),
            |x| vec![x[0] + x[2] * x[2] + 1.0],
        ),
        (
            28,
            &[-4.0, 1.0, 1.0],
            0.0,
            |x| (x[0] + x[1]).powi(2) + (x[1] + x[2]).powi(2),
            |x| vec![x[0] + 2.0 * x[1] + 3.0 * x[2] - 1.0],
        ),
        (
            39,
            &[2.0, 2.0, 2.0, 2.0],
            -1.0,
            |x| -x[0],
            |x| {
                vec![
                    x[1] - x[0].powi(3) - x[2] * x[2],
                    x[0] * x[0] - x[1] - x[3] * x[3],
                ]
            },
        ),
        (
            40,
            &[0.8, 0.8, 0.8, 0.8],
            -0.25,
            |x| -x[0] * x[1] * x[2] * x[3],
            |x| {
                vec![
                    x[0].powi(3) + x[1] * x[1] - 1.0,
                    x[0] * x[0] * x[3] - x[2],
                    x[3] * x[3] - x[1],
                ]
            },
        ),
        (
            42,
            &[1.0, 1.0, 1.0, 1.0],
            28.0 - 10.0 * sqrt2,
            |x| (0..4).map(|i| (x[i] - i as f64 - 1.0).powi(2)).sum(),
            |x| vec![x[0] - 2.0, x[2] * x[2] + x[3] * x[3] - 2.0],
        ),
        (
            48,
            &[3.0, 5.0, -3.0, 2.0, -2.0],
            0.0,
            |x| (x[0] - 1.0).powi(2) + (x[1] - x[2]).powi(2) + (x[3] - x[4]).powi(2),
            |x| {
                vec![
                    x.iter().sum::<f64>() - 5.0,
                    x[2] - 2.0 * (x[3] + x[4]) + 3.0,
                ]
            },
        ),
        (
            77,
            &[2.0, 2.0, 2.0, 2.0, 2.0],
            0.241_505_128_8,
            |x| {
                (x[0] - 1.0).powi(2)
                    + (x[0] - x[1]).powi(2)
                    + (x[2] - 1.0).powi(2)
                    + (x[3] - 1.0).powi(4)
                    + (x[4] - 1.0).powi(6)
            },
            move |x| {
                let sqrt2 = std::f64::consts::SQRT_2;
                vec![
                    x[0] * x[0] * x[3] + (x[3] - x[4]).sin() - 2.0 * sqrt2,
                    x[1] + x[2].powi(4) * x[3] * x[3] - 8.0 - sqrt2,
                ]
            },
        ),
    ]
}

/// Steps to the residual, whether it was met, whether the last step was whole, the value.
fn solve(
    method: &AugmentedLagrangian,
    problem: &mut impl Constrained<Error = Infallible>,
    start: &[f64],
    goal: f64,
) -> (usize, bool, bool, Vec<f64>) {
    let mut state = method.start(problem, start).unwrap();
    let mut whole = false;
    for _ in 0..100 {
        if method.residual(&state, problem).unwrap() <= goal {
            break;
        }
        match method.advance(&mut state, problem) {
            Ok(step) => whole = step.length == 1.0,
            Err(error) => {
                println!("{error}");
                break;
            }
        }
    }
    let met = method.residual(&state, problem).unwrap() <= goal;
    (state.iteration, met, whole, state.x)
}

#[test]
fn problems_of_hock_and_schittkowski_are_solved() {
    let mut good = 0;
    for (number, start, least, value, equations) in problems() {
        let mut problem = Small { value, equations };
        let (steps, met, whole, x) =
            solve(&AugmentedLagrangian::default(), &mut problem, start, 1e-6);
        let found = value(&x);
        println!(
            "HS{number}: {steps} steps, met {met}, unit {whole}, value {found:.6} ({least:.6})"
        );
        good += u32::from(met && whole && (found - least).abs() <= 1e-4);
    }
    assert!(good >= 8, "{good} of 10");
}

#[test]
fn sketched_systems_solve_small_problems() {
    let method = AugmentedLagrangian {
        inner: Inner::Sketch {
            seed: 1,
            limit: 40_000,
        },
        tolerance: 1e-3,
        ..AugmentedLagrangian::default()
    };
    for (number, start, least, value, equations) in problems() {
        if [28, 48].contains(&number) {
            let mut problem = Small { value, equations };
            let (steps, met, _, x) = solve(&method, &mut problem, start, 1e-5);
            println!("HS{number} with sketches: {steps} steps, met {met}");
            assert!(met && (value(&x) - least).abs() < 1e-6);
        }
    }
}

/// min |u - wanted|^2/2 + alpha |w|^2/2 over state u and control w subject to -Lap u + u^3 = w on the unit square, zero on its
/// border, 16 x 16 nodes.
struct Poisson {
    wanted: Vec<f64>,
}

const NODES: usize = 16;
const ALPHA: f64 = 1e-2;

/// -h^2 Lap u.
fn laplace(u: &[f64]) -> Vec<f64> {
    let at = |i: usize, j: usize| u[i * NODES + j];
    let entry = |k: usize| {
        let (i, j) = (k / NODES, k % NODES);
        let mut sum = 4.0 * at(i, j);
        sum -= if i > 0 { at(i - 1, j) } else { 0.0 };
        sum -= if i + 1 < NODES { at(i + 1, j) } else { 0.0 };
        sum -= if j > 0 { at(i, j - 1) } else { 0.0 };
        sum -= if j + 1 < NODES { at(i, j + 1) } else { 0.0 };
        sum
    };
    (0..NODES * NODES).map(entry).collect()
}

/// h^2, which the control and the cube are weighted with.
const H2: f64 = 1.0 / ((NODES + 1) * (NODES + 1)) as f64;

impl Constrained for Poisson {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        let (u, w) = x.split_at(NODES * NODES);
        let away: Vec<f64> = u.iter().zip(&self.wanted).map(|(u, d)| u - d).collect();
        Ok(0.5 * dot(&away, &away) + 0.5 * ALPHA * dot(w, w))
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Vec<f64>, Infallible> {
        let (u, w) = x.split_at(NODES * NODES);
        let away = u.iter().zip(&self.wanted).map(|(u, d)| u - d);
        Ok(away.chain(w.iter().map(|w| ALPHA * w)).collect())
    }

    fn equations(&mut self, x: &[f64]) -> Result<Vec<f64>, Infallible> {
        let (u, w) = x.split_at(NODES * NODES);
        let mut c = laplace(u);
        for (k, c) in c.iter_mut().enumerate() {
            *c += H2 * u[k].powi(3) - 10.0 * H2 * w[k];
        }
        Ok(c)
    }

    fn equations_jvp(&mut self, x: &[f64], direction: &[f64]) -> Result<Vec<f64>, Infallible> {
        let (du, dw) = direction.split_at(NODES * NODES);
        let mut c = laplace(du);
        for (k, c) in c.iter_mut().enumerate() {
            *c += 3.0 * H2 * x[k] * x[k] * du[k] - 10.0 * H2 * dw[k];
        }
        Ok(c)
    }

    fn equations_vjp(&mut self, x: &[f64], l: &[f64]) -> Result<Vec<f64>, Infallible> {
        let mut u = laplace(l);
        for (k, u) in u.iter_mut().enumerate() {
            *u += 3.0 * H2 * x[k] * x[k] * l[k];
        }
        u.extend(l.iter().map(|l| -10.0 * H2 * l));
        Ok(u)
    }
}

#[test]
fn control_of_poissons_equation_is_solved_with_minres() {
    let bump = |k: usize| {
        let at = |i: usize| (std::f64::consts::PI * (i + 1) as f64 / (NODES + 1) as f64).sin();
        at(k / NODES) * at(k % NODES)
    };
    let mut problem = Poisson {
        wanted: (0..NODES * NODES).map(bump).collect(),
    };
    let method = AugmentedLagrangian {
        tolerance: 1e-6,
        ..AugmentedLagrangian::default()
    };
    let start = vec![0.0; 2 * NODES * NODES];
    let (steps, met, _, _) = solve(&method, &mut problem, &start, 1e-4);
    println!("control of Poisson's equation, 16 x 16: {steps} steps, met {met}");
    assert!(met);
}
