//! What is wrong with a mesh.

use nalgebra::Vector3;

use super::{LARGEST, Mesh, area_vector, bvh::Bvh, crossing::Crossings, edges::Edges, usable};

/// Area of a triangle, relative to the square of its longest edge, up to which it is a
/// line: round-off of the coordinates is 1e-16.
const THIN: f64 = 1e-12;

/// What a mesh is, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Vertices, each place once.
    pub vertices: usize,
    /// Triangles.
    pub triangles: usize,
    /// Lower and upper corner (m) of the box around all finite vertices.
    pub bounds: Option<[Vector3<f64>; 2]>,
    /// Area (m^2).
    pub area: f64,
    /// Volume (m^3), negative where it faces inwards; without meaning if it has holes.
    pub volume: f64,
    /// Vertices that are not finite, or farther away than [`LARGEST`].
    pub not_finite: usize,
    /// Triangles with a vertex that is not there.
    pub out_of_range: usize,
    /// Triangles without area.
    pub degenerate: usize,
    /// How the triangles hang together.
    pub edges: Edges,
    /// Triangles that cross one another.
    pub crossings: Crossings,
}

impl Report {
    /// Examines a mesh whose vertices are welded. What cannot be judged, because vertices
    /// are not there or not finite, is left out of all counts but its own.
    pub fn of(mesh: &Mesh) -> Self {
        let (not_finite, out_of_range) = unusable(mesh);
        let left;
        let sound = if not_finite + out_of_range == 0 {
            mesh
        } else {
            left = Mesh {
                vertices: mesh.vertices.clone(),
                triangles: (0..mesh.triangles.len())
                    .filter(|&index| {
                        mesh.corners(index)
                            .is_some_and(|face| face.iter().all(usable))
                    })
                    .map(|index| mesh.triangles[index])
                    .collect(),
            };
            &left
        };
        let is_thin = |face: &super::Triangle| {
            let [a, b, c] = face;
            let longest = (b - a)
                .norm_squared()
                .max((c - b).norm_squared())
                .max((a - c).norm_squared());
            area_vector(face).norm() <= THIN * longest
        };
        Self {
            vertices: mesh.vertices.len(),
            triangles: mesh.triangles.len(),
            bounds: mesh.bounds(),
            area: sound.area(),
            volume: sound.volume(),
            not_finite,
            out_of_range,
            degenerate: sound.faces().filter(is_thin).count(),
            edges: Edges::of(sound),
            crossings: Crossings::of(sound, &Bvh::new(sound)),
        }
    }

    /// Whether it faces inwards as a whole.
    pub fn inside_out(&self) -> bool {
        self.volume < 0.0
    }

    /// Whether it bounds a solid without doubt: closed, facing outwards, not crossing itself.
    pub fn is_solid(&self) -> bool {
        self.faults().is_empty()
    }

    /// All that is wrong with it, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let Edges {
            open,
            non_manifold,
            inconsistent,
            holes,
            largest_hole,
            ..
        } = self.edges;
        let mut faults = Vec::new();
        let mut add = |wrong: bool, fault: String| {
            if wrong {
                faults.push(fault);
            }
        };
        add(self.triangles == 0, "empty: it has no triangles".to_owned());
        add(
            self.not_finite > 0,
            format!(
                "{} vertices are not finite or beyond {LARGEST:e} m",
                self.not_finite
            ),
        );
        add(
            self.out_of_range > 0,
            format!(
                "{} triangles name vertices that are not there",
                self.out_of_range
            ),
        );
        add(
            open > 0,
            format!(
                "open: {open} edges of one triangle alone, in {holes} holes, the largest {largest_hole:.3e} m across"
            ),
        );
        add(
            inconsistent > 0,
            format!("flipped: {inconsistent} edges between triangles that face opposite ways"),
        );
        add(
            non_manifold > 0,
            format!("{non_manifold} edges of more than two triangles"),
        );
        add(
            self.degenerate > 0,
            format!("{} triangles without area", self.degenerate),
        );
        add(
            self.inside_out(),
            "inside out: its triangles face inwards".to_owned(),
        );
        add(
            self.triangles > 0 && self.volume == 0.0 && open == 0,
            "flat: it bounds no volume".to_owned(),
        );
        if let Some([a, b]) = self.crossings.first {
            let pairs = self.crossings.pairs;
            let least = if self.crossings.complete {
                ""
            } else {
                "at least "
            };
            add(
                true,
                format!("{least}{pairs} pairs of triangles cross, such as {a} and {b}"),
            );
        } else {
            add(
                !self.crossings.complete,
                "too dense to tell whether triangles cross".to_owned(),
            );
        }
        faults
    }
}

/// Vertices that are not finite, and triangles that name vertices which are not there.
pub(super) fn unusable(mesh: &Mesh) -> (usize, usize) {
    let count = mesh.vertices.len();
    let there = |corner: &u32| (*corner as usize) < count;
    (
        mesh.vertices
            .iter()
            .filter(|vertex| !usable(vertex))
            .count(),
        mesh.triangles
            .iter()
            .filter(|corners| !corners.iter().all(there))
            .count(),
    )
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn faults(change: impl FnOnce(&mut Mesh)) -> String {
        let mut mesh = ball(6);
        change(&mut mesh);
        Report::of(&mesh).faults().join("; ")
    }

    #[test]
    fn sound_mesh_has_no_faults() {
        let report = Report::of(&ball(6));
        assert!(report.is_solid(), "{report:?}");
        assert_eq!(
            (report.triangles, report.vertices, report.edges.components),
            (432, 218, 1)
        );
        let [min, max] = report.bounds.unwrap();
        assert!(
            (min + Vector3::repeat(1.0)).norm() < 1e-9
                && (max - Vector3::repeat(1.0)).norm() < 1e-9
        );
        // Chords of a quarter of a right angle / 6 lie inside.
        let pi = std::f64::consts::PI;
        assert!((report.volume / (4.0 / 3.0 * pi) - 1.0).abs() < 0.04);
        assert!((report.area / (4.0 * pi) - 1.0).abs() < 0.03);
    }

    #[test]
    fn every_fault_is_said() {
        assert_eq!(
            faults(|mesh| mesh.triangles.clear()),
            "empty: it has no triangles"
        );
        assert!(
            faults(|mesh| mesh.vertices[3].y = f64::NAN).starts_with("1 vertices are not finite")
        );
        assert!(faults(|mesh| mesh.vertices[3].y = 1e300).starts_with("1 vertices are not finite"));
        assert!(
            faults(|mesh| mesh.triangles[3][1] = 9999).starts_with("1 triangles name vertices")
        );
        assert!(
            faults(|mesh| _ = mesh.triangles.pop())
                .starts_with("open: 3 edges of one triangle alone, in 1 holes")
        );
        assert_eq!(
            faults(|mesh| mesh.triangles[9].swap(0, 2)),
            "flipped: 3 edges between triangles that face opposite ways"
        );
        assert_eq!(
            faults(|mesh| mesh
                .triangles
                .iter_mut()
                .for_each(|corners| corners.swap(0, 2))),
            "inside out: its triangles face inwards"
        );
        assert_eq!(
            faults(|mesh| mesh.triangles.push([0, 0, 1])),
            "1 triangles without area"
        );
        assert!(
            faults(|mesh| mesh.triangles.push([0, 1, 217]))
                .contains("edges of more than two triangles")
        );
        assert!(
            faults(|mesh| mesh.vertices[0] *= -1.2).contains("pairs of triangles cross, such as")
        );
    }
}
