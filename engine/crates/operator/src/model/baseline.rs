//! What operators have to beat: predictions without learning.

use backflow_diff::Real;
use nalgebra::DMatrix;

use super::{Room, Window, hold::hold};

/// A prediction without learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// Every sample goes on as it moved in the last step; it may leave the room.
    ConstantVelocity,
    /// Every sample falls freely and stops at walls and obstacles.
    FreeFall,
    /// Nothing moves any more.
    Rest,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ConstantVelocity, Self::FreeFall, Self::Rest];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConstantVelocity => "constant velocity",
            Self::FreeFall => "free fall",
            Self::Rest => "rest",
        }
    }

    /// The next positions (m); a step lasts `frame` (s).
    pub fn step<T: Real>(self, room: &Room, frame: f64, window: &Window<T>) -> DMatrix<T> {
        let (now, before) = (window.before(0), window.before(1));
        match self {
            Self::ConstantVelocity => now * T::of(2.0) - before,
            Self::FreeFall => {
                let mut free = now * T::of(2.0) - before;
                for mut x in free.column_iter_mut() {
                    for axis in 0..3 {
                        x[axis] += T::of(frame * frame * room.gravity[axis]);
                    }
                }
                hold(room, now, &free).0
            }
            Self::Rest => now.clone(),
        }
    }
}
