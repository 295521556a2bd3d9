//! Numbers that are not finite stop a run, and the message says where they are.

use backflow_sim::{
    contact::ContactLaw,
    material::Strain,
    particle::{Motion, Particles},
    rollout::{NonFinite, forward::Rollout},
};

use crate::fixture::{Case, DX, Matter, empty};

/// Two liquids and two solids.
fn crowd() -> Case {
    let at = |i: usize, k: usize| [[i, 2, k], [i + 2, 5, k + 3]];
    let mut case = empty([12; 3], DX, 1e-3)
        .fill(Matter::Viscous, at(1, 2), 0.2, |_| true)
        .fill(Matter::Inviscid, at(3, 8), 0.2, |_| true)
        .fill(Matter::NeoHookean, at(6, 2), 0.2, |_| true)
        .fill(Matter::FixedCorotated, at(9, 8), 0.2, |_| true)
        .walled(ContactLaw::Separating);
    // Every substep is a frame, at whose start numbers are checked.
    case.world.clock.substeps = 1;
    case
}

/// Spoils one number of a particle.
type Spoil = fn(&mut Particles<f64>, usize, f64);

fn spoil_x(motion: &mut Motion<f64>, axis: usize, bad: f64) {
    let mut x = motion.x();
    x[axis] = bad;
    motion.set_x(&x);
}

fn spoil_v(motion: &mut Motion<f64>, axis: usize, bad: f64) {
    let mut v = motion.v();
    v[axis] = bad;
    motion.set_v(&v);
}

fn spoil_c(motion: &mut Motion<f64>, entry: (usize, usize), bad: f64) {
    let mut c = motion.c();
    c[entry] = bad;
    motion.set_c(&c);
}

const LIQUID: [(&str, Spoil); 4] = [
    ("position", |p, slot, bad| {
        spoil_x(&mut p.liquid.motion[slot], 1, bad)
    }),
    ("velocity", |p, slot, bad| {
        spoil_v(&mut p.liquid.motion[slot], 2, bad)
    }),
    ("velocity gradient", |p, slot, bad| {
        spoil_c(&mut p.liquid.motion[slot], (1, 2), bad)
    }),
    ("strain", |p, slot, bad| p.liquid.strain[slot] = bad),
];

const SOLID: [(&str, Spoil); 4] = [
    ("position", |p, slot, bad| {
        spoil_x(&mut p.solid.motion[slot], 0, bad)
    }),
    ("velocity", |p, slot, bad| {
        spoil_v(&mut p.solid.motion[slot], 0, bad)
    }),
    ("velocity gradient", |p, slot, bad| {
        spoil_c(&mut p.solid.motion[slot], (2, 2), bad)
    }),
    ("strain", |p, slot, bad| {
        p.solid.strain[slot].components_mut()[4] = bad
    }),
];

#[test]
fn a_number_that_is_not_finite_is_reported_with_body_particle_quantity_and_substep() {
    let case = crowd();
    for steps in [0, 3] {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (quantity, spoil) in LIQUID.into_iter().chain(SOLID) {
                let solid = SOLID
                    .iter()
                    .any(|(_, other)| std::ptr::fn_addr_eq(*other, spoil));
                let mut rollout = Rollout::new(&case.world, &[]);
                let mut state = case.state();
                for step in 0..steps {
                    rollout.advance(&mut state, step).unwrap();
                }
                // The sixth particle of the second body, wherever it lies by now.
                let (name, start, slots) = if solid {
                    let body = &case.world.solids[1];
                    (&body.name, body.range.start, &state.order.solid)
                } else {
                    let body = &case.world.liquids[1];
                    (&body.name, body.range.start, &state.order.liquid)
                };
                let slot = slots.slot_of()[start + 5] as usize;
                let expected = NonFinite {
                    stage: "g2p",
                    substep: usize::saturating_sub(steps, 1),
                    body: name.clone(),
                    particle: 5,
                    quantity,
                };
                spoil(&mut state.particles, slot, bad);
                let error = rollout.advance(&mut state, steps).unwrap_err();
                assert_eq!(error, expected);
                let text = error.to_string();
                for part in [quantity, "particle 5", name.as_str(), "substep", "expected"] {
                    assert!(text.contains(part), "`{text}` lacks `{part}`");
                }
            }
        }
    }
}

#[test]
fn a_run_that_blows_up_stops_with_the_body_that_did() {
    let mut case = crowd();
    case.world.clock.substeps = 5;
    let body = &case.world.liquids[1];
    // Tait's pressure there is 10^420 Pa.
    case.particles.liquid.strain[body.range.clone()].fill(1e-60);
    let mut rollout = Rollout::new(&case.world, &[]);
    let mut state = case.state();
    let error = (0..10)
        .find_map(|step| rollout.advance(&mut state, step).err())
        .expect("its pressure overflows");
    // Found before the frame ends, and before it spread to the other bodies.
    assert_eq!(
        (error.body.as_str(), error.substep),
        (body.name.as_str(), 0)
    );
}
