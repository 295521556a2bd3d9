//! The hull of the wrenches of a grasp: the largest ball about no wrench at all that fits into it.

use std::collections::BTreeMap;

use nalgebra::{SMatrix, SVector};

use super::Contact;

/// A force and a torque.
type Wrench = SVector<f64, 6>;

/// Least distance at which a point is beyond a facet (1).
const BEYOND: f64 = 1e-9;
/// By how much points are shifted, so that no seven of them are on one facet (1).
const SHIFT: f64 = 1e-5;

/// A facet `n . (x - c) = 1` about a point `c` inside.
struct Facet {
    corners: [usize; 6],
    normal: Wrench,
}

impl Facet {
    /// Through six points that are given from `c`; `None` where they are on a plane with it.
    fn through(points: &[Wrench], corners: [usize; 6]) -> Option<Self> {
        let rows = SMatrix::<f64, 6, 6>::from_fn(|row, axis| points[corners[row]][axis]);
        let normal = rows.lu().solve(&Wrench::repeat(1.0))?;
        let finite = normal.iter().all(|part| part.is_finite());
        finite.then_some(Self { corners, normal })
    }

    fn sees(&self, point: &Wrench) -> bool {
        self.normal.dot(point) > 1.0 + BEYOND
    }
}

/// The quality of Ferrari and Canny (1992): the radius of the largest ball about the origin within
/// the hull of the wrenches of all contacts, each of a unit normal force with the friction of one of
/// `edges` edges of its cone; zero where the origin is not inside.
///
/// The hull is built point by point (Barber, Dobkin and Huhdanpaa 1996, without their outside sets).
pub fn inradius(contacts: &[Contact<f64>], friction: f64, edges: usize) -> f64 {
    let mut points = Vec::with_capacity(contacts.len() * edges);
    for contact in contacts {
        for edge in 0..edges {
            let (sin, cos) = (std::f64::consts::TAU * edge as f64 / edges as f64).sin_cos();
            let force = contact.force(&[1.0, friction * cos, friction * sin]);
            let torque = contact.arm.cross(&force);
            points.push(Wrench::from([
                force.x, force.y, force.z, torque.x, torque.y, torque.z,
            ]));
        }
    }
    hull(&points).map_or(0.0, |radius| radius.max(0.0))
}

/// The least signed distance of the origin from the facets of a hull, positive inside; `None`
/// where the points are in a plane.
fn hull(points: &[Wrench]) -> Option<f64> {
    let shift = |index: usize, axis: usize| {
        SHIFT * (crate::random::uniform(index as u64, axis as u64) - 0.5)
    };
    let shifted: Vec<Wrench> = points
        .iter()
        .enumerate()
        .map(|(index, point)| Wrench::from_fn(|axis, _| point[axis] + shift(index, axis)))
        .collect();
    let first = simplex(&shifted)?;
    let middle = first.iter().map(|&at| shifted[at]).sum::<Wrench>() / 7.0;
    let points: Vec<Wrench> = shifted.iter().map(|point| point - middle).collect();
    let mut facets = Vec::new();
    for left in 0..7 {
        let corners = std::array::from_fn(|at| first[at + usize::from(at >= left)]);
        facets.push(Facet::through(&points, corners)?);
    }
    for (index, point) in points.iter().enumerate() {
        if first.contains(&index) {
            continue;
        }
        // Ridges of one facet that sees the point, and not of two, are the horizon.
        let mut ridges: BTreeMap<[usize; 5], usize> = BTreeMap::new();
        for facet in facets.iter().filter(|facet| facet.sees(point)) {
            let mut corners = facet.corners;
            corners.sort_unstable();
            for left in 0..6 {
                let ridge = std::array::from_fn(|at| corners[at + usize::from(at >= left)]);
                *ridges.entry(ridge).or_default() += 1;
            }
        }
        facets.retain(|facet| !facet.sees(point));
        for (ridge, _) in ridges.into_iter().filter(|&(_, count)| count == 1) {
            let [a, b, c, d, e] = ridge;
            facets.push(Facet::through(&points, [a, b, c, d, e, index])?);
        }
    }
    // The origin is at -c.
    let inside = |facet: &Facet| (1.0 + facet.normal.dot(&middle)) / facet.normal.norm();
    facets.iter().map(inside).reduce(f64::min)
}

/// Seven points that span all six dimensions: each the farthest from the plane through those
/// before it.
fn simplex(points: &[Wrench]) -> Option<[usize; 7]> {
    let mut chosen = vec![0];
    let mut axes: Vec<Wrench> = Vec::new();
    let base = *points.first()?;
    for _ in 0..6 {
        let across = |point: &Wrench| {
            let way = point - base;
            axes.iter()
                .fold(way, |way, axis| way - axis * axis.dot(&way))
        };
        let (at, way) = points
            .iter()
            .enumerate()
            .map(|(at, point)| (at, across(point)))
            .max_by(|a, b| a.1.norm_squared().total_cmp(&b.1.norm_squared()))?;
        // A plane, but for the shifts.
        axes.push(way.try_normalize(10.0 * SHIFT)?);
        chosen.push(at);
    }
    chosen.try_into().ok()
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;

    /// The corners of a cross, one on each side of each axis.
    fn cross() -> Vec<Wrench> {
        let sides = |axis: usize| [1.0, -1.0].map(|side| Wrench::ith(axis, side));
        (0..6).flat_map(sides).collect()
    }

    #[test]
    fn radius_is_that_of_a_cross_and_of_a_cube() {
        let known = 1.0 / 6.0_f64.sqrt();
        assert!((hull(&cross()).unwrap() - known).abs() < 1e-4);
        let corner =
            |index: u32| Wrench::from_fn(|axis, _| if index >> axis & 1 == 0 { -0.3 } else { 0.3 });
        let cube: Vec<Wrench> = (0..64).map(corner).collect();
        assert!((hull(&cube).unwrap() - 0.3).abs() < 1e-4);
        // Points inside change nothing, a shift of all moves a facet nearer.
        let more: Vec<Wrench> = cross().into_iter().chain([Wrench::repeat(0.05)]).collect();
        assert!((hull(&more).unwrap() - known).abs() < 1e-4);
        let beside: Vec<Wrench> = cross().iter().map(|x| x + Wrench::repeat(0.1)).collect();
        assert!((hull(&beside).unwrap() - (known - 0.6 * known)).abs() < 1e-4);
        let away: Vec<Wrench> = cross().iter().map(|x| x + Wrench::ith(0, 2.0)).collect();
        assert!(hull(&away).unwrap() < 0.0);
        assert_eq!(hull(&cube[..32]), None);
    }

    #[test]
    fn grasp_from_all_sides_is_good_and_one_from_a_side_is_none() {
        let contact = |outward: Vector3<f64>| Contact::new(outward, &-outward);
        let around: Vec<_> = [0.0, 2.1, 4.2]
            .map(|turn: f64| contact(Vector3::new(turn.cos(), turn.sin(), 0.0)))
            .into();
        let good = inradius(&around, 0.6, 8);
        assert!(good > 0.1, "{good}");
        // More friction is better, less contacts are worse.
        assert!(inradius(&around, 0.9, 8) > good);
        // Two points without torsion bear no turn about the line through them.
        assert_eq!(inradius(&around[..2], 0.6, 8), 0.0);
        let side: Vec<_> = [0.0, 0.3, 0.6]
            .map(|turn: f64| contact(Vector3::new(turn.cos(), turn.sin(), 0.2 * turn)))
            .into();
        assert_eq!(inradius(&side, 0.3, 8), 0.0);
        assert_eq!(inradius(&[], 0.3, 8), 0.0);
    }
}
