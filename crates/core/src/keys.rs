//! Where the materials of keys are kept: outside the store and its journal, so that what is deleted is gone.
//!
//! A service's tables and write sets hold a material's id, version and hash only. The secret itself goes to the vault, before the
//! transaction that names it commits, and is overwritten there after the transaction that deletes it. So the order is always:
//!
//! 1. [`KeyVault::store`], from the handler: durable when it returns. It may run again with its handler; a material that no committed
//!    transaction names is an orphan, which [`KeyVault::keep_only`] removes at the next start.
//! 2. [`KeyVault::load`], wherever the key is used: refused once it is destroyed.
//! 3. [`KeyVault::destroy`], from a follower of the journal and again at start-up, for every material that the state says is deleted.
//!
//! On a what-if branch, materials are made and destroyed in memory only, with the branch.
//!
//! ```
//! use palisade_core::keys::{KeyVault, MemoryVault, Place};
//! use palisade_core::{AccountId, OsRandom, Region};
//! use palisade_keyring::spec::KeySpec;
//! use palisade_keyring::{Material, MaterialId};
//!
//! let vault = MemoryVault::default();
//! let account = AccountId::new("111122223333").unwrap();
//! let place = Place::new(&account, &Region::new("eu-west-1").unwrap(), None);
//! let material = Material::generate(KeySpec::SymmetricDefault, &mut OsRandom).unwrap();
//! let secret = material.to_secret_bytes().unwrap();
//! let id = MaterialId::of("1234abcd-12ab-34cd-56ef-1234567890ab", secret.expose());
//! vault.store(&place, id, material, &mut OsRandom).unwrap();
//! assert!(vault.load(&place, id).is_ok());
//! vault.destroy(&place, &[id]).unwrap();
//! assert!(vault.load(&place, id).is_err());
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_keyring::{Domain, Material, MaterialId};
use palisade_store::BranchId;

use crate::{AccountId, Random, Region};

/// The account and region that a material is kept in, on the real state or on a branch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    domain: Domain,
    branch: Option<BranchId>,
}

impl Place {
    /// A place; `branch` is the transaction's ([`palisade_store::Tx::branch`]).
    pub fn new(account: &AccountId, region: &Region, branch: Option<BranchId>) -> Self {
        let domain = Domain::new(account.as_str(), region.as_str());
        Self {
            domain: domain.expect("the types of both allow no other form"),
            branch,
        }
    }

    /// The account and region.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The branch.
    pub fn branch(&self) -> Option<BranchId> {
        self.branch
    }
}

/// Why a material cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyVaultError {
    /// It was destroyed, or there never was one of that id here.
    #[error("the key material is gone")]
    Gone,
    /// It is there and does not open: damaged, or wrapped under another root key.
    #[error("the key material does not open")]
    DoesNotOpen,
    /// The vault's disk failed, or it is full. What the call asked for may be done or not.
    #[error("the key vault failed: {0}")]
    Failed(String),
    /// A branch holds as many materials as it may.
    #[error("the branch holds as many key materials as it may")]
    BranchFull,
}

/// Keeps materials, each wrapped under the key of its account and region. Implementations block on the disk.
pub trait KeyVault: Send + Sync {
    /// Keeps a material; it is durable when this returns. One of the same id that is there already is replaced.
    ///
    /// # Errors
    /// When the vault fails, or the branch is full.
    fn store(
        &self,
        place: &Place,
        id: MaterialId,
        material: Material,
        random: &mut dyn Random,
    ) -> Result<Arc<Material>, KeyVaultError>;

    /// The material of an id; on a branch, one made there or the real one.
    ///
    /// # Errors
    /// When it is gone, or the vault fails.
    fn load(&self, place: &Place, id: MaterialId) -> Result<Arc<Material>, KeyVaultError>;

    /// Overwrites materials; when this returns, no restart brings them back. What is not there is no error. On a branch only
    /// materials made there are destroyed: the real ones stay, and the branch's state says what is deleted.
    ///
    /// # Errors
    /// When the vault fails; it is to be asked again then.
    fn destroy(&self, place: &Place, ids: &[MaterialId]) -> Result<(), KeyVaultError>;

    /// Whether the material was made on the place's branch: what it discloses is nobody's secret on the real state.
    fn made_on_branch(&self, place: &Place, id: MaterialId) -> bool;

    /// Forgets what was made on a branch, which is over.
    fn forget_branch(&self, branch: BranchId);

    /// Every wrapped key, for a backup: nothing of it opens without the root key.
    ///
    /// # Errors
    /// When the vault fails.
    fn backup(&self) -> Result<Vec<u8>, KeyVaultError>;

    /// Destroys every real material that `named` does not claim: at start-up, before anything is served.
    ///
    /// # Errors
    /// When the vault fails.
    fn keep_only(
        &self,
        named: &mut dyn FnMut(&Domain, MaterialId) -> bool,
    ) -> Result<Kept, KeyVaultError>;
}

/// What [`KeyVault::keep_only`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Materials that are named, and stay.
    pub kept: usize,
    /// Materials that nothing names, destroyed.
    pub destroyed: usize,
}

/// The most materials on one branch, and the most branches with any.
const PER_BRANCH_MAX: usize = 1000;
const BRANCHES_MAX: usize = 64;

/// The materials made on what-if branches: in memory, bounded, gone with the branch.
#[derive(Default)]
pub struct BranchMaterials(Mutex<HashMap<BranchId, Made>>);

type Made = HashMap<(Domain, MaterialId), Arc<Material>>;

impl BranchMaterials {
    fn lock(&self) -> MutexGuard<'_, HashMap<BranchId, Made>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a material made on a branch.
    ///
    /// # Errors
    /// [`KeyVaultError::BranchFull`].
    pub fn store(
        &self,
        branch: BranchId,
        domain: &Domain,
        id: MaterialId,
        material: Arc<Material>,
    ) -> Result<(), KeyVaultError> {
        let mut branches = self.lock();
        // The store has no more branches open than this, and their ids grow: the lowest is closed.
        if !branches.contains_key(&branch) && branches.len() >= BRANCHES_MAX {
            let oldest = branches.keys().min().copied();
            oldest.map(|oldest| branches.remove(&oldest));
        }
        let made = branches.entry(branch).or_default();
        if made.len() >= PER_BRANCH_MAX {
            return Err(KeyVaultError::BranchFull);
        }
        made.insert((domain.clone(), id), material);
        Ok(())
    }

    /// A material made on a branch.
    pub fn load(&self, branch: BranchId, domain: &Domain, id: MaterialId) -> Option<Arc<Material>> {
        let branches = self.lock();
        branches.get(&branch)?.get(&(domain.clone(), id)).cloned()
    }

    /// Forgets all that was made on a branch.
    pub fn forget(&self, branch: BranchId) {
        self.lock().remove(&branch);
    }

    /// Forgets materials made on a branch.
    pub fn destroy(&self, branch: BranchId, domain: &Domain, ids: &[MaterialId]) {
        if let Some(made) = self.lock().get_mut(&branch) {
            for id in ids {
                made.remove(&(domain.clone(), *id));
            }
        }
    }
}

/// A vault in memory, without any wrapping: for tests of services.
#[derive(Default)]
pub struct MemoryVault {
    real: Mutex<Made>,
    branches: BranchMaterials,
}

impl MemoryVault {
    fn real(&self) -> MutexGuard<'_, Made> {
        self.real.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyVault for MemoryVault {
    fn store(
        &self,
        place: &Place,
        id: MaterialId,
        material: Material,
        _random: &mut dyn Random,
    ) -> Result<Arc<Material>, KeyVaultError> {
        let material = Arc::new(material);
        let kept = Arc::clone(&material);
        match place.branch {
            Some(branch) => self.branches.store(branch, &place.domain, id, kept)?,
            None => drop(self.real().insert((place.domain.clone(), id), kept)),
        }
        Ok(material)
    }

    fn load(&self, place: &Place, id: MaterialId) -> Result<Arc<Material>, KeyVaultError> {
        let branch = place.branch;
        let made = branch.and_then(|branch| self.branches.load(branch, &place.domain, id));
        let key = (place.domain.clone(), id);
        made.or_else(|| self.real().get(&key).cloned())
            .ok_or(KeyVaultError::Gone)
    }

    fn destroy(&self, place: &Place, ids: &[MaterialId]) -> Result<(), KeyVaultError> {
        match place.branch {
            Some(branch) => self.branches.destroy(branch, &place.domain, ids),
            None => {
                let mut real = self.real();
                for id in ids {
                    real.remove(&(place.domain.clone(), *id));
                }
            }
        }
        Ok(())
    }

    fn made_on_branch(&self, place: &Place, id: MaterialId) -> bool {
        let branch = place.branch;
        branch.is_some_and(|branch| self.branches.load(branch, &place.domain, id).is_some())
    }

    fn forget_branch(&self, branch: BranchId) {
        self.branches.forget(branch);
    }

    /// Nothing: what is not wrapped belongs into no backup.
    fn backup(&self) -> Result<Vec<u8>, KeyVaultError> {
        Ok(Vec::new())
    }

    fn keep_only(
        &self,
        named: &mut dyn FnMut(&Domain, MaterialId) -> bool,
    ) -> Result<Kept, KeyVaultError> {
        let mut real = self.real();
        let before = real.len();
        real.retain(|(domain, id), _| named(domain, *id));
        Ok(Kept {
            kept: real.len(),
            destroyed: before - real.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use palisade_keyring::spec::KeySpec;

    use super::*;
    use crate::OsRandom;

    fn place(branch: Option<u64>) -> Place {
        let account = AccountId::new("111122223333").unwrap();
        Place::new(&account, &Region::us_east_1(), branch.map(BranchId))
    }

    fn material() -> Material {
        Material::generate(KeySpec::SymmetricDefault, &mut OsRandom).unwrap()
    }

    fn id(number: u64) -> MaterialId {
        MaterialId::of("key", &number.to_be_bytes())
    }

    #[test]
    fn what_is_made_on_a_branch_stays_there() {
        let vault = MemoryVault::default();
        let (real, branch) = (place(None), place(Some(1)));
        vault
            .store(&branch, id(1), material(), &mut OsRandom)
            .unwrap();
        assert!(vault.load(&branch, id(1)).is_ok());
        assert!(vault.made_on_branch(&branch, id(1)));
        assert!(vault.load(&real, id(1)).is_err());
        assert!(vault.load(&place(Some(2)), id(1)).is_err());
        vault
            .store(&real, id(2), material(), &mut OsRandom)
            .unwrap();
        assert!(vault.load(&branch, id(2)).is_ok() && !vault.made_on_branch(&branch, id(2)));
        vault.destroy(&branch, &[id(1), id(2)]).unwrap();
        assert!(vault.load(&branch, id(1)).is_err());
        assert!(vault.load(&real, id(2)).is_ok(), "the real one stays");
    }

    #[test]
    fn what_was_made_on_a_branch_that_is_over_is_forgotten_and_makes_room() {
        let vault = MemoryVault::default();
        let open = place(Some(1));
        vault
            .store(&open, id(0), material(), &mut OsRandom)
            .unwrap();
        for branch in 0..2 * BRANCHES_MAX as u64 {
            let short = place(Some(2 + branch));
            vault
                .store(&short, id(0), material(), &mut OsRandom)
                .unwrap();
            vault.forget_branch(BranchId(2 + branch));
            assert!(vault.load(&short, id(0)).is_err(), "{branch}");
        }
        assert!(vault.load(&open, id(0)).is_ok(), "it is open still");
    }

    #[test]
    fn branches_are_bounded() {
        let vault = MemoryVault::default();
        let full = place(Some(1));
        for number in 0..PER_BRANCH_MAX as u64 {
            vault
                .store(&full, id(number), material(), &mut OsRandom)
                .unwrap();
        }
        let more = vault.store(&full, id(u64::MAX), material(), &mut OsRandom);
        assert!(matches!(more, Err(KeyVaultError::BranchFull)));
        for branch in 0..BRANCHES_MAX as u64 {
            let place = place(Some(2 + branch));
            vault
                .store(&place, id(0), material(), &mut OsRandom)
                .unwrap();
        }
        assert!(vault.load(&full, id(0)).is_err(), "the oldest is forgotten");
    }

    #[test]
    fn only_what_is_named_is_kept() {
        let vault = MemoryVault::default();
        for number in 0..3 {
            vault
                .store(&place(None), id(number), material(), &mut OsRandom)
                .unwrap();
        }
        let kept = vault.keep_only(&mut |_, named| named == id(1)).unwrap();
        assert_eq!((kept.kept, kept.destroyed), (1, 2));
        assert!(vault.load(&place(None), id(1)).is_ok());
        assert!(vault.load(&place(None), id(0)).is_err());
    }
}
