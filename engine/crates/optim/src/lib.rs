//! How parameters move, without any physics.
//!
//! Everything here sees a flat vector of numbers with named slices ([`Layout`]) and a scalar
//! to make small ([`Objective`]). A run is the product of four independent choices, all of
//! them data in [`Settings`]:
//!
//! | choice | concept | where |
//! |---|---|---|
//! | what is minimised | [`Objective`], [`Ensemble`] | `objective.rs`, `ensemble.rs` |
//! | where its gradient comes from | [`Estimator`] | `estimator/`, one file a source |
//! | how the vector moves | [`Update`] | `update/`, one file a method |
//! | how far, as the run goes on | [`Schedule`] | `schedule/`, one file a law |
//!
//! Methods that compare values alone (CMA-ES, consensus, random points) are updates like the
//! others, whose iterations are the candidates of a generation; they go with the estimator
//! `Values`.
//!
//! [`Driver`] runs the product. It adds what every run needs whatever the choices: clipping
//! ([`Clip`]), bounds, the best point so far, stops ([`Stop`]), and a guard that keeps
//! non-finite numbers out of the update ([`Guard`]). Its memory, [`DriverState`], is plain
//! data: saved after any iteration and resumed, a run goes on to the same bits.
//!
//! **An iteration is one evaluation**: one value and one gradient. This holds for line searches
//! too, whose trial points are iterations of their own, so that `iterations: 60` costs the
//! same with every update and a run can stop and resume inside a line search.
//!
//! Problems of another form have drivers of their own: one with a problem inside, [`bilevel`], and
//! one with equations, [`constrained`].
//!
//! A new method is one file with its tests in the folder of its concept, one variant in that
//! folder's settings enum (what the scene says) and one in its `Any…` enum (what is saved).
//!
//! # Example
//!
//! ```
//! use backflow_optim::{Driver, Evaluation, Layout, Objective, Settings, UpdateSettings};
//!
//! /// f(x) = (x - 3)^2
//! struct Parabola;
//!
//! impl Objective for Parabola {
//!     type Error = std::convert::Infallible;
//!     fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
//!         Ok((x[0] - 3.0).powi(2))
//!     }
//!     fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
//!         Ok(Evaluation::new((x[0] - 3.0).powi(2), vec![2.0 * (x[0] - 3.0)]))
//!     }
//! }
//!
//! let mut layout = Layout::new();
//! layout.push("position", 1)?;
//! let settings = Settings { update: UpdateSettings::lbfgs(), ..Settings::default() };
//! let driver = Driver::new(settings, layout)?;
//! let mut state = driver.start(&[0.0])?;
//! let outcome = driver.run(&mut state, &mut Parabola, &mut ())?;
//! assert!((outcome.best_x[0] - 3.0).abs() < 1e-8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bilevel;
pub mod clip;
pub mod constrained;
pub mod context;
pub mod curvature;
pub mod driver;
pub mod ensemble;
pub mod error;
pub mod estimator;
pub mod fault;
pub mod gate;
pub mod guard;
pub mod network;
pub mod objective;
pub mod observer;
pub mod parameters;
mod plain;
pub mod random;
pub mod record;
pub mod schedule;
pub mod settings;
pub mod state;
pub mod stop;
pub mod update;
mod vector;

#[cfg(test)]
mod testing;

pub use clip::Clip;
pub use context::Context;
pub use curvature::Lanczos;
pub use driver::Driver;
pub use ensemble::{Ensemble, EnsembleError, Member, MemberError};
pub use error::{RunError, SettingsError, StartError, StateError};
pub use estimator::{AnyEstimator, Estimator, EstimatorSettings};
pub use fault::Fault;
pub use gate::Gated;
pub use guard::{Guard, Trouble};
pub use network::Network;
pub use objective::{Evaluation, Objective};
pub use observer::Observer;
pub use parameters::{Bounds, Layout, LayoutError, Projection, Slice};
pub use random::Random;
pub use record::{Counters, Event, Outcome, Record};
pub use schedule::{Schedule, ScheduleSettings};
pub use settings::Settings;
pub use state::{Best, DriverState};
pub use stop::{Plateau, Stop};
pub use update::{AnyUpdate, Step, Update, UpdateSettings};
