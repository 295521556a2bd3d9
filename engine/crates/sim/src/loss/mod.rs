//! Losses: what a run is judged by, one a file.
//!
//! A [`FrameLoss`] reads positions and masses at the end of a frame and gives one
//! number and its cotangents; [`schedule`] says at which frames and with which weight.
//! [`effort`] reads how the tools move instead. [`metric`] holds figures for reports
//! that nothing is differentiated through.
//!
//! Sums run over particles in canonical order, then over bodies in scene order, in the
//! wide scalar: the same bits on any number of threads.

pub mod approach;
pub mod centre_of_mass;
pub mod chamfer;
pub mod density;
pub mod displacement;
pub mod effort;
pub mod mean_distance;
pub mod metric;
pub mod overload;
pub mod paired;
pub mod point;
pub mod reaction;
pub mod rigid;
pub mod schedule;
pub mod target_sdf;
#[cfg(test)]
mod testing;
pub mod uncollected;

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{
    grid::Lattice,
    rigid::{RigidBar, RigidState},
    tool::{Rate, Stance, StanceBar},
    transfer::reaction::Wrench,
};

pub use approach::{Approach, Part};
pub use centre_of_mass::CentreOfMass;
pub use chamfer::Chamfer;
pub use density::Density;
pub use displacement::Displacement;
pub use effort::Effort;
pub use mean_distance::MeanDistance;
pub use metric::{share_inside, shares_inside};
pub use overload::Overload;
pub use paired::Paired;
pub use point::Point;
pub use reaction::{Reaction, Source};
pub use rigid::{Rigid, RigidTarget};
pub use schedule::{Schedule, Term, When};
pub use target_sdf::TargetSdf;
pub use uncollected::Uncollected;

/// What losses read at the end of a frame; `W` is the wide scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<W: Real> {
    /// Which frame, counted from zero; its state is that at its end.
    pub index: usize,
    /// The background grid.
    pub lattice: Lattice<W>,
    /// The bodies in scene order; none where no loss reads matter.
    pub bodies: Vec<BodyFrame<W>>,
    /// The tools in scene order.
    pub tools: Vec<ToolFrame<W>>,
    /// The mean forces and torques of matter on walls, colliders and tools during the frame;
    /// zeros where no loss reads them.
    pub reactions: Reactions<W>,
    /// The rigid bodies in scene order.
    pub rigids: Vec<RigidState<W>>,
}

/// Forces and torques of matter on what it touches.
#[derive(Debug, Clone, PartialEq)]
pub struct Reactions<W: Real> {
    /// On each wall, `[axis][0: lower, 1: upper]`, about the origin of the world.
    pub walls: [[Wrench<W>; 2]; 3],
    /// On each collider, about its own origin.
    pub colliders: Vec<Wrench<W>>,
    /// On each tool with all that is fixed to it, about the tool's origin.
    pub tools: Vec<Wrench<W>>,
}

impl<W: Real> Reactions<W> {
    /// None, on walls and so many colliders and tools.
    pub fn zero(colliders: usize, tools: usize) -> Self {
        Self {
            walls: [[Wrench::zero(); 2]; 3],
            colliders: vec![Wrench::zero(); colliders],
            tools: vec![Wrench::zero(); tools],
        }
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Wrench<W>> {
        let walls = self.walls.as_flattened_mut().iter_mut();
        walls.chain(&mut self.colliders).chain(&mut self.tools)
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let others = other.walls.as_flattened().iter();
        let others = others.chain(&other.colliders).chain(&other.tools);
        self.parts_mut()
            .zip(others)
            .for_each(|(sum, part)| sum.add(part));
    }

    /// Times a factor.
    #[must_use]
    pub fn scaled(mut self, factor: W) -> Self {
        self.parts_mut()
            .for_each(|part| *part = part.scaled(factor));
        self
    }
}

/// A tool at the end of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolFrame<W: Real> {
    /// Where it is.
    pub stance: Stance<W>,
    /// How it moved during the frame.
    pub rate: Rate<W>,
}

/// Cotangents of a [`ToolFrame`].
#[derive(Debug, Clone, PartialEq)]
pub struct ToolFrameBar<W: Real> {
    /// Of where it is.
    pub stance: StanceBar<W>,
    /// Of how it moved.
    pub rate: Rate<W>,
}

/// The particles of one body at the end of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyFrame<W: Real> {
    /// Mass of one particle (kg).
    pub mass: W,
    /// Positions (m) in canonical order.
    pub x: Vec<Vector3<W>>,
    /// Which collector has each of them, counted from 1, or 0 for none; empty where nothing is
    /// taken.
    pub taken: Vec<u16>,
}

/// Cotangents of a [`Frame`], of the same shape.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameBar<W: Real> {
    /// One for each body.
    pub bodies: Vec<BodyFrameBar<W>>,
    /// One for each tool.
    pub tools: Vec<ToolFrameBar<W>>,
    /// Of the forces and torques.
    pub reactions: Reactions<W>,
    /// One for each rigid body.
    pub rigids: Vec<RigidBar<W>>,
}

/// Cotangents of a [`BodyFrame`].
#[derive(Debug, Clone, PartialEq)]
pub struct BodyFrameBar<W: Real> {
    /// Cotangent of the mass of one particle.
    pub mass: W,
    /// Cotangents of the positions.
    pub x: Vec<Vector3<W>>,
}

impl<W: Real> FrameBar<W> {
    /// Zero cotangents of the shape of `frame`.
    pub fn zeros(frame: &Frame<W>) -> Self {
        let zeros = |body: &BodyFrame<W>| BodyFrameBar {
            mass: W::zero(),
            x: vec![Vector3::zeros(); body.x.len()],
        };
        let still = |tool: &ToolFrame<W>| ToolFrameBar {
            stance: StanceBar::zero(tool.stance.joints.len()),
            rate: Rate::zero(tool.stance.joints.len()),
        };
        Self {
            bodies: frame.bodies.iter().map(zeros).collect(),
            tools: frame.tools.iter().map(still).collect(),
            reactions: frame.reactions.clone().scaled(W::zero()),
            rigids: vec![RigidBar::zero(); frame.rigids.len()],
        }
    }
}

/// A function of the matter at the end of a frame.
///
/// A frame that [`FrameLoss::check`] would refuse, or whose numbers are not finite, has
/// the value NaN, so that the run stops instead of following a made-up number.
pub trait FrameLoss<W: Real>: Send + Sync {
    /// Whether the loss can be read at the end of each of `frames` in a run whose grid,
    /// bodies and particle counts are those of `like`.
    fn check(&self, frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError>;

    /// The loss, in the unit that its type states.
    fn value(&self, frame: &Frame<W>) -> W;

    /// Adds `bar` times the gradient to `bars`, which has the shape of `frame`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>);

    /// Whether it reads matter; a loss that does not is given frames without bodies.
    fn reads_matter(&self) -> bool {
        true
    }

    /// Whether it reads forces, which are zero where no loss does.
    fn reads_reactions(&self) -> bool {
        false
    }
}

/// Which bodies a loss reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Bodies {
    /// Every body.
    #[default]
    All,
    /// Those of these places in scene order, each once and rising.
    Only(Vec<usize>),
}

impl Bodies {
    /// The places of the chosen bodies among `count`, rising.
    fn places(&self, count: usize) -> Vec<usize> {
        match self {
            Self::All => (0..count).collect(),
            Self::Only(places) => places.iter().copied().filter(|&at| at < count).collect(),
        }
    }

    /// The chosen bodies, in scene order, with their places.
    fn of<'a, W: Real>(
        &self,
        frame: &'a Frame<W>,
    ) -> impl Iterator<Item = (usize, &'a BodyFrame<W>)> + use<'a, W> {
        let places = self.places(frame.bodies.len());
        places.into_iter().map(|at| (at, &frame.bodies[at]))
    }

    /// Particles of the chosen bodies.
    fn particles<W: Real>(&self, frame: &Frame<W>) -> usize {
        self.of(frame).map(|(_, body)| body.x.len()).sum()
    }

    /// Whether the choice fits the bodies of `frame` and holds a particle.
    fn check<W: Real>(&self, loss: &'static str, frame: &Frame<W>) -> Result<(), LossError> {
        let bodies = frame.bodies.len();
        if let Self::Only(places) = self {
            if let Some(&body) = places.iter().find(|&&at| at >= bodies) {
                return Err(LossError::NoSuchBody { loss, body, bodies });
            }
            if !places.is_sorted_by(|a, b| a < b) {
                let places = places.clone();
                return Err(LossError::BodyOrder { loss, places });
            }
        }
        match self.particles(frame) {
            0 => Err(LossError::Empty {
                loss,
                field: "bodies",
            }),
            _ => Ok(()),
        }
    }
}

/// Why a loss cannot be read in a run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LossError {
    /// A chosen body is not there.
    #[error("loss {loss}, bodies: there is no body {body}; the scene has {bodies}")]
    NoSuchBody {
        /// The loss.
        loss: &'static str,
        /// The place asked for.
        body: usize,
        /// How many there are.
        bodies: usize,
    },
    /// The choice of bodies is not rising.
    #[error("loss {loss}, bodies: {places:?}; expected each body once, in rising order")]
    BodyOrder {
        /// The loss.
        loss: &'static str,
        /// The places given.
        places: Vec<usize>,
    },
    /// A tool is not there.
    #[error("loss {loss}, tool: there is no tool {tool}; the scene has {tools}")]
    NoSuchTool {
        /// The loss.
        loss: &'static str,
        /// The place asked for.
        tool: usize,
        /// How many there are.
        tools: usize,
    },
    /// What should feel a force is not there.
    #[error("loss {loss}, of: there is no {place:?}")]
    NoSuchSource {
        /// The loss.
        loss: &'static str,
        /// What is asked for.
        place: Source,
    },
    /// Something that must hold a particle, node or axis holds none.
    #[error("loss {loss}, {field}: empty; expected at least one entry")]
    Empty {
        /// The loss.
        loss: &'static str,
        /// Its field.
        field: &'static str,
    },
    /// A field has the wrong number of entries.
    #[error("loss {loss}, {field}: {found} entries; expected {expected}")]
    Count {
        /// The loss.
        loss: &'static str,
        /// Its field.
        field: &'static str,
        /// Entries given.
        found: usize,
        /// Entries that the run asks for.
        expected: usize,
    },
    /// A frame has no target.
    #[error("loss {loss}, targets: none for frame {frame}; {found} are given")]
    NoTarget {
        /// The loss.
        loss: &'static str,
        /// The frame, counted from zero.
        frame: usize,
        /// Frames with a target.
        found: usize,
    },
    /// The target was made on another grid.
    #[error("loss {loss}, target: made on {found:?} nodes; the scene has {expected:?}")]
    OtherGrid {
        /// The loss.
        loss: &'static str,
        /// Nodes of the target's grid along each axis.
        found: [usize; 3],
        /// Nodes of the run's grid along each axis.
        expected: [usize; 3],
    },
    /// A number is not one that the field takes.
    #[error("loss {loss}, {field}: {value}; expected {expected}")]
    Value {
        /// The loss.
        loss: &'static str,
        /// Its field.
        field: &'static str,
        /// What is given.
        value: f64,
        /// What is taken.
        expected: &'static str,
    },
    /// A time of reading lies outside the run.
    #[error("loss term {term}, when: {when:?}; expected frames of 0..{frames}, from <= to")]
    When {
        /// Place of the term in the list.
        term: usize,
        /// What is given.
        when: When,
        /// Frames of the run.
        frames: usize,
    },
}

/// The first coordinate of `points` that is not finite, as an error.
fn check_finite(
    loss: &'static str,
    field: &'static str,
    points: &[Vector3<f64>],
) -> Result<(), LossError> {
    let mut coordinates = points.iter().flat_map(|point| point.iter());
    match coordinates.find(|value| !value.is_finite()) {
        Some(&value) => Err(LossError::Value {
            loss,
            field,
            value,
            expected: "a finite number",
        }),
        None => Ok(()),
    }
}

/// The number of things.
fn count<W: Real>(things: usize) -> W {
    W::of(things as f64)
}

/// The divisor of a mean over particles. Before a nozzle has let any out there are none, and their mean is
/// zero.
fn mean_of<W: Real>(particles: usize) -> W {
    count(particles.max(1))
}

#[cfg(test)]
mod tests {
    use super::{testing::*, *};

    #[test]
    fn matter_that_is_not_there_yet_has_no_loss() {
        let mut frame = cloud(3);
        frame.bodies[0].x.clear();
        let (bodies, target) = (Bodies::Only(vec![0]), Vector3::repeat(0.5));
        let axes = [true; 3];
        let losses: [Box<dyn FrameLoss<f64>>; 3] = [
            Box::new(Paired {
                bodies: bodies.clone(),
                targets: vec![Vec::new(), points(40, 1)],
            }),
            Box::new(Point {
                bodies: bodies.clone(),
                axes,
                target,
            }),
            Box::new(CentreOfMass {
                bodies,
                axes,
                target,
            }),
        ];
        for loss in &losses {
            assert!(loss.value(&frame).abs() < f64::MIN_POSITIVE);
            let mut bars = FrameBar::zeros(&frame);
            loss.value_vjp(&frame, 1.0, &mut bars);
            assert_eq!(bars, FrameBar::zeros(&frame));
        }
    }

    #[test]
    fn bodies_are_checked() {
        let frame = cloud(3);
        let only = |places: &[usize]| Bodies::Only(places.to_vec());
        assert_eq!(Bodies::All.check("paired", &frame), Ok(()));
        assert_eq!(only(&[1]).check("paired", &frame), Ok(()));
        assert_eq!(only(&[1]).particles(&frame), frame.bodies[1].x.len());
        assert_eq!(
            only(&[0, 2])
                .check("paired", &frame)
                .unwrap_err()
                .to_string(),
            "loss paired, bodies: there is no body 2; the scene has 2"
        );
        let order = LossError::BodyOrder {
            loss: "paired",
            places: vec![1, 0],
        };
        assert_eq!(only(&[1, 0]).check("paired", &frame), Err(order));
        let empty = LossError::Empty {
            loss: "paired",
            field: "bodies",
        };
        assert_eq!(only(&[]).check("paired", &frame), Err(empty));
    }
}
