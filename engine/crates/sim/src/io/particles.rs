//! What the particle files hold.

/// One particle of a particle file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParticleRow {
    /// Position (m).
    pub x: [f32; 3],
    /// Velocity (m/s).
    pub v: [f32; 3],
    /// Place of its body in scene order.
    pub body: u32,
}

#[cfg(test)]
pub(crate) fn samples() -> Vec<ParticleRow> {
    let row = |i: u32| ParticleRow {
        x: [i as f32, 0.5, -0.25],
        v: [0.0, -(i as f32), 1.5],
        body: i % 2,
    };
    (0..5).map(row).collect()
}
