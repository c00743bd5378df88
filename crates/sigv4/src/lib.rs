//! AWS Signature Version 4: is this request signed by the holder of that secret?
//!
//! Verification is pure: no clock, no I/O, nothing looked up. It takes two steps, with the lookup
//! of the access key between them, and works on the raw request before any of it is decoded:
//!
//! 1. [`parse`] finds the authentication (header or presigned query) and takes it apart.
//! 2. [`verify`], or [`KeyCache::verify`] with signing keys kept, decides whether it is true.
//!    What is left to do about the body it says in [`Verified`]: compare a hash, or decode
//!    `aws-chunked` with [`ChunkedBody::decoder`].
//!
//! Every failure is an [`AuthError`]; [`AuthError::answer`] gives it the status, code and message
//! that a family of services has for it. [`sign`] is the other side.
//!
//! ```
//! use palisade_sigv4::{AuthError, Body, BodyCheck, Header, KeyCache, RequestHead, Rules, parse};
//! use palisade_sigv4::wire::ErrorFamily;
//!
//! let headers = [
//!     Header { name: "host", value: b"example.amazonaws.com" },
//!     Header { name: "x-amz-date", value: b"20150830T123600Z" },
//!     Header { name: "authorization", value: b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
//!         SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
//! ];
//! let head = RequestHead { method: "POST", path: "/", query: None, authority: None, headers: &headers };
//! let keys = KeyCache::new(1024);
//! let now = 1_440_938_160; // 2015-08-30T12:36:00Z
//!
//! let claim = parse(&head)?.ok_or(AuthError::MissingAuthentication)?;
//! assert_eq!(claim.access_key_id(), "AKIDEXAMPLE");
//! let rules = Rules::for_service("service");
//! let secret = || Ok("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
//! let verified = keys.verify(&claim, &head, 1, secret, Body::Whole(b""), now, &rules)?;
//! assert!(matches!(verified.body, BodyCheck::Done));
//!
//! let late = keys.verify(&claim, &head, 1, secret, Body::Whole(b""), now + 901, &rules).unwrap_err();
//! let answer = late.answer(ErrorFamily::Query);
//! assert_eq!((answer.status, answer.code), (403, "SignatureDoesNotMatch"));
//! assert_eq!(answer.message,
//!     "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)");
//! # Ok::<(), AuthError>(())
//! ```
//!
//! # Canonical form
//!
//! The canonical request is made from the path and query as sent. Paths are normalised and encoded
//! once more, but for S3, which takes keys literally. `+` is a plus sign. Where a client sent
//! characters that should have been encoded, both spellings are tried, since clients differ in
//! which of the two they sign.
//!
//! # Coverage
//!
//! `host` (or `:authority`) and every `x-amz-*` header present must be signed. `content-type` need
//! not be: AWS asks for it only as advice, and clients exist that leave it out.
#![forbid(unsafe_code)]

mod cache;
mod canonical;
mod chunked;
mod encode;
mod error;
mod key;
mod parse;
mod payload;
mod request;
pub mod sign;
mod time;
mod verify;
pub mod wire;

pub use cache::KeyCache;
pub use canonical::PathForm;
pub use chunked::{ChunkError, ChunkedBody, ChunkedDecoder, MAX_CHUNK_LINE, MAX_TRAILER};
pub use error::{Algorithm, AuthError, ExpiresFault, Mismatch, Missing, ScopeFault};
pub use key::{Signature, SigningKey, TERMINATOR};
pub use parse::{ALGORITHM, Carrier, Credentialed, MAX_EXPIRES, parse};
pub use payload::{ChunkMode, PayloadMode};
pub use request::{Header, RequestHead};
pub use time::Timestamp;
pub use verify::{Body, BodyCheck, MAX_SKEW, Rules, Verified, check_body_hash, verify};
