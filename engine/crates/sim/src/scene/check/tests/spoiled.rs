//! Text that is spoiled here and there.

use proptest::prelude::*;

use crate::scene::testing::{faults_of, throw_with};

/// The pieces of a text that a mutation works on: words, numbers and punctuation.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || "._-+".contains(c);
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

/// What a token may be replaced by.
const EXTREMES: [&str; 24] = [
    "0",
    "-1",
    "1e308",
    "-1e308",
    "1e-308",
    "NaN",
    "inf",
    "-inf",
    "18446744073709551615",
    "1e999",
    "\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "Plane",
    "None",
    "Some",
    "é",
    "/*",
    "'",
    "0.0000001",
];

proptest! {
    // Each case is a whole parse and check of a few milliseconds.
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn spoiled_text_never_panics(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_u8, 0..24_usize), 1..6),
    ) {
        let text = throw_with(&[]);
        let mut tokens = tokens(&text);
        for (at, kind, extreme) in edits {
            let at = at.index(tokens.len());
            match kind {
                0 => { tokens.remove(at); }
                1 => tokens.insert(at, tokens[at]),
                2 => tokens[at] = EXTREMES[extreme],
                // Numbers are what most of a scene is and what the checks compute with.
                _ => {
                    let number = (0..tokens.len()).map(|step| (at + step) % tokens.len())
                        .find(|&at| tokens[at].parse::<f64>().is_ok());
                    if let Some(at) = number { tokens[at] = EXTREMES[extreme % 10]; }
                }
            }
        }
        let _ = faults_of(&tokens.concat());
    }
}
