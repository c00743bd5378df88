//! Asking: what decides for a caller, and whether it may. The one door for clients' calls, for what services do on their behalf, and
//! for replay, which puts recorded questions to another state.

use std::sync::Arc;

use palisade_policy::{
    CompiledPolicy, Context, Decision, Layers, Organization, Policy, Principal, Request, Timestamp,
    evaluate,
};
use palisade_store::Tx;

use crate::record::{Deciding, Question};
use crate::{
    AccountGuardrails, AccountId, CallError, Caller, Environment, Identity, Resource, Session,
};

/// Everything that decides for a caller, besides the resource: read once a call, whatever number of questions it asks.
#[derive(Debug)]
pub struct Authority {
    /// The account the caller acts in.
    pub account: AccountId,
    /// The caller as the policy engine knows it, tags included.
    pub principal: Principal,
    /// Its policies, those of its groups included.
    pub identity: Vec<Arc<CompiledPolicy>>,
    /// Its permissions boundary.
    pub boundary: Option<Arc<CompiledPolicy>>,
    /// Its session policies.
    pub session: Vec<Arc<CompiledPolicy>>,
    /// What its organization lays over its account.
    pub guardrails: Option<Arc<AccountGuardrails>>,
}

/// The question a call asks: an action on a resource, with the condition keys of the request.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The IAM action.
    pub action: &'a str,
    /// What it is asked about.
    pub resource: &'a Resource,
    /// The condition keys of the request; those of the resource are added here, those of the principal by the engine.
    pub context: &'a Context,
    /// State time of the call in milliseconds.
    pub now_ms: i64,
}

/// The policies a question was put to, kept together with it so that it can be decided, and explained.
#[derive(Debug)]
pub struct Case<'a> {
    authority: &'a Authority,
    ask: &'a Ask<'a>,
    context: Context,
    resource_account: AccountId,
    resource_guardrails: Option<Arc<AccountGuardrails>>,
    organizations: [Option<Organization>; 2],
}

impl Authority {
    /// What decides for `caller` in the state of `tx`. `None`: the principal is gone, or was made anew under its old name.
    pub fn of(tx: &mut Tx, env: &Environment, caller: &Caller) -> Result<Option<Self>, CallError> {
        let Some(standing) = Standing::of(tx, env, caller)? else {
            return Ok(None);
        };
        let guardrails = match caller.identity {
            Identity::Service(_) | Identity::Anonymous => None,
            _ => env.guardrails.of_account(tx, &caller.account)?,
        };
        let session = match &caller.session {
            Some(session) => session_policies(tx, env, caller, session)?,
            None => Vec::new(),
        };
        let principal = principal(caller)?
            .with_user_id(caller.user_id())
            .with_tags(caller.principal_tags(&standing.tags));
        Ok(Some(Self {
            account: caller.account.clone(),
            principal,
            identity: standing.policies,
            boundary: standing.boundary,
            session,
            guardrails,
        }))
    }

    /// Puts a question, ready to be decided.
    pub fn case<'a>(
        &'a self,
        tx: &mut Tx,
        env: &Environment,
        ask: &'a Ask<'a>,
    ) -> Result<Case<'a>, CallError> {
        let resource_account = ask
            .resource
            .account
            .clone()
            .unwrap_or_else(|| self.account.clone());
        let resource_guardrails = if resource_account == self.account {
            self.guardrails.clone()
        } else {
            env.guardrails.of_account(tx, &resource_account)?
        };
        let organization = |guardrails: &Option<Arc<AccountGuardrails>>| {
            let g = guardrails.as_ref()?;
            Some(Organization::new(
                &g.organization_id,
                g.management_account.as_str(),
            ))
        };
        Ok(Case {
            organizations: [
                organization(&self.guardrails),
                organization(&resource_guardrails),
            ],
            context: with_resource_keys(ask),
            authority: self,
            ask,
            resource_account,
            resource_guardrails,
        })
    }
}

impl Case<'_> {
    /// The question as the engine takes it.
    pub fn request(&self) -> Request<'_> {
        let now_ms = self.ask.now_ms;
        let now = Timestamp {
            seconds: now_ms.div_euclid(1000),
            nanos: now_ms.rem_euclid(1000) as u32 * 1_000_000,
        };
        Request::new(
            &self.authority.principal,
            self.ask.action,
            &self.ask.resource.arn,
            &self.context,
        )
        .in_account(self.resource_account.as_str())
        .in_organizations(
            self.organizations[0].as_ref(),
            self.organizations[1].as_ref(),
        )
        .at(now)
    }

    /// The policies that decide it.
    pub fn layers(&self) -> Layers<'_> {
        Layers {
            identity: &self.authority.identity,
            boundary: self.authority.boundary.as_deref(),
            session: &self.authority.session,
            resource: self.ask.resource.policy.as_deref(),
            grants: &self.ask.resource.grants,
            scp: self.authority.guardrails.as_ref().map_or(&[], |g| &g.scps),
            rcp: self.resource_guardrails.as_ref().map_or(&[], |g| &g.rcps),
        }
    }

    /// The account that owns the resource.
    pub fn resource_account(&self) -> &AccountId {
        &self.resource_account
    }

    /// The answer.
    pub fn decide(&self) -> Decision<'_> {
        evaluate(&self.request(), &self.layers())
    }

    /// The question and its answer, as the journal keeps them.
    pub fn record(&self, decision: &Decision<'_>) -> Question {
        let values = |value: &palisade_policy::ContextValue| match value {
            palisade_policy::ContextValue::One(value) => vec![value.clone()],
            palisade_policy::ContextValue::Many(values) => values.clone(),
        };
        let deciding = decision.deciding.iter().map(|statement| Deciding {
            layer: statement.layer.as_str().to_owned(),
            policy: statement.policy.name().to_owned(),
            statement: statement.index as u32,
            sid: statement.sid().map(str::to_owned),
        });
        Question {
            action: self.ask.action.to_owned(),
            resource: self.ask.resource.arn.clone(),
            resource_account: Some(self.resource_account.clone()),
            context: self
                .ask
                .context
                .iter()
                .map(|(key, value)| (key.to_owned(), values(value)))
                .collect(),
            allowed: decision.is_allowed(),
            reason: decision.reason.to_string(),
            deciding: deciding.collect(),
        }
    }
}

/// What a principal is by itself: tags, policies, boundary.
#[derive(Default)]
struct Standing {
    tags: Vec<(String, String)>,
    policies: Vec<Arc<CompiledPolicy>>,
    boundary: Option<Arc<CompiledPolicy>>,
}

impl Standing {
    fn of(tx: &mut Tx, env: &Environment, caller: &Caller) -> Result<Option<Self>, CallError> {
        match &caller.identity {
            Identity::User(user)
            | Identity::FederatedUser {
                user: Some(user), ..
            } => {
                let found = env.identities.user(tx, &caller.account, &user.name)?;
                Ok(found
                    .filter(|found| found.user.id == user.id)
                    .map(|found| Self {
                        tags: found.tags.clone(),
                        policies: found.policies.clone(),
                        boundary: found.boundary.clone(),
                    }))
            }
            Identity::RoleSession { role, .. } => {
                let found = env.identities.role(tx, &role.account, &role.name)?;
                Ok(found
                    .filter(|found| found.role.id == role.id)
                    .map(|found| Self {
                        tags: found.tags.clone(),
                        policies: found.policies.clone(),
                        boundary: found.boundary.clone(),
                    }))
            }
            Identity::FederatedUser { user: None, .. } => Ok(Some(Self {
                policies: vec![full_access()],
                ..Self::default()
            })),
            Identity::Root | Identity::Service(_) | Identity::Anonymous => {
                Ok(Some(Self::default()))
            }
        }
    }
}

fn principal(caller: &Caller) -> Result<Principal, CallError> {
    let made = match &caller.identity {
        Identity::Root => Principal::root(&caller.arn()),
        Identity::User(_) => Principal::user(&caller.arn()),
        Identity::RoleSession { role, .. } => Principal::role_session(&caller.arn(), &role.arn()),
        Identity::FederatedUser { user, .. } => {
            let source = match user {
                Some(user) => user.arn(&caller.account),
                None => format!("arn:aws:iam::{}:root", caller.account),
            };
            Principal::federated_user(&caller.arn(), &source)
        }
        Identity::Service(name) => Ok(Principal::service(name)),
        Identity::Anonymous => Ok(Principal::anonymous()),
    };
    made.map_err(|error| {
        palisade_model::ApiError::receiver("InternalFailure", error.to_string()).into()
    })
}

/// A session's own policies. A federated user without any may do nothing (STS API Reference, GetFederationToken), so it gets one
/// that allows nothing: an absent layer would not limit it.
fn session_policies(
    tx: &mut Tx,
    env: &Environment,
    caller: &Caller,
    session: &Session,
) -> Result<Vec<Arc<CompiledPolicy>>, CallError> {
    let mut policies = session.compiled_policies();
    for arn in &session.policy_arns {
        // One that is gone allows nothing; it does not widen the session.
        policies.push(
            env.identities
                .managed_policy(tx, arn)?
                .unwrap_or_else(nothing),
        );
    }
    if policies.is_empty() && matches!(caller.identity, Identity::FederatedUser { .. }) {
        policies.push(nothing());
    }
    Ok(policies)
}

fn with_resource_keys(ask: &Ask<'_>) -> Context {
    let mut context = ask.context.clone();
    for (key, value) in &ask.resource.tags {
        context.set(&format!("aws:ResourceTag/{key}"), value.as_str());
    }
    for (key, values) in &ask.resource.context {
        match &values[..] {
            [value] => context.set(key, value.as_str()),
            _ => context.set(key, values.clone()),
        }
    }
    context
}

/// A policy that allows nothing.
pub(crate) fn nothing() -> Arc<CompiledPolicy> {
    constant(
        "nothing",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"palisade:Nothing","Resource":"arn:aws:palisade:::nothing"}}"#,
    )
}

/// A policy that allows everything: what root brings into a session it federates.
fn full_access() -> Arc<CompiledPolicy> {
    constant(
        "root",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
    )
}

fn constant(name: &str, document: &str) -> Arc<CompiledPolicy> {
    let policy = Policy::parse(document).expect("a constant policy is well-formed");
    Arc::new(CompiledPolicy::new(name, policy))
}
