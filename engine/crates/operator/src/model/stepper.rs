//! One step of an operator, and its adjoint.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{
    Config, Room, Scales, Spacing, Window,
    hold::{hold, hold_vjp},
    kinds::{AnyNetwork, AnyTape},
};
use crate::{
    error::OperatorError,
    graph::{Graph, Reach},
};

/// A reduced-order operator: it steps a few hundred samples of a body of thousands of particles.
///
/// ```text
/// a   = network(window)                            over its scale
/// x*  = 2 x_t - x_(t-1) + frame^2 (g + scale a)     the free step
/// x   = x*, brought back into the room where it left it, and out of obstacles
/// ```
///
/// Where lengths are in spacings, `a` is over the [`Spacing`]. So without a network it is free fall in a box, and a step never
/// leaves the room or enters an obstacle.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator<T: Real> {
    /// Its shape.
    pub config: Config,
    /// Its units.
    pub scales: Scales,
    /// Weights of the network.
    pub weights: Vec<T>,
    pub(super) network: AnyNetwork,
}

/// What a step comes to.
#[derive(Debug, Clone)]
pub struct Stepped<T: Real> {
    /// Positions (m) after the free step, which may be outside of the room.
    pub free: DMatrix<T>,
    /// Positions (m) within the room.
    pub x: DMatrix<T>,
    /// How many coordinates walls brought back, and how many samples obstacles pushed.
    pub held: usize,
}

/// What a step leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct StepTape<T: Real> {
    pub(super) spacing: Spacing<T>,
    pub(super) graph: Graph,
    pub(super) network: AnyTape<T>,
    free: DMatrix<T>,
}

impl<T: Real> StepTape<T> {
    /// Keeps of what dense layers over edges read only a share of the columns, see
    /// [`Columns`](crate::layer::Columns): gradients of their weights become estimates without bias, cotangents of
    /// windows stay as they are, to rounding.
    pub fn draw(&mut self, share: f64, random: &mut Random) {
        self.network.draw(&self.graph, share, random);
    }
}

impl<T: Real> Operator<T> {
    /// An operator with these weights.
    ///
    /// # Errors
    /// A wrong shape or unit, or another number of weights.
    pub fn new(config: Config, scales: Scales, weights: Vec<T>) -> Result<Self, OperatorError> {
        config.check()?;
        for (field, value) in [
            ("scales.frame", scales.frame),
            ("scales.velocity", scales.velocity),
            ("scales.acceleration", scales.acceleration),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(OperatorError::setting(field, value, "a positive number"));
            }
        }
        if let (true, Some(false) | None) = (
            config.spacings,
            scales.spacing.map(|h| h > 0.0 && h.is_finite()),
        ) {
            let found = format!("{:?}", scales.spacing);
            let expected = "a positive length (m), since lengths are in spacings";
            return Err(OperatorError::setting("scales.spacing", found, expected));
        }
        let network = AnyNetwork::new(&config);
        if weights.len() != network.size() {
            let what = "weights of the network";
            return Err(OperatorError::mismatch(what, weights.len(), network.size()));
        }
        Ok(Self {
            config,
            scales,
            weights,
            network,
        })
    }

    /// Positions that a window has: those of the velocities seen, and one more.
    pub fn steps(&self) -> usize {
        self.config.history + 1
    }

    /// The same operator in another scalar.
    pub fn cast<U: Real>(&self) -> Operator<U> {
        Operator {
            config: self.config,
            scales: self.scales,
            weights: self.weights.iter().map(|w| U::of(w.to_f64())).collect(),
            network: self.network.clone(),
        }
    }

    /// Checks that a window is one for this operator.
    ///
    /// # Errors
    /// Another number of steps, or no samples.
    pub fn admit(&self, window: &Window<T>) -> Result<(), OperatorError> {
        if window.x.len() != self.steps() {
            let what = "steps of a window";
            return Err(OperatorError::mismatch(what, window.x.len(), self.steps()));
        }
        let count = window.samples();
        if count == 0 {
            return Err(OperatorError::mismatch(
                "samples of a window",
                0,
                "at least 1",
            ));
        }
        if let Some(other) = window.x.iter().find(|x| x.shape() != (3, count)) {
            let what = "shape of the positions of a window";
            let (found, expected) = (format!("{:?}", other.shape()), format!("(3, {count})"));
            return Err(OperatorError::mismatch(what, found, expected));
        }
        Ok(())
    }

    /// The next positions.
    ///
    /// # Errors
    /// A window that does not fit, or positions that are not finite.
    pub fn step(
        &self,
        room: &Room,
        window: &Window<T>,
    ) -> Result<(Stepped<T>, StepTape<T>), OperatorError> {
        self.admit(window)?;
        let spacing = Spacing::of(&self.config, &self.scales, window)?;
        let Reach { radius, cap } = self.config.reach;
        let radius = radius * spacing.ratio.to_f64();
        let graph = Graph::new(window.newest(), Reach { radius, cap })?;
        let (a, network) = self.accelerations(room, &graph, window, &spacing);
        let square = self.scales.frame * self.scales.frame;
        let scale = T::of(square * self.scales.acceleration);
        let (now, before) = (window.before(0), window.before(1));
        let free = DMatrix::from_fn(3, window.samples(), |axis, i| {
            let fall = T::of(square * room.gravity[axis]);
            let (x, old) = (now[(axis, i)], before[(axis, i)]);
            x + (x - old) + fall + scale * a[(axis, i)]
        });
        let (x, held) = hold(room, now, &free);
        let tape = StepTape {
            spacing,
            graph,
            network,
            free: free.clone(),
        };
        Ok((Stepped { free, x, held }, tape))
    }

    /// Adds the cotangents of window and weights from those of [`Stepped::free`] and
    /// [`Stepped::x`]. The graph is held, see
    /// [`Features::of_vjp`](super::features::Features::of_vjp); where a coordinate is brought back the
    /// derivative from outside is taken: zero across a wall, that of the nearest point at an obstacle.
    pub fn step_vjp(
        &self,
        room: &Room,
        window: &Window<T>,
        tape: &StepTape<T>,
        free_bar: &DMatrix<T>,
        x_bar: &DMatrix<T>,
        window_bar: &mut Window<T>,
        weights_bar: &mut [T],
    ) -> Result<(), OperatorError> {
        let mut free_bar = free_bar.clone();
        let last = window_bar.x.len() - 1;
        let (now, now_bar) = (window.newest(), &mut window_bar.x[last]);
        hold_vjp(room, now, &tape.free, x_bar, &mut free_bar, now_bar);
        window_bar.x[last] += &free_bar * T::of(2.0);
        window_bar.x[last - 1] -= &free_bar;
        let square = self.scales.frame * self.scales.frame;
        let a_bar = free_bar * T::of(square * self.scales.acceleration);
        self.accelerations_vjp(room, window, tape, a_bar, window_bar, weights_bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        check_at, flat, giorom_operator, obstructed, operator, pair_operator, pushed, room,
        spaced_operator, window, windowed,
    };

    #[test]
    fn without_weights_matter_falls_freely_and_stays_in_the_room() {
        let mut operator = operator::<f64>(true);
        operator.weights.fill(0.0);
        let mut window = window();
        let (stepped, _) = operator.step(&room(), &window).unwrap();
        let square = operator.scales.frame * operator.scales.frame;
        let (now, old) = (window.before(0).clone(), window.before(1).clone());
        let expected = &now * 2.0 - old;
        for (free, expected) in stepped.free.column_iter().zip(expected.column_iter()) {
            assert!((free[0] - expected[0]).abs() < 1e-15);
            assert!((free[1] - expected[1] + 9.81 * square).abs() < 1e-15);
        }
        for _ in 0..60 {
            let (stepped, _) = operator.step(&room(), &window).unwrap();
            assert!(stepped.x.iter().all(|x| (0.0..=1.0).contains(x)));
            window.push(stepped.x);
        }
        assert!(window.newest().row(1).iter().all(|&y| y == 0.0));
    }

    #[test]
    fn momentum_changes_by_weight_alone_where_nothing_is_touched() {
        let operator = operator::<f64>(true);
        let mut window = window();
        let shift = nalgebra::Vector3::new(0.0, 40.0, 0.0);
        let mut room = room();
        room.bounds = [[-50.0; 3], [100.0; 3]];
        for x in &mut window.x {
            x.column_iter_mut().for_each(|mut x| x += shift);
        }
        let square = operator.scales.frame * operator.scales.frame;
        let (stepped, tape) = operator.step(&room, &window).unwrap();
        // Pieces fall freely, each as a whole, whatever the weights say.
        let AnyTape::Free(tape) = &tape.network else {
            panic!("another network");
        };
        assert!(tape.raw.abs().max() > 0.1);
        let (piece, pieces) = &tape.pieces;
        for number in 0..*pieces {
            let mut sum = [0.0; 3];
            for i in (0..window.samples()).filter(|&i| piece[i] == number) {
                let (now, old) = (window.before(0).column(i), window.before(1).column(i));
                for axis in 0..3 {
                    let fall = square * room.gravity[axis];
                    sum[axis] += stepped.free[(axis, i)] - 2.0 * now[axis] + old[axis] - fall;
                }
            }
            // Rounding of positions of 40 m.
            assert!(sum.iter().all(|sum| sum.abs() < 1e-12), "{sum:?}");
        }
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        let all = [
            pair_operator::<f64>(),
            spaced_operator::<f64>(),
            operator::<f64>(true),
            operator::<f64>(false),
            giorom_operator::<f64>(),
        ];
        for (operator, room) in all
            .iter()
            .flat_map(|one| [(one, room()), (one, obstructed())])
        {
            let start = window();
            let size = operator.weights.len();
            let x = [&operator.weights[..], &flat(&start)].concat();
            check_at(
                &x,
                |x| {
                    let mut operator = operator.cast();
                    operator.weights = x[..size].to_vec();
                    let (stepped, _) = operator.step(&room, &windowed(&x[size..])).unwrap();
                    [stepped.free.as_slice(), stepped.x.as_slice()].concat()
                },
                |x, bar| {
                    let window = windowed(&x[size..]);
                    let (stepped, tape) = operator.step(&room, &window).unwrap();
                    let pushed = pushed(&room, &stepped.x);
                    assert!(
                        stepped.held > pushed && pushed >= room.obstacles.len(),
                        "{pushed}"
                    );
                    let (free, held) = bar.split_at(bar.len() / 2);
                    let bars =
                        [free, held].map(|bar| DMatrix::from_column_slice(3, bar.len() / 3, bar));
                    let (mut all, mut window_bar) = (vec![0.0; size], window.zeros());
                    operator
                        .step_vjp(
                            &room,
                            &window,
                            &tape,
                            &bars[0],
                            &bars[1],
                            &mut window_bar,
                            &mut all,
                        )
                        .unwrap();
                    all.extend(flat(&window_bar));
                    all
                },
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let operator = operator::<f64>(true);
        let mut window = window();
        let (_, tape) = operator.step(&room(), &window).unwrap();
        let (pairs, zero) = (pair_operator::<f64>(), DMatrix::zeros(3, window.samples()));
        let (mut bar, mut weights) = (window.zeros(), vec![0.0; pairs.weights.len()]);
        let error = pairs
            .step_vjp(
                &room(),
                &window,
                &tape,
                &zero,
                &zero,
                &mut bar,
                &mut weights,
            )
            .unwrap_err();
        assert!(error.to_string().starts_with("network of a tape"));
        window.x.pop();
        let error = operator.step(&room(), &window).unwrap_err().to_string();
        assert_eq!(error, "steps of a window: found 2, expected 3");
        let error = Operator::new(operator.config, operator.scales, vec![0.0_f64; 3]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("weights of the network: found 3")
        );
    }
}
