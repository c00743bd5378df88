//! A web ACL compiled: parse, validate, inspect, explain.
//!
//! A pure library: no I/O, no clock, no randomness. wafv2's own JSON is read into a [`Document`] (web ACL, rule groups, IP sets,
//! regex pattern sets), compiled once into an [`Acl`], and asked about any number of requests. A [`Decision`] is a value: verdict,
//! rule, labels, headers, response; [`Acl::explain`] also says of every rule what it found where, or why not.
//!
//! What an ACL asks of a request is shared: every field is taken from it once, every chain of transformations applied to it once, and
//! one scan for literals and one set of expressions answer for all rules ([`Acl::shared_work`]).
//!
//! ```
//! use palisade_waf::{Acl, BodyInspection, Bump, Document, Moment, Request, Verdict, detect::Environment, model::ResourceType};
//!
//! let document = Document::parse(br#"{
//!     "Name": "site", "DefaultAction": {"Allow": {}},
//!     "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "site"},
//!     "Rules": [{
//!         "Name": "no-traversal", "Priority": 0, "Action": {"Block": {}},
//!         "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "t"},
//!         "Statement": {"ByteMatchStatement": {
//!             "FieldToMatch": {"AllQueryArguments": {}}, "PositionalConstraint": "CONTAINS", "SearchString": "Li4v",
//!             "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}]
//!         }}
//!     }]
//! }"#)?;
//! let acl = Acl::compile(&document, &Environment::default(), BodyInspection::Aws(ResourceType::ApplicationLoadBalancer))?;
//! assert_eq!(acl.capacity(), 30); // 10, and 10 each for all arguments and for the transformation
//!
//! let (counters, arena) = (acl.counters(), Bump::new());
//! let request = Request::new("GET", "/page?file=..%2f..%2fetc/passwd");
//! let (decision, explanation) = acl.explain(&request, &Moment::default(), &counters, &arena);
//! assert!(matches!(decision.verdict, Verdict::Block(_)));
//! let found = explanation.rules[0].reason.found.as_ref().unwrap();
//! assert_eq!((found.place.as_deref(), found.bytes, found.text.as_str()), (Some("file"), (0, 3), "../"));
//! # Ok::<(), palisade_waf::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod capacity;
mod decision;
pub mod detect;
mod detectors;
mod engine;
mod error;
mod extract;
mod ip;
pub mod model;
pub mod origins;
mod parse;
mod rate;
pub mod recorded;
mod regex;
pub mod render;
mod request;
pub mod statement;
pub mod transform;

pub use bumpalo::Bump;

pub use decision::{
    Decision, Explanation, Found, GroupResult, InGroup, RateCount, Reason, Response, RuleMatch,
    RuleReason, Terminating, TokenFailure, TokenState, Verdict,
};
pub use detectors::detector;
pub use engine::{Acl, BodyInspection, Moment};
pub use error::{Error, Invalid};
pub use ip::IpRanges;
pub use parse::Document;
pub use rate::Counters;
pub use request::Request;
