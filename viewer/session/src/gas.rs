//! The gas of a scene: what of it can be seen, and its values at the end of a frame.

use backflow::{
    sim::{
        gas::{Gas, Model},
        pose::Pose,
        scene::GasScene,
    },
    task::gas::{GasRows, middles},
};
use nalgebra::Vector3;

/// The gas of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageGas {
    /// Lower corner (m).
    pub min: Vector3<f64>,
    /// Edge of a cell (m).
    pub cell: f64,
    /// Cells along each axis.
    pub cells: [usize; 3],
    /// What can be seen of it: what it carries, then its speed.
    pub quantities: Vec<Quantity>,
}

/// Something that can be seen of a gas.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Its name.
    pub name: String,
    /// Its unit; that of a scalar is its own.
    pub unit: &'static str,
    /// Its value where there is nothing of it.
    pub reference: f32,
    /// Whether it makes the gas lighter: a temperature rather than smoke.
    pub lifts: bool,
}

/// Cells across a sheet, at most.
pub const SHEET: usize = 4;

impl StageGas {
    /// What can be seen of a gas.
    pub fn of(model: &Model<f64>) -> Self {
        let scalars = model.species.iter().map(|species| Quantity {
            name: species.name.clone(),
            unit: "",
            reference: species.lift.reference as f32,
            lifts: species.lift.expansion != 0.0,
        });
        let speed = Quantity {
            name: "speed".to_owned(),
            unit: "m/s",
            reference: 0.0,
            lifts: false,
        };
        Self {
            min: model.grid.origin,
            cell: model.grid.dx,
            cells: model.grid.cells,
            quantities: scalars.chain([speed]).collect(),
        }
    }

    /// The quantity of a name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.quantities.iter().position(|known| known.name == name)
    }

    /// The quantity that is seen as smoke unless another is asked for: the first scalar that is not
    /// a temperature, or the first, or the speed.
    pub fn smoke(&self) -> usize {
        let scalars = self.quantities.len() - 1;
        let mut passive = self.quantities.iter().take(scalars);
        passive.position(|known| !known.lifts).unwrap_or(0)
    }

    /// Whether it is a sheet: a few cells across, as in a plane scene.
    pub fn sheet(&self) -> bool {
        self.cells.iter().any(|&count| count <= SHEET)
    }

    /// Length of its shortest side (m).
    pub fn thinnest(&self) -> f64 {
        let count = self.cells.into_iter().min().unwrap_or(1);
        self.cell * count as f64
    }
}

/// The gas at the end of a frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GasFrame {
    /// The quantities of its stage in every cell, x fastest.
    pub values: Vec<Vec<f32>>,
}

impl GasFrame {
    /// Reads a gas.
    pub fn of(model: &Model<f32>, gas: &Gas<f32>) -> Self {
        let [x, y, z] = middles(model, &gas.velocity);
        let speed = (0..x.len()).map(|cell| x[cell].hypot(y[cell]).hypot(z[cell]) as f32);
        let scalars = gas.scalars.iter().map(|field| field.samples());
        Self {
            values: scalars.chain([speed.collect()]).collect(),
        }
    }

    /// From a frame that was recorded.
    pub fn recorded(rows: &GasRows) -> Self {
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let speed = rows.velocity.chunks_exact(3);
        let speed = speed.map(|v| v[0].hypot(v[1]).hypot(v[2]) as f32);
        let scalars = rows.scalars.iter().map(|(_, values)| single(values));
        Self {
            values: scalars.chain([speed.collect()]).collect(),
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.values.iter().map(|values| 4 * values.len()).sum()
    }
}

/// Where the obstacles, jets and sources of a gas are at the start of a frame.
pub fn poses(scene: &GasScene, frame: usize) -> Vec<Pose<f64>> {
    let course = &scene.course;
    let obstacles = course.obstacles.iter().map(|way| way.pose(frame, 0.0));
    let jets = course.jets.iter().map(|(way, _)| way.pose(frame, 0.0));
    obstacles
        .chain(jets)
        .chain(course.sources.iter().copied())
        .collect()
}
