//! The exceptions, with AWS's texts.

use palisade_model::ApiError;
use palisade_waf::Error;

use crate::api::errors;

/// What a request names is not there.
pub(crate) fn missing() -> ApiError {
    errors::waf_nonexistent_item_exception(
        "AWS WAF couldn\u{2019}t perform the operation because your resource doesn\u{2019}t exist.",
    )
}

/// The lock token is not the newest one.
pub(crate) fn changed() -> ApiError {
    errors::waf_optimistic_lock_exception(
        "AWS WAF couldn\u{2019}t save your changes because someone changed the resource after you started to edit it. Reapply your changes.",
    )
}

/// There is one of this name.
pub(crate) fn duplicate() -> ApiError {
    errors::waf_duplicate_item_exception(
        "AWS WAF couldn\u{2019}t perform the operation because some resource in your request is a duplicate of an existing one.",
    )
}

/// Something refers to it, or it protects something.
pub(crate) fn in_use() -> ApiError {
    errors::waf_associated_item_exception(
        "AWS WAF couldn\u{2019}t perform the operation because your resource is being used by another resource or it\u{2019}s associated with another resource.",
    )
}

/// More than a quota allows.
pub(crate) fn limit(what: &str) -> ApiError {
    errors::waf_limits_exceeded_exception(format!(
        "AWS WAF couldn\u{2019}t perform the operation because you exceeded your resource limit: {what}"
    ))
}

/// A value that is not allowed: `field` of the model's `ParameterExceptionField`, the value or its place, and why.
pub(crate) fn invalid(field: &'static str, parameter: &str, reason: &str) -> ApiError {
    let message = format!("Error reason: {reason}, field: {field}, parameter: {parameter}");
    errors::waf_invalid_parameter_exception(message)
        .with_field("Field", field)
        .with_field("Parameter", parameter)
        .with_field("Reason", reason)
}

/// What AWS has and Palisade has not.
pub(crate) fn not_implemented(what: &str) -> ApiError {
    ApiError::receiver(
        "NotImplemented",
        format!("wafv2: {what} is not implemented."),
    )
    .with_status(501)
}

/// What the engine says of a document; `at` is where in the document the caller's own part begins.
pub(crate) fn refused(error: Error, at: &str) -> ApiError {
    match error {
        Error::Invalid(wrong) => {
            let place = wrong.parameter.strip_prefix(at).unwrap_or(&wrong.parameter);
            let place = place.trim_start_matches('.');
            let place = if place.is_empty() { "Rules" } else { place };
            invalid(wrong.field, place, &wrong.reason)
        }
        Error::Missing("managed rule group", name) => match name.split(' ').next() {
            Some("AWS" | "Palisade") => missing(),
            _ => errors::waf_subscription_not_found_exception(
                "You tried to use a managed rule group that\u{2019}s available by subscription, but you aren\u{2019}t subscribed to it yet.",
            ),
        },
        Error::Missing(..) => missing(),
        Error::Duplicate(_) => duplicate(),
        Error::Limit(reason) => limit(&reason),
        Error::NotImplemented(what) => not_implemented(&what),
        Error::NotADocument(reason) => invalid("WEB_ACL", "Rules", &reason),
    }
}
