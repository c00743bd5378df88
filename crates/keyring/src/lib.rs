//! Keys: what they are made of, what can be done with them, how they are kept under one root.
//!
//! The engine under KMS and under Palisade's own secrets. It does no I/O, reads no clock and has no
//! state: randomness is passed in as [`Random`], and what is secret comes out as [`Secret`].
//!
//! ```
//! use palisade_keyring::Secret;
//!
//! let secret = Secret::from(vec![1, 2, 3]);
//! assert_eq!(secret.expose(), [1, 2, 3]);
//! assert!(secret.matches(&[1, 2, 3]));
//! ```
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
