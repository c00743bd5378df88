//! Keys: what they are made of, what can be done with them, how they are kept under one root.
//!
//! The engine under KMS and under Palisade's own secrets. It does no I/O, reads no clock and has no
//! state: randomness is passed in as [`Random`], and what is secret comes out as [`Secret`].
//!
//! ```
//! use palisade_keyring::spec::{KeySpec, SigningAlgorithm};
//! use palisade_keyring::{KeyError, Material, PublicKey, ToSign, testing::Counting};
//!
//! let random = &mut Counting::default(); // truly random, outside of examples
//! let key = Material::generate(KeySpec::EccNistP256, random)?;
//! let algorithm = SigningAlgorithm::EcdsaSha256;
//! let signature = key.sign(algorithm, ToSign::Raw(b"message"), random)?;
//!
//! let kept = key.to_secret_bytes()?; // what the hierarchy wraps
//! let again = Material::from_secret_bytes(KeySpec::EccNistP256, kept.expose())?;
//! again.verify(algorithm, ToSign::Raw(b"message"), &signature)?;
//!
//! let der = key.public_key().expect("a public half").der(); // what GetPublicKey answers
//! let public = PublicKey::from_der(KeySpec::EccNistP256, der)?;
//! let refused = public.verify(algorithm, ToSign::Raw(b"another"), &signature);
//! assert_eq!(refused, Err(KeyError::InvalidSignature));
//! # Ok::<(), KeyError>(())
//! ```
//!
//! # Whose cryptography it is
//!
//! aws-lc's, by aws-lc-rs, wherever it has the algorithm; Ed25519ph is ed25519-dalek's. Two things
//! are done by crates of pure Rust that nobody has audited as of this writing: `ml-dsa` signs and
//! verifies ML-DSA's μ (`EXTERNAL_MU`; messages are aws-lc's), and `ml-kem` expands the seeds of
//! ML-KEM keys (secrets are encapsulated and decapsulated by aws-lc, which tries each expanded key).
//!
//! aws-lc draws from a generator of its own, seeded by the operating system, and takes no other:
//! for RSA keys and keys on the curves of ECDSA, their signatures, OAEP, ML-DSA's signatures of
//! messages, and ML-KEM's secrets. Everything else comes of the [`Random`] that is passed in.
#![forbid(unsafe_code)]

mod algorithm;
pub mod ciphertext;
pub mod context;
mod der;
mod envelope;
mod error;
pub mod hierarchy;
pub mod import;
mod kdf;
mod material;
mod name;
mod public;
mod random;
mod reader;
pub mod root;
mod secret;
pub mod spec;
pub mod vectors;

pub use algorithm::ToSign;
pub use ciphertext::{Blob, Header, Malformed};
pub use context::{ContextError, Difference, EncryptionContext};
pub use envelope::DoesNotOpen;
pub use error::KeyError;
pub use hierarchy::{DomainKey, MaterialToken, NoToken, Root, RootId, WrappedDomainKey};
pub use import::WrappingKey;
pub use kdf::DerivationKey;
pub use material::Material;
pub use name::{Domain, InvalidName, KeyName, MaterialId};
pub use public::PublicKey;
pub use random::{Random, testing};
pub use root::{FileKey, Passphrase, RootWrap, SealedRoot};
pub use secret::Secret;
