//! Long-term access keys of users and of the root. The secret leaves in the answer that makes it; all that stays is sealed.

use palisade_core::ids::{AccessKeyKind, access_key_id};
use palisade_core::{AccountId, Call, CallError, Handlers, Identity, Secret};

use crate::api::*;
use crate::document::quota_exceeded;
use crate::named::{self, moment, no_such_entity, save};
use crate::page::{Ask, page_of};
use crate::tables::{self, ACCESS_KEYS, Owner};
use crate::{accounts, last_used, limits, users};

/// What access key secrets are sealed for.
pub(crate) const SEAL_PURPOSE: &str = "access-key";

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateAccessKey", create)
        .on("UpdateAccessKey", update)
        .on("DeleteAccessKey", delete)
        .on("ListAccessKeys", list)
        .on("GetAccessKeyLastUsed", get_last_used)
}

/// Whose keys a request is about: a user's, or the account's root's.
enum Holder {
    Root(tables::Account),
    User(tables::User),
}

impl Holder {
    /// The user that is named; or else the caller, if it is a user or the root.
    fn of(call: &Call<'_>, user: Option<&str>) -> Result<Self, CallError> {
        match (user, &call.context.caller.identity) {
            (None, Identity::Root) => Ok(Self::Root(accounts::read(call)?)),
            _ => {
                let name = users::named_or_caller(call, user)?;
                Ok(Self::User(named::edit(call, &name)?))
            }
        }
    }

    fn keys(&mut self) -> &mut Vec<String> {
        match self {
            Self::Root(account) => &mut account.root_keys,
            Self::User(user) => &mut user.keys,
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Root(_) => Owner::Root,
            Self::User(user) => Owner::User {
                name: user.head.name.clone(),
                id: user.head.id.clone(),
            },
        }
    }

    /// The name that answers show.
    fn name(&self, account: &AccountId) -> String {
        match self {
            Self::Root(_) => account.to_string(),
            Self::User(user) => user.head.name.clone(),
        }
    }

    fn save(&self, call: &mut Call<'_>) -> Result<(), CallError> {
        match self {
            Self::Root(account) => accounts::save(call, account),
            Self::User(user) => save(call, user),
        }
    }
}

fn create(
    call: &mut Call<'_>,
    input: CreateAccessKeyInput,
) -> Result<CreateAccessKeyOutput, CallError> {
    let mut holder = Holder::of(call, input.user_name.as_deref())?;
    if holder.keys().len() >= limits::ACCESS_KEYS {
        return Err(quota_exceeded("AccessKeysPerUser", limits::ACCESS_KEYS).into());
    }
    let mut bits = [0; 8];
    call.random.fill(&mut bits);
    let id = access_key_id(
        AccessKeyKind::LongTerm,
        call.account(),
        u64::from_le_bytes(bits),
    );
    let secret = Secret::generate_access_key(call.random);
    let row = tables::AccessKey {
        account: call.account().clone(),
        owner: holder.owner(),
        secret: call
            .env
            .seal
            .seal(SEAL_PURPOSE, &id, secret.expose().as_bytes(), call.random),
        active: true,
        created_ms: call.now_ms(),
    };
    call.tx.put(&ACCESS_KEYS, &(id.as_str(),), &row)?;
    holder.keys().push(id.clone());
    holder.save(call)?;
    call.touched("AWS::IAM::AccessKey", &id, "");
    Ok(CreateAccessKeyOutput {
        access_key: AccessKey {
            user_name: holder.name(call.account()),
            access_key_id: id,
            status: status(row.active).to_owned(),
            secret_access_key: secret.expose().to_owned(),
            create_date: Some(moment(row.created_ms)),
        },
    })
}

fn update(
    call: &mut Call<'_>,
    input: UpdateAccessKeyInput,
) -> Result<UpdateAccessKeyOutput, CallError> {
    let mut holder = Holder::of(call, input.user_name.as_deref())?;
    let mut key = key_of(call, &mut holder, &input.access_key_id)?;
    key.active = match input.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => {
            return Err(
                errors::invalid_input_exception(format!("Status {other} cannot be set.")).into(),
            );
        }
    };
    call.tx
        .put(&ACCESS_KEYS, &(input.access_key_id.as_str(),), &key)?;
    call.touched("AWS::IAM::AccessKey", &input.access_key_id, "");
    Ok(UpdateAccessKeyOutput {})
}

fn delete(
    call: &mut Call<'_>,
    input: DeleteAccessKeyInput,
) -> Result<DeleteAccessKeyOutput, CallError> {
    let mut holder = Holder::of(call, input.user_name.as_deref())?;
    key_of(call, &mut holder, &input.access_key_id)?;
    holder.keys().retain(|id| *id != input.access_key_id);
    call.tx
        .delete(&ACCESS_KEYS, &(input.access_key_id.as_str(),))?;
    holder.save(call)?;
    call.touched("AWS::IAM::AccessKey", &input.access_key_id, "");
    Ok(DeleteAccessKeyOutput {})
}

fn list(
    call: &mut Call<'_>,
    input: ListAccessKeysInput,
) -> Result<ListAccessKeysOutput, CallError> {
    let mut holder = Holder::of(call, input.user_name.as_deref())?;
    let name = holder.name(call.account());
    let mut shown = Vec::new();
    for id in holder.keys() {
        let key = call.tx.get_cached(&ACCESS_KEYS, &(id.as_str(),))?;
        let show = |key: std::sync::Arc<tables::AccessKey>| AccessKeyMetadata {
            user_name: Some(name.clone()),
            access_key_id: Some(id.clone()),
            status: Some(status(key.active).to_owned()),
            create_date: Some(moment(key.created_ms)),
        };
        shown.extend(key.map(|key| (id.clone(), show(key))));
    }
    let ask = Ask::new("ListAccessKeys", input.marker.as_deref(), input.max_items).of(Some(&name));
    let page = page_of(call, ask, shown)?;
    Ok(ListAccessKeysOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        access_key_metadata: page.items,
    })
}

fn get_last_used(
    call: &mut Call<'_>,
    input: GetAccessKeyLastUsedInput,
) -> Result<GetAccessKeyLastUsedOutput, CallError> {
    let id = &input.access_key_id;
    let key = call
        .tx
        .get_cached(&ACCESS_KEYS, &(id.as_str(),))?
        .filter(|key| key.account == *call.account());
    let key = key.ok_or_else(|| missing(id))?;
    let user_name = match &key.owner {
        Owner::Root => call.account().to_string(),
        Owner::User { name, .. } => name.clone(),
    };
    Ok(GetAccessKeyLastUsedOutput {
        user_name: Some(user_name),
        access_key_last_used: Some(last_used::of_key(call.tx, id)?),
    })
}

/// A key that is the holder's, or `NoSuchEntity`.
fn key_of(call: &Call<'_>, holder: &mut Holder, id: &str) -> Result<tables::AccessKey, CallError> {
    if !holder.keys().iter().any(|known| known == id) {
        return Err(missing(id));
    }
    call.tx
        .get(&ACCESS_KEYS, &(id,))?
        .ok_or_else(|| missing(id))
}

fn missing(id: &str) -> CallError {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

fn status(active: bool) -> &'static str {
    if active { "Active" } else { "Inactive" }
}
