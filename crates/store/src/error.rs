//! What can go wrong.

use crate::engine::EngineError;
use crate::fact::{BranchId, Position};

/// Why a read failed, or a value could not be taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed, or had failed before: nothing is answered until the store is opened again.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Bytes in the store are not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A key, value or fact exceeds a limit.
    #[error("{what} has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A value that cannot be written as data (a map with keys that are no strings, say).
    #[error("a value of table {table} cannot be encoded: {cause}")]
    Encode {
        /// The table.
        table: &'static str,
        /// What the encoder said.
        cause: String,
    },
}

impl StoreError {
    /// A stable code, for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "store.unavailable",
            Self::Damaged(_) => "store.damaged",
            Self::TooLarge { .. } => "store.too_large",
            Self::Encode { .. } => "store.encode",
        }
    }
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Why a commit did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// Something that the transaction read was written by a commit since: begin again.
    #[error("what was read has changed since: begin again")]
    Conflict,
    /// The journal or the state cannot be written. Whether this very commit will be there after reopening is unknown
    /// (its answer must be a failure); the store refuses everything after it.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The fact or the writes exceed a limit.
    #[error("{what} has a size of {size}, more than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size: bytes, or for a list how many.
        size: usize,
        /// The limit, in the same unit.
        limit: usize,
    },
    /// A transaction on the past wrote something.
    #[error("the past cannot be written")]
    ReadOnly,
    /// The branch was dropped, or its time is up.
    #[error("branch {0} is no more")]
    BranchGone(BranchId),
    /// The branch may hold no more.
    #[error("branch {0} is full")]
    BranchFull(BranchId),
}

impl CommitError {
    /// A stable code, for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict => "commit.conflict",
            Self::Unavailable(_) => "commit.unavailable",
            Self::TooLarge { .. } => "commit.too_large",
            Self::ReadOnly => "commit.read_only",
            Self::BranchGone(_) => "commit.branch_gone",
            Self::BranchFull(_) => "commit.branch_full",
        }
    }
}

/// Why a past position cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AsOfError {
    /// The position is behind the horizon: versions that old are no longer kept.
    #[error(
        "position {asked} is behind the horizon: the oldest that can still be read is {horizon}"
    )]
    BehindHorizon {
        /// What was asked.
        asked: Position,
        /// The oldest position that can be read.
        horizon: Position,
    },
    /// The position has not been committed yet.
    #[error("position {asked} is in the future: the newest is {head}")]
    Future {
        /// What was asked.
        asked: Position,
        /// The newest position.
        head: Position,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a newer version, which this one does not understand.
    #[error(
        "the store has format version {found}, this program knows up to {known}: use a newer program"
    )]
    Newer {
        /// The version found.
        found: u64,
        /// The newest version known.
        known: u64,
    },
    /// It is not a store, or one whose restore never finished.
    #[error("not a Palisade store: {0}")]
    NotAStore(String),
    /// The folder or file could not be used.
    #[error("cannot open the store: {0}")]
    Io(#[from] std::io::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        Self::Store(error.into())
    }
}
