//! Why a web ACL is refused.

use std::fmt;

/// Why a document is refused, with the code wafv2 has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is no JSON, or not the kind of document that was asked for.
    NotADocument(String),
    /// A value that is not allowed: `WAFInvalidParameterException`.
    Invalid(Invalid),
    /// What is referred to is not there: `WAFNonexistentItemException`. Holds its kind and name.
    Missing(&'static str, String),
    /// Two of the same name or priority: `WAFDuplicateItemException`.
    Duplicate(String),
    /// More than a quota allows: `WAFLimitsExceededException`.
    Limit(String),
    /// What AWS knows and this engine does not do (yet): refused by name.
    NotImplemented(String),
}

/// A value that is not allowed, in the terms of `WAFInvalidParameterException`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The model's name of the kind of thing that is wrong (`ParameterExceptionField`).
    pub field: &'static str,
    /// The place in the document, as `Rules[0].Statement`.
    pub parameter: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Error {
    pub(crate) fn invalid(
        field: &'static str,
        parameter: &str,
        reason: impl Into<String>,
    ) -> Error {
        let parameter = parameter.to_owned();
        let reason = reason.into();
        Error::Invalid(Invalid {
            field,
            parameter,
            reason,
        })
    }

    /// The error code of wafv2's API; `NotImplemented` for what this engine does not do.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NotADocument(_) => "SerializationException",
            Error::Invalid(_) => "WAFInvalidParameterException",
            Error::Missing(..) => "WAFNonexistentItemException",
            Error::Duplicate(_) => "WAFDuplicateItemException",
            Error::Limit(_) => "WAFLimitsExceededException",
            Error::NotImplemented(_) => "NotImplemented",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotADocument(reason) | Error::Duplicate(reason) | Error::Limit(reason) => {
                f.write_str(reason)
            }
            Error::Invalid(Invalid {
                field,
                parameter,
                reason,
            }) => {
                write!(
                    f,
                    "Error reason: {reason}, field: {field}, parameter: {parameter}"
                )
            }
            Error::Missing(kind, name) => write!(f, "there is no {kind} {name}"),
            Error::NotImplemented(what) => write!(f, "{what} is not implemented"),
        }
    }
}

impl std::error::Error for Error {}
