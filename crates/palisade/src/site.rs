//! What a server stands on: the data folder, the seal, the vault, the store.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use palisade_core::deployment;
use palisade_core::keys::KeyVault;
use palisade_core::token_keys::TokenSeal;
use palisade_core::{OsRandom, RootKey, RootKeySeal, Seal};
use palisade_gateway::Gateway;
use palisade_gateway::metrics::Metrics;
use palisade_keyring::{Root, RootWrap};
use palisade_store::{
    ClockAhead, Durability, Fact, Millis, Options as StoreOptions, Store, SystemClock,
};
use palisade_vault::{Keys, files};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

use crate::config::{Config, StateLocation};
use crate::data_folder::{self, DataFolder, write_private};
use crate::seal::folder::{Opened, Opening, SealFolder, StateCheck};
use crate::seal::{Provider, SealUri, is_among, openers};
use crate::starting::{record_unsealing, settle};
use crate::{assemble, key_timers, key_upkeep, retention, state_clock, store_seen};

pub use crate::starting::FirstKeys;

/// How often keys are looked at whose time has come.
const KEY_TIMERS_EVERY: Duration = Duration::from_secs(5);
/// How often the vault notes how far the store is.
const STORE_SEEN_EVERY: Duration = Duration::from_secs(5);

/// Where the state is kept and what opens its secrets. The folder's lock is held as long as this lives.
pub struct Site {
    /// How it was configured.
    pub config: Config,
    folder: Option<DataFolder>,
    /// What wraps the root key; none in memory.
    seals: SyncMutex<Vec<Box<dyn Provider>>>,
    open: SyncMutex<Option<Arc<OpenSeal>>>,
    metrics: Arc<Metrics>,
    /// How many materials the state names and the vault lacks.
    missing_materials: AtomicUsize,
    /// What forgets the past, where there is a retention, and what looks after the keys whose time has come.
    keeping: Mutex<Vec<JoinHandle<()>>>,
}

/// What an open seal gives.
pub struct OpenSeal {
    seal: Arc<dyn Seal>,
    keys: Arc<Keys>,
    opened: SyncMutex<Opened>,
}

/// Whether a server may start.
pub enum Unsealing {
    /// The root key is open.
    Open,
    /// No seal opens it; why each does not.
    Sealed(Vec<String>),
}

/// What is told of the seal to whoever may use the folder.
#[derive(Debug, Serialize, Deserialize)]
pub struct SealStatus {
    /// Whether the root key is open.
    pub open: bool,
    /// The root key's name.
    pub root: Option<String>,
    /// The seals of this server, as `--seal` names them.
    pub seals: Vec<String>,
    /// How many wraps the root has.
    pub wraps: Option<usize>,
    /// Whether the data folder holds what opens it.
    pub within_folder: bool,
    /// How many key materials the state names and the vault lacked at the start: what is encrypted under them cannot be decrypted.
    #[serde(default)]
    pub missing_materials: usize,
}

impl Site {
    /// Takes the folder; nothing is opened yet.
    ///
    /// # Errors
    /// When it cannot be used, or the options do not fit what is there.
    pub fn take(config: Config) -> anyhow::Result<Self> {
        let folder = match &config.state {
            StateLocation::Memory => None,
            StateLocation::Folder(path) => Some(DataFolder::open(path, config.dev)?),
        };
        let seals = match &folder {
            None => Vec::new(),
            Some(folder) => seals_of(&config, folder),
        };
        let site = Self {
            config,
            folder,
            seals: SyncMutex::new(seals),
            open: SyncMutex::default(),
            metrics: Arc::default(),
            missing_materials: AtomicUsize::default(),
            keeping: Mutex::default(),
        };
        site.check_credentials_out()?;
        Ok(site)
    }

    /// Opens the seal, by its own seals or by one that somebody gave, or makes it at the first start.
    ///
    /// # Errors
    /// When what is there is damaged or does not belong together.
    pub fn unseal(&self, given: Option<Box<dyn Provider>>) -> anyhow::Result<Unsealing> {
        let mut open = self.open();
        if open.is_some() {
            return Ok(Unsealing::Open);
        }
        let Some(folder) = &self.folder else {
            *open = Some(Arc::new(self.vault_under(Opened::in_memory())?));
            return Ok(Unsealing::Open);
        };
        let store = folder.store();
        let check = |key: &RootKey| is_sealed_by(store.clone(), key);
        let state = store.exists().then_some(&check as StateCheck<'_>);
        let sealed = SealFolder::of(folder.path());
        let mut seals = self.seals();
        let opening = match given {
            None => sealed.open(&seals, state)?,
            // Alone: what is told of a wrong one is about it.
            Some(given) => {
                let alone = [given];
                let mut opening = sealed.open(&alone, state)?;
                if let Opening::Open(opened) = &mut opening {
                    if let Err(error) = sealed.add_new(opened, &seals) {
                        tracing::warn!(
                            "a seal of this server does not seal the root key yet: {error:#}"
                        );
                    }
                    let [given] = alone;
                    if !is_among(&*given, &seals) {
                        seals.push(given);
                    }
                }
                opening
            }
        };
        drop(seals);
        match opening {
            Opening::Open(opened) => {
                *open = Some(Arc::new(self.vault_under(*opened)?));
                Ok(Unsealing::Open)
            }
            Opening::Sealed(reasons) => Ok(Unsealing::Sealed(reasons)),
        }
    }

    /// What there is to know about the seal.
    pub fn seal_status(&self) -> SealStatus {
        let open = self.open().clone();
        let opened = open.as_ref().map(|open| lock(&open.opened));
        let seals = self.seals().iter().map(|seal| seal.name()).collect();
        SealStatus {
            open: opened.is_some(),
            root: opened.as_ref().map(|opened| opened.root.id().to_string()),
            wraps: opened.as_ref().map(|opened| opened.wraps().len()),
            seals,
            within_folder: self.seal_is_within(),
            missing_materials: self.missing_materials.load(Ordering::Relaxed),
        }
    }

    /// Makes a new root key under the same seals, each renewed, and new keys for all domains. Copies of the folder made before are of
    /// no use then to whoever has a key file of now.
    ///
    /// # Errors
    /// When a wrap of the root is not of a seal of this server, or a seal, the folder or the vault fails.
    pub fn rotate_root(&self) -> anyhow::Result<()> {
        let open = self.open().clone().context("the seal is not open")?;
        let mut opened = lock(&open.opened);
        let seals = self.seals();
        let usable = openers(&seals, opened.wraps()).map_err(|missing| {
            anyhow!(
                "the root key has {} wraps, and the seals of this server do not open {missing} of them: name them all, or migrate",
                opened.wraps().len()
            )
        })?;
        let new = self.move_to(&opened, |root| {
            usable.iter().map(|seal| seal.renew(root)).collect()
        })?;
        for seal in &usable {
            seal.settle(new.wraps())?;
        }
        self.end_rotation(&open.keys, &mut opened, new)
    }

    /// Makes a new root key under one seal instead of those there are, whose key files are destroyed.
    ///
    /// # Errors
    /// When the seal, the folder or the vault fails.
    pub fn migrate(&self, to: Box<dyn Provider>) -> anyhow::Result<()> {
        let open = self.open().clone().context("the seal is not open")?;
        let mut opened = lock(&open.opened);
        let mut seals = self.seals();
        // By whatever name: what the old seals keep is destroyed in the end.
        ensure!(!is_among(&*to, &seals), "{} is a seal already", to.name());
        let new = self.move_to(&opened, |root| Ok(vec![to.wrap(root)?]))?;
        self.end_rotation(&open.keys, &mut opened, new)?;
        for old in std::mem::replace(&mut *seals, vec![to]) {
            old.discard()?;
        }
        Ok(())
    }

    fn move_to(
        &self,
        opened: &Opened,
        wrap: impl FnOnce(&Root) -> anyhow::Result<Vec<RootWrap>>,
    ) -> anyhow::Result<Opened> {
        let folder = self
            .folder
            .as_ref()
            .context("nothing is kept, so nothing is sealed")?;
        ensure!(
            opened.older.is_none(),
            "a rotation before this one did not end: restart the server, which ends it"
        );
        SealFolder::of(folder.path()).rotate(opened, wrap)
    }

    /// Moves the vault to the new root. Where that fails, both roots are kept, and the next start goes on.
    fn end_rotation(&self, keys: &Keys, opened: &mut Opened, new: Opened) -> anyhow::Result<()> {
        let folder = self.folder.as_ref().context("nothing is kept")?;
        *opened = new;
        keys.rotate_root(opened.root.share(), &mut OsRandom)?;
        SealFolder::of(folder.path()).forget_older(opened)?;
        key_upkeep::rotate(keys, 0)?;
        Ok(())
    }

    /// Whether whoever takes the data folder takes what opens it too.
    pub fn seal_is_within(&self) -> bool {
        let within = |folder: &DataFolder| {
            let seals = self.seals();
            seals.iter().any(|seal| seal.is_within(folder.path()))
        };
        self.folder.as_ref().is_some_and(within)
    }

    /// Where the first start writes the root credentials.
    pub fn credentials_path(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let chosen = self.config.credentials_out.clone();
        Some(chosen.unwrap_or_else(|| folder.credentials()))
    }

    /// The front while no seal is open.
    ///
    /// # Errors
    /// When it cannot be put together.
    pub fn sealed_front(&self) -> anyhow::Result<Gateway> {
        assemble::sealed(&self.config, &self.metrics)
    }

    /// The data folder, if there is one.
    pub fn folder(&self) -> Option<&DataFolder> {
        self.folder.as_ref()
    }

    /// Opens the store and puts the front before it. `unsealed` says that somebody opened the seal while it served: that goes on record
    /// before anything else.
    ///
    /// # Errors
    /// When the seal is not open, or the store does not open.
    pub async fn start(&self, unsealed: bool) -> anyhow::Result<(Gateway, Option<FirstKeys>)> {
        let open = self.open().clone().context("the seal is not open")?;
        let clock = ClockAhead::default();
        let options = StoreOptions {
            clock: Arc::new(clock.clone()),
            ..StoreOptions::default()
        };
        let store = match &self.folder {
            None => Store::open_memory(options)?,
            Some(folder) => data_folder::open_store(&folder.store(), options)?,
        };
        if let Some(folder) = &self.folder {
            store_seen::check(&folder.vault(), &store, &open.keys)?;
        }
        state_clock::catch_up(&clock, &store, self.config.dev)?;
        if unsealed {
            record_unsealing(&store).await?;
        }
        let first_keys = self.first_start(&store, &*open.seal).await?;
        let missing = settle(&store, &open.keys)?;
        self.missing_materials.store(missing, Ordering::Relaxed);
        let seal = Arc::clone(&open.seal);
        let keys = Arc::clone(&open.keys) as Arc<dyn KeyVault>;
        let moved = Arc::<Notify>::default();
        let front = assemble::gateway(
            &self.config,
            store.clone(),
            seal,
            Arc::clone(&keys),
            &self.metrics,
            self.config.dev.then(|| state_clock::mover(clock, &moved)),
        )?;
        // Last: a start that fails leaves no handle of the store, so that another may follow.
        self.keep(store, keys, moved).await;
        Ok((front, first_keys))
    }

    /// Starts what keeps the state in order.
    async fn keep(&self, store: Store, keys: Arc<dyn KeyVault>, clock_moved: Arc<Notify>) {
        let mut keeping = self.keeping.lock().await;
        if let Some(days) = self.config.retention_days {
            let interval = Duration::from_secs(3600);
            keeping.push(tokio::spawn(retention::keep(store.clone(), days, interval)));
        }
        if let Some(folder) = &self.folder {
            let seeing = store_seen::keep(folder.vault(), store.clone(), STORE_SEEN_EVERY);
            keeping.push(tokio::spawn(seeing));
        }
        let timers = key_timers::keep(store, keys, KEY_TIMERS_EVERY, clock_moved);
        keeping.push(tokio::spawn(timers));
    }

    /// Forgets the state; but for those of what keeps it in order, no handle of the store may be left.
    ///
    /// # Errors
    /// When the folder or the vault cannot be cleared.
    pub async fn clear(&self) -> anyhow::Result<()> {
        for keeping in self.keeping.lock().await.drain(..) {
            keeping.abort();
            let _ = keeping.await;
        }
        if let Some(open) = self.open().clone() {
            open.keys.keep_only(&mut |_, _| false)?;
            open.keys.wipe_torn()?;
        }
        if let Some(folder) = &self.folder {
            store_seen::forget(&folder.vault())?;
        }
        match &self.folder {
            Some(folder) => {
                std::fs::remove_dir_all(folder.store()).context("cannot clear the state")
            }
            None => Ok(()),
        }
    }

    /// Rotates the keys of domains when they are due, as long as the server runs.
    pub fn keep_keys_young(&self) -> Option<JoinHandle<()>> {
        let open = self.open().clone()?;
        let interval = Duration::from_secs(3600);
        Some(tokio::spawn(key_upkeep::keep(
            Arc::clone(&open.keys),
            interval,
        )))
    }

    fn seals(&self) -> MutexGuard<'_, Vec<Box<dyn Provider>>> {
        lock(&self.seals)
    }

    fn open(&self) -> MutexGuard<'_, Option<Arc<OpenSeal>>> {
        lock(&self.open)
    }

    /// Opens the vault under an open root, and ends what a rotation left undone.
    fn vault_under(&self, mut opened: Opened) -> anyhow::Result<OpenSeal> {
        let slots = match &self.folder {
            None => files::in_memory()?,
            Some(folder) => {
                let path = folder.vault();
                let opening = files::open(&path);
                let (slots, recovery) =
                    opening.with_context(|| format!("cannot open {}", path.display()))?;
                if recovery.torn + recovery.superseded > 0 {
                    tracing::info!(?recovery, "the vault was not closed in order");
                }
                slots
            }
        };
        let spine = opened.spine_key();
        let roots = std::iter::once(opened.root.share()).chain(opened.older.take());
        let clock = Arc::new(SystemClock);
        let keys = Keys::open(slots, roots.collect(), clock, &mut OsRandom)?;
        if let Some(folder) = &self.folder {
            SealFolder::of(folder.path()).forget_older(&mut opened)?;
        }
        Ok(OpenSeal {
            seal: Arc::new(TokenSeal::new(RootKeySeal::new(spine, vec![]))),
            keys: Arc::new(keys),
            opened: SyncMutex::new(opened),
        })
    }

    /// A seal outside the folder would be worth little if the first start left root credentials within.
    fn check_credentials_out(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let makes_credentials = !folder.store().exists() && self.config.root_credentials.is_empty();
        if let Some(out) = self
            .config
            .credentials_out
            .as_ref()
            .filter(|_| makes_credentials)
        {
            ensure!(
                !out.exists(),
                "{} is there already, and --credentials-out overwrites nothing: move it away, or name another file",
                out.display()
            );
        }
        if self.seal_is_within() {
            return Ok(());
        }
        let out = self.config.credentials_out.as_ref();
        let inside = |path: &PathBuf| {
            SealUri::File(path.clone())
                .provider()
                .is_within(folder.path())
        };
        ensure!(
            !out.is_some_and(inside),
            "--credentials-out must lie outside {}: whoever takes the folder shall not find credentials in it",
            folder.path().display()
        );
        let makes_credentials = !folder.store().exists() && self.config.root_credentials.is_empty();
        ensure!(
            !makes_credentials || out.is_some(),
            "with this seal the first start's root credentials are not written into the data folder: say where with --credentials-out FILE"
        );
        Ok(())
    }

    /// Makes the accounts that the command line names; where it names none, a new state gets its first account and root key.
    async fn first_start(
        &self,
        store: &Store,
        seal: &dyn Seal,
    ) -> anyhow::Result<Option<FirstKeys>> {
        let mut tx = store.begin()?;
        ensure!(
            deployment::is_sealed_by(&mut tx, seal, &mut OsRandom)?,
            "the folder seal is not the one that this state was sealed with: put that one back"
        );
        seal.renew(&mut tx, &mut OsRandom)?;
        for given in &self.config.root_credentials {
            palisade_iam::accounts::create(&mut tx, &given.account)?;
            deployment::settle(&mut tx, &given.account)?;
        }
        let mut made = None;
        if self.config.root_credentials.is_empty() && !palisade_iam::accounts::any(&tx)? {
            let keys = FirstKeys::generate();
            palisade_iam::accounts::add_root_key(
                &mut tx,
                &keys.account,
                &keys.access_key_id,
                &keys.secret,
                seal,
                &mut OsRandom,
            )?;
            deployment::settle(&mut tx, &keys.account)?;
            if let Some(path) = self.credentials_path() {
                // Written before the commit: a key nobody was told of would lock the state for ever.
                if self.config.credentials_out.is_none() {
                    let _ = std::fs::remove_file(&path);
                }
                write_private(&path, keys.as_profile().as_bytes())?;
            }
            made = Some(keys);
        }
        if tx.has_writes() {
            let fact = Fact {
                time: Millis(tx.time().0),
                ..Fact::default()
            };
            store.commit(tx, fact, Durability::Durable).await?;
        }
        Ok(made)
    }
}

fn lock<T>(mutex: &SyncMutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seals_of(config: &Config, folder: &DataFolder) -> Vec<Box<dyn Provider>> {
    if config.seals.is_empty() {
        let key = SealFolder::default_key(folder.path());
        return vec![SealUri::File(key).provider()];
    }
    config.seals.iter().map(SealUri::provider).collect()
}

/// Whether the store in `path` was sealed with a key; nothing is written.
fn is_sealed_by(path: PathBuf, key: &RootKey) -> anyhow::Result<bool> {
    let store = data_folder::open_store(&path, StoreOptions::default())?;
    let seal = RootKeySeal::new(key.share(), vec![]);
    Ok(deployment::is_sealed_by(
        &mut store.begin()?,
        &seal,
        &mut OsRandom,
    )?)
}
