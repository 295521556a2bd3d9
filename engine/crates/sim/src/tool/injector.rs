//! Injectors: matter that comes out of a nozzle.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::Mount;
use crate::{
    pose::{Pose, PoseBar, Twist},
    random::fraction,
    world::cast,
};

/// Where in its own frame a nozzle puts particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nozzle<T: Real> {
    /// In a box about the origin, by half of its edges (m).
    Cube(Vector3<T>),
    /// In a ball about the origin of this radius (m).
    Ball(T),
    /// On a disc about the y axis of this radius (m).
    Disc(T),
}

/// Which particles a nozzle lets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Those of this liquid body.
    Liquid(usize),
    /// Those of this solid body.
    Solid(usize),
}

/// A nozzle that lets out the particles of a body, so many a frame.
///
/// Particles are born at the start of a frame, where they would come from if they passed the
/// nozzle one after the other during the frame. So the number of particles is known frame by
/// frame before the run, and those that are not born yet cost memory alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Injector<T: Real> {
    /// Name in the scene, and of its body.
    pub name: String,
    /// The body.
    pub matter: Matter,
    /// The frame of a tool that it moves with, if any.
    pub mount: Option<Mount>,
    /// Placement in the world, or in the frame that it is mounted on.
    pub pose: Pose<T>,
    /// Where particles come out.
    pub nozzle: Nozzle<T>,
    /// Velocity of what comes out, against the nozzle and in its frame (m/s).
    pub velocity: Vector3<T>,
    /// Frames in which it is open.
    pub frames: Range<usize>,
    /// Particles a frame (1), on average.
    pub per_frame: f64,
    /// Seed of the random places.
    pub seed: u64,
}

/// A particle that comes out: position and velocity.
pub type Birth<T> = (Vector3<T>, Vector3<T>);

/// Cotangents of what [`Injector::birth`] depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BirthBar<T: Real> {
    /// Of the injector's own pose.
    pub pose: PoseBar<T>,
    /// Of its velocity.
    pub velocity: Vector3<T>,
    /// Of the pose of the frame that it moves with.
    pub frame: PoseBar<T>,
    /// Of the twist of that frame.
    pub twist: Twist<T>,
}

/// A number in [0, 1) that depends on `seed`, the particle and the axis alone.
fn random(seed: u64, particle: usize, axis: u64) -> f64 {
    fraction(seed, (particle as u64).wrapping_mul(3).wrapping_add(axis))
}

impl<T: Real> Nozzle<T> {
    /// A random place, evenly spread.
    fn place(&self, seed: u64, particle: usize) -> Vector3<T> {
        let [a, b, c] = [0, 1, 2].map(|axis| random(seed, particle, axis));
        match self {
            Self::Cube(half) => {
                let part = Vector3::new(a, b, c).map(|part| T::of(2.0 * part - 1.0));
                half.component_mul(&part)
            }
            Self::Ball(radius) => {
                let (height, turn) = (2.0 * a - 1.0, std::f64::consts::TAU * b);
                let flat = (1.0 - height * height).sqrt();
                let unit = Vector3::new(flat * turn.cos(), height, flat * turn.sin());
                unit.map(T::of) * (*radius * T::of(c.cbrt()))
            }
            Self::Disc(radius) => {
                let (far, turn) = (a.sqrt(), std::f64::consts::TAU * b);
                let unit = Vector3::new(far * turn.cos(), 0.0, far * turn.sin());
                unit.map(T::of) * *radius
            }
        }
    }

    fn cast<U: Real>(&self) -> Nozzle<U> {
        match self {
            Self::Cube(half) => Nozzle::Cube(half.map(cast)),
            Self::Ball(radius) => Nozzle::Ball(cast(*radius)),
            Self::Disc(radius) => Nozzle::Disc(cast(*radius)),
        }
    }
}

impl<T: Real> Injector<T> {
    /// The same injector in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Injector<U> {
        Injector {
            name: self.name.clone(),
            matter: self.matter,
            mount: self.mount,
            pose: Pose {
                position: self.pose.position.map(cast),
                rotation: self.pose.rotation.map(cast),
            },
            nozzle: self.nozzle.cast(),
            velocity: self.velocity.map(cast),
            frames: self.frames.clone(),
            per_frame: self.per_frame,
            seed: self.seed,
        }
    }

    /// How many of its particles are born before the start of `frame`.
    pub fn born_before(&self, frame: usize) -> usize {
        self.passed(frame.clamp(self.frames.start, self.frames.end) - self.frames.start)
    }

    /// Particles that pass in its first `open` frames. The one of number `p` passes
    /// `(p + 1/2) / per_frame` frames after it opens, so that the flux is right on average however
    /// few they are; ties go to the next frame.
    fn passed(&self, open: usize) -> usize {
        (open as f64 * self.per_frame - 0.5).ceil().max(0.0) as usize
    }

    /// Its particles that are born at the start of `frame`, counted in its body.
    pub fn newborn(&self, frame: usize) -> Range<usize> {
        if !self.frames.contains(&frame) {
            return 0..0;
        }
        let open = frame - self.frames.start;
        self.passed(open)..self.passed(open + 1)
    }

    /// Particles that it lets out in all.
    pub fn count(&self) -> usize {
        self.passed(self.frames.len())
    }

    /// Where a particle is in the frame of the nozzle when it is born: at a random place of
    /// the nozzle, less the way that it has before it passes, evenly spread over time.
    fn local(&self, particle: usize, duration: T) -> (Vector3<T>, T) {
        let passes = (particle as f64 + 0.5) / self.per_frame;
        let ahead = duration * T::of(passes - passes.floor());
        let place = self.nozzle.place(self.seed, particle);
        (place - self.velocity * ahead, ahead)
    }

    /// Position and velocity of a particle, counted in its body, that is born at the start of
    /// a frame of `duration` (s) in which the nozzle's frame is at a pose and moves with a
    /// twist: `x = P (place - t v)`, `v = v_frame(x) + R v_nozzle`.
    pub fn birth(
        &self,
        particle: usize,
        frame: Option<(&Pose<T>, &Twist<T>)>,
        duration: T,
    ) -> Birth<T> {
        let (local, _) = self.local(particle, duration);
        match frame {
            Some((pose, twist)) => {
                let placed = pose.compose(&self.pose);
                let x = placed.apply(&local);
                let carried = twist.velocity(&(x - pose.position));
                (x, carried + placed.rotation * self.velocity)
            }
            None => (self.pose.apply(&local), self.pose.rotation * self.velocity),
        }
    }

    /// Cotangents of [`Injector::birth`].
    pub fn birth_vjp(
        &self,
        particle: usize,
        frame: Option<(&Pose<T>, &Twist<T>)>,
        duration: T,
        (x_bar, v_bar): &Birth<T>,
    ) -> BirthBar<T> {
        let (local, ahead) = self.local(particle, duration);
        let placed = frame.map_or(self.pose, |(pose, _)| pose.compose(&self.pose));
        // R v_nozzle turns with the nozzle.
        let out = placed.rotation * self.velocity;
        let mut x_bar = *x_bar;
        let mut frame_bar = PoseBar::zero();
        let mut twist_bar = Twist::zero();
        if let Some((pose, twist)) = frame {
            let offset = placed.apply(&local) - pose.position;
            let (of_twist, offset_bar) = twist.velocity_vjp(&offset, v_bar);
            twist_bar = of_twist;
            x_bar += offset_bar;
            frame_bar.position -= offset_bar;
        }
        let (mut placed_bar, local_bar) = placed.apply_vjp(&local, &x_bar);
        placed_bar.rotation += out.cross(v_bar);
        let velocity = placed.rotation.tr_mul(v_bar) - local_bar * ahead;
        let pose = match frame {
            Some((pose, _)) => {
                let (parent, child) = pose.compose_vjp(&self.pose, &placed_bar);
                frame_bar += parent;
                child
            }
            None => placed_bar,
        };
        BirthBar {
            pose,
            velocity,
            frame: frame_bar,
            twist: twist_bar,
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::testing::{dual, noise, tangent},
        pose::tests::{dot, dot_twist, dual_pose, dual_twist, sample},
    };

    fn injector(nozzle: Nozzle<f64>) -> Injector<f64> {
        Injector {
            name: "spout".to_owned(),
            matter: Matter::Liquid(0),
            mount: None,
            pose: sample(3).0,
            nozzle,
            velocity: noise(4),
            frames: 2..5,
            per_frame: 40.0,
            seed: 9,
        }
    }

    fn nozzles() -> [Nozzle<f64>; 3] {
        [
            Nozzle::Cube(Vector3::new(0.1, 0.2, 0.3)),
            Nozzle::Ball(0.2),
            Nozzle::Disc(0.3),
        ]
    }

    #[test]
    fn particles_are_born_frame_by_frame() {
        let injector = injector(Nozzle::Ball(0.1));
        assert_eq!(
            [0, 1, 2, 3, 4, 9].map(|frame| injector.born_before(frame + 1)),
            [0, 0, 40, 80, 120, 120]
        );
        assert_eq!(injector.born_before(0), 0);
        assert_eq!(injector.newborn(1), 0..0);
        assert_eq!(injector.newborn(3), 40..80);
        assert_eq!(injector.newborn(5), 0..0);
        assert_eq!(injector.count(), 120);
    }

    #[test]
    fn few_particles_come_out_at_the_rate_asked_for() {
        for per_frame in [0.3, 2.4, 1.0 / 7.0, 3.0] {
            let mut injector = injector(Nozzle::Ball(0.1));
            (injector.per_frame, injector.frames) = (per_frame, 5..405);
            assert_eq!(injector.count(), (400.0 * per_frame).round() as usize);
            let mut next = 0;
            for frame in 0..500 {
                let newborn = injector.newborn(frame);
                let open = injector.frames.contains(&frame);
                assert!(!open || newborn.len().abs_diff(per_frame as usize) <= 1);
                for particle in newborn.clone() {
                    // Each passes within the frame at whose start it is born.
                    let (_, ahead) = injector.local(particle, 1.0);
                    let passes = (frame - 5) as f64 + ahead;
                    let even = (particle as f64 + 0.5) / per_frame;
                    assert!((passes - even).abs() < 1e-9, "{per_frame} {particle}");
                }
                assert_eq!(
                    newborn.start,
                    if newborn.is_empty() {
                        newborn.start
                    } else {
                        next
                    }
                );
                next += newborn.len();
                assert_eq!(injector.born_before(frame + 1), next);
            }
            assert_eq!(next, injector.count());
        }
    }

    #[test]
    fn places_fill_the_nozzle_evenly_and_do_not_depend_on_history() {
        for nozzle in nozzles() {
            let places: Vec<_> = (0..4000)
                .map(|particle| nozzle.place(1, particle))
                .collect();
            let mean: Vector3<f64> = places.iter().sum::<Vector3<f64>>() / 4000.0;
            assert!(mean.norm() < 0.01, "{nozzle:?} {mean}");
            for place in &places {
                let inside = match nozzle {
                    Nozzle::Cube(half) => {
                        place.abs().zip_fold(&half, true, |all, p, h| all && p <= h)
                    }
                    Nozzle::Ball(radius) => place.norm() <= radius,
                    Nozzle::Disc(radius) => place.y == 0.0 && place.norm() <= radius,
                };
                assert!(inside, "{nozzle:?}");
            }
            assert_eq!(nozzle.place(1, 77), places[77]);
            assert_ne!(nozzle.place(2, 77), places[77]);
        }
    }

    #[test]
    fn birth_vjp_is_the_transpose_at_rest_and_on_a_tool() {
        let (frame, twist) = (
            sample(20).0,
            Twist {
                linear: noise(22),
                angular: noise(23),
            },
        );
        let (duration, particle) = (0.1, 57);
        for nozzle in nozzles() {
            for moving in [false, true] {
                let injector = injector(nozzle);
                let bars = (noise(30), noise(31));
                let of = injector.birth_vjp(
                    particle,
                    moving.then_some((&frame, &twist)),
                    duration,
                    &bars,
                );
                for input in 0..4 {
                    let pick = |at: i32| {
                        if at == input {
                            sample(40).1
                        } else {
                            PoseBar::zero()
                        }
                    };
                    let mut lifted: Injector<Dual64> = injector.cast();
                    lifted.pose = dual_pose(&injector.pose, &pick(0));
                    lifted.velocity = dual(&injector.velocity, &pick(1).position);
                    let push = Twist {
                        linear: pick(3).position,
                        angular: pick(3).rotation,
                    };
                    let (pose, twist) = (dual_pose(&frame, &pick(2)), dual_twist(&twist, &push));
                    let (x, v) = lifted.birth(
                        particle,
                        moving.then_some((&pose, &twist)),
                        Dual64::from(duration),
                    );
                    let forward = tangent(&x).dot(&bars.0) + tangent(&v).dot(&bars.1);
                    let backward = dot(&of.pose, &pick(0))
                        + of.velocity.dot(&pick(1).position)
                        + dot(&of.frame, &pick(2))
                        + dot_twist(&of.twist, &push);
                    assert!(
                        (forward - backward).abs() < 1e-12,
                        "{nozzle:?} {moving} {input}"
                    );
                    assert_eq!(forward != 0.0, moving || input < 2);
                }
            }
        }
    }
}
