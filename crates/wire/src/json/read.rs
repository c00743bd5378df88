//! From JSON to the value of a shape, without a tree between.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_model::{
    Location, Member, ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, Timestamp,
    TimestampFormat, Value,
};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::document::DocumentSeed;
use crate::MAX_DEPTH;
use crate::checks::{check_union, refuse_repeated};
use crate::error::{WireError, quote};
use crate::scalar;

/// Reads the members of a structure that are in the body. A body without bytes is `{}`.
pub(crate) fn read_structure(
    model: &ServiceModel,
    shape: &StructureShape,
    body: &[u8],
) -> Result<Structure, WireError> {
    if body.trim_ascii().is_empty() {
        return Ok(Structure::new());
    }
    parse(
        StructureSeed {
            model,
            shape,
            depth: 0,
        },
        body,
    )
}

/// Reads a whole body as one value.
pub(crate) fn read_value(
    model: &ServiceModel,
    shape: ShapeId,
    format: Option<TimestampFormat>,
    body: &[u8],
) -> Result<Value, WireError> {
    parse(
        ValueSeed {
            model,
            shape,
            format,
            depth: 0,
        },
        body,
    )
}

fn parse<'de, S: DeserializeSeed<'de>>(seed: S, body: &'de [u8]) -> Result<S::Value, WireError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut deserializer).map_err(explain)?;
    deserializer.end().map_err(explain)?;
    Ok(value)
}

fn explain(error: serde_json::Error) -> WireError {
    let text = error.to_string();
    if !error.is_data() {
        return WireError::Syntax(text);
    }
    // The place is of no use for a value that has been named.
    WireError::Value(
        text.rfind(" at line ")
            .and_then(|at| text.get(..at))
            .unwrap_or(&text)
            .to_owned(),
    )
}

/// One level further down, if that is not too deep.
pub(super) fn below(depth: usize) -> Result<usize, WireError> {
    if depth >= MAX_DEPTH {
        Err(WireError::TooDeep)
    } else {
        Ok(depth + 1)
    }
}

pub(super) fn duplicate(key: &str) -> WireError {
    WireError::duplicate(key)
}

struct ValueSeed<'m> {
    model: &'m ServiceModel,
    shape: ShapeId,
    format: Option<TimestampFormat>,
    depth: usize,
}

impl ValueSeed<'_> {
    fn kind(&self) -> &ShapeKind {
        &self.model.shape(self.shape).kind
    }

    fn wrong<E: Error>(&self, found: &str) -> E {
        E::custom(format_args!(
            "{found} cannot be converted to {}",
            type_name(self.kind())
        ))
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.kind() {
            ShapeKind::Document => DocumentSeed(self.depth)
                .deserialize(deserializer)
                .map(Value::Document),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name(self.kind()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        match self.kind() {
            ShapeKind::Boolean => Ok(Value::Bool(value)),
            _ => Err(self.wrong(if value { "TRUE_VALUE" } else { "FALSE_VALUE" })),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        let converted = match self.kind() {
            ShapeKind::Integer => i32::try_from(value)
                .ok()
                .map(|value| Value::Integer(value.into())),
            ShapeKind::Long => Some(Value::Integer(value)),
            ShapeKind::Float | ShapeKind::Double => Some(Value::Float(value as f64)),
            ShapeKind::Timestamp(_) => Timestamp::new(value, 0).map(Value::Timestamp),
            _ => None,
        };
        converted.ok_or_else(|| self.wrong("NUMBER_VALUE"))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let converted = match self.kind() {
            kind @ (ShapeKind::Float | ShapeKind::Double) => scalar::float(kind, value),
            ShapeKind::Timestamp(_) => Timestamp::from_f64(value).map(Value::Timestamp),
            // Some clients write whole numbers as `1.0`.
            ShapeKind::Integer if value.fract() == 0.0 && value.abs() <= f64::from(i32::MAX) => {
                Some(Value::Integer(value as i64))
            }
            ShapeKind::Long if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
                Some(Value::Integer(value as i64))
            }
            _ => None,
        };
        converted.ok_or_else(|| self.wrong("NUMBER_VALUE"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        let converted = match self.kind() {
            ShapeKind::String(_) => Some(Value::String(value.to_owned())),
            ShapeKind::Blob => BASE64
                .decode(value)
                .ok()
                .map(|bytes| Value::Blob(bytes.into())),
            ShapeKind::Timestamp(_) => {
                let format = self.format.unwrap_or(TimestampFormat::UnixTimestamp);
                return scalar::parse(self.model, self.shape, format, value).map_err(E::custom);
            }
            ShapeKind::Float | ShapeKind::Double => match value {
                "NaN" | "Infinity" | "-Infinity" => scalar::parse_float(value).map(Value::Float),
                _ => None,
            },
            _ => None,
        };
        converted.ok_or_else(|| self.wrong("STRING_VALUE"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let ShapeKind::List(list) = self.kind() else {
            return Err(A::Error::custom("Start of list found where not expected"));
        };
        let depth = below(self.depth).map_err(A::Error::custom)?;
        let (shape, format) = (list.member.shape, list.member.timestamp_format);
        let mut values = Vec::new();
        let model = self.model;
        while let Some(value) = sequence.next_element_seed(ValueSeed {
            model,
            shape,
            format,
            depth,
        })? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let depth = below(self.depth).map_err(A::Error::custom)?;
        let model = self.model;
        match self.kind() {
            ShapeKind::Structure(shape) => {
                let seed = StructureSeed {
                    model,
                    shape,
                    depth,
                };
                seed.visit_map(map).map(Value::Structure)
            }
            ShapeKind::Map(shape) => {
                let (shape, format) = (shape.value.shape, shape.value.timestamp_format);
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let seed = ValueSeed {
                        model,
                        shape,
                        format,
                        depth,
                    };
                    entries.push((key, map.next_value_seed(seed)?));
                }
                refuse_repeated(&entries).map_err(A::Error::custom)?;
                Ok(Value::Map(entries))
            }
            _ => Err(A::Error::custom(
                "Start of structure or map found where not expected",
            )),
        }
    }
}

struct StructureSeed<'m> {
    model: &'m ServiceModel,
    shape: &'m StructureShape,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for StructureSeed<'_> {
    type Value = Structure;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Structure, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StructureSeed<'_> {
    type Value = Structure;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Structure, A::Error> {
        let mut structure = Structure::new();
        let mut unknown = BTreeSet::new();
        while let Some(key) = map.next_key_seed(KeySeed(self.shape))? {
            let member = match key {
                Key::Member(member) => member,
                Key::Unknown(name) => {
                    if unknown.contains(&name) {
                        return Err(A::Error::custom(duplicate(&name)));
                    }
                    unknown.insert(name);
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if structure
                .fields
                .iter()
                .any(|(name, _)| *name == member.name)
            {
                return Err(A::Error::custom(duplicate(member.wire_name())));
            }
            let seed = ValueSeed {
                model: self.model,
                shape: member.shape,
                format: member.timestamp_format,
                depth: self.depth,
            };
            structure
                .fields
                .push((member.name, map.next_value_seed(seed)?));
        }
        // A member that is null is not there.
        structure.fields.retain(|(_, value)| !value.is_null());
        check_union(self.shape, &structure).map_err(A::Error::custom)?;
        Ok(structure)
    }
}

enum Key<'m> {
    Member(&'m Member),
    Unknown(String),
}

struct KeySeed<'m>(&'m StructureShape);

impl<'de, 'm> DeserializeSeed<'de> for KeySeed<'m> {
    type Value = Key<'m>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'m>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'m> Visitor<'_> for KeySeed<'m> {
    type Value = Key<'m>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key<'m>, E> {
        Ok(
            match self
                .0
                .member_on_wire(name)
                .filter(|member| member.location == Location::Body)
            {
                Some(member) => Key::Member(member),
                None => Key::Unknown(quote(name)),
            },
        )
    }
}

fn type_name(kind: &ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Structure(_) => "Structure",
        ShapeKind::List(_) => "List",
        ShapeKind::Map(_) => "Map",
        ShapeKind::String(_) => "String",
        ShapeKind::Blob => "Blob",
        ShapeKind::Boolean => "Boolean",
        ShapeKind::Integer => "Integer",
        ShapeKind::Long => "Long",
        ShapeKind::Float => "Float",
        ShapeKind::Double => "Double",
        ShapeKind::Timestamp(_) => "Timestamp",
        ShapeKind::Document => "Document",
    }
}
