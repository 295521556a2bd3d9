// Gas as layers that face the eye, the farthest first. Each pixel of a layer adds up the smoke
// along the part of its ray that the layer stands for (law of Beer and Lambert).
#import bevy_pbr::{mesh_view_bindings::view, mesh_bindings::mesh}

struct Smoke {
    // Lower corner as it is shown (m), and extinction of the thickest smoke (1/m).
    corner: vec4<f32>,
    // Size (m), and the number of layers.
    size: vec4<f32>,
    // Steps along a ray within a layer.
    steps: vec4<f32>,
}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> smoke: Smoke;
// Colour, and share of the thickest smoke.
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var volume: texture_3d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var volume_sampler: sampler;

// The eye sees nothing that is nearer (m).
const NEAR: f32 = 0.02;

struct Vertex {
    @builtin(vertex_index) index: u32,
    @builtin(instance_index) instance: u32,
    @location(0) position: vec3<f32>,
}

struct Layer {
    @builtin(position) clip: vec4<f32>,
    // Place at unit depth: the ray of the pixel.
    @location(0) ray: vec2<f32>,
    // Depths at which the layer starts and ends (m).
    @location(1) @interpolate(flat) depths: vec2<f32>,
}

// A corner of the box as the eye sees it: to the right, up, and depth (m).
fn corner(index: u32) -> vec3<f32> {
    let side = vec3<f32>(vec3<u32>(index, index >> 1u, index >> 2u) & vec3<u32>(1u));
    let at = view.view_from_world * vec4<f32>(smoke.corner.xyz + side * smoke.size.xyz, 1.0);
    return vec3<f32>(at.xy, -at.z);
}

@vertex
fn vertex(in: Vertex) -> Layer {
    let index = in.index - mesh[in.instance].first_vertex_index;
    let layer = f32(index / 6u);
    let count = smoke.size.w;
    var corners: array<vec3<f32>, 8>;
    var depths = vec2<f32>(1e30, -1e30);
    for (var n = 0u; n < 8u; n++) {
        corners[n] = corner(n);
        depths = vec2<f32>(min(depths.x, corners[n].z), max(depths.y, corners[n].z));
    }
    depths = max(depths, vec2<f32>(NEAR, NEAR * 2.0));
    let thickness = (depths.y - depths.x) / count;
    let near = depths.y - thickness * (layer + 1.0);
    let far = near + thickness;
    // All that the eye sees of the box between the two depths lies within these rays: corners, and
    // where edges enter and leave.
    var low = vec2<f32>(1e30);
    var high = vec2<f32>(-1e30);
    for (var n = 0u; n < 8u; n++) {
        let a = corners[n];
        if a.z >= near && a.z <= far {
            low = min(low, a.xy / a.z);
            high = max(high, a.xy / a.z);
        }
        for (var axis = 0u; axis < 3u; axis++) {
            let other = n | (1u << axis);
            if other == n {
                continue;
            }
            let b = corners[other];
            for (var end = 0u; end < 2u; end++) {
                let depth = select(far, near, end == 0u);
                let part = (depth - a.z) / (b.z - a.z);
                if part >= 0.0 && part <= 1.0 {
                    let at = mix(a.xy, b.xy, part) / depth;
                    low = min(low, at);
                    high = max(high, at);
                }
            }
        }
    }
    let places = array(
        vec2(0.0, 0.0), vec2(1.0, 0.0), vec2(1.0, 1.0),
        vec2(0.0, 0.0), vec2(1.0, 1.0), vec2(0.0, 1.0),
    );
    let ray = mix(low, high, places[index % 6u]);
    let middle = 0.5 * (near + far);
    var out: Layer;
    out.clip = view.clip_from_view * vec4<f32>(ray * middle, -middle, 1.0);
    if any(low > high) {
        out.clip = vec4<f32>(0.0, 0.0, -1.0, 1.0);
    }
    out.ray = ray;
    out.depths = vec2<f32>(near, far);
    return out;
}

// An even mix of 0 to 1 that hides the steps (Jimenez 2014, interleaved gradient noise).
fn noise(pixel: vec2<f32>) -> f32 {
    return fract(52.9829189 * fract(dot(pixel, vec2<f32>(0.06711056, 0.00583715))));
}

@fragment
fn fragment(in: Layer) -> @location(0) vec4<f32> {
    let steps = smoke.steps.x;
    let depth_step = (in.depths.y - in.depths.x) / steps;
    let way = depth_step * length(vec3<f32>(in.ray, 1.0));
    let start = in.depths.x + depth_step * noise(in.clip.xy);
    // Along the ray, in shares of the box.
    let eye = (view.world_position - smoke.corner.xyz) / smoke.size.xyz;
    let along = (view.world_from_view * vec4<f32>(in.ray, -1.0, 0.0)).xyz / smoke.size.xyz;
    var seen = vec3<f32>(0.0);
    var through = 1.0;
    for (var n = 0.0; n < steps; n += 1.0) {
        let at = eye + along * (start + depth_step * n);
        if any(at < vec3<f32>(0.0)) || any(at > vec3<f32>(1.0)) {
            continue;
        }
        let texel = textureSampleLevel(volume, volume_sampler, at, 0.0);
        let kept = exp(-smoke.corner.w * texel.a * way);
        seen += texel.rgb * (through * (1.0 - kept));
        through *= kept;
    }
    if through > 0.9995 {
        discard;
    }
    return vec4<f32>(seen, 1.0 - through);
}
