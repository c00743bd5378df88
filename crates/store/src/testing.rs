//! For tests of what stands on the store: engines that fail and crash, and a store that is driven by hand.

use crate::commit::committer::Committer;
use crate::commit::queue::{Urgency, Work};
use crate::engine::memory::MemoryEngine;
use crate::engine::{Batch, Direction, Engine, EngineError, KeyRange, Snapshot, Space, Visit};
use crate::error::{OpenError, StoreError};
use crate::fact::Position;
use crate::follower::{FollowError, Follower, Runner};
use crate::shared::{Shared, start};
use crate::store::{Options, Store};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Makes the nth call to an engine fail, once or for good.
///
/// ```
/// use palisade_store::{Options, Store, testing::{Faults, FaultyEngine}};
/// use palisade_store::engine::memory::MemoryEngine;
/// let faults = Faults::default();
/// let engine = FaultyEngine::new(MemoryEngine::default(), faults.clone());
/// let store = Store::with_engine(Box::new(engine), Options::default()).unwrap();
/// faults.fail_nth(1);
/// assert!(store.begin().is_ok(), "beginning touches no engine");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<FaultState>);

#[derive(Debug, Default)]
struct FaultState {
    /// Calls until the failing one; 0 when none is to fail.
    left: AtomicU64,
    calls: AtomicU64,
    failed: AtomicU64,
}

impl Faults {
    /// The `n`th call from now fails (1 is the next one), all others succeed. 0 lets all succeed.
    pub fn fail_nth(&self, n: u64) {
        self.0.left.store(n, Ordering::SeqCst);
    }

    /// Calls so far: reads, scans, snapshots and batches.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// How many calls were made to fail.
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::SeqCst)
    }

    fn call(&self, doing: &'static str) -> Result<(), EngineError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let count_down = |left: u64| left.checked_sub(1);
        if self
            .0
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count_down)
            != Ok(1)
        {
            return Ok(());
        }
        self.0.failed.fetch_add(1, Ordering::SeqCst);
        Err(EngineError::new(doing, "injected fault"))
    }
}

/// An engine whose calls fail as [`Faults`] says; what fails has no effect.
pub struct FaultyEngine<E> {
    inner: E,
    faults: Faults,
}

impl<E: Engine> FaultyEngine<E> {
    /// `inner`, made to fail by `faults`.
    pub fn new(inner: E, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl<E: Engine> Engine for FaultyEngine<E> {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.faults.call("snapshot")?;
        Ok(Arc::new(FaultySnapshot {
            inner: self.inner.snapshot()?,
            faults: self.faults.clone(),
        }))
    }

    fn apply(&mut self, batch: Batch, durable: bool) -> Result<(), EngineError> {
        self.faults.call("apply")?;
        self.inner.apply(batch, durable)
    }
}

struct FaultySnapshot {
    inner: Arc<dyn Snapshot>,
    faults: Faults,
}

impl Snapshot for FaultySnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.faults.call("get")?;
        self.inner.get(space, key)
    }

    fn scan(
        &self,
        space: Space,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.faults.call("scan")?;
        self.inner.scan(space, range, direction, visit)
    }
}

/// A disk that can lose power: what was not applied durably may be lost, newest first.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    durable: MemoryEngine,
    /// Batches applied since, which a crash may lose.
    pending: Vec<Batch>,
}

impl Disk {
    /// Pulls the plug: of the batches that are not yet durable the first `keep` survive.
    pub fn crash(&self, keep: usize) {
        let mut state = self.lock();
        let survivors = std::mem::take(&mut state.pending).into_iter().take(keep);
        for batch in survivors {
            let _ = state.durable.apply(batch, true); // memory does not fail
        }
    }

    /// Another disk with the same on it.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.lock();
        Self(Arc::new(Mutex::new(DiskState {
            durable: state.durable.clone(),
            pending: state.pending.clone(),
        })))
    }

    /// How many batches a crash may lose.
    pub fn pending(&self) -> usize {
        self.lock().pending.len()
    }

    /// Changes what is on the disk behind the store's back: the value under `key`, `None` removes.
    pub fn tamper(&self, space: Space, key: &[u8], value: Option<&[u8]>) {
        let change = (space, key.to_vec(), value.map(<[u8]>::to_vec));
        let _ = self.lock().durable.apply(
            Batch {
                changes: vec![change],
            },
            true,
        );
    }

    /// Everything that is durable in a space.
    pub fn rows(&self, space: Space) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let _ = self
            .lock()
            .durable
            .scan(space, all, Direction::Forward, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                std::ops::ControlFlow::Continue(())
            });
        rows
    }

    /// An engine on what is on the disk now.
    pub fn engine(&self) -> DiskEngine {
        let mut state = self.lock();
        for batch in std::mem::take(&mut state.pending) {
            let _ = state.durable.apply(batch, true);
        }
        DiskEngine {
            disk: self.clone(),
            live: state.durable.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine of a [`Disk`].
pub struct DiskEngine {
    disk: Disk,
    live: MemoryEngine,
}

impl Engine for DiskEngine {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.live.snapshot()
    }

    fn apply(&mut self, batch: Batch, durable: bool) -> Result<(), EngineError> {
        let mut state = self.disk.lock();
        state.pending.push(batch.clone());
        if durable {
            for batch in std::mem::take(&mut state.pending) {
                state.durable.apply(batch, true)?;
            }
        }
        self.live.apply(batch, durable)
    }
}

/// A store whose committer works only when told to, so that a test decides which commits share a group.
pub struct SteppedStore {
    /// The store; its commits wait for [`Self::step`].
    pub store: Store,
    shared: Arc<Shared>,
    committer: Committer,
}

impl SteppedStore {
    /// A store over `engine`.
    ///
    /// # Errors
    /// As [`Store::with_engine`].
    pub fn open(engine: impl Engine, options: Options) -> Result<Self, OpenError> {
        let (shared, committer) = start(Box::new(engine), options)?;
        Ok(Self {
            store: Store::assemble(shared.clone(), None),
            shared,
            committer,
        })
    }

    /// Commits at most `limit` of what waits, as one group; how many there were.
    pub fn step(&mut self, limit: usize) -> usize {
        let group = self.shared.queue.try_group(limit);
        let count = group.len();
        if count > 0 {
            self.committer.process(group);
        }
        count
    }

    /// A follower that takes records only when told to.
    ///
    /// # Errors
    /// When its cursor cannot be read.
    pub fn follower(&self, follower: impl Follower) -> Result<SteppedFollower, StoreError> {
        let (runner, _) = Runner::new(Box::new(follower), self.shared.clone())?;
        Ok(SteppedFollower {
            runner,
            shared: self.shared.clone(),
            pending: None,
        })
    }
}

/// A follower that is driven by hand.
pub struct SteppedFollower {
    runner: Runner,
    shared: Arc<Shared>,
    /// What the committer has not written yet, and the cursor after it.
    pending: Option<(oneshot::Receiver<Result<(), StoreError>>, Position)>,
}

impl SteppedFollower {
    /// Takes the next records and leaves what follows from them with the committer, whose next step writes it; false if
    /// there were none, or the committer has not yet written the last.
    ///
    /// # Errors
    /// When the follower fails.
    pub fn step(&mut self) -> Result<bool, FollowError> {
        if let Some((mut answer, cursor)) = self.pending.take() {
            match answer.try_recv() {
                Ok(written) => {
                    written?;
                    self.runner.taken(cursor);
                }
                Err(oneshot::error::TryRecvError::Empty) => {
                    self.pending = Some((answer, cursor));
                    return Ok(false);
                }
                Err(oneshot::error::TryRecvError::Closed) => return Ok(false),
            }
        }
        let Some((batch, cursor)) = self.runner.next()? else {
            return Ok(false);
        };
        let (ack, answer) = oneshot::channel();
        if self
            .shared
            .queue
            .push(Work::Derived(batch, ack), Urgency::Now)
            .is_ok()
        {
            self.pending = Some((answer, cursor));
        }
        Ok(true)
    }

    /// The last position it has taken.
    pub fn cursor(&self) -> Position {
        self.runner.cursor()
    }
}
