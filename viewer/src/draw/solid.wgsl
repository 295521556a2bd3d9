// Colliders, tools and targets: see-through, denser where they are seen at a slant.
#import bevy_pbr::{mesh_view_bindings::view, forward_io::VertexOutput}
#import backflow::lighting::shade

// Linear colour and opacity.
@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> colour: vec4<f32>;

// Gloss in the first number.
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var<uniform> gloss: vec4<f32>;

@fragment
fn fragment(in: VertexOutput, @builtin(front_facing) front: bool) -> @location(0) vec4<f32> {
    let to_eye = normalize(view.world_position - in.world_position.xyz);
    var n = normalize(in.world_normal);
    if !front {
        n = -n;
    }
    let slant = pow(1.0 - abs(dot(n, to_eye)), 2.5);
    let opacity = colour.a + (1.0 - colour.a) * 0.55 * slant;
    return vec4<f32>(shade(colour.rgb, n, to_eye, 1.0, gloss.x), opacity);
}
