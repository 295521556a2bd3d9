//! Tasks x methods under an equal budget of simulated substeps.
//!
//! | file | what it holds |
//! |---|---|
//! | `ablation.rs` | what the scene's own method is without one of its parts |
//! | `methods.rs` | the methods that are compared, as settings of the driver |
//! | `run.rs` | one method on one task, which can be interrupted and goes on |
//! | `table.rs` | scores of all of them as one page |
//! | `plot.rs` | curves as SVG |

pub mod ablation;
pub mod methods;
pub mod plot;
pub mod run;
pub mod table;

pub use methods::METHODS;
pub use run::{Finished, Point, Run};
