//! What a request tells of its service before anything else is known.

use std::borrow::Cow;

use crate::form::find;
use crate::message::{Body, Request};
use crate::{MAX_FORM, rpc_cbor};

/// What a request names: enough to tell which service is meant when no signature does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint<'r> {
    /// `X-Amz-Target`, in its two parts.
    Target {
        /// What comes before the last dot: the target prefix of a model.
        prefix: &'r str,
        /// The operation.
        operation: &'r str,
    },
    /// The path of Smithy RPC v2.
    RpcV2 {
        /// The service: the target prefix of a model.
        service: &'r str,
        /// The operation.
        operation: &'r str,
    },
    /// The parameters of a form or query string.
    Action {
        /// `Action`
        action: Cow<'r, str>,
        /// `Version`, the API version of a model.
        version: Option<Cow<'r, str>>,
    },
    /// Nothing: a REST request, or none of ours.
    Nothing,
}

impl<'r> Hint<'r> {
    /// Reads the hint off a request. A body larger than [`MAX_FORM`] is not looked into.
    pub fn of(request: &'r Request<'_>) -> Self {
        if let Some((service, operation)) = rpc_cbor::split_path(request.path) {
            return Self::RpcV2 { service, operation };
        }
        let target = request
            .header("x-amz-target")
            .and_then(|target| target.rsplit_once('.'));
        if let Some((prefix, operation)) = target {
            return Self::Target { prefix, operation };
        }
        let query = request.query.unwrap_or_default();
        let body = form(request);
        let parameter = |name| find(query, name).or_else(|| find(body, name));
        match parameter("Action") {
            Some(action) => Self::Action {
                action,
                version: parameter("Version"),
            },
            None => Self::Nothing,
        }
    }
}

fn form<'r>(request: &'r Request<'_>) -> &'r str {
    let kind = request.header("content-type").unwrap_or_default();
    match &request.body {
        Body::Bytes(bytes) if bytes.len() <= MAX_FORM && kind.contains("form-urlencoded") => {
            std::str::from_utf8(bytes).unwrap_or_default()
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn each_protocol_but_rest_tells_its_operation() {
        let none = HeaderMap::new();
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert("content-type", kind);
        let body = Body::Bytes("Action=A&Version=1".into());
        let form = Request {
            method: "POST",
            path: "/",
            query: None,
            headers: &headers,
            body,
        };
        let (action, version) = ("A".into(), Some("1".into()));
        assert_eq!(Hint::of(&form), Hint::Action { action, version });
        let rest = Request {
            headers: &none,
            ..form.clone()
        };
        assert_eq!(Hint::of(&rest), Hint::Nothing);
        let rpc = Request {
            path: "/service/S/operation/O",
            ..rest
        };
        assert_eq!(
            Hint::of(&rpc),
            Hint::RpcV2 {
                service: "S",
                operation: "O"
            }
        );
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", HeaderValue::from_static("a.b.O"));
        let json = Request {
            headers: &headers,
            ..form
        };
        assert_eq!(
            Hint::of(&json),
            Hint::Target {
                prefix: "a.b",
                operation: "O"
            }
        );
    }
}
