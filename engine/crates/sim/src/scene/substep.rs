//! How long a substep may be.

use super::{
    build::Law,
    fault::{Fault, number, rounded},
    meshes::Meshes,
    motion,
    solid::placement,
    spec::{Attachment, Collider, ForceLaw, JointKind, SAFETY, Spec, Substep, Tool},
};
use nalgebra::Vector3;

use crate::{
    material::Law as _,
    pose::Twist,
    tool::{Joints, Rate, Trajectory},
    world::Clock,
};

/// Substeps of a frame, at most: beyond, a number is wrong.
const MOST: f64 = 1e6;

/// What bounds the substep of a scene.
///
/// - Sound and motion: explicit integration is stable while a wave crosses no more than
///   about a cell in a step (Courant, Friedrichs & Lewy 1928); with quadratic B-splines
///   and few particles a cell half of that is kept, which also keeps particles from
///   crossing a cell unseen: `dt <= dx / (2 (c + u))`.
/// - Viscosity: the explicit diffusion of momentum in three dimensions is stable for
///   `dt <= dx^2 / (6 nu)` (Hirsch 2007, sec. 8.3), with `nu = (4/3) eta / rho`, the
///   longitudinal viscosity under Stokes' hypothesis: `dt <= dx^2 rho / (8 eta)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// Fastest sound c of any body (m/s).
    pub sound: f64,
    /// Bound u of the speed of matter and tool (m/s): the fastest start of any body or
    /// motion of the tool, and the fall through the domain, `sqrt(u_0^2 + 2 g H)`.
    pub speed: f64,
    /// Bound by sound and motion (s).
    pub courant: f64,
    /// Bound by viscosity (s); infinite without.
    pub viscous: f64,
}

/// Half of a cell a substep, see [`Bound`].
const COURANT: f64 = 0.5;

/// Inverse of `6 * 4/3`, see [`Bound`].
const DIFFUSION: f64 = 1.0 / 8.0;

impl Bound {
    /// The longest stable substep (s).
    pub fn limit(&self) -> f64 {
        self.courant.min(self.viscous)
    }

    /// The bound of a scene whose numbers are sound.
    pub fn of<O>(spec: &Spec<O>, meshes: &Meshes) -> Self {
        let dx = spec.domain.cell;
        let (mut sound, mut viscous) = (0.0_f64, f64::INFINITY);
        let bodies = spec.bodies.iter().filter_map(|body| spec.material_of(body));
        let injectors = spec.injectors.iter();
        let injected =
            injectors.filter_map(|injector| spec.materials.get(&injector.material).copied());
        for material in bodies.chain(injected) {
            let density = material.density();
            let (speed, viscosity) = match Law::of(&material) {
                Law::Liquid(law) => (law.sound_speed(density), law.viscosity()),
                Law::Solid(law) => (law.sound_speed(density), law.viscosity()),
            };
            sound = sound.max(speed);
            if viscosity > 0.0 {
                viscous = viscous.min(DIFFUSION * dx * dx * density / viscosity);
            }
        }
        let speed = speed(spec, meshes);
        Self {
            sound,
            speed,
            courant: COURANT * dx / (sound + speed),
            viscous,
        }
    }
}

fn norm(v: [f64; 3]) -> f64 {
    Vector3::from(v).norm()
}

/// Bound of the speed of matter and tool (m/s), see [`Bound::speed`].
fn speed<O>(spec: &Spec<O>, meshes: &Meshes) -> f64 {
    let size = spec.domain.size;
    let mut start = 0.0_f64;
    for body in &spec.bodies {
        // No point of a body in the domain is farther from its origin than this.
        let diagonal = norm(size);
        let reach = body.shape.reach(meshes).unwrap_or(diagonal).min(diagonal);
        start = start.max(norm(body.velocity) + norm(body.spin) * reach);
    }
    for rigid in &spec.rigids {
        let diagonal = norm(size);
        let reach = rigid.shape.reach(meshes).unwrap_or(diagonal).min(diagonal);
        start = start.max(norm(rigid.velocity) + norm(rigid.spin) * reach);
    }
    let mut fastest = 0.0_f64;
    for tool in &spec.tools {
        fastest = fastest.max(tool_speed(spec, tool, meshes));
    }
    start = start.max(fastest);
    for injector in &spec.injectors {
        start = start.max(norm(injector.velocity) + fastest);
    }
    // Work of the forces over the domain, each at its strongest (m^2/s^2).
    let mut pushed = 0.0;
    for force in &spec.forces {
        let most = match force.law {
            ForceLaw::Constant { acceleration } => norm(acceleration),
            ForceLaw::Wind { velocity, .. } => {
                start = start.max(norm(velocity));
                0.0
            }
            ForceLaw::Drag { .. } => 0.0,
            // r / (1 + r^2 / R^2) is R / 2 at most.
            ForceLaw::Vortex { swirl, radius, .. } => 0.5 * norm(swirl) * radius,
            // r / (r^2 + e^2)^(3/2) is 2 / (3 sqrt(3) e^2) at most.
            ForceLaw::Point {
                strength, radius, ..
            } => strength.abs() * 2.0 / (27.0_f64.sqrt() * radius * radius),
        };
        pushed += most * norm(size);
    }
    let shares = spec.bodies.iter().filter_map(|body| body.gravity);
    let share = shares.fold(1.0, |most: f64, share| most.max(share.abs()));
    // Work of gravity over the domain along the axes that are free (m^2/s^2).
    let locks = spec.domain.locks();
    let fall: f64 = (0..3)
        .filter(|&axis| !locks[axis])
        .map(|axis| spec.gravity[axis].abs() * size[axis])
        .sum();
    (start * start + 2.0 * (fall * share + pushed)).sqrt()
}

/// Bound of the speed (m/s) of what is fixed to a tool: of each of its commands, as if all
/// its parts moved as fast as they do farthest out.
fn tool_speed<O>(spec: &Spec<O>, tool: &Tool, meshes: &Meshes) -> f64 {
    let with = |collider: &&Collider| match &collider.on {
        Attachment::World => false,
        Attachment::Tool(name) | Attachment::Part(name, _) => *name == tool.name,
    };
    let reach = spec
        .colliders
        .iter()
        .filter(with)
        .fold(0.0_f64, |reach, collider| {
            let radius = collider.shape.reach(meshes);
            let pose = placement(collider.position, collider.rotation);
            reach.max(pose.position.norm() + radius.unwrap_or(norm(spec.domain.size)))
        });
    let anchors = tool.joints.iter().map(|joint| norm(joint.anchor));
    let slides = tool.joints.iter().map(|joint| match joint.kind {
        JointKind::Slider => joint.position.abs(),
        JointKind::Hinge => 0.0,
    });
    let reach = reach + anchors.chain(slides).sum::<f64>();
    let built = motion::tool(tool);
    let (program, duration) = (motion::program(tool, spec.time.frames), spec.time.frame);
    let trajectory = Trajectory::new(built, &program, duration);
    let speed = |rate: &Rate<f64>| {
        let joints = rate.joints.iter().zip(&tool.joints);
        let joints: f64 = joints
            .map(|(rate, joint)| match joint.kind {
                JointKind::Hinge => rate.abs() * reach,
                JointKind::Slider => rate.abs(),
            })
            .sum();
        rate.twist.linear.norm() + rate.twist.angular.norm() * reach + joints
    };
    // What a policy adds comes on top, in any frame.
    let steered = tool.policy.as_ref().map_or(0.0, |policy| {
        let added = policy.reach(tool.joints.len());
        // A pose is moved against the one before by twice as much at most, in a frame.
        let scale = if tool.motion.poses() {
            (2.0 / duration).max(1.0)
        } else {
            1.0
        };
        let joints = Joints::from_iter(added[6..].iter().copied());
        let twist = Twist {
            linear: Vector3::from_column_slice(&added[..3]),
            angular: Vector3::from_column_slice(&added[3..6]),
        };
        scale * speed(&Rate { twist, joints })
    });
    let frames = 0..trajectory.frames();
    let told = frames.map(|frame| speed(&trajectory.rate(frame)));
    told.fold(0.0, f64::max) + steered
}

/// The clock of a scene whose numbers are sound: whole substeps a frame.
///
/// # Errors
/// A fixed substep is longer than the bound, or a frame takes absurdly many.
pub fn clock<O>(spec: &Spec<O>, meshes: &Meshes) -> Result<Clock<f64>, Fault> {
    let bound = Bound::of(spec, meshes);
    let limit = bound.limit();
    let frame = spec.time.frame;
    let wanted = match spec.time.substep {
        Substep::Auto => SAFETY * limit,
        Substep::AutoWith { safety } => safety * limit,
        Substep::Fixed(dt) => dt.min(frame),
    };
    // A quotient that misses a whole number by round-off is that number.
    let substeps = (frame / wanted * (1.0 - 1e-12)).ceil().max(1.0);
    if substeps.is_nan() || substeps > MOST {
        let expected = format!(
            "at most {MOST} substeps a frame, not {}: sound travels at {} m/s and matter at up to \
             {} m/s through cells of {} m",
            rounded(substeps),
            rounded(bound.sound),
            rounded(bound.speed),
            number(spec.domain.cell),
        );
        return Err(Fault::new("time.frame", number(frame), expected));
    }
    let dt = frame / substeps;
    if matches!(spec.time.substep, Substep::Fixed(_)) && dt > limit {
        let expected = format!(
            "at most {} s, the stability bound: {}",
            rounded_down(limit),
            if bound.courant <= bound.viscous {
                format!(
                    "half a cell of {} m at sound {} m/s + speed {} m/s",
                    number(spec.domain.cell),
                    rounded(bound.sound),
                    rounded(bound.speed)
                )
            } else {
                "cell^2 density / (8 viscosity)".to_owned()
            }
        );
        return Err(Fault::new(
            "time.substep",
            format!("Fixed({})", number(dt)),
            expected,
        ));
    }
    Ok(Clock {
        frames: spec.time.frames,
        substeps: substeps as usize,
        dt,
    })
}

/// To three digits and not above.
fn rounded_down(value: f64) -> String {
    rounded(value * (1.0 - 5e-3))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{THROW, spec_of, throw_with},
        *,
    };

    #[test]
    fn bound_is_half_a_cell_over_sound_and_speed() {
        let bound = Bound::of(&spec_of(THROW), &Meshes::default());
        // Jelly: E = 2e4, nu = 0.3, rho = 1100; lambda + 2 mu = E (1 - nu) / ((1 + nu)(1 - 2 nu)).
        let jelly = (2e4 * 0.7 / (1.3 * 0.4) / 1100_f64).sqrt();
        assert!(jelly > (2e4 / 1e3_f64).sqrt());
        assert!((bound.sound - jelly).abs() < 1e-12);
        // Block: 0.5 m/s, and 2 rad/s at its corner; then 0.8 m of fall.
        let start = 0.5 + 2.0 * (0.06_f64.powi(2) + 0.05_f64.powi(2) + 0.08_f64.powi(2)).sqrt();
        let speed = (start * start + 2.0 * 9.81 * 0.8).sqrt();
        assert!((bound.speed - speed).abs() < 1e-12);
        assert!((bound.courant - 0.025 / (jelly + speed)).abs() < 1e-15);
        // Water: 0.05^2 * 1000 / (8 * 1e-3).
        assert!((bound.viscous - 312.5).abs() < 1e-9);
        assert_eq!(bound.limit(), bound.courant);
    }

    #[test]
    fn frame_has_a_whole_number_of_substeps() {
        let spec = spec_of(THROW);
        let clock = clock(&spec, &Meshes::default()).unwrap();
        let limit = Bound::of(&spec, &Meshes::default()).limit();
        assert!(clock.dt <= SAFETY * limit);
        assert!((clock.dt * clock.substeps as f64 - 0.02).abs() < 1e-15);
        assert!(0.02 / (clock.substeps - 1) as f64 > SAFETY * limit);
        let fixed = spec_of(&throw_with(&[(
            "frame: 0.02",
            "frame: 0.02, substep: Fixed(2e-4)",
        )]));
        let clock = super::clock(&fixed, &Meshes::default()).unwrap();
        assert_eq!((clock.frames, clock.substeps), (50, 100));
        let uneven = spec_of(&throw_with(&[(
            "frame: 0.02",
            "frame: 0.02, substep: Fixed(3e-4)",
        )]));
        assert_eq!(
            super::clock(&uneven, &Meshes::default()).unwrap().substeps,
            67
        );
    }

    #[test]
    fn what_a_policy_adds_comes_on_top_of_the_motion_of_its_tool() {
        let motion = "motion: Constant(linear: (0.2, 0.1, 0))";
        // Frames of 0.02 s: a pose may be 0.1 m off one way, then the other.
        for (told, most) in [
            ("Constant(linear: (0.2, 0.1, 0))", 5.0),
            ("Poses([(position: (0.1, 0.3, 0.2))])", 0.1 * 2.0 / 0.02),
            (
                "Strokes([(frames: 2, action: Go((position: (0.1, 0.3, 0.2))))])",
                0.1 * 2.0 / 0.02,
            ),
        ] {
            let reach = if told.starts_with("Constant") {
                5.0
            } else {
                0.1
            };
            let alone = throw_with(&[(motion, &format!("motion: {told}"))]);
            let policy = format!("motion: {told}, policy: (linear: ({reach}, 0, 0))");
            let steered = throw_with(&[(motion, &policy)]);
            let [alone, steered] = [alone, steered].map(|text| {
                let spec = spec_of(&text);
                tool_speed(&spec, &spec.tools[0], &Meshes::default())
            });
            assert!(
                (steered - alone - most).abs() < 1e-9,
                "{told}: {alone} {steered}"
            );
        }
    }

    #[test]
    fn viscous_liquid_is_bounded_by_diffusion() {
        let honey = throw_with(&[
            ("viscosity: 1e-3", "viscosity: 500"),
            ("frame: 0.02", "frame: 0.02, substep: Fixed(1e-3)"),
        ]);
        let bound = Bound::of(&spec_of(&honey), &Meshes::default());
        assert!((bound.limit() - 0.05 * 0.05 * 1000.0 / (8.0 * 500.0)).abs() < 1e-15);
        assert_eq!(
            clock(&spec_of(&honey), &Meshes::default())
                .unwrap_err()
                .to_string(),
            "time.substep = Fixed(0.001): expected at most 0.000622 s, the stability bound: cell^2 \
             density / (8 viscosity)"
        );
    }
}
