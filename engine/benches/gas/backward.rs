//! Backwards through the pressure: one solve, or as many sweeps as it took forwards.

use backflow::sim::gas::{
    Compiled, Gas, ModelBar, MomentBar, Workspace,
    field::Field,
    opening::Openings,
    poisson::Pockets,
    pressure::Precondition,
    project::{project, project_vjp},
    projector::{ProjectScratch, Projector},
};

use super::{
    scene::{self, COURANT},
    sweeps::{sweep, sweep_vjp},
    timed,
};

/// Relative residual that sweeps are stopped at, and sweeps at which they are given up.
const RESIDUAL: f64 = 1e-4;
const MOST: usize = 60_000;

/// Prints the seconds of the adjoint of a projection, of a whole step, and of the sweeps.
pub fn run(cells: usize) {
    let (grid, faces, start) = scene::ball(cells);
    for tolerance in [1e-4, 1e-6, 1e-8, 1e-10] {
        let projector = Projector::new(&grid, &faces, None, Precondition::Multigrid, tolerance);
        let (mut u, mut p) = (start.clone(), Vec::new());
        let mut scratch = ProjectScratch::default();
        let (forward, seconds) =
            timed(|| project(&projector, &faces, None, &mut u, &mut p, &mut scratch).unwrap());
        let (mut bar, mut faces_bar) = (start.clone(), Openings::zero(&grid));
        let (back, back_seconds) = timed(|| {
            let (bar, faces_bar) = (&mut bar, &mut faces_bar);
            project_vjp(
                &projector,
                &faces,
                None,
                &start,
                &p,
                None,
                bar,
                faces_bar,
                None,
                &mut scratch,
            )
            .unwrap()
        });
        println!(
            "{{\"what\": \"project\", \"cells\": {cells}, \"tolerance\": {tolerance:e}, \
             \"iterations\": {}, \"forward_s\": {seconds:.4}, \"back_iterations\": {}, \
             \"backward_s\": {back_seconds:.4}}}",
            forward.iterations, back.iterations
        );
    }
    whole(cells);
    let projector = Projector::new(&grid, &faces, None, Precondition::Plain, RESIDUAL);
    let poisson = projector.poisson();
    let b = scene::right_hand_side(&grid, &Pockets::of(poisson), &start);
    let ((count, left), seconds) = timed(|| sweep(poisson, &b, RESIDUAL, MOST));
    let (_, back_seconds) = timed(|| sweep_vjp(poisson, count, &b));
    println!(
        "{{\"what\": \"sweeps\", \"cells\": {cells}, \"sweeps\": {count}, \
         \"relative_residual\": {left:e}, \"forward_s\": {seconds:.3}, \
         \"backward_s\": {back_seconds:.3}}}"
    );
}

/// A whole step of smoke, replayed and pulled back.
fn whole(cells: usize) {
    let (model, moment, mut gas) = scene::smoke::<f32>(cells);
    let mut workspace = Workspace::new(&model);
    let dt = COURANT * model.grid.dx;
    for _ in 0..4 {
        f32::step(&model, &moment, None, &mut gas, dt, &mut workspace).unwrap();
    }
    let mut bars = Gas::zero(&model);
    bars.velocity[1] = Field::constant(bars.velocity[1].layout, 1.0);
    let (mut model_bar, mut moment_bar) = (ModelBar::zero(&model), MomentBar::zero(&model));
    let mut before = gas;
    let (_, seconds) = timed(|| {
        f32::step_vjp(
            &model,
            &moment,
            None,
            &mut before,
            dt,
            &mut workspace,
            &mut bars,
            &mut model_bar,
            &mut moment_bar,
            None,
        )
        .unwrap()
    });
    println!("{{\"what\": \"backward of a step\", \"cells\": {cells}, \"seconds\": {seconds:.4}}}");
}
