//! What the tests of all shapes share.

use std::f64::consts::PI;

use num_dual::Dual64;

use super::*;

/// Numbers in [-1, 1] that depend on `seed` alone.
pub(crate) fn noise(seed: u32) -> Vector3<f64> {
    Vector3::new(12.9898, 78.233, 37.719).map(|k| (k * f64::from(seed + 1)).sin())
}

/// The vector with a tangent.
pub(crate) fn dual(value: &Vector3<f64>, tangent: &Vector3<f64>) -> Vector3<Dual64> {
    value.zip_map(tangent, Dual64::new)
}

/// The tangent of a vector.
pub(crate) fn tangent(value: &Vector3<Dual64>) -> Vector3<f64> {
    value.map(Real::tangent)
}

/// A torus of radius 0.3 m and tube 0.1 m on a grid with cells of a tenth of its tube.
pub(crate) fn torus_grid(torus: &Torus<f64>) -> DistanceGrid {
    let raster = Raster {
        origin: Vector3::new(-0.47, -0.17, -0.47),
        spacing: 0.01,
        counts: [95, 35, 95],
    };
    let [nx, ny, nz] = raster.counts;
    let node = |at: usize| raster.node([at % nx, at / nx % ny, at / (nx * ny)]);
    let values: Vec<f64> = (0..nx * ny * nz)
        .map(|at| torus.probe(&node(at)).distance)
        .collect();
    let corner = Vector3::new(0.4, 0.1, 0.4);
    let extent = Extent {
        volume: torus.volume().unwrap(),
        reach: 0.4,
        bounds: [-corner, corner],
    };
    DistanceGrid::new(Spline::through(raster, &values), extent)
}

/// Dot-product test of `probe_vjp` at `point`, the distance and the normal apart, and
/// that the tangent of the distance is along the normal.
pub(crate) fn assert_transpose(shape: &Shape<f64>, point: &Vector3<f64>, seed: u32) {
    let direction = noise(seed);
    let Probe { distance, normal } = shape.cast().probe(&dual(point, &direction));
    let along = shape.probe(point).normal.dot(&direction);
    assert!((distance.eps - along).abs() < 1e-12, "{shape:?} {point}");
    for (distance_bar, normal_bar) in [(0.7, Vector3::zeros()), (0.0, noise(seed + 1))] {
        let forward = distance_bar * distance.eps + normal_bar.dot(&tangent(&normal));
        let point_bar = shape.probe_vjp(point, distance_bar, &normal_bar);
        let backward = point_bar.dot(&direction);
        let scale = 1.0 + point_bar.norm();
        assert!(
            (forward - backward).abs() <= 1e-12 * scale,
            "{shape:?} {point} {forward} {backward}"
        );
    }
}

/// `|normal_bar -> H normal_bar|`: how much the normal bends at `point`.
pub(crate) fn bend(shape: &Shape<f64>, point: &Vector3<f64>, normal_bar: &Vector3<f64>) -> f64 {
    shape.probe_vjp(point, 0.0, normal_bar).norm()
}

/// Compares the distance with the nearest of many surface points, found on rays from
/// the origin by the predicate `inside` alone; the solid is convex about the origin.
pub(crate) fn assert_exact(
    shape: &Shape<f64>,
    inside: impl Fn(&Vector3<f64>) -> bool,
    points: &[Vector3<f64>],
) {
    let count = 40_000;
    let golden = PI * (3.0 - 5_f64.sqrt());
    let surface: Vec<_> = (0..count)
        .map(|i| {
            let (y, turn) = (
                1.0 - (2.0 * f64::from(i) + 1.0) / f64::from(count),
                golden * f64::from(i),
            );
            let ring = (1.0 - y * y).sqrt();
            let ray = Vector3::new(ring * turn.cos(), y, ring * turn.sin());
            let (mut low, mut high) = (0.0, 10.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if inside(&(ray * middle)) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            ray * low
        })
        .collect();
    for point in points {
        let Probe { distance, normal } = shape.probe(point);
        let nearest = surface
            .iter()
            .map(|s| (s - point).norm())
            .fold(f64::INFINITY, f64::min);
        assert_eq!(distance <= 0.0, inside(point), "sign: {shape:?} {point}");
        // No surface point is nearer, and one is as near up to the spacing of the samples.
        assert!(
            distance.abs() <= nearest + 1e-12 && nearest < distance.abs() + 0.02,
            "{shape:?} {point} {distance} {nearest}"
        );
        // The foot is on the surface to 1e-9.
        let foot = point - normal * distance;
        assert!(
            inside(&(foot * (1.0 - 1e-9))) && !inside(&(foot * (1.0 + 1e-9))),
            "{shape:?} {point} foot {foot}"
        );
    }
}
