//! `Principal` and `NotPrincipal`, compiled.
//!
//! How strongly a resource-based policy names a principal decides which implicit denies of other policies it
//! overrides. Source: IAM User Guide, "Policy elements: Principal", "Policy elements: NotPrincipal", "How
//! enforcement code logic evaluates requests".

use crate::document::{Effect, Element, PrincipalName, Spanned};
use crate::principal::{Identity, Principal, is_account};
use crate::request::Question;

/// How a statement of a resource-based policy reaches the principal that asks; the stronger the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// Not at all.
    None,
    /// Through its account, which may pass the permission on with its own policies.
    Account,
    /// Through the role of the session, or the user who federated: boundary and session policies still limit it.
    Entity,
    /// Itself, or as one of everyone: no implicit deny of the principal's own policies limits it.
    Direct,
}

#[derive(Clone, Debug)]
pub(crate) struct PrincipalMatcher {
    negated: bool,
    everyone: bool,
    names: Box<[Name]>,
}

#[derive(Clone, Debug)]
enum Name {
    Account(Box<str>),
    Arn(Box<str>),
    UniqueId(Box<str>),
    Service(Box<str>),
    Federated(Box<str>),
    CanonicalUser(Box<str>),
}

impl Name {
    fn new(name: &PrincipalName) -> Option<Name> {
        Some(match name {
            PrincipalName::Everyone => return None,
            PrincipalName::Aws(text) => match root_account(text) {
                Some(account) => Name::Account(account.into()),
                None if text.starts_with("arn:") => Name::Arn(text.as_str().into()),
                None => Name::UniqueId(text.as_str().into()),
            },
            PrincipalName::Service(text) => Name::Service(text.as_str().into()),
            PrincipalName::Federated(text) => Name::Federated(text.as_str().into()),
            PrincipalName::CanonicalUser(text) => Name::CanonicalUser(text.as_str().into()),
        })
    }

    /// How this name reaches a principal.
    fn grant(&self, principal: &Principal) -> Grant {
        let is = |matches: bool, grant: Grant| if matches { grant } else { Grant::None };
        match self {
            Name::Account(account) => is(principal.account() == Some(account), Grant::Account),
            Name::Service(name) => match principal.identity() {
                Identity::Service { name: own } => is(**name == **own, Grant::Direct),
                _ => Grant::None,
            },
            Name::Federated(name) => match principal.identity() {
                Identity::Federated { provider } => is(**name == **provider, Grant::Direct),
                _ => Grant::None,
            },
            Name::CanonicalUser(id) => is(principal.canonical_user() == Some(id), Grant::Account),
            Name::Arn(arn) => match principal.identity() {
                Identity::User { arn: own } => is(**arn == **own, Grant::Direct),
                Identity::RoleSession { arn: own, .. }
                | Identity::FederatedUser { arn: own, .. }
                    if **arn == **own =>
                {
                    Grant::Direct
                }
                Identity::RoleSession { role, .. } => is(**arn == **role, Grant::Entity),
                Identity::FederatedUser { source, .. } => is(**arn == **source, Grant::Entity),
                _ => Grant::None,
            },
            Name::UniqueId(id) => match (principal.identity(), principal.user_id()) {
                (Identity::User { .. }, Some(own)) => is(**id == *own, Grant::Direct),
                (Identity::RoleSession { .. }, Some(own)) if **id == *own => Grant::Direct,
                (Identity::RoleSession { .. }, Some(own)) => is(
                    own.split_once(':').is_some_and(|(role, _)| **id == *role),
                    Grant::Entity,
                ),
                _ => Grant::None,
            },
        }
    }
}

/// The account, if the text names one: twelve digits or the ARN of its root.
pub(crate) fn root_account(text: &str) -> Option<&str> {
    if is_account(text) {
        return Some(text);
    }
    let [_, service, region, account, resource] = crate::arn::split(text)?;
    (service == "iam" && region.is_empty() && resource == "root" && is_account(account))
        .then_some(account)
}

impl PrincipalMatcher {
    pub fn new(element: &Element<Spanned<PrincipalName>>) -> PrincipalMatcher {
        PrincipalMatcher {
            negated: element.negated,
            everyone: element
                .list
                .iter()
                .any(|name| name.value == PrincipalName::Everyone),
            names: element
                .list
                .iter()
                .filter_map(|name| Name::new(&name.value))
                .collect(),
        }
    }

    /// How the element reaches the principal that asks. For a Deny, anything but `None` applies.
    pub fn grant(&self, effect: Effect, question: &Question<'_>) -> Grant {
        match (self.negated, effect) {
            (false, _) => self.named(question.request.principal),
            (true, Effect::Allow) => match self.named(question.request.principal) {
                Grant::None => Grant::Direct,
                _ => Grant::None,
            },
            (true, Effect::Deny) if self.exempts(question) => Grant::None,
            (true, Effect::Deny) => Grant::Direct,
        }
    }

    fn named(&self, principal: &Principal) -> Grant {
        if self.everyone {
            return Grant::Direct;
        }
        self.names
            .iter()
            .map(|name| name.grant(principal))
            .max()
            .unwrap_or(Grant::None)
    }

    /// Does `NotPrincipal` with Deny spare the principal? It must be listed and its account too, each being
    /// looked at in turn; a principal with a permissions boundary is never spared.
    fn exempts(&self, question: &Question<'_>) -> bool {
        let principal = question.request.principal;
        let bounded = question.has_boundary
            && matches!(
                principal.identity(),
                Identity::User { .. }
                    | Identity::RoleSession { .. }
                    | Identity::FederatedUser { .. }
            );
        if bounded {
            return false;
        }
        if self.everyone {
            return true;
        }
        let lists = |grant: Grant| self.names.iter().any(|name| name.grant(principal) == grant);
        match principal.identity() {
            Identity::User { .. } => lists(Grant::Direct) && lists(Grant::Account),
            Identity::RoleSession { .. } => lists(Grant::Entity) && lists(Grant::Account),
            Identity::FederatedUser { .. } => {
                (lists(Grant::Direct) || lists(Grant::Entity)) && lists(Grant::Account)
            }
            Identity::Root { .. } => lists(Grant::Account),
            Identity::Service { .. } | Identity::Federated { .. } => lists(Grant::Direct),
            Identity::Anonymous => false,
        }
    }
}
