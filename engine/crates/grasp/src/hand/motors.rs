//! What motors hold and what joints do: tendons with several joints.

use backflow_diff::Real;

use super::{Hand, Motor};

impl Hand {
    /// The angles of the joints at sums that the motors hold, with a load that stretches: the
    /// outermost joint of a tendon takes all of it until it meets its upper limit, then the
    /// next.
    pub fn spread<T: Real>(&self, motors: &[T], joints: &mut [T]) {
        for (motor, &sum) in self.motors.iter().zip(motors) {
            let mut left = sum;
            for &joint in &motor.joints {
                left -= T::of(self.joints[joint].range.0);
            }
            for &joint in &motor.joints {
                let (low, high) = self.joints[joint].range;
                let room = T::of(high - low);
                let last = motor.joints.last() == Some(&joint);
                let share = if left > room && !last { room } else { left };
                joints[joint] = T::of(low) + share;
                left -= share;
            }
        }
    }

    /// Cotangents of the motors from those of the joints: that of the joint which takes a
    /// change of the sum; where one meets its limit, the joint below the limit.
    pub fn spread_vjp<T: Real>(&self, motors: &[T], joints_bar: &[T], motors_bar: &mut [T]) {
        for (index, motor) in self.motors.iter().enumerate() {
            motors_bar[index] = joints_bar[self.mover(motor, motors[index].to_f64())];
        }
    }

    /// The joint of a motor that takes a change of the sum.
    fn mover(&self, motor: &Motor, sum: f64) -> usize {
        let mut left = sum;
        for &joint in &motor.joints {
            left -= self.joints[joint].range.0;
        }
        for &joint in &motor.joints {
            let (low, high) = self.joints[joint].range;
            if left <= high - low || motor.joints.last() == Some(&joint) {
                return joint;
            }
            left -= high - low;
        }
        motor.joints[0]
    }

    /// The joint of each motor that takes a change of its sum.
    pub fn movers(&self, motors: &[f64]) -> Vec<usize> {
        let pairs = self.motors.iter().zip(motors);
        pairs.map(|(motor, &sum)| self.mover(motor, sum)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::hand::library;

    #[test]
    fn tendon_keeps_the_sum_and_fills_the_outermost_joint_first() {
        let hand = library::named("shadow").unwrap();
        let index = hand
            .motors
            .iter()
            .position(|motor| motor.joints.len() == 2)
            .unwrap();
        let [outer, inner] = [0, 1].map(|at| hand.motors[index].joints[at]);
        let mut joints = vec![0.0; hand.joints.len()];
        for sum in [0.0, 0.4, 1.2, 1.8, 3.0] {
            let mut motors: Vec<f64> = hand.motors.iter().map(|motor| motor.rest).collect();
            motors[index] = sum;
            hand.spread(&motors, &mut joints);
            assert!((joints[outer] + joints[inner] - sum).abs() < 1e-12);
            let limit = hand.joints[outer].range.1;
            assert!((joints[outer] - sum.min(limit)).abs() < 1e-12);
            let bars: Vec<f64> = (0..joints.len()).map(|joint| joint as f64).collect();
            let mut motors_bar = vec![0.0; motors.len()];
            hand.spread_vjp(&motors, &bars, &mut motors_bar);
            let known = if sum <= limit { outer } else { inner };
            assert_eq!(motors_bar[index], known as f64);
        }
    }
}
