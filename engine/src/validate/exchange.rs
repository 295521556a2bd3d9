//! What one body loses of its momentum in a collision another gains (FluidLab's exchange of
//! momentum).

use backflow_sim::{
    collider::{Cuboid, Shape},
    material::{Elasticity, FixedCorotated, Liquid, Solid},
    pose::Pose,
    rigid::RigidBody,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, mean, mean_of},
    order,
};

pub const CASE: Case = Case {
    id: "Exchange",
    about: "momentum in collisions: equal elastic bars, of which one takes the velocity of the other in 2 L / c; a \
            rigid block in the way of a liquid",
    remark: "What the first bar keeps goes down with the cell: bodies push one another as soon as their kernels \
             meet, about a cell apart, and part as late. The bars are fast, a fifth of their waves, so that they \
             pass a cell in a small part of 2 L / c. Their law is linear in the compression: the theory holds at \
             any speed.",
    run,
};

/// Length of a bar (m), Young's modulus (Pa), density (kg/m^3).
const LENGTH: f64 = 1.0;
const YOUNG: f64 = 1e5;
const DENSITY: f64 = 1000.0;

/// Speed of longitudinal waves, of Poisson's ratio 0 (m/s).
const SOUND: f64 = 10.0;

/// Speed of the first bar (m/s): it passes a cell in much less than the time of contact. The bars are
/// compressed by a tenth, but the law is linear in that, so that waves are those of small strain.
const SPEED: f64 = 2.0;

/// Gap between the bars in cells: more than a kernel spans.
const GAP: usize = 3;

/// What each of two bodies has of the momentum of both at the start, with the time (s).
type Shares = Vec<(f64, [f64; 2])>;

/// Two bars of so many cells, the first of which hits the second, at rest.
fn bars(cells: usize) -> Result<(Shares, f64), NonFinite> {
    let dx = LENGTH / cells as f64;
    let law = || {
        Solid::FixedCorotated(FixedCorotated {
            elasticity: Elasticity::new(YOUNG, 0.0),
        })
    };
    let first = |x: &Vector3<f64>| x.x > 4.0 * dx && x.x < 4.0 * dx + LENGTH;
    let from = (4 + GAP) as f64 * dx + LENGTH;
    let second = |x: &Vector3<f64>| x.x > from && x.x < from + LENGTH;
    let dt = 0.2 * dx / SOUND;
    // Bars between slip walls, which have no part in what happens along them.
    let bench = Bench::new([5 * cells / 2 + GAP + 12, 2, 1], dx, dt)
        .solid(law(), DENSITY, first)
        .solid(law(), DENSITY, second)
        .moving(|x| {
            let speed = if first(x) { SPEED } else { 0.0 };
            (Vector3::x() * speed, Matrix3::zeros())
        });
    // Until the bars are as far from one another as they were.
    let steps = ((2.0 * GAP as f64 * dx + 0.5 * dx) / SPEED + 2.0 * LENGTH / SOUND) / dt;
    let (mut shares, mut energy) = (Vec::new(), 0.0);
    bench.run(steps as usize, |time, state| {
        let cloud = &state.particles.solid;
        let of = |body: usize| {
            let slots = &state.order.solid;
            mean_of(slots, &cloud.motion, body, |motion| motion.v().x) / SPEED
        };
        shares.push((time, [of(0), of(1)]));
        energy = mean(&cloud.motion, |motion| motion.v().norm_squared());
    })?;
    Ok((shares, 2.0 * energy / (SPEED * SPEED)))
}

/// How long one of the bars was pushed, in units of `2 L / c`: what it gains grows evenly.
fn contact(shares: &Shares) -> f64 {
    let gained = |share: f64| {
        let pairs = shares.windows(2);
        let mut pairs = pairs.filter(|pair| pair[0].1[1] < share && pair[1].1[1] >= share);
        pairs.next().map_or(f64::NAN, |pair| {
            let ((t, [_, y]), (t_next, [_, y_next])) = (pair[0], pair[1]);
            t + (t_next - t) * (share - y) / (y_next - y)
        })
    };
    (gained(0.8) - gained(0.2)) / 0.6 * SOUND / (2.0 * LENGTH)
}

/// A block of liquid that hits a rigid block of half of its mass, at rest.
fn splash(cells: usize) -> Result<Shares, NonFinite> {
    let (edge, speed, sound) = (0.1, 1.0, 20.0);
    let dx = edge / cells as f64;
    let law = Liquid {
        bulk_modulus: DENSITY * sound * sound,
        viscosity: 0.1,
        exponent: 7.0,
        tension: false,
    };
    let middle = 2.5 * edge;
    let inside = |x: &Vector3<f64>| {
        x.x > 0.5 * edge && x.x < 1.5 * edge && (x.y - middle).abs() < 0.5 * edge
    };
    let size = 5 * cells;
    let mut bench = Bench::new([size, size, 1], dx, 0.3 * dx / sound)
        .liquid(law, DENSITY, inside)
        .moving(|_| (Vector3::x() * speed, Matrix3::zeros()));
    let shape = Shape::Cuboid(Cuboid {
        half_extents: Vector3::new(0.25 * edge, 0.5 * edge, 4.0 * dx),
        rounding: 0.0,
    });
    let masses = [1.0, 0.5].map(|share| share * DENSITY * edge * edge * dx);
    let at = Vector3::new(1.75 * edge + 2.0 * dx, middle, 0.5 * dx);
    let body = RigidBody::of_shape(shape, 1.0).map(|mut body| {
        let unit = body.mass;
        body.mass = masses[1];
        body.moments *= masses[1] / unit;
        body.feelers.clear();
        body.start.pose = Pose::from_rotation_vector(at, &Vector3::zeros());
        body
    });
    bench.world.rigids = body.into_iter().collect();
    let steps = (1.2 * edge / speed / bench.world.clock.dt) as usize;
    let mut shares = Vec::new();
    bench.run(steps, |time, state| {
        let liquid = mean(&state.particles.liquid.motion, |motion| motion.v().x);
        let solid = state.rigids[0].twist.linear.x;
        let start = masses[0] * speed;
        shares.push((
            time,
            [masses[0] * liquid / start, masses[1] * solid / start],
        ));
    })?;
    Ok(shares)
}

/// The most that both together have more or less than at the start.
fn drift(shares: &Shares) -> f64 {
    let each = shares.iter().map(|(_, [a, b])| (a + b - 1.0).abs());
    each.fold(0.0, f64::max)
}

fn curves(name: &str, shares: &Shares) -> impl Iterator<Item = Curve> {
    let of = |body: usize| Curve {
        name: format!("{name}, {}", ["first", "second"][body]),
        points: shares.iter().map(|(t, share)| [*t, share[body]]).collect(),
        marks: false,
    };
    [of(0), of(1)].into_iter()
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (grids, across) = match tier {
        Tier::Fast => ([40, 80], 8),
        Tier::Full => ([80, 160], 16),
    };
    let mut outcome = Outcome::default();
    let (mut drawn, mut errors) = (Vec::new(), Vec::new());
    for cells in grids {
        let grid = format!("{cells} cells a bar");
        let (shares, energy) = bars(cells)?;
        let [first, second] = shares.last().map_or([f64::NAN; 2], |(_, shares)| *shares);
        if cells == grids[1] {
            for (quantity, value) in [
                ("change of the momentum of both bars", drift(&shares)),
                ("velocity left to the first", first),
                ("velocity of the second", second),
                ("time of contact over 2 L / c", contact(&shares)),
                ("kinetic energy kept", energy),
            ] {
                outcome.measure(reference, quantity, &grid, value);
            }
        }
        errors.push(first);
        drawn.extend(curves(&grid, &shares));
    }
    outcome.order = Some(order(errors[0], errors[1]));
    let shares = splash(across)?;
    let grid = format!("{across} cells an edge");
    outcome.measure(
        reference,
        "change of the momentum of liquid and block",
        &grid,
        drift(&shares),
    );
    let ratio = shares
        .last()
        .map_or(f64::NAN, |(_, [kept, gained])| gained / (1.0 - kept));
    outcome.measure(
        reference,
        "gain of the block over the loss of the liquid",
        &grid,
        ratio,
    );
    outcome.plots.push(Plot {
        title: "Collision of equal bars".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "velocity / that of the first".to_owned(),
        ],
        curves: drawn,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_gain_in_2_l_over_c_is_a_contact_of_1() {
        let until = 2.0 * LENGTH / SOUND;
        let shares = (0..100).map(|step| {
            let time = 0.03 * until * f64::from(step);
            let gained = ((time - 0.2) / until).clamp(0.0, 1.0);
            (time, [1.0 - gained, gained])
        });
        let shares: Shares = shares.collect();
        assert!((contact(&shares) - 1.0).abs() < 1e-12);
        assert!(drift(&shares) < 1e-15);
    }
}
