//! Reference values: comma-separated files whose heads say where they come from.

/// The files; each row names its case.
const FILES: [&str; 6] = [
    include_str!("../../../tests/reference/fluids.csv"),
    include_str!("../../../tests/reference/dam_break.csv"),
    include_str!("../../../tests/reference/solids.csv"),
    include_str!("../../../tests/reference/granular.csv"),
    include_str!("../../../tests/reference/contact.csv"),
    include_str!("../../../tests/reference/flows.csv"),
];

/// A reference value.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// What it is.
    pub quantity: String,
    /// Where it holds, such as a time; zero where that says nothing.
    pub at: f64,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// How far a measurement may be off; none where it is only reported.
    pub tolerance: Option<f64>,
    /// Whether that is relative.
    pub relative: bool,
}

/// The reference values of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference(Vec<Known>);

impl Reference {
    /// Those of the case `id`. Columns: case, quantity, at, value, unit, tolerance, kind
    /// (`relative`, `absolute`, or `report` without a tolerance).
    pub fn of(id: &str) -> Self {
        let lines = FILES.iter().flat_map(|file| file.lines());
        let rows = lines.filter_map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let &[case, quantity, at, value, unit, tolerance, kind] = fields.as_slice() else {
                return None;
            };
            (case == id).then_some(())?;
            Some(Known {
                quantity: quantity.to_owned(),
                at: at.parse().ok()?,
                value: value.parse().ok()?,
                unit: unit.to_owned(),
                tolerance: tolerance.parse().ok().filter(|_| kind != "report"),
                relative: kind == "relative",
            })
        });
        Self(rows.collect())
    }

    /// Whether there are none.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first value of a quantity.
    pub fn find(&self, quantity: &str) -> Option<&Known> {
        self.0.iter().find(|known| known.quantity == quantity)
    }

    /// All values of a quantity in order.
    pub fn all<'a>(&'a self, quantity: &'a str) -> impl Iterator<Item = &'a Known> {
        self.0
            .iter()
            .filter(move |known| known.quantity == quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_file_is_read_and_its_source_is_said() {
        for file in FILES {
            for mark in ["# Tag: ", "# Source: ", "# Tolerance: "] {
                assert!(file.lines().any(|line| line.starts_with(mark)), "{mark}");
            }
            let rows = file.lines().filter(|line| !line.starts_with('#')).skip(1);
            for row in rows {
                let id = row.split(',').next().unwrap_or_default();
                let quantity = row.split(',').nth(1).unwrap_or_default();
                assert!(Reference::of(id).find(quantity).is_some(), "{row}");
            }
        }
    }
}
