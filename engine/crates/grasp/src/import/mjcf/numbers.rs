//! What is no number where one should be: the parser would not say where.

use std::path::Path;

use crate::{GraspError, import::fault};

/// Attributes that hold numbers, wherever they stand.
const NUMBERS: [&str; 12] = [
    "pos",
    "quat",
    "axis",
    "range",
    "size",
    "fromto",
    "euler",
    "axisangle",
    "xyaxes",
    "zaxis",
    "mass",
    "scale",
];

/// Looks for it.
///
/// # Errors
/// The text is not XML; element, attribute and line of the first that is no number.
pub(super) fn numbers(path: &Path, text: &str) -> Result<(), GraspError> {
    let document =
        roxmltree::Document::parse(text).map_err(|error| fault(path, "a model in MJCF", error))?;
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        for name in NUMBERS {
            let value = node.attribute(name).unwrap_or_default();
            if value
                .split_whitespace()
                .any(|word| word.parse::<f64>().is_err())
            {
                let element = node.tag_name().name();
                let own = node.attribute("name").unwrap_or("");
                let line = document.text_pos_at(node.range().start).row;
                return Err(fault(
                    path,
                    "numbers",
                    format!("<{element} name=\"{own}\" {name}=\"{value}\"> in line {line}"),
                ));
            }
        }
    }
    Ok(())
}
