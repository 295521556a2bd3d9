//! Many objectives as one: the weighted mean over scenarios, materials or seeds.
//!
//! Members run side by side and are summed in their order, so that the bits do not depend on
//! scheduling. An ensemble of one member is that member.

use rayon::prelude::*;

use crate::objective::{Evaluation, Objective};
use crate::vector::add_scaled;

/// One objective of an [`Ensemble`].
#[derive(Clone, Debug)]
pub struct Member<O> {
    /// Name in metrics and errors, e.g. `honey`.
    pub name: String,
    /// Share in the mean, > 0; only the ratios of weights matter.
    pub weight: f64,
    /// The objective itself.
    pub objective: O,
}

/// An ensemble that cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EnsembleError {
    /// No members.
    #[error("an ensemble has 0 members; expected at least 1")]
    Empty,
    /// A weight that is zero, negative or not finite.
    #[error("member \"{name}\" of an ensemble has weight {weight}; expected a finite number > 0")]
    Weight {
        /// Name of the member.
        name: String,
        /// Its weight.
        weight: f64,
    },
}

/// The failure of one member.
#[derive(Debug, thiserror::Error)]
pub enum MemberError<E: std::error::Error + 'static> {
    /// Its objective failed.
    #[error("member \"{name}\" of the ensemble failed")]
    Failed {
        /// Name of the member.
        name: String,
        /// Its error.
        #[source]
        source: E,
    },
    /// Its gradient or Hessian-vector product has another length than the point.
    #[error("member \"{name}\" of the ensemble gave {found} derivatives; expected {expected}")]
    Length {
        /// Name of the member.
        name: String,
        /// Entries of the point.
        expected: usize,
        /// Entries given.
        found: usize,
    },
}

/// `f(x) = sum_i w_i f_i(x) / sum_i w_i`.
///
/// Metrics: the value of every member as `name/value`, then every metric of the members,
/// averaged with the same weights over the members that report it.
#[derive(Clone, Debug)]
pub struct Ensemble<O> {
    members: Vec<Member<O>>,
}

impl<O: Objective> Ensemble<O> {
    /// An ensemble of at least one member, all weights positive.
    pub fn new(members: Vec<Member<O>>) -> Result<Self, EnsembleError> {
        if members.is_empty() {
            return Err(EnsembleError::Empty);
        }
        let good = |weight: f64| weight.is_finite() && weight > 0.0;
        match members.iter().find(|member| !good(member.weight)) {
            None => Ok(Self { members }),
            Some(bad) => Err(EnsembleError::Weight {
                name: bad.name.clone(),
                weight: bad.weight,
            }),
        }
    }

    /// An ensemble of equal weights, its members named by their position.
    pub fn uniform(objectives: Vec<O>) -> Result<Self, EnsembleError> {
        let member = |(i, objective)| Member {
            name: numbered(i),
            weight: 1.0,
            objective,
        };
        Self::new(objectives.into_iter().enumerate().map(member).collect())
    }

    /// The members, in order.
    #[must_use]
    pub fn members(&self) -> &[Member<O>] {
        &self.members
    }

    /// The weights divided by their sum.
    fn shares(&self) -> Vec<f64> {
        let total: f64 = self.members.iter().map(|member| member.weight).sum();
        self.members.iter().map(|m| m.weight / total).collect()
    }

    /// Asks one member and names it if it fails.
    fn one<T>(
        &mut self,
        index: usize,
        ask: impl FnOnce(&mut O) -> Result<T, O::Error>,
    ) -> Result<T, MemberError<O::Error>> {
        let member = &mut self.members[index];
        ask(&mut member.objective).map_err(|source| MemberError::Failed {
            name: member.name.clone(),
            source,
        })
    }

    /// Asks every member, side by side, and names the first in their order that fails.
    fn each<T: Send>(
        &mut self,
        ask: impl Fn(&mut O) -> Result<T, O::Error> + Sync,
    ) -> Result<Vec<T>, MemberError<O::Error>>
    where
        O: Send,
        O::Error: Send,
    {
        let members = self.members.par_iter_mut();
        let answers: Vec<_> = members.map(|member| ask(&mut member.objective)).collect();
        let named = answers.into_iter().zip(&self.members);
        named
            .map(|(answer, member)| {
                answer.map_err(|source| MemberError::Failed {
                    name: member.name.clone(),
                    source,
                })
            })
            .collect()
    }

    /// Refuses derivatives of one member that a sum would silently cut short.
    fn check_length(
        &self,
        index: usize,
        expected: usize,
        found: usize,
    ) -> Result<(), MemberError<O::Error>> {
        if found == expected {
            return Ok(());
        }
        Err(MemberError::Length {
            name: self.members[index].name.clone(),
            expected,
            found,
        })
    }

    /// Refuses derivatives that a sum would silently cut short.
    fn check_lengths<'a>(
        &self,
        expected: usize,
        derivatives: impl Iterator<Item = &'a Vec<f64>>,
    ) -> Result<(), MemberError<O::Error>> {
        let mut lengths = derivatives.map(Vec::len).enumerate();
        lengths.try_for_each(|(index, found)| self.check_length(index, expected, found))
    }
}

/// `factor vector`.
fn scaled(factor: f64, vector: &[f64]) -> Vec<f64> {
    vector.iter().map(|entry| factor * entry).collect()
}

/// Name of the i-th member of a uniform ensemble.
fn numbered(i: usize) -> String {
    format!("member {i}")
}

impl<O: Objective + Send> Objective for Ensemble<O>
where
    O::Error: Send,
{
    type Error = MemberError<O::Error>;

    fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
        let values = self.each(|member| member.value(x))?;
        Ok(self.shares().iter().zip(&values).map(|(w, f)| w * f).sum())
    }

    fn values(&mut self, points: &[Vec<f64>]) -> Vec<Result<f64, Self::Error>> {
        let mut means: Vec<Result<f64, Self::Error>> = points.iter().map(|_| Ok(0.0)).collect();
        let shares = self.shares();
        for (member, share) in self.members.iter_mut().zip(shares) {
            let values = member.objective.values(points);
            for (mean, value) in means.iter_mut().zip(values) {
                match (&mut *mean, value) {
                    (Ok(sum), Ok(value)) => *sum += share * value,
                    (Ok(_), Err(source)) => {
                        let name = member.name.clone();
                        *mean = Err(MemberError::Failed { name, source });
                    }
                    // The first member that failed is named.
                    (Err(_), _) => {}
                }
            }
        }
        means
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
        let mut evaluations = self.each(|member| member.gradient(x))?;
        self.check_lengths(x.len(), evaluations.iter().map(|e| &e.gradient))?;
        if evaluations.len() == 1
            && let Some(only) = evaluations.pop()
        {
            return Ok(only);
        }
        let shares = self.shares();
        let mut mean = Evaluation::new(0.0, vec![0.0; x.len()]);
        for (share, evaluation) in shares.iter().zip(&evaluations) {
            mean.value += share * evaluation.value;
            add_scaled(&mut mean.gradient, *share, &evaluation.gradient);
        }
        let values = self.members.iter().zip(&evaluations);
        let count = self.members.len() as f64;
        let gradients = shares.iter().zip(&evaluations);
        mean.scenarios = gradients
            .map(|(share, evaluation)| scaled(share * count, &evaluation.gradient))
            .collect();
        mean.metrics = values
            .map(|(member, evaluation)| (format!("{}/value", member.name), evaluation.value))
            .chain(mean_metrics(&shares, &evaluations))
            .collect();
        Ok(mean)
    }

    fn hessian_vector(&mut self, x: &[f64], direction: &[f64]) -> Result<Vec<f64>, Self::Error> {
        let products = self.each(|member| member.hessian_vector(x, direction))?;
        self.check_lengths(x.len(), products.iter())?;
        let mut mean = vec![0.0; x.len()];
        for (share, product) in self.shares().iter().zip(&products) {
            add_scaled(&mut mean, *share, product);
        }
        Ok(mean)
    }

    fn scenarios(&self) -> usize {
        self.members.len()
    }

    fn scenario(&mut self, scenario: usize, x: &[f64]) -> Result<Evaluation, Self::Error> {
        let weight = self.shares()[scenario] * self.members.len() as f64;
        let mut evaluation = self.one(scenario, |member| member.gradient(x))?;
        self.check_length(scenario, x.len(), evaluation.gradient.len())?;
        evaluation.value *= weight;
        evaluation.gradient = scaled(weight, &evaluation.gradient);
        Ok(evaluation)
    }

    fn scenario_hessian_vector(
        &mut self,
        scenario: usize,
        x: &[f64],
        direction: &[f64],
    ) -> Result<Vec<f64>, Self::Error> {
        let weight = self.shares()[scenario] * self.members.len() as f64;
        let product = self.one(scenario, |member| member.hessian_vector(x, direction))?;
        self.check_length(scenario, x.len(), product.len())?;
        Ok(scaled(weight, &product))
    }

    fn diverged(&self, error: &Self::Error) -> bool {
        let MemberError::Failed { name, source } = error else {
            return false;
        };
        let member = self.members.iter().find(|m| m.name == *name);
        member.is_some_and(|m| m.objective.diverged(source))
    }
}

/// Averages metrics by name, in the order in which the names first appear.
fn mean_metrics(shares: &[f64], evaluations: &[Evaluation]) -> Vec<(String, f64)> {
    let mut sums: Vec<(String, f64, f64)> = Vec::new();
    for (share, evaluation) in shares.iter().zip(evaluations) {
        for (name, value) in &evaluation.metrics {
            match sums.iter_mut().find(|(known, _, _)| known == name) {
                Some((_, sum, weight)) => {
                    *sum += share * value;
                    *weight += share;
                }
                None => sums.push((name.clone(), share * value, *share)),
            }
        }
    }
    let means = sums.into_iter();
    means.map(|(name, sum, w)| (name, sum / w)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fails, Quadratic};

    fn member(name: &str, weight: f64, curvature: f64) -> Member<Quadratic> {
        Member {
            name: name.into(),
            weight,
            objective: Quadratic {
                curvature: vec![curvature],
                centre: vec![0.0],
            },
        }
    }

    #[test]
    fn value_gradient_and_curvature_are_weighted_means() {
        let members = vec![member("water", 3.0, 2.0), member("honey", 1.0, 10.0)];
        let mut ensemble = Ensemble::new(members).unwrap();
        // mean curvature (3*2 + 1*10) / 4 = 4
        let evaluation = ensemble.gradient(&[3.0]).unwrap();
        assert_eq!(evaluation.value, 18.0);
        assert_eq!(ensemble.value(&[3.0]).unwrap(), 18.0);
        let points = [vec![3.0], vec![-1.0]];
        let values = ensemble.values(&points).into_iter().map(Result::unwrap);
        assert!(values.eq([18.0, 2.0]));
        assert_eq!(evaluation.gradient, [12.0]);
        let product = ensemble.hessian_vector(&[3.0], &[1.0]).unwrap();
        assert!((product[0] - 4.0).abs() < 1e-9);
        let expected = [
            ("water/value", 9.0),
            ("honey/value", 45.0),
            ("distance", 3.0),
        ];
        let metrics = evaluation.metrics.iter().map(|(n, v)| (n.as_str(), *v));
        assert!(metrics.eq(expected), "{:?}", evaluation.metrics);
    }

    #[test]
    fn an_ensemble_of_one_is_its_member() {
        let mut alone = Quadratic::conditioned(4, 10.0);
        let mut ensemble = Ensemble::uniform(vec![alone.clone()]).unwrap();
        let x = [0.3, -1.0, 2.0, 0.7];
        let (one, all) = (alone.gradient(&x).unwrap(), ensemble.gradient(&x).unwrap());
        assert_eq!((one.value, one.gradient), (all.value, all.gradient));
    }

    #[test]
    fn bad_weights_are_refused_and_failures_name_the_member() {
        assert!(Ensemble::<Quadratic>::new(vec![]).is_err());
        let text = Ensemble::new(vec![member("honey", -1.0, 1.0)])
            .unwrap_err()
            .to_string();
        assert!(text.contains("\"honey\"") && text.contains("-1"), "{text}");
        let mut failing = Ensemble::uniform(vec![Fails]).unwrap();
        let error = failing.value(&[0.0]).unwrap_err();
        assert!(error.to_string().contains("\"member 0\""), "{error}");
        let errors = failing.values(&[vec![0.0], vec![1.0]]);
        assert!(errors.len() == 2 && errors.iter().all(Result::is_err));
        assert!(failing.diverged(&error));
    }

    #[test]
    fn a_short_gradient_is_an_error_and_not_padded_with_zeros() {
        struct Short;
        impl Objective for Short {
            type Error = std::convert::Infallible;
            fn value(&mut self, _: &[f64]) -> Result<f64, Self::Error> {
                Ok(0.0)
            }
            fn gradient(&mut self, _: &[f64]) -> Result<Evaluation, Self::Error> {
                Ok(Evaluation::new(0.0, vec![1.0]))
            }
        }
        let mut ensemble = Ensemble::uniform(vec![Short]).unwrap();
        let text = ensemble.gradient(&[0.0, 0.0]).unwrap_err().to_string();
        assert!(text.contains("gave 1 derivatives; expected 2"), "{text}");
    }
}
