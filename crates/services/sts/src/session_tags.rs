//! Session tags: those of the request, and those a chain of roles hands on.
//!
//! Source: IAM User Guide, "Pass session tags in AWS STS".

use std::collections::BTreeSet;

use palisade_core::Session;
use palisade_model::ApiError;

use crate::api::Tag;

/// The tags a new session has, and which of them the next one in the chain inherits.
#[derive(Debug, Default, PartialEq)]
pub struct SessionTags {
    /// Inherited tags first, then the request's.
    pub tags: Vec<(String, String)>,
    /// Keys of transitive tags, inherited ones first.
    pub transitive: Vec<String>,
}

impl SessionTags {
    /// The tags of a session made with `tags`, `transitive` of them to be handed on, by a caller whose own session is `inherited`
    /// from. Keys are the same whatever their case; an inherited tag can be neither changed nor dropped.
    pub fn merge(
        inherited: Option<&Session>,
        tags: &[Tag],
        transitive: &[String],
    ) -> Result<Self, ApiError> {
        let requested: BTreeSet<String> = tags.iter().map(|tag| tag.key.to_lowercase()).collect();
        if requested.len() < tags.len() {
            return Err(invalid(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        if requested.iter().any(|key| key.starts_with("aws:")) {
            return Err(invalid("Tag keys that begin with aws: are reserved."));
        }
        let mut merged = Self::inherited(inherited);
        if merged
            .transitive
            .iter()
            .any(|key| requested.contains(&key.to_lowercase()))
        {
            return Err(invalid(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the \
                 calling session.",
            ));
        }
        if !transitive
            .iter()
            .all(|key| requested.contains(&key.to_lowercase()))
        {
            return Err(invalid(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        let marked: BTreeSet<String> = transitive.iter().map(|key| key.to_lowercase()).collect();
        // Kept as the tag spells it, so that one spelling names it everywhere.
        merged.transitive.extend(
            tags.iter()
                .filter(|tag| marked.contains(&tag.key.to_lowercase()))
                .map(|tag| tag.key.clone()),
        );
        merged
            .tags
            .extend(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
        Ok(merged)
    }

    /// What a caller's session hands on.
    pub fn inherited(session: Option<&Session>) -> Self {
        let Some(session) = session else {
            return Self::default();
        };
        let is_transitive = |key: &str| {
            session
                .transitive_tag_keys
                .iter()
                .any(|k| k.eq_ignore_ascii_case(key))
        };
        let tags = session
            .tags
            .iter()
            .filter(|(key, _)| is_transitive(key))
            .cloned();
        Self {
            tags: tags.collect(),
            transitive: session.transitive_tag_keys.clone(),
        }
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::sender("InvalidParameterValue", message)
}
