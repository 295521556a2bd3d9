//! A tree of boxes around triangles: which are near a point, which are near one another.

use nalgebra::Vector3;
use rayon::prelude::*;

use super::{
    Mesh, Triangle,
    closest::closest_point,
    quad::{Quad, Seen, above},
};

/// Triangles of a leaf, at most.
const LEAF: usize = 4;

/// A box along the axes (m).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub min: Vector3<f64>,
    pub max: Vector3<f64>,
}

impl Bounds {
    pub const EMPTY: Self = Self {
        min: Vector3::new(f64::INFINITY, f64::INFINITY, f64::INFINITY),
        max: Vector3::new(f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY),
    };

    pub fn of(triangle: &Triangle) -> Self {
        let [a, b, c] = triangle;
        Self {
            min: a.inf(b).inf(c),
            max: a.sup(b).sup(c),
        }
    }

    fn union(&self, other: &Self) -> Self {
        Self {
            min: self.min.inf(&other.min),
            max: self.max.sup(&other.max),
        }
    }

    pub fn meets(&self, other: &Self) -> bool {
        (0..3).all(|axis| self.min[axis] <= other.max[axis] && other.min[axis] <= self.max[axis])
    }
}

/// A complete tree of four children a node over triangles. Node 0 is the root, the children
/// of `i` are `4 i + 1` to `4 i + 4`; they take the triangles of their parent in halves of
/// halves, apart along the longest edge of the box of their centres. It depends on the
/// triangles alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Bvh {
    /// Triangles in the order of the leaves.
    pub(super) triangles: Vec<Triangle>,
    /// Their numbers in the mesh.
    pub(super) numbers: Vec<u32>,
    pub(super) bounds: Vec<Bounds>,
    /// The children of each node that has some.
    quads: Vec<Quad>,
}

/// A node with its triangles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub index: usize,
    pub start: usize,
    pub end: usize,
}

impl Node {
    #[inline]
    pub fn children(self) -> [Self; 4] {
        let half = |start: usize, end: usize| start + (end - start) / 2;
        let Self { index, start, end } = self;
        let middle = half(start, end);
        let ends = [start, half(start, middle), middle, half(middle, end), end];
        let child = |child: usize| Self {
            index: 4 * index + 1 + child,
            start: ends[child],
            end: ends[child + 1],
        };
        [child(0), child(1), child(2), child(3)]
    }
}

/// What is closest to a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closest {
    /// Square of the distance (m^2).
    pub square: f64,
    /// The triangle, in the order of the leaves.
    pub triangle: usize,
}

impl Bvh {
    /// The tree of the triangles whose corners are there.
    pub fn new(mesh: &Mesh) -> Self {
        let numbers = (0..mesh.triangles.len() as u32).into_par_iter();
        let mut items: Vec<(Vector3<f64>, u32)> = numbers
            .filter_map(|number| {
                let Bounds { min, max } = Bounds::of(&mesh.corners(number as usize)?);
                Some(((min + max) * 0.5, number))
            })
            .collect();
        let leaves = items.len().div_ceil(LEAF).max(1).next_power_of_two();
        // Four children a node: an even number of halvings.
        let halvings = leaves.trailing_zeros().next_multiple_of(2);
        split(&mut items, halvings);
        let inner = (4_usize.pow(halvings / 2) - 1) / 3;
        let numbers: Vec<u32> = items.into_iter().map(|(_, number)| number).collect();
        let corners = numbers
            .par_iter()
            .filter_map(|&number| mesh.corners(number as usize));
        let mut tree = Self {
            triangles: corners.collect(),
            numbers,
            bounds: vec![Bounds::EMPTY; 4 * inner + 1],
            quads: Vec::new(),
        };
        tree.enclose(tree.root());
        let mut nodes = Vec::with_capacity(tree.bounds.len());
        nodes.push(tree.root());
        for index in 0..inner {
            let children = nodes[index].children();
            nodes.extend(children);
        }
        let centre = tree.centre();
        tree.quads = nodes[..inner]
            .par_iter()
            .map(|node| Quad::of(&tree, *node, &centre))
            .collect();
        tree
    }

    /// Middle of the box around all (m).
    fn centre(&self) -> Vector3<f64> {
        let Bounds { min, max } = self.bounds[0];
        (min + max) * 0.5
    }

    /// The root.
    pub(super) fn root(&self) -> Node {
        Node {
            index: 0,
            start: 0,
            end: self.triangles.len(),
        }
    }

    #[inline]
    pub(super) fn is_leaf(&self, node: Node) -> bool {
        // Leaves are the nodes of the last level, three of four.
        node.index >= self.bounds.len() / 4
    }

    fn enclose(&mut self, node: Node) -> Bounds {
        let bounds = if self.is_leaf(node) {
            let triangles = &self.triangles[node.start..node.end];
            triangles
                .iter()
                .map(Bounds::of)
                .fold(Bounds::EMPTY, |sum, next| sum.union(&next))
        } else {
            let children = node.children().map(|child| self.enclose(child));
            children
                .iter()
                .fold(Bounds::EMPTY, |sum, next| sum.union(next))
        };
        self.bounds[node.index] = bounds;
        bounds
    }

    /// What is closest to `p` (m) if it is closer than `best`.
    pub fn closest(&self, p: &Vector3<f64>, mut best: Closest) -> Closest {
        // Three nodes a level wait, and 4^16 leaves are beyond 32 bits.
        let mut stack = arrayvec::ArrayVec::<(Node, f32), 64>::new();
        let seen = Seen::from(p, self);
        let mut limit = above(best.square);
        stack.push((self.root(), 0.0));
        while let Some((node, from)) = stack.pop() {
            if from >= limit {
                continue;
            }
            if self.is_leaf(node) {
                for index in node.start..node.end {
                    let square = (closest_point(&self.triangles[index], p) - p).norm_squared();
                    if square < best.square {
                        best = Closest {
                            square,
                            triangle: index,
                        };
                        limit = above(square);
                    }
                }
                continue;
            }
            let distances = self.quads[node.index].distances(&seen);
            let before = stack.len();
            for (child, distance) in node.children().into_iter().zip(distances) {
                if distance < limit {
                    // Farthest first, so that the nearest is next on the stack.
                    let mut at = stack.len();
                    stack.push((child, distance));
                    while at > before && stack[at - 1].1 < distance {
                        stack.swap(at - 1, at);
                        at -= 1;
                    }
                }
            }
        }
        best
    }

    /// Distance of `p` (m) from the surface (m); infinite without triangles.
    pub fn distance(&self, p: &Vector3<f64>) -> f64 {
        let nothing = Closest {
            square: f64::INFINITY,
            triangle: 0,
        };
        self.closest(p, nothing).square.sqrt()
    }

    /// Square of the distance (m^2) of `p` from a triangle in the order of the leaves.
    pub(super) fn square(&self, triangle: usize, p: &Vector3<f64>) -> f64 {
        self.triangles
            .get(triangle)
            .map_or(f64::INFINITY, |triangle| {
                (closest_point(triangle, p) - p).norm_squared()
            })
    }

    /// Runs `visit` for the triangles (in the order of the leaves) whose leaves meet a box,
    /// until it says no.
    pub(super) fn near(&self, around: &Bounds, mut visit: impl FnMut(usize) -> bool) {
        let mut stack = vec![self.root()];
        while let Some(node) = stack.pop() {
            if !self.bounds[node.index].meets(around) {
                continue;
            }
            if self.is_leaf(node) {
                if !(node.start..node.end).all(&mut visit) {
                    return;
                }
            } else {
                stack.extend(node.children());
            }
        }
    }
}

/// Sorts items so that each node of the levels below has its half.
fn split(items: &mut [(Vector3<f64>, u32)], depth: u32) {
    /// Items that are worth another thread.
    const WORTH: usize = 4096;

    if depth == 0 || items.len() < 2 {
        return;
    }
    let mut bounds = Bounds::EMPTY;
    for (centre, _) in items.iter() {
        bounds = bounds.union(&Bounds {
            min: *centre,
            max: *centre,
        });
    }
    let axis = (bounds.max - bounds.min).imax();
    let half = items.len() / 2;
    items.select_nth_unstable_by(half, |(a, i), (b, j)| {
        a[axis].total_cmp(&b[axis]).then(i.cmp(j))
    });
    let worth = items.len() > WORTH;
    let (lower, upper) = items.split_at_mut(half);
    if worth {
        rayon::join(|| split(lower, depth - 1), || split(upper, depth - 1));
    } else {
        split(lower, depth - 1);
        split(upper, depth - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::ball, *};
    use crate::collider::testing::noise;

    #[test]
    fn closest_of_the_tree_is_the_closest_of_all() {
        for n in [1, 5, 16] {
            let mesh = ball(n);
            let tree = Bvh::new(&mesh);
            assert_eq!(tree.triangles.len(), mesh.triangles.len());
            for seed in 0..200 {
                let p = noise(seed) * 2.0;
                let all = mesh
                    .faces()
                    .map(|face| (closest_point(&face, &p) - p).norm());
                assert_eq!(tree.distance(&p), all.fold(f64::INFINITY, f64::min));
            }
        }
    }

    #[test]
    fn leaves_are_small_and_boxes_hold_what_is_below() {
        let tree = Bvh::new(&ball(9));
        let mut open = vec![tree.root()];
        let mut seen = 0;
        while let Some(node) = open.pop() {
            let bounds = tree.bounds[node.index];
            let corners = tree.triangles[node.start..node.end].iter().flatten();
            assert!(corners.copied().all(|corner| bounds.meets(&Bounds {
                min: corner,
                max: corner
            })));
            if tree.is_leaf(node) {
                assert!(node.end - node.start <= LEAF);
                seen += node.end - node.start;
            } else {
                open.extend(node.children());
            }
        }
        assert_eq!(seen, tree.triangles.len());
    }

    #[test]
    fn tree_without_triangles_answers() {
        let tree = Bvh::new(&Mesh::default());
        assert_eq!(tree.distance(&Vector3::zeros()), f64::INFINITY);
        tree.near(
            &Bounds {
                min: Vector3::zeros(),
                max: Vector3::zeros(),
            },
            |_| panic!("there is none"),
        );
    }

    #[test]
    fn tree_does_not_depend_on_threads() {
        let build = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| Bvh::new(&ball(40)))
        };
        assert_eq!(build(1), build(3));
    }
}
