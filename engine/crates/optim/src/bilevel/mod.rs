//! Problems with a problem inside: an upper level that is judged at the solution of a lower one.

pub mod lv_hba;

pub use lv_hba::{LvHba, LvHbaState, Residuals};

/// Value and derivatives of a function of both levels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Both {
    /// The value.
    pub value: f64,
    /// Derivative with respect to the upper variables x.
    pub x: Vec<f64>,
    /// Derivative with respect to the lower variables y.
    pub y: Vec<f64>,
}

/// `min F(x, y)` over x in X and y in Y, where y is `argmin { f(x, y) : y in Y, g(x, y) <= 0 }`.
///
/// Constraints may also be equations ([`Bilevel::is_equation`]); their multipliers have any sign.
pub trait Bilevel {
    /// Why an evaluation can fail.
    type Error: std::error::Error + 'static;

    /// F and its derivatives.
    fn upper(&mut self, x: &[f64], y: &[f64]) -> Result<Both, Self::Error>;

    /// f and its derivatives.
    fn lower(&mut self, x: &[f64], y: &[f64]) -> Result<Both, Self::Error>;

    /// g(x, y), one entry a constraint. Best scaled so that its derivative has norm about 1.
    fn constraints(&mut self, x: &[f64], y: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// `multipliers . g` and its derivatives: the vector-Jacobian product of
    /// [`Bilevel::constraints`].
    fn constraints_vjp(
        &mut self,
        x: &[f64],
        y: &[f64],
        multipliers: &[f64],
    ) -> Result<Both, Self::Error>;

    /// Whether constraint `index` is `g = 0` rather than `g <= 0` (default: it is not).
    fn is_equation(&self, index: usize) -> bool {
        let _ = index;
        false
    }

    /// Moves (x, y) to the nearest point of `{ X x Y, g <= 0 }`.
    fn project(&mut self, x: &mut [f64], y: &mut [f64]) -> Result<(), Self::Error>;

    /// Moves y to the nearest point of Y (default: Y is everything).
    fn project_lower(&mut self, y: &mut [f64]) -> Result<(), Self::Error> {
        let _ = y;
        Ok(())
    }
}
