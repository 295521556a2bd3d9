//! How a grasp is played.

use crate::GraspError;

/// What the object is made of, how far it is lifted, and how long all of it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Young's modulus of the object (Pa); default 30 kPa, about that of firm jelly.
    pub young: f64,
    /// Its Poisson ratio (1); default 0.3.
    pub poisson: f64,
    /// How far it is lifted (m); default 50 mm.
    pub lift: f64,
    /// Edge of a cell of the grid (m); default a fourteenth of the longest edge of the box
    /// around the object.
    pub cell: Option<f64>,
    /// Width over which contact fades in, in cells (1); default 0.5.
    pub width: f64,
    /// Solids of the hand that come no nearer to the object (m) are left out; default 15 mm.
    pub within: f64,
    /// Duration of a frame (s); default 20 ms.
    pub frame: f64,
    /// Time from pregrasp to grasp (s); default 0.18 s.
    pub closing: f64,
    /// Time from grasp to squeeze (s); default 0.12 s.
    pub pressing: f64,
    /// Time of the lift (s); default 0.3 s.
    pub lifting: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            young: 3e4,
            poisson: 0.3,
            lift: 0.05,
            cell: None,
            width: 0.5,
            within: 0.015,
            frame: 0.02,
            closing: 0.18,
            pressing: 0.12,
            lifting: 0.3,
        }
    }
}

impl Settings {
    /// The first number that makes no sense. What the scene is asked for besides, its check
    /// says.
    pub(super) fn check(&self) -> Result<(), GraspError> {
        let positive = [
            ("young", self.young),
            ("lift", self.lift),
            ("cell", self.cell.unwrap_or(1.0)),
            ("frame", self.frame),
            ("closing", self.closing),
            ("pressing", self.pressing),
            ("lifting", self.lifting),
        ];
        for (field, number) in positive {
            if !(number > 0.0 && number.is_finite()) {
                return Err(GraspError::Setting {
                    field,
                    found: number.to_string(),
                    expected: "a positive number",
                });
            }
        }
        Ok(())
    }
}
