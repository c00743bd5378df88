//! Policies in a form that is fast to evaluate, made once.

use crate::arn::{ArnPattern, VariablesIn};
use crate::condition::{Condition, Truth};
use crate::document::{Effect, Element, Policy, Spanned, Statement, Version};
use crate::matcher::{Grant, PrincipalMatcher};
use crate::pattern::{Pattern, Syntax};
use crate::request::{Question, service_key};

/// A policy compiled for evaluation, with the name that decisions give it: a policy's ARN, `inline:NAME`, or
/// whatever the caller knows it by.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    name: Box<str>,
    pub(crate) statements: Box<[CompiledStatement]>,
    source: Policy,
}

impl CompiledPolicy {
    /// Compiles a policy.
    pub fn new(name: impl Into<Box<str>>, policy: Policy) -> CompiledPolicy {
        let statements = policy
            .statements
            .iter()
            .map(|s| CompiledStatement::new(s, policy.version))
            .collect();
        CompiledPolicy {
            name: name.into(),
            statements,
            source: policy,
        }
    }

    /// The name given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The policy as written.
    pub fn source(&self) -> &Policy {
        &self.source
    }

    /// How many statements it has.
    pub fn statement_count(&self) -> usize {
        self.statements.len()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CompiledStatement {
    pub effect: Effect,
    pub principal: Option<PrincipalMatcher>,
    pub action: ActionMatcher,
    pub resource: Option<ResourceMatcher>,
    pub conditions: Box<[Condition]>,
}

impl CompiledStatement {
    fn new(statement: &Statement, version: Version) -> CompiledStatement {
        CompiledStatement {
            effect: statement.effect,
            principal: statement.principal.as_ref().map(PrincipalMatcher::new),
            action: ActionMatcher::new(statement.action.as_ref()),
            resource: statement
                .resource
                .as_ref()
                .map(|element| ResourceMatcher::new(element, version)),
            conditions: statement
                .conditions
                .iter()
                .map(|entry| Condition::new(entry, version))
                .collect(),
        }
    }

    /// Does the statement apply, whoever asks? For policies attached to the principal, which name none.
    #[inline]
    pub fn applies(&self, question: &Question<'_>) -> bool {
        self.action.matches(question)
            && self
                .resource
                .as_ref()
                .is_none_or(|resource| resource.matches(question) == Some(true))
            && self
                .conditions
                .iter()
                .all(|condition| condition.test(question) == Truth::True)
    }

    /// How strongly the statement's principal element names whoever asks. For resource-based policies; one
    /// that names no principal speaks of nobody.
    pub fn grant(&self, question: &Question<'_>) -> Grant {
        self.principal.as_ref().map_or(Grant::None, |principal| {
            principal.grant(self.effect, question)
        })
    }
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug)]
pub(crate) struct ActionMatcher {
    negated: bool,
    any: bool,
    patterns: Box<[ActionPattern]>,
}

#[derive(Clone, Debug)]
struct ActionPattern {
    /// The service, packed; `None` if it has wildcards.
    key: Option<u64>,
    /// Compared only where the packed form has not room for all of it.
    service: Option<Pattern>,
    name: Pattern,
}

const WILD: Syntax = Syntax {
    wildcards: true,
    variables: false,
};

impl ActionMatcher {
    /// A statement without the element matches no action.
    fn new(element: Option<&Element<Spanned<String>>>) -> ActionMatcher {
        let texts = || {
            element
                .into_iter()
                .flat_map(|element| &element.list)
                .map(|text| text.value.as_str())
        };
        ActionMatcher {
            negated: element.is_some_and(|element| element.negated && !element.list.is_empty()),
            any: texts().any(|text| text == "*"),
            patterns: texts().filter_map(ActionPattern::new).collect(),
        }
    }

    #[inline]
    pub fn matches(&self, question: &Question<'_>) -> bool {
        let listed = self.any
            || self
                .patterns
                .iter()
                .any(|pattern| pattern.matches(question));
        listed != self.negated
    }
}

impl ActionPattern {
    /// A pattern without a colon (but for `*`) matches nothing.
    fn new(text: &str) -> Option<ActionPattern> {
        let (service, name) = text.split_once(':')?;
        let lower = service.to_ascii_lowercase();
        let wild = lower.contains(['*', '?']);
        let compare = wild || lower.len() > 7;
        Some(ActionPattern {
            key: (!wild).then(|| service_key(&lower)),
            service: compare.then(|| Pattern::new(&lower, WILD)),
            name: Pattern::new(&name.to_ascii_lowercase(), WILD),
        })
    }

    #[inline]
    fn matches(&self, question: &Question<'_>) -> bool {
        self.key.is_none_or(|key| key == question.service_key)
            && self
                .service
                .as_ref()
                .is_none_or(|service| service.matches_ignoring_ascii_case(question.service))
            && self.name.matches_ignoring_ascii_case(question.action)
    }
}

/// `Resource` or `NotResource`.
#[derive(Clone, Debug)]
pub(crate) struct ResourceMatcher {
    negated: bool,
    patterns: Box<[ArnPattern]>,
}

impl ResourceMatcher {
    fn new(element: &Element<Spanned<String>>, version: Version) -> ResourceMatcher {
        let place = if version == Version::V2012 {
            VariablesIn::ResourcePart
        } else {
            VariablesIn::Nowhere
        };
        ResourceMatcher {
            negated: element.negated && !element.list.is_empty(),
            patterns: element
                .list
                .iter()
                .map(|text| ArnPattern::new(&text.value, place))
                .collect(),
        }
    }

    /// `None`: no pattern matches and one has a variable without a value. What is listed then does not match,
    /// and for `NotResource` the statement does not apply either.
    pub fn matches(&self, question: &Question<'_>) -> Option<bool> {
        let mut unresolved = false;
        for pattern in &self.patterns {
            match pattern.matches(question.resource.as_ref(), question) {
                Some(true) => return Some(!self.negated),
                Some(false) => {}
                None => unresolved = true,
            }
        }
        if unresolved { None } else { Some(self.negated) }
    }
}
