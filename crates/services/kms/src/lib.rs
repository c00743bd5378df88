//! AWS Key Management Service: keys whose materials never leave, and what can be done with them.
//!
//! What a key *is* stands in tables ([`Kms`] keeps no secret in them); what it is *made of* is behind
//! [`palisade_core::keys::KeyVault`]; the algorithms are `palisade_keyring`'s. A module a noun: each registers its operations and says
//! what they do. `operations.json` says what each is allowed by, `state` which key states it works in, `granted` how a grant enters
//! the decision.
//!
//! ```
//! use palisade_core::Service;
//! let kms = palisade_kms::Kms::new();
//! // Every operation with a row has a handler, and the other way round.
//! let rows: Vec<&str> = kms.rows().iter().map(|row| row.name).collect();
//! assert!(rows.contains(&"Encrypt"));
//! assert!(rows.iter().all(|name| kms.handlers().get(name).is_some()));
//! ```
#![forbid(unsafe_code)]

/// Requests, answers, errors and rows, generated from the model and `operations.json`.
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

mod agreement;
mod aliases;
mod branch;
mod count;
mod data_keys;
mod deletion;
mod destroyed;
mod encryption;
mod events;
mod granted;
mod grants;
mod import;
mod keys;
mod last_used;
mod lifecycle;
mod managed;
mod material;
mod metadata;
mod names;
mod page;
mod policies;
mod policy;
mod regions;
mod resolve;
mod rotation;
mod signatures;
mod standing;
mod state;
mod tables;
mod tags;
mod timers;

pub use destroyed::{Destroyer, NamedMaterials};
pub use last_used::KeyUse;
pub use timers::{SweepError, Swept, sweep};

use palisade_core::operation::OperationRow;
use palisade_core::record::ApiCall;
use palisade_core::{Arn, Call, CallError, Handlers, Regions, Resource, Service, Standing};
use palisade_model::{ApiError, Value};

/// The service.
pub struct Kms {
    handlers: Handlers,
}

impl Kms {
    /// The service where the regions of AWS are served, ready to be registered.
    pub fn new() -> Self {
        Self::serving(Regions::default())
    }

    /// The service where these regions are served: keys are replicated to no others.
    pub fn serving(regions: Regions) -> Self {
        let nouns = [
            lifecycle::register,
            policies::register,
            aliases::register,
            tags::register,
            grants::register,
            encryption::register,
            data_keys::register,
            signatures::register,
            agreement::register,
            rotation::register,
            deletion::register,
            import::register,
            last_used::register,
        ];
        let handlers = nouns
            .into_iter()
            .fold(Handlers::new(), |handlers, register| register(handlers));
        Self {
            handlers: regions::register(handlers, regions),
        }
    }
}

impl Default for Kms {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Kms {
    fn id(&self) -> &'static str {
        "kms"
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

    fn discloses(&self, call: &mut Call<'_>, input: &Value) -> Result<bool, CallError> {
        branch::discloses(call, input)
    }

    fn check_on_real_state(
        &self,
        operation: &'static str,
        real: &mut Call<'_>,
        call: &mut Call<'_>,
        input: &Value,
    ) -> Result<(), CallError> {
        branch::check(operation, real, call, input)
    }

    fn resource(
        &self,
        call: &mut Call<'_>,
        arn: &Arn,
        _: &str,
    ) -> Result<Option<Resource>, CallError> {
        resolve::resource(call, arn)
    }

    fn refuses(&self, call: &mut Call<'_>, made: &ApiCall) -> Result<Option<String>, CallError> {
        standing::refuses(call, made)
    }

    fn standing(&self, call: &mut Call<'_>, arn: &Arn) -> Result<Option<Standing>, CallError> {
        standing::of(call, arn)
    }
}

/// Ends a call that was only to be tried: everything has been checked by now.
fn dry_run(asked: Option<bool>) -> Result<(), ApiError> {
    if asked == Some(true) {
        let message = "The request would have succeeded, but the DryRun option is set.";
        return Err(api::errors::dry_run_operation_exception(message));
    }
    Ok(())
}
