//! Where the links of a hand are, and how cotangents of links become those of its joints.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{Hand, spec::JointKind};

/// Pose of the root and angles of the joints.
#[derive(Debug, Clone, PartialEq)]
pub struct Posture<T: Real> {
    /// Origin of the root (m).
    pub position: Vector3<T>,
    /// Rotation of the root.
    pub rotation: Matrix3<T>,
    /// Angles (rad) or ways (m) of the joints.
    pub joints: Vec<T>,
}

/// World frames of the links.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames<T: Real> {
    /// Origins (m).
    pub position: Vec<Vector3<T>>,
    /// Rotations.
    pub rotation: Vec<Matrix3<T>>,
    /// Axes of the joints.
    pub axis: Vec<Vector3<T>>,
}

/// Cotangents of the frames of the links.
#[derive(Debug, Clone, PartialEq)]
pub struct FramesBar<T: Real> {
    /// Cotangents of the origins.
    pub force: Vec<Vector3<T>>,
    /// Cotangents of the rotations about the origins, as vectors in the world frame.
    pub moment: Vec<Vector3<T>>,
}

/// Cotangents of a posture.
#[derive(Debug, Clone, PartialEq)]
pub struct PostureBar<T: Real> {
    /// Of the origin of the root.
    pub position: Vector3<T>,
    /// Of the rotation of the root about its origin, as a vector in the world frame.
    pub rotation: Vector3<T>,
    /// Of the joints.
    pub joints: Vec<T>,
}

impl<T: Real> Frames<T> {
    /// Frames to be overwritten.
    pub fn new(links: usize, joints: usize) -> Self {
        Self {
            position: vec![Vector3::zeros(); links],
            rotation: vec![Matrix3::identity(); links],
            axis: vec![Vector3::zeros(); joints],
        }
    }

    /// A point of a link in the world (m).
    #[inline]
    pub fn point(&self, link: usize, local: &Vector3<f64>) -> Vector3<T> {
        self.position[link] + self.rotation[link] * local.map(T::of)
    }
}

impl<T: Real> FramesBar<T> {
    /// Zeros.
    pub fn new(links: usize) -> Self {
        Self {
            force: vec![Vector3::zeros(); links],
            moment: vec![Vector3::zeros(); links],
        }
    }

    /// Zeros again.
    pub fn clear(&mut self) {
        self.force.fill(Vector3::zeros());
        self.moment.fill(Vector3::zeros());
    }

    /// Adds the cotangent of a world point of a link.
    #[inline]
    pub fn add(&mut self, frames: &Frames<T>, link: usize, point: &Vector3<T>, bar: &Vector3<T>) {
        self.force[link] += *bar;
        self.moment[link] += (*point - frames.position[link]).cross(bar);
    }

    /// Adds the cotangent of the rotation matrix of a link, entry by entry: with `dR = [w]_x R`,
    /// `R_bar : dR = w . sum_c r_c x r_bar_c` over the columns.
    #[inline]
    pub fn add_rotation(&mut self, frames: &Frames<T>, link: usize, bar: &Matrix3<T>) {
        for column in 0..3 {
            let axis: Vector3<T> = frames.rotation[link].column(column).into();
            self.moment[link] += axis.cross(&bar.column(column));
        }
    }
}

impl<T: Real> PostureBar<T> {
    /// Zeros.
    pub fn new(joints: usize) -> Self {
        Self {
            position: Vector3::zeros(),
            rotation: Vector3::zeros(),
            joints: vec![T::zero(); joints],
        }
    }
}

/// The rotation about a unit axis (Rodrigues): `1 + sin a [n]_x + (1 - cos a) [n]_x^2`.
fn about<T: Real>(axis: &Vector3<T>, angle: T) -> Matrix3<T> {
    let (sin, cos) = angle.sin_cos();
    let cross = axis.cross_matrix();
    Matrix3::identity() + cross * sin + cross * cross * (T::one() - cos)
}

impl Hand {
    /// The frames of the links: `R_l = R_p R_0 R(axis, q)`, `x_l = x_p + R_p x_0` of a hinge;
    /// a slide moves the origin along its axis instead.
    pub fn place<T: Real>(&self, posture: &Posture<T>, frames: &mut Frames<T>) {
        for (index, link) in self.links.iter().enumerate() {
            let (position, rotation) = match link.parent {
                Some(parent) => (frames.position[parent], frames.rotation[parent]),
                None => (posture.position, posture.rotation),
            };
            // The pose of the root is that of the link itself.
            let (mut origin, mut turn) = if link.parent.is_some() {
                (
                    position + rotation * link.position.map(T::of),
                    rotation * link.rotation.map(T::of),
                )
            } else {
                (position, rotation)
            };
            if let Some(joint) = link.joint {
                let axis = self.joints[joint].axis.map(T::of);
                let world = turn * axis;
                frames.axis[joint] = world;
                match self.joints[joint].kind {
                    JointKind::Hinge => turn *= about(&axis, posture.joints[joint]),
                    JointKind::Slide => origin += world * posture.joints[joint],
                }
            }
            frames.position[index] = origin;
            frames.rotation[index] = turn;
        }
    }

    /// Overwrites the cotangent of the posture; `bar` is used up.
    ///
    /// From the outermost link inwards `F_p += F_l`, `M_p += M_l + (x_l - x_p) x F_l`; then
    /// `q_bar = a . M_l` of a hinge with the world axis `a`, `a . F_l` of a slide.
    pub fn place_vjp<T: Real>(
        &self,
        frames: &Frames<T>,
        bar: &mut FramesBar<T>,
        posture_bar: &mut PostureBar<T>,
    ) {
        for (index, link) in self.links.iter().enumerate().rev() {
            let (force, moment) = (bar.force[index], bar.moment[index]);
            if let Some(joint) = link.joint {
                posture_bar.joints[joint] = match self.joints[joint].kind {
                    JointKind::Hinge => frames.axis[joint].dot(&moment),
                    JointKind::Slide => frames.axis[joint].dot(&force),
                };
            }
            match link.parent {
                Some(parent) => {
                    let arm = frames.position[index] - frames.position[parent];
                    bar.force[parent] += force;
                    bar.moment[parent] += moment + arm.cross(&force);
                }
                None => {
                    posture_bar.position = force;
                    posture_bar.rotation = moment;
                }
            }
        }
    }

    /// The columns of the Jacobian of a world point of a link: of the origin of the root
    /// (three), its rotation vector (three) and the joints; those that do not move it are zero.
    pub fn jacobian(
        &self,
        frames: &Frames<f64>,
        link: usize,
        point: &Vector3<f64>,
        columns: &mut [Vector3<f64>],
    ) {
        columns.fill(Vector3::zeros());
        for axis in 0..3 {
            columns[axis] = Vector3::ith(axis, 1.0);
            columns[3 + axis] = Vector3::ith(axis, 1.0).cross(&(point - frames.position[0]));
        }
        let mut at = Some(link);
        while let Some(link) = at {
            if let Some(joint) = self.links[link].joint {
                let axis = frames.axis[joint];
                columns[6 + joint] = match self.joints[joint].kind {
                    JointKind::Hinge => axis.cross(&(point - frames.position[link])),
                    JointKind::Slide => axis,
                };
            }
            at = self.links[link].parent;
        }
    }
    /// The same columns of a turn of a link: by which rotation vector in the world (rad) it turns
    /// for each of the numbers of the posture. Slides and the origin of the root do not turn it.
    pub fn turning(&self, frames: &Frames<f64>, link: usize, columns: &mut [Vector3<f64>]) {
        columns.fill(Vector3::zeros());
        for axis in 0..3 {
            columns[3 + axis] = Vector3::ith(axis, 1.0);
        }
        let mut at = Some(link);
        while let Some(link) = at {
            if let Some(joint) = self.links[link].joint
                && self.joints[joint].kind == JointKind::Hinge
            {
                columns[6 + joint] = frames.axis[joint];
            }
            at = self.links[link].parent;
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{hand::library, testing::noise};

    fn posture(hand: &Hand, seed: u64) -> Posture<f64> {
        let turn = nalgebra::Rotation3::from_scaled_axis(noise(seed) * 2.0);
        Posture {
            position: noise(seed + 1),
            rotation: turn.into_inner(),
            joints: (0..hand.joints.len() as u64)
                .map(|joint| {
                    let (low, high) = hand.joints[joint as usize].range;
                    low + (high - low) * (0.5 + 0.5 * noise(seed + 10 + joint).x)
                })
                .collect(),
        }
    }

    #[test]
    fn place_vjp_is_the_transpose_for_every_hand() {
        for hand in library::all().unwrap() {
            for seed in 0..5 {
                let at = posture(&hand, seed);
                let (linear, angular) = (noise(seed + 50), noise(seed + 51));
                let speeds: Vec<f64> = (0..hand.joints.len() as u64)
                    .map(|j| noise(seed + 90 + j).y)
                    .collect();
                let lift = |value: &f64, tangent: f64| Dual64::new(*value, tangent);
                let spin = angular.cross_matrix() * at.rotation;
                let dual = Posture {
                    position: at.position.zip_map(&linear, |x, v| lift(&x, v)),
                    rotation: at.rotation.zip_map(&spin, |x, v| lift(&x, v)),
                    joints: at
                        .joints
                        .iter()
                        .zip(&speeds)
                        .map(|(x, &v)| lift(x, v))
                        .collect(),
                };
                let (mut frames, mut duals) = (hand.frames(), hand.frames());
                hand.place(&at, &mut frames);
                hand.place(&dual, &mut duals);
                let mut bar = FramesBar::new(hand.links.len());
                let mut forward = 0.0;
                for link in 0..hand.links.len() {
                    for point in 0..3 {
                        let local = noise(seed + 200 + point) * 0.05;
                        let weight = noise(seed + 300 + link as u64 * 3 + point);
                        let world = frames.point(link, &local);
                        forward += duals.point(link, &local).map(|x| x.eps).dot(&weight);
                        bar.add(&frames, link, &world, &weight);
                    }
                }
                let mut back = PostureBar::new(hand.joints.len());
                hand.place_vjp(&frames, &mut bar, &mut back);
                let joints: f64 = back.joints.iter().zip(&speeds).map(|(a, b)| a * b).sum();
                let backward = back.position.dot(&linear) + back.rotation.dot(&angular) + joints;
                assert!(
                    (forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()),
                    "{} {forward} {backward}",
                    hand.spec.name
                );
                assert!(forward.abs() > 1e-3);
            }
        }
    }

    #[test]
    fn jacobian_is_what_central_differences_say() {
        for hand in library::all().unwrap() {
            let at = posture(&hand, 3);
            let mut frames = hand.frames();
            hand.place(&at, &mut frames);
            let (link, local) = (hand.fingers[0].link, Vector3::new(0.01, -0.02, 0.03));
            let mut columns = vec![Vector3::zeros(); 6 + hand.joints.len()];
            hand.jacobian(&frames, link, &frames.point(link, &local), &mut columns);
            let step = 1e-6;
            for (index, column) in columns.iter().enumerate() {
                let moved = |by: f64| {
                    let mut at = at.clone();
                    match index {
                        0..3 => at.position[index] += by,
                        3..6 => {
                            let turn = Vector3::ith(index - 3, by);
                            at.rotation = nalgebra::Rotation3::from_scaled_axis(turn).into_inner()
                                * at.rotation;
                        }
                        _ => at.joints[index - 6] += by,
                    }
                    let mut frames = hand.frames();
                    hand.place(&at, &mut frames);
                    frames.point(link, &local)
                };
                let known = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((known - column).norm() < 1e-9, "{index} {known} {column}");
            }
        }
    }
}
