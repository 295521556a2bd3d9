//! Which points hang together.

use super::Graph;

/// The connected component of each point, numbered by their first points, and their number.
pub fn components(graph: &Graph) -> (Vec<usize>, usize) {
    // A forest whose roots are the lowest indices of what hangs together.
    let mut parent: Vec<usize> = (0..graph.points).collect();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    for (target, source) in graph.iter() {
        let (a, b) = (root(&mut parent, target), root(&mut parent, source));
        parent[a.max(b)] = a.min(b);
    }
    let (mut numbers, mut count) = (vec![0; graph.points], 0);
    for point in 0..graph.points {
        let first = root(&mut parent, point);
        if first == point {
            numbers[point] = count;
            count += 1;
        } else {
            numbers[point] = numbers[first];
        }
    }
    (numbers, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_numbered_by_their_first_points() {
        let edges = [(0, 4), (1, 2), (2, 1), (4, 0), (4, 5), (5, 4)];
        let (targets, sources) = edges.into_iter().unzip();
        let graph = Graph {
            points: 6,
            sources,
            targets,
        };
        assert_eq!(components(&graph), (vec![0, 1, 1, 2, 0, 0], 3));
    }
}
