//! GetSessionToken and GetFederationToken: sessions of a user or of root, for itself or for somebody it vouches for.

use palisade_core::{Call, CallError, Identity, NewSession};
use palisade_model::ApiError;

use crate::answer::{self, access_denied};
use crate::api::{
    FederatedUser, GetFederationTokenInput, GetFederationTokenOutput, GetSessionTokenInput,
    GetSessionTokenOutput,
};
use crate::session_policies::SessionPolicies;
use crate::session_tags::SessionTags;

/// How long a session lasts unless asked otherwise, in seconds.
const HALF_A_DAY: i32 = 43_200;

/// How long a session of root lasts at most, whatever is asked, in seconds.
const ROOT_MAX: i32 = 3600;

/// Hands out temporary credentials of the caller itself.
pub fn get_session_token(
    call: &mut Call<'_>,
    input: GetSessionTokenInput,
) -> Result<GetSessionTokenOutput, CallError> {
    check_long_term(call, "GetSessionToken")?;
    answer::check_no_second_factor(input.serial_number.as_deref(), input.token_code.as_deref())?;
    let caller = &call.context.caller;
    let session = NewSession {
        account: caller.account.clone(),
        identity: caller.identity.clone(),
        issued_ms: call.now_ms(),
        duration_seconds: duration(&caller.identity, input.duration_seconds),
        policies: Vec::new(),
        policy_arns: Vec::new(),
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        issued_by: call.context.request_id,
        chained: false,
        restricted: true,
        branch: call.context.branch.clone(),
    };
    let issued = answer::issue(call, session, input.minimum_session_token_size)?;
    Ok(GetSessionTokenOutput {
        credentials: Some(issued.credentials),
        session_token_utilization: Some(issued.token_utilization),
        session_token_size: Some(issued.token_size),
    })
}

/// Hands out credentials of a federated user: what the session policies leave of the caller's own permissions.
pub fn get_federation_token(
    call: &mut Call<'_>,
    input: GetFederationTokenInput,
) -> Result<GetFederationTokenOutput, CallError> {
    check_long_term(call, "GetFederationToken")?;
    let caller = call.context.caller.clone();
    let user = match &caller.identity {
        Identity::User(user) => Some(user.clone()),
        _ => None,
    };
    let policies = SessionPolicies::check(call, &caller.account, input.policy, input.policy_arns)?;
    // A federated user cannot assume a role, so nothing is ever handed on.
    let tags = SessionTags::merge(None, &input.tags.unwrap_or_default(), &[])?;
    let session = NewSession {
        account: caller.account.clone(),
        identity: Identity::FederatedUser {
            name: input.name.clone(),
            user,
        },
        issued_ms: call.now_ms(),
        duration_seconds: duration(&caller.identity, input.duration_seconds),
        policies: policies.inline,
        policy_arns: policies.arns,
        tags: tags.tags,
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        issued_by: call.context.request_id,
        chained: false,
        restricted: false,
        branch: call.context.branch.clone(),
    };
    let issued = answer::issue(call, session, input.minimum_session_token_size)?;
    let federated = FederatedUser {
        federated_user_id: format!("{}:{}", caller.account, input.name),
        arn: format!(
            "arn:aws:sts::{}:federated-user/{}",
            caller.account, input.name
        ),
    };
    for name in [&federated.arn, &federated.federated_user_id, &input.name] {
        call.touched("AWS::STS::FederatedUser", name, "");
    }
    Ok(GetFederationTokenOutput {
        credentials: Some(issued.credentials),
        federated_user: Some(federated),
        packed_policy_size: issued.packed_policy_size,
        session_token_utilization: Some(issued.token_utilization),
        session_token_size: Some(issued.token_size),
    })
}

/// Both are for long-term credentials of a user or of root only.
fn check_long_term(call: &Call<'_>, operation: &str) -> Result<(), ApiError> {
    let caller = &call.context.caller;
    let is_own = matches!(caller.identity, Identity::User(_) | Identity::Root);
    if answer::is_temporary(caller) || !is_own {
        return Err(access_denied(format!(
            "Cannot call {operation} with session credentials"
        )));
    }
    Ok(())
}

fn duration(identity: &Identity, asked: Option<i32>) -> i64 {
    let duration = asked.unwrap_or(HALF_A_DAY);
    i64::from(if *identity == Identity::Root {
        duration.min(ROOT_MAX)
    } else {
        duration
    })
}
