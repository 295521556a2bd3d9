//! How far faces are open, and how fast what closes them moves.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    boundary::Sides,
    field::{Field, Velocity},
    grid::{Grid, Layout},
};
use crate::{
    collider::{Shape, SignedDistance},
    pose::{Pose, PoseBar, Twist},
};

/// A solid that gas flows around.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle<T: Real> {
    /// Its name.
    pub name: String,
    /// Its solid.
    pub shape: Shape<T>,
}

/// Where an obstacle is and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement<T: Real> {
    /// Its frame.
    pub pose: Pose<T>,
    /// Its velocity.
    pub twist: Twist<T>,
}

/// Cotangent of a [`Placement`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacementBar {
    /// Of the frame.
    pub pose: PoseBar<f64>,
    /// Of the velocity.
    pub twist: Twist<f64>,
}

/// What every face lets through.
#[derive(Debug, Clone, PartialEq)]
pub struct Openings<T: Real> {
    /// Share of a face that is open (1).
    pub open: Velocity<T>,
    /// Velocity of what closes the rest (m/s).
    pub still: Velocity<T>,
}

impl PlacementBar {
    /// Zero.
    pub fn zero() -> Self {
        Self {
            pose: PoseBar::zero(),
            twist: Twist::zero(),
        }
    }
}

impl<T: Real> Openings<T> {
    /// All faces open.
    pub fn open(grid: &Grid) -> Self {
        Self {
            open: grid.faces().map(|layout| Field::constant(layout, T::one())),
            still: Field::zero_velocity(grid),
        }
    }

    /// The cotangents of all of it, zero.
    pub fn zero(grid: &Grid) -> Self {
        Self {
            open: Field::zero_velocity(grid),
            still: Field::zero_velocity(grid),
        }
    }
}

/// Share of a face that a solid at `distance` cells closes: a smooth step from 1 half a cell
/// inside to 0 half a cell outside, `c = 1 - s^2 (3 - 2 s)`, `s = d + 1/2`; and its slope.
/// The step is once continuously differentiable.
#[inline(always)]
fn closed<T: Real>(distance: T) -> (T, T) {
    let s = distance + T::of(0.5);
    if s <= T::zero() {
        (T::one(), T::zero())
    } else if s >= T::one() {
        (T::zero(), T::zero())
    } else {
        let c = T::one() - s * s * (T::of(3.0) - T::of(2.0) * s);
        (c, T::of(6.0) * s * (s - T::one()))
    }
}

/// What an obstacle does at a face: share closed, its slope by the distance in cells, and
/// velocity normal to the face.
#[derive(Debug, Clone, Copy)]
pub struct Hit<T: Real> {
    which: usize,
    share: T,
    slope: T,
    speed: T,
}

/// What obstacles do to the faces normal to `axis`.
struct Scan<'a, T: Real> {
    grid: &'a Grid,
    layout: Layout,
    axis: usize,
    obstacles: &'a [Obstacle<T>],
    places: &'a [Placement<T>],
}

impl<'a, T: Real> Scan<'a, T> {
    fn new(
        grid: &'a Grid,
        axis: usize,
        obstacles: &'a [Obstacle<T>],
        places: &'a [Placement<T>],
    ) -> Self {
        Self {
            grid,
            layout: grid.faces()[axis],
            axis,
            obstacles,
            places,
        }
    }

    fn point(&self, at: [usize; 3]) -> Vector3<T> {
        self.grid.point(&self.layout, at).map(T::of)
    }

    /// The obstacles that close some of a face.
    fn hits(&self, at: [usize; 3]) -> impl Iterator<Item = Hit<T>> {
        let point = self.point(at);
        let cell = T::of(self.grid.dx);
        self.obstacles
            .iter()
            .enumerate()
            .filter_map(move |(which, obstacle)| {
                let Placement { pose, twist } = &self.places[which];
                let offset = point - pose.position;
                // Beyond this radius an obstacle does nothing.
                let radius = SignedDistance::<T>::bounding_radius(&obstacle.shape);
                if radius.is_some_and(|r| offset.norm().to_f64() > r + self.grid.dx) {
                    return None;
                }
                let distance = obstacle.shape.probe(&pose.inverse_apply(&point)).distance;
                let (share, slope) = closed(distance / cell);
                let speed = twist.velocity(&offset)[self.axis];
                (share > T::zero()).then_some(Hit {
                    which,
                    share,
                    slope,
                    speed,
                })
            })
    }

    /// The velocity through the side of the box that a face is on, if that is given.
    fn side(&self, sides: &Sides<T>, at: [usize; 3]) -> Option<(usize, T)> {
        let axis = self.axis;
        if self.grid.periodic[axis] {
            return None;
        }
        let side = match at[axis] {
            0 => 0,
            last if last == self.grid.cells[axis] => 1,
            _ => return None,
        };
        sides[axis][side].through(axis).map(|speed| (side, speed))
    }
}

/// The openings of all faces: walls and inflow close the sides of the box, obstacles what they
/// cover. Where several obstacles meet, `open = prod (1 - c_o)` and what closes the face moves
/// at the mean `sum c_o v_o / sum c_o`.
pub fn openings<T: Real>(
    grid: &Grid,
    sides: &Sides<T>,
    obstacles: &[Obstacle<T>],
    places: &[Placement<T>],
    to: &mut Openings<T>,
) {
    for axis in 0..3 {
        let scan = Scan::new(grid, axis, obstacles, places);
        to.open[axis].set(|at, _| match scan.side(sides, at) {
            Some(_) => T::zero(),
            None => scan
                .hits(at)
                .fold(T::one(), |open, hit| open * (T::one() - hit.share)),
        });
        to.still[axis].set(|at, _| match scan.side(sides, at) {
            Some((_, speed)) => speed,
            None => {
                let (mut total, mut moved) = (T::zero(), T::zero());
                for hit in scan.hits(at) {
                    total += hit.share;
                    moved += hit.share * hit.speed;
                }
                if total > T::zero() {
                    moved / total
                } else {
                    T::zero()
                }
            }
        });
    }
}

/// Adds the cotangents of the placements, and of the velocities through the sides; `hits` is memory
/// that is kept from call to call.
pub fn openings_vjp<T: Real>(
    grid: &Grid,
    sides: &Sides<T>,
    obstacles: &[Obstacle<T>],
    places: &[Placement<T>],
    bars: &Openings<T>,
    places_bar: &mut [PlacementBar],
    through_bar: &mut [[f64; 2]; 3],
    hits: &mut Vec<Hit<T>>,
) {
    for axis in 0..3 {
        let scan = Scan::new(grid, axis, obstacles, places);
        let [nx, ny, nz] = scan.layout.shape;
        for k in 0..nz {
            for j in 0..ny {
                for i in 0..nx {
                    let (at, index) = ([i, j, k], scan.layout.index([i, j, k]));
                    let open_bar = bars.open[axis].data[index];
                    let still_bar = bars.still[axis].data[index];
                    if open_bar == T::zero() && still_bar == T::zero() {
                        continue;
                    }
                    if let Some((side, _)) = scan.side(sides, at) {
                        through_bar[axis][side] += still_bar.to_f64();
                        continue;
                    }
                    hits.clear();
                    hits.extend(scan.hits(at));
                    pull(&scan, at, open_bar, still_bar, hits, places_bar);
                }
            }
        }
    }
}

/// Adds the cotangents of the placements for those of one face.
fn pull<T: Real>(
    scan: &Scan<'_, T>,
    at: [usize; 3],
    open_bar: T,
    still_bar: T,
    hits: &[Hit<T>],
    places_bar: &mut [PlacementBar],
) {
    let total = hits.iter().fold(T::zero(), |total, hit| total + hit.share);
    let moved = hits
        .iter()
        .fold(T::zero(), |moved, hit| moved + hit.share * hit.speed);
    let point = scan.point(at);
    for (order, hit) in hits.iter().enumerate() {
        let others = hits
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != order)
            .fold(T::one(), |open, (_, hit)| open * (T::one() - hit.share));
        let share_bar = still_bar * (hit.speed - moved / total) / total - open_bar * others;
        let distance_bar = share_bar * hit.slope / T::of(scan.grid.dx);
        let Placement { pose, twist } = &scan.places[hit.which];
        let bar = &mut places_bar[hit.which];
        let local = pose.inverse_apply(&point);
        let shape = &scan.obstacles[hit.which].shape;
        let local_bar = shape.probe_vjp(&local, distance_bar, &Vector3::zeros());
        let (pose_bar, _) = pose.inverse_apply_vjp(&point, &local_bar);
        let mut velocity_bar = Vector3::zeros();
        velocity_bar[scan.axis] = still_bar * hit.share / total;
        let offset = point - pose.position;
        let (twist_bar, offset_bar) = twist.velocity_vjp(&offset, &velocity_bar);
        bar.pose.position += (pose_bar.position - offset_bar).map(Real::to_f64);
        bar.pose.rotation += pose_bar.rotation.map(Real::to_f64);
        bar.twist.linear += twist_bar.linear.map(Real::to_f64);
        bar.twist.angular += twist_bar.angular.map(Real::to_f64);
    }
}

/// `u <- open u + (1 - open) still`: the gas takes the velocity of what closes a face. What
/// half a face lets through therefore moves at half of its velocity, step after step, so that
/// gas sticks to solids.
pub fn hold<T: Real>(openings: &Openings<T>, u: &mut Velocity<T>) {
    for axis in 0..3 {
        let (open, still) = (&openings.open[axis].data, &openings.still[axis].data);
        u[axis].update(|_, index, u| {
            *u = open[index] * *u + (T::one() - open[index]) * still[index];
        });
    }
}

/// Changes the cotangents of `u` from those after [`hold`] to those before, and adds those of
/// the openings; `u` is that before.
pub fn hold_vjp<T: Real>(
    openings: &Openings<T>,
    u: &Velocity<T>,
    u_bar: &mut Velocity<T>,
    openings_bar: &mut Openings<T>,
) {
    for axis in 0..3 {
        let (open, still) = (&openings.open[axis].data, &openings.still[axis].data);
        let (u, bar) = (&u[axis].data, &u_bar[axis].data);
        openings_bar.open[axis]
            .update(|_, index, sum| *sum += bar[index] * (u[index] - still[index]));
        openings_bar.still[axis]
            .update(|_, index, sum| *sum += bar[index] * (T::one() - open[index]));
        u_bar[axis].update(|_, index, bar| *bar *= open[index]);
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::Sphere,
        gas::testing::{assert_close, box_grid, dot, mixed_sides, noise_velocity, tangent},
        pose::tests::{dual_pose, dual_twist, sample},
    };

    fn obstacles<T: Real>() -> Vec<Obstacle<T>> {
        [0.17, 0.21]
            .map(|radius| Obstacle {
                name: "ball".to_owned(),
                shape: Shape::Sphere(Sphere {
                    radius: T::of(radius),
                }),
            })
            .to_vec()
    }

    fn places() -> Vec<Placement<f64>> {
        [Vector3::new(0.4, 0.1, 0.6), Vector3::new(0.55, 0.13, 0.63)]
            .map(|position| Placement {
                pose: Pose {
                    position,
                    rotation: sample(3).0.rotation,
                },
                twist: Twist {
                    linear: Vector3::new(0.2, -0.3, 0.5),
                    angular: position,
                },
            })
            .to_vec()
    }

    #[test]
    fn solids_close_what_they_cover_and_walls_their_side() {
        let grid = box_grid([6, 5, 7], [false; 3]);
        let mut to = Openings::zero(&grid);
        openings(
            &grid,
            &mixed_sides(&grid),
            &obstacles::<f64>(),
            &places(),
            &mut to,
        );
        let faces = grid.faces();
        // A wall at the lower end of x, outflow at the upper.
        assert_eq!(to.open[0].data[faces[0].index([0, 4, 6])], 0.0);
        assert_eq!(to.open[0].data[faces[0].index([6, 4, 6])], 1.0);
        // The moving wall blows nothing through, the inflow does.
        assert_eq!(to.still[1].data[faces[1].index([5, 5, 0])], -0.4);
        let (mut shut, mut partly) = (0, 0);
        for (axis, layout) in faces.iter().enumerate() {
            for (index, open) in to.open[axis].samples().into_iter().enumerate() {
                let [nx, ny, _] = layout.shape;
                let at = [index % nx, index / nx % ny, index / (nx * ny)];
                let centre = grid.point(layout, at);
                let inside = places().iter().zip([0.17, 0.21]).any(|(place, radius)| {
                    (centre - place.pose.position).norm() < radius - grid.dx
                });
                assert!(!inside || open == 0.0);
                shut += usize::from(inside);
                partly += usize::from(open > 0.0 && open < 1.0);
            }
        }
        assert!(shut > 5 && partly > 20, "{shut} {partly}");
    }

    #[test]
    fn openings_vjp_is_the_transpose() {
        let grid = box_grid([6, 5, 7], [false, true, false]);
        let sides = mixed_sides(&grid);
        let (places, (direction, _)) = (places(), (sample(5).1, ()));
        let push = Twist {
            linear: Vector3::new(0.4, 0.1, -0.7),
            angular: Vector3::new(-0.2, 0.6, 0.3),
        };
        let moved: Vec<Placement<Dual64>> = places
            .iter()
            .map(|place| Placement {
                pose: dual_pose(&place.pose, &direction),
                twist: dual_twist(&place.twist, &push),
            })
            .collect();
        let sides_dual = crate::gas::testing::dual_sides(&sides);
        let mut to = Openings::<Dual64>::zero(&grid);
        openings(&grid, &sides_dual, &obstacles(), &moved, &mut to);
        let bars = Openings {
            open: noise_velocity(3, &grid),
            still: noise_velocity(6, &grid),
        };
        let forward: f64 = (0..3)
            .map(|axis| {
                let (open, still) = (tangent(&to.open[axis]), tangent(&to.still[axis]));
                dot(&open, &bars.open[axis]) + dot(&still, &bars.still[axis])
            })
            .sum();
        let mut places_bar = vec![PlacementBar::zero(); 2];
        let mut through = [[0.0; 2]; 3];
        let obstacles = obstacles();
        openings_vjp(
            &grid,
            &sides,
            &obstacles,
            &places,
            &bars,
            &mut places_bar,
            &mut through,
            &mut Vec::new(),
        );
        let backward: f64 = places_bar
            .iter()
            .map(|bar| {
                bar.pose.position.dot(&direction.position)
                    + bar.pose.rotation.dot(&direction.rotation)
                    + bar.twist.linear.dot(&push.linear)
                    + bar.twist.angular.dot(&push.angular)
            })
            .sum();
        assert_close(forward, backward);
    }
}
