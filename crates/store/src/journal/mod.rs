//! Reading the journal: everything that was ever committed, in order.

pub(crate) mod body;
pub(crate) mod link;
mod request;
pub(crate) mod verify;

use crate::bytes::{seal, unseal};
use crate::clock::Millis;
use crate::engine::{Direction, Snapshot, Space, first};
use crate::error::StoreError;
use crate::fact::{Fact, History, Made, Position, Preamble, Record};
use crate::layout::{self, Head, Horizons};
use crate::view::Published;
use body::Parts;
use link::Link;
pub use request::{REQUEST_WINDOW, Sought};
use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, PoisonError};

const DICTIONARIES_KEPT: usize = 16;

/// What a walk over records calls with each, until it breaks.
pub type VisitRecord<'a> = dyn FnMut(Record) -> ControlFlow<()> + 'a;

/// The journal up to the newest commit when this was made. Reading it never holds up writing.
#[derive(Clone)]
pub struct Journal {
    pub(crate) published: Arc<Published>,
    pub(crate) dictionaries: Arc<Dictionaries>,
}

impl Journal {
    /// The newest end.
    pub fn head(&self) -> Head {
        self.published.head
    }

    /// How far back records and state are kept.
    pub fn horizons(&self) -> Horizons {
        self.published.horizons
    }

    /// Walks the records after `after`, oldest first. Records whose bodies were dropped are left out.
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn read(&self, after: Position, visit: &mut VisitRecord<'_>) -> Result<(), StoreError> {
        let start = self.chunk_of(Position(after.0.saturating_add(1)))?;
        let Some(start) = start.or(self.first_chunk()?) else {
            return Ok(());
        };
        self.walk(start, &mut |_, records| {
            for record in records.into_iter().filter(|record| record.position > after) {
                visit(record)?;
            }
            ControlFlow::Continue(())
        })
    }

    /// The records after `after`, about as many as the limits say, and the position that this takes a reader to.
    pub(crate) fn page(
        &self,
        after: Position,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<(Vec<Record>, Position), StoreError> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        self.read(after, &mut |record| {
            bytes += record.fact.call.len() + record.fact.questions.len();
            records.push(record);
            let is_full = records.len() >= records_max || bytes >= bytes_max;
            if is_full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let is_full = records.len() >= records_max || bytes >= bytes_max;
        let last = records
            .last()
            .filter(|_| is_full)
            .map(|record| record.position);
        Ok((records, last.unwrap_or(self.head().position)))
    }

    /// Walks the records that `history` shows before `before`, newest first. `Position(u64::MAX)` begins at the end.
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn history(
        &self,
        history: &History,
        before: Position,
        visit: &mut VisitRecord<'_>,
    ) -> Result<(), StoreError> {
        let prefix = layout::history_prefix(history);
        let end = [prefix.as_slice(), &before.0.to_be_bytes()].concat();
        let range = (
            Bound::Included(prefix.as_slice()),
            Bound::Excluded(end.as_slice()),
        );
        let mut failed = None;
        self.snapshot().scan(
            Space::Histories,
            range,
            Direction::Backward,
            &mut |key, _| {
                let records = layout::position_of_key(key)
                    .ok_or_else(|| StoreError::Damaged("a history's key".into()))
                    .and_then(|first| self.records(first));
                match records {
                    Ok(records) => records
                        .into_iter()
                        .rev()
                        .filter(|record| {
                            record.position < before && record.fact.histories.contains(history)
                        })
                        .try_for_each(&mut *visit),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                }
            },
        )?;
        failed.map_or(Ok(()), Err)
    }

    /// The record at `position`; `None` if there is none or its body was dropped.
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn at(&self, position: Position) -> Result<Option<Record>, StoreError> {
        let Some(first) = self.chunk_of(position)? else {
            return Ok(None);
        };
        Ok(self
            .records(first)?
            .into_iter()
            .find(|record| record.position == position))
    }

    /// The last position that was committed at or before `time`; 0 if none was.
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn position_at(&self, time: Millis) -> Result<Position, StoreError> {
        if time >= self.head().committed {
            return Ok(self.head().position);
        }
        // State time never goes back, so the chunks are sorted by it: `low` is after a chunk in time, `high` is not.
        let (mut low, mut high) = (0, self.head().position.0 + 1);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let Some((chunk, row)) = self.link_row_of(Position(middle))? else {
                low = middle;
                continue;
            };
            let committed = Link::peek_committed(&row).ok_or_else(|| damaged_link(chunk))?;
            if committed <= time {
                low = middle;
            } else {
                high = chunk.0.max(low + 1);
            }
        }
        Ok(Position(low))
    }

    /// Walks chunk by chunk from the one that begins at `start`.
    fn walk(
        &self,
        start: Position,
        visit: &mut dyn FnMut(&Link, Vec<Record>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.walk_links(start, &mut |link| Ok(visit(link, self.records_of(link)?)))
    }

    /// The same, without the records.
    fn walk_links(
        &self,
        start: Position,
        visit: &mut dyn FnMut(&Link) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let key = layout::position_key(start);
        let range = (Bound::Included(key.as_slice()), Bound::Unbounded);
        let mut failed = None;
        self.snapshot()
            .scan(Space::Links, range, Direction::Forward, &mut |key, row| {
                let visited = self.decode_link(key, row).and_then(|link| visit(&link));
                visited.unwrap_or_else(|error| {
                    failed = Some(error);
                    ControlFlow::Break(())
                })
            })?;
        failed.map_or(Ok(()), Err)
    }

    /// The records of the chunk that begins at `first`.
    fn records(&self, first: Position) -> Result<Vec<Record>, StoreError> {
        self.records_of(&self.link(first)?)
    }

    /// The link of the chunk that begins at `first`.
    pub(crate) fn link(&self, first: Position) -> Result<Link, StoreError> {
        let key = layout::position_key(first);
        let row = self
            .snapshot()
            .get(Space::Links, &key)?
            .ok_or_else(|| damaged_link(first))?;
        self.decode_link(&key, &row)
    }

    fn records_of(&self, link: &Link) -> Result<Vec<Record>, StoreError> {
        let Some(parts) = self.parts(link)? else {
            return Ok(Vec::new());
        };
        let mut records = Vec::with_capacity(parts.len());
        for (i, (parts, digests)) in parts.into_iter().zip(&link.records).enumerate() {
            let position = Position(link.first.0 + i as u64);
            let Some(call) = parts.call else { continue };
            let (preamble, call) = Preamble::decode(&call).ok_or_else(|| damaged_body(position))?;
            records.push(Record {
                position,
                committed: link.committed,
                read_at: preamble.read_at,
                branch: preamble.branch,
                fact: Fact {
                    histories: preamble.histories,
                    request_id: preamble.request_id,
                    time: preamble.time,
                    call: call.to_vec(),
                    questions: parts.questions.unwrap_or_default(),
                },
                writes: digests.writes.clone(),
                made: Made::default(),
            });
        }
        Ok(records)
    }

    /// The bodies of a chunk; `None` if they were dropped.
    pub(crate) fn parts(&self, link: &Link) -> Result<Option<Vec<Parts>>, StoreError> {
        let Some(row) = self
            .snapshot()
            .get(Space::Bodies, &layout::position_key(link.first))?
        else {
            return if link.first < self.horizons().journal {
                Ok(None)
            } else {
                Err(damaged_body(link.first))
            };
        };
        let number = body::dictionary_number(&row).ok_or_else(|| damaged_body(link.first))?;
        let dictionary = number
            .map(|number| self.dictionaries.get(self.snapshot(), number))
            .transpose()?;
        let raw = body::decompress(&row, dictionary.as_deref())
            .ok_or_else(|| damaged_body(link.first))?;
        body::split(&raw, link.records.len())
            .map(Some)
            .ok_or_else(|| damaged_body(link.first))
    }

    /// The first position of the chunk that holds `position`.
    pub(crate) fn chunk_of(&self, position: Position) -> Result<Option<Position>, StoreError> {
        if position > self.head().position {
            return Ok(None);
        }
        Ok(self.link_row_of(position)?.map(|(first, _)| first))
    }

    fn link_row_of(&self, position: Position) -> Result<Option<(Position, Vec<u8>)>, StoreError> {
        let key = layout::position_key(position);
        let range = (Bound::Unbounded, Bound::Included(key.as_slice()));
        let found = first(self.snapshot(), Space::Links, range, Direction::Backward)?;
        Ok(found.and_then(|(key, row)| Some((layout::position_of_key(&key)?, row))))
    }

    fn first_chunk(&self) -> Result<Option<Position>, StoreError> {
        let range = (Bound::Unbounded, Bound::Unbounded);
        let found = first(self.snapshot(), Space::Links, range, Direction::Forward)?;
        Ok(found.and_then(|(key, _)| layout::position_of_key(&key)))
    }

    fn decode_link(&self, key: &[u8], row: &[u8]) -> Result<Link, StoreError> {
        let position = layout::position_of_key(key).unwrap_or_default();
        let (link, _) = Link::decode(row).ok_or_else(|| damaged_link(position))?;
        if link.first == position {
            Ok(link)
        } else {
            Err(damaged_link(position))
        }
    }

    pub(crate) fn snapshot(&self) -> &dyn Snapshot {
        &*self.published.snapshot
    }
}

fn damaged_link(position: Position) -> StoreError {
    StoreError::Damaged(format!("journal link at position {position}"))
}

fn damaged_body(position: Position) -> StoreError {
    StoreError::Damaged(format!("journal record at position {position}"))
}

/// The dictionaries read lately.
#[derive(Default)]
pub(crate) struct Dictionaries(Mutex<HashMap<u64, Arc<[u8]>>>);

impl Dictionaries {
    pub fn get(&self, snapshot: &dyn Snapshot, number: u64) -> Result<Arc<[u8]>, StoreError> {
        if let Some(known) = self.lock().get(&number) {
            return Ok(known.clone());
        }
        let row = snapshot.get(Space::Meta, &layout::dictionary_key(number))?;
        let bytes = row.as_deref().and_then(decode_dictionary);
        let bytes: Arc<[u8]> = bytes
            .ok_or_else(|| StoreError::Damaged(format!("journal dictionary {number}")))?
            .into();
        let mut known = self.lock();
        if known.len() >= DICTIONARIES_KEPT {
            known.clear();
        }
        known.insert(number, bytes.clone());
        Ok(bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn encode_dictionary(bytes: &[u8]) -> Vec<u8> {
    seal(bytes.to_vec())
}

pub(crate) fn decode_dictionary(row: &[u8]) -> Option<Vec<u8>> {
    unseal(row).map(<[u8]>::to_vec)
}
