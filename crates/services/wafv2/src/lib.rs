//! AWS WAF: web ACLs, rule groups, IP sets and regex pattern sets, the managed groups there are, and what an ACL protects.
//!
//! What is put is checked by `palisade-waf`, the engine that decides requests by it, kept as it was put, and given back so. The four
//! kinds of things are alike: one module makes, shows, changes, deletes and lists them ([`Kind`](place::Kind) says where they differ).
//! Nothing here sees a request of a client: that is `palisade waf serve`.
//!
//! ```
//! use palisade_core::Service;
//! let wafv2 = palisade_wafv2::Wafv2::new();
//! // Every operation with a row has a handler, and the other way round.
//! let rows: Vec<&str> = wafv2.rows().iter().map(|row| row.name).collect();
//! assert!(rows.contains(&"CreateWebACL"));
//! assert!(rows.iter().all(|name| wafv2.handlers().get(name).is_some()));
//! ```
#![forbid(unsafe_code)]

/// Requests, answers, errors and rows, generated from the model and `operations.json`.
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

mod associations;
mod check;
mod entities;
mod faults;
mod groups;
mod listing;
mod members;
mod place;
mod resolve;
mod shown;
mod tables;
mod tags;

use palisade_core::operation::OperationRow;
use palisade_core::{Arn, Call, CallError, Handlers, Resource, Service};
use palisade_model::Value;

/// The service.
pub struct Wafv2 {
    handlers: Handlers,
}

impl Wafv2 {
    /// The service, ready to be registered.
    pub fn new() -> Self {
        let nouns = [
            entities::register,
            groups::register,
            associations::register,
            tags::register,
        ];
        Self {
            handlers: nouns
                .into_iter()
                .fold(Handlers::new(), |handlers, register| register(handlers)),
        }
    }
}

impl Default for Wafv2 {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Wafv2 {
    fn id(&self) -> &'static str {
        "wafv2"
    }

    fn rows(&self) -> &'static [OperationRow] {
        api::OPERATIONS
    }

    fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    fn resolve(
        &self,
        resolver: &str,
        call: &mut Call<'_>,
        input: &Value,
    ) -> Result<Vec<Resource>, CallError> {
        resolve::resolve(resolver, call, input)
    }

    fn resource(
        &self,
        call: &mut Call<'_>,
        arn: &Arn,
        _: &str,
    ) -> Result<Option<Resource>, CallError> {
        resolve::resource(call, arn)
    }
}
