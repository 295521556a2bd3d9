//! Random numbers without a history: each stream is a pure function of a seed and of where in
//! the run it is drawn, so that a resumed run draws the same ones.

/// A stream of random numbers (splitmix64; Steele, Lea & Flood 2014, "Fast splittable
/// pseudorandom number generators", figure 17).
///
/// ```
/// use backflow_optim::Random;
///
/// let draw = |iteration| Random::new(7, &[iteration, 3]).normal();
/// assert_eq!(draw(5), draw(5));
/// assert_ne!(draw(5), draw(6));
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

/// The step of splitmix64: 2^64 over the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The mixing of splitmix64: a bijection of 64 bits.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Random {
    /// The stream of `seed` at `place`, for instance iteration and number of the sample.
    #[must_use]
    pub fn new(seed: u64, place: &[u64]) -> Self {
        let add = |state: u64, part: &u64| mix(state.wrapping_add(STEP) ^ mix(*part));
        Self {
            state: place.iter().fold(mix(seed.wrapping_add(STEP)), add),
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number below `count`, which must not be 0; 0 if it is. The bias is below
    /// `count / 2^53`.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Standard normal (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A vector of standard normals.
    pub fn normals(&mut self, length: usize) -> Vec<f64> {
        (0..length).map(|_| self.normal()).collect()
    }

    /// `count` different numbers below `total`, in the order drawn; all of them if there are no
    /// more (the shuffle of Fisher and Yates, cut short).
    pub fn choose(&mut self, count: usize, total: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..total).collect();
        let count = count.min(total);
        for i in 0..count {
            let other = i + self.below(total - i);
            numbers.swap(i, other);
        }
        numbers.truncate(count);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_uniform_and_normal_numbers_are_theirs() {
        let mut random = Random::new(1, &[]);
        let n = 100_000;
        let (mut mean, mut normal, mut square, mut fourth) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            mean += random.uniform() / f64::from(n);
            let z = random.normal();
            normal += z / f64::from(n);
            square += z * z / f64::from(n);
            fourth += z.powi(4) / f64::from(n);
        }
        // four standard errors each: sqrt(1/12/n), sqrt(1/n), sqrt(2/n), sqrt(96/n)
        assert!((mean - 0.5).abs() < 4e-3, "{mean}");
        assert!(normal.abs() < 1.3e-2, "{normal}");
        assert!((square - 1.0).abs() < 1.8e-2, "{square}");
        assert!((fourth - 3.0).abs() < 0.13, "{fourth}");
    }

    #[test]
    fn chosen_numbers_differ_and_every_one_is_chosen_as_often() {
        let mut counts = [0; 6];
        for draw in 0..6000 {
            let chosen = Random::new(3, &[draw]).choose(2, 6);
            assert_ne!(chosen[0], chosen[1]);
            chosen.iter().for_each(|i| counts[*i] += 1);
        }
        // 2000 each; four standard errors are 4 sqrt(6000/3 2/3) = 146
        assert!(
            counts.iter().all(|n| (1854..2146).contains(n)),
            "{counts:?}"
        );
        assert_eq!(Random::new(3, &[]).choose(9, 3).len(), 3);
    }
}
