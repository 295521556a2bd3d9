//! How a grasp is tried.

use serde::{Deserialize, Serialize};

use crate::GraspError;

/// The six-direction test of a floating hand after DexGraspBench (Chen, Ke and Wang 2025):
/// without gravity the hand closes about the object and presses, then a force pulls the object
/// along each of six directions, each time from the same state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Step of time (s); default 4 ms.
    pub timestep: f64,
    /// How much stiffer friction is than the normal direction of a contact (1); default 10.
    pub impedance_ratio: f64,
    /// Iterations against slip after each solve; default 2.
    pub no_slip_iterations: u32,
    /// Way points from the pregrasp to the grasp, and as many from there to the squeeze; default 10.
    pub way_points: u32,
    /// Steps for each of them; default 10.
    pub steps_per_way_point: u32,
    /// How often an object is looked at while it is pulled; default 10.
    pub checks: u32,
    /// Steps before each look; default 50, so that it is pulled for 2 s.
    pub steps_per_check: u32,
    /// Force over the mass of the object (m/s^2); default 10.
    pub force_per_mass: f64,
    /// Way (m) from where it was before the hand closed at which an object counts as lost;
    /// default 50 mm.
    pub lost_shift: f64,
    /// Turn (rad) at which it counts as lost; default 15 degrees.
    pub lost_turn: f64,
    /// Depth (m) of a penetration at the pregrasp above which nothing is simulated; default 10 mm.
    pub most_start_penetration: f64,
    /// Distances (m) are measured up to here; default 10 mm.
    pub reach: f64,
    /// A link touches if the distance (m) of its surface is less; default 2 mm.
    pub touch: f64,
    /// Go on after a direction in which the object was lost; default no.
    pub every_direction: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            timestep: 0.004,
            impedance_ratio: 10.0,
            no_slip_iterations: 2,
            way_points: 10,
            steps_per_way_point: 10,
            checks: 10,
            steps_per_check: 50,
            force_per_mass: 10.0,
            lost_shift: 0.05,
            lost_turn: 15_f64.to_radians(),
            most_start_penetration: 0.01,
            reach: 0.01,
            touch: 0.002,
            every_direction: false,
        }
    }
}

impl Protocol {
    /// The protocol, if its numbers make sense.
    ///
    /// # Errors
    /// A number that is not positive.
    pub fn checked(self) -> Result<Self, GraspError> {
        let positive = [
            ("timestep", self.timestep),
            ("impedance_ratio", self.impedance_ratio),
            ("way_points", f64::from(self.way_points)),
            ("steps_per_way_point", f64::from(self.steps_per_way_point)),
            ("checks", f64::from(self.checks)),
            ("steps_per_check", f64::from(self.steps_per_check)),
            ("force_per_mass", self.force_per_mass),
            ("lost_shift", self.lost_shift),
            ("lost_turn", self.lost_turn),
            ("most_start_penetration", self.most_start_penetration),
            ("reach", self.reach),
            ("touch", self.touch),
        ];
        for (field, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(GraspError::Setting {
                    field,
                    found: value.to_string(),
                    expected: "a positive number",
                });
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_pulls_for_two_seconds_with_its_weight() {
        let protocol = Protocol::default().checked().unwrap();
        let steps = protocol.checks * protocol.steps_per_check;
        assert_eq!(f64::from(steps) * protocol.timestep, 2.0);
    }

    #[test]
    fn a_protocol_that_makes_no_sense_is_refused_by_name() {
        for (text, field) in [
            ("(timestep: 0.0)", "timestep"),
            ("(checks: 0)", "checks"),
            ("(lost_turn: -1.0)", "lost_turn"),
        ] {
            let protocol: Protocol = ron::from_str(text).unwrap();
            let error = protocol.checked().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
        assert!(ron::from_str::<Protocol>("(steps: 1)").is_err());
    }
}
