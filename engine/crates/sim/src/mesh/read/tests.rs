use std::{fs, io::Write};

use super::{super::testing::ball, *};
use crate::io::obj_text;

/// The ball in every format that holds triangles, with its name.
fn everywhere(mesh: &Mesh) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("text.obj", obj_text(mesh).into_bytes()),
        ("binary.stl", binary_stl(mesh)),
        ("text.stl", text_stl(mesh).into_bytes()),
        ("text.ply", ply(mesh, "ascii")),
        ("little.ply", ply(mesh, "binary_little_endian")),
        ("big.ply", ply(mesh, "binary_big_endian")),
        ("binary.glb", glb(mesh)),
        ("text.gltf", gltf(mesh).into_bytes()),
    ]
}

fn single(v: &nalgebra::Vector3<f64>) -> [f32; 3] {
    [v.x as f32, v.y as f32, v.z as f32]
}

fn binary_stl(mesh: &Mesh) -> Vec<u8> {
    // Binary, although it starts like text.
    let mut bytes = b"solid".to_vec();
    bytes.resize(80, b' ');
    bytes.extend((mesh.triangles.len() as u32).to_le_bytes());
    for face in mesh.faces() {
        bytes.extend([0; 12]);
        bytes.extend(face.iter().flat_map(single).flat_map(f32::to_le_bytes));
        bytes.extend([0; 2]);
    }
    bytes
}

fn text_stl(mesh: &Mesh) -> String {
    let mut text = "solid ball\n".to_owned();
    for face in mesh.faces() {
        text += "  facet normal 0 0 0\n    outer loop\n";
        for v in face {
            text += &format!("      vertex {:e} {:e} {:e}\n", v.x, v.y, v.z);
        }
        text += "    endloop\n  endfacet\n";
    }
    text + "endsolid ball\n"
}

/// With properties and elements that are left out, and faces after all else.
fn ply(mesh: &Mesh, format: &str) -> Vec<u8> {
    let header = format!(
        "ply\nformat {format} 1.0\ncomment made by a test\nelement camera 1\nproperty list uchar short view\n\
         element vertex {}\nproperty double x\nproperty uchar red\nproperty double y\nproperty double z\n\
         element face {}\nproperty list uchar uint vertex_indices\nproperty float quality\nend_header\n",
        mesh.vertices.len(),
        mesh.triangles.len()
    );
    let mut bytes = header.into_bytes();
    match format {
        "ascii" => {
            let mut text = "2 -7 9\n".to_owned();
            for v in &mesh.vertices {
                text += &format!("{:?} 255 {:?} {:?}\n", v.x, v.y, v.z);
            }
            for [a, b, c] in &mesh.triangles {
                text += &format!("3 {a} {b} {c} 0.5\n");
            }
            bytes.extend(text.bytes());
        }
        _ => {
            let big = format == "binary_big_endian";
            let mut put = |mut number: Vec<u8>| {
                if big {
                    number.reverse();
                }
                bytes.extend(number);
            };
            put(vec![2]);
            put((-7_i16).to_le_bytes().to_vec());
            put(9_i16.to_le_bytes().to_vec());
            for v in &mesh.vertices {
                put(v.x.to_le_bytes().to_vec());
                put(vec![255]);
                put(v.y.to_le_bytes().to_vec());
                put(v.z.to_le_bytes().to_vec());
            }
            for corners in &mesh.triangles {
                put(vec![3]);
                corners
                    .iter()
                    .for_each(|corner| put(corner.to_le_bytes().to_vec()));
                put(0.5_f32.to_le_bytes().to_vec());
            }
        }
    }
    bytes
}

/// Positions and indices of the ball, the first shrunk to half: nodes enlarge it again.
fn buffer(mesh: &Mesh) -> Vec<u8> {
    let places = mesh.vertices.iter().flat_map(|v| single(&(v * 0.5)));
    let mut bytes: Vec<u8> = places.flat_map(f32::to_le_bytes).collect();
    bytes.extend(
        mesh.triangles
            .iter()
            .flatten()
            .flat_map(|&corner| (corner as u16).to_le_bytes()),
    );
    bytes
}

fn json(mesh: &Mesh, uri: &str) -> String {
    let (vertices, corners) = (mesh.vertices.len(), 3 * mesh.triangles.len());
    let (places, all) = (12 * vertices, 12 * vertices + 2 * corners);
    // Turned by half a turn about x, mirrored twice, and enlarged: a ball stays a ball.
    format!(
        r#"{{"asset":{{"version":"2.0"}},"scene":0,"scenes":[{{"nodes":[0]}}],
        "nodes":[{{"children":[1],"scale":[-1,-2,-2]}},{{"mesh":0,"rotation":[1,0,0,0],"scale":[2,-1,1]}}],
        "meshes":[{{"primitives":[{{"attributes":{{"POSITION":0}},"indices":1}}]}}],
        "accessors":[{{"bufferView":0,"componentType":5126,"count":{vertices},"type":"VEC3"}},
                     {{"bufferView":1,"componentType":5123,"count":{corners},"type":"SCALAR"}}],
        "bufferViews":[{{"buffer":0,"byteLength":{places}}},
                       {{"buffer":0,"byteOffset":{places},"byteLength":{}}}],
        "buffers":[{{{uri}"byteLength":{all}}}]}}"#,
        all - places,
    )
}

fn glb(mesh: &Mesh) -> Vec<u8> {
    let (mut json, mut binary) = (json(mesh, "").into_bytes(), buffer(mesh));
    json.resize(json.len().next_multiple_of(4), b' ');
    binary.resize(binary.len().next_multiple_of(4), 0);
    let mut bytes = b"glTF\x02\0\0\0".to_vec();
    bytes.extend(((28 + json.len() + binary.len()) as u32).to_le_bytes());
    for (kind, chunk) in [(b"JSON", json), (b"BIN\0", binary)] {
        bytes.extend((chunk.len() as u32).to_le_bytes());
        bytes.extend(kind);
        bytes.extend(chunk);
    }
    bytes
}

fn gltf(mesh: &Mesh) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in buffer(mesh).chunks(3) {
        let mut bits = [0; 3];
        bits[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
        for digit in 0..4 {
            let at = bits >> (18 - 6 * digit) & 63;
            text.push(if digit <= group.len() {
                DIGITS[at as usize] as char
            } else {
                '='
            });
        }
    }
    json(
        mesh,
        &format!("\"uri\":\"data:application/octet-stream;base64,{text}\","),
    )
}

fn written(name: &str, bytes: &[u8]) -> Result<Mesh, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read(&path)
}

#[test]
fn every_format_gives_the_same_solid() {
    let ball = ball(6);
    for (name, bytes) in everywhere(&ball) {
        let found = written(name, &bytes).unwrap();
        assert_eq!(found.triangles.len(), ball.triangles.len(), "{name}");
        assert_eq!(found.vertices.len(), ball.vertices.len(), "{name}");
        // Some formats are in single precision.
        assert!(
            (found.volume() / ball.volume() - 1.0).abs() < 1e-6,
            "{name}"
        );
        assert_eq!(
            crate::mesh::Report::of(&found).faults(),
            Vec::<String>::new(),
            "{name}"
        );
    }
}

#[test]
fn particles_in_a_mesh_of_any_format_fill_its_volume() {
    use crate::{
        grid::Lattice,
        particle::sample::{Bounds, Pattern, Region},
    };

    struct Inside(crate::mesh::MeshSolid);

    impl Region for Inside {
        fn bounds(&self) -> Bounds {
            let [min, max] = self.0.mesh().bounds().unwrap();
            Bounds { min, max }
        }

        fn contains(&self, point: &nalgebra::Vector3<f64>) -> bool {
            self.0.contains(point)
        }
    }

    let lattice = Lattice::over(nalgebra::Vector3::repeat(-1.2), [24; 3], 0.1);
    for (name, bytes) in everywhere(&ball(6)) {
        let solid = crate::mesh::MeshSolid::new(written(name, &bytes).unwrap()).unwrap();
        let volume = solid.volume();
        for pattern in [Pattern::lattice(2), Pattern::jittered(8, 3)] {
            let count = pattern.fill(&lattice, &Inside(solid.clone())).len();
            let filled = count as f64 * pattern.volume(lattice.dx);
            assert!(
                (filled / volume - 1.0).abs() < 0.01,
                "{name} {filled} {volume}"
            );
        }
    }
}

#[test]
fn polygons_become_fans() {
    let square = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n";
    assert_eq!(
        written("a.obj", square).unwrap().triangles,
        [[0, 1, 2], [0, 2, 3]]
    );
    let ply = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
               element face 1\nproperty list uchar int vertex_index\nend_header\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n";
    assert_eq!(
        written("a.ply", ply.as_bytes()).unwrap().triangles,
        [[0, 1, 2], [0, 2, 3]]
    );
}

/// Every prefix, and every byte changed, ends in a mesh or an error.
#[test]
fn damaged_files_are_no_panic() {
    for (name, bytes) in everywhere(&ball(1)) {
        let parse: fn(&[u8], &Path) -> Result<Mesh, ReadError> =
            match name.rsplit('.').next().unwrap() {
                "obj" => obj::parse,
                "stl" => stl::parse,
                "ply" => ply::parse,
                _ => gltf::parse,
            };
        let (mut errors, mut state) = (0, 7_u64);
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize
        };
        for length in 0..bytes.len() {
            errors += usize::from(parse(&bytes[..length], Path::new("")).is_err());
        }
        // Text formats have prefixes that are whole.
        assert!(errors > bytes.len() / 8, "{name} {errors}");
        for _ in 0..3000 {
            let mut bytes = bytes.clone();
            for _ in 0..=random() % 3 {
                let at = random() % bytes.len();
                bytes[at] = random() as u8;
            }
            if let Ok(mesh) = parse(&bytes, Path::new("")) {
                crate::mesh::Report::of(&mesh.welded());
            }
        }
        for length in [1, 10, 100, 1000] {
            let noise: Vec<u8> = (0..length).map(|_| random() as u8).collect();
            if name != "text.obj" {
                assert!(parse(&noise, Path::new("")).is_err(), "{name}");
            }
        }
    }
}

fn message(name: &str, bytes: &[u8]) -> String {
    written(name, bytes).unwrap_err().to_string()
}

#[test]
fn counts_of_headers_take_no_memory() {
    let mut stl = vec![0; 84];
    stl[80..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(
        message("a.stl", &stl),
        "a sound STL file (its count of 4294967295 triangles takes 214748364834 bytes, it has 84)"
    );
    let ply = |vertices: u64, faces: u64| {
        format!(
            "ply\nformat binary_little_endian 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\n\
             property float z\nelement face {faces}\nproperty list uint int vertex_indices\nend_header\n"
        )
    };
    assert_eq!(
        message("a.ply", ply(u64::MAX, 1).as_bytes()),
        "a sound PLY file (vertex 0 of 18446744073709551615 is cut off or no number)"
    );
    assert_eq!(
        message("a.ply", ply(0, 10_000_000).as_bytes()),
        "at most 4000000 triangles, not 10000000"
    );
    let mut one = ply(0, 1).into_bytes();
    one.extend(u32::MAX.to_le_bytes());
    assert_eq!(
        message("a.ply", &one),
        "a sound PLY file (face 0 of 1 is cut off or no number)"
    );
    let text = gltf(&ball(1)).replace("\"count\":8,", "\"count\":18446744073709551615,");
    assert_eq!(
        message("a.gltf", text.as_bytes()),
        "a sound glTF file (18446744073709551615 elements that are not all there)"
    );
}

#[test]
fn what_is_not_supported_is_said() {
    let text = gltf(&ball(1));
    for (from, to, expected) in [
        (
            "\"scene\":0",
            "\"extensionsRequired\":[\"KHR_draco_mesh_compression\"],\"scene\":0",
            "it needs the extension \"KHR_draco_mesh_compression\", which is not supported",
        ),
        (
            "\"indices\":1",
            "\"indices\":1,\"mode\":5",
            "a primitive of mode 5; only triangles (4) are supported",
        ),
        (
            "\"children\":[1]",
            "\"children\":[0]",
            "its nodes are no tree of at most 64 levels",
        ),
        ("\"mesh\":0", "\"mesh\":3", "there is no mesh 3"),
        ("5126", "5123", "POSITION that is not VEC3 of floats (5126)"),
        (
            "\"uri\":\"data:",
            "\"uri\":\"nowhere.bin\",\"was\":\"",
            "a mesh file that can be read",
        ),
    ] {
        let found = message("a.gltf", text.replacen(from, to, 1).as_bytes());
        assert!(found.contains(expected), "{found}");
    }
    assert_eq!(
        message("a.dae", b""),
        "a file that ends in .obj, .stl, .ply, .gltf or .glb"
    );
    assert!(
        read(Path::new("none.obj"))
            .unwrap_err()
            .to_string()
            .starts_with("a mesh file that can be read")
    );
    assert!(
        message("a.stl", b"solid x\nfacet normal 0 0 1\n").contains("it ends without `endsolid`")
    );
}

#[test]
fn ten_million_triangles_are_too_many_at_once() {
    // A file of that length without content on the disk.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.stl");
    let file = File::create(&path).unwrap();
    let mut header = [0; 84];
    header[80..].copy_from_slice(&10_000_000_u32.to_le_bytes());
    (&file).write_all(&header).unwrap();
    file.set_len(84 + 50 * 10_000_000).unwrap();
    assert_eq!(
        read(&path).unwrap_err().to_string(),
        "at most 4000000 triangles, not 10000000"
    );
    file.set_len(2 << 30).unwrap();
    assert_eq!(
        read(&path).unwrap_err().to_string(),
        "at most 1073741824 bytes in a mesh file, not 2147483648"
    );
}
