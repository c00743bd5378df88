//! AWS Security Token Service: temporary credentials, and who the caller is.
//!
//! STS keeps no state of its own. What temporary credentials stand for travels sealed inside their token
//! ([`palisade_core::Session`]), so no node needs to have seen a session before; whether its principal still exists is looked up on
//! each call. Roles, users and managed policies are asked for through [`palisade_core::Identities`].
//!
//! Which operations a kind of temporary credentials may call at all is decided before any policy, in
//! [`palisade_core::credential_limits`].
//!
//! ```
//! use palisade_core::Service;
//! use palisade_sts::Sts;
//!
//! let sts = Sts::new();
//! assert!(sts.rows().iter().all(|row| sts.handlers().get(row.name).is_some()));
//! assert!(sts.rows().iter().any(|row| row.name == "AssumeRole" && row.gives_credentials));
//! ```
#![forbid(unsafe_code)]

mod answer;
mod assume_role;
mod federation;
mod resolve;
mod role_arn;
mod session_policies;
mod session_tags;
mod who;

/// Requests, responses, errors and rows, generated from the model.
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

use palisade_core::operation::OperationRow;
use palisade_core::{Arn, Call, CallError, Handlers, Resource, Service};
use palisade_model::{ApiError, Value};

/// The service.
pub struct Sts {
    handlers: Handlers,
}

impl Sts {
    /// The service, ready to be registered.
    pub fn new() -> Self {
        let handlers = Handlers::new()
            .on("AssumeRole", assume_role::assume_role)
            .on(
                "DecodeAuthorizationMessage",
                who::decode_authorization_message,
            )
            .on("GetAccessKeyInfo", who::get_access_key_info)
            .on("GetCallerIdentity", who::get_caller_identity)
            .on("GetFederationToken", federation::get_federation_token)
            .on("GetSessionToken", federation::get_session_token);
        Self { handlers }
    }
}

impl Default for Sts {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Sts {
    fn id(&self) -> &'static str {
        "sts"
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
        match resolver {
            "role" => resolve::role(call, input),
            "tagged-role" => resolve::tagged_role(call, input),
            "federated-user" => Ok(vec![resolve::federated_user(call, input)]),
            "identified-role" => resolve::identified_role(call, input),
            _ => Err(ApiError::receiver(
                "InternalFailure",
                format!("sts has no resolver {resolver}"),
            )
            .into()),
        }
    }

    /// STS owns nothing: sessions are not looked up, and roles are IAM's.
    fn resource(&self, _: &mut Call<'_>, _: &Arn, _: &str) -> Result<Option<Resource>, CallError> {
        Ok(None)
    }
}
