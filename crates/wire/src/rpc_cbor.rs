//! Smithy RPC v2 with CBOR: the operation in the path, CBOR in and out.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use palisade_model::{ApiError, Operation, ServiceModel, Structure};

use crate::answer::{Fault, answer, set};
use crate::cbor::{read_structure, write_members};
use crate::content;
use crate::error::{EncodeError, WireError, quote};
use crate::message::{Body, Request, Response};

const CBOR: &str = "application/cbor";
/// Header by which requests and answers of the protocol are known.
pub(crate) const PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// What it says.
pub(crate) const RPC_V2_CBOR: &str = "rpc-v2-cbor";

/// The operation that the path names: `/service/SERVICE/operation/OPERATION`.
///
/// The service's name is its target prefix, where the model gives one.
pub(crate) fn route(
    model: &'static ServiceModel,
    request: &Request<'_>,
) -> Result<&'static Operation, WireError> {
    let unknown = || WireError::UnknownOperation {
        operation: quote(&format!("{} {}", request.method, request.path)),
        version: model.metadata.api_version.to_owned(),
    };
    let (service, name) = split_path(request.path).ok_or_else(unknown)?;
    let is_ours = model
        .metadata
        .target_prefix
        .is_none_or(|prefix| prefix == service);
    let is_ours = is_ours && request.method == "POST";
    model
        .operation(name)
        .filter(|_| is_ours)
        .ok_or_else(unknown)
}

/// The service and the operation of a path; there may be other segments before them.
pub(crate) fn split_path(path: &str) -> Option<(&str, &str)> {
    let (rest, operation) = path.rsplit_once("/operation/")?;
    let (before, service) = rest.rsplit_once('/')?;
    before.ends_with("/service").then_some((service, operation))
}

/// Reads the input.
pub(crate) fn decode(
    model: &ServiceModel,
    operation: &Operation,
    request: &Request<'_>,
    limit: usize,
) -> Result<Structure, WireError> {
    let body = content::bytes(request, Some(operation), limit)?;
    if !body.is_empty() {
        content::check_type(request, &[CBOR])?;
    }
    match operation.input.and_then(|id| model.structure(id)) {
        Some(shape) => read_structure(model, shape, &body),
        None => Ok(Structure::new()),
    }
}

/// Writes the output; an operation without one has no body.
pub(crate) fn encode(
    model: &ServiceModel,
    operation: &Operation,
    output: &Structure,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let mut body = Vec::new();
    if let Some(shape) = operation.output.and_then(|id| model.structure(id)) {
        write_members(&mut body, model, shape, output, &[])?;
    }
    let is_empty = body.is_empty();
    let mut response = finish(operation.success_status, request_id, body.into());
    if is_empty {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    Ok(response)
}

/// Writes an error: its name is in `__type`.
pub(crate) fn encode_error(
    model: &ServiceModel,
    error: &ApiError,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let fault = Fault::new(model, error);
    let mut lead = vec![("__type", fault.name())];
    if let Some(name) = fault.message_member().filter(|_| !error.message.is_empty()) {
        lead.push((name, &error.message));
    }
    let mut body = Vec::new();
    match fault.shape() {
        Some(shape) => write_members(&mut body, model, shape, &fault.members(), &lead)?,
        None => write_texts(&mut body, &lead),
    }
    let mut response = finish(fault.status_beside_query(model), request_id, body.into());
    fault.set_query_error(model, &mut response);
    Ok(response)
}

fn write_texts(body: &mut Vec<u8>, texts: &[(&str, &str)]) {
    crate::cbor::write_map_head(body, texts.len());
    for (key, text) in texts {
        crate::cbor::write_text(body, key);
        crate::cbor::write_text(body, text);
    }
}

fn finish(status: u16, request_id: &str, body: Body) -> Response {
    let mut response = answer(status, CBOR, request_id, body);
    set(&mut response, PROTOCOL, RPC_V2_CBOR);
    response
}
