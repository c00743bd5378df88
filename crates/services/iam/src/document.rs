//! Policy documents as they are kept: text, checked when it was put.

use std::sync::Arc;

use palisade_core::CallError;
use palisade_model::ApiError;
use palisade_policy::limits::counted_characters;
use palisade_policy::{CompiledPolicy, Policy, PolicyKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::api::errors;

/// The text of a policy that was a valid one of its kind when it was put.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Document(String);

/// RFC 3986, section 2.3: all but the unreserved characters is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Document {
    /// Takes a text that IAM would store as this kind of policy; the error is `MalformedPolicyDocument`.
    pub fn new(text: String, kind: PolicyKind) -> Result<Self, CallError> {
        let checked = Policy::parse(&text).and_then(|policy| policy.validate(kind));
        match checked {
            Ok(()) => Ok(Self(text)),
            Err(error) => Err(malformed(error.0.message)),
        }
    }

    /// The text as it was put.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The text as answers carry it: percent-encoded.
    pub fn encoded(&self) -> String {
        encode(&self.0)
    }

    /// Its size as quotas count it.
    pub fn characters(&self) -> usize {
        counted_characters(&self.0)
    }

    /// The policy, read again; `None` only if a newer reader no longer takes what an older one stored.
    pub fn parse(&self) -> Option<Policy> {
        Policy::parse(&self.0).ok()
    }

    /// The policy in the form that decides, under the name decisions give it.
    pub fn compile(&self, name: &str) -> Arc<CompiledPolicy> {
        compile(name, &self.0)
    }
}

/// Percent-encodes a policy for an answer.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Compiles a stored text. One that is no longer read denies everything: nothing may be allowed for want of a Deny that was in it.
pub(crate) fn compile(name: &str, text: &str) -> Arc<CompiledPolicy> {
    const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let policy = Policy::parse(text).or_else(|_| Policy::parse(DENY_ALL));
    Arc::new(CompiledPolicy::new(
        name,
        policy.expect("a constant policy parses"),
    ))
}

/// `MalformedPolicyDocument` with its reason.
pub(crate) fn malformed(reason: impl Into<String>) -> CallError {
    errors::malformed_policy_document_exception(reason).into()
}

/// `LimitExceeded` for a document longer than its quota, named as IAM names it.
pub(crate) fn check_size(document: &Document, quota: &str, max: usize) -> Result<(), CallError> {
    if document.characters() > max {
        return Err(quota_exceeded(quota, max).into());
    }
    Ok(())
}

/// `LimitExceeded` in IAM's words.
pub(crate) fn quota_exceeded(quota: &str, max: usize) -> ApiError {
    errors::limit_exceeded_exception(format!("Cannot exceed quota for {quota}: {max}"))
}
