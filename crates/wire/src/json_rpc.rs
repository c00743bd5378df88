//! The JSON protocols 1.0 and 1.1: the operation in `X-Amz-Target`, JSON in and out.

use palisade_model::{ApiError, JsonVersion, Operation, ServiceModel, Structure};

use crate::answer::{Fault, answer};
use crate::content;
use crate::error::{EncodeError, WireError, quote};
use crate::json::{read_structure, write_members, write_string};
use crate::message::{Request, Response};

const TYPES: &[&str] = &["application/x-amz-json-1.1", "application/x-amz-json-1.0"];

/// The operation that `X-Amz-Target` names.
pub(crate) fn route(
    model: &'static ServiceModel,
    request: &Request<'_>,
) -> Result<&'static Operation, WireError> {
    let target = request
        .header("x-amz-target")
        .ok_or(WireError::MissingOperation)?;
    if request.headers.get("content-type").is_none() {
        return Err(WireError::ContentType(String::new()));
    }
    content::check_type(request, TYPES)?;
    let named = target.rsplit_once('.');
    let named = named.filter(|(prefix, _)| Some(*prefix) == model.metadata.target_prefix);
    named
        .and_then(|(_, name)| model.operation(name))
        .ok_or_else(|| WireError::UnknownOperation {
            operation: quote(target),
            version: model.metadata.api_version.to_owned(),
        })
}

/// Reads the input.
pub(crate) fn decode(
    model: &ServiceModel,
    operation: &Operation,
    request: &Request<'_>,
    limit: usize,
) -> Result<Structure, WireError> {
    let body = content::bytes(request, Some(operation), limit)?;
    match operation.input.and_then(|id| model.structure(id)) {
        Some(shape) => read_structure(model, shape, &body),
        None => Ok(Structure::new()),
    }
}

/// Writes the output.
pub(crate) fn encode(
    model: &ServiceModel,
    operation: &Operation,
    output: &Structure,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let mut body = Vec::with_capacity(256);
    body.push(b'{');
    if let Some(shape) = operation.output.and_then(|id| model.structure(id)) {
        write_members(&mut body, model, shape, output, true)?;
    }
    body.push(b'}');
    Ok(answer(
        operation.success_status,
        content_type(model),
        request_id,
        body,
    ))
}

/// Writes an error: its name is in `__type`.
pub(crate) fn encode_error(
    model: &ServiceModel,
    error: &ApiError,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let fault = Fault::new(model, error);
    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(b"{\"__type\":");
    write_string(&mut body, fault.name());
    write_details(&mut body, model, &fault, false)?;
    body.push(b'}');
    let mut response = answer(
        fault.status_beside_query(model),
        content_type(model),
        request_id,
        body,
    );
    fault.set_query_error(model, &mut response);
    Ok(response)
}

/// Writes the message and the members of an exception.
pub(crate) fn write_details(
    body: &mut Vec<u8>,
    model: &ServiceModel,
    fault: &Fault<'_>,
    mut first: bool,
) -> Result<(), EncodeError> {
    if let Some(name) = fault
        .message_member()
        .filter(|_| !fault.error.message.is_empty())
    {
        if !std::mem::take(&mut first) {
            body.push(b',');
        }
        write_string(body, name);
        body.push(b':');
        write_string(body, &fault.error.message);
    }
    match fault.shape() {
        Some(shape) => write_members(body, model, shape, &fault.members(), first),
        None => Ok(()),
    }
}

fn content_type(model: &ServiceModel) -> &'static str {
    match model.metadata.json_version {
        JsonVersion::V1_0 => "application/x-amz-json-1.0",
        JsonVersion::V1_1 => "application/x-amz-json-1.1",
    }
}
