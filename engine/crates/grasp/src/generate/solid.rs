//! Solids as functions of space that are negative inside.

use nalgebra::{UnitQuaternion, Vector3};

/// A solid; lengths in any unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Solid {
    /// A ball.
    Ball {
        /// Its centre.
        centre: Vector3<f64>,
        /// Its radius.
        radius: f64,
    },
    /// All within a distance of a segment.
    Capsule {
        /// One end.
        from: Vector3<f64>,
        /// The other end.
        to: Vector3<f64>,
        /// The distance.
        radius: f64,
    },
    /// A box with round edges.
    Cuboid {
        /// Its centre.
        centre: Vector3<f64>,
        /// Half of its edges.
        half: Vector3<f64>,
        /// Its turn.
        turn: UnitQuaternion<f64>,
        /// Radius of its edges.
        edge: f64,
    },
    /// A cylinder along z.
    Cylinder {
        /// Its centre.
        centre: Vector3<f64>,
        /// Its radius.
        radius: f64,
        /// Half of its height.
        half: f64,
    },
    /// A torus.
    Ring {
        /// Its centre.
        centre: Vector3<f64>,
        /// Its axis, of length one.
        axis: Vector3<f64>,
        /// From the centre to the middle of the tube.
        radius: f64,
        /// Radius of the tube.
        tube: f64,
    },
    /// A superquadric (Barr 1981): `(|x/a|^(2/e2) + |y/b|^(2/e2))^(e2/e1) + |z/c|^(2/e1) = 1`.
    Superquadric {
        /// `a`, `b`, `c`.
        half: Vector3<f64>,
        /// `e1`, `e2`: 1 is round, less is square, 2 is a bevelled edge.
        roundness: [f64; 2],
    },
    /// The surface where bells `exp(2 (1 - r^2 / R^2))` of balls of radius R add up to 1 (Blinn 1982).
    Blob {
        /// Centres and radii.
        balls: Vec<(Vector3<f64>, f64)>,
    },
    /// Both, blended over a width.
    Union(Box<Self>, Box<Self>, f64),
    /// The first without the second.
    Difference(Box<Self>, Box<Self>),
}

impl Solid {
    /// A cylinder along z.
    pub fn cylinder(centre: Vector3<f64>, radius: f64, half: f64) -> Self {
        Self::Cylinder {
            centre,
            radius,
            half,
        }
    }

    /// This and another, blended over a width.
    pub fn with(self, other: Self, width: f64) -> Self {
        Self::Union(Box::new(self), Box::new(other), width)
    }

    /// This without another.
    pub fn without(self, other: Self) -> Self {
        Self::Difference(Box::new(self), Box::new(other))
    }

    /// Signed distance of a point, or, for superquadrics, blobs and what is blended or cut, a
    /// function that has its zeros and its sign.
    pub fn distance(&self, p: &Vector3<f64>) -> f64 {
        match self {
            Self::Ball { centre, radius } => (p - centre).norm() - radius,
            Self::Capsule { from, to, radius } => {
                let (way, off) = (to - from, p - from);
                let t = (off.dot(&way) / way.norm_squared().max(1e-30)).clamp(0.0, 1.0);
                (off - way * t).norm() - radius
            }
            Self::Cuboid {
                centre,
                half,
                turn,
                edge,
            } => {
                let local = turn.inverse() * (p - centre);
                let over = local.abs() - half.add_scalar(-edge);
                over.sup(&Vector3::zeros()).norm() + over.max().min(0.0) - edge
            }
            Self::Cylinder {
                centre,
                radius,
                half,
            } => {
                let local = p - centre;
                let (wide, tall) = (local.xy().norm() - radius, local.z.abs() - half);
                wide.max(0.0).hypot(tall.max(0.0)) + wide.max(tall).min(0.0)
            }
            Self::Ring {
                centre,
                axis,
                radius,
                tube,
            } => {
                let local = p - centre;
                let along = local.dot(axis);
                let across = (local - axis * along).norm();
                (across - radius).hypot(along) - tube
            }
            Self::Superquadric {
                half,
                roundness: [e1, e2],
            } => {
                let q = p.component_div(half).abs();
                let flat = (q.x.powf(2.0 / e2) + q.y.powf(2.0 / e2)).powf(e2 / e1);
                let level = flat + q.z.powf(2.0 / e1);
                // Of the first degree in p, so that it is steep everywhere.
                (level.powf(e1 / 2.0) - 1.0) * half.min()
            }
            Self::Blob { balls } => {
                let bell = |(centre, radius): &(Vector3<f64>, f64)| {
                    (2.0 * (1.0 - (p - centre).norm_squared() / (radius * radius))).exp()
                };
                let sum: f64 = balls.iter().map(bell).sum();
                let least = balls
                    .iter()
                    .map(|ball| ball.1)
                    .fold(f64::INFINITY, f64::min);
                -0.25 * least * sum.max(1e-30).ln()
            }
            Self::Union(a, b, width) => {
                let (a, b) = (a.distance(p), b.distance(p));
                if *width <= 0.0 {
                    return a.min(b);
                }
                // The polynomial minimum of Quilez (2013).
                let h = (width - (a - b).abs()).max(0.0) / width;
                a.min(b) - 0.25 * h * h * width
            }
            Self::Difference(a, b) => a.distance(p).max(-b.distance(p)),
        }
    }

    /// Corners of a box that the solid is in.
    pub fn bounds(&self) -> [Vector3<f64>; 2] {
        let about = |centre: &Vector3<f64>, size: Vector3<f64>| [centre - size, centre + size];
        match self {
            Self::Ball { centre, radius } => about(centre, Vector3::repeat(*radius)),
            Self::Capsule { from, to, radius } => [
                from.inf(to).add_scalar(-radius),
                from.sup(to).add_scalar(*radius),
            ],
            Self::Cuboid { centre, half, .. } => about(centre, Vector3::repeat(half.norm())),
            Self::Cylinder {
                centre,
                radius,
                half,
            } => about(centre, Vector3::new(*radius, *radius, *half)),
            Self::Ring {
                centre,
                radius,
                tube,
                ..
            } => about(centre, Vector3::repeat(radius + tube)),
            Self::Superquadric { half, .. } => about(&Vector3::zeros(), *half),
            Self::Blob { balls } => {
                // Bells of n balls add up to 1 where one of them is at least 1/n:
                // r^2 = R^2 (1 + ln(n) / 2).
                let grown = (1.0 + 0.5 * (balls.len() as f64).ln()).sqrt();
                let boxes = balls
                    .iter()
                    .map(|(centre, radius)| about(centre, Vector3::repeat(radius * grown)));
                boxes
                    .reduce(|[a, b], [c, d]| [a.inf(&c), b.sup(&d)])
                    .unwrap_or_else(|| about(&Vector3::zeros(), Vector3::zeros()))
            }
            Self::Union(a, b, width) => {
                let ([a, b], [c, d]) = (a.bounds(), b.bounds());
                [
                    a.inf(&c).add_scalar(-0.25 * width),
                    b.sup(&d).add_scalar(0.25 * width),
                ]
            }
            Self::Difference(a, _) => a.bounds(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_simple_solids_are_exact() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let cuboid = Solid::Cuboid {
            centre: Vector3::new(1.0, 0.0, 0.0),
            half: Vector3::new(0.5, 0.4, 0.3),
            turn: UnitQuaternion::identity(),
            edge: 0.1,
        };
        near(cuboid.distance(&Vector3::new(2.0, 0.0, 0.0)), 0.5);
        near(cuboid.distance(&Vector3::new(1.0, 0.0, 0.0)), -0.3);
        let cylinder = Solid::cylinder(Vector3::zeros(), 0.3, 0.5);
        near(cylinder.distance(&Vector3::new(0.6, 0.0, 0.9)), 0.5);
        near(cylinder.distance(&Vector3::new(0.1, 0.0, 0.0)), -0.2);
        let ring = Solid::Ring {
            centre: Vector3::zeros(),
            axis: Vector3::y(),
            radius: 0.5,
            tube: 0.1,
        };
        near(ring.distance(&Vector3::new(0.5, 0.3, 0.0)), 0.2);
        near(ring.distance(&Vector3::zeros()), 0.4);
        // A round superquadric is an ellipsoid.
        let round = Solid::Superquadric {
            half: Vector3::new(0.5, 0.4, 0.3),
            roundness: [1.0, 1.0],
        };
        let on = Vector3::new(0.5 * 0.6, 0.4 * 0.48, 0.3 * 0.64);
        near(round.distance(&on), 0.0);
        // A single bell has the radius of its ball.
        let blob = Solid::Blob {
            balls: vec![(Vector3::zeros(), 0.4)],
        };
        near(blob.distance(&Vector3::new(0.0, 0.4, 0.0)), 0.0);
    }

    #[test]
    fn nothing_of_a_solid_is_out_of_its_bounds() {
        let blob = Solid::Blob {
            balls: vec![(Vector3::zeros(), 0.4), (Vector3::new(0.3, 0.1, 0.0), 0.3)],
        };
        let both = blob
            .clone()
            .with(Solid::cylinder(Vector3::zeros(), 0.2, 0.9), 0.2);
        for solid in [blob, both] {
            let [low, high] = solid.bounds();
            for index in 0..3000 {
                let p = 2.0 * crate::testing::noise(index);
                if solid.distance(&p) < 0.0 {
                    assert!(p >= low && p <= high, "{p} {low} {high}");
                }
            }
        }
    }
}
