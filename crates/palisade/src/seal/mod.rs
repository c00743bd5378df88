//! The seal: what wraps the root key that everything else lies under, and opens it at the start.
//!
//! `DIR/seal/root.sealed` holds the root key, wrapped once for each seal ([`palisade_keyring::SealedRoot`]), and under it the key of
//! the spine. A seal is something that wraps and opens: a key file, a passphrase. [`Provider`] is what all of them have in common; what
//! lies below the root knows nothing of it.

mod file;
pub mod folder;
mod passphrase;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use palisade_keyring::{Passphrase, Root, RootWrap};

pub use file::FileProvider;
pub use passphrase::{PassphraseProvider, read as read_passphrase};

/// Where a seal is, as `--seal` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealUri {
    /// `file:PATH`: a key file of 32 bytes, mode 0600; made if it is not there.
    File(PathBuf),
    /// `passphrase:…`.
    Passphrase(PassphraseSource),
}

/// Where a passphrase comes from. One newline at its end does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// `file=PATH`: a file, read whenever it is needed.
    File(PathBuf),
    /// `fd=N`: an open file descriptor, read once.
    Descriptor(u32),
    /// `tty`: the terminal asks.
    Terminal,
}

/// A text that names no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seal is file:PATH, passphrase:file=PATH, passphrase:fd=N or passphrase:tty")]
pub struct NoSeal;

/// What wraps a root key and opens it again.
pub trait Provider: Send + Sync {
    /// What kind of seal it is: `file`, `passphrase`.
    fn kind(&self) -> &'static str;

    /// What it is, for people: its URI.
    fn name(&self) -> String;

    /// The root, if one of the wraps is of this seal; `None` if none of them is.
    ///
    /// # Errors
    /// When the seal cannot be used now: no such file, say.
    fn open(&self, wraps: &[RootWrap]) -> anyhow::Result<Option<Root>>;

    /// Wraps a root with what there is, or, where there is nothing yet, with something new.
    ///
    /// # Errors
    /// When the seal cannot be used now.
    fn wrap(&self, root: &Root) -> anyhow::Result<RootWrap>;

    /// Wraps a root with something new, where the seal can make that by itself. What it had before stays until
    /// [`Provider::settle`].
    ///
    /// # Errors
    /// When the seal cannot be used now.
    fn renew(&self, root: &Root) -> anyhow::Result<RootWrap>;

    /// Ends a renewal, now that these wraps are durable: what opens none of them is destroyed. Also after a crash.
    ///
    /// # Errors
    /// When the seal cannot be used now.
    fn settle(&self, wraps: &[RootWrap]) -> anyhow::Result<()>;

    /// Whether a wrap is of this kind of seal.
    fn is_kind_of(&self, wrap: &RootWrap) -> bool;

    /// Whether the key of this seal is the file at `path`, by whatever name, or will be while it is renewed.
    fn keeps(&self, _path: &Path) -> bool {
        false
    }

    /// The file that the key of this seal is in, where it is in one of its own.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Destroys what the seal keeps, for it wraps nothing any more.
    ///
    /// # Errors
    /// When it cannot.
    fn discard(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Whether what opens it lies within a folder, so that whoever takes the folder takes the seal too.
    fn is_within(&self, folder: &Path) -> bool;
}

impl SealUri {
    /// The seal of this URI.
    pub fn provider(&self) -> Box<dyn Provider> {
        match self {
            Self::File(path) => Box::new(FileProvider::new(path.clone())),
            Self::Passphrase(source) => Box::new(PassphraseProvider::new(source.clone())),
        }
    }
}

/// Whether `seal` is one of `seals`, or keeps its key in the same file as one of them, by whatever name.
pub fn is_among(seal: &dyn Provider, seals: &[Box<dyn Provider>]) -> bool {
    let same = |other: &dyn Provider| {
        other.name() == seal.name() || seal.file().is_some_and(|file| other.keeps(file))
    };
    seals.iter().any(|other| same(&**other))
}

/// For each wrap a seal that opens it, each seal once: a seal that was named twice opens the same wraps twice. `Err` is how many
/// wraps none of the seals opens.
///
/// # Errors
/// When there is a wrap that none opens.
pub fn openers<'a>(
    seals: &'a [Box<dyn Provider>],
    wraps: &[RootWrap],
) -> Result<Vec<&'a dyn Provider>, usize> {
    let mut found = Vec::new();
    let mut missing = 0;
    for wrap in wraps {
        let wrap = std::slice::from_ref(wrap);
        let opener = seals
            .iter()
            .position(|seal| matches!(seal.open(wrap), Ok(Some(_))));
        match opener {
            Some(at) if found.contains(&at) => {}
            Some(at) => found.push(at),
            None => missing += 1,
        }
    }
    if missing > 0 {
        return Err(missing);
    }
    Ok(found
        .iter()
        .filter_map(|at| Some(&**seals.get(*at)?))
        .collect())
}

/// The seal of a passphrase that somebody gave.
pub fn given(passphrase: Passphrase) -> Box<dyn Provider> {
    Box::new(PassphraseProvider::given(passphrase))
}

impl FromStr for SealUri {
    type Err = NoSeal;

    fn from_str(text: &str) -> Result<Self, NoSeal> {
        let path = |text: &str| {
            (!text.is_empty())
                .then(|| PathBuf::from(text))
                .ok_or(NoSeal)
        };
        match text.split_once(':') {
            Some(("file", rest)) => Ok(Self::File(path(rest)?)),
            Some(("passphrase", "tty")) => Ok(Self::Passphrase(PassphraseSource::Terminal)),
            Some(("passphrase", rest)) => match rest.split_once('=') {
                Some(("file", rest)) => Ok(Self::Passphrase(PassphraseSource::File(path(rest)?))),
                Some(("fd", number)) => {
                    let number = number.parse().map_err(|_| NoSeal)?;
                    Ok(Self::Passphrase(PassphraseSource::Descriptor(number)))
                }
                _ => Err(NoSeal),
            },
            _ => Err(NoSeal),
        }
    }
}

impl fmt::Display for SealUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Passphrase(source) => write!(f, "passphrase:{source}"),
        }
    }
}

impl fmt::Display for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file={}", path.display()),
            Self::Descriptor(number) => write!(f, "fd={number}"),
            Self::Terminal => f.write_str("tty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: impl Into<PathBuf>) -> Box<dyn Provider> {
        SealUri::File(path.into()).provider()
    }

    #[test]
    fn a_key_file_is_known_by_every_name_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("root.key");
        std::fs::write(&key, [7; 32]).unwrap();
        let (symbolic, hard) = (folder.path().join("symbolic"), folder.path().join("hard"));
        std::os::unix::fs::symlink(&key, &symbolic).unwrap();
        std::fs::hard_link(&key, &hard).unwrap();
        let roundabout = folder
            .path()
            .join("..")
            .join(folder.path().file_name().unwrap());
        let seals = [file(&key)];
        for same in [&key, &symbolic, &hard, &roundabout.join("root.key")] {
            assert!(is_among(&*file(same), &seals), "{}", same.display());
        }
        let renewed = roundabout.join("root.key.new");
        assert!(is_among(&*file(renewed), &seals), "a renewal writes there");
        assert!(!is_among(&*file(folder.path().join("other")), &seals));
    }

    #[test]
    fn a_seal_named_twice_does_not_stand_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "two"].map(|name| folder.path().join(name));
        let root = Root::generate(&mut palisade_core::OsRandom);
        let wraps: Vec<RootWrap> = paths
            .iter()
            .map(|path| file(path).wrap(&root).unwrap())
            .collect();
        let [one, two] = paths;
        assert_eq!(openers(&[file(&one), file(&one)], &wraps).err(), Some(1));
        let seals = [file(&one), file(&one), file(&two)];
        let found = openers(&seals, &wraps).unwrap();
        let names: Vec<String> = found.iter().map(|seal| seal.name()).collect();
        assert_eq!(names, [file(&one).name(), file(&two).name()]);
    }

    #[test]
    fn a_uri_reads_back() {
        for text in [
            "file:/etc/palisade/root.key",
            "file:a:b",
            "passphrase:file=/run/pass",
            "passphrase:fd=3",
            "passphrase:tty",
        ] {
            assert_eq!(text.parse::<SealUri>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "file",
            "file:",
            "passphrase:",
            "passphrase:fd=x",
            "kms:x",
            "passphrase:file=",
        ] {
            assert_eq!(text.parse::<SealUri>(), Err(NoSeal), "{text}");
        }
    }
}
