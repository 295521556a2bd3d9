//! Shapes of heaps of paste that their yield stress holds.

/// Final shape of a heap of paste with `k = 2 tau_y / rho g` (m).
///
/// Its plug extends under a normal stress along the bed that is `2 sqrt(tau_y^2 - tau^2)` above that across,
/// with the shear `tau = tau_y (1 - y / h)`: in all `pi tau_y h / 2` over the depth `h`. The balance
/// `d/dx (pi tau_y h / 2 - rho g h^2 / 2) = tau_y` gives
///
/// `h^2 - 2 b h = k (x_f - x)`, `b = pi tau_y / 2 rho g`
///
/// with a nose of the depth `2 b` (as in Dubash et al. 2009, J. Non-Newtonian Fluid Mech. 158:91); without
/// normal stresses `b = 0`.
pub struct Shape {
    k: f64,
    b: f64,
    /// Its length x_f (m).
    pub length: f64,
}

impl Shape {
    /// That of half a heap with the area `area` (m^2).
    pub fn new(k: f64, b: f64, area: f64) -> Self {
        let of = |length| Self { k, b, length };
        // Without normal stresses it is longest.
        let longest = (1.5 * area).powf(2.0 / 3.0) / k.cbrt();
        of(bisect(longest, |length| of(length).beyond(0.0) < area))
    }

    /// Depth at `x` (m).
    pub fn depth(&self, x: f64) -> f64 {
        let left = self.length - x;
        if left > 0.0 {
            self.b + (self.b * self.b + self.k * left).sqrt()
        } else {
            0.0
        }
    }

    /// Area beyond `x` (m^2).
    fn beyond(&self, x: f64) -> f64 {
        let Self { k, b, length } = *self;
        let left = length - x;
        b * left + ((b * b + k * left).powf(1.5) - b.powi(3)) / (1.5 * k)
    }

    /// Where its last hundredth begins (m).
    pub fn front(&self) -> f64 {
        let area = 0.01 * self.beyond(0.0);
        bisect(self.length, |x| self.beyond(x) > area)
    }

    /// How far measured depths are off, relative to its own (L2).
    pub fn error(&self, depths: &[[f64; 2]]) -> f64 {
        let off = depths.iter().map(|[x, h]| (h - self.depth(*x)).powi(2));
        let size = depths.iter().map(|[x, _]| self.depth(*x).powi(2));
        (off.sum::<f64>() / size.sum::<f64>()).sqrt()
    }
}
/// Where `goes_on` ends to hold between zero and `high`.
fn bisect(mut high: f64, goes_on: impl Fn(f64) -> bool) -> f64 {
    let mut low = 0.0;
    // A double has 53 bits.
    for _ in 0..53 {
        let middle = 0.5 * (low + high);
        if goes_on(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_without_normal_stresses_is_a_parabola() {
        let (k, area) = (0.01, 0.01_f64);
        let shape = Shape::new(k, 0.0, area);
        assert!((shape.length - (2.25 * area * area / k).cbrt()).abs() < 1e-9);
        assert!((shape.depth(0.0) - (k * shape.length).sqrt()).abs() < 1e-9);
        let front = shape.length * (1.0 - 0.01_f64.powf(2.0 / 3.0));
        assert!((shape.front() - front).abs() < 1e-9);
    }

    #[test]
    fn normal_stresses_keep_the_area_and_balance() {
        let (k, b, area) = (0.01, 0.008, 0.01);
        let shape = Shape::new(k, b, area);
        let step = shape.length / 1000.0;
        let sum: f64 = (0..1000)
            .map(|part| shape.depth((f64::from(part) + 0.5) * step) * step)
            .sum();
        assert!((sum - area).abs() < 1e-6);
        let h = shape.depth(0.1);
        assert!((h * h - 2.0 * b * h - k * (shape.length - 0.1)).abs() < 1e-12);
    }
}
