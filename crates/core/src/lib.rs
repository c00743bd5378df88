//! The shared words and seams of every Palisade service.
//!
//! A service crate needs nothing of another service and nothing of the front: it names its operations in a data file, writes one
//! function an operation over a transaction, and registers them. The words it uses stand here: accounts, regions and ARNs
//! ([`AccountId`], [`Region`], [`Arn`]), and the operation table ([`operation::OperationRow`]).
//!
//! ```
//! use palisade_core::{AccountId, Arn};
//! let arn: Arn = "arn:aws:iam::111122223333:role/app/reader".parse().unwrap();
//! assert_eq!(arn.account(), Some(&AccountId::new("111122223333").unwrap()));
//! assert_eq!(arn.resource(), "role/app/reader");
//! ```
#![forbid(unsafe_code)]

mod account;
mod arn;
pub mod authorization_message;
pub mod authorize;
pub mod branches;
mod caller;
pub mod credential_limits;
pub mod deployment;
pub mod failures;
pub mod idempotency;
mod identities;
pub mod ids;
pub mod keys;
pub mod made;
pub mod operation;
pub mod outside;
mod page;
pub mod principals;
mod random;
pub mod record;
mod region;
mod regions;
mod seal;
mod secret;
mod service;
mod services;
mod session;
pub mod token_keys;

pub use account::{AccountId, InvalidAccountId};
pub use arn::{Arn, InvalidArn};
pub use caller::{Caller, Identity, RoleRef, UserRef};
pub use identities::{
    AccessKey, AccountGuardrails, Guardrails, Identities, KeyOwner, ListedPrincipal,
    NoOrganization, RoleIdentity, UserIdentity,
};
pub use page::{InvalidPageToken, Listing};
pub use random::{OsRandom, Random, testing};
pub use region::{InvalidRegion, Region};
pub use regions::Regions;
pub use seal::{RootKey, RootKeySeal, Seal, SealBroken, Sealed};
pub use secret::Secret;
pub use service::{
    Call, CallContext, CallError, Environment, Handler, Handlers, Notes, OutsideHandler,
    PlainHandler, Resource, Service, Standing,
};
pub use services::{Misfit, Services};
pub use session::{
    Credentials, InvalidToken, NewSession, PACKED_SIZE_MAX, Session, TOKEN_LENGTH_MAX,
};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
