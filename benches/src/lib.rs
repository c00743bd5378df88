//! What the budgets of `docs/performance.md` are measured with; `benches/run` is the way in.
//!
//! ```
//! use palisade_benches::request::{Credentials, Operation, Request};
//! let credentials = Credentials { access_key_id: "test".into(), secret: "test".into() };
//! let bytes = Request::new("127.0.0.1:4566", &credentials).sign(&Operation::GetCallerIdentity);
//! assert!(bytes.starts_with(b"POST / HTTP/1.1\r\nhost: 127.0.0.1:4566\r\n"));
//! ```
#![forbid(unsafe_code)]

pub mod connection;
pub mod request;
