//! From the text of a scene to its specification.

use std::{fs, path::Path};

use ron::{extensions::Extensions, ser::PrettyConfig};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    check::check_with,
    fault::{Fault, SceneError},
    locate::{Places, child, parent},
    meshes::Meshes,
    reference::fields_at,
    spec::Spec,
};

/// Reads a scene file and checks it. `extra` finds what is wrong with the parts that
/// crates above this one know, such as `optimize`.
///
/// # Errors
/// The file cannot be read, its text is not a scene, or the scene is not sound; in the
/// last case everything that is wrong is reported at once.
pub fn load<O: DeserializeOwned>(
    path: &Path,
    extra: impl Fn(&Spec<O>) -> Vec<Fault>,
) -> Result<Spec<O>, SceneError> {
    let directory = path.parent().unwrap_or(Path::new(""));
    load_with(path, &Meshes::new(directory), extra)
}

/// Like [`load`], with the files of the scene from `meshes`.
///
/// # Errors
/// As [`load`].
pub fn load_with<O: DeserializeOwned>(
    path: &Path,
    meshes: &Meshes,
    extra: impl Fn(&Spec<O>) -> Vec<Fault>,
) -> Result<Spec<O>, SceneError> {
    let origin = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| SceneError::Read {
        file: path.to_owned(),
        source,
    })?;
    let (spec, mut faults) = parse(&text, &origin)?;
    faults.extend(check_with(&spec, meshes));
    faults.extend(extra(&spec));
    if faults.is_empty() {
        return Ok(spec);
    }
    let places = Places::of(&text);
    let mut faults: Vec<_> = faults
        .into_iter()
        .map(|fault| fault.placed(&places))
        .collect();
    faults.sort_by_key(|fault| fault.place);
    Err(SceneError::Faults { origin, faults })
}

/// Parses the text of a scene: its specification, and a fault for each field that no
/// part of a scene has. `origin` names the text in errors.
///
/// # Errors
/// The text is not RON, or a value has the wrong type.
pub fn parse<O: DeserializeOwned>(
    text: &str,
    origin: &str,
) -> Result<(Spec<O>, Vec<Fault>), SceneError> {
    let syntax = |path: String, error: ron::error::SpannedError| {
        let place = Places::of(text)
            .get(&path)
            .map(|place| (place.line, place.column));
        // A missing field is noticed at the end of what it is missing from.
        let (line, column, message) = match (&error.code, place) {
            (code, Some((line, column))) if of_the_whole(code) => {
                (line, column, lower(&code.to_string()))
            }
            (ron::Error::IntegerOutOfBounds, Some((line, column))) => {
                // The position of the parser is behind the sign.
                let (line, column, rest) = found(text, ron::error::Position { line, col: column });
                let expected = "expected a whole number that is neither negative nor huge";
                (line, column, format!("{expected}, found `{rest}`"))
            }
            (code, _) => {
                let (line, column, rest) = found(text, error.span.start);
                (line, column, message(code, &rest))
            }
        };
        SceneError::Syntax {
            origin: origin.to_owned(),
            line,
            column,
            path,
            message,
        }
    };
    let mut reader = ron::Deserializer::from_str_with_options(text, &options())
        .map_err(|error| syntax(String::new(), error))?;
    let (mut unknown, mut track) = (Vec::new(), serde_path_to_error::Track::new());
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let spec = serde_ignored::deserialize(tracked, |path| unknown.push(ignored(&path)));
    let spec = spec.map_err(|code| syntax(failed(&track.path()), reader.span_error(code)))?;
    reader
        .end()
        .map_err(|code| syntax(String::new(), reader.span_error(code)))?;
    let places = Places::of(text);
    Ok((
        spec,
        unknown
            .into_iter()
            .map(|path| unknown_field(path, &places))
            .collect(),
    ))
}

/// The text of a scene, which [`parse`] reads back to an equal specification.
///
/// # Errors
/// A part of the scene cannot be written as RON.
pub fn to_text<O: Serialize>(spec: &Spec<O>) -> Result<String, ron::Error> {
    let pretty = PrettyConfig::new()
        .new_line("\n".to_owned())
        .indentor(" ".to_owned())
        .depth_limit(3);
    Ok(options().to_string_pretty(spec, pretty)? + "\n")
}

fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Whether an error is about all of a value, and noticed at the end of it.
fn of_the_whole(code: &ron::Error) -> bool {
    matches!(
        code,
        ron::Error::MissingStructField { .. } | ron::Error::Message(_)
    )
}

/// The place of the first thing at or after a position, and some text from there.
fn found(text: &str, from: ron::error::Position) -> (usize, usize, String) {
    /// Characters that are shown.
    const SHOWN: usize = 20;
    let (mut line, mut column) = (from.line, from.col);
    let first = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let mut rest: String = first.chars().skip(column.saturating_sub(1)).collect();
    if rest.trim().is_empty()
        && let Some((index, next)) = text
            .lines()
            .enumerate()
            .skip(line)
            .find(|(_, next)| !next.trim().is_empty())
    {
        (line, column, rest) = (index + 1, 1, next.to_owned());
    }
    column += rest.chars().take_while(|c| c.is_whitespace()).count();
    (line, column, rest.trim().chars().take(SHOWN).collect())
}

/// What the parser says, with what it found where it says only what it expected.
fn message(code: &ron::Error, found: &str) -> String {
    let said = lower(&code.to_string());
    if said.contains("found") || said.contains("named") || *code == ron::Error::Eof {
        // It says so itself.
        said
    } else if found.is_empty() {
        format!("{said}, found the end of the text")
    } else {
        format!("{said}, found `{found}`")
    }
}

fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// The path of what could not be read.
fn failed(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .fold(String::new(), |path, segment| match segment {
            Segment::Seq { index } => format!("{path}[{index}]"),
            Segment::Map { key } => child(&path, key),
            Segment::Enum { .. } | Segment::Unknown => path,
        })
}

/// The path of a field that no part of a scene has.
fn ignored(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path as Step;
    match path {
        Step::Root => String::new(),
        Step::Seq { parent, index } => format!("{}[{index}]", ignored(parent)),
        Step::Map { parent, key } => child(&ignored(parent), key),
        Step::Some { parent }
        | Step::NewtypeStruct { parent }
        | Step::NewtypeVariant { parent } => ignored(parent),
    }
}

fn unknown_field(path: String, places: &Places) -> Fault {
    let known = fields_at(parent(&path), |around| {
        places
            .get(around)
            .map_or(String::new(), |place| place.name.clone())
    });
    let expected = if known.is_empty() {
        "no such field".to_owned()
    } else {
        format!("no such field, but one of: {}", known.join(", "))
    };
    Fault::new(path, "", expected)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Optimize, THROW, spec_of, throw_with},
        *,
    };

    fn failure(text: &str) -> String {
        parse::<Optimize>(text, "x.ron").unwrap_err().to_string()
    }

    #[test]
    fn written_scene_reads_back_equal() {
        let spec = spec_of(THROW);
        let text = to_text(&spec).unwrap();
        assert_eq!(spec_of(&text), spec, "{text}");
        // And so does what it is without optional parts.
        let bare = Spec {
            optimize: None,
            tools: vec![],
            injectors: vec![],
            collectors: vec![],
            ..spec
        };
        assert_eq!(spec_of(&to_text(&bare).unwrap()), bare);
    }

    #[test]
    fn wrong_type_says_place_path_and_what_was_found() {
        for (from, to, expected) in [
            (
                "cell: 0.05",
                "cell: true",
                "x.ron:9:15: domain.cell: expected float, found `true,`",
            ),
            (
                "frames: 50",
                "frames: -50",
                "x.ron:12:12: time.frames: expected a whole number that is neither negative nor huge, found `frames: -50, frame: `",
            ),
            (
                "0.3, 0.2)),",
                "0.3)),",
                "x.ron:20:90: bodies[0].position: expected an array of length 3 but found 2 elements instead",
            ),
            (
                "name: \"throw\",",
                "",
                "x.ron:2:1: unexpected missing field named `name` in `Spec`",
            ),
            (
                "radius: 0.1",
                "",
                "x.ron:20:43: bodies[0].shape: unexpected missing field named `radius` in `Sphere`",
            ),
            (
                "\"clay\"",
                "\"water\"",
                "x.ron:13:5: materials: the name \"water\" is given twice; expected it once",
            ),
            (
                "version: 1,",
                "version: 1",
                "x.ron:4:5: expected comma, found `name: \"throw\",`",
            ),
            (
                "optimize: (steps: 30),\n)",
                "",
                "x.ron:42:109: unexpected end of RON",
            ),
            (
                "shape: Sphere(radius: 0.1)",
                "shape: Spher(radius: 0.1)",
                "x.ron:20:50: bodies[0].shape: unexpected variant named `Spher` in enum `Shape`, expected one of \
                 `Sphere`, `Box`, `Capsule`, `Cylinder`, `Torus`, `Plane`, `Mesh`, or `Sheet` instead",
            ),
        ] {
            assert_eq!(failure(&throw_with(&[(from, to)])), expected);
        }
    }

    #[test]
    fn file_with_faults_names_each_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ron");
        let read = || {
            load(&path, |spec: &Spec<Optimize>| {
                let steps = spec.optimize.as_ref().map_or(0, |optimize| optimize.steps);
                let fault = Fault::new("optimize.steps", steps, "at most 20 steps");
                if steps > 20 { vec![fault] } else { Vec::new() }
            })
        };
        assert!(matches!(read(), Err(SceneError::Read { .. })));
        let sound = throw_with(&[("steps: 30", "steps: 20")]);
        fs::write(&path, &sound).unwrap();
        assert_eq!(read().unwrap(), spec_of(&sound));
        fs::write(
            &path,
            throw_with(&[
                ("density: 1000,", "density: -3,"),
                ("cell:", "cel: 1, cell:"),
            ]),
        )
        .unwrap();
        let name = path.display();
        assert_eq!(
            read().unwrap_err().to_string(),
            format!(
                "{name}:9:9: domain.cel: expected no such field, but one of: min, size, cell, walls, locked\n\
                 {name}:14:25: materials.\"water\".density = -3: expected a positive number (kg/m^3)\n\
                 {name}:43:16: optimize.steps = 30: expected at most 20 steps"
            )
        );
        fs::write(&path, b"(version: \xff").unwrap();
        assert!(matches!(read(), Err(SceneError::Read { .. })));
    }
}
