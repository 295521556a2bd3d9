//! The point of a triangle that is closest to a point.

use nalgebra::Vector3;

use super::Triangle;

/// The point (m) of a triangle that is closest to `p` (m), by the Voronoi region of corner,
/// edge or face that `p` is in (Ericson 2005, "Real-Time Collision Detection", 5.1.5).
///
/// A triangle without area is its edges.
#[inline(always)]
pub(super) fn closest_point([a, b, c]: &Triangle, p: &Vector3<f64>) -> Vector3<f64> {
    let (ab, ac, ap) = (b - a, c - a, p - a);
    let (d1, d2) = (ab.dot(&ap), ac.dot(&ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return *a;
    }
    let bp = p - b;
    let (d3, d4) = (ab.dot(&bp), ac.dot(&bp));
    if d3 >= 0.0 && d4 <= d3 {
        return *b;
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 && d1 > d3 {
        return a + ab * (d1 / (d1 - d3));
    }
    let cp = p - c;
    let (d5, d6) = (ab.dot(&cp), ac.dot(&cp));
    if d6 >= 0.0 && d5 <= d6 {
        return *c;
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 && d2 > d6 {
        return a + ac * (d2 / (d2 - d6));
    }
    let va = d3 * d6 - d5 * d4;
    let (along, back) = (d4 - d3, d5 - d6);
    if va <= 0.0 && along >= 0.0 && back >= 0.0 && along + back > 0.0 {
        return b + (c - b) * (along / (along + back));
    }
    let sum = va + vb + vc;
    if sum > 0.0 {
        return a + ab * (vb / sum) + ac * (vc / sum);
    }
    // Round-off left no region: the nearest of three points on the edges.
    let near = |from: &Vector3<f64>, to: &Vector3<f64>| {
        let edge = to - from;
        let square = edge.norm_squared();
        let part = if square > 0.0 {
            (edge.dot(&(p - from)) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        from + edge * part
    };
    [near(a, b), near(b, c), near(c, a)]
        .into_iter()
        .min_by(|a, b| (a - p).norm_squared().total_cmp(&(b - p).norm_squared()))
        .unwrap_or(*a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collider::testing::noise;

    #[test]
    fn no_point_of_the_triangle_is_closer() {
        for seed in 0..400 {
            let triangle = [noise(4 * seed), noise(4 * seed + 1), noise(4 * seed + 2)];
            let point = noise(4 * seed + 3) * 1.5;
            let found = (closest_point(&triangle, &point) - point).norm();
            let [a, b, c] = triangle;
            let (n, mut nearest) = (60, f64::INFINITY);
            for (i, j) in (0..=n).flat_map(|i| (0..=n - i).map(move |j| (i, j))) {
                let [u, v] = [i, j].map(|k| f64::from(k) / f64::from(n));
                nearest = nearest.min((a + (b - a) * u + (c - a) * v - point).norm());
            }
            // Samples are at most 2 * sqrt(3) / 60 apart.
            assert!(
                found <= nearest + 1e-12 && nearest < found + 0.06,
                "{seed} {found} {nearest}"
            );
        }
    }

    #[test]
    fn triangle_without_area_is_its_edges() {
        let (a, b) = (Vector3::zeros(), Vector3::new(1.0, 0.0, 0.0));
        let p = Vector3::new(0.25, 3.0, 4.0);
        for triangle in [
            [a, b, b],
            [a, a, b],
            [b, a, a],
            [a, b, b * 0.5],
            [b * 0.5, a, b],
        ] {
            let near = closest_point(&triangle, &p);
            assert!((near - b * 0.25).norm() < 1e-15, "{triangle:?} {near}");
        }
        assert_eq!(closest_point(&[b, b, b], &p), b);
    }
}
