//! Where what is costly is made: away from the threads that answer requests, as many things at once as there are cores.

use std::sync::Arc;
use std::thread::available_parallelism;

use palisade_core::made::{Finished, Making};
use tokio::sync::Semaphore;

/// The places to work at. Who finds none waits, without a thread.
pub struct Workshop(Arc<Semaphore>);

impl Default for Workshop {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(cores)))
    }
}

impl Workshop {
    /// Makes something; `None` if the maker panicked, or the server stops.
    pub async fn make(&self, making: Making) -> Option<Finished> {
        let place = Arc::clone(&self.0).acquire_owned().await.ok()?;
        let working = tokio::task::spawn_blocking(move || {
            let finished = making.make();
            drop(place);
            finished
        });
        match working.await {
            Ok(finished) => Some(finished),
            Err(error) => {
                tracing::error!(%error, "what a call asked for could not be made");
                None
            }
        }
    }
}
