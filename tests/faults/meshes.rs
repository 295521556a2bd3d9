//! Meshes that are wrong: one clear message each, quickly, and no panic.

use std::io::Write;

use backflow_sim::{
    io::obj_text,
    mesh::{Mesh, generate},
};

use crate::{
    harness::{Folder, changed},
    scene::SOUND,
};

/// A cup 8 cm wide that spoils nothing.
fn cup() -> Mesh {
    generate::cup(0.04, 0.1, 0.006, 32)
}

/// The scene with a mesh as a collider, a body or the target of a loss.
fn scenes(file: &str) -> [(&'static str, String); 3] {
    let mesh = format!("Mesh(file: {file:?}, resolution: 24)");
    let collider = format!(
        "colliders: [(name: \"cup\", shape: {mesh}, position: (0.4, 0.2, 0.2))], losses: [("
    );
    let target = format!(
        "losses: [(term: TargetSdf(body: \"block\", shape: {mesh}, position: (0.5, 0.1, 0.2))), ("
    );
    [
        (
            "colliders[0].shape.file",
            changed(SOUND, &[("losses: [(", &collider)]),
        ),
        (
            "losses[0].term.shape.file",
            changed(SOUND, &[("losses: [(", &target)]),
        ),
        (
            "bodies[1].shape.file",
            changed(SOUND, &[("Sphere(radius: 0.1)", &mesh)]),
        ),
    ]
}

#[test]
fn a_sound_mesh_is_a_collider_a_target_and_a_body() {
    let folder = Folder::with(&[("cup.obj", &obj_text(&cup()))]);
    for (_, scene) in scenes("cup.obj") {
        folder.write("scene.ron", scene);
        folder
            .run(&["check", "scene.ron", "--cache", "cache"])
            .exits(0);
    }
    // Both grids are the same.
    assert_eq!(folder.list("cache").len(), 1);
    let ran = folder.run(&["simulate", "scene.ron"]).exits(0);
    assert!(ran.stderr.len() < 10_000);
    let run = folder.only_run();
    // Its files are still beside the scene.
    folder.run(&["export", &run, "--format", "ply"]).exits(0);
}

/// Name, mesh, what `mesh` says, and what a collider and a body say; `None` where it will do.
type Case = (
    &'static str,
    fn(&mut Mesh),
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
);

const CASES: [Case; 7] = [
    (
        "open",
        |mesh| mesh.triangles.truncate(mesh.triangles.len() - 40),
        "open: ",
        Some("expected a mesh without holes larger than a cell"),
        None,
    ),
    (
        "flipped",
        |mesh| {
            // The floor of the inside.
            let last = mesh.triangles.iter_mut().rev().take(40);
            last.for_each(|corners| corners.swap(0, 1));
        },
        "flipped: ",
        Some("expected a mesh without holes larger than a cell"),
        None,
    ),
    (
        "inside out",
        |mesh| {
            mesh.triangles
                .iter_mut()
                .for_each(|corners| corners.swap(0, 1))
        },
        "inside out",
        Some("expected a mesh that faces outwards"),
        Some("expected a mesh that faces outwards"),
    ),
    (
        "crossing",
        |mesh| {
            let count = mesh.vertices.len() as u32;
            let moved = mesh
                .vertices
                .iter()
                .map(|v| v + nalgebra::Vector3::new(0.031, 0.012, 0.007));
            mesh.vertices.extend(moved.collect::<Vec<_>>());
            let others = mesh
                .triangles
                .iter()
                .map(|corners| corners.map(|corner| corner + count));
            mesh.triangles.extend(others.collect::<Vec<_>>());
        },
        "pairs of triangles cross",
        Some("expected a mesh that does not cross itself"),
        None,
    ),
    (
        "infinite",
        |mesh| mesh.vertices[5].x = 1e99,
        "vertices are not finite",
        Some("expected a mesh with finite vertices"),
        Some("expected a mesh with finite vertices"),
    ),
    (
        "flat",
        |mesh| mesh.vertices.iter_mut().for_each(|v| v.y = 0.0),
        "triangles without area",
        Some("expected a mesh that bounds a volume"),
        Some("expected a mesh that bounds a volume"),
    ),
    (
        "empty",
        |mesh| mesh.triangles.clear(),
        "empty: it has no triangles",
        Some("expected a mesh with triangles"),
        Some("expected a mesh with triangles"),
    ),
];

#[test]
fn a_spoilt_mesh_is_one_fault_with_its_field() {
    for (name, spoil, said, of_distance, of_body) in CASES {
        let mut mesh = cup();
        spoil(&mut mesh);
        let folder = Folder::with(&[("bad.obj", &obj_text(&mesh))]);
        folder
            .run(&["mesh", "bad.obj"])
            .exits(2)
            .complains(&["bad.obj: ", said]);
        for (field, scene) in scenes("bad.obj") {
            folder.write("scene.ron", scene);
            let ran = folder.run(&["check", "scene.ron"]);
            match if field.starts_with("bodies") {
                of_body
            } else {
                of_distance
            } {
                Some(expected) => {
                    let ran =
                        ran.exits(2)
                            .complains(&["scene.ron:", field, "= \"bad.obj\"", expected]);
                    assert_eq!(ran.stderr.lines().count(), 1, "{name}: {ran}");
                }
                None => _ = ran.exits(0),
            }
        }
    }
}

#[test]
fn vertices_that_are_no_numbers_are_said() {
    let folder = Folder::with(&[("bad.obj", "v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")]);
    folder
        .run(&["mesh", "bad.obj"])
        .exits(2)
        .complains(&["bad.obj", "1 vertices are not finite"]);
    folder.write("far.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n");
    folder
        .run(&["mesh", "far.obj"])
        .exits(2)
        .complains(&["far.obj: expected a sound OBJ file"]);
}

#[test]
fn random_files_of_every_format_are_refused() {
    let folder = Folder::with(&[]);
    let mut state = 3_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..5000).map(|_| random()).collect();
    for name in [
        "a.obj", "a.stl", "a.ply", "a.gltf", "a.glb", "a.dae", "none.obj",
    ] {
        if name != "none.obj" {
            folder.write(name, &noise);
        }
        for (field, scene) in scenes(name) {
            folder.write("scene.ron", scene);
            let ran = folder
                .run(&["check", "scene.ron"])
                .exits(2)
                .complains(&[field, name, "expected"]);
            assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
        }
        folder
            .run(&["mesh", name, "--json"])
            .exits(2)
            .complains(&[name, "expected"]);
    }
}

/// A binary STL of ten million triangles, which takes no room where files may have holes.
#[test]
fn ten_million_triangles_are_refused_at_once() {
    let folder = Folder::with(&[]);
    let count = 10_000_000_u32;
    let mut file = std::fs::File::create(folder.path("huge.stl")).unwrap();
    let mut header = [0; 84];
    header[80..].copy_from_slice(&count.to_le_bytes());
    file.write_all(&header).unwrap();
    file.set_len(84 + 50 * u64::from(count)).unwrap();
    let said = ["huge.stl: expected at most 4000000 triangles, not 10000000"];
    folder.run(&["mesh", "huge.stl"]).exits(2).complains(&said);
    // The same count without the triangles.
    folder.write("short.stl", header);
    folder
        .run(&["mesh", "short.stl"])
        .exits(2)
        .complains(&["its count of 10000000 triangles"]);
}

#[test]
fn json_says_what_a_mesh_is() {
    let folder = Folder::with(&[("cup.obj", &obj_text(&cup()))]);
    let printed = folder.run(&["mesh", "cup.obj", "--json"]).exits(0).stdout;
    let said: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(said["solid"], serde_json::json!(true));
    assert_eq!(said["components"], serde_json::json!(1));
    assert_eq!(said["open_edges"], serde_json::json!(0));
    let height = said["bounds"][1][1].as_f64().unwrap();
    assert!((height - 0.1).abs() < 1e-9);
    let text = folder.run(&["mesh", "cup.obj"]).exits(0).stdout;
    assert!(
        text.contains("1 components") && text.contains("volume"),
        "{text}"
    );
}
