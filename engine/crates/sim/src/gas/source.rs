//! Heaters, smoke and fans: a region in which something is added.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    field::{Field, Velocity, reduce},
    grid::{Grid, Layout},
};
use crate::{
    collider::{Shape, SignedDistance},
    pose::{Pose, PoseBar},
};

/// A region in which something is added to the gas.
#[derive(Debug, Clone, PartialEq)]
pub struct Source<T: Real> {
    /// Its name.
    pub name: String,
    /// Its solid.
    pub shape: Shape<T>,
    /// Distance on either side of the surface over which it fades (m).
    pub width: f64,
    /// What is added to each scalar (1/s, times the unit of the scalar).
    pub rates: Vec<T>,
    /// Acceleration of the gas, in the frame of the source (m/s^2): a fan.
    pub push: Vector3<T>,
}

/// Cotangents of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceBar {
    /// Of where it is.
    pub pose: PoseBar<f64>,
    /// Of what is added to each scalar.
    pub rates: Vec<f64>,
    /// Of the acceleration.
    pub push: Vector3<f64>,
}

impl SourceBar {
    /// Zero for a source of so many scalars.
    pub fn zero(scalars: usize) -> Self {
        Self {
            pose: PoseBar::zero(),
            rates: vec![0.0; scalars],
            push: Vector3::zeros(),
        }
    }

    /// Sets all of it to zero.
    pub fn clear(&mut self) {
        let mut rates = std::mem::take(&mut self.rates);
        rates.fill(0.0);
        *self = Self {
            rates,
            ..Self::zero(0)
        };
    }
}

/// Share of the source at a point, its slope by the distance (1/m), and the point in the frame
/// of the source.
struct Share<T: Real> {
    value: T,
    slope: T,
    local: Vector3<T>,
}

/// `s^2 (3 - 2 s)`, `s = 1/2 - d / (2 width)`: 1 inside, 0 outside, once continuously
/// differentiable.
fn share<T: Real>(
    grid: &Grid,
    layout: &Layout,
    at: [usize; 3],
    source: &Source<T>,
    pose: &Pose<T>,
) -> Option<Share<T>> {
    let local = pose.inverse_apply(&grid.point(layout, at).map(T::of));
    let reach = SignedDistance::<T>::bounding_radius(&source.shape);
    if reach.is_some_and(|reach| local.norm().to_f64() > reach + source.width) {
        return None;
    }
    let distance = source.shape.probe(&local).distance;
    let s = T::of(0.5) - distance * T::of(0.5 / source.width);
    if s <= T::zero() {
        return None;
    }
    let (value, slope) = if s >= T::one() {
        (T::one(), T::zero())
    } else {
        let slope = T::of(6.0) * s * (T::one() - s);
        (
            s * s * (T::of(3.0) - T::of(2.0) * s),
            slope * T::of(-0.5 / source.width),
        )
    };
    Some(Share {
        value,
        slope,
        local,
    })
}

/// The volume that a source covers (m^3), edges by their share.
pub fn covered<T: Real>(grid: &Grid, source: &Source<T>, pose: &Pose<T>) -> f64 {
    let layout = grid.centres();
    let cells = super::field::sum(&layout, |at, _| {
        share(grid, &layout, at, source, pose).map_or(0.0, |share| share.value.to_f64())
    });
    cells * grid.dx.powi(3)
}

/// Adds `dt rate share` to the scalars.
pub fn emit<T: Real>(
    grid: &Grid,
    source: &Source<T>,
    pose: &Pose<T>,
    dt: f64,
    scalars: &mut [Field<T>],
) {
    for (rate, q) in source.rates.iter().zip(scalars) {
        if *rate == T::zero() {
            continue;
        }
        let (layout, amount) = (q.layout, *rate * T::of(dt));
        q.update(|at, _, q| {
            if let Some(share) = share(grid, &layout, at, source, pose) {
                *q += amount * share.value;
            }
        });
    }
}

/// Adds the cotangents of the source; those of the scalars do not change.
pub fn emit_vjp<T: Real>(
    grid: &Grid,
    source: &Source<T>,
    pose: &Pose<T>,
    dt: f64,
    scalars_bar: &[Field<T>],
    bar: &mut SourceBar,
) {
    for (which, (rate, q_bar)) in source.rates.iter().zip(scalars_bar).enumerate() {
        let factor = rate.to_f64() * dt;
        bar.rates[which] += dt * weighted_vjp(grid, source, pose, q_bar, factor, &mut bar.pose);
    }
}

/// Adds `dt share R push` to the velocity.
pub fn push<T: Real>(
    grid: &Grid,
    source: &Source<T>,
    pose: &Pose<T>,
    dt: f64,
    u: &mut Velocity<T>,
) {
    let push = pose.rotation * source.push * T::of(dt);
    for axis in 0..3 {
        if push[axis] == T::zero() {
            continue;
        }
        let layout = u[axis].layout;
        u[axis].update(|at, _, u| {
            if let Some(share) = share(grid, &layout, at, source, pose) {
                *u += push[axis] * share.value;
            }
        });
    }
}

/// Adds the cotangents of the source; those of the velocity do not change.
pub fn push_vjp<T: Real>(
    grid: &Grid,
    source: &Source<T>,
    pose: &Pose<T>,
    dt: f64,
    u_bar: &Velocity<T>,
    bar: &mut SourceBar,
) {
    let push = (pose.rotation * source.push).map(Real::to_f64);
    let mut push_bar = Vector3::zeros();
    for axis in 0..3 {
        let factor = push[axis] * dt;
        push_bar[axis] = dt * weighted_vjp(grid, source, pose, &u_bar[axis], factor, &mut bar.pose);
    }
    bar.pose.rotation += push.cross(&push_bar);
    bar.push += pose.rotation.map(Real::to_f64).tr_mul(&push_bar);
}

/// `sum share bar`; adds the cotangent of the pose for that of `factor` times it.
fn weighted_vjp<T: Real>(
    grid: &Grid,
    source: &Source<T>,
    pose: &Pose<T>,
    bars: &Field<T>,
    factor: f64,
    pose_bar: &mut PoseBar<f64>,
) -> f64 {
    let layout = bars.layout;
    let part = |at: [usize; 3], index: usize| {
        let bar = bars.data[index];
        let Some(share) = share(grid, &layout, at, source, pose).filter(|_| bar != T::zero())
        else {
            return [0.0; 7];
        };
        let point = grid.point(&layout, at).map(T::of);
        let local_bar = source
            .shape
            .probe_vjp(&share.local, bar * share.slope, &Vector3::zeros());
        let (bar_of_pose, _) = pose.inverse_apply_vjp(&point, &local_bar);
        let (p, r) = (bar_of_pose.position, bar_of_pose.rotation);
        [bar * share.value, p.x, p.y, p.z, r.x, r.y, r.z].map(Real::to_f64)
    };
    let join = |a: [f64; 7], b: [f64; 7]| std::array::from_fn(|entry| a[entry] + b[entry]);
    let [total, px, py, pz, rx, ry, rz] = reduce(&layout, part, [0.0; 7], join);
    pose_bar.position += Vector3::new(px, py, pz) * factor;
    pose_bar.rotation += Vector3::new(rx, ry, rz) * factor;
    total
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::Cuboid,
        gas::testing::{
            assert_close, box_grid, clean, clean_velocity, dot, noise, noise_velocity, tangent,
        },
        pose::tests::{dual_pose, sample},
    };

    fn source<T: Real>(rates: [T; 2], push: [T; 3]) -> Source<T> {
        Source {
            name: "heater".to_owned(),
            shape: Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.16, 0.12, 0.2).map(T::of),
                rounding: T::of(0.02),
            }),
            width: 0.1,
            rates: rates.to_vec(),
            push: push.into(),
        }
    }

    #[test]
    fn both_vjps_are_transposes() {
        let grid = box_grid([6, 5, 7], [false; 3]);
        let layout = grid.centres();
        let (mut pose, direction) = (sample(1).0, sample(2).1);
        pose.position = grid.point(&layout, [3, 2, 3]) + Vector3::new(0.01, 0.03, -0.02);
        let pose_dual = dual_pose(&pose, &direction);
        let (rates, push_by) = ([2.0, -3.0], [0.5, 1.0, -0.4]);
        let own = source(rates, push_by);
        let moved = source(
            [Dual64::new(2.0, 0.3), Dual64::new(-3.0, 0.6)],
            [
                Dual64::new(0.5, 0.2),
                Dual64::new(1.0, -0.7),
                Dual64::new(-0.4, 0.1),
            ],
        );
        let mut u = Field::<Dual64>::zero_velocity(&grid);
        push(&grid, &moved, &pose_dual, 0.1, &mut u);
        let mut q = vec![Field::<Dual64>::zero(layout); 2];
        emit(&grid, &moved, &pose_dual, 0.1, &mut q);
        let u_bar = clean_velocity(&noise_velocity(3, &grid));
        let q_bar = [clean(&noise(7, layout)), clean(&noise(8, layout))];
        let forward: f64 = (0..3).map(|a| dot(&tangent(&u[a]), &u_bar[a])).sum::<f64>()
            + (0..2).map(|i| dot(&tangent(&q[i]), &q_bar[i])).sum::<f64>();
        let mut bar = SourceBar::zero(2);
        push_vjp(&grid, &own, &pose, 0.1, &u_bar, &mut bar);
        emit_vjp(&grid, &own, &pose, 0.1, &q_bar, &mut bar);
        let backward = bar.pose.position.dot(&direction.position)
            + bar.pose.rotation.dot(&direction.rotation)
            + bar.rates[0] * 0.3
            + bar.rates[1] * 0.6
            + bar.push.dot(&Vector3::new(0.2, -0.7, 0.1));
        assert_close(forward, backward);
    }

    #[test]
    fn a_source_covers_its_volume() {
        let grid = box_grid([16, 16, 16], [false; 3]);
        let pose = Pose {
            position: grid.origin.map(|corner| corner + 1.0),
            ..Pose::identity()
        };
        let ball = Source {
            shape: Shape::Sphere(crate::collider::Sphere { radius: 0.5 }),
            ..source([0.0; 2], [0.0; 3])
        };
        let (volume, known) = (
            covered(&grid, &ball, &pose),
            std::f64::consts::PI * 0.5 / 3.0,
        );
        // The fade adds its variance over the radius squared, some percent.
        assert!((volume / known - 1.0).abs() < 0.06, "{volume} {known}");
        let outside = Pose {
            position: grid.origin.map(|corner| corner - 1.0),
            ..pose
        };
        assert_eq!(covered(&grid, &ball, &outside), 0.0);
    }
}
