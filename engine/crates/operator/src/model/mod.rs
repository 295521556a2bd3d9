//! Operators: what they see, how they step, and what they are compared with.

mod balance;
mod baseline;
mod config;
mod features;
mod hold;
mod kinds;
mod network;
pub mod pairs;
mod room;
mod spacing;
mod stepper;
mod window;

pub use balance::{balance, balance_vjp};
pub use baseline::Baseline;
pub use config::{Config, Kind, Scales};
pub use features::{Features, FeaturesBar};
pub use kinds::first_weights;
pub use network::{Network, NetworkTape};
pub use room::{Obstacle, Room};
pub use spacing::{Spacing, mean_spacing};
pub use stepper::{Operator, StepTape, Stepped};
pub use window::Window;
