//! AWS Identity and Access Management: users, groups, roles, policies and access keys of many accounts.
//!
//! [`Iam`] is the service as the gateway serves it; [`IamIdentities`] is how the gateway and the other services ask who is behind
//! an access key and which policies decide for it. All state is in the transaction that is passed in.
//!
//! A module a noun: each registers its operations and says what they do. What nouns share is written once: `named` (names and
//! paths), `holder` (policies), `tags`, `boundaries`, `page` (paging). `operations.json` says what each operation is allowed by.
//!
//! ```
//! use palisade_core::Service;
//! let iam = palisade_iam::Iam::new();
//! // Every operation with a row has a handler, and the other way round.
//! let rows: Vec<&str> = iam.rows().iter().map(|row| row.name).collect();
//! assert!(rows.contains(&"CreateUser"));
//! assert!(rows.iter().all(|name| iam.handlers().get(name).is_some()));
//! ```
#![forbid(unsafe_code)]

/// Requests, answers, errors and rows, generated from the model and `operations.json`.
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

mod absent;
mod access_keys;
pub mod accounts;
mod attachments;
mod authorization_details;
mod boundaries;
mod document;
mod groups;
mod holder;
mod identities;
mod inline;
mod instance_profiles;
mod last_used;
mod limits;
mod managed;
mod members;
mod named;
mod page;
mod policies;
mod policy_arn;
mod policy_entities;
mod resolve;
mod roles;
mod summary;
mod tables;
mod tags;
mod trust;
mod users;
mod uses;

use palisade_core::operation::OperationRow;
use palisade_core::{Arn, Call, CallError, Handlers, Resource, Service};
use palisade_model::Value;

pub use identities::IamIdentities;
pub use last_used::LastUsed;

/// The IAM service.
pub struct Iam {
    handlers: Handlers,
}

impl Iam {
    /// The service with all its operations.
    pub fn new() -> Self {
        let modules = [
            absent::register,
            access_keys::register,
            accounts::register,
            attachments::register,
            authorization_details::register,
            boundaries::register,
            groups::register,
            inline::register,
            instance_profiles::register,
            members::register,
            policies::register,
            policy_entities::register,
            roles::register,
            summary::register,
            tags::register,
            users::register,
        ];
        let handlers = modules
            .iter()
            .fold(Handlers::new(), |handlers, register| register(handlers));
        Self { handlers }
    }
}

impl Default for Iam {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Iam {
    fn id(&self) -> &'static str {
        "iam"
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
        action: &str,
    ) -> Result<Option<Resource>, CallError> {
        resolve::resource(call, arn, action)
    }
}
