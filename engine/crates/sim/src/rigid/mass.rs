//! Mass properties of the solids that have a formula, and principal axes.

use std::f64::consts::PI;

use nalgebra::{Matrix3, Vector3};

use crate::{collider::Shape, mesh::mass::MassProperties, pose::Pose};

/// Mass properties of a shape of density 1 about its origin, which is its centre; `None` where
/// it has no bound or is a mesh, see [`MassProperties::of`].
///
/// Of the integrals `s_i = integral x_i^2 dV` over the parts of a solid, the moments are
/// `I_i = s_j + s_k`. A rounded box is its core of half edges `h` swept by a ball of radius `r`:
/// where `k` of the axes are beyond the core lies a `k`-ball times an edge for each axis within.
pub fn mass_properties(shape: &Shape<f64>) -> Option<MassProperties> {
    let (volume, squares) = match shape {
        Shape::Sphere(solid) => {
            let r = solid.radius;
            (ball(r, 3), Vector3::repeat(ball_square(r, 3)))
        }
        Shape::Cuboid(solid) => {
            let r = solid.rounding;
            let half = solid.half_extents.add_scalar(-r);
            let (mut volume, mut squares) = (0.0, Vector3::zeros());
            for beyond in 0..8_usize {
                let is_beyond = |axis: usize| beyond >> axis & 1 == 1;
                let k = beyond.count_ones() as usize;
                let edges: f64 = (0..3)
                    .filter(|&axis| !is_beyond(axis))
                    .map(|axis| 2.0 * half[axis])
                    .product();
                volume += edges * ball(r, k);
                for axis in 0..3 {
                    let h = half[axis];
                    squares[axis] += edges
                        * if is_beyond(axis) {
                            h * h * ball(r, k) + 2.0 * h * ball_height(r, k) + ball_square(r, k)
                        } else {
                            h * h / 3.0 * ball(r, k)
                        };
                }
            }
            (volume, squares)
        }
        Shape::Capsule(solid) => {
            let (r, l) = (solid.radius, solid.half_length);
            let disc = ball(r, 2);
            let across = 2.0 * l * ball_square(r, 2) + ball_square(r, 3);
            let along = disc * 2.0 * l.powi(3) / 3.0
                + l * l * ball(r, 3)
                + 2.0 * l * ball_height(r, 3)
                + ball_square(r, 3);
            (
                disc * 2.0 * l + ball(r, 3),
                Vector3::new(across, along, across),
            )
        }
        Shape::Cylinder(solid) => {
            let (r, h) = (solid.radius, solid.half_height);
            let across = 2.0 * h * ball_square(r, 2);
            let along = ball(r, 2) * 2.0 * h.powi(3) / 3.0;
            (ball(r, 2) * 2.0 * h, Vector3::new(across, along, across))
        }
        Shape::Torus(solid) => {
            let (ring, tube) = (solid.radius, solid.tube);
            let volume = 2.0 * PI * PI * ring * tube * tube;
            let across = volume * (ring * ring / 2.0 + 3.0 * tube * tube / 8.0);
            (
                volume,
                Vector3::new(across, volume * tube * tube / 4.0, across),
            )
        }
        Shape::Plane(_) | Shape::Grid(_) => return None,
    };
    let moments = Vector3::repeat(squares.sum()) - squares;
    Some(MassProperties {
        volume,
        centre: Vector3::zeros(),
        inertia: Matrix3::from_diagonal(&moments),
    })
}

/// Volume of a ball of radius `r` in `k` dimensions.
fn ball(r: f64, k: usize) -> f64 {
    [1.0, 2.0 * r, PI * r * r, 4.0 / 3.0 * PI * r.powi(3)][k]
}

/// `integral |x|` over that ball.
fn ball_height(r: f64, k: usize) -> f64 {
    [0.0, r * r, 4.0 / 3.0 * r.powi(3), PI / 2.0 * r.powi(4)][k]
}

/// `integral x^2` over that ball.
fn ball_square(r: f64, k: usize) -> f64 {
    [
        0.0,
        2.0 / 3.0 * r.powi(3),
        PI / 4.0 * r.powi(4),
        4.0 / 15.0 * PI * r.powi(5),
    ][k]
}

/// The frame of the centre of mass and the principal axes, in the frame of the solid, and the
/// principal moments. Axes that are principal already stay as they are.
pub fn principal(properties: &MassProperties) -> (Pose<f64>, Vector3<f64>) {
    let inertia = &properties.inertia;
    let off = [(0, 1), (0, 2), (1, 2)].map(|at| inertia[at].abs());
    let position = properties.centre;
    // Symmetric meshes have round-off there.
    if off.iter().all(|&entry| entry <= 1e-12 * inertia.norm()) {
        let rotation = Matrix3::identity();
        return (Pose { position, rotation }, inertia.diagonal());
    }
    let eigen = inertia.symmetric_eigen();
    let mut rotation = eigen.eigenvectors;
    if rotation.determinant() < 0.0 {
        let turned = -rotation.column(0);
        rotation.set_column(0, &turned);
    }
    (Pose { position, rotation }, eigen.eigenvalues)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collider::{Capsule, Cuboid, Cylinder, SignedDistance, Sphere, Torus},
        mesh::{mass::MassProperties, testing::block},
    };

    fn shapes() -> Vec<Shape<f64>> {
        let cuboid = |rounding| {
            Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.3, 0.2, 0.4),
                rounding,
            })
        };
        vec![
            Shape::Sphere(Sphere { radius: 0.3 }),
            cuboid(0.0),
            cuboid(0.15),
            Shape::Capsule(Capsule {
                radius: 0.2,
                half_length: 0.3,
            }),
            Shape::Cylinder(Cylinder {
                radius: 0.25,
                half_height: 0.3,
            }),
            Shape::Torus(Torus {
                radius: 0.3,
                tube: 0.1,
            }),
        ]
    }

    #[test]
    fn mass_properties_are_those_of_points_that_fill_the_solid() {
        for shape in shapes() {
            let known = mass_properties(&shape).unwrap();
            // The middles of small cubes, of one octant by symmetry.
            let (step, reach) = (0.005, 0.5);
            let count = (reach / step) as usize;
            let (mut volume, mut squares) = (0.0, Vector3::<f64>::zeros());
            for at in 0..count.pow(3) {
                let x = Vector3::new(at % count, at / count % count, at / (count * count))
                    .map(|index| (index as f64 + 0.5) * step);
                if shape.contains(&x) {
                    let cube = 8.0 * step * step * step;
                    volume += cube;
                    squares += x.component_mul(&x) * cube;
                }
            }
            let moments = Vector3::repeat(squares.sum()) - squares;
            assert!((volume / known.volume - 1.0).abs() < 5e-3, "{shape:?}");
            assert!((shape.volume().unwrap() / known.volume - 1.0).abs() < 1e-12);
            let error = (moments - known.inertia.diagonal()).norm() / moments.norm();
            assert!(error < 1e-2, "{shape:?} {error}");
        }
    }

    #[test]
    fn principal_axes_diagonalize_the_inertia_of_a_turned_block() {
        let turn = nalgebra::Rotation3::from_euler_angles(0.3, 0.9, -0.4);
        let mut mesh = block([0.1, 0.5, 0.3], [0.2, 0.1, 0.0], 2);
        for vertex in &mut mesh.vertices {
            *vertex = turn * *vertex;
        }
        let properties = MassProperties::of(&mesh).unwrap();
        let (pose, moments) = principal(&properties);
        assert!((pose.rotation.determinant() - 1.0).abs() < 1e-12);
        let back = pose.rotation * Matrix3::from_diagonal(&moments) * pose.rotation.transpose();
        assert!((back - properties.inertia).norm() < 1e-12 * properties.inertia.norm());
        assert_eq!(pose.position, properties.centre);
    }
}
