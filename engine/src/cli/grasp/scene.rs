//! Grasps as scenes of Backflow.

use std::{io::Write, path::Path};

use backflow_grasp::{
    hand::{Hand, spec::JointKind},
    object::{Fineness, Object},
    play::{NAMES, Settings, play},
    set::{GraspEntry, GraspSet},
};
use backflow_optim::UpdateSettings;
use backflow_sim::{
    io::atomic::write_atomic,
    scene::{Spec, to_text},
};
use clap::Args;

use super::seen_from;
use crate::{
    cli::{Failure, out::say},
    task::{
        OptimizeSpec,
        variables::{Freedom, Variable, knots::Shape},
    },
};

/// What the object of a scene is made of, and what is done with it.
#[derive(Debug, Clone, Copy, Args)]
pub struct Play {
    /// Young's modulus of the object (Pa).
    #[arg(long, default_value_t = Settings::default().young, value_name = "PA")]
    young: f64,
    /// How far it is lifted (m).
    #[arg(long, default_value_t = Settings::default().lift, value_name = "M")]
    lift: f64,
    /// Edge of a cell of the grid (m); a fourteenth of the object by default.
    #[arg(long, value_name = "M")]
    cell: Option<f64>,
}

/// Frames that share one velocity of the joints.
const HOLD: usize = 3;
/// Iterations of the optimisation.
const ITERATIONS: usize = 15;
/// Longest move of a rate in one of them (rad/s, m/s), for hinges and for slides.
const RATES: [f64; 2] = [0.15, 0.01];

impl Play {
    /// Writes the scene of a grasp; `mesh` is the object of the set, a file or a folder.
    ///
    /// # Errors
    /// An object that cannot be read, settings that make no sense, a file that cannot be
    /// written.
    pub fn write(
        self,
        file: &Path,
        hand: &Hand,
        set: &GraspSet,
        grasp: &GraspEntry,
        mesh: &Path,
    ) -> Result<(), Failure> {
        let settings = Settings {
            young: self.young,
            lift: self.lift,
            cell: self.cell,
            ..Settings::default()
        };
        let object = Object::read(mesh, set.object.scale, &Fineness::default());
        let object = object.map_err(Failure::input)?;
        // Bodies are filled from one mesh: of a folder of parts that beside it.
        let whole = if mesh.is_dir() {
            mesh.with_extension("obj")
        } else {
            mesh.to_owned()
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        let seen = seen_from(folder, &whole)?;
        let played = play(hand, set, grasp, &object, &seen, &settings).map_err(Failure::input)?;
        if played.far > 0 {
            say(&format!(
                "{} of {} solids of the hand are left out: they do not come near the object",
                played.far,
                played.far + played.spec.colliders.len()
            ));
        }
        let spec = optimised(&played.spec, hand);
        let text = to_text(&spec)
            .map_err(|error| Failure::work(format!("{}: {error}", file.display())))?;
        write_atomic(file, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Failure::work(format!("{}: {error}", file.display())))
    }
}

/// The same scene with the rates of all joints to be optimised.
fn optimised(spec: &Spec<()>, hand: &Hand) -> Spec<OptimizeSpec> {
    let slides = hand
        .joints
        .iter()
        .all(|joint| joint.kind == JointKind::Slide);
    let joints = hand.joint_names().into_iter();
    let optimize = OptimizeSpec {
        variables: vec![Variable::Controls {
            tool: NAMES[0].to_owned(),
            axes: joints.map(|name| Freedom::Joint(name.to_owned())).collect(),
            limit: None,
            hold: HOLD,
            knots: Shape::default(),
            scale: 1.0,
        }],
        settings: backflow_optim::Settings {
            iterations: ITERATIONS,
            update: UpdateSettings::Adam {
                rate: RATES[usize::from(slides)],
                beta1: 0.9,
                beta2: 0.99,
                epsilon: 1e-8,
            },
            ..backflow_optim::Settings::default()
        },
        ..OptimizeSpec::default()
    };
    spec.with(Some(optimize))
}
