//! Where managed policies are used: the index behind `AttachmentCount`, `ListEntitiesForPolicy` and `DeleteConflict`.

use palisade_core::{AccountId, Call, CallError};
use palisade_store::{StoreError, Tx};

use crate::holder::Holder;
use crate::named::Named;
use crate::tables::{USES, Usage, name_key};

/// Notes that a thing uses a policy.
pub(crate) fn insert<T: Named>(
    call: &mut Call<'_>,
    arn: &str,
    usage: Usage,
    row: &T,
) -> Result<(), CallError> {
    let (account, name) = name_key(call.account(), &row.head().name);
    call.tx.put(
        &USES,
        &(
            account.as_str(),
            arn,
            usage.as_str(),
            T::KIND,
            name.as_str(),
        ),
        &(),
    )?;
    Ok(())
}

/// Notes that a thing, by the name it has or had, uses a policy no more.
pub(crate) fn remove<T: Named>(
    call: &mut Call<'_>,
    arn: &str,
    usage: Usage,
    name: &str,
) -> Result<(), CallError> {
    let (account, name) = name_key(call.account(), name);
    call.tx.delete(
        &USES,
        &(
            account.as_str(),
            arn,
            usage.as_str(),
            T::KIND,
            name.as_str(),
        ),
    )?;
    Ok(())
}

/// Moves all that a thing uses to its new name.
pub(crate) fn rename<T: Holder>(
    call: &mut Call<'_>,
    row: &T,
    old: &str,
    boundary: Option<&str>,
) -> Result<(), CallError> {
    let attached = row
        .policies()
        .attached
        .iter()
        .map(|arn| (arn.as_str(), Usage::Permissions));
    for (arn, usage) in attached.chain(boundary.map(|arn| (arn, Usage::Boundary))) {
        remove::<T>(call, arn, usage, old)?;
        insert(call, arn, usage, row)?;
    }
    Ok(())
}

/// How many things of the account use a policy this way.
pub(crate) fn count(
    tx: &Tx,
    account: &AccountId,
    arn: &str,
    usage: Usage,
) -> Result<usize, StoreError> {
    const CHUNK: usize = 1000;
    let prefix = (account.as_str(), arn, usage.as_str());
    let mut count = 0;
    let mut after = None;
    loop {
        let rows = tx.range(&USES, &prefix, after.as_ref(), CHUNK)?;
        count += rows.len();
        if rows.len() < CHUNK {
            return Ok(count);
        }
        after = rows.into_iter().last().map(|(key, ())| key);
    }
}

/// Whether anything of the account uses a policy this way.
pub(crate) fn any(
    tx: &Tx,
    account: &AccountId,
    arn: &str,
    usage: Usage,
) -> Result<bool, StoreError> {
    Ok(!tx
        .range(&USES, &(account.as_str(), arn, usage.as_str()), None, 1)?
        .is_empty())
}
