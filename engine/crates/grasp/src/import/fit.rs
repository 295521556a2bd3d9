//! Shapes of other formats as those that hands are made of.

use nalgebra::{Isometry3, Matrix3, Rotation3, UnitQuaternion, Vector3};

use super::body::quaternion;
use crate::hand::spec::ShapeSpec;

/// A ball.
pub(super) fn sphere(pose: &Isometry3<f64>, radius: f64) -> ShapeSpec {
    ShapeSpec::Sphere {
        centre: pose.translation.vector.into(),
        radius,
    }
}

/// A capsule along z; `half` is half of the length of its axis.
pub(super) fn capsule(pose: &Isometry3<f64>, radius: f64, half: f64) -> ShapeSpec {
    let end = |z: f64| (pose * nalgebra::Point3::new(0.0, 0.0, z)).coords.into();
    ShapeSpec::Capsule {
        from: end(-half),
        to: end(half),
        radius,
    }
}

/// A box.
pub(super) fn cuboid(pose: &Isometry3<f64>, half: [f64; 3]) -> ShapeSpec {
    ShapeSpec::Cuboid {
        centre: pose.translation.vector.into(),
        half,
        rotation: quaternion(&pose.rotation),
    }
}

/// A cylinder along z: the capsule of its length and radius if it is longer than wide, else the
/// box around it.
pub(super) fn cylinder(pose: &Isometry3<f64>, radius: f64, half: f64) -> ShapeSpec {
    if half > radius {
        capsule(pose, radius, half - radius)
    } else {
        cuboid(pose, [radius, radius, half])
    }
}

/// An ellipsoid with these half axes: the capsule along its longest axis with the radius that
/// gives the same middle section.
pub(super) fn ellipsoid(pose: &Isometry3<f64>, axes: [f64; 3]) -> ShapeSpec {
    let longest = (0..3).fold(
        0,
        |best, axis| if axes[axis] > axes[best] { axis } else { best },
    );
    let radius = (axes[(longest + 1) % 3] * axes[(longest + 2) % 3]).sqrt();
    let half = (axes[longest] - radius).max(0.0);
    let turn = match longest {
        0 => UnitQuaternion::from_axis_angle(&Vector3::y_axis(), std::f64::consts::FRAC_PI_2),
        1 => UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::FRAC_PI_2),
        _ => UnitQuaternion::identity(),
    };
    capsule(&(pose * turn), radius, half)
}

/// The box around points along the principal axes of their spread; none for points in a plane.
pub(super) fn around(pose: &Isometry3<f64>, points: &[Vector3<f64>]) -> Option<ShapeSpec> {
    let count = points.len();
    if count < 4 {
        return None;
    }
    let mean = points.iter().sum::<Vector3<f64>>() / count as f64;
    let spread = points.iter().fold(Matrix3::zeros(), |sum, point| {
        sum + (point - mean) * (point - mean).transpose()
    });
    let mut axes = spread.symmetric_eigen().eigenvectors;
    if axes.determinant() < 0.0 {
        axes.column_mut(2).neg_mut();
    }
    let turn = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes));
    let (mut low, mut high) = (
        Vector3::repeat(f64::INFINITY),
        Vector3::repeat(f64::NEG_INFINITY),
    );
    for point in points {
        let local = turn.inverse() * point;
        low = low.inf(&local);
        high = high.sup(&local);
    }
    let half = (high - low) * 0.5;
    if !(half.min() > 0.0 && half.max().is_finite()) {
        return None;
    }
    let centre = turn * ((high + low) * 0.5);
    let place = pose * Isometry3::from_parts(centre.into(), turn);
    Some(cuboid(&place, half.into()))
}

/// Volume (m^3) of a shape; of the box around a loft.
pub(super) fn volume(shape: &ShapeSpec) -> f64 {
    use std::f64::consts::PI;
    match shape {
        ShapeSpec::Sphere { radius, .. } => 4.0 / 3.0 * PI * radius.powi(3),
        ShapeSpec::Capsule { from, to, radius } => {
            let length = (Vector3::from(*to) - Vector3::from(*from)).norm();
            PI * radius * radius * (length + 4.0 / 3.0 * radius)
        }
        ShapeSpec::Cuboid { half, .. } => 8.0 * half.iter().product::<f64>(),
        ShapeSpec::Loft { sections, .. } => {
            let wide = sections.iter().flat_map(|section| &section.radii);
            let wide = wide.copied().fold(0.0, f64::max);
            let ends = sections.first().zip(sections.last());
            ends.map_or(0.0, |(first, last)| 4.0 * wide * wide * (last.z - first.z))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_around_the_corners_of_a_box_is_that_box() {
        let turn = UnitQuaternion::from_euler_angles(0.4, -0.3, 1.2);
        let pose = Isometry3::from_parts(Vector3::new(0.1, 0.2, -0.3).into(), turn);
        let half = Vector3::new(0.03, 0.01, 0.02);
        let inner = Isometry3::from_parts(
            Vector3::new(-0.01, 0.02, 0.005).into(),
            UnitQuaternion::from_euler_angles(-0.9, 0.2, 0.1),
        );
        let corners: Vec<Vector3<f64>> = (0..8)
            .map(|corner| {
                let sign = |bit: usize| if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
                let local = half.component_mul(&Vector3::new(sign(0), sign(1), sign(2)));
                (inner * nalgebra::Point3::from(local)).coords
            })
            .collect();
        let Some(ShapeSpec::Cuboid {
            centre,
            half: found,
            ..
        }) = around(&pose, &corners)
        else {
            panic!("a box");
        };
        let expected = pose * inner;
        assert!((Vector3::from(centre) - expected.translation.vector).norm() < 1e-12);
        let mut found = found;
        found.sort_by(f64::total_cmp);
        for (a, b) in found.iter().zip([0.01, 0.02, 0.03]) {
            assert!((a - b).abs() < 1e-12, "{found:?}");
        }
        assert_eq!(around(&pose, &corners[..3]), None);
    }

    #[test]
    fn round_shapes_keep_their_extent() {
        let pose = Isometry3::identity();
        // A long cylinder is a capsule of the same length, a flat one a box.
        let ShapeSpec::Capsule { from, to, radius } = cylinder(&pose, 0.01, 0.03) else {
            panic!("a capsule");
        };
        assert!((to[2] + radius - 0.03).abs() < 1e-15 && (from[2] - radius + 0.03).abs() < 1e-15);
        assert_eq!(
            cylinder(&pose, 0.02, 0.01),
            cuboid(&pose, [0.02, 0.02, 0.01])
        );
        // An ellipsoid that is round about x ends where it should.
        let ShapeSpec::Capsule { from, to, radius } = ellipsoid(&pose, [0.03, 0.01, 0.01]) else {
            panic!("a capsule");
        };
        assert!((radius - 0.01).abs() < 1e-12);
        assert!((from[0].abs() - 0.02).abs() < 1e-12 && (to[0].abs() - 0.02).abs() < 1e-12);
        assert!(from[2].abs() < 1e-12);
    }
}
