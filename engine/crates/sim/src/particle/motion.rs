//! Where a particle is and how it moves.

use backflow_diff::{Real, lanes::WIDTH};
use nalgebra::{Matrix3, Vector3};

use crate::world::cast;

/// Lane of the first component of the position.
const X: usize = 1;

/// Lane of the first component of the velocity.
const V: usize = 4;

/// Lane of the first entry of the affine velocity matrix.
const C: usize = 7;

/// Position x (m), velocity v (m/s) and affine velocity matrix C, the velocity gradient
/// (1/s), of one particle, or their cotangents. The transfers read and write it as one
/// register: `[0, x, v, C by columns]`. In single precision it is one line of cache.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Motion<T> {
    lanes: [T; WIDTH],
}

impl<T: Real> Motion<T> {
    /// From its parts.
    #[inline(always)]
    pub fn new(x: &Vector3<T>, v: &Vector3<T>, c: &Matrix3<T>) -> Self {
        let mut motion = Self::zero();
        motion.set_x(x);
        motion.set_v(v);
        motion.set_c(c);
        motion
    }

    /// All zero.
    #[inline(always)]
    pub fn zero() -> Self {
        Self {
            lanes: [T::zero(); WIDTH],
        }
    }

    /// Position (m).
    #[inline(always)]
    pub fn x(&self) -> Vector3<T> {
        Vector3::from_column_slice(&self.lanes[X..V])
    }

    /// Velocity (m/s).
    #[inline(always)]
    pub fn v(&self) -> Vector3<T> {
        Vector3::from_column_slice(&self.lanes[V..C])
    }

    /// Affine velocity matrix (1/s).
    #[inline(always)]
    pub fn c(&self) -> Matrix3<T> {
        Matrix3::from_column_slice(&self.lanes[C..])
    }

    /// Moves the particle.
    #[inline(always)]
    pub fn set_x(&mut self, x: &Vector3<T>) {
        self.lanes[X..V].copy_from_slice(x.as_slice());
    }

    /// Sets the velocity.
    #[inline(always)]
    pub fn set_v(&mut self, v: &Vector3<T>) {
        self.lanes[V..C].copy_from_slice(v.as_slice());
    }

    /// Sets the affine velocity matrix.
    #[inline(always)]
    pub fn set_c(&mut self, c: &Matrix3<T>) {
        self.lanes[C..].copy_from_slice(c.as_slice());
    }

    /// Adds to the position, or to its cotangent.
    #[inline(always)]
    pub fn add_x(&mut self, x: &Vector3<T>) {
        self.set_x(&(self.x() + x));
    }

    /// The lanes.
    #[inline(always)]
    pub fn lanes(&self) -> &[T; WIDTH] {
        &self.lanes
    }

    /// The lanes; the first is to stay zero.
    #[inline(always)]
    pub fn lanes_mut(&mut self) -> &mut [T; WIDTH] {
        &mut self.lanes
    }

    /// The same in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Motion<U> {
        Motion {
            lanes: self.lanes.map(cast),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (Vector3<f64>, Vector3<f64>, Matrix3<f64>) {
        (
            Vector3::new(1.0, 2.0, 3.0),
            Vector3::new(4.0, 5.0, 6.0),
            Matrix3::new(7.0, 10.0, 13.0, 8.0, 11.0, 14.0, 9.0, 12.0, 15.0),
        )
    }

    #[test]
    fn parts_come_back_as_they_were() {
        let (x, v, c) = parts();
        let motion = Motion::new(&x, &v, &c);
        assert_eq!((motion.x(), motion.v(), motion.c()), (x, v, c));
    }

    #[test]
    fn lanes_are_a_zero_then_the_parts_in_order() {
        let (x, v, c) = parts();
        let expected: [f64; WIDTH] = std::array::from_fn(|lane| lane as f64);
        let mut motion = Motion::new(&x, &v, &c);
        assert_eq!(motion.lanes(), &expected);
        motion.lanes_mut()[C] = 0.5;
        assert_eq!(motion.c()[(0, 0)], 0.5);
        assert_eq!(Motion::<f64>::zero().lanes(), &[0.0; WIDTH]);
    }

    #[test]
    fn setting_one_part_leaves_the_others_and_the_first_lane() {
        let (x, v, c) = parts();
        let before = Motion::new(&x, &v, &c);
        let (x_new, v_new, c_new) = (v * 3.0, x * -2.0, c.transpose() * 0.5);
        let all = |motion: &Motion<f64>| (motion.lanes()[0], motion.x(), motion.v(), motion.c());
        let mut motion = before;
        motion.set_x(&x_new);
        assert_eq!(all(&motion), (0.0, x_new, v, c));
        motion.add_x(&x);
        assert_eq!(all(&motion), (0.0, x_new + x, v, c));
        let mut motion = before;
        motion.set_v(&v_new);
        assert_eq!(all(&motion), (0.0, x, v_new, c));
        let mut motion = before;
        motion.set_c(&c_new);
        assert_eq!(all(&motion), (0.0, x, v, c_new));
    }

    #[test]
    fn single_precision_is_one_line_of_cache() {
        assert_eq!(
            (size_of::<Motion<f32>>(), align_of::<Motion<f32>>()),
            (64, 64)
        );
        assert_eq!(
            (size_of::<Motion<f64>>(), align_of::<Motion<f64>>()),
            (128, 64)
        );
    }

    #[test]
    fn casting_keeps_all_parts() {
        let (x, v, c) = parts();
        // Small whole numbers are exact in single precision.
        let motion: Motion<f32> = Motion::new(&x, &v, &c).cast();
        assert_eq!(motion.cast::<f64>(), Motion::new(&x, &v, &c));
        assert_eq!(motion.v(), Vector3::new(4.0_f32, 5.0, 6.0));
    }
}
