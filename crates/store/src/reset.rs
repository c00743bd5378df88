//! Starting over, for development: everything goes but the hash chain, which says that it was there.

use crate::commit::queue::{Urgency, Work};
use crate::engine::{Batch, Direction, Space};
use crate::error::{CommitError, StoreError};
use crate::fact::Fact;
use crate::follower::CURSORS;
use crate::retention::Forget;
use crate::store::{Durability, Store, WRITES_MAX};
use std::ops::{Bound, ControlFlow};

impl Store {
    /// Empties the store: all rows of state, all derived rows, all records, all branches. Positions go on from where they
    /// are, so that nobody who is still at work meets a position twice. `fact` is recorded with each deletion.
    ///
    /// # Errors
    /// When the store cannot be read or written; what was emptied by then stays empty.
    pub async fn reset(&self, fact: Fact) -> Result<(), CommitError> {
        let unavailable = |error: StoreError| CommitError::Unavailable(error.to_string());
        self.shared.branches.clear();
        loop {
            let mut tx = self.begin().map_err(unavailable)?;
            if tx.delete_any(WRITES_MAX).map_err(unavailable)? == 0 {
                break;
            }
            self.commit(tx, fact.clone(), Durability::Durable).await?;
        }
        self.flush().await.map_err(unavailable)?;
        let head = self.head().position;
        for follower in self.followers() {
            follower.settled(head).await;
        }
        let batch = self.derived_rows().map_err(unavailable)?;
        self.shared
            .work(|ack| Work::Derived(batch, ack), Urgency::Now)
            .await
            .map_err(unavailable)?;
        // The record that raises the horizon is the one after the head: all before it can go.
        self.forget(
            Forget {
                states: head,
                records: head,
            },
            fact,
        )
        .await
        .map(drop)
    }

    /// The deletion of every derived row but the followers' cursors.
    fn derived_rows(&self) -> Result<Batch, StoreError> {
        let cursors = CURSORS.prefix(&());
        let mut batch = Batch::default();
        let snapshot = &self.shared.published.load_full().snapshot;
        let all = (Bound::Unbounded, Bound::Unbounded);
        snapshot.scan(Space::Derived, all, Direction::Forward, &mut |row, _| {
            if !row.starts_with(&cursors) {
                batch.delete(Space::Derived, row.to_vec());
            }
            ControlFlow::Continue(())
        })?;
        Ok(batch)
    }
}
