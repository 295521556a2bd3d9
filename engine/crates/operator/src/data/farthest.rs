//! Which particles an operator sees.

/// `count` particles that are far from each other: each next one is the farthest from those
/// before (Eldar, Lindenbaum, Porat & Zeevi 1997), the first is `first`. `x` holds positions (m),
/// three numbers a particle. Of particles that are equally far the one of the lowest index is
/// taken. All particles if there are no more than `count`. Every prefix of the answer is the
/// answer for its length. Takes `count` passes over the particles.
pub fn farthest_points(x: &[f32], count: usize, first: usize) -> Vec<usize> {
    let total = x.len() / 3;
    let count = count.min(total);
    let mut distance = vec![f32::INFINITY; total];
    let mut chosen = Vec::with_capacity(count);
    let mut next = first.min(total.saturating_sub(1));
    while chosen.len() < count {
        chosen.push(next);
        let centre = [x[3 * next], x[3 * next + 1], x[3 * next + 2]];
        let mut farthest = (0, -1.0_f32);
        for (index, (place, distance)) in x.chunks_exact(3).zip(&mut distance).enumerate() {
            let square = (0..3)
                .map(|axis| (place[axis] - centre[axis]).powi(2))
                .sum();
            *distance = distance.min(square);
            if *distance > farthest.1 {
                farthest = (index, *distance);
            }
        }
        next = farthest.0;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_come_first_and_none_comes_twice() {
        let mut x = Vec::new();
        for i in 0..27 {
            x.extend([i % 3, i / 3 % 3, i / 9].map(|k| k as f32));
        }
        let chosen = farthest_points(&x, 8, 0);
        assert_eq!(chosen[..2], [0, 26]);
        let mut sorted = farthest_points(&x, 100, 5);
        assert_eq!(sorted[0], 5);
        assert_eq!(sorted[..12], farthest_points(&x, 12, 5));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..27).collect::<Vec<_>>());
    }
}
