//! The REST-JSON protocol.

use http::header::CONTENT_TYPE;
use palisade_model::{
    ApiError, Member, Operation, ServiceModel, ShapeKind, Structure, StructureShape, Value,
};

use crate::answer::{ERROR_TYPE, Fault, answer, set};
use crate::content;
use crate::error::{EncodeError, WireError};
use crate::json::{read_structure, read_value, write_members, write_value};
use crate::json_rpc::write_details;
use crate::message::{Body, Request, Response};
use crate::rest::{Payload, Route, payload, payload_bytes, read_head, write_head};

const JSON: &str = "application/json";
const TYPES: &[&str] = &[
    JSON,
    "application/x-amz-json-1.1",
    "application/x-amz-json-1.0",
];

/// Reads the input.
pub(crate) fn decode(
    model: &ServiceModel,
    route: &Route,
    request: &Request<'_>,
    limit: usize,
) -> Result<Structure, WireError> {
    let operation = route.operation;
    let Some(shape) = operation.input.and_then(|id| model.structure(id)) else {
        return Ok(Structure::new());
    };
    let mut structure = read_head(model, shape, route, request)?;
    match payload(model, shape, Member::is_in_request_body) {
        Payload::Nothing => {}
        Payload::Raw(member) => {
            if let Some(value) = payload_bytes(model, operation, member, request, limit)? {
                structure.fields.push((member.name, value));
            }
        }
        Payload::Document(member) => {
            let body = json_body(operation, request, limit)?;
            if !body.trim_ascii().is_empty() {
                let format = member.timestamp_format;
                let value = read_value(model, member.shape, format, &body)?;
                structure.fields.push((member.name, value));
            }
        }
        Payload::Members => {
            let body = json_body(operation, request, limit)?;
            structure
                .fields
                .extend(read_structure(model, shape, &body)?.fields);
        }
    }
    Ok(structure)
}

fn json_body(
    operation: &Operation,
    request: &Request<'_>,
    limit: usize,
) -> Result<bytes::Bytes, WireError> {
    let body = content::bytes(request, Some(operation), limit)?;
    if !body.is_empty() {
        content::check_type(request, TYPES)?;
    }
    Ok(body)
}

/// Writes the output.
pub(crate) fn encode(
    model: &ServiceModel,
    operation: &Operation,
    output: &Structure,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let status = operation.success_status;
    let Some(shape) = operation.output.and_then(|id| model.structure(id)) else {
        let mut response = answer(status, JSON, request_id, Body::EMPTY);
        response.headers_mut().remove(CONTENT_TYPE);
        return Ok(response);
    };
    let (content_type, body) = encode_body(model, shape, output)?;
    let mut response = answer(status, content_type.unwrap_or(JSON), request_id, body);
    if content_type.is_none() {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    write_head(model, shape, output, &mut response)?;
    Ok(response)
}

fn encode_body(
    model: &ServiceModel,
    shape: &StructureShape,
    output: &Structure,
) -> Result<(Option<&'static str>, Body), EncodeError> {
    Ok(match payload(model, shape, Member::is_in_answer_body) {
        Payload::Raw(member) => raw(model, member, output.get(member.name))?,
        Payload::Document(member) => {
            let mut body = Vec::with_capacity(256);
            match output.get(member.name) {
                None | Some(Value::Null) => return Ok((None, Body::EMPTY)),
                Some(value) => {
                    write_value(
                        &mut body,
                        model,
                        member.shape,
                        member.timestamp_format,
                        value,
                    )?;
                }
            }
            (Some(JSON), body.into())
        }
        Payload::Members | Payload::Nothing => {
            let mut body = Vec::with_capacity(256);
            body.push(b'{');
            write_members(&mut body, model, shape, output, true)?;
            body.push(b'}');
            (Some(JSON), body.into())
        }
    })
}

/// A payload of bytes or text as it is, with the type it has unless a header says another.
pub(crate) fn raw(
    model: &ServiceModel,
    member: &Member,
    value: Option<&Value>,
) -> Result<(Option<&'static str>, Body), EncodeError> {
    let shape = model.shape(member.shape);
    Ok(match (value, &shape.kind) {
        (None | Some(Value::Null), _) => (None, Body::EMPTY),
        (Some(Value::Stream), ShapeKind::Structure(_)) => {
            (Some("application/vnd.amazon.eventstream"), Body::Stream)
        }
        (Some(Value::Stream), _) => (Some("application/octet-stream"), Body::Stream),
        (Some(Value::Blob(bytes)), ShapeKind::Blob) => {
            (Some("application/octet-stream"), Body::Bytes(bytes.clone()))
        }
        (Some(Value::String(text)), ShapeKind::String(_)) => {
            (Some("text/plain"), text.clone().into_bytes().into())
        }
        (Some(other), _) => {
            return Err(EncodeError {
                shape: shape.name,
                found: other.kind(),
            });
        }
    })
}

/// Writes an error: its name is in a header.
pub(crate) fn encode_error(
    model: &ServiceModel,
    error: &ApiError,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let fault = Fault::new(model, error);
    let mut body = Vec::with_capacity(256);
    body.push(b'{');
    write_details(&mut body, model, &fault, true)?;
    body.push(b'}');
    let mut response = answer(fault.status(), JSON, request_id, body);
    set(&mut response, ERROR_TYPE, fault.name());
    if let Some(shape) = fault.shape() {
        let status = response.status();
        write_head(model, shape, &fault.members(), &mut response)?;
        *response.status_mut() = status;
    }
    Ok(response)
}
