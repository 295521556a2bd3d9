use super::{
    super::{
        target::{Measure, Pairs},
        testing::{THROW, spec_of, throw_with},
    },
    *,
};
use crate::{contact::ContactLaw, io::obj_text, mesh::testing, tool::Mount};

fn scene(text: &str) -> Scene {
    build(&spec_of(text), Path::new("")).unwrap()
}

#[test]
fn scene_has_what_its_file_says() {
    let scene = scene(THROW);
    let world = &scene.world;
    assert_eq!(world.lattice.nodes, [29, 21, 13]);
    assert!((world.lattice.max() - Vector3::new(1.0, 0.8, 0.4)).norm() < 1e-14);
    assert_eq!(world.walls[1][0], Wall::new(ContactLaw::Coulomb, 0.4));
    assert_eq!(world.walls[2][1], Wall::new(ContactLaw::Slip, 0.0));
    assert_eq!((world.liquids.len(), world.solids.len()), (1, 1));
    let mount = Some(Mount { tool: 0, link: 0 });
    assert_eq!(
        (world.colliders[0].mount, world.colliders[1].mount),
        (mount, None)
    );
    assert_eq!(scene.programs[0].frames(), 50);
    assert_eq!(scene.programs[0].at(49), [0.2, 0.1, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(scene.bodies[1].name, "block");
    assert_eq!(
        (scene.bodies[1].kind, scene.bodies[1].index),
        (Kind::Solid, 0)
    );
    assert_eq!(
        scene.range(&scene.bodies[0]),
        0..scene.particles.liquid.len()
    );
    let mass = |body: &Body<f64, _>| body.range.len() as f64 * body.volume;
    let exact = 4.0 / 3.0 * std::f64::consts::PI * 1e-3;
    // The lattice has spacing 1/4 of the radius.
    assert!((mass(&world.liquids[0]) / exact - 1.0).abs() < 0.05);
    let ranges: Vec<_> = scene
        .losses
        .iter()
        .map(|loss| loss.frames.clone())
        .collect();
    assert_eq!(ranges, [49..50, 0..50, 3..10, 49..50, 7..8, 49..50]);
    assert_eq!(scene.metrics[0].body, 0);
}

#[test]
fn particles_start_in_rigid_motion() {
    let scene = scene(THROW);
    let solid = &scene.particles.solid;
    for motion in &solid.motion {
        let arm = motion.x() - Vector3::new(0.7, 0.2, 0.2);
        let exact = Vector3::new(0.5, 0.0, 0.0) + Vector3::new(0.0, 0.0, 2.0).cross(&arm);
        assert!((motion.v() - exact).norm() < 1e-14);
    }
    let locked = throw_with(&[("y_min: Coulomb(0.4))", "y_min: Coulomb(0.4)), locked: [Z]")]);
    assert!(
        self::scene(&locked)
            .particles
            .solid
            .motion
            .iter()
            .all(|motion| motion.v().z == 0.0)
    );
}

#[test]
fn spinning_particles_start_with_the_gradient_of_their_motion() {
    let turning = Vector3::new(0.0, 0.0, 2.0).cross_matrix();
    for motion in &scene(THROW).particles.solid.motion {
        assert_eq!(motion.c(), turning);
    }
    // Nothing moves along a locked axis, whatever turns.
    let locked = throw_with(&[
        ("y_min: Coulomb(0.4))", "y_min: Coulomb(0.4)), locked: [Z]"),
        ("spin: (0, 0, 2)", "spin: (3, 0, 2)"),
    ]);
    let solid = scene(&locked).particles.solid;
    for motion in &solid.motion {
        let c = motion.c();
        assert_eq!(c.row(2).norm(), 0.0);
        assert_eq!((c[(0, 1)], c[(1, 0)], c[(1, 2)]), (-2.0, 2.0, -3.0));
    }
}

#[test]
fn twin_differs_in_its_material_alone() {
    let scene = scene(THROW);
    let Measure::PairedL2 {
        body: 1,
        target: Pairs::Run(twin, _),
    } = &scene.losses[3].measure
    else {
        panic!("{:?}", scene.losses[3])
    };
    assert_ne!(twin.solids[0].law, scene.world.solids[0].law);
    assert_eq!(twin.solids[0].range, scene.world.solids[0].range);
    assert_eq!(twin.liquids, scene.world.liquids);
}

#[test]
fn finer_scene_keeps_its_size_and_its_particles_a_cell() {
    let spec = spec_of(THROW);
    for (quality, cell) in [
        (1.0, 0.05),
        (2.0, 0.025),
        (1.2, 0.05 * 8.0 / 10.0),
        (0.5, 0.1),
    ] {
        let finer = spec.at_quality(quality);
        assert!(
            (finer.domain.cell - cell).abs() < 1e-15,
            "{quality} {}",
            finer.domain.cell
        );
        assert_eq!(finer.domain.size, spec.domain.size);
        assert!(finer.domain.cells().is_some());
    }
    assert_eq!(spec.at_quality(f64::NAN), spec);
    assert_eq!(spec.at_quality(-1.0), spec);
    let [coarse, fine] = [1.0, 2.0].map(|quality| {
        build(&spec.at_quality(quality), Path::new(""))
            .unwrap()
            .particles
            .len() as f64
    });
    assert!((fine / coarse / 8.0 - 1.0).abs() < 0.05);
}

#[test]
fn mesh_is_filled_like_the_shape_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let ball = obj_text(&testing::ball(16));
    std::fs::write(folder.path().join("ball.obj"), ball).unwrap();
    let shape = "shape: Sphere(radius: 0.1), position: (0.1";
    let mesh = "shape: Mesh(file: \"ball.obj\", scale: 0.1), position: (0.1";
    let spec = spec_of(&throw_with(&[(shape, mesh)])).at_quality(2.0);
    let filled = build(&spec, folder.path()).unwrap();
    let exact = build(&spec_of(THROW).at_quality(2.0), folder.path()).unwrap();
    let counts = [filled, exact].map(|scene| scene.particles.liquid.len() as f64);
    assert!((counts[0] / counts[1] - 1.0).abs() < 0.02, "{counts:?}");
    // In the ground, where a mesh is tried point by point.
    let low = [
        (shape, mesh),
        ("position: (0, 0.05, 0)", "position: (0, 0.25, 0)"),
    ];
    let error = build(&spec_of(&throw_with(&low)), folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected no overlap with collider \"ground\""),
        "{error}"
    );
    let error = build(&spec, Path::new("/nowhere")).unwrap_err().to_string();
    assert_eq!(
        error,
        "scene \"throw\": bodies[0].shape.file = \"ball.obj\": expected a file that exists, \
         relative to the folder of the scene"
    );
}

#[test]
fn mesh_is_a_collider_a_tool_a_target_and_a_metric() {
    use crate::collider::{Shape, SignedDistance};

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ball.obj"), obj_text(&testing::ball(24))).unwrap();
    let mesh = "Mesh(file: \"ball.obj\", scale: 0.1, stretch: (1, 0.5, 1), resolution: 32)";
    let text = throw_with(&[
        ("Box(half: (0.15, 0.02, 0.15))", mesh),
        (
            "shape: Plane, position: (0, 0.05, 0)",
            &format!("shape: {mesh}, position: (0.4, 0.1, 0.2)"),
        ),
        ("Cylinder(radius: 0.1, half_height: 0.1)", mesh),
        ("Box(half: (0.1, 0.1, 0.1))", mesh),
    ]);
    let cache = folder.path().join("cache");
    let built = || {
        let meshes = Meshes::new(folder.path()).cached(Some(&cache));
        build_with(&spec_of(&text), &meshes).unwrap()
    };
    let scene = built();
    let Measure::TargetSdf { shape: target, .. } = &scene.losses[0].measure else {
        panic!("the first loss")
    };
    let [tool, ground] = [0, 1].map(|index| &scene.world.colliders[index]);
    for shape in [&tool.shape, &ground.shape, target, &scene.metrics[0].shape] {
        assert!(matches!(shape, Shape::Grid(_)));
        // The end of an axis of the ellipsoid, and its centre.
        assert!(shape.probe(&Vector3::new(0.0, 0.05, 0.0)).distance.abs() < 5e-4);
        assert!(shape.contains(&Vector3::zeros()));
    }
    // One grid without a layer and one with that of the ground; both come back.
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 2);
    assert_eq!(built(), scene);
    // What has no signed distance is one fault with field, file and expectation.
    let mut open = testing::ball(24);
    open.triangles.truncate(6000);
    std::fs::write(folder.path().join("ball.obj"), obj_text(&open)).unwrap();
    let error = build(&spec_of(&text), folder.path())
        .unwrap_err()
        .to_string();
    let expected = "scene \"throw\": colliders[0].shape.file = \"ball.obj\": expected a mesh without holes larger \
                    than a cell of its distance grid (";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn presets_and_constants_of_a_body_become_its_law() {
    use crate::material::Law as _;

    let spec = spec_of(&throw_with(&[
        (
            "Liquid(density: 1000, bulk_modulus: 2e4, viscosity: 1e-3)",
            "Preset(FluidLabViscous)",
        ),
        (
            "material: \"jelly\",",
            "material: \"jelly\", constants: {\"young\": 1e4, \"density\": 900}, gravity: 0.5,",
        ),
    ]));
    let scene = build(&spec, Path::new("/nowhere")).unwrap();
    let water = &scene.world.liquids[0];
    assert_eq!((water.density, water.law.viscosity), (1000.0, 40.0));
    let block = &scene.world.solids[0];
    assert_eq!((block.density, block.gravity), (900.0, Some(0.5)));
    assert_eq!(block.law.parameters()[..2], [1e4, 0.3]);
}
