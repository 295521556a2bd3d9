//! Numbers in the bytes of a file.

/// Bytes that are read from the front.
pub(super) struct Scanner<'a> {
    /// What is left.
    pub rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// The next bytes; `None` where there are too few.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next 32-bit number, little-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next three single-precision numbers, little-endian.
    pub fn vector(&mut self) -> Option<nalgebra::Vector3<f64>> {
        let mut next = || self.array().map(f32::from_le_bytes).map(f64::from);
        Some(nalgebra::Vector3::new(next()?, next()?, next()?))
    }

    /// The next line without its end; `None` at the end.
    pub fn line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(end.unwrap_or(self.rest.len()))?;
        self.take(usize::from(end.is_some()));
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The next word between white space; `None` at the end.
    pub fn word(&mut self) -> Option<&'a str> {
        let start = self
            .rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
        self.take(start);
        let end = self.rest.iter().position(u8::is_ascii_whitespace);
        std::str::from_utf8(self.take(end.unwrap_or(self.rest.len()))?).ok()
    }

    /// The next word as a number.
    pub fn number(&mut self) -> Option<f64> {
        self.word()?.parse().ok()
    }
}
