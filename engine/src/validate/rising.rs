//! A heavy liquid on a light one (FluidLab's Rayleigh-Taylor instability).

use std::f64::consts::PI;

use backflow_sim::{
    material::Liquid,
    particle::Motion,
    rollout::{NonFinite, State, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY, mean_of},
    line, order,
};

pub const CASE: Case = Case {
    id: "Rayleigh-Taylor",
    about: "growth of a small wave between a heavy liquid and a light one below it, half as dense",
    remark: "APIC's transfers smooth velocities once a substep (F6): most of all the jump along the interface of \
             liquids without viscosity. With 16 cells their rate is 8.4, and 5.4 with five times as many substeps. \
             Pressures are counted from the interface. Where they were counted from the top, of which an \
             incompressible liquid feels nothing, the wave grew unevenly, at 2 to 8 with 16 cells; hypothesis: the sum \
             of p grad N over displaced particles does not quite vanish for an even pressure, and pushes them back.",
    run,
};

/// Densities of the liquid below and of that above (kg/m^3): Atwood's number is 1/3.
const DENSITIES: [f64; 2] = [500.0, 1000.0];

/// Half of the wave length, which is the width of the box (m).
const WIDTH: f64 = 0.1;

/// Wave number (1/m).
const WAVE: f64 = PI / WIDTH;

/// Depth of each liquid in widths: `tanh k h` is 1 to 2e-4.
const DEPTH: f64 = 1.5;

/// Kinematic viscosity of both liquids where they have one (m^2/s): `nu k^2` is 0.3 of the rate
/// without it.
const VISCOSITY: f64 = 3e-3;

/// Speed of sound (m/s): `g / (k c^2)`, the share by which compressibility changes the rate, is 0.6 %. The
/// smoothing of the transfers acts once a substep, of which a slower sound needs fewer.
const SOUND: f64 = 7.0;

/// Slopes `k a` of the wave at the start, and between which it is fitted.
const START: f64 = 0.005;
const FITTED: [f64; 2] = [0.01, 0.05];

/// About the growth rate with a kinematic viscosity (1/s): `n^2 = A g k` without,
/// `n = sqrt(A g k + nu^2 k^4) - nu k^2` with (Chandrasekhar 1961).
fn rate(viscosity: f64) -> f64 {
    let [below, above] = DENSITIES;
    let damped = viscosity * WAVE * WAVE;
    let free = (above - below) / (above + below) * GRAVITY * WAVE;
    (free + damped * damped).sqrt() - damped
}

/// The mode of potential flow in a place: its displacement for the amplitude 1 and the gradient of
/// that. With `y` from the interface, `S = sinh k(h - |y|) / sinh kh` and `C` the same with `cosh` above:
/// `(sgn(y) C sin kx, S cos kx)`.
fn mode(x: f64, y: f64) -> (Vector3<f64>, Matrix3<f64>) {
    let (depth, sign) = (DEPTH * WIDTH, y.signum());
    let (sin, cos) = (WAVE * x).sin_cos();
    let rest = WAVE * (depth - y.abs());
    let whole = (WAVE * depth).sinh();
    let (s, c) = (rest.sinh() / whole, sign * rest.cosh() / whole);
    let (a, b) = (WAVE * c * cos, -WAVE * s * sin);
    let gradient = Matrix3::new(a, b, 0.0, b, -a, 0.0, 0.0, 0.0, 0.0);
    (Vector3::new(c * sin, s * cos, 0.0), gradient)
}

/// Both liquids under the pressure of their weight, displaced by the mode, which grows.
fn bench(cells: usize, viscosity: f64) -> Bench {
    let dx = WIDTH / cells as f64;
    let middle = DEPTH * WIDTH;
    let law = |density: f64| Liquid {
        bulk_modulus: density * SOUND * SOUND,
        viscosity: density * viscosity,
        exponent: 1.0,
        tension: true,
    };
    let rows = (2.0 * DEPTH * cells as f64).round() as usize;
    let [below, above] = DENSITIES;
    let mut bench = Bench::new([cells, rows, 1], dx, 0.5 * dx / SOUND)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law(below), below, |x| x.y < middle)
        .liquid(law(above), above, |x| x.y > middle);
    let amplitude = START / WAVE;
    let cloud = &mut bench.particles.liquid;
    for (motion, ratio) in cloud.motion.iter_mut().zip(&mut cloud.strain) {
        let x = motion.x();
        let y = x.y - middle;
        // J p = K (1 - J) is the pressure -rho g y over that of the interface, where any would do in a
        // closed box.
        *ratio = 1.0 + GRAVITY * y / (SOUND * SOUND);
        let (way, gradient) = mode(x.x, y);
        let rate = amplitude * rate(viscosity);
        motion.set_x(&(x + way * amplitude));
        motion.set_v(&(way * rate));
        motion.set_c(&(gradient * rate));
    }
    bench
}

/// Amplitude of the wave (m): it adds to the liquid below, of depth `h`, an excess with
/// `a = 2 h <cos kx>`, the mean over its particles, and takes the same from that above; the mean of both.
fn amplitude(state: &State<f64>) -> f64 {
    let sum = |body: usize| {
        let motions = &state.particles.liquid.motion;
        let wave = |motion: &Motion<f64>| (WAVE * motion.x().x).cos();
        mean_of(&state.order.liquid, motions, body, wave)
    };
    DEPTH * WIDTH * (sum(0) - sum(1))
}

/// Logarithm of the slope `k a` over time (s), up to where it is no longer small.
fn growth(cells: usize, viscosity: f64) -> Result<Vec<[f64; 2]>, NonFinite> {
    let bench = bench(cells, viscosity);
    let until = 1.4 * (FITTED[1] / START).ln() / rate(viscosity);
    let steps = (until / bench.world.clock.dt) as usize;
    let mut series = Vec::new();
    bench.run(steps, |time, state| {
        series.push([time, (WAVE * amplitude(state)).ln()]);
    })?;
    Ok(series)
}

/// The rate at which a wave grows between the slopes that are fitted (1/s).
fn fitted(series: &[[f64; 2]]) -> f64 {
    let when = |slope: f64| {
        let first = series.iter().position(|[_, log]| *log > slope.ln());
        first.unwrap_or(series.len())
    };
    line(series[when(FITTED[0])..when(FITTED[1])].iter().copied())[0]
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids = match tier {
        Tier::Fast => [8, 16],
        Tier::Full => [24, 48],
    };
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for (quantity, viscosity) in [
        ("growth rate", 0.0),
        ("growth rate with viscosity", VISCOSITY),
    ] {
        let mut rates = Vec::new();
        for cells in grids {
            let series = growth(cells, viscosity)?;
            let grid = format!("{cells} cells a half wave");
            rates.push(fitted(&series));
            if cells == grids[1] {
                outcome.measure(reference, quantity, &grid, rates[1]);
            }
            let scaled = |&[t, log]: &[f64; 2]| [rate(0.0) * t, log.exp()];
            curves.push(Curve {
                name: format!("{quantity}, {grid}"),
                points: series.iter().map(scaled).collect(),
                marks: false,
            });
        }
        if viscosity == 0.0 {
            let known = reference.find(quantity);
            outcome.order =
                known.map(|known| order(rates[0] - known.value, rates[1] - known.value));
        }
    }
    outcome.plots.push(Plot {
        title: "Heavy liquid on a light one".to_owned(),
        axes: ["time, sqrt(A g k) t".to_owned(), "slope k a".to_owned()],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_keeps_volumes_and_stays_off_the_walls() {
        let depth = DEPTH * WIDTH;
        for y in [-0.11, -0.03, 0.02, 0.1] {
            let (_, gradient) = mode(0.03, y);
            assert!(gradient.trace().abs() < 1e-12);
            let step = 1e-6;
            let (up, down) = (mode(0.03, y + step).0, mode(0.03, y - step).0);
            let slope = (up - down) / (2.0 * step);
            assert!((slope - gradient.column(1)).norm() < 1e-5 * gradient.norm());
        }
        assert!(mode(0.03, depth).0.y.abs() < 1e-12);
        assert!(mode(0.0, 0.05).0.x.abs() < 1e-12 && mode(WIDTH, 0.05).0.x.abs() < 1e-12);
        assert!((mode(0.0, 1e-9).0.y - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_rate_is_the_slope_of_the_logarithm() {
        let series: Vec<_> = (0..1000)
            .map(|step| {
                [
                    0.001 * f64::from(step),
                    START.ln() + 0.007 * f64::from(step),
                ]
            })
            .collect();
        assert!((fitted(&series) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn the_amplitude_is_that_of_the_displacement() {
        let bench = bench(8, 0.0);
        let state = State::new(&bench.world, bench.particles.clone());
        assert!((WAVE * amplitude(&state) / START - 1.0).abs() < 0.02);
    }
}
