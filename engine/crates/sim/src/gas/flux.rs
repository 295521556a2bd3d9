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
mod tests {
    use super::*;
    use crate::gas::{
        boundary::{Ghost, scalar_ghosts},
        testing::{
            assert_close, box_grid, clean, dot, dual, dual_velocity, mixed_sides, noise,
            noise_velocity, tangent,
        },
    };

    /// Carried once from filled ghosts.
    fn carried<T: Real>(
        grid: &Grid,
        velocity: &Velocity<T>,
        field: &Field<T>,
        ghosts: Ghosts<T>,
        dt: f64,
    ) -> Field<T> {
        let mut to = [Field::zero(grid.centres())];
        let fields = std::slice::from_ref(field);
        let mut scratch = FluxScratch::new(grid);
        carry(grid, velocity, fields, &[ghosts], dt, &mut to, &mut scratch);
        let [to] = to;
        to
    }

    #[test]
    fn constants_stay_constant() {
        let grid = box_grid([6, 5, 4], [false, true, false]);
        let field = Field::constant(grid.centres(), 3.0);
        let ghosts = mixed_ghosts(&grid).map(|pair| {
            pair.map(|ghost| match ghost {
                Ghost::Affine { .. } => Ghost::copy(),
                periodic => periodic,
            })
        });
        let to = carried(&grid, &noise_velocity(1, &grid), &field, ghosts, grid.dx);
        assert!(to.samples().iter().all(|q| (q - 3.0).abs() < 1e-14));
    }

    #[test]
    fn values_stay_between_those_around() {
        let grid = box_grid([9, 7, 5], [true, false, true]);
        let ghosts = [
            [Ghost::Periodic; 2],
            [Ghost::copy(); 2],
            [Ghost::Periodic; 2],
        ];
        let mut q = noise(5, grid.centres());
        fill(&mut q, &ghosts);
        let bounds = |q: &Field<f64>| {
            let samples = q.samples();
            let fold = |start, join: fn(f64, f64) -> f64| samples.iter().copied().fold(start, join);
            [fold(f64::MAX, f64::min), fold(f64::MIN, f64::max)]
        };
        // With parts three times as long it would not hold.
        let to = carried(&grid, &noise_velocity(1, &grid), &q, ghosts, 2.0 * grid.dx);
        let ([least, most], [low, high]) = (bounds(&q), bounds(&to));
        assert!(least <= low && high <= most, "{low} {high}");
        assert!(high - low > 0.1 * (most - least));
    }

    #[test]
    fn sums_change_by_what_crosses_the_sides() {
        // The curl of a vector on edges has no divergence; axis 0 lets gas through.
        let grid = box_grid([7, 6, 5], [false, true, true]);
        let dx = grid.dx;
        let mut u: Velocity<f64> = Field::zero_velocity(&grid);
        for axis in 0..2 {
            let other = 1 - axis;
            let layout = u[axis].layout;
            let stream = |at: [usize; 3]| {
                let [x, y] = [at[0] as f64, at[1] as f64 % 6.0];
                (0.7 * x).sin() + (std::f64::consts::TAU * y / 6.0).cos() * (1.0 + 0.3 * x)
            };
            u[axis].set(|at, _| {
                let mut next = at;
                next[other] += 1;
                let sign = if axis == 0 { 1.0 } else { -1.0 };
                sign * (stream(next) - stream(at))
            });
            assert_eq!(u[axis].layout, layout);
        }
        let value = 0.4;
        let ghosts = [
            [Ghost::value(value), Ghost::value(value)],
            [Ghost::Periodic; 2],
            [Ghost::Periodic; 2],
        ];
        let mut q = noise(3, grid.centres());
        fill(&mut q, &ghosts);
        let total = |q: &Field<f64>| q.samples().iter().sum::<f64>();
        // A step of one part: the mean of the fluxes at its start and at its middle.
        let largest = (0..3).map(|axis| u[axis].largest()).fold(0.0, f64::max);
        let dt = 0.05 * dx / largest;
        let (count, part) = parts(&grid, &u, dt);
        assert_eq!(count, 1);
        let mut middle = Field::zero(grid.centres());
        stage(&grid, &u, &q, part, &mut middle);
        let through = |q: &Field<f64>| {
            let mut sum = 0.0;
            for k in 0..grid.cells[2] {
                for j in 0..grid.cells[1] {
                    for (i, cell, outward) in
                        [(0, 0, -1.0), (grid.cells[0], grid.cells[0] - 1, 1.0)]
                    {
                        let speed = outward * u[0].data[u[0].layout.index([i, j, k])];
                        let own = q.data[q.layout.index([cell, j, k])];
                        sum += speed * if speed > 0.0 { own } else { value };
                    }
                }
            }
            dt / dx * sum
        };
        let out = 0.5 * (through(&q) + through(&middle));
        let to = carried(&grid, &u, &q, ghosts, dt);
        assert!(out.abs() > 1e-3);
        assert!((total(&to) - total(&q) + out).abs() < 1e-12, "{out}");
    }

    #[test]
    fn a_wave_is_carried_to_the_second_order() {
        let off = |cells: usize| {
            let mut grid = box_grid([cells, 3, 3], [true; 3]);
            grid.dx = 1.0 / cells as f64;
            grid.origin = nalgebra::Vector3::zeros();
            let mut u = Field::zero_velocity(&grid);
            u[0] = Field::constant(u[0].layout, 1.0);
            let wave = |shift: f64| {
                Field::from_fn(&grid, grid.centres(), |x| {
                    (std::f64::consts::TAU * (x[0] - shift)).sin()
                })
            };
            let (ghosts, dt, mut q) = ([[Ghost::Periodic; 2]; 3], 0.25 * grid.dx, wave(0.0));
            for _ in 0..2 * cells {
                fill(&mut q, &ghosts);
                q = carried(&grid, &u, &q, ghosts, dt);
            }
            let exact = wave(0.5);
            let pairs = q.samples().into_iter().zip(exact.samples());
            let count = exact.layout.count() as f64;
            pairs.map(|(a, b): (f64, f64)| (a - b).abs()).sum::<f64>() / count
        };
        let order = (off(20) / off(40)).log2();
        assert!(order > 1.6, "{order}");
    }

    fn mixed_ghosts(grid: &Grid) -> Ghosts<f64> {
        scalar_ghosts(&mixed_sides(grid), 0)
    }

    #[test]
    fn carry_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([6, 5, 9], periodic);
            let sides = mixed_sides(&grid);
            let layout = grid.centres();
            let (u, u_direction) = (noise_velocity(1, &grid), noise_velocity(9, &grid));
            let ghosts: Vec<_> = (0..2).map(|index| scalar_ghosts(&sides, index)).collect();
            let ghosts_dual: Vec<_> = ghosts
                .iter()
                .map(|ghosts: &Ghosts<f64>| {
                    ghosts.map(|pair| {
                        pair.map(|ghost| match ghost {
                            Ghost::Periodic => Ghost::Periodic,
                            Ghost::Affine { factor, offset } => Ghost::Affine {
                                factor: factor.into(),
                                offset: offset.into(),
                            },
                        })
                    })
                })
                .collect();
            let fields = [noise(20, layout), noise(21, layout)];
            let directions = [noise(22, layout), noise(23, layout)];
            let moved: Vec<_> = (0..2)
                .map(|i| {
                    let mut field = dual(&fields[i], &directions[i]);
                    fill(&mut field, &ghosts_dual[i]);
                    field
                })
                .collect();
            let filled: Vec<_> = (0..2)
                .map(|i| {
                    let mut field = fields[i].clone();
                    fill(&mut field, &ghosts[i]);
                    field
                })
                .collect();
            let bars: Vec<_> = (24..26).map(|seed| clean(&noise(seed, layout))).collect();
            for dt in [0.1 * grid.dx, 1.3 * grid.dx] {
                let mut to = vec![Field::zero(layout); 2];
                let flow = dual_velocity(&u, &u_direction);
                let mut scratch = FluxScratch::new(&grid);
                carry(
                    &grid,
                    &flow,
                    &moved,
                    &ghosts_dual,
                    dt,
                    &mut to,
                    &mut scratch,
                );
                let forward: f64 = (0..2).map(|i| dot(&tangent(&to[i]), &bars[i])).sum();
                let mut u_bar = Field::zero_velocity(&grid);
                let mut fields_bar = vec![Field::zero(layout); 2];
                let mut values = vec![[[0.0; 2]; 3]; 2];
                let (mut scratch, mut spread) = (FluxScratch::new(&grid), Spread::default());
                carry_vjp(
                    &grid,
                    &u,
                    &filled,
                    &ghosts,
                    dt,
                    &bars,
                    &mut u_bar,
                    &mut fields_bar,
                    &mut values,
                    &mut scratch,
                    &mut spread,
                );
                for (bar, ghosts) in fields_bar.iter_mut().zip(&ghosts) {
                    fill_vjp(bar, ghosts);
                }
                let backward: f64 = (0..3).map(|a| dot(&u_direction[a], &u_bar[a])).sum::<f64>()
                    + (0..2)
                        .map(|i| dot(&directions[i], &clean(&fields_bar[i])))
                        .sum::<f64>();
                assert_close(forward, backward);
            }
        }
    }
}
