//! A passphrase, made a key by Argon2id.

use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use palisade_core::OsRandom;
use palisade_keyring::root::{Cost, Provider as Kind};
use palisade_keyring::{Passphrase, Root, RootWrap, Secret};
use zeroize::Zeroizing;

use super::file::check_private;
use super::{PassphraseSource, Provider};

/// The longest passphrase, in bytes.
pub const BYTES_MAX: u64 = 4096;

/// The seal `passphrase:…`.
pub struct PassphraseProvider {
    source: Option<PassphraseSource>,
    /// What was read of a source that can be read once only, or was given.
    held: Mutex<Option<Arc<Passphrase>>>,
}

impl PassphraseProvider {
    /// The seal of a passphrase from a source.
    pub fn new(source: PassphraseSource) -> Self {
        Self {
            source: Some(source),
            held: Mutex::default(),
        }
    }

    /// The seal of a passphrase that somebody gave.
    pub fn given(passphrase: Passphrase) -> Self {
        Self {
            source: None,
            held: Mutex::new(Some(Arc::new(passphrase))),
        }
    }

    fn passphrase(&self) -> anyhow::Result<Arc<Passphrase>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passphrase) = &*held {
            return Ok(Arc::clone(passphrase));
        }
        let source = self.source.as_ref().context("no passphrase was given")?;
        let passphrase = Arc::new(read(source)?);
        if !matches!(source, PassphraseSource::File(_)) {
            *held = Some(Arc::clone(&passphrase));
        }
        Ok(passphrase)
    }
}

impl Provider for PassphraseProvider {
    fn kind(&self) -> &'static str {
        "passphrase"
    }

    fn name(&self) -> String {
        match &self.source {
            Some(source) => format!("passphrase:{source}"),
            None => "passphrase".to_owned(),
        }
    }

    fn open(&self, wraps: &[RootWrap]) -> anyhow::Result<Option<Root>> {
        let passphrase = self.passphrase()?;
        Ok(wraps
            .iter()
            .find_map(|wrap| wrap.open_with_passphrase(&passphrase).ok()))
    }

    fn wrap(&self, root: &Root) -> anyhow::Result<RootWrap> {
        let passphrase = self.passphrase()?;
        let wrap = RootWrap::by_passphrase(root, &passphrase, Cost::RECOMMENDED, &mut OsRandom);
        wrap.context("the passphrase cannot be made a key")
    }

    fn renew(&self, root: &Root) -> anyhow::Result<RootWrap> {
        // Nobody can change what somebody knows: the same passphrase, with another salt.
        self.wrap(root)
    }

    fn settle(&self, _wraps: &[RootWrap]) -> anyhow::Result<()> {
        Ok(())
    }

    fn is_kind_of(&self, wrap: &RootWrap) -> bool {
        matches!(wrap.provider(), Kind::Passphrase { .. })
    }

    fn is_within(&self, folder: &Path) -> bool {
        match &self.source {
            Some(PassphraseSource::File(path)) => {
                super::FileProvider::new(path.clone()).is_within(folder)
            }
            _ => false,
        }
    }
}

/// Reads a passphrase from its source.
///
/// # Errors
/// When it cannot be read, is empty or is too long.
pub fn read(source: &PassphraseSource) -> anyhow::Result<Passphrase> {
    let bytes = match source {
        PassphraseSource::File(path) => {
            let file = File::open(path)
                .with_context(|| format!("cannot read the passphrase from {}", path.display()))?;
            // What is no file (a pipe of the shell, say) is nobody else's to open.
            if file.metadata()?.is_file() {
                check_private(path, &file)?;
            }
            read_bounded(file)?
        }
        PassphraseSource::Descriptor(number) => {
            let file = File::open(format!("/dev/fd/{number}"))
                .with_context(|| format!("file descriptor {number} is not open for reading"))?;
            read_bounded(file)?
        }
        PassphraseSource::Terminal => {
            ensure!(
                std::io::stdin().is_terminal(),
                "there is no terminal to ask for the passphrase"
            );
            let text = rpassword::prompt_password("Passphrase of the seal: ");
            Zeroizing::new(text.context("cannot ask for the passphrase")?.into_bytes())
        }
    };
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Passphrase::new(Secret::from(text.to_vec())).context("the passphrase is empty")
}

fn read_bounded(from: impl Read) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    // All of it at once: a buffer that grew would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX as usize + 1));
    from.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .context("cannot read the passphrase")?;
    ensure!(
        bytes.len() as u64 <= BYTES_MAX,
        "a passphrase has at most {BYTES_MAX} bytes"
    );
    Ok(bytes)
}
