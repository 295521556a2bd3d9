//! The `backflow` command: one file a subcommand.

mod bench;
mod best;
mod bytes;
mod check;
mod export;
mod gas;
mod gradcheck;
mod grasp;
mod mesh;
mod operator;
mod optimize;
mod options;
mod out;
mod pressure;
mod recording;
mod simulate;
mod smoke;
mod task;
mod training;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use best::{BestFile, NamedVariables};

/// Differentiable MPM: simulate a scene, differentiate it, optimise it.
#[derive(Debug, Parser)]
#[command(name = "backflow", version, about, long_about = None, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  backflow check scenes/fluid/throw.ron
  backflow optimize scenes/fluid/throw.ron
  backflow simulate scenes/fluid/dam_break.ron --quality 2 --threads 2
  backflow gradcheck scenes/solid/reach.ron
  backflow grasp synthesize --hand shadow --object assets/meshes/cup.obj
  backflow operator generate assets/operators/small.ron --out runs/small
  backflow mesh assets/meshes/cup.obj
  backflow bench --mode grad
  backflow task run fluid/throw --methods adam,cma,idle
  backflow validate
  backflow export runs/throw-20261124-101500 --format vtk

Exit codes: 0 done, 1 the work failed, 2 the input is wrong.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Says everything that is wrong with scenes.
    Check(check::Check),
    /// Runs a scene forward and saves its frames.
    Simulate(simulate::Simulate),
    /// Improves what the scene's `optimize` part lets change.
    Optimize(optimize::Optimize),
    /// Checks the gradient of a scene against finite differences.
    Gradcheck(gradcheck::Gradcheck),
    /// Finds grasps of objects for a hand, and says how good they seem.
    #[command(subcommand)]
    Grasp(grasp::Grasp),
    /// Learns the physics of a material, and runs it on few samples.
    #[command(subcommand)]
    Operator(operator::Operator),
    /// Trains a network that helps to find the pressure of gas.
    TrainPressure(pressure::TrainPressure),
    /// Trains networks that stand for a step of smoke.
    TrainSmoke(smoke::TrainSmoke),
    /// Says what a mesh is, and what is wrong with it.
    Mesh(mesh::Mesh),
    /// Measures the speed of a workload that other engines run, too.
    Bench(bench::Bench),
    /// Compares methods on the scenes that say how they are optimised.
    Task(task::TaskCommand),
    /// Compares the physics with theory and experiment.
    Validate(validate::Validate),
    /// Turns the frames of a run into other formats.
    Export(export::Export),
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The input is wrong: exit code 2.
    Input(String),
    /// The work failed: exit code 1.
    Work(String),
}

impl Failure {
    /// Wrong input.
    fn input(error: impl ToString) -> Self {
        Self::Input(error.to_string())
    }

    /// Failed work.
    fn work(error: impl ToString) -> Self {
        Self::Work(error.to_string())
    }
}

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A closed pipe is no reason to fail.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match arguments.command {
        Command::Check(command) => command.run(),
        Command::Simulate(command) => command.run(),
        Command::Optimize(command) => command.run(),
        Command::Gradcheck(command) => command.run(),
        Command::Grasp(command) => command.run(),
        Command::Operator(command) => command.run(),
        Command::TrainPressure(command) => command.run(),
        Command::TrainSmoke(command) => command.run(),
        Command::Mesh(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Task(command) => command.run(),
        Command::Validate(command) => command.run(),
        Command::Export(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Work(message)) => {
            out::complain(&message);
            ExitCode::from(1)
        }
        Err(Failure::Input(message)) => {
            out::complain(&message);
            ExitCode::from(2)
        }
    }
}
