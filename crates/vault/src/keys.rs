//! The hierarchy over the slots: what services see as [`KeyVault`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use palisade_core::keys::{BranchMaterials, Kept, KeyVault, KeyVaultError, Place};
use palisade_keyring::spec::KeySpec;
use palisade_keyring::{
    Domain, DomainKey, Material, MaterialId, MaterialToken, Random, Root, RootId,
};
use palisade_store::{BranchId, Clock};

use crate::backup;
use crate::cache::Cache;
use crate::domains::{DOMAIN_KEY, Domains};
use crate::slot::Id;
use crate::slots::{Entry, Slots, SlotsError};

/// The kind of a slot that holds a material's token.
const MATERIAL: u8 = 2;
/// Half of how many opened materials are kept.
const CACHE_HALF: usize = 2048;
/// How many slots are wiped with one sync.
const WIPE_BATCH: usize = 256;

/// Materials wrapped under the keys of their domains, those under the root.
pub struct Keys {
    slots: Slots,
    domains: Mutex<Domains>,
    /// Read by whoever wraps under a domain's newest key, until that is durable; written by whoever makes a newer one. So when a
    /// newer one is there, nothing is wrapped under an older one any more.
    rotation: RwLock<()>,
    /// Held over the whole of a rewrap. Two at once, each towards a newest key of its own, would lose materials: the one that aims
    /// lower may overwrite what the other moved, and the other then wipes the key that this lies under.
    rewrapping: Mutex<()>,
    cache: Cache,
    branches: BranchMaterials,
    clock: Arc<dyn Clock>,
}

/// Why a vault could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The slots could not be read or written.
    #[error(transparent)]
    Slots(#[from] SlotsError),
    /// A domain key is wrapped by a root that is not here.
    #[error("a key in the vault is wrapped by the root key {0}, which is not here")]
    ForeignRoot(RootId),
    /// A domain key cannot be read.
    #[error("a key in the vault is damaged")]
    Damaged,
}

/// What [`Keys::rewrap`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Materials moved to their domain's newest key.
    pub materials: usize,
    /// Domain keys that nothing is wrapped under any more, wiped.
    pub domain_keys: usize,
}

impl Keys {
    /// The vault in `slots` under the newest of `roots`, which are ordered newest first. Domain keys that an older root wraps are moved
    /// to the newest one.
    ///
    /// # Errors
    /// When the slots cannot be read, or a domain key is under a root that is not among these.
    pub fn open(
        slots: Slots,
        roots: Vec<Root>,
        clock: Arc<dyn Clock>,
        random: &mut dyn Random,
    ) -> Result<Self, OpenError> {
        let domains = Domains::load(&slots, roots, random)?;
        Ok(Self {
            slots,
            domains: Mutex::new(domains),
            rotation: RwLock::default(),
            rewrapping: Mutex::default(),
            cache: Cache::new(CACHE_HALF),
            branches: BranchMaterials::default(),
            clock,
        })
    }

    /// The root that domain keys are wrapped by.
    pub fn root(&self) -> Option<RootId> {
        self.domains().root()
    }

    /// Whether a domain has keys besides its newest, which [`Keys::rewrap`] has yet to make superfluous.
    pub fn has_older_keys(&self) -> bool {
        self.domains().has_older()
    }

    /// Moves every domain key to a new root; both must be kept sealed until this returns, the new one alone afterwards. Serving goes
    /// on meanwhile. What the old root alone opens is worthless then: older copies of the vault among it.
    ///
    /// # Errors
    /// When the vault fails; whichever keys are moved, both roots together open them all.
    pub fn rotate_root(&self, new: Root, random: &mut dyn Random) -> Result<usize, OpenError> {
        let _alone = self
            .rotation
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.domains().rotate_root(&self.slots, new, random)
    }

    /// Makes a new key for every domain whose newest is at least `age_ms` old. What older keys wrap opens as before, until
    /// [`Keys::rewrap`] has moved it.
    ///
    /// # Errors
    /// When the vault fails.
    pub fn rotate_domain_keys(
        &self,
        age_ms: u64,
        random: &mut dyn Random,
    ) -> Result<usize, SlotsError> {
        let now_ms = self.clock.now().0;
        let _alone = self
            .rotation
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut domains = self.domains();
        let mut due = domains.all();
        due.retain(|(_, _, made_ms)| now_ms.saturating_sub(*made_ms) >= age_ms);
        for (domain, ..) in &due {
            domains.make(&self.slots, domain, now_ms, random)?;
        }
        Ok(due.len())
    }

    /// Moves every material to its domain's newest key, `batch` of them with one sync, then wipes the older keys. Serving goes on
    /// meanwhile; another rewrap waits. It may be stopped at any time, by a crash or by `go_on`, and begun anew: what is moved stays
    /// moved.
    ///
    /// # Errors
    /// When the vault fails or a token does not open; older keys stay then.
    pub fn rewrap(
        &self,
        batch: usize,
        random: &mut dyn Random,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Rewrapped, KeyVaultError> {
        let _one = self
            .rewrapping
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut done = Rewrapped::default();
        let newest: HashMap<Domain, u32> = {
            // Once nobody is within, everything wrapped under an older key is in the slots.
            let _alone = self
                .rotation
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let all = self.domains().all();
            all.into_iter()
                .map(|(domain, version, _)| (domain, version))
                .collect()
        };
        for ids in self.slots.ids(MATERIAL).chunks(batch.max(1)) {
            if !go_on() {
                return Ok(done);
            }
            done.materials += self.rewrap_batch(ids, &newest, random)?;
        }
        for (domain, version) in &newest {
            let wiped = self.domains().forget_below(&self.slots, domain, *version);
            done.domain_keys += wiped.map_err(failed)?;
        }
        Ok(done)
    }

    /// How many slots of the vault are damaged, or of a write that never finished.
    pub fn torn(&self) -> usize {
        self.slots.torn()
    }

    /// How many materials are kept.
    pub fn materials(&self) -> usize {
        self.slots.ids(MATERIAL).len()
    }

    /// Overwrites the torn slots, if every material that is kept opens; `None` if one does not, and nothing is overwritten then. Only
    /// for who has seen that every material which must be there is.
    ///
    /// # Errors
    /// When the vault fails.
    pub fn wipe_torn(&self) -> Result<Option<usize>, KeyVaultError> {
        for id in self.slots.ids(MATERIAL) {
            let opened = self.slots.get(&id).map_err(failed)?;
            match opened.map(|token| self.open_token(&token)) {
                Some(Err(KeyVaultError::DoesNotOpen)) => return Ok(None),
                Some(Err(error)) => return Err(error),
                Some(Ok(_)) | None => {}
            }
        }
        self.slots.wipe_torn().map(Some).map_err(failed)
    }

    fn rewrap_batch(
        &self,
        ids: &[Id],
        newest: &HashMap<Domain, u32>,
        random: &mut dyn Random,
    ) -> Result<usize, KeyVaultError> {
        let mut moved = Vec::new();
        for id in ids {
            let Some(bytes) = self.slots.get(id).map_err(failed)? else {
                continue;
            };
            let token = MaterialToken::parse(&bytes).map_err(|_| KeyVaultError::DoesNotOpen)?;
            // A domain that is not among these is newer than they, and so is its key.
            let Some(version) = newest.get(token.domain()) else {
                continue;
            };
            if token.domain_version() < *version {
                let old = self.domain_key(token.domain(), token.domain_version())?;
                let new = self.domain_key(token.domain(), *version)?;
                let token = token.rewrap(&old, &new, random);
                moved.push((*id, token.map_err(|_| KeyVaultError::DoesNotOpen)?));
            }
        }
        let entries: Vec<Entry<'_>> = moved.iter().map(|(id, token)| entry(*id, token)).collect();
        if !entries.is_empty() {
            self.slots.replace(&entries).map_err(failed)?;
        }
        Ok(entries.len())
    }

    /// The key that a domain's materials are wrapped under now; made if there is none.
    fn newest_key(
        &self,
        domain: &Domain,
        random: &mut dyn Random,
    ) -> Result<Arc<DomainKey>, KeyVaultError> {
        let mut domains = self.domains();
        let found = match domains.newest(domain) {
            Some(version) => domains.open(&self.slots, domain, version),
            None => domains.make(&self.slots, domain, self.clock.now().0, random),
        };
        found.map_err(failed)?.ok_or(KeyVaultError::DoesNotOpen)
    }

    fn domain_key(&self, domain: &Domain, version: u32) -> Result<Arc<DomainKey>, KeyVaultError> {
        let found = self.domains().open(&self.slots, domain, version);
        found.map_err(failed)?.ok_or(KeyVaultError::DoesNotOpen)
    }

    fn open_token(&self, bytes: &[u8]) -> Result<Material, KeyVaultError> {
        let broken = |_| KeyVaultError::DoesNotOpen;
        let token = MaterialToken::parse(bytes).map_err(broken)?;
        let spec: KeySpec = token
            .spec()
            .parse()
            .map_err(|_| KeyVaultError::DoesNotOpen)?;
        let key = self.domain_key(token.domain(), token.domain_version())?;
        let secret = token.open(&key).map_err(|_| KeyVaultError::DoesNotOpen)?;
        Material::from_secret_bytes(spec, secret.expose()).map_err(|_| KeyVaultError::DoesNotOpen)
    }

    fn domains(&self) -> MutexGuard<'_, Domains> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyVault for Keys {
    fn store(
        &self,
        place: &Place,
        id: MaterialId,
        material: Material,
        random: &mut dyn Random,
    ) -> Result<Arc<Material>, KeyVaultError> {
        let material = Arc::new(material);
        if let Some(branch) = place.branch() {
            let kept = Arc::clone(&material);
            self.branches.store(branch, place.domain(), id, kept)?;
            return Ok(material);
        }
        let secret = material.to_secret_bytes();
        let secret = secret.map_err(|error| KeyVaultError::Failed(error.to_string()))?;
        let slot = material_slot(place.domain(), id);
        let _wrapping = self.rotation.read().unwrap_or_else(PoisonError::into_inner);
        let key = self.newest_key(place.domain(), random)?;
        let token = key.wrap(id, material.spec().as_str(), secret.expose(), random);
        self.slots.put(&[entry(slot, &token)]).map_err(failed)?;
        let kept = Arc::clone(&material);
        self.cache.insert(slot, kept, || self.slots.contains(&slot));
        Ok(material)
    }

    fn load(&self, place: &Place, id: MaterialId) -> Result<Arc<Material>, KeyVaultError> {
        let domain = place.domain();
        let made = place
            .branch()
            .and_then(|branch| self.branches.load(branch, domain, id));
        let slot = material_slot(domain, id);
        if let Some(found) = made.or_else(|| self.cache.get(&slot)) {
            return Ok(found);
        }
        let token = self.slots.get(&slot).map_err(failed)?;
        let token = token.ok_or(KeyVaultError::Gone)?;
        let material = match self.open_token(&token) {
            Ok(material) => Arc::new(material),
            // It was rewrapped since it was read, and the key that had wrapped it is gone.
            Err(KeyVaultError::DoesNotOpen) => {
                let again = self.slots.get(&slot).map_err(failed)?;
                Arc::new(self.open_token(&again.ok_or(KeyVaultError::Gone)?)?)
            }
            Err(error) => return Err(error),
        };
        let kept = Arc::clone(&material);
        self.cache.insert(slot, kept, || self.slots.contains(&slot));
        Ok(material)
    }

    fn destroy(&self, place: &Place, ids: &[MaterialId]) -> Result<(), KeyVaultError> {
        if let Some(branch) = place.branch() {
            self.branches.destroy(branch, place.domain(), ids);
            return Ok(());
        }
        let slots: Vec<Id> = ids
            .iter()
            .map(|id| material_slot(place.domain(), *id))
            .collect();
        // First the slots: whoever opened one of them finds it gone before it gets into the cache.
        let wiped = self.slots.wipe(&slots);
        self.cache.remove(&slots);
        wiped.map_err(failed)
    }

    fn made_on_branch(&self, place: &Place, id: MaterialId) -> bool {
        let branch = place.branch();
        branch.is_some_and(|branch| self.branches.load(branch, place.domain(), id).is_some())
    }

    fn forget_branch(&self, branch: BranchId) {
        self.branches.forget(branch);
    }

    fn backup(&self) -> Result<Vec<u8>, KeyVaultError> {
        // No key is made for a domain that has one, and the root stays, while this reads.
        let _still = self.rotation.read().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        // Domain keys before the materials, for those that are about to be wiped; and after them, for those made meanwhile.
        for kind in [DOMAIN_KEY, MATERIAL, DOMAIN_KEY] {
            for id in self.slots.ids(kind) {
                if let Some(content) = self.slots.get(&id).map_err(failed)? {
                    entries.push((id, kind, content));
                }
            }
        }
        Ok(backup::write(&entries))
    }

    fn keep_only(
        &self,
        named: &mut dyn FnMut(&Domain, MaterialId) -> bool,
    ) -> Result<Kept, KeyVaultError> {
        let mut kept = Kept::default();
        let mut orphans = Vec::new();
        for id in self.slots.ids(MATERIAL) {
            let Some(bytes) = self.slots.get(&id).map_err(failed)? else {
                continue;
            };
            let token = MaterialToken::parse(&bytes).map_err(|_| KeyVaultError::DoesNotOpen)?;
            if named(token.domain(), token.material()) {
                kept.kept += 1;
            } else {
                orphans.push(id);
            }
        }
        for ids in orphans.chunks(WIPE_BATCH) {
            self.slots.wipe(ids).map_err(failed)?;
            self.cache.remove(ids);
            kept.destroyed += ids.len();
        }
        Ok(kept)
    }
}

fn entry(id: Id, token: &[u8]) -> Entry<'_> {
    Entry {
        id,
        kind: MATERIAL,
        content: token,
    }
}

fn failed(error: SlotsError) -> KeyVaultError {
    KeyVaultError::Failed(error.to_string())
}

/// The id of the slot of a material.
fn material_slot(domain: &Domain, id: MaterialId) -> Id {
    slot_id(b"material", domain, id.as_bytes())
}

/// The id of the slot of a domain key.
pub(crate) fn domain_key_id(domain: &Domain, version: u32) -> Id {
    slot_id(b"domain", domain, &version.to_be_bytes())
}

fn slot_id(kind: &[u8], domain: &Domain, rest: &[u8]) -> Id {
    let account = domain.account_number().to_be_bytes();
    // Each part but the region has a length of its own, and that ends with a byte no region has.
    let text = [kind, &[0], &account, domain.region().as_bytes(), &[0], rest].concat();
    let mut id = [0; 32];
    id.copy_from_slice(digest(&SHA256, &text).as_ref());
    id
}
