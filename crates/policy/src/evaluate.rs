//! The decision: which layers must allow, which may, and whose deny counts.
//!
//! Source: IAM User Guide, "How AWS enforcement code logic evaluates requests to allow or deny access",
//! "Cross-account policy evaluation logic"; Organizations User Guide, "SCP evaluation", "RCP evaluation";
//! KMS Developer Guide, "Key policies in AWS KMS".

use crate::compile::CompiledPolicy;
use crate::decision::{Decision, Layer, Reason, StatementRef, is_trust_action};
use crate::document::Effect;
use crate::matcher::Grant;
use crate::principal::Identity;
use crate::request::{Question, Request};
use std::sync::Arc;

/// The policies that apply to a request, borrowed from wherever they are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// All policies attached to the principal: of the user and its groups, or of the role.
    pub identity: &'a [Arc<CompiledPolicy>],
    /// The permissions boundary of the user or role.
    pub boundary: Option<&'a CompiledPolicy>,
    /// Session policies; empty: the session has none. Together they allow what any of them allows.
    pub session: &'a [Arc<CompiledPolicy>],
    /// The resource's policy. For `sts:AssumeRole` and its kin the role's trust policy, for keys the key policy.
    pub resource: Option<&'a CompiledPolicy>,
    /// Grants on the resource, each a policy that allows some actions to whom it names. They stand beside the resource's policy, and
    /// one alone suffices where it names the principal itself, whichever account that belongs to (KMS Developer Guide, "Grants in
    /// AWS KMS": what AWS's service-linked roles may do with keys of other accounts comes from grants alone, their own policies
    /// saying nothing of keys).
    pub grants: &'a [Arc<CompiledPolicy>],
    /// Service control policies of the principal's account: a list for each level from the root to the account.
    /// Empty: the account is in no organization, or SCPs are not enabled.
    pub scp: &'a [Vec<Arc<CompiledPolicy>>],
    /// Resource control policies of the resource's account, level by level. `RCPFullAWSAccess` is implied.
    pub rcp: &'a [Vec<Arc<CompiledPolicy>>],
}

/// Decides a request.
///
/// ```
/// use palisade_policy::*;
/// use std::sync::Arc;
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement":
///     {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::home/${aws:username}/*"}}"#)?;
/// let identity = [Arc::new(CompiledPolicy::new("inline:home", policy))];
/// let layers = Layers { identity: &identity, ..Layers::default() };
/// let ann = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
/// let context = Context::new();
///
/// let own = Request::new(&ann, "s3:GetObject", "arn:aws:s3:::home/ann/diary", &context);
/// assert!(evaluate(&own, &layers).is_allowed());
/// let other = Request::new(&ann, "s3:GetObject", "arn:aws:s3:::home/bob/diary", &context);
/// assert_eq!(evaluate(&other, &layers).reason.to_string(), "implicit:identity");
/// # Ok::<(), PolicyError>(())
/// ```
pub fn evaluate<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Decision<'a> {
    let question = Question::new(request, layers.boundary.is_some());
    decide(&question, layers)
}

pub(crate) fn decide<'a>(question: &Question<'_>, layers: &Layers<'a>) -> Decision<'a> {
    let mut deciding = Vec::with_capacity(4);
    let reason = if is_free(question.request.action) {
        Reason::Allow
    } else {
        Evaluation {
            question,
            scope: Scope::of(question),
            layers,
            deciding: &mut deciding,
        }
        .run()
    };
    Decision { reason, deciding }
}

/// Two actions that no policy controls: IAM cannot deny a caller to learn who he is, or to authenticate.
/// Source: STS API Reference, GetCallerIdentity; IAM User Guide, "Permissions for GetSessionToken".
pub(crate) fn is_free(action: &str) -> bool {
    action.eq_ignore_ascii_case("sts:GetCallerIdentity")
        || action.eq_ignore_ascii_case("sts:GetSessionToken")
}

/// Which layers speak about a request at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub rcp: bool,
    pub scp: bool,
    /// Identity policies, boundary, session policies.
    pub own: bool,
}

impl Scope {
    pub fn of(question: &Question<'_>) -> Scope {
        let request = &question.request;
        let principal = request.principal;
        let manages = |account: Option<&str>, organization: Option<&crate::Organization>| {
            organization
                .is_some_and(|organization| account == Some(&organization.management_account))
        };
        let linked = principal.is_service_linked();
        Scope {
            rcp: !linked && !manages(request.resource_account, request.resource_organization),
            scp: !linked
                && principal.account().is_some()
                && !manages(principal.account(), request.principal_organization),
            own: matches!(
                principal.identity(),
                Identity::User { .. }
                    | Identity::RoleSession { .. }
                    | Identity::FederatedUser { .. }
            ),
        }
    }
}

/// A resource whose policy must allow, identity policies alone not being enough even in its own account.
pub(crate) fn needs_resource_policy(question: &Question<'_>, layers: &Layers<'_>) -> bool {
    let is_key = || {
        question
            .resource
            .is_some_and(|segments| segments[1] == "kms" && segments[4].starts_with("key/"))
    };
    // A federated user has no policy to trust anybody by: sts:TagSession on one is its maker's own matter.
    let is_federated_user = || {
        question
            .resource
            .is_some_and(|segments| segments[1] == "sts")
    };
    (is_trust_action(question.request.action) && !is_federated_user())
        || (question.service.eq_ignore_ascii_case("kms") && (layers.resource.is_some() || is_key()))
}

struct Evaluation<'q, 'a> {
    question: &'q Question<'q>,
    scope: Scope,
    layers: &'q Layers<'a>,
    deciding: &'q mut Vec<StatementRef<'a>>,
}

/// What the policies of one layer, none of which denies, say.
#[derive(Clone, Copy)]
struct Allows<'a>(Option<StatementRef<'a>>);

/// A statement denies: the request is decided.
struct Denied<'a>(StatementRef<'a>);

impl<'a> Evaluation<'_, 'a> {
    fn run(mut self) -> Reason {
        match self.judge() {
            Ok(reason) => reason,
            Err(Denied(statement)) => {
                self.deciding.clear();
                self.deciding.push(statement);
                Reason::Explicit(statement.layer)
            }
        }
    }

    /// Reads every layer that applies, since a deny anywhere outweighs all; then asks who had to allow.
    fn judge(&mut self) -> Result<Reason, Denied<'a>> {
        let layers = self.layers;
        if self.scope.rcp {
            for policy in layers.rcp.iter().flatten() {
                self.scan_named(Layer::Rcp, policy)?;
            }
        }
        let mut levels_allow = true;
        if self.scope.scp {
            for level in layers.scp {
                let allows = self.scan(Layer::Scp, level)?;
                levels_allow &= self.satisfied(Layer::Scp, allows);
            }
        }
        let mut named = match layers.resource {
            Some(policy) => self.scan_named(Layer::Resource, policy)?,
            None => (Grant::None, Allows(None)),
        };
        let mut granted = (Grant::None, Allows(None));
        for policy in layers.grants {
            let found = self.scan_named(Layer::Resource, policy)?;
            if found.0 > granted.0 {
                granted = found;
            }
        }
        // In another account a grant says more than a policy that names the same principal.
        let abroad = granted.0 >= Grant::Entity && !self.question.same_account();
        if abroad || granted.0 > named.0 {
            named = granted;
        }
        let (grant, granting) = named;
        let none = Allows(None);
        let (mut identity, mut boundary, mut session) = (none, none, none);
        if self.scope.own {
            identity = self.scan(Layer::Identity, layers.identity)?;
            boundary = self.scan(Layer::Boundary, layers.boundary)?;
            session = self.scan(Layer::Session, layers.session)?;
        }
        if !levels_allow {
            return Ok(self.implicit(Layer::Scp));
        }
        Ok(self.who_had_to_allow(grant, granting, abroad, [identity, boundary, session]))
    }

    fn who_had_to_allow(
        &mut self,
        grant: Grant,
        granting: Allows<'a>,
        abroad: bool,
        own: [Allows<'a>; 3],
    ) -> Reason {
        let same_account = self.question.same_account();
        let must_grant = !same_account || needs_resource_policy(self.question, self.layers);
        // A grant reaches into another account as a policy does in its own.
        let same_account = same_account || abroad;
        if must_grant && grant == Grant::None && !self.question.hypothesis.allows(Layer::Resource) {
            return self.implicit(Layer::Resource);
        }
        if must_grant || grant >= Grant::Entity {
            self.deciding.extend(granting.0);
        }
        let source_is_root = match self.question.request.principal.identity() {
            // Nothing but the resource's policy speaks for these, and root has no policies to lack.
            Identity::Service { .. }
            | Identity::Federated { .. }
            | Identity::Anonymous
            | Identity::Root { .. } => return Reason::Allow,
            Identity::FederatedUser { source, .. } => source.ends_with(":root"),
            Identity::User { .. } | Identity::RoleSession { .. } => false,
        };
        if same_account && grant == Grant::Direct {
            return Reason::Allow;
        }
        let federated = matches!(
            self.question.request.principal.identity(),
            Identity::FederatedUser { .. }
        );
        // A federated user has nothing without a session policy; a role session without one has all its role has.
        let needed = [
            (
                Layer::Identity,
                !(source_is_root || same_account && grant == Grant::Entity),
            ),
            (Layer::Boundary, self.layers.boundary.is_some()),
            (Layer::Session, federated || !self.layers.session.is_empty()),
        ];
        for ((layer, needed), allows) in needed.into_iter().zip(own) {
            if needed && !self.satisfied(layer, allows) {
                return self.implicit(layer);
            }
        }
        Reason::Allow
    }

    fn implicit(&mut self, layer: Layer) -> Reason {
        self.deciding.clear();
        Reason::Implicit(layer)
    }

    /// Remembers the statement that allows, and tells if there is one.
    fn satisfied(&mut self, layer: Layer, allows: Allows<'a>) -> bool {
        self.deciding.extend(allows.0);
        allows.0.is_some() || self.question.hypothesis.allows(layer)
    }

    /// Policies attached to the principal or its account: any statement that applies counts.
    fn scan<P>(&self, layer: Layer, policies: P) -> Result<Allows<'a>, Denied<'a>>
    where
        P: IntoIterator,
        P::Item: Held<'a>,
    {
        let mut allows = None;
        for policy in policies {
            let policy = policy.policy();
            if !policy.speaks_of(self.question) {
                continue;
            }
            for (index, statement) in policy.statements.iter().enumerate() {
                if statement.effect == Effect::Allow && allows.is_some() {
                    continue;
                }
                if statement.applies(self.question) {
                    let found = StatementRef {
                        layer,
                        policy,
                        index,
                    };
                    if self.question.hypothesis.ignores(&found) {
                        continue;
                    }
                    match statement.effect {
                        Effect::Deny => return Err(Denied(found)),
                        Effect::Allow => allows = Some(found),
                    }
                }
            }
        }
        Ok(Allows(allows))
    }

    /// A policy that says to whom: how strongly it grants, and the statement that does so.
    fn scan_named(
        &self,
        layer: Layer,
        policy: &'a CompiledPolicy,
    ) -> Result<(Grant, Allows<'a>), Denied<'a>> {
        let mut best = (Grant::None, Allows(None));
        for (index, statement) in policy.statements.iter().enumerate() {
            let found = StatementRef {
                layer,
                policy,
                index,
            };
            if !statement.applies(self.question) || self.question.hypothesis.ignores(&found) {
                continue;
            }
            let grant = statement.grant(self.question);
            match statement.effect {
                Effect::Deny if grant != Grant::None => return Err(Denied(found)),
                Effect::Allow if grant > best.0 => best = (grant, Allows(Some(found))),
                _ => {}
            }
        }
        Ok(best)
    }
}

/// A policy, however it is held.
trait Held<'a> {
    fn policy(self) -> &'a CompiledPolicy;
}

impl<'a> Held<'a> for &'a CompiledPolicy {
    fn policy(self) -> &'a CompiledPolicy {
        self
    }
}

impl<'a> Held<'a> for &'a Arc<CompiledPolicy> {
    fn policy(self) -> &'a CompiledPolicy {
        self
    }
}
