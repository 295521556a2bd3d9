//! Modified incomplete Cholesky factors as preconditioner of the pressure.

use std::cell::RefCell;

use backflow_diff::linear::LinearOperator;

use super::poisson::Poisson;

/// MIC(0): the Cholesky factor on the pattern of the matrix, with what is dropped added to the
/// diagonal (Bridson 2015, section 5.5). Faces that join the two ends of a periodic axis are
/// left out.
#[derive(Debug)]
pub struct Incomplete {
    poisson: Poisson<f64>,
    /// One over the diagonal of the factor.
    inverse: Vec<f64>,
    middle: RefCell<Vec<f64>>,
}

/// Share of the dropped fill that goes to the diagonal (1).
const MODIFIED: f64 = 0.97;

/// Share of the diagonal below which a pivot is replaced by it (1).
const SAFE: f64 = 0.25;

impl Incomplete {
    /// The factor of a matrix.
    pub fn new(poisson: &Poisson<f64>) -> Self {
        let mut factor = Self {
            poisson: poisson.clone(),
            inverse: vec![0.0; poisson.diagonal.len()],
            middle: RefCell::new(vec![0.0; poisson.diagonal.len()]),
        };
        let [nx, ny, _] = poisson.cells;
        for cell in 0..factor.inverse.len() {
            let at = [cell % nx, cell / nx % ny, cell / (nx * ny)];
            let diagonal = poisson.diagonal[cell];
            if diagonal == 0.0 {
                continue;
            }
            let mut pivot = diagonal;
            for axis in 0..3 {
                if let Some((below, at)) = factor.below(axis, at) {
                    let own = poisson.conductance(axis, 1, at);
                    let fill: f64 = (0..3)
                        .filter(|&other| other != axis && at[other] + 1 < poisson.cells[other])
                        .map(|other| poisson.conductance(other, 1, at))
                        .sum();
                    let square = factor.inverse[below].powi(2);
                    pivot -= own * (own + MODIFIED * fill) * square;
                }
            }
            if pivot < SAFE * diagonal {
                pivot = diagonal;
            }
            factor.inverse[cell] = 1.0 / pivot.sqrt();
        }
        factor
    }

    /// The cell before along an axis, without going round.
    fn below(&self, axis: usize, at: [usize; 3]) -> Option<(usize, [usize; 3])> {
        let mut next = at;
        next[axis] = at[axis].checked_sub(1)?;
        let [nx, ny, _] = self.poisson.cells;
        Some((next[0] + nx * (next[1] + ny * next[2]), next))
    }
}

impl LinearOperator for &Incomplete {
    fn size(&self) -> usize {
        self.inverse.len()
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        let poisson = &self.poisson;
        let [nx, ny, nz] = poisson.cells;
        let mut middle = self.middle.borrow_mut();
        let stride = [1, nx, nx * ny];
        let place = |cell: usize| [cell % nx, cell / nx % ny, cell / (nx * ny)];
        for cell in 0..x.len() {
            let at = place(cell);
            let mut sum = x[cell];
            for axis in 0..3 {
                if at[axis] > 0 {
                    let below = cell - stride[axis];
                    sum += poisson.conductance(axis, 0, at) * self.inverse[below] * middle[below];
                }
            }
            middle[cell] = sum * self.inverse[cell];
        }
        for cell in (0..x.len()).rev() {
            let at = place(cell);
            let mut sum = middle[cell];
            for (axis, count) in [nx, ny, nz].into_iter().enumerate() {
                if at[axis] + 1 < count {
                    let above = cell + stride[axis];
                    sum += poisson.conductance(axis, 1, at) * self.inverse[cell] * out[above];
                }
            }
            out[cell] = sum * self.inverse[cell];
        }
    }
}
