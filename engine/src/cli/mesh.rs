//! `backflow mesh`: says what a mesh is, and what is wrong with it.

use std::path::{Path, PathBuf};

use backflow_sim::mesh::{Report, mass::MassProperties, read};
use clap::Args;
use serde_json::json;

use super::{
    Failure,
    out::{say, say_json},
};

/// Says what meshes are, and everything that is wrong with them.
///
/// Formats are OBJ, STL, PLY, glTF and GLB; lengths are taken as metres.
#[derive(Debug, Args)]
#[command(after_help = "Example: backflow mesh assets/meshes/*.obj")]
pub struct Mesh {
    /// Mesh files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object a file instead of text.
    #[arg(long)]
    json: bool,
}

impl Mesh {
    /// Runs the command.
    ///
    /// # Errors
    /// What is wrong with the meshes, of all of them at once.
    pub fn run(&self) -> Result<(), Failure> {
        let wrong: Vec<String> = self
            .files
            .iter()
            .flat_map(|file| self.examine(file))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Failure::Input(wrong.join("\n")))
        }
    }

    /// Prints what a file holds; returns what is wrong with it.
    fn examine(&self, file: &Path) -> Vec<String> {
        let name = file.display().to_string();
        let mesh = match read(file) {
            Ok(mesh) => mesh,
            Err(error) => {
                let message = format!("{name}: expected {error}");
                if self.json {
                    say_json(&json!({ "file": name, "error": message }));
                }
                return vec![message];
            }
        };
        let report = Report::of(&mesh);
        let mass =
            MassProperties::of(&mesh).filter(|_| report.not_finite + report.out_of_range == 0);
        let faults = report.faults();
        if self.json {
            say_json(&json!({
                "file": name,
                "solid": faults.is_empty(),
                "faults": faults,
                "vertices": report.vertices,
                "triangles": report.triangles,
                "components": report.edges.components,
                "bounds": report.bounds.map(|corners| corners.map(|corner| [corner.x, corner.y, corner.z])),
                "area": report.area,
                "volume": report.volume,
                "centre_of_mass": mass.map(|mass| [mass.centre.x, mass.centre.y, mass.centre.z]),
                "inertia": mass.map(|mass| <[[f64; 3]; 3]>::from(mass.inertia)),
                "not_finite_vertices": report.not_finite,
                "out_of_range_triangles": report.out_of_range,
                "degenerate_triangles": report.degenerate,
                "open_edges": report.edges.open,
                "non_manifold_edges": report.edges.non_manifold,
                "inconsistent_edges": report.edges.inconsistent,
                "holes": report.edges.holes,
                "largest_hole": report.edges.largest_hole,
                "crossing_pairs": report.crossings.pairs,
                "crossings_complete": report.crossings.complete,
            }));
        } else {
            describe(&name, &report, mass.as_ref());
        }
        faults
            .into_iter()
            .map(|fault| format!("{name}: {fault}"))
            .collect()
    }
}

fn describe(name: &str, report: &Report, mass: Option<&MassProperties>) {
    let Report {
        vertices,
        triangles,
        area,
        volume,
        ..
    } = report;
    say(&format!(
        "{name}: {triangles} triangles, {vertices} vertices, {} components",
        report.edges.components
    ));
    if let Some([min, max]) = report.bounds {
        let size = max - min;
        say(&format!(
            "  {:.4} x {:.4} x {:.4} m from ({:.4}, {:.4}, {:.4})",
            size.x, size.y, size.z, min.x, min.y, min.z
        ));
    }
    say(&format!("  area {area:.4e} m^2, volume {volume:.4e} m^3"));
    if let Some(MassProperties {
        centre, inertia, ..
    }) = mass
    {
        say(&format!(
            "  centre of mass ({:.4}, {:.4}, {:.4}), inertia / density about it ({:.4e}, {:.4e}, {:.4e}) m^5",
            centre.x,
            centre.y,
            centre.z,
            inertia[(0, 0)],
            inertia[(1, 1)],
            inertia[(2, 2)]
        ));
    }
}
