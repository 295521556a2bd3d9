//! Parts of a field that solve equations of their own.

use backflow_optim::Random;

use super::Residual;
use crate::error::OperatorError;

/// How a field in the plane is parted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiling {
    /// Tiles a side. Default: 4 by 4.
    pub tiles: [usize; 2],
    /// Width of the strips in which two tiles go over into each other, in units of a tile, 0 to 1. Default: 0.25.
    pub overlap: f64,
    /// Share of its equations that a tile solves, drawn by chance, above 0, at most 1. Default: 1.
    pub share: f64,
    /// What the draws follow from. Default: 0.
    pub seed: u64,
}

impl Default for Tiling {
    fn default() -> Self {
        Self {
            tiles: [4, 4],
            overlap: 0.25,
            share: 1.0,
            seed: 0,
        }
    }
}

/// A part of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tile {
    /// The numbers of the field that it reads or makes, in ascending order.
    pub numbers: Vec<usize>,
    /// How much of each is its own.
    pub shares: Vec<f64>,
    /// The equations that it solves, and which of its numbers each reads.
    pub equations: Vec<(usize, Vec<usize>)>,
}

/// Share of a tile at a place between 0 and 1 along an axis with so many tiles: 1 in its middle, going over into the
/// next one smoothly, so that all shares add up to 1.
fn share(place: f64, tile: usize, tiles: usize, overlap: f64) -> f64 {
    // From 0 to 1 where the tile begins.
    let rise = |edge: usize| {
        let off = place * tiles as f64 - edge as f64;
        if edge == 0 {
            1.0
        } else if edge == tiles {
            0.0
        } else if overlap == 0.0 {
            f64::from(u8::from(off >= 0.0))
        } else {
            let z = (off / overlap + 0.5).clamp(0.0, 1.0);
            z * z * (3.0 - 2.0 * z)
        }
    };
    rise(tile) - rise(tile + 1)
}

impl Tiling {
    /// The tiles of a field whose numbers lie at `places`, any two coordinates each.
    ///
    /// # Errors
    /// Wrong settings, no places, or an equation that reads what is not there.
    pub(super) fn part(
        &self,
        residual: &impl Residual,
        places: &[[f64; 2]],
    ) -> Result<Vec<Tile>, OperatorError> {
        self.check()?;
        let mut bounds = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        for place in places {
            for (bound, x) in bounds.iter_mut().zip(place) {
                *bound = [bound[0].min(*x), bound[1].max(*x)];
            }
        }
        let along = |axis: usize, x: f64| {
            let [low, high] = bounds[axis];
            (x - low) / (high - low).max(f64::MIN_POSITIVE)
        };
        let reads: Vec<Vec<usize>> = (0..residual.equations())
            .map(|equation| residual.reads(equation))
            .collect();
        let beyond = |at: &&usize| **at >= places.len();
        if let Some(beyond) = reads.iter().flatten().find(beyond) {
            let what = "a number that an equation reads";
            let expected = format!("below {}", places.len());
            return Err(OperatorError::mismatch(what, beyond, expected));
        }
        let count = self.tiles[0] * self.tiles[1];
        let one = |tile: usize| {
            let own = |number: usize| {
                let place = places[number];
                let (column, row) = (tile % self.tiles[0], tile / self.tiles[0]);
                share(along(0, place[0]), column, self.tiles[0], self.overlap)
                    * share(along(1, place[1]), row, self.tiles[1], self.overlap)
            };
            let stands =
                |equation: &usize| reads[*equation].first().is_some_and(|&at| own(at) > 0.0);
            let all: Vec<usize> = (0..reads.len()).filter(stands).collect();
            let wanted = (self.share * all.len() as f64).ceil() as usize;
            let mut chosen = Random::new(self.seed, &[tile as u64]).choose(wanted, all.len());
            chosen.sort_unstable();
            let solved: Vec<usize> = chosen.into_iter().map(|at| all[at]).collect();
            let mut numbers: Vec<usize> = (0..places.len()).filter(|&at| own(at) > 0.0).collect();
            numbers.extend(solved.iter().flat_map(|&equation| &reads[equation]));
            numbers.sort_unstable();
            numbers.dedup();
            let local = |at: &usize| numbers.partition_point(|number| number < at);
            let equations = solved.into_iter();
            Tile {
                equations: equations
                    .map(|equation| (equation, reads[equation].iter().map(local).collect()))
                    .collect(),
                shares: numbers.iter().map(|&number| own(number)).collect(),
                numbers,
            }
        };
        Ok((0..count).map(one).collect())
    }

    fn check(&self) -> Result<(), OperatorError> {
        if let Some(&side) = self.tiles.iter().find(|&&side| side == 0) {
            return Err(OperatorError::setting("tiles", side, "at least 1"));
        }
        if !(0.0..=1.0).contains(&self.overlap) {
            return Err(OperatorError::setting("overlap", self.overlap, "0 to 1"));
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            let expected = "a share above 0, at most 1";
            return Err(OperatorError::setting("share", self.share, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Diffusion;

    #[test]
    fn shares_add_up_to_one_and_each_equation_is_solved_somewhere() {
        let nodes = [14, 11];
        let places: Vec<[f64; 2]> = (0..154)
            .map(|at| [(at % 14) as f64, 0.3 * (at / 14) as f64])
            .collect();
        let residual = Diffusion::new(nodes, 0.0, &[0.0; 154]).unwrap();
        for overlap in [0.0, 0.25, 1.0] {
            let tiling = Tiling {
                tiles: [4, 3],
                overlap,
                ..Tiling::default()
            };
            let tiles = tiling.part(&residual, &places).unwrap();
            assert_eq!(tiles.len(), 12);
            let (mut sums, mut solved) = (vec![0.0; 154], vec![0; residual.equations()]);
            for tile in &tiles {
                for (number, share) in tile.numbers.iter().zip(&tile.shares) {
                    sums[*number] += share;
                }
                for (equation, reads) in &tile.equations {
                    solved[*equation] += 1;
                    let found: Vec<usize> = reads.iter().map(|&at| tile.numbers[at]).collect();
                    assert_eq!(found, residual.reads(*equation));
                }
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-12));
            assert!(solved.iter().all(|&solved| solved >= 1));
            assert_eq!(solved.iter().any(|&solved| solved > 1), overlap > 0.0);
            let few = Tiling {
                share: 0.3,
                ..tiling
            };
            let few = few.part(&residual, &places).unwrap();
            for (few, all) in few.iter().zip(&tiles) {
                let wanted = (0.3 * all.equations.len() as f64).ceil() as usize;
                assert_eq!(few.equations.len(), wanted);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let residual = Diffusion::new([3, 3], 0.0, &[0.0; 9]).unwrap();
        let error = |tiling: Tiling, count: usize| {
            let places = vec![[0.0; 2]; count];
            tiling.part(&residual, &places).unwrap_err().to_string()
        };
        let whole = Tiling::default();
        let none = Tiling {
            tiles: [2, 0],
            ..whole
        };
        assert_eq!(error(none, 9), "tiles = 0: expected at least 1");
        let wide = Tiling {
            overlap: 1.5,
            ..whole
        };
        assert_eq!(error(wide, 9), "overlap = 1.5: expected 0 to 1");
        let few = Tiling {
            share: 0.0,
            ..whole
        };
        assert!(error(few, 9).starts_with("share = 0"));
        assert_eq!(
            error(whole, 7),
            "a number that an equation reads: found 7, expected below 7"
        );
    }
}
