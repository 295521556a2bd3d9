//! What an operator has to know of a scene to plan it.

use backflow_operator::train::Card;
use backflow_sim::scene::{
    Fault, Spec,
    spec::{Activation, Attachment},
};

use super::super::{OptimizeSpec, variables::Variable};

/// What two numbers of a scene and of data may differ by, relative to them.
const SAME: f64 = 1e-6;

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME * a.abs().max(b.abs())
}

/// Operator steps of a frame of a scene, if it is a whole number of them.
pub(super) fn steps_per_frame(frame: f64, step: f64) -> Option<usize> {
    let steps = (frame / step).round();
    (steps >= 1.0 && same(steps * step, frame)).then_some(steps as usize)
}

/// Everything about a scene that an operator cannot plan: field, value and what was expected.
pub fn unfit(spec: &Spec<OptimizeSpec>, card: &Card, samples: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut check = |sound: bool, field: &str, value: String, expected: &str| {
        if !sound {
            faults.push(Fault::new(field, value, expected));
        }
    };
    let alone = "none: an operator knows a body among walls and colliders that stand still";
    check(spec.gas.is_none(), "gas", "Some".to_owned(), alone);
    for (field, count) in [
        ("forces", spec.forces.len()),
        ("rigids", spec.rigids.len()),
        ("tools", spec.tools.len()),
        ("injectors", spec.injectors.len()),
        ("collectors", spec.collectors.len()),
    ] {
        check(count == 0, field, format!("{count} of them"), alone);
    }
    let locked = &spec.domain.locked;
    let expected = "[]: an operator moves in three dimensions";
    check(
        locked.is_empty(),
        "domain.locked",
        format!("{locked:?}"),
        expected,
    );
    for (index, collider) in spec.colliders.iter().enumerate() {
        let field = format!("colliders[{index}]");
        let expected = "false: an operator knows no matter that is pinned";
        check(
            !collider.pins,
            &format!("{field}.pins"),
            "true".to_owned(),
            expected,
        );
        let still = collider.on == Attachment::World;
        check(
            still,
            &format!("{field}.on"),
            format!("{:?}", collider.on),
            "World",
        );
    }
    let names: Vec<&str> = spec.bodies.iter().map(|body| body.name.as_str()).collect();
    let expected = "one body, since an operator knows one";
    check(names.len() == 1, "bodies", format!("{names:?}"), expected);
    if let [body] = spec.bodies.as_slice() {
        let share = body.gravity;
        let expected = "the weight that the data of the operator had: none given";
        check(
            share.is_none(),
            "bodies[0].gravity",
            format!("{share:?}"),
            expected,
        );
        let constants = &body.constants;
        let expected = "{}: the constants of the material";
        check(
            constants.is_empty(),
            "bodies[0].constants",
            format!("{constants:?}"),
            expected,
        );
        let slack = body.activation == Activation::Slack;
        let expected = "Slack: an operator knows no muscles";
        check(
            slack,
            "bodies[0].activation",
            format!("{:?}", body.activation),
            expected,
        );
        if let (Some(origin), Some(material)) = (&card.origin, spec.materials.get(&body.material)) {
            let found = material.resolved();
            let field = format!("materials.{:?}", body.material);
            let expected = format!(
                "what the operator has learned, {:?}",
                origin.material.resolved()
            );
            check(
                found == origin.material.resolved(),
                &field,
                format!("{found:?}"),
                &expected,
            );
        }
    }
    if let Some(origin) = &card.origin {
        let (found, known) = (spec.domain.cell, origin.cell);
        let expected =
            format!("{known} m, as in the data of the operator: what matter does depends on it");
        check(
            same(found, known),
            "domain.cell",
            found.to_string(),
            &expected,
        );
        let mut axes = spec.gravity.iter().zip(&origin.gravity);
        let expected = format!("{:?}, as in the data of the operator", origin.gravity);
        check(
            axes.all(|(a, b)| same(*a, *b)),
            "gravity",
            format!("{:?}", spec.gravity),
            &expected,
        );
    }
    let (frame, step) = (spec.time.frame, card.scales.frame);
    let expected = format!("a whole number of steps of the operator, {step} s each");
    check(
        steps_per_frame(frame, step).is_some(),
        "time.frame",
        frame.to_string(),
        &expected,
    );
    check(
        samples > 0,
        "samples",
        samples.to_string(),
        "at least one sample",
    );
    check_variables(spec, &mut check);
    faults
}

fn check_variables(spec: &Spec<OptimizeSpec>, check: &mut impl FnMut(bool, &str, String, &str)) {
    let Some(optimize) = &spec.optimize else {
        let expected = "what may change: Velocity or Position of the body";
        check(false, "optimize", "None".to_owned(), expected);
        return;
    };
    for (index, variable) in optimize.variables.iter().enumerate() {
        let planned = matches!(
            variable,
            Variable::Velocity { .. } | Variable::Position { .. }
        );
        let field = format!("optimize.variables[{index}]");
        let expected = "Velocity or Position of the body: what an operator starts from";
        check(planned, &field, variable.name(), expected);
    }
    let expected = "none: an operator plans the scene as it stands";
    let given = "given".to_owned();
    let (scenarios, scheme) = (&optimize.scenarios, &optimize.scheme);
    check(
        scenarios.is_empty(),
        "optimize.scenarios",
        given.clone(),
        expected,
    );
    check(scheme.is_empty(), "optimize.scheme", given, expected);
    let expected = "losses of where the matter is, of which there is at least one";
    check(!spec.losses.is_empty(), "losses", "[]".to_owned(), expected);
}
