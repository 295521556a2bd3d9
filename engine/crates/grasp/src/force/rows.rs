//! The constraints of the programme as rows `low <= A z <= high`.

use super::{Limits, VARIABLES};

/// The rows of all constraints; they do not depend on the grasp.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Contacts `m`.
    pub contacts: usize,
    /// The rows: columns with their factors.
    pub rows: Vec<Vec<(usize, f64)>>,
    /// Least value of each row; may be minus infinity.
    pub low: Vec<f64>,
    /// Largest value of each row; may be infinity.
    pub high: Vec<f64>,
    /// The weight `epsilon` of the normal forces.
    pub spread: f64,
}

impl Rows {
    /// The rows for so many contacts.
    pub fn new(contacts: usize, limits: &Limits) -> Self {
        let mut rows = Self {
            contacts,
            rows: Vec::new(),
            low: Vec::new(),
            high: Vec::new(),
            spread: limits.spread,
        };
        let edges = limits.edges.max(4);
        // A polygon inside the disc has corners on it, one around it has edges that touch it.
        let inward = if limits.around {
            1.0
        } else {
            (std::f64::consts::PI / edges as f64).cos()
        };
        for contact in 0..contacts {
            let at = 3 * contact;
            for edge in 0..edges {
                let angle = std::f64::consts::TAU * edge as f64 / edges as f64;
                let (sin, cos) = angle.sin_cos();
                let row = [
                    (at, -limits.friction * inward),
                    (at + 1, cos),
                    (at + 2, sin),
                ];
                // An exact zero, where the angle is a right one, is no entry.
                let row = row.into_iter().filter(|(_, factor)| factor.abs() > 1e-12);
                rows.push(row.collect(), f64::NEG_INFINITY, 0.0);
            }
            rows.push(vec![(at, 1.0)], limits.least, limits.most);
        }
        rows.push(vec![(3 * contacts, 1.0)], limits.load.0, limits.load.1);
        for (fingers, least) in &limits.sums {
            let row = fingers.iter().filter(|&&finger| finger < contacts);
            rows.push(
                row.map(|&finger| (3 * finger, 1.0)).collect(),
                *least,
                f64::INFINITY,
            );
        }
        rows
    }

    fn push(&mut self, row: Vec<(usize, f64)>, low: f64, high: f64) {
        self.rows.push(row);
        self.low.push(low);
        self.high.push(high);
    }

    /// Variables `3 m + 1`.
    pub fn variables(&self) -> usize {
        3 * self.contacts + 1
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none; there always are some.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `A z` of one row.
    pub fn product(&self, row: usize, z: &[f64]) -> f64 {
        self.rows[row]
            .iter()
            .map(|&(column, factor)| factor * z[column])
            .sum()
    }

    /// Adds `A^T y` to `out`.
    pub fn add_transposed(&self, y: &[f64], out: &mut [f64]) {
        for (row, &y) in self.rows.iter().zip(y) {
            for &(column, factor) in row {
                out[column] += factor * y;
            }
        }
    }

    /// `A^T A` with each row times its weight, lower triangle included.
    pub(super) fn square(&self) -> [[f64; VARIABLES]; VARIABLES] {
        let mut square = [[0.0; VARIABLES]; VARIABLES];
        for row in &self.rows {
            for &(i, a) in row {
                for &(j, b) in row {
                    square[i][j] += a * b;
                }
            }
        }
        square
    }
}
