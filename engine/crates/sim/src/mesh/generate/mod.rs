//! Meshes made by rule: closed, facing outwards, and as fine as asked for.

mod half_ring;
mod revolve;
mod vessel;

use std::f64::consts::TAU;

use nalgebra::Vector3;

use super::Mesh;

pub use half_ring::half_ring;
pub use revolve::revolve;
pub use vessel::{bowl, cup};

/// A torus about the y axis: a tube of radius `tube` (m) around a circle of `radius` (m).
pub fn torus(radius: f64, tube: f64, around: u32, along: u32) -> Mesh {
    let profile: Vec<[f64; 2]> = (0..around)
        .map(|k| TAU * f64::from(k) / f64::from(around))
        .map(|turn| [radius + tube * turn.cos(), tube * turn.sin()])
        .collect();
    revolve(&profile, along)
}

/// A box about the origin with these edges (m), two triangles a side.
pub fn cuboid(edges: [f64; 3]) -> Mesh {
    let corner =
        |index: u32| Vector3::from_fn(|axis, _| edges[axis] * (f64::from(index >> axis & 1) - 0.5));
    Mesh {
        vertices: (0..8).map(corner).collect(),
        triangles: vec![
            [0, 2, 1],
            [1, 2, 3],
            [4, 5, 6],
            [5, 7, 6],
            [0, 1, 4],
            [1, 5, 4],
            [2, 6, 3],
            [3, 6, 7],
            [0, 4, 2],
            [2, 4, 6],
            [1, 3, 5],
            [3, 7, 5],
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{
        io::obj_text,
        mesh::{Report, mass::MassProperties, read},
    };

    /// The meshes in `assets/meshes`.
    fn assets() -> [(&'static str, Mesh); 7] {
        [
            ("cup.obj", cup(0.04, 0.1, 0.004, 64)),
            ("bowl.obj", bowl(0.08, 0.005, 64)),
            ("torus.obj", torus(0.06, 0.02, 24, 64)),
            ("round_tank.obj", cup(0.5, 0.6, 0.08, 64)),
            ("glass.obj", cup(0.16, 0.5, 0.03, 64)),
            ("tube.obj", cup(0.02, 0.06, 0.006, 48)),
            ("half_ring.obj", half_ring(0.16, 0.05, 32, 48, 8)),
        ]
    }

    #[test]
    fn generated_meshes_bound_solids() {
        for (name, mesh) in assets() {
            let report = Report::of(&mesh);
            assert_eq!(report.faults(), Vec::<String>::new(), "{name}");
            assert_eq!(report.edges.components, 1, "{name}");
        }
    }

    #[test]
    fn cuboid_bounds_its_volume() {
        let mesh = cuboid([0.2, 0.3, 0.5]);
        assert!(Report::of(&mesh).is_solid());
        let found = MassProperties::of(&mesh).unwrap();
        assert!((found.volume - 0.03).abs() < 1e-15 && found.centre.norm() < 1e-15);
    }

    #[test]
    fn torus_has_its_volume_and_inertia() {
        let found = MassProperties::of(&torus(0.3, 0.1, 120, 240)).unwrap();
        let volume = std::f64::consts::PI * TAU * 0.3 * 0.01;
        // Chords of 2 pi / 120 lie inside by about the square of half of it.
        assert!((found.volume / volume - 1.0).abs() < 2e-3);
        // m (R^2 + 3/4 r^2) about the axis.
        let about = volume * (0.09 + 0.0075);
        assert!((found.inertia[(1, 1)] / about - 1.0).abs() < 3e-3 && found.centre.norm() < 1e-12);
    }

    #[test]
    fn assets_are_what_is_generated() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/meshes");
        for (name, mesh) in assets() {
            let (path, text) = (folder.join(name), obj_text(&mesh));
            if std::env::var_os("BACKFLOW_WRITE_ASSETS").is_some() {
                fs::write(&path, &text).unwrap();
            }
            let hint = "write it anew with BACKFLOW_WRITE_ASSETS=1";
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}: {hint}");
            assert!(text.len() < 200_000, "{name} {}", text.len());
            assert!(Report::of(&read(&path).unwrap()).is_solid(), "{name}");
        }
    }
}
