//! Pictures of a state, drawn in software: no window, no graphics card, and the same
//! bytes on any number of threads.
//!
//! Particles are shaded balls, solids are traced through their signed distance, and a
//! floor catches soft shadows. Every pixel averages 2 x 2 rays.

mod balls;
mod camera;
mod crowd;
mod floor;
mod gas;
mod light;
mod solids;

use nalgebra::Vector3;
use rayon::prelude::*;

use crate::{collider::Shape, pose::Pose};

pub use camera::View;
pub use gas::GasPicture;

use balls::Hits;
use camera::Camera;
use light::Light;
use solids::Union;

/// Colours that stay apart for colour-blind eyes, one a body (Okabe & Ito 2008).
pub const PALETTE: [[u8; 3]; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [230, 159, 0],
    [204, 121, 167],
    [86, 180, 233],
    [240, 228, 66],
];

/// Light grey, for colliders and tools.
pub const GREY: [u8; 3] = [205, 208, 212];

/// Rays a pixel along each axis.
const RAYS: usize = 2;

/// Largest side of a picture (pixels).
const MAX_SIDE: usize = 16_384;

/// What is to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Width (pixels).
    pub width: usize,
    /// Height (pixels).
    pub height: usize,
    /// Lower and upper corner of the box that the view is fitted to (m); the floor is
    /// at its lower face.
    pub bounds: [Vector3<f64>; 2],
    /// Where it is seen from.
    pub view: View,
    /// Particles.
    pub balls: Vec<Ball>,
    /// Colliders, tools and targets. Neighbours in the list with the same colour and
    /// alpha are drawn as one solid, without seams.
    pub solids: Vec<Solid>,
}

/// A ball.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ball {
    /// Centre (m).
    pub centre: Vector3<f64>,
    /// Radius (m).
    pub radius: f64,
    /// Colour (sRGB).
    pub rgb: [u8; 3],
}

/// A placed shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Solid {
    /// The shape.
    pub shape: Shape<f64>,
    /// Its placement.
    pub pose: Pose<f64>,
    /// Colour (sRGB).
    pub rgb: [u8; 3],
    /// How much one wall hides of what is behind it, 0 to 1.
    pub alpha: f64,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Width (pixels).
    pub width: usize,
    /// Height (pixels).
    pub height: usize,
    /// Rows from the top, 8-bit sRGB.
    pub rgb: Vec<u8>,
}

/// Why a picture cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PictureError {
    /// No picture has that size.
    #[error("picture size: {width} x {height}; expected sides of 1 to {MAX_SIDE} pixels")]
    Size {
        /// Width asked for.
        width: usize,
        /// Height asked for.
        height: usize,
    },
    /// The box is empty or not finite.
    #[error("picture bounds: {bounds:?}; expected finite corners, the lower one first (m)")]
    Bounds {
        /// The corners.
        bounds: [Vector3<f64>; 2],
    },
    /// The direction of the view is none.
    #[error("picture view: {view:?}; expected a direction that is finite and not zero")]
    View {
        /// The view.
        view: View,
    },
    /// A ball cannot be drawn.
    #[error("picture ball {index}: {ball:?}; expected a finite centre and a radius > 0 (m)")]
    Ball {
        /// Its place in the list.
        index: usize,
        /// The ball.
        ball: Ball,
    },
    /// A solid cannot be drawn.
    #[error(
        "picture solid {index}: alpha {alpha} at {position:?}; expected 0 to 1, a finite place"
    )]
    Solid {
        /// Its place in the list.
        index: usize,
        /// Its alpha.
        alpha: f64,
        /// Its position (m).
        position: Vector3<f64>,
    },
}

impl Picture {
    /// Draws the picture; balls around or behind the eye are left out.
    pub fn render(&self) -> Result<Image, PictureError> {
        self.check()?;
        let (width, height) = (self.width * RAYS, self.height * RAYS);
        let camera = Camera::fitted(&self.view, &self.bounds, width, height);
        let hits = Hits::of(&self.balls, &camera);
        let light = Light::new(&self.balls, &self.bounds, &camera);
        let unions = Union::grouped(&self.solids);
        let wall = solids::WALL * (self.bounds[1] - self.bounds[0]).max();

        let ray = |row: usize, column: usize| {
            let along = camera.ray(column, row);
            let (colour, depth) = match hits.at(row, column) {
                Some((index, depth)) => {
                    let ball = &self.balls[index];
                    (light.ball(ball, &camera.eye, &along, depth, &unions), depth)
                }
                None => floor::colour(&self.bounds, &camera, &along, &light, &unions),
            };
            solids::over(&unions, &camera, &along, depth, wall, &light, colour)
        };
        let mut rgb = vec![0; self.width * self.height * 3];
        rgb.par_chunks_mut(self.width * 3)
            .enumerate()
            .for_each(|(row, line)| {
                for (column, pixel) in line.chunks_mut(3).enumerate() {
                    let mut sum = Vector3::zeros();
                    for sub in 0..RAYS * RAYS {
                        sum += ray(row * RAYS + sub / RAYS, column * RAYS + sub % RAYS);
                    }
                    let place = Vector3::new(row as f64, column as f64, 1.0);
                    let dither = light::scatter(&place) - 0.5;
                    pixel.copy_from_slice(&light::encode(&(sum / (RAYS * RAYS) as f64), dither));
                }
            });
        Ok(Image {
            width: self.width,
            height: self.height,
            rgb,
        })
    }

    fn check(&self) -> Result<(), PictureError> {
        let finite = |v: &Vector3<f64>| v.iter().all(|x| x.is_finite());
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Err(PictureError::Size {
                width: self.width,
                height: self.height,
            });
        }
        let [min, max] = self.bounds;
        if !(finite(&min) && finite(&max) && (max - min).min() > 0.0) {
            let bounds = self.bounds;
            return Err(PictureError::Bounds { bounds });
        }
        let direction = self.view.direction.norm();
        if !(direction > 0.0 && direction.is_finite()) {
            return Err(PictureError::View { view: self.view });
        }
        for (index, &ball) in self.balls.iter().enumerate() {
            let sound = ball.radius > 0.0 && ball.radius.is_finite();
            if !(sound && finite(&ball.centre)) {
                return Err(PictureError::Ball { index, ball });
            }
        }
        for (index, solid) in self.solids.iter().enumerate() {
            let pose = &solid.pose;
            let placed = finite(&pose.position) && pose.rotation.iter().all(|x| x.is_finite());
            if !(placed && (0.0..=1.0).contains(&solid.alpha)) {
                return Err(PictureError::Solid {
                    index,
                    alpha: solid.alpha,
                    position: pose.position,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix3;

    use super::*;
    use crate::collider::Cuboid;

    fn picture() -> Picture {
        let ball = |i: usize| Ball {
            centre: Vector3::new(0.3 + 0.1 * (i % 5) as f64, 0.05, 0.3 + 0.1 * (i / 5) as f64),
            radius: 0.05,
            rgb: PALETTE[i % 2],
        };
        Picture {
            width: 80,
            height: 60,
            bounds: [Vector3::zeros(), Vector3::repeat(1.0)],
            view: View::default(),
            balls: (0..25).map(ball).collect(),
            solids: vec![Solid {
                shape: Shape::Cuboid(Cuboid {
                    half_extents: Vector3::new(0.2, 0.2, 0.02),
                    rounding: 0.0,
                }),
                pose: Pose {
                    position: Vector3::new(0.5, 0.2, 0.95),
                    rotation: Matrix3::identity(),
                },
                rgb: GREY,
                alpha: 1.0,
            }],
        }
    }

    /// Shares of pixels that are clearly blue and clearly orange.
    fn colours(image: &Image) -> [f64; 2] {
        let share = |test: fn(&[i32]) -> bool| {
            let pixels = image
                .rgb
                .chunks(3)
                .map(|rgb| [rgb[0], rgb[1], rgb[2]].map(i32::from));
            pixels.filter(|rgb| test(rgb)).count() as f64 / (image.rgb.len() / 3) as f64
        };
        [
            share(|rgb| rgb[2] > rgb[0] + 60),
            share(|rgb| rgb[0] > rgb[2] + 60),
        ]
    }

    #[test]
    fn same_bytes_on_any_number_of_threads() {
        let render = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| picture().render().unwrap())
        };
        assert_eq!(render(1), render(3));
    }

    #[test]
    fn both_bodies_are_seen_and_solids_hide_them() {
        let mut picture = picture();
        let hidden = colours(&picture.render().unwrap());
        picture.solids[0].alpha = 0.3;
        let glass = colours(&picture.render().unwrap());
        picture.solids.clear();
        let free = colours(&picture.render().unwrap());
        for body in 0..2 {
            assert!(free[body] > 0.01, "{free:?}");
            assert!(hidden[body] < free[body] && hidden[body] <= glass[body]);
        }
        picture.balls.clear();
        assert_eq!(colours(&picture.render().unwrap()), [0.0, 0.0]);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let error = |change: fn(&mut Picture)| {
            let mut picture = picture();
            change(&mut picture);
            picture.render().unwrap_err().to_string()
        };
        assert_eq!(
            error(|picture| picture.width = 0),
            "picture size: 0 x 60; expected sides of 1 to 16384 pixels"
        );
        assert!(error(|picture| picture.bounds[1].y = 0.0).starts_with("picture bounds"));
        assert!(error(|picture| picture.view.direction.fill(0.0)).starts_with("picture view"));
        assert!(error(|picture| picture.balls[3].radius = 0.0).starts_with("picture ball 3"));
        assert!(
            error(|picture| picture.balls[3].centre.x = f64::NAN).starts_with("picture ball 3")
        );
        assert!(error(|picture| picture.solids[0].alpha = 1.5).starts_with("picture solid 0"));
    }
}
