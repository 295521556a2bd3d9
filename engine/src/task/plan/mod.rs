//! A scene that is planned on an operator and verified in the engine.

mod fit;
mod objective;
mod rounds;
mod verify;

pub use fit::unfit;
pub use objective::{PlanError, Planned};
pub use rounds::{Planning, Round, RoundError, plan};
pub use verify::{Verified, verify};
