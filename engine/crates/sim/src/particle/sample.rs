//! Filling a solid with particles.
//!
//! Places depend on the lattice of the domain, not on the solid: two bodies side by
//! side share no place, and a body that is shifted by a cell keeps its pattern.

use std::ops::Range;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::{
    grid::{Lattice, layout::PADDING},
    random::{STRIDE, scramble},
};

/// A box along the axes of the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Lower corner (m).
    pub min: Vector3<f64>,
    /// Upper corner (m).
    pub max: Vector3<f64>,
}

/// A bounded part of space.
pub trait Region: Sync {
    /// A box that holds it.
    fn bounds(&self) -> Bounds;

    /// Whether a point (m) is in it.
    fn contains(&self, point: &Vector3<f64>) -> bool;
}

/// How the cells of a lattice are filled: each is cut into `per_cell` equal parts, and
/// each part that has its place in the solid gets a particle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// Parts of a cell along each axis, at least 1.
    pub per_cell: [u32; 3],
    /// Seed of a random place in each part; otherwise the place is its centre.
    pub jitter: Option<u64>,
}

impl Pattern {
    /// A cubic lattice of `per_axis` places along each edge of a cell.
    pub const fn lattice(per_axis: u32) -> Self {
        Self {
            per_cell: [per_axis; 3],
            jitter: None,
        }
    }

    /// `per_cell` random places a cell, in parts as near to cubes as they can be.
    pub fn jittered(per_cell: u32, seed: u64) -> Self {
        let divides = |all: u32, part: u32| part > 0 && all.is_multiple_of(part);
        let root = f64::from(per_cell).cbrt().round() as u32;
        // The largest factor up to the cube root, then the largest up to the square
        // root of the rest: 12 = 3 x 2 x 2.
        let first = (1..=root.max(1))
            .rev()
            .find(|&part| divides(per_cell, part))
            .unwrap_or(1);
        let rest = per_cell.max(1) / first;
        let second = (1..=rest.isqrt())
            .rev()
            .find(|&part| divides(rest, part))
            .unwrap_or(1);
        Self {
            per_cell: [rest / second, second, first],
            jitter: Some(seed),
        }
    }

    /// Volume of a particle (m^3): `cell^3 / n` with `n` the particles of a cell.
    pub fn volume(&self, cell: f64) -> f64 {
        cell.powi(3)
            / self
                .per_cell
                .iter()
                .map(|&count| f64::from(count))
                .product::<f64>()
    }

    /// Edges of a part (m).
    fn spacing(&self, cell: f64) -> Vector3<f64> {
        Vector3::from(self.per_cell).map(|count| cell / f64::from(count))
    }

    /// Parts of the domain that a box may touch, along each axis.
    fn parts(&self, lattice: &Lattice<f64>, bounds: &Bounds) -> [Range<u64>; 3] {
        let (min, spacing) = (lattice.min(), self.spacing(lattice.dx));
        [0, 1, 2].map(|axis| {
            let cells = lattice.nodes[axis].saturating_sub(1 + 2 * PADDING);
            let all = cells as f64 * f64::from(self.per_cell[axis]);
            let part = |at: f64| ((at - min[axis]) / spacing[axis]).clamp(0.0, all);
            // The casts are exact: clamped to the parts of the domain.
            let first = part(bounds.min[axis]).floor() as u64;
            first..part(bounds.max[axis]).ceil() as u64
        })
    }

    /// Places that [`Pattern::fill`] looks at.
    pub fn candidates(&self, lattice: &Lattice<f64>, bounds: &Bounds) -> f64 {
        let parts = self.parts(lattice, bounds);
        parts
            .iter()
            .map(|range| range.end.saturating_sub(range.start) as f64)
            .product()
    }

    /// The place of a part of the domain (m).
    pub fn place(&self, lattice: &Lattice<f64>, part: [u64; 3]) -> Vector3<f64> {
        let spacing = self.spacing(lattice.dx);
        let offset = match self.jitter {
            None => Vector3::repeat(0.5),
            Some(seed) => {
                let seed = part
                    .iter()
                    .fold(mix(seed), |hash, &index| mix(hash ^ index));
                Vector3::from_fn(|axis, _| unit(mix(seed ^ axis as u64)))
            }
        };
        let at = |axis: usize| (part[axis] as f64 + offset[axis]) * spacing[axis];
        lattice.min() + Vector3::new(at(0), at(1), at(2))
    }

    /// The places in a plane of parts that are in `region`, y before z.
    fn plane<'a>(
        &'a self,
        lattice: &'a Lattice<f64>,
        [_, rows, columns]: [Range<u64>; 3],
        i: u64,
        region: &'a dyn Region,
    ) -> impl Iterator<Item = Vector3<f64>> + 'a {
        rows.flat_map(move |j| columns.clone().map(move |k| [i, j, k]))
            .map(|part| self.place(lattice, part))
            .filter(|place| region.contains(place))
    }

    /// The places in the domain that are in `region`, x before y before z.
    pub fn fill(&self, lattice: &Lattice<f64>, region: &dyn Region) -> Vec<Vector3<f64>> {
        let parts = self.parts(lattice, &region.bounds());
        let planes: Vec<Vec<_>> = parts[0]
            .clone()
            .into_par_iter()
            .map(|i| self.plane(lattice, parts.clone(), i, region).collect())
            .collect();
        planes.concat()
    }

    /// Whether `region` gets any particle.
    pub fn fills(&self, lattice: &Lattice<f64>, region: &dyn Region) -> bool {
        let parts = self.parts(lattice, &region.bounds());
        parts[0].clone().into_par_iter().any(|i| {
            self.plane(lattice, parts.clone(), i, region)
                .next()
                .is_some()
        })
    }
}

/// A bijection of 64 bits whose values on a counter are random.
fn mix(counter: u64) -> u64 {
    scramble(counter.wrapping_add(STRIDE))
}

/// A number in (0, 1), both ends excluded, from the upper 52 bits.
fn unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ball(Vector3<f64>, f64);

    impl Region for Ball {
        fn bounds(&self) -> Bounds {
            let reach = Vector3::repeat(self.1);
            Bounds {
                min: self.0 - reach,
                max: self.0 + reach,
            }
        }

        fn contains(&self, point: &Vector3<f64>) -> bool {
            (point - self.0).norm() <= self.1
        }
    }

    fn lattice() -> Lattice<f64> {
        Lattice::over(Vector3::new(-0.5, 0.0, 0.2), [20, 16, 12], 0.05)
    }

    fn ball() -> Ball {
        Ball(Vector3::new(0.02, 0.41, 0.5), 0.25)
    }

    #[test]
    fn filled_ball_has_its_volume() {
        let exact = 4.0 / 3.0 * std::f64::consts::PI * 0.25_f64.powi(3);
        for pattern in [
            Pattern::lattice(2),
            Pattern::lattice(3),
            Pattern::jittered(8, 7),
        ] {
            let volume = pattern.fill(&lattice(), &ball()).len() as f64 * pattern.volume(0.05);
            assert!(
                (volume / exact - 1.0).abs() < 0.02,
                "{pattern:?} {volume} {exact}"
            );
        }
    }

    #[test]
    fn lattice_is_that_of_the_domain() {
        let everything = Ball(Vector3::zeros(), 10.0);
        let places = Pattern::lattice(2).fill(&lattice(), &everything);
        assert_eq!(places.len(), 20 * 16 * 12 * 8);
        assert!((places[0] - Vector3::new(-0.4875, 0.0125, 0.2125)).norm() < 1e-14);
        // z is innermost, x outermost.
        assert!((places[1] - places[0] - Vector3::z() * 0.025).norm() < 1e-14);
        assert!((places[places.len() - 1] - Vector3::new(0.4875, 0.7875, 0.7875)).norm() < 1e-13);
    }

    #[test]
    fn jitter_stays_in_its_part_and_depends_on_the_seed_alone() {
        let (lattice, pattern) = (lattice(), Pattern::jittered(12, 1));
        assert_eq!(pattern.per_cell, [3, 2, 2]);
        let spacing = pattern.spacing(lattice.dx);
        let mut mean = Vector3::<f64>::zeros();
        for n in 0..1000_u64 {
            let part = [n % 60, n / 60 % 32, n % 24];
            let place = pattern.place(&lattice, part) - lattice.min();
            for axis in 0..3 {
                let offset = place[axis] / spacing[axis] - part[axis] as f64;
                assert!((-1e-12..=1.0 + 1e-12).contains(&offset));
                mean[axis] += offset / 1000.0;
            }
        }
        // Three standard deviations of the mean of 1000 uniform numbers.
        assert!(
            mean.iter()
                .all(|mean| (mean - 0.5).abs() < 3.0 * 0.289 / 1000_f64.sqrt())
        );

        let all = pattern.fill(&lattice, &ball());
        assert_eq!(all, pattern.fill(&lattice, &ball()));
        assert_ne!(all, Pattern::jittered(12, 2).fill(&lattice, &ball()));
        let single = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        assert_eq!(all, single.install(|| pattern.fill(&lattice, &ball())));
    }

    #[test]
    fn parts_of_a_cell_are_as_many_as_asked_for() {
        for per_cell in 1..=100 {
            let parts = Pattern::jittered(per_cell, 0).per_cell;
            assert_eq!(parts.iter().product::<u32>(), per_cell);
        }
        assert_eq!(Pattern::jittered(27, 0).per_cell, [3, 3, 3]);
    }

    #[test]
    fn region_outside_or_between_places_gets_nothing() {
        let pattern = Pattern::lattice(2);
        for region in [
            Ball(Vector3::repeat(5.0), 0.1),
            Ball(Vector3::new(0.0, 0.4, 0.5), 0.01),
        ] {
            assert!(!pattern.fills(&lattice(), &region));
            assert!(pattern.fill(&lattice(), &region).is_empty());
        }
        assert!(pattern.fills(&lattice(), &ball()));
    }
}
