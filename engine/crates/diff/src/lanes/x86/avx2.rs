//! Lanes in the registers of AVX2, with FMA.

use std::arch::x86_64::{__m256, __m256d};

use pulp::{cast, x86::V3};

use super::NOT_AT_MOST;
use crate::lanes::{Lanes, WIDTH};

/// Sixteen `f32` in two registers of AVX2.
#[derive(Clone, Copy)]
pub struct Avx2F32(V3, [__m256; 2]);

impl Avx2F32 {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(__m256, __m256) -> __m256) -> Self {
        let both = std::array::from_fn(|half| f(self.1[half], other.1[half]));
        Self(self.0, both)
    }
}

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
        self.zip(other, |a, b| self.0.avx._mm256_add_ps(a, b))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| self.0.avx._mm256_sub_ps(a, b))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| self.0.avx._mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| self.0.avx._mm256_div_ps(a, b))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        let fused = |half: usize| self.0.fma._mm256_fmadd_ps(a[half], b[half], c[half]);
        Self(self.0, [fused(0), fused(1)])
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        let fused = |half: usize| self.0.fma._mm256_fnmadd_ps(a[half], b[half], c[half]);
        Self(self.0, [fused(0), fused(1)])
    }

    #[inline(always)]
    fn permute(self, from: [usize; WIDTH]) -> Self {
        let (isa, from) = (self.0, from.map(|lane| lane as i32));
        let [low, high] = self.1;
        let pick = |half: usize| {
            let within = cast(std::array::from_fn::<i32, 8, _>(|lane| {
                from[8 * half + lane] % 8
            }));
            let upper = std::array::from_fn::<i32, 8, _>(|lane| -(from[8 * half + lane] / 8));
            isa.avx._mm256_blendv_ps(
                isa.avx2._mm256_permutevar8x32_ps(low, within),
                isa.avx2._mm256_permutevar8x32_ps(high, within),
                cast(upper),
            )
        };
        Self(self.0, [pick(0), pick(1)])
    }

    #[inline(always)]
    fn sum_quads(parts: [Self; 4]) -> Self {
        let isa = parts[0].0;
        let halved = parts.map(|part| isa.avx._mm256_add_ps(part.1[0], part.1[1]));
        let pair = |a: __m256, b: __m256| {
            isa.avx._mm256_add_ps(
                isa.avx._mm256_permute2f128_ps::<0x20>(a, b),
                isa.avx._mm256_permute2f128_ps::<0x31>(a, b),
            )
        };
        Self(
            isa,
            [pair(halved[0], halved[1]), pair(halved[2], halved[3])],
        )
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let isa = rows[0].0;
        let mut columns = rows;
        for low in [0, 8] {
            for half in 0..2 {
                let mut square = [rows[0].1[0]; 8];
                for (line, row) in square.iter_mut().zip(&rows[low..]) {
                    *line = row.1[half];
                }
                let square = transpose_eight(isa, square);
                for (line, column) in square.into_iter().zip(&mut columns[8 * half..]) {
                    column.1[low / 8] = line;
                }
            }
        }
        columns
    }

    #[inline(always)]
    fn floor(self) -> Self {
        Self(self.0, self.1.map(|half| self.0.avx._mm256_floor_ps(half)))
    }

    #[inline(always)]
    fn indices(self) -> [i32; WIDTH] {
        cast(self.1.map(|half| self.0.avx._mm256_cvttps_epi32(half)))
    }

    #[inline(always)]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self {
        let isa = self.0.avx;
        let above = measure.zip(floor, |a, b| isa._mm256_cmp_ps::<NOT_AT_MOST>(a, b));
        self.zip(above, |a, b| isa._mm256_and_ps(a, b))
    }

    #[inline(always)]
    fn any_above(self, other: Self) -> bool {
        let isa = self.0.avx;
        let above = |half: usize| {
            let mask = isa._mm256_cmp_ps::<NOT_AT_MOST>(self.1[half], other.1[half]);
            isa._mm256_movemask_ps(mask) != 0
        };
        above(0) || above(1)
    }
}

/// Transposes a square of eight by eight.
#[inline(always)]
fn transpose_eight(isa: V3, rows: [__m256; 8]) -> [__m256; 8] {
    let avx = isa.avx;
    let mut pairs = rows;
    for (pair, row) in pairs.chunks_exact_mut(2).zip(rows.chunks_exact(2)) {
        pair[0] = avx._mm256_unpacklo_ps(row[0], row[1]);
        pair[1] = avx._mm256_unpackhi_ps(row[0], row[1]);
    }
    let mut fours = pairs;
    for (four, pair) in fours.chunks_exact_mut(4).zip(pairs.chunks_exact(4)) {
        for half in 0..2 {
            let (a, b) = (pair[half], pair[half + 2]);
            four[2 * half] = avx._mm256_shuffle_ps::<0b01_00_01_00>(a, b);
            four[2 * half + 1] = avx._mm256_shuffle_ps::<0b11_10_11_10>(a, b);
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

impl Avx2F64 {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(__m256d, __m256d) -> __m256d) -> Self {
        let all = std::array::from_fn(|quad| f(self.1[quad], other.1[quad]));
        Self(self.0, all)
    }
}

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
        self.zip(other, |a, b| self.0.avx._mm256_add_pd(a, b))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| self.0.avx._mm256_sub_pd(a, b))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| self.0.avx._mm256_mul_pd(a, b))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| self.0.avx._mm256_div_pd(a, b))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        let fused = |quad: usize| self.0.fma._mm256_fmadd_pd(a[quad], b[quad], c[quad]);
        Self(self.0, std::array::from_fn(fused))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        let (a, b, c) = (self.1, factor.1, term.1);
        let fused = |quad: usize| self.0.fma._mm256_fnmadd_pd(a[quad], b[quad], c[quad]);
        Self(self.0, std::array::from_fn(fused))
    }

    #[inline(always)]
    fn permute(self, from: [usize; WIDTH]) -> Self {
        let lanes: [f64; WIDTH] = cast(self.1);
        Self::load(self.0, &from.map(|lane| lanes[lane]))
    }

    #[inline(always)]
    fn sum_quads(parts: [Self; 4]) -> Self {
        let isa = parts[0].0;
        let sum = |part: Self| {
            let [a, b, c, d] = part.1;
            isa.avx
                ._mm256_add_pd(isa.avx._mm256_add_pd(a, c), isa.avx._mm256_add_pd(b, d))
        };
        Self(isa, parts.map(sum))
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
        Self(self.0, self.1.map(|quad| self.0.avx._mm256_floor_pd(quad)))
    }

    #[inline(always)]
    fn indices(self) -> [i32; WIDTH] {
        cast(self.1.map(|quad| self.0.avx._mm256_cvttpd_epi32(quad)))
    }

    #[inline(always)]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self {
        let isa = self.0.avx;
        let above = measure.zip(floor, |a, b| isa._mm256_cmp_pd::<NOT_AT_MOST>(a, b));
        self.zip(above, |a, b| isa._mm256_and_pd(a, b))
    }

    #[inline(always)]
    fn any_above(self, other: Self) -> bool {
        let isa = self.0.avx;
        (0..4).any(|quad| {
            let mask = isa._mm256_cmp_pd::<NOT_AT_MOST>(self.1[quad], other.1[quad]);
            isa._mm256_movemask_pd(mask) != 0
        })
    }
}
