//! What time does to keys: a waiting period ends, an imported material expires, a rotation is due. All count at use, at that second; here
//! the rows go, and with them the materials, and keys are rotated that nobody uses.

use palisade_core::keys::{KeyVault, Place};
use palisade_core::{AccountId, CallError};
use palisade_keyring::MaterialId;
use palisade_store::{CommitError, Durability, Fact, Millis, Store, StoreError, Table, Tx};

use crate::events::{self, What};
use crate::keys::{Found, is_over};
use crate::rotation::{self, DAY_MS};
use crate::tables::{
    ALIASES, ALIASES_OF_KEY, Deletion, GRANTS, KEYS, Key, MATERIALS, Origin, RINGS, Ring,
};
use crate::{count, grants, import};

/// When, in milliseconds; account, Region, key id: what is to be looked at then.
static TIMERS: Table<(u64, String, String, String), ()> = Table::new("kms.timer");

/// How many timers one commit does, and how many grants of a key.
const AT_ONCE: usize = 16;
const GRANTS_AT_ONCE: usize = 1000;
/// How many events one sweep puts on record.
const EVENTS_AT_ONCE: usize = 64;

/// Has a key looked at when it is time.
pub(crate) fn set(tx: &mut Tx, at_ms: i64, found: &Found) -> Result<(), CallError> {
    set_at(tx, at_ms, found.account.as_str(), &found.region, &found.id)
}

pub(crate) fn set_at(
    tx: &mut Tx,
    at_ms: i64,
    account: &str,
    region: &str,
    id: &str,
) -> Result<(), CallError> {
    let at_ms = u64::try_from(at_ms).unwrap_or(0);
    Ok(tx.put(&TIMERS, &(at_ms, account, region, id), &())?)
}

/// How long a key whose rows are damaged is left alone before it is looked at again.
const PUT_OFF_MS: u64 = 24 * 3600 * 1000;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Whether there may be more to do at once.
    pub more: bool,
    /// Keys that could not be dealt with for their rows are damaged, by `ACCOUNT/REGION/ID`, each with what is wrong. They are looked
    /// at again a day later.
    pub damaged: Vec<(String, String)>,
}

/// Does what is due, a bounded part of it. Whoever stops in between begins again where it was, and a damaged key holds no other up.
///
/// # Errors
/// When the state cannot be read or written; nothing is done then.
pub async fn sweep(store: &Store, keys: &dyn KeyVault) -> Result<Swept, SweepError> {
    let mut swept = do_due(store, keys).await?;
    for _ in 0..EVENTS_AT_ONCE {
        if !events::record_next(store).await? {
            return Ok(swept);
        }
    }
    swept.more = true;
    Ok(swept)
}

async fn do_due(store: &Store, keys: &dyn KeyVault) -> Result<Swept, SweepError> {
    let mut tx = store.begin().map_err(CallError::from)?;
    let now_ms = tx.time().0;
    let due = tx
        .range(&TIMERS, &(), None, AT_ONCE)
        .map_err(CallError::from)?;
    let due: Vec<_> = due
        .into_iter()
        .take_while(|((at_ms, ..), ())| *at_ms <= now_ms)
        .collect();
    if due.is_empty() {
        return Ok(Swept::default());
    }
    let mut swept = Swept {
        more: due.len() == AT_ONCE,
        ..Swept::default()
    };
    let mut stored = Vec::new();
    for (timer, ()) in due {
        let (_, account, region, id) = &timer;
        let is_done = match run(&mut tx, keys, (account, region, id), &mut stored) {
            Err(CallError::Api(error)) => Err(error.message),
            Err(CallError::Store(error @ StoreError::Damaged(_))) => Err(error.to_string()),
            done => Ok(done?),
        };
        match is_done {
            Ok(true) => {}
            Ok(false) => {
                swept.more = true;
                continue;
            }
            Err(what) => {
                let later = (now_ms + PUT_OFF_MS, account, region, id);
                tx.put(&TIMERS, &later, &()).map_err(CallError::from)?;
                let key = format!("{account}/{region}/{id}");
                swept.damaged.push((key, what));
            }
        }
        tx.delete(&TIMERS, &timer).map_err(CallError::from)?;
    }
    let fact = Fact {
        time: Millis(now_ms),
        ..Fact::default()
    };
    match store.commit(tx, fact, Durability::Durable).await {
        Err(CommitError::Conflict) => {
            for (place, id) in stored {
                // What stays in the vault without a name goes at the next start.
                let _ = keys.destroy(&place, &[id]);
            }
            Err(CommitError::Conflict.into())
        }
        committed => {
            committed?;
            Ok(swept)
        }
    }
}

/// Why what is due could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The state cannot be read.
    #[error("the state cannot be read: {0:?}")]
    Read(CallError),
    /// It could not be written, or a call came between.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<CallError> for SweepError {
    fn from(error: CallError) -> Self {
        Self::Read(error)
    }
}

/// Looks at one key; whether it is done with. What it puts into the vault is noted in `stored`.
fn run(
    tx: &mut Tx,
    keys: &dyn KeyVault,
    (account, region, id): (&str, &str, &str),
    stored: &mut Vec<(Place, MaterialId)>,
) -> Result<bool, CallError> {
    let now_ms = i64::try_from(tx.time().0).unwrap_or(i64::MAX);
    let Some(key) = tx.get(&KEYS, &(account, region, id))? else {
        return Ok(true);
    };
    if is_over(key.deletion, now_ms) {
        return delete(tx, account, region, id);
    }
    let account =
        AccountId::new(account).map_err(|_| crate::keys::damaged("a key of no account"))?;
    let expired: Vec<String> = key
        .imported
        .iter()
        .filter(|one| one.valid_to_ms.is_some_and(|end| end <= now_ms))
        .map(|one| one.material.clone())
        .collect();
    for material in expired {
        if let Some(found) = Found::look(tx, &account, region, id)? {
            import::forget(tx, &found, &material)?;
            events::put(tx, &account, region, id, What::Expired { material })?;
        }
    }
    if let Some(found) = Found::look(tx, &account, region, id)? {
        stored.extend(rotation::on_time(tx, keys, &found)?);
    }
    Ok(true)
}

/// Deletes a key of a Region and what hangs on it, a bounded number of grants at a time; whether nothing is left.
fn delete(tx: &mut Tx, account: &str, region: &str, id: &str) -> Result<bool, CallError> {
    let place = (account, region, id);
    let granted = tx.range(&GRANTS, &place, None, GRANTS_AT_ONCE)?;
    let more = granted.len() == GRANTS_AT_ONCE;
    for ((_, _, _, grant), row) in granted {
        grants::remove(tx, place, &grant, &row)?;
    }
    if more {
        return Ok(false);
    }
    for ((_, _, _, alias), ()) in tx.range(&ALIASES_OF_KEY, &place, None, usize::MAX)? {
        tx.delete(&ALIASES, &(account, region, alias.as_str()))?;
        tx.delete(&ALIASES_OF_KEY, &(account, region, id, alias.as_str()))?;
    }
    let ring = tx.get(&RINGS, &(account, id))?;
    if let Some(ring) = ring {
        leave(tx, account, region, id, ring)?;
    }
    tx.delete(&KEYS, &place)?;
    let owner = AccountId::new(account).map_err(|_| crate::keys::damaged("a key of no account"))?;
    events::put(tx, &owner, region, id, What::Deleted)?;
    count::remove(tx, (account, region, ""), id)?;
    Ok(true)
}

/// A Region leaves a key. With the last one its materials go; after the last replica a primary's waiting period begins.
fn leave(
    tx: &mut Tx,
    account: &str,
    region: &str,
    id: &str,
    mut ring: Ring,
) -> Result<(), CallError> {
    ring.regions.retain(|one| one != region);
    let is_last = ring.regions.is_empty();
    for version in ring.materials.iter().chain(&ring.pending) {
        match ring.origin {
            Origin::External => tx.delete(&MATERIALS, &(account, region, version.id.as_str()))?,
            Origin::AwsKms if is_last => {
                let place = (account, version.region.as_str(), version.id.as_str());
                tx.delete(&MATERIALS, &place)?;
            }
            Origin::AwsKms => {}
        }
    }
    if is_last {
        return Ok(tx.delete(&RINGS, &(account, id))?);
    }
    tx.put(&RINGS, &(account, id), &ring)?;
    if ring.regions != [ring.primary.as_str()] {
        return Ok(());
    }
    let primary = (account, ring.primary.as_str(), id);
    let now_ms = i64::try_from(tx.time().0).unwrap_or(i64::MAX);
    if let Some(key) = tx.get(&KEYS, &primary)?
        && let Some(Deletion::AfterReplicas(days)) = key.deletion
    {
        let end_ms = now_ms + i64::from(days) * DAY_MS;
        let key = Key {
            deletion: Some(Deletion::At(end_ms)),
            ..key
        };
        tx.put(&KEYS, &primary, &key)?;
        set_at(tx, end_ms, account, &ring.primary, id)?;
    }
    Ok(())
}
