//! The way of a camera: smoothly through the places it is to stop at.

use backflow::sim::scene::spec::Bookmark;

/// Target (m), yaw and pitch (rad), logarithm of the distance (m).
type Numbers = [f64; 6];

fn numbers(view: &Bookmark) -> Numbers {
    let [x, y, z] = view.target;
    [x, y, z, view.yaw, view.pitch, view.distance.ln()]
}

/// The same place, with its yaw within half a turn of another.
fn turned(mut to: Numbers, from: &Numbers) -> Numbers {
    let turns = (to[3] - from[3]) / std::f64::consts::TAU;
    to[3] -= turns.round() * std::f64::consts::TAU;
    to
}

/// Where the camera is after a share of its way, 0 at the first stop and 1 at the last; each part
/// takes as long as the others. The way is a spline through the stops with continuous velocity
/// (Catmull and Rom 1974), it turns the shorter way round, and it nears by equal factors in equal
/// times. `None` without stops.
pub fn along(stops: &[Bookmark], share: f64) -> Option<Bookmark> {
    let first = stops.first()?;
    let mut points = vec![numbers(first)];
    for stop in &stops[1..] {
        let before = points[points.len() - 1];
        points.push(turned(numbers(stop), &before));
    }
    let last = points.len() - 1;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let part = (place as usize).min(last.saturating_sub(1));
    let t = place - part as f64;
    let point = |index: usize| points[index.min(last)];
    let (p0, p1) = (point(part.saturating_sub(1)), point(part));
    let (p2, p3) = (point(part + 1), point(part + 2));
    let [x, y, z, yaw, pitch, distance] = std::array::from_fn(|n| {
        // Ends have half the velocity of the chord, stops between that of their neighbours.
        let (from, to) = (0.5 * (p2[n] - p0[n]), 0.5 * (p3[n] - p1[n]));
        let way = p2[n] - p1[n];
        p1[n] + t * (from + t * (3.0 * way - 2.0 * from - to + t * (from + to - 2.0 * way)))
    });
    Some(Bookmark {
        name: first.name.clone(),
        target: [x, y, z],
        yaw,
        pitch,
        distance: distance.exp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(x: f64, yaw: f64, distance: f64) -> Bookmark {
        Bookmark {
            name: "stop".to_owned(),
            target: [x, 1.0, -x],
            yaw,
            pitch: 0.1 * x,
            distance,
        }
    }

    fn stops() -> Vec<Bookmark> {
        vec![
            stop(0.0, 3.0, 1.0),
            stop(1.0, -3.0, 2.0),
            stop(3.0, -2.0, 0.5),
        ]
    }

    #[test]
    fn the_way_goes_through_its_stops() {
        for (index, stop) in stops().iter().enumerate() {
            let at = along(&stops(), 0.5 * index as f64).unwrap();
            assert!((at.target[0] - stop.target[0]).abs() < 1e-12, "{at:?}");
            assert!((at.distance - stop.distance).abs() < 1e-12, "{at:?}");
            let off = (at.yaw - stop.yaw) / std::f64::consts::TAU;
            assert!((off - off.round()).abs() < 1e-12, "{at:?}");
        }
        assert_eq!(along(&[], 0.5), None);
        assert_eq!(along(&stops()[..1], 0.7).unwrap().target, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn it_turns_the_shorter_way_without_a_jerk() {
        let way: Vec<f64> = (0..=200)
            .map(|n| along(&stops(), n as f64 / 200.0).unwrap().yaw)
            .collect();
        let steps: Vec<f64> = way.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| step.abs() < 0.02), "{way:?}");
        for pair in steps.windows(2) {
            assert!((pair[1] - pair[0]).abs() < 1e-3, "{pair:?}");
        }
    }
}
