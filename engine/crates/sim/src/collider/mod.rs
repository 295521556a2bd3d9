//! Shapes by their signed distance: one shape a file.

mod capsule;
mod cuboid;
mod cylinder;
mod grid;
mod plane;
mod sphere;
mod spline;
#[cfg(test)]
pub(crate) mod testing;
mod torus;

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::world::cast;

pub use capsule::Capsule;
pub use cuboid::Cuboid;
pub use cylinder::Cylinder;
pub use grid::{DistanceGrid, Extent};
pub use plane::Plane;
pub use sphere::Sphere;
pub use spline::{Jet, Raster, Spline};
pub use torus::Torus;

/// What a shape answers at a point: how far, and which way is out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe<T: Real> {
    /// Signed distance to the surface (m), negative inside.
    pub distance: T,
    /// The outward unit normal: the gradient of the distance, or its direction where the
    /// distance is interpolated, see [`DistanceGrid`].
    pub normal: Vector3<T>,
}

/// A solid by its signed distance, in its own frame (m).
pub trait SignedDistance<T: Real> {
    /// Distance and normal at `point`. Where the distance has a crease (medial axis)
    /// one of its one-sided gradients is returned.
    fn probe(&self, point: &Vector3<T>) -> Probe<T>;

    /// Cotangent of `point` from those of the distance and of the normal:
    /// `distance_bar * n + H normal_bar`, with `H` the Hessian of the distance.
    fn probe_vjp(&self, point: &Vector3<T>, distance_bar: T, normal_bar: &Vector3<T>)
    -> Vector3<T>;

    /// Radius (m) of the smallest ball about the origin that holds the solid; `None`
    /// where it has no bound.
    fn bounding_radius(&self) -> Option<f64>;

    /// Volume (m^3); `None` where it has no bound.
    fn volume(&self) -> Option<f64>;

    /// A bound (1) of the change of the distance over the way between two points; that of a
    /// true distance is one.
    fn lipschitz(&self) -> f64 {
        1.0
    }

    /// Whether `point` is in the solid or on its surface: `d <= 0`.
    #[inline]
    fn contains(&self, point: &Vector3<T>) -> bool {
        self.probe(point).distance <= T::zero()
    }
}

/// Any of the shapes.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape<T: Real> {
    /// See [`Sphere`].
    Sphere(Sphere<T>),
    /// See [`Cuboid`].
    Cuboid(Cuboid<T>),
    /// See [`Capsule`].
    Capsule(Capsule<T>),
    /// See [`Cylinder`].
    Cylinder(Cylinder<T>),
    /// See [`Torus`].
    Torus(Torus<T>),
    /// See [`Plane`].
    Plane(Plane),
    /// See [`DistanceGrid`].
    Grid(DistanceGrid),
}

/// Asks the solid inside a [`Shape`], without a table of function pointers.
macro_rules! ask {
    ($shape:expr, $solid:ident => $answer:expr) => {
        match $shape {
            Self::Sphere($solid) => $answer,
            Self::Cuboid($solid) => $answer,
            Self::Capsule($solid) => $answer,
            Self::Cylinder($solid) => $answer,
            Self::Torus($solid) => $answer,
            Self::Plane($solid) => $answer,
            Self::Grid($solid) => $answer,
        }
    };
}

impl<T: Real> Shape<T> {
    /// The same shape in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Shape<U> {
        match self {
            Self::Sphere(solid) => Shape::Sphere(Sphere {
                radius: cast(solid.radius),
            }),
            Self::Cuboid(solid) => Shape::Cuboid(Cuboid {
                half_extents: solid.half_extents.map(cast),
                rounding: cast(solid.rounding),
            }),
            Self::Capsule(solid) => Shape::Capsule(Capsule {
                radius: cast(solid.radius),
                half_length: cast(solid.half_length),
            }),
            Self::Cylinder(solid) => Shape::Cylinder(Cylinder {
                radius: cast(solid.radius),
                half_height: cast(solid.half_height),
            }),
            Self::Torus(solid) => Shape::Torus(Torus {
                radius: cast(solid.radius),
                tube: cast(solid.tube),
            }),
            Self::Plane(solid) => Shape::Plane(*solid),
            Self::Grid(solid) => Shape::Grid(solid.clone()),
        }
    }
}

impl<T: Real> SignedDistance<T> for Shape<T> {
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        ask!(self, solid => solid.probe(point))
    }

    #[inline]
    fn probe_vjp(
        &self,
        point: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        ask!(self, solid => solid.probe_vjp(point, distance_bar, normal_bar))
    }

    fn bounding_radius(&self) -> Option<f64> {
        ask!(self, solid => SignedDistance::<T>::bounding_radius(solid))
    }

    fn volume(&self) -> Option<f64> {
        ask!(self, solid => SignedDistance::<T>::volume(solid))
    }

    fn lipschitz(&self) -> f64 {
        ask!(self, solid => SignedDistance::<T>::lipschitz(solid))
    }
}

/// Length `|v|` and direction `v / |v|`; `None` for the zero vector, where neither
/// has a derivative.
#[inline]
pub(crate) fn polar<T: Real>(v: &Vector3<T>) -> Option<(T, Vector3<T>)> {
    let square = v.norm_squared();
    if square > T::zero() {
        let length = square.sqrt();
        Some((length, *v / length))
    } else {
        None
    }
}

/// `max(q, 0)`; at `q = 0` the derivative from below (zero) is taken.
#[inline]
fn ramp<T: Real>(q: T) -> T {
    if q > T::zero() { q } else { T::zero() }
}

/// -1 below zero, otherwise 1: at a plane of symmetry the upper side is taken.
#[inline]
fn side<T: Real>(y: T) -> T {
    if y < T::zero() { -T::one() } else { T::one() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{testing::*, *};

    fn vector(range: std::ops::Range<f64>) -> impl Strategy<Value = Vector3<f64>> {
        [range.clone(), range.clone(), range].prop_map(Vector3::from)
    }

    fn shape() -> impl Strategy<Value = Shape<f64>> {
        let length = 0.05..0.8;
        prop_oneof![
            length
                .clone()
                .prop_map(|radius| Shape::Sphere(Sphere { radius })),
            (vector(length.clone()), 0.0..1.0).prop_map(|(half_extents, part)| {
                Shape::Cuboid(Cuboid {
                    half_extents,
                    rounding: part * half_extents.min(),
                })
            }),
            (length.clone(), length.clone()).prop_map(|(radius, half_length)| {
                Shape::Capsule(Capsule {
                    radius,
                    half_length,
                })
            }),
            (length.clone(), length.clone()).prop_map(|(radius, half_height)| {
                Shape::Cylinder(Cylinder {
                    radius,
                    half_height,
                })
            }),
            (length, 0.1..0.9).prop_map(|(radius, part)| {
                Shape::Torus(Torus {
                    radius,
                    tube: part * radius,
                })
            }),
            Just(Shape::Plane(Plane)),
        ]
    }

    proptest! {
        #[test]
        fn normal_is_a_unit_vector(shape in shape(), y in vector(-1.5..1.5)) {
            prop_assert!((shape.probe(&y).normal.norm() - 1.0).abs() < 1e-14);
        }

        #[test]
        fn distance_is_one_lipschitz(
            shape in shape(),
            a in vector(-1.5..1.5),
            b in vector(-1.5..1.5),
        ) {
            let change = (shape.probe(&a).distance - shape.probe(&b).distance).abs();
            prop_assert!(change <= (a - b).norm() + 1e-14);
        }

        #[test]
        fn foot_is_on_the_surface(shape in shape(), y in vector(-1.5..1.5)) {
            let Probe { distance, normal } = shape.probe(&y);
            prop_assert!(shape.probe(&(y - normal * distance)).distance.abs() < 1e-13);
        }

        #[test]
        fn normal_is_the_gradient(shape in shape(), y in vector(-1.5..1.5)) {
            // Central differences hold where no crease lies within the step.
            let step = 1e-6;
            let Probe { normal, .. } = shape.probe(&y);
            let mut gradient = Vector3::zeros();
            for axis in 0..3 {
                let shift = Vector3::ith(axis, step);
                let (ahead, behind) = (shape.probe(&(y + shift)), shape.probe(&(y - shift)));
                prop_assume!((ahead.normal - behind.normal).norm() < 1e-3);
                gradient[axis] = (ahead.distance - behind.distance) / (2.0 * step);
            }
            // Round-off 1e-16 / 2e-6, truncation step^2 times the third derivative.
            prop_assert!((gradient - normal).norm() < 1e-6);
        }

        #[test]
        fn probe_vjp_is_the_transpose(
            shape in shape(),
            y in vector(-1.5..1.5),
            seed in 0_u32..1000,
        ) {
            assert_transpose(&shape, &y, seed);
        }

        #[test]
        fn solid_is_in_its_bounding_ball(shape in shape(), y in vector(-1.5..1.5)) {
            if let Some(radius) = shape.bounding_radius() {
                prop_assert!(!shape.contains(&y) || y.norm() <= radius);
            }
        }
    }

    #[test]
    fn bounding_ball_and_volume_are_those_of_the_solid() {
        let shapes = [
            Shape::Sphere(Sphere { radius: 0.4 }),
            Shape::Cuboid(Cuboid {
                half_extents: Vector3::new(0.3, 0.4, 0.2),
                rounding: 0.15,
            }),
            Shape::Capsule(Capsule {
                radius: 0.2,
                half_length: 0.3,
            }),
            Shape::Cylinder(Cylinder {
                radius: 0.3,
                half_height: 0.4,
            }),
            Shape::Torus(Torus {
                radius: 0.4,
                tube: 0.15,
            }),
        ];
        for shape in shapes {
            // Midpoint rule over the ball's box.
            let radius = shape.bounding_radius().unwrap();
            let (n, mut inside, mut farthest) = (100, 0.0, 0.0_f64);
            let step = 2.0 * radius / f64::from(n);
            let at = |i: i32| (f64::from(i) + 0.5) * step - radius;
            for (i, j, k) in
                (0..n).flat_map(|i| (0..n).flat_map(move |j| (0..n).map(move |k| (i, j, k))))
            {
                let y: Vector3<f64> = Vector3::new(at(i), at(j), at(k));
                if shape.contains(&y) {
                    inside += 1.0;
                    farthest = farthest.max(y.norm());
                }
            }
            let counted = inside * step.powi(3);
            let volume = shape.volume().unwrap();
            assert!((counted / volume - 1.0).abs() < 5e-3, "{shape:?} {counted}");
            assert!(
                farthest <= radius && farthest > radius - 2.0 * step,
                "{shape:?}"
            );
        }
        let plane = Shape::<f64>::Plane(Plane);
        assert_eq!((plane.bounding_radius(), plane.volume()), (None, None));
    }
}
