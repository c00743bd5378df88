//! A client's side of the protocols: a request from JSON, by the model.

use std::fmt::Write as _;

use palisade_model::{
    Location, Member, Operation, Protocol, ServiceModel, ShapeId, ShapeKind, catalog,
};
use serde_json::{Map, Value};

/// A request that is not signed yet.
pub struct Encoded {
    pub signing_name: &'static str,
    pub method: &'static str,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Writes a request in the first protocol of the service that is not binary.
pub fn request(service: &str, operation: &str, input: &Value) -> Encoded {
    let model = catalog::model(service).expect("a service");
    let operation = model.operation(operation).expect("an operation");
    let mut encoded = Encoded {
        signing_name: model.metadata.signing_name,
        method: "POST",
        path: "/".to_owned(),
        query: None,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let mut listed = model.metadata.protocols.iter().copied();
    let protocol = listed.find(|one| *one != Protocol::RpcV2Cbor);
    match protocol.expect("a protocol besides CBOR") {
        protocol @ (Protocol::Query | Protocol::Ec2) => {
            let form = form(model, protocol, operation, input);
            let kind = "application/x-www-form-urlencoded; charset=utf-8";
            encoded.headers.push(("content-type", kind.to_owned()));
            encoded.body = form.into_bytes();
        }
        Protocol::Json => {
            let target = format!(
                "{}.{}",
                model.metadata.target_prefix.expect("a target"),
                operation.name
            );
            encoded.headers.push(("x-amz-target", target));
            let kind = "application/x-amz-json-1.1".to_owned();
            encoded.headers.push(("content-type", kind));
            encoded.body = body(model, operation.input, input).to_string().into_bytes();
        }
        _ => rest(model, operation, input, &mut encoded),
    }
    encoded
}

fn rest(model: &ServiceModel, operation: &Operation, input: &Value, encoded: &mut Encoded) {
    encoded.method = operation.method;
    let (path, query) = match operation.uri.split_once('?') {
        Some((path, query)) => (path, query.to_owned()),
        None => (operation.uri, String::new()),
    };
    let (mut path, mut query) = (path.to_owned(), query);
    let members = operation.input.and_then(|id| model.structure(id));
    let mut in_body = Map::new();
    for member in members.map(|shape| shape.members()).unwrap_or_default() {
        let value = input.get(member.name);
        match (member.location, value) {
            (Location::Uri, value) => {
                let label = value.map_or_else(|| "x".to_owned(), scalar);
                for greedy in ["", "+"] {
                    let place = format!("{{{}{greedy}}}", member.wire_name());
                    path = path.replace(&place, &escaped(&label));
                }
            }
            (Location::QueryString, Some(value)) => {
                push(&mut query, member.wire_name(), &scalar(value));
            }
            // What tells operations of one path apart is there, whatever else is missing.
            (Location::QueryString, None) if member.required => {
                push(&mut query, member.wire_name(), "x");
            }
            (Location::Header, None) if member.required => {
                encoded.headers.push((member.wire_name(), "x".to_owned()));
            }
            (Location::Body, Some(value)) => {
                let value = renamed(model, member.shape, value);
                in_body.insert(member.wire_name().to_owned(), value);
            }
            _ => {}
        }
    }
    encoded.path = path;
    encoded.query = (!query.is_empty()).then_some(query);
    if !in_body.is_empty() {
        let kind = "application/json".to_owned();
        encoded.headers.push(("content-type", kind));
        encoded.body = Value::Object(in_body).to_string().into_bytes();
    }
}

fn body(model: &ServiceModel, shape: Option<ShapeId>, input: &Value) -> Value {
    shape.map_or_else(|| Value::Object(Map::new()), |id| renamed(model, id, input))
}

/// The value with the members' names on the wire.
fn renamed(model: &ServiceModel, id: ShapeId, value: &Value) -> Value {
    match (&model.shape(id).kind, value) {
        (ShapeKind::Structure(shape), Value::Object(members)) => {
            let renamed = members.iter().map(|(name, value)| {
                let member = shape.member(name).unwrap_or_else(|| no_member(name));
                let value = renamed(model, member.shape, value);
                (member.wire_name().to_owned(), value)
            });
            Value::Object(renamed.collect())
        }
        (ShapeKind::List(list), Value::Array(values)) => values
            .iter()
            .map(|value| renamed(model, list.member.shape, value))
            .collect(),
        _ => value.clone(),
    }
}

fn form(model: &ServiceModel, protocol: Protocol, operation: &Operation, input: &Value) -> String {
    let mut out = String::new();
    push(&mut out, "Action", operation.name);
    push(&mut out, "Version", model.metadata.api_version);
    if let Some(id) = operation.input {
        let is_ec2 = protocol == Protocol::Ec2;
        write_form(&mut out, model, is_ec2, "", id, false, input);
    }
    out
}

fn write_form(
    out: &mut String,
    model: &ServiceModel,
    is_ec2: bool,
    name: &str,
    id: ShapeId,
    flattened: bool,
    value: &Value,
) {
    match (&model.shape(id).kind, value) {
        (ShapeKind::Structure(shape), Value::Object(members)) => {
            for (key, value) in members {
                let member = shape.member(key).unwrap_or_else(|| no_member(key));
                let dot = if name.is_empty() { "" } else { "." };
                let name = format!("{name}{dot}{}", form_name(member, is_ec2));
                write_form(
                    out,
                    model,
                    is_ec2,
                    &name,
                    member.shape,
                    member.flattened,
                    value,
                );
            }
        }
        (ShapeKind::List(list), Value::Array(values)) => {
            let level = match flattened || list.flattened || is_ec2 {
                true => String::new(),
                false => format!(".{}", list.member.location_name.unwrap_or("member")),
            };
            for (index, value) in values.iter().enumerate() {
                let name = format!("{name}{level}.{}", index + 1);
                write_form(out, model, is_ec2, &name, list.member.shape, false, value);
            }
        }
        _ => push(out, name, &scalar(value)),
    }
}

fn form_name(member: &Member, is_ec2: bool) -> String {
    let name = member.query_name.unwrap_or(member.wire_name());
    match is_ec2 {
        true => name[..1].to_uppercase() + &name[1..],
        false => name.to_owned(),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn push(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push('&');
    }
    out.push_str(&escaped(name));
    out.push('=');
    out.push_str(&escaped(value));
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a string takes all"),
        }
    }
    out
}

fn no_member(name: &str) -> ! {
    panic!("the shape has no member {name}")
}
