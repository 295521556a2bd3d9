//! The picture of a frame.

use backflow_sim::{
    io::{Ball, GREY, Image, PALETTE, Picture, Solid, View},
    rigid::RigidState,
    scene::{BodyRef, Kind, Scene, target::Measure},
    tool::Mount,
};
use nalgebra::Vector3;

use super::rows::{BodyRows, ToolRows};

/// Opacity of the targets of losses in pictures.
const TARGET_ALPHA: f64 = 0.15;

/// Opacity of rigid bodies in pictures.
const RIGID_ALPHA: f64 = 0.9;

/// Opacity of colliders in pictures.
const COLLIDER_ALPHA: f64 = 0.14;

/// A picture of a frame: particles, rigid bodies, colliders, the tools, targets.
pub fn picture(
    scene: &Scene,
    bodies: &[BodyRows],
    tools: &[ToolRows],
    rigids: &[RigidState<f64>],
    size: [usize; 2],
) -> Option<Image> {
    let world = &scene.world;
    let volume = |body: &BodyRef| match body.kind {
        Kind::Liquid => world.liquids.get(body.index).map(|body| body.volume),
        Kind::Solid => world.solids.get(body.index).map(|body| body.volume),
    };
    let mut balls = Vec::new();
    for (index, (rows, body)) in bodies.iter().zip(&scene.bodies).enumerate() {
        let radius = 0.5 * volume(body)?.cbrt();
        let rgb = PALETTE[index % PALETTE.len()];
        balls.extend(rows.x.chunks_exact(3).map(|x| Ball {
            centre: Vector3::from_column_slice(x),
            radius,
            rgb,
        }));
    }
    let mut solids = Vec::new();
    for collider in &world.colliders {
        let link = |mount: Mount| tools.get(mount.tool)?.links.get(mount.link);
        let pose = match collider.mount.and_then(link) {
            Some(link) => link.compose(&collider.pose),
            None => collider.pose,
        };
        let shape = collider.shape.clone();
        solids.push(Solid {
            shape,
            pose,
            rgb: GREY,
            alpha: COLLIDER_ALPHA,
        });
    }
    for (index, (body, state)) in world.rigids.iter().zip(rigids).enumerate() {
        solids.push(Solid {
            shape: body.collider.shape.clone(),
            pose: state.pose.compose(&body.collider.pose),
            rgb: PALETTE[(bodies.len() + index) % PALETTE.len()],
            alpha: RIGID_ALPHA,
        });
    }
    for loss in &scene.losses {
        if let Measure::TargetSdf { shape, pose, .. } = &loss.measure {
            let (shape, pose) = (shape.clone(), *pose);
            solids.push(Solid {
                shape,
                pose,
                rgb: PALETTE[2],
                alpha: TARGET_ALPHA,
            });
        }
    }
    let bounds = [world.lattice.min(), world.lattice.max()];
    let [width, height] = size;
    Picture {
        width,
        height,
        bounds,
        view: View::default(),
        balls,
        solids,
    }
    .render()
    .ok()
}
