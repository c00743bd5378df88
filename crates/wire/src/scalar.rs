//! Single values as text: in forms, XML, headers, paths and query strings.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_model::{ServiceModel, ShapeId, ShapeKind, Timestamp, TimestampFormat, Value};

use crate::error::{EncodeError, WireError};

/// Reads the text of a value that is no list, map or structure.
pub(crate) fn parse(
    model: &ServiceModel,
    shape: ShapeId,
    format: TimestampFormat,
    text: &str,
) -> Result<Value, WireError> {
    let wrong = |expected| Err(WireError::value(text, expected));
    let value = match &model.shape(shape).kind {
        ShapeKind::String(_) => Some(Value::String(text.to_owned())),
        ShapeKind::Boolean => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        ShapeKind::Integer => text
            .parse::<i32>()
            .ok()
            .map(|number| Value::Integer(number.into())),
        ShapeKind::Long => text.parse().ok().map(Value::Integer),
        kind @ (ShapeKind::Float | ShapeKind::Double) => {
            parse_float(text).and_then(|number| float(kind, number))
        }
        ShapeKind::Timestamp(_) => parse_timestamp(text, format).map(Value::Timestamp),
        ShapeKind::Blob => BASE64
            .decode(text)
            .ok()
            .map(|bytes| Value::Blob(bytes.into())),
        ShapeKind::Document => serde_json::from_str(text).ok().map(Value::Document),
        ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_) => None,
    };
    match value {
        Some(value) => Ok(value),
        None => wrong(type_name(&model.shape(shape).kind)),
    }
}

/// The stated way of writing a moment; else, as AWS services do, any way.
fn parse_timestamp(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    Timestamp::parse(text, format).or_else(|| Timestamp::parse_any(text))
}

/// A decimal number, or one of the three words for what is none.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) =>
        {
            text.parse::<f64>().ok().filter(|number| number.is_finite())
        }
        _ => None,
    }
}

/// A number as a value of a float or double; `None` when single precision does not reach so far.
pub(crate) fn float(kind: &ShapeKind, number: f64) -> Option<Value> {
    let is_single = matches!(kind, ShapeKind::Float);
    let too_large = is_single && number.is_finite() && (number as f32).is_infinite();
    (!too_large).then_some(Value::Float(number))
}

/// Writes a value that is no list, map or structure as text.
pub(crate) fn write(
    out: &mut String,
    model: &ServiceModel,
    shape: ShapeId,
    format: TimestampFormat,
    value: &Value,
) -> Result<(), EncodeError> {
    let shape = model.shape(shape);
    // Writing to a string cannot fail.
    let _ = match (value, &shape.kind) {
        (Value::String(text), ShapeKind::String(_)) => out.write_str(text),
        (Value::Bool(truth), ShapeKind::Boolean) => write!(out, "{truth}"),
        (Value::Integer(number), ShapeKind::Integer | ShapeKind::Long) => write!(out, "{number}"),
        (Value::Integer(number), ShapeKind::Float | ShapeKind::Double) => write!(out, "{number}"),
        (Value::Float(number), ShapeKind::Float) => write_float(out, *number, true),
        (Value::Float(number), ShapeKind::Double) => write_float(out, *number, false),
        (Value::Timestamp(moment), ShapeKind::Timestamp(_)) => {
            write!(out, "{}", moment.display(format))
        }
        (Value::Blob(bytes), ShapeKind::Blob) => {
            BASE64.encode_string(bytes, out);
            Ok(())
        }
        (Value::Document(json), ShapeKind::Document) => write!(out, "{json}"),
        (other, _) => {
            return Err(EncodeError {
                shape: shape.name,
                found: other.kind(),
            });
        }
    };
    Ok(())
}

fn write_float(out: &mut String, number: f64, single: bool) -> std::fmt::Result {
    match float_word(number, single) {
        Some(word) => out.write_str(word),
        None if single => write!(out, "{}", number as f32),
        None => write!(out, "{number}"),
    }
}

/// The word for a float that is no number with digits, after rounding to its precision.
pub(crate) fn float_word(number: f64, single: bool) -> Option<&'static str> {
    let rounded = if single {
        (number as f32).into()
    } else {
        number
    };
    match () {
        () if rounded.is_nan() => Some("NaN"),
        () if rounded == f64::INFINITY => Some("Infinity"),
        () if rounded == f64::NEG_INFINITY => Some("-Infinity"),
        () => None,
    }
}

/// What a shape's values are called in messages.
pub(crate) fn type_name(kind: &ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Structure(_) => "structure",
        ShapeKind::List(_) => "list",
        ShapeKind::Map(_) => "map",
        ShapeKind::String(_) => "string",
        ShapeKind::Blob => "blob",
        ShapeKind::Boolean => "boolean",
        ShapeKind::Integer => "integer",
        ShapeKind::Long => "long",
        ShapeKind::Float => "float",
        ShapeKind::Double => "double",
        ShapeKind::Timestamp(_) => "timestamp",
        ShapeKind::Document => "document",
    }
}
