//! What the targets of the wire protocols share.

#[path = "../../crates/wire/tests/common/echo.rs"]
mod echo;
#[path = "../../crates/wire/tests/common/same.rs"]
mod same;

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use palisade_model::Protocol;
use palisade_wire::{Body, Codec, Request};

fn codec() -> &'static Codec {
    static CODEC: OnceLock<Codec> = OnceLock::new();
    CODEC.get_or_init(echo::codec)
}

/// Reads the bytes as a body; what they decode to must survive every protocol, and what they are
/// refused with must be told.
pub fn body(protocol: Protocol, data: &[u8]) {
    match echo::decode(codec(), protocol, data.to_vec()) {
        Ok(value) => echo::check(codec(), &value, same::same_members),
        Err(error) => {
            let response = codec().encode_error(protocol, &error.to_api_error(protocol), "id");
            assert!(response.status().as_u16() >= 400);
        }
    }
}

/// Reads the bytes as lines: a path, a query string, a header, and a body.
#[allow(
    dead_code,
    reason = "for the protocols that look into all of a request"
)]
pub fn head(protocol: Protocol, data: &[u8]) {
    const HEADERS: [&str; 5] = [
        "x-count",
        "x-dates",
        "x-words",
        "x-meta-a",
        "content-encoding",
    ];
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(lines.next()?).ok();
    let (Some(path), Some(query), Some(header)) = (text(), text(), text()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    for name in HEADERS {
        if let Ok(value) = HeaderValue::from_str(header) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    let body = Body::Bytes(lines.next().unwrap_or_default().to_vec().into());
    let request = Request {
        method: "PUT",
        path,
        query: Some(query),
        headers: &headers,
        body,
    };
    if let Ok(operation) = codec().route(protocol, &request) {
        let _ = codec().decode(protocol, operation, &request, 1 << 16);
    }
}
