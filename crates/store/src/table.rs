//! Tables: a name, the type of the keys and the type of the values.

use crate::key::{Key, KeyOf, PrefixOf};
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;

/// What a table can hold: plain data that is written with field names, so that a field can be added later with
/// `#[serde(default)]` and rows written before still read.
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for T {}

/// A table of **state**: journaled, versioned, what answers depend on.
///
/// ```
/// use palisade_store::Table;
/// static USERS: Table<(String, String), u32> = Table::new("iam.user");
/// assert_eq!(USERS.name(), "iam.user");
/// ```
pub struct Table<K, V> {
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

/// A table of **derived** data: cursors, counters, projections. It can be rebuilt from the journal, is written by
/// followers alone, and has neither versions nor journal records.
pub struct Derived<K, V> {
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Table<K, V> {
    /// A table by its name: `service.thing`, lower case, never changed once rows exist.
    ///
    /// # Panics
    /// At compile time (in a `static`) when the name is empty, longer than 64 bytes, or holds anything but lower-case
    /// letters, digits, `.`, `_` and `-`.
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self {
            name,
            types: PhantomData,
        }
    }

    /// The table's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K, V> Derived<K, V> {
    /// A derived table by its name; the same rules as for [`Table::new`].
    pub const fn new(name: &'static str) -> Self {
        check_name(name);
        Self {
            name,
            types: PhantomData,
        }
    }

    /// The table's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<K: Key, V: Value> Table<K, V> {
    pub(crate) fn row(&self, key: &impl KeyOf<K>) -> Vec<u8> {
        row(self.name, |out| key.encode_key(out))
    }

    pub(crate) fn prefix(&self, prefix: &impl PrefixOf<K>) -> Vec<u8> {
        row(self.name, |out| prefix.encode_prefix(out))
    }

    pub(crate) fn decode_key(&self, row: &[u8]) -> Option<K> {
        K::decode_key(row.get(self.name.len() + 1..)?)
    }
}

impl<K: Key, V: Value> Derived<K, V> {
    pub(crate) fn row(&self, key: &impl KeyOf<K>) -> Vec<u8> {
        row(self.name, |out| key.encode_key(out))
    }

    pub(crate) fn prefix(&self, prefix: &impl PrefixOf<K>) -> Vec<u8> {
        row(self.name, |out| prefix.encode_prefix(out))
    }

    pub(crate) fn decode_key(&self, row: &[u8]) -> Option<K> {
        K::decode_key(row.get(self.name.len() + 1..)?)
    }
}

/// A row's key in the engine: the table's name, `00`, the key.
fn row(name: &str, encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 48);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    encode(&mut out);
    out
}

/// The table's name and the key's bytes within a row's key.
pub(crate) fn split_row(row: &[u8]) -> Option<(&str, &[u8])> {
    let end = row.iter().position(|&byte| byte == 0)?;
    Some((std::str::from_utf8(&row[..end]).ok()?, &row[end + 1..]))
}

pub(crate) fn encode_value<V: Value>(value: &V) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
}

pub(crate) fn decode_value<V: Value>(bytes: &[u8]) -> Result<V, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}

const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(
        !bytes.is_empty() && bytes.len() <= 64,
        "a table's name has 1 to 64 bytes"
    );
    let mut i = 0;
    while i < bytes.len() {
        assert!(
            matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'),
            "a table's name is lower-case letters, digits, '.', '_' and '-'"
        );
        i += 1;
    }
}
