//! What the handles, the committer and the followers of a store share.

use crate::branch::Branches;
use crate::cache::Cache;
use crate::clock::Millis;
use crate::commit::committer::Committer;
use crate::commit::queue::{Queue, Urgency, Work};
use crate::engine::{Batch, Engine, Space};
use crate::error::{OpenError, StoreError};
use crate::follower::{FollowerHandle, Pages, Stop};
use crate::journal::Dictionaries;
use crate::layout::{self, Head, Horizons};
use crate::store::Options;
use crate::view::Published;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::oneshot;

/// One for each open store.
pub(crate) struct Shared {
    pub options: Options,
    pub published: ArcSwap<Published>,
    pub cache: Arc<Cache>,
    pub queue: Queue,
    pub branches: Branches,
    pub dictionaries: Arc<Dictionaries>,
    pub stop: Stop,
    pub pages: Pages,
    /// The followers that were started.
    pub cursors: Mutex<Vec<FollowerHandle>>,
    failure: OnceLock<StoreError>,
}

impl Shared {
    /// State time now, as seen from `published`.
    pub fn state_time(&self, published: &Published) -> Millis {
        self.options.clock.now().max(published.head.committed)
    }

    /// Whether the store still works.
    pub fn check_healthy(&self) -> Result<(), StoreError> {
        self.failure
            .get()
            .map_or(Ok(()), |error| Err(error.clone()))
    }

    /// From now on everything is refused; the error that all are told.
    pub fn fail(&self, error: StoreError) -> StoreError {
        self.failure
            .get_or_init(|| StoreError::Unavailable(error.to_string()))
            .clone()
    }

    pub fn publish(&self, published: Published) {
        let position = published.head.position;
        let before = self.published.swap(Arc::new(published));
        if before.head.position != position {
            self.stop.news();
        }
    }
}

impl Shared {
    /// Has the committer do something, and waits for it.
    pub async fn work(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Work,
        urgency: Urgency,
    ) -> Result<(), StoreError> {
        self.start_work(work, urgency)?
            .await
            .unwrap_or_else(|_| Err(store_closed()))
    }

    /// The same for a thread of its own.
    pub fn work_blocking(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Work,
        urgency: Urgency,
    ) -> Result<(), StoreError> {
        self.start_work(work, urgency)?
            .blocking_recv()
            .unwrap_or_else(|_| Err(store_closed()))
    }

    fn start_work(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Work,
        urgency: Urgency,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        self.check_healthy()?;
        let (ack, answer) = oneshot::channel();
        self.queue
            .push(work(ack), urgency)
            .map_err(|_| store_closed())?;
        Ok(answer)
    }
}

/// Opens the engine's content, or begins it; the committer is not yet running.
pub(crate) fn start(
    mut engine: Box<dyn Engine>,
    options: Options,
) -> Result<(Arc<Shared>, Committer), OpenError> {
    if !layout::check_format(&*engine.snapshot()?)? {
        let (key, row) = layout::format_row();
        let mut batch = Batch::default();
        batch.put(Space::Meta, key, row);
        engine.apply(batch, true)?;
    }
    let snapshot = engine.snapshot()?;
    let head = Head::load(&*snapshot)?;
    let horizons = Horizons::load(&*snapshot)?;
    let shared = Arc::new(Shared {
        published: ArcSwap::from_pointee(Published {
            snapshot,
            head,
            horizons,
        }),
        cache: Arc::new(Cache::new(options.cache_bytes_max)),
        queue: Queue::new(options.queue_bytes_max, options.group_max),
        branches: Branches::new(options.branches),
        dictionaries: Arc::default(),
        stop: Stop::default(),
        pages: Pages::default(),
        cursors: Mutex::default(),
        failure: OnceLock::new(),
        options,
    });
    let committer = Committer::new(engine, shared.clone())?;
    Ok((shared, committer))
}

fn store_closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
