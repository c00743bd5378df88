//! AssumeRole, once the trust policy and the caller's own policies have allowed it.

use std::sync::Arc;

use palisade_core::{Call, CallError, Identity, NewSession, RoleIdentity};
use palisade_model::ApiError;

use crate::answer::{self, access_denied, validation_error};
use crate::api::{AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser, errors};
use crate::role_arn::RoleArn;
use crate::session_policies::SessionPolicies;
use crate::session_tags::SessionTags;

/// How long a session lasts unless asked otherwise, and at most in a chain, in seconds.
const HOUR: i64 = 3600;

/// Hands out credentials of a role.
pub fn assume_role(
    call: &mut Call<'_>,
    input: AssumeRoleInput,
) -> Result<AssumeRoleOutput, CallError> {
    answer::check_no_second_factor(input.serial_number.as_deref(), input.token_code.as_deref())?;
    if input.provided_contexts.is_some() {
        return Err(errors::invalid_context_assertion_exception(
            "No trusted context provider issued the context assertion.",
        )
        .into());
    }
    let found = find(call, &input.role_arn)?;
    let role = &found.role;
    let chained = answer::is_temporary(&call.context.caller);
    let duration = duration(input.duration_seconds, found.max_session_seconds, chained)?;
    let policies = SessionPolicies::check(call, &role.account, input.policy, input.policy_arns)?;
    let tags = SessionTags::merge(
        call.context.caller.session.as_deref(),
        &input.tags.unwrap_or_default(),
        &input.transitive_tag_keys.unwrap_or_default(),
    )?;
    let source_identity = source_identity(call, input.source_identity)?;
    let session = NewSession {
        account: role.account.clone(),
        identity: Identity::RoleSession {
            role: role.clone(),
            session_name: input.role_session_name.clone(),
        },
        issued_ms: call.now_ms(),
        duration_seconds: duration,
        policies: policies.inline,
        policy_arns: policies.arns,
        tags: tags.tags,
        transitive_tag_keys: tags.transitive,
        source_identity: source_identity.clone(),
        issued_by: call.context.request_id,
        chained,
        restricted: false,
        branch: call.context.branch.clone(),
    };
    let issued = answer::issue(call, session, input.minimum_session_token_size)?;
    let user = AssumedRoleUser {
        assumed_role_id: format!("{}:{}", role.id, input.role_session_name),
        arn: format!(
            "arn:aws:sts::{}:assumed-role/{}/{}",
            role.account, role.name, input.role_session_name
        ),
    };
    // What LookupEvents finds the call by: the session under each of its names, and the role.
    for name in [&user.arn, &user.assumed_role_id, &input.role_session_name] {
        call.touched("AWS::STS::AssumedRole", name, "");
    }
    call.touched("AWS::IAM::Role", &role.arn(), &role.arn());
    Ok(AssumeRoleOutput {
        credentials: Some(issued.credentials),
        assumed_role_user: Some(user),
        packed_policy_size: issued.packed_policy_size,
        source_identity,
        session_token_utilization: Some(issued.token_utilization),
        session_token_size: Some(issued.token_size),
    })
}

/// The role of that very ARN. Its trust policy has allowed the call, so it exists, unless it went since the question was asked.
fn find(call: &mut Call<'_>, role_arn: &str) -> Result<Arc<RoleIdentity>, CallError> {
    let found = match RoleArn::parse(role_arn) {
        Some(arn) => call.env.identities.role(call.tx, &arn.account, &arn.name)?,
        None => return Err(validation_error(format!("{role_arn} is invalid")).into()),
    };
    found.filter(|found| found.role.arn() == role_arn).ok_or_else(|| {
        let caller = call.context.caller.arn();
        access_denied(format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")).into()
    })
}

fn duration(asked: Option<i32>, role_max: i64, chained: bool) -> Result<i64, ApiError> {
    let duration = asked.map_or(HOUR, i64::from);
    if chained && duration > HOUR {
        return Err(validation_error(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if duration > role_max {
        return Err(validation_error(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(duration)
}

/// The source identity: whoever set it first in a chain set it for all of it.
fn source_identity(call: &Call<'_>, asked: Option<String>) -> Result<Option<String>, ApiError> {
    let inherited = call
        .context
        .caller
        .session
        .as_ref()
        .and_then(|session| session.source_identity.clone());
    match (inherited, asked) {
        (Some(inherited), Some(asked)) if inherited != asked => Err(access_denied(format!(
            "The source identity of the session is {inherited} and cannot be changed."
        ))),
        (inherited, asked) => Ok(inherited.or(asked)),
    }
}
