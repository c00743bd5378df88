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

    /// Whether the key of this seal is the file at `path`.
    fn keeps(&self, _path: &Path) -> bool {
        false
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
