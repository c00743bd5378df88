//! One request through one ACL.

use std::sync::Arc;

use bumpalo::Bump;

use super::addresses::Address;
use super::lanes::Lanes;
use super::node::Node;
use super::{Acl, CompiledRule, Condition, Group, Kind, Moment};
use crate::decision::{
    Decision, Explanation, GroupResult, InGroup, Reason, Response, RuleMatch, RuleReason,
    Terminating, TokenFailure, TokenState, Verdict,
};
use crate::model::{Action, CustomHeader, Immunity};
use crate::rate::Counters;
use crate::request::Request;

/// Seconds a solved challenge counts where neither rule nor ACL says so.
const IMMUNITY_S: u64 = 300;

/// Why a statement neither holds nor does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// The rule does not apply to this request at all: it lacks the header of a forwarded address.
    NotApplicable,
    /// It looks at a body that is not known.
    Undecided,
}

pub(super) struct Inspection<'a, 'b> {
    pub(super) acl: &'a Acl,
    pub(super) request: &'a Request<'b>,
    pub(super) lanes: Lanes<'a, 'b>,
    pub(super) moment: &'a Moment,
    pub(super) counters: &'a Counters,
    pub(super) decision: Decision,
    /// Labels of the rule that is being evaluated, which only later ones see.
    pub(super) pending: Vec<String>,
    pub(super) explanation: Option<Explanation>,
}

/// A rule that matched and ends the evaluation of its ACL or group.
struct Ends {
    verdict: Verdict,
    action: &'static str,
}

impl<'a, 'b> Inspection<'a, 'b> {
    pub(super) fn new(
        acl: &'a Acl,
        request: &'a Request<'b>,
        moment: &'a Moment,
        counters: &'a Counters,
        arena: &'b Bump,
        explain: bool,
    ) -> Inspection<'a, 'b> {
        let decision = Decision {
            verdict: Verdict::Allow,
            terminating: Terminating::Default,
            labels: Vec::new(),
            insert_headers: Vec::new(),
            non_terminating: Vec::new(),
            groups: Vec::new(),
            rates: Vec::new(),
            undecided: Vec::new(),
            client_asn: None,
        };
        Inspection {
            acl,
            request,
            lanes: Lanes::new(&acl.plan, request, acl.body_limit, arena),
            moment,
            counters,
            decision,
            pending: Vec::new(),
            explanation: explain.then(Explanation::default),
        }
    }

    pub(super) fn run(mut self) -> (Decision, Explanation) {
        let acl = self.acl;
        let mut ended = None;
        for (index, rule) in acl.rules.iter().enumerate() {
            if let Some((verdict, found)) = self.rule(rule) {
                ended = Some((verdict, Terminating::Rule(found)));
                if let Some(explanation) = &mut self.explanation {
                    explanation.not_evaluated = acl.rules[index + 1..]
                        .iter()
                        .map(|rule| rule.name.to_string())
                        .collect();
                }
                break;
            }
        }
        let (verdict, terminating) = ended.unwrap_or_else(|| {
            self.insert(acl.default_action.inserted());
            let verdict = match &acl.default_action {
                Action::Block(response) => {
                    Verdict::Block(self.response(response.as_ref(), &acl.custom_bodies))
                }
                _ => Verdict::Allow,
            };
            (verdict, Terminating::Default)
        });
        if !verdict.passes() {
            self.decision.insert_headers.clear();
        }
        self.decision.verdict = verdict;
        self.decision.terminating = terminating;
        (self.decision, self.explanation.unwrap_or_default())
    }

    fn rule(&mut self, rule: &'a CompiledRule) -> Option<(Verdict, RuleMatch)> {
        match &rule.kind {
            Kind::Plain { condition, action } => {
                let matched = self.condition(&rule.name, None, condition, action.name());
                self.settle_labels(matched.then_some(&rule.labels[..]));
                if !matched {
                    return None;
                }
                let found = RuleMatch {
                    rule: rule.name.clone(),
                    in_group: None,
                    action: action.name(),
                    overridden: None,
                };
                match self.act(action, rule.immunity, &self.acl.custom_bodies) {
                    Some(ends) => Some((ends.verdict, found)),
                    None => {
                        self.decision.non_terminating.push(found);
                        None
                    }
                }
            }
            Kind::Group {
                scope_down,
                group,
                count,
            } => self.group_rule(rule, scope_down.as_ref(), group, *count),
        }
    }

    fn group_rule(
        &mut self,
        rule: &'a CompiledRule,
        scope_down: Option<&'a Node>,
        group: &'a Group,
        count: bool,
    ) -> Option<(Verdict, RuleMatch)> {
        let in_scope = scope_down.is_none_or(|node| self.settled(&rule.name, node));
        self.settle_labels(None);
        if let (Some(node), true) = (scope_down, self.explanation.is_some()) {
            let reason = self.reason(node);
            self.note(&rule.name, None, in_scope, None, reason);
        }
        if !in_scope {
            return None;
        }
        let (ends, found) = self.group(group)?;
        let overridden = count.then_some(ends.action);
        let action = if count { "COUNT" } else { ends.action };
        let in_group = Some(InGroup {
            group: group.id.clone(),
            rule: found,
        });
        let found = RuleMatch {
            rule: rule.name.clone(),
            in_group,
            action,
            overridden,
        };
        if count {
            self.decision.non_terminating.push(found);
            return None;
        }
        Some((ends.verdict, found))
    }

    /// The group's rules up to the one that ends it.
    fn group(&mut self, group: &'a Group) -> Option<(Ends, Arc<str>)> {
        let mut result = GroupResult {
            group: group.id.clone(),
            terminating: None,
            non_terminating: Vec::new(),
        };
        let mut ended = None;
        for rule in &group.rules {
            let matched = self.condition(
                &rule.name,
                Some(&group.id),
                &rule.condition,
                rule.action.name(),
            );
            self.settle_labels(matched.then_some(&rule.labels[..]));
            if !matched {
                continue;
            }
            match self.act(&rule.action, rule.immunity, &group.custom_bodies) {
                Some(ends) => {
                    result.terminating = Some((rule.name.clone(), ends.action));
                    ended = Some((ends, rule.name.clone()));
                    break;
                }
                None => {
                    result
                        .non_terminating
                        .push((rule.name.clone(), rule.action.name()));
                    if let Some(overridden) = rule.overridden {
                        self.decision.non_terminating.push(RuleMatch {
                            rule: rule.name.clone(),
                            in_group: Some(InGroup {
                                group: group.id.clone(),
                                rule: rule.name.clone(),
                            }),
                            action: rule.action.name(),
                            overridden: Some(overridden),
                        });
                    }
                }
            }
        }
        self.decision.groups.push(result);
        ended
    }

    /// Whether a rule matches; a rate-based one counts the request.
    fn condition(
        &mut self,
        rule: &Arc<str>,
        group: Option<&Arc<str>>,
        condition: &'a Condition,
        action: &'static str,
    ) -> bool {
        match condition {
            Condition::Statement(node) => {
                let matched = self.settled(rule, node);
                if self.explanation.is_some() {
                    let mut reason = self.reason(node);
                    if reason.holds != matched {
                        if self.decision.undecided.contains(rule) {
                            "undecided: the body is not known"
                        } else {
                            "the rule does not apply: the header of a forwarded address is missing"
                        }
                        .clone_into(&mut reason.because);
                        reason.holds = matched;
                    }
                    self.note(rule, group, matched, matched.then_some(action), reason);
                }
                matched
            }
            Condition::Rate(index) => self.rate(rule, group, *index, action),
        }
    }

    /// Whether a statement holds.
    pub(super) fn holds(&mut self, node: &'a Node) -> Result<bool, Halt> {
        Ok(match node {
            Node::Match(test) => return self.lanes.holds(test).ok_or(Halt::Undecided),
            Node::And(nodes) => return self.combine(nodes, false),
            Node::Or(nodes) => return self.combine(nodes, true),
            Node::Not(node) => !self.holds(node)?,
            Node::Label(label) => self.decision.labels.iter().any(|have| label.matches(have)),
            Node::Ip(set, None) => set.contains(self.request.client),
            Node::Ip(set, Some((config, position))) => self.forwarded_in(set, config, *position)?,
            Node::Geo(countries, forwarded) => match self.address(forwarded.as_ref())? {
                Address::Fallback(matched) => matched,
                Address::Known(address) => self
                    .geo(address, forwarded.is_some())
                    .is_some_and(|country| countries.contains(&country)),
            },
            Node::Asn(numbers, forwarded) => match self.address(forwarded.as_ref())? {
                Address::Fallback(matched) => matched,
                Address::Known(address) => {
                    let asn = self.asn(address);
                    self.decision.client_asn = asn.or(self.decision.client_asn);
                    asn.is_some_and(|asn| numbers.contains(&asn))
                }
            },
        })
    }

    /// The first part that is `decisive` decides, also beside one that is undecided.
    fn combine(&mut self, nodes: &'a [Node], decisive: bool) -> Result<bool, Halt> {
        let mut result = Ok(!decisive);
        for node in nodes {
            match self.holds(node) {
                Ok(holds) if holds == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(Halt::Undecided) => result = Err(Halt::Undecided),
                halt => return halt,
            }
        }
        result
    }

    /// Whether the statement of a rule holds, for good: what is undecided does not, and is told.
    pub(super) fn settled(&mut self, rule: &Arc<str>, node: &'a Node) -> bool {
        let holds = self.holds(node);
        if holds == Err(Halt::Undecided) && !self.decision.undecided.contains(rule) {
            self.decision.undecided.push(rule.clone());
        }
        holds.unwrap_or(false)
    }

    pub(super) fn labels(&self) -> &[String] {
        &self.decision.labels
    }

    /// Adds the labels of the rule that was just evaluated.
    fn settle_labels(&mut self, of_rule: Option<&[String]>) {
        let pending = std::mem::take(&mut self.pending);
        for label in pending.iter().chain(of_rule.unwrap_or(&[])) {
            if !self.decision.labels.contains(label) {
                self.decision.labels.push(label.clone());
            }
        }
    }

    /// Does what the action says; what ends the evaluation comes back.
    fn act(
        &mut self,
        action: &Action,
        immunity: Immunity,
        bodies: &std::collections::BTreeMap<String, crate::model::CustomBody>,
    ) -> Option<Ends> {
        let verdict = match action {
            Action::Count(headers) => {
                self.insert(headers);
                return None;
            }
            Action::Allow(headers) => {
                self.insert(headers);
                Verdict::Allow
            }
            Action::Block(response) => Verdict::Block(self.response(response.as_ref(), bodies)),
            Action::Challenge(headers) | Action::Captcha(headers) => {
                let captcha = matches!(action, Action::Captcha(_));
                let chosen = |immunity: Immunity| {
                    if captcha {
                        immunity.captcha_s
                    } else {
                        immunity.challenge_s
                    }
                };
                let immunity_s = chosen(immunity)
                    .or(chosen(self.acl.immunity))
                    .unwrap_or(IMMUNITY_S);
                match self.token_failure(immunity_s) {
                    None => {
                        self.insert(headers);
                        return None;
                    }
                    Some(reason) => Verdict::Challenge {
                        reason,
                        immunity_s,
                        captcha,
                    },
                }
            }
        };
        Some(Ends {
            verdict,
            action: action.name(),
        })
    }

    fn token_failure(&self, immunity_s: u64) -> Option<TokenFailure> {
        match self.moment.token {
            TokenState::Missing => Some(TokenFailure::Missing),
            TokenState::Invalid => Some(TokenFailure::Invalid),
            TokenState::DomainMismatch => Some(TokenFailure::DomainMismatch),
            TokenState::Solved { at_s } => {
                let fresh = self.moment.now_ms / 1000 < at_s.saturating_add(immunity_s);
                (!fresh).then_some(TokenFailure::Expired)
            }
        }
    }

    /// Headers to add; of two with one name the later one counts.
    fn insert(&mut self, headers: &[CustomHeader]) {
        for header in headers {
            self.decision
                .insert_headers
                .retain(|have| !have.name.eq_ignore_ascii_case(&header.name));
            self.decision.insert_headers.push(header.clone());
        }
    }

    fn response(
        &self,
        custom: Option<&crate::model::CustomResponse>,
        bodies: &std::collections::BTreeMap<String, crate::model::CustomBody>,
    ) -> Response {
        custom.map_or_else(Response::default, |custom| {
            let body = custom.body_key.as_ref().and_then(|key| bodies.get(key));
            Response {
                status: custom.code,
                headers: custom.headers.clone(),
                body: body.map(|body| (body.content_type, body.content.clone())),
            }
        })
    }

    pub(super) fn note(
        &mut self,
        rule: &Arc<str>,
        group: Option<&Arc<str>>,
        matched: bool,
        action: Option<&'static str>,
        reason: Reason,
    ) {
        if let Some(explanation) = &mut self.explanation {
            let group = group.map(ToString::to_string);
            explanation.rules.push(RuleReason {
                rule: rule.to_string(),
                group,
                matched,
                action,
                reason,
            });
        }
    }
}
