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
        .zip(&frame.counts)
        .flat_map(|(body, count)| std::iter::repeat_n(body.radius as f32, *count));
    for ((x, radius), [r, g, b]) in frame.x.iter().zip(radii).zip(rgb) {
        let mut place = [0; 16];
        for (four, value) in place.chunks_exact_mut(4).zip([x[0], x[1], x[2], radius]) {
            four.copy_from_slice(&value.to_ne_bytes());
        }
        places.extend_from_slice(&place);
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
    let groups = frame
        .stage
        .bodies
        .iter()
        .zip(&frame.counts)
        .map(|(body, count)| {
            let (group, after) = rest.split_at((*count).min(rest.len()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame;

    fn numbers(bytes: &[u8]) -> Vec<f32> {
        bytes
            .chunks_exact(4)
            .map(|bytes| f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect()
    }

    #[test]
    fn a_ball_has_its_place_radius_and_colour_and_what_is_not_there_has_no_radius() {
        let frame = frame(0, 3);
        let mut light = Light::new(&frame.stage.bounds);
        shine(&mut light, &frame);
        let rgb = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];
        let (places, colours) = buffers(&frame, &rgb, &light, 5);
        assert_eq!((places.len(), colours.len()), (5 * 16, 5 * 4));
        let places = numbers(&places);
        assert_eq!(places[4..8], [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.05]);
        assert!(places[12..].iter().all(|&zero| zero == 0.0));
        assert_eq!(colours[4..7], [4, 5, 6]);
    }

    #[test]
    fn a_ghost_has_one_radius_and_colour() {
        let (places, colours) = ghost(&[[1.0, 2.0, 3.0]], 0.5, [9, 8, 7], 2);
        assert_eq!(numbers(&places), [1.0, 2.0, 3.0, 0.5, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(colours, [9, 8, 7, 255, 0, 0, 0, 0]);
    }
}
