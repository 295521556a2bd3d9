//! `backflow grasp hand`: hands from one format into another.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backflow_grasp::{
    Hand,
    hand::library,
    import::{self, Imported},
    set::mjcf,
};
use clap::Args;
use serde_json::json;

use crate::cli::{
    Failure,
    out::{say, say_json},
};

/// Reads a hand, says what it is, and writes it in another format.
///
/// What a format does not say is guessed, and what a hand of Backflow cannot have is replaced or
/// left out; all of that is printed. A hand in RON can be edited: fingers, their pads, the palm and
/// the start are what matters most.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow grasp hand robot.urdf --out robot.ron
  backflow grasp hand right_hand.xml --out right_hand.ron
  backflow grasp hand shadow --out shadow.xml

Reads RON, MJCF (.xml, .mjcf), URDF (.urdf) and the names allegro, gripper, leap and shadow; writes RON
and MJCF.")]
pub struct Convert {
    /// A hand of Backflow by its name, or a file.
    #[arg(value_name = "HAND")]
    hand: String,
    /// Where to write it, by the ending .ron, .xml or .mjcf.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Convert {
    /// Runs the command.
    ///
    /// # Errors
    /// A hand that cannot be read, a format that is not written, a file that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let Imported { spec, remarks } = read(&self.hand)?;
        let hand = Hand::new(spec).map_err(Failure::input)?;
        if let Some(out) = &self.out {
            let text = text(&hand, out)?;
            fs::write(out, text)
                .map_err(|error| Failure::work(format!("{}: {error}", out.display())))?;
        }
        let fingers: Vec<&str> = hand
            .spec
            .fingers
            .iter()
            .map(|finger| finger.name.as_str())
            .collect();
        let shapes: usize = hand.spec.links.iter().map(|link| link.shapes.len()).sum();
        if self.json {
            say_json(&json!({
                "hand": hand.spec.name,
                "links": hand.links.len(),
                "joints": hand.joint_names(),
                "motors": hand.motors.len(),
                "shapes": shapes,
                "fingers": fingers,
                "remarks": remarks,
            }));
            return Ok(());
        }
        say(&format!(
            "{}: {} links, {} joints, {} motors, {shapes} shapes, fingers {}",
            hand.spec.name,
            hand.links.len(),
            hand.joints.len(),
            hand.motors.len(),
            fingers.join(", ")
        ));
        for remark in &remarks {
            say(&format!("  {remark}"));
        }
        Ok(())
    }
}

/// A hand by its name or of a file.
pub(super) fn read(name: &str) -> Result<Imported, Failure> {
    let path = Path::new(name);
    if path.extension().is_some() {
        import::read(path).map_err(Failure::input)
    } else {
        let hand = library::named(name).map_err(Failure::input)?;
        Ok(Imported {
            spec: hand.spec,
            remarks: Vec::new(),
        })
    }
}

/// A hand in the format of a file.
fn text(hand: &Hand, file: &Path) -> Result<String, Failure> {
    let ending = file.extension().map_or_else(String::new, |ending| {
        ending.to_string_lossy().to_lowercase()
    });
    match ending.as_str() {
        "ron" => ron::ser::to_string_pretty(&hand.spec, ron::ser::PrettyConfig::default())
            .map_err(Failure::work),
        "xml" | "mjcf" => Ok(mjcf::hand(hand)),
        _ => Err(Failure::input(format!(
            "--out {}: expected the ending .ron, .xml or .mjcf",
            file.display()
        ))),
    }
}
