//! One service on the wire.

use palisade_model::{ApiError, Operation, Protocol, ServiceModel, ShapeKind, Structure};

use crate::error::{EncodeError, WireError, quote};
use crate::form::Dialect;
use crate::message::{Request, Response};
use crate::rest::Router;
use crate::{json_rpc, query, rest_json, rest_xml, rpc_cbor};

/// Reads the requests and writes the answers of one service, in each protocol its model lists.
pub struct Codec {
    model: &'static ServiceModel,
    router: Router,
}

impl Codec {
    /// The codec of a service.
    pub fn new(model: &'static ServiceModel) -> Self {
        let is_rest = model
            .metadata
            .protocols
            .iter()
            .any(|protocol| is_rest(*protocol));
        let router = if is_rest {
            Router::new(model)
        } else {
            Router::empty()
        };
        Self { model, router }
    }

    /// The model of the service.
    pub fn model(&self) -> &'static ServiceModel {
        self.model
    }

    /// The protocol a request shows, among those the service speaks. It is also the protocol to
    /// answer in when nothing else can be made of the request.
    pub fn protocol(&self, request: &Request<'_>) -> Protocol {
        let listed = &self.model.metadata.protocols;
        let shown = listed
            .iter()
            .copied()
            .find(|protocol| shows(*protocol, request));
        // Every list has an entry (see `palisade_model::load`).
        shown.or(listed.first().copied()).unwrap_or(Protocol::Json)
    }

    /// The operation a request asks for. Nothing of the request is believed or kept: this may be
    /// done before the caller is known.
    ///
    /// # Errors
    /// When it names no operation, or one the service does not have.
    pub fn route(
        &self,
        protocol: Protocol,
        request: &Request<'_>,
    ) -> Result<&'static Operation, WireError> {
        match protocol {
            Protocol::Query | Protocol::Ec2 => query::route(self.model, request),
            Protocol::Json => json_rpc::route(self.model, request),
            Protocol::RpcV2Cbor => rpc_cbor::route(self.model, request),
            Protocol::RestJson | Protocol::RestXml => {
                let route = self.router.route(request);
                route
                    .map(|route| route.operation)
                    .ok_or_else(|| WireError::UnknownOperation {
                        operation: quote(&format!("{} {}", request.method, request.path)),
                        version: self.model.metadata.api_version.to_owned(),
                    })
            }
        }
    }

    /// Reads the input of an operation. `limit` bounds the body in bytes, also when it is unpacked.
    ///
    /// The result has the types of the model; whether its values keep the constraints is for
    /// validation to say. Entries that are null in lists and maps are kept as null.
    ///
    /// # Errors
    /// When the request is not of the protocol's form, or a value is not of its type.
    pub fn decode(
        &self,
        protocol: Protocol,
        operation: &'static Operation,
        request: &Request<'_>,
        limit: usize,
    ) -> Result<Structure, WireError> {
        let model = self.model;
        match protocol {
            Protocol::Query => query::decode(model, Dialect::Query, operation, request, limit),
            Protocol::Ec2 => query::decode(model, Dialect::Ec2, operation, request, limit),
            Protocol::Json => json_rpc::decode(model, operation, request, limit),
            Protocol::RpcV2Cbor => rpc_cbor::decode(model, operation, request, limit),
            Protocol::RestJson | Protocol::RestXml => {
                let route = self
                    .router
                    .of(operation)
                    .ok_or(WireError::MissingOperation)?;
                match protocol {
                    Protocol::RestJson => rest_json::decode(model, route, request, limit),
                    _ => rest_xml::decode(model, route, request, limit),
                }
            }
        }
    }

    /// Writes the output of an operation.
    ///
    /// # Errors
    /// When the output is not of the operation's output shape.
    pub fn encode(
        &self,
        protocol: Protocol,
        operation: &Operation,
        output: &Structure,
        request_id: &str,
    ) -> Result<Response, EncodeError> {
        let model = self.model;
        match protocol {
            Protocol::Query => query::encode(model, operation, output, request_id),
            Protocol::Ec2 => query::encode_ec2(model, operation, output, request_id),
            Protocol::Json => json_rpc::encode(model, operation, output, request_id),
            Protocol::RpcV2Cbor => rpc_cbor::encode(model, operation, output, request_id),
            Protocol::RestJson => rest_json::encode(model, operation, output, request_id),
            Protocol::RestXml => rest_xml::encode(model, operation, output, request_id),
        }
    }

    /// Writes an error. Members of an exception that do not fit its shape are left out: an error
    /// must not turn into another.
    pub fn encode_error(&self, protocol: Protocol, error: &ApiError, request_id: &str) -> Response {
        self.try_encode_error(protocol, error, request_id)
            .unwrap_or_else(|_| {
                let bare = ApiError {
                    fields: Vec::new(),
                    ..error.clone()
                };
                // Without members there is nothing left that could fail to fit.
                self.try_encode_error(protocol, &bare, request_id)
                    .unwrap_or_default()
            })
    }

    fn try_encode_error(
        &self,
        protocol: Protocol,
        error: &ApiError,
        request_id: &str,
    ) -> Result<Response, EncodeError> {
        match protocol {
            Protocol::Query | Protocol::Ec2 => {
                query::encode_error(self.model, protocol, error, request_id)
            }
            Protocol::Json => json_rpc::encode_error(self.model, error, request_id),
            Protocol::RpcV2Cbor => rpc_cbor::encode_error(self.model, error, request_id),
            Protocol::RestJson => rest_json::encode_error(self.model, error, request_id),
            Protocol::RestXml => rest_xml::encode_error(self.model, error, request_id),
        }
    }

    /// True when the operation's input has a payload that need not be in memory: its request may
    /// be decoded with [`Body::Stream`](crate::Body::Stream).
    pub fn takes_stream(&self, operation: &Operation) -> bool {
        self.streams(operation.input)
    }

    /// True when the operation's output may be a stream.
    pub fn gives_stream(&self, operation: &Operation) -> bool {
        self.streams(operation.output)
    }

    fn streams(&self, shape: Option<palisade_model::ShapeId>) -> bool {
        let payload = shape.and_then(|id| self.model.structure(id)?.payload_member());
        payload.is_some_and(|member| {
            let kind = &self.model.shape(member.shape).kind;
            let events = matches!(kind, ShapeKind::Structure(shape) if shape.event_stream);
            member.streaming || events
        })
    }
}

fn is_rest(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::RestJson | Protocol::RestXml)
}

/// True when a request has what only that protocol has; the REST protocols are known by the lack
/// of everything else.
fn shows(protocol: Protocol, request: &Request<'_>) -> bool {
    match protocol {
        Protocol::RpcV2Cbor => {
            request.headers.contains_key(rpc_cbor::PROTOCOL)
                || rpc_cbor::split_path(request.path).is_some()
        }
        Protocol::Json => request.headers.contains_key("x-amz-target"),
        Protocol::Query | Protocol::Ec2 => {
            request
                .header("content-type")
                .is_some_and(|kind| kind.contains("form-urlencoded"))
                || request
                    .query
                    .is_some_and(|query| crate::form::find(query, "Action").is_some())
        }
        Protocol::RestJson | Protocol::RestXml => false,
    }
}
