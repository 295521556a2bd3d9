//! The types of a scene file. The comments of the fields are their reference: each
//! says what the field means, in which unit, and after `Default:` what holds without it.

mod collector;
mod collider;
mod domain;
mod force;
mod gas;
mod injector;
mod loss;
mod matter;
mod preset;
mod rigid;
mod shape;
mod time;
mod tool;
mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use collector::Collector;
pub use collider::{Attachment, Collider, Law, Stage};
pub use domain::{Axis, Domain, Walls};
pub use force::{Force, ForceLaw};
pub use gas::{
    Gas, GasBlob, GasCoupling, GasJet, GasLoss, GasObstacle, GasPressure, GasScalar, GasScheme,
    GasSide, GasSides, GasSource, GasSplitting, GasTerm,
};
pub use injector::{Injector, Nozzle};
pub use loss::{ChamferTarget, Figure, Loss, Metric, PairTarget, Source, Term, When};
pub use matter::{Activation, Body, Material, Sampling};
pub use preset::Preset;
pub use rigid::{Rigid, Support, Weight};
pub use shape::Shape;
pub use time::{SAFETY, Substep, Time};
pub use tool::{
    Action, Joint, JointKind, Limits, Motion, Placement, Policy, Stroke, Tool, Velocity, Workspace,
};
pub use view::Bookmark;

/// The version of the format that this crate reads.
pub const VERSION: u32 = 1;

/// A scene file. Units are SI (m, kg, s, Pa), angles radians, y is up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec<O> {
    /// Version of the format: 1.
    pub version: u32,
    /// Name of the scene; run folders are named after it.
    pub name: String,
    /// What the scene shows, in one sentence. Default: "".
    #[serde(default)]
    pub about: String,
    /// The box that matter lives in, and its grid.
    pub domain: Domain,
    /// Acceleration of gravity (m/s^2). Default: (0, -9.81, 0).
    #[serde(default = "gravity")]
    pub gravity: [f64; 3],
    /// Rate at which liquids come to the volume that their particles take (1/s): their volume
    /// ratios forget it over thousands of substeps. 0 leaves them alone. Default: 0.
    #[serde(default)]
    pub volume_rate: f64,
    /// How long the run is and how it is cut into frames and substeps.
    pub time: Time,
    /// Materials by name. Default: {}.
    #[serde(default, deserialize_with = "unique_names")]
    pub materials: BTreeMap<String, Material>,
    /// Pieces of matter; at least one, or an injector, or gas. Default: [].
    #[serde(default)]
    pub bodies: Vec<Body>,
    /// Gas that fills the domain. Default: none.
    pub gas: Option<Gas>,
    /// Forces on particles besides gravity. Default: [].
    #[serde(default)]
    pub forces: Vec<Force>,
    /// Solids that matter may not flow into; at most 64. Default: [].
    #[serde(default)]
    pub colliders: Vec<Collider>,
    /// Rigid bodies of mass and inertia; at most 64. Default: [].
    #[serde(default)]
    pub rigids: Vec<Rigid>,
    /// The tools, which colliders may be fixed to; at most 8. Default: [].
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Nozzles that matter comes out of. Default: [].
    #[serde(default)]
    pub injectors: Vec<Injector>,
    /// Volumes that take matter out or count it; at most 16. Default: [].
    #[serde(default)]
    pub collectors: Vec<Collector>,
    /// What a run is judged by: the loss is the weighted sum of these. Default: [].
    #[serde(default)]
    pub losses: Vec<Loss>,
    /// Figures that are reported after a run and steer nothing. Default: [].
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Places to look from: the viewer offers them, and its films go by them. Default: [].
    #[serde(default)]
    pub views: Vec<Bookmark>,
    /// What is optimised and how. Default: none.
    pub optimize: Option<O>,
}

fn gravity() -> [f64; 3] {
    [0.0, -9.81, 0.0]
}

/// Every name of a map once; of a name given twice neither could be meant.
fn unique_names<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: serde::Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(std::marker::PhantomData<V>);

    impl<'de, V: Deserialize<'de>> serde::de::Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a map by name: {\"name\": ...}")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut entries: A,
        ) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = entries.next_entry::<String, V>()? {
                if map.contains_key(&name) {
                    let twice = format!("the name {name:?} is given twice; expected it once");
                    return Err(serde::de::Error::custom(twice));
                }
                map.insert(name, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(std::marker::PhantomData))
}

impl<O: Clone> Spec<O> {
    /// The same scene on a grid `quality` times finer: `cell / quality`, with as many
    /// particles a cell as before.
    ///
    /// The size must stay a multiple of the cell along every axis, so with `d` the
    /// greatest common divisor of the numbers of cells, the cell becomes
    /// `cell d / m` with `m` the whole number nearest to `quality d`, at least 1.
    /// Without a usable number (`quality` not positive, size not a multiple) the scene
    /// comes back as it is, for [`check`](super::check()) to judge.
    #[must_use]
    pub fn at_quality(&self, quality: f64) -> Self {
        let mut spec = self.clone();
        let divisor = self
            .domain
            .cells()
            .map_or(0, |cells| cells.into_iter().fold(0, divisor));
        if quality > 0.0 && quality.is_finite() && divisor > 0 {
            let parts = (quality * divisor as f64).round().max(1.0);
            spec.domain.cell = self.domain.cell * divisor as f64 / parts;
        }
        spec
    }
}

impl<O: Clone> Spec<O> {
    /// The same scene over its first `frames` frames, at least one: losses of later frames are
    /// read at the end.
    #[must_use]
    pub fn shortened(&self, frames: usize) -> Self {
        let mut spec = self.clone();
        let frames = frames.clamp(1, spec.time.frames.max(1));
        spec.time.frames = frames;
        for loss in &mut spec.losses {
            loss.when.shorten(frames);
            if let Term::PairedL2 {
                target: PairTarget::Demo { motions },
                ..
            } = &mut loss.term
            {
                motions
                    .values_mut()
                    .for_each(|motion| motion.shorten(frames));
            }
        }
        if let Some(gas) = &mut spec.gas {
            gas.shorten(frames);
        }
        for body in &mut spec.bodies {
            if let Activation::Frames(given) = &mut body.activation {
                given.truncate(frames);
            }
        }
        for tool in &mut spec.tools {
            tool.motion.shorten(frames);
        }
        for injector in &mut spec.injectors {
            injector.from = injector.from.min(frames - 1);
            injector.to = injector.to.map(|to| to.min(frames - 1));
        }
        for collector in &mut spec.collectors {
            collector.from = collector.from.min(frames - 1);
            collector.to = collector.to.map(|to| to.min(frames - 1));
        }
        spec
    }
}

impl<O> Spec<O> {
    /// Name of the material of each body, those of injectors after the others.
    pub fn materials_of_bodies(&self) -> impl Iterator<Item = &str> {
        let bodies = self.bodies.iter().map(|body| &*body.material);
        let injectors = self.injectors.iter().map(|injector| &*injector.material);
        bodies.chain(injectors)
    }

    /// The same scene without `optimize`.
    #[must_use]
    pub fn physics(&self) -> Spec<()> {
        self.with(None)
    }

    /// The same scene with another `optimize`.
    #[must_use]
    pub fn with<P>(&self, optimize: Option<P>) -> Spec<P> {
        Spec {
            version: self.version,
            name: self.name.clone(),
            about: self.about.clone(),
            domain: self.domain.clone(),
            gravity: self.gravity,
            volume_rate: self.volume_rate,
            time: self.time,
            materials: self.materials.clone(),
            bodies: self.bodies.clone(),
            gas: self.gas.clone(),
            forces: self.forces.clone(),
            colliders: self.colliders.clone(),
            rigids: self.rigids.clone(),
            tools: self.tools.clone(),
            injectors: self.injectors.clone(),
            collectors: self.collectors.clone(),
            losses: self.losses.clone(),
            metrics: self.metrics.clone(),
            views: self.views.clone(),
            optimize,
        }
    }

    /// The same scene with tools that move in other ways: that of a [`PairTarget::Demo`].
    #[must_use]
    pub fn demo(&self, motions: &BTreeMap<String, Motion>) -> Spec<()> {
        let mut demo = self.physics();
        for tool in &mut demo.tools {
            if let Some(motion) = motions.get(&tool.name) {
                tool.motion = motion.clone();
            }
        }
        // It is only run, not judged.
        demo.losses.clear();
        demo.metrics.clear();
        demo.gas = None;
        demo
    }

    /// The material of a body with its own constants, if it has one.
    pub fn material_of(&self, body: &Body) -> Option<Material> {
        let material = self.materials.get(&body.material)?;
        Some(material.with(&body.constants))
    }

    /// The same scene with some materials replaced: the twin of a
    /// [`PairTarget::Twin`].
    #[must_use]
    pub fn twin(&self, materials: &BTreeMap<String, Material>) -> Spec<()> {
        let mut twin = self.physics();
        twin.materials
            .extend(materials.iter().map(|(name, law)| (name.clone(), *law)));
        // It is only run, not judged.
        twin.losses.clear();
        twin.metrics.clear();
        twin.gas = None;
        twin
    }
}

/// Greatest common divisor, by Euclid.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}
