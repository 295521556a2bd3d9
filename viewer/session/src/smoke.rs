//! Gas as the renderer reads it: smoke, by how much it dims light and by its colour, in every cell.
//!
//! Where a quantity is at its thickest, a beam of light is dimmed by `exp(-s d)` over a way `d`, with
//! `s` the extinction (law of Beer and Lambert); elsewhere `s` is in proportion.

use crate::{
    colour::{Range, Rgb, viridis},
    gas::{GasFrame, Quantity, StageGas},
    light::Light,
};

/// How often the thickest smoke dims light by the factor e across the shortest side of a gas.
const DEPTH: f32 = 6.0;

/// The value from which on smoke is at its thickest, as a share of the greatest so far.
const FULL: f32 = 0.35;

/// Share of the thickest that a sheet has where there is nothing of its quantity, so that its
/// colours are seen there, too.
const SHEET: f32 = 0.3;

/// Light on smoke that is in the shade, as a share of that on smoke that is not (1).
const SHADE: f32 = 0.45;

/// Colour of smoke that is not coloured by a quantity.
const PLAIN: Rgb = [222, 225, 232];

/// The name of that colour.
pub const PLAIN_NAME: &str = "plain";

/// What of a gas is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The quantity that smoke is thick by.
    pub thickness: usize,
    /// The quantity that it is coloured by; none where it has one colour.
    pub colour: Option<usize>,
    /// Times the usual extinction (1).
    pub density: f32,
}

impl Look {
    /// The look of a gas by the names of its quantities. Without a name, smoke is thick by
    /// [`StageGas::smoke`]; a sheet has the colours of the same quantity, a volume one colour.
    pub fn named(
        gas: &StageGas,
        thickness: Option<&str>,
        colour: Option<&str>,
        density: f32,
    ) -> Self {
        let thickness = thickness.and_then(|name| gas.find(name));
        let thickness = thickness.unwrap_or_else(|| gas.smoke());
        let usual = || gas.sheet().then_some(thickness);
        let colour = match colour {
            Some(PLAIN_NAME) => None,
            Some(name) => gas.find(name).or_else(usual),
            None => usual(),
        };
        Self {
            thickness,
            colour,
            density,
        }
    }
}

/// The least and the greatest of a quantity, its reference among them.
pub fn range(quantity: &Quantity, values: &[f32]) -> Range {
    let start = Range {
        lower: quantity.reference,
        upper: quantity.reference,
    };
    values
        .iter()
        .fold(start, |Range { lower, upper }, value| Range {
            lower: lower.min(*value),
            upper: upper.max(*value),
        })
}

/// How thick smoke is.
#[derive(Debug, Clone, Default)]
pub struct Veil {
    min: [f32; 3],
    cell: f32,
    cells: [usize; 3],
    /// Extinction of the thickest smoke (1/m).
    extinction: f32,
    /// Share of it in every cell, x fastest.
    share: Vec<f32>,
}

impl Veil {
    /// Reads a frame, of whose quantity `range` is known so far.
    pub fn read(&mut self, gas: &StageGas, frame: &GasFrame, look: Look, range: Range) {
        self.min = gas.min.map(|x| x as f32).into();
        (self.cell, self.cells) = (gas.cell as f32, gas.cells);
        self.extinction = look.density * DEPTH / gas.thinnest() as f32;
        self.share.clear();
        let (Some(quantity), Some(values)) = (
            gas.quantities.get(look.thickness),
            frame.values.get(look.thickness),
        ) else {
            return;
        };
        let reference = quantity.reference;
        let full = FULL * (range.upper - reference).max(reference - range.lower);
        let scale = if full > 0.0 { full.recip() } else { 0.0 };
        let floor = if gas.sheet() && look.colour.is_some() {
            SHEET
        } else {
            0.0
        };
        self.share.extend(values.iter().map(|value| {
            let share = ((value - reference).abs() * scale).min(1.0);
            floor + (1.0 - floor) * share
        }));
    }

    /// Extinction of the thickest smoke (1/m).
    pub fn extinction(&self) -> f32 {
        self.extinction
    }

    /// Extinction at a point (1/m).
    pub fn at(&self, x: &[f32; 3]) -> f32 {
        let mut index = 0;
        for axis in [2, 1, 0] {
            let place = (x[axis] - self.min[axis]) / self.cell;
            let inside = place >= 0.0 && place < self.cells[axis] as f32;
            if !inside {
                return 0.0;
            }
            index = index * self.cells[axis] + place as usize;
        }
        self.extinction * self.share.get(index).copied().unwrap_or(0.0)
    }

    /// The texels of a volume, x fastest: colour, and share of the thickest, a byte each.
    pub fn texels(
        &self,
        gas: &StageGas,
        frame: &GasFrame,
        colour: Option<(usize, Range)>,
        light: &Light,
        texels: &mut Vec<u8>,
    ) {
        texels.clear();
        let coloured = colour.and_then(|(index, range)| Some((frame.values.get(index)?, range)));
        let mut rows = self.share.iter().enumerate();
        let [nx, ny, nz] = gas.cells;
        for k in 0..nz {
            for j in 0..ny {
                for i in 0..nx {
                    let Some((index, share)) = rows.next() else {
                        return;
                    };
                    let base = match coloured {
                        Some((values, range)) => viridis(range.share(values[index])),
                        None => PLAIN,
                    };
                    let at = [i, j, k];
                    let middle = |axis: usize| self.min[axis] + (at[axis] as f32 + 0.5) * self.cell;
                    let lit = light.at(&[middle(0), middle(1), middle(2)]);
                    let lit = SHADE + (1.0 - SHADE) * lit;
                    texels.extend(base.map(|channel| (f32::from(channel) * lit) as u8));
                    texels.push((share * 255.0).round() as u8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;

    fn gas(cells: [usize; 3]) -> StageGas {
        let quantity = |name: &str, reference, lifts| Quantity {
            name: name.to_owned(),
            unit: "",
            reference,
            lifts,
        };
        StageGas {
            min: Vector3::zeros(),
            cell: 0.1,
            cells,
            quantities: vec![
                quantity("heat", 20.0, true),
                quantity("smoke", 0.0, false),
                quantity("speed", 0.0, false),
            ],
        }
    }

    /// Smoke in the upper half of a cube alone.
    fn half() -> (StageGas, GasFrame) {
        let gas = gas([10; 3]);
        let count = 1000;
        let smoke = (0..count).map(|cell| if cell / 10 % 10 < 5 { 0.0 } else { 2.0 });
        let values = vec![vec![20.0; count], smoke.collect(), vec![0.0; count]];
        (gas, GasFrame { values })
    }

    #[test]
    fn smoke_is_what_does_not_lift_and_names_choose_otherwise() {
        let gas = gas([10; 3]);
        let look = Look::named(&gas, None, None, 1.0);
        assert_eq!((look.thickness, look.colour), (1, None));
        let look = Look::named(&gas, Some("heat"), Some("speed"), 1.0);
        assert_eq!((look.thickness, look.colour), (0, Some(2)));
        // Names of other scenes do not count.
        let look = Look::named(&gas, Some("dye"), Some("dye"), 1.0);
        assert_eq!((look.thickness, look.colour), (1, None));
    }

    #[test]
    fn a_sheet_has_the_colours_of_its_quantity_unless_it_is_to_be_plain() {
        let gas = gas([10, 10, 2]);
        assert_eq!(Look::named(&gas, None, None, 1.0).colour, Some(1));
        assert_eq!(Look::named(&gas, None, Some("plain"), 1.0).colour, None);
    }

    #[test]
    fn smoke_dims_where_it_is_and_not_elsewhere() {
        let (gas, frame) = half();
        let look = Look::named(&gas, None, None, 1.0);
        let range = range(&gas.quantities[1], &frame.values[1]);
        assert_eq!((range.lower, range.upper), (0.0, 2.0));
        let mut veil = Veil::default();
        veil.read(&gas, &frame, look, range);
        assert!((veil.at(&[0.5, 0.75, 0.5]) - DEPTH).abs() < 1e-4);
        assert_eq!(veil.at(&[0.5, 0.25, 0.5]), 0.0);
        assert_eq!(veil.at(&[0.5, 1.25, 0.5]), 0.0);
    }

    #[test]
    fn texels_have_the_share_in_their_opacity_and_smoke_shades_what_is_below() {
        let (gas, frame) = half();
        let look = Look::named(&gas, None, None, 1.0);
        let mut veil = Veil::default();
        veil.read(
            &gas,
            &frame,
            look,
            range(&gas.quantities[1], &frame.values[1]),
        );
        let mut light = Light::new(&[Vector3::zeros(), Vector3::repeat(1.0)]);
        light.fall(std::iter::empty(), Some(&veil), 1.7);
        let mut texels = Vec::new();
        veil.texels(&gas, &frame, None, &light, &mut texels);
        assert_eq!(texels.len(), 4000);
        let texel = |j: usize| &texels[4 * (5 + 10 * (j + 50))..][..4];
        assert_eq!((texel(2)[3], texel(7)[3]), (0, 255));
        assert!(texel(9)[0] > 200 && texel(5)[0] < 150, "{:?}", texel(5));
    }
}
