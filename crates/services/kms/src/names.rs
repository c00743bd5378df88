//! How keys and aliases are named: by id, by ARN, by alias.

use palisade_core::{AccountId, Arn, Call};
use palisade_model::ApiError;

use crate::api::errors;

/// What all aliases begin with.
pub(crate) const ALIAS_PREFIX: &str = "alias/";

/// What an identifier in a request names, in the Region of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A key, by its id.
    Key { account: AccountId, id: String },
    /// An alias, with its `alias/`.
    Alias { account: AccountId, name: String },
}

/// Reads an identifier. Ids and alias names are of the caller's account, ARNs of the account they name.
pub(crate) fn parse(call: &Call<'_>, text: &str) -> Result<Named, ApiError> {
    let (account, resource) = if text.starts_with("arn:") {
        let arn: Arn = text
            .parse()
            .map_err(|_| errors::invalid_arn_exception(format!("Invalid arn {text}")))?;
        let is_of_kms = arn.partition() == "aws" && arn.service() == "kms";
        let account = arn.account().filter(|_| is_of_kms);
        let Some(account) = account.cloned() else {
            return Err(errors::invalid_arn_exception(format!("Invalid arn {text}")));
        };
        // KMS is regional: an ARN of another Region names nothing here (AWS's words).
        if arn.region() != call.context.region.as_str() {
            return Err(not_found(format!("Invalid arn {}", arn.region())));
        }
        (account, arn.resource().to_owned())
    } else {
        let is_alias = text.starts_with(ALIAS_PREFIX);
        let resource = if is_alias {
            text.to_owned()
        } else {
            format!("key/{text}")
        };
        (call.account().clone(), resource)
    };
    if let Some(id) = resource.strip_prefix("key/") {
        return if is_key_id(id) {
            let id = id.to_owned();
            Ok(Named::Key { account, id })
        } else {
            Err(not_found(format!("Invalid keyId '{id}'")))
        };
    }
    if resource.starts_with(ALIAS_PREFIX) {
        return Ok(Named::Alias {
            account,
            name: resource,
        });
    }
    Err(errors::invalid_arn_exception(format!("Invalid arn {text}")))
}

/// A UUID, or `mrk-` and 32 hexadecimal digits.
pub(crate) fn is_key_id(id: &str) -> bool {
    let hex = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    if let Some(digits) = id.strip_prefix("mrk-") {
        return digits.len() == 32 && hex(digits);
    }
    let parts: Vec<&str> = id.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| hex(part))
}

/// The ARN of what stands in a Region of an account: `key/…` or `alias/…`.
pub(crate) fn arn(region: &str, account: &str, resource: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:{resource}")
}

/// `NotFoundException`.
pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
    errors::not_found_exception(message)
}

/// `ValidationException`, which the model leaves out: every service of this protocol may answer it.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_or_multi_region_ids() {
        assert!(is_key_id("1234abcd-12ab-34cd-56ef-1234567890ab"));
        assert!(is_key_id("mrk-1234abcd12ab34cd56ef1234567890ab"));
        for other in [
            "",
            "1234ABCD-12ab-34cd-56ef-1234567890ab",
            "1234abcd12ab34cd56ef1234567890ab",
            "mrk-1234",
            "1234abcd-12ab-34cd-56ef-1234567890ab-",
        ] {
            assert!(!is_key_id(other), "{other}");
        }
    }
}
