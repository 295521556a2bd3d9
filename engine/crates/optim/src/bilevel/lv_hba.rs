//! One loop for both levels, without Hessians and without solving the lower one.

use serde::{Deserialize, Serialize};

use super::Bilevel;
use crate::vector::{add_scaled, difference, dot, norm};

/// LV-HBA (Yao, Yu, Zeng & Zhang 2024, "Constrained bi-level optimization: proximal Lagrangian
/// value function approach and Hessian-free algorithm", algorithm 1). With the Lagrangian value
/// function v(x, y, z), whose saddle (theta, lambda) is followed by one step an iteration, the
/// problem is `min F` subject to `f - v <= 0`, by a penalty:
///
/// ```text
/// theta+  = proj_Y (theta  - eta [d_y f(x, theta) + lambda . d_y g(x, theta) + (theta - y) / gamma1])
/// lambda+ = proj   (lambda + eta [g(x, theta) - (lambda - z) / gamma2])
/// d_x = d_x F / c_k + d_x f(x, y) - d_x f(x, theta+) - lambda+ . d_x g(x, theta+)
/// d_y = d_y F / c_k + d_y f(x, y) - (y - theta+) / gamma1
/// (x, y) <- proj ((x, y) - alpha (d_x, d_y)) onto {g <= 0}
/// z <- proj_[0, bound] (z + beta (lambda+ - z) / gamma2)          c_k = c (k + 1)^power
/// ```
///
/// First order in everything: four gradients an iteration, and the error falls like 1 / c_k. Wants
/// `eta` below about `min(1/gamma1, 1/gamma2) / L^2` with L that of the gradients, those of g included, so
/// g should be scaled to a derivative of norm about 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LvHba {
    /// Step of (x, y) (default: 0.03).
    pub alpha: f64,
    /// Step of z (default: 0.5).
    pub beta: f64,
    /// Step of theta and lambda (default: 0.05).
    pub eta: f64,
    /// Proximal length of theta (default: 10).
    pub gamma1: f64,
    /// Proximal length of lambda (default: 10).
    pub gamma2: f64,
    /// Penalty at the start (default: 5).
    pub penalty: f64,
    /// Power of its growth, in `[0, 1/2)` (default: 0.3).
    pub power: f64,
    /// Largest size of z and lambda (default: 1000).
    pub bound: f64,
}

impl Default for LvHba {
    fn default() -> Self {
        Self {
            alpha: 0.03,
            beta: 0.5,
            eta: 0.05,
            gamma1: 10.0,
            gamma2: 10.0,
            penalty: 5.0,
            power: 0.3,
            bound: 1000.0,
        }
    }
}

/// All that the next iteration depends on besides numbers and problem: plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LvHbaState {
    /// k: iterations done.
    pub iteration: usize,
    /// Upper variables.
    pub x: Vec<f64>,
    /// Lower variables.
    pub y: Vec<f64>,
    /// Where the lower problem of x is minimal, followed.
    pub theta: Vec<f64>,
    /// Its multipliers, followed.
    pub lambda: Vec<f64>,
    /// Their proximal centre.
    pub z: Vec<f64>,
}

/// How far an iteration was from its goals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Residuals {
    /// F before the step.
    pub upper: f64,
    /// f before the step.
    pub lower: f64,
    /// f(x, y) - f(x, theta+) - lambda+ . g(x, theta+): what y costs more than the lower minimum, up
    /// to the proximal terms.
    pub gap: f64,
    /// Length of the step of (theta, lambda) over eta.
    pub saddle: f64,
    /// Length of the step of (x, y) over alpha.
    pub stationarity: f64,
}

impl LvHba {
    /// The state at (x, y), which is moved to the constraints; theta = y and no multipliers.
    pub fn start<P: Bilevel + ?Sized>(
        &self,
        problem: &mut P,
        x: &[f64],
        y: &[f64],
    ) -> Result<LvHbaState, P::Error> {
        let (mut x, mut y) = (x.to_vec(), y.to_vec());
        problem.project(&mut x, &mut y)?;
        let count = problem.constraints(&x, &y)?.len();
        Ok(LvHbaState {
            iteration: 0,
            theta: y.clone(),
            lambda: vec![0.0; count],
            z: vec![0.0; count],
            x,
            y,
        })
    }

    /// Where multiplier `index` may lie.
    fn clip<P: Bilevel + ?Sized>(&self, problem: &P, index: usize, value: f64) -> f64 {
        let lower = if problem.is_equation(index) {
            -self.bound
        } else {
            0.0
        };
        value.clamp(lower, self.bound)
    }

    /// Makes one iteration. On an error the state is unchanged.
    pub fn advance<P: Bilevel + ?Sized>(
        &self,
        state: &mut LvHbaState,
        problem: &mut P,
    ) -> Result<Residuals, P::Error> {
        let LvHbaState {
            iteration,
            x,
            y,
            theta,
            lambda,
            z,
        } = &*state;
        let at_theta = problem.lower(x, theta)?;
        let pulled = problem.constraints_vjp(x, theta, lambda)?;
        let g = problem.constraints(x, theta)?;
        let mut theta_new = theta.clone();
        add_scaled(&mut theta_new, -self.eta, &at_theta.y);
        add_scaled(&mut theta_new, -self.eta, &pulled.y);
        let away = difference(theta, y);
        add_scaled(&mut theta_new, -self.eta / self.gamma1, &away);
        problem.project_lower(&mut theta_new)?;
        let follow = |i: usize| {
            let slope = g[i] - (lambda[i] - z[i]) / self.gamma2;
            self.clip(problem, i, lambda[i] + self.eta * slope)
        };
        let lambda_new: Vec<f64> = (0..lambda.len()).map(follow).collect();

        let c = self.penalty * (*iteration as f64 + 1.0).powf(self.power);
        let upper = problem.upper(x, y)?;
        let here = problem.lower(x, y)?;
        let there = problem.lower(x, &theta_new)?;
        let pulled = problem.constraints_vjp(x, &theta_new, &lambda_new)?;
        let entry = |i: usize| upper.x[i] / c + here.x[i] - there.x[i] - pulled.x[i];
        let d_x: Vec<f64> = (0..x.len()).map(entry).collect();
        let entry = |i: usize| upper.y[i] / c + here.y[i] - (y[i] - theta_new[i]) / self.gamma1;
        let d_y: Vec<f64> = (0..y.len()).map(entry).collect();
        let (mut x_new, mut y_new) = (x.clone(), y.clone());
        add_scaled(&mut x_new, -self.alpha, &d_x);
        add_scaled(&mut y_new, -self.alpha, &d_y);
        problem.project(&mut x_new, &mut y_new)?;
        let centre = |i: usize| {
            let moved = z[i] + self.beta * (lambda_new[i] - z[i]) / self.gamma2;
            self.clip(problem, i, moved)
        };
        let z_new: Vec<f64> = (0..z.len()).map(centre).collect();

        let moved = |a: &[f64], b: &[f64]| dot(&difference(a, b), &difference(a, b));
        let saddle =
            norm(&difference(&theta_new, theta)).hypot(norm(&difference(&lambda_new, lambda)));
        let residuals = Residuals {
            upper: upper.value,
            lower: here.value,
            gap: here.value - there.value - pulled.value,
            saddle: saddle / self.eta,
            stationarity: (moved(&x_new, x) + moved(&y_new, y)).sqrt() / self.alpha,
        };
        *state = LvHbaState {
            iteration: iteration + 1,
            x: x_new,
            y: y_new,
            theta: theta_new,
            lambda: lambda_new,
            z: z_new,
        };
        Ok(residuals)
    }
}
