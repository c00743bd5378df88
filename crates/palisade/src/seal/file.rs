//! A key file: 32 random bytes that nobody else may read.
//!
//! A new key is written beside the old one (`PATH.new`), and takes its place once the wrap it made is durable; the old one is
//! overwritten before.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use palisade_core::OsRandom;
use palisade_keyring::root::Provider as Kind;
use palisade_keyring::{FileKey, Root, RootWrap};
use zeroize::Zeroizing;

use super::Provider;
use crate::data_folder::{sync_folder, write_private};

/// The seal `file:PATH`.
pub struct FileProvider {
    path: PathBuf,
}

impl FileProvider {
    /// The seal of a key file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where a new key is until it takes the old one's place.
    fn new_path(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".new");
        path.into()
    }

    fn open_with(path: &Path, wraps: &[RootWrap]) -> anyhow::Result<Option<Root>> {
        let key = FileKey::new(read_key(path)?);
        Ok(wraps
            .iter()
            .find_map(|wrap| wrap.open_with_file_key(&key).ok()))
    }

    fn make(&self, path: &Path) -> anyhow::Result<FileKey> {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let key = FileKey::generate(&mut OsRandom);
        write_private(path, key.expose())?;
        Ok(key)
    }
}

impl Provider for FileProvider {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn name(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn open(&self, wraps: &[RootWrap]) -> anyhow::Result<Option<Root>> {
        let new = self.new_path();
        if !new.exists() {
            return Self::open_with(&self.path, wraps);
        }
        // A renewal did not end: the wrap says which of the two it is.
        match Self::open_with(&self.path, wraps) {
            Ok(Some(root)) => Ok(Some(root)),
            _ => Self::open_with(&new, wraps),
        }
    }

    fn wrap(&self, root: &Root) -> anyhow::Result<RootWrap> {
        let key = if self.path.exists() {
            FileKey::new(read_key(&self.path)?)
        } else {
            self.make(&self.path)?
        };
        Ok(RootWrap::by_file_key(root, &key, &mut OsRandom))
    }

    fn renew(&self, root: &Root) -> anyhow::Result<RootWrap> {
        let new = self.new_path();
        // Of a renewal that never came to a wrap.
        wipe(&new)?;
        let key = self.make(&new)?;
        Ok(RootWrap::by_file_key(root, &key, &mut OsRandom))
    }

    fn settle(&self, wraps: &[RootWrap]) -> anyhow::Result<()> {
        let new = self.new_path();
        if !new.exists() {
            return Ok(());
        }
        if Self::open_with(&new, wraps)?.is_none() {
            return wipe(&new);
        }
        overwrite(&self.path)?;
        std::fs::rename(&new, &self.path)
            .with_context(|| format!("cannot replace {}", self.path.display()))?;
        sync_folder(&self.path)
    }

    fn is_kind_of(&self, wrap: &RootWrap) -> bool {
        wrap.provider() == Kind::File
    }

    fn keeps(&self, path: &Path) -> bool {
        [&self.path, &self.new_path()]
            .into_iter()
            .any(|own| is_same(own, path))
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn discard(&self) -> anyhow::Result<()> {
        wipe(&self.new_path())?;
        wipe(&self.path)
    }

    fn is_within(&self, folder: &Path) -> bool {
        let parent = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let real = |path: &Path| {
            path.canonicalize()
                .or_else(|_| std::path::absolute(path))
                .ok()
        };
        match (real(parent), real(folder)) {
            (Some(parent), Some(folder)) => parent.starts_with(folder),
            // Where nobody can tell, the worse is taken.
            _ => true,
        }
    }
}

/// Whether two paths are of one file, which need not be there yet: links of either kind, `..` and relative paths make no difference.
fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    if let (Some(one), Some(other)) = (file(one), file(other)) {
        return one == other;
    }
    let place = |path: &Path| {
        let absolute = std::path::absolute(path).ok()?;
        let folder = absolute.parent()?.canonicalize().ok()?;
        Some(folder.join(absolute.file_name()?))
    };
    one == other || place(one).is_some_and(|one| place(other) == Some(one))
}

/// The 32 bytes of a key file that nobody else may read.
pub(super) fn read_key(path: &Path) -> anyhow::Result<Zeroizing<[u8; FileKey::BYTES]>> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    check_private(path, &file)?;
    let mut key = Zeroizing::new([0; FileKey::BYTES]);
    let whole = file.read_exact(&mut *key).is_ok() && file.read(&mut [0])? == 0;
    ensure!(
        whole,
        "{} is damaged: a root key file has 32 bytes",
        path.display()
    );
    Ok(key)
}

/// A file that only its owner may read or write.
pub(super) fn check_private(path: &Path, file: &File) -> anyhow::Result<()> {
    let mode = file.metadata()?.permissions().mode() & 0o777;
    ensure!(
        mode & 0o077 == 0,
        "{} can be read by others (mode {mode:03o}): set it to 0600",
        path.display()
    );
    Ok(())
}

/// Overwrites a file and removes it; one that is not there is no error.
pub(super) fn wipe(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    overwrite(path)?;
    std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    sync_folder(path)
}

fn overwrite(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let overwriting = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let length = file.metadata()?.len().min(1 << 16);
        file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])?;
        file.sync_all()
    };
    overwriting().with_context(|| format!("cannot overwrite {}", path.display()))
}
