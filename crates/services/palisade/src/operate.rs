//! What an operator watches and does: failed authentications, metrics, the journal's health, backups.

use std::sync::Arc;

use palisade_core::failures::Failure;
use palisade_core::{Call, CallError, Handlers};
use palisade_model::{Payload, Timestamp};

use crate::{Surroundings, api};

/// Prometheus text exposition format.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub fn register(handlers: Handlers, surroundings: &Arc<Surroundings>) -> Handlers {
    let (of_failures, of_metrics) = (Arc::clone(surroundings), Arc::clone(surroundings));
    handlers
        .on(
            "ListAuthenticationFailures",
            move |_: &mut Call<'_>, _: api::ListAuthenticationFailuresRequest| {
                let (kept, dropped) = of_failures.failures.list();
                Ok(api::ListAuthenticationFailuresResponse {
                    failures: Some(kept.iter().map(failure).collect()),
                    dropped: Some(dropped.cast_signed()),
                })
            },
        )
        .on(
            "GetMetrics",
            move |_: &mut Call<'_>, _: api::GetMetricsRequest| {
                let text = (of_metrics.metrics)();
                Ok(api::GetMetricsResponse {
                    body: Some(text.into()),
                    content_type: Some(METRICS_TYPE.to_owned()),
                })
            },
        )
        .on("VerifyJournal", verify)
        .on("GetBackup", backup)
}

/// A failure, as answers show it.
pub fn failure(failure: &Failure) -> api::AuthenticationFailure {
    api::AuthenticationFailure {
        code: Some(failure.key.code.clone()),
        count: Some(failure.count.cast_signed()),
        access_key_id: Some(failure.key.access_key_id.clone()),
        service: Some(failure.key.service.clone()),
        source_ip: Some(failure.key.source_ip.clone()),
        first_time: Timestamp::from_millis(failure.first_ms),
        last_time: Timestamp::from_millis(failure.last_ms),
        last_request_id: Some(failure.last_request_id.to_string()),
        detail: Some(failure.detail.clone()),
    }
}

fn verify(
    call: &mut Call<'_>,
    _: api::VerifyJournalRequest,
) -> Result<api::VerifyJournalResponse, CallError> {
    let found = call.env.store.journal().verify()?;
    Ok(api::VerifyJournalResponse {
        intact: Some(found.damages.is_empty()),
        last_position: Some(call.env.store.head().position.0.cast_signed()),
        links: Some(found.links.cast_signed()),
        records: Some(found.records.cast_signed()),
        forgotten: Some(found.forgotten.cast_signed()),
        values: Some(found.values.cast_signed()),
        damage: Some(found.damages.iter().map(ToString::to_string).collect()),
    })
}

/// The bytes are made while they are sent: the front streams them from the store.
fn backup(_: &mut Call<'_>, _: api::GetBackupRequest) -> Result<api::GetBackupResponse, CallError> {
    Ok(api::GetBackupResponse {
        body: Some(Payload::Stream),
        content_type: Some("application/octet-stream".to_owned()),
    })
}
