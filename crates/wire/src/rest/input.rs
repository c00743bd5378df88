//! Members of a request that are in its path, query string and headers.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use palisade_model::{
    ListShape, Location, Member, Operation, ServiceModel, ShapeKind, Structure, StructureShape,
    TimestampFormat, Value,
};

use super::router::Route;
use crate::checks::refuse_repeated;
use crate::content::{self, percent_decode};
use crate::error::WireError;
use crate::form::split;
use crate::message::{Body, Request};
use crate::scalar;

/// Reads all members that are not in the body.
pub(crate) fn read_head(
    model: &ServiceModel,
    shape: &StructureShape,
    route: &Route,
    request: &Request<'_>,
) -> Result<Structure, WireError> {
    let mut structure = Structure::new();
    let mut labels = Vec::new();
    route
        .template
        .labels(request.path, |label, text| labels.push((label, text)));
    let query = parse_query(request.query.unwrap_or_default())?;
    for member in shape.members() {
        let value = match member.location {
            Location::Body | Location::StatusCode => None,
            Location::Uri => read_label(model, member, &labels)?,
            Location::QueryString => read_query(model, shape, member, &query)?,
            Location::Header => read_header(model, route.operation, member, request)?,
            Location::Headers => read_headers(member, request)?,
        };
        if let Some(value) = value {
            structure.fields.push((member.name, value));
        }
    }
    Ok(structure)
}

/// Reads a payload that is bytes or text. A body without bytes is an absent payload.
pub(crate) fn payload_bytes(
    model: &ServiceModel,
    operation: &Operation,
    member: &Member,
    request: &Request<'_>,
    limit: usize,
) -> Result<Option<Value>, WireError> {
    if request.body == Body::Stream && member.streaming {
        return Ok(Some(Value::Stream));
    }
    let bytes: Bytes = content::bytes(request, Some(operation), limit)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(match &model.shape(member.shape).kind {
        ShapeKind::String(_) => Value::String(content::text(&bytes)?.to_owned()),
        _ => Value::Blob(bytes),
    }))
}

type Query<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn parse_query(query: &str) -> Result<Query<'_>, WireError> {
    split(query)
        .map(|(key, value)| Ok((percent_decode(key, true)?, percent_decode(value, true)?)))
        .collect()
}

fn read_label(
    model: &ServiceModel,
    member: &Member,
    labels: &[(&str, &str)],
) -> Result<Option<Value>, WireError> {
    let Some((_, text)) = labels
        .iter()
        .find(|(label, _)| *label == member.wire_name())
    else {
        return Ok(None);
    };
    let text = percent_decode(text, false)?;
    read_text(model, member, TimestampFormat::Iso8601, &text).map(Some)
}

fn read_query(
    model: &ServiceModel,
    shape: &StructureShape,
    member: &Member,
    query: &Query<'_>,
) -> Result<Option<Value>, WireError> {
    if let ShapeKind::Map(map) = &model.shape(member.shape).kind {
        let multiple = matches!(model.shape(map.value.shape).kind, ShapeKind::List(_));
        return query_map(shape, query, multiple).map(Some);
    }
    let mut values = query.iter().filter(|(key, _)| key == member.wire_name());
    if let ShapeKind::List(list) = &model.shape(member.shape).kind {
        let format = list
            .member
            .timestamp_format
            .unwrap_or(TimestampFormat::Iso8601);
        let values = values
            .map(|(_, text)| scalar::parse(model, list.member.shape, format, text))
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(Some(Value::List(values)).filter(|values| *values != Value::List(Vec::new())));
    }
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some((_, text)), None) => {
            read_text(model, member, TimestampFormat::Iso8601, text).map(Some)
        }
        (Some(_), Some(_)) => Err(WireError::duplicate(member.wire_name())),
    }
}

/// All parameters, those of other members too, as Smithy has servers do.
fn query_map(
    shape: &StructureShape,
    query: &Query<'_>,
    multiple: bool,
) -> Result<Value, WireError> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for (key, value) in query.iter().filter(|(key, _)| !key.starts_with("X-Amz-")) {
        let value = Value::String(value.clone().into_owned());
        let found = entries
            .iter_mut()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value);
        match (found, multiple) {
            (None, true) => entries.push((key.clone().into_owned(), Value::List(vec![value]))),
            (None, false) => entries.push((key.clone().into_owned(), value)),
            (Some(Value::List(values)), _) => values.push(value),
            // A list of another member; a map of single values has its first.
            (Some(_), _) if is_query_member(shape, key) => {}
            (Some(_), _) => return Err(WireError::duplicate(key)),
        }
    }
    Ok(Value::Map(entries))
}

fn is_query_member(shape: &StructureShape, key: &str) -> bool {
    let member = shape.member_on_wire(key);
    member.is_some_and(|member| member.location == Location::QueryString)
}

fn read_header(
    model: &ServiceModel,
    operation: &Operation,
    member: &Member,
    request: &Request<'_>,
) -> Result<Option<Value>, WireError> {
    let mut values = request
        .headers
        .get_all(member.wire_name())
        .iter()
        .peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    if let ShapeKind::List(list) = &model.shape(member.shape).kind {
        let lines = values.map(header_text).collect::<Result<Vec<_>, _>>()?;
        return header_list(model, list, &lines.join(",")).map(Some);
    }
    match (values.next(), values.next()) {
        (Some(value), None) => {
            let text = header_text(value)?;
            if !member.wire_name().eq_ignore_ascii_case("content-encoding") {
                return read_text(model, member, TimestampFormat::Rfc822, text).map(Some);
            }
            let own = content::own_encoding(operation, text);
            Ok((!own.is_empty()).then(|| Value::String(own.to_owned())))
        }
        _ => Err(WireError::duplicate(member.wire_name())),
    }
}

fn read_headers(member: &Member, request: &Request<'_>) -> Result<Option<Value>, WireError> {
    let prefix = member.wire_name();
    let mut entries = Vec::new();
    for (name, value) in request.headers {
        let name = name.as_str();
        let starts = name
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if let (true, Some(key)) = (starts, name.get(prefix.len()..)) {
            entries.push((
                key.to_owned(),
                Value::String(header_text(value)?.to_owned()),
            ));
        }
    }
    refuse_repeated(&entries)?;
    Ok(Some(Value::Map(entries)).filter(|map| *map != Value::Map(Vec::new())))
}

fn header_text(value: &http::HeaderValue) -> Result<&str, WireError> {
    std::str::from_utf8(value.as_bytes())
        .map(str::trim)
        .map_err(|_| WireError::Value("a header is not UTF-8".to_owned()))
}

fn read_text(
    model: &ServiceModel,
    member: &Member,
    default: TimestampFormat,
    text: &str,
) -> Result<Value, WireError> {
    if member.json_value && member.location == Location::Header {
        let bytes = BASE64.decode(text).ok();
        let json = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        return json
            .map(Value::String)
            .ok_or_else(|| WireError::value(text, "base64 string"));
    }
    scalar::parse(
        model,
        member.shape,
        member.timestamp_format.unwrap_or(default),
        text,
    )
}

fn header_list(model: &ServiceModel, list: &ListShape, text: &str) -> Result<Value, WireError> {
    let format = list
        .member
        .timestamp_format
        .unwrap_or(TimestampFormat::Rfc822);
    let is_moment = matches!(model.shape(list.member.shape).kind, ShapeKind::Timestamp(_));
    let items = if is_moment && format == TimestampFormat::Rfc822 {
        split_moments(text)
    } else {
        split_items(text)?
    };
    items
        .iter()
        .map(|item| scalar::parse(model, list.member.shape, format, item))
        .collect::<Result<_, _>>()
        .map(Value::List)
}

/// `Mon, 16 Dec 2019 23:48:18 GMT, Mon, ...`: every second comma separates.
fn split_moments(text: &str) -> Vec<Cow<'_, str>> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest
            .match_indices(',')
            .nth(1)
            .map_or(rest.len(), |(at, _)| at);
        let (item, others) = rest.split_at_checked(end).unwrap_or((rest, ""));
        items.push(Cow::Borrowed(item.trim()));
        rest = others.strip_prefix(',').unwrap_or(others).trim();
    }
    items
}

/// `a, "b,c", "d\"e"`: commas in quotes do not separate.
fn split_items(text: &str) -> Result<Vec<Cow<'_, str>>, WireError> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (item, others) = match rest.strip_prefix('"') {
            Some(quoted) => split_quoted(quoted).ok_or_else(|| WireError::value(text, "list"))?,
            None => {
                let (item, others) = rest.split_once(',').unwrap_or((rest, ""));
                (Cow::Borrowed(item.trim()), others)
            }
        };
        items.push(item);
        rest = others.trim();
    }
    Ok(items)
}

/// The text up to the closing quote, and what comes after the comma behind it.
fn split_quoted(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut item = String::new();
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (_, '\\') => item.push(characters.next()?.1),
            (at, '"') => {
                let rest = quoted.get(at + 1..)?.trim_start();
                let rest = if rest.is_empty() {
                    rest
                } else {
                    rest.strip_prefix(',')?
                };
                return Some((Cow::Owned(item), rest));
            }
            (_, character) => item.push(character),
        }
    }
}
