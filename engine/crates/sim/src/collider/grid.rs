//! Any solid by its signed distance on a grid.

use std::{fmt, sync::Arc};

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    Probe, SignedDistance, polar,
    spline::{Jet, Raster, Spline},
};

/// A solid by its signed distance on a grid, such as that of a mesh. Clones share the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct DistanceGrid {
    grid: Arc<Grid>,
}

/// What is known of the solid besides its distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Volume (m^3).
    pub volume: f64,
    /// Distance of the farthest point from the origin (m).
    pub reach: f64,
    /// Lower and upper corner of the box around it (m).
    pub bounds: [Vector3<f64>; 2],
}

#[derive(PartialEq)]
struct Grid {
    spline: Spline,
    /// Corners (m) of what the spline covers.
    covered: [Vector3<f64>; 2],
    extent: Extent,
    lipschitz: f64,
}

/// What a reader can use: not the coefficients.
impl fmt::Debug for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Raster {
            origin,
            spacing,
            counts,
        } = self.spline.raster;
        write!(
            f,
            "Grid({counts:?} nodes of {spacing} m from {origin:?}, {:?})",
            self.extent
        )
    }
}

impl DistanceGrid {
    /// The solid of a spline through its signed distance (m).
    pub fn new(spline: Spline, extent: Extent) -> Self {
        let covered = spline.covered();
        // Across the border of the grid the parts along and towards it add up.
        let lipschitz = spline.steepest().hypot(1.0);
        let grid = Arc::new(Grid {
            spline,
            covered,
            extent,
            lipschitz,
        });
        Self { grid }
    }

    /// What is known of the solid.
    pub fn extent(&self) -> &Extent {
        &self.grid.extent
    }

    /// The nodes of the grid.
    pub fn raster(&self) -> &Raster {
        &self.grid.spline.raster
    }

    /// The spline of the distance.
    pub fn spline(&self) -> &Spline {
        &self.grid.spline
    }

    /// The nearest point of the grid, and the way from it (m): zero on the grid.
    #[inline]
    fn clamp<T: Real>(&self, point: &Vector3<T>) -> (Vector3<T>, Vector3<T>) {
        let [min, max] = &self.grid.covered;
        let inside = Vector3::from_fn(|axis, _| {
            let (low, high) = (T::of(min[axis]), T::of(max[axis]));
            // At the border the derivative of the inside is taken.
            if point[axis] < low {
                low
            } else if point[axis] > high {
                high
            } else {
                point[axis]
            }
        });
        (inside, *point - inside)
    }

    /// Distance, gradient and Hessian. On the grid those of the spline `s`. Elsewhere, with
    /// `p` the nearest point of the grid, `w = x - p` and `P` the axes along which `x` is
    /// within it:
    ///
    /// `d = s(p) + |w|`, `grad d = P grad s(p) + w / |w|`,
    /// `H = P H_s(p) P + (Q - w w^T / |w|^2) / |w|`, `Q = I - P`.
    ///
    /// By the triangle inequality the true distance is no larger. The distance is
    /// continuous, its gradient has a kink at the border of the grid.
    #[inline]
    fn jet<T: Real>(&self, point: &Vector3<T>) -> Jet<T> {
        let (inside, way) = self.clamp(point);
        let mut jet = self.grid.spline.jet(&inside);
        if let Some((length, direction)) = polar(&way) {
            let beyond = [0, 1, 2].map(|axis| way[axis] != T::zero());
            jet.value += length;
            for i in 0..3 {
                if beyond[i] {
                    jet.gradient[i] = direction[i];
                }
                for j in 0..3 {
                    if beyond[i] && beyond[j] {
                        let one = if i == j { T::one() } else { T::zero() };
                        jet.hessian[(i, j)] = (one - direction[i] * direction[j]) / length;
                    } else if beyond[i] != beyond[j] {
                        jet.hessian[(i, j)] = T::zero();
                    }
                }
            }
        }
        jet
    }
}

impl<T: Real> SignedDistance<T> for DistanceGrid {
    /// `d` of the spline and `n = grad d / |grad d|`; where the gradient vanishes, deep
    /// inside or between two parts, the direction of +y. The gradient is of length one but
    /// for what the spline rounds off, so that it is not quite the normal; [`probe_vjp`]
    /// knows the difference.
    ///
    /// [`probe_vjp`]: SignedDistance::probe_vjp
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        let jet = self.jet(point);
        Probe {
            distance: jet.value,
            normal: polar(&jet.gradient).map_or_else(Vector3::y, |(_, normal)| normal),
        }
    }

    /// `x_bar = grad d d_bar + H (I - n n^T) n_bar / |grad d|`; where the gradient vanishes
    /// the normal does not change.
    #[inline]
    fn probe_vjp(
        &self,
        point: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        let jet = self.jet(point);
        let direct = jet.gradient * distance_bar;
        match polar(&jet.gradient) {
            Some((length, normal)) => {
                direct + jet.hessian * (*normal_bar - normal * normal.dot(normal_bar)) / length
            }
            None => direct,
        }
    }

    /// That of the solid and half a cell.
    fn bounding_radius(&self) -> Option<f64> {
        // A spline rounds off what is finer than a cell.
        Some(self.grid.extent.reach + 0.5 * self.raster().spacing)
    }

    /// That of the solid.
    fn volume(&self) -> Option<f64> {
        Some(self.grid.extent.volume)
    }

    /// `sqrt(1 + L^2)` with `L` the bound of the gradient of the spline: the parts along and
    /// across the border of the grid add up.
    fn lipschitz(&self) -> f64 {
        self.grid.lipschitz
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{
        super::{Shape, Torus, testing::*},
        *,
    };

    const TORUS: Torus<f64> = Torus {
        radius: 0.3,
        tube: 0.1,
    };

    fn grid() -> DistanceGrid {
        torus_grid(&TORUS)
    }

    #[test]
    fn distance_and_normal_near_the_surface_are_those_of_the_solid() {
        let grid = grid();
        for seed in 0..500 {
            // On the circle in the tube, then out to less than two cells from the surface.
            let [turn, around] = [0, 1].map(|axis| noise(seed)[axis] * 3.1);
            let out = 0.1 + 0.015 * noise(seed).z;
            let rho = 0.3 + out * around.cos();
            let point = Vector3::new(rho * turn.cos(), out * around.sin(), rho * turn.sin());
            let (found, exact) = (grid.probe(&point), TORUS.probe(&point));
            // Fourth order: a few times (cell / tube)^4 of the tube.
            assert!(
                (found.distance - exact.distance).abs() < 2e-6,
                "{}",
                found.distance - exact.distance
            );
            assert!(
                (found.normal - exact.normal).norm() < 2e-4,
                "{}",
                (found.normal - exact.normal).norm()
            );
            let steep = grid.spline().jet(&point).gradient.norm();
            assert!((steep - 1.0).abs() < 2e-4, "{steep}");
        }
    }

    /// Points in the solid, near it, on the medial axis and on every side of the grid, at
    /// its edges and corners.
    fn points() -> Vec<Vector3<f64>> {
        let mut points: Vec<_> = (0..150).map(|seed| noise(seed) * 0.45).collect();
        points.extend((0..150).map(|seed| noise(seed).component_mul(&Vector3::new(1.0, 0.4, 1.0))));
        points.extend((0..30).map(|seed| {
            let ring = Vector3::new(noise(seed).x, 0.0, noise(seed).z).normalize() * 0.3;
            ring + noise(seed + 40) * 0.05
        }));
        points.push(Vector3::new(0.0, 0.03, 0.001));
        points.push(Vector3::new(0.3, 0.001, 0.002));
        points
    }

    #[test]
    fn probe_vjp_is_the_transpose_on_the_grid_and_beyond() {
        let grid = grid();
        let (mut inside, mut beyond) = (0, [0; 4]);
        for (seed, point) in (0..).zip(points()) {
            let direction = noise(seed + 500);
            let Probe { distance, normal } = grid.probe(&dual(&point, &direction));
            for (distance_bar, normal_bar) in [(0.7, Vector3::zeros()), (0.0, noise(seed + 1))] {
                let forward = distance_bar * distance.eps + normal_bar.dot(&tangent(&normal));
                let point_bar = grid.probe_vjp(&point, distance_bar, &normal_bar);
                let backward = point_bar.dot(&direction);
                assert!(
                    (forward - backward).abs() <= 1e-12 * (1.0 + point_bar.norm()),
                    "{point} {forward} {backward}"
                );
                assert!(point_bar.norm() > 1e-3);
            }
            let (_, way) = grid.clamp(&point);
            beyond[way.iter().filter(|&&way| way != 0.0).count()] += 1;
            inside += usize::from(SignedDistance::<f64>::contains(&grid, &point));
        }
        // In the solid, and beyond the sides, edges and corners of the grid.
        assert!(
            inside > 5 && beyond.iter().all(|&count| count > 5),
            "{inside} {beyond:?}"
        );
    }

    #[test]
    fn distance_goes_on_beyond_the_grid() {
        let grid = grid();
        let [min, max] = grid.grid.covered;
        for seed in 0..200 {
            let point = noise(seed) * 1.5;
            let on_border = point.sup(&min).inf(&max);
            let away = (point - on_border).norm();
            let known = grid.probe(&on_border).distance + away;
            assert!((grid.probe(&point).distance - known).abs() < 1e-12);
            // No less than the true distance, to what the grid rounds off.
            assert!(
                away == 0.0 || grid.probe(&point).distance > TORUS.probe(&point).distance - 1e-3
            );
            // Continuous: a little farther out is little farther away.
            let step = (point - on_border) * 1e-9;
            let [near, at] =
                [step, Vector3::zeros()].map(|step| grid.probe(&(on_border + step)).distance);
            assert!((near - at).abs() < 1e-8);
        }
        // A number that is none shows.
        assert!(
            grid.probe(&Vector3::new(f64::NAN, 0.0, 0.0))
                .distance
                .is_nan()
        );
    }

    #[test]
    fn distance_changes_no_faster_than_its_bound() {
        let grid = grid();
        let bound = SignedDistance::<f64>::lipschitz(&grid);
        assert!((1.0..3.2).contains(&bound), "{bound}");
        let points = points();
        for (a, b) in points.iter().zip(&points[1..]) {
            let change = (grid.probe(a).distance - grid.probe(b).distance).abs();
            assert!(change <= bound * (a - b).norm() + 1e-12);
        }
    }

    #[test]
    fn scalars_share_the_grid() {
        let shape = Shape::<f64>::Grid(grid());
        let point = Vector3::new(0.25, 0.05, -0.1);
        let exact = shape.probe(&point).distance;
        let single = shape.cast::<f32>().probe(&point.map(|x| x as f32)).distance;
        assert!((f64::from(single) - exact).abs() < 1e-6);
        let dual = shape
            .cast::<Dual64>()
            .probe(&point.map(Dual64::from))
            .distance;
        assert_eq!(dual.re, exact);
        assert_eq!(shape.cast::<f32>().cast::<f64>(), shape);
    }
}
