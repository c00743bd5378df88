//! AWS CloudTrail: the event history, read from the journal.
//!
//! CloudTrail keeps nothing of its own here. Every call is in the deployment's one journal before (or, for reads, at most 100 ms
//! after) its answer leaves; [`event`] renders it as a record, and LookupEvents finds it by the history of an account and region.
//!
//! ```
//! use palisade_core::record::{ApiCall, Outcome, RecordedCaller};
//! use palisade_core::{AccountId, Identity, Region};
//!
//! let account = AccountId::new("111122223333").unwrap();
//! let call = ApiCall {
//!     request_id: uuid::Uuid::nil(),
//!     time_ms: 1_688_990_087_000,
//!     service: "iam".into(),
//!     operation: "ListUsers".into(),
//!     region: Region::new("us-east-1").unwrap(),
//!     caller: RecordedCaller { account: account.clone(), identity: Identity::Root, access_key_id: "AKIAEXAMPLE".into(), session: None },
//!     source_ip: "203.0.113.7".into(),
//!     user_agent: "aws-cli/2.17.0".into(),
//!     tls: None,
//!     read_only: true,
//!     outcome: Outcome::Success,
//!     request_parameters: None,
//!     response_elements: None,
//!     additional_event_data: None,
//!     resources: vec![],
//!     branch: None,
//!     shared_event_id: None,
//!     service_event: None,
//! };
//! let record = palisade_cloudtrail::event::record(&call, &account);
//! assert_eq!(record["userIdentity"]["type"], "Root");
//! assert_eq!(record["eventTime"], "2023-07-10T11:54:47Z");
//! ```
#![forbid(unsafe_code)]

pub mod event;
mod filter;
mod lookup;
mod range;

/// Requests, responses, errors and rows, generated from the model.
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

pub use lookup::EXAMINED_MAX as LOOKUP_EXAMINED_MAX;

use palisade_core::operation::OperationRow;
use palisade_core::{Arn, Call, CallError, Handlers, Resource, Service};
use palisade_model::{ApiError, Value};

/// The service.
pub struct CloudTrail {
    handlers: Handlers,
}

impl CloudTrail {
    /// The service, ready to be registered.
    pub fn new() -> Self {
        Self {
            handlers: Handlers::new().on("LookupEvents", lookup::lookup_events),
        }
    }
}

impl Default for CloudTrail {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for CloudTrail {
    fn id(&self) -> &'static str {
        "cloudtrail"
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
        _: &mut Call<'_>,
        _: &Value,
    ) -> Result<Vec<Resource>, CallError> {
        Err(ApiError::receiver(
            "InternalFailure",
            format!("cloudtrail has no resolver {resolver}"),
        )
        .into())
    }

    /// There are no trails yet.
    fn resource(&self, _: &mut Call<'_>, _: &Arn, _: &str) -> Result<Option<Resource>, CallError> {
        Ok(None)
    }
}
