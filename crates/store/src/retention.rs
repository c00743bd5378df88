//! Forgetting: what lies behind a horizon is dropped, a little at a time, without holding up anyone.
//!
//! The horizon is raised first, by a commit with a record of its own; only then are rows dropped. The hash chain stays
//! whole: it holds the hashes of what was dropped. Whatever a crash leaves undone, the next run finds again.

use crate::clock::Millis;
use crate::commit::group::history_rows;
use crate::commit::queue::{Urgency, Work};
use crate::engine::{Batch, Direction, Snapshot, Space};
use crate::error::{CommitError, StoreError};
use crate::fact::{Fact, Position, Preamble};
use crate::journal::{Journal, body};
use crate::layout::{self, Horizons};
use crate::store::Store;
use crate::view::damaged;
use std::ops::{Bound, ControlFlow};
use std::time::Duration;

/// Rows that are looked at between two chances for others.
const PAGE_ROWS: usize = 500;
/// How long a batch of drops may wait for company in a commit.
const DROP_DELAY: Duration = Duration::from_millis(20);

/// What may be forgotten: everything before these positions. [`Journal::position_at`] finds them by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forget {
    /// States before this position.
    pub states: Position,
    /// Records before this position.
    pub records: Position,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Old versions of rows.
    pub versions: u64,
    /// Groups of records.
    pub bodies: u64,
    /// The horizons as they are now.
    pub horizons: Horizons,
}

impl Store {
    /// Forgets what is older than asked, recording `fact` as its cause. Less may be forgotten than asked: a branch's
    /// base stays readable, a follower gets every record, and records go by the group in which they were committed.
    ///
    /// # Errors
    /// When the store cannot be read or written. What was already dropped stays dropped; running again goes on.
    pub async fn forget(&self, ask: Forget, fact: Fact) -> Result<Forgotten, CommitError> {
        let journal = self.journal();
        let horizons = self.reachable(&journal, ask).map_err(unavailable)?;
        if horizons != journal.horizons() {
            self.raise(horizons, fact).await?;
        }
        let bodies = self
            .drop_bodies(horizons.journal)
            .await
            .map_err(unavailable)?;
        let versions = self
            .drop_versions(horizons.state)
            .await
            .map_err(unavailable)?;
        self.flush().await.map_err(unavailable)?;
        Ok(Forgotten {
            versions,
            bodies,
            horizons,
        })
    }

    /// How far the horizons can be raised now.
    fn reachable(&self, journal: &Journal, ask: Forget) -> Result<Horizons, StoreError> {
        let (head, now) = (journal.head().position, journal.horizons());
        let oldest_base = self
            .shared
            .branches
            .oldest_base(self.shared.options.clock.now());
        let state = ask.states.min(head).min(oldest_base.unwrap_or(head));
        let cursors = self
            .followers()
            .into_iter()
            .map(|follower| Position(follower.status().cursor.0 + 1));
        let records = cursors.fold(ask.records.min(head), Position::min);
        let records = journal.chunk_of(records)?.unwrap_or_default();
        Ok(Horizons {
            state: state.max(now.state),
            journal: records.max(now.journal),
        })
    }

    async fn drop_bodies(&self, horizon: Position) -> Result<u64, StoreError> {
        let mut dropped = 0;
        loop {
            let journal = self.journal();
            let firsts = chunks_before(journal.snapshot(), horizon)?;
            if firsts.is_empty() {
                self.drop_dictionaries(&journal).await?;
                return Ok(dropped);
            }
            let mut batch = Batch::default();
            for first in &firsts {
                drop_body(&journal, *first, &mut batch)?;
            }
            dropped += firsts.len() as u64;
            self.maintain(batch).await?;
        }
    }

    /// Dictionaries are numbered as they come: the oldest body that is left says which are still needed.
    async fn drop_dictionaries(&self, journal: &Journal) -> Result<(), StoreError> {
        let mut oldest = None;
        let mut looked_at = 0;
        journal.snapshot().scan(
            Space::Bodies,
            (Bound::Unbounded, Bound::Unbounded),
            Direction::Forward,
            &mut |_, row| {
                oldest = body::dictionary_number(row).flatten();
                looked_at += 1;
                if oldest.is_some() || looked_at == PAGE_ROWS {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        let Some(oldest) = oldest else { return Ok(()) };
        let (start, end) = (layout::dictionary_key(0), layout::dictionary_key(oldest));
        let range = (
            Bound::Included(start.as_slice()),
            Bound::Excluded(end.as_slice()),
        );
        let mut batch = Batch::default();
        journal
            .snapshot()
            .scan(Space::Meta, range, Direction::Forward, &mut |key, _| {
                batch.delete(Space::Meta, key.to_vec());
                ControlFlow::Continue(())
            })?;
        self.maintain(batch).await
    }

    async fn drop_versions(&self, horizon: Position) -> Result<u64, StoreError> {
        let mut dropped = 0;
        let mut walk = VersionWalk {
            horizon,
            after: None,
            kept: None,
        };
        loop {
            let published = self.shared.published.load_full();
            let (batch, more) = walk.page(&*published.snapshot)?;
            drop(published);
            dropped += batch.changes.len() as u64;
            self.maintain(batch).await?;
            if !more {
                return Ok(dropped);
            }
        }
    }

    async fn maintain(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.changes.is_empty() {
            return Ok(());
        }
        self.shared
            .work(
                |ack| Work::Maintain(batch, ack),
                Urgency::Within(DROP_DELAY),
            )
            .await
    }

    /// Destroys the call and the questions of the record at `position`; its hashes stay, so the chain still verifies
    /// (which lists it as destroyed). Pieces of it may stay in a
    /// compression dictionary until retention has passed the records that use that. False if there is no such record any more. The caller records why.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn destroy_record(&self, position: Position) -> Result<bool, StoreError> {
        let journal = self.journal();
        let Some(first) = journal.chunk_of(position)? else {
            return Ok(false);
        };
        let link = journal.link(first)?;
        let Some(mut parts) = journal.parts(&link)? else {
            return Ok(false);
        };
        let index = usize::try_from(position.0 - first.0).unwrap_or(usize::MAX);
        let Some(part) = parts.get_mut(index).filter(|part| part.call.is_some()) else {
            return Ok(false);
        };
        *part = body::Parts {
            call: None,
            questions: None,
        };
        let mut batch = Batch::default();
        let row = body::compress(&body::concatenate_parts(&parts), None);
        batch.put(Space::Bodies, layout::position_key(first), row);
        self.maintain(batch).await?;
        self.flush().await?;
        Ok(true)
    }

    /// The newest position at or before `age` ago: what [`Forget`] takes for "older than".
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn position_before(&self, age: Duration) -> Result<Position, StoreError> {
        let now: Millis = self.shared.options.clock.now();
        self.journal().position_at(now.minus(age))
    }
}

fn unavailable(error: StoreError) -> CommitError {
    CommitError::Unavailable(error.to_string())
}

/// The first bodies that are left before the horizon.
fn chunks_before(snapshot: &dyn Snapshot, horizon: Position) -> Result<Vec<Position>, StoreError> {
    let end = layout::position_key(horizon);
    let mut firsts = Vec::new();
    let range = (Bound::Unbounded, Bound::Excluded(end.as_slice()));
    snapshot.scan(Space::Bodies, range, Direction::Forward, &mut |key, _| {
        firsts.extend(layout::position_of_key(key));
        if firsts.len() >= PAGE_ROWS {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(firsts)
}

/// Drops the body of a chunk, and its place in the histories.
fn drop_body(journal: &Journal, first: Position, batch: &mut Batch) -> Result<(), StoreError> {
    if let Some(parts) = journal.parts(&journal.link(first)?)? {
        let histories: Vec<_> = parts
            .iter()
            .filter_map(|parts| Some(Preamble::decode(parts.call.as_ref()?)?.0.histories))
            .collect();
        for (key, _) in history_rows(first, histories.iter().map(Vec::as_slice)) {
            batch.delete(Space::Histories, key);
        }
    }
    batch.delete(Space::Bodies, layout::position_key(first));
    Ok(())
}

/// A walk over all versions that finds those no state at or after the horizon needs.
struct VersionWalk {
    horizon: Position,
    after: Option<Vec<u8>>,
    /// The row whose newest version at or before the horizon has been met: the rest of it can go.
    kept: Option<Vec<u8>>,
}

impl VersionWalk {
    /// The drops of the next page, and whether there is more.
    fn page(&mut self, snapshot: &dyn Snapshot) -> Result<(Batch, bool), StoreError> {
        let start = self.after.take();
        let start = start.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut keys = Vec::with_capacity(PAGE_ROWS);
        snapshot.scan(
            Space::Versions,
            (start, Bound::Unbounded),
            Direction::Forward,
            &mut |key, _| {
                keys.push(key.to_vec());
                if keys.len() >= PAGE_ROWS {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        let mut batch = Batch::default();
        for key in &keys {
            let (row, position) = layout::split_version_key(key).ok_or_else(|| damaged(key))?;
            if position <= self.horizon && !self.is_needed(snapshot, row)? {
                batch.delete(Space::Versions, key.clone());
            }
        }
        let more = keys.len() >= PAGE_ROWS;
        self.after = keys.pop();
        Ok((batch, more))
    }

    /// Whether the version of `row` that comes next (the newest first) is its newest at or before the horizon. That one
    /// stays, a deletion too, as evidence of what became of the older ones.
    fn is_needed(&mut self, snapshot: &dyn Snapshot, row: &[u8]) -> Result<bool, StoreError> {
        if self.kept.as_deref() == Some(row) {
            return Ok(false);
        }
        self.kept = Some(row.to_vec());
        let Some(stored) = snapshot.get(Space::State, row)? else {
            return Ok(true);
        };
        let (written_at, _) = layout::decode_current(&stored).ok_or_else(|| damaged(row))?;
        Ok(written_at > self.horizon)
    }
}
