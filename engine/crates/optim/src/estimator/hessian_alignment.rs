//! The mean of scenarios, with a penalty on how much their gradients and curvatures differ.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};
use crate::vector::{add_scaled, difference, dot, norm};

/// Hessian alignment (Hemati, Zhang, Estiri & Chen 2023, "Understanding Hessian alignment for
/// domain generalization", eq. 6, Hessian-gradient products):
///
/// ```text
/// J = mean_e f_e + gradient mean_e |g_e - mean g|^2 + hessian mean_e |H_e g_e - mean H g|^2
/// ```
///
/// over the scenarios e of the objective. A control whose scenarios agree to second order carries
/// over to materials that it has not met. The derivative is
///
/// ```text
/// dJ/dx = mean_e [g_e + 2 gradient H_e (g_e - mean g) + 2 hessian (H_e H_e r_e + d(H_e r_e)[g_e])]
/// ```
///
/// with `r_e = H_e g_e - mean H g` held in the directional derivative of `H_e` along g_e, which is a central
/// difference of Hessian-vector products: good to about 1e-4 of itself. Costs 3 gradients a scenario,
/// and 8 more where `hessian` is not 0. The value reported is J. Has no memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HessianAlignment {
    /// Weight of the differences of gradients, in units of parameter^2 per value (default: 0).
    pub gradient: f64,
    /// Weight of the differences of Hessian-gradient products, in units of parameter^6 per
    /// value^3 (default: 0).
    pub hessian: f64,
}

/// Relative step of the difference of products: these are good to about `eps^(2/3)`, so that
/// truncation and round-off balance at its cube root.
const STEP: f64 = 6e-4;

impl HessianAlignment {
    /// `(H(x + s a) r - H(x - s a) r) / 2 s`, the derivative of `H r` along a.
    fn along<O: Objective + ?Sized>(
        objective: &mut O,
        scenario: usize,
        x: &[f64],
        direction: &[f64],
        r: &[f64],
    ) -> Result<Vec<f64>, O::Error> {
        let length = norm(direction);
        if length == 0.0 {
            return Ok(vec![0.0; x.len()]);
        }
        let step = STEP * (1.0 + norm(x)) / length;
        let mut ends = [x.to_vec(), x.to_vec()];
        add_scaled(&mut ends[0], step, direction);
        add_scaled(&mut ends[1], -step, direction);
        let after = objective.scenario_hessian_vector(scenario, &ends[0], r)?;
        let before = objective.scenario_hessian_vector(scenario, &ends[1], r)?;
        let pairs = after.iter().zip(&before);
        Ok(pairs.map(|(a, b)| (a - b) / (2.0 * step)).collect())
    }
}

/// Mean of vectors of one length.
fn mean(vectors: &[Vec<f64>], dimension: usize) -> Vec<f64> {
    let mut mean = vec![0.0; dimension];
    for vector in vectors {
        add_scaled(&mut mean, 1.0 / vectors.len() as f64, vector);
    }
    mean
}

impl Estimator for HessianAlignment {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        _: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let total = objective.scenarios();
        let n = total as f64;
        let mut result = Evaluation::default();
        let mut gradients = Vec::with_capacity(total);
        for scenario in 0..total {
            let evaluation = objective.scenario(scenario, x)?;
            result.value += evaluation.value / n;
            gradients.push(evaluation.gradient);
        }
        let common = mean(&gradients, x.len());
        result.gradient.clone_from(&common);
        result.metrics.push(("mean".to_owned(), result.value));
        let mut products = Vec::new();
        for (scenario, g) in gradients.iter().enumerate() {
            let away = difference(g, &common);
            result.value += self.gradient * dot(&away, &away) / n;
            let pulled = objective.scenario_hessian_vector(scenario, x, &away)?;
            add_scaled(&mut result.gradient, 2.0 * self.gradient / n, &pulled);
            if self.hessian != 0.0 {
                products.push(objective.scenario_hessian_vector(scenario, x, g)?);
            }
        }
        let common = mean(&products, x.len());
        for (scenario, product) in products.iter().enumerate() {
            let r = difference(product, &common);
            result.value += self.hessian * dot(&r, &r) / n;
            let once = objective.scenario_hessian_vector(scenario, x, &r)?;
            let twice = objective.scenario_hessian_vector(scenario, x, &once)?;
            let third = Self::along(objective, scenario, x, &gradients[scenario], &r)?;
            add_scaled(&mut result.gradient, 2.0 * self.hessian / n, &twice);
            add_scaled(&mut result.gradient, 2.0 * self.hessian / n, &third);
        }
        result.scenarios = gradients;
        Ok(result)
    }
}
