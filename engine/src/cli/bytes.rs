//! Amounts of memory on the command line.

/// Reads `512MiB`, `1GiB`, `64kB`, `1000000`.
pub fn parse(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        unit => {
            return Err(format!(
                "unit {unit:?}; expected B, kB, MB, GB, KiB, MiB or GiB"
            ));
        }
    };
    match digits.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && (number * factor).is_finite() => {
            Ok((number * factor) as usize)
        }
        _ => Err("expected a positive number of bytes such as 512MiB".to_owned()),
    }
}

/// Writes an amount with a unit.
pub fn show(bytes: usize) -> String {
    let amount = bytes as f64;
    if amount < 1024.0 {
        format!("{bytes} B")
    } else if amount < 1024.0 * 1024.0 {
        format!("{:.1} KiB", amount / 1024.0)
    } else if amount < 1024.0 * 1024.0 * 1024.0 {
        format!("{:.1} MiB", amount / (1024.0 * 1024.0))
    } else {
        format!("{:.2} GiB", amount / (1024.0 * 1024.0 * 1024.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        assert_eq!(parse("512MiB"), Ok(512 << 20));
        assert_eq!(parse("1.5 GiB").map(show), Ok("1.50 GiB".to_owned()));
        assert_eq!(parse("64kB"), Ok(64_000));
        assert_eq!(parse("1000"), Ok(1000));
        for bad in ["", "MiB", "-1MiB", "0", "12 parsecs", "NaN", "infGB"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_shown_short() {
        assert_eq!(show(17), "17 B");
        assert_eq!(show(1536), "1.5 KiB");
        assert_eq!(show(512 << 20), "512.0 MiB");
    }
}
