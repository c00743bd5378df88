//! Policies in a form that is fast to evaluate, made once.

use crate::arn::{ArnPattern, VariablesIn};
use crate::condition::{Condition, Truth};
use crate::document::{Effect, Element, Policy, Spanned, Statement, Version};
use crate::matcher::{Grant, PrincipalMatcher};
use crate::pattern::{Pattern, Syntax};
use crate::request::{Question, SERVICE_KEY_LETTERS, name_key, service_bit, service_key};

/// A policy compiled for evaluation, with the name that decisions give it: a policy's ARN, `inline:NAME`, or
/// whatever the caller knows it by.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    name: Box<str>,
    pub(crate) statements: Box<[CompiledStatement]>,
    /// The services its statements speak of, see [`service_bit`].
    services: u64,
    source: Policy,
}

impl CompiledPolicy {
    /// Compiles a policy.
    pub fn new(name: impl Into<Box<str>>, policy: Policy) -> CompiledPolicy {
        let statements: Box<[CompiledStatement]> = policy
            .statements
            .iter()
            .map(|s| CompiledStatement::new(s, policy.version))
            .collect();
        let services = statements
            .iter()
            .fold(0, |all, statement| all | statement.action.services);
        CompiledPolicy {
            name: name.into(),
            statements,
            services,
            source: policy,
        }
    }

    /// False if no statement can apply, for it speaks of other services.
    #[inline]
    pub(crate) fn speaks_of(&self, question: &Question<'_>) -> bool {
        self.services & question.service_bit != 0
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
                .is_none_or(|resource| resource.matches(question))
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
    /// The services it can match, see [`service_bit`].
    services: u64,
    /// Side by side with the patterns: most are passed over without being looked at.
    filters: Box<[Filter]>,
    patterns: Box<[ActionPattern]>,
}

/// What an action must have for a pattern to be worth trying.
#[derive(Clone, Copy, Debug)]
struct Filter {
    /// The service, packed, and a mask of zero if it has wildcards.
    service: u64,
    service_mask: u64,
    /// The first letters of the name, packed, and a mask of those before the first wildcard.
    name: u64,
    name_mask: u64,
}

#[derive(Clone, Debug)]
struct ActionPattern {
    /// Compared only where the packed form has not room for all of it.
    service: Option<Pattern>,
    name: Pattern,
}

const WILD: Syntax = Syntax {
    wildcards: true,
    variables: false,
};

impl ActionMatcher {
    /// A statement without the element matches no action; nor does a pattern without a colon (but for `*`).
    fn new(element: Option<&Element<Spanned<String>>>) -> ActionMatcher {
        let texts = || {
            element
                .into_iter()
                .flat_map(|element| &element.list)
                .map(|text| text.value.to_ascii_lowercase())
        };
        let halves: Vec<(String, String)> = texts()
            .filter_map(|text| {
                text.split_once(':')
                    .map(|(service, name)| (service.to_owned(), name.to_owned()))
            })
            .collect();
        let negated = element.is_some_and(|element| element.negated && !element.list.is_empty());
        let any = texts().any(|text| text == "*");
        let everywhere = negated
            || any
            || halves
                .iter()
                .any(|(service, _)| service.contains(WILDCARDS));
        let named = halves.iter().fold(0, |all, (service, _)| {
            all | service_bit(service_key(service))
        });
        ActionMatcher {
            negated,
            any,
            services: if everywhere { u64::MAX } else { named },
            filters: halves
                .iter()
                .map(|(service, name)| Filter::new(service, name))
                .collect(),
            patterns: halves
                .iter()
                .map(|(service, name)| ActionPattern::new(service, name))
                .collect(),
        }
    }

    #[inline]
    pub fn matches(&self, question: &Question<'_>) -> bool {
        self.services & question.service_bit != 0
            && (self.any || self.lists(question)) != self.negated
    }

    #[inline]
    fn lists(&self, question: &Question<'_>) -> bool {
        let mut candidates = self.filters.iter().zip(&self.patterns);
        candidates.any(|(filter, pattern)| filter.passes(question) && pattern.matches(question))
    }
}

const WILDCARDS: [char; 2] = ['*', '?'];

impl Filter {
    fn new(service: &str, name: &str) -> Filter {
        let literal = name
            .find(WILDCARDS)
            .and_then(|at| name.get(..at))
            .unwrap_or(name);
        Filter {
            service: if service.contains(WILDCARDS) {
                0
            } else {
                service_key(service)
            },
            service_mask: if service.contains(WILDCARDS) {
                0
            } else {
                u64::MAX
            },
            name: name_key(literal),
            name_mask: u64::MAX
                .checked_shl(8 * 8u32.saturating_sub(literal.len() as u32))
                .unwrap_or(0),
        }
    }

    #[inline]
    fn passes(&self, question: &Question<'_>) -> bool {
        question.service_key & self.service_mask == self.service
            && question.name_key & self.name_mask == self.name
    }
}

impl ActionPattern {
    fn new(service: &str, name: &str) -> ActionPattern {
        let compare = service.contains(WILDCARDS) || service.len() > SERVICE_KEY_LETTERS;
        ActionPattern {
            service: compare.then(|| Pattern::new(service, WILD)),
            name: Pattern::new(name, WILD),
        }
    }

    fn matches(&self, question: &Question<'_>) -> bool {
        self.service
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

    /// Does the element match? `NotResource` with a variable that has no value matches nothing either.
    pub fn matches(&self, question: &Question<'_>) -> bool {
        let listed = self
            .patterns
            .iter()
            .any(|pattern| pattern.matches(question.resource.as_ref(), question));
        listed != self.negated && !(self.negated && self.lacks_value(question))
    }

    /// True if a pattern might match, had its variable a value in this request.
    pub fn lacks_value(&self, question: &Question<'_>) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.lacks_value(question.resource.as_ref(), question))
    }
}
