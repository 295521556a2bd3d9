//! How the problem itself changes while it is solved: from an easier one to that of the scene.

use backflow_optim::{Plateau, Random};
use backflow_sim::scene::{Fault, Scene};
use serde::{Deserialize, Serialize};

/// The `scheme` of an `optimize` part. The run goes through stages, each of which begins at the best
/// point of the one before; the last is the problem as the scene has it. A stage ends at a plateau,
/// or when its equal share of the iterations is used. The optimiser keeps its memory from stage to
/// stage, unless it compares values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scheme {
    /// Starts beside that of the scene, of which the best is gone on with (none by default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Starts>,
    /// How the run grows longer (as long as it is by default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<Horizon>,
    /// How contact grows harder (as it is by default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Softening>,
    /// Quality of the stages, from coarse to fine, as shares of the scene's; the last must be 1 (as it
    /// is by default).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<f64>,
    /// What ends a stage early; its default is a patience of 5 at 1 %.
    pub plateau: StagePlateau,
}

/// What ends a stage that no longer improves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StagePlateau {
    /// Iterations in a row without significant improvement (default: 5).
    pub patience: usize,
    /// Significant share of the value (default: 0.01).
    pub relative: f64,
    /// Significant difference of the value (default: 0).
    pub absolute: f64,
}

impl Default for StagePlateau {
    fn default() -> Self {
        Self {
            patience: 5,
            relative: 0.01,
            absolute: 0.0,
        }
    }
}

impl StagePlateau {
    /// As the driver has it.
    pub fn of_driver(self) -> Plateau {
        Plateau {
            patience: self.patience,
            relative: self.relative,
            absolute: self.absolute,
        }
    }
}

/// Several starts. Each but the last is given its stage, the last stage of the starts the best of
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Starts {
    /// How many, the scene's included.
    pub count: usize,
    /// Standard deviation of the others about it, in units of the flat vector (1 by default).
    #[serde(default = "one")]
    pub spread: f64,
    /// Seed (0 by default).
    #[serde(default)]
    pub seed: u64,
}

/// The temporally expanding region of FluidLab (Xian et al. 2023, section 4.2): only the losses of the
/// first frames count, and only these are simulated, in each stage for some frames more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Horizon {
    /// Frames of the first stage; some loss must be read by then.
    pub start: usize,
    /// Frames more in every stage.
    pub step: usize,
    /// Controls more than so many frames before the horizon are frozen (none by default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<usize>,
}

/// Soft contact that hardens: a layer about colliders and tools, in which contact fades in, becomes
/// thinner from stage to stage down to the scene's. It gives gradients before there is touch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softening {
    /// Width of the layer in the first stage, beside the scene's (m).
    pub width: f64,
    /// Stages from there to the scene's, that of the scene included (default: 3).
    #[serde(default = "three")]
    pub stages: usize,
}

fn one() -> f64 {
    1.0
}

fn three() -> usize {
    3
}

/// One stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Which start it begins at; none goes on from the best so far.
    pub start: Option<usize>,
    /// Frames that are run.
    pub frames: usize,
    /// Frames before this one are frozen.
    pub frozen: usize,
    /// Width of contact beside the scene's (m).
    pub width: f64,
    /// Quality beside the scene's.
    pub quality: f64,
}

impl Scheme {
    /// Whether there is one.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The stages of a scene of `frames` frames, in order; the last is the scene's own.
    pub fn stages(&self, frames: usize) -> Vec<Stage> {
        let horizons: Vec<usize> = match self.horizon {
            None => vec![frames],
            Some(Horizon { start, step, .. }) => {
                let growing = (start..frames).step_by(step.max(1));
                growing.chain([frames]).collect()
            }
        };
        let softenings = self.contact.map_or(1, |contact| contact.stages.max(1));
        let count = horizons
            .len()
            .max(softenings)
            .max(self.quality.len().max(1));
        // each list is stretched over the stages and ends with its last
        let at = |k: usize, length: usize| (k + 1) * length / count.max(1);
        let pick = |k: usize, length: usize| at(k, length).max(1) - 1;
        let stage = |k: usize| {
            let frames = horizons[pick(k, horizons.len())];
            let soft = pick(k, softenings) as f64 / softenings.saturating_sub(1).max(1) as f64;
            let width = self.contact.map_or(0.0, |contact| contact.width);
            let freeze = self.horizon.and_then(|horizon| horizon.freeze);
            Stage {
                start: None,
                frames,
                frozen: freeze.map_or(0, |freeze| frames.saturating_sub(freeze)),
                width: if softenings > 1 {
                    width * (1.0 - soft)
                } else {
                    0.0
                },
                quality: match self.quality.len() {
                    0 => 1.0,
                    length => self.quality[pick(k, length)],
                },
            }
        };
        let mut stages: Vec<Stage> = (0..count).map(stage).collect();
        if let (Some(starts), Some(first)) = (self.starts, stages.first().copied()) {
            let beginnings = (0..starts.count).map(|k| Stage {
                start: Some(k),
                ..first
            });
            stages.splice(0..0, beginnings);
        }
        stages
    }

    /// Iterations that fill a budget, where one of the whole scene of `frames` frames costs `cost`
    /// and each stage takes its equal share of them.
    pub fn iterations(&self, frames: usize, cost: u64, budget: u64) -> usize {
        let stages = self.stages(frames);
        let run: u64 = stages.iter().map(|stage| stage.frames as u64).sum();
        let all = (stages.len() * frames) as u64;
        let filled = u128::from(budget) * u128::from(all);
        filled.div_ceil(u128::from((cost * run).max(1))).max(1) as usize
    }

    /// Start number `index` of a scene whose own is `start`.
    pub fn beginning(&self, index: usize, start: &[f64]) -> Vec<f64> {
        let mut point = start.to_vec();
        if let Some(starts) = self.starts.filter(|_| index > 0) {
            let mut random = Random::new(starts.seed, &[index as u64]);
            for x in &mut point {
                *x += starts.spread * random.normal();
            }
        }
        point
    }

    /// What is wrong with it, under `optimize.scheme`.
    pub(super) fn faults(&self, frames: usize, faults: &mut Vec<Fault>) {
        let mut check = |sound: bool, field: &str, found: String, expected: &str| {
            if !sound {
                let field = format!("optimize.scheme.{field}");
                faults.push(Fault::new(field, found, expected));
            }
        };
        if let Some(starts) = self.starts {
            let Starts { count, spread, .. } = starts;
            check(count >= 2, "starts.count", count.to_string(), "at least 2");
            let sound = spread > 0.0 && spread.is_finite();
            check(
                sound,
                "starts.spread",
                spread.to_string(),
                "a positive number",
            );
        }
        if let Some(Horizon {
            start,
            step,
            freeze,
        }) = self.horizon
        {
            let expected = format!(
                "a count from 1 to {} (time.frames - 1)",
                frames.saturating_sub(1)
            );
            let sound = start >= 1 && start < frames;
            check(sound, "horizon.start", start.to_string(), &expected);
            check(step >= 1, "horizon.step", step.to_string(), "at least 1");
            let sound = freeze.is_none_or(|freeze| freeze >= 1);
            check(sound, "horizon.freeze", format!("{freeze:?}"), "at least 1");
        }
        if let Some(Softening { width, stages }) = self.contact {
            let sound = width > 0.0 && width.is_finite();
            check(
                sound,
                "contact.width",
                width.to_string(),
                "a positive number",
            );
            check(
                stages >= 2,
                "contact.stages",
                stages.to_string(),
                "at least 2",
            );
        }
        let rising = self.quality.is_sorted() && self.quality.iter().all(|q| *q > 0.0);
        let ends = self.quality.last().is_none_or(|last| *last == 1.0);
        let found = format!("{:?}", self.quality);
        check(
            rising && ends,
            "quality",
            found,
            "positive numbers that rise to 1",
        );
        let StagePlateau {
            patience, relative, ..
        } = self.plateau;
        check(
            patience >= 1,
            "plateau.patience",
            patience.to_string(),
            "at least 1",
        );
        check(
            relative >= 0.0,
            "plateau.relative",
            relative.to_string(),
            "a number >= 0",
        );
    }
}

impl Stage {
    /// The scene as the stage has it.
    pub fn of(&self, scene: &Scene) -> Scene {
        let mut scene = scene.clone();
        scene.world.clock.frames = self.frames;
        if let Some(gas) = &mut scene.gas {
            gas.clock.frames = self.frames;
        }
        for collider in &mut scene.world.colliders {
            collider.width += self.width;
        }
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_end_with_the_scene_itself() {
        let scheme = Scheme {
            horizon: Some(Horizon {
                start: 10,
                step: 10,
                freeze: Some(15),
            }),
            contact: Some(Softening {
                width: 0.04,
                stages: 3,
            }),
            quality: vec![0.5, 1.0],
            ..Scheme::default()
        };
        let stages = scheme.stages(35);
        let frames: Vec<_> = stages.iter().map(|s| s.frames).collect();
        assert_eq!(frames, [10, 20, 30, 35]);
        let frozen: Vec<_> = stages.iter().map(|s| s.frozen).collect();
        assert_eq!(frozen, [0, 5, 15, 20]);
        let width: Vec<_> = stages.iter().map(|s| s.width).collect();
        assert_eq!(width, [0.04, 0.04, 0.02, 0.0]);
        let quality: Vec<_> = stages.iter().map(|s| s.quality).collect();
        assert_eq!(quality, [0.5, 0.5, 0.5, 1.0]);
        assert_eq!(Scheme::default().stages(7).len(), 1);
    }

    #[test]
    fn short_stages_leave_room_for_more_iterations() {
        assert_eq!(Scheme::default().iterations(100, 30, 900), 30);
        let scheme = Scheme {
            horizon: Some(Horizon {
                start: 50,
                step: 50,
                freeze: None,
            }),
            ..Scheme::default()
        };
        // half of them cost half
        assert_eq!(scheme.iterations(100, 30, 900), 40);
    }

    #[test]
    fn starts_come_first_and_the_first_is_the_scenes() {
        let scheme = Scheme {
            starts: Some(Starts {
                count: 3,
                spread: 0.1,
                seed: 4,
            }),
            ..Scheme::default()
        };
        let starts: Vec<_> = scheme.stages(5).iter().map(|s| s.start).collect();
        assert_eq!(starts, [Some(0), Some(1), Some(2), None]);
        assert_eq!(scheme.beginning(0, &[1.0, 2.0]), [1.0, 2.0]);
        assert_ne!(
            scheme.beginning(1, &[1.0, 2.0]),
            scheme.beginning(2, &[1.0, 2.0])
        );
    }

    #[test]
    fn unsound_numbers_are_listed() {
        let scheme = Scheme {
            horizon: Some(Horizon {
                start: 9,
                step: 0,
                freeze: None,
            }),
            quality: vec![1.0, 0.5],
            ..Scheme::default()
        };
        let mut faults = Vec::new();
        scheme.faults(9, &mut faults);
        assert_eq!(faults.len(), 3);
    }
}
