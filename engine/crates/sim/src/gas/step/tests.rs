//! One step, in all of its inputs.

use nalgebra::Vector3;
use num_dual::Dual64;

use super::*;
use crate::{
    collider::{Shape, Sphere},
    gas::{
        advect::Scheme,
        boundary::Side,
        buoyancy::Lift,
        jet::{Blow, Jet},
        model::{Method, Species, Splitting},
        occupied::Occupied,
        opening::{Obstacle, Placement},
        pressure::Precondition,
        source::Source,
        testing::{
            assert_close, box_grid, clean, clean_velocity, dot, dual, dual_velocity, mixed_sides,
            noise, noise_velocity, tangent,
        },
    },
    pose::{
        Pose, Twist,
        tests::{dual_pose, dual_twist, sample},
    },
};

/// A gas with everything.
fn model(scheme: Scheme, conservative: bool, splitting: Splitting) -> Model<f64> {
    let grid = box_grid([6, 7, 5], [false, false, true]);
    let species = |name: &str, diffusivity, expansion| Species {
        name: name.to_owned(),
        diffusivity,
        lift: Lift {
            expansion,
            reference: 0.2,
        },
    };
    let ball = |radius| Shape::Sphere(Sphere { radius });
    Model {
        grid,
        sides: mixed_sides(&grid),
        density: 1.2,
        gravity: Vector3::new(0.5, -9.81, 0.2),
        viscosity: Some(0.01),
        confinement: Some(0.4),
        species: vec![
            species("heat", Some(0.02), 0.3),
            species("smoke", None, -0.1),
        ],
        obstacles: vec![Obstacle {
            name: "ball".to_owned(),
            shape: ball(0.15),
        }],
        jets: vec![0.7, -0.2]
            .into_iter()
            .map(|value| Jet {
                name: "jet".to_owned(),
                direction: Vector3::new(0.1, 0.4, 0.9),
                scalars: vec![Some(value), None],
                mixing: 2.0,
            })
            .collect(),
        sources: vec![Source {
            name: "heater".to_owned(),
            shape: ball(0.2),
            width: 0.1,
            rates: vec![3.0, 1.0],
            push: Vector3::new(0.3, 2.0, -0.5),
        }],
        method: Method {
            scheme,
            conservative,
            splitting,
            precondition: Precondition::Multigrid,
            tolerance: 1e-13,
            courant: 1.0,
        },
    }
}

fn moment(model: &Model<f64>) -> Moment<f64> {
    let at = |x, y, z| model.grid.origin + Vector3::new(x, y, z);
    let pose = |seed, position| Pose {
        position,
        rotation: sample(seed).0.rotation,
    };
    let blow = Blow {
        strength: 5.0,
        radius: 0.15,
    };
    Moment {
        obstacles: vec![Placement {
            pose: pose(1, at(0.31, 0.4, 0.3)),
            twist: Twist {
                linear: Vector3::new(0.4, 0.2, -0.3),
                angular: Vector3::new(0.1, 0.9, 0.2),
            },
        }],
        jets: vec![
            (pose(2, at(0.6, 0.3, 0.2)), blow),
            (pose(3, at(0.2, 0.6, 0.4)), blow),
        ],
        sources: vec![pose(4, at(0.5, 0.5, 0.4))],
    }
}

#[test]
fn step_vjp_is_the_transpose_in_every_input() {
    let limited = Scheme::MacCormack { limited: true };
    for (scheme, conservative, splitting) in [
        (Scheme::SemiLagrangian, false, Splitting::Projected),
        (limited, false, Splitting::Projected),
        (Scheme::SemiLagrangian, true, Splitting::Projected),
        (Scheme::SemiLagrangian, false, Splitting::Reflected),
        (limited, true, Splitting::Reflected),
    ] {
        let model = model(scheme, conservative, splitting);
        let moment = moment(&model);
        let (grid, dt) = (&model.grid, 0.07);
        let layout = grid.centres();
        let gas = Gas {
            velocity: noise_velocity(1, grid),
            scalars: vec![noise(5, layout), noise(6, layout)],
            pressure: Vec::new(),
        };
        let (du, ds) = (
            noise_velocity(11, grid),
            [noise(15, layout), noise(16, layout)],
        );
        let mut matter = Matter::nothing(grid);
        matter.velocity = noise_velocity(60, grid);
        for (axis, rate) in matter.rate.iter_mut().enumerate() {
            let noise = noise(70 + axis as u64, rate.layout);
            rate.set(|_, index| 1.0 + noise.data[index]);
            let share = &mut matter.occupied.share[axis];
            share.set(|_, index| 0.9 + 0.1 * noise.data[index]);
        }
        let dm = [80, 84, 88, 92].map(|seed| clean_velocity(&noise_velocity(seed, grid)));
        let matter_dual = Matter {
            occupied: Occupied {
                share: dual_velocity(&matter.occupied.share, &dm[0]),
                carried: dual_velocity(&matter.occupied.carried, &dm[1]),
            },
            velocity: dual_velocity(&matter.velocity, &dm[2]),
            rate: dual_velocity(&matter.rate, &dm[3]),
            ..Matter::nothing(grid)
        };

        let mut moved: Model<Dual64> = model.cast();
        moved.gravity.y.eps = 0.7;
        moved.viscosity = Some(Dual64::new(0.01, 0.03));
        moved.confinement = Some(Dual64::new(0.4, 0.5));
        moved.species[0].diffusivity = Some(Dual64::new(0.02, -0.04));
        moved.species[1].lift.expansion.eps = 0.2;
        moved.species[0].lift.reference.eps = 0.6;
        moved.jets[0].mixing.eps = 0.3;
        moved.sources[0].rates[0].eps = 0.8;
        moved.sources[0].push.x.eps = -0.9;
        if let Side::Inflow { velocity, scalars } = &mut moved.sides[1][1] {
            velocity[1].eps = 0.11;
            velocity[0].eps = -0.2;
            scalars[0].eps = 0.4;
        }
        if let Side::Wall {
            velocity, scalars, ..
        } = &mut moved.sides[1][0]
        {
            velocity[2].eps = 0.35;
            if let Some(value) = &mut scalars[0] {
                value.eps = 0.15;
            }
        }
        let (turn, push) = (
            sample(7).1,
            Twist {
                linear: Vector3::new(0.2, 0.1, 0.3),
                angular: Vector3::new(-0.1, 0.2, 0.6),
            },
        );
        let moment_dual = Moment {
            obstacles: moment
                .obstacles
                .iter()
                .map(|place| Placement {
                    pose: dual_pose(&place.pose, &turn),
                    twist: dual_twist(&place.twist, &push),
                })
                .collect(),
            jets: moment
                .jets
                .iter()
                .map(|(pose, blow)| {
                    let blow = Blow {
                        strength: Dual64::new(blow.strength, 0.6),
                        radius: Dual64::new(blow.radius, 0.02),
                    };
                    (dual_pose(pose, &turn), blow)
                })
                .collect(),
            sources: moment
                .sources
                .iter()
                .map(|pose| dual_pose(pose, &turn))
                .collect(),
        };
        let mut after = Gas {
            velocity: dual_velocity(&gas.velocity, &du),
            scalars: (0..2).map(|i| dual(&gas.scalars[i], &ds[i])).collect(),
            pressure: Vec::new(),
        };
        let mut workspace = Workspace::new(&moved);
        step(
            &moved,
            &moment_dual,
            Some(&matter_dual),
            &mut after,
            dt,
            &mut workspace,
        )
        .unwrap();
        let bars = Gas {
            velocity: clean_velocity(&noise_velocity(31, grid)),
            scalars: vec![clean(&noise(35, layout)), clean(&noise(36, layout))],
            pressure: Vec::new(),
        };
        let forward: f64 = (0..3)
            .map(|a| dot(&tangent(&after.velocity[a]), &bars.velocity[a]))
            .sum::<f64>()
            + (0..2)
                .map(|i| dot(&tangent(&after.scalars[i]), &bars.scalars[i]))
                .sum::<f64>();

        let (mut back, mut working) = (bars, gas.clone());
        let (mut model_bar, mut moment_bar) = (ModelBar::zero(&model), MomentBar::zero(&model));
        let mut matter_bar = MatterBar::zero(grid);
        let mut workspace = Workspace::new(&model);
        step_vjp(
            &model,
            &moment,
            Some(&matter),
            &mut working,
            dt,
            &mut workspace,
            &mut back,
            &mut model_bar,
            &mut moment_bar,
            Some(&mut matter_bar),
        )
        .unwrap();
        let (du, ds) = (clean_velocity(&du), [clean(&ds[0]), clean(&ds[1])]);
        let of_pose = |bar: &crate::pose::PoseBar<f64>| {
            bar.position.dot(&turn.position) + bar.rotation.dot(&turn.rotation)
        };
        let matter_parts = [
            &matter_bar.occupied.share,
            &matter_bar.occupied.carried,
            &matter_bar.velocity,
            &matter_bar.rate,
        ];
        let parts = [
            (0..3).map(|a| dot(&du[a], &back.velocity[a])).sum::<f64>(),
            (0..2).map(|i| dot(&ds[i], &back.scalars[i])).sum::<f64>(),
            matter_parts
                .iter()
                .zip(&dm)
                .map(|(bar, d)| (0..3).map(|a| dot(&bar[a], &d[a])).sum::<f64>())
                .sum(),
            0.7 * model_bar.gravity.y,
            0.03 * model_bar.viscosity,
            0.5 * model_bar.confinement,
            -0.04 * model_bar.diffusivities[0],
            0.2 * model_bar.lifts[1].expansion,
            0.6 * model_bar.lifts[0].reference,
            0.3 * moment_bar.jets[0].mixing,
            0.8 * moment_bar.sources[0].rates[0],
            -0.9 * moment_bar.sources[0].push.x,
            0.11 * model_bar.sides[1][1].velocity[1],
            -0.2 * model_bar.sides[1][1].velocity[0],
            0.4 * model_bar.sides[1][1].scalars[0],
            0.35 * model_bar.sides[1][0].velocity[2],
            0.15 * model_bar.sides[1][0].scalars[0],
            of_pose(&moment_bar.obstacles[0].pose),
            push.linear.dot(&moment_bar.obstacles[0].twist.linear)
                + push.angular.dot(&moment_bar.obstacles[0].twist.angular),
            moment_bar
                .jets
                .iter()
                .map(|jet| of_pose(&jet.pose) + 0.6 * jet.blow.strength + 0.02 * jet.blow.radius)
                .sum(),
            of_pose(&moment_bar.sources[0].pose),
        ];
        assert!(parts.iter().all(|part| part.abs() > 1e-8), "{parts:?}");
        assert_close(forward, parts.iter().sum());
    }
}

#[test]
fn uniform_buoyancy_in_a_closed_box_moves_nothing() {
    for splitting in [Splitting::Projected, Splitting::Reflected] {
        let mut model = model(Scheme::SemiLagrangian, false, splitting);
        model.sides = [0, 1, 2].map(|_| [Side::wall(2), Side::wall(2)]);
        model.grid.periodic = [false; 3];
        model.jets.clear();
        model.sources.clear();
        model.obstacles.clear();
        if splitting == Splitting::Reflected {
            // What is mirrored still has what the pressure takes, of which walls that gas sticks to
            // let diffusion make eddies.
            model.viscosity = None;
            model.confinement = None;
        }
        let mut gas = Gas::at_rest(&model);
        gas.scalars[0].data.fill(1.7);
        let still = Moment {
            obstacles: vec![],
            jets: vec![],
            sources: vec![],
        };
        let mut workspace = Workspace::new(&model);
        for _ in 0..5 {
            step(&model, &still, None, &mut gas, 0.05, &mut workspace).unwrap();
        }
        // Case E8 of the validation: pressure balances what pushes every cell alike.
        assert!(gas.fastest() <= 1e-10, "{}", gas.fastest());
    }
}
