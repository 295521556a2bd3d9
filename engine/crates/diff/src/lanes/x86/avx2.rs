//! Lanes in the registers of AVX2, with FMA.

use std::arch::x86_64::{__m256, __m256d, __m256i};

use pulp::{cast, x86::V3};

use super::NOT_AT_MOST;
use crate::lanes::{Lanes, WIDTH};

/// An operation on each of two registers. Closures would not do: what takes one is not sure to be
/// inlined, and would then be compiled without the instructions of its caller.
macro_rules! halves {
    ($isa:expr, $operation:ident, $($of:expr),+) => {
        [$isa.$operation($($of[0]),+), $isa.$operation($($of[1]),+)]
    };
}

/// An operation on each of four registers.
macro_rules! quads {
    ($isa:expr, $operation:ident, $($of:expr),+) => {
        [
            $isa.$operation($($of[0]),+),
            $isa.$operation($($of[1]),+),
            $isa.$operation($($of[2]),+),
            $isa.$operation($($of[3]),+),
        ]
    };
}

/// Sixteen `f32` in two registers of AVX2.
#[derive(Clone, Copy)]
pub struct Avx2F32(V3, [__m256; 2]);

impl Lanes<f32> for Avx2F32 {
    type Isa = V3;

    #[inline(always)]
    fn splat(isa: V3, value: f32) -> Self {
        Self(isa, [isa.avx._mm256_set1_ps(value); 2])
    }

    #[inline(always)]
    fn load(isa: V3, from: &[f32; WIDTH]) -> Self {
        Self(isa, cast(*from))
    }

    #[inline(always)]
    fn repeat(isa: V3, quad: &[f32; 4]) -> Self {
        Self(isa, [cast([*quad; 2]); 2])
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        *to = cast(self.1);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0, halves!(self.0.avx, _mm256_add_ps, self.1, other.1))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0, halves!(self.0.avx, _mm256_sub_ps, self.1, other.1))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0, halves!(self.0.avx, _mm256_mul_ps, self.1, other.1))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(self.0, halves!(self.0.avx, _mm256_div_ps, self.1, other.1))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        Self(self.0, halves!(self.0.fma, _mm256_fmadd_ps, a, b, c))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        Self(self.0, halves!(self.0.fma, _mm256_fnmadd_ps, a, b, c))
    }

    #[inline(always)]
    fn permute(self, from: [usize; WIDTH]) -> Self {
        let (avx, avx2) = (self.0.avx, self.0.avx2);
        // Lanes within the eight that they come from, and -1 for those of the upper eight.
        let (mut within, mut upper) = ([0_i32; WIDTH], [0_i32; WIDTH]);
        for lane in 0..WIDTH {
            within[lane] = (from[lane] % 8) as i32;
            upper[lane] = -((from[lane] / 8) as i32);
        }
        let within: [__m256i; 2] = cast(within);
        let low = halves!(avx2, _mm256_permutevar8x32_ps, [self.1[0]; 2], within);
        let high = halves!(avx2, _mm256_permutevar8x32_ps, [self.1[1]; 2], within);
        let upper: [__m256; 2] = cast(upper);
        Self(self.0, halves!(avx, _mm256_blendv_ps, low, high, upper))
    }

    #[inline(always)]
    fn sum_quads(parts: [Self; 4]) -> Self {
        let isa = parts[0].0;
        let [a, b, c, d] = [
            isa.avx._mm256_add_ps(parts[0].1[0], parts[0].1[1]),
            isa.avx._mm256_add_ps(parts[1].1[0], parts[1].1[1]),
            isa.avx._mm256_add_ps(parts[2].1[0], parts[2].1[1]),
            isa.avx._mm256_add_ps(parts[3].1[0], parts[3].1[1]),
        ];
        let low = [
            isa.avx._mm256_permute2f128_ps::<0x20>(a, b),
            isa.avx._mm256_permute2f128_ps::<0x20>(c, d),
        ];
        let high = [
            isa.avx._mm256_permute2f128_ps::<0x31>(a, b),
            isa.avx._mm256_permute2f128_ps::<0x31>(c, d),
        ];
        Self(isa, halves!(isa.avx, _mm256_add_ps, low, high))
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let isa = rows[0].0;
        let mut columns = rows;
        for low in [0, 8] {
            for half in 0..2 {
                let mut square = [rows[0].1[0]; 8];
                for at in 0..8 {
                    square[at] = rows[low + at].1[half];
                }
                let square = transpose_eight(isa, square);
                for at in 0..8 {
                    columns[8 * half + at].1[low / 8] = square[at];
                }
            }
        }
        columns
    }

    #[inline(always)]
    fn floor(self) -> Self {
        Self(self.0, halves!(self.0.avx, _mm256_floor_ps, self.1))
    }

    #[inline(always)]
    fn indices(self) -> [i32; WIDTH] {
        cast(halves!(self.0.avx, _mm256_cvttps_epi32, self.1))
    }

    #[inline(always)]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self {
        let isa = self.0.avx;
        let (a, b) = (measure.1, floor.1);
        let above = [
            isa._mm256_cmp_ps::<NOT_AT_MOST>(a[0], b[0]),
            isa._mm256_cmp_ps::<NOT_AT_MOST>(a[1], b[1]),
        ];
        Self(self.0, halves!(isa, _mm256_and_ps, self.1, above))
    }

    #[inline(always)]
    fn any_above(self, other: Self) -> bool {
        let isa = self.0.avx;
        let (a, b) = (self.1, other.1);
        let above = isa._mm256_or_ps(
            isa._mm256_cmp_ps::<NOT_AT_MOST>(a[0], b[0]),
            isa._mm256_cmp_ps::<NOT_AT_MOST>(a[1], b[1]),
        );
        isa._mm256_movemask_ps(above) != 0
    }
}

/// Transposes a square of eight by eight.
#[inline(always)]
fn transpose_eight(isa: V3, rows: [__m256; 8]) -> [__m256; 8] {
    let avx = isa.avx;
    let mut pairs = rows;
    for at in [0, 2, 4, 6] {
        pairs[at] = avx._mm256_unpacklo_ps(rows[at], rows[at + 1]);
        pairs[at + 1] = avx._mm256_unpackhi_ps(rows[at], rows[at + 1]);
    }
    let mut fours = pairs;
    for at in [0, 4] {
        for half in 0..2 {
            let (a, b) = (pairs[at + half], pairs[at + half + 2]);
            fours[at + 2 * half] = avx._mm256_shuffle_ps::<0b01_00_01_00>(a, b);
            fours[at + 2 * half + 1] = avx._mm256_shuffle_ps::<0b11_10_11_10>(a, b);
        }
    }
    let mut columns = fours;
    for at in 0..4 {
        let (a, b) = (fours[at], fours[at + 4]);
        columns[at] = avx._mm256_permute2f128_ps::<0x20>(a, b);
        columns[at + 4] = avx._mm256_permute2f128_ps::<0x31>(a, b);
    }
    columns
}

/// Sixteen `f64` in four registers of AVX2.
#[derive(Clone, Copy)]
pub struct Avx2F64(V3, [__m256d; 4]);

impl Lanes<f64> for Avx2F64 {
    type Isa = V3;

    #[inline(always)]
    fn splat(isa: V3, value: f64) -> Self {
        Self(isa, [isa.avx._mm256_set1_pd(value); 4])
    }

    #[inline(always)]
    fn load(isa: V3, from: &[f64; WIDTH]) -> Self {
        Self(isa, cast(*from))
    }

    #[inline(always)]
    fn repeat(isa: V3, quad: &[f64; 4]) -> Self {
        Self(isa, [cast(*quad); 4])
    }

    #[inline(always)]
    fn store(self, to: &mut [f64; WIDTH]) {
        *to = cast(self.1);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0, quads!(self.0.avx, _mm256_add_pd, self.1, other.1))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0, quads!(self.0.avx, _mm256_sub_pd, self.1, other.1))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0, quads!(self.0.avx, _mm256_mul_pd, self.1, other.1))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(self.0, quads!(self.0.avx, _mm256_div_pd, self.1, other.1))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        Self(self.0, quads!(self.0.fma, _mm256_fmadd_pd, a, b, c))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        Self(self.0, quads!(self.0.fma, _mm256_fnmadd_pd, a, b, c))
    }

    #[inline(always)]
    fn permute(self, from: [usize; WIDTH]) -> Self {
        let lanes: [f64; WIDTH] = cast(self.1);
        let mut picked = lanes;
        for lane in 0..WIDTH {
            picked[lane] = lanes[from[lane]];
        }
        Self::load(self.0, &picked)
    }

    #[inline(always)]
    fn sum_quads(parts: [Self; 4]) -> Self {
        let avx = parts[0].0.avx;
        let mut sums = parts[0].1;
        for at in 0..4 {
            let [a, b, c, d] = parts[at].1;
            sums[at] = avx._mm256_add_pd(avx._mm256_add_pd(a, c), avx._mm256_add_pd(b, d));
        }
        Self(parts[0].0, sums)
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let isa = rows[0].0.avx;
        let mut columns = rows;
        for low in 0..4 {
            for quad in 0..4 {
                let square = &rows[4 * low..];
                let [a, b, c, d] = [
                    square[0].1[quad],
                    square[1].1[quad],
                    square[2].1[quad],
                    square[3].1[quad],
                ];
                let even = [isa._mm256_unpacklo_pd(a, b), isa._mm256_unpacklo_pd(c, d)];
                let odd = [isa._mm256_unpackhi_pd(a, b), isa._mm256_unpackhi_pd(c, d)];
                let to = 4 * quad;
                columns[to].1[low] = isa._mm256_permute2f128_pd::<0x20>(even[0], even[1]);
                columns[to + 1].1[low] = isa._mm256_permute2f128_pd::<0x20>(odd[0], odd[1]);
                columns[to + 2].1[low] = isa._mm256_permute2f128_pd::<0x31>(even[0], even[1]);
                columns[to + 3].1[low] = isa._mm256_permute2f128_pd::<0x31>(odd[0], odd[1]);
            }
        }
        columns
    }

    #[inline(always)]
    fn floor(self) -> Self {
        Self(self.0, quads!(self.0.avx, _mm256_floor_pd, self.1))
    }

    #[inline(always)]
    fn indices(self) -> [i32; WIDTH] {
        cast(quads!(self.0.avx, _mm256_cvttpd_epi32, self.1))
    }

    #[inline(always)]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self {
        let isa = self.0.avx;
        let mut above = measure.1;
        for at in 0..4 {
            above[at] = isa._mm256_cmp_pd::<NOT_AT_MOST>(above[at], floor.1[at]);
        }
        Self(self.0, quads!(isa, _mm256_and_pd, self.1, above))
    }

    #[inline(always)]
    fn any_above(self, other: Self) -> bool {
        let isa = self.0.avx;
        let mut found = 0;
        for at in 0..4 {
            let above = isa._mm256_cmp_pd::<NOT_AT_MOST>(self.1[at], other.1[at]);
            found |= isa._mm256_movemask_pd(above);
        }
        found != 0
    }
}
