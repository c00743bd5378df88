//! The record of a request, found by the time in its id.

use super::link::Link;
use super::{Journal, damaged_body};
use crate::clock::Millis;
use crate::error::StoreError;
use crate::fact::{Position, Preamble, Record};
use std::ops::{ControlFlow, Range};
use std::time::Duration;

/// How long after the time in its id a request's record is looked for.
pub const REQUEST_WINDOW: Duration = Duration::from_secs(600);

/// How much clocks may differ between the id's maker and the store.
const REQUEST_SKEW: Duration = Duration::from_secs(5);

/// How far a search for a request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// To its record.
    Found(Box<Record>),
    /// To its end: there is no such record where it could be.
    Absent,
    /// As far as it may go at once. It goes on from this position.
    Unfinished(Position),
}

impl Journal {
    /// The record of a request by its id, a version 7 UUID. It is looked for where the journal has the time in the id and up to
    /// [`REQUEST_WINDOW`] later, then, for clocks that differ, some seconds before. `ids` are the names that the request may have,
    /// all of one time.
    ///
    /// An unknown id would cost the reading of ten minutes, so no more than about `examined_max` records are looked at;
    /// [`Sought::Unfinished`] says where another search may go on (`from`).
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn request(
        &self,
        ids: &[[u8; 16]],
        from: Option<Position>,
        examined_max: usize,
    ) -> Result<Sought, StoreError> {
        let Some([a, b, c, d, e, f, ..]) = ids.first() else {
            return Ok(Sought::Absent);
        };
        let made = Millis(u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]));
        let early = self.first_since(made.minus(REQUEST_SKEW))?;
        let start = self.first_since(made)?;
        // And the first commit behind it: a request that moves the clock is committed at the time that it moves to.
        let end = self.first_since(made.plus(REQUEST_WINDOW))?;
        let end = Position(end.0.saturating_add(1));
        let ranges = match from {
            None => [start..end, early..start],
            Some(from) if from >= start => [from..end, early..start],
            Some(from) => [from..start, start..start],
        };
        let mut room = examined_max;
        for range in ranges {
            match self.search(ids, range, &mut room)? {
                Sought::Absent => {}
                settled => return Ok(settled),
            }
        }
        Ok(Sought::Absent)
    }

    /// Searches the chunks of these positions, until `room` is used up: records, and chunks, of which each costs two reads.
    fn search(
        &self,
        ids: &[[u8; 16]],
        range: Range<Position>,
        room: &mut usize,
    ) -> Result<Sought, StoreError> {
        let mut sought = Sought::Absent;
        let Some(first) = self.chunk_of(range.start)? else {
            return Ok(sought);
        };
        self.walk_links(first, &mut |link| {
            if link.first >= range.end {
                return Ok(ControlFlow::Break(()));
            }
            if *room == 0 {
                sought = Sought::Unfinished(link.first);
                return Ok(ControlFlow::Break(()));
            }
            *room = room.saturating_sub(1 + link.records.len());
            let Some(position) = self.position_in(link, ids)? else {
                return Ok(ControlFlow::Continue(()));
            };
            let record = self.at(position)?.ok_or_else(|| damaged_body(position))?;
            sought = Sought::Found(Box::new(record));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(sought)
    }

    /// Where a chunk has the record of one of these requests.
    fn position_in(&self, link: &Link, ids: &[[u8; 16]]) -> Result<Option<Position>, StoreError> {
        let parts = self.parts(link)?.unwrap_or_default();
        for (at, parts) in parts.iter().enumerate() {
            let Some(call) = &parts.call else { continue };
            let position = Position(link.first.0 + at as u64);
            let (preamble, _) = Preamble::decode(call).ok_or_else(|| damaged_body(position))?;
            if ids.contains(&preamble.request_id) {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// The first position that is committed at `time` or later.
    fn first_since(&self, time: Millis) -> Result<Position, StoreError> {
        let before = self.position_at(Millis(time.0.saturating_sub(1)))?;
        Ok(Position(before.0.saturating_add(1)))
    }
}
