//! How records and rows are shown in answers.

use palisade_core::Caller;
use palisade_core::record::{ApiCall, Outcome, Question, RecordedCaller};
use palisade_model::Timestamp;
use serde_json::Value as Json;

use crate::api;

/// How a call ended: the word, and code and message of an error.
pub fn outcome(outcome: &Outcome) -> (&'static str, Option<String>, Option<String>) {
    match outcome {
        Outcome::Success => ("success", None, None),
        Outcome::Denied { code, message } => ("denied", Some(code.clone()), Some(message.clone())),
        Outcome::Failed { code, message } => ("failed", Some(code.clone()), Some(message.clone())),
    }
}

/// The ARN of a recorded caller.
pub fn arn(caller: &RecordedCaller) -> String {
    let caller = Caller {
        account: caller.account.clone(),
        identity: caller.identity.clone(),
        access_key_id: String::new(),
        session: None,
    };
    caller.arn()
}

/// A call, as `Explain` shows it.
pub fn call(made: &ApiCall) -> api::Call {
    let (word, error_code, error_message) = outcome(&made.outcome);
    api::Call {
        request_id: Some(made.request_id.to_string()),
        event_id: Some(made.event_id().to_string()),
        time: Timestamp::from_millis(made.time_ms),
        arn: Some(arn(&made.caller)),
        account: Some(made.caller.account.to_string()),
        access_key_id: Some(made.caller.access_key_id.clone()),
        service: Some(made.service.clone()),
        operation: Some(made.operation.clone()),
        region: Some(made.region.to_string()),
        source_ip: Some(made.source_ip.clone()),
        user_agent: Some(made.user_agent.clone()),
        outcome: Some(word.to_owned()),
        error_code,
        error_message,
        branch_id: made.branch.clone(),
    }
}

/// A call, as a branch's report lists it.
pub fn branch_call(made: &ApiCall, questions: &[Question]) -> api::BranchCall {
    let (word, error_code, error_message) = outcome(&made.outcome);
    let questions = questions.iter().map(|question| api::Question {
        action: Some(question.action.clone()),
        resource: Some(question.resource.clone()),
        allowed: Some(question.allowed),
        reason: Some(question.reason.clone()),
    });
    api::BranchCall {
        request_id: Some(made.request_id.to_string()),
        time: Timestamp::from_millis(made.time_ms),
        arn: Some(arn(&made.caller)),
        service: Some(made.service.clone()),
        operation: Some(made.operation.clone()),
        outcome: Some(word.to_owned()),
        error_code,
        error_message,
        questions: Some(questions.collect()),
    }
}

/// A row's encoded key for people: its text parts, joined by slashes.
pub fn key_text(key: &[u8]) -> String {
    let parts = key
        .split(|byte| *byte == 0)
        .filter(|part| part.iter().any(|b| !b.is_ascii_control()));
    let shown: Vec<String> = parts.map(|part| part.escape_ascii().to_string()).collect();
    shown.join("/")
}

/// A row's value without what is bytes in it: sealed secrets are the only bytes that rows hold.
pub fn without_bytes(json: Json) -> Json {
    match json {
        Json::Array(items) if is_bytes(&items) => {
            Json::String(format!("({} sealed bytes)", items.len()))
        }
        Json::Array(items) => Json::Array(items.into_iter().map(without_bytes).collect()),
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(k, v)| (k, without_bytes(v)))
                .collect(),
        ),
        other => other,
    }
}

/// Bytes read into JSON become a list of small numbers.
fn is_bytes(items: &[Json]) -> bool {
    items.len() >= 16
        && items
            .iter()
            .all(|item| item.as_u64().is_some_and(|n| n < 256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_not_shown() {
        let row = serde_json::json!({"name": "ann", "secret": vec![7; 60], "counts": [1, 2]});
        let shown = without_bytes(row);
        assert_eq!(
            shown,
            serde_json::json!({"name": "ann", "secret": "(60 sealed bytes)", "counts": [1, 2]})
        );
    }
}
