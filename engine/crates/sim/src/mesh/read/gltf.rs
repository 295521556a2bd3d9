//! glTF 2.0 (Khronos Group, ISO/IEC 12113:2022), as JSON or as one binary file (GLB).
//!
//! Of its scene the triangles of all meshes are read, placed as their nodes say; materials,
//! animation and skins are left out.

use std::path::Path;

use base64ct::{Base64Unpadded, Encoding};
use nalgebra::{Matrix4, Quaternion, Translation3, UnitQuaternion, Vector3, Vector4};
use serde::Deserialize;

use super::{Mesh, ReadError, bytes, limit, scan::Scanner};

const FORMAT: &str = "glTF";

/// Nodes above a node, at most: a tree of more has a loop or no purpose.
const DEPTH: usize = 64;

/// The parts of the JSON that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root {
    scene: Option<usize>,
    #[serde(default)]
    scenes: Vec<Scene>,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    meshes: Vec<Parts>,
    #[serde(default)]
    accessors: Vec<Accessor>,
    #[serde(default)]
    buffer_views: Vec<View>,
    #[serde(default)]
    buffers: Vec<Buffer>,
    #[serde(default)]
    extensions_required: Vec<String>,
}

#[derive(Deserialize)]
struct Scene {
    #[serde(default)]
    nodes: Vec<usize>,
}

#[derive(Deserialize)]
struct Node {
    mesh: Option<usize>,
    #[serde(default)]
    children: Vec<usize>,
    /// Column by column.
    matrix: Option<[f64; 16]>,
    translation: Option<[f64; 3]>,
    /// x, y, z, w.
    rotation: Option<[f64; 4]>,
    scale: Option<[f64; 3]>,
}

#[derive(Deserialize)]
struct Parts {
    primitives: Vec<Primitive>,
}

#[derive(Deserialize)]
struct Primitive {
    attributes: Attributes,
    indices: Option<usize>,
    mode: Option<u32>,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "POSITION")]
    position: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accessor {
    buffer_view: Option<usize>,
    #[serde(default)]
    byte_offset: usize,
    component_type: u32,
    count: usize,
    r#type: String,
    sparse: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    buffer: usize,
    #[serde(default)]
    byte_offset: usize,
    byte_length: usize,
    byte_stride: Option<usize>,
}

#[derive(Deserialize)]
struct Buffer {
    uri: Option<String>,
}

fn damaged(message: impl Into<String>) -> ReadError {
    ReadError::damaged(FORMAT, message)
}

/// Element `index` of a list of the JSON.
fn get<'a, V>(list: &'a [V], index: usize, what: &str) -> Result<&'a V, ReadError> {
    list.get(index)
        .ok_or_else(|| damaged(format!("there is no {what} {index}")))
}

/// Reads a scene; buffers may be in the file, beside it or written into the JSON.
pub(super) fn parse(file: &[u8], folder: &Path) -> Result<Mesh, ReadError> {
    let (json, binary) = if file.starts_with(b"glTF") {
        chunks(file)?
    } else {
        (file, None)
    };
    let root: Root = serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
    if let Some(name) = root.extensions_required.first() {
        return Err(damaged(format!(
            "it needs the extension {name:?}, which is not supported"
        )));
    }
    let mut buffers = Vec::new();
    for (index, buffer) in root.buffers.iter().enumerate() {
        buffers.push(match (&buffer.uri, binary) {
            (None, Some(binary)) if index == 0 => binary.to_vec(),
            (Some(uri), _) => resource(uri, folder)?,
            (None, _) => return Err(damaged(format!("buffer {index} is nowhere"))),
        });
    }
    let mut reader = Reader {
        root: &root,
        buffers,
        mesh: Mesh::default(),
        visits: 0,
    };
    match root.scenes.get(root.scene.unwrap_or(0)) {
        Some(scene) => {
            for &node in &scene.nodes {
                reader.node(node, &Matrix4::identity(), 0)?;
            }
        }
        // A library without a scene: its meshes as they are.
        None => {
            for mesh in 0..root.meshes.len() {
                reader.mesh(mesh, &Matrix4::identity())?;
            }
        }
    }
    Ok(reader.mesh)
}

/// JSON and binary chunk of a GLB file.
fn chunks(file: &[u8]) -> Result<(&[u8], Option<&[u8]>), ReadError> {
    let mut scanner = Scanner { rest: file };
    scanner.take(4);
    let (version, length) = (scanner.u32(), scanner.u32());
    if version != Some(2) || length.map(|length| length as usize) != Some(file.len()) {
        return Err(damaged(
            "its header is not of version 2 or not of its length",
        ));
    }
    let (mut json, mut binary) = (None, None);
    while !scanner.rest.is_empty() {
        let length = scanner.u32();
        let kind = scanner.array::<4>();
        let content = length.and_then(|length| scanner.take(length as usize));
        match (kind, content) {
            (Some(kind), Some(content)) if &kind == b"JSON" => json = json.or(Some(content)),
            (Some(kind), Some(content)) if &kind == b"BIN\0" => binary = binary.or(Some(content)),
            (Some(_), Some(_)) => {}
            _ => return Err(damaged("it ends within a chunk")),
        }
    }
    Ok((json.ok_or_else(|| damaged("it has no JSON"))?, binary))
}

/// What a URI names: data in Base64, or a file beside this one.
fn resource(uri: &str, folder: &Path) -> Result<Vec<u8>, ReadError> {
    if let Some(data) = uri.strip_prefix("data:") {
        let text = data.split_once(";base64,").map(|(_, text)| text);
        return text
            .and_then(|text| Base64Unpadded::decode_vec(text.trim_end_matches('=')).ok())
            .ok_or_else(|| damaged("a data URI that is not in Base64"));
    }
    bytes(&folder.join(uri))
}

/// The local transform of a node: its matrix, or translation, rotation and scale.
fn transform(node: &Node) -> Matrix4<f64> {
    if let Some(matrix) = node.matrix {
        return Matrix4::from_column_slice(&matrix);
    }
    let [x, y, z, w] = node.rotation.unwrap_or([0.0, 0.0, 0.0, 1.0]);
    let turn = UnitQuaternion::try_new(Quaternion::new(w, x, y, z), f64::MIN_POSITIVE);
    let place = Translation3::from(Vector3::from(node.translation.unwrap_or_default()));
    let scale = Vector3::from(node.scale.unwrap_or([1.0; 3]));
    place.to_homogeneous()
        * turn.unwrap_or_default().to_homogeneous()
        * Matrix4::new_nonuniform_scaling(&scale)
}

struct Reader<'a> {
    root: &'a Root,
    buffers: Vec<Vec<u8>>,
    mesh: Mesh,
    visits: usize,
}

impl Reader<'_> {
    fn node(&mut self, index: usize, above: &Matrix4<f64>, depth: usize) -> Result<(), ReadError> {
        self.visits += 1;
        // In a tree every node is visited once.
        if depth > DEPTH || self.visits > self.root.nodes.len() {
            return Err(damaged(format!(
                "its nodes are no tree of at most {DEPTH} levels"
            )));
        }
        let node = get(&self.root.nodes, index, "node")?;
        let here = above * transform(node);
        if let Some(mesh) = node.mesh {
            self.mesh(mesh, &here)?;
        }
        node.children
            .iter()
            .try_for_each(|&child| self.node(child, &here, depth + 1))
    }

    fn mesh(&mut self, index: usize, place: &Matrix4<f64>) -> Result<(), ReadError> {
        // A reflection turns triangles over, see 3.7.4 of the standard.
        let mirrored = place.fixed_view::<3, 3>(0, 0).determinant() < 0.0;
        for primitive in &get(&self.root.meshes, index, "mesh")?.primitives {
            if let Some(mode) = primitive.mode.filter(|&mode| mode != 4) {
                return Err(damaged(format!(
                    "a primitive of mode {mode}; only triangles (4) are supported"
                )));
            }
            let position = primitive
                .attributes
                .position
                .ok_or_else(|| damaged("a primitive without POSITION"))?;
            let first = self.mesh.vertices.len() as u32;
            let places = self.positions(position)?;
            let count = places.len();
            limit((count + self.mesh.vertices.len()) as u64 / 3)?;
            self.mesh.vertices.extend(places.iter().map(|at| {
                let at = place * Vector4::new(at.x, at.y, at.z, 1.0);
                at.xyz()
            }));
            let corners = match primitive.indices {
                Some(indices) => self.indices(indices)?,
                None => (0..count as u32).collect(),
            };
            if !corners.len().is_multiple_of(3) {
                return Err(damaged(format!("{} corners of triangles", corners.len())));
            }
            limit((self.mesh.triangles.len() + corners.len() / 3) as u64)?;
            self.mesh
                .triangles
                .extend(corners.chunks_exact(3).map(|face| {
                    let [a, b, c] = [face[0], face[1], face[2]].map(|corner| {
                        // One that is out of range must not reach the next primitive.
                        if (corner as usize) < count {
                            first + corner
                        } else {
                            u32::MAX
                        }
                    });
                    if mirrored { [a, c, b] } else { [a, b, c] }
                }));
        }
        Ok(())
    }

    /// The elements of an accessor, of `size` bytes each.
    fn elements(
        &self,
        accessor: &Accessor,
        size: usize,
    ) -> Result<impl Iterator<Item = &[u8]>, ReadError> {
        if accessor.sparse.is_some() {
            return Err(damaged("a sparse accessor, which is not supported"));
        }
        let view = accessor
            .buffer_view
            .ok_or_else(|| damaged("an accessor without data"))?;
        let view = get(&self.root.buffer_views, view, "bufferView")?;
        let buffer = get(&self.buffers, view.buffer, "buffer")?;
        let stride = view.byte_stride.unwrap_or(size);
        let last = accessor.count.checked_sub(1);
        let content = view
            .byte_offset
            .checked_add(view.byte_length)
            .and_then(|end| buffer.get(view.byte_offset..end))
            .and_then(|content| content.get(accessor.byte_offset..));
        let needed = match last {
            Some(last) => last
                .checked_mul(stride)
                .and_then(|before| before.checked_add(size)),
            None => Some(0),
        };
        match (content, needed) {
            (Some(content), Some(needed)) if needed <= content.len() && stride >= size => Ok((0
                ..accessor.count)
                .filter_map(move |index| content.get(index * stride..index * stride + size))),
            _ => Err(damaged(format!(
                "{} elements that are not all there",
                accessor.count
            ))),
        }
    }

    fn positions(&self, index: usize) -> Result<Vec<Vector3<f64>>, ReadError> {
        let accessor = get(&self.root.accessors, index, "accessor")?;
        if accessor.component_type != 5126 || accessor.r#type != "VEC3" {
            return Err(damaged("POSITION that is not VEC3 of floats (5126)"));
        }
        let vectors = self.elements(accessor, 12)?;
        Ok(vectors
            .filter_map(|rest| Scanner { rest }.vector())
            .collect())
    }

    fn indices(&self, index: usize) -> Result<Vec<u32>, ReadError> {
        let accessor = get(&self.root.accessors, index, "accessor")?;
        let size = match accessor.component_type {
            5121 => 1,
            5123 => 2,
            5125 => 4,
            other => return Err(damaged(format!("indices of type {other}"))),
        };
        if accessor.r#type != "SCALAR" {
            return Err(damaged("indices that are no SCALAR"));
        }
        let little = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |value, &byte| value << 8 | u32::from(byte))
        };
        Ok(self.elements(accessor, size)?.map(little).collect())
    }
}
