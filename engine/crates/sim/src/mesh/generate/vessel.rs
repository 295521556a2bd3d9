//! Vessels with walls.

use std::f64::consts::{FRAC_PI_2, PI};

use super::revolve;
use crate::mesh::Mesh;

/// Points of a half circle around a rim, and of a quarter circle of a bowl.
const RIM: u32 = 8;
const ARC: u32 = 16;

/// Points of an arc about `centre`, from one angle (rad) to another, both ends included.
fn arc(
    centre: [f64; 2],
    radius: f64,
    from: f64,
    to: f64,
    steps: u32,
) -> impl Iterator<Item = [f64; 2]> {
    (0..=steps).map(move |k| {
        let turn = from + (to - from) * f64::from(k) / f64::from(steps);
        [
            centre[0] + radius * turn.cos(),
            centre[1] + radius * turn.sin(),
        ]
    })
}

/// A cup that stands on the plane y = 0: outer `radius`, `height`, and the thickness `wall`
/// of side and floor (m). Its rim is round.
pub fn cup(radius: f64, height: f64, wall: f64, segments: u32) -> Mesh {
    let half = 0.5 * wall;
    let mut profile = vec![[0.0, 0.0], [radius, 0.0]];
    profile.extend(arc([radius - half, height - half], half, 0.0, PI, RIM));
    profile.extend([[radius - wall, wall], [0.0, wall]]);
    revolve(&profile, segments)
}

/// Half a sphere of outer `radius` with a wall of thickness `wall` (m), which touches the
/// plane y = 0 from above. Its rim is round.
pub fn bowl(radius: f64, wall: f64, segments: u32) -> Mesh {
    let centre = [0.0, radius];
    let mut profile = vec![[0.0, 0.0]];
    profile.extend(arc(centre, radius, -FRAC_PI_2, 0.0, ARC).skip(1));
    profile.extend(arc([radius - 0.5 * wall, radius], 0.5 * wall, 0.0, PI, RIM).skip(1));
    profile.extend(arc(centre, radius - wall, 0.0, -FRAC_PI_2, ARC).skip(1));
    // The last point is on the axis but for round-off.
    if let Some(last) = profile.last_mut() {
        last[0] = 0.0;
    }
    revolve(&profile, segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{MeshSolid, Report, mass::MassProperties};
    use nalgebra::Vector3;

    #[test]
    fn cup_has_its_walls_and_its_inside() {
        let solid = MeshSolid::new(cup(0.04, 0.1, 0.004, 90)).unwrap();
        let inside = |rho: f64, y: f64| solid.contains(&Vector3::new(rho, y, 0.0));
        assert!(inside(0.0, 0.002) && inside(0.038, 0.05) && inside(0.038, 0.0985));
        assert!(
            !inside(0.0, 0.006)
                && !inside(0.034, 0.05)
                && !inside(0.042, 0.05)
                && !inside(0.038, 0.102)
        );
        let [min, max] = solid.mesh().bounds().unwrap();
        assert!(min.y == 0.0 && (max.y - 0.1).abs() < 1e-12);
    }

    #[test]
    fn bowl_has_the_volume_of_its_wall() {
        let (radius, wall) = (0.08_f64, 0.005_f64);
        let mesh = bowl(radius, wall, 200);
        assert!(Report::of(&mesh).is_solid());
        let shell = 2.0 / 3.0 * PI * (radius.powi(3) - (radius - wall).powi(3));
        // Half a torus, by the centroid of a half disc it lies at the middle of the wall.
        let rim = PI * (0.5 * wall).powi(2) * PI * (radius - 0.5 * wall);
        let volume = MassProperties::of(&mesh).map(|mass| mass.volume).unwrap();
        // Chords of pi / 32 lie nearer to the centre by 0.5 %, those of the wall alike.
        assert!(
            (volume / (shell + rim) - 1.0).abs() < 0.01,
            "{volume} {}",
            shell + rim
        );
    }
}
