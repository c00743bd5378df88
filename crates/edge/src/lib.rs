//! The data plane of a web ACL: a proxy that reads a request once, decides it, and writes it anew.
//!
//! What comes in is read strictly ([`head`], [`framing`]): whatever two servers may read differently is refused, so that what was
//! inspected is what the server behind sees. The body, or as much of it as the ACL looks at, is held ([`hold`]) until the verdict;
//! then the request is written anew ([`message`]) to a server behind ([`upstream`]), or answered here. [`edge::Edge`] is the way from
//! a request's head to its answer, [`server::serve`] the listener before it.
//!
//! ```
//! use palisade_edge::framing::{self, Framing};
//! use palisade_edge::head::RequestHead;
//! use palisade_edge::refusal::Refusal;
//!
//! let read = |text: &'static str| RequestHead::parse(text.into(), 100);
//! let head = read("POST /cart HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 7\r\n\r\n")?;
//! assert_eq!(framing::of_request(&head)?, Framing::Length(7));
//!
//! let smuggled = read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n")?;
//! assert_eq!(framing::of_request(&smuggled), Err(Refusal::TwoLengths));
//! # Ok::<(), Refusal>(())
//! ```
#![forbid(unsafe_code)]

pub mod challenge;
pub mod client;
pub mod edge;
pub mod framing;
pub mod head;
pub mod hold;
pub mod http2;
pub mod inbound;
pub mod limits;
pub mod log;
pub mod message;
pub mod metrics;
pub mod policy;
pub mod proxy_protocol;
pub mod refusal;
pub mod server;
pub mod tls;
pub mod upstream;
pub mod wire;
