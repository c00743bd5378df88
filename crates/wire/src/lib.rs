//! The AWS wire protocols, each written once over shape schemas.
//!
//! A [`Codec`] speaks for one service: it finds the operation a request asks for, reads its input
//! to a [`Structure`](palisade_model::Structure), and writes outputs and errors, in each of the
//! protocols that the service's model lists. Nothing here knows an operation by name.
//!
//! All is pure: no I/O, no clock. What comes from outside is bounded: bodies by the caller's
//! limit, nesting by [`MAX_DEPTH`], forms that must be looked into before the caller is known by
//! [`MAX_FORM`]. Parameters and JSON or CBOR keys that are given twice are refused, as are XML
//! document types.
//!
//! ```
//! use http::HeaderMap;
//! use palisade_model::{Structure, load_static};
//! use palisade_wire::{Body, Codec, Request};
//!
//! let model = load_static(r#"{
//!     "metadata": {"protocol": "query", "apiVersion": "2020-01-01"},
//!     "operations": {"Greet": {"http": {"method": "POST", "requestUri": "/"},
//!         "input": {"shape": "In"}, "output": {"shape": "Out", "resultWrapper": "GreetResult"}}},
//!     "shapes": {"In": {"type": "structure", "members": {"Name": {"shape": "Text"}}},
//!                "Out": {"type": "structure", "members": {"Greeting": {"shape": "Text"}}},
//!                "Text": {"type": "string"}}
//! }"#).unwrap();
//! let codec = Codec::new(model);
//! let request = Request {
//!     method: "POST", path: "/", query: None, headers: &HeaderMap::new(),
//!     body: Body::Bytes("Action=Greet&Version=2020-01-01&Name=Ada".into()),
//! };
//! let protocol = codec.protocol(&request);
//! let operation = codec.route(protocol, &request).unwrap();
//! let input = codec.decode(protocol, operation, &request, 1 << 20).unwrap();
//! assert_eq!(input.get("Name").and_then(|name| name.as_str()), Some("Ada"));
//!
//! let output = Structure::new().with("Greeting", "Hello Ada");
//! let response = codec.encode(protocol, operation, &output, "id-1").unwrap();
//! let Body::Bytes(body) = response.body() else { unreachable!("no payload of this is a stream") };
//! assert_eq!(body, "<GreetResponse><GreetResult><Greeting>Hello Ada</Greeting></GreetResult>\
//!                   <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GreetResponse>");
//! ```
#![forbid(unsafe_code)]

mod answer;
mod cbor;
mod checks;
mod codec;
mod content;
mod error;
mod form;
mod hint;
mod json;
mod json_rpc;
mod message;
mod query;
mod rest;
mod rest_json;
mod rest_xml;
mod rpc_cbor;
mod scalar;
mod xml;

pub use codec::Codec;
pub use error::{EncodeError, WireError};
pub use hint::Hint;
pub use message::{Body, Request, Response};

/// Greatest depth of nested structures, lists, maps and XML elements in a request.
///
/// The deepest that services allow are WAF's nested statements and policy-like documents, some
/// twenty levels with what stands around them.
pub const MAX_DEPTH: usize = 64;

/// Greatest size, in bytes, of a form whose operation must be found before the caller is known.
pub const MAX_FORM: usize = 1 << 20;
