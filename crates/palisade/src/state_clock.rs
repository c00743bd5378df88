//! State time that runs ahead of the machine's clock: how far at a start, and what moves it in development mode.

use std::sync::Arc;
use std::time::Duration;

use palisade_own::clock::{RunAhead, ahead};
use palisade_store::{Clock as _, ClockAhead, Store, SystemClock};
use tokio::sync::Notify;

/// Lets state time run as far ahead as it did, also without --dev: it may not stand still until the machine's clock has caught up. With
/// --dev it goes on from the last commit at least, which may be of a time that was not kept.
///
/// # Errors
/// When the state cannot be read.
pub fn catch_up(clock: &ClockAhead, store: &Store, dev: bool) -> anyhow::Result<()> {
    clock.run_ahead(ahead(&store.begin()?)?);
    if dev {
        let last = store.head().committed.0;
        let gap = last.saturating_sub(SystemClock.now().0);
        clock.run_ahead(Duration::from_millis(gap));
    }
    Ok(())
}

/// Moves state time, and has looked at what is due then.
pub fn mover(clock: ClockAhead, moved: &Arc<Notify>) -> RunAhead {
    let moved = Arc::clone(moved);
    Arc::new(move |by| {
        clock.run_ahead(by);
        moved.notify_one();
    })
}
