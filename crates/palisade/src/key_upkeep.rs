//! Keys of domains are made anew every 30 days, and what the older ones wrap is moved to the new ones.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::OsRandom;
use palisade_vault::Keys;

/// The age at which a domain's key is due, in milliseconds.
const AGE_MS: u64 = 30 * 24 * 3600 * 1000;
/// How many materials are moved with one sync of the disk.
const BATCH: usize = 256;

/// Every `interval`, rotates what is due and ends what a stop left undone. Ends when it is stopped, after the work under way.
pub async fn keep(keys: Arc<Keys>, interval: Duration) {
    loop {
        let working = Arc::clone(&keys);
        let done = tokio::task::spawn_blocking(move || rotate(&working, AGE_MS)).await;
        match done {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "domain keys could not be rotated; it will be tried again");
            }
            Err(error) => tracing::error!(%error, "the rotation of domain keys ended badly"),
        }
        tokio::time::sleep(interval).await;
    }
}

/// Makes new keys for domains whose newest is `age_ms` old or older, and moves what lies under older ones; how many were made.
///
/// # Errors
/// When the vault fails; what is moved stays moved, and the rest opens as before.
pub fn rotate(keys: &Keys, age_ms: u64) -> anyhow::Result<usize> {
    let made = keys.rotate_domain_keys(age_ms, &mut OsRandom)?;
    if keys.has_older_keys() {
        let moved = keys.rewrap(BATCH, &mut OsRandom, || true)?;
        tracing::info!(
            made,
            materials = moved.materials,
            wiped = moved.domain_keys,
            "rotated domain keys"
        );
    }
    Ok(made)
}
