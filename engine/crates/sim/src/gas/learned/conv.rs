//! A convolution over the cells of a box.

/// A box of cells with channels, `values[channel][cell]`, x fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    /// Cells along each axis.
    pub cells: [usize; 3],
    /// One list of cells a channel.
    pub values: Vec<Vec<f64>>,
}

/// `y_o = b_o + sum_i sum_k w_oik x_i(. + k)` with three taps along every axis that has more than
/// one cell; beyond the box `x` is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
}

/// Offsets of the taps, and which of 27 weights they are. Axes with one cell have one tap.
fn taps(cells: [usize; 3]) -> Vec<([isize; 3], usize)> {
    let range = |axis: usize| if cells[axis] > 1 { -1..=1 } else { 0..=0 };
    let mut taps = Vec::new();
    for z in range(2) {
        for y in range(1) {
            for x in range(0) {
                let number = (x + 1) + 3 * ((y + 1) + 3 * (z + 1));
                taps.push(([x, y, z], number as usize));
            }
        }
    }
    taps
}

impl Maps {
    /// Zero.
    pub fn zero(cells: [usize; 3], channels: usize) -> Self {
        Self {
            cells,
            values: vec![vec![0.0; cells.iter().product()]; channels],
        }
    }
}

/// Calls `each` with every row of cells that has a row at an offset: where both start, and how
/// many cells they share.
fn rows(cells: [usize; 3], offset: [isize; 3], mut each: impl FnMut(usize, usize, usize)) {
    let [nx, ny, nz] = cells;
    let inside =
        |at: usize, by: isize, count: usize| at.checked_add_signed(by).filter(|&at| at < count);
    let low = (-offset[0]).max(0) as usize;
    let high = nx - offset[0].max(0) as usize;
    for k in 0..nz {
        let Some(from_k) = inside(k, offset[2], nz) else {
            continue;
        };
        for j in 0..ny {
            let Some(from_j) = inside(j, offset[1], ny) else {
                continue;
            };
            let to = low + nx * (j + ny * k);
            let from = low.wrapping_add_signed(offset[0]) + nx * (from_j + ny * from_k);
            each(to, from, high - low);
        }
    }
}

impl Conv {
    /// Number of its weights and biases.
    pub fn size(&self) -> usize {
        self.outputs * (27 * self.inputs + 1)
    }

    fn weight(&self, output: usize, input: usize, tap: usize) -> usize {
        (output * self.inputs + input) * 27 + tap
    }

    fn bias(&self, output: usize) -> usize {
        self.outputs * self.inputs * 27 + output
    }

    /// The convolution of `x`.
    pub fn apply(&self, weights: &[f64], x: &Maps) -> Maps {
        let mut y = Maps::zero(x.cells, self.outputs);
        let taps = taps(x.cells);
        for (output, y) in y.values.iter_mut().enumerate() {
            y.fill(weights[self.bias(output)]);
            for (input, x_values) in x.values.iter().enumerate() {
                for &(offset, tap) in &taps {
                    let weight = weights[self.weight(output, input, tap)];
                    rows(x.cells, offset, |to, from, count| {
                        let pairs = y[to..to + count]
                            .iter_mut()
                            .zip(&x_values[from..from + count]);
                        pairs.for_each(|(y, x)| *y += weight * x);
                    });
                }
            }
        }
        y
    }

    /// Adds the cotangents of the weights and returns those of `x`.
    pub fn apply_vjp(
        &self,
        weights: &[f64],
        x: &Maps,
        y_bar: &Maps,
        weights_bar: &mut [f64],
    ) -> Maps {
        let mut x_bar = Maps::zero(x.cells, self.inputs);
        let taps = taps(x.cells);
        for (output, bar) in y_bar.values.iter().enumerate() {
            weights_bar[self.bias(output)] += bar.iter().sum::<f64>();
            for input in 0..self.inputs {
                let (x_values, x_bar) = (&x.values[input], &mut x_bar.values[input]);
                for &(offset, tap) in &taps {
                    let index = self.weight(output, input, tap);
                    let (weight, mut sum) = (weights[index], 0.0);
                    rows(x.cells, offset, |to, from, count| {
                        let bar = &bar[to..to + count];
                        let x = &x_values[from..from + count];
                        let back = &mut x_bar[from..from + count];
                        for cell in 0..count {
                            sum += bar[cell] * x[cell];
                            back[cell] += weight * bar[cell];
                        }
                    });
                    weights_bar[index] += sum;
                }
            }
        }
        x_bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: f64, count: usize) -> Vec<f64> {
        (0..count).map(|i| (seed + 12.9 * i as f64).sin()).collect()
    }

    fn maps(seed: f64, cells: [usize; 3], channels: usize) -> Maps {
        let count = cells.iter().product();
        let values = (0..channels)
            .map(|c| numbers(seed + c as f64, count))
            .collect();
        Maps { cells, values }
    }

    fn dot(a: &Maps, b: &Maps) -> f64 {
        a.values
            .iter()
            .flatten()
            .zip(b.values.iter().flatten())
            .map(|(a, b)| a * b)
            .sum()
    }

    #[test]
    fn one_tap_copies_its_neighbour() {
        let conv = Conv {
            inputs: 1,
            outputs: 1,
        };
        let mut weights = vec![0.0; conv.size()];
        // The tap at x + 1.
        weights[14] = 2.0;
        let x = maps(1.0, [4, 3, 1], 1);
        let y = conv.apply(&weights, &x);
        assert_eq!(y.values[0][5], 2.0 * x.values[0][6]);
        assert_eq!(y.values[0][7], 0.0);
    }

    #[test]
    fn apply_vjp_is_the_transpose() {
        for cells in [[4, 5, 1], [3, 4, 5]] {
            let conv = Conv {
                inputs: 2,
                outputs: 3,
            };
            let (w, dw) = (numbers(0.3, conv.size()), numbers(0.7, conv.size()));
            let (x, dx, bar) = (
                maps(1.0, cells, 2),
                maps(2.0, cells, 2),
                maps(3.0, cells, 3),
            );
            // Linear in each: the tangent is the sum of two applications, less the bias.
            let mut along = conv.apply(&w, &dx);
            for (output, values) in along.values.iter_mut().enumerate() {
                let bias = w[conv.bias(output)];
                values.iter_mut().for_each(|value| *value -= bias);
            }
            let forward = dot(&along, &bar) + dot(&conv.apply(&dw, &x), &bar);
            let mut w_bar = vec![0.0; conv.size()];
            let x_bar = conv.apply_vjp(&w, &x, &bar, &mut w_bar);
            let backward =
                dot(&dx, &x_bar) + dw.iter().zip(&w_bar).map(|(a, b)| a * b).sum::<f64>();
            assert!(
                (forward - backward).abs() <= 1e-12 * forward.abs(),
                "{forward} {backward}"
            );
        }
    }
}
