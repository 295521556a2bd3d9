//! What a hand file says.

use serde::{Deserialize, Serialize};

/// A hand, as `assets/hands/*.ron` describes it. Lengths are in metres, angles in radians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandSpec {
    /// Its name.
    pub name: String,
    /// Where its dimensions come from.
    pub source: String,
    /// Links, each after its parent; the first is the root.
    pub links: Vec<LinkSpec>,
    /// Joints that share one motor; every other joint has a motor of its own.
    #[serde(default)]
    pub tendons: Vec<TendonSpec>,
    /// Fingers, each with the place where it touches.
    pub fingers: Vec<FingerSpec>,
    /// Pairs of links that may overlap, besides a link and its parent.
    #[serde(default)]
    pub may_overlap: Vec<(String, String)>,
    /// Where the hand grips, and how it starts.
    pub palm: PalmSpec,
    /// Least sums of the normal forces of some fingers (by name), in units of the unit load.
    #[serde(default)]
    pub pressures: Vec<(Vec<String>, f64)>,
    /// Stiffness of the position motors (N m / rad, or N / m of a slide).
    pub stiffness: f64,
    /// Largest torque of a motor (N m, or N).
    pub strongest: f64,
}

/// A rigid part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// Its name, which no other link has.
    pub name: String,
    /// The link it hangs on; none for the root.
    #[serde(default)]
    pub parent: Option<String>,
    /// Origin in the frame of the parent (m).
    #[serde(default)]
    pub position: [f64; 3],
    /// Turn in the frame of the parent as a quaternion `[w, x, y, z]`, of any length.
    #[serde(default = "no_turn")]
    pub rotation: [f64; 4],
    /// The joint by which it moves about its origin; none for a fixed link.
    #[serde(default)]
    pub joint: Option<JointSpec>,
    /// Mass (kg).
    #[serde(default = "light")]
    pub mass: f64,
    /// What it collides with.
    #[serde(default)]
    pub shapes: Vec<ShapeSpec>,
}

fn no_turn() -> [f64; 4] {
    [1.0, 0.0, 0.0, 0.0]
}

fn light() -> f64 {
    0.02
}

/// How a link moves against its parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JointSpec {
    /// Its name, which no other joint has.
    pub name: String,
    /// Turns or slides.
    #[serde(default)]
    pub kind: JointKind,
    /// Axis in the frame of the link, of any length.
    pub axis: [f64; 3],
    /// Least and largest angle (rad) or way (m).
    pub range: (f64, f64),
    /// Where it starts: angle (rad) or way (m).
    #[serde(default)]
    pub rest: f64,
}

/// Kinds of joints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum JointKind {
    /// Turns about its axis.
    #[default]
    Hinge,
    /// Slides along its axis.
    Slide,
}

/// Joints that one motor drives by the sum of their angles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TendonSpec {
    /// Its name.
    pub name: String,
    /// The joints, outermost first: a load at the tip stretches the others, so that the
    /// outermost takes the whole sum until it meets its limit.
    pub joints: Vec<String>,
}

/// A finger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FingerSpec {
    /// Its name.
    pub name: String,
    /// Its outermost link.
    pub link: String,
    /// Centre, in the frame of the link, of the ball that stands for the pad (m).
    pub pad: [f64; 3],
    /// Radius of that ball (m).
    pub radius: f64,
}

/// Where a hand grips, in the frame of its root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PalmSpec {
    /// Where the surface of an object should be when the grasp starts (m).
    pub centre: [f64; 3],
    /// From the palm into the object; of any length.
    pub approach: [f64; 3],
}

/// A shape in the frame of its link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ShapeSpec {
    /// A ball.
    Sphere {
        /// Centre (m).
        centre: [f64; 3],
        /// Radius (m).
        radius: f64,
    },
    /// Everything within a distance of a segment.
    Capsule {
        /// One end of the segment (m).
        from: [f64; 3],
        /// The other end (m).
        to: [f64; 3],
        /// Distance (m).
        radius: f64,
    },
    /// A box.
    Cuboid {
        /// Centre (m).
        centre: [f64; 3],
        /// Half of its edges (m).
        half: [f64; 3],
        /// Turn as a quaternion `[w, x, y, z]`, of any length.
        #[serde(default = "no_turn")]
        rotation: [f64; 4],
    },
    /// The convex hull of sections across its z axis, mirrored in its plane x = 0.
    Loft {
        /// Its origin (m).
        #[serde(default)]
        position: [f64; 3],
        /// Its turn as a quaternion `[w, x, y, z]`, of any length.
        #[serde(default = "no_turn")]
        rotation: [f64; 4],
        /// Sections, from one end to the other.
        sections: Vec<SectionSpec>,
    },
}

/// A section of a [`ShapeSpec::Loft`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionSpec {
    /// Where it is on the z axis (m).
    pub z: f64,
    /// Its middle on the y axis (m).
    pub middle: f64,
    /// Distances of the surface from the middle (m), from the direction of -y over +x to that
    /// of +y, at equal angles.
    pub radii: Vec<f64>,
}
