//! How rows look in the engine, apart from the journal's links and bodies.

use crate::bytes::{Hash, Reader, put_bytes, put_varint, seal, unseal};
use crate::clock::Millis;
use crate::engine::{EngineError, Snapshot, Space};
use crate::error::{OpenError, StoreError};
use crate::fact::{History, Position};
use crate::key::KeyPart;

/// The version of everything in this file and in the journal's links and bodies.
pub(crate) const FORMAT: u64 = 1;

const FORMAT_KEY: &[u8] = b"format";
const FORMAT_NAME: &[u8] = b"palisade store";
const HEAD_KEY: &[u8] = b"head";
const HORIZONS_KEY: &[u8] = b"horizons";
const DICTIONARY_KEY: &[u8] = b"dictionary/";

/// The newest end of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The position of the last record; 0 in an empty store.
    pub position: Position,
    /// The state time of the last commit.
    pub committed: Millis,
    /// The hash of the last link; zeros in an empty store.
    pub hash: Hash,
}

impl Head {
    pub(crate) fn row(&self) -> (Vec<u8>, Vec<u8>) {
        let mut out = Vec::with_capacity(64);
        put_varint(&mut out, self.position.0);
        put_varint(&mut out, self.committed.0);
        out.extend_from_slice(&self.hash);
        (HEAD_KEY.to_vec(), seal(out))
    }

    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        load(snapshot, HEAD_KEY, |reader| {
            let position = Position(reader.varint()?);
            let committed = Millis(reader.varint()?);
            Some(Self {
                position,
                committed,
                hash: reader.array()?,
            })
        })
    }
}

/// How far back things are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizons {
    /// The oldest position whose state can be read.
    pub state: Position,
    /// The oldest position whose record may still have a body: all before are dropped.
    pub journal: Position,
}

impl Horizons {
    pub(crate) fn row(&self) -> (Vec<u8>, Vec<u8>) {
        let mut out = Vec::with_capacity(32);
        put_varint(&mut out, self.state.0);
        put_varint(&mut out, self.journal.0);
        (HORIZONS_KEY.to_vec(), seal(out))
    }

    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        load(snapshot, HORIZONS_KEY, |reader| {
            Some(Self {
                state: Position(reader.varint()?),
                journal: Position(reader.varint()?),
            })
        })
    }
}

fn load<T: Default>(
    snapshot: &dyn Snapshot,
    key: &[u8],
    decode: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Result<T, StoreError> {
    let Some(row) = snapshot.get(Space::Meta, key)? else {
        return Ok(T::default());
    };
    let decoded = unseal(&row).and_then(|bytes| {
        let mut reader = Reader(bytes);
        let value = decode(&mut reader)?;
        reader.finish(value)
    });
    decoded.ok_or_else(|| StoreError::Damaged(format!("meta row {}", key.escape_ascii())))
}

/// The row that says which format the store has.
pub(crate) fn format_row() -> (Vec<u8>, Vec<u8>) {
    let mut out = Vec::new();
    put_bytes(&mut out, FORMAT_NAME);
    put_varint(&mut out, FORMAT);
    (FORMAT_KEY.to_vec(), seal(out))
}

/// Whether `key` is that row's, which a restore writes last.
pub(crate) fn is_format_key(key: &[u8]) -> bool {
    key == FORMAT_KEY
}

/// Whether `key` is one that the store keeps in its meta space, dictionaries apart.
pub(crate) fn is_meta_key(key: &[u8]) -> bool {
    [FORMAT_KEY, HEAD_KEY, HORIZONS_KEY].contains(&key)
}

/// Checks the format; `false` for an engine with nothing in it.
pub(crate) fn check_format(snapshot: &dyn Snapshot) -> Result<bool, OpenError> {
    let Some(row) = snapshot.get(Space::Meta, FORMAT_KEY)? else {
        return if is_empty(snapshot)? {
            Ok(false)
        } else {
            Err(OpenError::NotAStore(
                "it holds data but names no format (an unfinished restore?)".into(),
            ))
        };
    };
    let version = unseal(&row).and_then(|bytes| {
        let mut reader = Reader(bytes);
        (reader.bytes()? == FORMAT_NAME)
            .then(|| reader.varint())
            .flatten()
    });
    match version {
        Some(FORMAT) => Ok(true),
        Some(found) if found > FORMAT => Err(OpenError::Newer {
            found,
            known: FORMAT,
        }),
        Some(found) => Err(OpenError::NotAStore(format!(
            "unknown format version {found}"
        ))),
        None => Err(OpenError::NotAStore("its format row cannot be read".into())),
    }
}

fn is_empty(snapshot: &dyn Snapshot) -> Result<bool, EngineError> {
    use crate::engine::{Direction, first};
    use std::ops::Bound::Unbounded;
    for space in Space::ALL {
        if first(snapshot, space, (Unbounded, Unbounded), Direction::Forward)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The key of a dictionary.
pub(crate) fn dictionary_key(number: u64) -> Vec<u8> {
    [DICTIONARY_KEY, &number.to_be_bytes()].concat()
}

/// The number of a dictionary, from its key.
pub(crate) fn dictionary_of_key(key: &[u8]) -> Option<u64> {
    key.strip_prefix(DICTIONARY_KEY)?
        .try_into()
        .ok()
        .map(u64::from_be_bytes)
}

/// The key of a link or a body: the position of its first record.
pub(crate) fn position_key(position: Position) -> Vec<u8> {
    position.0.to_be_bytes().to_vec()
}

/// The position in the last eight bytes of a key.
pub(crate) fn position_of_key(key: &[u8]) -> Option<Position> {
    key.last_chunk()
        .map(|bytes| Position(u64::from_be_bytes(*bytes)))
}

/// What the keys of a history begin with; a chunk's position follows.
pub(crate) fn history_prefix(history: &History) -> Vec<u8> {
    let mut out = Vec::with_capacity(40);
    history.account.encode_part(&mut out);
    history.region.encode_part(&mut out);
    out
}

/// The current value of a state row, with the position that wrote it.
pub(crate) fn encode_current(position: Position, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + value.len());
    out.extend_from_slice(&position.0.to_be_bytes());
    out.extend_from_slice(value);
    out
}

/// Takes a current value apart.
pub(crate) fn decode_current(stored: &[u8]) -> Option<(Position, &[u8])> {
    let (position, value) = stored.split_first_chunk()?;
    Some((Position(u64::from_be_bytes(*position)), value))
}

/// The key of the version that `position` wrote: newer versions sort first.
pub(crate) fn version_key(row: &[u8], position: Position) -> Vec<u8> {
    [row, &(!position.0).to_be_bytes()].concat()
}

/// The row and the position of a version.
pub(crate) fn split_version_key(key: &[u8]) -> Option<(&[u8], Position)> {
    let (row, inverted) = key.split_last_chunk()?;
    Some((row, Position(!u64::from_be_bytes(*inverted))))
}

/// A version: its value, or that the row was deleted.
pub(crate) fn encode_version(value: Option<&[u8]>) -> Vec<u8> {
    value.map_or_else(|| vec![0], |value| [&[1], value].concat())
}

/// Takes a version apart; the outer `None` for bytes that are no version.
pub(crate) fn decode_version(stored: &[u8]) -> Option<Option<&[u8]>> {
    match stored.split_first()? {
        (0, []) => Some(None),
        (1, value) => Some(Some(value)),
        _ => None,
    }
}
