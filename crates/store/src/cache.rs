//! Decoded rows, kept so that the hot path decodes (and compiles) each once and not once a call.
//!
//! The rule that keeps it honest: an entry says from which position on its value has been the row's value, and the
//! committer removes a row's entry *before* the snapshot in which it changed can be seen. So an entry that is there holds
//! for every position from `valid_from` to the newest that anyone can see. A reader never takes an entry younger than
//! its snapshot, and never leaves a value that it read from a snapshot older than the last write into the shard.

use crate::fact::Position;
use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

const SHARDS: usize = 32;
/// What an entry costs besides its value, roughly; a decoded value is taken to be four times its encoded size.
const ENTRY_BYTES: usize = 200;
const DECODED_FACTOR: usize = 4;

pub(crate) type Form = Arc<dyn Any + Send + Sync>;

/// A bounded, sharded map from row to decoded value.
pub(crate) struct Cache {
    hasher: RandomState,
    shards: Vec<RwLock<Shard>>,
    shard_bytes_max: usize,
}

/// Two generations: what is not asked for again while the young one fills goes with the old one.
#[derive(Default)]
struct Shard {
    young: HashMap<Arc<[u8]>, Entry>,
    old: HashMap<Arc<[u8]>, Entry>,
    young_bytes: usize,
    last_write: Position,
}

struct Entry {
    valid_from: Position,
    /// `None`: there is no such row.
    value: Option<Form>,
    /// What was made of the value, by name.
    forms: Vec<(&'static str, Form)>,
    bytes: usize,
}

/// A row found in the cache.
pub(crate) struct Hit {
    pub row: Arc<[u8]>,
    pub value: Option<Form>,
    pub form: Option<Form>,
}

/// What was read from a snapshot, to be left in the cache.
pub(crate) struct Fill {
    pub row: Arc<[u8]>,
    /// The head of the snapshot that it was read from.
    pub read_at: Position,
    /// The position that wrote the value; for a row that is not there, the head of the snapshot.
    pub valid_from: Position,
    pub value: Option<Form>,
    pub form: Option<(&'static str, Form)>,
    pub encoded_bytes: usize,
}

impl Cache {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            shard_bytes_max: bytes_max / SHARDS,
        }
    }

    /// The row as it is at position `at`, with its form `name`, if the cache knows it.
    pub fn get(&self, row: &[u8], at: Position, name: &'static str) -> Option<Hit> {
        let lock = self.shard(row);
        let is_old = {
            let shard = lock.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((row, entry)) = shard.young.get_key_value(row) {
                return entry.hit(row, at, name);
            }
            shard.old.contains_key(row)
        };
        if !is_old {
            return None;
        }
        let mut shard = lock.write().unwrap_or_else(PoisonError::into_inner);
        let (key, entry) = shard.old.remove_entry(row)?;
        let hit = entry.hit(&key, at, name);
        shard.insert(key, entry, self.shard_bytes_max);
        hit
    }

    /// Leaves what was read, unless something in the shard has been written since.
    pub fn fill(&self, fill: Fill) {
        let bytes = ENTRY_BYTES + fill.row.len() + fill.encoded_bytes * DECODED_FACTOR;
        if bytes > self.shard_bytes_max / 2 {
            return;
        }
        let mut shard = self
            .shard(&fill.row)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if fill.read_at < shard.last_write {
            return;
        }
        if let Some(entry) = shard.young.get_mut(&fill.row) {
            entry.forms.extend(
                fill.form
                    .filter(|(name, _)| entry.forms.iter().all(|(known, _)| known != name)),
            );
            return;
        }
        let forms = fill.form.into_iter().collect();
        let entry = Entry {
            valid_from: fill.valid_from,
            value: fill.value,
            forms,
            bytes,
        };
        shard.insert(fill.row, entry, self.shard_bytes_max);
    }

    /// Forgets a row that is about to change at `position`.
    pub fn forget(&self, row: &[u8], position: Position) {
        let mut shard = self
            .shard(row)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.last_write = shard.last_write.max(position);
        if let Some(entry) = shard.young.remove(row) {
            shard.young_bytes -= entry.bytes;
        }
        shard.old.remove(row);
    }

    fn shard(&self, row: &[u8]) -> &RwLock<Shard> {
        &self.shards[self.hasher.hash_one(row) as usize % SHARDS]
    }
}

impl Shard {
    fn insert(&mut self, row: Arc<[u8]>, entry: Entry, bytes_max: usize) {
        if self.young_bytes + entry.bytes > bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += entry.bytes;
        self.young.insert(row, entry);
    }
}

impl Entry {
    fn hit(&self, row: &Arc<[u8]>, at: Position, name: &'static str) -> Option<Hit> {
        (at >= self.valid_from).then(|| Hit {
            row: row.clone(),
            value: self.value.clone(),
            form: self
                .forms
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, form)| form.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(row: &str, read_at: u64, valid_from: u64, value: u32) -> Fill {
        Fill {
            row: row.as_bytes().into(),
            read_at: Position(read_at),
            valid_from: Position(valid_from),
            value: Some(Arc::new(value)),
            form: None,
            encoded_bytes: 4,
        }
    }

    fn value(cache: &Cache, row: &str, at: u64) -> Option<u32> {
        let hit = cache.get(row.as_bytes(), Position(at), "")?;
        Some(*hit.value?.downcast::<u32>().unwrap())
    }

    #[test]
    fn a_reader_never_takes_what_is_newer_than_its_snapshot() {
        let cache = Cache::new(1 << 20);
        cache.fill(fill("a", 9, 5, 1));
        assert_eq!(value(&cache, "a", 4), None);
        assert_eq!(value(&cache, "a", 5), Some(1));
        assert_eq!(value(&cache, "a", 20), Some(1));
    }

    #[test]
    fn a_reader_of_an_old_snapshot_never_leaves_what_is_stale() {
        let cache = Cache::new(1 << 20);
        cache.fill(fill("a", 5, 5, 1));
        cache.forget(b"a", Position(6));
        assert_eq!(value(&cache, "a", 6), None);
        cache.fill(fill("a", 5, 5, 1));
        assert_eq!(value(&cache, "a", 6), None);
        cache.fill(fill("a", 6, 6, 2));
        assert_eq!(value(&cache, "a", 6), Some(2));
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_asked_for() {
        let cache = Cache::new(SHARDS * 20 * ENTRY_BYTES);
        for i in 0..10_000 {
            cache.fill(fill(&format!("row{i}"), 1, 1, i));
            cache.fill(fill("hot", 1, 1, 7));
            assert_eq!(value(&cache, "hot", 1), Some(7));
        }
        let entries: usize = cache
            .shards
            .iter()
            .map(|s| s.read().unwrap().young.len() + s.read().unwrap().old.len())
            .sum();
        assert!(entries < SHARDS * 20, "{entries}");
        assert!(entries > SHARDS, "{entries}");
    }
}
