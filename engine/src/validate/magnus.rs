//! A ball that spins as it moves is pushed aside (FluidLab's Magnus effect).

use backflow_sim::{
    collider::{Shape, Sphere},
    contact::{Collider, ContactLaw, Stage},
    material::Liquid,
    pose::{Pose, Twist},
    rollout::{NonFinite, State, forward::Rollout, store::RunError},
    tool::{Mount, Program, Tool},
    world::Wall,
};
use nalgebra::Vector3;

use super::{Case, Curve, Outcome, Plot, Reference, Tier, bench::Bench};

pub const CASE: Case = Case {
    id: "Magnus",
    about: "force on a ball of radius a that moves at V and spins at w in a viscous liquid, against \
            pi a^3 rho w V (Rubinow and Keller), at three spins",
    remark: "The theory is that of an unbounded liquid and small Reynolds numbers (here V a / nu = 0.25, \
             w a^2 / nu = 1 and 2); the walls are three diameters away.",
    run,
};

/// Radius of the ball (m), its velocity (m/s), density (kg/m^3) and viscosity (Pa s) of the liquid.
const RADIUS: f64 = 0.05;
const SPEED: f64 = 0.05;
const DENSITY: f64 = 1000.0;
const VISCOSITY: f64 = 10.0;

/// Duration of the motion (s): the start from rest dies down in a quarter of `a^2 / nu`.
const DURATION: f64 = 0.8;

/// Force (N) of the liquid across the way of the ball, frame by frame with the time (s).
fn lift(across: u32, spin: f64) -> Result<Vec<[f64; 2]>, NonFinite> {
    let dx = 2.0 * RADIUS / f64::from(across);
    let cells = 6 * across as usize;
    let size = cells as f64 * dx;
    let sound = 20.0 * (SPEED + 4.0 * RADIUS);
    let dt = (0.3 * dx / sound).min(dx * dx * DENSITY / (18.0 * VISCOSITY));
    let law = Liquid {
        bulk_modulus: DENSITY * sound * sound,
        viscosity: VISCOSITY,
        exponent: 1.0,
        tension: true,
    };
    // Half of the way on either side of the middle.
    let start = Vector3::new(0.5 * size - 0.5 * SPEED * DURATION, 0.5 * size, 0.5 * size);
    let mut bench =
        Bench::new([cells; 3], dx, dt).liquid(law, DENSITY, |x| (x - start).norm() > RADIUS);
    let world = &mut bench.world;
    let sticky = Wall::new(ContactLaw::Sticky, 0.0);
    world.walls = [[sticky; 2]; 3];
    let still = Pose::from_rotation_vector(start, &Vector3::zeros());
    world.tools = vec![Tool::rigid("ball", still)];
    world.colliders = vec![Collider {
        name: "ball".to_owned(),
        shape: Shape::Sphere(Sphere { radius: RADIUS }),
        pose: Pose::identity(),
        law: ContactLaw::Sticky,
        friction: 0.0,
        width: 0.0,
        mount: Some(Mount { tool: 0, link: 0 }),
        stage: Stage::Grid,
    }];
    let substeps = world.clock.substeps;
    world.clock.frames = (DURATION / (dt * substeps as f64)).ceil() as usize;
    let twist = Twist {
        linear: Vector3::new(SPEED, 0.0, 0.0),
        angular: Vector3::new(0.0, 0.0, spin),
    };
    let program = Program::velocities(&vec![twist; world.clock.frames]);
    let mut rollout = Rollout::new(&bench.world, std::slice::from_ref(&program));
    rollout.record_reactions(0);
    let mut state = State::new(&bench.world, bench.particles.clone());
    let mut series = Vec::new();
    for frame in 0..bench.world.clock.frames {
        rollout.advance_frame(&mut state, frame)?;
        let read = rollout.read(&state, frame, false);
        let time = (frame + 1) as f64 * dt * substeps as f64;
        series.push([time, read.reactions.tools[0].force.y]);
    }
    Ok(series)
}

/// Mean of the second half of a series.
fn later(series: &[[f64; 2]]) -> f64 {
    let tail = &series[series.len() / 2..];
    tail.iter().map(|[_, force]| force).sum::<f64>() / tail.len() as f64
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let across = match tier {
        Tier::Fast => 3,
        Tier::Full => 6,
    };
    let spins = [0.0, 4.0, 8.0];
    let series = spins.map(|spin| lift(across, spin));
    let [none, half, whole] = series;
    let series = [none?, half?, whole?];
    let forces = [later(&series[0]), later(&series[1]), later(&series[2])];
    let theory = std::f64::consts::PI * RADIUS.powi(3) * DENSITY * spins[2] * SPEED;
    let grid = format!("{across} cells a diameter");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "force without spin", &grid, forces[0] / theory);
    outcome.measure(
        reference,
        "force at twice the spin",
        &grid,
        forces[2] / forces[1],
    );
    outcome.measure(reference, "force", &grid, forces[2] / theory);
    let curve = |(spin, points): (f64, Vec<[f64; 2]>)| Curve {
        name: format!("{spin} rad/s"),
        points,
        marks: false,
    };
    outcome.plots.push(Plot {
        title: "Force across the way of a spinning ball".to_owned(),
        axes: ["time (s)".to_owned(), "force (N)".to_owned()],
        curves: spins.into_iter().zip(series).map(curve).collect(),
    });
    Ok(outcome)
}
