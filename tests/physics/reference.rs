//! Reference values: comma-separated files with a header that says where they come from.

/// One row, with the names of its columns.
pub struct Row<'a> {
    names: Vec<&'a str>,
    fields: Vec<&'a str>,
}

impl<'a> Row<'a> {
    pub fn text(&self, name: &str) -> &'a str {
        let column = self.names.iter().position(|column| *column == name);
        self.fields[column.unwrap_or_else(|| panic!("no column `{name}`"))]
    }

    pub fn number(&self, name: &str) -> f64 {
        let text = self.text(name);
        text.parse()
            .unwrap_or_else(|_| panic!("column `{name}`: `{text}` is no number"))
    }
}

/// The rows of a file; lines that start with `#` say where its numbers come from.
pub fn rows(file: &str) -> Vec<Row<'_>> {
    for mark in ["# Tag: ", "# Source: ", "# Tolerance: "] {
        assert!(
            file.lines().any(|line| line.starts_with(mark)),
            "a file lacks `{mark}`"
        );
    }
    let mut lines = file.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    lines
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            assert_eq!(fields.len(), names.len(), "`{line}`");
            Row {
                names: names.clone(),
                fields,
            }
        })
        .collect()
}
