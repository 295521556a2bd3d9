//! What a tool is told to do, frame by frame.

use backflow_diff::Real;

use crate::{pose::Twist, world::cast};

/// How the numbers of a command are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// Velocity of the tool's origin (m/s), angular velocity in world axes (rad/s), rate of
    /// each joint (rad/s, m/s).
    Velocity,
    /// Position of the tool's origin (m), its rotation vector (rad) and the position of each
    /// joint (rad, m), to be reached in so many frames.
    Pose {
        /// Frames left, this one included; at least 1.
        frames: usize,
    },
}

/// What a tool is told for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// How its numbers are meant.
    pub drive: Drive,
    /// Whether an optimisation may change them; a scripted command stays as it is.
    pub free: bool,
}

/// The commands of a tool, one a frame; after the last it holds still.
#[derive(Debug, Clone, PartialEq)]
pub struct Program<T: Real> {
    /// Numbers of a command: three of position, three of rotation, one for each joint.
    pub freedoms: usize,
    /// The commands.
    pub commands: Vec<Command>,
    /// Their numbers, one command after the other.
    pub values: Vec<T>,
}

impl<T: Real> Program<T> {
    /// No commands.
    pub fn new(freedoms: usize) -> Self {
        Self {
            freedoms,
            commands: Vec::new(),
            values: Vec::new(),
        }
    }

    /// One free velocity a frame of a tool without joints.
    pub fn velocities(twists: &[Twist<T>]) -> Self {
        let mut program = Self::new(6);
        let command = Command {
            drive: Drive::Velocity,
            free: true,
        };
        for twist in twists {
            let [a, b, c]: [T; 3] = twist.linear.into();
            let [d, e, f]: [T; 3] = twist.angular.into();
            program.push(command, &[a, b, c, d, e, f]);
        }
        program
    }

    /// Adds a command for a further frame, of `freedoms` numbers.
    pub fn push(&mut self, command: Command, values: &[T]) {
        self.commands.push(command);
        self.values.extend_from_slice(values);
    }

    /// Frames with a command.
    pub fn frames(&self) -> usize {
        self.commands.len()
    }

    /// The numbers of a frame.
    pub fn at(&self, frame: usize) -> &[T] {
        &self.values[frame * self.freedoms..(frame + 1) * self.freedoms]
    }

    /// The numbers of a frame.
    pub fn at_mut(&mut self, frame: usize) -> &mut [T] {
        &mut self.values[frame * self.freedoms..(frame + 1) * self.freedoms]
    }

    /// The frames that an optimisation may change.
    pub fn free(&self) -> impl Iterator<Item = usize> {
        let commands = self.commands.iter().enumerate();
        commands
            .filter(|(_, command)| command.free)
            .map(|(frame, _)| frame)
    }

    /// The same program in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Program<U> {
        Program {
            freedoms: self.freedoms,
            commands: self.commands.clone(),
            values: self.values.iter().map(|&value| cast(value)).collect(),
        }
    }
}
