//! How grasps are sought.

use serde::{Deserialize, Serialize};

use crate::{GraspError, force::interior::Friction};

/// What solves the programmes of the forces while a grasp is sought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Solver {
    /// The method of multipliers, sixteen at a time from where they were; see
    /// [`admm`](crate::force::admm).
    #[default]
    Multipliers,
    /// An interior point method, some fifty times as slow, see
    /// [`interior`](crate::force::interior).
    Interior(Friction),
}

/// All numbers of a synthesis, with the defaults that the command uses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What the starts depend on.
    pub seed: u64,
    /// Starts of each candidate; after `scout` steps the one with the least energy goes on.
    pub scouts: usize,
    /// Steps after which it is chosen.
    pub scout: usize,
    /// How far the palm's centre is from the surface at the start (m), least and most; negative
    /// where the palm is nearer.
    pub away: (f64, f64),
    /// Part of the bend at rest with which fingers start (1), least and most.
    pub bend: (f64, f64),
    /// Steps of the descent.
    pub iterations: usize,
    /// Steps between solves of the forces.
    pub interval: usize,
    /// What solves them.
    pub solver: Solver,
    /// Part of the steps after which fingers start to close (1).
    pub approach: f64,
    /// Part of the steps after which they are closed (1).
    pub close: f64,
    /// Gap that fingers keep before they close (m).
    pub reach: f64,
    /// Weight of the value of the forces (1).
    pub force: f64,
    /// Weight of the gaps (1 / m^2).
    pub distance: f64,
    /// The same when fingers are closed.
    pub distance_closed: f64,
    /// Weight of overlaps (1 / m).
    pub collision: f64,
    /// Distance at which links other than tips avoid the object (m).
    pub margin: f64,
    /// Distance at which links avoid one another (m).
    pub apart: f64,
    /// Coefficient of friction of the forces (1); far below the true one, for robustness.
    pub friction: f64,
    /// Steps of position (m), rotation (rad) and joints (rad), at the start.
    pub steps: (f64, f64, f64),
    /// What is left of the steps at the end (1).
    pub decay: f64,
    /// Memory of the momentum (1).
    pub momentum: f64,
    /// Newton steps that balance the forces at the end.
    pub balance: usize,
    /// Friction that they may count on (1).
    pub balance_friction: f64,
    /// Newton steps that close the gaps after that.
    pub newton: usize,
    /// How far fingers open from the object before the grasp (m).
    pub open: f64,
    /// Sum of the normal forces of the squeeze (N).
    pub squeeze: f64,
    /// Friction that the squeeze may count on (1).
    pub squeeze_friction: f64,
    /// Force that a grasp is to bear along any axis (N).
    pub load: f64,
    /// Friction that bears it: sliding (1) and torsional (m).
    pub bears: (f64, f64),
    /// Candidates for each grasp asked for; the best are kept.
    pub candidates: usize,
    /// Weight of being unlike the other grasps when candidates are chosen (1).
    pub diversity: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            scouts: 4,
            scout: 40,
            away: (0.0, 0.03),
            bend: (0.4, 1.0),
            iterations: 500,
            interval: 5,
            solver: Solver::default(),
            approach: 0.6,
            close: 0.85,
            reach: 0.010,
            force: 200.0,
            distance: 1e3,
            distance_closed: 1e4,
            collision: 100.0,
            margin: 0.006,
            apart: 0.003,
            friction: 0.1,
            steps: (0.004, 0.04, 0.04),
            decay: 0.07,
            momentum: 0.9,
            balance: 20,
            balance_friction: 0.15,
            newton: 15,
            open: 0.012,
            squeeze: 10.0,
            squeeze_friction: 0.3,
            load: 1.0,
            bears: (0.6, 0.02),
            candidates: 4,
            diversity: 0.01,
        }
    }
}

impl Settings {
    /// These settings, if they make sense.
    ///
    /// # Errors
    /// The first number that does not.
    pub fn checked(self) -> Result<Self, GraspError> {
        let fault = |field, found: f64, expected| GraspError::Setting {
            field,
            found: found.to_string(),
            expected,
        };
        let counts = [
            ("iterations", self.iterations),
            ("interval", self.interval),
            ("candidates", self.candidates),
            ("scouts", self.scouts),
        ];
        for (field, count) in counts {
            if count == 0 {
                return Err(fault(field, 0.0, "at least 1"));
            }
        }
        let positive = [
            ("reach", self.reach),
            ("force", self.force),
            ("distance", self.distance),
            ("distance_closed", self.distance_closed),
            ("collision", self.collision),
            ("friction", self.friction),
            ("steps.0", self.steps.0),
            ("steps.1", self.steps.1),
            ("steps.2", self.steps.2),
            ("decay", self.decay),
            ("balance_friction", self.balance_friction),
            ("squeeze", self.squeeze),
            ("squeeze_friction", self.squeeze_friction),
            ("load", self.load),
            ("bears.0", self.bears.0),
            ("bears.1", self.bears.1),
        ];
        for (field, number) in positive {
            if !(number > 0.0 && number.is_finite()) {
                return Err(fault(field, number, "a positive number"));
            }
        }
        let not_negative = [
            ("margin", self.margin),
            ("apart", self.apart),
            ("open", self.open),
            ("diversity", self.diversity),
        ];
        for (field, number) in not_negative {
            if !(number >= 0.0 && number.is_finite()) {
                return Err(fault(field, number, "a number that is not negative"));
            }
        }
        if !(0.0 < self.approach && self.approach < self.close && self.close <= 1.0) {
            return Err(fault(
                "approach",
                self.approach,
                "parts of the steps, `approach` before `close`",
            ));
        }
        for (field, (least, most)) in [("away", self.away), ("bend", self.bend)] {
            if !(least <= most && least.is_finite() && most.is_finite()) {
                return Err(fault(field, least, "two numbers, the least first"));
            }
        }
        if self.scouts > 1 && self.scout >= self.iterations {
            let scout = self.scout as f64;
            return Err(fault("scout", scout, "less than `iterations`"));
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(fault(
                "momentum",
                self.momentum,
                "a number from 0 to below 1",
            ));
        }
        Ok(self)
    }
}
