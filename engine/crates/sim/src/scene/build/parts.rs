//! Forces, colliders, nozzles and collectors, from their specification.

use super::{BodyRef, Kind};
use crate::{
    contact::{Collider, Stage},
    force::{self, AnyForce, Force},
    grid::Lattice,
    scene::{
        fault::Fault,
        meshes::{Meshes, UnusableMesh},
        solid::placement,
        spec::{self, Attachment, Material, Spec},
    },
    tool::{Collector, Injector, Mount, Nozzle, injector::Matter},
};

/// The force of a scene on the bodies that it names.
pub fn force(given: &spec::Force, bodies: &[BodyRef]) -> Force<f64> {
    let law = match given.law {
        spec::ForceLaw::Constant { acceleration } => AnyForce::Constant(force::Constant {
            acceleration: acceleration.into(),
        }),
        spec::ForceLaw::Wind { velocity, rate } => AnyForce::Wind(force::Wind {
            velocity: velocity.into(),
            rate,
        }),
        spec::ForceLaw::Drag { linear, quadratic } => {
            AnyForce::Drag(force::Drag { linear, quadratic })
        }
        spec::ForceLaw::Vortex {
            swirl,
            centre,
            radius,
        } => AnyForce::Vortex(force::Vortex {
            swirl: swirl.into(),
            centre: centre.into(),
            radius,
        }),
        spec::ForceLaw::Point {
            centre,
            strength,
            radius,
        } => AnyForce::Point(force::Point {
            centre: centre.into(),
            strength,
            radius,
        }),
    };
    let named = |body: &&BodyRef| given.on.as_ref().is_none_or(|on| on.contains(&body.name));
    // Liquids, then solids, each in the order of the scene.
    let of = |kind| bodies.iter().filter(move |body| body.kind == kind);
    let acts = of(Kind::Liquid).chain(of(Kind::Solid));
    Force {
        name: given.name.clone(),
        law,
        acts: acts.map(|body| named(&body)).collect(),
    }
}

/// The fault of a shape at a path whose mesh cannot be used.
pub fn unusable(path: &str, shape: &spec::Shape, error: &UnusableMesh) -> Fault {
    let file = shape
        .mesh()
        .map_or(String::new(), |mesh| format!("{:?}", mesh.file));
    Fault::new(format!("{path}.shape.file"), file, error.to_string())
}

/// The frame that something fixed to `on` moves with.
pub fn mount(spec: &Spec<()>, on: &Attachment) -> Option<Mount> {
    let find = |name: &String| {
        let tool = spec.tools.iter().position(|tool| tool.name == *name)?;
        Some((tool, &spec.tools[tool]))
    };
    match on {
        Attachment::World => None,
        Attachment::Tool(name) => find(name).map(|(tool, _)| Mount { tool, link: 0 }),
        Attachment::Part(name, joint) => {
            let (tool, given) = find(name)?;
            let link = given.joint(joint)? + 1;
            Some(Mount { tool, link })
        }
    }
}

/// An injector and the volume of its particles (m^3).
pub fn injector(
    spec: &Spec<()>,
    given: &spec::Injector,
    lattice: &Lattice<f64>,
) -> (Injector<f64>, f64) {
    let volume = lattice.dx.powi(3) / f64::from(given.per_cell.max(1));
    let last = given
        .to
        .unwrap_or(usize::MAX)
        .min(spec.time.frames.saturating_sub(1));
    let frames = given.from..(last + 1).max(given.from);
    // At least one particle, which passes in the middle of the time that it is open.
    let least = 1.0 / frames.len().max(1) as f64;
    let injector = Injector {
        name: given.name.clone(),
        matter: Matter::Liquid(0),
        mount: mount(spec, &given.on),
        pose: placement(given.position, given.rotation),
        nozzle: match given.nozzle {
            spec::Nozzle::Cube { half } => Nozzle::Cube(half.into()),
            spec::Nozzle::Ball { radius } => Nozzle::Ball(radius),
            spec::Nozzle::Disc { radius } => Nozzle::Disc(radius),
        },
        velocity: given.velocity.into(),
        frames,
        per_frame: (given.flux * spec.time.frame / volume).max(least),
        seed: given.seed,
    };
    (injector, volume)
}

/// The collector of a scene of these bodies.
pub fn collector(
    spec: &Spec<()>,
    given: &spec::Collector,
    bodies: &[BodyRef],
    meshes: &Meshes,
) -> Result<Collector<f64>, UnusableMesh> {
    let rigid = |name: &str| {
        let mut all = spec.bodies.iter();
        let body = all.find(|body| body.name == name);
        let material = body.and_then(|body| spec.materials.get(&body.material));
        matches!(material, Some(Material::Rigid { .. }))
    };
    let of = |body: &BodyRef| match &given.bodies {
        Some(names) => names.contains(&body.name),
        None => !rigid(&body.name),
    };
    // Liquids, then solids, each in the order of the scene.
    let kind = |kind| bodies.iter().filter(move |body| body.kind == kind);
    let all = kind(Kind::Liquid).chain(kind(Kind::Solid));
    let frames = spec.time.frames;
    let last = given.to.unwrap_or(usize::MAX).min(frames.saturating_sub(1));
    Ok(Collector {
        name: given.name.clone(),
        mount: mount(spec, &given.on),
        pose: placement(given.position, given.rotation),
        shape: given.shape.signed(0.0, meshes)?,
        of: all.map(of).collect(),
        removes: given.removes,
        frames: given.from..(last + 1).max(given.from),
    })
}

/// The collider of a scene.
pub fn collider(
    spec: &Spec<()>,
    collider: &spec::Collider,
    meshes: &Meshes,
) -> Result<Collider<f64>, UnusableMesh> {
    let (law, friction) = collider.law.contact();
    Ok(Collider {
        name: collider.name.clone(),
        shape: collider.shape.signed(collider.width, meshes)?,
        pose: placement(collider.position, collider.rotation),
        law,
        friction,
        width: collider.width,
        mount: mount(spec, &collider.on),
        stage: match collider.stage {
            spec::Stage::Grid => Stage::Grid,
            spec::Stage::Particles => Stage::Particles,
            spec::Stage::Both => Stage::Both,
            spec::Stage::Shell => Stage::Shell,
        },
    })
}
