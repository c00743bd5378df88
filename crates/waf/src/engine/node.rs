//! Statements compiled.

use std::sync::Arc;

use super::plan::LaneId;
use crate::ip::IpRanges;
use crate::statement::{
    Comparison, Fallback, ForwardedIp, ForwardedPosition, InvalidFallback, LabelScope, Oversize,
};

/// A statement compiled; rate limits and groups are not among them, as they stand at the top of rules only.
#[derive(Debug)]
pub(super) enum Node {
    Match(Match),
    Ip(Arc<IpRanges>, Option<(ForwardedIp, ForwardedPosition)>),
    Geo(Vec<String>, Option<ForwardedIp>),
    Asn(Vec<u32>, Option<ForwardedIp>),
    Label(LabelMatch),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

/// A test of the values of a lane.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) lane: LaneId,
    pub(super) test: Test,
    pub(super) oversize: Oversize,
    /// Where the field is not there.
    pub(super) absent: Fallback,
    /// Where the field is not valid.
    pub(super) invalid: Option<InvalidFallback>,
    /// The statement in words, for explanations.
    pub(super) what: String,
}

#[derive(Debug)]
pub(super) enum Test {
    /// Any of the lane's bits.
    Bits(Vec<usize>),
    Exactly(Vec<u8>),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Size(Comparison, u64),
    /// A detector of the lane.
    Detector(usize),
}

/// A label match: labels of which context, and what they must be.
#[derive(Debug)]
pub(super) struct LabelMatch {
    pub(super) scope: LabelScope,
    pub(super) key: String,
    /// The prefix that labels must have, unless the key is fully qualified.
    pub(super) namespace: String,
}

impl LabelMatch {
    /// Whether the fully qualified label matches.
    ///
    /// A key that begins with `awswaf:` is fully qualified: the label itself, or a prefix of it that ends in a colon. Any other is of
    /// the rule's own context: the end of a label after its prefix, or some of its namespaces, in whole parts.
    pub(super) fn matches(&self, label: &str) -> bool {
        if self.key.starts_with("awswaf:") {
            return match self.scope {
                LabelScope::Label => label == self.key,
                LabelScope::Namespace => label.starts_with(&self.key),
            };
        }
        let Some(own) = label.strip_prefix(&self.namespace) else {
            return false;
        };
        match self.scope {
            LabelScope::Label => match own.strip_suffix(&self.key) {
                Some(before) => before.is_empty() || before.ends_with(':'),
                None => false,
            },
            LabelScope::Namespace => own
                .match_indices(&self.key)
                .any(|(at, _)| at == 0 || own[..at].ends_with(':')),
        }
    }
}
