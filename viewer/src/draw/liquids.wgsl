// The surface of liquids on the screen, from an image of the depths of their balls. One over the
// depth of a plane is linear on the screen: a plane fitted to the depths about a pixel, near ones
// and those of like depth counting most, gives where the surface is and how it is turned.
#import bevy_pbr::{mesh_view_bindings::view, mesh_bindings::mesh}
#import backflow::lighting::shade
#import backflow::depths::{Seen, unpack}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var depths: texture_2d<f32>;
// Reach of the fit (m), gloss.
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var<uniform> look: vec4<f32>;

// Samples to each side of a pixel.
const SIDE: i32 = 4;

@vertex
fn vertex(
    @builtin(vertex_index) index: u32,
    @builtin(instance_index) instance: u32,
    @location(0) position: vec3<f32>,
) -> @builtin(position) vec4<f32> {
    // A triangle over all of the screen.
    let corner = index - mesh[instance].first_vertex_index;
    return vec4<f32>(f32(corner & 1u) * 4.0 - 1.0, f32(corner >> 1u) * 4.0 - 1.0, 1.0, 1.0);
}

struct Pixel {
    @location(0) colour: vec4<f32>,
    @builtin(frag_depth) depth: f32,
}

// Place at unit depth of a pixel.
fn ray(pixel: vec2<f32>) -> vec2<f32> {
    let across = (pixel - view.viewport.xy) / view.viewport.zw * vec2(2.0, -2.0) + vec2(-1.0, 1.0);
    let clip = view.clip_from_view;
    return (across + vec2(clip[2][0], clip[2][1])) / vec2(clip[0][0], clip[1][1]);
}

@fragment
fn fragment(@builtin(position) at: vec4<f32>) -> Pixel {
    let here = vec2<i32>(at.xy);
    let middle = unpack(textureLoad(depths, here, 0));
    if middle.depth <= 0.0 {
        discard;
    }
    let focal = 0.5 * view.viewport.w * view.clip_from_view[1][1];
    let step = max(look.x * focal / (middle.depth * f32(SIDE)), 1.0);
    let origin = ray(at.xy);
    let size = vec2<i32>(textureDimensions(depths));
    // Moments of the rays, and of one over the depths along them.
    var square = vec3<f32>(0.0);
    var sum = vec3<f32>(0.0);
    var product = vec3<f32>(0.0);
    var colour = vec3<f32>(0.0);
    var lit = 0.0;
    for (var y = -SIDE; y <= SIDE; y++) {
        for (var x = -SIDE; x <= SIDE; x++) {
            let pixel = here + vec2<i32>(round(vec2<f32>(vec2<i32>(x, y)) * step));
            if any(pixel < vec2<i32>(0)) || any(pixel >= size) {
                continue;
            }
            let seen = unpack(textureLoad(depths, pixel, 0));
            let apart = (seen.depth - middle.depth) / look.x;
            if seen.depth <= 0.0 || abs(apart) >= 1.0 {
                continue;
            }
            let far = f32(x * x + y * y) / f32(SIDE * SIDE);
            let like = 1.0 - apart * apart;
            let weight = exp(-2.0 * far) * like * like;
            let offset = ray(at.xy + vec2<f32>(pixel - here)) - origin;
            let inverse = 1.0 / seen.depth;
            square += weight * vec3(offset.x * offset.x, offset.x * offset.y, offset.y * offset.y);
            sum += weight * vec3(1.0, offset);
            product += weight * inverse * vec3(1.0, offset);
            colour += weight * seen.colour;
            lit += weight * seen.light;
        }
    }
    // Least squares about the mean of the rays.
    let mean = sum.yz / sum.x;
    let level = product.x / sum.x;
    let spread = square / sum.x - vec3(mean.x * mean.x, mean.x * mean.y, mean.y * mean.y);
    let slant = product.yz / sum.x - mean * level;
    let pixel_size = 1.0 / focal;
    let even = pixel_size * pixel_size;
    let a = spread.x + even;
    let c = spread.z + even;
    let slope = vec2(c * slant.x - spread.y * slant.y, a * slant.y - spread.y * slant.x)
        / (a * c - spread.y * spread.y);
    let inverse = level - dot(slope, mean);
    // The plane is all places whose product with this is 1.
    let plane = vec3(slope, dot(slope, origin) - inverse);
    let normal = normalize((view.world_from_view * vec4(-plane, 0.0)).xyz);
    let to_eye = normalize((view.world_from_view * vec4(-origin, 1.0, 0.0)).xyz);
    var out: Pixel;
    let shaded = shade(colour / sum.x, normal, to_eye, max(lit / sum.x, look.z), look.y);
    out.colour = vec4<f32>(shaded, 1.0);
    // The projection is infinite with reversed depth: near / distance.
    out.depth = view.clip_from_view[3][2] * inverse;
    return out;
}
