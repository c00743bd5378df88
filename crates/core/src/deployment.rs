//! The deployment as a resource: what concerns all accounts at once (metrics, the journal as a whole, backups) belongs to the account
//! that was there first. Principals of other accounts cannot be allowed it. And the mark by which a deployment knows its own root key.

use palisade_store::{StoreError, Table, Tx};

use crate::{AccountId, Random, Resource, Seal, Sealed};

static HOME: Table<(String,), AccountId> = Table::new("core.home-account");

const KEY: &str = "home";

/// Something known, sealed: whoever opens it holds the root key of this state.
static SEALED: Table<(String,), Sealed> = Table::new("core.seal-check");

const SEAL_PURPOSE: &str = "seal-check";
const KNOWN: &[u8] = b"palisade";

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

/// Whether `seal` opens what this deployment sealed before; a state without a mark gets one. So the wrong root key shows at the
/// start, not at the first call that needs a secret.
///
/// # Errors
/// When the store cannot be read.
pub fn is_sealed_by(
    tx: &mut Tx,
    seal: &dyn Seal,
    random: &mut dyn Random,
) -> Result<bool, StoreError> {
    if let Some(sealed) = tx.get(&SEALED, &(KEY,))? {
        return Ok(seal.open(SEAL_PURPOSE, KEY, &sealed).is_ok());
    }
    let sealed = seal.seal(SEAL_PURPOSE, KEY, KNOWN, random);
    tx.put(&SEALED, &(KEY,), &sealed)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use palisade_store::{Options, Store};
    use zeroize::Zeroizing;

    use super::*;
    use crate::testing::Counting;
    use crate::{RootKey, RootKeySeal};

    #[test]
    fn another_root_key_is_told_from_the_own() {
        let store = Store::open_memory(Options::default()).unwrap();
        let mut tx = store.begin().unwrap();
        let seal = |byte| RootKeySeal::new(RootKey::new(Zeroizing::new([byte; 32])), vec![]);
        let mut random = Counting::default();
        assert!(is_sealed_by(&mut tx, &seal(1), &mut random).unwrap());
        assert!(is_sealed_by(&mut tx, &seal(1), &mut random).unwrap());
        assert!(!is_sealed_by(&mut tx, &seal(2), &mut random).unwrap());
    }
}
