//! Where a picture is seen from.

use nalgebra::Vector3;

/// Half the vertical angle of view (rad): a moderate telephoto, so that boxes look
/// like boxes.
const HALF_ANGLE: f64 = 0.22;

/// Share of the picture that the fitted box may take.
const FILL: f64 = 0.94;

/// The direction that the box is looked at from; its distance is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// From the box to the eye, of any length.
    pub direction: Vector3<f64>,
}

impl Default for View {
    /// Three-quarter view from the front, right and above.
    fn default() -> Self {
        Self {
            direction: Vector3::new(0.62, 0.5, 1.0),
        }
    }
}

/// A perspective camera. `x` is right, `y` up and `z` forward.
#[derive(Debug, Clone)]
pub(super) struct Camera {
    pub eye: Vector3<f64>,
    pub right: Vector3<f64>,
    pub up: Vector3<f64>,
    pub forward: Vector3<f64>,
    /// Rays along each axis.
    pub width: usize,
    pub height: usize,
    /// Tangent of the angle between neighbouring rays at the middle.
    pub step: f64,
}

impl Camera {
    /// The camera that sees the whole box from `view`, centred and as near as can be.
    pub fn fitted(view: &View, bounds: &[Vector3<f64>; 2], width: usize, height: usize) -> Self {
        let back = view.direction.normalize();
        // Seen from straight above or below, up is away from the viewer's feet.
        let vertical = if back.y.abs() > 0.999 {
            -Vector3::z()
        } else {
            Vector3::y()
        };
        let right = vertical.cross(&back).normalize();
        let up = back.cross(&right);
        let half = [
            HALF_ANGLE.tan() * width as f64 / height as f64,
            HALF_ANGLE.tan(),
        ];
        let centre = (bounds[0] + bounds[1]) * 0.5;
        let corners: Vec<Vector3<f64>> = (0..8)
            .map(|corner| {
                let axis = |axis: usize| bounds[corner >> axis & 1][axis] - centre[axis];
                let offset = Vector3::new(axis(0), axis(1), axis(2));
                Vector3::new(offset.dot(&right), offset.dot(&up), -offset.dot(&back))
            })
            .collect();
        // Distance that holds all corners for a given shift, then the shift that centres
        // them at that distance; the pair settles in some dozens of rounds.
        let (mut shift, mut distance) = ([0.0; 2], 0.0);
        for _ in 0..100 {
            distance = corners.iter().fold(0.0, |distance: f64, corner| {
                let need = |axis: usize| {
                    (corner[axis] - shift[axis]).abs() / (half[axis] * FILL) - corner.z
                };
                distance.max(need(0)).max(need(1))
            });
            for axis in 0..2 {
                let seen =
                    |corner: &Vector3<f64>| (corner[axis] - shift[axis]) / (distance + corner.z);
                let low = corners.iter().map(seen).fold(f64::INFINITY, f64::min);
                let high = corners.iter().map(seen).fold(f64::NEG_INFINITY, f64::max);
                shift[axis] += 0.5 * (low + high) * distance;
            }
        }
        Self {
            eye: centre + right * shift[0] + up * shift[1] + back * distance,
            right,
            up,
            forward: -back,
            width,
            height,
            step: 2.0 * HALF_ANGLE.tan() / height as f64,
        }
    }

    /// Unit direction of a ray.
    pub fn ray(&self, column: usize, row: usize) -> Vector3<f64> {
        let x = (column as f64 + 0.5 - 0.5 * self.width as f64) * self.step;
        let y = (0.5 * self.height as f64 - row as f64 - 0.5) * self.step;
        (self.forward + self.right * x + self.up * y).normalize()
    }

    /// A point in the axes of the camera.
    pub fn local(&self, point: &Vector3<f64>) -> Vector3<f64> {
        let offset = point - self.eye;
        Vector3::new(
            offset.dot(&self.right),
            offset.dot(&self.up),
            offset.dot(&self.forward),
        )
    }

    /// Column and row, as real numbers, of tangents `x` and `y`.
    pub fn place(&self, x: f64, y: f64) -> [f64; 2] {
        let column = x / self.step + 0.5 * self.width as f64 - 0.5;
        let row = 0.5 * self.height as f64 - y / self.step - 0.5;
        [column, row]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_box_is_centred_and_fills_the_picture() {
        let bounds = [Vector3::new(-1.0, 0.0, 0.0), Vector3::new(2.0, 0.5, 1.0)];
        for direction in [[0.62, 0.5, 1.0], [0.0, 1.0, 0.0], [-3.0, -0.2, 0.1]] {
            let view = View {
                direction: direction.into(),
            };
            let camera = Camera::fitted(&view, &bounds, 300, 200);
            let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
            for corner in 0..8 {
                let at = |axis: usize| bounds[corner >> axis & 1][axis];
                let local = camera.local(&Vector3::new(at(0), at(1), at(2)));
                assert!(local.z > 0.0);
                let place = camera.place(local.x / local.z, local.y / local.z);
                for axis in 0..2 {
                    low[axis] = low[axis].min(place[axis]);
                    high[axis] = high[axis].max(place[axis]);
                }
            }
            let fill = [0, 1].map(|axis| (high[axis] - low[axis]) / [300.0, 200.0][axis]);
            assert!((fill[0].max(fill[1]) - FILL).abs() < 0.01, "{fill:?}");
            assert!((low[0] + high[0] - 299.0).abs() < 1.0);
            assert!((low[1] + high[1] - 199.0).abs() < 1.0);
        }
    }

    #[test]
    fn place_of_a_ray_is_its_pixel() {
        let bounds = [Vector3::zeros(), Vector3::repeat(1.0)];
        let camera = Camera::fitted(&View::default(), &bounds, 64, 48);
        let local = camera.local(&(camera.eye + camera.ray(5, 40) * 2.0));
        let place = camera.place(local.x / local.z, local.y / local.z);
        assert!((place[0] - 5.0).abs() < 1e-9 && (place[1] - 40.0).abs() < 1e-9);
    }
}
