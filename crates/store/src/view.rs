//! Raw reads of state: the newest, as of a past position, or on a branch.

use crate::branch::Overlay;
use crate::engine::{Direction, EngineError, KeyRange, Snapshot, Space, Visit, first};
use crate::error::{AsOfError, StoreError};
use crate::fact::Position;
use crate::layout::{
    Head, Horizons, decode_current, decode_version, split_version_key, version_key,
};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// What everyone may see: the last durable state.
pub(crate) struct Published {
    pub snapshot: Arc<dyn Snapshot>,
    pub head: Head,
    pub horizons: Horizons,
}

/// What a transaction reads.
#[derive(Clone)]
pub(crate) struct View {
    pub published: Arc<Published>,
    /// The position that is read; the head for the newest state.
    pub position: Position,
    /// A branch's own writes over it.
    pub overlay: Option<Overlay>,
}

/// A value, and the position that wrote it.
pub(crate) struct Found {
    pub value: Vec<u8>,
    pub written_at: Position,
}

impl View {
    /// The value of a row, without the branch's overlay.
    pub fn get_base(&self, row: &[u8]) -> Result<Option<Found>, StoreError> {
        let snapshot = &*self.published.snapshot;
        if let Some(mut stored) = snapshot.get(Space::State, row)? {
            let (written_at, _) = decode_current(&stored).ok_or_else(|| damaged(row))?;
            if written_at <= self.position {
                return Ok(Some(Found {
                    value: stored.split_off(8),
                    written_at,
                }));
            }
        }
        if self.position == self.published.head.position {
            return Ok(None);
        }
        self.get_version(row)
    }

    /// The newest version at or before the position.
    fn get_version(&self, row: &[u8]) -> Result<Option<Found>, StoreError> {
        let (start, end) = (
            version_key(row, self.position),
            version_key(row, Position(0)),
        );
        let range = (
            Bound::Included(start.as_slice()),
            Bound::Included(end.as_slice()),
        );
        let Some((key, stored)) = first(
            &*self.published.snapshot,
            Space::Versions,
            range,
            Direction::Forward,
        )?
        else {
            return Ok(None);
        };
        let (_, written_at) = split_version_key(&key).ok_or_else(|| damaged(row))?;
        let value = decode_version(&stored).ok_or_else(|| damaged(row))?;
        Ok(value.map(|value| Found {
            value: value.to_vec(),
            written_at,
        }))
    }

    /// The rows of `range` in order, the overlay over the base.
    pub fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        match &self.overlay {
            None => self.scan_base(range, direction, visit),
            Some(overlay) => {
                let base = |visit: &mut Visit<'_>| self.scan_base(range, direction, visit);
                merge(overlay.range(range, direction), direction, base, visit)
            }
        }
    }

    fn scan_base(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        if self.position != self.published.head.position {
            return self.scan_past(range, direction, visit);
        }
        let mut bad = None;
        self.published
            .snapshot
            .scan(
                Space::State,
                range,
                direction,
                &mut |row, stored| match decode_current(stored) {
                    Some((_, value)) => visit(row, value),
                    None => {
                        bad = Some(damaged(row));
                        ControlFlow::Break(())
                    }
                },
            )?;
        bad.map_or(Ok(()), Err)
    }

    /// Walks the rows that are there now and the rows that have older versions side by side, by seeks.
    fn scan_past(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let snapshot = &*self.published.snapshot;
        let mut now = Seeker::new(Space::State, range, direction);
        let mut then = Seeker::new(Space::Versions, range, direction);
        loop {
            let row = match (now.peek(snapshot)?, then.peek(snapshot)?) {
                (None, None) => return Ok(()),
                (Some(row), None) | (None, Some(row)) => row.to_vec(),
                (Some(a), Some(b)) if (a < b) == (direction == Direction::Forward) => a.to_vec(),
                (Some(_), Some(b)) => b.to_vec(),
            };
            if let Some(found) = self.get_base(&row)?
                && visit(&row, &found.value).is_break()
            {
                return Ok(());
            }
            now.pass(&row);
            then.pass(&row);
        }
    }
}

/// A place in a space, by row: all versions of a row count as one.
struct Seeker {
    space: Space,
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
    direction: Direction,
    /// The row that is next, once it has been looked up; `Some(None)` at the end.
    next: Option<Option<Vec<u8>>>,
}

impl Seeker {
    fn new(space: Space, (start, end): KeyRange<'_>, direction: Direction) -> Self {
        let mut seeker = Self {
            space,
            start: start.map(<[u8]>::to_vec),
            end: Bound::Unbounded,
            direction,
            next: None,
        };
        if let Bound::Excluded(row) = start {
            seeker.start_after(row);
        }
        seeker.end = match end {
            Bound::Included(row) => Bound::Included(seeker.last_key(row)),
            other => other.map(<[u8]>::to_vec),
        };
        seeker
    }

    /// The greatest key that belongs to `row`.
    fn last_key(&self, row: &[u8]) -> Vec<u8> {
        if self.space == Space::Versions {
            version_key(row, Position(0))
        } else {
            row.to_vec()
        }
    }

    fn start_after(&mut self, row: &[u8]) {
        self.start = Bound::Excluded(self.last_key(row));
    }

    fn peek(&mut self, snapshot: &dyn Snapshot) -> Result<Option<&[u8]>, StoreError> {
        if self.next.is_none() {
            let range = (
                self.start.as_ref().map(Vec::as_slice),
                self.end.as_ref().map(Vec::as_slice),
            );
            let found = first(snapshot, self.space, range, self.direction)?;
            let row = match found {
                Some((key, _)) if self.space == Space::Versions => Some(
                    split_version_key(&key)
                        .ok_or_else(|| damaged(&key))?
                        .0
                        .to_vec(),
                ),
                found => found.map(|(key, _)| key),
            };
            self.next = Some(row);
        }
        Ok(self.next.as_ref().and_then(Option::as_deref))
    }

    /// Goes past `row`, if it is the next one.
    fn pass(&mut self, row: &[u8]) {
        if !matches!(&self.next, Some(Some(next)) if next == row) {
            return;
        }
        self.next = None;
        match self.direction {
            Direction::Forward => self.start_after(row),
            Direction::Backward => self.end = Bound::Excluded(row.to_vec()),
        }
    }
}

/// A row that lies over another; `None` hides it.
pub(crate) type Over<'a> = (&'a [u8], Option<&'a [u8]>);

/// Puts rows of `over` (in the direction's order; `None` hides a row) over those that `base` visits.
pub(crate) fn merge<'a, E>(
    over: impl Iterator<Item = Over<'a>>,
    direction: Direction,
    base: impl FnOnce(&mut Visit<'_>) -> Result<(), E>,
    visit: &mut Visit<'_>,
) -> Result<(), E> {
    let mut over = over.peekable();
    let mut stopped = false;
    base(&mut |row, value| {
        let is_before = |(over, _): &Over<'_>| match direction {
            Direction::Forward => *over < row,
            Direction::Backward => *over > row,
        };
        while let Some((row, value)) = over.next_if(is_before) {
            if value.is_some_and(|value| visit(row, value).is_break()) {
                stopped = true;
                return ControlFlow::Break(());
            }
        }
        let flow = match over.next_if(|(over, _)| *over == row) {
            None => visit(row, value),
            Some((row, Some(value))) => visit(row, value),
            Some((_, None)) => ControlFlow::Continue(()),
        };
        stopped = flow.is_break();
        flow
    })?;
    for (row, value) in over {
        if stopped || value.is_some_and(|value| visit(row, value).is_break()) {
            break;
        }
    }
    Ok(())
}

pub(crate) fn damaged(row: &[u8]) -> StoreError {
    StoreError::Damaged(format!("row {}", row.escape_ascii()))
}

impl View {
    /// The value of a derived row; always the newest.
    pub fn get_derived(&self, row: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.published.snapshot.get(Space::Derived, row)
    }
}

/// The state at a past position, or the newest.
pub(crate) fn view_at(published: Arc<Published>, position: Position) -> Result<View, AsOfError> {
    let (head, horizon) = (published.head.position, published.horizons.state);
    if position > head {
        return Err(AsOfError::Future {
            asked: position,
            head,
        });
    }
    if position < horizon {
        return Err(AsOfError::BehindHorizon {
            asked: position,
            horizon,
        });
    }
    Ok(View {
        published,
        position,
        overlay: None,
    })
}
