//! The embedded engine: one log-structured tree in a folder (`fjall`). `ENGINE.md` says why this one.

use super::memory::is_empty;
use super::{Batch, Direction, Engine, EngineError, KeyRange, Snapshot, Space, Visit};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// Bytes of blocks that are kept in memory.
const CACHE_BYTES: u64 = 16 << 20;
/// Bytes of recent writes that are kept in memory before they become a table on disk.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// Bytes of write-ahead log, which is what is read again when the store is opened.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// All spaces in one tree, each behind a first byte of its own: a new store is then a quarter of the files (and of the
/// flushes that make them) that a tree a space would need.
pub struct FjallEngine {
    database: Database,
    tree: Keyspace,
}

struct FjallSnapshot {
    snapshot: fjall::Snapshot,
    tree: Keyspace,
}

impl FjallEngine {
    /// Opens the engine in `folder`, or creates it there.
    ///
    /// # Errors
    /// When the folder is in use by another process, cannot be written, or holds something else.
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        #[cfg(target_os = "linux")]
        super::birth::is_made(folder, |memory| Self::open_in(memory).is_ok());
        Self::open_in(folder)
    }

    fn open_in(folder: &Path) -> Result<Self, EngineError> {
        let failed = |cause| EngineError::new("open", cause);
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(LOG_BYTES_MAX)
            .worker_threads(1)
            .open()
            .map_err(failed)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let tree = database.keyspace("palisade", options).map_err(failed)?;
        Ok(Self { database, tree })
    }
}

impl Engine for FjallEngine {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        Ok(Arc::new(FjallSnapshot {
            snapshot: self.database.snapshot(),
            tree: self.tree.clone(),
        }))
    }

    fn apply(&mut self, batch: Batch, durable: bool) -> Result<(), EngineError> {
        let mode = if durable {
            PersistMode::SyncData
        } else {
            PersistMode::Buffer
        };
        let mut write = self.database.batch().durability(Some(mode));
        for (space, key, value) in batch.changes {
            let key = in_space(space, &key);
            match value {
                Some(value) => write.insert(&self.tree, key, value),
                None => write.remove(&self.tree, key),
            }
        }
        write
            .commit()
            .map_err(|cause| EngineError::new("apply", cause))
    }
}

impl Snapshot for FjallSnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let value = self.snapshot.get(&self.tree, in_space(space, key));
        Ok(value
            .map_err(|cause| EngineError::new("get", cause))?
            .map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        space: Space,
        (start, end): KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        if is_empty((start, end)) {
            return Ok(());
        }
        let start = match start {
            Bound::Unbounded => Bound::Included(vec![space as u8]),
            bound => bound.map(|key| in_space(space, key)),
        };
        let end = match end {
            Bound::Unbounded => Bound::Excluded(vec![space as u8 + 1]),
            bound => bound.map(|key| in_space(space, key)),
        };
        let mut rows = self.snapshot.range(&self.tree, (start, end));
        loop {
            let next = match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.next_back(),
            };
            let Some(row) = next else { return Ok(()) };
            let (key, value) = row
                .into_inner()
                .map_err(|cause| EngineError::new("scan", cause))?;
            if visit(key.get(1..).unwrap_or_default(), &value).is_break() {
                return Ok(());
            }
        }
    }
}

fn in_space(space: Space, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 1);
    out.push(space as u8);
    out.extend_from_slice(key);
    out
}
