//! Transactions: reads of one snapshot, remembered; writes, kept back until the commit.

use crate::bytes::{Hash, hash};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::engine::{Direction, KeyRange, OwnedRange, Visit};
use crate::error::StoreError;
use crate::fact::{BranchId, Position};
use crate::key::{Key, KeyOf, PrefixOf, after_prefix};
use crate::table::{Derived, Table, Value, decode_value, encode_value};
use crate::view::{Found, View, damaged, merge};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// The most bytes that a row's key may have.
pub const KEY_BYTES_MAX: usize = 4 << 10;
/// The most bytes that a value may have, encoded.
pub const VALUE_BYTES_MAX: usize = 4 << 20;

/// A transaction on one state: the newest, a past one, or a branch's.
///
/// Reads see the snapshot it began with and its own writes. What it reads is remembered and checked when it commits, so
/// that all commits together are as if they had happened one after another. Dropping it leaves no trace.
pub struct Tx {
    pub(crate) view: View,
    pub(crate) time: Millis,
    pub(crate) past: bool,
    pub(crate) cache: Arc<Cache>,
    reads: RefCell<ReadSet>,
    pub(crate) writes: BTreeMap<Arc<[u8]>, Option<Vec<u8>>>,
}

/// What a transaction has read: rows, and ranges of rows.
#[derive(Default)]
pub(crate) struct ReadSet {
    pub rows: Vec<Arc<[u8]>>,
    pub ranges: Vec<OwnedRange>,
}

/// A row to write: its new value with that value's hash, or `None` to delete it.
pub(crate) struct RowWrite {
    pub row: Arc<[u8]>,
    pub value: Option<(Vec<u8>, Hash)>,
}

impl Tx {
    pub(crate) fn new(view: View, time: Millis, past: bool, cache: Arc<Cache>) -> Self {
        Self {
            view,
            time,
            past,
            cache,
            reads: RefCell::default(),
            writes: BTreeMap::new(),
        }
    }

    /// The commit whose state is read.
    pub fn position(&self) -> Position {
        self.view.position
    }

    /// State time now: the wall time when the transaction began, but never before the last commit's.
    pub fn time(&self) -> Millis {
        self.time
    }

    /// The branch it works on; `None` for the real state.
    pub fn branch(&self) -> Option<BranchId> {
        self.view.overlay.as_ref().map(|overlay| overlay.id)
    }

    /// Whether anything has been written.
    pub fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Forgets what was to be written: the call failed, and only that it was made is kept.
    pub fn discard_writes(&mut self) {
        self.writes.clear();
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn get<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
    ) -> Result<Option<V>, StoreError> {
        let row = table.row(key);
        if let Some(written) = self.writes.get(row.as_slice()) {
            return written
                .as_deref()
                .map(|bytes| decode(&row, bytes))
                .transpose();
        }
        let found = self.read(&row)?;
        let value = found.map(|found| decode(&row, &found.value)).transpose();
        self.saw(row.into());
        value
    }

    /// Whether there is a value under `key`.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn contains<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
    ) -> Result<bool, StoreError> {
        let row = table.row(key);
        if let Some(written) = self.writes.get(row.as_slice()) {
            return Ok(written.is_some());
        }
        let found = self.read(&row)?.is_some();
        self.saw(row.into());
        Ok(found)
    }

    /// Writes `value` under `key` when the transaction commits.
    ///
    /// # Errors
    /// When the key or the value is too large, or the value is not plain data.
    pub fn put<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
        value: &V,
    ) -> Result<(), StoreError> {
        let cause = |cause| StoreError::Encode {
            table: table.name(),
            cause,
        };
        let bytes = encode_value(value).map_err(cause)?;
        check_size(table.name(), "value", bytes.len(), VALUE_BYTES_MAX)?;
        self.write(table, key, Some(bytes))
    }

    /// Deletes what is under `key` when the transaction commits; no error if there is nothing.
    ///
    /// # Errors
    /// When the key is too large.
    pub fn delete<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
    ) -> Result<(), StoreError> {
        self.write(table, key, None)
    }

    /// At most `limit` rows whose keys begin with `prefix`, in order, from the one after `after`.
    ///
    /// ```
    /// # use palisade_store::{Options, Store, StoreError, Table};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// static USERS: Table<(String, String), u32> = Table::new("iam.user");
    /// let mut tx = Store::open_memory(Options::default())?.begin()?;
    /// for (account, user, n) in [("1", "ann", 1), ("1", "bob", 2), ("2", "cy", 3)] {
    ///     tx.put(&USERS, &(account, user), &n)?;
    /// }
    /// let page = tx.range(&USERS, &("1",), None, 1)?;
    /// assert_eq!(page, [(("1".to_owned(), "ann".to_owned()), 1)]);
    /// let rest = tx.range(&USERS, &("1",), Some(&page[0].0), 10)?;
    /// assert_eq!(rest, [(("1".to_owned(), "bob".to_owned()), 2)]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn range<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl PrefixOf<K>,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let prefix = table.prefix(prefix);
        let after = after.map(|key| table.row(key)).filter(|row| *row >= prefix);
        let start = after.map_or_else(|| Bound::Included(prefix.clone()), Bound::Excluded);
        let end = after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.collect(table, start, end, Direction::Forward, limit)
    }

    /// At most `limit` rows whose keys begin with `prefix`, from the greatest down, beginning before `before`.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn range_back<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl PrefixOf<K>,
        before: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let prefix = table.prefix(prefix);
        let last = after_prefix(&prefix);
        let before = before
            .map(|key| table.row(key))
            .filter(|row| last.as_ref().is_none_or(|last| row < last));
        let end = before.or(last).map_or(Bound::Unbounded, Bound::Excluded);
        self.collect(
            table,
            Bound::Included(prefix),
            end,
            Direction::Backward,
            limit,
        )
    }

    /// The value of a derived table's row: the newest that its follower has written, not part of what is checked.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn derived<K: Key, V: Value>(
        &self,
        table: &Derived<K, V>,
        key: &impl KeyOf<K>,
    ) -> Result<Option<V>, StoreError> {
        let row = table.row(key);
        self.view
            .get_derived(&row)?
            .map(|bytes| decode(&row, &bytes))
            .transpose()
    }

    /// At most `limit` rows of a derived table whose keys begin with `prefix`, in order, from the one after `after`.
    ///
    /// # Errors
    /// When the store cannot be read or is damaged.
    pub fn derived_range<K: Key, V: Value>(
        &self,
        table: &Derived<K, V>,
        prefix: &impl PrefixOf<K>,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        derived_range(&*self.view.published.snapshot, table, prefix, after, limit)
    }

    /// What it read and what it wants to write, for the commit.
    pub(crate) fn into_parts(self) -> (View, ReadSet, Vec<RowWrite>) {
        let writes = self.writes.into_iter().map(|(row, value)| RowWrite {
            row,
            value: value.map(|bytes| {
                let hash = hash(&bytes);
                (bytes, hash)
            }),
        });
        (self.view, self.reads.into_inner(), writes.collect())
    }

    fn write<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        key: &impl KeyOf<K>,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let row = table.row(key);
        check_size(table.name(), "key", row.len(), KEY_BYTES_MAX)?;
        self.writes.insert(row.into(), value);
        Ok(())
    }

    pub(crate) fn read(&self, row: &[u8]) -> Result<Option<Found>, StoreError> {
        if let Some(value) = self
            .view
            .overlay
            .as_ref()
            .and_then(|overlay| overlay.get(row))
        {
            let written_at = self.view.position;
            return Ok(value.map(|value| Found {
                value: value.to_vec(),
                written_at,
            }));
        }
        self.view.get_base(row)
    }

    pub(crate) fn saw(&self, row: Arc<[u8]>) {
        self.reads.borrow_mut().rows.push(row);
    }

    fn collect<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        start: Bound<Vec<u8>>,
        end: Bound<Vec<u8>>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        let mut bad = None;
        let mut last = None;
        self.scan(as_range(&start, &end), direction, &mut |row, value| {
            match table.decode_key(row).zip(decode_value(value).ok()) {
                Some(pair) => rows.push(pair),
                None => bad = Some(damaged(row)),
            }
            if bad.is_some() || rows.len() == limit {
                last = Some(row.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        // What lies behind the last row was not looked at, and may change without a conflict.
        let seen = match (last, direction) {
            (None, _) => (start, end),
            (Some(last), Direction::Forward) => (start, Bound::Included(last)),
            (Some(last), Direction::Backward) => (Bound::Included(last), end),
        };
        self.reads.borrow_mut().ranges.push(seen);
        bad.map_or(Ok(rows), Err)
    }

    fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        if self.writes.is_empty() || crate::engine::memory::is_empty(range) {
            return self.view.scan(range, direction, visit);
        }
        let written = self
            .writes
            .range::<[u8], _>(range)
            .map(|(row, value)| (&**row, value.as_deref()));
        let base = |visit: &mut Visit<'_>| self.view.scan(range, direction, visit);
        match direction {
            Direction::Forward => merge(written, direction, base, visit),
            Direction::Backward => merge(written.rev(), direction, base, visit),
        }
    }
}

/// A page of a derived table in a snapshot.
pub(crate) fn derived_range<K: Key, V: Value>(
    snapshot: &dyn crate::engine::Snapshot,
    table: &Derived<K, V>,
    prefix: &impl PrefixOf<K>,
    after: Option<&K>,
    limit: usize,
) -> Result<Vec<(K, V)>, StoreError> {
    let prefix = table.prefix(prefix);
    let after = after.map(|key| table.row(key)).filter(|row| *row >= prefix);
    let start = after.map_or_else(|| Bound::Included(prefix.clone()), Bound::Excluded);
    let end = after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
    let (mut rows, mut bad) = (Vec::new(), None);
    if limit == 0 {
        return Ok(rows);
    }
    let space = crate::engine::Space::Derived;
    snapshot.scan(
        space,
        as_range(&start, &end),
        Direction::Forward,
        &mut |row, value| {
            match table.decode_key(row).zip(decode_value(value).ok()) {
                Some(pair) => rows.push(pair),
                None => bad = Some(damaged(row)),
            }
            if bad.is_some() || rows.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )?;
    bad.map_or(Ok(rows), Err)
}

fn as_range<'a>(start: &'a Bound<Vec<u8>>, end: &'a Bound<Vec<u8>>) -> KeyRange<'a> {
    (
        start.as_ref().map(Vec::as_slice),
        end.as_ref().map(Vec::as_slice),
    )
}

pub(crate) fn decode<V: Value>(row: &[u8], bytes: &[u8]) -> Result<V, StoreError> {
    decode_value(bytes)
        .map_err(|cause| StoreError::Damaged(format!("row {}: {cause}", row.escape_ascii())))
}

fn check_size(table: &str, what: &str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size <= limit {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        what: format!("a {what} of table {table}"),
        size,
        limit,
    })
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("position", &self.position())
            .field("branch", &self.branch())
            .finish_non_exhaustive()
    }
}
