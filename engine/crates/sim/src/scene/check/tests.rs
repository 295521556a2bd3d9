use crate::scene::testing::{faults_of, throw_with};

mod spoiled;

/// One change of the sound scene, and the faults that it causes.
#[track_caller]
fn changed(from: &str, to: &str, faults: &[&str]) {
    assert_eq!(faults_of(&throw_with(&[(from, to)])), faults);
}

#[test]
fn sound_scene_has_no_fault() {
    assert_eq!(faults_of(&throw_with(&[])), Vec::<String>::new());
}

#[test]
fn a_flux_of_more_particles_than_memory_holds_is_a_fault() {
    let with = |flux: &str| {
        let tap = r#"(name: "tap", material: "water", nozzle: Ball(radius: 0.05), flux: "#;
        format!("injectors: [{tap}{flux})],\n    bodies: [")
    };
    changed("bodies: [", &with("0.01"), &[]);
    let fault = "injectors[0].flux = 10000000: expected a flux of at most 1e8 particles, not 6e11";
    changed("bodies: [", &with("1e7"), &[fault]);
}

#[test]
fn numbers_out_of_range_say_what_was_expected() {
    for (from, to, fault) in [
        (
            "version: 1",
            "version: 2",
            "version = 2: expected 1, the version that is read here",
        ),
        (
            "density: 1000,",
            "density: -3,",
            "materials.\"water\".density = -3: expected a positive number (kg/m^3)",
        ),
        (
            "bulk_modulus: 2e4",
            "bulk_modulus: 0",
            "materials.\"water\".bulk_modulus = 0: expected a positive number (Pa)",
        ),
        (
            "viscosity: 1e-3",
            "viscosity: -1e-9",
            "materials.\"water\".viscosity = -1e-9: expected zero or a positive number (Pa s)",
        ),
        (
            "viscosity: 1e-3",
            "exponent: 0",
            "materials.\"water\".exponent = 0: expected a number from 1 to 100",
        ),
        (
            "poisson: 0.3",
            "poisson: 0.5",
            "materials.\"jelly\".poisson = 0.5: expected a number above -1 and below 0.5",
        ),
        (
            "poisson: 0.4",
            "poisson: -1",
            "materials.\"rubber\".poisson = -1: expected a number above -1 and below 0.5",
        ),
        (
            "compression: 0.02",
            "compression: 1",
            "materials.\"clay\".compression = 1: expected a number above 0 and below 1",
        ),
        (
            "young: 5e4",
            "young: NaN",
            "materials.\"rubber\".young = NaN: expected a positive number (Pa)",
        ),
        (
            "young: 5e4",
            "young: 1e300",
            "materials.\"rubber\".young = 1e300: expected a positive number (Pa) up to 1e12",
        ),
        (
            "y_min: Coulomb(0.4)",
            "y_min: Coulomb(-0.4)",
            "domain.walls.y_min = -0.4: expected zero or a positive number (the friction coefficient)",
        ),
        (
            "law: Coulomb(0.3)",
            "law: Coulomb(inf)",
            "colliders[0].law = inf: expected zero or a positive number (the friction coefficient)",
        ),
        (
            "width: 0.01",
            "width: -0.01",
            "colliders[1].width = -0.01: expected zero or a positive number (m)",
        ),
        (
            "radius: 0.1)",
            "radius: 0)",
            "bodies[0].shape.radius = 0: expected a positive number (m)",
        ),
        (
            "half: (0.06, 0.05, 0.08)",
            "half: (0.06, 0, 0.08)",
            "bodies[1].shape.half = (0.06, 0, 0.08): expected three positive numbers (m)",
        ),
        (
            "half: (0.06, 0.05, 0.08)",
            "half: (0.06, 0.05, 0.08), rounding: 0.06",
            "bodies[1].shape.rounding = 0.06: expected at most 0.05, the least of `half` (m)",
        ),
        (
            "spin: (0, 0, 2)",
            "spin: (0, inf, 2)",
            "bodies[1].spin = (0, inf, 2): expected three finite numbers (rad/s)",
        ),
        (
            "weight: 0.5",
            "weight: NaN",
            "losses[1].weight = NaN: expected a finite number (1)",
        ),
        (
            "frames: 50",
            "frames: 0",
            "time.frames = 0: expected 1 to 1000000 frames",
        ),
        (
            "frame: 0.02",
            "frame: -1",
            "time.frame = -1: expected a positive number (s)",
        ),
        (
            "frame: 0.02",
            "frame: 0.02, substep: AutoWith(safety: 2)",
            "time.substep.safety = 2: expected a number above 0 and at most 1",
        ),
        (
            "per_cell: 8",
            "per_cell: 0",
            "bodies[1].particles.per_cell = 0: expected 1 to 4096 particles",
        ),
        (
            "Frame(7)",
            "Frame(50)",
            "losses[4].when = Frame(50): expected frames from 0 to 49, the first not after the last",
        ),
        (
            "Frames(3, 9)",
            "Frames(9, 3)",
            "losses[2].when = Frames(9, 3): expected frames from 0 to 49, the first not after the last",
        ),
        (
            "axes: [X, Y]",
            "axes: []",
            "losses[1].term.axes = []: expected at least one axis",
        ),
        (
            "y_min: Coulomb(0.4))",
            "y_min: Coulomb(0.4)), locked: [X, Y, Z]",
            "domain.locked = [X, Y, Z]: expected an axis that is free",
        ),
        (
            "Constant(linear: (0.2, 0.1, 0))",
            "Constant(angular: (0, NaN, 0))",
            "tools[0].motion.angular = (0, NaN, 0): expected three finite numbers (rad/s)",
        ),
        (
            "Constant(linear: (0.2, 0.1, 0))",
            "Frames([(), (linear: (inf, 0, 0))])",
            "tools[0].motion[1].linear = (inf, 0, 0): expected three finite numbers (m/s)",
        ),
        (
            "shape: Sphere(radius: 0.1)",
            "shape: Plane",
            "bodies[0].shape = Plane: expected a shape of finite size for a body",
        ),
        (
            "shape: Sphere(radius: 0.1)",
            "shape: Torus(radius: 0.1, tube: 0.1)",
            "bodies[0].shape.tube = 0.1: expected less than 0.1, the `radius` (m)",
        ),
        (
            "shape: Plane",
            "shape: Mesh(file: \"x.obj\")",
            "colliders[1].shape.file = \"x.obj\": expected a file that exists, relative to the folder of the scene",
        ),
    ] {
        changed(from, to, &[fault]);
    }
}

#[test]
fn names_are_unique_and_refer_to_what_there_is() {
    for (from, to, fault) in [
        (
            "name: \"throw\"",
            "name: \" \"",
            "name = \" \": expected a name that is not empty",
        ),
        (
            "name: \"throw\"",
            "name: \"a/b\"",
            "name = \"a/b\": expected a name that a folder can have: without slashes, not starting with a dot",
        ),
        (
            "name: \"ground\"",
            "name: \"cup\"",
            "colliders[1].name = \"cup\": expected a name that no other of the colliders has",
        ),
        (
            "name: \"in box\"",
            "name: \"\"",
            "metrics[0].name = \"\": expected a name that is not empty",
        ),
        (
            "material: \"jelly\"",
            "material: \"jell\"",
            "bodies[1].material = \"jell\": expected the name of a material: \"clay\", \"jelly\", \"rubber\", \"water\"",
        ),
        (
            "body: \"block\", target: (",
            "body: \"blok\", target: (",
            "losses[1].term.body = \"blok\": expected the name of a body: \"drop\", \"block\"",
        ),
        (
            "name: \"in box\", body: \"drop\"",
            "name: \"in box\", body: \"\"",
            "metrics[0].body = \"\": expected the name of a body: \"drop\", \"block\"",
        ),
        (
            "Twin(materials: {\"jelly\"",
            "Twin(materials: {\"jam\"",
            "losses[3].term.target.materials.\"jam\": expected the name of a material: \"clay\", \"jelly\", \"rubber\", \"water\"",
        ),
        (
            "Twin(materials: {\"jelly\"",
            "Twin(materials: {\"water\"",
            "losses[3].term.target.materials.\"water\" = a solid: expected a liquid, as in the scene",
        ),
        (
            "target: Shape(shape: Sphere(radius: 0.1), position: (0.6, 0.2, 0.2))",
            "target: File(\"goals/x.npz\")",
            "losses[4].term.target = \"goals/x.npz\": expected a file that exists, relative to the folder of the scene",
        ),
    ] {
        changed(from, to, &[fault]);
    }
    let tool = "tools: [(name: \"thrower\", position: (0.1, 0.3, 0.2), motion: Constant(linear: (0.2, 0.1, 0)))],";
    changed(
        tool,
        "",
        &[
            "colliders[0].on = \"thrower\": expected the name of a tool, but the scene has no tools",
            "losses[2].term.tool = \"\": expected the name of a tool, but the scene has no tools",
        ],
    );
}

#[test]
fn domain_is_neither_too_small_nor_too_large() {
    changed(
        "cell: 0.05",
        "cell: 0.07",
        &[
            "domain.size = (1.2, 0.8, 0.4): expected a whole number of cells of 0.07 m along x, such as 1.19 m",
            "domain.size = (1.2, 0.8, 0.4): expected a whole number of cells of 0.07 m along y, such as 0.77 m",
            "domain.size = (1.2, 0.8, 0.4): expected a whole number of cells of 0.07 m along z, such as 0.42 m",
        ],
    );
    let three_cells = [("size: (1.2, 0.8, 0.4)", "size: (1.2, 0.8, 0.15)")];
    let faults = faults_of(&throw_with(&three_cells));
    assert_eq!(
        faults[0],
        "domain.size = (1.2, 0.8, 0.15): expected at least 4 cells of 0.05 m along z, unless it is locked, not 3"
    );
    let slab = [
        three_cells[0],
        ("y_min: Coulomb(0.4))", "y_min: Coulomb(0.4)), locked: [Z]"),
    ];
    let faults = faults_of(&throw_with(&slab));
    assert!(
        !faults.iter().any(|fault| fault.starts_with("domain")),
        "{faults:?}"
    );
    changed(
        "cell: 0.05",
        "cell: 0.001",
        &[
            "domain.size = (1.2, 0.8, 0.4): expected at most 1024 nodes along an axis, not 1205 along x with cells of 0.001 m",
        ],
    );
    changed(
        "cell: 0.05",
        "cell: 0.00125",
        &[
            "domain.size = (1.2, 0.8, 0.4): expected a grid of at most 2e9 bytes, not 3.29e9 with cells of 0.00125 m",
        ],
    );
}

#[test]
fn bodies_are_in_the_domain_and_apart() {
    changed(
        "position: (0.1, 0.3, 0.2)),\n        (\n",
        "position: (-0.13, 0.3, 0.35)),\n        (\n",
        &[
            "bodies[0].position = (-0.13, 0.3, 0.35): expected a body inside the domain, not 0.03 m over x_min and 0.05 m over z_max",
        ],
    );
    let faults = faults_of(&throw_with(&[(
        "position: (0.7, 0.2, 0.2)",
        "position: (0.2, 0.3, 0.2)",
    )]));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("bodies[1].position = (0.2, 0.3, 0.2): expected no overlap with body \"drop\", which also holds ("));
    // A collider on the tool is where the tool is.
    let faults = faults_of(&throw_with(&[(
        "name: \"thrower\", position: (0.1, 0.3, 0.2)",
        "name: \"thrower\", position: (0.1, 0.4, 0.2)",
    )]));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with(
        "bodies[0].position = (0.1, 0.3, 0.2): expected no overlap with collider \"cup\""
    ));
    let faults = faults_of(&throw_with(&[(
        "position: (0, 0.05, 0)",
        "position: (0, 0.3, 0)",
    )]));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[1].starts_with(
        "bodies[1].position = (0.7, 0.2, 0.2): expected no overlap with collider \"ground\""
    ));
}

#[test]
fn bodies_get_particles_but_not_too_many() {
    changed(
        "Sphere(radius: 0.1), position: (0.1, 0.3, 0.2)",
        "Sphere(radius: 0.001), position: (0.1, 0.3, 0.2)",
        &[
            "bodies[0].particles = Lattice(per_axis: 2): expected a body that gets a particle: cells are 0.05 m and it has 4.19e-9 m^3",
        ],
    );
}

#[test]
fn absurd_numbers_of_particles_are_refused_before_they_are_made() {
    let text = throw_with(&[
        ("cell: 0.05", "cell: 0.00625"),
        (
            "position: (0.1, 0.3, 0.2)),",
            "position: (0.1, 0.3, 0.2), particles: Lattice(per_axis: 16)),",
        ),
    ]);
    assert_eq!(
        faults_of(&text),
        ["bodies: expected at most 5e7 particles, not 7.03e7"]
    );
    changed(
        "Shape(shape: Sphere(radius: 0.1), position: (0.6, 0.2, 0.2))",
        "Shape(shape: Sphere(radius: 0.1), position: (3, 0.2, 0.2))",
        &[
            "losses[4].term.target.position = (3, 0.2, 0.2): expected a target that holds points of the domain",
        ],
    );
}

#[test]
fn substep_is_stable() {
    let faults = faults_of(&throw_with(&[(
        "frame: 0.02",
        "frame: 0.02, substep: Fixed(0.02)",
    )]));
    assert_eq!(
        faults,
        [
            "time.substep = Fixed(0.02): expected at most 0.00277 s, the stability bound: half a cell of 0.05 m at sound 4.95 m/s + speed 4.03 m/s",
            "losses[3].term.target = Twin, whose time.substep = Fixed(0.02): expected at most 0.00247 s, the stability bound: half a cell of 0.05 m at sound 6.06 m/s + speed 4.03 m/s",
        ]
    );
    let faults = faults_of(&throw_with(&[
        ("young: 3e4", "young: 1e12"),
        ("frame: 0.02", "frame: 20"),
    ]));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].starts_with(
            "losses[3].term.target = Twin, whose time.frame = 20: expected at most 1000000 substeps"
        ),
        "{faults:?}"
    );
}

#[test]
fn all_faults_come_at_once() {
    let text = throw_with(&[
        ("cell: 0.05", "cel: 0.05, cell: 0.05"),
        ("density: 1000,", "density: -3,"),
        (
            "radius: 0.1)",
            "radius: 0.1, colour: Red(1, [2], {3: \"four\"}))",
        ),
        ("name: \"ground\"", "name: \"cup\""),
        ("position: (0.7, 0.2, 0.2)", "position: (0.7, 0.9, 0.2)"),
    ]);
    assert_eq!(
        faults_of(&text),
        [
            "domain.cel: expected no such field, but one of: min, size, cell, walls, locked",
            "bodies[0].shape.colour: expected no such field, but one of: radius",
            "materials.\"water\".density = -3: expected a positive number (kg/m^3)",
            "colliders[1].name = \"cup\": expected a name that no other of the colliders has",
            "bodies[1].position = (0.7, 0.9, 0.2): expected a body inside the domain, not 0.165 m over y_max",
        ]
    );
}

#[test]
fn scene_without_bodies_is_refused() {
    let text = r#"(version: 1, name: "x", domain: (size: (1, 1, 1), cell: 0.1),
        time: (frames: 1, frame: 0.01), materials: {}, bodies: [])"#;
    assert_eq!(faults_of(text), ["bodies = []: expected at least one body"]);
}

#[test]
fn constants_activations_and_forces_fit_the_bodies_that_they_are_for() {
    let said = |from: &str, to: &str, expected: &str| {
        let faults = faults_of(&throw_with(&[(from, to)]));
        let found = faults.iter().any(|fault| fault.contains(expected));
        assert!(found, "{expected}: {faults:?}");
    };
    let body = "material: \"water\", shape";
    let with = |more: &str| format!("material: \"water\", {more}, shape");
    said(
        body,
        &with("constants: {\"young\": 1}"),
        "expected constants of its material: density, bulk_modulus, viscosity",
    );
    said(
        body,
        &with("constants: {\"density\": -1}"),
        "bodies[0].constants.density = -1: expected a positive number",
    );
    said(body, &with("activation: Constant(0.5)"), "is a muscle");
    said(body, &with("activation: Constant(2)"), "from -1 to 1");
    let forces = |given: &str| format!("forces: [{given}],\n    colliders: [");
    said(
        "colliders: [",
        &forces("(name: \"air\", law: Drag(linear: -1))"),
        "forces[0].law.linear = -1: expected zero or a positive number (1/s)",
    );
    said(
        "colliders: [",
        &forces("(name: \"air\", law: Drag(), on: [\"stone\"])"),
        "\"stone\"",
    );
}

#[test]
fn a_view_has_a_name_of_its_own_and_is_from_somewhere() {
    let view = "(name: \"near\", target: (0, 0.1, 0), yaw: 0.5, pitch: 0.3, distance: 2)";
    let with = |views: &str| {
        let text = format!("views: [{views}],\n    colliders: [");
        faults_of(&throw_with(&[("colliders: [", &text)]))
    };
    assert_eq!(with(view), Vec::<String>::new());
    let behind = view.replace("distance: 2", "distance: -2");
    assert_eq!(
        with(&behind),
        ["views[0].distance = -2: expected a positive number (m)"]
    );
    let twice = with(&format!("{view}, {view}"));
    assert!(twice.len() == 1 && twice[0].contains("near"), "{twice:?}");
}

#[test]
fn what_pins_matter_may_hold_it() {
    let text = throw_with(&[
        ("position: (0, 0.05, 0)", "position: (0, 0.3, 0)"),
        ("law: Sticky, width", "law: Sticky, pins: true, width"),
    ]);
    assert_eq!(faults_of(&text), Vec::<String>::new());
}
