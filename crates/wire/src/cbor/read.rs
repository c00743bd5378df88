//! From CBOR to the value of a shape.

use palisade_model::{
    ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, Timestamp, Value,
};

use super::cursor::{Cursor, Head, malformed};
use crate::MAX_DEPTH;
use crate::checks::{check_union, refuse_repeated};
use crate::error::WireError;
use crate::scalar::{self, type_name};

/// Tag of seconds since 1970.
const EPOCH: u64 = 1;

/// Reads a structure. A body without bytes is an empty one.
pub(crate) fn read_structure(
    model: &ServiceModel,
    shape: &StructureShape,
    body: &[u8],
) -> Result<Structure, WireError> {
    if body.is_empty() {
        return Ok(Structure::new());
    }
    let mut cursor = Cursor::new(body);
    let Head::Map(count) = cursor.head()? else {
        return Err(WireError::Value("the body is not a map".to_owned()));
    };
    let structure = structure(model, shape, &mut cursor, count, 0)?;
    if !cursor.is_at_end() {
        return Err(malformed());
    }
    Ok(structure)
}

fn structure(
    model: &ServiceModel,
    shape: &StructureShape,
    cursor: &mut Cursor<'_>,
    count: Option<u64>,
    depth: usize,
) -> Result<Structure, WireError> {
    let mut structure = Structure::new();
    let mut unknown = Vec::new();
    cursor.items(count, |cursor, key| {
        let key = cursor.text(key)?;
        let head = cursor.head()?;
        let Some(member) = shape.member_on_wire(&key) else {
            unknown.push((key, Value::Null));
            return cursor.skip(head, depth + 1);
        };
        if structure
            .fields
            .iter()
            .any(|(name, _)| *name == member.name)
        {
            return Err(WireError::duplicate(member.wire_name()));
        }
        let value = value(model, member.shape, cursor, head, depth + 1)?;
        structure.fields.push((member.name, value));
        Ok(())
    })?;
    refuse_repeated(&unknown)?;
    // A member that is null is not there.
    structure.fields.retain(|(_, value)| !value.is_null());
    check_union(shape, &structure)?;
    Ok(structure)
}

fn value(
    model: &ServiceModel,
    id: ShapeId,
    cursor: &mut Cursor<'_>,
    head: Head,
    depth: usize,
) -> Result<Value, WireError> {
    if depth > MAX_DEPTH {
        return Err(WireError::TooDeep);
    }
    let kind = &model.shape(id).kind;
    let converted = match (head, kind) {
        (Head::Null, _) => Some(Value::Null),
        (Head::Tag(EPOCH), ShapeKind::Timestamp(_)) => timestamp(cursor.head()?),
        (Head::Tag(_), _) => {
            let head = cursor.head()?;
            return value(model, id, cursor, head, depth + 1);
        }
        (Head::Map(count), ShapeKind::Structure(shape)) => {
            return structure(model, shape, cursor, count, depth).map(Value::Structure);
        }
        (Head::Map(count), ShapeKind::Map(shape)) => {
            return map(model, shape.value.shape, cursor, count, depth);
        }
        (Head::Array(count), ShapeKind::List(list)) => {
            return self::list(model, list.member.shape, cursor, count, depth);
        }
        (Head::Text(_), ShapeKind::String(_)) => Some(Value::String(cursor.text(head)?)),
        (Head::Bytes(_), ShapeKind::Blob) => Some(Value::Blob(cursor.string(head)?.into())),
        (Head::Bool(truth), ShapeKind::Boolean) => Some(Value::Bool(truth)),
        (Head::Float(number), ShapeKind::Float | ShapeKind::Double) => scalar::float(kind, number),
        (_, ShapeKind::Timestamp(_)) => timestamp(head),
        (_, ShapeKind::Integer) => integer(head)
            .filter(|number| i32::try_from(*number).is_ok())
            .map(Value::Integer),
        (_, ShapeKind::Long) => integer(head).map(Value::Integer),
        (_, ShapeKind::Float | ShapeKind::Double) => {
            integer(head).map(|number| Value::Float(number as f64))
        }
        _ => None,
    };
    converted.ok_or_else(|| WireError::value(&describe(head), type_name(kind)))
}

fn list(
    model: &ServiceModel,
    member: ShapeId,
    cursor: &mut Cursor<'_>,
    count: Option<u64>,
    depth: usize,
) -> Result<Value, WireError> {
    let mut values = Vec::new();
    cursor.items(count, |cursor, head| {
        values.push(value(model, member, cursor, head, depth + 1)?);
        Ok(())
    })?;
    Ok(Value::List(values))
}

fn map(
    model: &ServiceModel,
    shape: ShapeId,
    cursor: &mut Cursor<'_>,
    count: Option<u64>,
    depth: usize,
) -> Result<Value, WireError> {
    let mut entries = Vec::new();
    cursor.items(count, |cursor, key| {
        let key = cursor.text(key)?;
        let head = cursor.head()?;
        entries.push((key, value(model, shape, cursor, head, depth + 1)?));
        Ok(())
    })?;
    refuse_repeated(&entries)?;
    Ok(Value::Map(entries))
}

fn integer(head: Head) -> Option<i64> {
    match head {
        Head::Unsigned(number) => i64::try_from(number).ok(),
        Head::Negative(number) => i64::try_from(number).ok().map(|number| -1 - number),
        _ => None,
    }
}

fn timestamp(head: Head) -> Option<Value> {
    let moment = match head {
        Head::Float(seconds) => Timestamp::from_f64(seconds),
        _ => Timestamp::new(integer(head)?, 0),
    };
    moment.map(Value::Timestamp)
}

fn describe(head: Head) -> String {
    match head {
        Head::Unsigned(number) => number.to_string(),
        Head::Negative(number) => (-1 - i128::from(number)).to_string(),
        Head::Float(number) => number.to_string(),
        Head::Bool(truth) => truth.to_string(),
        Head::Bytes(_) => "a byte string".to_owned(),
        Head::Text(_) => "a text string".to_owned(),
        Head::Array(_) => "an array".to_owned(),
        Head::Map(_) => "a map".to_owned(),
        Head::Tag(_) | Head::Null | Head::Break => "an item".to_owned(),
    }
}
