//! A floating hand and its object in MuJoCo.

use std::path::{Path, PathBuf};

use mujoco_rs::{
    error::MjEditError,
    mujoco_c::{mjtCone, mjtIntegrator},
    mujoco_version,
    wrappers::{
        mj_data::MjData,
        mj_editing::{MjSpec, MjsBody, MjtLimited, PositionConfig, SpecElement, SpecItem},
        mj_model::{MjModel, MjtEq, MjtGeomBase, MjtJoint, MjtObjBase, MjtTrn},
    },
};

use super::{
    Protocol,
    around::{self, AROUND},
};
use crate::{
    GraspError,
    object::{self, surroundings::Surroundings},
    set::{GraspSet, HandEntry, ObjectEntry},
};

/// Solver reference and impedance of the contacts of the hand, and impedance of what its root
/// hangs on (DexGraspBench).
const HAND_SOLREF: [f64; 2] = [0.005, 1.0];
const HAND_SOLIMP: [f64; 3] = [0.5, 0.99, 0.0001];
const HANDLE_SOLIMP: [f64; 5] = [0.9, 0.95, 0.001, 0.5, 2.0];
/// Stiffness (N m / rad) of motors for models that have none (DexGraspBench).
const STIFFNESS: f64 = 5.0;

/// Names that the scene adds to those of the hand's model.
const HANDLE: &str = "backflow_handle";
const OBJECT: &str = "backflow_object";

/// A compiled model, and where things are in it.
pub(super) struct Scene {
    pub model: MjModel,
    /// Index of the object's body.
    pub object: usize,
    /// Where the object, the root and each joint of the set start among the positions.
    pub object_at: usize,
    pub root_at: usize,
    pub joints_at: Vec<usize>,
    /// Pose of the object.
    pub pose: [f64; 7],
    /// Mass of the object (kg).
    pub mass: f64,
    /// Shapes of the hand that collide, with their bodies, in order.
    pub hand_geoms: Vec<(usize, usize)>,
    /// Shapes of the object.
    pub object_geoms: Vec<usize>,
    /// The body of what stands about the object, if there is anything.
    pub around: Option<usize>,
    /// Whether each body is of the hand.
    pub of_hand: Vec<bool>,
    /// The finger of each body, counted from 0.
    pub finger: Vec<Option<usize>>,
    /// Number of fingers.
    pub fingers: usize,
}

/// Version of the library, if it is the one that this was built for.
pub(super) fn version() -> Result<String, GraspError> {
    let found = mujoco_version();
    let expected = mujoco_rs::mujoco_c::mjVERSION_HEADER;
    // 3.17.0 is 3017000 in the header of that version.
    let number = found
        .split('.')
        .map(|part| part.parse::<u32>().ok())
        .collect::<Option<Vec<_>>>();
    let number = match number.as_deref() {
        Some([major, minor, patch]) => major * 1_000_000 + minor * 1_000 + patch,
        _ => 0,
    };
    if number == expected {
        Ok(found.to_owned())
    } else {
        Err(fault(
            "MuJoCo",
            &format!("version {found}, expected that with the number {expected}"),
        ))
    }
}

fn fault(what: &str, found: &dyn std::fmt::Display) -> GraspError {
    GraspError::Simulator {
        what: what.to_owned(),
        found: found.to_string(),
    }
}

impl Scene {
    /// The scene of a set whose paths are seen from `folder`.
    ///
    /// # Errors
    /// A model that MuJoCo cannot read; a joint or a body that the hand does not have;
    /// surroundings that make no sense.
    pub fn new(set: &GraspSet, folder: &Path, protocol: &Protocol) -> Result<Self, GraspError> {
        let path = folder.join(&set.hand.model);
        let what = path.display().to_string();
        Surroundings::new(&set.object.surroundings)?;
        let edit = |error: MjEditError| fault(&what, &error);
        let mut spec = MjSpec::from_xml(&path).map_err(edit)?;
        let urdf = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("urdf"));
        options(&mut spec, protocol, urdf)?;
        let root = root(&mut spec, &set.hand, &what)?;
        handle(&mut spec, &root).map_err(edit)?;
        hand(&mut spec, &set.hand, urdf).map_err(edit)?;
        let files = object::files(&folder.join(&set.object.mesh))?;
        object_body(&mut spec, &set.object, &files).map_err(edit)?;
        around::add(&mut spec, &set.object).map_err(edit)?;
        for geom in spec.geom_iter_mut() {
            geom.friction_mut()[..2].copy_from_slice(&set.object.friction);
            geom.set_condim(4);
        }
        let mut model = spec
            .compile()
            .map_err(|error| fault(&format!("{what} with {}", set.object.mesh), &error))?;

        // The mass is set at the end, so that it is exact whatever the pieces weigh.
        let object = body(&model, OBJECT, &what)?;
        let factor = set.object.mass / model.body_mass()[object];
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(GraspError::Object {
                object: set.object.mesh.clone(),
                field: "mass",
                found: set.object.mass.to_string(),
                expected: "a positive number, and parts with a volume",
            });
        }
        model.body_mass_mut()[object] *= factor;
        for part in &mut model.body_inertia_mut()[object] {
            *part *= factor;
        }
        MjData::new(&mut model).set_const();
        Self::index(model, set, object, &root, &what)
    }

    /// Finds where things are.
    fn index(
        model: MjModel,
        set: &GraspSet,
        object: usize,
        root: &str,
        what: &str,
    ) -> Result<Self, GraspError> {
        let root = body(&model, root, what)?;
        let at = |joint: usize| model.jnt_qposadr()[joint] as usize;
        let first_joint = |body: usize| at(model.body_jntadr()[body] as usize);
        let joint = |name: &String| {
            let joint = model.name_to_id(MjtObjBase::mjOBJ_JOINT, name);
            let moves = |joint: &usize| {
                matches!(
                    model.jnt_type()[*joint],
                    MjtJoint::mjJNT_HINGE | MjtJoint::mjJNT_SLIDE
                )
            };
            joint.filter(moves).map(at).ok_or_else(|| {
                fault(
                    what,
                    &format!("joint_names has {name}, expected a hinge or slide of the model"),
                )
            })
        };
        let joints_at = set
            .joint_names
            .iter()
            .map(joint)
            .collect::<Result<_, _>>()?;
        let bodies = model.nbody() as usize;
        let parent = |body: usize| model.body_parentid()[body] as usize;
        // Bodies come after their parents.
        let mut of_hand = vec![false; bodies];
        for body in 1..bodies {
            of_hand[body] = body == root || of_hand[parent(body)];
        }
        let geoms = model.ngeom() as usize;
        let of = |geom: usize| model.geom_bodyid()[geom] as usize;
        let solid =
            |geom: usize| model.geom_contype()[geom] != 0 || model.geom_conaffinity()[geom] != 0;
        let hand_geoms: Vec<(usize, usize)> = (0..geoms)
            .filter(|&geom| of_hand[of(geom)] && solid(geom))
            .map(|geom| (geom, of(geom)))
            .collect();
        let object_geoms = (0..geoms).filter(|&geom| of(geom) == object).collect();
        if hand_geoms.is_empty() {
            return Err(fault(what, &"no shape of the hand can collide"));
        }
        if model.nu() != model.nout() || model.na() != 0 {
            return Err(fault(
                what,
                &"has motors that are not plain position motors",
            ));
        }
        let (finger, fingers) = fingers(&model, root, &of_hand);
        Ok(Self {
            object,
            object_at: first_joint(object),
            root_at: first_joint(root),
            joints_at,
            pose: set.object.pose,
            mass: set.object.mass,
            hand_geoms,
            object_geoms,
            around: model.name_to_id(MjtObjBase::mjOBJ_BODY, AROUND),
            of_hand,
            finger,
            fingers,
            model,
        })
    }
}

/// Options of the simulation; keyframes of the model are emptied, since they do not fit the scene.
fn options(spec: &mut MjSpec, protocol: &Protocol, urdf: bool) -> Result<(), GraspError> {
    let option = spec.option_mut();
    option.timestep = protocol.timestep;
    option.integrator = mjtIntegrator::mjINT_IMPLICITFAST as i32;
    option.gravity = [0.0; 3];
    option.cone = mjtCone::mjCONE_ELLIPTIC as i32;
    option.impratio = protocol.impedance_ratio;
    option.noslip_iterations =
        i32::try_from(protocol.no_slip_iterations).map_err(|_| GraspError::Setting {
            field: "no_slip_iterations",
            found: protocol.no_slip_iterations.to_string(),
            expected: "a small number",
        })?;
    for key in spec.key_iter_mut() {
        key.set_qpos(&[]);
        key.set_qvel(&[]);
        key.set_act(&[]);
        key.set_ctrl(&[]);
        key.set_mpos(&[]);
        key.set_mquat(&[]);
    }
    let compiler = spec.compiler_mut();
    compiler.set_discardvisual(false);
    if urdf {
        compiler.set_fusestatic(false);
        compiler.set_balanceinertia(true);
    }
    Ok(())
}

/// Lets the root float; its name.
fn root(spec: &mut MjSpec, hand: &HandEntry, what: &str) -> Result<String, GraspError> {
    let name = match &hand.root_body {
        Some(name) => name.clone(),
        None => {
            let first = spec.world_body_mut().body_iter_mut().next();
            let first = first.ok_or_else(|| fault(what, &"has no body"))?;
            if first.name().is_empty() {
                first
                    .set_name("backflow_root")
                    .map_err(|error| fault(what, &error))?;
            }
            first.name().to_owned()
        }
    };
    let root: &mut MjsBody = spec.body_mut(&name).ok_or_else(|| {
        fault(
            what,
            &format!("root_body is {name}, expected a body of the model"),
        )
    })?;
    let floats = root
        .joint_iter(false)
        .any(|joint| joint.type_() == MjtJoint::mjJNT_FREE);
    if !floats {
        root.add_free_joint();
    }
    Ok(name)
}

/// The handle that the root is welded to.
fn handle(spec: &mut MjSpec, root: &str) -> Result<(), MjEditError> {
    let body = spec.world_body_mut().add_body();
    body.set_name(HANDLE)?;
    body.set_mocap(true);
    let weld = spec.add_equality();
    weld.set_type(MjtEq::mjEQ_WELD);
    weld.set_objtype(MjtObjBase::mjOBJ_BODY);
    weld.set_name1(HANDLE);
    weld.set_name2(root);
    *weld.solimp_mut() = HANDLE_SOLIMP;
    // Anchor, position, turn, scale of torques.
    weld.data_mut()[..11].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    Ok(())
}

/// Contacts, joints and motors of the hand.
fn hand(spec: &mut MjSpec, hand: &HandEntry, urdf: bool) -> Result<(), MjEditError> {
    for geom in spec.geom_iter_mut() {
        geom.solref_mut()[..2].copy_from_slice(&HAND_SOLREF);
        geom.solimp_mut()[..3].copy_from_slice(&HAND_SOLIMP);
    }
    // What URDF files say about friction is a placeholder more often than not.
    let friction = hand.joint_friction.or(urdf.then_some(0.0));
    let mut names = Vec::new();
    for joint in spec.joint_iter_mut() {
        if !matches!(joint.type_(), MjtJoint::mjJNT_HINGE | MjtJoint::mjJNT_SLIDE) {
            continue;
        }
        names.push(joint.name().to_owned());
        if let Some(damping) = hand.joint_damping {
            joint.damping_mut().fill(0.0);
            joint.damping_mut()[0] = damping;
        }
        if let Some(friction) = friction {
            joint.set_frictionloss(friction);
        }
    }
    if spec.actuator_iter().next().is_none() {
        for name in &names {
            let motor = spec.add_actuator();
            motor.set_name(&format!("backflow_{name}"))?;
            motor.set_trntype(MjtTrn::mjTRN_JOINT);
            motor.set_target(name);
            motor.set_to_position(PositionConfig {
                kp: hand.kp.unwrap_or(STIFFNESS),
                ..PositionConfig::default()
            })?;
        }
    }
    for motor in spec.actuator_iter_mut() {
        if let Some(kp) = hand.kp {
            motor.gainprm_mut()[0] = kp;
            motor.biasprm_mut()[1] = -kp;
        }
        if let Some(kv) = hand.kv {
            motor.biasprm_mut()[2] = -kv;
        }
        if let Some(range) = hand.forcerange {
            *motor.forcerange_mut() = range;
            motor.set_forcelimited(MjtLimited::mjLIMITED_TRUE);
        }
    }
    Ok(())
}

/// The object, of the convex hulls of its parts.
fn object_body(
    spec: &mut MjSpec,
    object: &ObjectEntry,
    files: &[PathBuf],
) -> Result<(), MjEditError> {
    for (index, file) in files.iter().enumerate() {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let mesh = spec.add_mesh();
        mesh.set_name(&format!("backflow_mesh{index}"))?;
        mesh.set_file(file.to_str().ok_or(MjEditError::InvalidUtf8Path)?);
        *mesh.scale_mut() = [object.scale; 3];
    }
    let body = spec.world_body_mut().add_body();
    body.set_name(OBJECT)?;
    body.add_free_joint();
    for index in 0..files.len() {
        let geom = body.add_geom();
        geom.set_name(&format!("backflow_part{index}"))?;
        geom.set_type(MjtGeomBase::mjGEOM_MESH);
        geom.set_meshname(&format!("backflow_mesh{index}"));
        // Any density will do: the mass is set later.
        geom.set_density(1000.0);
    }
    Ok(())
}

fn body(model: &MjModel, name: &str, what: &str) -> Result<usize, GraspError> {
    model
        .name_to_id(MjtObjBase::mjOBJ_BODY, name)
        .ok_or_else(|| fault(what, &format!("lost its body {name}")))
}

/// Fingers are what hangs with joints on the first body that has three such children, or else on
/// the root: the finger of each body, and how many there are.
fn fingers(model: &MjModel, root: usize, of_hand: &[bool]) -> (Vec<Option<usize>>, usize) {
    let bodies = of_hand.len();
    let parent = |body: usize| model.body_parentid()[body] as usize;
    let mut moves: Vec<bool> = (0..bodies)
        .map(|body| model.body_jntnum()[body] > 0)
        .collect();
    for body in (1..bodies).rev() {
        moves[parent(body)] |= moves[body];
    }
    let children = |of: usize| {
        let moves = &moves;
        (1..bodies)
            .filter(move |&body| of_hand[body] && body != root && parent(body) == of && moves[body])
    };
    let palm = (0..bodies)
        .filter(|&body| of_hand[body])
        .find(|&body| children(body).count() >= 3)
        .unwrap_or(root);
    let mut finger = vec![None; bodies];
    let mut count = 0;
    for body in 1..bodies {
        if !of_hand[body] || body == root {
            continue;
        }
        finger[body] = if parent(body) == palm && moves[body] {
            count += 1;
            Some(count - 1)
        } else {
            finger[parent(body)]
        };
    }
    (finger, count)
}
