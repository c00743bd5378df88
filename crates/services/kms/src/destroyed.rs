//! What became of materials that no row names any more: the vault overwrites them.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::keys::{KeyVault, Place};
use palisade_core::{AccountId, Call, CallError, Region};
use palisade_keyring::{Domain, MaterialId};
use palisade_model::ApiError;
use palisade_store::{DerivedBatch, FollowError, Follower, Record, Tx};

use crate::material::material_id;
use crate::tables::MATERIALS;

const NAME: &str = "kms.destroyer";

/// How long a material that comes again waits for its destruction, in steps of [`STEP`].
const STEPS_MAX: u32 = 400;
const STEP: Duration = Duration::from_millis(5);

/// Follows the journal and has the vault destroy what was deleted.
pub struct Destroyer {
    keys: Arc<dyn KeyVault>,
}

impl Destroyer {
    /// A follower over that vault.
    pub fn new(keys: Arc<dyn KeyVault>) -> Self {
        Self { keys }
    }
}

impl Follower for Destroyer {
    fn name(&self) -> &str {
        NAME
    }

    fn apply(&mut self, records: &[Record], _: &mut DerivedBatch<'_>) -> Result<(), FollowError> {
        let writes = records.iter().flat_map(|record| &record.writes);
        let deleted = writes.filter(|write| write.hash.is_none());
        for (account, region, id) in deleted.filter_map(|write| write.row.key(&MATERIALS)) {
            let place = Place::new(&AccountId::new(&account)?, &Region::new(&region)?, None);
            let id = material_id(&id).map_err(|error| error.message)?;
            self.keys.destroy(&place, &[id])?;
        }
        Ok(())
    }
}

/// Waits until what the call's snapshot deleted has been destroyed: a material that is imported again must not be taken for the one
/// that was deleted. Where nobody follows there is nothing to wait for.
pub(crate) fn wait(call: &Call<'_>) -> Result<(), ApiError> {
    let followers = call.env.store.followers();
    let Some(destroyer) = followers.iter().find(|one| one.name() == NAME) else {
        return Ok(());
    };
    for _ in 0..STEPS_MAX {
        if destroyer.status().cursor >= call.tx.position() {
            return Ok(());
        }
        std::thread::sleep(STEP);
    }
    Err(crate::api::errors::dependency_timeout_exception(
        "The material that was deleted has not been destroyed yet. Try again.",
    ))
}

/// Whether a row names a material: what no row names is destroyed at start-up ([`KeyVault::keep_only`]).
///
/// # Errors
/// When the state cannot be read.
pub fn names_material(tx: &Tx, domain: &Domain, id: MaterialId) -> Result<bool, CallError> {
    let (account, id) = (domain.account(), id.to_string());
    let place = (account.as_str(), domain.region(), id.as_str());
    Ok(tx.contains(&MATERIALS, &place)?)
}

/// How many materials rows name: as many as the vault is to hold.
///
/// # Errors
/// When the state cannot be read.
pub fn materials_named(tx: &Tx) -> Result<usize, CallError> {
    Ok(tx.range(&MATERIALS, &(), None, usize::MAX)?.len())
}
