//! `backflow operator`: data sets, training and use of reduced-order graph operators.

mod compare;
mod decoding;
mod evaluate;
mod generate;
mod import;
mod plan;
mod rank;
mod report;
mod rollout;
mod session;
mod train;

use backflow_operator::{OperatorError, data::Split};
use clap::{Subcommand, ValueEnum};

use super::Failure;

/// Reduced-order graph operators: learned on a few hundred samples of a body, shown on all of it.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  backflow operator generate assets/operators/small.ron --out runs/small
  backflow operator train runs/small --material jelly --out runs/jelly
  backflow operator evaluate runs/jelly/operator.ron runs/small --json
  backflow operator compare assets/operators/comparison.ron --out runs/comparison
  backflow operator plan assets/operators/cream.ron scenes/fluid/throw.ron")]
pub enum Operator {
    /// Makes a data set from rollouts of the engine.
    Generate(generate::Generate),
    /// Reads a data set of others.
    Import(import::Import),
    /// Ranks settings of trainings before anything is trained.
    Rank(rank::Rank),
    /// Trains an operator on a data set.
    Train(train::Train),
    /// Runs an operator from the start of a trajectory and saves where all particles are.
    Rollout(rollout::Rollout),
    /// Plans what a scene's `optimize` part lets change on an operator, and verifies it in the engine.
    Plan(plan::Plan),
    /// Compares an operator with the engine on trajectories that it has not seen.
    Evaluate(evaluate::Evaluate),
    /// Compares models on materials under one budget, from data to a table.
    Compare(compare::Compare),
    /// Puts trainings and evaluations together in one page.
    Report(report::Report),
}

impl Operator {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of its commands.
    pub fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Generate(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Rank(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Rollout(command) => command.run(),
            Self::Plan(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Report(command) => command.run(),
        }
    }
}

/// Which trajectories of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Those that operators learn from.
    Train,
    /// Those that they are chosen by.
    Validation,
    /// Those that they have not seen.
    Test,
}

impl Part {
    const fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Validation => Split::Validation,
            Self::Test => Split::Test,
        }
    }
}

/// What went wrong with the numbers is failed work, everything else wrong input.
fn failure(error: OperatorError) -> Failure {
    match error {
        OperatorError::NotFinite { .. } | OperatorError::Engine { .. } => Failure::work(error),
        _ => Failure::input(error),
    }
}
