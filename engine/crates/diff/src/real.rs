//! The scalar that every kernel is written in.

use nalgebra::RealField;
use num_dual::Dual64;

use crate::lanes::{Kernel, portably};

/// Scalar of the kernels: `f32` for speed, `f64` for checks, [`Dual64`] to get a
/// Jacobian-vector product of any kernel without writing one.
///
/// Branches compare primal values only, so a dual run takes the branches of the
/// primal run and its tangent is the one-sided derivative of that branch.
pub trait Real: RealField + Copy {
    /// The scalar without its tangent: the type itself for `f32` and `f64`.
    type Primal: Real<Primal = Self::Primal>;

    /// The scalar in which long sums are taken: `f64` for `f32`, else the type itself.
    type Wide: Real;

    /// Whether values carry a tangent.
    const DUAL: bool;

    /// The value without its tangent.
    fn primal(self) -> Self::Primal;

    /// The tangent; zero where the type carries none.
    fn tangent(self) -> Self::Primal;

    /// A scalar from its value and its tangent; the tangent is dropped where the
    /// type carries none.
    fn from_parts(primal: Self::Primal, tangent: Self::Primal) -> Self;

    /// The scalar nearest to `value`, with no tangent.
    fn of(value: f64) -> Self;

    /// The primal value as `f64`.
    fn to_f64(self) -> f64;

    /// The value in [`Real::Wide`].
    fn widen(self) -> Self::Wide;

    /// The nearest value to one in [`Real::Wide`].
    fn narrow(wide: Self::Wide) -> Self;

    /// The value truncated towards zero, as a grid index.
    fn trunc_index(self) -> i32;

    /// Runs a kernel with the widest [`Lanes`](crate::lanes::Lanes) that the machine has for
    /// this scalar.
    fn launch<K: Kernel<Self>>(kernel: K) -> K::Output;
}

macro_rules! real_float {
    ($float:ty, $launch:ident) => {
        impl Real for $float {
            type Primal = Self;
            type Wide = f64;

            const DUAL: bool = false;

            #[inline(always)]
            fn primal(self) -> Self {
                self
            }

            #[inline(always)]
            fn tangent(self) -> Self {
                0.0
            }

            #[inline(always)]
            fn from_parts(primal: Self, _tangent: Self) -> Self {
                primal
            }

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn narrow(wide: f64) -> Self {
                wide as Self
            }

            #[inline(always)]
            fn trunc_index(self) -> i32 {
                self as i32
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            fn launch<K: Kernel<Self>>(kernel: K) -> K::Output {
                crate::lanes::$launch(kernel)
            }

            #[cfg(not(target_arch = "x86_64"))]
            #[inline(always)]
            fn launch<K: Kernel<Self>>(kernel: K) -> K::Output {
                portably(kernel)
            }
        }
    };
}

real_float!(f32, launch_f32);
real_float!(f64, launch_f64);

impl Real for Dual64 {
    type Primal = f64;
    type Wide = Self;

    const DUAL: bool = true;

    fn primal(self) -> f64 {
        self.re
    }

    fn tangent(self) -> f64 {
        self.eps
    }

    fn from_parts(primal: f64, tangent: f64) -> Self {
        Self::new(primal, tangent)
    }

    fn of(value: f64) -> Self {
        Self::from(value)
    }

    fn to_f64(self) -> f64 {
        self.re
    }

    fn widen(self) -> Self {
        self
    }

    fn narrow(wide: Self) -> Self {
        wide
    }

    fn trunc_index(self) -> i32 {
        self.re as i32
    }

    #[inline(always)]
    fn launch<K: Kernel<Self>>(kernel: K) -> K::Output {
        portably(kernel)
    }
}
