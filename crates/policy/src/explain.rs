//! The whole story of a decision: every statement considered, and what would change the outcome.
//!
//! This walks every statement again and builds text; the decision itself stays fast without it.

use crate::compile::{CompiledPolicy, CompiledStatement};
use crate::condition::{Condition, Truth};
use crate::decision::{Layer, Reason, StatementRef};
use crate::document::{Effect, Element, PrincipalName, Spanned, Statement};
use crate::evaluate::{Layers, Scope, decide};
use crate::matcher::Grant;
use crate::request::{Question, Request};

/// A decision and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Why.
    pub reason: Reason,
    /// What AWS tells the caller; `None` if allowed.
    pub message: Option<String>,
    /// Every statement of every policy that applies to the request, in order of enforcement.
    pub statements: Vec<StatementTrace>,
    /// Layers that have policies, but do not speak about this request, and why.
    pub exempt: Vec<(Layer, &'static str)>,
    /// What would have to be true for the other outcome, in sentences.
    pub other_outcome: Vec<String>,
}

/// What became of one statement.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementTrace {
    /// The layer of its policy.
    pub layer: Layer,
    /// The name of its policy.
    pub policy: String,
    /// Its place in the policy, from 0.
    pub index: usize,
    /// Its Sid.
    pub sid: Option<String>,
    /// Its effect.
    pub effect: Effect,
    /// True if it is among those that decided.
    pub decided: bool,
    /// For statements that name principals: how this one reaches the one that asks, if it does.
    pub names: Option<&'static str>,
    /// The elements that do not match; none if the statement applies.
    pub failed: Vec<Failure>,
}

impl StatementTrace {
    /// True if the statement applies to the request.
    pub fn applies(&self) -> bool {
        self.failed.is_empty()
    }

    fn title(&self) -> String {
        match &self.sid {
            Some(sid) => format!("{} statement {} ({sid})", self.policy, self.index),
            None => format!("{} statement {}", self.policy, self.index),
        }
    }
}

/// An element of a statement that did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `Action`, `NotResource`, …; for conditions `Condition OPERATOR KEY`.
    pub element: String,
    /// What the statement lists.
    pub expected: Vec<String>,
    /// True if the statement wants anything but what it lists: the `Not` elements and operators.
    pub excludes: bool,
    /// What the request has.
    pub saw: String,
    /// More, where the two do not tell all.
    pub note: Option<&'static str>,
}

/// How many of the expected values are put into words.
const EXPECTED_SHOWN_MAX: usize = 8;

impl Failure {
    /// What was asked and what was seen, in words. Long lists are cut: a managed policy may name a thousand actions.
    pub fn detail(&self) -> String {
        let expected = match self.expected.as_slice() {
            [one] => format!("{one:?}"),
            many => match many.split_at_checked(EXPECTED_SHOWN_MAX) {
                Some((first, rest)) if !rest.is_empty() => {
                    format!("{first:?} or {} more", rest.len())
                }
                _ => format!("{many:?}"),
            },
        };
        let asks = if self.excludes {
            "wants other than"
        } else {
            "wants"
        };
        let note = self
            .note
            .map(|note| format!(" ({note})"))
            .unwrap_or_default();
        format!("{asks} {expected}, saw {}{note}", self.saw)
    }
}

/// Decides a request like [`crate::evaluate()`], and tells everything about it.
///
/// ```
/// use palisade_policy::*;
/// use std::sync::Arc;
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject",
///     "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}}"#)?;
/// let identity = [Arc::new(CompiledPolicy::new("inline:s3", policy))];
/// let ann = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
/// let context = Context::from_iter([("aws:SourceIp", "198.51.100.1")]);
/// let request = Request::new(&ann, "s3:GetObject", "arn:aws:s3:::docs/a", &context);
///
/// let explanation = explain(&request, &Layers { identity: &identity, ..Layers::default() });
/// let failure = &explanation.statements[0].failed[0];
/// assert_eq!(failure.element, "Condition IpAddress aws:SourceIp");
/// assert_eq!(failure.saw, "\"198.51.100.1\"");
/// # Ok::<(), PolicyError>(())
/// ```
pub fn explain(request: &Request<'_>, layers: &Layers<'_>) -> Explanation {
    let mut question = Question::new(request, layers.boundary.is_some());
    let decision = decide(&question, layers);
    let scope = Scope::of(&question);
    let spoken = statements(layers, scope);
    let traces: Vec<StatementTrace> = spoken
        .iter()
        .map(|statement| {
            let decided = decision
                .deciding
                .iter()
                .any(|other| other.identity() == statement.identity());
            trace(statement, &question, decided)
        })
        .collect();
    let other_outcome = other_outcome(&mut question, layers, decision.reason, &spoken, &traces);
    Explanation {
        reason: decision.reason,
        message: decision.denial_message(request),
        statements: traces,
        exempt: exempt(layers, scope),
        other_outcome,
    }
}

/// Every statement that speaks about the request.
fn statements<'a>(layers: &Layers<'a>, scope: Scope) -> Vec<StatementRef<'a>> {
    let mut out = Vec::new();
    let mut add = |layer: Layer, policy: &'a CompiledPolicy| {
        out.extend((0..policy.statement_count()).map(|index| StatementRef {
            layer,
            policy,
            index,
        }));
    };
    if scope.rcp {
        layers
            .rcp
            .iter()
            .flatten()
            .for_each(|policy| add(Layer::Rcp, policy));
    }
    if scope.scp {
        layers
            .scp
            .iter()
            .flatten()
            .for_each(|policy| add(Layer::Scp, policy));
    }
    let grants = layers.grants.iter().map(|grant| &**grant);
    layers
        .resource
        .into_iter()
        .chain(grants)
        .for_each(|policy| add(Layer::Resource, policy));
    if scope.own {
        layers
            .identity
            .iter()
            .for_each(|policy| add(Layer::Identity, policy));
        layers
            .boundary
            .into_iter()
            .for_each(|policy| add(Layer::Boundary, policy));
        layers
            .session
            .iter()
            .for_each(|policy| add(Layer::Session, policy));
    }
    out
}

fn exempt(layers: &Layers<'_>, scope: Scope) -> Vec<(Layer, &'static str)> {
    let control = "service-linked roles and the organization's management account are exempt";
    let scp = "they apply to principals of member accounts; service-linked roles and the management account are exempt";
    let own = "this kind of principal has none";
    [
        (Layer::Rcp, scope.rcp, !layers.rcp.is_empty(), control),
        (Layer::Scp, scope.scp, !layers.scp.is_empty(), scp),
        (Layer::Identity, scope.own, !layers.identity.is_empty(), own),
        (Layer::Boundary, scope.own, layers.boundary.is_some(), own),
        (Layer::Session, scope.own, !layers.session.is_empty(), own),
    ]
    .into_iter()
    .filter(|(_, speaks, present, _)| *present && !speaks)
    .map(|(layer, _, _, why)| (layer, why))
    .collect()
}

fn trace(statement: &StatementRef<'_>, question: &Question<'_>, decided: bool) -> StatementTrace {
    let names_principals = matches!(statement.layer, Layer::Rcp | Layer::Resource);
    let compiled = statement.policy.statements.get(statement.index);
    let grant = compiled
        .filter(|_| names_principals)
        .map(|compiled| compiled.grant(question));
    let failed = match (compiled, statement.statement()) {
        (Some(compiled), Some(source)) => failures(compiled, source, grant, question),
        _ => Vec::new(),
    };
    StatementTrace {
        layer: statement.layer,
        policy: statement.policy.name().to_owned(),
        index: statement.index,
        sid: statement.sid().map(str::to_owned),
        effect: statement.effect().unwrap_or(Effect::Deny),
        decided,
        names: grant.and_then(describe_grant),
        failed,
    }
}

fn describe_grant(grant: Grant) -> Option<&'static str> {
    match grant {
        Grant::None => None,
        Grant::Account => Some("its account"),
        Grant::Entity => Some("its role or user"),
        Grant::Direct => Some("itself"),
    }
}

fn failures(
    compiled: &CompiledStatement,
    source: &Statement,
    grant: Option<Grant>,
    question: &Question<'_>,
) -> Vec<Failure> {
    let mut failed = Vec::new();
    if grant == Some(Grant::None) {
        failed.push(principal_failure(source.principal.as_ref(), question));
    }
    if !compiled.action.matches(question) {
        failed.push(element_failure(
            "Action",
            source.action.as_ref(),
            question.request.action,
            None,
        ));
    }
    if let Some(resource) = compiled
        .resource
        .as_ref()
        .filter(|resource| !resource.matches(question))
    {
        let note = resource
            .lacks_value(question)
            .then_some("a variable has no value in this request");
        failed.push(element_failure(
            "Resource",
            source.resource.as_ref(),
            question.request.resource,
            note,
        ));
    }
    for (condition, entry) in compiled.conditions.iter().zip(&source.conditions) {
        let truth = condition.test(question);
        if truth != Truth::True {
            failed.push(Failure {
                element: format!("Condition {} {}", condition.operator, entry.key.value),
                expected: entry
                    .values
                    .iter()
                    .map(|value| value.value.clone())
                    .collect(),
                excludes: condition.operator.comparison.is_negated(),
                saw: question.find(&condition.key).describe(),
                note: condition_note(condition, truth, question),
            });
        }
    }
    failed
}

fn condition_note(
    condition: &Condition,
    truth: Truth,
    question: &Question<'_>,
) -> Option<&'static str> {
    use crate::context::Found;
    use crate::operator::Qualifier;
    match question.find(&condition.key) {
        _ if truth == Truth::Void => Some("a variable has no value in this request"),
        Found::Many(values)
            if values.len() > 1 && condition.operator.qualifier == Qualifier::Single =>
        {
            Some("a key with several values needs ForAnyValue: or ForAllValues:")
        }
        _ => None,
    }
}

fn element_failure(
    name: &str,
    element: Option<&Element<Spanned<String>>>,
    saw: &str,
    note: Option<&'static str>,
) -> Failure {
    let excludes = element.is_some_and(|element| element.negated);
    let prefix = if excludes { "Not" } else { "" };
    let expected = element
        .into_iter()
        .flat_map(|element| &element.list)
        .map(|text| text.value.clone())
        .collect();
    Failure {
        element: format!("{prefix}{name}"),
        expected,
        excludes,
        saw: format!("{saw:?}"),
        note,
    }
}

fn principal_failure(
    element: Option<&Element<Spanned<PrincipalName>>>,
    question: &Question<'_>,
) -> Failure {
    let excludes = element.is_some_and(|element| element.negated);
    let expected = element.into_iter().flat_map(|element| &element.list);
    let expected = expected.map(|name| match &name.value {
        PrincipalName::Everyone => "*".to_owned(),
        PrincipalName::Aws(text) => text.clone(),
        PrincipalName::Service(text) => format!("Service {text}"),
        PrincipalName::Federated(text) => format!("Federated {text}"),
        PrincipalName::CanonicalUser(text) => format!("CanonicalUser {text}"),
    });
    Failure {
        element: if excludes {
            "NotPrincipal"
        } else {
            "Principal"
        }
        .to_owned(),
        expected: expected.collect(),
        excludes,
        saw: format!("{:?}", question.request.principal.name()),
        note: element
            .is_none()
            .then_some("the statement names no principal"),
    }
}

/// Asks the engine itself, under suppositions, what it would take.
fn other_outcome(
    question: &mut Question<'_>,
    layers: &Layers<'_>,
    reason: Reason,
    statements: &[StatementRef<'_>],
    traces: &[StatementTrace],
) -> Vec<String> {
    if reason == Reason::Allow {
        return what_would_deny(question, layers, statements, traces);
    }
    let mut out = Vec::new();
    let denies = statements
        .iter()
        .zip(traces)
        .filter(|(_, trace)| trace.applies() && trace.effect == Effect::Deny);
    for (statement, trace) in denies {
        question.hypothesis.without.push(statement.identity());
        out.push(format!("{} must not apply: it denies", trace.title()));
    }
    while let Reason::Implicit(layer) = decide(question, layers).reason {
        if question.hypothesis.allows(layer) {
            break;
        }
        question.hypothesis.allowing.push(layer);
        out.push(what_would_allow(layer, question, traces));
    }
    out
}

fn what_would_deny(
    question: &mut Question<'_>,
    layers: &Layers<'_>,
    statements: &[StatementRef<'_>],
    traces: &[StatementTrace],
) -> Vec<String> {
    let mut out = vec!["a Deny that applies, in any policy of any layer, would deny it".to_owned()];
    for (statement, trace) in statements
        .iter()
        .zip(traces)
        .filter(|(_, trace)| trace.decided)
    {
        question.hypothesis.without = vec![statement.identity()];
        let reason = decide(question, layers).reason;
        out.push(match reason {
            Reason::Allow => format!("without {} it would be allowed still", trace.title()),
            _ => format!("without {} it would be denied ({reason})", trace.title()),
        });
    }
    out
}

/// The nearest miss of a layer, or what a new statement would have to say.
fn what_would_allow(layer: Layer, question: &Question<'_>, traces: &[StatementTrace]) -> String {
    let candidates = traces
        .iter()
        .filter(|trace| trace.layer == layer && trace.effect == Effect::Allow);
    let nearest = candidates
        .filter(|trace| !trace.applies())
        .min_by_key(|trace| {
            let of_action = trace
                .failed
                .iter()
                .any(|failure| failure.element.ends_with("Action"));
            (of_action, trace.failed.len())
        });
    let Request {
        action,
        resource,
        principal,
        ..
    } = &question.request;
    let to = if layer == Layer::Resource {
        format!(" to {}", principal.name())
    } else {
        String::new()
    };
    let level = if layer == Layer::Scp {
        " at every level"
    } else {
        ""
    };
    let wanted = format!(
        "{} must allow {action} on {resource}{to}{level}",
        layer.plural()
    );
    match nearest {
        None => wanted,
        Some(trace) => {
            let failures: Vec<String> = trace.failed.iter().map(describe_failure).collect();
            format!(
                "{wanted}; nearest is {}, but for {}",
                trace.title(),
                failures.join(" and ")
            )
        }
    }
}

/// A failure in words: element, what was asked, what was seen.
pub(crate) fn describe_failure(failure: &Failure) -> String {
    format!("{}: {}", failure.element, failure.detail())
}
