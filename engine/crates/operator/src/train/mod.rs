//! How the weights of an operator are found.

mod batch;
mod boost;
mod checkpoint;
mod coreset;
mod grad_sign;
mod judge;
mod loss;
mod scales;
mod settings;
mod trainer;

pub use batch::{Excerpt, Pool, Track};
pub use boost::{Boosted, Boosting};
pub use checkpoint::{Card, Origin, Trained};
pub use coreset::{Windows, quantize};
pub use judge::{Score, score};
pub use loss::loss;
pub use scales::scales;
pub use settings::Training;
pub use trainer::{Event, Progress, State, Trainer};
