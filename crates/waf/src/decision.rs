//! What becomes of a request, as a value.

use crate::model::CustomHeader;
use std::sync::Arc;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub verdict: Verdict,
    /// What decided.
    pub terminating: Terminating,
    /// Fully qualified labels, in the order in which they were added.
    pub labels: Vec<String>,
    /// Headers to add to the request, with `x-amzn-waf-` before their names, if it goes on.
    pub insert_headers: Vec<CustomHeader>,
    /// Rules that matched and did not decide.
    pub non_terminating: Vec<RuleMatch>,
    /// The groups that were asked.
    pub groups: Vec<GroupResult>,
    /// Rate-based rules that counted the request.
    pub rates: Vec<RateCount>,
    /// Rules that could not be decided, as they look at a body that is not known. They count as not matching.
    pub undecided: Vec<Arc<str>>,
    /// The autonomous system, if a statement asked for it.
    pub client_asn: Option<u32>,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Allow,
    /// It is answered.
    Block(Response),
    /// It is answered with a challenge (status 202). Captcha is this too.
    Challenge {
        /// Why its token does not do.
        reason: TokenFailure,
        /// For how many seconds a solution counts.
        immunity_s: u64,
        /// Whether the rule said Captcha.
        captcha: bool,
    },
}

impl Verdict {
    /// The name in a log record.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Allow => "ALLOW",
            Verdict::Block(_) => "BLOCK",
            Verdict::Challenge { captcha: true, .. } => "CAPTCHA",
            Verdict::Challenge { .. } => "CHALLENGE",
        }
    }

    /// Whether the request goes on.
    pub fn passes(&self) -> bool {
        *self == Verdict::Allow
    }
}

/// An answer to a blocked request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code; 403 where no other was asked for.
    pub status: u16,
    /// Headers.
    pub headers: Vec<CustomHeader>,
    /// Content type and body.
    pub body: Option<(&'static str, String)>,
}

impl Default for Response {
    fn default() -> Response {
        Response {
            status: 403,
            headers: Vec::new(),
            body: None,
        }
    }
}

/// What a client's token is worth, as who unsealed it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenState {
    /// There is none.
    #[default]
    Missing,
    /// It is no token of ours.
    Invalid,
    /// It is for another domain.
    DomainMismatch,
    /// A challenge was solved at this time (Unix, seconds). Whether that still counts is the rule's immunity time.
    Solved {
        /// When.
        at_s: u64,
    },
}

/// Why a token does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// There is none.
    Missing,
    /// Its challenge was solved too long ago.
    Expired,
    /// It is no token of ours.
    Invalid,
    /// It is for another domain.
    DomainMismatch,
}

impl TokenFailure {
    /// The name in a log record.
    pub fn name(self) -> &'static str {
        match self {
            TokenFailure::Missing => "TOKEN_MISSING",
            TokenFailure::Expired => "TOKEN_EXPIRED",
            TokenFailure::Invalid => "TOKEN_INVALID",
            TokenFailure::DomainMismatch => "TOKEN_DOMAIN_MISMATCH",
        }
    }
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminating {
    /// No rule did: the ACL's default action.
    Default,
    /// This rule.
    Rule(RuleMatch),
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleMatch {
    /// Its name.
    pub rule: Arc<str>,
    /// The rule of a group that matched, where the rule is a reference to one.
    pub in_group: Option<InGroup>,
    /// What it does: `BLOCK`, `COUNT`.
    pub action: &'static str,
    /// What the group's rule would have done, if that was overridden.
    pub overridden: Option<&'static str>,
}

/// A rule of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InGroup {
    /// The group: an ARN, or `AWS#AWSManagedRulesSQLiRuleSet`.
    pub group: Arc<str>,
    /// The rule's name.
    pub rule: Arc<str>,
}

/// What a group said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupResult {
    /// The group: an ARN, or `AWS#AWSManagedRulesSQLiRuleSet`.
    pub group: Arc<str>,
    /// Its rule that decided, and what that would do.
    pub terminating: Option<(Arc<str>, &'static str)>,
    /// Its rules that matched and did not decide.
    pub non_terminating: Vec<(Arc<str>, &'static str)>,
}

/// What a rate-based rule counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateCount {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Requests in the window, this one included; counting stops at one over a limit that is counted exactly.
    pub requests: u64,
    /// The limit.
    pub limit: u64,
    /// Whether the request was limited.
    pub limited: bool,
}

/// How a decision was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Every rule that was evaluated, in order; those of groups follow the rule that refers to the group.
    pub rules: Vec<RuleReason>,
    /// Rules after the one that decided.
    pub not_evaluated: Vec<String>,
}

/// Why a rule matched or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReason {
    /// Its name.
    pub rule: String,
    /// The group it is in.
    pub group: Option<String>,
    /// Whether it matched.
    pub matched: bool,
    /// What it did.
    pub action: Option<&'static str>,
    /// Its statement.
    pub reason: Reason,
}

/// Why a statement holds or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The statement in words.
    pub statement: String,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in words.
    pub because: String,
    /// Where, for statements on fields.
    pub found: Option<Found>,
    /// The statements within it.
    pub parts: Vec<Reason>,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where the value stands in its field: `id`, `name of x-header`.
    pub place: Option<String>,
    /// The bytes of the value after its transformations: first, and after the last.
    pub bytes: (usize, usize),
    /// Those bytes, escaped and cut.
    pub text: String,
    /// What a detector calls them.
    pub reason: Option<&'static str>,
    /// The transformations, in order.
    pub transformations: Vec<&'static str>,
}
