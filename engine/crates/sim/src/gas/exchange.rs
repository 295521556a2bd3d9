//! What particles are to the gas, and what the gas does to particles.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    boundary::{Ghost, Ghosts, fill, fill_vjp},
    drag::{Matter, MatterBar},
    field::{Field, Velocity},
    grid::Grid,
    stencil::{Reach, Stencil},
};

/// How matter and gas push each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coupling<T: Real> {
    /// Drag on a volume of matter for each unit of velocity that it is slower than the gas
    /// (kg/(m^3 s)).
    pub drag: T,
    /// Greatest share of a face that matter may take (1).
    pub share: T,
    /// Mass density of the gas (kg/m^3).
    pub density: T,
}

/// A piece of matter as the gas meets it. Its cotangent has the same type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grain<T: Real> {
    /// Where it is (m).
    pub x: Vector3<T>,
    /// Its velocity (m/s).
    pub v: Vector3<T>,
    /// Its volume (m^3).
    pub volume: T,
    /// Its mass density (kg/m^3).
    pub density: T,
}

impl<T: Real> Grain<T> {
    /// Zero, as a cotangent.
    pub fn zero() -> Self {
        Self {
            x: Vector3::zeros(),
            v: Vector3::zeros(),
            volume: T::zero(),
            density: T::zero(),
        }
    }
}

/// What matter takes of every face, before it is bounded: volume over that of a cell (1), and
/// velocity times that (m/s).
#[derive(Debug, Clone, PartialEq)]
pub struct Load<T: Real> {
    /// `alpha = sum w V / dx^3`.
    pub alpha: Velocity<T>,
    /// `sum w V v / dx^3`.
    pub flow: Velocity<T>,
}

/// Share of matter below which its velocity is that of nothing.
const FAINT: f64 = 1e-12;

/// Ghosts take what falls beyond the last samples.
pub(super) fn ghosts<T: Real>(grid: &Grid) -> Ghosts<T> {
    grid.periodic.map(|periodic| {
        [if periodic {
            Ghost::Periodic
        } else {
            Ghost::copy()
        }; 2]
    })
}

/// The stencil of a grain on the faces normal to an axis.
fn stencil<T: Real>(grid: &Grid, reach: &Reach<T>, grain: &Grain<T>) -> Stencil<T> {
    let cells = [0, 1, 2].map(|axis| (grain.x[axis] - T::of(grid.origin[axis])) / T::of(grid.dx));
    reach.stencil(&cells)
}

fn reaches<T: Real>(grid: &Grid) -> [Reach<T>; 3] {
    grid.faces().map(|layout| Reach::new(grid, &layout))
}

/// Spreads grains over the faces around them, by the weights of trilinear interpolation.
pub fn load<T: Real>(grid: &Grid, grains: &[Grain<T>]) -> Load<T> {
    let (reach, cell) = (reaches(grid), T::of(grid.dx.powi(3)));
    let mut load = Load {
        alpha: Field::zero_velocity(grid),
        flow: Field::zero_velocity(grid),
    };
    for grain in grains {
        let share = grain.volume / cell;
        for axis in 0..3 {
            let stencil = stencil(grid, &reach[axis], grain);
            for (entry, weight) in stencil.entries().into_iter().zip(stencil.weights()) {
                let part = weight * share;
                load.alpha[axis].data[entry] += part;
                load.flow[axis].data[entry] += part * grain.v[axis];
            }
        }
    }
    let ghosts = ghosts(grid);
    for field in load.alpha.iter_mut().chain(&mut load.flow) {
        // What falls on ghosts belongs to the samples beside them.
        fill_vjp(field, &ghosts);
    }
    load
}

/// Adds the cotangents of the grains.
pub fn load_vjp<T: Real>(
    grid: &Grid,
    grains: &[Grain<T>],
    bar: &mut Load<T>,
    grains_bar: &mut [Grain<T>],
) {
    let (reach, cell) = (reaches(grid), T::of(grid.dx.powi(3)));
    let ghosts = ghosts(grid);
    for field in bar.alpha.iter_mut().chain(&mut bar.flow) {
        fill(field, &ghosts);
    }
    for (grain, grain_bar) in grains.iter().zip(grains_bar) {
        let share = grain.volume / cell;
        for axis in 0..3 {
            let stencil = stencil(grid, &reach[axis], grain);
            let (alpha, flow) = (&bar.alpha[axis].data, &bar.flow[axis].data);
            let (of_alpha, of_flow) = (stencil.value(alpha), stencil.value(flow));
            grain_bar.volume += (of_alpha + grain.v[axis] * of_flow) / cell;
            grain_bar.v[axis] += share * of_flow;
            let (by_alpha, by_flow) = (stencil.gradient(alpha), stencil.gradient(flow));
            for along in 0..3 {
                let slope = by_alpha[along] + grain.v[axis] * by_flow[along];
                grain_bar.x[along] += share * slope / T::of(grid.dx);
            }
        }
    }
}

/// What the gas is told of matter: its share of each face, at most that of the coupling, its
/// velocity, and how fast gas takes that: `k alpha / (rho (1 - alpha))`.
///
/// Where the share is bounded, its derivative is zero.
pub fn matter<T: Real>(grid: &Grid, coupling: &Coupling<T>, load: &Load<T>) -> Matter<T> {
    let mut matter = Matter::nothing(grid);
    for axis in 0..3 {
        let (alpha, flow) = (&load.alpha[axis].data, &load.flow[axis].data);
        let (share, carried) = (
            &mut matter.occupied.share[axis],
            &mut matter.occupied.carried[axis],
        );
        share.set(|_, index| T::one() - alpha[index].min(coupling.share));
        carried.set(|_, index| {
            let (taken, velocity) = taken(coupling, alpha[index], flow[index]);
            taken * velocity
        });
        matter.velocity[axis].set(|_, index| taken(coupling, alpha[index], flow[index]).1);
        matter.rate[axis].set(|_, index| {
            let taken = alpha[index].min(coupling.share);
            coupling.drag * alpha[index] / (coupling.density * (T::one() - taken))
        });
    }
    matter
}

/// Share and velocity of matter at a face.
#[inline(always)]
fn taken<T: Real>(coupling: &Coupling<T>, alpha: T, flow: T) -> (T, T) {
    let velocity = if alpha > T::of(FAINT) {
        flow / alpha
    } else {
        T::zero()
    };
    (alpha.min(coupling.share), velocity)
}

/// Cotangents of a [`Coupling`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CouplingBar {
    /// Of the drag.
    pub drag: f64,
    /// Of the density of the gas.
    pub density: f64,
}

/// Cotangents of the load; adds those of the coupling.
pub fn matter_vjp<T: Real>(
    grid: &Grid,
    coupling: &Coupling<T>,
    load: &Load<T>,
    bar: &MatterBar<T>,
    coupling_bar: &mut CouplingBar,
) -> Load<T> {
    let mut load_bar = Load {
        alpha: Field::zero_velocity(grid),
        flow: Field::zero_velocity(grid),
    };
    for axis in 0..3 {
        let (alpha, flow) = (&load.alpha[axis].data, &load.flow[axis].data);
        let share_bar = &bar.occupied.share[axis].data;
        let carried_bar = &bar.occupied.carried[axis].data;
        let (velocity_bar, rate_bar) = (&bar.velocity[axis].data, &bar.rate[axis].data);
        // Cotangents of the velocity and, but for what goes through it, of alpha.
        let parts = |index: usize| {
            let (share, velocity) = taken(coupling, alpha[index], flow[index]);
            let velocity_bar = velocity_bar[index] + share * carried_bar[index];
            let mut share_bar = velocity * carried_bar[index] - share_bar[index];
            let free = T::one() - share;
            let unit = coupling.drag / coupling.density;
            share_bar += rate_bar[index] * unit * alpha[index] / (free * free);
            let mut alpha_bar = rate_bar[index] * unit / free;
            if alpha[index] < coupling.share {
                alpha_bar += share_bar;
            }
            (velocity, velocity_bar, alpha_bar)
        };
        load_bar.alpha[axis].set(|_, index| {
            let (velocity, velocity_bar, alpha_bar) = parts(index);
            if alpha[index] > T::of(FAINT) {
                alpha_bar - velocity_bar * velocity / alpha[index]
            } else {
                alpha_bar
            }
        });
        load_bar.flow[axis].set(|_, index| {
            if alpha[index] > T::of(FAINT) {
                parts(index).1 / alpha[index]
            } else {
                T::zero()
            }
        });
        let layout = load.alpha[axis].layout;
        let per_drag = super::field::sum(&layout, |_, index| {
            let free = T::one() - alpha[index].min(coupling.share);
            (rate_bar[index] * alpha[index] / free).to_f64()
        });
        let (drag, density) = (coupling.drag.to_f64(), coupling.density.to_f64());
        coupling_bar.drag += per_drag / density;
        coupling_bar.density -= per_drag * drag / (density * density);
    }
    load_bar
}

/// What the gas does to matter at every face, a step: an acceleration times the density of the
/// matter and the time (kg/(m^2 s)). `dragged` is the velocity of the gas after drag, `drops`
/// what the pressure took off it.
///
/// `pull = k dt (u - u_m) - rho drop`: matter gets what the drag takes from the gas, and the
/// pressure acts on its volume as on that of the gas.
pub fn pull<T: Real>(
    grid: &Grid,
    coupling: &Coupling<T>,
    matter: &Matter<T>,
    dragged: &Velocity<T>,
    drops: &Velocity<T>,
    dt: f64,
) -> Velocity<T> {
    let mut pull = Field::zero_velocity(grid);
    for axis in 0..3 {
        let (u, own, drop) = (
            &dragged[axis].data,
            &matter.velocity[axis].data,
            &drops[axis].data,
        );
        let rate = &matter.rate[axis].data;
        pull[axis].set(|_, index| {
            let drag = if rate[index] > T::zero() {
                coupling.drag * T::of(dt) * (u[index] - own[index])
            } else {
                T::zero()
            };
            drag - coupling.density * drop[index]
        });
    }
    pull
}

/// Adds the cotangents of the velocity of the matter and of the gas, writes those of the drops;
/// adds those of the coupling.
pub fn pull_vjp<T: Real>(
    coupling: &Coupling<T>,
    matter: &Matter<T>,
    dragged: &Velocity<T>,
    drops: &Velocity<T>,
    dt: f64,
    bar: &Velocity<T>,
    matter_bar: &mut MatterBar<T>,
    drops_bar: &mut Velocity<T>,
    coupling_bar: &mut CouplingBar,
) {
    for axis in 0..3 {
        let (u, own, drop) = (
            &dragged[axis].data,
            &matter.velocity[axis].data,
            &drops[axis].data,
        );
        let (rate, bar) = (&matter.rate[axis].data, &bar[axis]);
        let factor = |index: usize| {
            if rate[index] > T::zero() {
                coupling.drag * T::of(dt) * bar.data[index]
            } else {
                T::zero()
            }
        };
        matter_bar.velocity[axis].update(|_, index, sum| *sum -= factor(index));
        matter_bar.dragged[axis].update(|_, index, sum| *sum += factor(index));
        drops_bar[axis].set(|_, index| -coupling.density * bar.data[index]);
        let layout = bar.layout;
        coupling_bar.drag += dt
            * super::field::sum(&layout, |_, index| {
                if rate[index] > T::zero() {
                    (bar.data[index] * (u[index] - own[index])).to_f64()
                } else {
                    0.0
                }
            });
        coupling_bar.density -=
            super::field::sum(&layout, |_, index| (bar.data[index] * drop[index]).to_f64());
    }
}

/// `v <- v + sum_f w_f pull_f / rho`: each grain gets its share of what the gas does to the faces
/// around it.
pub fn kick<T: Real>(grid: &Grid, pull: &mut Velocity<T>, grains: &mut [Grain<T>]) {
    let (reach, ghosts) = (reaches(grid), ghosts(grid));
    for field in pull.iter_mut() {
        fill(field, &ghosts);
    }
    for grain in grains {
        for axis in 0..3 {
            let value = stencil(grid, &reach[axis], grain).value(&pull[axis].data);
            grain.v[axis] += value / grain.density;
        }
    }
}

/// Adds the cotangents of place and density of the grains for those of their velocities, which
/// do not change, and returns those of the pull; `pull` has its ghosts filled.
pub fn kick_vjp<T: Real>(
    grid: &Grid,
    pull: &Velocity<T>,
    grains: &[Grain<T>],
    grains_bar: &mut [Grain<T>],
) -> Velocity<T> {
    let (reach, ghosts) = (reaches(grid), ghosts(grid));
    let mut pull_bar = Field::zero_velocity(grid);
    for (grain, grain_bar) in grains.iter().zip(grains_bar) {
        for axis in 0..3 {
            let stencil = stencil(grid, &reach[axis], grain);
            let bar = grain_bar.v[axis] / grain.density;
            let data = &pull[axis].data;
            grain_bar.density -= bar * stencil.value(data) / grain.density;
            for (along, slope) in stencil.gradient(data).into_iter().enumerate() {
                grain_bar.x[along] += bar * slope / T::of(grid.dx);
            }
            for (entry, weight) in stencil.entries().into_iter().zip(stencil.weights()) {
                pull_bar[axis].data[entry] += bar * weight;
            }
        }
    }
    for field in &mut pull_bar {
        fill_vjp(field, &ghosts);
    }
    pull_bar
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::testing::noise as noise3,
        gas::testing::{
            assert_close, box_grid, clean_velocity, dot, dual_velocity, noise_velocity, tangent,
        },
    };

    fn some(seed: u32, grid: &Grid) -> Vec<Grain<f64>> {
        (0..7)
            .map(|index| {
                let at = noise3(seed + index).map(|x| 0.5 + 0.49 * x);
                Grain {
                    x: grid.origin
                        + Vector3::from_fn(|axis, _| at[axis] * grid.cells[axis] as f64 * grid.dx),
                    v: noise3(seed + 30 + index),
                    volume: 3e-4 * (1.0 + f64::from(index)),
                    density: 40.0 + f64::from(index),
                }
            })
            .collect()
    }

    fn directions(seed: u32) -> Vec<Grain<f64>> {
        (0..7)
            .map(|index| Grain {
                x: noise3(seed + index),
                v: noise3(seed + 50 + index),
                volume: 1e-4 * noise3(seed + index).x,
                density: noise3(seed + index).y,
            })
            .collect()
    }

    fn dual_grains(grains: &[Grain<f64>], by: &[Grain<f64>]) -> Vec<Grain<Dual64>> {
        grains
            .iter()
            .zip(by)
            .map(|(grain, by)| Grain {
                x: grain.x.zip_map(&by.x, Dual64::new),
                v: grain.v.zip_map(&by.v, Dual64::new),
                volume: Dual64::new(grain.volume, by.volume),
                density: Dual64::new(grain.density, by.density),
            })
            .collect()
    }

    fn product(a: &[Grain<f64>], b: &[Grain<f64>]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| {
                a.x.dot(&b.x) + a.v.dot(&b.v) + a.volume * b.volume + a.density * b.density
            })
            .sum()
    }

    fn velocity_dot(a: &Velocity<f64>, b: &Velocity<f64>) -> f64 {
        (0..3).map(|axis| dot(&a[axis], &b[axis])).sum()
    }

    #[test]
    fn what_the_faces_carry_is_what_the_grains_have() {
        let grid = box_grid([5, 4, 6], [false, true, false]);
        let grains = some(1, &grid);
        let load = load(&grid, &grains);
        let cell = grid.dx.powi(3);
        let volume: f64 = grains.iter().map(|grain| grain.volume).sum();
        for axis in 0..3 {
            let alpha: f64 = load.alpha[axis].samples().iter().sum();
            let flow: f64 = load.flow[axis].samples().iter().sum();
            let known: f64 = grains
                .iter()
                .map(|grain| grain.volume * grain.v[axis])
                .sum();
            assert!((alpha * cell - volume).abs() < 1e-15);
            assert!((flow * cell - known).abs() < 1e-15);
        }
    }

    #[test]
    fn drag_takes_from_the_gas_what_it_gives_to_the_grains() {
        let grid = box_grid([5, 4, 6], [true; 3]);
        let mut grains = some(1, &grid);
        let coupling = Coupling {
            drag: 20.0,
            share: 0.8,
            density: 1.2,
        };
        let momentum = |grains: &[Grain<f64>]| -> Vector3<f64> {
            grains
                .iter()
                .map(|grain| grain.v * (grain.volume * grain.density))
                .sum()
        };
        let load = load(&grid, &grains);
        let matter = matter(&grid, &coupling, &load);
        let u = noise_velocity(5, &grid);
        let (mut dragged, dt) = (u.clone(), 0.05);
        super::super::drag::drag(&matter, dt, &mut dragged);
        let mut pull = pull(
            &grid,
            &coupling,
            &matter,
            &dragged,
            &Field::zero_velocity(&grid),
            dt,
        );
        let before = momentum(&grains);
        kick(&grid, &mut pull, &mut grains);
        let gained = momentum(&grains) - before;
        let mass = coupling.density * grid.dx.powi(3);
        for axis in 0..3 {
            let lost = super::super::field::sum(&u[axis].layout, |_, index| {
                let change = u[axis].data[index] - dragged[axis].data[index];
                mass * matter.occupied.share[axis].data[index] * change
            });
            assert!(gained[axis].abs() > 1e-6);
            assert!(
                (gained[axis] - lost).abs() <= 1e-12 * lost.abs(),
                "{gained} {lost}"
            );
        }
    }

    #[test]
    fn every_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([5, 4, 6], periodic);
            let (grains, by) = (some(1, &grid), directions(11));
            let coupling = Coupling {
                drag: 20.0,
                // Some faces are bounded by it.
                share: 0.15,
                density: 1.2,
            };
            let (du, dd) = (0.7, 0.03);
            let coupling_dual = Coupling {
                drag: Dual64::new(20.0, du),
                share: Dual64::from(0.15),
                density: Dual64::new(1.2, dd),
            };
            let dt = 0.05;
            let [dragged, drops, d_dragged, d_drops] =
                [5, 9, 13, 17].map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
            let mut moved = dual_grains(&grains, &by);
            let load_dual = load(&grid, &moved);
            let matter_dual = matter(&grid, &coupling_dual, &load_dual);
            let mut pull_dual = pull(
                &grid,
                &coupling_dual,
                &matter_dual,
                &dual_velocity(&dragged, &d_dragged),
                &dual_velocity(&drops, &d_drops),
                dt,
            );
            kick(&grid, &mut pull_dual, &mut moved);
            let bars = directions(23);
            let share_bar = clean_velocity(&noise_velocity(29, &grid));
            let rate_bar = clean_velocity(&noise_velocity(33, &grid));
            let carried_bar = clean_velocity(&noise_velocity(37, &grid));
            let tangents: Vec<Grain<f64>> = moved
                .iter()
                .map(|grain| Grain {
                    x: grain.x.map(Real::tangent),
                    v: grain.v.map(Real::tangent),
                    volume: grain.volume.tangent(),
                    density: grain.density.tangent(),
                })
                .collect();
            let of = |field: &Velocity<Dual64>| [0, 1, 2].map(|axis| tangent(&field[axis]));
            let forward = product(&tangents, &bars)
                + velocity_dot(&of(&matter_dual.occupied.share), &share_bar)
                + velocity_dot(&of(&matter_dual.occupied.carried), &carried_bar)
                + velocity_dot(&of(&matter_dual.rate), &rate_bar);

            let known = load(&grid, &grains);
            let own = matter(&grid, &coupling, &known);
            let mut pulled = pull(&grid, &coupling, &own, &dragged, &drops, dt);
            let mut after = grains.clone();
            kick(&grid, &mut pulled, &mut after);
            let mut grains_bar = bars.clone();
            let mut coupling_bar = CouplingBar::default();
            let pull_bar = kick_vjp(&grid, &pulled, &grains, &mut grains_bar);
            let mut matter_bar = MatterBar::zero(&grid);
            let mut drops_bar = Field::zero_velocity(&grid);
            pull_vjp(
                &coupling,
                &own,
                &dragged,
                &drops,
                dt,
                &pull_bar,
                &mut matter_bar,
                &mut drops_bar,
                &mut coupling_bar,
            );
            matter_bar.occupied.share = share_bar;
            matter_bar.occupied.carried = carried_bar;
            matter_bar.rate = rate_bar;
            let backward =
                velocity_dot(&d_dragged, &matter_bar.dragged) + velocity_dot(&d_drops, &drops_bar);
            let mut load_bar = matter_vjp(&grid, &coupling, &known, &matter_bar, &mut coupling_bar);
            load_vjp(&grid, &grains, &mut load_bar, &mut grains_bar);
            let backward = backward
                + product(&by, &grains_bar)
                + du * coupling_bar.drag
                + dd * coupling_bar.density;
            assert_close(forward, backward);
        }
    }
}
