//! Light: sky, one lamp with soft shadows, and the darkness of crevices.

use std::f64::consts::TAU;

use nalgebra::Vector3;
use rayon::prelude::*;

use super::{Ball, camera::Camera, crowd::Crowd, solids::Union};

/// Cells of the shadow map along each axis.
const MAP: usize = 1024;

/// Rows of the shadow map that are drawn by one task.
const BAND: usize = 32;

/// Samples of the lamp's disc.
const LAMP_SAMPLES: usize = 12;

/// Radius of the lamp's blur, in parts of the size of the lit region.
const LAMP_BLUR: f64 = 0.010;

/// Share of the normal of a ball that is that of the surface of the matter.
const SURFACE: f64 = 0.55;

/// Light of the sky from above and from below, and of the lamp.
const SKY: [f64; 3] = [0.62, 0.66, 0.72];
const GROUND: [f64; 3] = [0.36, 0.35, 0.34];
const LAMP: [f64; 3] = [0.78, 0.75, 0.70];

/// The lights of a picture.
pub(super) struct Light {
    /// Towards the lamp.
    towards: Vector3<f64>,
    /// Axes of the shadow map across the lamp's direction.
    axes: [Vector3<f64>; 2],
    /// Lowest place of the map along its axes (m), and its cell (m).
    corner: [f64; 2],
    cell: f64,
    /// Highest place along `towards` of any ball, by cell (m).
    map: Vec<f32>,
    /// Samples of the lamp's disc, in cells.
    disc: [[f64; 2]; LAMP_SAMPLES],
    crowd: Crowd,
    /// Mean radius of the balls (m).
    radius: f64,
}

impl Light {
    /// The lamp is above and left of the scene as the camera sees it, a little behind, so
    /// that shadows fall to the right and are seen.
    pub fn new(balls: &[Ball], bounds: &[Vector3<f64>; 2], camera: &Camera) -> Self {
        let level = |v: &Vector3<f64>| Vector3::new(v.x, 0.0, v.z);
        let side = level(&camera.right) * -0.78 + level(&camera.forward) * 0.08;
        let towards = (Vector3::y() + side).normalize();
        let across = towards.cross(&Vector3::z()).normalize();
        let axes = [across, towards.cross(&across)];

        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        let mut reach = |point: &Vector3<f64>, radius: f64| {
            for axis in 0..2 {
                let at = point.dot(&axes[axis]);
                low[axis] = low[axis].min(at - radius);
                high[axis] = high[axis].max(at + radius);
            }
        };
        bounds.iter().for_each(|corner| reach(corner, 0.0));
        balls
            .iter()
            .for_each(|ball| reach(&ball.centre, ball.radius));
        let size = (high[0] - low[0]).max(high[1] - low[1]);
        let cell = size / MAP as f64;

        let radii: f64 = balls.iter().map(|ball| ball.radius).sum();
        let mut light = Self {
            towards,
            axes,
            corner: low,
            cell,
            map: Vec::new(),
            disc: std::array::from_fn(sunflower),
            crowd: Crowd::new(balls, bounds[0].y),
            radius: radii / balls.len().max(1) as f64,
        };
        light.map = light.drawn(balls);
        light
    }

    /// The shadow map of the balls.
    fn drawn(&self, balls: &[Ball]) -> Vec<f32> {
        let place = |ball: &Ball| [0, 1].map(|axis| self.place(&ball.centre, axis));
        let mut bands = vec![Vec::new(); MAP / BAND];
        for (index, ball) in balls.iter().enumerate() {
            let (middle, reach) = (place(ball)[1], ball.radius / self.cell);
            let band = |row: f64| (row.max(0.0) as usize / BAND).min(MAP / BAND - 1);
            for band in band(middle - reach)..=band(middle + reach) {
                bands[band].push(index);
            }
        }
        let mut map = vec![f32::NEG_INFINITY; MAP * MAP];
        map.par_chunks_mut(MAP * BAND)
            .zip(bands)
            .enumerate()
            .for_each(|(band, (rows, inside))| {
                for ball in inside.into_iter().map(|index| &balls[index]) {
                    let [x, y] = place(ball);
                    let reach = ball.radius / self.cell;
                    let top = ball.centre.dot(&self.towards);
                    let cells = |middle: f64, first: usize, count: usize| {
                        let low = (middle - reach).ceil().max(first as f64) as usize;
                        let high = (middle + reach).floor() + 1.0;
                        low..(high.max(0.0) as usize).min(first + count)
                    };
                    for row in cells(y, band * BAND, BAND) {
                        for column in cells(x, 0, MAP) {
                            let off = (column as f64 - x).powi(2) + (row as f64 - y).powi(2);
                            let rise = (reach * reach - off).max(0.0).sqrt() * self.cell;
                            let cell = &mut rows[(row - band * BAND) * MAP + column];
                            *cell = cell.max((top + rise) as f32);
                        }
                    }
                }
            });
        map
    }

    /// Cell of a point along an axis of the map, as a real number.
    fn place(&self, point: &Vector3<f64>, axis: usize) -> f64 {
        (point.dot(&self.axes[axis]) - self.corner[axis]) / self.cell - 0.5
    }

    /// Share of the lamp that a point sees past the balls: samples of the disc, turned by a
    /// fixed noise.
    fn seen(&self, point: &Vector3<f64>, slack: f64) -> f64 {
        let height = (point.dot(&self.towards) + slack) as f32;
        let [x, y] = [0, 1].map(|axis| self.place(point, axis));
        let (sin, cos) = (TAU * scatter(point)).sin_cos();
        let mut open = 0;
        for sample in 0..LAMP_SAMPLES {
            let [right, up] = self.disc[sample];
            let column = (x + right * cos - up * sin).round();
            let row = (y + right * sin + up * cos).round();
            let inside = |at: f64| (0.0..MAP as f64).contains(&at);
            let blocked = inside(column)
                && inside(row)
                && self.map[row as usize * MAP + column as usize] > height;
            open += usize::from(!blocked);
        }
        open as f64 / LAMP_SAMPLES as f64
    }

    /// Light of sky and ground on a surface with this normal.
    fn sky(normal: &Vector3<f64>) -> Vector3<f64> {
        Vector3::from(GROUND).lerp(&Vector3::from(SKY), 0.5 + 0.5 * normal.y)
    }

    /// Share of the lamp that gets past all solids.
    fn past_solids(&self, point: &Vector3<f64>, unions: &[Union]) -> f64 {
        let start = 8.0 * self.cell;
        let passes = |union: &Union| union.passes(point, &self.towards, start);
        unions.iter().map(passes).product()
    }

    /// Colour (linear) of the ball that a ray from `eye` meets at `depth` (m).
    pub fn ball(
        &self,
        ball: &Ball,
        eye: &Vector3<f64>,
        along: &Vector3<f64>,
        depth: f64,
        unions: &[Union],
    ) -> Vector3<f64> {
        let point = eye + along * depth;
        let own = (point - ball.centre) / ball.radius;
        let surface = self.crowd.outward(&ball.centre);
        let mixed = own.lerp(&surface, SURFACE * surface.norm());
        let normal = mixed.try_normalize(1e-9).unwrap_or(own);
        let open = self.crowd.open(&point, &normal, 1.0);
        let lamp = self.seen(&point, 1.6 * ball.radius) * self.past_solids(&point, unions);
        // Light creeps a little round the edge, as in matter that is not opaque.
        let facing = ((normal.dot(&self.towards) + 0.25) / 1.25).max(0.0);
        let lit = Self::sky(&normal) * open + Vector3::from(LAMP) * (facing * lamp);
        let half = (self.towards - along).normalize();
        let shine = 0.22 * normal.dot(&half).max(0.0).powi(36) * lamp;
        let rim = 0.10 * (1.0 + own.dot(along)).clamp(0.0, 1.0).powi(3) * open;
        decode(&ball.rgb)
            .component_mul(&lit)
            .add_scalar(shine + rim)
    }

    /// Share of light (1 for all) on the floor at `point`.
    pub fn floor(&self, point: &Vector3<f64>, unions: &[Union]) -> f64 {
        let lamp = self.seen(point, 2.0 * self.cell) * self.past_solids(point, unions);
        let open = self.crowd.open(point, &Vector3::y(), 1.0);
        // On white, shadows are light.
        (0.55 + 0.45 * open) * (0.66 + 0.34 * lamp)
    }

    /// Colour (linear) of a solid at `point`.
    pub fn solid(
        &self,
        colour: &Vector3<f64>,
        point: &Vector3<f64>,
        normal: &Vector3<f64>,
        along: &Vector3<f64>,
        unions: &[Union],
    ) -> Vector3<f64> {
        let off = point + normal * (6.0 * self.cell);
        let lamp =
            self.seen(point, 2.5 * self.radius.max(self.cell)) * self.past_solids(&off, unions);
        let open = self.crowd.open(point, normal, 0.6);
        let facing = normal.dot(&self.towards).max(0.0);
        let lit = Self::sky(normal) * open + Vector3::from(LAMP) * (facing * lamp);
        let half = (self.towards - along).normalize();
        let shine = 0.35 * normal.dot(&half).max(0.0).powi(60) * lamp;
        colour.component_mul(&lit).add_scalar(shine)
    }
}

/// Even places in a disc, by the golden angle (cells of the shadow map).
fn sunflower(sample: usize) -> [f64; 2] {
    let out = LAMP_BLUR * MAP as f64 * ((sample as f64 + 0.5) / LAMP_SAMPLES as f64).sqrt();
    let angle = TAU * 0.618_034 * sample as f64;
    [out * angle.cos(), out * angle.sin()]
}

/// A fixed number in [0, 1) for a place.
pub(super) fn scatter(point: &Vector3<f64>) -> f64 {
    let bits = point.iter().fold(0_u64, |bits, x| {
        (bits ^ x.to_bits())
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    });
    (bits >> 40) as f64 / (1_u64 << 24) as f64
}

/// sRGB to linear (IEC 61966-2-1).
pub(super) fn decode(rgb: &[u8; 3]) -> Vector3<f64> {
    Vector3::from(*rgb).map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    })
}

/// Linear to sRGB (IEC 61966-2-1), clamped; `dither` in [-0.5, 0.5] is added before the
/// last rounding, so that smooth colours show no steps.
pub(super) fn encode(linear: &Vector3<f64>, dither: f64) -> [u8; 3] {
    let value = |value: f64| {
        let value = value.clamp(0.0, 1.0);
        let value = if value <= 0.003_130_8 {
            12.92 * value
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        (255.0 * value + dither).round() as u8
    };
    [value(linear.x), value(linear.y), value(linear.z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back() {
        for value in 0..=255 {
            let rgb = [value, 255 - value, 7];
            assert_eq!(encode(&decode(&rgb), 0.0), rgb);
        }
    }
}
