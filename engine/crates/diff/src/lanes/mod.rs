//! Sixteen scalars computed at once, with the instructions that the machine has.
//!
//! A [`Kernel`] is written once, over any [`Lanes`]; [`Real::launch`](crate::Real::launch)
//! runs it compiled for the widest [`Level`] of the machine at hand. [`Portable`] needs no
//! particular instructions, works for every scalar, dual numbers included, and is what the
//! others are tested against. Levels round differently: a sum of products may be fused.

pub mod columns;
mod matrices;
mod portable;
mod prefetch;
mod stored;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::atomic::{AtomicU8, Ordering};

pub use matrices::Matrices;
pub use portable::{Portable, portably};
pub use prefetch::prefetch;
pub use stored::Stored;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2F32, Avx2F64, Avx512F32};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{launch_f32, launch_f64};

/// Scalars of a [`Lanes`].
pub const WIDTH: usize = 16;

/// Sixteen scalars, also seen as four quads of four.
pub trait Lanes<T: Copy>: Copy {
    /// Proof that the machine has the instructions.
    type Isa: Copy;

    /// `value` in every lane.
    fn splat(isa: Self::Isa, value: T) -> Self;

    /// The lanes in order.
    fn load(isa: Self::Isa, from: &[T; WIDTH]) -> Self;

    /// A quad four times.
    fn repeat(isa: Self::Isa, quad: &[T; 4]) -> Self;

    /// The lanes in order.
    fn store(self, to: &mut [T; WIDTH]);

    /// `self + other`.
    #[must_use]
    fn add(self, other: Self) -> Self;

    /// `self - other`.
    #[must_use]
    fn sub(self, other: Self) -> Self;

    /// `self * other`.
    #[must_use]
    fn mul(self, other: Self) -> Self;

    /// `self / other`.
    #[must_use]
    fn div(self, other: Self) -> Self;

    /// `self * factor + term`, rounded once where the machine can.
    #[must_use]
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// `term - self * factor`, rounded once where the machine can.
    #[must_use]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self;

    /// Lane `l` is lane `from[l]` of `self`. Meant for constant patterns.
    #[must_use]
    fn permute(self, from: [usize; WIDTH]) -> Self;

    /// Quad `q` is the sum of the four quads of `parts[q]`.
    fn sum_quads(parts: [Self; 4]) -> Self;

    /// Lane `l` of row `r` is lane `r` of `rows[l]`.
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH];

    /// The greatest whole number that is not above each lane; lanes must fit `i32`.
    #[must_use]
    fn floor(self) -> Self;

    /// The lanes without their fractions, as grid indices; any number for what does not fit.
    fn indices(self) -> [i32; WIDTH];

    /// The lanes of `self` where those of `measure` are not at most `floor`, else zero; NaN is
    /// not at most anything.
    #[must_use]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self;

    /// Whether some lane of `self` is above that of `other`, or one of them is NaN.
    fn any_above(self, other: Self) -> bool;

    /// Lane `N` of each quad in all lanes of that quad.
    #[must_use]
    #[inline(always)]
    fn lane<const N: usize>(self) -> Self {
        self.permute([
            N,
            N,
            N,
            N,
            4 + N,
            4 + N,
            4 + N,
            4 + N,
            8 + N,
            8 + N,
            8 + N,
            8 + N,
            12 + N,
            12 + N,
            12 + N,
            12 + N,
        ])
    }

    /// Lane `N` of all sixteen in every lane.
    #[must_use]
    #[inline(always)]
    fn element<const N: usize>(self) -> Self {
        self.permute([N; WIDTH])
    }

    /// Quad `Q` four times.
    #[must_use]
    #[inline(always)]
    fn quad<const Q: usize>(self) -> Self {
        let [a, b, c, d] = [4 * Q, 4 * Q + 1, 4 * Q + 2, 4 * Q + 3];
        self.permute([a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d])
    }

    /// The sum of each quad in all of its lanes.
    #[must_use]
    #[inline(always)]
    fn sum_within_quads(self) -> Self {
        let pairs = self.add(self.permute([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14]));
        pairs.add(pairs.permute([2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13]))
    }
}

/// A computation written over any [`Lanes`].
pub trait Kernel<T: Copy> {
    /// What it returns.
    type Output;

    /// Runs it; must be `#[inline(always)]`, as must be all it calls.
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output;
}

/// A family of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// None in particular.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, CD, DQ and VL.
    Avx512,
}

impl Level {
    /// All levels, narrowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Its name, as the command spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

static LIMIT: AtomicU8 = AtomicU8::new(Level::Avx512 as u8);

/// Uses no wider instructions than those of `level` from now on, in the whole process.
pub fn limit(level: Level) {
    LIMIT.store(level as u8, Ordering::Relaxed);
}

/// The level that kernels run at: the widest that the machine has and [`limit`] allows.
pub fn level() -> Level {
    let limit = LIMIT.load(Ordering::Relaxed);
    let allowed = |level: &Level| *level as u8 <= limit && available(*level);
    let widest = Level::ALL.into_iter().rev().find(allowed);
    widest.unwrap_or(Level::Portable)
}

/// Whether the machine has the instructions of a level.
pub fn available(level: Level) -> bool {
    match level {
        Level::Portable => true,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => pulp::x86::V3::is_available(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => pulp::x86::V4::is_available(),
        #[cfg(not(target_arch = "x86_64"))]
        _ => false,
    }
}

#[cfg(test)]
mod tests;
