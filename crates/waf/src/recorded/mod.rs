//! Requests from files: as HTTP/1.1 text, HAR archives and AWS WAF's log records.

mod har;
mod http;
mod log;

use std::fmt;
use std::net::IpAddr;

use crate::decision::{RateCount, TokenState};
use crate::request::Request;

pub use har::har;
pub use http::http;
pub use log::log_record;

/// Requests of one file, at most.
const REQUESTS_MAX: usize = 1_000_000;

/// A request from a file, with what the file says became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The request's id, where the record has one.
    pub id: Option<String>,
    /// Unix time in milliseconds, where the record has it.
    pub time_ms: Option<u64>,
    /// What was done then: `ALLOW`, `BLOCK`.
    pub action: Option<String>,
    /// The method.
    pub method: String,
    /// Path, query and fragment.
    pub uri: String,
    /// `HTTP/1.1`.
    pub version: String,
    /// Names and values, in order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body; nothing where the record cannot hold one.
    pub body: Option<Vec<u8>>,
    /// Whether the body is all of it.
    pub body_complete: bool,
    /// The client's address.
    pub client: IpAddr,
    /// The JA3 fingerprint.
    pub ja3: Option<String>,
    /// The JA4 fingerprint.
    pub ja4: Option<String>,
    /// What Palisade's own records also say.
    pub decided: Option<Decided>,
}

/// What a record of Palisade's own says of how its request was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The version of the web ACL: the hash of all it was compiled from.
    pub acl_version: String,
    /// What the client's token was worth.
    pub token: TokenState,
    /// What rate-based rules had counted.
    pub rates: Vec<RateCount>,
    /// How long the decision took, in microseconds.
    pub took_us: u64,
}

/// Why a file holds no requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARequest(pub String);

impl fmt::Display for NotARequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotARequest {}

impl Recorded {
    /// Shows the request to `ask` as the engine sees it.
    pub fn ask<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (&name[..], &value[..]))
            .collect();
        ask(&Request {
            version: &self.version,
            headers: &headers,
            body: self.body.as_deref().unwrap_or(b""),
            body_complete: self.body_complete,
            body_known: self.body.is_some(),
            client: self.client,
            ja3: self.ja3.as_deref(),
            ja4: self.ja4.as_deref(),
            ..Request::new(&self.method, &self.uri)
        })
    }

    fn new(method: &str, uri: &str) -> Recorded {
        Recorded {
            id: None,
            time_ms: None,
            action: None,
            method: method.to_owned(),
            uri: uri.to_owned(),
            version: "HTTP/1.1".to_owned(),
            headers: Vec::new(),
            body: Some(Vec::new()),
            body_complete: true,
            client: IpAddr::from([127, 0, 0, 1]),
            ja3: None,
            ja4: None,
            decided: None,
        }
    }
}

fn wrong(reason: impl Into<String>) -> NotARequest {
    NotARequest(reason.into())
}

/// The name and value members of a list of headers.
fn headers(list: Option<&serde_json::Value>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = |header: &serde_json::Value, name| {
        header
            .get(name)
            .and_then(serde_json::Value::as_str)
            .map(|text| text.as_bytes().to_vec())
    };
    let listed = list
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten();
    listed
        .filter_map(|header| Some((text(header, "name")?, text(header, "value")?)))
        .collect()
}
