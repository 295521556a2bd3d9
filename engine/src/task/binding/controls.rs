//! The free commands of a tool.

use backflow_sim::rollout::Gradient;

use super::{super::variables::knots::Knots, Place, Setup};

/// Some numbers of the free commands of a tool, by knots.
#[derive(Debug)]
pub(super) struct Controls {
    /// Index of the tool.
    pub tool: usize,
    /// Which numbers of a command.
    pub entries: Vec<usize>,
    /// How they run over the frames.
    pub knots: Knots,
}

impl Place for Controls {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        let program = &setup.programs[self.tool];
        let entries = |frame: usize| self.entries.iter().map(move |&entry| (frame, entry));
        let knots = self.knots.starts().flat_map(entries);
        knots
            .map(|(frame, entry)| program.at(frame)[entry])
            .collect()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let (program, width) = (&mut setup.programs[self.tool], self.entries.len());
        self.knots.each(|frame, shares| {
            let command = program.at_mut(frame);
            for (column, &entry) in self.entries.iter().enumerate() {
                let part = |&(knot, share): &(usize, f64)| values[knot * width + column] * share;
                command[entry] = shares.iter().map(part).sum();
            }
        });
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let (tool, width) = (&gradient.tools[self.tool], self.entries.len());
        let freedoms = 6 + tool.start.joints.len();
        let mut bars = vec![0.0; values.len()];
        self.knots.each(|frame, shares| {
            for (column, &entry) in self.entries.iter().enumerate() {
                for &(knot, share) in shares {
                    bars[knot * width + column] += tool.commands[frame * freedoms + entry] * share;
                }
            }
        });
        bars
    }
}
