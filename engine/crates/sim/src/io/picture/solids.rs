//! Solids, traced through their signed distance.

use nalgebra::Vector3;

use super::{
    Solid,
    camera::Camera,
    light::{Light, decode},
};
use crate::collider::{Probe, SignedDistance};

/// Steps along a ray before it is given up.
const MAX_STEPS: usize = 160;

/// Surfaces that a ray passes before the rest is taken as unseen.
const MAX_SURFACES: usize = 6;

/// Distance at which a surface counts as met, in parts of the distance to the eye.
const TOUCH: f64 = 2e-4;

/// Farthest that solids without bound are traced (m).
const FAR: f64 = 1e3;

/// Thickness that hides as much as alpha says, in parts of the size of the box.
pub(super) const WALL: f64 = 0.012;

/// Least and greatest depth of a solid that counts, in walls.
const DEPTHS: [f64; 2] = [0.6, 3.0];

/// Share of alpha that the front of a solid hides by itself.
const SKIN: f64 = 0.3;

/// Half the width of the lines on the edges of clear solids, in rays.
const LINE: f64 = 2.5;

/// How much such a line hides.
const EDGE: f64 = 0.65;

/// How soft the shadow of a solid is: the larger, the harder.
const SHADOW_HARDNESS: f64 = 10.0;

/// Solids of one colour and alpha, drawn as one.
pub(super) struct Union<'a> {
    solids: &'a [Solid],
    colour: Vector3<f64>,
    alpha: f64,
}

impl<'a> Union<'a> {
    /// Neighbours of the same colour and alpha, together.
    pub fn grouped(solids: &'a [Solid]) -> Vec<Self> {
        solids
            .chunk_by(|a, b| a.rgb == b.rgb && a.alpha == b.alpha)
            .map(|solids| Self {
                solids,
                colour: decode(&solids[0].rgb),
                alpha: solids[0].alpha,
            })
            .collect()
    }

    /// Distance (m) and normal of the union at a point: those of the least distance.
    fn probe(&self, point: &Vector3<f64>) -> Probe<f64> {
        let mut best = Probe {
            distance: f64::INFINITY,
            normal: Vector3::y(),
        };
        for solid in self.solids {
            let probe = solid.shape.probe(&solid.pose.inverse_apply(point));
            if probe.distance < best.distance {
                best = Probe {
                    distance: probe.distance,
                    normal: solid.pose.rotation * probe.normal,
                };
            }
        }
        best
    }

    /// Surfaces that are worth tracing: what is opaque hides its own back.
    fn surfaces(&self) -> usize {
        if self.alpha < 1.0 { MAX_SURFACES } else { 1 }
    }

    /// The part of a ray (m) that can meet the union.
    fn span(&self, eye: &Vector3<f64>, along: &Vector3<f64>) -> Option<[f64; 2]> {
        let mut span: Option<[f64; 2]> = None;
        for solid in self.solids {
            let [from, to] = match SignedDistance::<f64>::bounding_radius(&solid.shape) {
                Some(radius) => {
                    let offset = solid.pose.position - eye;
                    let middle = offset.dot(along);
                    // A little wider, so that round-off cuts nothing off.
                    let square = (1.01 * radius).powi(2) - (offset - along * middle).norm_squared();
                    if square <= 0.0 {
                        continue;
                    }
                    [middle - square.sqrt(), middle + square.sqrt()]
                }
                None => [0.0, FAR],
            };
            if to > 0.0 {
                let [low, high] = span.unwrap_or([f64::INFINITY, 0.0]);
                span = Some([low.min(from.max(0.0)), high.max(to)]);
            }
        }
        span
    }

    /// Runs `surface(distance, point, normal)` at each surface on a ray up to `limit` (m).
    fn trace(
        &self,
        eye: &Vector3<f64>,
        along: &Vector3<f64>,
        limit: f64,
        mut surface: impl FnMut(f64, &Vector3<f64>, Vector3<f64>),
    ) {
        let Some([mut at, end]) = self.span(eye, along) else {
            return;
        };
        let end = end.min(limit);
        let mut inside = None;
        let mut surfaces = 0;
        for _ in 0..MAX_STEPS {
            if at >= end || surfaces == self.surfaces() {
                return;
            }
            let point = eye + along * at;
            let Probe { distance, normal } = self.probe(&point);
            let was_inside = *inside.get_or_insert(distance < 0.0);
            // Sphere tracing by |d| (Hart 1996): a change of sign is a surface.
            if was_inside != (distance < 0.0) {
                inside = Some(!was_inside);
                surfaces += 1;
                surface(at, &point, normal);
            }
            at += distance.abs().max(TOUCH * at.max(1e-3));
        }
    }

    /// Whether a surface turns within a line's width of a point: 0 where it does not, 1 at
    /// a right angle. What is opaque needs no lines.
    fn edge(&self, point: &Vector3<f64>, normal: &Vector3<f64>, camera: &Camera, at: f64) -> f64 {
        if self.alpha >= 1.0 {
            return 0.0;
        }
        let reach = LINE * camera.step * at;
        let mut turn: f64 = 0.0;
        for axis in [camera.right, camera.up] {
            let along = (axis - normal * axis.dot(normal)).try_normalize(1e-6);
            for side in along
                .into_iter()
                .flat_map(|along| [along * reach, -along * reach])
            {
                let there = self.probe(&(point + side)).normal;
                // Either side of the surface may be the outer one.
                turn = turn.max(1.0 - there.dot(normal).abs());
            }
        }
        turn.min(1.0)
    }

    /// Share of light that gets past the union from `point` towards the light.
    pub fn passes(&self, point: &Vector3<f64>, towards: &Vector3<f64>, start: f64) -> f64 {
        let Some([low, end]) = self.span(point, towards) else {
            return 1.0;
        };
        let (mut at, mut open) = (low.max(start), 1.0_f64);
        for _ in 0..48 {
            if at >= end || open < 0.01 {
                break;
            }
            let distance = self.probe(&(point + towards * at)).distance;
            open = open.min(0.5 + 0.5 * SHADOW_HARDNESS * distance / at);
            at += distance.abs().max(0.02 * at).max(start);
        }
        let open = open.clamp(0.0, 1.0);
        let open = open * open * (3.0 - 2.0 * open);
        1.0 - self.alpha * (1.0 - open)
    }
}

/// The colour (linear) of a ray whose colour at `limit` (m) is `behind`, with the solids
/// before it laid over. `wall` is the thickness (m) that hides as much as alpha says.
pub(super) fn over(
    unions: &[Union],
    camera: &Camera,
    along: &Vector3<f64>,
    limit: f64,
    wall: f64,
    light: &Light,
    behind: Vector3<f64>,
) -> Vector3<f64> {
    let mut layers: Vec<(f64, Vector3<f64>, f64)> = Vec::new();
    for union in unions {
        let mut entry: Option<f64> = None;
        union.trace(&camera.eye, along, limit, |at, point, normal| {
            let facing = -normal.dot(along);
            let normal = if facing < 0.0 { -normal } else { normal };
            let colour = light.solid(&union.colour, point, &normal, along, unions);
            let hidden = match entry.take() {
                _ if union.alpha >= 1.0 => 1.0,
                // What lies between two surfaces hides by its depth (Beer & Lambert),
                // within bounds: thin skins stay seen and thick bodies clear.
                Some(entry) => {
                    let depth = ((at - entry) / wall).clamp(DEPTHS[0], DEPTHS[1]);
                    1.0 - (1.0 - union.alpha).powf(depth)
                }
                None => {
                    entry = Some(at);
                    SKIN * union.alpha
                }
            };
            // Glass shows at its rims (Schlick 1994).
            let rim = (1.0 - facing.abs().min(1.0)).powi(3) * union.alpha.sqrt();
            // Clear bodies are darker where they are deep or seen along their skin.
            let edge = union.edge(point, &normal, camera, at);
            let tint = 1.0 - (1.0 - union.alpha) * (0.5 * hidden + 0.6 * rim).max(0.5 * edge);
            let hidden = hidden + (1.0 - hidden) * rim.max(EDGE * edge);
            layers.push((at, colour * tint, hidden));
        });
    }
    layers.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lay = |under: Vector3<f64>, (_, colour, alpha): &(f64, Vector3<f64>, f64)| {
        under.lerp(colour, *alpha)
    };
    layers.iter().fold(behind, lay)
}
