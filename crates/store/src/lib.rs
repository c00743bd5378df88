//! Durable state: tables, transactions, one journal, branches. It knows nothing of AWS.
//!
//! One commit is one fact: what caused it, what was asked on the way and what was written become durable together or
//! not at all, and get one [`Position`] in one total order. A transaction reads one snapshot, and what it read is checked
//! in commit order, so all commits together are as if they had happened one after another.
//!
//! ```
//! use palisade_store::{Durability, Fact, History, Options, Position, Store, Table};
//! use std::ops::ControlFlow;
//!
//! static USERS: Table<(String, String), String> = Table::new("iam.user");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open_memory(Options::default())?;
//! let mut tx = store.begin()?;
//! if tx.get(&USERS, &("111122223333", "ann"))?.is_none() {
//!     tx.put(&USERS, &("111122223333", "ann"), &"/staff/".to_owned())?;
//! }
//! let ours = History::new("111122223333", "us-east-1");
//! let fact = Fact { histories: vec![ours.clone()], call: b"CreateUser".to_vec(), ..Fact::default() };
//! let committed = store.commit(tx, fact, Durability::Durable).await?;
//! assert_eq!(committed.position, Some(Position(1)));
//!
//! // The journal has what happened, and every past state can still be read.
//! let mut calls = Vec::new();
//! store.journal().history(&ours, Position(u64::MAX), &mut |record| {
//!     calls.push(record.fact.call);
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(calls, [b"CreateUser"]);
//! assert_eq!(store.as_of(Position(0))?.get(&USERS, &("111122223333", "ann"))?, None);
//! # Ok(()) }
//! ```
//!
//! How it is made: [`engine`] is an ordered map of bytes with snapshots and atomic batches, the only part that differs
//! between engines. Over it, once for all: a committer thread that owns the engine and writes many commits with one
//! flush; current rows and an index of their older versions; the [`Journal`], a hash chain with one link a group of
//! commits; a cache of decoded rows; branches, an overlay in memory over a past position.
#![forbid(unsafe_code)]

mod backup;
mod branch;
mod bytes;
mod cache;
mod clock;
mod commit;
pub mod engine;
mod error;
mod fact;
mod follower;
mod journal;
mod key;
mod layout;
mod retention;
mod shared;
mod store;
mod table;
pub mod testing;
mod tx;
mod tx_cached;
mod view;

pub use backup::{BackupError, BackupSummary, RestoreError};
pub use branch::{BranchError, BranchLimits, BranchWrite};
pub use bytes::Hash;
pub use clock::{Clock, ClockAhead, ManualClock, Millis, SystemClock};
pub use error::{AsOfError, CommitError, OpenError, StoreError};
pub use fact::{BranchId, Fact, History, InvalidBranchId, Position, Record, Row, Write};
pub use follower::{
    DerivedBatch, FollowError, Follower, FollowerHandle, FollowerStatus, FollowerStopped,
};
pub use journal::verify::{Damage, Part, Verified};
pub use journal::{Journal, REQUEST_WINDOW, Sought, VisitRecord};
pub use key::{DecodePart, Key, KeyOf, KeyPart, PrefixOf};
pub use layout::{Head, Horizons};
pub use retention::{Forget, Forgotten};
pub use store::{Committed, Durability, FACT_BYTES_MAX, Options, Store, WRITES_MAX};
pub use table::{Derived, Table, Value};
pub use tx::{KEY_BYTES_MAX, Tx, VALUE_BYTES_MAX};
