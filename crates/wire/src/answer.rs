//! The parts of an answer that all protocols have.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use palisade_model::{ApiError, ErrorTraits, ServiceModel, Shape, StructureShape};

use crate::message::{Body, Response};

/// Header of the request's id, everywhere but in S3.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// Header of the request's id in S3 and S3 Control.
pub(crate) const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
/// Second header of S3 and S3 Control, for the host that answered.
pub(crate) const S3_HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
/// Header with the code of an error.
pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// Header with the code that an error had in the query protocol.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// An answer with a body and the request's id.
pub(crate) fn answer(
    status: u16,
    content_type: &'static str,
    request_id: &str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    set(&mut response, REQUEST_ID, request_id);
    response
}

/// Sets a header to text of ours; text that cannot be in one is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}

/// An error and what the model says about it.
pub(crate) struct Fault<'a> {
    /// The error.
    pub error: &'a ApiError,
    modelled: Option<(&'a Shape, &'a StructureShape, &'a ErrorTraits)>,
}

impl<'a> Fault<'a> {
    /// Looks the error up.
    pub(crate) fn new(model: &'a ServiceModel, error: &'a ApiError) -> Self {
        Self {
            error,
            modelled: model.error_shape(&error.code),
        }
    }

    /// The exception's shape, if the model has it.
    pub(crate) fn shape(&self) -> Option<&'a StructureShape> {
        self.modelled.map(|(_, shape, _)| shape)
    }

    /// The name of the exception: the code of the JSON and CBOR protocols.
    pub(crate) fn name(&self) -> &'a str {
        self.modelled
            .map_or(&self.error.code, |(shape, _, _)| shape.name)
    }

    /// The code of the XML protocols.
    pub(crate) fn code(&self) -> &'a str {
        self.modelled
            .and_then(|(_, _, traits)| traits.code)
            .unwrap_or_else(|| self.name())
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        let modelled = self.modelled.and_then(|(_, _, traits)| traits.status);
        let default = if self.is_senders() { 400 } else { 500 };
        self.error.status.or(modelled).unwrap_or(default)
    }

    /// The HTTP status of the protocols that a query service has taken up later: what its errors
    /// have in the model is what old clients see.
    pub(crate) fn status_beside_query(&self, model: &ServiceModel) -> u16 {
        let is_old = self
            .modelled
            .is_some_and(|(_, _, traits)| traits.code.is_some());
        match (self.error.status, self.is_senders()) {
            (None, true) if model.metadata.query_compatible && is_old => 400,
            (None, false) if model.metadata.query_compatible && is_old => 500,
            _ => self.status(),
        }
    }

    /// `Sender` or `Receiver`.
    pub(crate) fn party(&self) -> &'static str {
        if self.is_senders() {
            "Sender"
        } else {
            "Receiver"
        }
    }

    fn is_senders(&self) -> bool {
        self.error.sender_fault
            && !self
                .modelled
                .is_some_and(|(_, _, traits)| traits.server_fault)
    }

    /// The name of the member that holds the message, as the exception spells it.
    ///
    /// `None` when the exception is modelled without one and there is no message to tell.
    pub(crate) fn message_member(&self) -> Option<&'static str> {
        let own = self.shape().and_then(|shape| {
            shape
                .members()
                .iter()
                .find(|member| member.name.eq_ignore_ascii_case("message"))
        });
        match own {
            Some(member) => Some(member.wire_name()),
            None if self.error.message.is_empty() => None,
            None => Some("message"),
        }
    }

    /// Tells a service's old clients the code they know.
    pub(crate) fn set_query_error(&self, model: &ServiceModel, response: &mut Response) {
        let code = self.modelled.and_then(|(_, _, traits)| traits.code);
        if let (true, Some(code)) = (model.metadata.query_compatible, code) {
            set(response, QUERY_ERROR, &format!("{code};{}", self.party()));
        }
    }

    /// The members of the exception beside its message.
    pub(crate) fn members(&self) -> palisade_model::Structure {
        let fields = self.error.fields.iter();
        let fields = fields.filter(|(name, _)| !name.eq_ignore_ascii_case("message"));
        palisade_model::Structure {
            fields: fields.cloned().collect(),
        }
    }
}
