//! Free fall: every material falls as a point does.

use nalgebra::{Matrix3, Vector3};

use crate::fixture::{DX, MATTER, empty, motion};

#[test]
fn a_body_falls_by_the_discrete_formula_of_symplectic_euler() {
    let (gravity, start) = (Vector3::new(0.3, -9.81, -0.2), Vector3::new(0.4, 1.5, -0.3));
    let (dt, steps) = (1e-3, 250);
    for matter in MATTER {
        let case = empty([16; 3], DX, dt)
            .fill(matter, [[5, 7, 6], [9, 12, 10]], 0.3, |_| true)
            .moving(|_| (start, Matrix3::zeros()))
            .falling(gravity);
        let end = case.run(steps, |_, _| {});
        let t = dt * steps as f64;
        // v_n = v_0 + n dt g and x_n = x_{n-1} + dt v_n.
        let path = start * t + gravity * (0.5 * t * (t + dt));
        let mut worst = [0.0_f64; 2];
        for ((x, ..), (x_end, v_end, _)) in motion(&case.particles).zip(motion(&end)) {
            worst[0] = worst[0].max((x_end - x - path).norm());
            worst[1] = worst[1].max((v_end - start - gravity * t).norm());
        }
        println!(
            "{matter:?}: fall off by {:.1e} m, {:.1e} m/s",
            worst[0], worst[1]
        );
        // Round-off of 250 additions to numbers of size 1, not the O(dt) of the scheme.
        assert!(worst[0] <= 1e-12, "{matter:?}: {:e} m", worst[0]);
        assert!(worst[1] <= 1e-12, "{matter:?}: {:e} m/s", worst[1]);
    }
}
