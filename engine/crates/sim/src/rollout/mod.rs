//! Runs: many substeps forward, and back.

pub mod activation;
pub(crate) mod back;
pub mod batch;
pub mod birth;
pub mod collect;
pub mod decide;
pub mod felt;
pub mod forward;
pub mod frame;
pub mod gradient;
pub mod reverse;
pub mod state;
pub mod store;
pub mod volume;

pub use collect::Taken;
pub use gradient::Gradient;
pub use state::{NonFinite, State};
