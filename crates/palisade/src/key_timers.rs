//! What time does to keys of KMS: waiting periods end, imported materials expire, rotations are due.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::keys::KeyVault;
use palisade_kms::SweepError;
use palisade_store::{CommitError, Store};
use tokio::sync::Notify;

/// Every `interval`, and at once when state time was moved, does what is due. Ends when it is stopped.
pub async fn keep(store: Store, keys: Arc<dyn KeyVault>, interval: Duration, moved: Arc<Notify>) {
    loop {
        match palisade_kms::sweep(&store, &*keys).await {
            Ok(swept) => {
                for (key, what) in swept.damaged {
                    tracing::error!(
                        key,
                        what,
                        "a key whose time has come is damaged; it will be looked at again in a day"
                    );
                }
                if swept.more {
                    continue;
                }
            }
            // A call came between: the next round looks again.
            Err(SweepError::Commit(CommitError::Conflict)) => {}
            Err(error) => {
                tracing::warn!(%error, "keys whose time has come could not be dealt with; it will be tried again");
            }
        }
        // Moved, or it is time again: both are reasons to look.
        let _ = tokio::time::timeout(interval, moved.notified()).await;
    }
}
