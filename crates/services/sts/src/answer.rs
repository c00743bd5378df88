//! What the operations that hand out credentials have in common.

use palisade_core::{Call, Caller, Credentials, Identity, NewSession, TOKEN_LENGTH_MAX};
use palisade_model::{ApiError, Timestamp};

use crate::api::{self, errors};

/// The longest token a caller may ask STS to pad to, in characters (STS API Reference, `MinimumSessionTokenSize`).
const PADDING_MAX: i32 = 4096;

/// New credentials with the measures that every such answer gives.
pub struct Issued {
    /// The credentials.
    pub credentials: api::Credentials,
    /// How much of the room for session policies and tags is used; `None` where there are none of either.
    pub packed_policy_size: Option<i32>,
    /// How much of the longest token is used, in percent.
    pub token_utilization: i32,
    /// The token's length in characters.
    pub token_size: i32,
}

/// Makes the session's credentials, unless its policies and tags are too large. The token is padded to `length_min` characters.
pub fn issue(
    call: &mut Call<'_>,
    session: NewSession,
    length_min: Option<i32>,
) -> Result<Issued, ApiError> {
    let packed = session.packed_policy_size_percent();
    if packed > 100 {
        return Err(too_large(&session, packed));
    }
    let length_min = usize::try_from(length_min.unwrap_or(0).min(PADDING_MAX)).unwrap_or(0);
    let credentials = session.issue_padded(&*call.env.seal, call.random, length_min);
    let token_size = credentials.session_token.len();
    if token_size > TOKEN_LENGTH_MAX {
        let message = format!(
            "Serialized token too large for session: {token_size} bytes of at most {TOKEN_LENGTH_MAX}."
        );
        return Err(errors::packed_policy_too_large_exception(message));
    }
    call.touched("AWS::IAM::AccessKey", &credentials.access_key_id, "");
    Ok(Issued {
        packed_policy_size: (packed > 0).then_some(packed as i32),
        token_utilization: (token_size * 100).div_ceil(TOKEN_LENGTH_MAX) as i32,
        token_size: token_size as i32,
        credentials: given_out(credentials)?,
    })
}

/// Whether the caller's credentials are temporary themselves: a role's, a federated user's, or of GetSessionToken. Credentials that
/// only stand in for a caller's long-term ones on a branch are not.
pub fn is_temporary(caller: &Caller) -> bool {
    let by_kind = matches!(
        caller.identity,
        Identity::RoleSession { .. } | Identity::FederatedUser { .. }
    );
    by_kind
        || caller
            .session
            .as_ref()
            .is_some_and(|session| session.restricted)
}

/// Refuses a second factor: no user has one yet, so none can be the caller's. In AWS's words for a device that is not.
pub fn check_no_second_factor(
    serial_number: Option<&str>,
    token_code: Option<&str>,
) -> Result<(), ApiError> {
    let message = match (serial_number, token_code) {
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => {
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and \
             associated with this user."
        }
        _ => {
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
        }
    };
    Err(access_denied(message))
}

/// A refusal that is not a policy's.
pub fn access_denied(message: impl Into<String>) -> ApiError {
    ApiError::sender("AccessDenied", message).with_status(403)
}

/// An input that no constraint of the model catches.
pub fn validation_error(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", message).with_status(400)
}

fn given_out(credentials: Credentials) -> Result<api::Credentials, ApiError> {
    let expiration = Timestamp::from_millis(credentials.expires_ms);
    Ok(api::Credentials {
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose().to_owned(),
        session_token: credentials.session_token,
        expiration: expiration.ok_or_else(|| {
            ApiError::receiver("InternalFailure", "the clock is beyond what can be written")
        })?,
    })
}

fn too_large(session: &NewSession, percent: usize) -> ApiError {
    let has_policies = !session.policies.is_empty() || !session.policy_arns.is_empty();
    let message = if has_policies {
        format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.")
    } else {
        format!("Packed size of session tags consumes {percent}% of allotted space.")
    };
    errors::packed_policy_too_large_exception(message)
}
