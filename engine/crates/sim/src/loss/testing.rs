//! What the tests of all losses share.

use num_dual::Dual64;

use super::*;

/// Numbers in [-1, 1] that depend on `seed` alone.
pub(crate) fn noise(seed: usize) -> f64 {
    (12.9898 * (seed + 1) as f64).sin()
}

/// Three of them.
pub(crate) fn noise3(seed: usize) -> Vector3<f64> {
    Vector3::new(noise(3 * seed), noise(3 * seed + 1), noise(3 * seed + 2))
}

/// `count` points within 0.4 m of the middle of the unit box.
pub(crate) fn points(count: usize, seed: usize) -> Vec<Vector3<f64>> {
    let point = |i| Vector3::repeat(0.5) + noise3(1000 * seed + i) * 0.4;
    (0..count).map(point).collect()
}

/// Two bodies of 40 and 25 particles in the unit box, of unlike masses.
pub(crate) fn cloud(seed: usize) -> Frame<f64> {
    Frame {
        index: 0,
        lattice: Lattice::over(Vector3::zeros(), [8; 3], 0.125),
        bodies: vec![
            BodyFrame {
                mass: 0.3,
                x: points(40, seed),
                taken: Vec::new(),
            },
            BodyFrame {
                mass: 0.7,
                x: points(25, seed + 1),
                taken: Vec::new(),
            },
        ],
        tools: Vec::new(),
        reactions: Reactions::zero(1, 1),
        rigids: Vec::new(),
    }
}

/// The frame moved by `shift`.
pub(crate) fn moved(frame: &Frame<f64>, shift: &Vector3<f64>) -> Frame<f64> {
    let mut frame = frame.clone();
    for body in &mut frame.bodies {
        body.x.iter_mut().for_each(|x| *x += shift);
    }
    frame
}

/// The lattice over duals, with no tangent.
pub(crate) fn lift(lattice: &Lattice<f64>) -> Lattice<Dual64> {
    Lattice {
        origin: lattice.origin.map(Dual64::of),
        dx: Dual64::of(lattice.dx),
        nodes: lattice.nodes,
    }
}

/// Dot-product test in a fixed direction of all positions and masses: the tangent of
/// the value against the cotangents. The loss comes twice, over duals and over `f64`.
pub(crate) fn assert_transpose(
    dual: &dyn FrameLoss<Dual64>,
    plain: &dyn FrameLoss<f64>,
    frame: &Frame<f64>,
) {
    let mass = |b: usize| noise(77 + b);
    let lifted = Frame {
        index: frame.index,
        lattice: lift(&frame.lattice),
        bodies: (frame.bodies.iter().enumerate())
            .map(|(b, body)| BodyFrame {
                mass: Dual64::new(body.mass, mass(b)),
                x: (body.x.iter().enumerate())
                    .map(|(p, x)| x.zip_map(&noise3(500 * b + p), Dual64::new))
                    .collect(),
                taken: body.taken.clone(),
            })
            .collect(),
        tools: Vec::new(),
        reactions: Reactions::zero(1, 1),
        rigids: frame.rigids.iter().map(RigidState::cast).collect(),
    };
    let value = dual.value(&lifted);
    // The same sums run with other fused operations: round-off alone.
    assert!((value.re - plain.value(frame)).abs() <= 1e-14 * (1.0 + value.re.abs()));

    let bar = 0.7;
    let mut bars = FrameBar::zeros(frame);
    plain.value_vjp(frame, bar, &mut bars);
    let (mut backward, mut scale) = (0.0, 1.0);
    for (b, body) in bars.bodies.iter().enumerate() {
        backward += body.mass * mass(b);
        scale += body.mass.abs();
        for (p, x) in body.x.iter().enumerate() {
            backward += x.dot(&noise3(500 * b + p));
            scale += x.norm();
        }
    }
    assert!(scale > 1.0, "no cotangent at all");
    let forward = bar * value.eps;
    assert!(
        (forward - backward).abs() <= 1e-12 * scale,
        "{forward} {backward}"
    );

    // It adds: a second call doubles.
    let once = bars.clone();
    plain.value_vjp(frame, bar, &mut bars);
    assert_eq!(bars.bodies[0].x[0], once.bodies[0].x[0] * 2.0);
}
