//! Values of shapes, and the way between them and Rust types.
//!
//! Protocols, validation, redaction and records work on [`Value`]; handlers work on generated
//! structures, which come from and go to values by [`FromValue`] and [`IntoValue`].

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::timestamp::Timestamp;

/// A value of some shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: an absent entry of a sparse list or map.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer or long.
    Integer(i64),
    /// A float or double.
    Float(f64),
    /// A string.
    String(String),
    /// A blob.
    Blob(Bytes),
    /// A moment.
    Timestamp(Timestamp),
    /// A list.
    List(Vec<Value>),
    /// A map, in the order it was sent.
    Map(Vec<(String, Value)>),
    /// A structure or union.
    Structure(Structure),
    /// Free JSON.
    Document(serde_json::Value),
    /// A streaming payload: its bytes are with whoever holds the connection, not here.
    Stream,
}

impl Value {
    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Blob(_) => "blob",
            Self::Timestamp(_) => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Structure(_) => "structure",
            Self::Document(_) => "document",
            Self::Stream => "stream",
        }
    }

    /// True for [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an integer.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The members of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn as_map(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The structure.
    pub fn as_structure(&self) -> Option<&Structure> {
        match self {
            Self::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// A member of a structure, by its name in the model; `None` when absent or not a structure.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.as_structure()?.get(name)
    }
}

/// The members that are set in a structure, by their names in the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Structure {
    /// Name and value of each member that is set.
    pub fields: Vec<(&'static str, Value)>,
}

impl Structure {
    /// A structure with no member set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A structure with no member set, and room for some.
    pub fn with_capacity(members: usize) -> Self {
        Self {
            fields: Vec::with_capacity(members),
        }
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    /// Sets a member that is not set yet. Nothing is set for [`Value::Null`].
    pub fn push(&mut self, name: &'static str, value: impl IntoValue) {
        let value = value.into_value();
        if !value.is_null() {
            self.fields.push((name, value));
        }
    }

    /// The same with a member set.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl IntoValue) -> Self {
        self.push(name, value);
        self
    }

    /// Takes a member out, leaving null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let (_, value) = self.fields.iter_mut().find(|(field, _)| *field == name)?;
        Some(std::mem::take(value))
    }

    /// Takes a member that must be set.
    ///
    /// # Errors
    /// When it is absent or of another type.
    pub fn required<T: FromValue>(&mut self, name: &'static str) -> Result<T, TypeMismatch> {
        T::from_value(self.take(name).unwrap_or_default()).map_err(|error| error.within(name))
    }

    /// Takes a member that may be set.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn optional<T: FromValue>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, TypeMismatch> {
        self.required(name)
    }

    /// True when no member is set.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A value is not of the type it was asked as.
///
/// Decoding by the same schema that the types were generated from cannot give it, except for a
/// missing required member, which validation reports first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct TypeMismatch {
    /// Member, from the outside in, joined by dots.
    pub path: String,
    /// What was asked.
    pub expected: &'static str,
    /// What was there.
    pub found: &'static str,
}

impl TypeMismatch {
    fn new(expected: &'static str, found: &Value) -> Self {
        Self {
            path: String::new(),
            expected,
            found: found.kind(),
        }
    }

    fn within(mut self, name: &str) -> Self {
        self.path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{}", self.path)
        };
        self
    }
}

/// A type that a value can become.
pub trait FromValue: Sized {
    /// Turns the value into the type.
    ///
    /// # Errors
    /// When the value is of another type.
    fn from_value(value: Value) -> Result<Self, TypeMismatch>;
}

/// A type that can become a value.
pub trait IntoValue {
    /// Turns it into a value.
    fn into_value(self) -> Value;
}

/// A map that keeps the order of its entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderedMap<T>(pub Vec<(String, T)>);

/// A payload that may be in memory or still on the connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// All of it.
    Bytes(Bytes),
    /// To be read from, or written to, the connection.
    Stream,
}

macro_rules! scalar {
    ($($type:ty, $variant:ident, $name:literal;)*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, TypeMismatch> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(TypeMismatch::new($name, &other)),
                }
            }
        }

        impl IntoValue for $type {
            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    )*};
}

scalar! {
    bool, Bool, "boolean";
    i64, Integer, "integer";
    String, String, "string";
    Bytes, Blob, "blob";
    Timestamp, Timestamp, "timestamp";
    Structure, Structure, "structure";
    serde_json::Value, Document, "document";
}

impl FromValue for i32 {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        match value {
            Value::Integer(number) => {
                Self::try_from(number).map_err(|_| TypeMismatch::new("32-bit integer", &value))
            }
            other => Err(TypeMismatch::new("integer", &other)),
        }
    }
}

impl IntoValue for i32 {
    fn into_value(self) -> Value {
        Value::Integer(self.into())
    }
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        match value {
            Value::Float(number) => Ok(number),
            Value::Integer(number) => Ok(number as Self),
            other => Err(TypeMismatch::new("float", &other)),
        }
    }
}

impl IntoValue for f64 {
    fn into_value(self) -> Value {
        Value::Float(self)
    }
}

impl FromValue for f32 {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        f64::from_value(value).map(|number| number as Self)
    }
}

impl IntoValue for f32 {
    fn into_value(self) -> Value {
        Value::Float(self.into())
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::String(self.to_owned())
    }
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        Ok(value)
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl FromValue for Payload {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        match value {
            Value::Blob(bytes) => Ok(Self::Bytes(bytes)),
            Value::Stream => Ok(Self::Stream),
            other => Err(TypeMismatch::new("blob", &other)),
        }
    }
}

impl IntoValue for Payload {
    fn into_value(self) -> Value {
        match self {
            Self::Bytes(bytes) => Value::Blob(bytes),
            Self::Stream => Value::Stream,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

impl<T: FromValue> FromValue for Box<T> {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        T::from_value(value).map(Self::new)
    }
}

impl<T: IntoValue> IntoValue for Box<T> {
    fn into_value(self) -> Value {
        (*self).into_value()
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        match value {
            Value::List(values) => values.into_iter().map(T::from_value).collect(),
            other => Err(TypeMismatch::new("list", &other)),
        }
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

impl<T: FromValue> FromValue for OrderedMap<T> {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        entries(value).map(Self)
    }
}

impl<T: IntoValue> IntoValue for OrderedMap<T> {
    fn into_value(self) -> Value {
        Value::Map(
            self.0
                .into_iter()
                .map(|(key, value)| (key, value.into_value()))
                .collect(),
        )
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn from_value(value: Value) -> Result<Self, TypeMismatch> {
        entries(value).map(|entries| entries.into_iter().collect())
    }
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    fn into_value(self) -> Value {
        Value::Map(
            self.into_iter()
                .map(|(key, value)| (key, value.into_value()))
                .collect(),
        )
    }
}

fn entries<T: FromValue>(value: Value) -> Result<Vec<(String, T)>, TypeMismatch> {
    match value {
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| match T::from_value(value) {
                Ok(value) => Ok((key, value)),
                Err(error) => Err(error.within(&key)),
            })
            .collect(),
        other => Err(TypeMismatch::new("map", &other)),
    }
}
