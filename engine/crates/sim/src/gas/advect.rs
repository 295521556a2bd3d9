//! Quantities carried along by the flow.

use backflow_diff::Real;

use super::{
    boundary::{Ghosts, fill, fill_vjp},
    field::{Field, Velocity},
    grid::{Grid, Layout, Place},
    sample::{sample, sample_vjp},
    spread::Spread,
    stencil::Reach,
    trace::{Point, trace, trace_vjp},
};

/// How quantities are carried along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Semi-Lagrangian (Stam 1999): first order, smears, never overshoots.
    SemiLagrangian,
    /// MacCormack (Selle, Fedkiw, Kim, Liu & Rossignac 2008): second order; half of the error
    /// of a step there and back is taken off.
    MacCormack {
        /// Whether the result is kept between the least and the greatest of the eight samples
        /// that it came from.
        limited: bool,
    },
}

/// Memory of the advection of fields of one layout.
#[derive(Debug, Clone)]
pub struct AdvectScratch<T: Real> {
    /// Where the gas came from and where it goes.
    before: Vec<Point<T>>,
    after: Vec<Point<T>>,
    before_bar: Vec<Point<T>>,
    after_bar: Vec<Point<T>>,
    /// The semi-Lagrangian result, and the same carried back.
    first: Field<T>,
    returned: Field<T>,
    first_bar: Field<T>,
    returned_bar: Field<T>,
}

impl<T: Real> Default for AdvectScratch<T> {
    fn default() -> Self {
        let layout = Layout {
            place: Place::Centre,
            shape: [0; 3],
        };
        let field = || Field::zero(layout);
        Self {
            before: Vec::new(),
            after: Vec::new(),
            before_bar: Vec::new(),
            after_bar: Vec::new(),
            first: field(),
            returned: field(),
            first_bar: field(),
            returned_bar: field(),
        }
    }
}

impl<T: Real> AdvectScratch<T> {
    /// Makes room for fields of a layout; memory is kept.
    fn fit(&mut self, layout: Layout) {
        let size = layout.size();
        for points in [
            &mut self.before,
            &mut self.after,
            &mut self.before_bar,
            &mut self.after_bar,
        ] {
            points.resize(size, [T::zero(); 3]);
        }
        for field in [
            &mut self.first,
            &mut self.returned,
            &mut self.first_bar,
            &mut self.returned_bar,
        ] {
            field.layout = layout;
            field.data.resize(size, T::zero());
        }
    }
}

/// `to = fields` carried along `velocity` for `dt` seconds; all fields lie alike, each has
/// its own `ghosts`. Ghosts of what is read must be filled, those of `to` are not.
pub fn advect<T: Real>(
    grid: &Grid,
    scheme: Scheme,
    velocity: &Velocity<T>,
    fields: &[Field<T>],
    ghosts: &[Ghosts<T>],
    dt: f64,
    to: &mut [Field<T>],
    scratch: &mut AdvectScratch<T>,
) {
    let Some(layout) = fields.first().map(|field| field.layout) else {
        return;
    };
    scratch.fit(layout);
    trace(grid, velocity, &layout, dt, &mut scratch.before);
    if scheme == Scheme::SemiLagrangian {
        for (field, to) in fields.iter().zip(to) {
            sample(grid, field, &scratch.before, to);
        }
        return;
    }
    trace(grid, velocity, &layout, -dt, &mut scratch.after);
    for ((field, ghosts), to) in fields.iter().zip(ghosts).zip(to) {
        there_and_back(grid, field, ghosts, scratch);
        correct(grid, scheme, field, scratch, to);
    }
}

/// Adds the cotangents of the velocity and of the fields, ghosts included, for `to_bar`.
/// `to_bar` is left as it is.
pub fn advect_vjp<T: Real>(
    grid: &Grid,
    scheme: Scheme,
    velocity: &Velocity<T>,
    fields: &[Field<T>],
    ghosts: &[Ghosts<T>],
    dt: f64,
    to_bar: &[Field<T>],
    velocity_bar: &mut Velocity<T>,
    fields_bar: &mut [Field<T>],
    ghosts_bar: &mut [[[f64; 2]; 3]],
    scratch: &mut AdvectScratch<T>,
    spread: &mut Spread<T>,
) {
    let Some(layout) = fields.first().map(|field| field.layout) else {
        return;
    };
    scratch.fit(layout);
    trace(grid, velocity, &layout, dt, &mut scratch.before);
    scratch.before_bar.fill([T::zero(); 3]);
    if scheme == Scheme::SemiLagrangian {
        for ((field, bar), field_bar) in fields.iter().zip(to_bar).zip(fields_bar) {
            let (points, points_bar) = (&scratch.before, &mut scratch.before_bar);
            sample_vjp(grid, field, points, bar, field_bar, points_bar, spread);
        }
    } else {
        trace(grid, velocity, &layout, -dt, &mut scratch.after);
        scratch.after_bar.fill([T::zero(); 3]);
        let each = fields
            .iter()
            .zip(ghosts)
            .zip(ghosts_bar)
            .zip(to_bar)
            .zip(fields_bar);
        for ((((field, ghosts), ghosts_bar), bar), field_bar) in each {
            there_and_back(grid, field, ghosts, scratch);
            correct_vjp(grid, scheme, field, bar, field_bar, scratch, spread);
            let AdvectScratch {
                before,
                after,
                before_bar,
                after_bar,
                first,
                first_bar,
                returned_bar,
                ..
            } = &mut *scratch;
            sample_vjp(
                grid,
                first,
                after,
                returned_bar,
                first_bar,
                after_bar,
                spread,
            );
            let values = fill_vjp(first_bar, ghosts);
            for axis in 0..3 {
                for side in 0..2 {
                    ghosts_bar[axis][side] += values[axis][side];
                }
            }
            sample_vjp(
                grid, field, before, first_bar, field_bar, before_bar, spread,
            );
        }
        let after_bar = &mut scratch.after_bar;
        trace_vjp(
            grid,
            velocity,
            &layout,
            -dt,
            after_bar,
            velocity_bar,
            spread,
        );
    }
    let before_bar = &mut scratch.before_bar;
    trace_vjp(
        grid,
        velocity,
        &layout,
        dt,
        before_bar,
        velocity_bar,
        spread,
    );
}

/// The semi-Lagrangian result, and the same carried back.
fn there_and_back<T: Real>(
    grid: &Grid,
    field: &Field<T>,
    ghosts: &Ghosts<T>,
    scratch: &mut AdvectScratch<T>,
) {
    sample(grid, field, &scratch.before, &mut scratch.first);
    fill(&mut scratch.first, ghosts);
    sample(grid, &scratch.first, &scratch.after, &mut scratch.returned);
}

/// What [`correct`] made of a sample.
enum Corrected<T> {
    /// The corrected value.
    Free(T),
    /// The entry that it was limited to.
    Held(usize),
}

/// `first + (field - returned) / 2` at one sample, or the extreme entry around `before` that
/// it would pass; of equal entries the first.
#[inline(always)]
fn corrected<T: Real>(
    scheme: Scheme,
    reach: &Reach<T>,
    field: &Field<T>,
    scratch: &AdvectScratch<T>,
    index: usize,
) -> Corrected<T> {
    let error = field.data[index] - scratch.returned.data[index];
    let value = scratch.first.data[index] + T::of(0.5) * error;
    if scheme == (Scheme::MacCormack { limited: true }) {
        let entries = reach.stencil(&scratch.before[index]).entries();
        let (mut least, mut most) = (entries[0], entries[0]);
        for entry in entries {
            if field.data[entry] < field.data[least] {
                least = entry;
            }
            if field.data[entry] > field.data[most] {
                most = entry;
            }
        }
        if value < field.data[least] {
            return Corrected::Held(least);
        }
        if value > field.data[most] {
            return Corrected::Held(most);
        }
    }
    Corrected::Free(value)
}

fn correct<T: Real>(
    grid: &Grid,
    scheme: Scheme,
    field: &Field<T>,
    scratch: &AdvectScratch<T>,
    to: &mut Field<T>,
) {
    let reach = Reach::new(grid, &field.layout);
    to.set(
        |_, index| match corrected(scheme, &reach, field, scratch, index) {
            Corrected::Free(value) => value,
            Corrected::Held(entry) => field.data[entry],
        },
    );
}

/// Writes the cotangents of the two passes to `scratch`, adds those of the field. A limited
/// sample depends on the entry that limits it alone.
fn correct_vjp<T: Real>(
    grid: &Grid,
    scheme: Scheme,
    field: &Field<T>,
    bar: &Field<T>,
    field_bar: &mut Field<T>,
    scratch: &mut AdvectScratch<T>,
    spread: &mut Spread<T>,
) {
    let reach = Reach::new(grid, &field.layout);
    let mut returned_bar = std::mem::take(&mut scratch.returned_bar.data);
    returned_bar.fill(T::zero());
    let half = T::of(0.5);
    let known = &*scratch;
    spread.run(
        &field.layout,
        &[field.layout],
        &mut returned_bar,
        |_, index, own, slabs| {
            let bar = bar.data[index];
            match corrected(scheme, &reach, field, known, index) {
                Corrected::Free(_) => {
                    slabs[0].add(index, half * bar);
                    *own = -half * bar;
                }
                Corrected::Held(entry) => slabs[0].add(entry, bar),
            }
        },
    );
    spread.collect(0, field_bar);
    // What was not limited has the whole cotangent in the first pass, the rest none.
    scratch.first_bar.clear();
    let returned = &returned_bar;
    scratch
        .first_bar
        .set(|_, index| returned[index] * T::of(-2.0));
    scratch.returned_bar.data = returned_bar;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{
        boundary::{Ghost, scalar_ghosts},
        testing::{
            assert_close, box_grid, dot, dual, dual_ghosts, dual_velocity, mixed_sides, noise,
            noise_velocity, tangent,
        },
    };

    const SCHEMES: [Scheme; 3] = [
        Scheme::SemiLagrangian,
        Scheme::MacCormack { limited: false },
        Scheme::MacCormack { limited: true },
    ];

    #[test]
    fn constants_stay_constant() {
        let grid = box_grid([6, 5, 4], [false; 3]);
        let ghosts = [[[Ghost::copy(); 2]; 3]];
        let field = [Field::constant(grid.centres(), 3.0)];
        for scheme in SCHEMES {
            let mut to = [Field::zero(grid.centres())];
            let u = noise_velocity(1, &grid);
            let dt = grid.dx;
            let mut scratch = AdvectScratch::default();
            advect(
                &grid,
                scheme,
                &u,
                &field,
                &ghosts,
                dt,
                &mut to,
                &mut scratch,
            );
            assert!(to[0].samples().iter().all(|q| (q - 3.0).abs() < 1e-15));
        }
    }

    #[test]
    fn limited_values_stay_between_those_around() {
        let grid = box_grid([9, 7, 5], [true; 3]);
        let ghosts = [[[Ghost::Periodic; 2]; 3]];
        let mut q = noise(5, grid.centres());
        fill(&mut q, &ghosts[0]);
        let (least, most) = q
            .data
            .iter()
            .fold((f64::MAX, f64::MIN), |(a, b), &q| (a.min(q), b.max(q)));
        for (scheme, kept) in [(SCHEMES[1], false), (SCHEMES[2], true)] {
            let mut to = [Field::zero(grid.centres())];
            let (u, fields) = (noise_velocity(1, &grid), [q.clone()]);
            let mut scratch = AdvectScratch::default();
            advect(
                &grid,
                scheme,
                &u,
                &fields,
                &ghosts,
                grid.dx,
                &mut to,
                &mut scratch,
            );
            let inside = to[0].samples().iter().all(|q| (least..=most).contains(q));
            assert_eq!(inside, kept);
        }
    }

    #[test]
    fn advect_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([6, 5, 9], periodic);
            let sides = mixed_sides(&grid);
            let layout = grid.centres();
            let (u, u_direction) = (noise_velocity(1, &grid), noise_velocity(9, &grid));
            let fields = [noise(20, layout), noise(21, layout)];
            let directions = [noise(22, layout), noise(23, layout)];
            let bars = [noise(24, layout), noise(25, layout)];
            let ghosts: Vec<_> = (0..2).map(|index| scalar_ghosts(&sides, index)).collect();
            let ghosts_dual: Vec<_> = ghosts.iter().map(dual_ghosts).collect();
            let dt = 1.3 * grid.dx;
            for scheme in SCHEMES {
                let moved: Vec<_> = (0..2).map(|i| dual(&fields[i], &directions[i])).collect();
                let mut to = vec![Field::zero(layout); 2];
                let flow = dual_velocity(&u, &u_direction);
                let mut scratch = AdvectScratch::default();
                advect(
                    &grid,
                    scheme,
                    &flow,
                    &moved,
                    &ghosts_dual,
                    dt,
                    &mut to,
                    &mut scratch,
                );
                // Ghosts of the result are not set.
                let inside = |field: &Field<f64>| {
                    let mut clean = Field::zero(layout);
                    clean.set_samples(&field.samples());
                    clean
                };
                let forward: f64 = (0..2)
                    .map(|i| dot(&tangent(&to[i]), &inside(&bars[i])))
                    .sum();
                let mut u_bar = Field::zero_velocity(&grid);
                let mut fields_bar = vec![Field::zero(layout); 2];
                let mut values = vec![[[0.0; 2]; 3]; 2];
                let (mut scratch, mut spread) = (AdvectScratch::default(), Spread::default());
                let bars: Vec<_> = bars.iter().map(inside).collect();
                advect_vjp(
                    &grid,
                    scheme,
                    &u,
                    &fields,
                    &ghosts,
                    dt,
                    &bars,
                    &mut u_bar,
                    &mut fields_bar,
                    &mut values,
                    &mut scratch,
                    &mut spread,
                );
                let backward: f64 = (0..3).map(|a| dot(&u_direction[a], &u_bar[a])).sum::<f64>()
                    + (0..2)
                        .map(|i| dot(&directions[i], &fields_bar[i]))
                        .sum::<f64>();
                assert_close(forward, backward);
            }
        }
    }
}
