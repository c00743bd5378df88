//! Palisade's own operations: explain, what-if branches and their replay, what is known of keys, backup, and what an operator watches.
//!
//! They are operations like any other: in a model (`models/palisade.json`), signed with the service name `palisade`, authorized by
//! `palisade:*` actions, validated, recorded and counted.
#![forbid(unsafe_code)]

mod access;
mod branches;
pub mod clock;
pub mod counters;
mod explain;
mod keys;
mod nearly;
mod operate;
mod period;
mod replay;
mod usage;
mod view;

/// Types generated from the model, and the operation table.
#[allow(missing_docs)]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

use std::sync::{Arc, Weak};

use palisade_core::deployment;
use palisade_core::failures::AuthenticationFailures;
use palisade_core::operation::OperationRow;
use palisade_core::{Arn, Call, CallError, Handlers, Resource, Service, Services};
use palisade_model::Value;

/// What these operations need of the server around them.
pub struct Surroundings {
    /// The calls that failed authentication.
    pub failures: Arc<AuthenticationFailures>,
    /// The numbers for Prometheus, as text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Lets state time run this far ahead of the machine's clock; `None` outside development mode.
    pub run_ahead: Option<clock::RunAhead>,
    /// All services: replay asks them for the resources of recorded questions. This one is among them, so it does not own them:
    /// else none of them, nor the store that the metrics read, would ever be let go.
    pub services: Weak<Services>,
}

impl Surroundings {
    fn services(&self) -> Arc<Services> {
        self.services.upgrade().unwrap_or_default()
    }
}

/// The service.
pub struct Palisade {
    handlers: Handlers,
    surroundings: Arc<Surroundings>,
}

impl Palisade {
    /// The service, with what it needs.
    pub fn new(surroundings: Surroundings) -> Self {
        let surroundings = Arc::new(surroundings);
        let handlers = Handlers::new();
        let handlers = branches::register(handlers);
        let handlers = clock::register(handlers, &surroundings);
        let handlers = explain::register(handlers, &surroundings);
        let handlers = replay::register(handlers, &surroundings);
        let handlers = access::register(handlers, &surroundings);
        let handlers = usage::register(handlers, &surroundings);
        Self {
            handlers: operate::register(handlers, &surroundings),
            surroundings,
        }
    }
}

impl Service for Palisade {
    fn id(&self) -> &'static str {
        "palisade"
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
        if resolver == "deployment" {
            return Ok(vec![deployment::resource(call.tx)?]);
        }
        if resolver == "key" {
            let key = input.member("KeyId").and_then(Value::as_str);
            let key = keys::named(&self.surroundings.services(), call, key.unwrap_or_default())?;
            return Ok(vec![keys::as_own(&key)]);
        }
        let id = input
            .member("BranchId")
            .and_then(Value::as_str)
            .unwrap_or("*");
        Ok(vec![branches::resource(call, id)])
    }

    fn resource(
        &self,
        call: &mut Call<'_>,
        arn: &Arn,
        _: &str,
    ) -> Result<Option<Resource>, CallError> {
        if arn.resource() == "deployment" {
            return Ok(Some(deployment::resource(call.tx)?));
        }
        if arn.service() == "kms" {
            return Ok(None);
        }
        let id = arn.resource().strip_prefix("branch/");
        Ok(id.map(|id| branches::resource(call, id)))
    }
}
