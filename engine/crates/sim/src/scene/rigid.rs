//! From the rigid bodies of a scene to those that are run.

use nalgebra::Vector3;

use super::{
    meshes::{Meshes, UnusableMesh},
    solid::placement,
    spec,
};
use crate::{
    contact::{Collider, Stage},
    mesh::mass::MassProperties,
    pose::{Pose, Twist},
    rigid::{
        Joint, RigidBody, RigidState,
        feeler::{corners, feelers},
        mass::{mass_properties, principal},
    },
};

impl spec::Support {
    /// The joint with unit directions.
    fn of(self) -> Joint<f64> {
        let unit = |axis: [f64; 3]| Vector3::from(axis).normalize();
        match self {
            Self::Free => Joint::Free,
            Self::Fixed => Joint::Fixed,
            Self::Hinge { axis, anchor } => Joint::Hinge {
                axis: unit(axis),
                anchor: anchor.into(),
            },
            Self::Slider { axis } => Joint::Slider { axis: unit(axis) },
        }
    }
}

/// The pose of a frame in another from that of the other in it.
fn inverse(pose: &Pose<f64>) -> Pose<f64> {
    Pose {
        position: -pose.rotation.tr_mul(&pose.position),
        rotation: pose.rotation.transpose(),
    }
}

/// A rigid body of a scene that was checked; its frame has the centre of mass and the principal
/// axes.
///
/// # Errors
/// Its mesh cannot be read or bounds nothing.
pub(super) fn rigid(given: &spec::Rigid, meshes: &Meshes) -> Result<RigidBody<f64>, UnusableMesh> {
    let shape = given.shape.signed(given.width, meshes)?;
    let mesh = given
        .shape
        .mesh()
        .map(|file| meshes.mesh(&file))
        .transpose()?;
    let properties = match &mesh {
        Some(mesh) => MassProperties::of(mesh),
        None => mass_properties(&shape),
    };
    // What has no volume was refused with its mesh, or is a plane, which the check refuses.
    let properties = properties.unwrap_or(MassProperties {
        volume: 1.0,
        centre: Vector3::zeros(),
        inertia: nalgebra::Matrix3::identity(),
    });
    let density = match given.weight {
        spec::Weight::Density(density) => density,
        spec::Weight::Mass(mass) => mass / properties.volume,
    };
    let (frame, moments) = principal(&properties);
    let pose = inverse(&frame);
    let feelers = match &mesh {
        Some(mesh) => corners(&mesh.vertices, &pose),
        None => feelers(&shape, &pose),
    };
    let (law, friction) = given.law.contact();
    Ok(RigidBody {
        name: given.name.clone(),
        mass: density * properties.volume,
        moments: moments * density,
        joint: given.joint.of(),
        collider: Collider {
            name: given.name.clone(),
            shape,
            pose,
            law,
            friction,
            width: given.width,
            mount: None,
            stage: Stage::Grid,
        },
        feelers,
        friction: given.friction,
        restitution: given.restitution,
        start: RigidState {
            pose: placement(given.position, given.rotation).compose(&frame),
            twist: Twist {
                linear: given.velocity.into(),
                angular: given.spin.into(),
            },
        },
    })
}
