//! How a root key is kept: wrapped by what somebody has (a key file) or knows (a passphrase).
//!
//! One root may have several wraps; any of them opens it. A [`SealedRoot`] is all of them, with the server's own secrets that lie
//! right under the root, in the form of one small file:
//!
//! ```text
//! "palisade root 1\n" ‖ number of wraps ‖ wraps ‖ number of secrets ‖ (name, token) each
//! wrap:  1 ‖ provider ‖ what the provider needs ‖ root id (8) ‖ envelope of the root key
//! ```
//! Provider 1 is a key file and needs nothing; provider 2 is a passphrase and needs salt (16), memory in KiB (4), passes (4) and
//! lanes (4): Argon2id's parameters (RFC 9106). They come from a file, so they are bounded before they are used.
//!
//! ```
//! use palisade_keyring::testing::Counting;
//! use palisade_keyring::{FileKey, Root, RootWrap};
//!
//! let random = &mut Counting::default(); // truly random, outside of examples
//! let root = Root::generate(random);
//! let key = FileKey::generate(random);
//! let wrap = RootWrap::by_file_key(&root, &key, random);
//! assert_eq!(wrap.open_with_file_key(&key).unwrap().id(), root.id());
//! assert!(wrap.open_with_file_key(&FileKey::generate(random)).is_err());
//! ```

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::envelope::{self, DoesNotOpen, ENVELOPE_BYTES, Labels};
use crate::hierarchy::key_bytes;
use crate::reader::{Reader, put_long_bytes, put_short_text};
use crate::{DerivationKey, Random, Root, RootId, Secret};

/// The most wraps one root has.
pub const WRAPS_MAX: usize = 16;

/// A key of 256 bits that is kept in a file.
pub struct FileKey(DerivationKey);

/// A passphrase, and how dear it is to try one.
pub struct Passphrase(Secret);

/// What trying a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// A root key, wrapped by one provider.
#[derive(Clone, PartialEq, Eq)]
pub struct RootWrap {
    provider: Provider,
    root: RootId,
    header_bytes: usize,
    bytes: Vec<u8>,
}

/// A root key with all its wraps, and the own secrets under it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SealedRoot {
    /// The wraps; any of them opens the root.
    pub wraps: Vec<RootWrap>,
    /// Own secrets by name, as [`Root::wrap_own`] made them.
    pub own: Vec<(String, Vec<u8>)>,
}

/// What wraps a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A key file.
    File,
    /// A passphrase.
    Passphrase {
        /// What keeps tables of passphrases from being of use twice.
        salt: [u8; SALT_BYTES],
        /// What one try costs.
        cost: Cost,
    },
}

/// Bytes that are no sealed root of a known version, or ask for more than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sealed root key of a known version")]
pub struct NoSealedRoot;

const MAGIC: &[u8] = b"palisade root 1\n";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const OWN_MAX: usize = 64;
const FILE_BYTES_MAX: usize = 1 << 16;
const LABELS: Labels = Labels {
    key: "palisade root key",
    iv: "palisade root iv",
    commitment: "palisade root commitment",
};

impl FileKey {
    /// How long the file is, in bytes.
    pub const BYTES: usize = 32;

    /// The key that a file holds.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; Self::BYTES]>) -> Self {
        Self(DerivationKey::new(key))
    }

    /// A fresh key.
    pub fn generate(random: &mut dyn Random) -> Self {
        Self(DerivationKey::generate(random))
    }

    /// What is written to the file.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        self.0.expose()
    }
}

impl Passphrase {
    /// A passphrase; an empty one is none.
    #[must_use]
    pub fn new(text: Secret) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// The text itself. Whoever calls this keeps no copy longer than needed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    fn key(&self, salt: &[u8], cost: Cost) -> Result<DerivationKey, DoesNotOpen> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32));
        let params = params.map_err(|_| DoesNotOpen)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.0.expose(), salt, &mut *key)
            .map_err(|_| DoesNotOpen)?;
        Ok(DerivationKey::new(key))
    }
}

impl Cost {
    /// RFC 9106's second recommended choice: 64 MiB, three passes, four lanes.
    pub const RECOMMENDED: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 4,
    };

    /// 1 GiB, 16 passes, 16 lanes: a file cannot ask for more.
    fn is_bounded(self) -> bool {
        self.memory_kib <= 1 << 20 && self.passes <= 16 && self.lanes <= 16
    }
}

impl RootWrap {
    /// Wraps a root by a key file.
    pub fn by_file_key(root: &Root, key: &FileKey, random: &mut dyn Random) -> Self {
        Self::wrap(root, Provider::File, &key.0, random)
    }

    /// Wraps a root by a passphrase.
    ///
    /// # Errors
    /// When Argon2id does not take the cost.
    pub fn by_passphrase(
        root: &Root,
        passphrase: &Passphrase,
        cost: Cost,
        random: &mut dyn Random,
    ) -> Result<Self, DoesNotOpen> {
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt);
        let key = passphrase.key(&salt, cost)?;
        let provider = Provider::Passphrase { salt, cost };
        Ok(Self::wrap(root, provider, &key, random))
    }

    /// What wraps the root here.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Which root it is.
    #[must_use]
    pub fn root(&self) -> RootId {
        self.root
    }

    /// Opens it with a key file.
    ///
    /// # Errors
    /// When another key wrapped it, or a passphrase.
    pub fn open_with_file_key(&self, key: &FileKey) -> Result<Root, DoesNotOpen> {
        match self.provider {
            Provider::File => self.open(&key.0),
            Provider::Passphrase { .. } => Err(DoesNotOpen),
        }
    }

    /// Opens it with a passphrase. Dear on purpose: some tenths of a second and the memory that [`Provider::Passphrase`] names.
    ///
    /// # Errors
    /// When another passphrase wrapped it, or a key file.
    pub fn open_with_passphrase(&self, passphrase: &Passphrase) -> Result<Root, DoesNotOpen> {
        match &self.provider {
            Provider::Passphrase { salt, cost } => self.open(&passphrase.key(salt, *cost)?),
            Provider::File => Err(DoesNotOpen),
        }
    }

    fn wrap(root: &Root, provider: Provider, key: &DerivationKey, random: &mut dyn Random) -> Self {
        let mut header = vec![VERSION];
        provider.put(&mut header);
        header.extend_from_slice(&root.id().0);
        Self {
            provider,
            root: root.id(),
            header_bytes: header.len(),
            bytes: envelope::seal(key, &LABELS, &header, &[], root.expose(), random),
        }
    }

    fn open(&self, key: &DerivationKey) -> Result<Root, DoesNotOpen> {
        let opened = envelope::open(key, &LABELS, &self.bytes, self.header_bytes, &[])?;
        Ok(Root::new(DerivationKey::new(key_bytes(&opened)?)))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let provider = Provider::read(&mut reader)?;
        let root = RootId(reader.array()?);
        (reader.0.len() == ENVELOPE_BYTES + 32).then(|| Self {
            provider,
            root,
            header_bytes: bytes.len() - reader.0.len(),
            bytes: bytes.to_vec(),
        })
    }
}

impl Provider {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::File => out.push(1),
            Self::Passphrase { salt, cost } => {
                out.push(2);
                out.extend_from_slice(salt);
                for number in [cost.memory_kib, cost.passes, cost.lanes] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            1 => Some(Self::File),
            2 => {
                let salt = reader.array()?;
                let cost = Cost {
                    memory_kib: reader.u32()?,
                    passes: reader.u32()?,
                    lanes: reader.u32()?,
                };
                cost.is_bounded().then_some(Self::Passphrase { salt, cost })
            }
            _ => None,
        }
    }
}

impl SealedRoot {
    /// The form it is kept in.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(self.wraps.len() as u8);
        for wrap in &self.wraps {
            put_long_bytes(&mut out, &wrap.bytes);
        }
        out.push(self.own.len() as u8);
        for (name, token) in &self.own {
            put_short_text(&mut out, name);
            put_long_bytes(&mut out, token);
        }
        out
    }

    /// Reads that form.
    ///
    /// # Errors
    /// When it is none of a known version, or asks for more than is allowed.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoSealedRoot> {
        Self::read(bytes).ok_or(NoSealedRoot)
    }

    /// The own secret of a name, sealed.
    #[must_use]
    pub fn own(&self, name: &str) -> Option<&[u8]> {
        let found = self.own.iter().find(|(n, _)| n == name);
        found.map(|(_, token)| token.as_slice())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if bytes.len() > FILE_BYTES_MAX || reader.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let wraps = usize::from(reader.byte()?);
        if wraps > WRAPS_MAX {
            return None;
        }
        let wraps = (0..wraps).map(|_| RootWrap::parse(reader.long_bytes()?));
        let wraps = wraps.collect::<Option<Vec<_>>>()?;
        let own = usize::from(reader.byte()?);
        if own > OWN_MAX {
            return None;
        }
        let own = (0..own).map(|_| {
            let name = reader.short_text()?.to_owned();
            Some((name, reader.long_bytes()?.to_vec()))
        });
        let own = own.collect::<Option<Vec<_>>>()?;
        reader.0.is_empty().then_some(Self { wraps, own })
    }
}

impl std::fmt::Debug for RootWrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RootWrap({:?} of {})", self.provider, self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;

    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Secret::from(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn any_wrap_opens_the_same_root() {
        let random = &mut Counting::default();
        let root = Root::generate(random);
        let key = FileKey::generate(random);
        let words = passphrase("correct horse");
        let sealed = SealedRoot {
            wraps: vec![
                RootWrap::by_file_key(&root, &key, random),
                RootWrap::by_passphrase(&root, &words, CHEAP, random).unwrap(),
            ],
            own: vec![("spine".to_owned(), root.wrap_own("spine", b"s", random))],
        };
        let read = SealedRoot::parse(&sealed.to_bytes()).unwrap();
        assert!(read == sealed);
        let [file, words_wrap] = &read.wraps[..] else {
            panic!("two wraps")
        };
        for opened in [
            file.open_with_file_key(&key),
            words_wrap.open_with_passphrase(&words),
        ] {
            let opened = opened.unwrap();
            assert_eq!(opened.expose(), root.expose());
            let own = read.own("spine").unwrap();
            assert_eq!(opened.open_own("spine", own).unwrap().expose(), b"s");
        }
        assert!(file.open_with_passphrase(&words).is_err());
        assert!(words_wrap.open_with_file_key(&key).is_err());
        assert!(
            words_wrap
                .open_with_passphrase(&passphrase("correct"))
                .is_err()
        );
    }

    #[test]
    fn a_file_cannot_ask_for_more_than_is_allowed() {
        let random = &mut Counting::default();
        let root = Root::generate(random);
        let wrap = RootWrap::by_passphrase(&root, &passphrase("p"), CHEAP, random).unwrap();
        let sealed = SealedRoot {
            wraps: vec![wrap],
            own: vec![],
        };
        let mut bytes = sealed.to_bytes();
        assert!(SealedRoot::parse(&bytes).is_ok());
        // The highest byte of the memory.
        bytes[MAGIC.len() + 1 + 4 + 2 + SALT_BYTES] = 0xff;
        assert!(SealedRoot::parse(&bytes).is_err());
    }

    #[test]
    fn what_is_cut_short_or_longer_is_refused() {
        let random = &mut Counting::default();
        let root = Root::generate(random);
        let key = FileKey::generate(random);
        let sealed = SealedRoot {
            wraps: vec![RootWrap::by_file_key(&root, &key, random)],
            own: vec![("o".to_owned(), root.wrap_own("o", b"s", random))],
        };
        let bytes = sealed.to_bytes();
        for length in 0..bytes.len() {
            assert!(SealedRoot::parse(&bytes[..length]).is_err(), "{length}");
        }
        assert!(SealedRoot::parse(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn argon2id_is_that_of_its_standard() {
        // RFC 9106, section 5.3, without its secret and associated data, differs; this one is of the reference implementation's
        // tests: version 0x13, t = 2, m = 2^16 KiB, p = 1, "password", "somesalt".
        let cost = Cost {
            memory_kib: 1 << 16,
            passes: 2,
            lanes: 1,
        };
        let key = passphrase("password").key(b"somesalt", cost).unwrap();
        assert_eq!(
            crate::name::hex(key.expose()),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }
}
