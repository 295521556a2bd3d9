// Balls as discs that face the eye: a triangle around each, three vertices a particle.
#import bevy_pbr::{mesh_view_bindings::view, mesh_bindings::mesh, mesh_functions::{get_tag, get_world_from_local}}
#ifdef DEPTHS
#import backflow::depths::{Seen, pack}
#else
#import backflow::lighting::shade
#endif

// Position and radius (m).
@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<storage, read> places: array<vec4<f32>>;
// Red, green, blue and light, a byte each from the lowest.
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var<storage, read> colours: array<u32>;
// Radius factor, gloss, opacity, light without shadows.
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var<uniform> look: vec4<f32>;

struct Vertex {
    @builtin(vertex_index) index: u32,
    @builtin(instance_index) instance: u32,
    @location(0) position: vec3<f32>,
}

struct Disc {
    @builtin(position) clip: vec4<f32>,
    @location(0) across: vec2<f32>,
    @location(1) @interpolate(flat) colour: vec4<f32>,
    // Depth along the view axis and radius (m).
    @location(2) @interpolate(flat) depth: vec2<f32>,
    @location(3) @interpolate(flat) to_eye: vec3<f32>,
}

@vertex
fn vertex(in: Vertex) -> Disc {
    let index = in.index - mesh[in.instance].first_vertex_index;
    // The tag is the number of the chunk's first particle.
    let particle = get_tag(in.instance) + index / 3u;
    let place = places[particle];
    let corner = array(vec2(-1.7320508, -1.0), vec2(1.7320508, -1.0), vec2(0.0, 2.0))[index % 3u];
    let radius = place.w * look.x;
    var out: Disc;
    let world = get_world_from_local(in.instance) * vec4<f32>(place.xyz, 1.0);
    let centre = (view.view_from_world * world).xyz;
    // A disc that faces the eye, so that its outline is that of the ball.
    let back = normalize(-centre);
    let right = normalize(cross(vec3<f32>(0.0, 1.0, 0.0), back));
    let up = cross(back, right);
    let at = centre + (right * corner.x + up * corner.y) * radius;
    out.clip = view.clip_from_view * vec4<f32>(at, 1.0);
    if radius <= 0.0 {
        out.clip = vec4<f32>(0.0, 0.0, -1.0, 1.0);
    }
    out.across = corner;
    let bytes = vec4<u32>(colours[particle]) >> vec4<u32>(0u, 8u, 16u, 24u);
    let srgb = vec4<f32>(bytes & vec4<u32>(255u)) / 255.0;
    out.colour = vec4<f32>(pow(srgb.rgb, vec3<f32>(2.2)), srgb.a);
    out.depth = vec2<f32>(centre.z, radius);
    out.to_eye = normalize(view.world_position - world.xyz);
    return out;
}

struct Pixel {
    @location(0) colour: vec4<f32>,
    @builtin(frag_depth) depth: f32,
}

@fragment
fn fragment(in: Disc) -> Pixel {
    let square = dot(in.across, in.across);
    if square > 1.0 {
        discard;
    }
    let towards = sqrt(1.0 - square);
    let distance = -(in.depth.x + in.depth.y * towards);
    var out: Pixel;
#ifdef DEPTHS
    out.colour = pack(Seen(distance, in.colour.rgb, in.colour.a));
#else
    let back = in.to_eye;
    let right = normalize(cross(view.world_from_view[1].xyz, back));
    let up = cross(back, right);
    let normal = right * in.across.x + up * in.across.y + back * towards;
    let lit = max(in.colour.a, look.w);
    out.colour = vec4<f32>(shade(in.colour.rgb, normal, back, lit, look.y), look.z);
#endif
    // The projection is infinite with reversed depth: near / distance.
    out.depth = view.clip_from_view[3][2] / distance;
    return out;
}
