//! What is in a picture.

use std::{fs::File, io::BufReader, path::Path};

/// Pixels, rows from the top.
#[derive(Clone, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<[u8; 3]>,
}

impl Picture {
    pub fn read(path: &Path) -> Self {
        let file = BufReader::new(File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        Self {
            width: info.width as usize,
            height: info.height as usize,
            rgb: bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect(),
        }
    }

    /// Pixels for which something holds: how many, and their mean place as a share of the
    /// picture, from the left and from the top.
    pub fn find(&self, holds: impl Fn([u8; 3]) -> bool) -> (usize, [f64; 2]) {
        let (mut count, mut sum) = (0, [0.0, 0.0]);
        for (index, rgb) in self.rgb.iter().enumerate() {
            if holds(*rgb) {
                count += 1;
                sum[0] += (index % self.width) as f64 / self.width as f64;
                sum[1] += (index / self.width) as f64 / self.height as f64;
            }
        }
        (count, sum.map(|sum| sum / count.max(1) as f64))
    }

    /// The left half, or the right one.
    pub fn half(&self, right: bool) -> Self {
        let width = self.width / 2;
        let from = if right { width } else { 0 };
        let rows = self.rgb.chunks_exact(self.width);
        Self {
            width,
            height: self.height,
            rgb: rows
                .flat_map(|row| row[from..from + width].to_vec())
                .collect(),
        }
    }

    /// Pixels in which every channel is greater by more than `by` than in another picture: how many,
    /// and their mean place, as [`Picture::find`] has it.
    pub fn lighter(&self, other: &Self, by: i32) -> (usize, [f64; 2]) {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let pairs = self.rgb.iter().zip(&other.rgb);
        let more =
            |(a, b): (&[u8; 3], &[u8; 3])| (0..3).all(|c| i32::from(a[c]) - i32::from(b[c]) > by);
        let marked = pairs.map(|pair| [u8::from(more(pair)); 3]).collect();
        let marked = Self {
            rgb: marked,
            ..*self
        };
        marked.find(|pixel| pixel[0] == 1)
    }

    /// Mean change of colour from a pixel to the one on its right, where something holds for both.
    pub fn roughness(&self, holds: impl Fn([u8; 3]) -> bool) -> f64 {
        let pairs = self
            .rgb
            .chunks_exact(self.width)
            .flat_map(|row| row.windows(2));
        let inside = pairs.filter(|pair| holds(pair[0]) && holds(pair[1]));
        let (count, sum) = inside.fold((0, 0), |(count, sum), pair| {
            let change: i32 = (0..3)
                .map(|c| i32::from(pair[0][c].abs_diff(pair[1][c])))
                .sum();
            (count + 1, sum + change)
        });
        f64::from(sum) / f64::from(count.max(1))
    }

    /// Share of the pixels that differ from those of another picture by more than `by`.
    pub fn differs(&self, other: &Self, by: u8) -> f64 {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let apart = |(a, b): (&[u8; 3], &[u8; 3])| (0..3).any(|c| a[c].abs_diff(b[c]) > by);
        let pairs = self.rgb.iter().zip(&other.rgb);
        pairs.filter(|pair| apart(*pair)).count() as f64 / self.rgb.len() as f64
    }
}

/// Whether a pixel has this hue, whatever its lightness: one channel well above or below another.
pub fn blue([r, g, b]: [u8; 3]) -> bool {
    b > 90 && i32::from(b) - i32::from(r) > 60 && b > g
}

/// See [`blue`].
pub fn orange([r, g, b]: [u8; 3]) -> bool {
    r > 110 && i32::from(r) - i32::from(b) > 80 && i32::from(r) - i32::from(g) > 25
}

/// See [`blue`].
pub fn green([r, g, b]: [u8; 3]) -> bool {
    g > 70 && i32::from(g) - i32::from(r) > 35 && i32::from(g) - i32::from(b) > 5
}

/// See [`blue`]: the end of the colour map.
pub fn yellow([r, g, b]: [u8; 3]) -> bool {
    r > 130 && g > 130 && i32::from(g) - i32::from(b) > 70
}

/// The share of red that another channel may have at most.
fn below(channel: u8, red: u8, share: f64) -> bool {
    f64::from(channel) < share * f64::from(red)
}

/// See [`blue`]: the second colour of matter.
pub fn vermilion([r, g, b]: [u8; 3]) -> bool {
    r > 90 && below(g, r, 0.6) && below(b, r, 0.45)
}

/// See [`blue`]: tools.
pub fn amber([r, g, b]: [u8; 3]) -> bool {
    r > 110 && !below(g, r, 0.65) && below(g, r, 0.95) && below(b, r, 0.7)
}

/// See [`blue`]: nozzles.
pub fn violet([r, g, b]: [u8; 3]) -> bool {
    i32::from(b) - i32::from(g) > 25 && i32::from(r) - i32::from(g) > 8
}
