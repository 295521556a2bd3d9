//! The floor under the box, and the background that it fades into.

use nalgebra::Vector3;

use super::{
    camera::Camera,
    light::{Light, decode},
    solids::Union,
};

const FLOOR: [u8; 3] = [244, 245, 247];
const HORIZON: [u8; 3] = [250, 251, 252];
const ZENITH: [u8; 3] = [222, 229, 238];
const EDGE: [u8; 3] = [176, 182, 190];

/// Distances from the box at which the floor begins and ends to fade, in sizes of the
/// box.
const FADE: [f64; 2] = [0.4, 2.2];

/// Width of the outline of the box on the floor, in rays.
const OUTLINE: f64 = 2.2;

/// Colour (linear) where a ray meets no ball, and the distance (m) to the floor.
pub(super) fn colour(
    bounds: &[Vector3<f64>; 2],
    camera: &Camera,
    along: &Vector3<f64>,
    light: &Light,
    unions: &[Union],
) -> (Vector3<f64>, f64) {
    let sky = decode(&HORIZON).lerp(&decode(&ZENITH), smooth((along.y + 0.35) / 0.7));
    let depth = (bounds[0].y - camera.eye.y) / along.y;
    if !(along.y < 0.0 && depth > 0.0) {
        return (sky, f64::INFINITY);
    }
    let point = camera.eye + along * depth;
    let size = (bounds[1] - bounds[0]).max();
    // Signed distance to the outline, in the plane.
    let centre = (bounds[0] + bounds[1]) * 0.5;
    let beyond = |axis: usize| {
        (point[axis] - centre[axis]).abs() - 0.5 * (bounds[1][axis] - bounds[0][axis])
    };
    let (x, z) = (beyond(0), beyond(2));
    let outline = x.max(0.0).hypot(z.max(0.0)) + x.max(z).min(0.0);

    let lit = decode(&FLOOR) * light.floor(&point, unions);
    // A ray's width on the floor grows as the floor is seen more from the side.
    let ray = camera.step * depth / along.y.abs().sqrt();
    let line = 1.0 - smooth((outline.abs() / ray - 0.5 * OUTLINE) / 1.5 + 0.5);
    let lit = lit.lerp(&decode(&EDGE), 0.55 * line);
    let fade = smooth((outline / size - FADE[0]) / (FADE[1] - FADE[0]));
    (lit.lerp(&sky, fade), depth)
}

/// `3 s^2 - 2 s^3` of `s` clamped to [0, 1].
fn smooth(s: f64) -> f64 {
    let s = s.clamp(0.0, 1.0);
    s * s * (3.0 - 2.0 * s)
}
