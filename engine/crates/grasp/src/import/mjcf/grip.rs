//! What moves fingers and what grips: tendons, motors, pads and palm.

use mjcf_rs::extras::{Actuator, ActuatorKind};
use nalgebra::Vector3;

use super::{Reader, isometry};
use crate::{
    hand::spec::{FingerSpec, PalmSpec, TendonSpec},
    import::{STIFFNESS, STRONGEST, body::Body},
};

impl Reader<'_> {
    /// Tendons that pull at joints with equal shares, the outermost joint first.
    pub(super) fn tendons(&mut self, bodies: &[Body]) -> Vec<TendonSpec> {
        let order: Vec<&str> = bodies
            .iter()
            .flat_map(|body| body.joints.iter().map(|joint| joint.name.as_str()))
            .collect();
        let mut tendons = Vec::new();
        for (index, tendon) in self.model.tendons.iter().enumerate() {
            let name = tendon
                .name
                .clone()
                .unwrap_or_else(|| format!("tendon{index}"));
            let driven = self
                .model
                .actuators
                .iter()
                .any(|motor| motor.tendon.as_deref() == Some(&name));
            let equal = tendon.joints.iter().all(|joint| joint.coef == 1.0);
            let places: Option<Vec<usize>> = tendon
                .joints
                .iter()
                .map(|joint| order.iter().position(|&known| known == joint.joint))
                .collect();
            match places {
                Some(mut places) if driven && equal && !places.is_empty() => {
                    places.sort_unstable_by(|a, b| b.cmp(a));
                    tendons.push(TendonSpec {
                        name,
                        joints: places.iter().map(|&at| order[at].to_owned()).collect(),
                    });
                }
                _ => self.remark(format!(
                    "tendon {name} was left out: expected a motor, joints of the hand and coefficients of 1"
                )),
            }
        }
        tendons
    }

    /// Pairs of bodies whose contacts are left out, but for a body and its parent.
    pub(super) fn excludes(&self, bodies: &[Body]) -> Vec<(String, String)> {
        let known = |name: &String| bodies.iter().any(|body| body.name == *name);
        self.model
            .contact
            .excludes
            .iter()
            .filter(|pair| known(&pair.body1) && known(&pair.body2))
            .map(|pair| (pair.body1.clone(), pair.body2.clone()))
            .collect()
    }

    /// Stiffness and largest torque of the motors: the median of each.
    pub(super) fn motors(&mut self) -> (f64, f64) {
        let gain = |motor: &Actuator| match motor.kind {
            ActuatorKind::Position => Some(motor.kp.unwrap_or(1.0)),
            ActuatorKind::General => motor.gainprm.first().copied(),
            _ => None,
        };
        let mut gains: Vec<f64> = self.model.actuators.iter().filter_map(gain).collect();
        let limit = |motor: &Actuator| motor.force_range.map(|[low, high]| high.max(-low));
        let mut limits: Vec<f64> = self.model.actuators.iter().filter_map(limit).collect();
        let mut middle = |numbers: &mut Vec<f64>, otherwise: f64, what: &str| {
            numbers.retain(|number| *number > 0.0 && number.is_finite());
            numbers.sort_by(f64::total_cmp);
            match (numbers.first(), numbers.last()) {
                (Some(least), Some(most)) => {
                    let middle = numbers[numbers.len() / 2];
                    if least != most {
                        self.remarks.push(format!(
                            "motors have {what} from {least} to {most}: {middle} was taken for all"
                        ));
                    }
                    middle
                }
                _ => {
                    self.remarks
                        .push(format!("motors have no {what}: {otherwise} was taken"));
                    otherwise
                }
            }
        };
        (
            middle(&mut gains, STIFFNESS, "a stiffness"),
            middle(&mut limits, STRONGEST, "a largest torque"),
        )
    }

    /// Fingers by the sites `pad FINGER`.
    pub(super) fn pads(&self, bodies: &[Body], ids: &[usize]) -> Vec<FingerSpec> {
        let mut fingers = Vec::new();
        for (body, &id) in bodies.iter().zip(ids) {
            for site in &self.model.bodies[id].body.sites {
                if let Some(name) = site
                    .name
                    .as_deref()
                    .and_then(|name| name.strip_prefix("pad "))
                {
                    fingers.push(FingerSpec {
                        name: name.to_owned(),
                        link: body.name.clone(),
                        pad: isometry(&site.pose).translation.vector.into(),
                        radius: site.size[0],
                    });
                }
            }
        }
        fingers
    }

    /// The palm by the site `palm` of the root.
    pub(super) fn palm(&self, bodies: &[Body], ids: &[usize]) -> Option<PalmSpec> {
        let (_, &id) = bodies.iter().zip(ids).next()?;
        let sites = &self.model.bodies[id].body.sites;
        let site = sites
            .iter()
            .find(|site| site.name.as_deref() == Some("palm"))?;
        let frame = isometry(&site.pose);
        Some(PalmSpec {
            centre: frame.translation.vector.into(),
            approach: (frame.rotation * Vector3::z()).into(),
        })
    }
}
