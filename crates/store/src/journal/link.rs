//! One link of the hash chain: what a group of commits was, as hashes.

use crate::bytes::{Hash, Reader, hash, put_bytes, put_varint, seal, unseal};
use crate::clock::Millis;
use crate::fact::{Position, Row, Write};

const VERSION: u8 = 1;

/// A link covers the hash of the link before it and, separately, the hashes of each record's call, questions and written
/// values, so that any of those bodies can be dropped and the rest still verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The position of its first record.
    pub first: Position,
    /// When the group was committed.
    pub committed: Millis,
    /// The hash of the link before; zeros for the first.
    pub previous: Hash,
    /// Its records, in order; never none.
    pub records: Vec<Digests>,
    /// A signature over this link's hash; empty until heads are signed. Not covered by the hash.
    pub signature: Vec<u8>,
}

/// The hashes of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the call: who, what, when, and the answer.
    pub call: Hash,
    /// Of the questions, if any were asked.
    pub questions: Option<Hash>,
    /// Of each value written.
    pub writes: Vec<Write>,
}

impl Link {
    /// The position of its last record.
    pub fn last(&self) -> Position {
        Position(self.first.0 + self.records.len() as u64 - 1)
    }

    /// The row in the engine, and the link's hash.
    pub(crate) fn encode(&self) -> (Vec<u8>, Hash) {
        let mut out = Vec::with_capacity(64 + self.records.len() * 80);
        out.push(VERSION);
        put_varint(&mut out, self.first.0);
        put_varint(&mut out, self.committed.0);
        out.extend_from_slice(&self.previous);
        put_varint(&mut out, self.records.len() as u64);
        for record in &self.records {
            record.encode(&mut out);
        }
        let hash = hash(&out);
        put_bytes(&mut out, &self.signature);
        (seal(out), hash)
    }

    /// The link in a row of the engine, and its hash; `None` for bytes that are no link.
    pub(crate) fn decode(row: &[u8]) -> Option<(Self, Hash)> {
        let bytes = unseal(row)?;
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let first = Position(reader.varint()?);
        let committed = Millis(reader.varint()?);
        let previous = reader.array()?;
        let count = reader.count()?;
        let records = (0..count)
            .map(|_| Digests::decode(&mut reader))
            .collect::<Option<Vec<_>>>()?;
        let hash = hash(&bytes[..bytes.len() - reader.0.len()]);
        let signature = reader.bytes()?.to_vec();
        if records.is_empty() || first.0 == 0 || first.0.checked_add(count as u64).is_none() {
            return None;
        }
        reader.finish((
            Self {
                first,
                committed,
                previous,
                records,
                signature,
            },
            hash,
        ))
    }

    /// When the link in a row was committed, without reading the rest of it.
    pub(crate) fn peek_committed(row: &[u8]) -> Option<Millis> {
        let mut reader = Reader(row);
        if reader.byte()? != VERSION {
            return None;
        }
        reader.varint()?;
        reader.varint().map(Millis)
    }
}

impl Digests {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.call);
        out.push(u8::from(self.questions.is_some()));
        out.extend_from_slice(self.questions.as_ref().map_or(&[], |hash| hash.as_slice()));
        put_varint(out, self.writes.len() as u64);
        for write in &self.writes {
            put_bytes(out, &write.row.0);
            out.push(u8::from(write.hash.is_some()));
            out.extend_from_slice(write.hash.as_ref().map_or(&[], |hash| hash.as_slice()));
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let call = reader.array()?;
        let questions = decode_hash(reader)?;
        let count = reader.count()?;
        let writes = (0..count)
            .map(|_| {
                Some(Write {
                    row: Row(reader.bytes()?.into()),
                    hash: decode_hash(reader)?,
                })
            })
            .collect::<Option<_>>()?;
        Some(Self {
            call,
            questions,
            writes,
        })
    }
}

fn decode_hash(reader: &mut Reader<'_>) -> Option<Option<Hash>> {
    match reader.byte()? {
        0 => Some(None),
        1 => Some(Some(reader.array()?)),
        _ => None,
    }
}
