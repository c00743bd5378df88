//! Members of an answer that are its status and headers.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use palisade_model::{
    Location, Member, ServiceModel, ShapeKind, Structure, StructureShape, TimestampFormat, Value,
};

use crate::error::EncodeError;
use crate::message::Response;
use crate::scalar;

/// Writes all members that are not in the body.
pub(crate) fn write_head(
    model: &ServiceModel,
    shape: &StructureShape,
    structure: &Structure,
    response: &mut Response,
) -> Result<(), EncodeError> {
    for (name, value) in &structure.fields {
        let Some(member) = shape.member(name).filter(|_| !value.is_null()) else {
            continue;
        };
        match member.location {
            Location::Header => write_header(model, member, value, response.headers_mut())?,
            Location::Headers => write_headers(model, member, value, response.headers_mut())?,
            Location::StatusCode => {
                let status = value.as_i64().and_then(|status| u16::try_from(status).ok());
                let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                *response.status_mut() = status.ok_or_else(|| mismatch(model, member, value))?;
            }
            Location::Body | Location::Uri | Location::QueryString => {}
        }
    }
    Ok(())
}

fn write_header(
    model: &ServiceModel,
    member: &Member,
    value: &Value,
    headers: &mut HeaderMap,
) -> Result<(), EncodeError> {
    let mut text = String::new();
    match (&model.shape(member.shape).kind, value) {
        (ShapeKind::List(list), Value::List(values)) => {
            let format = list
                .member
                .timestamp_format
                .unwrap_or(TimestampFormat::Rfc822);
            for (index, value) in values.iter().enumerate() {
                let separator = if index > 0 { ", " } else { "" };
                text.push_str(separator);
                match value {
                    Value::String(item) => write_item(&mut text, item),
                    value => scalar::write(&mut text, model, list.member.shape, format, value)?,
                }
            }
        }
        (_, Value::String(json)) if member.json_value => BASE64.encode_string(json, &mut text),
        _ => {
            let format = member.timestamp_format.unwrap_or(TimestampFormat::Rfc822);
            scalar::write(&mut text, model, member.shape, format, value)?;
        }
    }
    put(headers, member.wire_name(), &text).ok_or_else(|| mismatch(model, member, value))
}

fn write_headers(
    model: &ServiceModel,
    member: &Member,
    value: &Value,
    headers: &mut HeaderMap,
) -> Result<(), EncodeError> {
    let wrong = || mismatch(model, member, value);
    for (key, value) in value.as_map().ok_or_else(wrong)? {
        let name = format!("{}{key}", member.wire_name());
        let text = value.as_str().ok_or_else(wrong)?;
        put(headers, &name, text).ok_or_else(wrong)?;
    }
    Ok(())
}

/// An item of a list, in quotes when it would not be read back as one without.
fn write_item(out: &mut String, item: &str) {
    let plain = !item.is_empty() && item == item.trim() && !item.contains(['"', ',']);
    // Writing to a string cannot fail.
    let _ = match plain {
        true => out.write_str(item),
        false => write!(
            out,
            "\"{}\"",
            item.replace('\\', "\\\\").replace('"', "\\\"")
        ),
    };
}

/// Sets a header; `None` when name or text cannot be in one.
fn put(headers: &mut HeaderMap, name: &str, text: &str) -> Option<()> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    headers.insert(name, value);
    Some(())
}

fn mismatch(model: &ServiceModel, member: &Member, value: &Value) -> EncodeError {
    EncodeError {
        shape: model.shape(member.shape).name,
        found: value.kind(),
    }
}
