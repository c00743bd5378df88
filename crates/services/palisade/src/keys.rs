//! KMS keys, as these operations are asked about them.

use palisade_core::{Arn, Call, CallError, Resource, Services};
use palisade_model::{Structure, Value};

use crate::api::errors;

/// The key that `id` names (a key id, an alias, or the ARN of either), as KMS has it: with its policy and grants. One that is no more
/// is named as it was.
pub fn named(services: &Services, call: &mut Call<'_>, id: &str) -> Result<Resource, CallError> {
    let kms = services.get("kms").ok_or_else(unknown)?;
    let asked = Structure {
        fields: vec![("KeyId", Value::String(id.to_owned()))],
    };
    let found = kms.resolve("used-key", call, &Value::Structure(asked))?;
    found.into_iter().next().ok_or_else(|| unknown().into())
}

/// The same for the questions of these operations: key policy and grants speak of KMS's actions, not of Palisade's.
pub fn as_own(key: &Resource) -> Resource {
    Resource {
        account: key.account.clone(),
        tags: key.tags.clone(),
        ..Resource::named(key.arn.clone())
    }
}

/// The ARN of a key; an alias that leads nowhere is none.
pub fn arn(key: &Resource) -> Result<Arn, CallError> {
    let arn = key.arn.parse::<Arn>().ok();
    let arn = arn.filter(|arn| arn.resource().starts_with("key/"));
    arn.ok_or_else(|| unknown().into())
}

/// No such key.
pub fn unknown() -> palisade_model::ApiError {
    errors::resource_not_found_exception("There is no such key.")
}
