//! Accounts as IAM knows them: the root's keys and the alias. The program makes accounts and root keys at its start.

use palisade_core::{AccountId, Call, CallError, Handlers, Random, Seal, Secret};
use palisade_store::{StoreError, Tx};

use crate::access_keys::SEAL_PURPOSE;
use crate::api::*;
use crate::named::no_such_entity;
use crate::page::{Ask, page_of};
use crate::tables::{ACCESS_KEYS, ACCOUNTS, ALIASES, AccessKey, Account, Owner};

/// Makes an account, unless it is there already.
///
/// # Errors
/// When the store cannot be read.
pub fn create(tx: &mut Tx, account: &AccountId) -> Result<(), StoreError> {
    if exists(tx, account)? {
        return Ok(());
    }
    let row = Account {
        created_ms: now_ms(tx),
        alias: None,
        root_keys: Vec::new(),
    };
    tx.put(&ACCOUNTS, &(account.as_str(),), &row)
}

/// Whether this server has an account.
///
/// # Errors
/// When the store cannot be read.
pub fn exists(tx: &Tx, account: &AccountId) -> Result<bool, StoreError> {
    tx.contains(&ACCOUNTS, &(account.as_str(),))
}

/// Whether this server has any account yet.
///
/// # Errors
/// When the store cannot be read.
pub fn any(tx: &Tx) -> Result<bool, StoreError> {
    Ok(!tx.range(&ACCOUNTS, &(), None, 1)?.is_empty())
}

/// Gives the root of an account, which is made if need be, an access key.
///
/// # Errors
/// When the store cannot be read.
pub fn add_root_key(
    tx: &mut Tx,
    account: &AccountId,
    id: &str,
    secret: &Secret,
    seal: &dyn Seal,
    random: &mut dyn Random,
) -> Result<(), StoreError> {
    create(tx, account)?;
    let Some(mut row) = tx.get(&ACCOUNTS, &(account.as_str(),))? else {
        return Ok(());
    };
    let key = AccessKey {
        account: account.clone(),
        owner: Owner::Root,
        secret: seal.seal(SEAL_PURPOSE, id, secret.expose().as_bytes(), random),
        active: true,
        created_ms: now_ms(tx),
    };
    tx.put(&ACCESS_KEYS, &(id,), &key)?;
    row.root_keys.push(id.to_owned());
    tx.put(&ACCOUNTS, &(account.as_str(),), &row)
}

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateAccountAlias", create_alias)
        .on("DeleteAccountAlias", delete_alias)
        .on("ListAccountAliases", list_aliases)
}

/// The caller's account; one with nothing of its own yet if it was never made.
pub(crate) fn read(call: &Call<'_>) -> Result<Account, CallError> {
    let row = call.tx.get(&ACCOUNTS, &(call.account().as_str(),))?;
    Ok(row.unwrap_or_else(|| Account {
        created_ms: call.now_ms(),
        alias: None,
        root_keys: Vec::new(),
    }))
}

pub(crate) fn save(call: &mut Call<'_>, row: &Account) -> Result<(), CallError> {
    let account = call.account().clone();
    call.tx.put(&ACCOUNTS, &(account.as_str(),), row)?;
    Ok(())
}

fn now_ms(tx: &Tx) -> i64 {
    i64::try_from(tx.time().0).unwrap_or(i64::MAX)
}

/// An account has one alias; a new one takes the place of the old (IAM API Reference, `CreateAccountAlias`).
fn create_alias(
    call: &mut Call<'_>,
    input: CreateAccountAliasInput,
) -> Result<CreateAccountAliasOutput, CallError> {
    let alias = input.account_alias;
    if AccountId::new(&alias).is_ok() {
        return Err(palisade_model::ApiError::sender(
            "ValidationError",
            "An account alias cannot be an account number.",
        )
        .with_status(400)
        .into());
    }
    match call.tx.get(&ALIASES, &(alias.as_str(),))? {
        Some(account) if account == *call.account() => return Ok(CreateAccountAliasOutput {}),
        Some(_) => {
            let message = format!("The account alias {alias} already exists.");
            return Err(errors::entity_already_exists_exception(message).into());
        }
        None => {}
    }
    let mut row = read(call)?;
    let account = call.account().clone();
    call.tx.put(&ALIASES, &(alias.as_str(),), &account)?;
    if let Some(old) = row.alias.replace(alias) {
        call.tx.delete(&ALIASES, &(old.as_str(),))?;
    }
    save(call, &row)?;
    Ok(CreateAccountAliasOutput {})
}

fn delete_alias(
    call: &mut Call<'_>,
    input: DeleteAccountAliasInput,
) -> Result<DeleteAccountAliasOutput, CallError> {
    let mut row = read(call)?;
    if row.alias.as_ref() != Some(&input.account_alias) {
        return Err(no_such_entity(format!(
            "The Account Alias {} cannot be found.",
            input.account_alias
        )));
    }
    row.alias = None;
    call.tx.delete(&ALIASES, &(input.account_alias.as_str(),))?;
    save(call, &row)?;
    Ok(DeleteAccountAliasOutput {})
}

fn list_aliases(
    call: &mut Call<'_>,
    input: ListAccountAliasesInput,
) -> Result<ListAccountAliasesOutput, CallError> {
    let shown = read(call)?
        .alias
        .map(|alias| (alias.clone(), alias))
        .into_iter()
        .collect();
    let page = page_of(
        call,
        Ask::new(
            "ListAccountAliases",
            input.marker.as_deref(),
            input.max_items,
        ),
        shown,
    )?;
    Ok(ListAccountAliasesOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        account_aliases: page.items,
    })
}
