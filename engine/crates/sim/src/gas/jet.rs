//! A jet blows and mixes in gas of its own, like an air conditioner.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    field::{Field, Velocity},
    grid::{Grid, Layout},
};
use crate::pose::{Pose, PoseBar};

/// What a jet is, besides where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Jet<T: Real> {
    /// Its name.
    pub name: String,
    /// The direction that it blows in, in its own frame (1).
    pub direction: Vector3<T>,
    /// What it blows in of each scalar; `None` where it blows in nothing.
    pub scalars: Vec<Option<T>>,
    /// How fast gas at its centre becomes that of the jet (1/s).
    pub mixing: T,
}

/// What a jet does in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blow<T: Real> {
    /// Acceleration of gas at its centre (m/s^2).
    pub strength: T,
    /// Distance over which it falls off (m).
    pub radius: T,
}

/// Cotangents of a jet.
#[derive(Debug, Clone, PartialEq)]
pub struct JetBar {
    /// Of where it is.
    pub pose: PoseBar<f64>,
    /// Of what it does.
    pub blow: Blow<f64>,
    /// Of its direction.
    pub direction: Vector3<f64>,
    /// Of its scalars.
    pub scalars: Vec<f64>,
    /// Of its mixing.
    pub mixing: f64,
}

impl JetBar {
    /// Zero for a jet with so many scalars.
    pub fn zero(scalars: usize) -> Self {
        Self {
            pose: PoseBar::zero(),
            blow: Blow {
                strength: 0.0,
                radius: 0.0,
            },
            direction: Vector3::zeros(),
            scalars: vec![0.0; scalars],
            mixing: 0.0,
        }
    }

    /// Sets all of it to zero.
    pub fn clear(&mut self) {
        let mut scalars = std::mem::take(&mut self.scalars);
        scalars.fill(0.0);
        *self = Self {
            scalars,
            ..Self::zero(0)
        };
    }
}

/// Radii after which a jet is not felt: `exp(-40)` is below the rounding of any velocity.
const REACH: f64 = 40.0;

/// `exp(-r / radius)` at a point; at the centre, where it has a kink, with no slope.
struct Falloff<T: Real> {
    value: T,
    /// Direction from the centre.
    outward: Vector3<T>,
    distance: T,
}

fn falloff<T: Real>(
    grid: &Grid,
    layout: &Layout,
    at: [usize; 3],
    centre: &Vector3<T>,
    radius: T,
) -> Option<Falloff<T>> {
    let offset = grid.point(layout, at).map(T::of) - centre;
    let square = offset.norm_squared();
    let far = radius * T::of(REACH);
    if square > far * far {
        return None;
    }
    if square <= T::zero() {
        return Some(Falloff {
            value: T::one(),
            outward: Vector3::zeros(),
            distance: T::zero(),
        });
    }
    let distance = square.sqrt();
    Some(Falloff {
        value: (-distance / radius).exp(),
        outward: offset / distance,
        distance,
    })
}

/// Adds `dt s f R d` to the velocity, `f = exp(-r / radius)` (the air conditioner of FluidLab,
/// Xian et al. 2023, in SI units).
pub fn blow<T: Real>(
    grid: &Grid,
    jet: &Jet<T>,
    pose: &Pose<T>,
    blow: &Blow<T>,
    dt: f64,
    u: &mut Velocity<T>,
) {
    let push = pose.rotation * jet.direction * (blow.strength * T::of(dt));
    for axis in 0..3 {
        if push[axis] == T::zero() {
            continue;
        }
        let layout = u[axis].layout;
        u[axis].update(|at, _, u| {
            if let Some(f) = falloff(grid, &layout, at, &pose.position, blow.radius) {
                *u += push[axis] * f.value;
            }
        });
    }
}

/// Adds the cotangents of the jet for those of the velocity after [`blow`]; those before are
/// the same.
pub fn blow_vjp<T: Real>(
    grid: &Grid,
    jet: &Jet<T>,
    pose: &Pose<T>,
    blow: &Blow<T>,
    dt: f64,
    u_bar: &Velocity<T>,
    bar: &mut JetBar,
) {
    let direction = pose.rotation * jet.direction;
    let push = direction * (blow.strength * T::of(dt));
    let mut push_bar = Vector3::zeros();
    for axis in 0..3 {
        let layout = u_bar[axis].layout;
        let (total, centre_bar, radius_bar) =
            falloff_vjp(grid, &layout, pose, blow.radius, |_, index| {
                u_bar[axis].data[index]
            });
        let push = push[axis].to_f64();
        push_bar[axis] += total;
        bar.pose.position += centre_bar * push;
        bar.blow.radius += radius_bar * push;
    }
    bar.blow.strength += dt * push_bar.dot(&direction.map(Real::to_f64));
    let direction_bar = push_bar * (dt * blow.strength.to_f64());
    bar.pose.rotation += direction.map(Real::to_f64).cross(&direction_bar);
    bar.direction += pose.rotation.map(Real::to_f64).tr_mul(&direction_bar);
}

/// `sum w f`, and its derivatives by the centre and the radius of `f`.
fn falloff_vjp<T: Real>(
    grid: &Grid,
    layout: &Layout,
    pose: &Pose<T>,
    radius: T,
    weight: impl Fn([usize; 3], usize) -> T + Sync,
) -> (f64, Vector3<f64>, f64) {
    let part = |at: [usize; 3], index: usize| {
        let weight = weight(at, index);
        match falloff(grid, layout, at, &pose.position, radius) {
            Some(f) if weight != T::zero() => {
                let part = weight * f.value;
                let outward = f.outward * (part / radius);
                let by_radius = part * f.distance / (radius * radius);
                [
                    part.to_f64(),
                    outward.x.to_f64(),
                    outward.y.to_f64(),
                    outward.z.to_f64(),
                    by_radius.to_f64(),
                ]
            }
            _ => [0.0; 5],
        }
    };
    let join = |a: [f64; 5], b: [f64; 5]| std::array::from_fn(|entry| a[entry] + b[entry]);
    let [total, x, y, z, radius] = super::field::reduce(layout, part, [0.0; 5], join);
    (total, Vector3::new(x, y, z), radius)
}

/// `q <- q_j + exp(-m f dt) (q - q_j)`: gas becomes that of the jet, the faster the nearer.
/// FluidLab mixes by `1 - f` once a step; here the rate does not depend on the step.
pub fn mix<T: Real>(
    grid: &Grid,
    jet: &Jet<T>,
    pose: &Pose<T>,
    blow: &Blow<T>,
    dt: f64,
    scalars: &mut [Field<T>],
) {
    let rate = jet.mixing * T::of(dt);
    for (own, q) in jet.scalars.iter().zip(scalars) {
        let Some(own) = *own else { continue };
        let layout = q.layout;
        q.update(|at, _, q| {
            if let Some(f) = falloff(grid, &layout, at, &pose.position, blow.radius) {
                *q = own + (-rate * f.value).exp() * (*q - own);
            }
        });
    }
}

/// Changes the cotangents of the scalars from those after [`mix`] to those before, and adds
/// those of the jet; `scalars` are those before.
pub fn mix_vjp<T: Real>(
    grid: &Grid,
    jet: &Jet<T>,
    pose: &Pose<T>,
    blow: &Blow<T>,
    dt: f64,
    scalars: &[Field<T>],
    scalars_bar: &mut [Field<T>],
    bar: &mut JetBar,
) {
    let rate = jet.mixing * T::of(dt);
    for (which, (own, q)) in jet.scalars.iter().zip(scalars).enumerate() {
        let Some(own) = *own else { continue };
        let layout = q.layout;
        let keep = |at: [usize; 3]| {
            falloff(grid, &layout, at, &pose.position, blow.radius)
                .map(|f| ((-rate * f.value).exp(), f.value))
        };
        let q_bar = &mut scalars_bar[which];
        bar.scalars[which] += super::field::sum(&layout, |at, index| {
            keep(at).map_or(0.0, |(keep, _)| {
                (q_bar.data[index] * (T::one() - keep)).to_f64()
            })
        });
        // The cotangent of the exponent -rate f.
        let exponent_bar = |at: [usize; 3], index: usize| {
            keep(at).map_or(T::zero(), |(keep, _)| {
                q_bar.data[index] * keep * (q.data[index] - own)
            })
        };
        let (total, centre_bar, radius_bar) =
            falloff_vjp(grid, &layout, pose, blow.radius, exponent_bar);
        bar.mixing -= total * dt;
        let factor = -rate.to_f64();
        bar.pose.position += centre_bar * factor;
        bar.blow.radius += radius_bar * factor;
        q_bar.update(|at, _, bar| {
            if let Some((keep, _)) = keep(at) {
                *bar *= keep;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        gas::testing::{
            assert_close, box_grid, clean, clean_velocity, dot, dual, noise, noise_velocity,
            tangent,
        },
        pose::tests::{dual_pose, sample},
    };

    #[test]
    fn both_vjps_are_transposes() {
        let grid = box_grid([5, 4, 6], [false; 3]);
        let layout = grid.centres();
        let jet = Jet {
            name: "jet".to_owned(),
            direction: Vector3::new(0.3, 0.9, -0.2),
            scalars: vec![Some(0.4), None, Some(-0.7)],
            mixing: 3.0,
        };
        let (mut pose, direction) = (sample(1).0, sample(2).1);
        // On a sample, where the jet has its kink.
        pose.position = grid.point(&layout, [2, 1, 3]);
        let what = Blow {
            strength: 4.0,
            radius: 0.2,
        };
        let jet_dual = Jet {
            name: jet.name.clone(),
            direction: jet
                .direction
                .zip_map(&Vector3::new(0.2, -0.1, 0.5), Dual64::new),
            scalars: vec![
                Some(Dual64::new(0.4, 0.3)),
                None,
                Some(Dual64::new(-0.7, -0.8)),
            ],
            mixing: Dual64::new(3.0, 0.9),
        };
        let what_dual = Blow {
            strength: Dual64::new(4.0, 1.7),
            radius: Dual64::new(0.2, 0.06),
        };
        let scalars: Vec<_> = (0..3).map(|i| noise(10 + i, layout)).collect();
        let directions: Vec<_> = (0..3).map(|i| noise(20 + i, layout)).collect();
        for (near, position) in [(false, direction.position), (true, Vector3::zeros())] {
            if !near {
                pose.position += Vector3::new(0.03, -0.02, 0.05);
            } else {
                pose.position = grid.point(&layout, [2, 1, 3]);
            }
            let direction = PoseBar {
                position,
                ..direction
            };
            let pose_dual = dual_pose(&pose, &direction);
            let mut u = Field::<Dual64>::zero_velocity(&grid);
            blow(&grid, &jet_dual, &pose_dual, &what_dual, 0.1, &mut u);
            let mut mixed: Vec<_> = (0..3).map(|i| dual(&scalars[i], &directions[i])).collect();
            mix(&grid, &jet_dual, &pose_dual, &what_dual, 0.1, &mut mixed);
            let u_bar = clean_velocity(&noise_velocity(30, &grid));
            let mut q_bar: Vec<_> = (0..3).map(|i| clean(&noise(40 + i, layout))).collect();
            let forward: f64 = (0..3)
                .map(|i| dot(&tangent(&u[i]), &u_bar[i]) + dot(&tangent(&mixed[i]), &q_bar[i]))
                .sum();
            let mut bar = JetBar::zero(3);
            blow_vjp(&grid, &jet, &pose, &what, 0.1, &u_bar, &mut bar);
            mix_vjp(
                &grid, &jet, &pose, &what, 0.1, &scalars, &mut q_bar, &mut bar,
            );
            let backward = bar.pose.position.dot(&direction.position)
                + bar.pose.rotation.dot(&direction.rotation)
                + bar.blow.strength * 1.7
                + bar.blow.radius * 0.06
                + bar.direction.dot(&Vector3::new(0.2, -0.1, 0.5))
                + bar.scalars[0] * 0.3
                - bar.scalars[2] * 0.8
                + bar.mixing * 0.9
                + (0..3).map(|i| dot(&directions[i], &q_bar[i])).sum::<f64>();
            assert_close(forward, backward);
        }
    }
}
