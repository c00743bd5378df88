//! The deployment as a resource: what concerns all accounts at once (metrics, the journal as a whole, backups) belongs to the account
//! that was there first. Principals of other accounts cannot be allowed it.

use palisade_store::{StoreError, Table, Tx};

use crate::{AccountId, Resource};

static HOME: Table<(String,), AccountId> = Table::new("core.home-account");

const KEY: &str = "home";

/// Makes `account` the home of a new deployment; one that has a home keeps it.
pub fn settle(tx: &mut Tx, account: &AccountId) -> Result<(), StoreError> {
    if home(tx)?.is_none() {
        tx.put(&HOME, &(KEY,), account)?;
    }
    Ok(())
}

/// The account that was there first.
pub fn home(tx: &Tx) -> Result<Option<AccountId>, StoreError> {
    tx.get(&HOME, &(KEY,))
}

/// The resource that questions about the whole deployment are asked about.
pub fn resource(tx: &Tx) -> Result<Resource, StoreError> {
    let account = home(tx)?;
    let id = account.as_ref().map_or("", AccountId::as_str);
    Ok(Resource {
        arn: format!("arn:aws:palisade::{id}:deployment"),
        account,
        ..Resource::default()
    })
}
