//! A sphere that settles in a viscous liquid: Stokes' law and measured velocities.

use backflow_sim::{
    collider::{Shape, Sphere},
    contact::ContactLaw,
    material::Liquid,
    pose::Pose,
    rigid::RigidBody,
    rollout::{NonFinite, store::RunError},
    world::Wall,
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
};

/// Stokes' law, with the walls of the box that is small enough to be filled.
pub const STOKES: Case = Case {
    id: "F15",
    about: "velocity of a sphere of 1 mm that settles in a box eight times as wide, against Stokes' law",
    remark: "Walls twenty diameters away and eight cells a diameter, as the tolerance of 5 % asks for, \
             would be 33 million particles: the walls are nearer, and their first-order correction \
             (Faxen's 1 - 2.105 d / W + 2.087 (d / W)^3 of a cylinder) is in the reference.",
    run: stokes,
};

/// Settling in silicone oil.
pub const MEASURED: Case = Case {
    id: "F16",
    about: "greatest velocity of a sphere of 15 mm that settles in oil in a box of 0.1 x 0.16 x 0.1 m",
    remark: "The grid gives the sphere the velocities of the nodes inside it: it is as large as whole \
             cells.",
    run: measured,
};

/// A sphere in a box of a liquid.
struct Settling {
    /// Cells of the box.
    cells: [usize; 3],
    /// Cell (m).
    dx: f64,
    /// Diameter of the sphere (m).
    diameter: f64,
    /// Densities of sphere and liquid (kg/m^3).
    densities: [f64; 2],
    /// Viscosity (Pa s).
    viscosity: f64,
    /// Height of the middle of the sphere at the start (m).
    height: f64,
    /// Speed of sound (m/s): many times the velocity of the sphere.
    sound: f64,
    /// Substep (s).
    dt: f64,
    /// How long it settles (s).
    duration: f64,
}

impl Settling {
    /// Downward velocity (m/s) over time (s). The weight of the liquid is left out and taken off
    /// that of the sphere, so that no pressure has to build up first.
    fn run(&self) -> Result<Vec<[f64; 2]>, NonFinite> {
        let [own, around] = self.densities;
        let law = Liquid {
            bulk_modulus: around * self.sound * self.sound,
            viscosity: self.viscosity,
            exponent: 1.0,
            tension: true,
        };
        let size = Vector3::from(self.cells.map(|cells| cells as f64 * self.dx));
        let middle = Vector3::new(0.5 * size.x, self.height, 0.5 * size.z);
        let radius = 0.5 * self.diameter;
        let mut bench = Bench::new(self.cells, self.dx, self.dt)
            .falling(Vector3::new(0.0, -GRAVITY * (own - around) / own, 0.0))
            .liquid(law, around, |x| (x - middle).norm() > radius);
        let world = &mut bench.world;
        world.liquids[0].gravity = Some(0.0);
        let sticky = Wall::new(ContactLaw::Sticky, 0.0);
        world.walls = [[sticky; 2]; 3];
        let ball = RigidBody::of_shape(Shape::Sphere(Sphere { radius }), own);
        world.rigids = ball
            .map(|mut ball| {
                ball.collider.law = ContactLaw::Sticky;
                ball.start.pose = Pose::from_rotation_vector(middle, &Vector3::zeros());
                ball
            })
            .into_iter()
            .collect();
        let mut series = Vec::new();
        bench.run((self.duration / self.dt) as usize, |time, state| {
            series.push([time, -state.rigids[0].twist.linear.y]);
        })?;
        Ok(series)
    }
}

/// The greatest velocity of a series (m/s).
fn greatest(series: &[[f64; 2]]) -> f64 {
    series.iter().map(|[_, speed]| *speed).fold(0.0, f64::max)
}

fn plot(title: &str, curves: Vec<(String, Vec<[f64; 2]>)>) -> Plot {
    let curve = |(name, points)| Curve {
        name,
        points,
        marks: false,
    };
    Plot {
        title: title.to_owned(),
        axes: ["time (s)".to_owned(), "velocity (m/s)".to_owned()],
        curves: curves.into_iter().map(curve).collect(),
    }
}

fn stokes(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let across = match tier {
        Tier::Fast => 2,
        Tier::Full => 4,
    };
    let diameter = 1e-3;
    let dx = diameter / f64::from(across);
    let cells = 8 * across as usize;
    let (density, viscosity) = (1000.0, 0.1);
    let series = Settling {
        cells: [cells; 3],
        dx,
        diameter,
        densities: [1200.0, density],
        viscosity,
        height: 4.0 * diameter,
        sound: 0.3,
        dt: dx * dx * density / (18.0 * viscosity),
        duration: 0.05,
    }
    .run()?;
    let grid = format!("{across} cells a diameter");
    let mut outcome = Outcome::default();
    let speed = greatest(&series);
    outcome.measure(reference, "velocity", &grid, speed);
    let plotted = plot("A sphere settles slowly", vec![(grid, series)]);
    outcome.plots.push(plotted);
    Ok(outcome)
}

fn measured(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let per_decimetre = match tier {
        Tier::Fast => 10,
        Tier::Full => 30,
    };
    let dx = 0.1 / f64::from(per_decimetre);
    let cells = per_decimetre as usize;
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for (name, density, viscosity, speed) in [("E1", 970.0, 0.373, 0.04), ("E3", 962.0, 0.113, 0.1)]
    {
        let sound = 20.0 * speed;
        let series = Settling {
            cells: [cells, cells * 8 / 5, cells],
            dx,
            diameter: 0.015,
            densities: [1120.0, density],
            viscosity,
            height: 0.1275,
            sound,
            dt: 0.3 * dx / sound,
            duration: 0.7,
        }
        .run()?;
        let grid = format!("{:.2} cells a diameter", 0.015 / dx);
        let quantity = format!("greatest velocity in {name}");
        outcome.measure(reference, &quantity, &grid, greatest(&series));
        curves.push((name.to_owned(), series));
    }
    outcome.plots.push(plot("A sphere settles in oil", curves));
    Ok(outcome)
}
