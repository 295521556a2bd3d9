//! Every class of input that a scene has, each in the unit of a small change.

use backflow_sim::scene::{
    build,
    spec::{Axis, Body, Collider, Law, Material, Motion, Rigid, Tool, Walls},
};

use super::gas;
use crate::task::{
    Task,
    variables::{Field, Freedom, Variable, knots::Shape},
};

/// Every class of input that the scene has, each in the unit of a small change.
pub fn everything(task: &Task) -> Vec<Variable> {
    let spec = &task.spec;
    let dx = task.scene.world.lattice.dx;
    let mut variables = vec![Variable::Gravity { scale: 1.0 }];
    variables.extend(spec.bodies.iter().flat_map(|body| of_body(body, dx)));
    variables.extend(of_forces(task, dx));
    let weighed = spec.bodies.iter().filter(|body| body.gravity.is_some());
    variables.extend(weighed.map(|body| Variable::GravityShare {
        body: body.name.clone(),
        scale: 0.1,
    }));
    for activation in &task.scene.world.activations {
        variables.push(Variable::Activation {
            body: task.scene.world.solids[activation.body].name.clone(),
            limit: 1.0,
            hold: 1,
            scale: 0.05,
        });
    }
    for (name, material) in &spec.materials {
        if spec.materials_of_bodies().any(|made_of| made_of == name) {
            variables.extend(of_material(name, material));
        }
    }
    for collider in &spec.colliders {
        variables.extend(of_collider(collider, dx));
    }
    for rigid in &spec.rigids {
        variables.extend(of_rigid(rigid, task, dx));
    }
    let walls = spec.domain.walls.laws();
    for (name, law) in Walls::NAMES.as_flattened().iter().zip(walls.as_flattened()) {
        if matches!(law, Law::Coulomb(_)) {
            variables.push(Variable::WallFriction {
                wall: (*name).to_owned(),
                scale: 0.1,
            });
        }
    }
    for tool in &spec.tools {
        variables.extend(of_tool(tool, dx));
    }
    for injector in &spec.injectors {
        variables.push(Variable::NozzleVelocity {
            injector: injector.name.clone(),
            axes: Axis::ALL.to_vec(),
            limit: None,
            scale: 0.1,
        });
    }
    if let Some(gas) = &spec.gas {
        variables.extend(gas::everything(gas, dx).into_iter().map(Variable::Gas));
    }
    variables
}

/// Every class of input of a body.
fn of_body(body: &Body, dx: f64) -> Vec<Variable> {
    let mut variables = Vec::new();
    let name = &body.name;
    let axes = Axis::ALL.to_vec();
    variables.push(Variable::Velocity {
        body: name.clone(),
        axes,
        limit: None,
        scale: 0.1,
    });
    for (field, scale) in [
        (Field::X, 0.02 * dx),
        (Field::V, 0.1),
        (Field::C, 1.0),
        (Field::F, 0.01),
    ] {
        variables.push(Variable::Particles {
            body: name.clone(),
            field,
            scale,
        });
    }
    variables
}

/// The parameters of the forces.
fn of_forces(task: &Task, dx: f64) -> Vec<Variable> {
    let mut variables = Vec::new();
    for force in &task.scene.world.forces {
        let mut names = force.law.names().to_vec();
        names.dedup();
        variables.extend(names.into_iter().map(|parameter| Variable::Force {
            force: force.name.clone(),
            parameter: parameter.to_owned(),
            scale: if parameter == "centre" {
                0.02 * dx
            } else {
                0.1
            },
        }));
    }
    variables
}

/// The constants of a material.
fn of_material(name: &str, material: &Material) -> Vec<Variable> {
    let mut variables = Vec::new();
    let law = build::Law::of(material);
    let parameters = law.parameters().map(|(name, value)| match name {
        "poisson" => (name, 0.02),
        "viscosity" => (name, 0.1),
        "friction_angle" | "azimuth" | "elevation" => (name, 0.02),
        // A tenth, or something that is seen where there is nothing yet.
        _ if value > 0.0 => (name, 0.1 * value),
        _ => (name, 1.0),
    });
    let density = ("density", 0.1 * material.density());
    for (parameter, scale) in std::iter::once(density).chain(parameters) {
        variables.push(Variable::Material {
            material: name.to_owned(),
            parameter: parameter.to_owned(),
            lower: None,
            upper: None,
            log: false,
            scale,
        });
    }
    variables
}

/// Every class of input of a collider.
fn of_collider(collider: &Collider, dx: f64) -> Vec<Variable> {
    let mut variables = Vec::new();
    let name = &collider.name;
    if matches!(collider.law, Law::Coulomb(_)) {
        variables.push(Variable::Friction {
            collider: name.clone(),
            scale: 0.1,
        });
    }
    variables.push(Variable::ColliderPosition {
        collider: name.clone(),
        axes: Axis::ALL.to_vec(),
        scale: 0.02 * dx,
    });
    variables.push(Variable::ColliderRotation {
        collider: name.clone(),
        scale: 0.01,
    });
    variables
}

/// Every class of input of a rigid body.
fn of_rigid(rigid: &Rigid, task: &Task, dx: f64) -> Vec<Variable> {
    let mut variables = Vec::new();
    let (body, axes) = (rigid.name.clone(), Axis::ALL.to_vec());
    variables.push(Variable::Position {
        body: body.clone(),
        axes: axes.clone(),
        scale: 0.02 * dx,
    });
    variables.push(Variable::Velocity {
        body: body.clone(),
        axes: axes.clone(),
        limit: None,
        scale: 0.1,
    });
    variables.push(Variable::Rotation {
        body: body.clone(),
        scale: 0.01,
    });
    variables.push(Variable::Spin {
        body: body.clone(),
        axes,
        limit: None,
        scale: 0.1,
    });
    let mass = task
        .scene
        .world
        .rigids
        .iter()
        .find(|known| known.name == body);
    variables.push(Variable::Mass {
        body: body.clone(),
        lower: None,
        upper: None,
        log: false,
        scale: 0.1 * mass.map_or(1.0, |rigid| rigid.mass),
    });
    if rigid.friction > 0.0 {
        variables.push(Variable::Friction {
            collider: body,
            scale: 0.1,
        });
    }
    variables
}

/// Every class of input of a tool.
fn of_tool(tool: &Tool, dx: f64) -> Vec<Variable> {
    let joints = tool.joints.iter();
    let joints = joints.map(|joint| Freedom::Joint(joint.name.clone()));
    let name = || tool.name.clone();
    let mut variables = vec![
        Variable::Controls {
            tool: name(),
            axes: Freedom::RIGID.into_iter().chain(joints).collect(),
            limit: None,
            hold: 1,
            knots: Shape::Steps,
            scale: match tool.motion {
                Motion::Poses(_) => 0.02 * dx,
                _ => 0.05,
            },
        },
        Variable::ToolPosition {
            tool: name(),
            axes: Axis::ALL.to_vec(),
            scale: 0.02 * dx,
        },
        Variable::ToolRotation {
            tool: name(),
            scale: 0.01,
        },
    ];
    if tool.policy.is_some() {
        variables.push(Variable::Policy {
            tool: name(),
            scale: 0.1,
        });
    }
    if !tool.joints.is_empty() {
        variables.push(Variable::ToolJoints {
            tool: name(),
            scale: 0.02 * dx,
        });
    }
    variables
}
