//! Sets of grasps as recordings: each grasp in three frames, before, at and pressing.

use std::{path::Path, sync::Arc};

use backflow::{
    grasp::{
        GraspError, drawn,
        hand::{Hand, kinematics::Posture, library},
        set::{GraspEntry, GraspSet, json},
    },
    sim::{
        collider::{Shape, Sphere},
        mesh::{self, Mesh, ReadError},
        pose::Pose,
    },
};
use nalgebra::{Matrix3, Quaternion, UnitQuaternion, Vector3};

use crate::{
    frame::Frame,
    stage::{Mount, Poses, Role, Stage, StageSolid},
    surface::{Surface, surface},
};

/// Why a set cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum GraspsError {
    /// The set or its hand cannot be used.
    #[error(transparent)]
    Set(#[from] GraspError),
    /// The mesh of the object cannot be read.
    #[error(transparent)]
    Mesh(#[from] ReadError),
    /// The folder of the object's parts cannot be read.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Time that a posture is shown for (s).
const FRAME: f64 = 0.4;

/// Space around hand and object (m).
const MARGIN: f64 = 0.02;

/// How far planes are drawn, in diagonals of the box around hand and object.
const PLANE: f64 = 0.5;

/// Whether a file may be a set of grasps.
pub fn is_set(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
}

/// The postures of a set as frames, grasp by grasp.
///
/// # Errors
/// The set, its hand or its object cannot be read.
pub fn open(path: &Path) -> Result<Vec<Arc<Frame>>, GraspsError> {
    let set = json::read(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = set.hand.name.as_deref().unwrap_or(&set.hand.model);
    let hand = library::named(name).or_else(|_| library::read(&folder.join(name)))?;
    let order = set.order(&hand)?;
    let object = object(&folder.join(&set.object.mesh), set.object.scale)?;
    let postures: Vec<Posture<f64>> = {
        let grasps = set.grasps.iter();
        grasps.flat_map(|grasp| postures(grasp, &order)).collect()
    };
    let moments = links(&hand, &postures)?;
    let stage = Arc::new(stage(path, &set, &hand, object, &moments));
    let frames = moments.into_iter().enumerate().map(|(index, links)| {
        Arc::new(Frame {
            index,
            time: FRAME * index as f64,
            x: Vec::new(),
            speed: Vec::new(),
            extra: None,
            counts: Vec::new(),
            poses: Poses {
                tools: vec![links],
                ..Poses::default()
            },
            gas: None,
            stage: Arc::clone(&stage),
        })
    });
    Ok(frames.collect())
}

/// A pose from a position and a quaternion `[w, x, y, z]`.
fn pose(position: [f64; 3], [w, i, j, k]: [f64; 4]) -> Pose<f64> {
    let turn = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
    Pose {
        position: position.into(),
        rotation: turn.to_rotation_matrix().into_inner(),
    }
}

/// Before the grasp, at it, and pressing; `order` is where the joints of the hand are in the set.
fn postures(grasp: &GraspEntry, order: &[usize]) -> [Posture<f64>; 3] {
    let at = (grasp.pos, grasp.quat);
    let other = |given: Option<[f64; 7]>| {
        given.map_or(at, |[x, y, z, w, i, j, k]| ([x, y, z], [w, i, j, k]))
    };
    [
        (other(grasp.pregrasp_pose), &grasp.pregrasp),
        (at, &grasp.grasp),
        (other(grasp.squeeze_pose), &grasp.squeeze),
    ]
    .map(|((position, turn), joints)| {
        let Pose { position, rotation } = pose(position, turn);
        Posture {
            position,
            rotation,
            joints: order.iter().map(|&place| joints[place]).collect(),
        }
    })
}

/// Where the links of a hand are at each posture.
fn links(hand: &Hand, postures: &[Posture<f64>]) -> Result<Vec<Vec<Pose<f64>>>, GraspError> {
    let mut frames = vec![hand.frames(); postures.len()];
    hand.place_all(postures, &mut frames)?;
    let all = frames.iter().map(|frames| {
        let pairs = frames.position.iter().zip(&frames.rotation);
        pairs
            .map(|(&position, &rotation)| Pose { position, rotation })
            .collect()
    });
    Ok(all.collect())
}

/// The object: a mesh, or all meshes of a folder.
fn object(path: &Path, scale: f64) -> Result<Surface, GraspsError> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|source| GraspsError::Folder {
            path: path.to_owned(),
            source,
        })?;
        files = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "obj"));
        files.sort();
    }
    let mut all = Surface::default();
    for file in files {
        faces(&mesh::read(&file)?, scale, &mut all);
    }
    Ok(all)
}

/// Adds the triangles of a mesh, each with its own normal.
fn faces(mesh: &Mesh, scale: f64, to: &mut Surface) {
    for triangle in &mesh.triangles {
        let [a, b, c] = triangle.map(|corner| mesh.vertices[corner as usize] * scale);
        let normal = (b - a).cross(&(c - a)).try_normalize(0.0);
        let first = to.positions.len() as u32;
        for corner in [a, b, c] {
            to.positions.push(corner.map(|x| x as f32).into());
            let normal = normal.unwrap_or_else(Vector3::y);
            to.normals.push(normal.map(|x| x as f32).into());
        }
        to.triangles.push([first, first + 1, first + 2]);
    }
}

/// The parts of a link: boxes and capsules, balls where there are neither.
fn parts(hand: &Hand, link: usize) -> Vec<(Shape<f64>, Pose<f64>)> {
    let link = &hand.links[link];
    let boxes = link.blocks.iter().map(drawn::block);
    let mut parts: Vec<_> = boxes
        .chain(link.segments.iter().map(drawn::segment))
        .collect();
    if parts.is_empty() {
        parts.extend(
            link.balls
                .iter()
                .filter(|ball| ball.radius > 0.0)
                .map(|ball| {
                    let radius = ball.radius;
                    let pose = Pose {
                        position: ball.centre,
                        rotation: Matrix3::identity(),
                    };
                    (Shape::Sphere(Sphere { radius }), pose)
                }),
        );
    }
    parts
}

/// Hand and object, and the box around them in all postures.
fn stage(
    path: &Path,
    set: &GraspSet,
    hand: &Hand,
    object: Surface,
    moments: &[Vec<Pose<f64>>],
) -> Stage {
    let [x, y, z, w, i, j, k] = set.object.pose;
    let place = pose([x, y, z], [w, i, j, k]);
    let corners = object.positions.iter();
    let corners =
        corners.map(|x| place.rotation * Vector3::from(x.map(f64::from)) + place.position);
    let origins = moments.iter().flatten().map(|link| link.position);
    let (mut min, mut max) = (
        Vector3::repeat(f64::INFINITY),
        Vector3::repeat(f64::NEG_INFINITY),
    );
    for point in corners.chain(origins) {
        (min, max) = (min.inf(&point), max.sup(&point));
    }
    let mut solids = Vec::new();
    for link in 0..hand.links.len() {
        for (shape, pose) in parts(hand, link) {
            solids.push(StageSolid {
                name: hand.spec.name.clone(),
                surface: surface(&shape, 1.0),
                pose,
                role: Role::Body(0),
                mount: Mount::Tool(0, link),
            });
        }
    }
    let reach = PLANE * (max - min).norm();
    for (shape, local) in drawn::surroundings(&set.object.surroundings, reach) {
        solids.push(StageSolid {
            name: "surroundings".to_owned(),
            surface: surface(&shape, 1.0),
            pose: place.compose(&local),
            role: Role::Collider,
            mount: Mount::World,
        });
    }
    solids.push(StageSolid {
        name: set.object.mesh.clone(),
        surface: object,
        pose: place,
        role: Role::Body(1),
        mount: Mount::World,
    });
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Stage {
        name: name.into_owned(),
        about: format!(
            "{} grasps by the hand {}.",
            set.grasps.len(),
            hand.spec.name
        ),
        bounds: [min.add_scalar(-MARGIN), max.add_scalar(MARGIN)],
        cell: MARGIN,
        bodies: Vec::new(),
        solids,
        start: Poses {
            tools: moments.first().cloned().into_iter().collect(),
            ..Poses::default()
        },
        frames: moments.len().saturating_sub(1),
        frame_time: FRAME,
        gas: None,
        optimizable: false,
        views: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use backflow::grasp::{
        object::surroundings::{HalfSpace, SurroundingsSpec},
        set::{FORMAT, HandEntry, ObjectEntry},
    };

    use super::*;

    /// A set of two grasps of a cup by the first hand.
    fn written(folder: &Path) -> std::path::PathBuf {
        let hand = library::named("allegro").unwrap();
        let grasp = |angle: f64| GraspEntry {
            pos: [0.0, 0.1, 0.0],
            quat: [0.0, 1.0, 0.0, 0.0],
            pregrasp: vec![0.0; hand.joints.len()],
            grasp: vec![angle; hand.joints.len()],
            squeeze: vec![1.1 * angle; hand.joints.len()],
            pregrasp_pose: Some([0.0, 0.2, 0.0, 0.0, 1.0, 0.0, 0.0]),
            squeeze_pose: None,
            score: None,
        };
        let mesh = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/meshes/cup.obj");
        let set = GraspSet {
            format: FORMAT.to_owned(),
            hand: HandEntry {
                name: Some("allegro".to_owned()),
                ..HandEntry::new("allegro.xml")
            },
            object: ObjectEntry {
                friction: [0.5, 0.01],
                pose: [0.1, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
                surroundings: SurroundingsSpec {
                    planes: vec![HalfSpace {
                        point: [0.0, -0.05, 0.0],
                        normal: [0.0, 1.0, 0.0],
                    }],
                    ..SurroundingsSpec::default()
                },
                ..ObjectEntry::new(mesh.display().to_string(), 0.5)
            },
            joint_names: hand
                .joint_names()
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            grasps: vec![grasp(0.2), grasp(0.4)],
        };
        let path = folder.join("grasps.json");
        json::write(&path, &set).unwrap();
        path
    }

    #[test]
    fn a_set_plays_grasp_by_grasp_with_links_where_the_hand_puts_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        assert!(is_set(&path));
        let frames = open(&path).unwrap();
        assert_eq!(frames.len(), 6);
        let root = |index: usize| frames[index].poses.tools[0][0].position;
        assert_eq!((root(0).y, root(1).y, root(3).y), (0.2, 0.1, 0.2));
        // The fingers close further in the second grasp.
        let last = |index: usize| *frames[index].poses.tools[0].last().unwrap();
        assert!((last(1).position - last(4).position).norm() > 1e-3);
        let stage = &frames[0].stage;
        let object = stage.solids.last().unwrap();
        assert!(object.mount == Mount::World && object.surface.triangles.len() > 100);
        assert!(stage.solids.len() > 16);
        // The table is below the object, in its frame.
        let table = stage.solids.iter().find(|one| one.name == "surroundings");
        let table = table.unwrap();
        assert!(table.mount == Mount::World && table.role == Role::Collider);
        let top = Vector3::new(0.1, -0.05, 0.0);
        assert!(
            (table.pose.position - top).norm() < 1e-3,
            "{:?}",
            table.pose
        );
        let [min, max] = stage.bounds;
        for solid in &stage.solids {
            let at = solid.placed(&frames[1].poses).position;
            assert!((0..3).all(|axis| at[axis] > min[axis] - 0.1 && at[axis] < max[axis] + 0.1));
        }
    }
}
