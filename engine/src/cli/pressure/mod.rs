//! `backflow train-pressure`: trains a search direction for the pressure of gas.

mod compare;
mod train;

use std::path::{Path, PathBuf};

use backflow_sim::{
    gas::{grid::Grid, learned::network::Network, poisson::Poisson},
    io::{Array, Npz, write_npz},
};
use clap::Args;
use nalgebra::Vector3;

use self::{compare::compare, train::train};
use super::{
    Failure,
    out::{Watch, say, say_json},
};

/// Trains a network that proposes search directions for the pressure of gas in a box, and
/// compares it with conjugate gradients on right-hand sides that it has not seen.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow train-pressure --out pressure.npz
  backflow train-pressure --cells 48 --filters 12 --iterations 600 --ball --out pressure.npz
  backflow train-pressure --from pressure.npz --cells 64")]
pub struct TrainPressure {
    /// Cells along the two edges of the box.
    #[arg(long, default_value_t = 32, value_name = "N")]
    cells: usize,
    /// Whether a ball stands in the box.
    #[arg(long)]
    ball: bool,
    /// Channels of the network.
    #[arg(long, default_value_t = 8, value_name = "N")]
    filters: usize,
    /// Steps of the training.
    #[arg(long, default_value_t = 300, value_name = "N")]
    iterations: usize,
    /// Right-hand sides of a step.
    #[arg(long, default_value_t = 4, value_name = "N")]
    batch: usize,
    /// Right-hand sides that are compared on.
    #[arg(long, default_value_t = 20, value_name = "N")]
    compare: usize,
    /// Relative residual that is compared at.
    #[arg(long, default_value_t = 1e-4, value_name = "R")]
    tolerance: f64,
    /// Where the network goes: a NumPy file with `weights` and `filters`.
    #[arg(long, value_name = "FILE", required_unless_present = "from")]
    out: Option<PathBuf>,
    /// Compare a network that was trained before, instead of training one.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl TrainPressure {
    /// Runs the command.
    ///
    /// # Errors
    /// Arguments out of range, or a file that cannot be read or written.
    pub fn run(&self) -> Result<(), Failure> {
        let counts = [self.filters, self.iterations, self.batch, self.compare];
        let tolerance = self.tolerance > 0.0 && self.tolerance < 1.0;
        if self.cells < 4 || counts.contains(&0) || !tolerance {
            return Err(Failure::input(
                "expected --cells of at least 4; --filters, --iterations, --batch and --compare \
                 of at least 1; --tolerance between 0 and 1",
            ));
        }
        let poisson = self.matrix();
        let watch = Watch::start();
        let network = match &self.from {
            Some(path) => read(path)?,
            None => train(self, &poisson)?,
        };
        let trained = watch.seconds();
        if let Some(path) = &self.out {
            write(path, &network)?;
        }
        let compared = compare(&poisson, &network, self.compare, self.tolerance)?;
        if self.json {
            let mut object = compared.json();
            object["cells"] = self.cells.into();
            object["ball"] = self.ball.into();
            object["training_seconds"] = trained.into();
            say_json(&object);
            return Ok(());
        }
        if self.from.is_none() {
            say(&format!("trained in {trained:.1} s"));
        }
        compared.lines().iter().for_each(|line| say(line));
        if let Some(path) = &self.out {
            say(&format!("saved in {}", path.display()));
        }
        Ok(())
    }

    /// The matrix of a flat box that is open at the top, so that every right-hand side has its
    /// pressure; faces within the ball are closed.
    fn matrix(&self) -> Poisson<f64> {
        let n = self.cells;
        let grid = Grid {
            origin: Vector3::zeros(),
            dx: 1.0 / n as f64,
            cells: [n, n, 1],
            periodic: [false; 3],
        };
        Poisson::from_fn(&grid, |axis, at| {
            let layout = grid.faces()[axis];
            let mut offset = grid.point(&layout, at) - Vector3::new(0.5, 0.5, 0.0);
            offset.z = 0.0;
            let open = axis == 1 && at[axis] == grid.cells[axis];
            let wall = !open && (at[axis] == 0 || at[axis] == grid.cells[axis]);
            f64::from(u8::from(!(wall || self.ball && offset.norm() < RADIUS)))
        })
    }
}

/// A residual goes in, a direction comes out.
const CHANNELS: [usize; 2] = [1, 1];

/// Radius of the ball over the edge of the box.
const RADIUS: f64 = 0.15;

fn write(path: &Path, network: &Network) -> Result<(), Failure> {
    let filters = [network.filters as i64];
    let arrays = [
        ("filters", Array::I64(vec![], &filters)),
        (
            "weights",
            Array::F64(vec![network.weights.len()], &network.weights),
        ),
    ];
    write_npz(path, &arrays).map_err(Failure::work)
}

fn read(path: &Path) -> Result<Network, Failure> {
    let mut file = Npz::open(path).map_err(Failure::input)?;
    let (_, filters) = file.i64("filters", &[]).map_err(Failure::input)?;
    let (_, weights) = file.f64("weights", &[None]).map_err(Failure::input)?;
    let filters = filters
        .first()
        .map_or(0, |&filters| usize::try_from(filters).unwrap_or_default());
    Network::with_weights(CHANNELS, filters, weights).ok_or_else(|| {
        Failure::Input(format!(
            "{}: expected the weights of {filters} filters",
            path.display()
        ))
    })
}
