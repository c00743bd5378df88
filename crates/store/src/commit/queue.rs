//! The queue before the committer: bounded in bytes, woken by what is urgent, patient with the rest.

use crate::engine::Batch;
use crate::error::{CommitError, StoreError};
use crate::fact::{Position, Prepared};
use crate::layout::Horizons;
use crate::store::Committed;
use crate::tx::{ReadSet, RowWrite};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Bytes that one permit of the queue stands for.
const PERMIT_BYTES: usize = 1 << 10;
/// The longest wait for callers who may be back; see [`Queue::served`].
const LINGER_MAX: Duration = Duration::from_millis(1);

/// Something for the committer to do.
pub(crate) enum Work {
    /// A fact, and the writes that go with it.
    Call(Box<Call>),
    /// A follower's writes.
    Derived(Batch, Ack<StoreError>),
    /// What retention does: rows to drop.
    Maintain(Batch, Ack<StoreError>),
    /// Nothing; answered when all before it is on disk.
    Flush(Ack<StoreError>),
}

pub(crate) type Ack<E> = oneshot::Sender<Result<(), E>>;

/// One commit.
pub(crate) struct Call {
    pub fact: Prepared,
    pub read_at: Position,
    pub time: crate::Millis,
    pub reads: ReadSet,
    pub writes: Vec<RowWrite>,
    /// New horizons that become true with this commit.
    pub horizons: Option<Horizons>,
    /// Who waits for it; nobody, if it is lazy.
    pub ack: Option<oneshot::Sender<Result<Committed, CommitError>>>,
    pub _permit: OwnedSemaphorePermit,
}

/// How soon something must be done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Now,
    Within(Duration),
}

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    permits: Arc<Semaphore>,
    permits_max: u32,
    group_max: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    /// When the committer must start at the latest.
    due: Option<Instant>,
    /// How many who wait for their answer are waiting.
    callers: usize,
    /// How many may be waiting soon, and until when it is worth waiting for them.
    expected: Option<(usize, Instant)>,
    patience: Patience,
    is_sleeping: bool,
    is_closed: bool,
}

impl State {
    /// How long to wait for callers who are expected; `None` if not at all.
    fn worth_waiting(&self, now: Instant) -> Option<Duration> {
        let (callers, until) = self.expected?;
        (self.callers < callers && now < until).then(|| until - now)
    }
}

/// Whether to wait for callers at all. Where they take longer to come back than the wait, the wait is lost, for the flush would
/// have gone on beside their work: after each such loss twice as many groups go without.
#[derive(Default)]
struct Patience {
    /// Groups that still go without a wait.
    without: u32,
    /// How many went without after the last loss.
    penalty: u32,
}

impl Patience {
    const PENALTY_MAX: u32 = 256;

    /// Whether the next group may wait.
    fn allows(&mut self) -> bool {
        let allowed = self.without == 0;
        self.without = self.without.saturating_sub(1);
        allowed
    }

    /// A wait ended, with all who were expected or without.
    fn ended(&mut self, all_came: bool) {
        self.penalty = match all_came {
            true => 0,
            false => (self.penalty * 2).clamp(1, Self::PENALTY_MAX),
        };
        self.without = self.penalty;
    }
}

impl Work {
    /// Whether someone waits for a commit.
    pub fn has_caller(&self) -> bool {
        matches!(self, Self::Call(call) if call.ack.is_some())
    }
}

impl Queue {
    pub fn new(bytes_max: usize, group_max: usize) -> Self {
        let permits_max = u32::try_from(bytes_max / PERMIT_BYTES)
            .unwrap_or(u32::MAX / 2)
            .max(1);
        let permits = Arc::new(Semaphore::new(permits_max as usize));
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            permits,
            permits_max,
            group_max,
        }
    }

    /// Waits for room for so many bytes; `None` once the queue is closed.
    pub async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes / PERMIT_BYTES + 1)
            .unwrap_or(u32::MAX)
            .min(self.permits_max);
        match self.permits.clone().try_acquire_many_owned(permits) {
            Ok(permit) => Some(permit),
            Err(_) => self.permits.clone().acquire_many_owned(permits).await.ok(),
        }
    }

    /// Hands `work` to the committer; gives it back once the queue is closed.
    pub fn push(&self, work: Work, urgency: Urgency) -> Result<(), Work> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(work);
        }
        let has_caller = work.has_caller();
        state.callers += usize::from(has_caller);
        state.waiting.push_back(work);
        let due = match urgency {
            Urgency::Now => Instant::now(),
            Urgency::Within(delay) => Instant::now() + delay,
        };
        let is_earlier = state.due.is_none_or(|before| due < before);
        if is_earlier {
            state.due = Some(due);
        }
        let is_full = state.waiting.len() >= self.group_max;
        // What nobody waits for wakes nobody either: it has its time.
        let are_all_here = has_caller
            && state
                .expected
                .is_some_and(|(callers, _)| state.callers >= callers);
        if state.is_sleeping && (is_earlier || is_full || are_all_here) {
            state.is_sleeping = false;
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits until a group is due and takes it; `None` once the queue is closed and empty.
    pub fn next_group(&self) -> Option<Vec<Work>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let wait = match state.due {
                _ if state.is_closed || state.waiting.len() >= self.group_max => None,
                Some(due) if due <= now => state.worth_waiting(now),
                Some(due) => Some(due - now),
                None => Some(Duration::from_secs(3600)),
            };
            let Some(wait) = wait else { break };
            state.is_sleeping = true;
            state = self
                .wake
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.is_sleeping = false;
        }
        if let Some((callers, _)) = state.expected.take()
            && callers > 0
        {
            let all_came = state.callers >= callers;
            state.patience.ended(all_came);
        }
        let group = Self::take(&mut state, self.group_max);
        (!group.is_empty()).then_some(group)
    }

    /// Takes at most `limit` without waiting.
    pub fn try_group(&self, limit: usize) -> Vec<Work> {
        Self::take(&mut self.lock(), limit)
    }

    fn take(state: &mut State, group_max: usize) -> Vec<Work> {
        let count = state.waiting.len().min(group_max);
        let group: Vec<_> = state.waiting.drain(..count).collect();
        state.callers -= group.iter().filter(|work| work.has_caller()).count();
        if state.waiting.is_empty() {
            state.due = None; // otherwise what is left stays due at once
        }
        group
    }

    /// A group with so many callers was answered, and took so long. They, and those who came meanwhile, are likely to be
    /// back together: a short wait for the stragglers then saves all of them a flush. (Without it, half the callers
    /// always wait for the other half's flush before their own.)
    pub fn served(&self, callers: usize, took: Duration) {
        let mut state = self.lock();
        if callers > 0 && state.patience.allows() {
            let until = Instant::now() + (took / 4).min(LINGER_MAX);
            state.expected = Some((callers + state.callers, until));
        }
    }

    /// No more is taken; what waits is still done.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        self.permits.close();
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Urgency = Urgency::Within(Duration::from_secs(60));

    fn flush() -> Work {
        Work::Flush(oneshot::channel().0)
    }

    #[test]
    fn what_has_time_wakes_the_committer_only_to_tell_it_when_it_is_due() {
        let queue = Queue::new(1 << 20, 100);
        queue.served(0, Duration::from_millis(1));
        queue.lock().is_sleeping = true;
        assert!(queue.push(flush(), SOON).is_ok());
        assert!(!queue.lock().is_sleeping, "it must learn when to start");
        queue.lock().is_sleeping = true;
        assert!(queue.push(flush(), SOON).is_ok());
        assert!(queue.lock().is_sleeping);
    }

    #[test]
    fn after_each_wait_in_vain_twice_as_many_groups_go_without() {
        let mut patience = Patience::default();
        let mut groups_without = |all_came| {
            patience.ended(all_came);
            (0..).take_while(|_| !patience.allows()).count()
        };
        assert_eq!([false, false, false].map(&mut groups_without), [1, 2, 4]);
        assert_eq!([true, false].map(&mut groups_without), [0, 1]);
    }
}
