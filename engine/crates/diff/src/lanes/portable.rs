//! Lanes for every scalar and every machine; the compiler vectorises what it can.

use super::{Kernel, Lanes, WIDTH};
use crate::Real;

/// Runs a kernel without instructions in particular. Not inlined: all who ask share one copy.
#[inline(never)]
pub fn portably<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<Portable<T>>(())
}

/// An array of sixteen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Portable<T>([T; WIDTH]);

impl<T: Copy> Portable<T> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

impl<T: Real> Lanes<T> for Portable<T> {
    type Isa = ();

    #[inline(always)]
    fn splat((): (), value: T) -> Self {
        Self([value; WIDTH])
    }

    #[inline(always)]
    fn load((): (), from: &[T; WIDTH]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn repeat((): (), quad: &[T; 4]) -> Self {
        Self(std::array::from_fn(|lane| quad[lane % 4]))
    }

    #[inline(always)]
    fn store(self, to: &mut [T; WIDTH]) {
        *to = self.0;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.mul(factor).add(term)
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        term.sub(self.mul(factor))
    }

    #[inline(always)]
    fn permute(self, from: [usize; WIDTH]) -> Self {
        Self(std::array::from_fn(|lane| self.0[from[lane]]))
    }

    #[inline(always)]
    fn sum_quads(parts: [Self; 4]) -> Self {
        Self(std::array::from_fn(|lane| {
            let (part, at) = (&parts[lane / 4].0, lane % 4);
            (part[at] + part[at + 8]) + (part[at + 4] + part[at + 12])
        }))
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let mut columns = rows;
        for (lane, row) in rows.iter().enumerate() {
            for (column, &value) in columns.iter_mut().zip(&row.0) {
                column.0[lane] = value;
            }
        }
        columns
    }

    #[inline(always)]
    fn floor(self) -> Self {
        Self(self.0.map(|value| {
            let whole = T::of(f64::from(value.trunc_index()));
            if whole > value {
                whole - T::one()
            } else {
                whole
            }
        }))
    }

    #[inline(always)]
    fn indices(self) -> [i32; WIDTH] {
        self.0.map(T::trunc_index)
    }

    #[inline(always)]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            if measure.0[lane] <= floor.0[lane] {
                T::zero()
            } else {
                self.0[lane]
            }
        }))
    }

    #[inline(always)]
    fn any_above(self, other: Self) -> bool {
        !(0..WIDTH).all(|lane| self.0[lane] <= other.0[lane])
    }
}
