//! What became of materials that no row names any more: the vault overwrites them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use palisade_core::keys::{KeyVault, Place};
use palisade_core::{AccountId, Call, CallError, Region};
use palisade_keyring::{Domain, MaterialId};
use palisade_model::ApiError;
use palisade_store::{DerivedBatch, FollowError, Follower, Record, Tx};

use crate::keys::damaged;
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

/// The materials that rows name: what no row names is destroyed at the start ([`KeyVault::keep_only`]), and what is named must be there.
pub struct NamedMaterials(HashMap<Domain, HashSet<MaterialId>>);

/// How many rows are read at once.
const ROWS_AT_ONCE: usize = 4096;

impl NamedMaterials {
    /// Those of a state.
    ///
    /// # Errors
    /// When the state cannot be read, or names what can be none.
    pub fn of(tx: &Tx) -> Result<Self, CallError> {
        let mut named: HashMap<Domain, HashSet<MaterialId>> = HashMap::new();
        let mut after = None;
        loop {
            let rows = tx.range(&MATERIALS, &(), after.as_ref(), ROWS_AT_ONCE)?;
            let is_last = rows.len() < ROWS_AT_ONCE;
            for ((account, region, id), ()) in &rows {
                let domain = Domain::new(account, region);
                let domain = domain.map_err(|_| damaged("a material in no Region"))?;
                named.entry(domain).or_default().insert(material_id(id)?);
            }
            after = rows.into_iter().next_back().map(|(place, ())| place);
            if is_last {
                return Ok(Self(named));
            }
        }
    }

    /// Whether a material is named; from now on it counts as found.
    pub fn claim(&mut self, domain: &Domain, id: MaterialId) -> bool {
        let named = self.0.get_mut(domain);
        named.is_some_and(|ids| ids.remove(&id))
    }

    /// How many are named and were not found.
    pub fn unclaimed(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }

    /// Some of these, `max` at most.
    pub fn some_unclaimed(&self, max: usize) -> Vec<(&Domain, MaterialId)> {
        let all = self.0.iter();
        let all = all.flat_map(|(domain, ids)| ids.iter().map(move |id| (domain, *id)));
        all.take(max).collect()
    }
}
