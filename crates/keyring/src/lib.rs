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

mod random;
mod secret;

pub use random::Random;
pub use secret::Secret;
