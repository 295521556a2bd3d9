//! Particles as the renderer reads them: balls in two buffers.

use crate::{
    colour::Rgb, frame::Frame, hidden::Depths, light::Light, smoke::Veil, stage::StageBody,
};

/// Balls that a thread fills in at least: fewer are done sooner than a thread is started.
const LEAST: usize = 10_000;

/// Threads that fill buffers, at most.
const THREADS: usize = 4;

/// The two buffers of balls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffers {
    /// Bytes of position (m) and radius (m) of each ball, four bytes a number; zero where there is
    /// none.
    pub places: Vec<u8>,
    /// Red, green, blue and light of each ball, a byte each.
    pub colours: Vec<u8>,
    /// How many balls there are, from the first on.
    pub count: usize,
}

/// Which particles become balls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Of which bodies.
    pub of: Part,
    /// Whether those do not that lie too deep inside of matter to be seen.
    pub shell: bool,
}

/// Which bodies are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    All,
    /// Liquids.
    Liquids,
    /// All but liquids.
    Others,
}

impl Part {
    /// Whether a body belongs to it.
    fn holds(self, body: &StageBody) -> bool {
        match self {
            Self::All => true,
            Self::Liquids => body.liquid,
            Self::Others => !body.liquid,
        }
    }
}

/// Fills in buffers, with memory that is kept from one frame to the next.
#[derive(Debug, Default)]
pub struct Packer {
    depths: Depths,
    /// Indices of the particles that become balls.
    chosen: Vec<u32>,
}

/// Positions and radius (m) of the particles of each body that may become balls.
fn groups(frame: &Frame, of: Part) -> impl Iterator<Item = (&[[f32; 3]], f32)> + Clone {
    let bodies = frame.stage.bodies.iter().zip(&frame.counts);
    let groups = bodies.scan(frame.x.as_slice(), move |rest, (body, count)| {
        let (group, after) = rest.split_at((*count).min(rest.len()));
        *rest = after;
        Some((
            group,
            if of.holds(body) {
                body.radius as f32
            } else {
                0.0
            },
        ))
    });
    groups.filter(|(_, radius)| *radius > 0.0)
}

impl Packer {
    /// The buffers of a frame, with room for `capacity` balls.
    pub fn pack(
        &mut self,
        frame: &Frame,
        rgb: &[Rgb],
        light: &Light,
        choice: Choice,
        capacity: usize,
    ) -> Buffers {
        self.choose(frame, choice);
        let (mut places, mut colours) = (vec![0; 16 * capacity], vec![0; 4 * capacity]);
        let chosen = &self.chosen[..self.chosen.len().min(capacity)];
        let bodies = frame.stage.bodies.iter().zip(&frame.counts);
        // Where each body ends, and the radius of its balls.
        let ends: Vec<(usize, f32)> = bodies
            .scan(0, |end, (body, count)| {
                *end += count;
                Some((*end, body.radius as f32))
            })
            .collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let parts = threads.min(THREADS).min(chosen.len() / LEAST).max(1);
        let each = chosen.len().div_ceil(parts).max(1);
        let pieces = places
            .chunks_mut(16 * each)
            .zip(colours.chunks_mut(4 * each))
            .zip(chosen.chunks(each));
        std::thread::scope(|scope| {
            let mut pieces = pieces;
            let first = pieces.next();
            for ((places, colours), chosen) in pieces {
                let ends = &ends;
                scope.spawn(move || fill(frame, rgb, light, ends, chosen, places, colours));
            }
            if let Some(((places, colours), chosen)) = first {
                fill(frame, rgb, light, &ends, chosen, places, colours);
            }
        });
        Buffers {
            places,
            colours,
            count: chosen.len(),
        }
    }

    /// Chooses the particles that become balls.
    fn choose(&mut self, frame: &Frame, Choice { of, shell }: Choice) {
        self.chosen.clear();
        if shell {
            self.depths.find(groups(frame, of));
        }
        let mut start = 0;
        for (body, count) in frame.stage.bodies.iter().zip(&frame.counts) {
            let end = (start + count).min(frame.x.len());
            if of.holds(body) {
                let all = start as u32..end as u32;
                if shell {
                    let seen = |index: &u32| !self.depths.hide(&frame.x[*index as usize]);
                    self.chosen.extend(all.filter(seen));
                } else {
                    self.chosen.extend(all);
                }
            }
            start = end;
        }
    }
}

/// Fills in the balls of some particles.
fn fill(
    frame: &Frame,
    rgb: &[Rgb],
    light: &Light,
    ends: &[(usize, f32)],
    chosen: &[u32],
    places: &mut [u8],
    colours: &mut [u8],
) {
    let room = places.chunks_exact_mut(16).zip(colours.chunks_exact_mut(4));
    let mut ends = ends.iter().peekable();
    for (&index, (place, colour)) in chosen.iter().zip(room) {
        let index = index as usize;
        let (Some(x), Some([r, g, b])) = (frame.x.get(index), rgb.get(index)) else {
            return;
        };
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

/// Lets light fall on the bodies of a frame, through smoke if there is any.
pub fn shine(light: &mut Light, frame: &Frame, smoke: Option<&Veil>) {
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
    light.fall(groups, smoke, frame.stage.diagonal() as f32);
}

/// The buffers for balls of one radius (m) and colour.
pub fn ghost(points: &[[f32; 3]], radius: f32, [r, g, b]: Rgb, capacity: usize) -> Buffers {
    let mut places: Vec<u8> = points
        .iter()
        .flat_map(|&[x, y, z]| [x, y, z, radius])
        .flat_map(f32::to_ne_bytes)
        .collect();
    let mut colours = [r, g, b, 255].repeat(points.len());
    places.resize(16 * capacity, 0);
    colours.resize(4 * capacity, 0);
    Buffers {
        places,
        colours,
        count: points.len(),
    }
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

    const ALL: Choice = Choice {
        of: Part::All,
        shell: false,
    };

    #[test]
    fn a_ball_has_its_place_radius_and_colour_and_behind_the_last_there_is_none() {
        let frame = frame(0, 3);
        let mut light = Light::new(&frame.stage.bounds);
        shine(&mut light, &frame, None);
        let rgb = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];
        let mut packer = Packer::default();
        let all = packer.pack(&frame, &rgb, &light, ALL, 5);
        assert_eq!(
            (all.places.len(), all.colours.len(), all.count),
            (5 * 16, 5 * 4, 3)
        );
        let places = numbers(&all.places);
        assert_eq!(places[4..8], [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.05]);
        assert!(places[12..].iter().all(|&zero| zero == 0.0));
        assert_eq!(all.colours[4..7], [4, 5, 6]);
        // The body is a liquid.
        let [liquids, others] = [Part::Liquids, Part::Others].map(|of| {
            let choice = Choice { of, ..ALL };
            packer.pack(&frame, &rgb, &light, choice, 5)
        });
        assert_eq!(liquids, all);
        assert!(others.count == 0 && others.places.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn many_balls_are_filled_in_as_few_are() {
        let frame = frame(0, 3 * LEAST + 7);
        let mut light = Light::new(&frame.stage.bounds);
        shine(&mut light, &frame, None);
        let rgb: Vec<Rgb> = (0..frame.x.len()).map(|n| [n as u8; 3]).collect();
        let packed = Packer::default().pack(&frame, &rgb, &light, ALL, 4 * LEAST);
        let (mut one, mut other) = (vec![0; 64 * LEAST], vec![0; 16 * LEAST]);
        let (ends, chosen) = (
            [(frame.x.len(), 0.05)],
            Vec::from_iter(0..frame.x.len() as u32),
        );
        fill(&frame, &rgb, &light, &ends, &chosen, &mut one, &mut other);
        assert!(packed.places == one && packed.colours == other);
    }

    #[test]
    fn a_shell_leaves_out_what_lies_deep_and_keeps_the_rest_as_it_is() {
        let mut frame = (*frame(0, 8000)).clone();
        // A cube of particles that touch.
        for (n, x) in frame.x.iter_mut().enumerate() {
            *x = [n % 20, n / 20 % 20, n / 400].map(|n| 0.1 * n as f32);
        }
        let mut light = Light::new(&frame.stage.bounds);
        shine(&mut light, &frame, None);
        let rgb: Vec<Rgb> = (0..frame.x.len()).map(|n| [n as u8; 3]).collect();
        let shell = Choice { shell: true, ..ALL };
        let mut packer = Packer::default();
        let all = packer.pack(&frame, &rgb, &light, ALL, 8000);
        let some = packer.pack(&frame, &rgb, &light, shell, 8000);
        assert_eq!((all.count, some.count), (8000, 8000 - 16_usize.pow(3)));
        let kept: Vec<&[u8]> = some.places.chunks_exact(16).take(some.count).collect();
        let seen = all.places.chunks_exact(16);
        assert_eq!(seen.filter(|ball| kept.contains(ball)).count(), some.count);
    }

    #[test]
    fn a_ghost_has_one_radius_and_colour() {
        let made = ghost(&[[1.0, 2.0, 3.0]], 0.5, [9, 8, 7], 2);
        assert_eq!(
            numbers(&made.places),
            [1.0, 2.0, 3.0, 0.5, 0.0, 0.0, 0.0, 0.0]
        );
        assert_eq!(made.colours, [9, 8, 7, 255, 0, 0, 0, 0]);
    }
}
