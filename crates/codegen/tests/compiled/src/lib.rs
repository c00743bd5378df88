//! Compiles what `palisade-codegen` generates for a few operations of IAM, as a service does.
#![forbid(unsafe_code)]

/// Requests, responses, errors and rows, generated from the model.
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

/// AWS-managed policies.
pub mod managed_policies {
    include!(concat!(env!("OUT_DIR"), "/managed_policies.rs"));
}
