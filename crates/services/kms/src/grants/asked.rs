//! What CreateGrant asks for, read and checked.
//!
//! Source: KMS Developer Guide, "Creating grants", "Grant operations"; the model's text.

use palisade_core::{Call, CallError};
use palisade_model::{ApiError, OrderedMap};

use crate::api::{CreateGrantInput, GrantConstraints, errors};
use crate::encryption::check_spellings;
use crate::granted::takes_context;
use crate::keys::Found;
use crate::names::invalid;
use crate::policy::{Principal, principal};
use crate::tables::{Constraints, ContextConstraint, Grant, Party};

/// The most pairs and characters of a context constraint (KMS Developer Guide, "Creating grants").
const CONTEXT_PAIRS_MAX: usize = 8;
const CONTEXT_CHARACTERS_MAX: usize = 384;

/// The grant that a request asks for on a key.
pub(super) fn grant(
    call: &mut Call<'_>,
    key: &Found,
    input: CreateGrantInput,
) -> Result<Grant, CallError> {
    let grantee = party(
        call,
        "Grantee",
        input.grantee_principal.as_deref(),
        input.grantee_service_principal.as_deref(),
    )?;
    let Some(grantee) = grantee else {
        return Err(invalid(
            "You must specify either GranteePrincipal or GranteeServicePrincipal.",
        )
        .into());
    };
    let retirer = party(
        call,
        "Retiring",
        input.retiring_principal.as_deref(),
        input.retiring_service_principal.as_deref(),
    )?;
    let operations = operations(key, input.operations)?;
    let constraints = constraints(key, &operations, input.constraints)?;
    if matches!(grantee, Party::Service(_))
        && (constraints.source_arn.is_none() || retirer.is_none())
    {
        let message = "A grant with a GranteeServicePrincipal needs a SourceArn constraint and a retiring principal.";
        return Err(invalid(message).into());
    }
    Ok(Grant {
        name: input.name,
        created_ms: call.now_ms(),
        issuer: call.account().clone(),
        grantee,
        retirer,
        operations,
        constraints,
    })
}

/// An account's number stands for its root.
pub(super) fn as_arn(name: &str) -> String {
    if palisade_core::AccountId::new(name).is_ok() {
        format!("arn:aws:iam::{name}:root")
    } else {
        name.to_owned()
    }
}

/// The principal a request names, as it is kept.
fn party(
    call: &mut Call<'_>,
    role: &str,
    named: Option<&str>,
    service: Option<&str>,
) -> Result<Option<Party>, CallError> {
    match (named, service) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(invalid(format!(
            "You can specify either {role}Principal or {role}ServicePrincipal, but not both."
        ))
        .into()),
        (None, Some(service)) => Ok(Some(Party::Service(service.to_owned()))),
        (Some(name), None) => {
            let arn = as_arn(name);
            let id = match principal(call, &arn)? {
                Principal::Known(id) => Some(id),
                Principal::Unchecked => None,
                Principal::Missing => {
                    let message = format!("ARN does not refer to a valid principal: {name}");
                    return Err(errors::invalid_arn_exception(message).into());
                }
            };
            Ok(Some(Party::Principal { arn, id }))
        }
    }
}

/// Operations that a key of this kind and use has.
fn operations(key: &Found, asked: Vec<String>) -> Result<Vec<String>, ApiError> {
    if asked.is_empty() {
        return Err(invalid("A grant needs at least one operation."));
    }
    let mut operations: Vec<String> = Vec::new();
    for operation in asked {
        if !key_has(key, &operation) {
            return Err(invalid(format!(
                "Operation {operation} is not valid for a key with KeySpec {} and KeyUsage {}.",
                key.spec, key.usage
            )));
        }
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    Ok(operations)
}

/// Source: KMS Developer Guide, "Grant operations".
fn key_has(key: &Found, operation: &str) -> bool {
    use palisade_keyring::spec::KeyUsage as Usage;
    match operation {
        "CreateGrant" | "RetireGrant" | "DescribeKey" => true,
        "GetPublicKey" => key.spec.is_asymmetric(),
        "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo" => {
            key.usage == Usage::EncryptDecrypt
        }
        "GenerateDataKey"
        | "GenerateDataKeyWithoutPlaintext"
        | "GenerateDataKeyPair"
        | "GenerateDataKeyPairWithoutPlaintext" => key.is_symmetric_encryption(),
        "Sign" | "Verify" => key.usage == Usage::SignVerify,
        "GenerateMac" | "VerifyMac" => key.usage == Usage::GenerateVerifyMac,
        "DeriveSharedSecret" => key.usage == Usage::KeyAgreement,
        "Encapsulate" | "Decapsulate" => key.usage == Usage::EncapsulateDecapsulate,
        _ => false,
    }
}

fn constraints(
    key: &Found,
    operations: &[String],
    given: Option<GrantConstraints>,
) -> Result<Constraints, ApiError> {
    let Some(given) = given else {
        return Ok(Constraints::default());
    };
    // An empty one is none: Terraform sends both.
    let some = |pairs: Option<OrderedMap<String>>| pairs.filter(|pairs| !pairs.0.is_empty());
    let context = match (
        some(given.encryption_context_equals),
        some(given.encryption_context_subset),
    ) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            let message =
                "A grant constraint has either EncryptionContextEquals or EncryptionContextSubset.";
            return Err(invalid(message));
        }
        (Some(pairs), None) => Some(ContextConstraint::Equals(pairs.0)),
        (None, Some(pairs)) => Some(ContextConstraint::Subset(pairs.0)),
    };
    if let Some(ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs)) = &context {
        let characters: usize = pairs
            .iter()
            .map(|(key, value)| key.chars().count() + value.chars().count())
            .sum();
        if pairs.is_empty()
            || pairs.len() > CONTEXT_PAIRS_MAX
            || characters > CONTEXT_CHARACTERS_MAX
        {
            return Err(invalid(format!(
                "An encryption context constraint has 1 to {CONTEXT_PAIRS_MAX} pairs of at most {CONTEXT_CHARACTERS_MAX} characters together."
            )));
        }
        check_spellings(pairs)?;
        let speaks = operations.iter().any(|operation| takes_context(operation));
        if !key.is_symmetric_encryption() || !speaks {
            return Err(invalid(
                "An encryption context constraint needs an operation that takes an encryption context.",
            ));
        }
    }
    Ok(Constraints {
        context,
        source_arn: given.source_arn,
    })
}
