//! The flat vector of parameters: which slice of it is called what, and how far its entries
//! may go.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A named run of entries, in the caller's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Name, unique in its layout, e.g. `tool/velocity`.
    pub name: String,
    /// Indices of its entries in the flat vector.
    pub range: Range<usize>,
}

/// Closed interval an entry must stay in; `None` leaves that side open (default: both open).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Smallest allowed value, in the entry's own unit.
    pub lower: Option<f64>,
    /// Largest allowed value, in the entry's own unit.
    pub upper: Option<f64>,
}

impl Bounds {
    /// Both sides closed. `lower == upper` freezes the entry.
    #[must_use]
    pub fn between(lower: f64, upper: f64) -> Self {
        Self {
            lower: Some(lower),
            upper: Some(upper),
        }
    }

    /// Nearest allowed value; NaN stays NaN, for the driver's guard to find.
    #[must_use]
    pub fn nearest(&self, value: f64) -> f64 {
        match (self.lower, self.upper) {
            (Some(lower), _) if value < lower => lower,
            (_, Some(upper)) if value > upper => upper,
            _ => value,
        }
    }

    /// Whether `value` lies on a bound and moving along `direction` would leave the interval.
    #[must_use]
    pub fn blocks(&self, value: f64, direction: f64) -> bool {
        (direction < 0.0 && self.lower.is_some_and(|lower| value <= lower))
            || (direction > 0.0 && self.upper.is_some_and(|upper| value >= upper))
    }
}

/// What [`Layout::project`] changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Projection {
    /// Entries that lay outside their bounds.
    pub clamped: usize,
    /// Largest distance an entry was moved, in its own unit.
    pub largest: f64,
}

/// A layout that cannot be built, or a name that it lacks.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LayoutError {
    /// Two slices of one name.
    #[error("slice \"{name}\" is declared twice; names of slices must differ")]
    Duplicate {
        /// The repeated name.
        name: String,
    },
    /// A slice without entries.
    #[error("slice \"{name}\" has 0 entries; expected at least 1")]
    Empty {
        /// Name of the slice.
        name: String,
    },
    /// A name that no slice has.
    #[error("no slice is called \"{name}\"; there are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Names that exist, separated by commas.
        known: String,
    },
    /// An entry beyond the end of its slice.
    #[error("slice \"{name}\" has {length} entries; there is no entry {offset}")]
    OutOfRange {
        /// Name of the slice.
        name: String,
        /// Entry asked for, from 0.
        offset: usize,
        /// Entries of the slice.
        length: usize,
    },
    /// A NaN bound, or a lower bound above the upper one.
    #[error("{entry} has bounds [{lower}, {upper}]; expected numbers with lower <= upper")]
    Bounds {
        /// Slice or entry the bounds were meant for.
        entry: String,
        /// Lower bound given (`-inf` if open).
        lower: f64,
        /// Upper bound given (`inf` if open).
        upper: f64,
    },
}

/// Ordered slices and the bounds of their entries.
///
/// ```
/// use backflow_optim::{Bounds, Layout};
///
/// let mut layout = Layout::new();
/// layout.push("velocity", 3)?;
/// layout.push("viscosity", 1)?;
/// layout.bound("viscosity", Bounds::between(0.0, 10.0))?;
/// let mut x = [1.0, 2.0, 3.0, -0.5];
/// assert_eq!(layout.project(&mut x).clamped, 1);
/// assert_eq!(x[3], 0.0);
/// assert_eq!(layout.describe(2), "velocity[2]");
/// # Ok::<(), backflow_optim::LayoutError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    slices: Vec<Slice>,
    bounds: Vec<Bounds>,
}

impl Layout {
    /// No slices.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `length` unbounded entries called `name`; returns their indices.
    pub fn push(&mut self, name: &str, length: usize) -> Result<Range<usize>, LayoutError> {
        let name = name.to_string();
        if length == 0 {
            return Err(LayoutError::Empty { name });
        }
        if self.slices.iter().any(|slice| slice.name == name) {
            return Err(LayoutError::Duplicate { name });
        }
        let range = self.dimension()..self.dimension() + length;
        self.bounds.resize(range.end, Bounds::default());
        self.slices.push(Slice {
            name,
            range: range.clone(),
        });
        Ok(range)
    }

    /// Bounds every entry of a slice.
    pub fn bound(&mut self, name: &str, bounds: Bounds) -> Result<(), LayoutError> {
        let range = self.range(name)?;
        check(name.to_string(), bounds)?;
        self.bounds[range].fill(bounds);
        Ok(())
    }

    /// Bounds one entry of a slice, counted from 0 within it.
    pub fn bound_entry(
        &mut self,
        name: &str,
        offset: usize,
        bounds: Bounds,
    ) -> Result<(), LayoutError> {
        let range = self.range(name)?;
        if offset >= range.len() {
            return Err(LayoutError::OutOfRange {
                name: name.to_string(),
                offset,
                length: range.len(),
            });
        }
        check(format!("{name}[{offset}]"), bounds)?;
        self.bounds[range.start + offset] = bounds;
        Ok(())
    }

    /// Number of entries of the flat vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.bounds.len()
    }

    /// The slices, in order.
    #[must_use]
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// Bounds of every entry, in the order of the flat vector.
    #[must_use]
    pub fn bounds(&self) -> &[Bounds] {
        &self.bounds
    }

    /// Indices of the slice called `name`.
    pub fn range(&self, name: &str) -> Result<Range<usize>, LayoutError> {
        match self.slices.iter().find(|slice| slice.name == name) {
            Some(slice) => Ok(slice.range.clone()),
            None => {
                let names: Vec<_> = self.slices.iter().map(|s| s.name.as_str()).collect();
                Err(LayoutError::Unknown {
                    name: name.to_string(),
                    known: names.join(", "),
                })
            }
        }
    }

    /// Entry `index` in words: `velocity[2]`, or `entry 7` outside of every slice.
    #[must_use]
    pub fn describe(&self, index: usize) -> String {
        match self.slices.iter().find(|s| s.range.contains(&index)) {
            Some(slice) => format!("{}[{}]", slice.name, index - slice.range.start),
            None => format!("entry {index}"),
        }
    }

    /// Moves every finite entry to the nearest allowed value and says how many were outside.
    /// Others stay, for the driver's guard to find.
    pub fn project(&self, x: &mut [f64]) -> Projection {
        let mut projection = Projection::default();
        for (x, bounds) in x.iter_mut().zip(&self.bounds) {
            let nearest = bounds.nearest(*x);
            if nearest != *x && x.is_finite() {
                projection.clamped += 1;
                projection.largest = projection.largest.max((*x - nearest).abs());
                *x = nearest;
            }
        }
        projection
    }

    /// The gradient without the entries that lie on a bound and would descend through it.
    ///
    /// It vanishes exactly at the first-order optimum within bounds (Nocedal & Wright 2006,
    /// section 16.7), where the plain gradient does not.
    #[must_use]
    pub fn projected_gradient(&self, x: &[f64], gradient: &[f64]) -> Vec<f64> {
        let entries = x.iter().zip(gradient).zip(&self.bounds);
        entries
            .map(|((x, g), bounds)| if bounds.blocks(*x, -g) { 0.0 } else { *g })
            .collect()
    }
}

/// Refuses NaN and crossed bounds.
fn check(entry: String, bounds: Bounds) -> Result<(), LayoutError> {
    let lower = bounds.lower.unwrap_or(f64::NEG_INFINITY);
    let upper = bounds.upper.unwrap_or(f64::INFINITY);
    if lower <= upper {
        return Ok(());
    }
    Err(LayoutError::Bounds {
        entry,
        lower,
        upper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slices_follow_each_other_and_entries_have_names() {
        let mut layout = Layout::new();
        assert_eq!(layout.push("a", 2).unwrap(), 0..2);
        assert_eq!(layout.push("b", 3).unwrap(), 2..5);
        assert_eq!(layout.dimension(), 5);
        assert_eq!(layout.range("b").unwrap(), 2..5);
        assert_eq!(layout.describe(4), "b[2]");
        assert_eq!(layout.describe(5), "entry 5");
    }

    #[test]
    fn bad_layouts_are_refused_with_the_reason() {
        let mut layout = Layout::new();
        layout.push("a", 2).unwrap();
        assert!(layout.push("a", 1).is_err());
        assert!(layout.push("empty", 0).is_err());
        let text = layout
            .bound("b", Bounds::default())
            .unwrap_err()
            .to_string();
        assert_eq!(text, "no slice is called \"b\"; there are: a");
        let text = layout
            .bound_entry("a", 1, Bounds::between(2.0, 1.0))
            .unwrap_err()
            .to_string();
        assert!(text.contains("a[1] has bounds [2, 1]"), "{text}");
        assert!(layout.bound("a", Bounds::between(f64::NAN, 1.0)).is_err());
        assert!(layout.bound_entry("a", 2, Bounds::default()).is_err());
    }

    #[test]
    fn projected_gradient_drops_only_descent_through_a_bound() {
        let mut layout = Layout::new();
        layout.push("a", 4).unwrap();
        layout.bound("a", Bounds::between(0.0, 1.0)).unwrap();
        let x = [0.0, 0.0, 1.0, 0.5];
        let projected = layout.projected_gradient(&x, &[1.0, -1.0, -1.0, 1.0]);
        assert_eq!(projected, [0.0, -1.0, 0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn projection_is_idempotent_and_counts_what_was_outside(
            x in proptest::collection::vec(-3.0..3.0_f64, 1..20),
            lower in -2.0..0.0_f64,
            upper in 0.0..2.0_f64,
        ) {
            let mut layout = Layout::new();
            layout.push("x", x.len()).unwrap();
            layout.bound("x", Bounds::between(lower, upper)).unwrap();
            let outside = x.iter().filter(|v| **v < lower || **v > upper).count();
            let mut y = x.clone();
            prop_assert_eq!(layout.project(&mut y).clamped, outside);
            prop_assert!(y.iter().all(|v| (lower..=upper).contains(v)));
            prop_assert_eq!(layout.project(&mut y), Projection::default());
        }
    }
}
