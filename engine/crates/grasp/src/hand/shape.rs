//! Shapes of links as balls, segments and points.
//!
//! Objects are met by balls, `d = phi(centre) - radius`; other links by segments with a
//! radius, or by balls where one of the two is a box.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{
    finite,
    spec::{SectionSpec, ShapeSpec},
    turn,
};
use crate::force::contact::tangents;

/// A ball in the frame of a link; of radius zero it is a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ball {
    /// Centre (m).
    pub centre: Vector3<f64>,
    /// Radius (m).
    pub radius: f64,
}

/// All within a distance of a segment in the frame of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// One end (m).
    pub from: Vector3<f64>,
    /// The other end (m).
    pub to: Vector3<f64>,
    /// Distance (m).
    pub radius: f64,
}

impl Segment {
    /// Distance (m) of a point in the frame of the link from the surface, negative inside, and
    /// its gradient, the outward normal; on the segment itself any normal to it will do.
    pub fn away<T: Real>(&self, point: &Vector3<T>) -> (T, Vector3<T>) {
        let way = (self.to - self.from).map(T::of);
        let from = *point - self.from.map(T::of);
        let square = way.norm_squared();
        let part = if square > T::zero() {
            from.dot(&way) / square
        } else {
            T::zero()
        };
        let part = if part < T::zero() {
            T::zero()
        } else if part > T::one() {
            T::one()
        } else {
            part
        };
        let off = from - way * part;
        let distance = off.norm();
        let normal = if distance > T::of(1e-9) {
            off / distance
        } else {
            let along = (self.to - self.from).try_normalize(1e-12);
            tangents(&along.unwrap_or_else(Vector3::z))[0].map(T::of)
        };
        (distance - T::of(self.radius), normal)
    }
}

/// Distance of the balls along a capsule, in radii: between two of them it is 3 % thinner.
const STEP: f64 = 0.5;
/// Distance of points on the faces of a box (m).
const FACE: f64 = 0.004;
/// The same where coarse is enough (m).
const COARSE: f64 = 0.012;
/// Parts of a loft, each with a radius of its own.
const SPANS: usize = 3;
/// Points between the given radii of a section.
const FINER: usize = 2;

/// Whether all numbers are finite and all sizes positive.
pub(crate) fn sound(shape: &ShapeSpec) -> bool {
    match shape {
        ShapeSpec::Sphere { centre, radius } => finite(centre).is_some() && *radius > 0.0,
        ShapeSpec::Capsule { from, to, radius } => {
            finite(from).is_some() && finite(to).is_some() && *radius > 0.0 && radius.is_finite()
        }
        ShapeSpec::Cuboid {
            centre,
            half,
            rotation,
        } => {
            let sized = |half: Vector3<f64>| half.min() > 0.0;
            finite(centre).is_some() && finite(half).is_some_and(sized) && turn(rotation).is_some()
        }
        ShapeSpec::Loft {
            position,
            rotation,
            sections,
        } => {
            finite(position).is_some()
                && turn(rotation).is_some()
                && sections.len() >= 2
                && sections.windows(2).all(|pair| pair[0].z < pair[1].z)
                && sections.iter().all(|section| {
                    section.middle.is_finite()
                        && section.radii.len() >= 3
                        && section.radii.len() == sections[0].radii.len()
                        && section.radii.iter().all(|&r| r > 0.0 && r.is_finite())
                })
        }
    }
}

/// A point of a shape in the frame of the link.
fn placed(position: &[f64; 3], rotation: &[f64; 4], point: Vector3<f64>) -> Vector3<f64> {
    Vector3::from(*position) + turn(rotation).map_or(point, |turn| turn * point)
}

/// Balls along a segment.
fn along(from: &[f64; 3], to: &[f64; 3], radius: f64) -> Vec<Ball> {
    let (from, to) = (Vector3::from(*from), Vector3::from(*to));
    let steps = ((to - from).norm() / (STEP * radius)).ceil().max(1.0);
    (0..=steps as usize)
        .map(|step| Ball {
            centre: from + (to - from) * (step as f64 / steps),
            radius,
        })
        .collect()
}

/// Balls that cover a shape, coarsely.
pub(crate) fn balls(shape: &ShapeSpec) -> Vec<Ball> {
    match shape {
        ShapeSpec::Sphere { centre, radius } => vec![Ball {
            centre: Vector3::from(*centre),
            radius: *radius,
        }],
        ShapeSpec::Capsule { from, to, radius } => along(from, to, *radius),
        ShapeSpec::Cuboid { .. } => faces(shape, COARSE),
        ShapeSpec::Loft {
            position,
            rotation,
            sections,
        } => sections
            .iter()
            .map(|section| {
                let radius = section.radii.iter().copied().fold(f64::INFINITY, f64::min);
                let ends = sections[0].z.min(sections[sections.len() - 1].z)
                    ..=sections[sections.len() - 1].z;
                // A ball of the section that does not leave the ends.
                let z = section.z.clamp(
                    (ends.start() + radius).min(*ends.end()),
                    (ends.end() - radius).max(*ends.start()),
                );
                let centre = Vector3::new(0.0, section.middle, z);
                Ball {
                    centre: placed(position, rotation, centre),
                    radius,
                }
            })
            .collect(),
    }
}

/// Balls, or points, that are as fine as touching asks for.
pub(crate) fn surface(shape: &ShapeSpec) -> Vec<Ball> {
    match shape {
        ShapeSpec::Loft {
            position,
            rotation,
            sections,
        } => {
            let finer = refined(sections);
            let points = finer.iter().flat_map(ring);
            points
                .map(|point| Ball {
                    centre: placed(position, rotation, point),
                    radius: 0.0,
                })
                .collect()
        }
        ShapeSpec::Cuboid { .. } => faces(shape, FACE),
        _ => balls(shape),
    }
}

/// Segments with a radius that stand for a shape; none for a box, see [`Block`].
pub(crate) fn segments(shape: &ShapeSpec) -> Vec<Segment> {
    match shape {
        ShapeSpec::Sphere { centre, radius } => vec![Segment {
            from: Vector3::from(*centre),
            to: Vector3::from(*centre),
            radius: *radius,
        }],
        ShapeSpec::Capsule { from, to, radius } => vec![Segment {
            from: Vector3::from(*from),
            to: Vector3::from(*to),
            radius: *radius,
        }],
        ShapeSpec::Cuboid { .. } => Vec::new(),
        ShapeSpec::Loft {
            position,
            rotation,
            sections,
        } => {
            let (low, high) = (sections[0].z, sections[sections.len() - 1].z);
            let mut segments = Vec::new();
            let ends = |part: usize| low + (high - low) * part as f64 / SPANS as f64;
            for span in 0..SPANS {
                // Sections are widest in the middle: that of the wider end.
                let [a, b] = [at(sections, ends(span)), at(sections, ends(span + 1))];
                let deep = a.radii[0].max(b.radii[0]);
                let half = |section: &SectionSpec| section.radii[section.radii.len() / 2];
                let wide = half(&a).max(half(&b));
                let radius = deep.min(wide);
                let [from, to] = [&a, &b].map(|section| {
                    let z = section.z.clamp(low + 0.5 * radius, high - radius);
                    Vector3::new(0.0, section.middle, z)
                });
                for side in [-1.0, 1.0] {
                    let shift = if wide > deep {
                        Vector3::x() * (wide - radius)
                    } else {
                        Vector3::y() * (deep - radius)
                    };
                    segments.push(Segment {
                        from: placed(position, rotation, from + shift * side),
                        to: placed(position, rotation, to + shift * side),
                        radius,
                    });
                }
            }
            segments
        }
    }
}

/// The section of a loft at a height, between those that are given.
fn at(sections: &[SectionSpec], z: f64) -> SectionSpec {
    let next = sections
        .iter()
        .position(|section| section.z >= z)
        .unwrap_or(sections.len() - 1);
    let (a, b) = (&sections[next.saturating_sub(1)], &sections[next]);
    let part = if b.z > a.z {
        (z - a.z) / (b.z - a.z)
    } else {
        1.0
    };
    let mix = |a: f64, b: f64| a + (b - a) * part;
    SectionSpec {
        z,
        middle: mix(a.middle, b.middle),
        radii: a
            .radii
            .iter()
            .zip(&b.radii)
            .map(|(&a, &b)| mix(a, b))
            .collect(),
    }
}

/// A box in the frame of its link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// Centre (m).
    pub centre: Vector3<f64>,
    /// Half of its edges (m).
    pub half: Vector3<f64>,
    /// Its turn.
    pub rotation: Matrix3<f64>,
}

impl Block {
    /// Whether a point in the frame of the link is within a distance (m) of the box.
    #[inline]
    pub fn reaches(&self, point: &Vector3<f64>, within: f64) -> bool {
        let local = self.rotation.tr_mul(&(point - self.centre));
        let beyond = (local.abs() - self.half).map(|over| over.max(0.0));
        beyond.norm_squared() <= within * within
    }

    /// Distance (m) of a point in the frame of the link from the surface, negative inside, and
    /// its gradient, the outward normal; inside, that of the nearest face.
    pub fn away<T: Real>(&self, point: &Vector3<T>) -> (T, Vector3<T>) {
        let turn = self.rotation.map(T::of);
        let local = turn.tr_mul(&(*point - self.centre.map(T::of)));
        let half = self.half.map(T::of);
        let beyond = Vector3::from_fn(|axis, _| {
            let over = local[axis].abs() - half[axis];
            let over = if over > T::zero() { over } else { T::zero() };
            if local[axis] < T::zero() { -over } else { over }
        });
        let square = beyond.norm_squared();
        if square > T::of(1e-18) {
            let distance = square.sqrt();
            return (distance, turn * (beyond / distance));
        }
        let mut nearest = 0;
        for axis in 1..3 {
            if local[axis].abs() - half[axis] > local[nearest].abs() - half[nearest] {
                nearest = axis;
            }
        }
        let sign = if local[nearest] < T::zero() {
            -T::one()
        } else {
            T::one()
        };
        let normal = turn * (Vector3::ith(nearest, T::one()) * sign);
        (local[nearest].abs() - half[nearest], normal)
    }
}

/// The box that a shape is, if it is one.
pub(crate) fn block(shape: &ShapeSpec) -> Option<Block> {
    match shape {
        ShapeSpec::Cuboid {
            centre,
            half,
            rotation,
        } => turn(rotation).map(|rotation| Block {
            centre: Vector3::from(*centre),
            half: Vector3::from(*half),
            rotation,
        }),
        _ => None,
    }
}

/// Points on the faces of a box, at most `spacing` apart.
fn faces(shape: &ShapeSpec, spacing: f64) -> Vec<Ball> {
    let ShapeSpec::Cuboid {
        centre,
        half,
        rotation,
    } = shape
    else {
        return Vec::new();
    };
    let Some(turn) = turn(rotation) else {
        return Vec::new();
    };
    let counts = half.map(|half| (2.0 * half / spacing).ceil().max(1.0) as usize);
    let mut points = Vec::new();
    for i in 0..=counts[0] {
        for j in 0..=counts[1] {
            for k in 0..=counts[2] {
                let index = [i, j, k];
                if !(0..3).any(|axis| index[axis] == 0 || index[axis] == counts[axis]) {
                    continue;
                }
                let place = Vector3::from_fn(|axis, _| {
                    half[axis] * (2.0 * index[axis] as f64 / counts[axis] as f64 - 1.0)
                });
                points.push(Ball {
                    centre: Vector3::from(*centre) + turn * place,
                    radius: 0.0,
                });
            }
        }
    }
    points
}

/// The sections with their means between them, and radii between radii.
fn refined(sections: &[SectionSpec]) -> Vec<SectionSpec> {
    let mut finer: Vec<SectionSpec> = Vec::new();
    for section in sections {
        let section = SectionSpec {
            radii: denser(&section.radii),
            ..section.clone()
        };
        if let Some(last) = finer.last() {
            let mean = |a: f64, b: f64| 0.5 * (a + b);
            let radii = last.radii.iter().zip(&section.radii);
            finer.push(SectionSpec {
                z: mean(last.z, section.z),
                middle: mean(last.middle, section.middle),
                radii: radii.map(|(&a, &b)| mean(a, b)).collect(),
            });
        }
        finer.push(section);
    }
    finer
}

/// Radii at angles between those given, by the cubic through four neighbours (Catmull & Rom
/// 1974); beyond the ends the section is mirrored.
fn denser(radii: &[f64]) -> Vec<f64> {
    let last = radii.len() as isize - 1;
    let at = |index: isize| {
        let index = if index < 0 {
            -index
        } else if index > last {
            2 * last - index
        } else {
            index
        };
        radii[index as usize]
    };
    let mut denser = Vec::new();
    for index in 0..last {
        let [a, b, c, d] = [-1, 0, 1, 2].map(|step| at(index + step));
        for part in 0..FINER {
            let t = part as f64 / FINER as f64;
            let cubic = 3.0 * b - a - 3.0 * c + d;
            let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
            denser.push(b + 0.5 * t * (c - a + t * (square + t * cubic)));
        }
    }
    denser.push(at(last));
    denser
}

/// The points of a section, on both sides.
fn ring(section: &SectionSpec) -> Vec<Vector3<f64>> {
    let last = section.radii.len() - 1;
    let mut points = Vec::new();
    for (index, &radius) in section.radii.iter().enumerate() {
        let angle = std::f64::consts::PI * (index as f64 / last as f64 - 0.5);
        let (sin, cos) = angle.sin_cos();
        let y = section.middle + radius * sin;
        points.push(Vector3::new(radius * cos, y, section.z));
        if index > 0 && index < last {
            points.push(Vector3::new(-radius * cos, y, section.z));
        }
    }
    points
}

/// A ball around balls; of radius zero at the origin where there are none.
pub(super) fn bound(balls: impl Iterator<Item = Ball>) -> Ball {
    let balls: Vec<Ball> = balls.collect();
    let Some(first) = balls.first() else {
        return Ball {
            centre: Vector3::zeros(),
            radius: 0.0,
        };
    };
    let (mut low, mut high) = (first.centre, first.centre);
    for ball in &balls {
        low = low.inf(&ball.centre.add_scalar(-ball.radius));
        high = high.sup(&ball.centre.add_scalar(ball.radius));
    }
    let centre = (low + high) * 0.5;
    let reach = |ball: &Ball| (ball.centre - centre).norm() + ball.radius;
    Ball {
        centre,
        radius: balls.iter().map(reach).fold(0.0, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loft() -> ShapeSpec {
        let section = |z: f64, r: f64| SectionSpec {
            z,
            middle: 0.0,
            radii: vec![r; 7],
        };
        ShapeSpec::Loft {
            position: [0.0; 3],
            rotation: [1.0, 0.0, 0.0, 0.0],
            sections: vec![section(0.0, 0.01), section(0.02, 0.01), section(0.04, 0.01)],
        }
    }

    #[test]
    fn surface_of_a_round_loft_is_a_cylinder() {
        let points = surface(&loft());
        assert!(points.len() > 80);
        for point in points {
            assert!((point.centre.xy().norm() - 0.01).abs() < 1e-12);
            assert!((0.0..=0.04).contains(&point.centre.z));
        }
    }

    #[test]
    fn bound_holds_every_ball() {
        let shapes = [
            loft(),
            ShapeSpec::Cuboid {
                centre: [0.1, 0.0, 0.0],
                half: [0.01, 0.02, 0.03],
                rotation: [1.0, 0.2, 0.0, 0.0],
            },
            ShapeSpec::Capsule {
                from: [0.0; 3],
                to: [0.0, 0.05, 0.0],
                radius: 0.009,
            },
        ];
        let around = bound(shapes.iter().flat_map(balls));
        for ball in shapes.iter().flat_map(balls) {
            assert!((ball.centre - around.centre).norm() + ball.radius <= around.radius + 1e-12);
        }
    }
}
