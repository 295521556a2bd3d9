// The floor: a grid, the shadows of matter, and a fade into the background.
#import bevy_pbr::{mesh_view_bindings::view, forward_io::VertexOutput}

struct Ground {
    // Linear colours of the floor, of its lines and of the background.
    colour: vec4<f32>,
    line: vec4<f32>,
    background: vec4<f32>,
    // Lower corner and size of the light on the floor (m): x, z, x, z.
    extent: vec4<f32>,
    // Texels along x and z, distance of lines (m), whether there are lines.
    raster: vec4<f32>,
    // Middle of the domain (m), and the distance at which the floor has faded.
    fade: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> ground: Ground;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var<storage, read> light: array<f32>;

fn texel(x: i32, z: i32) -> f32 {
    let count = vec2<i32>(ground.raster.xy);
    if x < 0 || z < 0 || x >= count.x || z >= count.y {
        return 1.0;
    }
    return light[z * count.x + x];
}

fn lit(at: vec2<f32>) -> f32 {
    let place = (at - ground.extent.xy) / ground.extent.zw * ground.raster.xy - 0.5;
    let base = floor(place);
    let part = place - base;
    let x = i32(base.x);
    let z = i32(base.y);
    let near = mix(texel(x, z), texel(x + 1, z), part.x);
    let far = mix(texel(x, z + 1), texel(x + 1, z + 1), part.x);
    return mix(near, far, part.y);
}

// How much of a pixel lines cover that are `distance` apart.
fn lines(at: vec2<f32>, distance: f32) -> f32 {
    let place = at / distance;
    let width = fwidth(place);
    let off = abs(fract(place - 0.5) - 0.5) / max(width, vec2<f32>(1e-6));
    let cover = clamp(vec2<f32>(1.0) - off, vec2<f32>(0.0), vec2<f32>(1.0));
    // Lines too close to be told apart fade out.
    let clear = clamp(1.0 - 2.0 * max(width.x, width.y), 0.0, 1.0);
    return max(cover.x, cover.y) * clear;
}

@fragment
fn fragment(in: VertexOutput) -> @location(0) vec4<f32> {
    let at = in.world_position.xz;
    let fine = lines(at, ground.raster.z) * 0.35 * ground.raster.w;
    let coarse = lines(at, ground.raster.z * 5.0) * 0.8 * ground.raster.w;
    var colour = mix(ground.colour.rgb, ground.line.rgb, max(fine, coarse));
    colour *= 0.32 + 0.68 * lit(at);
    let away = distance(at, ground.fade.xz) / ground.fade.w;
    return vec4<f32>(mix(colour, ground.background.rgb, smoothstep(0.25, 1.0, away)), 1.0);
}
