//! A step of smoke in a closed box, forward and back, in single precision.

use backflow::sim::gas::{Compiled, Gas, ModelBar, MomentBar, Workspace, field::Field};

use super::{
    scene::{self, COURANT},
    timed,
};

/// Steps before those that are timed, and steps that are.
const WARM: usize = 4;
const TIMED: usize = 3;

/// Prints the seconds of a step and of its gradient (the step replayed, then pulled back).
pub fn run(cells: usize) {
    let (model, moment, mut gas) = scene::smoke::<f32>(cells);
    let mut workspace = Workspace::new(&model);
    let dt = COURANT * model.grid.dx;
    let mut iterations = 0;
    let mut step = |gas: &mut Gas<f32>, workspace: &mut Workspace<f32>| {
        let went = f32::step(&model, &moment, None, gas, dt, workspace).unwrap();
        iterations = went.iterations;
    };
    for _ in 0..WARM {
        step(&mut gas, &mut workspace);
    }
    let before = gas.clone();
    let (_, forward) = timed(|| (0..TIMED).for_each(|_| step(&mut gas, &mut workspace)));
    let (mut model_bar, mut moment_bar) = (ModelBar::zero(&model), MomentBar::zero(&model));
    let (_, backward) = timed(|| {
        for _ in 0..TIMED {
            let mut bars = Gas::zero(&model);
            bars.velocity[1] = Field::constant(bars.velocity[1].layout, 1.0);
            let mut start = before.clone();
            f32::step_vjp(
                &model,
                &moment,
                None,
                &mut start,
                dt,
                &mut workspace,
                &mut bars,
                &mut model_bar,
                &mut moment_bar,
                None,
            )
            .unwrap();
        }
    });
    let share = 1.0 / TIMED as f64;
    println!(
        "{{\"what\": \"step\", \"cells\": {cells}, \"iterations\": {iterations}, \
         \"forward_s\": {:.4}, \"backward_s\": {:.4}, \"fastest\": {:.5}}}",
        forward * share,
        backward * share,
        gas.fastest()
    );
}
