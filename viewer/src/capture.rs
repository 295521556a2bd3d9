//! Pictures of what is on the screen.

use bevy::{
    asset::RenderAssetUsages,
    image::Image,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages},
};

/// An image of 8-bit sRGB pixels with opacity, rows from the top.
pub fn picture([width, height]: [usize; 2], rgba: Vec<u8>) -> Image {
    Image::new(
        extent(width as u32, height as u32),
        TextureDimension::D2,
        rgba,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    )
}

fn extent(width: u32, height: u32) -> Extent3d {
    Extent3d {
        width,
        height,
        depth_or_array_layers: 1,
    }
}

/// An image that a camera can render to and that can be read back.
pub fn canvas(width: u32, height: u32) -> Image {
    let mut image = Image::new_uninit(
        extent(width, height),
        TextureDimension::D2,
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC;
    image
}
