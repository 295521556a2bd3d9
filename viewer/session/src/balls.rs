//! Particles as the renderer reads them: balls in two buffers.

use crate::{colour::Rgb, frame::Frame, light::Light};

/// Bytes of the two buffers (position and radius; colour and light), with room for `capacity` particles; those that are not there have
/// no radius.
pub fn buffers(frame: &Frame, rgb: &[Rgb], light: &Light, capacity: usize) -> (Vec<u8>, Vec<u8>) {
    let mut places = Vec::with_capacity(16 * capacity);
    let mut colours = Vec::with_capacity(4 * capacity);
    let radii = frame
        .stage
        .bodies
        .iter()
        .flat_map(|body| std::iter::repeat_n(body.radius as f32, body.count));
    for ((x, radius), [r, g, b]) in frame.x.iter().zip(radii).zip(rgb) {
        for value in [x[0], x[1], x[2], radius] {
            places.extend_from_slice(&value.to_ne_bytes());
        }
        let lit = (light.at(x) * 255.0) as u8;
        colours.extend_from_slice(&[*r, *g, *b, lit]);
    }
    places.resize(16 * capacity, 0);
    colours.resize(4 * capacity, 0);
    (places, colours)
}

/// Lets light fall on the bodies of a frame.
pub fn shine(light: &mut Light, frame: &Frame) {
    let mut rest = frame.x.as_slice();
    let groups = frame.stage.bodies.iter().map(|body| {
        let (group, after) = rest.split_at(body.count.min(rest.len()));
        rest = after;
        (group, (2.0 * body.radius).powi(3) as f32)
    });
    light.fall(groups, frame.stage.diagonal() as f32);
}

/// Bytes of the two buffers for balls of one radius (m) and colour.
pub fn ghost(
    points: &[[f32; 3]],
    radius: f32,
    [r, g, b]: Rgb,
    capacity: usize,
) -> (Vec<u8>, Vec<u8>) {
    let mut places: Vec<u8> = points
        .iter()
        .flat_map(|&[x, y, z]| [x, y, z, radius])
        .flat_map(f32::to_ne_bytes)
        .collect();
    let mut colours = [r, g, b, 255].repeat(points.len());
    places.resize(16 * capacity, 0);
    colours.resize(4 * capacity, 0);
    (places, colours)
}
