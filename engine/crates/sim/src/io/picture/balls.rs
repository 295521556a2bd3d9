//! Which ball each ray meets first.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::{Ball, camera::Camera};

/// Rows that are drawn by one task.
const BAND: usize = 16;

/// Marks a ray that meets no ball.
const NONE: u32 = u32::MAX;

/// First ball of every ray, and how far it is (m).
pub(super) struct Hits {
    width: usize,
    hits: Vec<(u32, f64)>,
}

impl Hits {
    /// Depth test of all balls; of equally near ones the first in the list is seen.
    pub fn of(balls: &[Ball], camera: &Camera) -> Self {
        let width = camera.width;
        let mut bands = vec![Vec::new(); camera.height.div_ceil(BAND)];
        for (index, ball) in balls.iter().enumerate() {
            if let Some(extent) = Extent::of(ball, camera) {
                for band in extent.rows[0] / BAND..=extent.rows[1] / BAND {
                    bands[band].push((index, extent));
                }
            }
        }
        let mut hits = vec![(NONE, f64::INFINITY); width * camera.height];
        hits.par_chunks_mut(width * BAND)
            .zip(bands)
            .enumerate()
            .for_each(|(band, (hits, inside))| {
                let first = band * BAND;
                let last = first + hits.len() / width - 1;
                for (index, extent) in inside {
                    let ball = &balls[index];
                    for row in extent.rows[0].max(first)..=extent.rows[1].min(last) {
                        for column in extent.columns[0]..=extent.columns[1] {
                            let hit = &mut hits[(row - first) * width + column];
                            let along = camera.ray(column, row);
                            if let Some(depth) = depth(ball, &camera.eye, &along)
                                && depth < hit.1
                            {
                                *hit = (index as u32, depth);
                            }
                        }
                    }
                }
            });
        Self { width, hits }
    }

    /// Index and distance (m) of the ball that a ray meets first.
    pub fn at(&self, row: usize, column: usize) -> Option<(usize, f64)> {
        let (index, depth) = self.hits[row * self.width + column];
        (index != NONE).then_some((index as usize, depth))
    }
}

/// First meeting of a ray and a ball in front of the eye (m).
fn depth(ball: &Ball, eye: &Vector3<f64>, along: &Vector3<f64>) -> Option<f64> {
    let offset = ball.centre - eye;
    let middle = offset.dot(along);
    let square = ball.radius.powi(2) - (offset - along * middle).norm_squared();
    (square >= 0.0).then(|| middle - square.sqrt())
}

/// The rays that can meet a ball: first and last, both included.
#[derive(Clone, Copy)]
struct Extent {
    columns: [usize; 2],
    rows: [usize; 2],
}

impl Extent {
    /// By the box around the ball in the axes of the camera; `None` if the ball is not
    /// in front of the eye or not in the picture.
    fn of(ball: &Ball, camera: &Camera) -> Option<Self> {
        let centre = camera.local(&ball.centre);
        let (near, far) = (centre.z - ball.radius, centre.z + ball.radius);
        if near <= 1e-3 * ball.radius {
            return None;
        }
        let low = |x: f64| ((x - ball.radius) / near).min((x - ball.radius) / far);
        let high = |x: f64| ((x + ball.radius) / near).max((x + ball.radius) / far);
        let [left, bottom] = camera.place(low(centre.x), low(centre.y));
        let [right, top] = camera.place(high(centre.x), high(centre.y));
        Some(Self {
            columns: range(left, right, camera.width)?,
            rows: range(top, bottom, camera.height)?,
        })
    }
}

/// The whole numbers of `0..count` between `low` and `high`.
fn range(low: f64, high: f64, count: usize) -> Option<[usize; 2]> {
    let first = low.ceil().max(0.0);
    let last = high.floor().min(count as f64 - 1.0);
    (first <= last).then_some([first as usize, last as usize])
}

#[cfg(test)]
mod tests {
    use super::{super::View, *};

    fn ball(x: f64, y: f64, z: f64, radius: f64) -> Ball {
        Ball {
            centre: Vector3::new(x, y, z),
            radius,
            rgb: [0; 3],
        }
    }

    #[test]
    fn depth_test_is_that_of_all_rays_and_balls() {
        let balls: Vec<_> = (0..40)
            .map(|i| {
                let noise = |k: f64| 0.5 + 0.5 * (k * f64::from(i + 1)).sin();
                ball(
                    noise(12.9),
                    noise(78.2),
                    noise(37.7),
                    0.02 + 0.1 * noise(5.1),
                )
            })
            .chain([ball(0.5, 0.5, 90.0, 1.0), ball(9.0, 0.5, 0.5, 0.2)])
            .collect();
        let bounds = [Vector3::zeros(), Vector3::repeat(1.0)];
        let camera = Camera::fitted(&View::default(), &bounds, 70, 50);
        let hits = Hits::of(&balls, &camera);
        let mut seen = 0;
        for (row, column) in (0..50).flat_map(|row| (0..70).map(move |column| (row, column))) {
            let along = camera.ray(column, row);
            let mut first: Option<(usize, f64)> = None;
            for (index, ball) in balls[..40].iter().enumerate() {
                if let Some(depth) = depth(ball, &camera.eye, &along)
                    && first.is_none_or(|(_, best)| depth < best)
                {
                    first = Some((index, depth));
                }
            }
            assert_eq!(hits.at(row, column), first);
            seen += usize::from(first.is_some());
        }
        assert!(seen > 300);
    }
}
