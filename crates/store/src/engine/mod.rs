//! The seam to an engine: ordered keys and values in a handful of spaces, snapshots, and atomic batches.
//!
//! Everything else (transactions, versions, journal, branches) is written once above this seam. An engine needs no
//! transactions of its own beyond "this batch, whole or not at all", no conflict detection and no notion of time, so one
//! over a SQL table `(space, key, value)` is as possible as one over a file.

#[cfg(target_os = "linux")]
mod birth;
pub mod fjall;
pub mod memory;

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// The spaces of an engine; keys of different spaces never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Space {
    /// The newest value of every state row.
    State = 0,
    /// Older values of state rows, and where they were deleted.
    Versions = 1,
    /// Rows of derived tables.
    Derived = 2,
    /// The journal's hash chain.
    Links = 3,
    /// The journal's records.
    Bodies = 4,
    /// Which journal chunks show in which history.
    Histories = 5,
    /// Format version, head of the journal, horizons, dictionaries.
    Meta = 6,
}

impl Space {
    /// Every space, in order of its number.
    pub const ALL: [Self; 7] = [
        Self::State,
        Self::Versions,
        Self::Derived,
        Self::Links,
        Self::Bodies,
        Self::Histories,
        Self::Meta,
    ];

    /// The space's name, for engines that name their tables or folders.
    pub const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Versions => "versions",
            Self::Derived => "derived",
            Self::Links => "links",
            Self::Bodies => "bodies",
            Self::Histories => "histories",
            Self::Meta => "meta",
        }
    }
}

/// An engine's failure: what it was doing and what the engine said.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct EngineError {
    /// What was being done, such as `apply`.
    pub doing: &'static str,
    /// What the engine said.
    pub cause: String,
}

impl EngineError {
    /// An error from whatever the engine reports.
    pub fn new(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self {
            doing,
            cause: cause.to_string(),
        }
    }
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the least key.
    Forward,
    /// From the greatest key.
    Backward,
}

/// A range of keys.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A range that owns its ends.
pub(crate) type OwnedRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What a scan calls with each key and value, until it breaks.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An unchanging view of everything applied when it was taken.
pub trait Snapshot: Send + Sync {
    /// The value under `key`.
    ///
    /// # Errors
    /// The engine's own failure to read.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Calls `visit` with each key of `range` in order, until it breaks.
    ///
    /// # Errors
    /// The engine's own failure to read.
    fn scan(
        &self,
        space: Space,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError>;
}

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The first key and value of `range` in `direction`.
pub(crate) fn first(
    snapshot: &dyn Snapshot,
    space: Space,
    range: KeyRange<'_>,
    direction: Direction,
) -> Result<Option<Pair>, EngineError> {
    let mut found = None;
    snapshot.scan(space, range, direction, &mut |key, value| {
        found = Some((key.to_vec(), value.to_vec()));
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Changes that happen together or not at all. Later entries win over earlier ones for the same key.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Space, key and new value (`None` removes).
    pub changes: Vec<(Space, Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets `key` to `value`.
    pub fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((space, key, Some(value)));
    }

    /// Removes `key`.
    pub fn delete(&mut self, space: Space, key: Vec<u8>) {
        self.changes.push((space, key, None));
    }
}

/// An ordered store of keys and values. One thread owns it and writes; snapshots are read by many.
pub trait Engine: Send + 'static {
    /// A view of everything applied so far.
    ///
    /// # Errors
    /// The engine's own failure.
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError>;

    /// Applies a batch atomically; with `durable` it is on disk (and everything applied before it) on return.
    /// A batch applied without `durable` may be lost in a crash, but whole, and never one before it.
    ///
    /// # Errors
    /// The engine's own failure; it is then unknown whether the batch will be there after reopening.
    fn apply(&mut self, batch: Batch, durable: bool) -> Result<(), EngineError>;
}
