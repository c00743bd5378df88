//! Deletion: scheduled, cancelled, done.
//!
//! A key whose waiting period is over is gone for every call, at that second.

use palisade_core::{Call, CallError, Handlers};
use palisade_model::Timestamp;

use crate::api::*;
use crate::keys::{By, find};
use crate::names::invalid;
use crate::rotation::DAY_MS;
use crate::tables::{Deletion, Key};
use crate::timers;

/// The waiting period, unless it is asked for.
pub(crate) const WINDOW_DAYS: i32 = 30;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("ScheduleKeyDeletion", schedule)
        .on("CancelKeyDeletion", cancel)
}

fn schedule(
    call: &mut Call<'_>,
    input: ScheduleKeyDeletionInput,
) -> Result<ScheduleKeyDeletionOutput, CallError> {
    let found = find(call, "ScheduleKeyDeletion", &input.key_id, By::Key)?;
    let days = input.pending_window_in_days.unwrap_or(WINDOW_DAYS);
    if !(7..=30).contains(&days) {
        return Err(invalid("PendingWindowInDays must be between 7 and 30.").into());
    }
    let has_replicas = found.is_primary() && found.ring.regions.len() > 1;
    let end_ms = call.now_ms() + i64::from(days) * DAY_MS;
    let mut key = Key::clone(&found.key);
    key.deletion = Some(if has_replicas {
        Deletion::AfterReplicas(days)
    } else {
        Deletion::At(end_ms)
    });
    found.save_key(call, &key)?;
    if !has_replicas {
        timers::set(call.tx, end_ms, &found)?;
    }
    Ok(ScheduleKeyDeletionOutput {
        key_id: Some(found.arn()),
        deletion_date: if has_replicas {
            None
        } else {
            Timestamp::from_millis(end_ms)
        },
        key_state: Some(
            if has_replicas {
                "PendingReplicaDeletion"
            } else {
                "PendingDeletion"
            }
            .to_owned(),
        ),
        pending_window_in_days: Some(days),
    })
}

fn cancel(
    call: &mut Call<'_>,
    input: CancelKeyDeletionInput,
) -> Result<CancelKeyDeletionOutput, CallError> {
    let found = find(call, "CancelKeyDeletion", &input.key_id, By::Key)?;
    let mut key = Key::clone(&found.key);
    key.deletion = None;
    key.enabled = false;
    found.save_key(call, &key)?;
    Ok(CancelKeyDeletionOutput {
        key_id: Some(found.arn()),
    })
}
