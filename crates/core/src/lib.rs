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
pub mod ids;
pub mod operation;
mod region;

pub use account::{AccountId, InvalidAccountId};
pub use arn::{Arn, InvalidArn};
pub use region::{InvalidRegion, Region};
