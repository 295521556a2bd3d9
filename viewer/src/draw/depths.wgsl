// What the image of the depths of liquids holds in four numbers of 16 bits: the depth (m) in two,
// the colour and the light of the ball in the other two.
#define_import_path backflow::depths

struct Seen {
    // Along the view axis (m); 0 where there is nothing.
    depth: f32,
    // Linear.
    colour: vec3<f32>,
    light: f32,
}

// Whole numbers up to 2047 are exact in 16 bits: one of 5 bits and one of 6.
fn pair(low: f32, high: f32) -> f32 {
    let both = round(saturate(vec2(low, high)) * vec2(31.0, 63.0));
    return both.x + 32.0 * both.y;
}

fn apart(both: f32) -> vec2<f32> {
    let high = floor(both / 32.0);
    return vec2(both - 32.0 * high, high) / vec2(31.0, 63.0);
}

fn pack(seen: Seen) -> vec4<f32> {
    let coarse = unpack2x16float(pack2x16float(vec2(seen.depth, 0.0))).x;
    let root = sqrt(seen.colour);
    return vec4(coarse, seen.depth - coarse, pair(root.r, root.g), pair(root.b, seen.light));
}

fn unpack(texel: vec4<f32>) -> Seen {
    let first = apart(texel.z);
    let second = apart(texel.w);
    let root = vec3(first, second.x);
    return Seen(texel.x + texel.y, root * root, second.y);
}
