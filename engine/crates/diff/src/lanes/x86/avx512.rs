//! Lanes in the registers of AVX-512.

use std::arch::x86_64::__m512;

use pulp::{cast, x86::V4};

use super::NOT_AT_MOST;
use crate::lanes::{Lanes, WIDTH};

/// Rounds towards minus infinity, without exceptions.
const FLOOR: i32 = 0x09;

/// Sixteen `f32` in one register of AVX-512.
#[derive(Clone, Copy)]
pub struct Avx512F32(V4, __m512);

impl Lanes<f32> for Avx512F32 {
    type Isa = V4;

    #[inline(always)]
    fn splat(isa: V4, value: f32) -> Self {
        Self(isa, isa.avx512f._mm512_set1_ps(value))
    }

    #[inline(always)]
    fn load(isa: V4, from: &[f32; WIDTH]) -> Self {
        Self(isa, cast(*from))
    }

    #[inline(always)]
    fn repeat(isa: V4, quad: &[f32; 4]) -> Self {
        Self(isa, isa.avx512f._mm512_broadcast_f32x4(cast(*quad)))
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        *to = cast(self.1);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0, self.0.avx512f._mm512_add_ps(self.1, other.1))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0, self.0.avx512f._mm512_sub_ps(self.1, other.1))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0, self.0.avx512f._mm512_mul_ps(self.1, other.1))
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(self.0, self.0.avx512f._mm512_div_ps(self.1, other.1))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let sum = self.0.avx512f._mm512_fmadd_ps(self.1, factor.1, term.1);
        Self(self.0, sum)
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        let sum = self.0.avx512f._mm512_fnmadd_ps(self.1, factor.1, term.1);
        Self(self.0, sum)
    }

    #[inline(always)]
    fn permute(self, from: [usize; WIDTH]) -> Self {
        let mut lanes = [0_i32; WIDTH];
        for lane in 0..WIDTH {
            lanes[lane] = from[lane] as i32;
        }
        let from = cast(lanes);
        Self(self.0, self.0.avx512f._mm512_permutexvar_ps(from, self.1))
    }

    #[inline(always)]
    fn sum_quads([a, b, c, d]: [Self; 4]) -> Self {
        let isa = a.0.avx512f;
        let ab = isa._mm512_add_ps(
            isa._mm512_shuffle_f32x4::<0b01_00_01_00>(a.1, b.1),
            isa._mm512_shuffle_f32x4::<0b11_10_11_10>(a.1, b.1),
        );
        let cd = isa._mm512_add_ps(
            isa._mm512_shuffle_f32x4::<0b01_00_01_00>(c.1, d.1),
            isa._mm512_shuffle_f32x4::<0b11_10_11_10>(c.1, d.1),
        );
        let sum = isa._mm512_add_ps(
            isa._mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd),
            isa._mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd),
        );
        Self(a.0, sum)
    }

    #[inline(always)]
    fn transpose(rows: [Self; WIDTH]) -> [Self; WIDTH] {
        let isa = rows[0].0.avx512f;
        let mut pairs = rows;
        for (pair, row) in pairs.chunks_exact_mut(2).zip(rows.chunks_exact(2)) {
            pair[0].1 = isa._mm512_unpacklo_ps(row[0].1, row[1].1);
            pair[1].1 = isa._mm512_unpackhi_ps(row[0].1, row[1].1);
        }
        // Quad `q` of fours `4 g + c` holds lane `4 q + c` of four rows from `4 g`.
        let mut fours = pairs;
        for (four, pair) in fours.chunks_exact_mut(4).zip(pairs.chunks_exact(4)) {
            for half in 0..2 {
                let (a, b) = (cast(pair[half].1), cast(pair[half + 2].1));
                four[2 * half].1 = cast(isa._mm512_unpacklo_pd(a, b));
                four[2 * half + 1].1 = cast(isa._mm512_unpackhi_pd(a, b));
            }
        }
        let mut columns = fours;
        for at in 0..4 {
            let [a, b, c, d] = [
                fours[at].1,
                fours[at + 4].1,
                fours[at + 8].1,
                fours[at + 12].1,
            ];
            let low = [
                isa._mm512_shuffle_f32x4::<0b01_00_01_00>(a, b),
                isa._mm512_shuffle_f32x4::<0b01_00_01_00>(c, d),
            ];
            let high = [
                isa._mm512_shuffle_f32x4::<0b11_10_11_10>(a, b),
                isa._mm512_shuffle_f32x4::<0b11_10_11_10>(c, d),
            ];
            columns[at].1 = isa._mm512_shuffle_f32x4::<0b10_00_10_00>(low[0], low[1]);
            columns[at + 4].1 = isa._mm512_shuffle_f32x4::<0b11_01_11_01>(low[0], low[1]);
            columns[at + 8].1 = isa._mm512_shuffle_f32x4::<0b10_00_10_00>(high[0], high[1]);
            columns[at + 12].1 = isa._mm512_shuffle_f32x4::<0b11_01_11_01>(high[0], high[1]);
        }
        columns
    }

    #[inline(always)]
    fn floor(self) -> Self {
        Self(self.0, self.0.avx512f._mm512_roundscale_ps::<FLOOR>(self.1))
    }

    #[inline(always)]
    fn indices(self) -> [i32; WIDTH] {
        cast(self.0.avx512f._mm512_cvttps_epi32(self.1))
    }

    #[inline(always)]
    fn unless_at_most(self, measure: Self, floor: Self) -> Self {
        let isa = self.0.avx512f;
        let above = isa._mm512_cmp_ps_mask::<NOT_AT_MOST>(measure.1, floor.1);
        Self(self.0, isa._mm512_maskz_mov_ps(above, self.1))
    }

    #[inline(always)]
    fn any_above(self, other: Self) -> bool {
        let isa = self.0.avx512f;
        isa._mm512_cmp_ps_mask::<NOT_AT_MOST>(self.1, other.1) != 0
    }
}
