//! Pictures as PNG.

use std::{io, path::Path};

use super::{
    atomic::{FileError, write_atomic},
    picture::Image,
};

/// Writes an 8-bit sRGB picture, atomically.
pub fn write_png(path: &Path, image: &Image) -> Result<(), FileError> {
    write_atomic(path, |file| {
        let mut encoder = ::png::Encoder::new(file, image.width as u32, image.height as u32);
        encoder.set_color(::png::ColorType::Rgb);
        encoder.set_depth(::png::BitDepth::Eight);
        encoder.set_source_srgb(::png::SrgbRenderingIntent::Perceptual);
        let mut writer = encoder.write_header().map_err(io::Error::from)?;
        writer
            .write_image_data(&image.rgb)
            .map_err(io::Error::from)?;
        writer.finish().map_err(io::Error::from)
    })
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::BufReader};

    use super::*;

    #[test]
    fn picture_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let image = Image {
            width: 3,
            height: 2,
            rgb: (0..18).map(|i| i * 14).collect(),
        };
        write_png(&path, &image).unwrap();
        let file = BufReader::new(File::open(&path).unwrap());
        let mut reader = ::png::Decoder::new(file).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rgb).unwrap();
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(rgb, image.rgb);
    }

    #[test]
    fn picture_of_wrong_size_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image {
            width: 3,
            height: 2,
            rgb: vec![0; 17],
        };
        assert!(write_png(&folder.path().join("a.png"), &image).is_err());
    }
}
