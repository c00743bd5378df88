//! The IAM policy language: parse, check, evaluate, explain.
//!
//! A pure library: no clock, no I/O, no state. Policies are parsed ([`Policy`]), checked for the place where they
//! are to be attached ([`Policy::validate`]), compiled once ([`CompiledPolicy`]) and evaluated any number of times
//! ([`evaluate()`]) over all the layers that AWS knows ([`Layers`]): resource and service control policies, the
//! resource's own policy, identity policies, permissions boundary, session policies.
//!
//! ```
//! use palisade_policy::*;
//! use std::sync::Arc;
//!
//! let compile = |name: &str, text: &str| Policy::parse(text).map(|policy| CompiledPolicy::new(name, policy));
//! let identity = [Arc::new(compile("inline:s3", r#"{"Version": "2012-10-17", "Statement":
//!     {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#)?)];
//! let boundary = compile("boundary", r#"{"Version": "2012-10-17", "Statement":
//!     {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#)?;
//! let layers = Layers { identity: &identity, boundary: Some(&boundary), ..Layers::default() };
//!
//! let ann = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
//! let context = Context::from_iter([("aws:SourceIp", "203.0.113.7")]);
//! let request = Request::new(&ann, "s3:PutObject", "arn:aws:s3:::docs/a", &context).in_account("111122223333");
//!
//! let decision = evaluate(&request, &layers);
//! assert_eq!(decision.reason, Reason::Implicit(Layer::Boundary));
//! assert_eq!(decision.denial_message(&request).unwrap(), "User: arn:aws:iam::111122223333:user/ann is not authorized \
//!     to perform: s3:PutObject on resource: arn:aws:s3:::docs/a because no permissions boundary allows the \
//!     s3:PutObject action");
//! # Ok::<(), PolicyError>(())
//! ```
//!
//! A decision is cheap and names what decided; [`explain()`] tells the rest: for each statement which element failed
//! and the value it saw, and what would have to be true for the other outcome.
#![forbid(unsafe_code)]

mod access;
mod arn;
mod case;
pub mod cli;
mod compile;
mod condition;
mod context;
mod decision;
mod derive;
pub mod document;
mod error;
mod evaluate;
mod explain;
pub mod json;
pub mod limits;
mod lint;
mod lint_condition;
mod lint_names;
mod lint_resources;
mod matcher;
pub mod operator;
mod pattern;
mod principal;
mod request;
mod value;

pub use access::{Access, IsOpen, Path, Step, access, open_conditions};
pub use case::Case;
pub use compile::CompiledPolicy;
pub use context::{Context, ContextValue};
pub use decision::{Decision, Layer, Reason, StatementRef};
pub use document::{Effect, Policy, Statement, Version};
pub use error::{Code, Finding, PolicyError, Severity};
pub use evaluate::{Layers, evaluate};
pub use explain::{Explanation, Failure, StatementTrace, explain};
pub use lint::PolicyKind;
pub use lint_names::{ActionCatalog, ActionFacts, ServiceFacts};
pub use principal::{Identity, Principal, PrincipalError};
pub use request::{Organization, Request, Timestamp};
