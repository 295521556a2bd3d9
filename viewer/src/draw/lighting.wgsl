// How surfaces look: one key light with soft shadow, light from sky and ground, a gloss.
#define_import_path backflow::lighting

// From the surface to the light, normalised; opposite to `light::DIRECTION` of the session.
const KEY: vec3<f32> = vec3<f32>(0.391, 0.868, 0.304);
const SKY: vec3<f32> = vec3<f32>(0.50, 0.55, 0.62);
const GROUND: vec3<f32> = vec3<f32>(0.24, 0.22, 0.20);
const SUN: vec3<f32> = vec3<f32>(0.86, 0.82, 0.74);

// The colour of a surface with normal `n` seen along `to_eye`; `lit` is how much of the key
// light arrives, 0 to 1.
fn shade(base: vec3<f32>, n: vec3<f32>, to_eye: vec3<f32>, lit: f32, gloss: f32) -> vec3<f32> {
    let sky = mix(GROUND, SKY, 0.5 + 0.5 * n.y) * (0.45 + 0.55 * lit);
    let key = max(dot(n, KEY) * 0.85 + 0.15, 0.0);
    let half_way = normalize(KEY + to_eye);
    let shine = gloss * pow(max(dot(n, half_way), 0.0), 48.0) * lit;
    let rim = gloss * 0.35 * pow(1.0 - max(dot(n, to_eye), 0.0), 4.0);
    return base * (sky + SUN * key * lit) + SKY * rim * base + vec3<f32>(shine);
}
