//! What time does to keys of KMS: waiting periods end, imported materials expire.

use std::time::Duration;

use palisade_kms::SweepError;
use palisade_store::{CommitError, Store};

/// Every `interval`, does what is due. Ends when it is stopped.
pub async fn keep(store: Store, interval: Duration) {
    loop {
        match palisade_kms::sweep(&store).await {
            Ok(true) => continue,
            // A call came between: the next round looks again.
            Ok(false) | Err(SweepError::Commit(CommitError::Conflict)) => {}
            Err(error) => {
                tracing::warn!(%error, "keys whose time has come could not be dealt with; it will be tried again");
            }
        }
        tokio::time::sleep(interval).await;
    }
}
