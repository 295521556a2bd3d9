//! Optimisations that run beside the scene: their plots, and what is drawn of them.

use std::sync::Arc;

use backflow::optim::Settings;
use backflow_viewer_panels::optimise::{Curve, Ghosts, OptimiseAction, OptimiseState};
use backflow_viewer_session::{
    Player,
    optimise::{Activity, Iteration, Optimisation},
};
use bevy::prelude::*;
use nalgebra::Vector3;

use crate::{
    draw::lines::{Arrow, Arrows},
    play::Playing,
    view::View,
};

/// Keeps what is drawn of an optimisation in step with it.
pub struct LearnPlugin;

impl Plugin for LearnPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Learning>().add_systems(Update, follow);
    }
}

/// The optimisations of the present scene.
#[derive(Resource, Default)]
pub struct Learning {
    /// The present one.
    pub optimisation: Option<Optimisation>,
    /// Plots of those before, and the best that each found.
    pub past: Vec<(Curve, Option<Arc<Iteration>>)>,
    /// Methods and stops, as they are to be.
    pub settings: Option<Settings>,
    /// What is drawn.
    pub ghosts: Ghosts,
    /// The evaluation that is drawn.
    pub latest: Option<Arc<Iteration>>,
    /// The one before it.
    pub previous: Option<Arc<Iteration>>,
    /// The best one.
    pub best: Option<Arc<Iteration>>,
}

impl Learning {
    /// What the panel shows.
    pub fn state(&self, settings: Settings) -> OptimiseState {
        let mut curves: Vec<Curve> = self.past.iter().map(|(curve, _)| curve.clone()).collect();
        if let Some(run) = &self.optimisation {
            curves.push(Curve {
                name: run.name.clone(),
                points: run.points(),
            });
        }
        OptimiseState {
            settings,
            activity: self.optimisation.as_ref().map(Optimisation::activity),
            curves,
            ghosts: self.ghosts,
        }
    }

    /// Forgets everything: another scene is open.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Does what the panel asked for; what went wrong as text.
    ///
    /// # Errors
    /// It cannot be done.
    pub fn act(&mut self, action: &OptimiseAction, player: &mut Player) -> Result<(), String> {
        let settings = self.settings.clone().unwrap_or_default();
        match action {
            OptimiseAction::Start => {
                let simulation = player.simulation.as_ref();
                let task = simulation
                    .and_then(|simulation| simulation.task())
                    .ok_or("only a scene can be optimised, not a recorded run")?;
                if task.spec.optimize.is_none() {
                    return Err("the scene has no `optimize` part".to_owned());
                }
                if let Some(run) = self.optimisation.take() {
                    let curve = Curve {
                        name: run.name.clone(),
                        points: run.points(),
                    };
                    self.past.push((curve, run.best()));
                }
                let method = serde_json::to_value(&settings.update).unwrap_or_default();
                let method = backflow_viewer_panels::methods::variant_of(&method);
                let name = format!("{} {method}", self.past.len() + 1);
                let run =
                    Optimisation::start(name, task, settings).map_err(|error| error.to_string())?;
                self.optimisation = Some(run);
            }
            OptimiseAction::Pause(pause) => {
                if let Some(run) = &self.optimisation {
                    run.pause(*pause);
                }
            }
            OptimiseAction::Configure => {
                if let Some(run) = &self.optimisation
                    && run.activity() != Activity::Starting
                {
                    run.configure(settings);
                }
            }
            OptimiseAction::Forget => self.past.clear(),
            OptimiseAction::Replay => {
                let best = self.best.clone().ok_or("nothing has been found yet")?;
                if let Some(simulation) = &player.simulation {
                    simulation.choose(best.x.clone());
                }
                player.reset();
                player.play(true);
            }
            OptimiseAction::Save => {}
        }
        Ok(())
    }
}

/// Arrows at particles, at most.
const ARROWS: usize = 220;

/// Length of the longest arrow, in diagonals of the domain (1).
const LONGEST: f64 = 0.09;

fn follow(
    mut learning: ResMut<Learning>,
    mut playing: ResMut<Playing>,
    mut arrows: ResMut<Arrows>,
    view: Res<View>,
) {
    playing.gradient_changed = false;
    let Some(run) = &learning.optimisation else {
        if !arrows.0.is_empty() || playing.gradient.is_some() {
            arrows.0.clear();
            playing.gradient = None;
            playing.gradient_changed = true;
        }
        return;
    };
    let (latest, previous, best) = (run.latest(), run.previous(), run.best());
    let same = match (&latest, &learning.latest) {
        (Some(latest), Some(before)) => Arc::ptr_eq(latest, before),
        (None, None) => true,
        _ => false,
    };
    if same {
        return;
    }
    (learning.latest, learning.previous, learning.best) = (latest, previous, best);
    let (Some(latest), Some(stage)) = (&learning.latest, &view.stage) else {
        return;
    };
    let norms = latest.particles_bar.iter();
    let norms: Vec<f32> = norms.map(|bar| Vector3::from(*bar).norm()).collect();
    playing.gradient = Some(Arc::new(norms));
    playing.gradient_changed = true;
    let longest = LONGEST * stage.diagonal();
    arrows.0 = particle_arrows(&playing, latest, longest as f32);
    arrows.0.extend(way_arrows(latest, longest));
}

/// Arrows along which the loss falls fastest, at some particles where they start.
fn particle_arrows(playing: &Playing, latest: &Iteration, longest: f32) -> Vec<Arrow> {
    let player = playing.player.as_ref();
    let start = player.and_then(|player| player.recording.get(0));
    let Some(start) = start.filter(|frame| frame.index == 0) else {
        return Vec::new();
    };
    let norm = |bar: &[f32; 3]| Vec3::from(*bar).length();
    let greatest = latest.particles_bar.iter().map(norm).fold(0.0, f32::max);
    if greatest == 0.0 {
        return Vec::new();
    }
    let every = start.x.len().div_ceil(ARROWS).max(1);
    let pairs = start.x.iter().zip(&latest.particles_bar).step_by(every);
    pairs
        .map(|(x, bar)| {
            let from = Vec3::from(*x);
            Arrow {
                from,
                to: from - Vec3::from(*bar) * (longest / greatest),
                colour: Color::srgb(1.0, 0.85, 0.35),
                head: true,
            }
        })
        .collect()
}

/// The way of the tool, and at each frame the arrow along which its velocity makes the loss fall
/// fastest.
fn way_arrows(latest: &Iteration, longest: f64) -> Vec<Arrow> {
    let single = |v: Vector3<f64>| Vec3::new(v.x as f32, v.y as f32, v.z as f32);
    let mut arrows: Vec<Arrow> = latest
        .way
        .windows(2)
        .map(|pair| Arrow {
            from: single(pair[0]),
            to: single(pair[1]),
            colour: Color::srgb(0.95, 0.95, 0.98),
            head: false,
        })
        .collect();
    let norms = latest.controls_bar.iter().map(|bar| bar.norm());
    let greatest = norms.fold(0.0, f64::max);
    if greatest > 0.0 {
        let pairs = latest.way.iter().zip(&latest.controls_bar).step_by(2);
        arrows.extend(pairs.map(|(at, bar)| Arrow {
            from: single(*at),
            to: single(at - bar * (longest / greatest)),
            colour: Color::srgb(0.45, 0.85, 1.0),
            head: true,
        }));
    }
    arrows
}
