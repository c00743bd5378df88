//! The requests of the input cases.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue};
use palisade_model::Protocol;
use palisade_wire::{Body, Request};

use super::Case;

/// A request that owns its parts.
pub struct Sent {
    /// The method.
    pub method: String,
    /// The path, without the prefix of the endpoint.
    pub path: String,
    /// The query string.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Sent {
    /// The request that a case says is sent.
    pub fn of(case: &Case) -> Self {
        let serialized = &case.case["serialized"];
        let text = |key: &str| serialized[key].as_str().unwrap_or_default().to_owned();
        let uri = text("uri");
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (uri, None),
        };
        // An endpoint's own path is taken off before a request comes to a protocol.
        let prefix = serialized["host"]
            .as_str()
            .and_then(|host| host.split_once('/'));
        let path = match prefix {
            Some((_, prefix)) => path.replacen(&format!("/{prefix}"), "", 1),
            None => path,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in serialized["headers"].as_object().into_iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            let value = value.as_str().expect("a header value");
            headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
        }
        complete(case, &mut headers);
        let body = match (serialized.get("body"), case.is_cbor) {
            (Some(_), true) => BASE64.decode(text("body")).expect("base64"),
            (Some(_), false) => text("body").into_bytes(),
            (None, _) => unsaid_body(case),
        };
        Self {
            method: text("method"),
            path,
            query,
            headers,
            body,
        }
    }

    /// The request as the codec takes it.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            body: Body::Bytes(self.body.clone().into()),
        }
    }
}

/// Adds what every request of the JSON protocol has; the cases name only the headers they are
/// about.
fn complete(case: &Case, headers: &mut HeaderMap) {
    let metadata = &case.model.metadata;
    if metadata.protocols != [Protocol::Json] {
        return;
    }
    let target = format!(
        "{}.{}",
        metadata.target_prefix.unwrap_or_default(),
        case.operation
    );
    let target = HeaderValue::from_str(&target).expect("a target");
    headers.entry("x-amz-target").or_insert(target);
    headers
        .entry("content-type")
        .or_insert(HeaderValue::from_static("application/x-amz-json-1.1"));
}

/// The body of a case that names only headers: those of compressed requests, whose body is the
/// parameters in the protocol's plain form, made small.
fn unsaid_body(case: &Case) -> Vec<u8> {
    let params = case.case["params"].as_object().expect("parameters");
    if params.is_empty() {
        return Vec::new();
    }
    let metadata = &case.model.metadata;
    let plain = match metadata.protocols[0] {
        Protocol::Query | Protocol::Ec2 => {
            let mut form = format!("Action={}&Version={}", case.operation, metadata.api_version);
            for (name, value) in params {
                let value = value.as_str().expect("text").bytes();
                let value: String = value.map(|byte| format!("%{byte:02X}")).collect();
                let (first, rest) = name.split_at(1);
                let name = match metadata.protocols[0] {
                    Protocol::Ec2 => first.to_uppercase() + rest,
                    _ => name.clone(),
                };
                form += &format!("&{name}={value}");
            }
            form
        }
        Protocol::RestXml => {
            let root = &case.case["given"]["input"]["locationName"]
                .as_str()
                .expect("a root");
            format!(
                "<{root}><data>{}</data></{root}>",
                params["data"].as_str().expect("text")
            )
        }
        _ => serde_json::Value::Object(params.clone()).to_string(),
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(plain.as_bytes())
        .expect("a vector takes all");
    packed.finish().expect("a vector takes all")
}
