//! Worlds of the cases: matter in a box, filled cell by cell.

use backflow_sim::{
    contact::ContactLaw,
    grid::Lattice,
    material::{Liquid, Solid},
    particle::{Motion, Particles, order::Slots},
    rollout::{NonFinite, State, forward::Rollout},
    world::{Body, Clock, Wall, World},
};
use nalgebra::Vector3;

/// Particles along each edge of a cell, if nothing else is said.
const PER_AXIS: usize = 2;

/// Substeps of a frame: particles are sorted this often at least.
const FRAME: usize = 20;

/// Acceleration of gravity (m/s^2).
pub const GRAVITY: f64 = 9.81;

/// A world and the particles that it starts with.
#[derive(Clone)]
pub struct Bench {
    /// The world.
    pub world: World<f64>,
    /// The particles.
    pub particles: Particles<f64>,
    /// How many of them lie along each edge of a cell at the start.
    per_axis: usize,
}

impl Bench {
    /// A box of `cells` cells of `dx` with slip walls that holds nothing; nothing moves
    /// along z where it is one cell thick.
    pub fn new(cells: [usize; 3], dx: f64, dt: f64) -> Self {
        let wall = Wall::new(ContactLaw::Slip, 0.0);
        Self {
            world: World {
                lattice: Lattice::over(Vector3::zeros(), cells, dx),
                clock: Clock {
                    frames: 1,
                    substeps: FRAME,
                    dt,
                },
                gravity: Vector3::zeros(),
                volume_rate: 0.0,
                walls: [[wall; 2]; 3],
                locked: [false, false, cells[2] == 1],
                liquids: Vec::new(),
                solids: Vec::new(),
                activations: Vec::new(),
                forces: Vec::new(),
                colliders: Vec::new(),
                rigids: Vec::new(),
                tools: Vec::new(),
                policies: Vec::new(),
                injectors: Vec::new(),
                collectors: Vec::new(),
            },
            particles: Particles::zeros(0, 0),
            per_axis: PER_AXIS,
        }
    }

    /// With so many particles along each edge of a cell, of what is put in from here on.
    pub fn with_particles(mut self, per_axis: usize) -> Self {
        self.per_axis = per_axis;
        self
    }

    /// With gravity (m/s^2).
    pub fn falling(mut self, gravity: Vector3<f64>) -> Self {
        self.world.gravity = gravity;
        self
    }

    /// With walls that mirror what lies within, where their laws let them.
    pub fn mirrored(mut self) -> Self {
        self.world.mirror();
        self
    }

    /// Centres of the parts of all cells that `keep` admits.
    fn places(&self, keep: impl Fn(&Vector3<f64>) -> bool) -> Vec<Vector3<f64>> {
        let (lattice, spacing) = (&self.world.lattice, self.spacing());
        let count = (lattice.max() - lattice.min()).map(|size| (size / spacing).round() as usize);
        let mut places = Vec::new();
        for i in 0..count.x {
            for j in 0..count.y {
                for k in 0..count.z {
                    let at = Vector3::new(i as f64 + 0.5, j as f64 + 0.5, k as f64 + 0.5);
                    let x = lattice.min() + at * spacing;
                    if keep(&x) {
                        places.push(x);
                    }
                }
            }
        }
        places
    }

    /// Distance of neighbouring particles at the start (m).
    pub fn spacing(&self) -> f64 {
        self.world.lattice.dx / self.per_axis as f64
    }

    /// With a liquid at rest where `keep` says so.
    pub fn liquid(
        mut self,
        law: Liquid<f64>,
        density: f64,
        keep: impl Fn(&Vector3<f64>) -> bool,
    ) -> Self {
        let still =
            |x: Vector3<f64>| Motion::new(&x, &Vector3::zeros(), &nalgebra::Matrix3::zeros());
        let places = self.places(keep);
        let range = self.particles.liquid.extend(places.into_iter().map(still));
        let volume = self.spacing().powi(3);
        self.world.liquids.push(Body {
            name: format!("liquid {}", self.world.liquids.len()),
            law,
            density,
            volume,
            gravity: None,
            range,
        });
        self
    }

    /// With a solid at rest where `keep` says so.
    pub fn solid(
        mut self,
        law: Solid<f64>,
        density: f64,
        keep: impl Fn(&Vector3<f64>) -> bool,
    ) -> Self {
        let still =
            |x: Vector3<f64>| Motion::new(&x, &Vector3::zeros(), &nalgebra::Matrix3::zeros());
        let places = self.places(keep);
        let range = self.particles.solid.extend(places.into_iter().map(still));
        let volume = self.spacing().powi(3);
        self.world.solids.push(Body {
            name: format!("solid {}", self.world.solids.len()),
            law,
            density,
            volume,
            gravity: None,
            range,
        });
        self
    }

    /// With the velocity and the velocity gradient of a field.
    pub fn moving(
        mut self,
        field: impl Fn(&Vector3<f64>) -> (Vector3<f64>, nalgebra::Matrix3<f64>),
    ) -> Self {
        let Particles { liquid, solid } = &mut self.particles;
        for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
            let x = motion.x();
            let (v, c) = field(&x);
            *motion = Motion::new(&x, &v, &c);
        }
        self
    }

    /// Runs `steps` substeps and shows the particles, sorted, with the time (s) after each.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn run(&self, steps: usize, see: impl FnMut(f64, &State<f64>)) -> Result<(), NonFinite> {
        self.drive(steps, |_, _| {}, see).map(|_| ())
    }

    /// As [`Bench::run`], with what `act` does to the particles at the time (s) before each substep; the
    /// state at the end.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn drive(
        &self,
        steps: usize,
        mut act: impl FnMut(f64, &mut State<f64>),
        mut see: impl FnMut(f64, &State<f64>),
    ) -> Result<State<f64>, NonFinite> {
        let mut rollout = Rollout::new(&self.world, &[]);
        let mut state = State::new(&self.world, self.particles.clone());
        for step in 0..steps {
            act(step as f64 * self.world.clock.dt, &mut state);
            rollout.advance(&mut state, step)?;
            see((step + 1) as f64 * self.world.clock.dt, &state);
        }
        state.check(&self.world, steps)?;
        Ok(state)
    }

    /// The state after `time` (s), its particles sorted.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn after(&self, time: f64) -> Result<State<f64>, NonFinite> {
        let steps = (time / self.world.clock.dt) as usize;
        self.drive(steps, |_, _| {}, |_, _| {})
    }
}

/// Mean over motions.
pub fn mean(motions: &[Motion<f64>], of: impl Fn(&Motion<f64>) -> f64) -> f64 {
    motions.iter().map(of).sum::<f64>() / motions.len() as f64
}

/// Means of a series over windows of so many samples, each at its middle: what is faster is gone.
pub fn smoothed(series: &[[f64; 2]], window: usize) -> Vec<[f64; 2]> {
    let middle = |part: &[[f64; 2]], index: usize| {
        part.iter().map(|point| point[index]).sum::<f64>() / part.len() as f64
    };
    let parts = series.windows(window);
    parts
        .map(|part| [middle(part, 0), middle(part, 1)])
        .collect()
}

/// Mean over the motions of one body, which lie in `slots`.
pub fn mean_of(
    slots: &Slots,
    motions: &[Motion<f64>],
    body: usize,
    of: impl Fn(&Motion<f64>) -> f64,
) -> f64 {
    let own = |&(_, of): &(&Motion<f64>, &u16)| usize::from(*of) == body;
    let pairs = motions.iter().zip(&slots.bodies).filter(own);
    let (mut sum, mut count) = (0.0, 0.0);
    for (motion, _) in pairs {
        sum += of(motion);
        count += 1.0;
    }
    sum / count
}

/// Where a series `(t, y)` crosses zero, by linear interpolation.
pub fn crossings(series: &[[f64; 2]]) -> Vec<f64> {
    let pairs = series.windows(2);
    pairs
        .filter(|pair| (pair[0][1] < 0.0) != (pair[1][1] < 0.0))
        .map(|pair| {
            let ([t, y], [t_next, y_next]) = (pair[0], pair[1]);
            t + (t_next - t) * y / (y - y_next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ripple_of_the_width_of_the_window_is_smoothed_away() {
        let ripple = |step: u32| f64::from(step % 5) - 2.0;
        let series: Vec<_> = (0..40)
            .map(|step| [f64::from(step), 3.0 * f64::from(step) + ripple(step)])
            .collect();
        for [t, y] in smoothed(&series, 5) {
            assert!((y - 3.0 * t).abs() < 1e-12);
        }
    }

    #[test]
    fn a_sine_crosses_zero_every_half_period() {
        let series: Vec<_> = (1..100)
            .map(|step| {
                [
                    0.01 * f64::from(step),
                    (20.0 * 0.01 * f64::from(step)).sin(),
                ]
            })
            .collect();
        let zeros = crossings(&series);
        assert_eq!(zeros.len(), 6);
        assert!((zeros[3] - 4.0 * std::f64::consts::PI / 20.0).abs() < 1e-3);
    }
}
