//! Every output case: a result or error is answered with what the case says, to a client's eyes.

mod common;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use common::answer::{children, headers, sanitized, take_code, tree};
use common::ledger::{Ledger, reasons};
use common::{Case, cases, folder, members, structure};
use palisade_model::{ApiError, Protocol, StructureShape};
use palisade_wire::{Body, Codec, Response};
use serde_json::{Value as Json, json};

/// The request's id that a case names, or any.
fn request_id(case: &Case) -> &str {
    let mut headers = case.case["response"]["headers"]
        .as_object()
        .into_iter()
        .flatten();
    let named = headers.find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-requestid"));
    named
        .and_then(|(_, value)| value.as_str())
        .unwrap_or("foo-id")
}

#[test]
fn every_result_encodes_to_an_equivalent_answer() {
    let Some(folder) = folder() else { return };
    let reasons = reasons();
    let cases = cases(&folder, "output");
    let mut ledger = Ledger::default();
    for case in &cases {
        ledger.note(&case.id, encodes(case), &reasons);
    }
    ledger.settle("output", cases.len(), &reasons);
}

fn encodes(case: &Case) -> Result<(), String> {
    let protocol = case.model.metadata.protocols[0];
    let is_error = case.case.get("error").is_some();
    let response = match is_error {
        true => error_response(case, protocol),
        false => result_response(case, protocol)?,
    };
    let expected = &case.case["response"];
    if expected["status_code"] != json!(response.status().as_u16()) {
        return Err(format!(
            "status {}, not {}",
            response.status(),
            expected["status_code"]
        ));
    }
    let found = header_pairs(&response);
    if !found.values().any(|value| value == request_id(case)) {
        return Err("no request id in the headers".to_owned());
    }
    if is_error {
        compare_codes(case, protocol, &response)?;
    }
    compare_headers(expected, &found)?;
    compare_bodies(case, protocol, &response, is_error)
}

fn result_response(case: &Case, protocol: Protocol) -> Result<Response, String> {
    let operation = case
        .model
        .operation(&case.operation)
        .expect("the operation");
    let result = structure(case.model, operation.output, &case.case["result"]);
    let response = Codec::new(case.model).encode(protocol, operation, &result, request_id(case));
    response.map_err(|error| format!("does not encode: {error}"))
}

fn error_response(case: &Case, protocol: Protocol) -> Response {
    let code = case.case["errorCode"].as_str().expect("a code").to_owned();
    let message = case.case["errorMessage"].as_str().unwrap_or_default();
    let mut error = ApiError::sender(code, message);
    let shape = error_shape(case);
    error.fields = members(case.model, shape, &case.case["error"]).fields;
    Codec::new(case.model).encode_error(protocol, &error, request_id(case))
}

fn error_shape(case: &Case) -> &'static StructureShape {
    let code = case.case["errorCode"].as_str().expect("a code");
    let (_, shape, _) = case.model.error_shape(code).expect("a modelled error");
    shape
}

fn header_pairs(response: &Response) -> BTreeMap<String, String> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers(
        response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value))),
    )
}

fn compare_headers(expected: &Json, found: &BTreeMap<String, String>) -> Result<(), String> {
    let pairs = expected["headers"].as_object().into_iter().flatten();
    let text = |value: &Json| value.as_str().expect("a header").to_owned();
    for (name, value) in headers(pairs.map(|(name, value)| (name.clone(), text(value)))) {
        let same = match (name.as_str(), found.get(&name)) {
            // The name of an error is compared on its own; the length is the connection's.
            ("x-amzn-errortype" | "content-length", _) => true,
            // A header of requests that has slipped into an answer.
            ("x-amz-target", _) => true,
            // An empty body is of no type.
            ("content-type", _) if expected["body"].as_str().is_none_or(str::is_empty) => true,
            ("content-type", Some(found)) => essence(found) == essence(&value),
            (_, found) => found == Some(&value),
        };
        if !same {
            return Err(format!(
                "header {name}: {:?}, not {value:?}",
                found.get(&name)
            ));
        }
    }
    Ok(())
}

/// A content type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// The name of an error must be where a client of the protocol looks for it.
fn compare_codes(case: &Case, protocol: Protocol, response: &Response) -> Result<(), String> {
    let expected = &case.case["response"];
    let expected_body = tree(protocol, &expected_bytes(case))?;
    let wanted = code(
        protocol,
        expected["headers"].as_object().and_then(errortype),
        expected_body,
    );
    let header = response
        .headers()
        .get("x-amzn-errortype")
        .map(|value| value.to_str().unwrap());
    let found = code(
        protocol,
        header.map(str::to_owned),
        tree(protocol, bytes(response))?,
    );
    if wanted.is_none() || wanted != found {
        return Err(format!("error {found:?}, not {wanted:?}"));
    }
    Ok(())
}

fn errortype(headers: &serde_json::Map<String, Json>) -> Option<String> {
    let mut named = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype"));
    named
        .next()
        .and_then(|(_, value)| value.as_str())
        .map(str::to_owned)
}

fn code(protocol: Protocol, header: Option<String>, mut body: Json) -> Option<String> {
    match protocol {
        Protocol::Json | Protocol::RestJson | Protocol::RpcV2Cbor => header
            .map(|code| sanitized(&code).to_owned())
            .or_else(|| take_code(&mut body)),
        Protocol::Query | Protocol::RestXml => {
            let error = children(&mut body, "Error")?.first_mut()?;
            children(error, "Code")?.first()?["text"]
                .as_str()
                .map(str::to_owned)
        }
        Protocol::Ec2 => {
            let errors = children(&mut body, "Errors")?.first_mut()?;
            let error = children(errors, "Error")?.first_mut()?;
            children(error, "Code")?.first()?["text"]
                .as_str()
                .map(str::to_owned)
        }
    }
}

fn compare_bodies(
    case: &Case,
    protocol: Protocol,
    response: &Response,
    is_error: bool,
) -> Result<(), String> {
    if case.case["response"].get("body").is_none() {
        // The case makes no statement on the body.
        return Ok(());
    }
    let mut expected = tree(protocol, &expected_bytes(case))?;
    let mut found = tree(protocol, bytes(response))?;
    if is_error {
        forgive_error(case, &mut expected);
        take_code(&mut expected);
        take_code(&mut found);
        drop_empty_message(case, &mut expected);
        drop_empty_message(case, &mut found);
    }
    for tree in [&mut expected, &mut found] {
        drop_envelope(protocol, tree);
    }
    match expected == found {
        true => Ok(()),
        false => Err(format!("body\n  {found}, not\n  {expected}")),
    }
}

/// What is around a result and not part of it: the request's id, and in the query protocols the
/// namespace of the root, which is the service's and not in the models of the cases. A JSON or CBOR
/// body without members is as good as none.
fn drop_envelope(protocol: Protocol, tree: &mut Json) {
    if *tree == json!({}) {
        *tree = Json::Null;
    }
    if let Some(children) = tree.get_mut("children").and_then(Json::as_object_mut) {
        for name in ["ResponseMetadata", "requestId", "RequestId", "RequestID"] {
            children.remove(name);
        }
    }
    if matches!(protocol, Protocol::Query | Protocol::Ec2) && tree.is_object() {
        let service = tree["namespace"].clone();
        rename_namespace(tree, &service);
    }
}

fn rename_namespace(element: &mut Json, service: &Json) {
    if element["namespace"] == *service {
        element["namespace"] = json!("");
    }
    let children = element["children"].as_object_mut().expect("children");
    for child in children
        .values_mut()
        .flat_map(|same| same.as_array_mut().expect("elements"))
    {
        rename_namespace(child, service);
    }
}

/// Leaves out of an expected error what the case does not give and the model does not have: it is
/// there to see that clients pass over it.
fn forgive_error(case: &Case, expected: &mut Json) {
    let shape = error_shape(case);
    let holders = match children(expected, "Errors") {
        Some(errors) => children(&mut errors[0], "Error"),
        None => children(expected, "Error"),
    };
    for error in holders.into_iter().flatten() {
        let entries = error["children"].as_object_mut().expect("children");
        let own = ["Type", "Code", "Message"];
        entries
            .retain(|name, _| own.contains(&name.as_str()) || shape.member_on_wire(name).is_some());
    }
}

/// A message that the case does not give is neither asked for nor refused.
fn drop_empty_message(case: &Case, body: &mut Json) {
    if case.case.get("errorMessage").is_some() {
        return;
    }
    let holders = match children(body, "Errors") {
        Some(errors) => children(&mut errors[0], "Error"),
        None => children(body, "Error"),
    };
    for error in holders.into_iter().flatten() {
        error["children"]
            .as_object_mut()
            .expect("children")
            .remove("Message");
    }
}

fn expected_bytes(case: &Case) -> Vec<u8> {
    let body = case.case["response"]["body"].as_str().unwrap_or_default();
    match case.is_cbor {
        true => BASE64.decode(body).expect("base64"),
        false => body.as_bytes().to_vec(),
    }
}

fn bytes(response: &Response) -> &[u8] {
    match response.body() {
        Body::Bytes(bytes) => bytes,
        Body::Stream => panic!("no case is a stream"),
    }
}
