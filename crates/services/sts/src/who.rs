//! Who is who: the caller, the account of an access key, the reason of a refusal.

use palisade_core::{Call, CallError, authorization_message, ids};
use palisade_model::ApiError;

use crate::api::{
    DecodeAuthorizationMessageInput, DecodeAuthorizationMessageOutput, GetAccessKeyInfoInput,
    GetAccessKeyInfoOutput, GetCallerIdentityInput, GetCallerIdentityOutput, errors,
};

/// Who calls.
pub fn get_caller_identity(
    call: &mut Call<'_>,
    _: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput, CallError> {
    let caller = &call.context.caller;
    Ok(GetCallerIdentityOutput {
        user_id: Some(caller.user_id()),
        account: Some(caller.account.to_string()),
        arn: Some(caller.arn()),
    })
}

/// The account of an access key: the one it is stored under, else the one its id carries.
pub fn get_access_key_info(
    call: &mut Call<'_>,
    input: GetAccessKeyInfoInput,
) -> Result<GetAccessKeyInfoOutput, CallError> {
    let id = &input.access_key_id;
    let stored = call.env.identities.access_key(call.tx, id)?;
    let account = stored
        .map(|key| key.account.clone())
        .or_else(|| ids::account_of_access_key(id));
    let unknown = || {
        ApiError::sender(
            "InvalidClientTokenId",
            format!("The access key ID {id} does not exist."),
        )
        .with_status(403)
    };
    Ok(GetAccessKeyInfoOutput {
        account: Some(account.ok_or_else(unknown)?.to_string()),
    })
}

/// Opens an encoded authorization message of the caller's own account.
pub fn decode_authorization_message(
    call: &mut Call<'_>,
    input: DecodeAuthorizationMessageInput,
) -> Result<DecodeAuthorizationMessageOutput, CallError> {
    // Another node may have sealed it, with a newer key than those known here.
    call.env.seal.learn(call.tx)?;
    let opened =
        authorization_message::decode(&input.encoded_message, call.account(), &*call.env.seal);
    let message = opened.map_err(|_| {
        errors::invalid_authorization_message_exception("The message cannot be decoded.")
    })?;
    Ok(DecodeAuthorizationMessageOutput {
        decoded_message: Some(message),
    })
}
