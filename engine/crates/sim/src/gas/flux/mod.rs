//! Scalars carried in flux form: what leaves a cell enters its neighbour, so that sums are kept.

use backflow_diff::Real;

use super::{
    boundary::{Ghosts, fill, fill_vjp},
    field::{Field, Velocity, reduce},
    grid::{Grid, Layout},
    spread::Spread,
};

/// Share of a cell that may flow out of it in a part of a step: with more a value could leave the
/// range of those around it.
const SHARE: f64 = 0.5;

/// Memory of [`carry`]; it grows where a step has more parts than any before.
#[derive(Debug, Clone)]
pub struct FluxScratch<T: Real> {
    /// Half-way through a part.
    middle: Field<T>,
    middle_bar: Field<T>,
    /// At the end of a part, and its cotangent.
    end: Field<T>,
    end_bar: Field<T>,
    /// At the start of every part.
    starts: Vec<Field<T>>,
}

impl<T: Real> FluxScratch<T> {
    /// For fields at the centres of a grid.
    pub fn new(grid: &Grid) -> Self {
        let field = || Field::zero(grid.centres());
        Self {
            middle: field(),
            middle_bar: field(),
            end: field(),
            end_bar: field(),
            starts: Vec::new(),
        }
    }
}

/// `to = fields` carried along `velocity` for `dt` seconds: finite volumes with the slopes of van
/// Leer (1974), harmonic means that vanish at extrema, and Heun's method, which keeps values in the
/// range of those around them (Shu & Osher 1988), in as many parts as that takes. A cell changes by
/// `-sum u (q_face - q)`: a constant stays one, and where the velocity is free of divergence sums
/// change by what crosses the sides alone.
///
/// Ghosts of `velocity` and `fields` must be filled, those of `to` are not. Gas that comes in has
/// the value at the side; gas that goes out, that of the last cell.
pub fn carry<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    fields: &[Field<T>],
    ghosts: &[Ghosts<T>],
    dt: f64,
    to: &mut [Field<T>],
    scratch: &mut FluxScratch<T>,
) {
    let (count, part) = parts(grid, velocity, dt);
    for ((field, ghosts), to) in fields.iter().zip(ghosts).zip(to) {
        to.copy_from(field);
        for index in 0..count {
            if index > 0 {
                fill(to, ghosts);
            }
            heun(grid, velocity, to, ghosts, part, scratch);
            std::mem::swap(to, &mut scratch.end);
        }
    }
}

/// Adds the cotangents of the velocity and of the fields, ghosts included, and of the values at the
/// sides, for `to_bar`. Slopes have a kink where they vanish at an extremum, and faces where gas
/// turns round; the number of parts has no derivative.
pub fn carry_vjp<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    fields: &[Field<T>],
    ghosts: &[Ghosts<T>],
    dt: f64,
    to_bar: &[Field<T>],
    velocity_bar: &mut Velocity<T>,
    fields_bar: &mut [Field<T>],
    ghosts_bar: &mut [[[f64; 2]; 3]],
    scratch: &mut FluxScratch<T>,
    spread: &mut Spread<T>,
) {
    let (count, part) = parts(grid, velocity, dt);
    while scratch.starts.len() < count {
        scratch.starts.push(Field::zero(grid.centres()));
    }
    let each = fields.iter().zip(ghosts).zip(ghosts_bar);
    for (((field, ghosts), ghosts_bar), (to_bar, field_bar)) in
        each.zip(to_bar.iter().zip(fields_bar))
    {
        let mut starts = std::mem::take(&mut scratch.starts);
        starts[0].copy_from(field);
        for index in 1..count {
            heun(grid, velocity, &starts[index - 1], ghosts, part, scratch);
            std::mem::swap(&mut starts[index], &mut scratch.end);
            fill(&mut starts[index], ghosts);
        }
        let mut add = |values: [[f64; 2]; 3]| {
            for (sums, values) in ghosts_bar.iter_mut().zip(values) {
                sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
            }
        };
        scratch.end_bar.copy_from(to_bar);
        for (index, start) in starts[..count].iter().enumerate().rev() {
            // The end is the mean of the start and of two steps of Euler's after it.
            stage(grid, velocity, start, part, &mut scratch.middle);
            fill(&mut scratch.middle, ghosts);
            let FluxScratch {
                middle,
                middle_bar,
                end,
                end_bar,
                ..
            } = &mut *scratch;
            end_bar.update(|_, _, bar| *bar *= T::of(0.5));
            middle_bar.clear();
            stage_vjp(
                grid,
                velocity,
                middle,
                part,
                end_bar,
                velocity_bar,
                middle_bar,
                spread,
            );
            add(fill_vjp(middle_bar, ghosts));
            // Of the start, which has its share of the mean besides.
            let start_bar = end;
            start_bar.clear();
            start_bar.update(|_, entry, bar| *bar = end_bar.data[entry]);
            stage_vjp(
                grid,
                velocity,
                start,
                part,
                middle_bar,
                velocity_bar,
                start_bar,
                spread,
            );
            if index > 0 {
                add(fill_vjp(start_bar, ghosts));
                std::mem::swap(end_bar, start_bar);
            } else {
                field_bar.add(start_bar);
            }
        }
        scratch.starts = starts;
    }
}

/// Into how many parts a step is cut, and their duration over the edge of a cell (s/m).
fn parts<T: Real>(grid: &Grid, velocity: &Velocity<T>, dt: f64) -> (usize, T) {
    let lines = Line::all(grid);
    let centres = grid.centres();
    let out = |at: [usize; 3], _: usize| {
        (0..3).fold(0.0, |sum, axis| {
            let (low, high) = lines[axis].faces(at);
            let u = |face: usize| velocity[axis].data[face].to_f64();
            sum + u(high).max(0.0) - u(low).min(0.0)
        })
    };
    let most = reduce(&centres, out, 0.0, f64::max);
    let cells = dt / grid.dx;
    let count = (most * cells / SHARE * (1.0 - 1e-12)).ceil().max(1.0);
    (count as usize, T::of(cells / count))
}

/// A part of a step, to `scratch.end`.
fn heun<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    from: &Field<T>,
    ghosts: &Ghosts<T>,
    part: T,
    scratch: &mut FluxScratch<T>,
) {
    let FluxScratch { middle, end, .. } = scratch;
    stage(grid, velocity, from, part, middle);
    fill(middle, ghosts);
    stage(grid, velocity, middle, part, end);
    end.update(|_, entry, value| *value = T::of(0.5) * (from.data[entry] + *value));
}

/// A step of Euler's.
fn stage<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    from: &Field<T>,
    part: T,
    to: &mut Field<T>,
) {
    let lines = Line::all(grid);
    to.set(|at, entry| {
        let own = from.data[entry];
        let mut rate = T::zero();
        for axis in 0..3 {
            let line = &lines[axis];
            let (low, high) = line.faces(at);
            let (u, v) = (velocity[axis].data[low], velocity[axis].data[high]);
            let below = line.face(&from.data, at, entry, at[axis], u);
            let above = line.face(&from.data, at, entry, at[axis] + 1, v);
            rate += v * (above.value - own) - u * (below.value - own);
        }
        own - part * rate
    });
}

/// Adds the cotangents of the velocity and of `from`, ghosts included. Ghosts of `to_bar` are not
/// read.
fn stage_vjp<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    from: &Field<T>,
    part: T,
    to_bar: &Field<T>,
    velocity_bar: &mut Velocity<T>,
    from_bar: &mut Field<T>,
    spread: &mut Spread<T>,
) {
    from_bar.update(|_, entry, bar| *bar += to_bar.data[entry]);
    let centres = grid.centres();
    for (axis, line) in Line::all(grid).iter().enumerate() {
        let faces = &velocity[axis];
        let (layout, own) = (faces.layout, &mut velocity_bar[axis].data);
        spread.run(&layout, &[centres], own, |mut at, index, own, slabs| {
            let u = faces.data[index];
            let i = at[axis];
            at[axis] = 0;
            let first = centres.index(at);
            at[axis] = i;
            let [_, low, high, _] = line.around(first, i);
            let face = line.face(&from.data, at, first + i * line.stride, i, u);
            let bar = |inside: bool, entry: usize| {
                if inside {
                    to_bar.data[entry]
                } else {
                    T::zero()
                }
            };
            let below = bar(line.periodic || i > 0, low);
            let above = bar(line.periodic || i < line.count, high);
            let by = |entry: usize| face.value - from.data[entry];
            *own += part * (above * by(high) - below * by(low));
            let flow = part * u;
            let value_bar = flow * (above - below);
            for (entry, slope) in face.entries.into_iter().zip(face.slopes) {
                slabs[0].add(entry, value_bar * slope);
            }
            slabs[0].add(low, flow * below);
            slabs[0].add(high, -flow * above);
        });
        spread.collect(0, from_bar);
    }
}

/// The cells and faces along an axis.
struct Line {
    axis: usize,
    count: usize,
    periodic: bool,
    /// Distance of neighbouring cells in the array.
    stride: usize,
    faces: Layout,
}

/// A quantity at a face, and the entries that it follows from, with its slopes by them.
struct Face<T> {
    value: T,
    entries: [usize; 3],
    slopes: [T; 3],
}

impl Line {
    fn all(grid: &Grid) -> [Self; 3] {
        let (faces, strides) = (grid.faces(), grid.centres().strides());
        [0, 1, 2].map(|axis| Self {
            axis,
            count: grid.cells[axis],
            periodic: grid.periodic[axis],
            stride: strides[axis],
            faces: faces[axis],
        })
    }

    /// Entries of the faces below and above cell `at`.
    #[inline(always)]
    fn faces(&self, mut at: [usize; 3]) -> (usize, usize) {
        let low = self.faces.index(at);
        at[self.axis] += 1;
        if self.periodic && at[self.axis] == self.count {
            at[self.axis] = 0;
        }
        (low, self.faces.index(at))
    }

    /// Entries of the two cells below and the two above face `i` of the line whose cell 0 has entry
    /// `first`. At a side those next to the face are a cell and a ghost; those beyond mean nothing.
    #[inline(always)]
    fn around(&self, first: usize, i: usize) -> [usize; 4] {
        if self.periodic {
            let n = self.count;
            return [2, 1, 0, -1_isize].map(|back| {
                let cell = (i + 2 * n).wrapping_add_signed(-back) % n;
                first + cell * self.stride
            });
        }
        let high = first + i * self.stride;
        let lower = high - (i + 1).min(2) * self.stride;
        let higher = high + usize::from(i < self.count) * self.stride;
        [lower, high - self.stride, high, higher]
    }

    /// The quantity at face `i` of the line of `entry`, where gas moves at `u`.
    #[inline(always)]
    fn face<T: Real>(&self, data: &[T], at: [usize; 3], entry: usize, i: usize, u: T) -> Face<T> {
        let first = entry - at[self.axis] * self.stride;
        let [lower, low, high, higher] = self.around(first, i);
        let up = u > T::zero();
        let side = !self.periodic && (i == 0 || i == self.count);
        let (from, to, behind) = if up {
            (low, high, lower)
        } else {
            (high, low, higher)
        };
        if side {
            let half = T::of(0.5);
            return if up == (i == 0) {
                Face {
                    value: half * (data[low] + data[high]),
                    entries: [low, high, high],
                    slopes: [half, half, T::zero()],
                }
            } else {
                Face {
                    value: data[from],
                    entries: [from, from, from],
                    slopes: [T::one(), T::zero(), T::zero()],
                }
            };
        }
        let (a, b) = (data[from] - data[behind], data[to] - data[from]);
        let (rise, by_a, by_b) = harmonic(a, b);
        Face {
            value: data[from] + rise,
            entries: [behind, from, to],
            slopes: [-by_a, T::one() + by_a - by_b, by_b],
        }
    }
}

/// Half of the harmonic mean of two rises of one sign, else zero; and its slopes.
#[inline(always)]
fn harmonic<T: Real>(a: T, b: T) -> (T, T, T) {
    if a * b > T::zero() {
        let (p, q) = (a / (a + b), b / (a + b));
        (a * q, q * q, p * p)
    } else {
        (T::zero(), T::zero(), T::zero())
    }
}

#[cfg(test)]
mod tests;
