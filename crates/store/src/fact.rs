//! Facts: what caused a commit, what was asked on the way, and what was written.

use crate::bytes::{Hash, Reader, hash, put_bytes, put_varint};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A place in the one total order of commits; the first is 1, and 0 is the empty store.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a branch: unique over the life of a store, restarts included. Written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BranchId(pub u64);

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for BranchId {
    type Err = InvalidBranchId;
    fn from_str(text: &str) -> Result<Self, InvalidBranchId> {
        let digits =
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(InvalidBranchId)
    }
}

/// A text that is no branch's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a branch is named by 16 hexadecimal digits")]
pub struct InvalidBranchId;

/// One history of the journal: whose, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct History {
    /// The account's id.
    pub account: String,
    /// The region's name.
    pub region: String,
}

impl History {
    /// The history of `account` in `region`.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
        }
    }
}

/// What caused a commit. The bytes are the caller's own: the store neither reads nor changes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// The histories that show this fact; none for maintenance.
    pub histories: Vec<History>,
    /// The request's id, a version 7 UUID (its time is what makes it findable).
    pub request_id: [u8; 16],
    /// When it happened, by the caller's clock; the commit has a time of its own.
    pub time: Millis,
    /// What was called, by whom, and what was answered.
    pub call: Vec<u8>,
    /// The authorization questions that were asked.
    pub questions: Vec<u8>,
}

/// A row that a commit wrote, and the hash of what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The row: table and key.
    pub row: Row,
    /// SHA-256 of the value; `None` where the row was deleted.
    pub hash: Option<Hash>,
}

/// A row's name: its table, and its key as it is encoded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(pub(crate) Arc<[u8]>);

impl Row {
    /// The table's name.
    pub fn table(&self) -> &str {
        crate::table::split_row(&self.0).map_or("", |(table, _)| table)
    }

    /// The key, if this is a row of `table`.
    pub fn key<K: crate::Key, V: crate::Value>(&self, table: &crate::Table<K, V>) -> Option<K> {
        (self.table() == table.name())
            .then(|| table.decode_key(&self.0))
            .flatten()
    }

    /// The key's encoded bytes.
    pub fn key_bytes(&self) -> &[u8] {
        crate::table::split_row(&self.0).map_or(&[], |(_, key)| key)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.table(), self.key_bytes().escape_ascii())
    }
}

/// A fact as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the order of commits.
    pub position: Position,
    /// When it was committed, in state time.
    pub committed: Millis,
    /// The commit whose state the call read.
    pub read_at: Position,
    /// The branch it happened on; `None` for the real state.
    pub branch: Option<BranchId>,
    /// What was committed.
    pub fact: Fact,
    /// The rows it wrote; none where it happened on a branch.
    pub writes: Vec<Write>,
    /// What was made of its call, once for all who follow.
    pub(crate) made: Made,
}

impl Record {
    /// The call, as `decode` makes it of its bytes: made once, however many followers ask; `None` where `decode` finds none.
    /// All who ask for the same record use the same `decode`.
    pub fn call<T: Send + Sync + 'static>(
        &self,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<&T> {
        let make =
            || decode(&self.fact.call).map(|call| Arc::new(call) as Arc<dyn Any + Send + Sync>);
        self.made.0.get_or_init(make).as_ref()?.downcast_ref()
    }
}

/// The decoded form of a record's call, if anybody has asked for it. It follows from the bytes, so it makes no difference.
#[derive(Clone, Default)]
pub(crate) struct Made(OnceLock<Option<Arc<dyn Any + Send + Sync>>>);

impl PartialEq for Made {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Made {}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() {
            "made"
        } else {
            "not made"
        })
    }
}

/// A fact made ready for the journal by the thread that commits it, so that the committer has little left to do.
pub(crate) struct Prepared {
    pub histories: Vec<History>,
    pub call: Vec<u8>,
    pub call_hash: Hash,
    pub questions: Vec<u8>,
    pub questions_hash: Option<Hash>,
}

impl Prepared {
    pub fn new(fact: Fact, read_at: Position, branch: Option<BranchId>) -> Self {
        let mut call = Vec::with_capacity(fact.call.len() + 80);
        put_varint(&mut call, fact.histories.len() as u64);
        for history in &fact.histories {
            put_bytes(&mut call, history.account.as_bytes());
            put_bytes(&mut call, history.region.as_bytes());
        }
        call.push(u8::from(branch.is_some()));
        if let Some(BranchId(id)) = branch {
            call.extend_from_slice(&id.to_be_bytes());
        }
        call.extend_from_slice(&read_at.0.to_be_bytes());
        call.extend_from_slice(&fact.time.0.to_be_bytes());
        call.extend_from_slice(&fact.request_id);
        call.extend_from_slice(&fact.call);
        Self {
            call_hash: hash(&call),
            call,
            questions_hash: (!fact.questions.is_empty()).then(|| hash(&fact.questions)),
            questions: fact.questions,
            histories: fact.histories,
        }
    }

    pub fn len(&self) -> usize {
        self.call.len() + self.questions.len()
    }
}

/// What [`Prepared::new`] wrote before the call's own bytes.
pub(crate) struct Preamble {
    pub histories: Vec<History>,
    pub branch: Option<BranchId>,
    pub read_at: Position,
    pub time: Millis,
    pub request_id: [u8; 16],
}

impl Preamble {
    /// The preamble, and the call's own bytes after it.
    pub fn decode(call: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader(call);
        let histories = (0..reader.count()?)
            .map(|_| {
                Some(History {
                    account: reader.string()?,
                    region: reader.string()?,
                })
            })
            .collect::<Option<_>>()?;
        let branch = match reader.byte()? {
            0 => None,
            1 => Some(BranchId(reader.fixed_u64()?)),
            _ => return None,
        };
        let read_at = Position(reader.fixed_u64()?);
        let time = Millis(reader.fixed_u64()?);
        let request_id = reader.array()?;
        Some((
            Self {
                histories,
                branch,
                read_at,
                time,
                request_id,
            },
            reader.0,
        ))
    }
}
