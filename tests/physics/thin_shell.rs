//! Walls thinner than a cell: a mesh cup that is carried and shaken keeps its liquid, and so does one
//! that is a mere surface.

use backflow_sim::{
    io::obj_text,
    mesh::{Mesh, generate::cup},
    particle::Motion,
    rollout::{State, forward::Rollout},
    scene::{Meshes, build_with, parse},
};
use nalgebra::Vector3;

/// A cup with walls of half a cell that is filled, carried over 2 m at 1 m/s, lifted, lowered
/// and rocked meanwhile. All lengths in m.
struct Journey {
    cell: f64,
    radius: f64,
    height: f64,
    /// Level of the liquid above the floor of the cup.
    level: f64,
    stage: &'static str,
    /// Whether it is drawn as one open surface, in the middle of its walls.
    open: bool,
}

/// The surface in the middle of the walls of a cup: a disc and the side of a cylinder.
fn open_cup(radius: f64, height: f64, wall: f64, segments: u32) -> Mesh {
    let (radius, low, high) = (radius - 0.5 * wall, 0.5 * wall, height - 0.5 * wall);
    let mut vertices = vec![Vector3::new(0.0, low, 0.0)];
    for y in [low, high] {
        vertices.extend((0..segments).map(|k| {
            let turn = f64::from(k) / f64::from(segments) * std::f64::consts::TAU;
            Vector3::new(radius * turn.cos(), y, radius * turn.sin())
        }));
    }
    let triangles = (0..segments).flat_map(|k| {
        let [a, b] = [1 + k, 1 + (k + 1) % segments];
        let [c, d] = [a + segments, b + segments];
        [[0, a, b], [a, c, b], [b, c, d]]
    });
    Mesh {
        triangles: triangles.collect(),
        vertices,
    }
}

/// Particles that are not in the cup at the end, and how many there are.
fn lost(journey: &Journey) -> (usize, usize) {
    let &Journey {
        cell,
        radius,
        height,
        level,
        stage,
        open,
    } = journey;
    let wall = 0.5 * cell;
    let folder = tempfile::tempdir().unwrap();
    let make = if open { open_cup } else { cup };
    let mesh = obj_text(&make(radius, height, wall, 96));
    let shape = if open {
        format!(r#"Sheet(file: "cup.obj", resolution: 128, thickness: {wall})"#)
    } else {
        r#"Mesh(file: "cup.obj", resolution: 128)"#.to_owned()
    };
    std::fs::write(folder.path().join("cup.obj"), mesh).unwrap();
    // Off the walls by a hundredth of a cell: particles start outside the solid.
    let gap = 0.01 * cell;
    let (inner, half) = (radius - wall - gap, 0.5 * level);
    let middle = 0.1 + wall + gap + half;
    let text = format!(
        r#"(
        version: 1, name: "carried",
        domain: (size: (2.8, 0.8, 0.8), cell: {cell}),
        time: (frames: 100, frame: 0.02),
        materials: {{"water": Liquid(density: 1000, bulk_modulus: 2e4)}},
        bodies: [(
            name: "water", material: "water",
            shape: Cylinder(radius: {inner}, half_height: {half}), position: (0.3, {middle}, 0.4),
        )],
        colliders: [(
            name: "cup", shape: {shape},
            law: Separating, on: Tool("hand"), stage: {stage},
        )],
        tools: [(
            name: "hand", position: (0.3, 0.1, 0.4),
            motion: Strokes([
                (frames: 5, action: Move((linear: (1, 0.4, 0.3), angular: (0.5, 0, 1)))),
                (frames: 5, action: Move((linear: (1, -0.4, -0.3), angular: (-0.5, 0, -1)))),
                (frames: 5, action: Move((linear: (1, 0.4, -0.3), angular: (0, 0.5, -1)))),
                (frames: 5, action: Move((linear: (1, -0.4, 0.3), angular: (0, -0.5, 1)))),
            ]),
        )],
    )"#
    );
    let (spec, faults) = parse::<()>(&text, "carried.ron").unwrap();
    assert!(faults.is_empty());
    let scene = build_with(&spec, &Meshes::new(folder.path())).unwrap();
    let world = scene.world.cast::<f32>();
    let mut state = State::new(&world, scene.particles.cast::<f32>());
    let mut rollout = Rollout::new(&world, &scene.programs);
    for step in 0..rollout.steps() {
        rollout.advance(&mut state, step).unwrap();
    }
    let (pose, _) = rollout.frames(rollout.steps())[0][0];
    let outside = |motion: &&Motion<f32>| {
        let x = pose.inverse_apply(&motion.x()).map(f64::from);
        let out = 0.5 * wall;
        x.x.hypot(x.z) > radius - out || x.y < out || x.y > height + cell
    };
    let motion = &state.particles.liquid.motion;
    (motion.iter().filter(outside).count(), motion.len())
}

/// A cup of some thousand particles.
const SMALL: Journey = Journey {
    cell: 0.04,
    radius: 0.2,
    height: 0.36,
    level: 0.14,
    stage: "Shell",
    open: false,
};

#[test]
fn a_carried_cup_with_walls_of_half_a_cell_loses_nothing() {
    let (lost, count) = lost(&SMALL);
    assert!(count > 1000);
    assert_eq!(lost, 0, "of {count}");
}

#[test]
fn a_carried_cup_of_one_open_surface_loses_nothing() {
    let (lost, count) = lost(&Journey {
        open: true,
        ..SMALL
    });
    assert!(count > 1000);
    assert_eq!(lost, 0, "of {count}");
}

#[test]
fn contact_of_the_grid_alone_leaks() {
    // What the stage is there for: it could not fail the test above otherwise.
    let (lost, count) = lost(&Journey {
        stage: "Grid",
        ..SMALL
    });
    println!("grid alone: {lost} of {count} lost");
    assert!(lost > count / 100, "{lost} of {count}");
}

#[test]
fn a_carried_cup_of_twenty_thousand_particles_loses_nothing() {
    // With a height of 0.4, 8 of them go over the rim: all of those that are lost.
    let (lost, count) = lost(&Journey {
        cell: 0.02,
        radius: 0.2,
        height: 0.62,
        level: 0.18,
        stage: "Shell",
        open: false,
    });
    println!("{lost} of {count} lost");
    assert!(count >= 20_000);
    assert_eq!(lost, 0, "of {count}");
}
