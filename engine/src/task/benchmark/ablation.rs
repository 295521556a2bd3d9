//! What the scene's own method is without one of its parts.

use backflow_sim::scene::spec::Spec;

use crate::task::OptimizeSpec;

/// A part that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ablation {
    /// Contact that fades in about colliders: it is hard instead, as in FluidLab's DP-H.
    SoftContact,
    /// The horizon that grows: the run is whole from the start.
    Horizon,
    /// The terms that only guide: those that draw one body to another, or a tool to a body.
    Attraction,
}

impl Ablation {
    /// The scene without that part; none if it has no such part.
    pub fn of(self, spec: &Spec<OptimizeSpec>) -> Option<Spec<OptimizeSpec>> {
        let mut changed = spec.clone();
        let scheme = changed.optimize.as_mut().map(|own| &mut own.scheme);
        match self {
            Self::SoftContact => {
                if let Some(scheme) = scheme {
                    scheme.contact = None;
                }
                for collider in &mut changed.colliders {
                    collider.width = 0.0;
                }
            }
            Self::Horizon => {
                if let Some(scheme) = scheme {
                    scheme.horizon = None;
                }
            }
            Self::Attraction => changed.losses.retain(|loss| !loss.guide),
        }
        (changed != *spec).then_some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENE: &str = r#"(
        version: 1, name: "push", domain: (size: (1, 1, 1), cell: 0.125), time: (frames: 8, frame: 0.01),
        materials: {"jelly": NeoHookean(density: 1e3, young: 1e4, poisson: 0.3)},
        bodies: [(name: "block", material: "jelly", shape: Box(half: (0.1, 0.1, 0.1)), position: (0.5, 0.5, 0.5))],
        colliders: [(name: "ball", shape: Sphere(radius: 0.1), width: 0.02, on: Tool("hand"))],
        tools: [(name: "hand")],
        losses: [
            (term: CentreOfMass(body: "block", target: (0.7, 0.5, 0.5))),
            (term: Approach(body: "block"), when: Every, guide: true),
        ],
        optimize: (variables: [Controls(axes: [X])], scheme: (horizon: (start: 4, step: 4))),
    )"#;

    #[test]
    fn each_leaves_its_part_out_and_nothing_else() {
        let (spec, faults) = crate::task::parse(SCENE, "push").unwrap();
        assert_eq!(faults, []);
        let hard = Ablation::SoftContact.of(&spec).unwrap();
        assert_eq!((hard.colliders[0].width, hard.losses.len()), (0.0, 2));
        let whole = Ablation::Horizon.of(&spec).unwrap();
        assert_eq!(whole.optimize.as_ref().unwrap().scheme.horizon, None);
        assert_eq!(whole.colliders, spec.colliders);
        let alone = Ablation::Attraction.of(&spec).unwrap();
        assert!(alone.losses.len() == 1 && !alone.losses[0].guide);
        assert!(Ablation::Horizon.of(&whole).is_none());
        assert!(Ablation::SoftContact.of(&hard).is_none());
    }
}
