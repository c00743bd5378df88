//! Key policies: the default one, what one must be, and how it decides.
//!
//! Source: KMS Developer Guide, "Key policies in AWS KMS", "Default key policy"; the model's text of PutKeyPolicy.

use std::sync::Arc;

use palisade_core::authorize::{Ask, Authority};
use palisade_core::principals::{Trusted, with_ids};
use palisade_core::{AccountId, Arn, Call, CallError, Caller, Resource};
use palisade_model::ApiError;
use palisade_policy::document::PrincipalName;
use palisade_policy::{CompiledPolicy, Context, Policy, PolicyKind};
use palisade_store::{StoreError, Tx};

use crate::api::errors;
use crate::granted;
use crate::tables::{KEYS, Key};

/// The only name of a key policy.
pub(crate) const NAME: &str = "default";

/// The most bytes a key policy may have (KMS Developer Guide, "Resource quotas").
const BYTES_MAX: usize = 32 * 1024;

/// The policy that a key gets without one: its account hands out permissions by its own policies.
pub(crate) fn default(account: &AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// The default policy, ready to decide: for what does not exist, so that those learn of it that might use it.
pub(crate) fn compiled_default(account: &AccountId) -> Arc<CompiledPolicy> {
    compile("key-policy", &default(account))
}

/// A policy that allows nobody anything.
pub(crate) fn nothing() -> Arc<CompiledPolicy> {
    compile(
        "key-policy",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"kms:Nothing","Resource":"*"}}"#,
    )
}

/// The policy of a key, compiled once for all calls until it changes. `None` if there is no such key.
pub(crate) fn of_key(
    tx: &Tx,
    account: &str,
    region: &str,
    id: &str,
) -> Result<Option<Arc<CompiledPolicy>>, StoreError> {
    let made = tx.get_cached_with(&KEYS, &(account, region, id), "policy", |key| {
        compile("key-policy", &key.policy)
    })?;
    Ok(made.map(|made| Arc::<CompiledPolicy>::clone(&made)))
}

/// Compiles a stored text. One that is no longer read denies everything: nothing may be allowed for want of a Deny that was in it.
pub(crate) fn compile(name: &str, text: &str) -> Arc<CompiledPolicy> {
    const DENY_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let policy = Policy::parse(text).or_else(|_| Policy::parse(DENY_ALL));
    Arc::new(CompiledPolicy::new(
        name,
        policy.expect("a constant policy parses"),
    ))
}

/// Takes a key policy: valid, within its size, naming principals that exist; and unless `bypass`, one that leaves the caller able to
/// put another. Tells which users and roles it names.
pub(crate) fn check(
    call: &mut Call<'_>,
    arn: &str,
    text: &str,
    bypass: bool,
) -> Result<Trusted, CallError> {
    if text.len() > BYTES_MAX {
        return Err(errors::limit_exceeded_exception(format!(
            "The key policy is larger than the limit of {BYTES_MAX} bytes."
        ))
        .into());
    }
    let policy = Policy::parse(text).map_err(|error| malformed(error.0.message))?;
    policy
        .validate(PolicyKind::Resource)
        .map_err(|error| malformed(error.0.message))?;
    let trusted = check_principals(call, &policy)?;
    if !bypass {
        check_lockout(call, arn, policy)?;
    }
    Ok(trusted)
}

fn malformed(message: impl Into<String>) -> ApiError {
    errors::malformed_policy_document_exception(message)
}

/// The principals a policy names must exist, as far as this server can know; the users and roles among them.
fn check_principals(call: &mut Call<'_>, policy: &Policy) -> Result<Trusted, CallError> {
    let mut trusted = Trusted::new();
    let named = policy
        .statements
        .iter()
        .flat_map(|statement| &statement.principal)
        .flat_map(|element| &element.list);
    for name in named {
        let PrincipalName::Aws(name) = &name.value else {
            continue;
        };
        match principal(call, name)? {
            Principal::Known(id) => trusted.push((name.clone(), id)),
            Principal::Unchecked => {}
            Principal::Missing => {
                return Err(malformed(
                    "Policy contains a statement with one or more invalid principals.",
                )
                .into());
            }
        }
    }
    trusted.sort();
    trusted.dedup();
    Ok(trusted)
}

/// The policy of a key as it stands now: ids in place of the ARNs whose principals are no more.
pub(crate) fn shown(call: &mut Call<'_>, key: &Key) -> Result<String, CallError> {
    let mut gone = Vec::new();
    for (arn, id) in &key.trusted {
        match principal(call, arn)? {
            Principal::Known(now) if now == *id => {}
            _ => gone.push((arn.as_str(), id.as_str())),
        }
    }
    if gone.is_empty() {
        return Ok(key.policy.clone());
    }
    Ok(with_ids(&key.policy, &gone))
}

/// The policy of a key for a caller who has a name that the policy means somebody else by; `None` if it means nobody else.
pub(crate) fn for_namesake(caller: &Caller, key: &Key) -> Option<Arc<CompiledPolicy>> {
    let others: Vec<_> = key
        .trusted
        .iter()
        .filter(|(arn, id)| granted::is_namesake(caller, arn, id))
        .map(|(arn, id)| (arn.as_str(), id.as_str()))
        .collect();
    (!others.is_empty()).then(|| compile("key-policy", &with_ids(&key.policy, &others)))
}

/// What is known of a principal that is named: an account, or a user or role. Sessions have free names; of another account that this
/// server has, users and roles are looked up as well.
pub(crate) enum Principal {
    /// A user or role, with its unique id.
    Known(String),
    /// An account or a session: nothing to look up.
    Unchecked,
    /// There is none of that name, or the name is none.
    Missing,
}

pub(crate) fn principal(call: &mut Call<'_>, name: &str) -> Result<Principal, CallError> {
    if AccountId::new(name).is_ok() {
        return Ok(Principal::Unchecked);
    }
    let Ok(arn) = name.parse::<Arn>() else {
        return Ok(Principal::Missing);
    };
    let Some(account) = arn.account().cloned() else {
        return Ok(Principal::Missing);
    };
    let env = call.env;
    let found = match (arn.service(), arn.resource().split_once('/')) {
        ("iam", None) if arn.resource() == "root" => return Ok(Principal::Unchecked),
        ("sts", Some(("assumed-role" | "federated-user", _))) => return Ok(Principal::Unchecked),
        ("iam", Some(("user", _))) => {
            let user = env.identities.user(call.tx, &account, arn.name())?;
            user.filter(|user| user.user.arn(&account) == name)
                .map(|user| user.user.id.clone())
        }
        ("iam", Some(("role", _))) => {
            let role = env.identities.role(call.tx, &account, arn.name())?;
            role.filter(|role| role.role.arn() == name)
                .map(|role| role.role.id.clone())
        }
        _ => None,
    };
    Ok(found.map_or(Principal::Missing, Principal::Known))
}

/// The caller must be able to put the policy again under the new one.
fn check_lockout(call: &mut Call<'_>, arn: &str, policy: Policy) -> Result<(), CallError> {
    let resource = Resource {
        policy: Some(Arc::new(CompiledPolicy::new("key-policy", policy))),
        ..Resource::named(arn)
    };
    let context = Context::from_iter([
        ("kms:CallerAccount", call.account().as_str()),
        ("kms:BypassPolicyLockoutSafetyCheck", "false"),
        ("aws:RequestedRegion", call.context.region.as_str()),
    ]);
    let caller = Arc::clone(&call.context.caller);
    let authority = Authority::of(call.tx, call.env, &caller)?;
    let Some(authority) = authority else {
        return Err(lockout().into());
    };
    let ask = Ask {
        action: "kms:PutKeyPolicy",
        resource: &resource,
        context: &context,
        now_ms: call.now_ms(),
    };
    let allowed = authority
        .case(call.tx, call.env, &ask)?
        .decide()
        .is_allowed();
    if allowed {
        Ok(())
    } else {
        Err(lockout().into())
    }
}

fn lockout() -> ApiError {
    malformed("The new key policy will not allow you to update the key policy in the future.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_is_a_valid_one() {
        let account = AccountId::new("111122223333").unwrap();
        let policy = Policy::parse(&default(&account)).unwrap();
        policy.validate(PolicyKind::Resource).unwrap();
    }
}
