//! How a grant enters the decision: as a policy of its own beside the key policy, named by the grant's id, so that `explain` says
//! which grant allowed, and which one nearly did.
//!
//! Source: KMS Developer Guide, "Grants in AWS KMS"; the model's text of GrantConstraints and CreateGrant.

use std::sync::Arc;

use palisade_core::{Call, CallError, Caller, Identity};
use palisade_policy::{CompiledPolicy, Effect};
use serde_json::{Map, Value as Json, json};

use crate::grants::{granting, naming};
use crate::keys::Found;
use crate::policy::compile;
use crate::tables::{ContextConstraint, GRANTS, Grant, Party};

/// Every operation that a grant can be of (`GrantOperation` of the model), and whether it takes an encryption context.
pub(crate) const OPERATIONS: &[(&str, bool)] = &[
    ("CreateGrant", false),
    ("Decapsulate", false),
    ("Decrypt", true),
    ("DeriveSharedSecret", false),
    ("DescribeKey", false),
    ("Encapsulate", false),
    ("Encrypt", true),
    ("GenerateDataKey", true),
    ("GenerateDataKeyPair", true),
    ("GenerateDataKeyPairWithoutPlaintext", true),
    ("GenerateDataKeyWithoutPlaintext", true),
    ("GenerateMac", false),
    ("GetPublicKey", false),
    ("ReEncryptFrom", true),
    ("ReEncryptTo", true),
    ("RetireGrant", false),
    ("Sign", false),
    ("Verify", false),
    ("VerifyMac", false),
];

/// How many grants of one key explain and replay look at.
const LOOKED_AT_MAX: usize = 1000;

/// The grants on a key that may allow the caller an operation of [`OPERATIONS`] with an encryption context.
pub(crate) fn to_caller(
    call: &Call<'_>,
    key: &Found,
    operation: &str,
    context: &[(String, String)],
) -> Result<Vec<Arc<CompiledPolicy>>, CallError> {
    let mut grants = Vec::new();
    for id in granting(call, key, operation, context)? {
        grants.extend(policy_of(call, key, &id, Some(&call.context.caller))?);
    }
    Ok(grants)
}

/// The grants on a key that name the caller, whatever they allow.
pub(crate) fn all_to_caller(
    call: &Call<'_>,
    key: &Found,
) -> Result<Vec<Arc<CompiledPolicy>>, CallError> {
    let mut grants = Vec::new();
    for id in naming(call, key)? {
        grants.extend(policy_of(call, key, &id, Some(&call.context.caller))?);
    }
    Ok(grants)
}

/// Whether an operation takes an encryption context.
pub(crate) fn takes_context(operation: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|(name, takes)| *name == operation && *takes)
}

/// The grants on a key, whoever they name.
pub(crate) fn to_all(call: &Call<'_>, key: &Found) -> Result<Vec<Arc<CompiledPolicy>>, CallError> {
    let prefix = (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let mut grants = Vec::new();
    for ((_, _, _, id), _) in call.tx.range(&GRANTS, &prefix, None, LOOKED_AT_MAX)? {
        grants.extend(policy_of(call, key, &id, None)?);
    }
    Ok(grants)
}

/// A grant as a policy; `None` where it names a principal that was made anew since.
pub(crate) fn policy_of(
    call: &Call<'_>,
    key: &Found,
    id: &str,
    caller: Option<&Caller>,
) -> Result<Option<Arc<CompiledPolicy>>, CallError> {
    let place = (
        key.account.as_str(),
        key.region.as_str(),
        key.id.as_str(),
        id,
    );
    let Some(grant) = call.tx.get_cached(&GRANTS, &place)? else {
        return Ok(None);
    };
    if caller.is_some_and(|caller| !is(caller, &grant.grantee)) {
        return Ok(None);
    }
    let made = call
        .tx
        .get_cached_with(&GRANTS, &place, "policy", |grant| {
            compile(&format!("grant:{id}"), &document(grant))
        })?;
    Ok(made.map(|made| Arc::<CompiledPolicy>::clone(&made)))
}

/// The ARNs a grant may name a caller by: its own, its role's or federating user's, its account's.
pub(crate) fn names_of(caller: &Caller) -> Vec<String> {
    let account = format!("arn:aws:iam::{}:root", caller.account);
    let own = caller.arn();
    let mut names = match &caller.identity {
        Identity::RoleSession { role, .. } => vec![own, role.arn()],
        Identity::FederatedUser {
            user: Some(user), ..
        } => vec![own, user.arn(&caller.account)],
        _ => vec![own],
    };
    let has_account = !matches!(
        caller.identity,
        Identity::Root | Identity::Service(_) | Identity::Anonymous
    );
    names.extend(has_account.then_some(account));
    names
}

/// Whether the caller is whom a grant names, or one of its sessions.
pub(crate) fn is(caller: &Caller, party: &Party) -> bool {
    let Party::Principal { arn, id } = party else {
        return matches!(&caller.identity, Identity::Service(name) if name == party.name());
    };
    if !names_of(caller).contains(arn) {
        return false;
    }
    // A name without an id is an account's or a session's.
    id.as_ref().is_none_or(|id| own_id(caller) == Some(id))
}

/// Whether the caller goes by the name of a principal that has another unique id.
pub(crate) fn is_namesake(caller: &Caller, arn: &str, id: &str) -> bool {
    let has_name = names_of(caller).iter().any(|name| name == arn);
    has_name && own_id(caller).is_none_or(|own| own != id)
}

/// The unique id of the caller's user or role.
pub(crate) fn own_id(caller: &Caller) -> Option<&String> {
    match &caller.identity {
        Identity::User(user)
        | Identity::FederatedUser {
            user: Some(user), ..
        } => Some(&user.id),
        Identity::RoleSession { role, .. } => Some(&role.id),
        _ => None,
    }
}

/// Who may retire a grant besides a grantee that has the operation: its retiring principal, and whomever the account that made it
/// lets. The account hands it on by its own policies (KMS Developer Guide, "Retiring and revoking grants").
pub(crate) fn retiring(call: &Call<'_>, id: &str, grant: &Grant) -> Arc<CompiledPolicy> {
    let allow = |principal: Json| json!({"Effect": "Allow", "Principal": principal, "Action": "kms:RetireGrant", "Resource": "*"});
    let issuer = format!("arn:aws:iam::{}:root", grant.issuer);
    let mut statements = vec![allow(json!({"AWS": issuer}))];
    if let Some(retirer) = &grant.retirer
        && is(&call.context.caller, retirer)
    {
        // Its unique id has been compared too, so the statement need not say who it is, unless that is an account.
        let is_account = retirer.name().ends_with(":root");
        statements.push(allow(if is_account {
            json!({"AWS": retirer.name()})
        } else {
            json!("*")
        }));
    }
    let text = json!({"Version": "2008-10-17", "Statement": statements}).to_string();
    compile(&format!("grant:{id}"), &text)
}

/// What a policy denies, and nothing of what it allows.
pub(crate) fn denials_of(policy: &CompiledPolicy) -> Arc<CompiledPolicy> {
    let mut source = policy.source().clone();
    source
        .statements
        .retain(|statement| statement.effect == Effect::Deny);
    Arc::new(CompiledPolicy::new(policy.name(), source))
}

/// The grant in the policy language. Its version has no variables, so a value is what it reads.
fn document(grant: &Grant) -> String {
    let principal = match &grant.grantee {
        Party::Principal { arn, .. } => json!({ "AWS": arn }),
        Party::Service(name) => json!({ "Service": name }),
    };
    let actions = |operations: Vec<&String>| -> Vec<String> {
        operations
            .iter()
            .map(|operation| format!("kms:{operation}"))
            .collect()
    };
    let (with, without): (Vec<_>, Vec<_>) = grant
        .operations
        .iter()
        .partition(|operation| takes_context(operation));
    let (creating, without): (Vec<_>, Vec<_>) = without
        .into_iter()
        .partition(|operation| *operation == "CreateGrant");
    let mut statements = Vec::new();
    let mut allow = |actions: Vec<String>, condition: Map<String, Json>| {
        if actions.is_empty() {
            return;
        }
        let mut statement =
            json!({"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"});
        if !condition.is_empty() {
            statement["Condition"] = Json::Object(condition);
        }
        statements.push(statement);
    };
    allow(actions(with), constrained(grant));
    allow(actions(without), from_source(grant));
    allow(actions(creating), narrower(grant));
    json!({"Version": "2008-10-17", "Statement": statements}).to_string()
}

fn add(condition: &mut Map<String, Json>, operator: &str, key: &str, value: Json) {
    let entries = condition
        .entry(operator)
        .or_insert_with(|| Json::Object(Map::new()));
    entries[key] = value;
}

fn from_source(grant: &Grant) -> Map<String, Json> {
    let mut condition = Map::new();
    if let Some(arn) = &grant.constraints.source_arn {
        add(&mut condition, "StringEquals", "aws:SourceArn", json!(arn));
    }
    condition
}

/// What a grant asks of the encryption context: keys in any case, values as they are. Without a set operator a key that is missing,
/// empty, or there in two spellings is not equal to anything.
fn constrained(grant: &Grant) -> Map<String, Json> {
    let mut condition = from_source(grant);
    let (pairs, all) = match &grant.constraints.context {
        Some(ContextConstraint::Equals(pairs)) => (pairs, true),
        Some(ContextConstraint::Subset(pairs)) => (pairs, false),
        None => return condition,
    };
    for (key, value) in pairs {
        let key = format!("kms:EncryptionContext:{key}");
        add(&mut condition, "StringEquals", &key, json!(value));
    }
    if all {
        let keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
        let operator = "ForAllValues:StringEqualsIgnoreCase";
        add(
            &mut condition,
            operator,
            "kms:EncryptionContextKeys",
            json!(keys),
        );
    }
    condition
}

/// A grant made by a grant's permission allows no more than that one: the same operations or fewer, the same constraints or
/// stricter ones. The keys of the encryption context are then those of the new grant's constraint.
fn narrower(grant: &Grant) -> Map<String, Json> {
    let mut condition = constrained(grant);
    let operator = "ForAllValues:StringEquals";
    add(
        &mut condition,
        operator,
        "kms:GrantOperations",
        json!(grant.operations),
    );
    add(
        &mut condition,
        "Null",
        "kms:GrantOperations",
        json!("false"),
    );
    if matches!(
        grant.constraints.context,
        Some(ContextConstraint::Equals(_))
    ) {
        let key = "kms:GrantConstraintType";
        add(
            &mut condition,
            "StringEquals",
            key,
            json!("EncryptionContextEquals"),
        );
    }
    if let Some(arn) = &grant.constraints.source_arn {
        let key = "kms:GrantConstraintSourceArn";
        add(&mut condition, "StringEquals", key, json!(arn));
    }
    condition
}

#[cfg(test)]
mod tests {
    use palisade_policy::{Context, Layers, Policy, PolicyKind, Principal, Request, evaluate};

    use super::*;
    use crate::tables::Constraints;

    const BOB: &str = "arn:aws:iam::111122223333:user/bob";
    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn grant(operations: &[&str], context: Option<ContextConstraint>) -> Grant {
        Grant {
            name: None,
            created_ms: 0,
            issuer: palisade_core::AccountId::new("111122223333").unwrap(),
            grantee: Party::Principal {
                arn: BOB.into(),
                id: None,
            },
            retirer: None,
            operations: operations.iter().map(|name| (*name).to_owned()).collect(),
            constraints: Constraints {
                context,
                source_arn: None,
            },
        }
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn allows(grant: &Grant, action: &str, context: &[(&str, &[&str])]) -> bool {
        let text = document(grant);
        Policy::parse(&text)
            .unwrap()
            .validate(PolicyKind::Resource)
            .unwrap();
        let grants = [compile("grant:1", &text)];
        let bob = Principal::user(BOB).unwrap();
        let mut all = Context::new();
        for (key, values) in context {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            all.set(key, values);
        }
        let layers = Layers {
            grants: &grants,
            ..Layers::default()
        };
        evaluate(&Request::new(&bob, action, KEY, &all), &layers).is_allowed()
    }

    const APP: &str = "kms:EncryptionContext:app";
    const KEYS: &str = "kms:EncryptionContextKeys";

    #[test]
    fn a_grant_allows_its_operations_and_no_other() {
        let plain = grant(&["Decrypt", "DescribeKey"], None);
        assert!(allows(&plain, "kms:Decrypt", &[]));
        assert!(allows(&plain, "kms:DescribeKey", &[]));
        assert!(!allows(&plain, "kms:Encrypt", &[]));
        assert!(!allows(&plain, "kms:CreateGrant", &[]));
    }

    #[test]
    fn equals_wants_the_whole_context_and_subset_a_part_of_it() {
        let web = pairs(&[("App", "web")]);
        let equals = grant(&["Decrypt"], Some(ContextConstraint::Equals(web.clone())));
        let subset = grant(&["Decrypt"], Some(ContextConstraint::Subset(web)));
        let exact: &[(&str, &[&str])] = &[(APP, &["web"]), (KEYS, &["app"])];
        let more: &[(&str, &[&str])] = &[
            (APP, &["web"]),
            ("kms:EncryptionContext:env", &["prod"]),
            (KEYS, &["app", "env"]),
        ];
        assert!(allows(&equals, "kms:Decrypt", exact) && allows(&subset, "kms:Decrypt", exact));
        assert!(!allows(&equals, "kms:Decrypt", more) && allows(&subset, "kms:Decrypt", more));
        for other in [
            &[][..],
            &[(APP, &["Web"][..]), (KEYS, &["app"])],
            &[(APP, &[""][..]), (KEYS, &["app"])],
            &[(APP, &["web", "x"]), (KEYS, &["app", "App"])],
        ] {
            assert!(!allows(&equals, "kms:Decrypt", other), "{other:?}");
            assert!(!allows(&subset, "kms:Decrypt", other), "{other:?}");
        }
    }

    #[test]
    fn what_a_context_constraint_cannot_speak_of_is_allowed_without_one() {
        let web = Some(ContextConstraint::Equals(pairs(&[("app", "web")])));
        let both = grant(&["Decrypt", "DescribeKey", "RetireGrant"], web);
        assert!(allows(&both, "kms:DescribeKey", &[]));
        assert!(allows(&both, "kms:RetireGrant", &[]));
        assert!(!allows(&both, "kms:Decrypt", &[]));
    }

    #[test]
    fn a_value_is_literal() {
        let star = Some(ContextConstraint::Subset(pairs(&[(
            "app",
            "${aws:userid}*",
        )])));
        let grant = grant(&["Decrypt"], star);
        assert!(!allows(
            &grant,
            "kms:Decrypt",
            &[(APP, &["web"]), (KEYS, &["app"])]
        ));
        let same: &[(&str, &[&str])] = &[(APP, &["${aws:userid}*"]), (KEYS, &["app"])];
        assert!(allows(&grant, "kms:Decrypt", same));
    }

    #[test]
    fn a_grant_makes_narrower_grants_only() {
        let web = Some(ContextConstraint::Subset(pairs(&[("app", "web")])));
        let parent = grant(&["CreateGrant", "Decrypt"], web);
        let make = |operations: &[&str], context: &[(&str, &[&str])]| {
            let mut all = vec![("kms:GrantOperations", operations)];
            all.extend_from_slice(context);
            allows(&parent, "kms:CreateGrant", &all)
        };
        let same: &[(&str, &[&str])] = &[
            (APP, &["web"]),
            (KEYS, &["app"]),
            ("kms:GrantConstraintType", &["EncryptionContextEquals"]),
        ];
        assert!(make(&["Decrypt"], same));
        assert!(make(&["CreateGrant", "Decrypt"], same));
        assert!(!make(&["Decrypt", "Encrypt"], same));
        assert!(!make(&["Decrypt"], &[]));
        assert!(!make(&["Decrypt"], &[(APP, &["api"]), (KEYS, &["app"])]));
    }
}
