//! Symmetry: a mirrored, turned or shifted scene runs mirrored, turned or shifted.

use backflow_sim::{contact::ContactLaw, particle::Particles};
use nalgebra::{Matrix3, Vector3};

use crate::fixture::{Case, DX, MATTER, Matter, empty, floating, motion};

/// The case turned or mirrored by `q` about the middle of its domain, a cube.
fn turned(case: &Case, q: &Matrix3<f64>) -> Case {
    let mut case = case.clone();
    let middle = (case.world.lattice.min() + case.world.lattice.max()) * 0.5;
    case.world.gravity = q * case.world.gravity;
    case.particles = moved(&case.particles, q, &(middle - q * middle));
    case
}

/// Particles after `x -> q x + shift`; strains turn with the observer and the body.
fn moved(particles: &Particles<f64>, q: &Matrix3<f64>, shift: &Vector3<f64>) -> Particles<f64> {
    let mut particles = particles.clone();
    let Particles { liquid, solid } = &mut particles;
    for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
        motion.set_x(&(q * motion.x() + shift));
        motion.set_v(&(q * motion.v()));
        motion.set_c(&(q * motion.c() * q.transpose()));
    }
    for strain in &mut solid.strain {
        strain.set_f(&(q * strain.f() * q.transpose()));
    }
    particles
}

/// The largest difference of positions (m), velocities (m/s) and affine velocities (in
/// m/s across a cell).
fn difference(a: &Particles<f64>, b: &Particles<f64>) -> f64 {
    let mut worst = 0.0_f64;
    for ((xa, va, ca), (xb, vb, cb)) in motion(a).zip(motion(b)) {
        worst = worst
            .max((xa - xb).norm())
            .max((va - vb).norm())
            .max((ca - cb).norm() * DX);
    }
    worst
}

/// A block that is thrown into a corner.
fn thrown(matter: Matter, law: ContactLaw) -> Case {
    empty([10; 3], DX, 1e-3)
        .fill(matter, [[1, 0, 3], [6, 4, 8]], 0.4, |_| true)
        .agitated(0.5, 53)
        .falling(Vector3::new(-3.0, -9.81, 2.0))
        .walled(law)
}

// The scene is the same, but sums run in another order: round-off, which 100 substeps of
// stiff matter in contact magnify.
const TOLERANCE: f64 = 1e-10;

/// Runs a case and the same turned by each of `turns`.
fn assert_symmetric(case: &Case, turns: &[Matrix3<f64>], label: &str) {
    let end = case.run(100, |_, _| {});
    let middle = (case.world.lattice.min() + case.world.lattice.max()) * 0.5;
    for q in turns {
        let other = turned(case, q).run(100, |_, _| {});
        let expected = moved(&end, q, &(middle - q * middle));
        let worst = difference(&other, &expected);
        println!("{label}: symmetry off by {worst:.1e}");
        assert!(worst <= TOLERANCE, "{label}, {q}: {worst:e}");
    }
}

#[test]
fn a_mirrored_scene_runs_mirrored() {
    let mirror = |x, y, z| Matrix3::from_diagonal(&Vector3::new(x, y, z));
    let mirrors = [mirror(-1.0, 1.0, 1.0), mirror(1.0, -1.0, -1.0)];
    for matter in MATTER {
        let case = thrown(matter, ContactLaw::Coulomb);
        assert_symmetric(&case, &mirrors, &format!("{matter:?}, mirrored"));
    }
}

#[test]
fn a_turned_scene_runs_turned() {
    let turns = [
        // A quarter turn about y, and x to y to z.
        Matrix3::new(0.0, 0.0, 1.0, 0.0, 1.0, 0.0, -1.0, 0.0, 0.0),
        Matrix3::new(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    ];
    for matter in MATTER {
        // Walls with friction act one after the other where they meet, which prefers x.
        let case = thrown(matter, ContactLaw::Separating);
        assert_symmetric(&case, &turns, &format!("{matter:?}, turned"));
    }
}

#[test]
fn a_scene_shifted_by_whole_cells_runs_shifted() {
    for matter in MATTER {
        let case = floating(matter, 1e-3).agitated(0.5, 59);
        let end = case.run(100, |_, _| {});
        // By other than whole blocks of four cells.
        for cells in [[3.0, -2.0, 1.0], [-1.0, 2.0, -3.0]] {
            let shift = Vector3::from(cells) * DX;
            let mut other = case.clone();
            other.particles = moved(&case.particles, &Matrix3::identity(), &shift);
            let other = other.run(100, |_, _| {});
            let expected = moved(&end, &Matrix3::identity(), &shift);
            let worst = difference(&other, &expected);
            println!("{matter:?}: shift off by {worst:.1e}");
            assert!(worst <= TOLERANCE, "{matter:?}: {worst:e}");
        }
    }
}
