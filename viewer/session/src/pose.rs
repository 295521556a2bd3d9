//! What of a scene can be put somewhere else: its poses, and the same scene with another one.

use nalgebra::{Rotation3, Vector3};
use serde_json::{Value, json};

use crate::edit::{SceneSpec, at_mut};

/// Something with a pose in a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Posed {
    /// Its path in the scene, such as `colliders[0]`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Where it is (m), in the world.
    pub position: Vector3<f64>,
    /// How it is turned.
    pub rotation: Rotation3<f64>,
}

/// All that has a pose in the world at the start of a run: bodies, rigid bodies, tools, and what is
/// fixed to neither.
pub fn posed(scene: &Value) -> Vec<Posed> {
    let mut found = Vec::new();
    for kind in [
        "bodies",
        "rigids",
        "tools",
        "colliders",
        "injectors",
        "collectors",
    ] {
        let entries = scene[kind].as_array().map_or(&[][..], Vec::as_slice);
        for (index, entry) in entries.iter().enumerate() {
            let fixed = entry.get("on").is_none_or(|on| on == "World");
            let (Some(position), true) = (vector(&entry["position"]), fixed) else {
                continue;
            };
            let turn = vector(&entry["rotation"]).unwrap_or_default();
            found.push(Posed {
                path: format!("{kind}[{index}]"),
                name: entry["name"].as_str().unwrap_or_default().to_owned(),
                position,
                rotation: Rotation3::new(turn),
            });
        }
    }
    found
}

fn vector(value: &Value) -> Option<Vector3<f64>> {
    let entries = value.as_array().filter(|entries| entries.len() == 3)?;
    let number = |axis: usize| entries[axis].as_f64();
    Some(Vector3::new(number(0)?, number(1)?, number(2)?))
}

/// The scene with something put where `posed` says.
pub fn placed(scene: &Value, posed: &Posed) -> Value {
    let mut scene = scene.clone();
    let fields = [
        ("position", posed.position),
        ("rotation", posed.rotation.scaled_axis()),
    ];
    for (field, to) in fields {
        if let Some(value) = at_mut(&mut scene, &format!("{}.{field}", posed.path)) {
            // Steps that no one sees are left out of the file.
            *value = json!(<[f64; 3]>::from(to).map(|x| (x * 1e5).round() / 1e5));
        }
    }
    scene
}

/// A scene with one more place to look from, under a name that is free.
pub fn with_view(spec: &SceneSpec, mut view: backflow::sim::scene::spec::Bookmark) -> SceneSpec {
    let mut spec = spec.clone();
    let taken = |name: &str| spec.views.iter().any(|known| known.name == name);
    let free = (1..).map(|n| format!("view {n}")).find(|name| !taken(name));
    view.name = free.unwrap_or_default();
    spec.views.push(view);
    spec
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::edit::Document;

    fn scene(name: &str) -> Document {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenes");
        Document::open(&folder.join(name)).unwrap()
    }

    #[test]
    fn what_is_fixed_to_a_tool_moves_with_it_alone() {
        let names = |name: &str| -> Vec<String> {
            let all = posed(scene(name).value());
            all.into_iter().map(|posed| posed.path).collect()
        };
        assert_eq!(
            names("fluid/push.ron"),
            ["bodies[0]", "bodies[1]", "tools[0]"]
        );
        assert_eq!(
            names("rigid/push_box.ron"),
            ["bodies[0]", "rigids[0]", "tools[0]"]
        );
        assert!(names("fluid/throw.ron").contains(&"colliders[1]".to_owned()));
    }

    #[test]
    fn what_is_put_somewhere_is_found_there() {
        let mut document = scene("rigid/push_box.ron");
        let mut posed = posed(document.value())[1].clone();
        posed.position += Vector3::new(0.02, 0.0, -0.01);
        posed.rotation = Rotation3::new(Vector3::new(0.0, 0.5, 0.0)) * posed.rotation;
        let changed = placed(document.value(), &posed);
        let spec = document.edit(changed, "").unwrap();
        assert_eq!(spec.rigids[0].position, [0.3, 0.05, 0.15]);
        let found = &super::posed(document.value())[1];
        assert!((found.position - posed.position).norm() < 1e-4);
        assert!(found.rotation.angle_to(&posed.rotation) < 1e-4);
    }

    #[test]
    fn views_that_are_kept_have_names_of_their_own() {
        let spec = scene("fluid/push.ron").spec().unwrap();
        let view = backflow::sim::scene::spec::Bookmark {
            name: String::new(),
            target: [0.0; 3],
            yaw: 0.1,
            pitch: 0.2,
            distance: 3.0,
        };
        let spec = with_view(&with_view(&spec, view.clone()), view);
        let names: Vec<&str> = spec.views.iter().map(|view| &*view.name).collect();
        assert_eq!(names, ["view 1", "view 2"]);
    }
}
