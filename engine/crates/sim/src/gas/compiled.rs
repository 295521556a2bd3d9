//! The scalars that a step of gas is compiled for, once, in this crate.

use backflow_diff::Real;

use super::{
    drag::{Matter, MatterBar},
    model::{Gas, Model, ModelBar, Moment, MomentBar},
    projector::{PressureError, Projected},
    step::{self, Workspace},
};

/// A scalar that runs of gas are made in; see [`crate::Compiled`] for why there is such a trait.
pub trait Compiled: Real {
    /// See [`step::step`].
    ///
    /// # Errors
    /// The pressure is not found.
    fn step(
        model: &Model<Self>,
        moment: &Moment<Self>,
        matter: Option<&Matter<Self>>,
        gas: &mut Gas<Self>,
        dt: f64,
        workspace: &mut Workspace<Self>,
    ) -> Result<Projected, PressureError>;

    /// See [`step::step_vjp`].
    ///
    /// # Errors
    /// The pressure is not found, or its adjoint.
    fn step_vjp(
        model: &Model<Self>,
        moment: &Moment<Self>,
        matter: Option<&Matter<Self>>,
        gas: &mut Gas<Self>,
        dt: f64,
        workspace: &mut Workspace<Self>,
        bars: &mut Gas<Self>,
        model_bar: &mut ModelBar,
        moment_bar: &mut MomentBar,
        matter_bar: Option<&mut MatterBar<Self>>,
    ) -> Result<Projected, PressureError>;
}

macro_rules! compiled {
    ($scalar:ty) => {
        impl Compiled for $scalar {
            #[inline(never)]
            fn step(
                model: &Model<Self>,
                moment: &Moment<Self>,
                matter: Option<&Matter<Self>>,
                gas: &mut Gas<Self>,
                dt: f64,
                workspace: &mut Workspace<Self>,
            ) -> Result<Projected, PressureError> {
                step::step(model, moment, matter, gas, dt, workspace)
            }

            #[inline(never)]
            fn step_vjp(
                model: &Model<Self>,
                moment: &Moment<Self>,
                matter: Option<&Matter<Self>>,
                gas: &mut Gas<Self>,
                dt: f64,
                workspace: &mut Workspace<Self>,
                bars: &mut Gas<Self>,
                model_bar: &mut ModelBar,
                moment_bar: &mut MomentBar,
                matter_bar: Option<&mut MatterBar<Self>>,
            ) -> Result<Projected, PressureError> {
                step::step_vjp(
                    model, moment, matter, gas, dt, workspace, bars, model_bar, moment_bar,
                    matter_bar,
                )
            }
        }
    };
}

compiled!(f32);
compiled!(f64);
#[cfg(any(test, feature = "dual"))]
compiled!(num_dual::Dual64);
