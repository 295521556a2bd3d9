//! How the triangles of a mesh hang together: by their edges.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::Mesh;

/// What the edges say; a triangle with a corner twice has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Edges {
    /// Edges of one triangle alone: borders.
    pub open: usize,
    /// Edges of more than two triangles.
    pub non_manifold: usize,
    /// Edges of two triangles that run along it in the same direction: one of the two is
    /// turned over.
    pub inconsistent: usize,
    /// Borders: open or inconsistent edges, or others that are not run along as often
    /// forwards as backwards, where they hang together. The winding number is an integer
    /// everywhere if there are none.
    pub holes: usize,
    /// Diagonal of the box around the largest of them (m).
    pub largest_hole: f64,
    /// Sets of triangles that share corners.
    pub components: usize,
}

impl Edges {
    /// The edges of a mesh whose vertices are welded.
    pub fn of(mesh: &Mesh) -> Self {
        let count = mesh.vertices.len();
        let proper = |[a, b, c]: &[u32; 3]| {
            let there = [a, b, c].iter().all(|&&corner| (corner as usize) < count);
            there && a != b && b != c && c != a
        };
        let triangles = mesh.triangles.par_iter().filter(|corners| proper(corners));
        // Lower end, upper end, whether it runs forwards.
        let mut edges: Vec<(u32, u32, bool)> = triangles
            .flat_map_iter(|&[a, b, c]| {
                [(a, b), (b, c), (c, a)].map(|(from, to)| (from.min(to), from.max(to), from < to))
            })
            .collect();
        edges.par_sort_unstable();
        let mut whole = Sets::new(count);
        let mut borders = Sets::new(count);
        let mut on_border = vec![false; count];
        let mut said = Self::default();
        for same in edges.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (a, b, _) = same[0];
            let forwards = same.iter().filter(|(_, _, forwards)| *forwards).count();
            let balanced = 2 * forwards == same.len();
            match same.len() {
                1 => said.open += 1,
                2 if !balanced => said.inconsistent += 1,
                2 => {}
                _ => said.non_manifold += 1,
            }
            whole.join(a, b);
            if !balanced {
                borders.join(a, b);
                on_border[a as usize] = true;
                on_border[b as usize] = true;
            }
        }
        let used = {
            let mut used = vec![false; count];
            edges.iter().for_each(|&(a, b, _)| {
                used[a as usize] = true;
                used[b as usize] = true;
            });
            used
        };
        said.components = (0..count as u32)
            .filter(|&v| used[v as usize] && whole.find(v) == v)
            .count();
        let mut bounds: Vec<Option<[Vector3<f64>; 2]>> = vec![None; count];
        for vertex in (0..count as u32).filter(|&vertex| on_border[vertex as usize]) {
            let at = mesh.vertices[vertex as usize];
            let entry = &mut bounds[borders.find(vertex) as usize];
            let [min, max] = entry.unwrap_or([at; 2]);
            *entry = Some([min.inf(&at), max.sup(&at)]);
        }
        for [min, max] in bounds.into_iter().flatten() {
            said.holes += 1;
            said.largest_hole = said.largest_hole.max((max - min).norm());
        }
        said
    }
}

/// Sets of vertices that are joined bit by bit (Tarjan 1975, with halving of paths).
struct Sets(Vec<u32>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    /// The name of the set of a vertex: its least vertex.
    fn find(&mut self, mut vertex: u32) -> u32 {
        while self.0[vertex as usize] != vertex {
            let above = self.0[vertex as usize];
            self.0[vertex as usize] = self.0[above as usize];
            vertex = above;
        }
        vertex
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn closed_mesh_has_no_borders() {
        let cavity = both(ball(4), &ball(2).scaled(&Vector3::repeat(0.5)));
        let said = Edges::of(&cavity);
        assert_eq!(
            said,
            Edges {
                components: 2,
                ..Edges::default()
            }
        );
    }

    #[test]
    fn holes_are_counted_and_measured() {
        let mut mesh = block([1.0; 3], [0.0; 3], 4);
        // Two triangles of one square, and one far from it.
        let full = mesh.triangles.len();
        let gone = [full - 1, full - 2, 0];
        let mut index = 0;
        mesh.triangles.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        let said = Edges::of(&mesh);
        assert_eq!((said.open, said.holes, said.components), (4 + 3, 2, 1));
        assert!((said.largest_hole - 0.5 * 2_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn turned_triangles_are_inconsistent() {
        let mut mesh = ball(4);
        mesh.triangles[7].swap(0, 1);
        let said = Edges::of(&mesh);
        assert_eq!((said.open, said.inconsistent, said.non_manifold), (0, 3, 0));
        assert_eq!(said.holes, 1);
    }

    #[test]
    fn edge_of_three_triangles_is_non_manifold() {
        let mut mesh = ball(3);
        mesh.vertices.push(Vector3::repeat(2.0));
        let [a, b, _] = mesh.triangles[0];
        mesh.triangles.push([a, b, mesh.vertices.len() as u32 - 1]);
        let said = Edges::of(&mesh);
        assert_eq!((said.open, said.non_manifold, said.inconsistent), (2, 1, 0));
        assert_eq!(said.holes, 1);
    }
}
