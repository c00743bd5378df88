//! What a handler answers when it does not do what it was asked.

use std::borrow::Cow;
use std::fmt;

use crate::value::{IntoValue, Value};

/// An error of an operation, before it is written in a protocol's form.
///
/// The code may be the name of an exception of the model (`NoSuchEntityException`) or a code as it
/// stands on the wire (`NoSuchEntity`, `AccessDenied`); the encoder looks the status and the wire
/// code of a modelled exception up.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// Exception's name in the model, or code on the wire.
    pub code: Cow<'static, str>,
    /// Text for people.
    pub message: String,
    /// HTTP status; `None`: the model's, else 400 for the sender's fault and 500 for ours.
    pub status: Option<u16>,
    /// Members of the exception beside its message, by their names in the model.
    pub fields: Vec<(&'static str, Value)>,
    /// True when the caller is at fault and a retry cannot help.
    pub sender_fault: bool,
}

impl ApiError {
    /// An error that the caller made.
    pub fn sender(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: None,
            fields: Vec::new(),
            sender_fault: true,
        }
    }

    /// An error on our side.
    pub fn receiver(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            sender_fault: false,
            ..Self::sender(code, message)
        }
    }

    /// The same with an HTTP status of its own.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same with a member of the exception set.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, value: impl IntoValue) -> Self {
        self.fields.push((name, value.into_value()));
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
