//! Fields that satisfy equations, tile by tile.

use backflow_diff::Real;
use nalgebra::{DMatrix, DMatrixView, DVector};
use rayon::prelude::*;

mod diffusion;
mod marquardt;
mod residual;
mod tiles;

pub use diffusion::Diffusion;
pub use marquardt::{Marquardt, Minimum, Squares};
pub use residual::Residual;
use tiles::Tile;
pub use tiles::Tiling;

use crate::error::OperatorError;

/// Hard constraints by a mixture of experts (Chalapathi, Du & Krishnapriyan 2024, "Scaling physics-informed hard
/// constraints with mixture-of-experts"): a network gives functions `b_i` of which a field is the sum, in each tile with
/// factors of its own that solve the equations of the tile as well as they can,
///
/// ```text
/// w = argmin  sum_p r_p(sum_i w_i b_i)^2 / (2 n) + ridge |w - 1|^2 / 2,    u = sum_tiles share sum_i w_i b_i
/// ```
///
/// Tiles are solved each on its own, by [`Marquardt`]; where they overlap, their fields go over into each other (which
/// the paper does not do: there they meet at a line). So what is left of the equations is least within tiles; between
/// them the fields have to agree, which the functions can be trained for. The adjoint is that of the solution, by the
/// implicit function theorem: one linear system a tile, however many steps were taken. Without equations, or with an
/// infinite ridge, the field is the sum of the functions.
///
/// Systems are solved in the scalar of the field: `f32` is too coarse for functions that are nearly dependent.
#[derive(Debug, Clone, PartialEq)]
pub struct Constrained {
    /// How much it costs, in units of the square of the residuals, that a factor differs from 1 by 1. Default: 1e-6.
    pub ridge: f64,
    /// How tiles are solved.
    pub solver: Marquardt,
    tiles: Vec<Tile>,
    numbers: usize,
}

/// What [`Constrained::apply`] leaves for its adjoint.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstrainedTape<T: Real> {
    /// The factors of each tile.
    pub factors: Vec<DVector<T>>,
    /// How often each tile asked for its residuals.
    pub evaluations: Vec<usize>,
    /// How many tiles were not solved within the steps that they had; their factors are the best that they came to.
    pub unsolved: usize,
}

/// Residuals of a tile at some factors.
struct Rows<T: Real> {
    values: Vec<T>,
    /// Their gradients in the factors, a column each.
    slopes: DMatrix<T>,
}

impl Tile {
    /// Columns of `x` that belong to the tile.
    fn own<T: Real>(&self, x: &DMatrix<T>) -> DMatrix<T> {
        x.select_columns(&self.numbers)
    }

    /// What equations leave of the field with factors `w`.
    fn rows<T: Real>(
        &self,
        residual: &impl Residual,
        basis: &DMatrix<T>,
        w: &DVector<T>,
    ) -> Rows<T> {
        let field = basis.tr_mul(w);
        let count = self.equations.len();
        let mut values = Vec::with_capacity(count);
        let mut slopes = DMatrix::zeros(basis.nrows(), count);
        let (mut u, mut u_bar) = (Vec::new(), Vec::new());
        for ((equation, reads), mut slope) in self.equations.iter().zip(slopes.column_iter_mut()) {
            u.clear();
            u.extend(reads.iter().map(|&at| field[at]));
            u_bar.clear();
            u_bar.resize(u.len(), T::zero());
            values.push(residual.value(*equation, &u));
            residual.value_vjp(*equation, &u, T::one(), &mut u_bar);
            for (&at, &bar) in reads.iter().zip(&u_bar) {
                slope.axpy(bar, &basis.column(at), T::one());
            }
        }
        Rows { values, slopes }
    }

    /// `1 / n`.
    fn share<T: Real>(&self) -> T {
        T::of(1.0 / self.equations.len().max(1) as f64)
    }

    /// The half sum that is made least.
    fn squares<T: Real>(&self, rows: &Rows<T>, ridge: T, w: &DVector<T>) -> Squares<T> {
        let values = DMatrixView::from_slice(&rows.values, rows.values.len(), 1);
        let off = w.add_scalar(-T::one());
        let mut gradient = &off * ridge;
        gradient.gemm(self.share(), &rows.slopes, &values, T::one());
        let mut normal = DMatrix::from_diagonal_element(w.len(), w.len(), ridge);
        normal.gemm(
            self.share(),
            &rows.slopes,
            &rows.slopes.transpose(),
            T::one(),
        );
        let half = T::of(0.5);
        Squares {
            half: half * (self.share::<T>() * values.norm_squared() + ridge * off.norm_squared()),
            gradient,
            normal,
        }
    }

    /// Cotangents of its functions for those of its part of the field: with the gradient `g(w, b) = 0` that the factors
    /// solve and `z = -(dg/dw)^-1 w_bar`, they are `(dg/db)^T z`, and what the field is directly.
    fn pull<T: Real>(
        &self,
        residual: &impl Residual,
        ridge: T,
        basis: &DMatrix<T>,
        w: &DVector<T>,
        field_bar: &[T],
    ) -> Option<DMatrix<T>> {
        let rows = self.rows(residual, basis, w);
        let mut hessian = self.squares(&rows, ridge, w).normal;
        let own = self.numbers.iter().zip(&self.shares);
        let own: Vec<T> = own.map(|(&at, &s)| T::of(s) * field_bar[at]).collect();
        let own = DVector::from_vec(own);
        let mut basis_bar = w * own.transpose();
        let field = basis.tr_mul(w);
        // The second derivative of the half sum has that of the residuals, too.
        let share = self.share::<T>();
        let mut bends = DMatrix::zeros(basis.nrows(), basis.ncols());
        let (mut u, mut v, mut bent) = (Vec::new(), Vec::new(), Vec::new());
        for ((equation, reads), &value) in self.equations.iter().zip(&rows.values) {
            u.clear();
            u.extend(reads.iter().map(|&at| field[at]));
            for row in 0..basis.nrows() {
                v.clear();
                v.extend(reads.iter().map(|&at| basis[(row, at)]));
                bent.clear();
                bent.resize(u.len(), T::zero());
                residual.slopes_jvp(*equation, &u, &v, &mut bent);
                for (&at, &bent) in reads.iter().zip(&bent) {
                    bends[(row, at)] += share * value * bent;
                }
            }
        }
        hessian.gemm(T::one(), basis, &bends.transpose(), T::one());
        let z = hessian.lu().solve(&-(basis * own))?;
        let along = basis.tr_mul(&z);
        for ((equation, reads), &value) in self.equations.iter().zip(&rows.values) {
            let u: Vec<T> = reads.iter().map(|&at| field[at]).collect();
            let v: Vec<T> = reads.iter().map(|&at| along[at]).collect();
            let mut slopes = vec![T::zero(); u.len()];
            residual.value_vjp(*equation, &u, T::one(), &mut slopes);
            let mut bent = vec![T::zero(); u.len()];
            residual.slopes_jvp(*equation, &u, &v, &mut bent);
            let pairs = slopes.iter().zip(&v);
            let change = pairs.fold(T::zero(), |sum, (&slope, &v)| sum + slope * v);
            for (&at, (&slope, &bent)) in reads.iter().zip(slopes.iter().zip(&bent)) {
                let mut bar = basis_bar.column_mut(at);
                bar.axpy(share * (slope * change + value * bent), w, T::one());
                bar.axpy(share * value * slope, &z, T::one());
            }
        }
        Some(basis_bar)
    }
}

impl Constrained {
    /// For the equations of `residual`, or others that read the same, of a field whose numbers lie at `places`.
    ///
    /// # Errors
    /// Wrong settings, or an equation that reads what is not there.
    pub fn new(
        residual: &impl Residual,
        places: &[[f64; 2]],
        tiling: Tiling,
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            ridge: 1e-6,
            solver: Marquardt::default(),
            tiles: tiling.part(residual, places)?,
            numbers: places.len(),
        })
    }

    /// How many equations each tile solves.
    pub fn equations(&self) -> Vec<usize> {
        self.tiles.iter().map(|tile| tile.equations.len()).collect()
    }

    fn check(&self, columns: usize) -> Result<(), OperatorError> {
        if columns == self.numbers {
            Ok(())
        } else {
            let what = "numbers of a function";
            Err(OperatorError::mismatch(what, columns, self.numbers))
        }
    }

    /// The field, from functions with a row each. Tiles run in parallel, to the same bits on any number of threads.
    ///
    /// # Errors
    /// Functions of another length, or a field that is not finite.
    pub fn apply<T: Real>(
        &self,
        residual: &impl Residual,
        basis: &DMatrix<T>,
    ) -> Result<(Vec<T>, ConstrainedTape<T>), OperatorError> {
        self.check(basis.ncols())?;
        let ridge = T::of(self.ridge);
        let one = |tile: &Tile| {
            let basis = tile.own(basis);
            let start = DVector::from_element(basis.nrows(), T::one());
            let squares = |w: &DVector<T>| tile.squares(&tile.rows(residual, &basis, w), ridge, w);
            let least = self.solver.minimize(start, squares);
            (basis.tr_mul(&least.w), least)
        };
        let solved: Vec<_> = self.tiles.par_iter().map(one).collect();
        let mut field = vec![T::zero(); self.numbers];
        let mut tape = ConstrainedTape {
            factors: Vec::with_capacity(solved.len()),
            evaluations: Vec::with_capacity(solved.len()),
            unsolved: 0,
        };
        for (tile, (own, least)) in self.tiles.iter().zip(solved) {
            for ((&at, &share), &u) in tile.numbers.iter().zip(&tile.shares).zip(own.iter()) {
                field[at] += T::of(share) * u;
            }
            tape.unsolved += usize::from(!least.solved);
            tape.evaluations.push(least.evaluations);
            tape.factors.push(least.w);
        }
        if !field.iter().all(|u| u.is_finite()) {
            return Err(OperatorError::NotFinite {
                what: "a constrained field",
                place: "in one of its tiles".to_owned(),
            });
        }
        Ok((field, tape))
    }

    /// Cotangents of the functions for those of the field. They are those of solutions: of a tile that was not solved
    /// they are not exact.
    ///
    /// # Errors
    /// Functions or cotangents of another length, or a tile whose solution is not unique.
    pub fn apply_vjp<T: Real>(
        &self,
        residual: &impl Residual,
        basis: &DMatrix<T>,
        tape: &ConstrainedTape<T>,
        field_bar: &[T],
    ) -> Result<DMatrix<T>, OperatorError> {
        self.check(basis.ncols())?;
        self.check(field_bar.len())?;
        let ridge = T::of(self.ridge);
        let one = |(tile, w): (&Tile, &DVector<T>)| {
            tile.pull(residual, ridge, &tile.own(basis), w, field_bar)
        };
        let tiles = self.tiles.par_iter().zip(&tape.factors);
        let pulled: Vec<_> = tiles.map(one).collect();
        let mut basis_bar = DMatrix::zeros(basis.nrows(), self.numbers);
        for (number, (tile, own)) in self.tiles.iter().zip(pulled).enumerate() {
            let own = own.ok_or_else(|| OperatorError::NotFinite {
                what: "the adjoint of a constraint",
                place: format!("in tile {number}, whose functions are dependent: a ridge may help"),
            })?;
            for (&at, bar) in tile.numbers.iter().zip(own.column_iter()) {
                let mut sum = basis_bar.column_mut(at);
                sum += bar;
            }
        }
        Ok(basis_bar)
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;
    use crate::testing::{check_at, matrix};

    const NODES: [usize; 2] = [9, 8];
    const COUNT: usize = 72;

    fn places() -> Vec<[f64; 2]> {
        (0..COUNT)
            .map(|at| [(at % NODES[0]) as f64, (at / NODES[0]) as f64])
            .collect()
    }

    fn diffusion(stiffening: f64) -> Diffusion {
        let source: Vec<f64> = (0..COUNT).map(|at| 0.1 * (0.3 * at as f64).cos()).collect();
        Diffusion::new(NODES, stiffening, &source).unwrap()
    }

    fn layer(residual: &Diffusion) -> Constrained {
        let tiling = Tiling {
            tiles: [2, 2],
            share: 0.8,
            ..Tiling::default()
        };
        Constrained {
            ridge: 1e-3,
            solver: Marquardt {
                damping: 1e-9,
                tolerance: 1e-14,
                steps: 200,
            },
            ..Constrained::new(residual, &places(), tiling).unwrap()
        }
    }

    /// Smooth functions and some noise.
    fn functions(rows: usize) -> Vec<f64> {
        let mut random = Random::new(9, &[]);
        (0..rows * COUNT)
            .map(|at| {
                let (row, place) = (at % rows, at / rows);
                let (x, y) = ((place % NODES[0]) as f64, (place / NODES[0]) as f64);
                let phase = row as f64;
                (0.5 * x + phase).sin() * (0.4 * y - phase).cos() / (rows as f64)
                    + 0.05 * random.normal()
            })
            .collect()
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent_of_all_steps() {
        for (stiffening, rows) in [(0.0, 3), (0.8, 3)] {
            let residual = diffusion(stiffening);
            let layer = layer(&residual);
            check_at(
                &functions(rows),
                |x| layer.apply(&residual, &matrix(rows, x)).unwrap().0,
                |x, bar| {
                    let basis = matrix(rows, x);
                    let (_, tape) = layer.apply(&residual, &basis).unwrap();
                    assert_eq!(tape.unsolved, 0);
                    let bar = layer.apply_vjp(&residual, &basis, &tape, bar).unwrap();
                    bar.as_slice().to_vec()
                },
            );
        }
    }

    #[test]
    fn factors_leave_less_than_the_sum_does_and_the_same_on_any_threads() {
        let residual = diffusion(0.8);
        let layer = layer(&residual);
        let basis = matrix(4, &functions(4));
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            pool.install(|| layer.apply(&residual, &basis).unwrap())
        };
        let (field, tape) = on(1);
        assert_eq!((&field, &tape), (&on(3).0, &on(3).1));
        let sum: Vec<f64> = basis.row_sum().iter().copied().collect();
        assert!(residual.size(&field) < 0.7 * residual.size(&sum));
    }

    #[test]
    fn functions_that_solve_the_equations_are_left_as_they_are() {
        let residual = diffusion(0.0);
        let mut layer = layer(&residual);
        layer.ridge = 1e-12;
        // Newton on all nodes at once: a field of zero edge that solves the linear equations.
        let inner: Vec<usize> = (0..residual.equations())
            .map(|equation| residual.reads(equation)[0])
            .collect();
        let count = inner.len();
        let mut system = DMatrix::zeros(count, count);
        let mut right = DVector::zeros(count);
        for equation in 0..count {
            right[equation] = -residual.value(equation, &[0.0; 5]);
            let mut slopes = [0.0; 5];
            residual.value_vjp(equation, &[0.0; 5], 1.0, &mut slopes);
            for (at, slope) in residual.reads(equation).into_iter().zip(slopes) {
                if let Some(column) = inner.iter().position(|&inner| inner == at) {
                    system[(equation, column)] = slope;
                }
            }
        }
        let solution = system.lu().solve(&right).unwrap();
        let mut basis = matrix(2, &functions(2));
        for (&at, &u) in inner.iter().zip(solution.iter()) {
            basis[(0, at)] = u;
        }
        for at in (0..COUNT).filter(|at| !inner.contains(at)) {
            basis[(0, at)] = 0.0;
        }
        let (field, tape) = layer.apply(&residual, &basis).unwrap();
        for (at, u) in field.iter().enumerate() {
            assert!((u - basis[(0, at)]).abs() < 1e-8, "{at}");
        }
        assert!(tape.factors.iter().all(|w| (w[0] - 1.0).abs() < 1e-8));
        assert!(tape.factors.iter().all(|w| w[1].abs() < 1e-8));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let residual = diffusion(0.0);
        let layer = layer(&residual);
        let error = layer.apply(&residual, &matrix(2, &[1.0; 6])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "numbers of a function: found 3, expected 72"
        );
        let basis = matrix(2, &functions(2));
        let (_, tape) = layer.apply(&residual, &basis).unwrap();
        let error = layer.apply_vjp(&residual, &basis, &tape, &[0.0; 3]);
        assert!(error.is_err());
        let broken = basis * f64::NAN;
        assert!(layer.apply(&residual, &broken).is_err());
    }
}
