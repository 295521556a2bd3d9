//! Where a feeler of a body meets another surface.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::feeler::Feeler;
use crate::{
    collider::{Probe, SignedDistance},
    contact::{Collider, Placed},
    pose::{Pose, PoseBar},
};

/// A surface that a body can touch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Surface<'a, T: Real> {
    /// The half space `n . x < offset` (m).
    Wall {
        /// Outward unit normal.
        normal: Vector3<T::Wide>,
        /// Distance of the plane from the world's origin along the normal (m).
        offset: T::Wide,
    },
    /// A collider of the scene.
    Collider(&'a Placed<'a, T>),
    /// Another rigid body, whose frame is at the pose.
    Body(&'a Collider<T::Wide>, Pose<T::Wide>),
}

/// Cotangents of a [`Surface`] besides its constants.
#[derive(Debug, Clone, Copy)]
pub(super) struct SurfaceBar<T: Real> {
    /// Of the pose of the collider, or of the frame of the body.
    pub pose: PoseBar<T::Wide>,
}

/// A place where two surfaces meet or soon will.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Touch<W: Real> {
    /// Distance between the surfaces (m), negative where they overlap.
    pub gap: W,
    /// Unit normal out of the other surface.
    pub normal: Vector3<W>,
    /// The place (m), on the surface of the body.
    pub point: Vector3<W>,
}

fn narrow<T: Real>(v: &Vector3<T::Wide>) -> Vector3<T> {
    v.map(T::narrow)
}

fn widen<T: Real>(v: &Vector3<T>) -> Vector3<T::Wide> {
    v.map(Real::widen)
}

impl<T: Real> Surface<'_, T> {
    /// Distance and normal at a point of the world.
    pub fn probe(&self, x: &Vector3<T::Wide>) -> Probe<T::Wide> {
        match self {
            Self::Wall { normal, offset } => Probe {
                distance: normal.dot(x) - *offset,
                normal: *normal,
            },
            Self::Collider(placed) => {
                let Probe { distance, normal } = placed.probe(&narrow::<T>(x));
                Probe {
                    distance: distance.widen(),
                    normal: widen(&normal),
                }
            }
            Self::Body(collider, pose) => {
                let pose = pose.compose(&collider.pose);
                let Probe { distance, normal } = collider.shape.probe(&pose.inverse_apply(x));
                Probe {
                    distance,
                    normal: pose.rotation * normal,
                }
            }
        }
    }

    /// Cotangents of the surface and of the point of [`Surface::probe`].
    fn probe_vjp(
        &self,
        x: &Vector3<T::Wide>,
        distance_bar: T::Wide,
        normal_bar: &Vector3<T::Wide>,
    ) -> (SurfaceBar<T>, Vector3<T::Wide>) {
        match self {
            Self::Wall { normal, .. } => {
                let pose = PoseBar::zero();
                (SurfaceBar { pose }, normal * distance_bar)
            }
            Self::Collider(placed) => {
                let (x, normal_bar) = (narrow::<T>(x), narrow::<T>(normal_bar));
                let normal = placed.probe(&x).normal;
                let bar = placed.probe_vjp(&x, T::narrow(distance_bar), &normal, &normal_bar);
                // A rigid motion of both leaves the distance alone.
                let x_bar = -widen(&bar.position);
                let pose = PoseBar {
                    position: widen(&bar.position),
                    rotation: widen(&bar.rotation),
                };
                (SurfaceBar { pose }, x_bar)
            }
            Self::Body(collider, frame) => {
                let pose = frame.compose(&collider.pose);
                let point = pose.inverse_apply(x);
                let normal = pose.rotation * collider.shape.probe(&point).normal;
                let local_bar = pose.rotation.tr_mul(normal_bar);
                let point_bar = collider.shape.probe_vjp(&point, distance_bar, &local_bar);
                let (mut pose_bar, x_bar) = pose.inverse_apply_vjp(x, &point_bar);
                pose_bar.rotation += normal.cross(normal_bar);
                let (pose, _) = frame.compose_vjp(&collider.pose, &pose_bar);
                (SurfaceBar { pose }, x_bar)
            }
        }
    }
}

/// Below this sine of the angle between the axis of a rim and the normal (1), which point of
/// the rim is nearest is not defined: the direction is then fixed to the body.
const FLAT: f64 = 1e-6;

/// Direction from the centre of a rim to its point, in world axes, and how it came about.
struct Spoke<W: Real> {
    /// Unit axis.
    axis: Vector3<W>,
    /// Unit direction to the nearest point.
    nearest: Vector3<W>,
    /// Length of the part of the normal across the axis; `None` where the rim lies flat.
    across: Option<W>,
}

impl<W: Real> Spoke<W> {
    fn new(axis: Vector3<W>, normal: &Vector3<W>) -> Self {
        let down = axis * axis.dot(normal) - normal;
        let length = down.norm();
        if length > W::of(FLAT) {
            return Self {
                axis,
                nearest: down / length,
                across: Some(length),
            };
        }
        // Any direction across the axis that turns with the body would do.
        let least = axis.iamin();
        let nearest = axis.cross(&Vector3::ith(least, W::one())).normalize();
        Self {
            axis,
            nearest,
            across: None,
        }
    }

    /// The direction turned by quarters about the axis.
    fn turned(&self, quarter: u8) -> Vector3<W> {
        match quarter {
            0 => self.nearest,
            1 => self.axis.cross(&self.nearest),
            2 => -self.nearest,
            _ => self.nearest.cross(&self.axis),
        }
    }

    /// Cotangents of the axis and of the normal from that of [`Spoke::turned`].
    fn turned_vjp(&self, quarter: u8, normal: &Vector3<W>, bar: &Vector3<W>) -> [Vector3<W>; 2] {
        let zero = Vector3::zeros;
        let (mut axis_bar, nearest_bar) = match quarter {
            0 => (zero(), *bar),
            1 => (self.nearest.cross(bar), bar.cross(&self.axis)),
            2 => (zero(), -bar),
            _ => (bar.cross(&self.nearest), self.axis.cross(bar)),
        };
        let Some(across) = self.across else {
            // It is constant in the frame of the body: the axis is, too, and turns it. What
            // turns the axis alone, by `delta a = w x a`, turns the direction by `w`.
            return [axis_bar + nearest_of_axis_vjp(self, &nearest_bar), zero()];
        };
        let along = self.nearest.dot(&nearest_bar);
        let down_bar = (nearest_bar - self.nearest * along) / across;
        axis_bar += normal * self.axis.dot(&down_bar) + down_bar * self.axis.dot(normal);
        let normal_bar = self.axis * self.axis.dot(&down_bar) - down_bar;
        [axis_bar, normal_bar]
    }
}

/// Cotangent of the axis where the direction is the unit of `a x e`, `e` a fixed axis of the
/// world.
fn nearest_of_axis_vjp<W: Real>(spoke: &Spoke<W>, bar: &Vector3<W>) -> Vector3<W> {
    let unit = Vector3::ith(spoke.axis.iamin(), W::one());
    let length = spoke.axis.cross(&unit).norm();
    let cross_bar = (bar - spoke.nearest * spoke.nearest.dot(bar)) / length;
    unit.cross(&cross_bar)
}

/// Where a feeler of a body at `pose` meets `surface`.
///
/// Of a ball of radius `r` about `x`: the gap `d(x) - r`, the normal `n(x)`, the point
/// `x - r n`. Of a rim: the point `x` of the circle that is nearest along the normal at its
/// centre, with `d(x)` and `n(x)`. Where the rim lies flat the nearest point jumps, and the
/// derivative of a direction that does not follow the normal is taken.
pub(super) fn touch<T: Real>(
    feeler: &Feeler<T::Wide>,
    pose: &Pose<T::Wide>,
    surface: &Surface<'_, T>,
) -> Touch<T::Wide> {
    match feeler {
        Feeler::Ball { centre, radius } => {
            let x = pose.apply(centre);
            let Probe { distance, normal } = surface.probe(&x);
            Touch {
                gap: distance - *radius,
                normal,
                point: x - normal * *radius,
            }
        }
        Feeler::Rim {
            centre,
            axis,
            radius,
            quarter,
        } => {
            let x = pose.apply(centre);
            let spoke = Spoke::new(pose.rotation * axis, &surface.probe(&x).normal);
            let point = x + spoke.turned(*quarter) * *radius;
            let Probe { distance, normal } = surface.probe(&point);
            Touch {
                gap: distance,
                normal,
                point,
            }
        }
    }
}

/// Cotangents of the pose of the body and of the surface of [`touch`].
pub(super) fn touch_vjp<T: Real>(
    feeler: &Feeler<T::Wide>,
    pose: &Pose<T::Wide>,
    surface: &Surface<'_, T>,
    bar: &Touch<T::Wide>,
) -> (PoseBar<T::Wide>, SurfaceBar<T>) {
    match feeler {
        Feeler::Ball { centre, radius } => {
            let x = pose.apply(centre);
            let normal_bar = bar.normal - bar.point * *radius;
            let (surface_bar, x_bar) = surface.probe_vjp(&x, bar.gap, &normal_bar);
            let (pose_bar, _) = pose.apply_vjp(centre, &(x_bar + bar.point));
            (pose_bar, surface_bar)
        }
        Feeler::Rim {
            centre,
            axis,
            radius,
            quarter,
        } => {
            let x = pose.apply(centre);
            let middle = surface.probe(&x).normal;
            let spoke = Spoke::new(pose.rotation * axis, &middle);
            let point = x + spoke.turned(*quarter) * *radius;
            let (mut surface_bar, point_bar) = surface.probe_vjp(&point, bar.gap, &bar.normal);
            let point_bar = point_bar + bar.point;
            let [axis_bar, middle_bar] =
                spoke.turned_vjp(*quarter, &middle, &(point_bar * *radius));
            let (extra, x_bar) = surface.probe_vjp(&x, T::Wide::of(0.0), &middle_bar);
            surface_bar.pose += extra.pose;
            let (mut pose_bar, _) = pose.apply_vjp(centre, &(x_bar + point_bar));
            pose_bar.rotation += spoke.axis.cross(&axis_bar);
            (pose_bar, surface_bar)
        }
    }
}
