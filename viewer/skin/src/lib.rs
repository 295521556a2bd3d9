//! The surface of a liquid from its particles, by splashsurf: marching cubes over the density of
//! the particles (Löschner, Böttcher, Rhys Jeske and Bender 2023), then a smoothing of the mesh.
//!
//! splashsurf is generic code, which takes minutes to optimise: a package of its own is compiled once,
//! and not with every change of what uses it.

use splashsurf_lib::{
    Parameters, mesh::Mesh3d, nalgebra::Vector3, postprocessing::par_laplacian_smoothing_inplace,
    reconstruct_surface,
};

/// Distance at which a particle has no density any more, in its radii (1): two lengths of the
/// kernel, each two radii.
const REACH: f32 = 4.0;

/// Share of the full density at which the surface is (1).
const LEVEL: f32 = 0.6;

/// Rounds of the smoothing, which move each corner half way to the middle of its neighbours.
const ROUNDS: usize = 8;

/// Triangles with normals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Skin {
    /// Corners (m).
    pub positions: Vec<[f32; 3]>,
    /// Outward unit normals at the corners.
    pub normals: Vec<[f32; 3]>,
    /// Three corners each, counterclockwise seen from outside.
    pub triangles: Vec<[u32; 3]>,
}

/// The surface of particles of a radius (m), from cubes of so many radii; empty without particles.
///
/// # Errors
/// What splashsurf says.
pub fn skin(points: &[[f32; 3]], radius: f32, cube: f32) -> Result<Skin, String> {
    if points.is_empty() {
        return Ok(Skin::default());
    }
    let points: Vec<Vector3<f32>> = points.iter().map(|&x| Vector3::from(x)).collect();
    let mut parameters = Parameters::new_relative(radius, REACH, cube);
    parameters.iso_surface_threshold = LEVEL;
    let made = reconstruct_surface::<i64, f32>(&points, &parameters);
    let mut mesh = made.map_err(|error| error.to_string())?.mesh;
    let neighbours = mesh.vertex_vertex_connectivity();
    let weights = vec![1.0; mesh.vertices.len()];
    par_laplacian_smoothing_inplace(&mut mesh, &neighbours, ROUNDS, 0.5, &weights);
    let normals = mesh.par_vertex_normals();
    Ok(Skin {
        positions: mesh.vertices.iter().map(|&x| x.into()).collect(),
        normals: normals.iter().map(|n| n.into_inner().into()).collect(),
        triangles: mesh
            .triangles
            .iter()
            .map(|corners| corners.map(|corner| corner as u32))
            .collect(),
    })
}
