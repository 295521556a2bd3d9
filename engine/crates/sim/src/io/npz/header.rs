//! What is looked at before the header of an array is parsed.

use std::io::{self, Read};

/// Longest header that is read (bytes), NumPy's own limit.
const MAX_HEADER: usize = 10_000;

/// Reads the header of an `.npy` stream and refuses what its parser is not made for:
/// endless text, deep nesting, and lengths whose product overflows.
pub(super) fn read_header(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let fault = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let mut header = vec![0; 10];
    stream.read_exact(&mut header)?;
    if header[..6] != *b"\x93NUMPY" {
        return Err(fault("no NumPy array"));
    }
    let length = match header[6] {
        1 => usize::from(u16::from_le_bytes([header[8], header[9]])),
        _ => {
            let mut high = [0; 2];
            stream.read_exact(&mut high)?;
            header.extend(high);
            u32::from_le_bytes([header[8], header[9], high[0], high[1]]) as usize
        }
    };
    if length > MAX_HEADER {
        return Err(fault("header too long"));
    }
    let start = header.len();
    header.resize(start + length, 0);
    stream.read_exact(&mut header[start..])?;
    let text = std::str::from_utf8(&header[start..]).map_err(|_| fault("header is no text"))?;
    if !is_plain(text) {
        return Err(fault("header is not that of a plain array"));
    }
    Ok(header)
}

/// Whether a header names one shape, whose lengths are plain numbers with a product
/// that fits, and nests nothing else.
fn is_plain(header: &str) -> bool {
    let Some((before, rest)) = header.split_once("'shape':") else {
        return false;
    };
    let Some((shape, after)) = rest
        .trim_start()
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
    else {
        return false;
    };
    let others = [before, after].concat();
    let stray = |letter: char| matches!(letter, '(' | '[' | '\\') || !letter.is_ascii();
    let nested = others.matches('{').count() > 1 || others.contains(stray);
    let lengths = shape
        .split(',')
        .map(str::trim)
        .filter(|length| !length.is_empty());
    // Zero counts as one here: products of the lengths before it are formed too.
    let product = lengths
        .map(|length| length.parse::<u64>().ok())
        .try_fold(1_u64, |product, length| product.checked_mul(length?.max(1)));
    let fits = product.is_some_and(|product| usize::try_from(product).is_ok());
    !nested && !others.contains("shape") && fits
}
