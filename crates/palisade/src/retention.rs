//! Forgetting what is older than the configuration keeps.

use std::time::Duration;

use palisade_store::{Fact, Forget, Millis, Store};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Every `interval`, forgets records and old versions beyond `days`. Ends when it is stopped.
pub async fn keep(store: Store, days: u32, interval: Duration) {
    loop {
        if let Err(error) = forget(&store, DAY * days).await {
            tracing::warn!(%error, "what is past its retention could not be forgotten; it will be tried again");
        }
        tokio::time::sleep(interval).await;
    }
}

async fn forget(store: &Store, age: Duration) -> anyhow::Result<()> {
    let before = store.position_before(age)?;
    let now = Millis(store.begin()?.time().0);
    let ask = Forget {
        states: before,
        records: before,
    };
    let forgotten = store
        .forget(
            ask,
            Fact {
                time: now,
                ..Fact::default()
            },
        )
        .await?;
    if forgotten.bodies + forgotten.versions > 0 {
        tracing::info!(
            groups = forgotten.bodies,
            versions = forgotten.versions,
            "forgot what is past its retention"
        );
    }
    Ok(())
}
