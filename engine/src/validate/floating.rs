//! A rigid block floats in water (Archimedes; FluidLab's buoyancy).

use backflow_sim::{
    collider::{Cuboid, Shape},
    material::{Liquid, Rigid, Solid},
    pose::Pose,
    rigid::{Joint, RigidBody},
    rollout::{NonFinite, State, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY, mean},
    order,
};

pub const CASE: Case = Case {
    id: "F17",
    about: "draft of a floating block of half the density of water, rigid by shape matching and as a \
            rigid body of mass and inertia",
    remark: "A block of particles sinks into the water, faster the longer substeps are: with 4 cells by 6.3, 4.2 and 2.4 mm/s \
             for substeps in which sound of 15 m/s crosses 0.3, 0.15 and 0.075 cells, by 3.7, 2.3 and 1.3 mm/s with \
             sound of 30 m/s. Hypothesis: its particles move as one, but the water at its sides is carried by nodes that \
             do not yet, off by what gravity and pressure do to them in a substep. So its substeps are a third as long here \
             as those of the rigid body, which meets the water at its surface.",
    run,
};

/// Edge of the block (m).
const EDGE: f64 = 0.1;

/// Density of water (kg/m^3).
const DENSITY: f64 = 1000.0;

/// Speed of sound (m/s): the water at the bottom is pressed by 0.2 %.
const SOUND: f64 = 30.0;

/// A tank of four edges, filled to two of them, with a hole for the block, whose substeps let sound
/// cross `courant` cells.
fn tank(across: u32, courant: f64) -> Bench {
    let (dx, sound) = (EDGE / f64::from(across), SOUND);
    let law = Liquid {
        bulk_modulus: DENSITY * sound * sound,
        viscosity: 1.0,
        exponent: 7.0,
        tension: false,
    };
    let cells = (4 * across) as usize;
    Bench::new([cells, cells, 1], dx, courant * dx / sound)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law, DENSITY, |x| x.y < 2.0 * EDGE && !is_in_block(x))
        .mirrored()
}

/// Whether a point is in the block at the start, which is half in the water.
fn is_in_block(x: &Vector3<f64>) -> bool {
    (x.x - 2.0 * EDGE).abs() < 0.5 * EDGE && (x.y - 2.0 * EDGE).abs() < 0.5 * EDGE
}

/// Draft (m) over time (s), from the height of the middle of the block.
fn drafts(bench: &Bench, middle: impl Fn(&State<f64>) -> f64) -> Result<Vec<[f64; 2]>, NonFinite> {
    let steps = (1.5 / bench.world.clock.dt) as usize;
    let mut series = Vec::new();
    bench.run(steps, |time, state| {
        series.push([time, 0.5 * EDGE - (middle(state) - 2.0 * EDGE)]);
    })?;
    Ok(series)
}

/// Of a block of particles.
fn matched(across: u32) -> Result<Vec<[f64; 2]>, NonFinite> {
    let bench = tank(across, 0.1).solid(Solid::Rigid(Rigid), 0.5 * DENSITY, is_in_block);
    drafts(&bench, |state| {
        mean(&state.particles.solid.motion, |motion| motion.x().y)
    })
}

/// Of a rigid body on a vertical slider, which reaches through the slab of the plane problem.
fn body(across: u32) -> Result<Vec<[f64; 2]>, NonFinite> {
    let mut bench = tank(across, 0.3);
    let dx = bench.world.lattice.dx;
    let shape = Shape::Cuboid(Cuboid {
        half_extents: Vector3::new(0.5 * EDGE, 0.5 * EDGE, 4.0 * dx),
        rounding: 0.0,
    });
    let middle = Vector3::new(2.0 * EDGE, 2.0 * EDGE, 0.5 * dx);
    bench.world.rigids = RigidBody::of_shape(shape, 1.0)
        .map(|mut body| {
            body.mass = 0.5 * DENSITY * EDGE * EDGE * dx;
            body.joint = Joint::Slider { axis: Vector3::y() };
            // It touches nothing but the water.
            body.feelers.clear();
            body.start.pose = Pose::from_rotation_vector(middle, &Vector3::zeros());
            body
        })
        .into_iter()
        .collect();
    drafts(&bench, |state| state.rigids[0].pose.position.y)
}

/// Mean of the last third of a series.
fn at_rest(series: &[[f64; 2]]) -> f64 {
    let tail = &series[series.len() * 2 / 3..];
    tail.iter().map(|[_, draft]| draft).sum::<f64>() / tail.len() as f64
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let acrosses: &[u32] = match tier {
        Tier::Fast => &[3, 4],
        Tier::Full => &[4, 8],
    };
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    let kinds: [(&str, fn(u32) -> Result<Vec<[f64; 2]>, NonFinite>); 2] =
        [("draft", matched), ("draft of a rigid body", body)];
    for (quantity, drafts) in kinds {
        let mut errors = Vec::new();
        for &across in acrosses {
            let series = drafts(across)?;
            let grid = format!("{across} cells an edge");
            let draft = at_rest(&series);
            outcome.measure(reference, quantity, &grid, draft);
            errors.push(draft - 0.5 * EDGE);
            curves.push(Curve {
                name: format!("{quantity}, {grid}"),
                points: series,
                marks: false,
            });
        }
        outcome.order = Some(order(errors[0], errors[1]));
    }
    outcome.plots.push(Plot {
        title: "Draft of a floating block".to_owned(),
        axes: ["time (s)".to_owned(), "draft (m)".to_owned()],
        curves,
    });
    Ok(outcome)
}
