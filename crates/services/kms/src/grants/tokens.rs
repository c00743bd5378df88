//! Grant tokens: sealed, so that nobody makes one up.

use palisade_core::{Call, Sealed};
use palisade_model::ApiError;
use serde::{Deserialize, Serialize};

use crate::api::errors;
use crate::keys::Found;

const PURPOSE: &str = "kms-grant-token";

/// What a grant token stands for.
#[derive(Serialize, Deserialize)]
pub(super) struct Token {
    pub account: String,
    pub region: String,
    pub key: String,
    pub grant: String,
}

/// Grant tokens of a call must be some that were given out. Grants count at once, so a token adds nothing to the decision.
pub(crate) fn check_tokens(call: &Call<'_>, tokens: Option<&[String]>) -> Result<(), ApiError> {
    for token in tokens.unwrap_or_default() {
        open(call, token)?;
    }
    Ok(())
}

/// A token: sealed, so that nobody makes one up, and good for what it names alone. The grant counts at once without it.
pub(super) fn token(call: &mut Call<'_>, key: &Found, grant: &str) -> String {
    let token = Token {
        account: key.account.as_str().to_owned(),
        region: key.region.clone(),
        key: key.id.clone(),
        grant: grant.to_owned(),
    };
    let plain = serde_json::to_vec(&token).unwrap_or_default();
    let sealed = call.env.seal.seal(PURPOSE, "", &plain, call.random);
    let bytes = sealed.as_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn open(call: &Call<'_>, token: &str) -> Result<Token, ApiError> {
    let wrong = || errors::invalid_grant_token_exception("Invalid grant token");
    let bytes: Option<Vec<u8>> = (token.len().is_multiple_of(2) && token.is_ascii())
        .then(|| {
            (0..token.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok())
                .collect()
        })
        .flatten();
    let sealed = Sealed::from_bytes(bytes.ok_or_else(wrong)?);
    let seal = &call.env.seal;
    let plain = match seal.open(PURPOSE, "", &sealed) {
        // Sealed by another node, perhaps, with a key that is newer than those known here.
        Err(_) if seal.learn(call.tx).is_ok_and(|learnt| learnt) => seal.open(PURPOSE, "", &sealed),
        opened => opened,
    };
    let plain = plain.map_err(|_| wrong())?;
    serde_json::from_slice(&plain).map_err(|_| wrong())
}
