//! The vault: where wrapped keys lie, outside the store and its journal, so that what is deleted is gone.
//!
//! A journal keeps what was written to it; that is what it is for. So wrapped domain keys and material tokens are kept apart, in
//! files of fixed [`slots`] that are overwritten in place and synced. The state holds a material's id and hash only; as-of reads and
//! what-if branches look here too, and find what is deleted gone.
//!
//! [`Keys`] is the hierarchy over the slots, and what services see as [`palisade_core::keys::KeyVault`].
//!
//! What overwriting is worth depends on what is beneath: a file system that copies on write, snapshots, or a disk that maps its blocks
//! anew may keep what was there before. What it keeps is wrapped; [`Keys::rotate_root`] makes it worthless.
//!
//! ```
//! use palisade_core::OsRandom;
//! use palisade_core::keys::{KeyVault, Place};
//! use palisade_core::{AccountId, Region};
//! use palisade_keyring::spec::KeySpec;
//! use palisade_keyring::{Material, MaterialId, Root};
//! use palisade_store::SystemClock;
//! use palisade_vault::{Keys, files};
//! use std::sync::Arc;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let root = Root::generate(&mut OsRandom);
//! let (slots, _) = files::open(folder.path()).unwrap();
//! let keys = Keys::open(slots, vec![root], Arc::new(SystemClock), &mut OsRandom).unwrap();
//!
//! let account = AccountId::new("111122223333").unwrap();
//! let place = Place::new(&account, &Region::new("eu-west-1").unwrap(), None);
//! let material = Material::generate(KeySpec::Hmac256, &mut OsRandom).unwrap();
//! let secret = material.to_secret_bytes().unwrap();
//! let id = MaterialId::of("mrk-0123456789abcdef0123456789abcdef", secret.expose());
//! keys.store(&place, id, material, &mut OsRandom).unwrap();
//! assert!(keys.load(&place, id).is_ok());
//! keys.destroy(&place, &[id]).unwrap();
//! assert!(keys.load(&place, id).is_err());
//! ```
#![forbid(unsafe_code)]

pub mod backup;
mod cache;
pub mod disk;
mod domains;
pub mod files;
mod keys;
mod slot;
pub mod slots;

pub use keys::{Keys, OpenError, Rewrapped};
