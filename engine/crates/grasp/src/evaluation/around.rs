//! What stands about an object, as a body of MuJoCo that does not move.

use mujoco_rs::{
    error::MjEditError,
    wrappers::{
        mj_data::MjData,
        mj_editing::{MjSpec, SpecItem},
        mj_model::{MjModel, MjtGeomBase},
    },
};

use super::scene::Scene;
use crate::{
    hand::spec::ShapeSpec,
    set::{ObjectEntry, mjcf::geom},
};

/// The name of the body.
pub(super) const AROUND: &str = "backflow_surroundings";

/// Adds the body where the object starts, with planes and shapes in the object's frame, if there
/// is anything.
pub(super) fn add(spec: &mut MjSpec, object: &ObjectEntry) -> Result<(), MjEditError> {
    let around = &object.surroundings;
    if around.is_empty() {
        return Ok(());
    }
    let mesh_name = |at: usize| format!("{AROUND}{at}");
    for (at, shape) in around.shapes.iter().enumerate() {
        if let Some(corners) = geom::corners(shape) {
            let corners: Vec<f32> = corners.into_iter().map(|x| x as f32).collect();
            let mesh = spec.add_mesh();
            mesh.set_name(&mesh_name(at))?;
            mesh.set_uservert(&corners);
        }
    }
    let body = spec.world_body_mut().add_body();
    body.set_name(AROUND)?;
    body.pos_mut().copy_from_slice(&object.pose[..3]);
    body.quat_mut().copy_from_slice(&object.pose[3..]);
    for plane in &around.planes {
        let solid = body.add_geom();
        solid.set_type(MjtGeomBase::mjGEOM_PLANE);
        *solid.pos_mut() = plane.point;
        *solid.quat_mut() = geom::upright(&plane.normal);
        // Without end; the last is the spacing of the lines that are drawn on it.
        *solid.size_mut() = [0.0, 0.0, 1.0];
    }
    for (at, shape) in around.shapes.iter().enumerate() {
        let solid = body.add_geom();
        match shape {
            ShapeSpec::Sphere { centre, radius } => {
                solid.set_type(MjtGeomBase::mjGEOM_SPHERE);
                *solid.pos_mut() = *centre;
                solid.size_mut()[0] = *radius;
            }
            ShapeSpec::Capsule { from, to, radius } => {
                solid.set_type(MjtGeomBase::mjGEOM_CAPSULE);
                solid.fromto_mut()[..3].copy_from_slice(from);
                solid.fromto_mut()[3..].copy_from_slice(to);
                solid.size_mut()[0] = *radius;
            }
            ShapeSpec::Cuboid {
                centre,
                half,
                rotation,
            } => {
                solid.set_type(MjtGeomBase::mjGEOM_BOX);
                *solid.pos_mut() = *centre;
                *solid.quat_mut() = *rotation;
                *solid.size_mut() = *half;
            }
            // The hull of its points, which are in the frame of the body.
            ShapeSpec::Loft { .. } => {
                solid.set_type(MjtGeomBase::mjGEOM_MESH);
                solid.set_meshname(&mesh_name(at));
            }
        }
    }
    Ok(())
}

/// Depth (m) of the hand and of the object in it, among the pairs of shapes that may collide.
pub(super) fn penetration(scene: &Scene, data: &MjData<&MjModel>) -> [f64; 2] {
    let mut depths = [0.0; 2];
    let Some(around) = scene.around else {
        return depths;
    };
    let body = |geom: i32| {
        let geom = usize::try_from(geom).ok()?;
        Some(scene.model.geom_bodyid()[geom] as usize)
    };
    for contact in data.contact() {
        let other = match [contact.geom1, contact.geom2].map(body) {
            [Some(one), Some(other)] if one == around => other,
            [Some(other), Some(one)] if one == around => other,
            _ => continue,
        };
        let of_object = usize::from(other == scene.object);
        if of_object == 1 || scene.of_hand[other] {
            depths[of_object] = f64::max(depths[of_object], -contact.dist);
        }
    }
    depths
}
