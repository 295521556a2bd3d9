//! Triangle meshes as solids: what is inside, by the generalised winding number.

use std::{fs::File, io::BufReader, path::Path};

use nalgebra::Vector3;

/// Triangles of a leaf of the tree.
const LEAF: usize = 8;

/// Radii of a cluster beyond which it acts as one dipole. The error falls with the
/// square of the ratio; Barill et al. use 2, and inside and outside differ by one half.
const FAR: f64 = 3.0;

/// A mesh that bounds a solid.
///
/// A point is inside where its winding number `w = sum Omega_t / (4 pi)` exceeds one
/// half, with `Omega_t` the signed solid angle of triangle `t`: an integer for closed
/// meshes, and sensible for those with holes or overlaps (Jacobson, Kavan &
/// Sorkine-Hornung 2013). Far clusters of triangles act as dipoles (Barill et al. 2018,
/// order 1), which makes a query logarithmic in their number.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    triangles: Vec<[Vector3<f64>; 3]>,
    clusters: Vec<Cluster>,
}

/// Triangles that are near one another.
#[derive(Debug, Clone, PartialEq)]
struct Cluster {
    /// Centre by area (m).
    centre: Vector3<f64>,
    /// Largest distance of a corner from the centre (m).
    radius: f64,
    /// Sum of the area vectors (m^2).
    area: Vector3<f64>,
    /// Its triangles.
    range: std::ops::Range<usize>,
    /// Its two parts; none for a leaf.
    parts: Option<[usize; 2]>,
}

/// Why a mesh cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The file is not there or cannot be opened.
    #[error("a readable OBJ file ({0})")]
    Open(#[from] std::io::Error),
    /// It is not OBJ.
    #[error("an OBJ file ({0})")]
    Parse(#[from] tobj::LoadError),
    /// It bounds nothing.
    #[error("a mesh that bounds a volume, with finite corners")]
    Empty,
}

impl Mesh {
    /// Reads an OBJ file; polygons are cut into triangles, coordinates times `scale`.
    ///
    /// # Errors
    /// The file cannot be read, is no OBJ or bounds no volume.
    pub fn read(path: &Path, scale: f64) -> Result<Self, MeshError> {
        let mut reader = BufReader::new(File::open(path)?);
        let options = tobj::LoadOptions {
            triangulate: true,
            ..Default::default()
        };
        let no_materials = |_: &Path| Err(tobj::LoadError::OpenFileFailed);
        let (models, _) = tobj::load_obj_buf(&mut reader, &options, no_materials)?;
        let mut triangles = Vec::new();
        for model in models {
            let corner = |&index: &u32| {
                let first = index as usize * 3;
                let at = model.mesh.positions.get(first..first + 3)?;
                Some(Vector3::new(at[0], at[1], at[2]).map(|x| f64::from(x) * scale))
            };
            for face in model.mesh.indices.chunks_exact(3) {
                let corners: Option<Vec<_>> = face.iter().map(corner).collect();
                triangles.extend(corners.and_then(|corners| <[_; 3]>::try_from(corners).ok()));
            }
        }
        Self::new(triangles)
    }

    /// The mesh of some triangles (m), counterclockwise seen from outside.
    ///
    /// # Errors
    /// They bound no volume.
    pub fn new(triangles: Vec<[Vector3<f64>; 3]>) -> Result<Self, MeshError> {
        let finite = triangles.iter().flatten().flat_map(|corner| corner.iter());
        if triangles.is_empty() || !finite.copied().all(f64::is_finite) {
            return Err(MeshError::Empty);
        }
        let count = triangles.len();
        let mut mesh = Self {
            triangles,
            clusters: Vec::new(),
        };
        mesh.cluster(0..count);
        if mesh.volume() > 0.0 {
            Ok(mesh)
        } else {
            Err(MeshError::Empty)
        }
    }

    /// Builds the cluster of a range of triangles and its parts; returns its index.
    fn cluster(&mut self, range: std::ops::Range<usize>) -> usize {
        let triangles = &mut self.triangles[range.clone()];
        let (mut area, mut weight, mut centre) = (Vector3::zeros(), 0.0, Vector3::zeros());
        let mut bounds = (
            Vector3::repeat(f64::INFINITY),
            Vector3::repeat(f64::NEG_INFINITY),
        );
        for triangle in triangles.iter() {
            let (vector, middle) = (area_of(triangle), middle_of(triangle));
            area += vector;
            weight += vector.norm();
            centre += middle * vector.norm();
            bounds = (bounds.0.inf(&middle), bounds.1.sup(&middle));
        }
        let centre = if weight > 0.0 {
            centre / weight
        } else {
            (bounds.0 + bounds.1) * 0.5
        };
        let farthest = |far: f64, corner: &Vector3<f64>| far.max((corner - centre).norm());
        let radius = triangles.iter().flatten().fold(0.0, farthest);
        let index = self.clusters.len();
        self.clusters.push(Cluster {
            centre,
            radius,
            area,
            range: range.clone(),
            parts: None,
        });
        if range.len() > LEAF {
            let axis = (bounds.1 - bounds.0).imax();
            let half = range.len() / 2;
            self.triangles[range.clone()].select_nth_unstable_by(half, |a, b| {
                middle_of(a)[axis].total_cmp(&middle_of(b)[axis])
            });
            let lower = self.cluster(range.start..range.start + half);
            let upper = self.cluster(range.start + half..range.end);
            self.clusters[index].parts = Some([lower, upper]);
        }
        index
    }

    /// Winding number of a point (1).
    pub fn winding(&self, point: &Vector3<f64>) -> f64 {
        let (mut angle, mut open) = (0.0, vec![0]);
        while let Some(index) = open.pop() {
            let cluster = &self.clusters[index];
            let away = cluster.centre - point;
            let distance = away.norm();
            if distance > FAR * cluster.radius {
                // A dipole of area vector A at r: Omega = A . r / |r|^3.
                angle += cluster.area.dot(&away) / distance.powi(3);
            } else if let Some(parts) = cluster.parts {
                open.extend(parts);
            } else {
                let triangles = &self.triangles[cluster.range.clone()];
                angle += triangles.iter().map(|t| solid_angle(t, point)).sum::<f64>();
            }
        }
        angle / (4.0 * std::f64::consts::PI)
    }

    /// Whether a point is inside.
    pub fn contains(&self, point: &Vector3<f64>) -> bool {
        self.winding(point) > 0.5
    }

    /// Volume (m^3): `sum a . (b x c) / 6` over the triangles.
    pub fn volume(&self) -> f64 {
        let signed = |[a, b, c]: &[Vector3<f64>; 3]| a.dot(&b.cross(c)) / 6.0;
        self.triangles.iter().map(signed).sum()
    }

    /// Number of triangles.
    pub fn len(&self) -> usize {
        self.triangles.len()
    }

    /// Whether there are none; never so.
    pub fn is_empty(&self) -> bool {
        self.triangles.is_empty()
    }

    /// Distance of the farthest corner from the origin (m).
    pub fn reach(&self) -> f64 {
        self.triangles
            .iter()
            .flatten()
            .map(Vector3::norm)
            .fold(0.0, f64::max)
    }

    /// How far it extends along a unit vector (m).
    pub fn support(&self, n: &Vector3<f64>) -> f64 {
        let along = self.triangles.iter().flatten().map(|corner| corner.dot(n));
        along.fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Area vector of a triangle (m^2).
fn area_of([a, b, c]: &[Vector3<f64>; 3]) -> Vector3<f64> {
    (b - a).cross(&(c - a)) * 0.5
}

fn middle_of([a, b, c]: &[Vector3<f64>; 3]) -> Vector3<f64> {
    (a + b + c) / 3.0
}

/// Signed solid angle of a triangle seen from a point, positive from its back
/// (Van Oosterom & Strackee 1983, eq. 8).
fn solid_angle(triangle: &[Vector3<f64>; 3], point: &Vector3<f64>) -> f64 {
    let [a, b, c] = triangle.map(|corner| corner - point);
    let (al, bl, cl) = (a.norm(), b.norm(), c.norm());
    let across = a.dot(&b.cross(&c));
    let along = al * bl * cl + a.dot(&b) * cl + b.dot(&c) * al + c.dot(&a) * bl;
    2.0 * across.atan2(along)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ball of radius 1 as OBJ: a cube whose faces are cut `n` times and blown up.
    pub(in crate::scene) fn ball_obj(n: u32) -> String {
        let (mut text, mut count) = (String::from("o ball\n"), 0);
        for axis in 0..3 {
            for sign in [-1.0, 1.0] {
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let mut corners = [(0, 0), (1, 0), (1, 1), (0, 1)];
                    if sign < 0.0 {
                        corners.reverse();
                    }
                    for (di, dj) in corners {
                        let at = |k: u32| 2.0 * f64::from(k) / f64::from(n) - 1.0;
                        let mut v = Vector3::zeros();
                        v[axis] = sign;
                        v[(axis + 1) % 3] = at(i + di);
                        v[(axis + 2) % 3] = at(j + dj);
                        let v = v.normalize();
                        text += &format!("v {} {} {}\n", v.x, v.y, v.z);
                    }
                    text += &format!(
                        "f {} {} {} {}\n",
                        count + 1,
                        count + 2,
                        count + 3,
                        count + 4
                    );
                    count += 4;
                }
            }
        }
        text
    }

    fn ball(scale: f64) -> Mesh {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ball.obj");
        std::fs::write(&path, ball_obj(16)).unwrap();
        Mesh::read(&path, scale).unwrap()
    }

    #[test]
    fn ball_is_inside_its_surface() {
        let ball = ball(0.5);
        assert_eq!(ball.len(), 6 * 16 * 16 * 2);
        let exact = 4.0 / 3.0 * std::f64::consts::PI * 0.125;
        // Chords of 1/16 of a quarter turn lose about the square of that.
        assert!((ball.volume() / exact - 1.0).abs() < 0.01);
        assert!(
            (ball.reach() - 0.5).abs() < 1e-6 && (ball.support(&Vector3::y()) - 0.5).abs() < 1e-6
        );
        for n in 0..200 {
            let angle = f64::from(n);
            let n = Vector3::new(angle.cos(), (1.7 * angle).sin(), (0.6 * angle).sin()).normalize();
            for (radius, inside) in [(0.1, 1.0), (0.48, 1.0), (0.51, 0.0), (0.8, 0.0), (5.0, 0.0)] {
                let w = ball.winding(&(n * radius));
                assert!((w - inside).abs() < 0.1, "{radius} {w}");
            }
        }
    }

    #[test]
    fn dipoles_agree_with_the_exact_sum() {
        let ball = ball(1.0);
        for n in 0..50 {
            let point = Vector3::new(f64::from(n) * 0.05, 0.3, 0.1);
            let exact: f64 = ball.triangles.iter().map(|t| solid_angle(t, &point)).sum();
            assert!((ball.winding(&point) - exact / (4.0 * std::f64::consts::PI)).abs() < 0.02);
        }
    }

    #[test]
    fn ball_with_a_hole_still_has_an_inside() {
        let mut triangles = ball(1.0).triangles;
        triangles.retain(|t| middle_of(t).y < 0.95);
        let open = Mesh::new(triangles).unwrap();
        assert!(open.contains(&Vector3::zeros()) && open.contains(&Vector3::new(0.0, -0.9, 0.0)));
        assert!(!open.contains(&Vector3::new(0.0, 1.2, 0.0)));
    }

    #[test]
    fn what_bounds_nothing_is_refused() {
        assert!(matches!(Mesh::new(vec![]), Err(MeshError::Empty)));
        let flat = [Vector3::x(), Vector3::y(), Vector3::z()];
        let both = vec![flat, [flat[0], flat[2], flat[1]]];
        assert!(matches!(Mesh::new(both), Err(MeshError::Empty)));
        assert!(matches!(
            Mesh::read(Path::new("no.obj"), 1.0),
            Err(MeshError::Open(_))
        ));
    }
}
