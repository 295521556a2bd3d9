//! PLY (Turk 1994), text and binary of either byte order.

use std::path::Path;

use nalgebra::Vector3;

use super::{Mesh, ReadError, fan, limit, scan::Scanner};

const FORMAT: &str = "PLY";

/// Lines of a header, at most.
const LINES: usize = 1000;

/// Corners of a polygon, at most.
const CORNERS: usize = 65_536;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Text,
    Little,
    Big,
}

/// The type of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

/// What an element has.
struct Property<'a> {
    name: &'a str,
    /// Type of the count, if it is a list.
    count: Option<Kind>,
    kind: Kind,
}

/// Rows of the body.
struct Element<'a> {
    name: &'a str,
    count: u64,
    properties: Vec<Property<'a>>,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return None,
        })
    }

    /// The next number of this type.
    fn next(self, scanner: &mut Scanner, encoding: Encoding) -> Option<f64> {
        macro_rules! number {
            ($type:ty) => {{
                let bytes = scanner.array()?;
                f64::from(match encoding {
                    Encoding::Big => <$type>::from_be_bytes(bytes),
                    _ => <$type>::from_le_bytes(bytes),
                })
            }};
        }
        if encoding == Encoding::Text {
            return scanner.number();
        }
        Some(match self {
            Self::I8 => number!(i8),
            Self::U8 => number!(u8),
            Self::I16 => number!(i16),
            Self::U16 => number!(u16),
            Self::I32 => number!(i32),
            Self::U32 => number!(u32),
            Self::F32 => number!(f32),
            Self::F64 => number!(f64),
        })
    }
}

/// A count or an index: a whole number; `None` where it is not.
fn whole(value: f64) -> Option<u32> {
    let whole = value.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(&value);
    // The cast is exact.
    whole.then_some(value as u32)
}

/// Reads `x y z` of the element `vertex` and the polygons of `face`; all else is left out.
pub(super) fn parse(bytes: &[u8], _: &Path) -> Result<Mesh, ReadError> {
    let mut scanner = Scanner { rest: bytes };
    let (encoding, elements) =
        header(&mut scanner).map_err(|message| ReadError::damaged(FORMAT, message))?;
    let mut mesh = Mesh::default();
    for element in &elements {
        if element.name == "face" {
            limit(element.count)?;
        }
        for row in 0..element.count {
            let read = match element.name {
                "vertex" => vertex(element, &mut scanner, encoding, &mut mesh),
                "face" => face(element, &mut scanner, encoding, &mut mesh)?,
                _ => skip(element, &mut scanner, encoding),
            };
            if read.is_none() {
                let name = element.name.chars().take(20).collect::<String>();
                let message = format!("{name} {row} of {} is cut off or no number", element.count);
                return Err(ReadError::damaged(FORMAT, message));
            }
        }
    }
    Ok(mesh)
}

fn header<'a>(scanner: &mut Scanner<'a>) -> Result<(Encoding, Vec<Element<'a>>), String> {
    if scanner
        .line()
        .is_none_or(|line| line.trim_ascii() != b"ply")
    {
        return Err("it does not start with `ply`".to_owned());
    }
    let (mut encoding, mut elements) = (None, Vec::<Element>::new());
    for _ in 0..LINES {
        let line = scanner.line().ok_or("its header does not end")?;
        let line = std::str::from_utf8(line).map_err(|_| "its header is no text")?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match (words.as_slice(), elements.last_mut()) {
            ([] | ["comment" | "obj_info", ..], _) => {}
            (["format", "ascii", "1.0"], _) => encoding = Some(Encoding::Text),
            (["format", "binary_little_endian", "1.0"], _) => encoding = Some(Encoding::Little),
            (["format", "binary_big_endian", "1.0"], _) => encoding = Some(Encoding::Big),
            (["element", name, count], _) => elements.push(Element {
                name,
                count: count
                    .parse()
                    .map_err(|_| format!("the count of element {name}"))?,
                properties: Vec::new(),
            }),
            (["property", "list", count, kind, name], Some(element)) => {
                let (Some(count), Some(kind)) = (Kind::named(count), Kind::named(kind)) else {
                    return Err(format!("the type of property {name}"));
                };
                let count = Some(count);
                element.properties.push(Property { name, count, kind });
            }
            (["property", kind, name], Some(element)) => {
                let kind = Kind::named(kind).ok_or(format!("the type of property {name}"))?;
                element.properties.push(Property {
                    name,
                    count: None,
                    kind,
                });
            }
            (["end_header"], _) => {
                let encoding = encoding.ok_or("its header names no format")?;
                return sound(elements).map(|elements| (encoding, elements));
            }
            _ => {
                return Err(format!(
                    "the header line {:?}",
                    line.chars().take(40).collect::<String>()
                ));
            }
        }
    }
    Err(format!("its header has more than {LINES} lines"))
}

/// Elements that have what is read of them. One without properties takes no bytes, so that
/// its count could be anything.
fn sound(elements: Vec<Element>) -> Result<Vec<Element>, String> {
    let scalar = |element: &Element, name: &str| {
        element
            .properties
            .iter()
            .any(|p| p.name == name && p.count.is_none())
    };
    for element in &elements {
        let whole = match element.name {
            "vertex" => ["x", "y", "z"].iter().all(|name| scalar(element, name)),
            "face" => element.properties.iter().any(is_corners),
            _ => true,
        };
        if !whole || element.properties.is_empty() {
            return Err(format!(
                "element {} has not the properties that it needs",
                element.name
            ));
        }
    }
    for name in ["vertex", "face"] {
        if elements
            .iter()
            .filter(|element| element.name == name)
            .count()
            != 1
        {
            return Err(format!("it has not one element {name}"));
        }
    }
    Ok(elements)
}

fn is_corners(property: &Property) -> bool {
    matches!(property.name, "vertex_indices" | "vertex_index") && property.count.is_some()
}

fn vertex(
    element: &Element,
    scanner: &mut Scanner,
    encoding: Encoding,
    mesh: &mut Mesh,
) -> Option<()> {
    let mut place = Vector3::zeros();
    for property in &element.properties {
        let axis = match property.name {
            "x" => Some(0),
            "y" => Some(1),
            "z" => Some(2),
            _ => None,
        };
        match (axis, property.count) {
            (Some(axis), None) => place[axis] = property.kind.next(scanner, encoding)?,
            _ => pass(property, scanner, encoding)?,
        }
    }
    mesh.vertices.push(place);
    Some(())
}

fn face(
    element: &Element,
    scanner: &mut Scanner,
    encoding: Encoding,
    mesh: &mut Mesh,
) -> Result<Option<()>, ReadError> {
    for property in &element.properties {
        let read = match property.count.filter(|_| is_corners(property)) {
            Some(count) => {
                let Some(corners) = corners(count, property.kind, scanner, encoding) else {
                    return Ok(None);
                };
                if corners.len() < 3 {
                    let message = format!("a face of {} corners", corners.len());
                    return Err(ReadError::damaged(FORMAT, message));
                }
                fan(&corners, &mut mesh.triangles)?;
                Some(())
            }
            None => pass(property, scanner, encoding),
        };
        if read.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(()))
}

fn corners(count: Kind, kind: Kind, scanner: &mut Scanner, encoding: Encoding) -> Option<Vec<u32>> {
    let count = whole(count.next(scanner, encoding)?)? as usize;
    if count > CORNERS {
        return None;
    }
    (0..count)
        .map(|_| whole(kind.next(scanner, encoding)?))
        .collect()
}

fn skip(element: &Element, scanner: &mut Scanner, encoding: Encoding) -> Option<()> {
    element
        .properties
        .iter()
        .try_for_each(|property| pass(property, scanner, encoding))
}

/// Reads over a property.
fn pass(property: &Property, scanner: &mut Scanner, encoding: Encoding) -> Option<()> {
    let count = match property.count {
        Some(count) => whole(count.next(scanner, encoding)?)?,
        None => 1,
    };
    // Ends with the bytes, whatever the count says.
    (0..count).try_for_each(|_| property.kind.next(scanner, encoding).map(|_| ()))
}
