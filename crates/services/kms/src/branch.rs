//! What calls on a what-if branch give out of the real state: no more than the real state does.
//!
//! Every operation that gives out something made with a key, or tells something that only its holder knows, is a disclosing one, Encrypt
//! too: a ciphertext of a real key would be taken for real wherever it is opened. The front has asked the real state for permission; here
//! that state must also let the key be used, and a name must lead to the same key there, since that is what was asked about.

use palisade_core::{Call, CallError};
use palisade_keyring::Blob;
use palisade_model::Value;

use crate::api::errors;
use crate::keys::{By, Found, Lookup, lookup};
use crate::material::is_made_on_branch;
use crate::names::arn;

/// Whether a call gives out something of the real state: unless all keys that it uses were made on its branch.
pub(crate) fn discloses(call: &Call<'_>, input: &Value) -> Result<bool, CallError> {
    let ids = used(call, input);
    for id in &ids {
        if found(call, id)?.is_none_or(|key| !is_made_on_branch(call, &key)) {
            return Ok(true);
        }
    }
    Ok(ids.is_empty())
}

/// Each real key that a call uses is one that the real state lets it use by the same name.
pub(crate) fn check(
    operation: &str,
    real: &Call<'_>,
    call: &Call<'_>,
    input: &Value,
) -> Result<(), CallError> {
    for id in used(call, input) {
        let Some(key) = found(call, &id)?.filter(|key| !is_made_on_branch(call, key)) else {
            continue;
        };
        match found(real, &id)? {
            Some(there) if there.account == key.account && there.id == key.id => {
                there.check(operation)?;
            }
            _ => {
                return Err(errors::kms_invalid_state_exception(format!(
                    "{id} does not lead to {} outside this branch.",
                    key.arn()
                ))
                .into());
            }
        }
    }
    Ok(())
}

fn found(call: &Call<'_>, id: &str) -> Result<Option<Found>, CallError> {
    Ok(match lookup(call, id, By::KeyOrAlias)? {
        Lookup::Found { key, .. } => Some(*key),
        Lookup::Missing { .. } => None,
    })
}

/// The keys that a call uses: those that it names, and the one that a ciphertext names where the call does not.
fn used(call: &Call<'_>, input: &Value) -> Vec<String> {
    let text = |name: &str| input.member(name).and_then(Value::as_str);
    let named = ["KeyId", "SourceKeyId", "DestinationKeyId"];
    let mut ids: Vec<String> = named
        .into_iter()
        .filter_map(text)
        .map(str::to_owned)
        .collect();
    let opens = text("KeyId").is_none() && text("SourceKeyId").is_none();
    if let (true, Some(Value::Blob(blob))) = (opens, input.member("CiphertextBlob"))
        && let Ok(blob) = Blob::parse(blob)
    {
        let name = &blob.header().key;
        let region = name.region().unwrap_or(call.context.region.as_str());
        let resource = format!("key/{}", name.key_id());
        ids.push(arn(region, &name.account(), &resource));
    }
    ids
}
