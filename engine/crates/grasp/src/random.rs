//! Numbers that look random and depend on a seed and an index alone.

/// A number in [0, 1) from a seed and an index: SplitMix64 (Steele, Lea & Flood 2014).
pub(crate) fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = seed
        .wrapping_mul(0xd134_2543_de82_ef95)
        .wrapping_add(index)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The radical inverse of `index` in a base (Halton 1960): evenly spread numbers in [0, 1).
pub(crate) fn halton(mut index: u64, base: u64) -> f64 {
    let (mut number, mut digit) = (0.0, 1.0 / base as f64);
    while index > 0 {
        number += (index % base) as f64 * digit;
        index /= base;
        digit /= base as f64;
    }
    number
}
