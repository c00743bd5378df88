//! A panic in a future, caught: it ends what it happened in and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// A future panicked; the panic's message went where all do, to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Waits for a future that may panic. What it shared with others must stand being left half done.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_after_waiting_is_caught() {
        let panics = async {
            tokio::task::yield_now().await;
            panic!("a defect")
        };
        let done: Result<(), Panicked> = caught(panics).await;
        assert_eq!(done, Err(Panicked));
        assert_eq!(caught(async { 7 }).await, Ok(7));
    }
}
