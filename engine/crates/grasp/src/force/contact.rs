//! A contact: where it pushes, and along which axes.

use backflow_diff::Real;
use nalgebra::Vector3;

/// A contact of a finger with an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contact<T: Real> {
    /// From the centre of mass to the point, over the length that makes torques numbers (1).
    pub arm: Vector3<T>,
    /// The normal into the object and two tangents.
    pub axes: [Vector3<T>; 3],
}

impl<T: Real> Contact<T> {
    /// The contact of an arm and a unit normal into the object.
    pub fn new(arm: Vector3<T>, normal: &Vector3<T>) -> Self {
        let [first, second] = tangents(normal);
        Self {
            arm,
            axes: [*normal, first, second],
        }
    }

    /// The force `p n + a t_1 + b t_2`.
    #[inline]
    pub fn force(&self, f: &[T]) -> Vector3<T> {
        self.axes[0] * f[0] + self.axes[1] * f[1] + self.axes[2] * f[2]
    }

    /// A column of the grasp matrix: an axis, and its torque.
    #[inline]
    pub fn column(&self, axis: usize) -> [T; 6] {
        let (force, torque) = (self.axes[axis], self.arm.cross(&self.axes[axis]));
        [force.x, force.y, force.z, torque.x, torque.y, torque.z]
    }
}

/// Two unit vectors that make a right-handed frame with a unit vector (Duff et al. 2017,
/// "Building an Orthonormal Basis, Revisited"): smooth but at `n_z = 0`, where that of
/// `n_z > 0` is taken.
#[inline]
pub fn tangents<T: Real>(n: &Vector3<T>) -> [Vector3<T>; 2] {
    let one = T::one();
    let sign = if n.z < T::zero() { -one } else { one };
    let a = -one / (sign + n.z);
    let b = n.x * n.y * a;
    [
        Vector3::new(one + sign * n.x * n.x * a, sign * b, -sign * n.x),
        Vector3::new(b, sign + n.y * n.y * a, -n.y),
    ]
}

/// The cotangent of `n` from those of its tangents.
#[inline]
pub fn tangents_vjp<T: Real>(n: &Vector3<T>, [first, second]: &[Vector3<T>; 2]) -> Vector3<T> {
    let one = T::one();
    let sign = if n.z < T::zero() { -one } else { one };
    let a = -one / (sign + n.z);
    let two = one + one;
    let a_bar = sign * n.x * n.x * first.x + n.y * n.y * second.y;
    let b_bar = sign * first.y + second.x;
    Vector3::new(
        two * sign * n.x * a * first.x - sign * first.z + n.y * a * b_bar,
        two * n.y * a * second.y - second.z + n.x * a * b_bar,
        (a_bar + n.x * n.y * b_bar) * a * a,
    )
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::testing::noise;

    #[test]
    fn tangents_make_a_right_handed_frame() {
        for seed in 0..100 {
            let n = noise(seed).normalize();
            let [a, b] = tangents(&n);
            assert!((n.cross(&a) - b).norm() < 1e-12 && (a.norm() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn tangents_vjp_is_the_transpose() {
        for seed in 0..100 {
            let (n, direction) = (noise(seed).normalize(), noise(seed + 1));
            let bars = [noise(seed + 2), noise(seed + 3)];
            let dual = n.zip_map(&direction, Dual64::new);
            let moved = tangents(&dual);
            let forward: f64 = (0..2).map(|i| moved[i].map(|x| x.eps).dot(&bars[i])).sum();
            let backward = tangents_vjp(&n, &bars).dot(&direction);
            assert!((forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()));
        }
    }
}
