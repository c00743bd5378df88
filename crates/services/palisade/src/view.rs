//! How records and rows are shown in answers.

use std::fmt;

use palisade_core::record::{ApiCall, Outcome, Question, RecordedCaller};
use palisade_core::{AccountId, Caller};
use palisade_model::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
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

/// A call, as `Explain` shows it to `account`.
pub fn call(made: &ApiCall, account: &AccountId) -> api::Call {
    let (word, error_code, error_message) = outcome(&made.outcome);
    api::Call {
        request_id: Some(made.request_id.to_string()),
        event_id: Some(made.event_id_for(account).to_string()),
        time: Timestamp::from_millis(made.time_ms),
        arn: Some(arn(&made.caller)),
        account: Some(made.caller.account.to_string()),
        access_key_id: (made.caller.account == *account).then(|| made.caller.access_key_id.clone()),
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
        read_only: Some(made.read_only),
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

/// Whether the first part of a row's encoded key is that account.
pub fn begins_with(key: &[u8], account: &AccountId) -> bool {
    key.split(|byte| *byte == 0).next() == Some(account.as_str().as_bytes())
}

/// A row's value as JSON, whatever its type; bytes, which only sealed secrets are, are counted and not shown.
#[derive(Debug, Clone, PartialEq)]
pub struct RowView(pub Json);

impl<'de> Deserialize<'de> for RowView {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RowVisitor).map(Self)
    }
}

impl RowView {
    /// Whether a row that has no account in its key is that account's.
    pub fn names_account(&self, account: &AccountId) -> bool {
        let named = match &self.0 {
            Json::Object(row) => row.get("account"),
            value => Some(value),
        };
        named.and_then(Json::as_str) == Some(account.as_str())
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row's value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Json, E> {
        Ok(format!("({} sealed bytes)", value.len()).into())
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        RowView::deserialize(from).map(|row| row.0)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        RowView::deserialize(from).map(|row| row.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(RowView(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = serde_json::Map::new();
        while let Some((RowView(key), RowView(value))) = entries.next_entry()? {
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            map.insert(key, value);
        }
        Ok(Json::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use palisade_core::Sealed;
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        secret: Sealed,
        counts: Vec<u32>,
        none: Option<bool>,
    }

    #[test]
    fn sealed_bytes_are_not_shown() {
        let row = Row {
            name: "ann",
            secret: Sealed::from_bytes(vec![7; 60]),
            counts: vec![1, 2],
            none: None,
        };
        let bytes = rmp_serde::to_vec_named(&row).unwrap();
        let RowView(shown) = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({"name": "ann", "secret": "(60 sealed bytes)", "counts": [1, 2], "none": null})
        );
    }
}
