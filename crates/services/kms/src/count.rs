//! Quotas: how many there are of a thing, kept where it is made and deleted.

use palisade_core::{Call, CallError};
use palisade_store::Table;

/// Account, Region, and a key's id for its grants, or nothing for the keys of the Region.
static COUNTS: Table<(String, String, String), u32> = Table::new("kms.count");

/// What is counted: account, Region, key id or nothing.
pub(crate) type Counted<'a> = (&'a str, &'a str, &'a str);

/// Counts one more; false, and nothing counted, where there are `max`.
pub(crate) fn add(call: &mut Call<'_>, what: Counted<'_>, max: u32) -> Result<bool, CallError> {
    let count = call.tx.get(&COUNTS, &what)?.unwrap_or(0);
    if count >= max {
        return Ok(false);
    }
    call.tx.put(&COUNTS, &what, &(count + 1))?;
    Ok(true)
}

/// Counts one less.
pub(crate) fn remove(tx: &mut palisade_store::Tx, what: Counted<'_>) -> Result<(), CallError> {
    match tx.get(&COUNTS, &what)? {
        None | Some(0 | 1) => tx.delete(&COUNTS, &what)?,
        Some(count) => tx.put(&COUNTS, &what, &(count - 1))?,
    }
    Ok(())
}
