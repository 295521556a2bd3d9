//! What the tests share: objectives from closures, and runs of a driver.

use std::convert::Infallible;

use backflow_optim::{
    Driver, DriverState, Evaluation, Layout, Objective, Outcome, Record, Settings,
};

/// An objective from a function that gives value and gradient; counts what it is asked.
pub struct Toy<F> {
    pub function: F,
    /// Values asked for without a gradient.
    pub values: usize,
    /// Gradients asked for.
    pub gradients: usize,
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Toy<F> {
    pub fn new(function: F) -> Self {
        Self {
            function,
            values: 0,
            gradients: 0,
        }
    }
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Objective for Toy<F> {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        self.values += 1;
        Ok((self.function)(x).0)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Infallible> {
        self.gradients += 1;
        let (value, gradient) = (self.function)(x);
        Ok(Evaluation::new(value, gradient))
    }
}

/// The mean of functions of scenario and point; counts gradients of scenarios.
pub struct Scenarios<F> {
    pub count: usize,
    pub function: F,
    pub gradients: usize,
}

impl<F: FnMut(usize, &[f64]) -> (f64, Vec<f64>)> Scenarios<F> {
    pub fn new(count: usize, function: F) -> Self {
        Self {
            count,
            function,
            gradients: 0,
        }
    }
}

impl<F: FnMut(usize, &[f64]) -> (f64, Vec<f64>)> Objective for Scenarios<F> {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        Ok(self.gradient(x)?.value)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Infallible> {
        let mut mean = Evaluation::new(0.0, vec![0.0; x.len()]);
        let n = self.count as f64;
        for scenario in 0..self.count {
            let evaluation = self.scenario(scenario, x)?;
            mean.value += evaluation.value / n;
            add_scaled(&mut mean.gradient, 1.0 / n, &evaluation.gradient);
            mean.scenarios.push(evaluation.gradient);
        }
        Ok(mean)
    }

    fn scenarios(&self) -> usize {
        self.count
    }

    fn scenario(&mut self, scenario: usize, x: &[f64]) -> Result<Evaluation, Infallible> {
        self.gradients += 1;
        let (value, gradient) = (self.function)(scenario, x);
        Ok(Evaluation::new(value, gradient))
    }
}

/// One unbounded slice `x` of n entries.
pub fn layout(n: usize) -> Layout {
    let mut layout = Layout::new();
    layout.push("x", n).unwrap();
    layout
}

/// A run from `start` over an unbounded slice, with its records.
pub fn run<O: Objective>(
    settings: &Settings,
    start: &[f64],
    objective: &mut O,
) -> (Outcome, DriverState, Vec<Record>)
where
    O::Error: std::fmt::Debug,
{
    run_in(layout(start.len()), settings, start, objective)
}

/// A run from `start` over a layout, with its records.
pub fn run_in<O: Objective>(
    layout: Layout,
    settings: &Settings,
    start: &[f64],
    objective: &mut O,
) -> (Outcome, DriverState, Vec<Record>)
where
    O::Error: std::fmt::Debug,
{
    let driver = Driver::new(settings.clone(), layout).unwrap();
    let mut state = driver.start(start).unwrap();
    let mut records = Vec::new();
    let mut watch = |record: &Record, _: &DriverState| {
        records.push(record.clone());
        std::ops::ControlFlow::Continue(())
    };
    let outcome = driver.run(&mut state, objective, &mut watch).unwrap();
    (outcome, state, records)
}

/// `y += alpha x`.
pub fn add_scaled(y: &mut [f64], alpha: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// Inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Euclidean norm.
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Cosine of the angle between two vectors.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (norm(a) * norm(b))
}

/// The middle of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
