//! From the value of a shape to CBOR.

use palisade_model::{ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, Value};

use crate::error::EncodeError;

/// Begins a map of so many pairs.
pub(crate) fn write_map_head(out: &mut Vec<u8>, pairs: usize) {
    head(out, 5, pairs as u64);
}

/// Writes a text string.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Writes a structure as a map, with pairs of texts before its members.
pub(crate) fn write_members(
    out: &mut Vec<u8>,
    model: &ServiceModel,
    shape: &StructureShape,
    structure: &Structure,
    before: &[(&str, &str)],
) -> Result<(), EncodeError> {
    let members = structure.fields.iter().filter_map(|(name, value)| {
        let member = shape.member(name)?;
        (!value.is_null()).then_some((member, value))
    });
    write_map_head(out, before.len() + members.clone().count());
    for (key, text) in before {
        write_text(out, key);
        write_text(out, text);
    }
    for (member, value) in members {
        write_text(out, member.wire_name());
        write_value(out, model, member.shape, value)?;
    }
    Ok(())
}

fn write_value(
    out: &mut Vec<u8>,
    model: &ServiceModel,
    id: ShapeId,
    value: &Value,
) -> Result<(), EncodeError> {
    let shape = model.shape(id);
    match (value, &shape.kind) {
        (Value::Null, _) => out.push(0xf6),
        (Value::Structure(structure), ShapeKind::Structure(shape)) => {
            write_members(out, model, shape, structure, &[])?;
        }
        (Value::List(values), ShapeKind::List(list)) => {
            head(out, 4, values.len() as u64);
            for value in values {
                write_value(out, model, list.member.shape, value)?;
            }
        }
        (Value::Map(entries), ShapeKind::Map(map)) => {
            write_map_head(out, entries.len());
            for (key, value) in entries {
                write_text(out, key);
                write_value(out, model, map.value.shape, value)?;
            }
        }
        (Value::String(text), ShapeKind::String(_)) => write_text(out, text),
        (Value::Bool(truth), ShapeKind::Boolean) => out.push(0xf4 + u8::from(*truth)),
        (Value::Integer(number), ShapeKind::Integer | ShapeKind::Long) => {
            // Minus one and below is written as its distance from minus one.
            let (major, distance) = if *number < 0 {
                (1, !*number)
            } else {
                (0, *number)
            };
            head(out, major, distance.unsigned_abs());
        }
        (Value::Integer(number), ShapeKind::Float | ShapeKind::Double) => {
            write_double(out, *number as f64);
        }
        (Value::Float(number), ShapeKind::Float) => {
            out.push(0xfa);
            out.extend_from_slice(&(*number as f32).to_be_bytes());
        }
        (Value::Float(number), ShapeKind::Double) => write_double(out, *number),
        (Value::Blob(bytes), ShapeKind::Blob) => {
            head(out, 2, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        (Value::Timestamp(moment), ShapeKind::Timestamp(_)) => {
            head(out, 6, 1);
            write_double(out, moment.as_f64());
        }
        (other, _) => {
            return Err(EncodeError {
                shape: shape.name,
                found: other.kind(),
            });
        }
    }
    Ok(())
}

fn write_double(out: &mut Vec<u8>, number: f64) {
    out.push(0xfb);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Writes a head in its shortest form.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}
