//! Numbers that look random and depend on their arguments alone (splitmix64: Steele, Lea & Flood
//! 2014, "Fast splittable pseudorandom number generators").

/// What the counter of splitmix64 grows by.
pub(crate) const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

/// A bijection of 64 bits whose values on multiples of [`STRIDE`] are random.
pub(crate) fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The number of place `index` in the sequence of `seed`, in [0, 1).
pub(crate) fn fraction(seed: u64, index: u64) -> f64 {
    let counter = seed.wrapping_add(index).wrapping_add(1);
    (scramble(counter.wrapping_mul(STRIDE)) >> 11) as f64 / (1_u64 << 53) as f64
}
