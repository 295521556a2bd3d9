//! Forces of fingers on an object, by a quadratic programme (the lower level).
//!
//! For `m` contacts with the grasp matrix `G` (6 x 3m), a unit load `w` and
//! `z = (f_1, .., f_m, k)`, `f_i = (p_i, a_i, b_i)` the normal and the two tangential forces,
//!
//! `V(G) = min_z 1/2 |G f - k w|^2 + 1/2 epsilon sum_i p_i^2` subject to
//!
//! - `cos(t) a_i + sin(t) b_i <= mu p_i` for the edges `t` of a friction pyramid,
//! - `least <= p_i <= most`, `k` within `load`,
//! - sums of the `p_i` of some fingers are at least so large.
//!
//! These are the variables and constraints of BODex (Chen, Ke, Wang 2025, "BODex: Scalable and
//! Efficient Robotic Dexterous Grasp Synthesis Using Bilevel Optimization"), section III; unlike
//! there, value and gradient are of one and the same matrix, `epsilon` included.

pub mod admm;
pub mod contact;
pub mod hull;
pub mod interior;
pub mod kkt;
pub mod rows;
pub mod value;

pub use admm::{Batch, Info};
pub use contact::Contact;
pub use rows::Rows;

/// Contacts of a grasp, at most.
pub const CONTACTS: usize = 5;
/// Variables of a programme, at most.
pub const VARIABLES: usize = 3 * CONTACTS + 1;
/// Loads that a grasp is asked to bear: a unit force along each axis, either way.
pub const LOADS: usize = 6;

/// The unit loads: `-x, +x, -y, +y, -z, +z`, without torque.
pub fn loads() -> [[f64; 6]; LOADS] {
    let mut loads = [[0.0; 6]; LOADS];
    for (index, load) in loads.iter_mut().enumerate() {
        load[index / 2] = if index % 2 == 0 { -1.0 } else { 1.0 };
    }
    loads
}

/// What forces may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Coefficient of friction `mu` (1).
    pub friction: f64,
    /// Edges of the friction pyramid; at least 4.
    pub edges: usize,
    /// Whether the pyramid is around the cone, as in BODex, or inside it.
    pub around: bool,
    /// Least normal force, in units of the unit load.
    pub least: f64,
    /// Largest normal force.
    pub most: f64,
    /// The weight `epsilon` (1) that spreads pressure.
    pub spread: f64,
    /// Least and largest `k` (1).
    pub load: (f64, f64),
    /// Fingers whose normal forces sum to at least so much.
    pub sums: Vec<(Vec<usize>, f64)>,
}

impl Limits {
    /// Those of BODex for sums of pressures that the hand names.
    pub fn of(sums: &[(Vec<usize>, f64)]) -> Self {
        Self {
            friction: 0.1,
            edges: 8,
            around: true,
            least: 0.01,
            most: 1.0,
            spread: 0.01,
            load: (0.2, 0.21),
            sums: sums.to_vec(),
        }
    }
}
