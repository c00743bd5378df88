//! What `Encrypt` gives out: a ciphertext that says which key and which of its materials open it.
//!
//! # Format, version 1
//! | bytes | field |
//! |---|---|
//! | 1 | version: 1 |
//! | 1 | algorithm: 1, which is what stands below |
//! | 5 | account, as a number |
//! | 1 + r | length and bytes of the region; 0 for a multi-Region key, which any of its replicas opens |
//! | 16 | key id: the UUID, or the digits after `mrk-` |
//! | 32 | material id |
//! | 16 | N, random |
//! | 32 | key commitment |
//! | n | ciphertext, as long as the plain text |
//! | 16 | tag |
//!
//! Numbers are big-endian. A region has at most 32 bytes, so the overhead is at most 151; plain texts have at most
//! [`PLAIN_BYTES_MAX`].
//!
//! K (256 bits), IV (96) and commitment (256) are outputs of the counter KDF of NIST SP 800-108 ([`DerivationKey`]) over the material
//! and N, with the labels `palisade message key`, `palisade message iv` and `palisade message commitment`. AES-256-GCM encrypts once
//! under K. Everything before the ciphertext, then the canonical form of the [`EncryptionContext`], is its associated data. The
//! commitment is compared in constant time before anything is opened, so no ciphertext opens under two materials.
//!
//! The header of a ciphertext from outside proves nothing until it has opened: [`Blob::parse`] bounds it, the caller decides by it
//! whether the key may be used, then opens.
//!
//! ```
//! use palisade_keyring::testing::Counting;
//! use palisade_keyring::{Blob, DerivationKey, EncryptionContext, Header, KeyName, MaterialId};
//!
//! let secret = [7; 32]; // a key's material; truly random, outside of examples
//! let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
//! let header = Header {
//!     key: KeyName::new("111122223333", "eu-west-1", id).unwrap(),
//!     material: MaterialId::of(id, &secret),
//! };
//! let key = DerivationKey::new(secret.into());
//! let context = EncryptionContext::new([("app", "web")]).unwrap();
//! let sealed = header.seal(&key, &context, b"hello", &mut Counting::default()).unwrap();
//!
//! let blob = Blob::parse(&sealed).unwrap();
//! assert_eq!(blob.header().key.key_id(), id);
//! assert_eq!(blob.open(&key, &context).unwrap().expose(), b"hello");
//! assert!(blob.open(&key, &EncryptionContext::default()).is_err());
//! ```

use crate::envelope::{self, DoesNotOpen, ENVELOPE_BYTES, Labels};
use crate::name::REGION_BYTES_MAX;
use crate::reader::{Reader, put_short_text, put_u40};
use crate::{DerivationKey, EncryptionContext, KeyName, MaterialId, Random, Secret};

/// The most a ciphertext is longer than its plain text, in bytes.
pub const OVERHEAD_BYTES_MAX: usize = FIXED_BYTES + REGION_BYTES_MAX + ENVELOPE_BYTES;
/// The longest ciphertext, in bytes: `Decrypt` takes no longer one (`CiphertextType` of the model).
pub const BLOB_BYTES_MAX: usize = 6144;
/// The longest plain text, in bytes. `Encrypt` takes 4096; the private key of a data key pair may be longer.
pub const PLAIN_BYTES_MAX: usize = BLOB_BYTES_MAX - OVERHEAD_BYTES_MAX;

/// The header's bytes without the region's.
const FIXED_BYTES: usize = 1 + 1 + 5 + 1 + 16 + 32;
const VERSION: u8 = 1;
const ALGORITHM: u8 = 1;
const LABELS: Labels = Labels {
    key: "palisade message key",
    iv: "palisade message iv",
    commitment: "palisade message commitment",
};

/// What a ciphertext says of itself: the key, and the material that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The key.
    pub key: KeyName,
    /// Which of its materials.
    pub material: MaterialId,
}

/// A ciphertext whose header has been read. Nothing of it is proved before it opens.
#[derive(Clone, Debug)]
pub struct Blob<'a> {
    header: Header,
    header_bytes: usize,
    bytes: &'a [u8],
}

/// Bytes that are no ciphertext of a known version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Too short, too long, or its header names nothing.
    #[error("not a ciphertext of Palisade")]
    Form,
    /// A version that this one does not know.
    #[error("a ciphertext of version {0}, which is unknown here")]
    Version(u8),
    /// An algorithm that this version does not know.
    #[error("a ciphertext of algorithm {0}, which is unknown here")]
    Algorithm(u8),
}

/// A plain text longer than [`PLAIN_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a plain text has at most {PLAIN_BYTES_MAX} bytes")]
pub struct TooLong;

impl Header {
    /// Seals `plain` under the symmetric material that this header names, with a fresh N from `random`.
    ///
    /// # Errors
    /// When it is too long.
    pub fn seal(
        &self,
        material: &DerivationKey,
        context: &EncryptionContext,
        plain: &[u8],
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, TooLong> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(TooLong);
        }
        let (header, context) = (self.to_bytes(), context.canonical());
        Ok(envelope::seal(
            material, &LABELS, &header, context, plain, random,
        ))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + REGION_BYTES_MAX);
        out.extend_from_slice(&[VERSION, ALGORITHM]);
        put_u40(&mut out, self.key.account);
        put_short_text(&mut out, &self.key.region);
        out.extend_from_slice(&self.key.id);
        out.extend_from_slice(&self.material.0);
        out
    }
}

impl<'a> Blob<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When these bytes are no ciphertext of a known version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > BLOB_BYTES_MAX {
            return Err(Malformed::Form);
        }
        let mut reader = Reader(bytes);
        match reader.byte() {
            Some(VERSION) => {}
            Some(other) => return Err(Malformed::Version(other)),
            None => return Err(Malformed::Form),
        }
        match reader.byte() {
            Some(ALGORITHM) => {}
            Some(other) => return Err(Malformed::Algorithm(other)),
            None => return Err(Malformed::Form),
        }
        let header = read_names(&mut reader).ok_or(Malformed::Form)?;
        if reader.0.len() < ENVELOPE_BYTES {
            return Err(Malformed::Form);
        }
        Ok(Self {
            header,
            header_bytes: bytes.len() - reader.0.len(),
            bytes,
        })
    }

    /// What it says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The format's version.
    #[must_use]
    pub fn version(&self) -> u8 {
        VERSION
    }

    /// The algorithm, in words.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        "AES-256-GCM, key derived per message (SP 800-108, HMAC-SHA-256), committing"
    }

    /// How long its plain text is, in bytes.
    #[must_use]
    pub fn plain_bytes(&self) -> usize {
        self.bytes.len() - self.header_bytes - ENVELOPE_BYTES
    }

    /// Opens it with the material that its header names.
    ///
    /// # Errors
    /// When it was altered, or sealed under another material or context.
    pub fn open(
        &self,
        material: &DerivationKey,
        context: &EncryptionContext,
    ) -> Result<Secret, DoesNotOpen> {
        let context = context.canonical();
        envelope::open(material, &LABELS, self.bytes, self.header_bytes, context)
    }
}

fn read_names(reader: &mut Reader<'_>) -> Option<Header> {
    let account = reader.u40()?;
    let region = reader.short_text()?;
    let key = KeyName::from_parts(account, region, reader.array()?).ok()?;
    Some(Header {
        key,
        material: MaterialId(reader.array()?),
    })
}
