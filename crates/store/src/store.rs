//! The store: one handle for everyone.

use crate::branch::BranchLimits;
use crate::clock::{Clock, Millis, SystemClock};
use crate::commit::queue::{Call, Urgency, Work};
use crate::engine::Engine;
use crate::engine::fjall::FjallEngine;
use crate::engine::memory::MemoryEngine;
use crate::error::{AsOfError, CommitError, OpenError, StoreError};
use crate::fact::{Fact, Position, Prepared};
use crate::follower::{Follower, FollowerHandle, Runner};
use crate::journal::Journal;
use crate::layout::{Head, Horizons};
use crate::shared::{Shared, start};
use crate::tx::Tx;
use crate::view::{View, view_at};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// The most bytes that one fact may have: call and questions together.
pub const FACT_BYTES_MAX: usize = 4 << 20;
/// The most histories that show one fact, and the most bytes of an account's or a region's name.
const HISTORIES_MAX: usize = 64;
const HISTORY_BYTES_MAX: usize = 256;
/// The most rows that one transaction may write.
pub const WRITES_MAX: usize = 10_000;

/// How a store works; the defaults suit a small server.
#[derive(Clone)]
pub struct Options {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Bytes that decoded rows may take, roughly.
    pub cache_bytes_max: usize,
    /// Bytes that may wait for the committer; who comes after waits.
    pub queue_bytes_max: usize,
    /// How many commits may share a flush.
    pub group_max: usize,
    /// How long a lazy fact waits for company before it is written. With the flush it must stay under 100 ms.
    pub lazy_delay: Duration,
    /// How many written rows are remembered to check what is read; a transaction older than that must begin again.
    pub recent_writes_max: usize,
    /// Bounds on branches.
    pub branches: BranchLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            cache_bytes_max: 16 << 20,
            queue_bytes_max: 16 << 20,
            group_max: 4096,
            lazy_delay: Duration::from_millis(50),
            recent_writes_max: 65_536,
            branches: BranchLimits::default(),
        }
    }
}

/// When a commit is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk.
    Durable,
    /// At once; it is on disk within 100 ms, or the store refuses everything after. For calls that only read: a
    /// transaction that wrote is durable all the same.
    Lazy,
}

/// A commit that happened, or (if lazy) is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the order of commits; `None` for a lazy one, which has none yet.
    pub position: Option<Position>,
    /// Its state time; for a lazy one, the transaction's.
    pub time: Millis,
}

/// The durable state and journal of a deployment.
///
/// Handles are cheap to copy; the store closes when the last one goes, after writing everything that waits.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    closer: Arc<Closer>,
}

struct Closer {
    shared: Arc<Shared>,
    followers: Mutex<Vec<JoinHandle<()>>>,
    committer: Option<JoinHandle<()>>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        // Followers first, as they wait for the committer. A thread's panic was reported when it happened.
        self.shared.stop.set();
        for follower in std::mem::take(
            &mut *self
                .followers
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        ) {
            let _ = follower.join();
        }
        self.shared.queue.close();
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}

impl Store {
    /// A store that keeps nothing on disk.
    ///
    /// # Errors
    /// When the committer's thread cannot be started.
    pub fn open_memory(options: Options) -> Result<Self, OpenError> {
        Self::with_engine(Box::new(MemoryEngine::default()), options)
    }

    /// The store in `folder`, which is created if there is none. One process at a time.
    ///
    /// # Errors
    /// When the folder is in use, cannot be written, holds something else or a newer format.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        Self::with_engine(Box::new(FjallEngine::open(folder)?), options)
    }

    /// A store over any engine.
    ///
    /// # Errors
    /// When the engine holds something else, or a newer format, or cannot be read.
    pub fn with_engine(engine: Box<dyn Engine>, options: Options) -> Result<Self, OpenError> {
        let (shared, committer) = start(engine, options)?;
        let thread = std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || committer.run())?;
        Ok(Self::assemble(shared, Some(thread)))
    }

    pub(crate) fn assemble(shared: Arc<Shared>, committer: Option<JoinHandle<()>>) -> Self {
        let closer = Closer {
            shared: shared.clone(),
            followers: Mutex::default(),
            committer,
        };
        Self {
            shared,
            closer: Arc::new(closer),
        }
    }

    /// Begins a transaction on the newest state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] once the store has failed to write.
    pub fn begin(&self) -> Result<Tx, StoreError> {
        self.shared.check_healthy()?;
        let published = self.shared.published.load_full();
        let time = self.shared.state_time(&published);
        let view = View {
            position: published.head.position,
            published,
            overlay: None,
        };
        Ok(Tx::new(view, time, false, self.shared.cache.clone()))
    }

    /// Commits a transaction together with the fact that caused it.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when something that `tx` read has been written since and `tx` writes: begin again.
    /// [`CommitError::Unavailable`] when it could not be written: the caller must be told that the call failed.
    pub async fn commit(
        &self,
        tx: Tx,
        fact: Fact,
        durability: Durability,
    ) -> Result<Committed, CommitError> {
        if tx.past && tx.has_writes() {
            return Err(CommitError::ReadOnly);
        }
        check_limit(
            "a fact",
            fact.call.len() + fact.questions.len(),
            FACT_BYTES_MAX,
        )?;
        check_limit("the list of histories", fact.histories.len(), HISTORIES_MAX)?;
        for history in &fact.histories {
            check_limit(
                "a history",
                history.account.len().max(history.region.len()),
                HISTORY_BYTES_MAX,
            )?;
        }
        let durability = if tx.has_writes() {
            Durability::Durable
        } else {
            durability
        };
        let Some(id) = tx.branch() else {
            return self.enqueue(tx, fact, durability, None).await;
        };
        let branch = self
            .shared
            .branches
            .get(id, tx.time())
            .ok_or(CommitError::BranchGone(id))?;
        if !tx.has_writes() {
            return self.enqueue(tx, fact, durability, None).await;
        }
        let _committing = branch.committing.lock().await;
        let time = tx.time();
        let (view, reads, writes) = tx.into_parts();
        check_limit("the writes", writes.len(), WRITES_MAX)?;
        let next = match &view.overlay {
            Some(seen) => branch.prepare(seen, &reads, writes, self.shared.branches.limits())?,
            None => return Err(CommitError::BranchGone(id)),
        };
        let recorded = Tx::new(view, time, false, self.shared.cache.clone());
        let committed = self.enqueue(recorded, fact, durability, None).await?;
        branch.advance(next);
        Ok(committed)
    }

    /// Commits `fact` together with new horizons.
    pub(crate) async fn raise(
        &self,
        horizons: Horizons,
        fact: Fact,
    ) -> Result<Committed, CommitError> {
        let tx = self
            .begin()
            .map_err(|error| CommitError::Unavailable(error.to_string()))?;
        self.enqueue(tx, fact, Durability::Durable, Some(horizons))
            .await
    }

    async fn enqueue(
        &self,
        tx: Tx,
        fact: Fact,
        durability: Durability,
        horizons: Option<Horizons>,
    ) -> Result<Committed, CommitError> {
        let (time, branch) = (tx.time(), tx.branch());
        let (view, reads, writes) = tx.into_parts();
        check_limit("the writes", writes.len(), WRITES_MAX)?;
        let read_at = view.position;
        drop(view); // waiting in the queue must not hold the snapshot
        let fact = Prepared::new(fact, read_at, branch);
        let written = writes
            .iter()
            .map(|write| write.row.len() + write.value.as_ref().map_or(0, |(v, _)| v.len()));
        let bytes = fact.len() + written.sum::<usize>();
        let permit = self.shared.queue.reserve(bytes).await.ok_or_else(closed)?;
        self.shared
            .check_healthy()
            .map_err(|error| CommitError::Unavailable(error.to_string()))?;
        let (ack, answer, urgency) = match durability {
            Durability::Durable => {
                let (ack, answer) = oneshot::channel();
                (Some(ack), Some(answer), Urgency::Now)
            }
            Durability::Lazy => (None, None, Urgency::Within(self.shared.options.lazy_delay)),
        };
        let call = Call {
            fact,
            read_at,
            time,
            reads,
            writes,
            horizons,
            ack,
            _permit: permit,
        };
        self.shared
            .queue
            .push(Work::Call(Box::new(call)), urgency)
            .map_err(|_| closed())?;
        match answer {
            Some(answer) => answer.await.unwrap_or_else(|_| Err(closed())),
            None => Ok(Committed {
                position: None,
                time,
            }),
        }
    }

    /// Waits until everything that was committed before, lazily too, is on disk.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.shared.work(Work::Flush, Urgency::Now).await
    }

    /// Starts a follower, on a thread of its own, where its cursor stands.
    ///
    /// # Errors
    /// When its cursor cannot be read, or the thread cannot be started.
    pub fn follow(&self, follower: impl Follower) -> Result<FollowerHandle, OpenError> {
        let (runner, handle) = Runner::new(Box::new(follower), self.shared.clone())?;
        let shared = self.shared.clone();
        let name = format!("follow {}", handle.name());
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || runner.run(&shared.stop))?;
        self.closer
            .followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        self.shared
            .cursors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(handle.clone());
        Ok(handle)
    }

    /// The followers that were started, for metrics and health.
    pub fn followers(&self) -> Vec<FollowerHandle> {
        self.shared
            .cursors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the store still writes. Once it does not, everything is refused until it is opened again.
    pub fn healthy(&self) -> bool {
        self.shared.check_healthy().is_ok()
    }

    /// The journal as of now.
    pub fn journal(&self) -> Journal {
        Journal {
            published: self.shared.published.load_full(),
            dictionaries: self.shared.dictionaries.clone(),
        }
    }

    /// State time now: what a transaction that begins now has.
    pub fn time(&self) -> Millis {
        self.shared.state_time(&self.shared.published.load())
    }

    /// The newest end of the journal.
    pub fn head(&self) -> Head {
        self.shared.published.load().head
    }

    /// A transaction that reads the state as it was after the commit at `position`, and can write nothing.
    ///
    /// # Errors
    /// When the position is behind the horizon, or in the future.
    pub fn as_of(&self, position: Position) -> Result<Tx, AsOfError> {
        self.shared.check_healthy()?;
        let published = self.shared.published.load_full();
        let time = self.shared.state_time(&published);
        let view = view_at(published, position)?;
        Ok(Tx::new(view, time, true, self.shared.cache.clone()))
    }
}

fn check_limit(what: &'static str, size: usize, limit: usize) -> Result<(), CommitError> {
    if size <= limit {
        Ok(())
    } else {
        Err(CommitError::TooLarge { what, size, limit })
    }
}

fn closed() -> CommitError {
    CommitError::Unavailable("the store is closed".into())
}
