//! Where in the text of a RON file each field is.
//!
//! The parser of RON knows the place of what it cannot read; this finds the place of
//! what it could read and was wrong all the same. Names of structs and of variants do
//! not appear in a path: `shape: Sphere(radius: 1)` is at `shape` and `shape.radius`.

use std::collections::BTreeMap;

/// The deepest nesting that is followed, that of the parser of RON.
const DEPTH: usize = 128;

/// The place of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line (from 1).
    pub line: usize,
    /// Column in characters (from 1).
    pub column: usize,
    /// The name in front of its value, such as that of a variant; may be empty.
    pub name: String,
}

/// The places of all fields of a text by their paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// The places of the fields of `text`. Of text that is no RON the places up to the
    /// first oddity are found.
    pub fn of(text: &str) -> Self {
        let mut scan = Scan {
            rest: text,
            line: 1,
            column: 1,
            places: BTreeMap::new(),
        };
        scan.skip_blank();
        // Attributes such as #![enable(implicit_some)].
        while scan.rest.starts_with('#') {
            scan.skip_until(|c| c == ']');
            scan.advance(1);
            scan.skip_blank();
        }
        let start = (scan.line, scan.column);
        scan.value("", start, 0);
        Self(scan.places)
    }

    /// The place of a field.
    pub fn get(&self, path: &str) -> Option<&Place> {
        self.0.get(path)
    }

    /// The place of a field or, where it is not in the text, of the nearest around it.
    pub fn nearest(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            if path.is_empty() {
                return None;
            }
            path = parent(path);
        }
    }
}

/// The path of what a field is in; empty at the top.
pub fn parent(path: &str) -> &str {
    let cut = if let Some(quoted) = path.strip_suffix('"') {
        quoted.rfind('"').map(|open| open.saturating_sub(1))
    } else {
        path.rfind(['.', '['])
    };
    cut.and_then(|cut| path.get(..cut)).unwrap_or("")
}

/// The path of a field of what is at `path`.
pub fn child(path: &str, key: &str) -> String {
    let is_name = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    // Names that the user gives are quoted, whatever they are.
    let key = if is_name && path.rsplit('.').next() != Some("materials") {
        key.to_owned()
    } else {
        format!("\"{key}\"")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// A walk over the text.
struct Scan<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
    places: BTreeMap<String, Place>,
}

impl<'a> Scan<'a> {
    fn advance(&mut self, characters: usize) {
        for _ in 0..characters {
            let mut after = self.rest.chars();
            match after.next() {
                Some('\n') => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
                None => return,
            }
            self.rest = after.as_str();
        }
    }

    /// Skips characters up to one that is asked for, and returns them.
    fn skip_until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let all = self.rest;
        let length = all.find(stop).unwrap_or(all.len());
        let skipped = all.get(..length).unwrap_or("");
        self.advance(skipped.chars().count());
        skipped
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) {
        loop {
            self.skip_until(|c| !c.is_whitespace());
            if self.rest.starts_with("//") {
                self.skip_until(|c| c == '\n');
            } else if self.rest.starts_with("/*") {
                let mut depth = 0_usize;
                loop {
                    if self.rest.starts_with("/*") {
                        depth += 1;
                        self.advance(2);
                    } else if self.rest.starts_with("*/") {
                        depth -= 1;
                        self.advance(2);
                    } else if self.rest.is_empty() {
                        return;
                    } else {
                        self.advance(1);
                    }
                    if depth == 0 {
                        break;
                    }
                }
            } else {
                return;
            }
        }
    }

    /// Reads a string, plain or raw, if there is one.
    fn string(&mut self) -> Option<String> {
        let raw = self.rest.strip_prefix('r').unwrap_or("");
        let hashes = raw.chars().take_while(|&c| c == '#').count();
        if raw.chars().nth(hashes) == Some('"') {
            self.advance(hashes + 2);
            let end = format!("\"{}", "#".repeat(hashes));
            let length = self.rest.find(&end).unwrap_or(self.rest.len());
            let content = self.rest.get(..length).unwrap_or("").to_owned();
            self.advance(content.chars().count() + end.len());
            return Some(content);
        }
        if !self.rest.starts_with('"') {
            return None;
        }
        self.advance(1);
        let mut content = String::new();
        while let Some(c) = self.rest.chars().next() {
            self.advance(1);
            match c {
                '"' => break,
                '\\' => {
                    content.extend(self.rest.chars().next());
                    self.advance(1);
                }
                _ => content.push(c),
            }
        }
        Some(content)
    }

    /// Reads a value whose field starts at `start`.
    fn value(&mut self, path: &str, start: (usize, usize), depth: usize) {
        let (line, column) = start;
        let mut name = String::new();
        if self.string().is_none() {
            let ends = |c: char| c.is_whitespace() || "()[]{},:/'\"".contains(c);
            name = self.skip_until(ends).to_owned();
            self.skip_blank();
            if self.rest.starts_with('\'') {
                // A character, perhaps escaped.
                let escaped = self.rest.get(1..2) == Some("\\");
                self.advance(if escaped { 3 } else { 2 });
                self.skip_until(|c| c == '\'');
                self.advance(1);
            }
        }
        let wraps = !name.is_empty() && self.rest.starts_with('(');
        self.places
            .entry(path.to_owned())
            .or_insert(Place { line, column, name });
        if self.rest.starts_with(['(', '[', '{']) && depth < DEPTH {
            self.advance(1);
            self.fields(path, wraps, depth + 1);
        }
    }

    /// Reads the fields of a struct, a map or a list, and its closing bracket. What is
    /// wrapped by a name, such as the list in `Frames([1, 2])`, has the path of the name.
    fn fields(&mut self, path: &str, wraps: bool, depth: usize) {
        for index in 0.. {
            self.skip_blank();
            if self.rest.is_empty() || self.rest.starts_with([')', ']', '}']) {
                self.advance(1);
                return;
            }
            let start = (self.line, self.column);
            let before = self.rest;
            let key = self.key();
            let path = match key {
                Some(key) => child(path, &key),
                None if wraps && index == 0 && self.rest.starts_with(['(', '[', '{']) => {
                    path.to_owned()
                }
                None => format!("{path}[{index}]"),
            };
            self.skip_blank();
            self.value(&path, start, depth);
            self.skip_blank();
            if self.rest.starts_with(',') {
                self.advance(1);
            } else if self.rest.len() == before.len() {
                // Nothing that a value can start with.
                self.advance(1);
            }
        }
    }

    /// Reads `key:` if there is one.
    fn key(&mut self) -> Option<String> {
        let (rest, line, column) = (self.rest, self.line, self.column);
        let key = self.string().unwrap_or_else(|| {
            let name = |c: char| c.is_alphanumeric() || c == '_' || c == '#';
            self.skip_until(|c| !name(c))
                .trim_start_matches("r#")
                .to_owned()
        });
        self.skip_blank();
        if self.rest.starts_with(':') {
            self.advance(1);
            return Some(key);
        }
        (self.rest, self.line, self.column) = (rest, line, column);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"#![enable(implicit_some)]
// A scene.
(version: 1, name: "a \" (b: 2)", /* not: here /* nor: here */ */
 materials: {"water": Liquid(
     density: 3)},
 bodies: [(shape: Sphere(radius: 0.1), at: (1, 2, 3)),
          (shape: Plane, raw: r#"x: "1""#)],
 wrapped: Frames([(a: 1), (a: 2)]), last: 'c')"##;

    fn place(path: &str) -> Option<(usize, usize)> {
        Places::of(TEXT)
            .get(path)
            .map(|place| (place.line, place.column))
    }

    #[test]
    fn places_are_those_of_the_keys() {
        assert_eq!(place("version"), Some((3, 2)));
        assert_eq!(place("materials.\"water\".density"), Some((5, 6)));
        assert_eq!(place("bodies[0].shape.radius"), Some((6, 26)));
        assert_eq!(place("bodies[0].at[2]"), Some((6, 51)));
        assert_eq!(place("bodies[1].raw"), Some((7, 26)));
        assert_eq!(place("wrapped[1].a"), Some((8, 28)));
        assert_eq!(place("last"), Some((8, 37)));
        assert_eq!(place("not"), None);
        let places = Places::of(TEXT);
        assert_eq!(
            places.get("bodies[0].shape").map(|place| &*place.name),
            Some("Sphere")
        );
    }

    #[test]
    fn missing_field_is_at_what_it_is_missing_from() {
        let places = Places::of(TEXT);
        assert_eq!(
            places.nearest("bodies[1].shape.radius"),
            places.get("bodies[1].shape")
        );
        assert_eq!(
            places.nearest("materials.\"oil\".density"),
            places.get("materials")
        );
        assert_eq!(places.nearest("tool.position"), places.get(""));
    }

    #[test]
    fn parents_are_one_step_up() {
        assert_eq!(parent("a.\"b.c\".d"), "a.\"b.c\"");
        assert_eq!(parent("a.\"b.c\""), "a");
        assert_eq!(parent("a[3]"), "a");
        assert_eq!(parent("a"), "");
    }

    #[test]
    fn nonsense_is_walked_without_end_or_panic() {
        for text in [
            "", "(", ")", "(a:", "((((", "{\"", "[,,,]", "'", "('\\", "/*", "r###\"", "(: : )",
        ] {
            Places::of(text);
        }
        Places::of(&"(".repeat(100_000));
    }
}
