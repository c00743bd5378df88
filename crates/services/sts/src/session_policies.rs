//! Session policies: what a caller passes to have less than the principal it becomes.

use palisade_core::{AccountId, Call, CallError};
use palisade_policy::{Policy, PolicyKind};

use crate::answer::validation_error;
use crate::api::{PolicyDescriptorType, errors};

/// How many managed policies may be passed (STS API Reference, `PolicyArns`).
const POLICY_ARNS_MAX: usize = 10;

/// How long the text passed for policies may be altogether, in characters (STS API Reference, `Policy`).
const PLAIN_TEXT_CHARACTERS_MAX: usize = 2048;

/// The session policies of a new session.
#[derive(Debug, Default)]
pub struct SessionPolicies {
    /// Inline, as text.
    pub inline: Vec<String>,
    /// Managed, by ARN.
    pub arns: Vec<String>,
}

impl SessionPolicies {
    /// Checks what was passed: the inline policy's grammar, the number and size of all, and that each managed policy exists, in
    /// `account` or among AWS's own.
    pub fn check(
        call: &mut Call<'_>,
        account: &AccountId,
        policy: Option<String>,
        arns: Option<Vec<PolicyDescriptorType>>,
    ) -> Result<Self, CallError> {
        let arns = named(arns.unwrap_or_default())?;
        check_size(policy.as_deref(), &arns)?;
        if let Some(text) = &policy {
            let malformed = |error: palisade_policy::PolicyError| {
                errors::malformed_policy_document_exception(error.0.message)
            };
            Policy::parse(text)
                .and_then(|policy| policy.validate(PolicyKind::Identity))
                .map_err(malformed)?;
        }
        for arn in &arns {
            let found =
                is_of(arn, account) && call.env.identities.managed_policy(call.tx, arn)?.is_some();
            if !found {
                return Err(validation_error(format!(
                    "PolicyArn {arn} does not exist or is not attachable."
                ))
                .into());
            }
        }
        Ok(Self {
            inline: policy.into_iter().collect(),
            arns,
        })
    }
}

fn named(arns: Vec<PolicyDescriptorType>) -> Result<Vec<String>, CallError> {
    if arns.len() > POLICY_ARNS_MAX {
        return Err(validation_error(format!(
            "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or \
             equal to {POLICY_ARNS_MAX}"
        ))
        .into());
    }
    let missing = || {
        validation_error(
            "1 validation error detected: Value null at 'policyArns.member.arn' failed to satisfy constraint: Member must not be null",
        )
    };
    arns.into_iter()
        .map(|descriptor| descriptor.arn.ok_or_else(|| missing().into()))
        .collect()
}

fn check_size(policy: Option<&str>, arns: &[String]) -> Result<(), CallError> {
    let texts = arns.iter().map(String::as_str).chain(policy);
    let characters: usize = texts.map(|text| text.chars().count()).sum();
    if characters > PLAIN_TEXT_CHARACTERS_MAX {
        return Err(validation_error(format!(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal \
             to {PLAIN_TEXT_CHARACTERS_MAX}"
        ))
        .into());
    }
    Ok(())
}

/// Whether a managed policy belongs to `account` or is one of AWS's.
fn is_of(arn: &str, account: &AccountId) -> bool {
    let owner = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":policy/"));
    owner.is_some_and(|(owner, _)| owner == "aws" || owner == account.as_str())
}
