//! From the value of a shape to JSON.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_model::{
    Reference, ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, TimestampFormat, Value,
};
use serde::Serialize;

use crate::error::EncodeError;
use crate::scalar;

/// Writes a string in quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    write_json(out, text);
}

/// Writes the members of a structure that are in the body, without the braces.
///
/// `first` says whether nothing stands before them in the object.
pub(crate) fn write_members(
    out: &mut Vec<u8>,
    model: &ServiceModel,
    shape: &StructureShape,
    structure: &Structure,
    mut first: bool,
) -> Result<(), EncodeError> {
    for (name, value) in &structure.fields {
        let Some(member) = shape.member(name) else {
            continue;
        };
        if !member.is_in_answer_body() || value.is_null() {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_string(out, member.wire_name());
        out.push(b':');
        write_value(out, model, member.shape, member.timestamp_format, value)?;
    }
    Ok(())
}

/// Writes a value.
pub(crate) fn write_value(
    out: &mut Vec<u8>,
    model: &ServiceModel,
    id: ShapeId,
    format: Option<TimestampFormat>,
    value: &Value,
) -> Result<(), EncodeError> {
    let shape = model.shape(id);
    match (value, &shape.kind) {
        (Value::Null, _) => out.extend_from_slice(b"null"),
        (Value::Structure(structure), ShapeKind::Structure(shape)) => {
            out.push(b'{');
            write_members(out, model, shape, structure, true)?;
            out.push(b'}');
        }
        (Value::List(values), ShapeKind::List(list)) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_entry(out, model, &list.member, value)?;
            }
            out.push(b']');
        }
        (Value::Map(entries), ShapeKind::Map(map)) => {
            out.push(b'{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, key);
                out.push(b':');
                write_entry(out, model, &map.value, value)?;
            }
            out.push(b'}');
        }
        (Value::String(text), ShapeKind::String(_)) => write_string(out, text),
        (Value::Bool(truth), ShapeKind::Boolean) => write_json(out, truth),
        (Value::Integer(number), ShapeKind::Integer | ShapeKind::Long) => write_json(out, number),
        (Value::Integer(number), ShapeKind::Float | ShapeKind::Double) => write_json(out, number),
        (Value::Float(number), ShapeKind::Float | ShapeKind::Double) => {
            write_float(out, *number, matches!(shape.kind, ShapeKind::Float));
        }
        (Value::Blob(bytes), ShapeKind::Blob) => write_string(out, &BASE64.encode(bytes)),
        (Value::Document(json), ShapeKind::Document) => write_json(out, json),
        (Value::Timestamp(moment), ShapeKind::Timestamp(_)) => {
            let format = format.unwrap_or(TimestampFormat::UnixTimestamp);
            let quote = if format == TimestampFormat::UnixTimestamp {
                ""
            } else {
                "\""
            };
            // Writing to a vector cannot fail; no form of a moment has characters to escape.
            let _ = write!(out, "{quote}{}{quote}", moment.display(format));
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

fn write_entry(
    out: &mut Vec<u8>,
    model: &ServiceModel,
    entry: &Reference,
    value: &Value,
) -> Result<(), EncodeError> {
    write_value(out, model, entry.shape, entry.timestamp_format, value)
}

fn write_float(out: &mut Vec<u8>, number: f64, single: bool) {
    match scalar::float_word(number, single) {
        Some(word) => write_string(out, word),
        None if single => write_json(out, &(number as f32)),
        None => write_json(out, &number),
    }
}

fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Neither the vector nor these types can fail.
    let _ = serde_json::to_writer(out, value);
}
