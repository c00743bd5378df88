//! What time does to keys of KMS: waiting periods end, imported materials expire.

use std::time::Duration;

use palisade_kms::SweepError;
use palisade_store::{CommitError, Store};

/// Every `interval`, does what is due. Ends when it is stopped.
pub async fn keep(store: Store, interval: Duration) {
    loop {
        match palisade_kms::sweep(&store).await {
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
        tokio::time::sleep(interval).await;
    }
}
