//! Objects for data sets, made of nothing but a seed.
//!
//! A [`Solid`] is a function of space, [`march`] makes a mesh of its surface, [`decompose`] convex
//! pieces of that. What comes out fits into a ball of radius one about its centre of mass, like
//! the objects of DexGraspNet, so that a scale is a size in metres.

pub mod decompose;
pub mod march;
pub mod solid;

use std::f64::consts::PI;

use backflow_sim::mesh::{Mesh, mass::MassProperties};
use nalgebra::{UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

use crate::{GraspError, random::uniform};
pub use solid::Solid;

/// Kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// Superquadrics (Barr 1981), from boxes over ellipsoids to spindles: convex.
    Superquadric,
    /// Balls that melt into each other (Blinn 1982).
    Blob,
    /// Boxes, balls, capsules, cylinders and rings, joined and cut: bottles, tools, bowls.
    Composite,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Superquadric, Self::Blob, Self::Composite];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superquadric => "superquadric",
            Self::Blob => "blob",
            Self::Composite => "composite",
        }
    }
}

/// Cells along the longest edge of an object; default of the command.
pub const CELLS: u32 = 32;

/// A random object of a family, as a closed mesh: the same for the same seed, anywhere.
///
/// # Errors
/// Less than four cells; an object without a volume.
pub fn generate(family: Family, seed: u64, cells: u32) -> Result<Mesh, GraspError> {
    let solid = random(family, seed);
    let mesh = march::surface(&solid, cells)?;
    let Some(mass) = MassProperties::of(&mesh) else {
        return Err(GraspError::Object {
            object: format!("{} {seed}", family.name()),
            field: "the volume",
            found: "none".to_owned(),
            expected: "a solid",
        });
    };
    let reach = |v: &Vector3<f64>| (v - mass.centre).norm();
    let radius = mesh.vertices.iter().map(reach).fold(0.0, f64::max);
    let vertices = mesh.vertices.iter().map(|v| (v - mass.centre) / radius);
    Ok(Mesh {
        vertices: vertices.collect(),
        triangles: mesh.triangles,
    })
}

/// Numbers that depend on a seed and on how many were taken.
struct Draw {
    seed: u64,
    index: u64,
}

impl Draw {
    fn unit(&mut self) -> f64 {
        self.index += 1;
        uniform(self.seed, self.index)
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count - 1)
    }

    fn direction(&mut self) -> Vector3<f64> {
        let z = self.within(-1.0, 1.0);
        let angle = self.within(0.0, 2.0 * PI);
        let r = (1.0 - z * z).max(0.0).sqrt();
        Vector3::new(r * angle.cos(), r * angle.sin(), z)
    }

    fn turn(&mut self) -> UnitQuaternion<f64> {
        let axis = nalgebra::Unit::new_normalize(self.direction() + Vector3::repeat(1e-9));
        UnitQuaternion::from_axis_angle(&axis, self.within(0.0, PI))
    }
}

/// A random solid, about one in size.
fn random(family: Family, seed: u64) -> Solid {
    let mut draw = Draw {
        seed: seed.wrapping_mul(3).wrapping_add(family as u64),
        index: 0,
    };
    match family {
        Family::Superquadric => Solid::Superquadric {
            half: Vector3::from_fn(|_, _| draw.within(0.3, 1.0)),
            roundness: [draw.within(0.25, 1.6), draw.within(0.25, 1.6)],
        },
        Family::Blob => {
            let count = 3 + draw.below(4);
            let mut balls: Vec<(Vector3<f64>, f64)> = Vec::new();
            let mut at = Vector3::zeros();
            for _ in 0..count {
                let radius = draw.within(0.25, 0.5);
                balls.push((at, radius));
                // The next one is near one of those before, so that all hang together.
                let near = balls[draw.below(balls.len())];
                at = near.0 + draw.direction() * (near.1 * draw.within(0.6, 1.0));
            }
            Solid::Blob { balls }
        }
        Family::Composite => composite(&mut draw),
    }
}

/// One of a few things made of parts.
fn composite(draw: &mut Draw) -> Solid {
    let z = |height: f64| Vector3::new(0.0, 0.0, height);
    match draw.below(5) {
        // A bottle: a body, a shoulder and a neck.
        0 => {
            let (wide, tall) = (draw.within(0.3, 0.5), draw.within(0.5, 0.9));
            let (neck, length) = (wide * draw.within(0.3, 0.6), draw.within(0.2, 0.4));
            Solid::cylinder(z(0.0), wide, 0.5 * tall)
                .with(
                    Solid::Ball {
                        centre: z(0.5 * tall),
                        radius: 0.8 * wide,
                    },
                    0.1,
                )
                .with(Solid::cylinder(z(0.5 * tall + wide), neck, length), 0.05)
        }
        // A hammer: a handle and a head across it.
        1 => {
            let handle = Solid::Capsule {
                from: z(-0.8),
                to: z(0.5),
                radius: draw.within(0.08, 0.15),
            };
            let half = Vector3::new(
                draw.within(0.3, 0.5),
                draw.within(0.12, 0.2),
                draw.within(0.12, 0.2),
            );
            handle.with(
                Solid::Cuboid {
                    centre: z(0.55),
                    half,
                    turn: UnitQuaternion::identity(),
                    edge: 0.03,
                },
                0.03,
            )
        }
        // A bowl: a ball without its upper part and its inside.
        2 => {
            let (radius, wall) = (0.8, draw.within(0.12, 0.2));
            let rim = draw.within(0.0, 0.3);
            Solid::Ball {
                centre: z(0.0),
                radius,
            }
            .without(Solid::Ball {
                centre: z(0.0),
                radius: radius - wall,
            })
            .without(Solid::Cuboid {
                centre: z(rim + 1.0),
                half: Vector3::repeat(1.0),
                turn: UnitQuaternion::identity(),
                edge: 0.0,
            })
        }
        // A mug: a hollow cylinder with a handle.
        3 => {
            let (wide, tall) = (draw.within(0.4, 0.55), draw.within(0.45, 0.65));
            let wall = draw.within(0.1, 0.14);
            let ring = Solid::Ring {
                centre: Vector3::new(wide, 0.0, 0.0),
                axis: Vector3::y(),
                radius: draw.within(0.25, 0.35),
                tube: draw.within(0.07, 0.1),
            };
            Solid::cylinder(z(0.0), wide, tall)
                .with(ring, 0.03)
                .without(Solid::cylinder(z(wall), wide - wall, tall))
        }
        // Boxes about each other.
        _ => {
            let count = 2 + draw.below(3);
            let mut all: Option<Solid> = None;
            for _ in 0..count {
                let centre = draw.direction() * draw.within(0.0, 0.35);
                let one = Solid::Cuboid {
                    centre,
                    half: Vector3::from_fn(|_, _| draw.within(0.15, 0.5)),
                    turn: draw.turn(),
                    edge: 0.04,
                };
                all = Some(match all {
                    None => one,
                    Some(all) => all.with(one, 0.04),
                });
            }
            all.unwrap_or(Solid::Ball {
                centre: z(0.0),
                radius: 1.0,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use backflow_sim::mesh::Report;

    use super::*;

    #[test]
    fn objects_are_closed_and_fit_into_the_unit_ball_about_their_centre() {
        for family in Family::ALL {
            for seed in 0..10 {
                let mesh = generate(family, seed, 20).unwrap();
                let report = Report::of(&mesh);
                assert!(
                    report.is_solid(),
                    "{} {seed}: {:?}",
                    family.name(),
                    report.faults()
                );
                let mass = MassProperties::of(&mesh).unwrap();
                assert!(
                    mass.centre.norm() < 1e-9 && mass.volume > 0.02,
                    "{family:?} {seed}"
                );
                assert!((mesh.reach() - 1.0).abs() < 1e-9, "{family:?} {seed}");
            }
        }
    }

    #[test]
    fn an_object_depends_on_its_seed_and_on_nothing_else() {
        for family in Family::ALL {
            let one = generate(family, 7, 12).unwrap();
            assert_eq!(one, generate(family, 7, 12).unwrap());
            assert_ne!(one, generate(family, 8, 12).unwrap());
        }
    }
}
