//! Solids that matter may not flow into.

use serde::{Deserialize, Serialize};

use super::Shape;

/// A solid that matter may not flow into.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collider {
    /// Its name, unique among colliders.
    pub name: String,
    /// Its solid.
    pub shape: Shape,
    /// Where the origin of the shape is (m), in the frame of `on`. Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How the shape is turned: rotation vector (rad), in the frame of `on`.
    /// Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// How it holds what touches it. Default: Separating.
    #[serde(default)]
    pub law: Law,
    /// Distance over which contact fades in outside the surface (m); 0 is hard.
    /// Default: 0.
    #[serde(default)]
    pub width: f64,
    /// Whether it may hold matter from the start: what is in a sticky one is pinned, and moves
    /// with it. Default: false.
    #[serde(default)]
    pub pins: bool,
    /// What it is fixed to. Default: World.
    #[serde(default)]
    pub on: Attachment,
    /// What it acts on. Default: Grid.
    #[serde(default)]
    pub stage: Stage,
}

impl Collider {
    /// Whether it is fixed to the tool of this name, of the first for no name, or a part of it.
    pub fn is_on<O>(&self, spec: &super::Spec<O>, tool: &str) -> bool {
        match &self.on {
            Attachment::World => false,
            Attachment::Tool(name) | Attachment::Part(name, _) => spec
                .tool(tool)
                .is_some_and(|at| spec.tools[at].name == *name),
        }
    }
}

/// When in a substep a collider acts, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Stage {
    /// On the grid, which gives and takes momentum; walls thinner than two cells leak.
    #[default]
    Grid,
    /// On particles alone, after the grid has moved them, as in FluidLab.
    Particles,
    /// On both.
    Both,
    /// On the grid, and on particles that get into the wall nevertheless: they are put back
    /// onto its surface. Thin walls hold.
    Shell,
}

/// How a surface holds matter that touches it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Law {
    /// Matter takes the velocity of the surface.
    Sticky,
    /// No relative normal velocity; tangential motion is free.
    Slip,
    /// No approach; leaving and tangential motion are free.
    #[default]
    Separating,
    /// No approach, leaving is free, tangential motion is braked by friction with this
    /// coefficient (1).
    Coulomb(f64),
}

/// What a collider is fixed to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Attachment {
    /// It stays where it is.
    #[default]
    World,
    /// It moves with the tool of this name.
    Tool(String),
    /// It moves with the part of a tool that a joint carries: the names of both.
    Part(String, String),
}
