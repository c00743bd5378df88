//! The data folder: one process at a time, a mark that says how it was made, and where its parts are.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use palisade_store::{OpenError, Options, Store, StoreError};

/// An open data folder. Its lock is held as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

const DEV_MARK: &str = "served-with-dev";

impl DataFolder {
    /// Opens a folder, making it if it is new, for development mode or not. A folder once served with `--dev` is refused
    /// without it: anybody knows its root credentials.
    pub fn open(path: &Path, dev: bool) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {} private", path.display()))?;
        let lock = File::create(path.join("lock"))
            .with_context(|| format!("cannot write in {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!("{} is in use by another process", path.display());
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        folder.check_mark(dev)?;
        Ok(folder)
    }

    /// Where the store's files are.
    pub fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Where the first start writes the root credentials.
    pub fn credentials(&self) -> PathBuf {
        self.path.join("credentials")
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the wrapped keys are.
    pub fn vault(&self) -> PathBuf {
        self.path.join("vault")
    }

    fn check_mark(&self, dev: bool) -> anyhow::Result<()> {
        let mark = self.path.join(DEV_MARK);
        if dev {
            let fresh = !self.store().exists();
            ensure!(
                fresh || mark.exists(),
                "{} was made without --dev, and its root would get credentials that anybody knows",
                self.path.display()
            );
            return std::fs::write(
                &mark,
                "Anybody knows the root credentials of this folder.\n",
            )
            .context("cannot mark the folder");
        }
        ensure!(
            !mark.exists(),
            "{} was served with --dev, so anybody knows its root credentials: use it with --dev only",
            self.path.display()
        );
        Ok(())
    }
}

/// Whether a process holds the folder.
pub fn is_in_use(path: &Path) -> bool {
    File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_err())
}

/// Opens the store in a folder.
///
/// # Errors
/// When it cannot be read; what is damaged is said to be, with what to do.
pub fn open_store(path: &Path, options: Options) -> anyhow::Result<Store> {
    let opened = reading(path, || Ok(Store::open(path, options)))?;
    opened.map_err(|error| match error {
        OpenError::Store(StoreError::Unavailable(_) | StoreError::Damaged(_))
        | OpenError::NotAStore(_) => damaged(path, error.into()),
        other => anyhow::Error::new(other).context(format!("cannot open {}", path.display())),
    })
}

/// Does something that reads a store; `path` is where it is. The engine asserts what it wrote, and a damaged file does not hold it: the
/// assertion is an error like any other, and nothing of it is printed.
pub fn reading<T>(path: &Path, step: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let done = std::panic::catch_unwind(AssertUnwindSafe(step));
    std::panic::set_hook(hook);
    done.unwrap_or_else(|_| {
        let cause = anyhow::anyhow!("the engine found other bytes than it writes");
        Err(damaged(path, cause))
    })
}

/// What to do about a store that cannot be read.
pub fn damaged(path: &Path, cause: anyhow::Error) -> anyhow::Error {
    cause.context(format!(
        "{} cannot be read. Unless the disk or the permissions are at fault it is damaged: keep the folder as it is, and restore the last backup into another one (palisade restore FILE --data DIR)",
        path.display()
    ))
}

/// Writes a new file with mode 0600 and syncs it; an existing one is left alone and refused.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folder(path)
}

/// Makes the names in the folder of `path` durable.
pub fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataFolder::open(dir.path(), false).unwrap();
        assert!(is_in_use(dir.path()));
        let error = DataFolder::open(dir.path(), false).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
    }

    #[test]
    fn a_dev_folder_is_refused_without_dev() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataFolder::open(dir.path(), true).unwrap());
        assert!(DataFolder::open(dir.path(), false).is_err());
        assert!(DataFolder::open(dir.path(), true).is_ok());
    }

    #[test]
    fn a_panic_while_reading_is_an_error_that_says_what_to_do() {
        let path = Path::new("somewhere/store");
        let error = reading(path, || -> anyhow::Result<()> { panic!("an assertion") });
        let error = format!("{:#}", error.unwrap_err());
        assert!(
            error.starts_with("somewhere/store cannot be read."),
            "{error}"
        );
        assert_eq!(reading(path, || Ok(7)).unwrap(), 7);
    }
}
