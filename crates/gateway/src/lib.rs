//! The HTTP front: everything between the socket and a handler.
//!
//! A request walks one way, once: [`server`] takes it off the connection within [`server::Limits`]; [`route`] says which service,
//! region and branch it is aimed at; [`identify`] who signed it; the codec of `palisade-wire` decodes it; [`questions`] asks what its
//! operation's row wants asked; the service's handler does it; and one commit makes what happened durable before the answer leaves.
//!
//! ```
//! use palisade_gateway::route::Target;
//! let target = Target::of("/_palisade/what-if/0123456789abcdef/bucket/key");
//! assert_eq!(target.branch, Some("0123456789abcdef"));
//! assert_eq!(target.path, "/bucket/key");
//! ```
#![forbid(unsafe_code)]

pub mod body;
mod caught;
mod dispatch;
mod door;
mod exchange;
mod fact;
mod front;
mod idempotency;
pub mod identify;
pub mod metrics;
mod outside;
mod perform;
pub mod questions;
pub mod route;
pub mod server;
mod workshop;

pub use door::{Door, Rebuild};
pub use front::{Gateway, MetricsText, Parts, Settings};
