//! A field at many points, and its adjoint.

use backflow_diff::Real;

use super::{field::Field, grid::Grid, spread::Spread, stencil::Reach, trace::Point};

/// `out = field(points)`, by trilinear interpolation; `points` lie as the samples of `out`,
/// ghosts of `field` must be filled.
pub fn sample<T: Real>(grid: &Grid, field: &Field<T>, points: &[Point<T>], out: &mut Field<T>) {
    let reach = Reach::new(grid, &field.layout);
    out.set(|_, index| reach.stencil(&points[index]).value(&field.data));
}

/// Adds the cotangents of the field, ghosts included, and of the points.
pub fn sample_vjp<T: Real>(
    grid: &Grid,
    field: &Field<T>,
    points: &[Point<T>],
    out_bar: &Field<T>,
    field_bar: &mut Field<T>,
    points_bar: &mut [Point<T>],
    spread: &mut Spread<T>,
) {
    let reach = Reach::new(grid, &field.layout);
    let targets = [field.layout];
    spread.run(
        &out_bar.layout,
        &targets,
        points_bar,
        |_, index, point_bar, slabs| {
            let bar = out_bar.data[index];
            if bar == T::zero() {
                return;
            }
            let stencil = reach.stencil(&points[index]);
            let gradient = stencil.gradient(&field.data);
            for (sum, slope) in point_bar.iter_mut().zip(gradient) {
                *sum += bar * slope;
            }
            for (entry, weight) in stencil.entries().into_iter().zip(stencil.weights()) {
                slabs[0].add(entry, bar * weight);
            }
        },
    );
    spread.collect(0, field_bar);
}
