//! Particles as the renderer reads them: balls in two buffers.

use crate::{colour::Rgb, frame::Frame, light::Light};

/// Balls that a thread fills in at least: fewer are done sooner than a thread is started.
const LEAST: usize = 20_000;

/// Threads that fill buffers, at most.
const THREADS: usize = 4;

/// Bytes of the two buffers (position and radius; colour and light), with room for `capacity`
/// particles. Those that are not there have no radius, nor have those of liquids where `solids` alone
/// are shown.
pub fn buffers(
    frame: &Frame,
    rgb: &[Rgb],
    light: &Light,
    solids: bool,
    capacity: usize,
) -> (Vec<u8>, Vec<u8>) {
    let (mut places, mut colours) = (vec![0; 16 * capacity], vec![0; 4 * capacity]);
    let count = frame.x.len().min(capacity);
    let bodies = frame.stage.bodies.iter().zip(&frame.counts);
    // Where each body ends, and the radius of its balls.
    let ends: Vec<(usize, f32)> = bodies
        .scan(0, |end, (body, count)| {
            *end += count;
            let shown = !(solids && body.liquid);
            Some((*end, if shown { body.radius as f32 } else { 0.0 }))
        })
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = threads.min(THREADS).min(count / LEAST).max(1);
    let each = count.div_ceil(parts).max(1);
    let pieces = places
        .chunks_mut(16 * each)
        .zip(colours.chunks_mut(4 * each));
    std::thread::scope(|scope| {
        let mut pieces = pieces.take(parts).enumerate();
        let first = pieces.next();
        for (part, (places, colours)) in pieces {
            let ends = &ends;
            scope.spawn(move || fill(frame, rgb, light, ends, part * each, places, colours));
        }
        if let Some((_, (places, colours))) = first {
            fill(frame, rgb, light, &ends, 0, places, colours);
        }
    });
    (places, colours)
}

/// Fills in the balls from one on, as far as there are particles and room.
fn fill(
    frame: &Frame,
    rgb: &[Rgb],
    light: &Light,
    ends: &[(usize, f32)],
    from: usize,
    places: &mut [u8],
    colours: &mut [u8],
) {
    let room = places.chunks_exact_mut(16).zip(colours.chunks_exact_mut(4));
    let matter = frame.x.iter().zip(rgb).skip(from);
    let mut ends = ends.iter().peekable();
    for (index, ((x, [r, g, b]), (place, colour))) in (from..).zip(matter.zip(room)) {
        while ends.peek().is_some_and(|(end, _)| index >= *end) {
            ends.next();
        }
        let radius = ends.peek().map_or(0.0, |(_, radius)| *radius);
        for (four, value) in place.chunks_exact_mut(4).zip([x[0], x[1], x[2], radius]) {
            four.copy_from_slice(&value.to_ne_bytes());
        }
        colour.copy_from_slice(&[*r, *g, *b, (light.at(x) * 255.0) as u8]);
    }
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
        let (places, colours) = buffers(&frame, &rgb, &light, false, 5);
        assert_eq!((places.len(), colours.len()), (5 * 16, 5 * 4));
        let places = numbers(&places);
        assert_eq!(places[4..8], [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.05]);
        assert!(places[12..].iter().all(|&zero| zero == 0.0));
        assert_eq!(colours[4..7], [4, 5, 6]);
        let (hidden, _) = buffers(&frame, &rgb, &light, true, 5);
        assert!(numbers(&hidden).chunks_exact(4).all(|ball| ball[3] == 0.0));
    }

    #[test]
    fn many_balls_are_filled_in_as_few_are() {
        let frame = frame(0, 3 * LEAST + 7);
        let mut light = Light::new(&frame.stage.bounds);
        shine(&mut light, &frame);
        let rgb: Vec<Rgb> = (0..frame.x.len()).map(|n| [n as u8; 3]).collect();
        let (places, colours) = buffers(&frame, &rgb, &light, false, 4 * LEAST);
        let (mut one, mut other) = (vec![0; 64 * LEAST], vec![0; 16 * LEAST]);
        let ends = [(frame.x.len(), 0.05)];
        fill(&frame, &rgb, &light, &ends, 0, &mut one, &mut other);
        assert!(places == one && colours == other);
    }

    #[test]
    fn a_ghost_has_one_radius_and_colour() {
        let (places, colours) = ghost(&[[1.0, 2.0, 3.0]], 0.5, [9, 8, 7], 2);
        assert_eq!(numbers(&places), [1.0, 2.0, 3.0, 0.5, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(colours, [9, 8, 7, 255, 0, 0, 0, 0]);
    }
}
