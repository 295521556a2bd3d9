//! Vertices at one place become one.

use rayon::prelude::*;

use super::Mesh;

impl Mesh {
    /// The mesh with each place as one vertex: formats repeat a vertex for every normal,
    /// group or triangle, and edges are shared only where their ends are.
    ///
    /// Places are the same where their coordinates are, bit by bit; 0 and -0 are the same.
    /// Vertices keep the order in which they come first; those of no triangle go.
    #[must_use]
    pub fn welded(mut self) -> Self {
        /// A vertex that no triangle has.
        const NONE: u32 = u32::MAX;

        for x in self
            .vertices
            .iter_mut()
            .flat_map(|vertex| vertex.iter_mut())
        {
            // -0 becomes 0, all else stays.
            *x += 0.0;
        }
        let key = |index: u32| {
            let vertex = self.vertices.get(index as usize);
            vertex.map(|vertex| [vertex.x, vertex.y, vertex.z].map(f64::to_bits))
        };
        let mut order: Vec<u32> = (0..self.vertices.len() as u32).collect();
        order.par_sort_unstable_by_key(|&index| (key(index), index));
        // The first vertex at the place of each.
        let mut first = vec![NONE; self.vertices.len()];
        for same in order.chunk_by(|&a, &b| key(a) == key(b)) {
            for &index in same {
                first[index as usize] = same[0];
            }
        }
        let mut number = vec![NONE; self.vertices.len()];
        for index in self.triangles.iter().flatten() {
            if let Some(&first) = first.get(*index as usize) {
                number[first as usize] = 0;
            }
        }
        let mut vertices = Vec::new();
        for (number, vertex) in number.iter_mut().zip(&self.vertices) {
            if *number != NONE {
                *number = vertices.len() as u32;
                vertices.push(*vertex);
            }
        }
        for index in self.triangles.iter_mut().flatten() {
            // One that is out of range stays so.
            *index = match first.get(*index as usize) {
                Some(&first) => number[first as usize],
                None => NONE,
            };
        }
        self.vertices = vertices;
        self
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;

    #[test]
    fn vertices_at_one_place_become_one() {
        let (a, b, c, d) = (Vector3::x(), Vector3::y(), Vector3::z(), Vector3::zeros());
        let far = Vector3::repeat(9.0);
        let mesh = Mesh {
            vertices: vec![a, b, far, c, c, b, -d],
            triangles: vec![[0, 1, 3], [4, 5, 6], [0, 6, 99]],
        };
        let welded = mesh.welded();
        assert_eq!(welded.vertices, vec![a, b, c, d]);
        assert_eq!(
            welded.triangles,
            vec![[0, 1, 2], [2, 1, 3], [0, 3, u32::MAX]]
        );
        assert_eq!(welded.clone().welded().vertices, welded.vertices);
    }
}
