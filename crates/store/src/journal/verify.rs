//! Verifying: does everything that the journal says was written still stand, and does nothing else?

use crate::bytes::{Hash, hash};
use crate::commit::group::history_rows;
use crate::engine::{Direction, Space, Visit};
use crate::error::StoreError;
use crate::fact::{History, Position, Preamble, Row, Write};
use crate::journal::link::{Digests, Link};
use crate::journal::{Journal, decode_dictionary};
use crate::layout::{
    self, Head, Horizons, decode_current, decode_version, split_version_key, version_key,
};
use std::fmt;
use std::ops::{Bound, ControlFlow};

/// After so many damages the search ends.
const DAMAGES_MAX: usize = 100;

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Links of the chain that were walked.
    pub links: u64,
    /// Records whose hashes were compared with their bodies.
    pub records: u64,
    /// Records whose bodies retention has dropped: only their hashes are left.
    pub forgotten: u64,
    /// Records that were destroyed one by one (the first hundred).
    pub destroyed: Vec<Position>,
    /// Values, current and old, that were compared with their hashes.
    pub values: u64,
    /// What does not stand (the first hundred).
    pub damages: Vec<Damage>,
}

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The commit it belongs to, as exactly as can be told.
    pub position: Position,
    /// What is damaged.
    pub part: Part,
}

/// The part of a commit that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The link that begins at the position cannot be read, or does not follow from the one before.
    Link,
    /// Links are missing from the position on.
    Missing,
    /// The group of bodies that begins at the position is missing or cannot be read.
    Bodies,
    /// The record's call is not the one that was hashed.
    Call,
    /// The record's questions are not those that were hashed.
    Questions,
    /// A value that the record wrote is missing or is not the one that was hashed.
    Value(Row),
    /// The group is missing from a history that it belongs to.
    History(History),
    /// A row that no commit wrote: its space, and its key.
    Stranger(Space, Vec<u8>),
    /// The head of the journal is not its last link, or cannot be read.
    Head,
    /// The horizons cannot be read.
    Horizons,
    /// The dictionary of this number, which bodies are compressed against, cannot be read.
    Dictionary(u64),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position;
        match &self.part {
            Part::Link => write!(f, "the link at position {position} is damaged"),
            Part::Missing => write!(f, "links are missing from position {position} on"),
            Part::Bodies => write!(f, "the records from position {position} on cannot be read"),
            Part::Call => write!(f, "the call at position {position} is not the one recorded"),
            Part::Questions => write!(
                f,
                "the questions at position {position} are not those recorded"
            ),
            Part::Value(row) => write!(
                f,
                "the value of {row:?} written at position {position} is damaged"
            ),
            Part::History(history) => {
                let History { account, region } = history;
                write!(
                    f,
                    "position {position} is missing from the history of {account} in {region}"
                )
            }
            Part::Stranger(space, key) => {
                write!(
                    f,
                    "a row that no commit wrote, in {} at position {position}: {}",
                    space.name(),
                    key.escape_ascii()
                )
            }
            Part::Horizons => write!(f, "the horizons cannot be read"),
            Part::Dictionary(number) => write!(f, "dictionary {number} cannot be read"),
            Part::Head => write!(
                f,
                "the journal does not end where it should: position {position}"
            ),
        }
    }
}

impl Journal {
    /// Walks the whole chain and compares every body, value and index entry with it.
    ///
    /// # Errors
    /// When the store cannot be read. Damage is no error: it is what the result lists.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut verifier = Verifier {
            journal: self,
            found: Verified::default(),
            counts: [0; Space::ALL.len()],
        };
        verifier.meta()?;
        verifier.chain()?;
        for space in [
            Space::State,
            Space::Versions,
            Space::Bodies,
            Space::Histories,
        ] {
            verifier.strangers(space)?;
        }
        Ok(verifier.found)
    }
}

struct Verifier<'a> {
    journal: &'a Journal,
    found: Verified,
    /// Rows of each space that the chain accounts for.
    counts: [u64; Space::ALL.len()],
}

/// Where the walk along the chain stands.
struct Expected {
    next: Position,
    /// The hash of the link before; unknown behind a damaged one.
    previous: Option<Hash>,
}

impl Verifier<'_> {
    fn damage(&mut self, position: Position, part: Part) {
        if self.found.damages.len() < DAMAGES_MAX {
            self.found.damages.push(Damage { position, part });
        }
    }

    fn is_done(&self) -> bool {
        self.found.damages.len() >= DAMAGES_MAX
    }

    fn meta(&mut self) -> Result<(), StoreError> {
        let snapshot = self.journal.snapshot();
        if !matches!(Head::load(snapshot), Ok(head) if head == self.journal.head()) {
            self.damage(self.journal.head().position, Part::Head);
        }
        if Horizons::load(snapshot).is_err() {
            self.damage(Position(0), Part::Horizons);
        }
        self.each(Space::Meta, |this, key, row| {
            match layout::dictionary_of_key(key) {
                Some(number) if decode_dictionary(row).is_none() => {
                    this.damage(Position(0), Part::Dictionary(number));
                }
                None if !layout::is_meta_key(key) => {
                    this.damage(Position(0), Part::Stranger(Space::Meta, key.to_vec()));
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn chain(&mut self) -> Result<(), StoreError> {
        let mut expected = Expected {
            next: Position(1),
            previous: Some([0; 32]),
        };
        self.each(Space::Links, |this, key, row| {
            this.link(key, row, &mut expected)
        })?;
        let head = self.journal.head();
        if expected.next.0 != head.position.0 + 1 {
            self.damage(
                expected.next,
                if expected.next > head.position {
                    Part::Head
                } else {
                    Part::Missing
                },
            );
        } else if expected.previous.is_some_and(|hash| hash != head.hash) {
            self.damage(head.position, Part::Head);
        }
        Ok(())
    }

    fn link(&mut self, key: &[u8], row: &[u8], expected: &mut Expected) -> Result<(), StoreError> {
        let at = key
            .try_into()
            .map_or(expected.next, |key| Position(u64::from_be_bytes(key)));
        if at > expected.next {
            // Behind a damaged link it is unknown where the next one begins.
            if expected.previous.is_some() {
                self.damage(expected.next, Part::Missing);
            }
            expected.previous = None;
        }
        expected.next = at.max(expected.next);
        let decoded = Link::decode(row).filter(|(link, _)| link.first == at && key.len() == 8);
        let Some((link, hash)) = decoded else {
            self.damage(at, Part::Link);
            expected.previous = None;
            return Ok(());
        };
        if link.first < expected.next
            || expected
                .previous
                .is_some_and(|previous| previous != link.previous)
        {
            self.damage(at, Part::Link);
        }
        self.found.links += 1;
        expected.previous = Some(hash);
        expected.next = Position(link.last().0 + 1);
        self.bodies(&link)?;
        for (i, record) in link.records.iter().enumerate() {
            let position = Position(link.first.0 + i as u64);
            for write in &record.writes {
                self.value(position, write)?;
            }
        }
        Ok(())
    }

    fn bodies(&mut self, link: &Link) -> Result<(), StoreError> {
        let parts = match self.journal.parts(link) {
            Ok(Some(parts)) => parts,
            Ok(None) => {
                self.found.forgotten += link.records.len() as u64;
                return Ok(());
            }
            Err(StoreError::Damaged(_)) => {
                let is_there = self
                    .journal
                    .snapshot()
                    .get(Space::Bodies, &layout::position_key(link.first))?;
                self.counts[Space::Bodies as usize] += u64::from(is_there.is_some());
                self.damage(link.first, Part::Bodies);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.counts[Space::Bodies as usize] += 1;
        let mut histories = Vec::with_capacity(parts.len());
        let mut any_destroyed = false;
        for (i, (parts, digests)) in parts.into_iter().zip(&link.records).enumerate() {
            let position = Position(link.first.0 + i as u64);
            let Some(call) = parts.call else {
                any_destroyed = true;
                if self.found.destroyed.len() < DAMAGES_MAX {
                    self.found.destroyed.push(position);
                }
                continue;
            };
            histories.push(self.record(position, &call, parts.questions.as_deref(), digests));
        }
        self.histories(link.first, &histories, any_destroyed)
    }

    /// Compares a record's body with its hashes; gives the histories that it says it belongs to.
    fn record(
        &mut self,
        position: Position,
        call: &[u8],
        questions: Option<&[u8]>,
        digests: &Digests,
    ) -> Vec<History> {
        self.found.records += 1;
        if hash(call) != digests.call {
            self.damage(position, Part::Call);
            return Vec::new();
        }
        let asked = questions
            .filter(|questions| !questions.is_empty())
            .map(hash);
        if asked != digests.questions {
            self.damage(position, Part::Questions);
        }
        Preamble::decode(call)
            .map(|(preamble, _)| preamble.histories)
            .unwrap_or_default()
    }

    fn histories(
        &mut self,
        first: Position,
        records: &[Vec<History>],
        any_destroyed: bool,
    ) -> Result<(), StoreError> {
        for (key, value) in history_rows(first, records.iter().map(Vec::as_slice)) {
            let found = self.journal.snapshot().get(Space::Histories, &key)?;
            self.counts[Space::Histories as usize] += u64::from(found.is_some());
            if found.is_none() || (found.as_ref() != Some(&value) && !any_destroyed) {
                let is_it = |history: &&History| key.starts_with(&layout::history_prefix(history));
                let history = records.iter().flatten().find(is_it).cloned();
                self.damage(
                    first,
                    Part::History(history.unwrap_or_else(|| History::new("", ""))),
                );
            }
        }
        Ok(())
    }

    fn value(&mut self, position: Position, write: &Write) -> Result<(), StoreError> {
        let snapshot = self.journal.snapshot();
        let row = &write.row.0;
        let current = snapshot.get(Space::State, row)?;
        if let Some((written_at, value)) = current.as_deref().and_then(decode_current)
            && written_at == position
        {
            self.counts[Space::State as usize] += 1;
            self.compare(position, write, Some(value));
            return Ok(());
        }
        match snapshot.get(Space::Versions, &version_key(row, position))? {
            Some(stored) => {
                self.counts[Space::Versions as usize] += 1;
                match decode_version(&stored) {
                    Some(value) => self.compare(position, write, value),
                    None => self.damage(position, Part::Value(write.row.clone())),
                }
            }
            None if self.is_superseded(position, row, current.as_deref())? => {}
            None => self.damage(position, Part::Value(write.row.clone())),
        }
        Ok(())
    }

    fn compare(&mut self, position: Position, write: &Write, value: Option<&[u8]>) {
        self.found.values += 1;
        if value.map(hash) != write.hash {
            self.damage(position, Part::Value(write.row.clone()));
        }
    }

    /// Whether retention may have dropped what `position` wrote: there is a newer version at or before the horizon.
    fn is_superseded(
        &self,
        position: Position,
        row: &[u8],
        current: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let horizon = self.journal.horizons().state;
        if current
            .and_then(decode_current)
            .is_some_and(|(at, _)| position < at && at <= horizon)
        {
            return Ok(true);
        }
        if position >= horizon {
            return Ok(false);
        }
        let (start, end) = (version_key(row, horizon), version_key(row, position));
        let range = (
            Bound::Included(start.as_slice()),
            Bound::Excluded(end.as_slice()),
        );
        let found = crate::engine::first(
            self.journal.snapshot(),
            Space::Versions,
            range,
            Direction::Forward,
        )?;
        Ok(found.is_some())
    }

    /// Counts the rows of a space; if there are more than the chain accounts for, finds out which.
    fn strangers(&mut self, space: Space) -> Result<(), StoreError> {
        let mut count = 0;
        self.each(space, |_, _, _| {
            count += 1;
            Ok(())
        })?;
        if count == self.counts[space as usize] {
            return Ok(());
        }
        self.each(space, |this, key, value| {
            let position = match space {
                Space::State => decode_current(value).map(|(position, _)| position),
                _ => split_version_key(key).map(|(_, position)| position),
            };
            let position = if matches!(space, Space::State | Space::Versions) {
                position.unwrap_or_default()
            } else {
                layout::position_of_key(key).unwrap_or_default()
            };
            if !this.is_accounted_for(space, key, position)? {
                this.damage(position, Part::Stranger(space, key.to_vec()));
            }
            Ok(())
        })
    }

    fn is_accounted_for(
        &self,
        space: Space,
        key: &[u8],
        position: Position,
    ) -> Result<bool, StoreError> {
        let link = self
            .journal
            .chunk_of(position)?
            .map(|first| self.journal.link(first));
        let Some(Ok(link)) = link else {
            return Ok(false);
        };
        let row = match space {
            Space::State => key,
            Space::Versions => match split_version_key(key) {
                Some((row, _)) => row,
                None => return Ok(false),
            },
            Space::Bodies => return Ok(key.len() == 8 && link.first == position),
            _ => return self.is_in_history(&link, key),
        };
        if space == Space::Versions {
            let current = self.journal.snapshot().get(Space::State, row)?;
            if current
                .as_deref()
                .and_then(decode_current)
                .is_some_and(|(at, _)| at == position)
            {
                return Ok(false); // what is current is not also an older version
            }
        }
        let index = usize::try_from(position.0.wrapping_sub(link.first.0)).unwrap_or(usize::MAX);
        let record = link.records.get(index);
        Ok(record.is_some_and(|record| record.writes.iter().any(|write| *write.row.0 == *row)))
    }

    /// Whether the chunk has a record for the history of this key; a destroyed record may have been one.
    fn is_in_history(&self, link: &Link, key: &[u8]) -> Result<bool, StoreError> {
        let Ok(Some(parts)) = self.journal.parts(link) else {
            return Ok(false);
        };
        let histories = parts.iter().map(|parts| {
            let preamble = parts
                .call
                .as_ref()
                .map(|call| Preamble::decode(call).map(|(preamble, _)| preamble));
            preamble.map(|preamble| {
                preamble
                    .map(|preamble| preamble.histories)
                    .unwrap_or_default()
            })
        });
        let histories: Vec<_> = histories.collect();
        let any_destroyed = histories.iter().any(Option::is_none);
        let known: Vec<_> = histories.into_iter().flatten().collect();
        let is_known = history_rows(link.first, known.iter().map(Vec::as_slice))
            .any(|(known, _)| known == key);
        Ok(is_known || any_destroyed)
    }

    fn each(
        &mut self,
        space: Space,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let journal = self.journal;
        let mut failed = None;
        let all = (Bound::Unbounded, Bound::Unbounded);
        let step: &mut Visit<'_> = &mut |key, value| {
            if let Err(error) = visit(self, key, value) {
                failed = Some(error);
            }
            if failed.is_some() || self.is_done() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        journal
            .snapshot()
            .scan(space, all, Direction::Forward, step)?;
        failed.map_or(Ok(()), Err)
    }
}
