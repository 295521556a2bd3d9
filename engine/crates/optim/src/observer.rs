//! Who watches a run: the command writes files and draws bars here.

use std::ops::ControlFlow;

use crate::record::Record;
use crate::state::DriverState;

/// Called once an iteration.
///
/// Any closure `|record: &Record, state: &DriverState| -> ControlFlow<()>` is one (the types of
/// its arguments must be written out), and so is `()`, which watches nothing.
pub trait Observer {
    /// Sees an iteration and the state after it, which is complete and may be saved.
    /// `Break` ends the run with [`Stop::Observer`](crate::Stop::Observer).
    fn observe(&mut self, record: &Record, state: &DriverState) -> ControlFlow<()>;
}

impl Observer for () {
    fn observe(&mut self, _: &Record, _: &DriverState) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Record, &DriverState) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, record: &Record, state: &DriverState) -> ControlFlow<()> {
        self(record, state)
    }
}
