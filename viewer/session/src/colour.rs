//! From a field of the particles to their colours.

use backflow::sim::io::PALETTE;

use crate::frame::{Field, Frame};

/// An 8-bit sRGB colour.
pub type Rgb = [u8; 3];

/// Ten even steps of the colour map viridis (van der Walt and Smith 2015, CC0): its lightness
/// grows evenly, for colour-blind eyes too.
const VIRIDIS: [Rgb; 10] = [
    [68, 1, 84],
    [72, 40, 120],
    [62, 73, 137],
    [49, 104, 142],
    [38, 130, 142],
    [31, 158, 137],
    [53, 183, 121],
    [110, 206, 88],
    [181, 222, 43],
    [253, 231, 37],
];

/// The colour of what was not recorded.
pub const UNKNOWN: Rgb = [150, 152, 156];

/// The colour of a body.
pub fn body_colour(index: usize) -> Rgb {
    PALETTE[index % PALETTE.len()]
}

/// The colour of a share of the range, 0 to 1.
pub fn viridis(share: f32) -> Rgb {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f32;
    let step = (place as usize).min(VIRIDIS.len() - 2);
    let part = place - step as f32;
    std::array::from_fn(|channel| {
        let [from, to] = [step, step + 1].map(|step| f32::from(VIRIDIS[step][channel]));
        (from + (to - from) * part).round() as u8
    })
}

/// Values that a range is found from, at most.
const SAMPLES: usize = 4096;

/// Share of the values that a range holds (1).
const WITHIN: f32 = 0.98;

/// The range of values that the colours stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The value of the first colour.
    pub lower: f32,
    /// The value of the last colour.
    pub upper: f32,
}

impl Range {
    /// From zero to what all but some outliers stay below, so that colours of frames compare.
    pub fn of(values: &[f32]) -> Self {
        let every = values.len().div_ceil(SAMPLES).max(1);
        let mut sample: Vec<f32> = values.iter().copied().step_by(every).collect();
        let place = (sample.len().saturating_sub(1) as f32 * WITHIN).ceil() as usize;
        let upper = if sample.is_empty() {
            0.0
        } else {
            *sample.select_nth_unstable_by(place, f32::total_cmp).1
        };
        Self {
            lower: 0.0,
            upper: upper.max(0.0),
        }
    }

    /// The range that holds both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            lower: self.lower.min(other.lower),
            upper: self.upper.max(other.upper),
        }
    }

    /// Where a value is in it, 0 to 1.
    pub fn share(&self, value: f32) -> f32 {
        let span = self.upper - self.lower;
        if span > 0.0 {
            ((value - self.lower) / span).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// The colours of the particles of a frame; `colours` is overwritten. `gradient` is the field
/// that is not part of a frame.
pub fn colours(
    frame: &Frame,
    field: Field,
    gradient: Option<&[f32]>,
    range: Range,
    colours: &mut Vec<Rgb>,
) {
    colours.clear();
    let values = match field {
        Field::Gradient => gradient,
        field => frame.values(field),
    };
    match (field, values) {
        (Field::Body, _) => {
            for (index, count) in frame.counts.iter().enumerate() {
                colours.resize(colours.len() + count, body_colour(index));
            }
        }
        (_, Some(values)) if values.len() == frame.x.len() => {
            // A table is faster than a map a particle.
            let table: Vec<Rgb> = (0..=255_u8)
                .map(|n| viridis(f32::from(n) / 255.0))
                .collect();
            let colour = |&value: &f32| table[(range.share(value) * 255.0) as usize];
            colours.extend(values.iter().map(colour));
        }
        _ => colours.resize(frame.x.len(), UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::frame;

    #[test]
    fn ends_of_the_range_have_the_ends_of_the_map() {
        assert_eq!((viridis(-1.0), viridis(2.0)), (VIRIDIS[0], VIRIDIS[9]));
        assert_eq!(viridis(1.0 / 9.0), VIRIDIS[1]);
        let range = Range::of(&[0.5, 2.0]);
        assert_eq!((range.share(0.0), range.share(1.0)), (0.0, 0.5));
        assert_eq!(Range::of(&[]).share(1.0), 0.0);
    }

    #[test]
    fn every_particle_has_a_colour() {
        let frame = frame(0, 7);
        let mut found = Vec::new();
        let range = Range::of(&frame.speed);
        for field in Field::ALL {
            colours(&frame, field, None, range, &mut found);
            assert_eq!(found.len(), 7, "{field:?}");
        }
        colours(&frame, Field::Speed, None, range, &mut found);
        assert_eq!((found[0], found[6]), (VIRIDIS[0], VIRIDIS[9]));
        colours(&frame, Field::Gradient, None, range, &mut found);
        assert_eq!(found[3], UNKNOWN);
    }
}
