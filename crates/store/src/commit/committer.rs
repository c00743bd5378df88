//! The committer: one at a time decides what may be committed, in which order, and writes it with one flush.

use crate::commit::dictionary::Trainer;
use crate::commit::group::Group;
use crate::commit::queue::{Ack, Call, Work};
use crate::commit::recent::Recent;
use crate::engine::{Batch, Engine};
use crate::error::{CommitError, StoreError};
use crate::layout::Horizons;
use crate::shared::Shared;
use crate::store::Committed;
use crate::view::Published;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// Owns the engine; nothing else writes.
pub(crate) struct Committer {
    engine: Box<dyn Engine>,
    shared: Arc<Shared>,
    recent: Recent,
    trainer: Trainer,
}

/// Who is told once the batch is on disk.
#[derive(Default)]
struct Waiting {
    calls: Vec<(oneshot::Sender<Result<Committed, CommitError>>, Committed)>,
    others: Vec<Ack<StoreError>>,
}

impl Committer {
    pub fn new(engine: Box<dyn Engine>, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let published = shared.published.load_full();
        let recent = Recent::new(published.head.position, shared.options.recent_writes_max);
        let trainer = Trainer::load(&*published.snapshot)?;
        Ok(Self {
            engine,
            shared,
            recent,
            trainer,
        })
    }

    /// Works until the queue is closed and empty.
    pub fn run(mut self) {
        // Should the committer ever panic, what waits for it must not wait for ever, nor anything be taken after.
        let _guard = FailOnPanic(self.shared.clone());
        while let Some(group) = self.shared.queue.next_group() {
            let callers = group.iter().filter(|work| work.has_caller()).count();
            let started = Instant::now();
            self.process(group);
            self.shared.queue.served(callers, started.elapsed());
        }
    }

    /// Commits what may be committed of `group`, and answers everyone.
    pub fn process(&mut self, group: Vec<Work>) {
        if let Err(error) = self.shared.check_healthy() {
            return refuse(group, &error);
        }
        let mut waiting = Waiting::default();
        if let Err(error) = self.try_process(group, &mut waiting) {
            let error = self.shared.fail(error);
            for (ack, _) in waiting.calls {
                let _ = ack.send(Err(CommitError::Unavailable(error.to_string())));
            }
            for ack in waiting.others {
                let _ = ack.send(Err(error.clone()));
            }
        }
    }

    fn try_process(&mut self, works: Vec<Work>, waiting: &mut Waiting) -> Result<(), StoreError> {
        let published = self.shared.published.load_full();
        let earliest = works.iter().map(|work| {
            if let Work::Call(call) = work {
                call.time
            } else {
                Default::default()
            }
        });
        let committed = self
            .shared
            .state_time(&published)
            .max(earliest.max().unwrap_or_default());
        let mut group = Group::new(&published, committed);
        let mut horizons = published.horizons;
        let mut others = Batch::default();
        for work in works {
            match work {
                Work::Call(call) => self.take_call(*call, &mut group, &mut horizons, waiting)?,
                Work::Flush(ack) => waiting.others.push(ack),
                Work::Derived(batch, ack) | Work::Maintain(batch, ack) => {
                    waiting.others.push(ack);
                    others.changes.extend(batch.changes);
                }
            }
        }
        let head = group.finish(&mut self.trainer);
        let is_journaled = head != published.head;
        if horizons != published.horizons {
            let (key, row) = horizons.row();
            others.put(crate::engine::Space::Meta, key, row);
        }
        let mut batch = std::mem::take(&mut group.batch);
        batch.changes.extend(others.changes);
        if !batch.changes.is_empty() {
            self.engine.apply(batch, is_journaled)?;
            let snapshot = self.engine.snapshot()?;
            for row in group.rows() {
                self.shared.cache.forget(row, head.position);
            }
            self.shared.publish(Published {
                snapshot,
                head,
                horizons,
            });
        }
        for (ack, committed) in waiting.calls.drain(..) {
            let _ = ack.send(Ok(committed));
        }
        for ack in waiting.others.drain(..) {
            let _ = ack.send(Ok(()));
        }
        Ok(())
    }

    fn take_call(
        &mut self,
        call: Call,
        group: &mut Group<'_>,
        horizons: &mut Horizons,
        waiting: &mut Waiting,
    ) -> Result<(), StoreError> {
        // A commit that writes nothing stands where it read; only writes can be in another's way.
        if !call.writes.is_empty() && self.recent.conflicts(call.read_at, &call.reads) {
            if let Some(ack) = call.ack {
                let _ = ack.send(Err(CommitError::Conflict));
            }
            return Ok(());
        }
        let position = group.next_position();
        let ack = call.ack.map(|ack| {
            (
                ack,
                Committed {
                    position: Some(position),
                    time: group.committed,
                },
            )
        });
        waiting.calls.extend(ack);
        for write in &call.writes {
            self.recent.wrote(write.row.clone(), position);
        }
        group.accept(call.fact, call.writes)?;
        *horizons = call.horizons.unwrap_or(*horizons);
        Ok(())
    }
}

fn refuse(group: Vec<Work>, error: &StoreError) {
    for work in group {
        match work {
            Work::Call(call) => {
                let ack = call
                    .ack
                    .map(|ack| ack.send(Err(CommitError::Unavailable(error.to_string()))));
                drop(ack);
            }
            Work::Derived(_, ack) | Work::Maintain(_, ack) | Work::Flush(ack) => {
                let _ = ack.send(Err(error.clone()));
            }
        }
    }
}

struct FailOnPanic(Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .fail(StoreError::Unavailable("the committer panicked".into()));
            self.0.queue.close();
            while let Some(group) = self.0.queue.next_group() {
                refuse(
                    group,
                    &StoreError::Unavailable("the committer panicked".into()),
                );
            }
        }
    }
}
