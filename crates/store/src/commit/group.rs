//! One group of commits on its way into one batch of the engine.

use crate::bytes::Hash;
use crate::clock::Millis;
use crate::commit::dictionary::Trainer;
use crate::engine::{Batch, Space};
use crate::error::StoreError;
use crate::fact::{History, Position, Prepared, Row, Write};
use crate::journal::body;
use crate::journal::link::{Digests, Link};
use crate::layout::{self, Head, encode_current, encode_version, version_key};
use crate::tx::RowWrite;
use crate::view::{Published, damaged};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The most records that share a link, and (but for a single larger one) about the most bytes of their bodies.
const CHUNK_RECORDS_MAX: usize = 256;
const CHUNK_BYTES_MAX: usize = 256 << 10;

/// Collects what the accepted commits of a group change.
pub(crate) struct Group<'a> {
    published: &'a Published,
    pub batch: Batch,
    pub committed: Millis,
    digests: Vec<Digests>,
    facts: Vec<Prepared>,
    /// The rows written in this group, as they are after its last write.
    rows: HashMap<Arc<[u8]>, Option<Current>>,
}

struct Current {
    written_at: Position,
    value: Vec<u8>,
}

impl<'a> Group<'a> {
    pub fn new(published: &'a Published, committed: Millis) -> Self {
        Self {
            published,
            batch: Batch::default(),
            committed,
            digests: Vec::new(),
            facts: Vec::new(),
            rows: HashMap::new(),
        }
    }

    /// The position of the next commit.
    pub fn next_position(&self) -> Position {
        Position(self.published.head.position.0 + self.facts.len() as u64 + 1)
    }

    /// The rows that the group wrote.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.rows.keys()
    }

    /// Adds a commit that was found free of conflicts.
    pub fn accept(
        &mut self,
        fact: Prepared,
        writes: Vec<RowWrite>,
    ) -> Result<Position, StoreError> {
        let position = self.next_position();
        let mut written = Vec::with_capacity(writes.len());
        for RowWrite { row, value } in writes {
            let before = self.take_current(&row)?;
            if before.is_none() && value.is_none() {
                self.rows.insert(row, None); // deleting what is not there writes nothing
                continue;
            }
            written.push(Write {
                row: Row(row.clone()),
                hash: value.as_ref().map(|(_, hash)| *hash),
            });
            self.write(row, position, before, value);
        }
        let (call, questions) = (fact.call_hash, fact.questions_hash);
        self.digests.push(Digests {
            call,
            questions,
            writes: written,
        });
        self.facts.push(fact);
        Ok(position)
    }

    fn write(
        &mut self,
        row: Arc<[u8]>,
        position: Position,
        before: Option<Current>,
        value: Option<(Vec<u8>, Hash)>,
    ) {
        if let Some(before) = before {
            self.batch.put(
                Space::Versions,
                version_key(&row, before.written_at),
                encode_version(Some(&before.value)),
            );
        }
        let after = match value {
            Some((value, _)) => {
                self.batch
                    .put(Space::State, row.to_vec(), encode_current(position, &value));
                Some(Current {
                    written_at: position,
                    value,
                })
            }
            None => {
                self.batch.put(
                    Space::Versions,
                    version_key(&row, position),
                    encode_version(None),
                );
                self.batch.delete(Space::State, row.to_vec());
                None
            }
        };
        self.rows.insert(row, after);
    }

    fn take_current(&mut self, row: &Arc<[u8]>) -> Result<Option<Current>, StoreError> {
        if let Some(current) = self.rows.remove(row) {
            return Ok(current);
        }
        let Some(mut stored) = self.published.snapshot.get(Space::State, row)? else {
            return Ok(None);
        };
        let (written_at, _) = layout::decode_current(&stored).ok_or_else(|| damaged(row))?;
        Ok(Some(Current {
            written_at,
            value: stored.split_off(8),
        }))
    }

    /// Adds the journal's rows to the batch; gives the new head of the journal.
    pub fn finish(&mut self, trainer: &mut Trainer) -> Head {
        let mut head = self.published.head;
        let facts = std::mem::take(&mut self.facts);
        let mut rest = facts.as_slice();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(chunk_len(rest));
            head = self.chunk(head, chunk, trainer);
            rest = after;
        }
        if head != self.published.head {
            let (key, row) = head.row();
            self.batch.put(Space::Meta, key, row);
        }
        head
    }

    /// Adds one link with its bodies; gives the head after it.
    fn chunk(&mut self, before: Head, facts: &[Prepared], trainer: &mut Trainer) -> Head {
        let first = Position(before.position.0 + 1);
        let link = Link {
            first,
            committed: self.committed,
            previous: before.hash,
            records: self.digests.drain(..facts.len()).collect(),
            signature: Vec::new(),
        };
        let (row, hash) = link.encode();
        let key = layout::position_key(first);
        self.batch.put(Space::Links, key.clone(), row);
        let body = trainer.compress(&body::concatenate(facts.iter()), &mut self.batch);
        self.batch.put(Space::Bodies, key, body);
        for (key, value) in history_rows(first, facts.iter().map(|fact| fact.histories.as_slice()))
        {
            self.batch.put(Space::Histories, key, value);
        }
        Head {
            position: link.last(),
            committed: self.committed,
            hash,
        }
    }
}

/// How many records go into one chunk: few enough that reading one of them stays cheap.
fn chunk_len(facts: &[Prepared]) -> usize {
    let mut bytes = 0;
    let fits = facts.iter().take(CHUNK_RECORDS_MAX).take_while(|fact| {
        bytes += fact.len();
        bytes <= CHUNK_BYTES_MAX
    });
    fits.count().max(1)
}

/// The rows that let each history find a chunk: how many of the chunk's records it shows.
pub(crate) fn history_rows<'a>(
    first: Position,
    records: impl Iterator<Item = &'a [History]>,
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let mut counts = BTreeMap::new();
    for history in records.flatten() {
        *counts.entry(history).or_insert(0u64) += 1;
    }
    counts.into_iter().map(move |(history, count)| {
        let mut key = layout::history_prefix(history);
        key.extend_from_slice(&first.0.to_be_bytes());
        let mut value = Vec::new();
        crate::bytes::put_varint(&mut value, count);
        (key, value)
    })
}
