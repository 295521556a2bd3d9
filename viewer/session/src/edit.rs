//! A scene that is being edited: as a tree of values, with undo, and as a file.
//!
//! Editing goes by the tree that the specification serialises to, so that every field of every
//! scene can be edited, whatever a scene may say in versions to come.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use backflow::{
    sim::{
        io::{FileError, write_atomic},
        scene::{SceneError, Spec, load::to_text, parse},
    },
    task::OptimizeSpec,
};
use serde_json::Value;

/// A scene file as the command knows it.
pub type SceneSpec = Spec<OptimizeSpec>;

/// Why a document cannot be opened, edited or saved.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file is no scene.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// A value does not fit its field.
    #[error("this is no scene: {0}")]
    Value(#[from] serde_json::Error),
    /// The scene cannot be written as RON.
    #[error("cannot be written as RON: {0}")]
    Text(#[from] ron::Error),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A scene that is being edited.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its file; none for a scene that was never saved.
    pub path: Option<PathBuf>,
    /// Folder that its files are relative to.
    pub directory: PathBuf,
    value: Value,
    saved: Value,
    undo: Vec<Value>,
    redo: Vec<Value>,
    /// The field that the last edit changed, while it goes on.
    going_on: Option<String>,
}

/// Steps that can be undone, at most.
const STEPS: usize = 200;

impl Document {
    /// Opens a scene file, sound or not, as long as it is one.
    ///
    /// # Errors
    /// It cannot be read or is no scene.
    pub fn open(path: &Path) -> Result<Self, EditError> {
        let text = std::fs::read_to_string(path).map_err(|source| SceneError::Read {
            file: path.to_owned(),
            source,
        })?;
        let (spec, _) = parse::<OptimizeSpec>(&text, &path.display().to_string())?;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::new(&spec, Some(path.to_owned()), directory)
    }

    /// A document of a specification.
    ///
    /// # Errors
    /// It has no tree.
    pub fn new(
        spec: &SceneSpec,
        path: Option<PathBuf>,
        directory: PathBuf,
    ) -> Result<Self, EditError> {
        let value = serde_json::to_value(spec)?;
        Ok(Self {
            path,
            directory,
            saved: value.clone(),
            value,
            undo: Vec::new(),
            redo: Vec::new(),
            going_on: None,
        })
    }

    /// The tree.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The specification.
    ///
    /// # Errors
    /// A value does not fit its field.
    pub fn spec(&self) -> Result<SceneSpec, EditError> {
        Ok(serde_json::from_value(self.value.clone())?)
    }

    /// Its text as RON.
    ///
    /// # Errors
    /// See [`Document::spec`].
    pub fn text(&self) -> Result<String, EditError> {
        Ok(to_text(&self.spec()?)?)
    }

    /// Replaces the tree. Edits of one `field` in a row, as of a slider that is dragged, are
    /// undone together; an empty name stands alone.
    ///
    /// # Errors
    /// It is no scene: nothing has changed.
    pub fn edit(&mut self, value: Value, field: &str) -> Result<SceneSpec, EditError> {
        let spec: SceneSpec = serde_json::from_value(value)?;
        // As the types have it, so that equal scenes are equal trees.
        let value = serde_json::to_value(&spec)?;
        if value == self.value {
            return Ok(spec);
        }
        let same = !field.is_empty() && self.going_on.as_deref() == Some(field);
        if !same {
            self.undo.push(self.value.clone());
            if self.undo.len() > STEPS {
                self.undo.remove(0);
            }
        }
        self.redo.clear();
        self.going_on = Some(field.to_owned());
        self.value = value;
        Ok(spec)
    }

    /// Reads the scene from text.
    ///
    /// # Errors
    /// It is no scene: nothing has changed.
    pub fn edit_text(&mut self, text: &str) -> Result<SceneSpec, EditError> {
        let (spec, unknown) = parse::<OptimizeSpec>(text, "text")?;
        if !unknown.is_empty() {
            return Err(SceneError::Faults {
                origin: "text".to_owned(),
                faults: unknown,
            }
            .into());
        }
        self.going_on = None;
        self.edit(serde_json::to_value(&spec)?, "")
    }

    /// The end of an edit that went on: the next one is undone by itself.
    pub fn settle(&mut self) {
        self.going_on = None;
    }

    /// Takes the last edit back; whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(value) = self.undo.pop() else {
            return false;
        };
        self.redo.push(std::mem::replace(&mut self.value, value));
        self.going_on = None;
        true
    }

    /// Does the last edit again that was taken back; whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(value) = self.redo.pop() else {
            return false;
        };
        self.undo.push(std::mem::replace(&mut self.value, value));
        self.going_on = None;
        true
    }

    /// Whether there is something to undo, and to do again.
    pub fn can(&self) -> (bool, bool) {
        (!self.undo.is_empty(), !self.redo.is_empty())
    }

    /// Whether it differs from its file.
    pub fn changed(&self) -> bool {
        self.value != self.saved
    }

    /// Writes it to a file, which is its file from then on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&mut self, path: &Path) -> Result<(), EditError> {
        let text = self.text()?;
        write_atomic(path, |file| file.write_all(text.as_bytes()))?;
        self.path = Some(path.to_owned());
        self.saved = self.value.clone();
        Ok(())
    }
}

/// The value at a path such as `bodies[0].material` or `materials."water"`, where names of
/// variants do not appear.
pub fn at_mut<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut here = value;
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = first(rest)?;
        rest = after;
        // A variant with fields is an object of one name.
        if let Step::Name(name) = &step
            && here.get(name).is_none()
        {
            here = here.as_object_mut()?.values_mut().next()?;
        }
        here = match step {
            Step::Name(name) => here.get_mut(&name)?,
            Step::Index(index) => here.get_mut(index)?,
        };
    }
    Some(here)
}

enum Step {
    Name(String),
    Index(usize),
}

/// The first step of a path, and the rest.
fn first(path: &str) -> Option<(Step, &str)> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), rest));
    }
    if let Some(rest) = path.strip_prefix('"') {
        let (name, rest) = rest.split_once('"')?;
        return Some((Step::Name(name.to_owned()), rest));
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    Some((Step::Name(path[..end].to_owned()), &path[end..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn throw() -> Document {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenes/fluid/throw.ron");
        Document::open(&path).unwrap()
    }

    #[test]
    fn fields_are_found_by_the_paths_of_faults() {
        let mut value = throw().value().clone();
        for (path, expected) in [
            ("materials.\"cream\".viscosity", json!(1.0)),
            ("bodies[0].shape.radius", json!(0.08)),
            ("colliders[1].position[0]", json!(1.16)),
            ("losses[0].term.body", json!("blob")),
        ] {
            assert_eq!(at_mut(&mut value, path).cloned(), Some(expected), "{path}");
        }
        assert_eq!(at_mut(&mut value, "bodies[7].shape"), None);
        assert_eq!(at_mut(&mut value, "nonsense"), None);
    }

    #[test]
    fn a_drag_is_one_step_of_undo() {
        let mut document = throw();
        for viscosity in [2.0, 3.0, 4.0] {
            let mut value = document.value().clone();
            *at_mut(&mut value, "materials.\"cream\".viscosity").unwrap() = json!(viscosity);
            document.edit(value, "viscosity").unwrap();
        }
        assert!(document.changed());
        let viscosity = |document: &Document| {
            let mut value = document.value().clone();
            at_mut(&mut value, "materials.\"cream\".viscosity").cloned()
        };
        assert_eq!(viscosity(&document), Some(json!(4.0)));
        assert!(document.undo());
        assert_eq!(viscosity(&document), Some(json!(1.0)));
        assert!(!document.undo() && !document.changed());
        assert!(document.redo());
        assert_eq!(viscosity(&document), Some(json!(4.0)));
    }

    #[test]
    fn what_is_saved_reads_back_equal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.ron");
        let mut document = throw();
        let mut value = document.value().clone();
        *at_mut(&mut value, "gravity[1]").unwrap() = json!(-1.5);
        document.edit(value, "").unwrap();
        document.save(&path).unwrap();
        assert!(!document.changed());
        let again = Document::open(&path).unwrap();
        assert_eq!(again.value(), document.value());
    }

    #[test]
    fn broken_text_changes_nothing_and_says_where_it_broke() {
        let mut document = throw();
        let text = document.text().unwrap();
        let broken = text.replacen("cell: 0.02", "cell: \"x\"", 1);
        let error = document.edit_text(&broken).unwrap_err().to_string();
        assert!(
            error.contains("domain.cell") && error.contains("text:"),
            "{error}"
        );
        assert!(!document.changed());
        let coarse = text.replacen("cell: 0.02", "cell: 0.04", 1);
        assert_eq!(document.edit_text(&coarse).unwrap().domain.cell, 0.04);
        assert!(document.changed());
    }
}
