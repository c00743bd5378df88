//! What a kind of policy must and must not have, and what is allowed but unwise.
//!
//! Sources: IAM User Guide, "Grammar of the IAM JSON policy language", "Policy elements"; Organizations User
//! Guide, "SCP syntax", "RCP syntax"; IAM Access Analyzer, "Policy check reference".

use crate::arn::{ArnPattern, VariablesIn};
use crate::document::{Effect, Element, Policy, PrincipalName, Spanned, Statement, Version};
use crate::error::{Code, Finding, PolicyError};
use crate::matcher::root_account;
use crate::pattern::{Pattern, Syntax};
use std::collections::HashSet;

/// Where a policy is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// A managed or inline policy, a permissions boundary, or a session policy.
    Identity,
    /// The policy of a resource.
    Resource,
    /// The policy of a role that says who may assume it.
    Trust,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
}

impl PolicyKind {
    /// Every kind.
    pub const ALL: [PolicyKind; 5] = [
        PolicyKind::Identity,
        PolicyKind::Resource,
        PolicyKind::Trust,
        PolicyKind::Scp,
        PolicyKind::Rcp,
    ];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyKind::Identity => "identity",
            PolicyKind::Resource => "resource",
            PolicyKind::Trust => "trust",
            PolicyKind::Scp => "scp",
            PolicyKind::Rcp => "rcp",
        }
    }

    /// The kind a policy looks like: one that names principals is of a resource; of a role, if all it speaks of
    /// is assuming it and it names no resource; any other is attached to an identity.
    pub fn guess(policy: &Policy) -> PolicyKind {
        let all = |test: fn(&Statement) -> bool| {
            !policy.statements.is_empty() && policy.statements.iter().all(test)
        };
        let assumes = |s: &Statement| {
            let actions = s.action.iter().flat_map(|element| &element.list);
            s.resource.is_none()
                && s.action.is_some()
                && actions.into_iter().all(|action| is_sts(&action.value))
        };
        if !policy
            .statements
            .iter()
            .any(|statement| statement.principal.is_some())
        {
            PolicyKind::Identity
        } else if all(assumes) {
            PolicyKind::Trust
        } else {
            PolicyKind::Resource
        }
    }
}

impl Policy {
    /// Is this a policy that IAM would store as this kind? The first reason why not is the error, in IAM's words
    /// where it has words for it.
    pub fn validate(&self, kind: PolicyKind) -> Result<(), PolicyError> {
        match self
            .check(kind)
            .into_iter()
            .find(|finding| finding.code.is_refused())
        {
            Some(finding) => Err(PolicyError(finding)),
            None => Ok(()),
        }
    }

    /// Everything to be said about this policy as one of this kind, in the order of the text.
    pub fn check(&self, kind: PolicyKind) -> Vec<Finding> {
        let mut checker = Checker {
            kind,
            version: self.version,
            findings: Vec::new(),
        };
        checker.policy(self);
        checker.findings.sort_by_key(|finding| finding.at);
        checker.findings
    }
}

fn is_sts(action: &str) -> bool {
    action
        .get(..4)
        .is_some_and(|service| service.eq_ignore_ascii_case("sts:"))
}

pub(crate) struct Checker {
    kind: PolicyKind,
    pub(crate) version: Version,
    findings: Vec<Finding>,
}

impl Checker {
    pub(crate) fn report(
        &mut self,
        code: Code,
        at: crate::json::Position,
        message: impl Into<String>,
    ) {
        self.findings.push(Finding::new(code, at, message));
    }

    fn is_iam(&self) -> bool {
        matches!(self.kind, PolicyKind::Identity | PolicyKind::Trust)
    }

    fn policy(&mut self, policy: &Policy) {
        if policy.statements.is_empty() {
            self.report(
                Code::EmptyStatement,
                policy.statement_at,
                "a policy must have at least one statement",
            );
        }
        if let (PolicyKind::Identity, Some(id)) = (self.kind, &policy.id) {
            self.report(
                Code::IdElement,
                id.at,
                "Id has no use in an identity-based policy",
            );
        }
        let mut sids = HashSet::new();
        for statement in &policy.statements {
            if let Some(sid) = &statement.sid
                && !sid.value.is_empty()
                && !sids.insert(sid.value.as_str())
            {
                self.report(
                    Code::DuplicateSid,
                    sid.at,
                    "Statement IDs (SID) in a single policy must be unique.",
                );
            }
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        if let Some(sid) = &statement.sid
            && self.is_iam()
            && !sid.value.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*";
            self.report(Code::SidFormat, sid.at, message);
        }
        self.principal(statement);
        self.actions(statement);
        self.resources(statement);
        for entry in &statement.conditions {
            self.condition(entry, statement);
        }
        if self.kind == PolicyKind::Rcp {
            self.rcp(statement);
        }
    }

    fn principal(&mut self, statement: &Statement) {
        let names = matches!(
            self.kind,
            PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Rcp
        );
        let Some(element) = &statement.principal else {
            if names {
                self.report(
                    Code::PrincipalRequired,
                    statement.at,
                    "Missing required field Principal",
                );
            }
            return;
        };
        if !names {
            let code = if element.negated {
                Code::NotPrincipalForbidden
            } else {
                Code::PrincipalForbidden
            };
            return self.report(
                code,
                element.at,
                "Policy document should not specify a principal.",
            );
        }
        if element.negated {
            self.not_principal(element, statement.effect);
        }
        if element.list.is_empty() {
            self.report(
                Code::InvalidPrincipal,
                element.at,
                "a principal element must name someone",
            );
        }
        for name in &element.list {
            self.principal_name(name);
        }
        if !element.negated && statement.effect == Effect::Allow && statement.conditions.is_empty()
        {
            self.unconditional(element);
        }
    }

    fn not_principal(&mut self, element: &Element<Spanned<PrincipalName>>, effect: Effect) {
        if self.kind == PolicyKind::Trust {
            self.report(
                Code::NotPrincipalForbidden,
                element.at,
                "Has prohibited field NotPrincipal",
            );
        }
        if effect == Effect::Allow {
            let message = "NotPrincipal with Allow grants to everyone who is not named, also to the anonymous; use Deny";
            self.report(Code::NotPrincipalAllow, element.at, message);
            return;
        }
        let accounts: HashSet<&str> = element
            .list
            .iter()
            .filter_map(|name| account_named(&name.value, true))
            .collect();
        for name in &element.list {
            if let Some(account) = account_named(&name.value, false)
                && !accounts.contains(account)
            {
                let message = format!(
                    "list arn:aws:iam::{account}:root too, or the principal stays denied with its account"
                );
                self.report(Code::NotPrincipalWithoutAccount, name.at, message);
            }
        }
    }

    fn principal_name(&mut self, name: &Spanned<PrincipalName>) {
        let bad = match &name.value {
            PrincipalName::Everyone | PrincipalName::Federated(_) => false,
            PrincipalName::Aws(text) => !is_aws_principal(text),
            PrincipalName::Service(text) => text.contains('*') || !text.contains('.'),
            PrincipalName::CanonicalUser(text) => {
                text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric())
            }
        };
        if bad {
            let (PrincipalName::Aws(text)
            | PrincipalName::Service(text)
            | PrincipalName::CanonicalUser(text)) = &name.value
            else {
                return;
            };
            self.report(
                Code::InvalidPrincipal,
                name.at,
                format!("Invalid principal in policy: {text:?}"),
            );
        }
    }

    fn unconditional(&mut self, element: &Element<Spanned<PrincipalName>>) {
        for name in &element.list {
            match &name.value {
                PrincipalName::Everyone => {
                    self.report(
                        Code::PublicAccess,
                        name.at,
                        "everyone is allowed this, strangers included, without any condition",
                    );
                }
                PrincipalName::Service(text) if self.kind == PolicyKind::Resource => {
                    let message = format!(
                        "{text} may be used by any account's resource; a condition on aws:SourceArn or aws:SourceAccount tells whose"
                    );
                    self.report(Code::ConfusedDeputy, name.at, message);
                }
                _ => {}
            }
        }
    }

    fn actions(&mut self, statement: &Statement) {
        let Some(element) = statement
            .action
            .as_ref()
            .filter(|element| !element.list.is_empty())
        else {
            return self.report(
                Code::MissingAction,
                statement.at,
                "Policy statement must contain actions.",
            );
        };
        for action in &element.list {
            self.action(action);
        }
        if statement.effect == Effect::Allow && element.negated && self.kind == PolicyKind::Identity
        {
            self.report(
                Code::AllowNotAction,
                element.at,
                "every action not named is allowed, also those of services to come",
            );
        }
    }

    fn action(&mut self, action: &Spanned<String>) {
        let text = action.value.as_str();
        if text != "*" {
            let well_formed = text.split_once(':').is_some_and(|(vendor, name)| {
                let vendor_char = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
                let name_char = |b: u8| b.is_ascii_alphanumeric() || b"*?_-".contains(&b);
                !vendor.is_empty()
                    && vendor.bytes().all(vendor_char)
                    && !name.is_empty()
                    && name.bytes().all(name_char)
            });
            if !well_formed {
                let vendor = text.split_once(':').map(|(vendor, _)| vendor);
                let message = match vendor {
                    Some(vendor) if vendor.contains(['*', '?']) => {
                        format!("Vendor {vendor} is not valid")
                    }
                    Some(_) => format!("Invalid Action: {text:?} is not written SERVICE:NAME"),
                    None => {
                        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                            .to_owned()
                    }
                };
                return self.report(Code::ActionFormat, action.at, message);
            }
        }
        if self.kind == PolicyKind::Trust && !is_sts(text) {
            self.report(
                Code::TrustAction,
                action.at,
                "AssumeRole policy may only specify STS AssumeRole actions.",
            );
        }
    }

    fn resources(&mut self, statement: &Statement) {
        let element = statement.resource.as_ref();
        if self.kind == PolicyKind::Trust {
            if let Some(element) = element {
                self.report(
                    Code::ResourceForbidden,
                    element.at,
                    "Has prohibited field Resource",
                );
            }
            return;
        }
        let Some(element) = element.filter(|element| !element.list.is_empty()) else {
            // Some services (ECR, for one) leave it out: the policy's resource is the one it is attached to.
            if self.kind != PolicyKind::Resource {
                self.report(
                    Code::MissingResource,
                    statement.at,
                    "Policy statement must contain resources.",
                );
            }
            return;
        };
        for resource in &element.list {
            self.resource(resource);
        }
        self.pass_role(statement, element);
    }

    fn resource(&mut self, resource: &Spanned<String>) {
        let text = resource.value.as_str();
        if ArnPattern::new(text, VariablesIn::Nowhere).is_malformed() {
            let message = format!("Resource {text} must be in ARN format or \"*\".");
            return self.report(Code::ResourceFormat, resource.at, message);
        }
        let replaced = if self.version == Version::V2012 {
            VariablesIn::ResourcePart
        } else {
            VariablesIn::Nowhere
        };
        if ArnPattern::new(text, replaced).is_malformed() {
            let message = "variables are replaced after the fifth colon only: this matches nothing";
            return self.report(Code::VariableBeforeResource, resource.at, message);
        }
        self.variables(resource, true);
    }

    fn pass_role(&mut self, statement: &Statement, resources: &Element<Spanned<String>>) {
        let Some(actions) = statement.action.as_ref().filter(|element| !element.negated) else {
            return;
        };
        // In the other kinds a wildcard is usual: `FullAWSAccess`, a key's policy for its account.
        let action = actions.list.iter().find(|action| {
            let syntax = Syntax {
                wildcards: self.kind == PolicyKind::Identity,
                variables: false,
            };
            Pattern::new(&action.value, syntax).matches_ignoring_ascii_case("iam:PassRole")
        });
        let everywhere =
            resources.list.iter().any(|resource| resource.value == "*") && !resources.negated;
        if let (Effect::Allow, Some(action), true) = (
            statement.effect,
            action,
            everywhere && statement.conditions.is_empty(),
        ) {
            let text = &action.value;
            let message = format!(
                "{text:?} on every resource passes any role: whoever may do that can have any role's permissions"
            );
            self.report(Code::PassRoleEverywhere, action.at, message);
        }
    }

    fn rcp(&mut self, statement: &Statement) {
        if statement.effect == Effect::Allow {
            self.report(
                Code::RcpAllow,
                statement.at,
                "a resource control policy can only deny",
            );
        }
        if let Some(element) = &statement.principal {
            let everyone = element
                .list
                .iter()
                .all(|name| name.value == PrincipalName::Everyone);
            if element.negated {
                self.report(
                    Code::RcpElement,
                    element.at,
                    "a resource control policy has no NotPrincipal",
                );
            } else if !everyone {
                self.report(
                    Code::RcpPrincipal,
                    element.at,
                    "Principal must be \"*\"; name whom you mean in a Condition",
                );
            }
        }
        if let Some(element) = statement.action.as_ref().filter(|element| element.negated) {
            self.report(
                Code::RcpElement,
                element.at,
                "a resource control policy has no NotAction",
            );
        }
    }
}

fn is_aws_principal(text: &str) -> bool {
    let unique_id = || {
        text.len() >= 16
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let named = || {
        crate::arn::split(text).is_some_and(|[_, service, region, account, resource]| {
            let prefixes: &[&str] = match service {
                "iam" => &["user/", "role/"],
                "sts" => &["assumed-role/", "federated-user/"],
                _ => &[],
            };
            let kind = prefixes
                .iter()
                .any(|prefix| resource.starts_with(prefix) && resource.len() > prefix.len());
            kind && region.is_empty() && !account.is_empty() && !resource.contains(['*', '?'])
        })
    };
    root_account(text).is_some() || named() || unique_id()
}

/// The account of an account principal (`whole`), or of a user, role or session.
fn account_named(name: &PrincipalName, whole: bool) -> Option<&str> {
    let PrincipalName::Aws(text) = name else {
        return None;
    };
    match root_account(text) {
        Some(account) => whole.then_some(account),
        None if whole => None,
        None => crate::arn::split(text).map(|segments| segments[3]),
    }
}
