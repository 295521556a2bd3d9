//! Liquids as meshes.

use backflow_viewer_skin::Skin;

use crate::{frame::Frame, surface::Surface};

/// Edge of a cube, in radii of a particle (1).
const CUBE: f32 = 0.8;

/// Why there is no surface.
#[derive(Debug, thiserror::Error)]
#[error("no surface of `{body}` can be made: {reason}")]
pub struct SkinError {
    /// Name of the body.
    pub body: String,
    /// What splashsurf says.
    pub reason: String,
}

/// The surface of particles of a radius (m); empty without particles.
fn skin(points: &[[f32; 3]], radius: f32) -> Result<Surface, String> {
    let Skin {
        positions,
        normals,
        triangles,
    } = backflow_viewer_skin::skin(points, radius, CUBE)?;
    Ok(Surface {
        positions,
        normals,
        triangles,
    })
}

/// The surfaces of the liquids of a frame, by the index of their body.
///
/// # Errors
/// The first that cannot be made.
pub fn skins(frame: &Frame) -> Result<Vec<(usize, Surface)>, SkinError> {
    let (mut rest, mut found) = (frame.x.as_slice(), Vec::new());
    for (index, (body, count)) in frame.stage.bodies.iter().zip(&frame.counts).enumerate() {
        let (points, after) = rest.split_at((*count).min(rest.len()));
        rest = after;
        if body.liquid {
            let surface = skin(points, body.radius as f32).map_err(|reason| SkinError {
                body: body.name.clone(),
                reason,
            })?;
            found.push((index, surface));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A ball of radius 0.1 of particles 0.01 apart.
    fn ball() -> Vec<[f32; 3]> {
        let along = || (-10..=10).map(|n| n as f32 * 0.01);
        let all = along().flat_map(|x| along().flat_map(move |y| along().map(move |z| [x, y, z])));
        all.filter(|x| x.iter().map(|x| x * x).sum::<f32>() < 0.01)
            .collect()
    }

    #[test]
    fn the_skin_of_a_ball_is_closed_and_holds_its_volume() {
        let surface = skin(&ball(), 0.005).unwrap();
        let corner =
            |index: u32| nalgebra::Vector3::from(surface.positions[index as usize].map(f64::from));
        let (mut volume, mut edges) = (0.0, BTreeMap::new());
        for &[a, b, c] in &surface.triangles {
            volume += corner(a).dot(&corner(b).cross(&corner(c))) / 6.0;
            for (from, to) in [(a, b), (b, c), (c, a)] {
                *edges.entry((from.min(to), from.max(to))).or_insert(0) +=
                    if from < to { 1 } else { -1 };
            }
        }
        let expected = 4.0 / 3.0 * std::f64::consts::PI * 1e-3;
        assert!(
            (volume / expected - 1.0).abs() < 0.12,
            "{volume} {expected}"
        );
        assert!(edges.values().all(|&sum| sum == 0));
        for (x, n) in surface.positions.iter().zip(&surface.normals) {
            let out = nalgebra::Vector3::from(*x).normalize();
            assert!(out.dot(&nalgebra::Vector3::from(*n)) > 0.7, "{x:?} {n:?}");
        }
    }
}
