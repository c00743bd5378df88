//! Values as bytes, for answers that are kept: the way back needs no schema, for what is kept says what it is.
//!
//! ```
//! use palisade_model::{Structure, persist};
//! let answer = Structure::new().with("DetectorId", "d-1");
//! let bytes = persist::to_bytes(&answer).unwrap();
//! assert_eq!(persist::from_bytes(&bytes).unwrap(), answer);
//! ```
//!
//! Stored as MessagePack with a variant's number before each value: variants are only ever appended.

use serde::{Deserialize, Serialize};

use crate::load::intern;
use crate::timestamp::Timestamp;
use crate::value::{Structure, Value};

/// A value that cannot be kept: its bytes are still on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream cannot be kept")]
pub struct IsStream;

/// Bytes that are no kept structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a kept structure")]
pub struct NotKept;

/// The bytes of a structure; the same structure has the same bytes.
///
/// # Errors
/// When it holds a stream.
pub fn to_bytes(structure: &Structure) -> Result<Vec<u8>, IsStream> {
    let kept = members(structure)?;
    // Plain data into memory: there is nothing that could fail.
    Ok(rmp_serde::to_vec(&kept).expect("plain data serialises"))
}

/// The structure of the bytes. Names of members live as long as the program: only what it wrote itself may be read.
///
/// # Errors
/// When [`to_bytes`] did not make them.
pub fn from_bytes(bytes: &[u8]) -> Result<Structure, NotKept> {
    let kept: Members = rmp_serde::from_slice(bytes).map_err(|_| NotKept)?;
    structure(kept)
}

type Members = Vec<(String, Kept)>;

#[derive(Serialize, Deserialize)]
enum Kept {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Blob(Vec<u8>),
    Timestamp(i64, u32),
    List(Vec<Kept>),
    Map(Members),
    Structure(Members),
    Document(String),
}

fn members(structure: &Structure) -> Result<Members, IsStream> {
    let fields = structure.fields.iter();
    fields
        .map(|(name, value)| Ok(((*name).to_owned(), keep(value)?)))
        .collect()
}

fn keep(value: &Value) -> Result<Kept, IsStream> {
    Ok(match value {
        Value::Null => Kept::Null,
        Value::Bool(truth) => Kept::Bool(*truth),
        Value::Integer(number) => Kept::Integer(*number),
        Value::Float(number) => Kept::Float(*number),
        Value::String(text) => Kept::String(text.clone()),
        Value::Blob(bytes) => Kept::Blob(bytes.to_vec()),
        Value::Timestamp(moment) => Kept::Timestamp(moment.seconds(), moment.nanos()),
        Value::List(values) => Kept::List(values.iter().map(keep).collect::<Result<_, _>>()?),
        Value::Map(entries) => Kept::Map(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), keep(value)?)))
                .collect::<Result<_, _>>()?,
        ),
        Value::Structure(structure) => Kept::Structure(members(structure)?),
        Value::Document(json) => Kept::Document(json.to_string()),
        Value::Stream => return Err(IsStream),
    })
}

fn structure(kept: Members) -> Result<Structure, NotKept> {
    let fields = kept
        .into_iter()
        .map(|(name, kept)| Ok((intern(&name), recall(kept)?)));
    Ok(Structure {
        fields: fields.collect::<Result<_, _>>()?,
    })
}

fn recall(kept: Kept) -> Result<Value, NotKept> {
    Ok(match kept {
        Kept::Null => Value::Null,
        Kept::Bool(truth) => Value::Bool(truth),
        Kept::Integer(number) => Value::Integer(number),
        Kept::Float(number) => Value::Float(number),
        Kept::String(text) => Value::String(text),
        Kept::Blob(bytes) => Value::Blob(bytes.into()),
        Kept::Timestamp(seconds, nanos) => {
            Value::Timestamp(Timestamp::new(seconds, nanos).ok_or(NotKept)?)
        }
        Kept::List(values) => {
            Value::List(values.into_iter().map(recall).collect::<Result<_, _>>()?)
        }
        Kept::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, kept)| Ok((key, recall(kept)?)))
                .collect::<Result<_, _>>()?,
        ),
        Kept::Structure(members) => Value::Structure(structure(members)?),
        Kept::Document(text) => Value::Document(serde_json::from_str(&text).map_err(|_| NotKept)?),
    })
}
