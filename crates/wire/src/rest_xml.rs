//! The REST-XML protocol, and S3's way of telling errors.

use http::header::CONTENT_TYPE;
use palisade_model::{
    ApiError, Member, Operation, ServiceModel, ShapeId, ShapeKind, Structure, StructureShape,
    Value, XmlNamespace,
};

use crate::answer::{Fault, REQUEST_ID, S3_HOST_ID, S3_REQUEST_ID, answer, set};
use crate::content;
use crate::error::{EncodeError, WireError};
use crate::message::{Body, Request, Response};
use crate::query::write_error;
use crate::rest::{Payload, Route, payload, payload_bytes, read_head, write_head};
use crate::rest_json::raw;
use crate::xml::{Element, Writer, read_structure};

const XML: &str = "application/xml";

/// Reads the input.
pub(crate) fn decode(
    model: &ServiceModel,
    route: &Route,
    request: &Request<'_>,
    limit: usize,
) -> Result<Structure, WireError> {
    let operation = route.operation;
    let Some(id) = operation.input else {
        return Ok(Structure::new());
    };
    let Some(shape) = model.structure(id) else {
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
            let named = member.location_name.unwrap_or(member.name);
            let roots = [named, own_name(model, member.shape)];
            if let (Some(element), Some(shape)) = (
                body(operation, request, limit, roots)?,
                model.structure(member.shape),
            ) {
                let value = Value::Structure(read_structure(model, shape, &element)?);
                structure.fields.push((member.name, value));
            }
        }
        Payload::Members => {
            let own = own_name(model, id);
            let roots = [operation.input_location_name.unwrap_or(own), own];
            if let Some(element) = body(operation, request, limit, roots)? {
                structure
                    .fields
                    .extend(read_structure(model, shape, &element)?.fields);
            }
        }
    }
    Ok(structure)
}

/// The document in the body, if there is one. Its root must have a name the model gives it: by
/// Smithy that of the shape goes first, by some clients that of the place that refers to it.
fn body(
    operation: &Operation,
    request: &Request<'_>,
    limit: usize,
    roots: [&str; 2],
) -> Result<Option<Element>, WireError> {
    let bytes = content::bytes(request, Some(operation), limit)?;
    let text = content::text(&bytes)?;
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let element = Element::parse(text)?;
    if !roots.contains(&element.name.as_str()) {
        let [root, _] = roots;
        return Err(WireError::Syntax(format!("the root element is not {root}")));
    }
    Ok(Some(element))
}

/// What a shape is called as the root of a document.
fn own_name(model: &ServiceModel, id: ShapeId) -> &'static str {
    let shape = model.shape(id);
    shape.location_name.unwrap_or(shape.name)
}

/// Writes the output.
pub(crate) fn encode(
    model: &ServiceModel,
    operation: &Operation,
    output: &Structure,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let status = operation.success_status;
    let output_shape = operation
        .output
        .and_then(|id| model.structure(id).map(|shape| (id, shape)));
    let Some((id, shape)) = output_shape else {
        return Ok(finish(model, status, None, request_id, Body::EMPTY));
    };
    let (content_type, body) = encode_body(model, id, shape, output)?;
    let mut response = finish(model, status, content_type, request_id, body);
    write_head(model, shape, output, &mut response)?;
    Ok(response)
}

fn encode_body(
    model: &ServiceModel,
    id: ShapeId,
    shape: &StructureShape,
    output: &Structure,
) -> Result<(Option<&'static str>, Body), EncodeError> {
    let mut xml = Writer::new(model);
    xml.declaration();
    match payload(model, shape, Member::is_in_answer_body) {
        Payload::Raw(member) => return raw(model, member, output.get(member.name)),
        Payload::Nothing => return Ok((None, Body::EMPTY)),
        Payload::Document(member) => match output.get(member.name) {
            None | Some(Value::Null) => return Ok((None, Body::EMPTY)),
            Some(value) => write_payload(&mut xml, model, member, value)?,
        },
        Payload::Members => {
            let namespace = namespace(model, model.shape(id).xml_namespace);
            xml.structure_element(own_name(model, id), namespace, shape, output)?;
        }
    }
    Ok((Some(XML), xml.into_bytes().into()))
}

fn write_payload(
    xml: &mut Writer<'_>,
    model: &ServiceModel,
    member: &Member,
    value: &Value,
) -> Result<(), EncodeError> {
    let shape = model.shape(member.shape);
    let (ShapeKind::Structure(structure_shape), Value::Structure(structure)) = (&shape.kind, value)
    else {
        return Err(EncodeError {
            shape: shape.name,
            found: value.kind(),
        });
    };
    // A location name that only repeats the member's is no name of the root.
    let named = member.location_name.filter(|name| *name != member.name);
    let root = named.unwrap_or_else(|| own_name(model, member.shape));
    let namespace = namespace(model, member.xml_namespace.or(shape.xml_namespace));
    xml.structure_element(root, namespace, structure_shape, structure)
}

fn namespace(model: &ServiceModel, own: Option<XmlNamespace>) -> Option<XmlNamespace> {
    let service = model
        .metadata
        .xml_namespace
        .map(|uri| XmlNamespace { uri, prefix: None });
    own.or(service)
}

/// Writes an error: S3's own form, or as query services do.
pub(crate) fn encode_error(
    model: &ServiceModel,
    error: &ApiError,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let fault = Fault::new(model, error);
    let mut xml = Writer::new(model);
    xml.declaration();
    if is_s3(model) {
        xml.open("Error", None);
        xml.text_element("Code", fault.code());
        xml.text_element("Message", &fault.error.message);
        if let Some(shape) = fault.shape() {
            xml.members(shape, &fault.members())?;
        }
        xml.text_element("RequestId", request_id);
        xml.text_element("HostId", request_id);
        xml.close("Error");
    } else {
        xml.open("ErrorResponse", namespace(model, None));
        write_error(&mut xml, &fault, true)?;
        xml.text_element("RequestId", request_id);
        xml.close("ErrorResponse");
    }
    let body = Body::from(xml.into_bytes());
    let mut response = finish(model, fault.status(), Some(XML), request_id, body);
    if let Some(shape) = fault.shape() {
        let status = response.status();
        write_head(model, shape, &fault.members(), &mut response)?;
        *response.status_mut() = status;
    }
    Ok(response)
}

fn finish(
    model: &ServiceModel,
    status: u16,
    content_type: Option<&'static str>,
    request_id: &str,
    body: Body,
) -> Response {
    let mut response = answer(status, content_type.unwrap_or(XML), request_id, body);
    if content_type.is_none() {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    if is_s3(model) || model.metadata.service_id == "S3 Control" {
        response.headers_mut().remove(REQUEST_ID);
        set(&mut response, S3_REQUEST_ID, request_id);
        set(&mut response, S3_HOST_ID, request_id);
    }
    response
}

fn is_s3(model: &ServiceModel) -> bool {
    model.metadata.service_id == "S3"
}
