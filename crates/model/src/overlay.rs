//! Reviewed marks beside a model: what AWS's own models do not say about secrecy.
//!
//! `models/overlay/<service>.json` decides, for members that the model leaves unmarked and whose name sounds like a secret,
//! whether a record of the call may show them, and on what ground.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::schema::{ServiceModel, ShapeKind};

/// The overlay of one service.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// Version of the format.
    pub palisade_overlay: u32,
    /// Marks by member: `Shape.Member` for one place, `Member` for all of that name.
    pub members: BTreeMap<String, Mark>,
}

/// What is decided about a member.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Hidden: whoever holds it can act as somebody else.
    Credential,
    /// Hidden: a one-time code or a proof of one.
    OneTimeCode,
    /// Hidden: content of the caller's that is confidential by its nature.
    Confidential,
    /// Shown: position in a listing; says nothing beyond what the listing may say.
    PageToken,
    /// Shown: the caller's own mark that makes a repeated call safe.
    IdempotencyToken,
    /// Shown: version of a thing, to change it only if unchanged.
    LockToken,
    /// Shown: names a condition, status or reason.
    StatusCode,
    /// Shown: names or points to a thing.
    Identifier,
    /// Shown: a choice in a configuration.
    Setting,
    /// Shown: a policy or program text, digest or public content.
    Content,
}

impl Mark {
    /// Whether the member is to be hidden.
    pub fn hides(self) -> bool {
        matches!(
            self,
            Self::Credential | Self::OneTimeCode | Self::Confidential
        )
    }
}

impl Overlay {
    /// Reads an overlay file.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The mark of a member, the one for its shape first.
    pub fn mark(&self, shape: &str, member: &str) -> Option<Mark> {
        self.members
            .get(&format!("{shape}.{member}"))
            .or_else(|| self.members.get(member))
            .copied()
    }

    /// Marks the members of the model that are to be hidden and are not yet.
    pub(crate) fn apply(&self, model: &mut ServiceModel) {
        for shape in &mut model.shapes {
            let name = shape.name;
            let ShapeKind::Structure(structure) = &mut shape.kind else {
                continue;
            };
            for member in &mut structure.members {
                if !member.sensitive && self.mark(name, member.name).is_some_and(Mark::hides) {
                    member.sensitive = true;
                    member.hidden_by_overlay = true;
                }
            }
        }
    }
}
