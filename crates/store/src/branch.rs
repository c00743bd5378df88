//! Branches: a position of the past and an overlay of writes over it, in memory, for trying what would happen.

use crate::clock::Millis;
use crate::commit::touches;
use crate::engine::{Direction, KeyRange};
use crate::error::{AsOfError, CommitError, StoreError};
use crate::fact::{BranchId, Position, Row};
use crate::store::Store;
use crate::tx::{ReadSet, RowWrite, Tx};
use crate::view::{Over, View, view_at};
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bounds on branches.
#[derive(Clone, Copy, Debug)]
pub struct BranchLimits {
    /// How many may be open at once.
    pub count_max: usize,
    /// How many rows one may have written.
    pub rows_max: usize,
    /// How many bytes one may have written.
    pub bytes_max: usize,
    /// How long one lives.
    pub lifetime: Duration,
}

impl Default for BranchLimits {
    fn default() -> Self {
        Self {
            count_max: 64,
            rows_max: 100_000,
            bytes_max: 32 << 20,
            lifetime: Duration::from_secs(3600),
        }
    }
}

/// Why a branch could not be opened or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BranchError {
    /// As many are open as may be.
    #[error("{0} branches are open, which is as many as may be")]
    TooMany(usize),
    /// It was dropped, or its time is up.
    #[error("branch {0} is no more")]
    Gone(BranchId),
    /// Its base cannot be read.
    #[error(transparent)]
    Base(#[from] AsOfError),
}

/// A row that a branch changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchWrite {
    /// The row.
    pub row: Row,
    /// The encoded value at the branch's base.
    pub before: Option<Vec<u8>>,
    /// The encoded value on the branch.
    pub after: Option<Vec<u8>>,
}

impl BranchWrite {
    /// The value before, read as `T`: the table's own type, or one that takes any data.
    ///
    /// # Errors
    /// When the value is no `T`.
    pub fn before_as<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        decode(self.before.as_deref(), &self.row)
    }

    /// The value after, read as `T`.
    ///
    /// # Errors
    /// When the value is no `T`.
    pub fn after_as<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        decode(self.after.as_deref(), &self.row)
    }
}

fn decode<T: serde::de::DeserializeOwned>(
    bytes: Option<&[u8]>,
    row: &Row,
) -> Result<Option<T>, StoreError> {
    let decoded = bytes.map(rmp_serde::from_slice).transpose();
    decoded.map_err(|error| StoreError::Damaged(format!("row {row:?}: {error}")))
}

/// What a branch has written so far; a copy of it is a snapshot.
#[derive(Clone)]
pub(crate) struct Overlay {
    pub id: BranchId,
    rows: OrdMap<Arc<[u8]>, OverlayRow>,
    /// How many commits it has taken.
    sequence: u64,
    bytes: usize,
}

#[derive(Clone)]
struct OverlayRow {
    sequence: u64,
    value: Option<Arc<[u8]>>,
}

impl Overlay {
    /// `Some(None)`: deleted on the branch.
    pub fn get(&self, row: &[u8]) -> Option<Option<&[u8]>> {
        self.rows.get(row).map(|row| row.value.as_deref())
    }

    pub fn range<'a>(
        &'a self,
        range: KeyRange<'_>,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Over<'a>> + 'a> {
        if crate::engine::memory::is_empty(range) {
            return Box::new(std::iter::empty());
        }
        let rows = self
            .rows
            .range::<_, [u8]>(range)
            .map(|(row, found)| (&**row, found.value.as_deref()));
        match direction {
            Direction::Forward => Box::new(rows),
            Direction::Backward => Box::new(rows.rev()),
        }
    }

    /// The overlay after a commit by a transaction that began with `seen`.
    fn commit(
        &self,
        seen: &Self,
        reads: &ReadSet,
        writes: Vec<RowWrite>,
        limits: BranchLimits,
    ) -> Result<Self, CommitError> {
        let newer = |row: &OverlayRow| row.sequence > seen.sequence;
        let row_changed = reads
            .rows
            .iter()
            .any(|row| self.rows.get(row).is_some_and(newer));
        let range_changed = reads.ranges.iter().any(|range| {
            touches(range, |range| {
                self.rows.range::<_, [u8]>(range).any(|(_, row)| newer(row))
            })
        });
        if row_changed || range_changed {
            return Err(CommitError::Conflict);
        }
        let mut next = self.clone();
        next.sequence += 1;
        for RowWrite { row, value } in writes {
            next.bytes += row.len() + value.as_ref().map_or(0, |(bytes, _)| bytes.len());
            let value = value.map(|(bytes, _)| bytes.into());
            let before = next.rows.insert(
                row.clone(),
                OverlayRow {
                    sequence: next.sequence,
                    value,
                },
            );
            if let Some(before) = before {
                next.bytes -= row.len() + before.value.map_or(0, |bytes| bytes.len());
            }
        }
        if next.rows.len() > limits.rows_max || next.bytes > limits.bytes_max {
            return Err(CommitError::BranchFull(self.id));
        }
        Ok(next)
    }
}

/// An open branch.
pub(crate) struct Branch {
    pub base: Position,
    expires: Millis,
    overlay: Mutex<Overlay>,
    /// Held from the check of a commit until its fact is durable, so that commits happen one after another.
    pub committing: tokio::sync::Mutex<()>,
}

impl Branch {
    pub fn overlay(&self) -> Overlay {
        self.overlay
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The overlay as a commit would leave it; `committing` must be held until [`Self::advance`].
    pub fn prepare(
        &self,
        seen: &Overlay,
        reads: &ReadSet,
        writes: Vec<RowWrite>,
        limits: BranchLimits,
    ) -> Result<Overlay, CommitError> {
        self.overlay().commit(seen, reads, writes, limits)
    }

    pub fn advance(&self, next: Overlay) {
        *self.overlay.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

/// The open branches of a store.
pub(crate) struct Branches {
    limits: BranchLimits,
    open: Mutex<BTreeMap<BranchId, Arc<Branch>>>,
    /// The next id is at least this: none is used twice, also when branches are dropped within a millisecond.
    next_id: AtomicU64,
}

impl Branches {
    pub fn new(limits: BranchLimits) -> Self {
        Self {
            limits,
            open: Mutex::default(),
            next_id: AtomicU64::new(0),
        }
    }

    pub fn limits(&self) -> BranchLimits {
        self.limits
    }

    /// Opens a branch at `base`. Its name is made of the time, which never goes back, so that none is used twice.
    pub fn open(&self, base: Position, now: Millis) -> Result<BranchId, BranchError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, branch| now < branch.expires);
        if open.len() >= self.limits.count_max {
            return Err(BranchError::TooMany(open.len()));
        }
        let id = BranchId(self.next_id.load(Ordering::Relaxed).max(now.0 << 16));
        self.next_id.store(id.0 + 1, Ordering::Relaxed);
        let overlay = Overlay {
            id,
            rows: OrdMap::new(),
            sequence: 0,
            bytes: 0,
        };
        let expires = now.plus(self.limits.lifetime);
        let branch = Branch {
            base,
            expires,
            overlay: Mutex::new(overlay),
            committing: tokio::sync::Mutex::default(),
        };
        open.insert(id, Arc::new(branch));
        Ok(id)
    }

    pub fn get(&self, id: BranchId, now: Millis) -> Option<Arc<Branch>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&id).is_some_and(|branch| now >= branch.expires) {
            open.remove(&id);
        }
        open.get(&id).cloned()
    }

    pub fn drop(&self, id: BranchId) -> bool {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id)
            .is_some()
    }

    /// The oldest base of the branches that are open: retention stops before it.
    pub fn oldest_base(&self, now: Millis) -> Option<Position> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, branch| now < branch.expires);
        open.values().map(|branch| branch.base).min()
    }
}

/// The rows that differ between a branch and its base.
pub(crate) fn writes(view: &View) -> Result<Vec<BranchWrite>, StoreError> {
    let Some(overlay) = &view.overlay else {
        return Ok(Vec::new());
    };
    let mut writes = Vec::new();
    for (row, changed) in &overlay.rows {
        let before = view.get_base(row)?.map(|found| found.value);
        let after = changed.value.as_ref().map(|value| value.to_vec());
        if before != after {
            writes.push(BranchWrite {
                row: Row(row.clone()),
                before,
                after,
            });
        }
    }
    Ok(writes)
}

impl Store {
    /// Opens a branch on the state as it was at `base`.
    ///
    /// # Errors
    /// When too many are open, or the base cannot be read.
    pub fn branch(&self, base: Position) -> Result<BranchId, BranchError> {
        self.shared.check_healthy().map_err(AsOfError::from)?;
        let published = self.shared.published.load_full();
        let now = self.shared.state_time(&published);
        view_at(published, base)?;
        self.shared.branches.open(base, now)
    }

    /// Begins a transaction on a branch.
    ///
    /// # Errors
    /// When the branch was dropped, or its time is up.
    pub fn begin_on(&self, id: BranchId) -> Result<Tx, BranchError> {
        self.shared.check_healthy().map_err(AsOfError::from)?;
        let published = self.shared.published.load_full();
        let time = self.shared.state_time(&published);
        let branch = self
            .shared
            .branches
            .get(id, time)
            .ok_or(BranchError::Gone(id))?;
        let mut view = view_at(published, branch.base)?;
        view.overlay = Some(branch.overlay());
        Ok(Tx::new(view, time, false, self.shared.cache.clone()))
    }

    /// The rows that a branch changed.
    ///
    /// # Errors
    /// When the branch was dropped, or its time is up.
    pub fn branch_writes(&self, id: BranchId) -> Result<Vec<BranchWrite>, BranchError> {
        let tx = self.begin_on(id)?;
        Ok(writes(&tx.view).map_err(AsOfError::from)?)
    }

    /// How long a branch lives.
    pub fn branch_lifetime(&self) -> std::time::Duration {
        self.shared.branches.limits().lifetime
    }

    /// The position a branch was opened on.
    ///
    /// # Errors
    /// When the branch was dropped, or its time is up.
    pub fn branch_base(&self, id: BranchId) -> Result<Position, BranchError> {
        let now = self.shared.state_time(&self.shared.published.load_full());
        let branch = self.shared.branches.get(id, now);
        branch
            .map(|branch| branch.base)
            .ok_or(BranchError::Gone(id))
    }

    /// Throws a branch away; false if there was none.
    pub fn drop_branch(&self, id: BranchId) -> bool {
        self.shared.branches.drop(id)
    }
}
