//! What can be wrong with a request before a handler sees it, and how each protocol says so.

use palisade_model::{ApiError, Protocol};

/// Greatest length, in characters, of what is quoted from a request in a message.
const QUOTED: usize = 128;

/// A request cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It names no operation.
    #[error("the request names no operation")]
    MissingOperation,
    /// It names an operation, or a version of the service, that does not exist.
    #[error("could not find operation {operation} for version {version}")]
    UnknownOperation {
        /// The operation it names; for REST protocols the method and path.
        operation: String,
        /// The version it names, or the service's own.
        version: String,
    },
    /// Its body is of a type that the protocol does not use.
    #[error("content type {0:?} is not supported")]
    ContentType(String),
    /// Its body has an encoding that is not supported here.
    #[error("content encoding {0:?} is not supported")]
    ContentEncoding(String),
    /// Its form, JSON, XML or CBOR is broken.
    #[error("{0}")]
    Syntax(String),
    /// A value cannot be of the type its member has.
    #[error("{0}")]
    Value(String),
    /// A parameter or key is there more than once.
    #[error("{0} is given more than once")]
    Duplicate(String),
    /// A parameter that the operation does not have.
    #[error("the parameter {0} is not recognized")]
    UnknownParameter(String),
    /// It is nested too deeply.
    #[error("the request is nested too deeply")]
    TooDeep,
    /// It is larger than allowed.
    #[error("the request is larger than {0} bytes")]
    TooLarge(usize),
}

impl WireError {
    pub(crate) fn syntax(what: impl Into<String>) -> Self {
        Self::Syntax(what.into())
    }

    pub(crate) fn value(found: &str, expected: &str) -> Self {
        Self::Value(format!("{} is not a valid {expected}", quote(found)))
    }

    pub(crate) fn duplicate(name: &str) -> Self {
        Self::Duplicate(quote(name))
    }

    /// The error as the protocol answers it.
    ///
    /// Codes and statuses: query and EC2 by the AWS references' common errors, JSON and REST-JSON
    /// as the services answer, RPC v2 by Smithy's specification, S3 by its list of errors.
    pub fn to_api_error(&self, protocol: Protocol) -> ApiError {
        let (code, status) = match protocol {
            Protocol::Query => self.query_code(),
            Protocol::Ec2 => self.ec2_code(),
            Protocol::Json => self.json_code(),
            Protocol::RestJson | Protocol::RpcV2Cbor => self.smithy_code(),
            Protocol::RestXml => self.s3_code(),
        };
        ApiError::sender(code, self.message(protocol)).with_status(status)
    }

    fn message(&self, protocol: Protocol) -> String {
        match (self, protocol) {
            (Self::UnknownOperation { operation, .. }, Protocol::Ec2) => {
                format!("The action {operation} is not valid for this web service.")
            }
            (Self::UnknownOperation { .. }, Protocol::RestXml) => {
                "The specified method is not allowed against this resource.".to_owned()
            }
            (Self::Syntax(_) | Self::TooDeep, Protocol::RestXml) => {
                "The XML you provided was not well-formed or did not validate against our \
                 published schema"
                    .to_owned()
            }
            _ => capitalised(&self.to_string()),
        }
    }

    fn query_code(&self) -> (&'static str, u16) {
        match self {
            Self::MissingOperation => ("MissingAction", 400),
            Self::UnknownOperation { .. } => ("InvalidAction", 400),
            Self::Syntax(_) => ("MalformedQueryString", 400),
            Self::TooLarge(_) => ("RequestEntityTooLarge", 413),
            _ => ("MalformedInput", 400),
        }
    }

    fn ec2_code(&self) -> (&'static str, u16) {
        match self {
            Self::MissingOperation => ("MissingAction", 400),
            Self::UnknownOperation { .. } => ("InvalidAction", 400),
            Self::Syntax(_) => ("MalformedQueryString", 400),
            Self::Value(_) => ("InvalidParameterValue", 400),
            Self::UnknownParameter(_) => ("UnknownParameter", 400),
            Self::TooLarge(_) => ("RequestEntityTooLarge", 413),
            _ => ("InvalidQueryParameter", 400),
        }
    }

    fn json_code(&self) -> (&'static str, u16) {
        match self {
            Self::MissingOperation | Self::UnknownOperation { .. } => {
                ("UnknownOperationException", 400)
            }
            Self::ContentType(_) => ("UnknownOperationException", 404),
            Self::TooLarge(_) => ("RequestEntityTooLargeException", 413),
            _ => ("SerializationException", 400),
        }
    }

    fn smithy_code(&self) -> (&'static str, u16) {
        match self {
            Self::MissingOperation | Self::UnknownOperation { .. } => {
                ("UnknownOperationException", 404)
            }
            Self::ContentType(_) | Self::ContentEncoding(_) => {
                ("UnsupportedMediaTypeException", 415)
            }
            Self::TooLarge(_) => ("RequestEntityTooLargeException", 413),
            _ => ("SerializationException", 400),
        }
    }

    fn s3_code(&self) -> (&'static str, u16) {
        match self {
            Self::MissingOperation | Self::UnknownOperation { .. } => ("MethodNotAllowed", 405),
            Self::Syntax(_) | Self::TooDeep => ("MalformedXML", 400),
            Self::TooLarge(_) => ("EntityTooLarge", 400),
            Self::ContentEncoding(_) => ("NotImplemented", 501),
            _ => ("InvalidArgument", 400),
        }
    }
}

/// A value does not fit the shape it is encoded by: a mistake of the handler's, not the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of shape {shape} cannot be a {found}")]
pub struct EncodeError {
    /// The shape.
    pub shape: &'static str,
    /// What the value is.
    pub found: &'static str,
}

/// Text from a request, short enough to be repeated.
pub(crate) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
