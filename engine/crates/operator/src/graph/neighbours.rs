//! Radius graphs with a cap, by cells.

use backflow_diff::Real;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::error::OperatorError;

/// How far the edges of a graph reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Points that are nearer than this have an edge (m) ...
    pub radius: f64,
    /// ... if one of them is among so many nearest neighbours of the other.
    pub cap: usize,
}

/// A directed graph that has each edge both ways and no edge from a point to itself. Edges are
/// sorted by target, then by source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Number of points.
    pub points: usize,
    /// Where each edge comes from.
    pub sources: Vec<usize>,
    /// Where each edge goes to.
    pub targets: Vec<usize>,
}

/// Points by cells whose edge is the radius of the search.
struct Cells {
    /// Cell and index of each point, sorted.
    sorted: Vec<([i64; 3], usize)>,
}

impl Cells {
    fn new(points: &[[f64; 3]], edge: f64) -> Self {
        let cell = |x: &[f64; 3]| x.map(|x| (x / edge).floor() as i64);
        let points = points.iter().enumerate();
        let mut sorted: Vec<_> = points.map(|(index, x)| (cell(x), index)).collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// Calls `each` with all points in the cells around `cell`. Cells of one row lie behind each
    /// other, so that nine searches find them.
    fn around(&self, cell: [i64; 3], mut each: impl FnMut(usize)) {
        for i in -1..=1 {
            for j in -1..=1 {
                let at = |k: i64| [cell[0] + i, cell[1] + j, cell[2] + k];
                let from = self.sorted.partition_point(|(other, _)| *other < at(-1));
                let rest = &self.sorted[from..];
                let row = rest.iter().take_while(|(other, _)| *other <= at(1));
                row.for_each(|&(_, index)| each(index));
            }
        }
    }
}

impl Graph {
    /// The graph of points (m), a column each. Of neighbours at the same distance those of lower
    /// index count as nearer; what a dual number carries besides its value does not count. The
    /// graph is a function of the positions alone.
    ///
    /// # Errors
    /// A radius or a cap that is not positive, or positions that are not finite.
    pub fn new<T: Real>(x: &DMatrix<T>, reach: Reach) -> Result<Self, OperatorError> {
        let Reach { radius, cap } = reach;
        if !(radius > 0.0 && radius.is_finite()) {
            return Err(OperatorError::setting(
                "reach.radius",
                radius,
                "a positive length (m)",
            ));
        }
        if cap == 0 {
            return Err(OperatorError::setting("reach.cap", cap, "at least 1"));
        }
        let points: Vec<[f64; 3]> = x
            .column_iter()
            .map(|x| [x[0].to_f64(), x[1].to_f64(), x[2].to_f64()])
            .collect();
        if let Some(point) = points.iter().position(|x| x.iter().any(|x| !x.is_finite())) {
            return Err(OperatorError::NotFinite {
                what: "the position of a sample",
                place: format!("(sample {point})"),
            });
        }
        let cells = Cells::new(&points, radius);
        let mut edges = Vec::new();
        let mut near: Vec<(f64, usize)> = Vec::new();
        for &(cell, target) in &cells.sorted {
            near.clear();
            let place = points[target];
            cells.around(cell, |source| {
                let other = points[source];
                let square: f64 = (0..3).map(|axis| (other[axis] - place[axis]).powi(2)).sum();
                if source != target && square < radius * radius {
                    near.push((square, source));
                }
            });
            near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for &(_, source) in near.iter().take(cap) {
                edges.extend([(target, source), (source, target)]);
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let (targets, sources) = edges.into_iter().unzip();
        Ok(Self {
            points: points.len(),
            sources,
            targets,
        })
    }

    /// Number of directed edges.
    pub fn edges(&self) -> usize {
        self.sources.len()
    }

    /// The edge that goes back, of each.
    pub fn reverse(&self) -> Vec<usize> {
        let back = |(target, source): (usize, usize)| {
            let first = self.targets.partition_point(|&at| at < source);
            let end = first + self.targets[first..].partition_point(|&at| at == source);
            first + self.sources[first..end].partition_point(|&at| at < target)
        };
        self.iter().map(back).collect()
    }

    /// Target and source of each edge.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.targets
            .iter()
            .copied()
            .zip(self.sources.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;

    fn cloud(count: usize, seed: u64) -> DMatrix<f64> {
        let mut random = Random::new(seed, &[]);
        DMatrix::from_fn(3, count, |_, _| random.uniform() - 0.3)
    }

    #[test]
    fn edges_are_those_of_all_pairs() {
        let x = cloud(120, 1);
        let (radius, cap) = (0.25, 7);
        let graph = Graph::new(&x, Reach { radius, cap }).unwrap();
        let nearest = |i: usize| {
            let mut near: Vec<_> = (0..120)
                .filter(|&j| j != i)
                .map(|j| ((x.column(i) - x.column(j)).norm(), j))
                .filter(|(distance, _)| *distance < radius)
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            near.into_iter()
                .take(cap)
                .map(|near| near.1)
                .collect::<Vec<_>>()
        };
        let lists: Vec<_> = (0..120).map(nearest).collect();
        let mut expected = Vec::new();
        for i in 0..120 {
            for j in 0..120 {
                if lists[i].contains(&j) || lists[j].contains(&i) {
                    expected.push((i, j));
                }
            }
        }
        assert!(expected.len() > 400);
        assert!(lists.iter().any(|list| list.len() == cap));
        assert_eq!(graph.iter().collect::<Vec<_>>(), expected);
        let back: Vec<_> = graph.reverse().iter().map(|&edge| expected[edge]).collect();
        assert!(back.iter().zip(&expected).all(|(a, b)| (a.1, a.0) == *b));
    }

    #[test]
    fn the_graph_depends_on_nothing_but_positions() {
        let x = cloud(300, 2);
        let reach = Reach {
            radius: 0.2,
            cap: 10,
        };
        let graph = Graph::new(&x, reach).unwrap();
        assert_eq!(graph, Graph::new(&x, reach).unwrap());
        // In another order of the points it has the same edges.
        let order = Random::new(3, &[]).choose(300, 300);
        let shuffled = DMatrix::from_fn(3, 300, |axis, at| x[(axis, order[at])]);
        let other = Graph::new(&shuffled, reach).unwrap();
        let mut edges: Vec<_> = other.iter().map(|(i, j)| (order[i], order[j])).collect();
        edges.sort_unstable();
        assert_eq!(graph.iter().collect::<Vec<_>>(), edges);
    }

    #[test]
    fn equal_distances_are_told_apart_by_index() {
        // Four corners about a centre, one neighbour each.
        let x = DMatrix::from_column_slice(
            3,
            5,
            &[
                0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0,
            ],
        );
        let reach = Reach {
            radius: 1.1,
            cap: 1,
        };
        let graph = Graph::new(&x, reach).unwrap();
        // The centre takes point 1; every corner takes the centre.
        assert_eq!(graph.edges(), 8);
        assert!(graph.iter().all(|(target, source)| target * source == 0));
    }

    #[test]
    fn bad_input_is_named() {
        let error = |radius, cap| {
            Graph::new(&cloud(3, 1), Reach { radius, cap })
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(0.0, 1),
            "reach.radius = 0: expected a positive length (m)"
        );
        assert_eq!(error(1.0, 0), "reach.cap = 0: expected at least 1");
        let mut x = cloud(3, 1);
        x[(1, 2)] = f64::NAN;
        let reach = Reach {
            radius: 0.1,
            cap: 3,
        };
        let error = Graph::new(&x, reach).unwrap_err().to_string();
        assert_eq!(
            error,
            "the position of a sample is not finite (sample 2); expected finite numbers"
        );
    }
}
