//! What a decision says of itself.

use crate::compile::CompiledPolicy;
use crate::document::{Effect, Statement};
use crate::principal::Identity;
use crate::request::Request;
use std::fmt;

/// A type of policy, in the order in which AWS enforces them.
/// Source: IAM User Guide, "How AWS enforcement code logic evaluates requests to allow or deny access".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Resource control policies of the resource's account.
    Rcp,
    /// Service control policies of the principal's account.
    Scp,
    /// The resource's own policy: bucket policy, key policy, trust policy.
    Resource,
    /// Policies attached to the user, its groups, or the role.
    Identity,
    /// The permissions boundary of the user or role.
    Boundary,
    /// Session policies.
    Session,
}

impl Layer {
    /// Every layer, in order of enforcement.
    pub const ALL: [Layer; 6] = [
        Layer::Rcp,
        Layer::Scp,
        Layer::Resource,
        Layer::Identity,
        Layer::Boundary,
        Layer::Session,
    ];

    /// The word used in reasons.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Rcp => "rcp",
            Layer::Scp => "scp",
            Layer::Resource => "resource",
            Layer::Identity => "identity",
            Layer::Boundary => "boundary",
            Layer::Session => "session",
        }
    }

    /// What its policies are called together.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Layer::Rcp => "resource control policies",
            Layer::Scp => "service control policies",
            Layer::Resource => "the resource's policy",
            Layer::Identity => "identity-based policies",
            Layer::Boundary => "the permissions boundary",
            Layer::Session => "session policies",
        }
    }

    /// What AWS calls this type of policy in denial messages.
    fn in_words(self, action: &str) -> &'static str {
        match self {
            Layer::Rcp => "resource control policy",
            Layer::Scp => "service control policy",
            Layer::Resource if is_trust_action(action) => "role trust policy",
            Layer::Resource => "resource-based policy",
            Layer::Identity => "identity-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
        }
    }
}

/// The actions that a role's trust policy is asked about.
pub(crate) fn is_trust_action(action: &str) -> bool {
    const ALL: [&str; 6] = [
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
        "sts:SetContext",
    ];
    ALL.iter().any(|name| name.eq_ignore_ascii_case(action))
}

/// Why a request is allowed or denied. Printed as `allow`, `explicit:LAYER` or `implicit:LAYER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Everything that must allow it does, and nothing denies it.
    Allow,
    /// A statement of this layer denies it.
    Explicit(Layer),
    /// No statement of this layer allows it, and one would have to.
    Implicit(Layer),
}

impl Reason {
    /// True for [`Reason::Allow`].
    pub fn is_allowed(self) -> bool {
        self == Reason::Allow
    }

    /// The layer that denied.
    pub fn layer(self) -> Option<Layer> {
        match self {
            Reason::Allow => None,
            Reason::Explicit(layer) | Reason::Implicit(layer) => Some(layer),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Allow => f.write_str("allow"),
            Reason::Explicit(layer) => write!(f, "explicit:{}", layer.as_str()),
            Reason::Implicit(layer) => write!(f, "implicit:{}", layer.as_str()),
        }
    }
}

/// One statement of one policy, as part of a decision.
#[derive(Clone, Copy, Debug)]
pub struct StatementRef<'a> {
    /// The layer the policy belongs to.
    pub layer: Layer,
    /// The policy.
    pub policy: &'a CompiledPolicy,
    /// The statement's place in it, from 0.
    pub index: usize,
}

impl<'a> StatementRef<'a> {
    /// The statement as written.
    pub fn statement(&self) -> Option<&'a Statement> {
        self.policy.source().statements.get(self.index)
    }

    /// Its Sid, if it has one.
    pub fn sid(&self) -> Option<&'a str> {
        Some(self.statement()?.sid.as_ref()?.value.as_str())
    }

    /// Tells this statement from every other of the same evaluation.
    pub(crate) fn identity(&self) -> (Layer, *const CompiledPolicy, usize) {
        (self.layer, std::ptr::from_ref(self.policy), self.index)
    }

    /// Its effect.
    pub fn effect(&self) -> Option<Effect> {
        self.statement().map(|statement| statement.effect)
    }
}

impl fmt::Display for StatementRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} statement {}", self.policy.name(), self.index)?;
        match self.sid() {
            Some(sid) => write!(f, " ({sid})"),
            None => Ok(()),
        }
    }
}

/// The answer: what was decided, why, and by which statements. Everything else about it is told by
/// [`crate::explain`].
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Why.
    pub reason: Reason,
    /// The statements that decided: the one that denies; or one of each layer that had to allow and did.
    pub deciding: Vec<StatementRef<'a>>,
}

impl Decision<'_> {
    /// True if the request is allowed.
    pub fn is_allowed(&self) -> bool {
        self.reason.is_allowed()
    }

    /// What AWS tells the caller who was denied; `None` if allowed. An explicit deny within one account or organization names the
    /// policy, if that has an ARN.
    ///
    /// Source: IAM User Guide, "Troubleshoot access denied error messages"; AWS Security Blog, "Enhanced access denied error messages
    /// with policy ARNs".
    pub fn denial_message(&self, request: &Request<'_>) -> Option<String> {
        let mut message = denial_message(self.reason, request)?;
        if let (Reason::Explicit(layer), Some(denying)) = (self.reason, self.deciding.first())
            && layer != Layer::Resource
            && denying.policy.name().starts_with("arn:")
            && request.stays_within()
        {
            message.push_str(": ");
            message.push_str(denying.policy.name());
        }
        Some(message)
    }
}

/// The denial message for a reason, without the policy; `None` for [`Reason::Allow`].
fn denial_message(reason: Reason, request: &Request<'_>) -> Option<String> {
    let Request {
        action,
        resource,
        principal,
        ..
    } = request;
    let because = match reason {
        Reason::Allow => return None,
        Reason::Explicit(Layer::Resource) if is_trust_action(action) => {
            "with an explicit deny in the role trust policy".to_owned()
        }
        Reason::Explicit(layer) => {
            let words = layer.in_words(action);
            let article = if words.starts_with(['a', 'e', 'i', 'o']) {
                "an"
            } else {
                "a"
            };
            format!("with an explicit deny in {article} {words}")
        }
        Reason::Implicit(layer) => format!(
            "because no {} allows the {action} action",
            layer.in_words(action)
        ),
    };
    let who = match principal.identity() {
        Identity::Service { .. } => format!("Service: {}", principal.name()),
        _ => format!("User: {}", principal.name()),
    };
    Some(format!(
        "{who} is not authorized to perform: {action} on resource: {resource} {because}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Organization, Principal};

    #[test]
    fn an_explicit_deny_names_the_policy_that_has_an_arn_to_those_within() {
        let deny = |name: &str| {
            let text = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
            CompiledPolicy::new(name, crate::Policy::parse(text).unwrap())
        };
        let ann = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
        let context = Context::new();
        let request = Request::new(&ann, "s3:Get", "*", &context);
        let other = request.in_account("444455556666");
        let organization = Organization::new("o-a1b2c3d4e5", "999988887777");
        let together = other.in_organizations(Some(&organization), Some(&organization));
        let managed = "arn:aws:iam::111122223333:policy/no";
        let say = |name: &str, layer, request: &Request<'_>| {
            let policy = deny(name);
            let decision = Decision {
                reason: Reason::Explicit(layer),
                deciding: vec![StatementRef {
                    layer,
                    policy: &policy,
                    index: 0,
                }],
            };
            decision.denial_message(request).unwrap()
        };
        let named = format!(" with an explicit deny in an identity-based policy: {managed}");
        assert!(say(managed, Layer::Identity, &request).ends_with(&named));
        assert!(say(managed, Layer::Identity, &together).ends_with(&named));
        let boundary = format!(" with an explicit deny in a permissions boundary: {managed}");
        assert!(say(managed, Layer::Boundary, &request).ends_with(&boundary));
        let unnamed = " with an explicit deny in an identity-based policy";
        assert!(say(managed, Layer::Identity, &other).ends_with(unnamed));
        assert!(say("inline:no", Layer::Identity, &request).ends_with(unnamed));
        assert!(say(managed, Layer::Resource, &request).ends_with(" in a resource-based policy"));
    }

    #[test]
    fn denials_say_what_aws_says() {
        let ann = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
        let context = Context::new();
        let say = |reason: Reason, action: &str| {
            let text = denial_message(
                reason,
                &Request::new(&ann, action, "arn:aws:x:::y", &context),
            )
            .unwrap();
            text.strip_prefix(
                "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: ",
            )
            .unwrap()
            .to_owned()
        };
        for (reason, action, expected) in [
            (
                Reason::Implicit(Layer::Identity),
                "s3:Get",
                "because no identity-based policy allows the s3:Get action",
            ),
            (
                Reason::Explicit(Layer::Identity),
                "s3:Get",
                "with an explicit deny in an identity-based policy",
            ),
            (
                Reason::Implicit(Layer::Resource),
                "s3:Get",
                "because no resource-based policy allows the s3:Get action",
            ),
            (
                Reason::Explicit(Layer::Resource),
                "s3:Get",
                "with an explicit deny in a resource-based policy",
            ),
            (
                Reason::Implicit(Layer::Resource),
                "sts:AssumeRole",
                "because no role trust policy allows the sts:AssumeRole action",
            ),
            (
                Reason::Explicit(Layer::Resource),
                "sts:AssumeRole",
                "with an explicit deny in the role trust policy",
            ),
            (
                Reason::Implicit(Layer::Scp),
                "s3:Get",
                "because no service control policy allows the s3:Get action",
            ),
            (
                Reason::Explicit(Layer::Scp),
                "s3:Get",
                "with an explicit deny in a service control policy",
            ),
            (
                Reason::Explicit(Layer::Rcp),
                "s3:Get",
                "with an explicit deny in a resource control policy",
            ),
            (
                Reason::Implicit(Layer::Boundary),
                "s3:Get",
                "because no permissions boundary allows the s3:Get action",
            ),
            (
                Reason::Explicit(Layer::Boundary),
                "s3:Get",
                "with an explicit deny in a permissions boundary",
            ),
            (
                Reason::Implicit(Layer::Session),
                "s3:Get",
                "because no session policy allows the s3:Get action",
            ),
            (
                Reason::Explicit(Layer::Session),
                "s3:Get",
                "with an explicit deny in a session policy",
            ),
        ] {
            assert_eq!(
                say(reason, action),
                format!("{action} on resource: arn:aws:x:::y {expected}")
            );
        }
        assert_eq!(
            denial_message(Reason::Allow, &Request::new(&ann, "a:b", "*", &context)),
            None
        );
    }
}
