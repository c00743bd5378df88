//! `DIR/seal`: the sealed root key, made at the first start, opened at each, changed while serving.
//!
//! Folders of older versions hold the spine's key itself in `seal/root.key`. It becomes a key under a new root: what was sealed with it
//! is never written again, only the key is wrapped.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use palisade_core::{OsRandom, Random as _, RootKey};
use palisade_keyring::root::Provider as Kind;
use palisade_keyring::{Root, RootWrap, SealedRoot};
use zeroize::Zeroizing;

use super::Provider;
use super::file::{read_key, wipe};
use crate::data_folder::{sync_folder, write_private};

const SEALED: &str = "root.sealed";
const KEY: &str = "root.key";
/// The key that the spine's secrets are sealed with ([`palisade_core::RootKeySeal`]).
const SPINE: &str = "spine";
/// A root that still wraps keys of the vault, while they are moved.
const OLDER: &str = "older-root";

/// The folder of the seal.
pub struct SealFolder {
    path: PathBuf,
}

/// Whether the state that is there was sealed with a key.
pub type StateCheck<'a> = &'a dyn Fn(&RootKey) -> anyhow::Result<bool>;

/// What the start finds.
pub enum Opening {
    /// The root is open.
    Open(Box<Opened>),
    /// No seal opens it; why each does not.
    Sealed(Vec<String>),
}

/// An open root, and what lies right under it.
pub struct Opened {
    /// The root key.
    pub root: Root,
    /// The one before, if its keys were not all moved yet.
    pub older: Option<Root>,
    /// The key that the spine's secrets are sealed with.
    pub spine: Zeroizing<[u8; 32]>,
    sealed: SealedRoot,
}

impl Opened {
    /// The spine's key, to seal with.
    pub fn spine_key(&self) -> RootKey {
        RootKey::new(self.spine.clone())
    }

    /// Its wraps.
    pub fn wraps(&self) -> &[RootWrap] {
        &self.sealed.wraps
    }

    /// An open root that nothing keeps.
    pub fn in_memory() -> Self {
        Self {
            root: Root::generate(&mut OsRandom),
            older: None,
            spine: fresh_key(),
            sealed: SealedRoot::default(),
        }
    }
}

impl SealFolder {
    /// The seal of a data folder.
    pub fn of(data: &Path) -> Self {
        Self {
            path: data.join("seal"),
        }
    }

    /// The key file of a folder that no other seal was named for.
    pub fn default_key(data: &Path) -> PathBuf {
        data.join("seal").join(KEY)
    }

    /// Whether there is a sealed root, or the key of an older version.
    pub fn is_made(&self) -> bool {
        self.sealed_path().exists() || self.path.join(KEY).exists()
    }

    /// Opens the root with the first of the seals that can, or makes it with all of them. Where there is a state already, `state` says
    /// whether a key is the one that it was sealed with: another root would not open it.
    ///
    /// # Errors
    /// When the folder cannot be used, or the root is missing though there is a state.
    pub fn open(
        &self,
        seals: &[Box<dyn Provider>],
        state: Option<StateCheck<'_>>,
    ) -> anyhow::Result<Opening> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)?;
        if self.sealed_path().exists() {
            return self.unseal(seals);
        }
        let Some(is_sealed_by) = state else {
            return self
                .make(seals, fresh_key())
                .map(|opened| Opening::Open(Box::new(opened)));
        };
        let clear = self.path.join(KEY);
        if clear.exists() {
            let spine = read_key(&clear)?;
            // A key file put back without the root it seals must stay as it is.
            if is_sealed_by(&RootKey::new(spine.clone()))? {
                return self
                    .adopt(seals, spine)
                    .map(|opened| Opening::Open(Box::new(opened)));
            }
        }
        bail!(
            "{} is missing: without it what this folder holds cannot be opened; put the folder seal back from where it is kept",
            self.sealed_path().display()
        )
    }

    /// A new root under the wraps that `wrap` makes, with the one of `opened` as the older: what is written opens both. Once the vault
    /// has moved to the new one, [`SealFolder::forget_older`] ends it.
    ///
    /// # Errors
    /// When the wraps cannot be made or the folder cannot be written; the old root holds then.
    pub fn rotate(
        &self,
        opened: &Opened,
        wrap: impl FnOnce(&Root) -> anyhow::Result<Vec<RootWrap>>,
    ) -> anyhow::Result<Opened> {
        let root = Root::generate(&mut OsRandom);
        let sealed = SealedRoot {
            wraps: wrap(&root)?,
            own: vec![
                self.spine_token(&root, &opened.spine),
                (
                    OLDER.to_owned(),
                    root.wrap_root(&opened.root, &mut OsRandom),
                ),
            ],
        };
        self.write(&sealed)?;
        Ok(Opened {
            older: Some(opened.root.share()),
            root,
            spine: opened.spine.clone(),
            sealed,
        })
    }

    /// Ends a rotation: the older root is kept no longer.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn forget_older(&self, opened: &mut Opened) -> anyhow::Result<()> {
        if opened.sealed.own(OLDER).is_some() {
            opened.sealed.own.retain(|(name, _)| name != OLDER);
            self.write(&opened.sealed)?;
        }
        opened.older = None;
        Ok(())
    }

    fn sealed_path(&self) -> PathBuf {
        self.path.join(SEALED)
    }

    fn read(&self) -> anyhow::Result<SealedRoot> {
        let path = self.sealed_path();
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        SealedRoot::parse(&bytes).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes beside and renames, so that there is always one whole file.
    fn write(&self, sealed: &SealedRoot) -> anyhow::Result<()> {
        let (path, new) = (self.sealed_path(), self.path.join("root.sealed.new"));
        if new.exists() {
            std::fs::remove_file(&new)?;
        }
        write_private(&new, &sealed.to_bytes())?;
        std::fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))?;
        sync_folder(&path)
    }

    fn unseal(&self, seals: &[Box<dyn Provider>]) -> anyhow::Result<Opening> {
        let sealed = self.read()?;
        let (mut reasons, mut strangers) = (Vec::new(), Vec::new());
        let mut found = None;
        for seal in seals {
            match seal.open(&sealed.wraps) {
                Ok(Some(root)) => {
                    seal.settle(&sealed.wraps)?;
                    found.get_or_insert(root);
                }
                _ if is_new(&**seal, seals, &sealed.wraps) => strangers.push(seal.name()),
                Ok(None) => reasons.push(format!("{} does not open it", seal.name())),
                Err(error) => reasons.push(format!("{}: {error:#}", seal.name())),
            }
        }
        let Some(root) = found else {
            let by = sealed_by(&sealed.wraps);
            let known = strangers.iter().map(|name| {
                format!("{name} is not among the seals of this root key: it is sealed by {by}")
            });
            reasons.extend(known);
            return Ok(Opening::Sealed(reasons));
        };
        for reason in reasons {
            tracing::warn!("one of several seals is of no use: {reason}");
        }
        let mut opened = self.opened(root, sealed)?;
        self.add_new(&mut opened, seals)?;
        self.wipe_clear_key(&opened, seals)?;
        Ok(Opening::Open(Box::new(opened)))
    }

    fn opened(&self, root: Root, sealed: SealedRoot) -> anyhow::Result<Opened> {
        let token = sealed
            .own(SPINE)
            .context("root.sealed holds no key of the spine")?;
        let spine = root.open_own(SPINE, token).context("root.sealed")?;
        let spine = spine.expose().try_into().context("root.sealed")?;
        let older = sealed.own(OLDER).map(|token| root.open_root(token));
        Ok(Opened {
            older: older.transpose().context("root.sealed")?,
            spine: Zeroizing::new(spine),
            root,
            sealed,
        })
    }

    /// Wraps the root by seals that were named for the first time.
    ///
    /// # Errors
    /// When one of them cannot be used now, or the folder cannot be written.
    pub fn add_new(&self, opened: &mut Opened, seals: &[Box<dyn Provider>]) -> anyhow::Result<()> {
        let known = opened.sealed.wraps.len();
        for seal in seals {
            let opens = matches!(seal.open(&opened.sealed.wraps), Ok(Some(_)));
            if !opens && is_new(&**seal, seals, &opened.sealed.wraps) {
                opened.sealed.wraps.push(seal.wrap(&opened.root)?);
                tracing::info!("the root key is now sealed by {} too", seal.name());
            }
        }
        if opened.sealed.wraps.len() > known {
            self.write(&opened.sealed)?;
        }
        Ok(())
    }

    /// A folder of an older version whose seal is not its key file: a crash may have left that there.
    fn wipe_clear_key(&self, opened: &Opened, seals: &[Box<dyn Provider>]) -> anyhow::Result<()> {
        let path = self.path.join(KEY);
        if seals.iter().any(|seal| seal.keeps(&path)) {
            return Ok(());
        }
        match path.exists().then(|| read_key(&path)) {
            Some(Ok(key)) if *key == *opened.spine => wipe(&path),
            _ => Ok(()),
        }
    }

    fn make(
        &self,
        seals: &[Box<dyn Provider>],
        spine: Zeroizing<[u8; 32]>,
    ) -> anyhow::Result<Opened> {
        let root = Root::generate(&mut OsRandom);
        let wraps = seals.iter().map(|seal| seal.wrap(&root));
        let sealed = SealedRoot {
            wraps: wraps.collect::<anyhow::Result<_>>()?,
            own: vec![self.spine_token(&root, &spine)],
        };
        self.write(&sealed)?;
        Ok(Opened {
            root,
            older: None,
            spine,
            sealed,
        })
    }

    /// Takes the key of an older version under a new root.
    fn adopt(
        &self,
        seals: &[Box<dyn Provider>],
        spine: Zeroizing<[u8; 32]>,
    ) -> anyhow::Result<Opened> {
        let clear = self.path.join(KEY);
        let root = Root::generate(&mut OsRandom);
        let mut wraps = Vec::new();
        for seal in seals {
            // The key file gets a key of its own: the old one is the spine's.
            let wrap = match seal.keeps(&clear) {
                true => seal.renew(&root),
                false => seal.wrap(&root),
            };
            wraps.push(wrap?);
        }
        let sealed = SealedRoot {
            wraps,
            own: vec![self.spine_token(&root, &spine)],
        };
        self.write(&sealed)?;
        for seal in seals {
            seal.settle(&sealed.wraps)?;
        }
        let opened = Opened {
            root,
            older: None,
            spine,
            sealed,
        };
        self.wipe_clear_key(&opened, seals)?;
        tracing::info!("the root key of an older version is now a key under the sealed root");
        Ok(opened)
    }

    fn spine_token(&self, root: &Root, spine: &[u8; 32]) -> (String, Vec<u8>) {
        let token = root.wrap_own(SPINE, spine, &mut OsRandom);
        (SPINE.to_owned(), token)
    }
}

/// What seals a root, for people.
fn sealed_by(wraps: &[RootWrap]) -> String {
    let kind = |wrap: &RootWrap| match wrap.provider() {
        Kind::File => "a key file",
        Kind::Passphrase { .. } => "a passphrase",
    };
    let kinds: BTreeSet<&str> = wraps.iter().map(kind).collect();
    kinds.into_iter().collect::<Vec<_>>().join(" and ")
}

/// Whether there are fewer wraps of a seal's kind than seals of it: it was named for the first time.
fn is_new(seal: &dyn Provider, seals: &[Box<dyn Provider>], wraps: &[RootWrap]) -> bool {
    let wraps: Vec<&RootWrap> = wraps.iter().filter(|wrap| seal.is_kind_of(wrap)).collect();
    let kinds = seals.iter().map(|other| other.kind());
    wraps.len() < kinds.filter(|kind| *kind == seal.kind()).count()
}

fn fresh_key() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    OsRandom.fill(&mut *key);
    key
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::super::{FileProvider, SealUri};
    use super::*;

    type Seals = Vec<Box<dyn Provider>>;

    fn data() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn seals(uris: &[String]) -> Seals {
        let provider = |uri: &String| uri.parse::<SealUri>().unwrap().provider();
        uris.iter().map(provider).collect()
    }

    fn default_seal(data: &TempDir) -> Seals {
        let path = SealFolder::default_key(data.path());
        vec![Box::new(FileProvider::new(path))]
    }

    fn passphrase_seal(data: &TempDir, text: &str) -> Seals {
        let path = data.path().join(format!("passphrase-{text}"));
        if !path.exists() {
            write_private(&path, format!("{text}\n").as_bytes()).unwrap();
        }
        seals(&[format!("passphrase:file={}", path.display())])
    }

    fn opening(data: &TempDir, seals: &Seals) -> anyhow::Result<Opening> {
        SealFolder::of(data.path()).open(seals, None)
    }

    fn open(data: &TempDir, seals: &Seals) -> Opened {
        match opening(data, seals).unwrap() {
            Opening::Open(opened) => *opened,
            Opening::Sealed(reasons) => panic!("{reasons:?}"),
        }
    }

    fn is_sealed(data: &TempDir, seals: &Seals) -> bool {
        matches!(opening(data, seals).unwrap(), Opening::Sealed(_))
    }

    /// A folder as older versions made it, with the key of its state.
    fn older_version() -> (TempDir, [u8; 32]) {
        let data = data();
        let key = SealFolder::default_key(data.path());
        std::fs::create_dir(data.path().join("seal")).unwrap();
        write_private(&key, &[7; 32]).unwrap();
        (data, [7; 32])
    }

    fn adopt(data: &TempDir, seals: &Seals, key: [u8; 32]) -> anyhow::Result<Opening> {
        let known = |found: &RootKey| Ok(found.is(&RootKey::new(Zeroizing::new(key))));
        SealFolder::of(data.path()).open(seals, Some(&known))
    }

    fn rotated(data: &TempDir, opened: &Opened) -> Opened {
        let seal = FileProvider::new(SealFolder::default_key(data.path()));
        let folder = SealFolder::of(data.path());
        let rotated = folder
            .rotate(opened, |root| Ok(vec![seal.renew(root)?]))
            .unwrap();
        seal.settle(rotated.wraps()).unwrap();
        rotated
    }

    fn holds(path: &Path, bytes: &[u8]) -> bool {
        std::fs::read(path).is_ok_and(|found| found.windows(bytes.len()).any(|part| part == bytes))
    }

    #[test]
    fn what_was_made_opens_again_and_is_private() {
        let data = data();
        let first = open(&data, &default_seal(&data));
        let again = open(&data, &default_seal(&data));
        assert_eq!(first.root.id(), again.root.id());
        assert_eq!(first.spine, again.spine);
        let key = SealFolder::default_key(data.path());
        let mode = || std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        assert!(!holds(
            &data.path().join("seal").join(SEALED),
            &*first.spine
        ));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(is_sealed(&data, &default_seal(&data)), "others can read it");
    }

    #[test]
    fn any_of_several_seals_opens_it_and_no_other() {
        let data = data();
        let mut both = passphrase_seal(&data, "one");
        both.extend(default_seal(&data));
        let root = open(&data, &both).root.id();
        for alone in [passphrase_seal(&data, "one"), default_seal(&data)] {
            assert_eq!(open(&data, &alone).root.id(), root);
        }
        assert!(is_sealed(&data, &passphrase_seal(&data, "other")));
        assert_eq!(open(&data, &both).wraps().len(), 2, "none was added");
    }

    #[test]
    fn a_seal_of_another_kind_is_told_what_the_root_is_sealed_by() {
        let data = data();
        open(&data, &default_seal(&data));
        let Opening::Sealed(reasons) = opening(&data, &passphrase_seal(&data, "one")).unwrap()
        else {
            panic!("it opens");
        };
        assert!(
            reasons[0].ends_with("it is sealed by a key file"),
            "{reasons:?}"
        );
    }

    #[test]
    fn a_seal_named_later_is_added_once_another_opens() {
        let data = data();
        let root = open(&data, &default_seal(&data)).root.id();
        let words = passphrase_seal(&data, "one");
        assert!(is_sealed(&data, &words), "it cannot add itself");
        let mut both = passphrase_seal(&data, "one");
        both.extend(default_seal(&data));
        open(&data, &both);
        assert_eq!(open(&data, &words).root.id(), root);
    }

    #[test]
    fn the_key_of_an_older_version_becomes_one_under_the_root() {
        let (data, key) = older_version();
        let Opening::Open(opened) = adopt(&data, &default_seal(&data), key).unwrap() else {
            panic!("sealed");
        };
        assert_eq!(*opened.spine, key);
        let path = SealFolder::default_key(data.path());
        assert!(!holds(&path, &key), "the key file has a key of its own");
        assert_eq!(*open(&data, &default_seal(&data)).spine, key);
    }

    #[test]
    fn moving_an_older_version_to_a_passphrase_leaves_no_key_behind() {
        let (data, key) = older_version();
        let words = passphrase_seal(&data, "one");
        assert!(adopt(&data, &words, key).is_ok());
        assert!(!SealFolder::default_key(data.path()).exists());
        assert_eq!(*open(&data, &words).spine, key);
    }

    #[test]
    fn a_key_file_put_back_without_the_root_is_left_as_it_is() {
        let data = data();
        open(&data, &default_seal(&data));
        let key = SealFolder::default_key(data.path());
        let before = std::fs::read(&key).unwrap();
        std::fs::remove_file(data.path().join("seal").join(SEALED)).unwrap();
        let error = adopt(&data, &default_seal(&data), [7; 32]).err().unwrap();
        assert!(
            error.to_string().contains("root.sealed is missing"),
            "{error}"
        );
        assert_eq!(std::fs::read(&key).unwrap(), before);
    }

    #[test]
    fn a_renewal_that_a_crash_ended_is_taken_up_from_either_side() {
        // Before the wrap of the new key was durable: the old key holds.
        let data = data();
        let opened = open(&data, &default_seal(&data));
        let new = data.path().join("seal/root.key.new");
        FileProvider::new(SealFolder::default_key(data.path()))
            .renew(&opened.root)
            .unwrap();
        assert!(new.exists());
        assert_eq!(
            open(&data, &default_seal(&data)).root.id(),
            opened.root.id()
        );
        assert!(!new.exists(), "the new key wraps nothing");
        // After it: the new key holds.
        let before = std::fs::read(SealFolder::default_key(data.path())).unwrap();
        let rotated = rotated(&data, &opened);
        let key = SealFolder::default_key(data.path());
        std::fs::rename(&key, &new).unwrap();
        write_private(&key, &before).unwrap();
        let again = open(&data, &default_seal(&data));
        assert_eq!(again.root.id(), rotated.root.id());
        assert_eq!(again.older.map(|root| root.id()), Some(opened.root.id()));
        assert!(!new.exists() && !holds(&key, &before));
    }

    #[test]
    fn a_rotation_leaves_the_spines_key_and_ends_the_old_root() {
        let data = data();
        let before = open(&data, &default_seal(&data));
        let folder = SealFolder::of(data.path());
        let mut after = rotated(&data, &before);
        assert_ne!(after.root.id(), before.root.id());
        folder.forget_older(&mut after).unwrap();
        let again = open(&data, &default_seal(&data));
        assert_eq!(
            (again.root.id(), &again.spine),
            (after.root.id(), &before.spine)
        );
        assert!(again.older.is_none());
    }
}
