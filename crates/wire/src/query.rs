//! The query protocol and EC2's dialect of it: a form in, XML out.

use palisade_model::{
    ApiError, Operation, Protocol, ServiceModel, Structure, StructureShape, XmlNamespace,
};

use crate::answer::{Fault, answer};
use crate::content;
use crate::error::{EncodeError, WireError, quote};
use crate::form::{self, Dialect, Pairs};
use crate::message::{Request, Response};
use crate::xml::Writer;

const FORM: &[&str] = &["application/x-www-form-urlencoded"];

/// The operation that the `Action` parameter names, in the query string or the body.
pub(crate) fn route(
    model: &'static ServiceModel,
    request: &Request<'_>,
) -> Result<&'static Operation, WireError> {
    let query = request.query.unwrap_or_default();
    let bytes = content::bytes(request, packer(model, request), crate::MAX_FORM)?;
    let body = form(request, &bytes)?;
    let parameter = |name| form::find(query, name).or_else(|| form::find(body, name));
    let action = parameter("Action").ok_or(WireError::MissingOperation)?;
    let version = parameter("Version");
    // The word the services themselves use for a version that is not given.
    let version = version.as_deref().unwrap_or("NO_VERSION_SPECIFIED");
    let operation = model
        .operation(&action)
        .filter(|_| version == model.metadata.api_version);
    operation.ok_or_else(|| WireError::UnknownOperation {
        operation: quote(&action),
        version: quote(version),
    })
}

/// Reads the input.
pub(crate) fn decode(
    model: &ServiceModel,
    dialect: Dialect,
    operation: &Operation,
    request: &Request<'_>,
    limit: usize,
) -> Result<Structure, WireError> {
    let bytes = content::bytes(request, Some(operation), limit)?;
    let body = form(request, &bytes)?;
    let pairs = Pairs::parse(request.query.unwrap_or_default(), body)?;
    match operation.input.and_then(|id| model.structure(id)) {
        Some(shape) => form::read(model, dialect, shape, pairs.as_slice()),
        None => Ok(Structure::new()),
    }
}

/// An operation that lets clients compress its form, if this form may be compressed: which
/// operation is meant stands inside.
fn packer<'m>(model: &'m ServiceModel, request: &Request<'_>) -> Option<&'m Operation> {
    request.headers.get("content-encoding")?;
    model
        .operations()
        .iter()
        .find(|operation| !operation.request_compression.is_empty())
}

/// The text of a body that is a form.
fn form<'b>(request: &Request<'_>, bytes: &'b [u8]) -> Result<&'b str, WireError> {
    if bytes.is_empty() {
        return Ok("");
    }
    content::check_type(request, FORM)?;
    content::text(bytes)
}

/// Writes the output as `<OpResponse><OpResult>` with the request's id behind it.
pub(crate) fn encode(
    model: &ServiceModel,
    operation: &Operation,
    output: &Structure,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let mut xml = Writer::new(model);
    let root = [operation.name, "Response"].concat();
    xml.open(&root, namespace(model));
    if let Some(shape) = output_shape(model, operation) {
        match operation.result_wrapper {
            Some(wrapper) => xml.structure_element(wrapper, None, shape, output)?,
            None => xml.members(shape, output)?,
        }
    }
    xml.open("ResponseMetadata", None);
    xml.text_element("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&root);
    Ok(answer(
        operation.success_status,
        "text/xml",
        request_id,
        xml.into_bytes(),
    ))
}

/// Writes the output as `<OpResponse>` with the request's id in front.
pub(crate) fn encode_ec2(
    model: &ServiceModel,
    operation: &Operation,
    output: &Structure,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let mut xml = Writer::new(model);
    xml.declaration();
    let root = [operation.name, "Response"].concat();
    xml.open(&root, namespace(model));
    xml.text_element("requestId", request_id);
    if let Some(shape) = output_shape(model, operation) {
        xml.members(shape, output)?;
    }
    xml.close(&root);
    Ok(answer(
        operation.success_status,
        "text/xml;charset=UTF-8",
        request_id,
        xml.into_bytes(),
    ))
}

/// Writes an error in the form of the protocol.
pub(crate) fn encode_error(
    model: &ServiceModel,
    protocol: Protocol,
    error: &ApiError,
    request_id: &str,
) -> Result<Response, EncodeError> {
    let fault = Fault::new(model, error);
    let mut xml = Writer::new(model);
    if protocol == Protocol::Ec2 {
        xml.declaration();
        xml.open("Response", None);
        xml.open("Errors", None);
        write_error(&mut xml, &fault, false)?;
        xml.close("Errors");
        xml.text_element("RequestID", request_id);
        xml.close("Response");
        let content_type = "text/xml;charset=UTF-8";
        return Ok(answer(
            fault.status(),
            content_type,
            request_id,
            xml.into_bytes(),
        ));
    }
    xml.open("ErrorResponse", namespace(model));
    write_error(&mut xml, &fault, true)?;
    xml.text_element("RequestId", request_id);
    xml.close("ErrorResponse");
    Ok(answer(
        fault.status(),
        "text/xml",
        request_id,
        xml.into_bytes(),
    ))
}

/// Writes `<Error>` with the members of the exception.
pub(crate) fn write_error(
    xml: &mut Writer<'_>,
    fault: &Fault<'_>,
    with_type: bool,
) -> Result<(), EncodeError> {
    xml.open("Error", None);
    if with_type {
        xml.text_element("Type", fault.party());
    }
    xml.text_element("Code", fault.code());
    xml.text_element("Message", &fault.error.message);
    if let Some(shape) = fault.shape() {
        xml.members(shape, &fault.members())?;
    }
    xml.close("Error");
    Ok(())
}

fn output_shape<'m>(model: &'m ServiceModel, operation: &Operation) -> Option<&'m StructureShape> {
    operation.output.and_then(|id| model.structure(id))
}

fn namespace(model: &ServiceModel) -> Option<XmlNamespace> {
    model
        .metadata
        .xml_namespace
        .map(|uri| XmlNamespace { uri, prefix: None })
}
