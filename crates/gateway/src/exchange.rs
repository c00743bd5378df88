//! One request, from its head to its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response};
use palisade_core::failures::FailureKey;
use palisade_core::{CallContext, Caller, Region};
use palisade_model::{ApiError, Operation, Protocol, Structure};
use palisade_sigv4::wire::ErrorFamily;
use palisade_sigv4::{AuthError, Body, Credentialed, Header, RequestHead, Rules};
use palisade_wire::{Codec, Request};
use uuid::Uuid;

use crate::Gateway;
use crate::body::{self, ReadError, ResponseBody};
use crate::dispatch::{Answer, Signed};
use crate::perform;
use crate::route::{self, Target};
use crate::server::Connection;

/// The longest body of an operation that does not stream, in bytes. Forms are bounded further by the codec.
pub const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Header fields that say who signs; over HTTP they may come only once.
const SINGLE_HEADERS: [&str; 5] = [
    "authorization",
    "host",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// A request being answered.
pub struct Exchange<'a> {
    pub(crate) gateway: &'a Arc<Gateway>,
    pub(crate) connection: &'a Connection,
    pub(crate) request_id: Uuid,
    pub(crate) wall_ms: i64,
    parts: &'a Parts,
    target: Target<'a>,
}

/// The service and operation a request is meant for, and how to answer it.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// The codec of the service.
    pub codec: &'a Codec,
    /// The name of the service's model.
    pub service: &'static str,
    /// The protocol the request shows.
    pub protocol: Protocol,
    /// The operation; `None` where the service has none of that name.
    pub operation: Option<&'static Operation>,
}

impl<'a> Exchange<'a> {
    /// A request as it came off the connection.
    pub fn new(
        gateway: &'a Arc<Gateway>,
        connection: &'a Connection,
        parts: &'a Parts,
        request_id: Uuid,
        wall_ms: i64,
    ) -> Self {
        Self {
            gateway,
            connection,
            request_id,
            wall_ms,
            parts,
            target: Target::of(parts.uri.path()),
        }
    }

    /// Answers it.
    pub async fn run<B>(&self, incoming: B) -> Response<ResponseBody>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        if self.has_double_headers() {
            let error = ApiError::sender(
                "InvalidRequest",
                "A header field that may come once came twice.",
            );
            return self.head_error(&error.with_status(400));
        }
        let limits = self.gateway.limits();
        let (time_max, room) = (limits.body_time_max, &self.gateway.room);
        match body::read(incoming, BODY_BYTES_MAX, time_max, room).await {
            Ok(body) => self.with_body(body.bytes.clone()).await,
            Err(error) => self.unread(error),
        }
    }

    /// The error for a body that was not read.
    fn unread(&self, error: ReadError) -> Response<ResponseBody> {
        let (code, status, message) = match error {
            ReadError::TooLarge => (
                "RequestEntityTooLarge",
                413,
                "The request's body is too large.",
            ),
            ReadError::TooSlow => ("RequestTimeout", 408, "The request's body came too slowly."),
            ReadError::Broken => ("IncompleteBody", 400, "The request's body is broken."),
        };
        self.head_error(&ApiError::sender(code, message).with_status(status))
    }

    /// An error found before the body was read, in the form of whatever the head names.
    fn head_error(&self, error: &ApiError) -> Response<ResponseBody> {
        let request = self.wire_request(Bytes::new());
        match self.destination(None, &request) {
            Some(destination) => self.error(destination, error),
            None => self.bare_error(error),
        }
    }

    fn wire_request(&self, body: Bytes) -> Request<'_> {
        Request {
            method: self.parts.method.as_str(),
            path: self.target.path,
            query: self.parts.uri.query(),
            headers: &self.parts.headers,
            body: palisade_wire::Body::Bytes(body),
        }
    }

    async fn with_body(&self, body: Bytes) -> Response<ResponseBody> {
        let headers: Vec<Header<'_>> = self
            .parts
            .headers
            .iter()
            .map(|(name, value)| Header {
                name: name.as_str(),
                value: value.as_bytes(),
            })
            .collect();
        let head = RequestHead {
            method: self.parts.method.as_str(),
            path: self.parts.uri.path(),
            query: self.parts.uri.query(),
            authority: self
                .parts
                .uri
                .authority()
                .map(|authority| authority.as_str()),
            headers: &headers,
        };
        let request = self.wire_request(body.clone());
        let claim = match palisade_sigv4::parse(&head) {
            Ok(claim) => claim,
            Err(error) => return self.refuse(&error, None, self.destination(None, &request)),
        };
        let destination = self.destination(claim.as_ref(), &request);
        if self.gateway.settings.sealed {
            return match destination {
                Some(destination) => self.error(destination, &sealed()),
                None => self.bare_error(&sealed()),
            };
        }
        let (Some(claim), Some(destination)) = (claim.as_ref(), destination) else {
            return match claim {
                Some(claim) => self.unknown_service(&claim),
                None => self.unsigned(destination),
            };
        };
        self.signed(claim, &head, &request, &body, destination)
            .await
    }

    async fn signed(
        &self,
        claim: &Credentialed<'_>,
        head: &RequestHead<'_>,
        request: &Request<'_>,
        body: &Bytes,
        destination: Destination<'_>,
    ) -> Response<ResponseBody> {
        let rules = Rules::for_service(claim.service());
        if self.target.is_ambiguous(claim.service()) {
            let error = ApiError::sender(
                "InvalidRequest",
                "The path can be read in two ways: it may have neither . nor .. nor, outside a branch's prefix, _palisade.",
            );
            return self.error(destination, &error.with_status(400));
        }
        let served = &self.gateway.settings.regions;
        let region = match route::region(served, claim, destination.codec.model()) {
            Ok(region) => region,
            Err(error) => return self.refuse(&error, Some(claim), Some(destination)),
        };
        let signed = Signed {
            claim,
            head,
            body: Body::Whole(body),
            rules,
            region,
            request,
        };
        match self.dispatch(&signed, destination).await {
            Answer::Response(response) => response,
            Answer::Unauthenticated(error) => self.refuse(&error, Some(claim), Some(destination)),
        }
    }

    /// A request nobody signed. What AWS takes unsigned is not implemented yet, and says so; anything else must be signed.
    fn unsigned(&self, destination: Option<Destination<'_>>) -> Response<ResponseBody> {
        let open = destination.and_then(|d| {
            d.operation
                .filter(|operation| !operation.authenticated)
                .map(|o| (d, o))
        });
        match open {
            Some((destination, operation)) => self.error(
                destination,
                &perform::not_implemented(destination.service, operation),
            ),
            None => self.refuse(&AuthError::MissingAuthentication, None, destination),
        }
    }

    /// A scope that names no service there is.
    fn unknown_service(&self, claim: &Credentialed<'_>) -> Response<ResponseBody> {
        let name: String = claim.service().chars().take(64).collect();
        let error = ApiError::receiver(
            "NotImplemented",
            format!("There is no service {name} here."),
        );
        self.bare_error(&error.with_status(501))
    }

    /// Finds what the request is meant for: the first of its candidates that knows the operation, else the first.
    fn destination(
        &self,
        claim: Option<&Credentialed<'_>>,
        request: &Request<'_>,
    ) -> Option<Destination<'_>> {
        let mut first = None;
        for service in route::candidates(claim, request) {
            let Some(codec) = self.gateway.codec(service) else {
                continue;
            };
            let protocol = codec.protocol(request);
            let operation = codec.route(protocol, request).ok();
            let destination = Destination {
                codec,
                service,
                protocol,
                operation,
            };
            if operation.is_some() {
                return Some(destination);
            }
            first.get_or_insert(destination);
        }
        first
    }

    /// Refuses a request nobody is known to have signed. It goes to the ring of failures, never to a history.
    fn refuse(
        &self,
        error: &AuthError,
        claim: Option<&Credentialed<'_>>,
        destination: Option<Destination<'_>>,
    ) -> Response<ResponseBody> {
        let family = destination.map_or(ErrorFamily::Query, |d| family(d.codec, d.protocol));
        let answer = error.answer(family);
        let key = FailureKey {
            code: answer.code.to_owned(),
            access_key_id: claim
                .map(|c| c.access_key_id().chars().take(128).collect())
                .unwrap_or_default(),
            service: destination
                .map(|d| d.service.to_owned())
                .unwrap_or_default(),
            source_ip: self.connection.peer.ip().to_string(),
        };
        self.gateway
            .metrics
            .authentication_failures
            .fetch_add(1, Ordering::Relaxed);
        self.gateway
            .failures
            .note(key, &error.to_string(), self.request_id, self.wall_ms);
        let api_error = ApiError::sender(answer.code, answer.message).with_status(answer.status);
        match destination {
            Some(destination) => self.error(destination, &api_error),
            None => self.bare_error(&api_error),
        }
    }

    /// An error in the form of the service and protocol.
    pub(crate) fn error(
        &self,
        destination: Destination<'_>,
        error: &ApiError,
    ) -> Response<ResponseBody> {
        let encoded = destination.codec.encode_error(
            destination.protocol,
            error,
            &self.request_id.to_string(),
        );
        whole(encoded)
    }

    /// An answer in the form of the service and protocol.
    pub(crate) fn success(
        &self,
        destination: Destination<'_>,
        operation: &Operation,
        output: &Structure,
    ) -> Response<ResponseBody> {
        match destination.codec.encode(
            destination.protocol,
            operation,
            output,
            &self.request_id.to_string(),
        ) {
            Ok(response) => self.with_stream(response),
            Err(error) => {
                tracing::error!(%error, operation = operation.name, "an answer does not fit its model");
                self.error(destination, &internal_failure())
            }
        }
    }

    /// The bytes of an answer that streams: today that is the backup.
    fn with_stream(&self, response: palisade_wire::Response) -> Response<ResponseBody> {
        let (parts, body) = response.into_parts();
        match body {
            palisade_wire::Body::Bytes(bytes) => {
                Response::from_parts(parts, ResponseBody::from(bytes))
            }
            palisade_wire::Body::Stream => Response::from_parts(
                parts,
                ResponseBody::Stream(crate::body::backup(
                    self.gateway.env.store.clone(),
                    Arc::clone(&self.gateway.env.keys),
                )),
            ),
        }
    }

    /// An error where not even the service is known: JSON for a client that sends JSON, else the XML that form and REST clients read.
    fn bare_error(&self, error: &ApiError) -> Response<ResponseBody> {
        let header = |name: &str| self.parts.headers.get(name).and_then(|v| v.to_str().ok());
        let sends_json = header("x-amz-target").is_some()
            || header("content-type").is_some_and(|kind| kind.contains("json"));
        // Any service of the family will do: an error's form is its protocol's.
        let (service, protocol) = match sends_json {
            true => ("cloudtrail", Protocol::Json),
            false => ("sts", Protocol::Query),
        };
        let codec = self.gateway.codec(service).expect("both have a model");
        whole(codec.encode_error(protocol, error, &self.request_id.to_string()))
    }

    fn has_double_headers(&self) -> bool {
        let headers: &HeaderMap = &self.parts.headers;
        SINGLE_HEADERS
            .iter()
            .any(|name| headers.get_all(*name).iter().nth(1).is_some())
    }

    /// The branch the request is sent to.
    pub(crate) fn branch(&self) -> Option<&'a str> {
        self.target.branch
    }

    /// The context of the call for its handler.
    pub(crate) fn context(&self, caller: Arc<Caller>, region: Region) -> CallContext {
        let user_agent = self.parts.headers.get(http::header::USER_AGENT);
        CallContext {
            request_id: self.request_id,
            caller,
            region,
            source_ip: Some(self.connection.peer.ip().to_canonical()),
            user_agent: user_agent.map(first_of).unwrap_or_default(),
            tls: self.connection.tls.clone(),
            branch: self.target.branch.map(str::to_owned),
        }
    }
}

/// The longest `User-Agent` that is kept, in characters.
const USER_AGENT_LENGTH_MAX: usize = 1024;

/// A header's text, as far as it is kept.
fn first_of(value: &HeaderValue) -> String {
    match value.to_str() {
        Ok(text) if text.len() <= USER_AGENT_LENGTH_MAX => text.to_owned(),
        _ => String::from_utf8_lossy(value.as_bytes())
            .chars()
            .take(USER_AGENT_LENGTH_MAX)
            .collect(),
    }
}

/// The family of error codes for authentication.
fn family(codec: &Codec, protocol: Protocol) -> ErrorFamily {
    match (codec.model().metadata.signing_name, protocol) {
        ("s3", _) => ErrorFamily::S3,
        (_, Protocol::Ec2) => ErrorFamily::Ec2,
        (_, Protocol::Query) => ErrorFamily::Query,
        (_, Protocol::RestJson) => ErrorFamily::RestJson,
        _ => ErrorFamily::Json,
    }
}

/// The answer while no seal is open; clients try again by themselves.
fn sealed() -> ApiError {
    ApiError::receiver(
        "ServiceUnavailable",
        "The server is sealed: its operator has to open the seal first.",
    )
    .with_status(503)
}

/// What a client gets for a defect or failure of ours.
pub fn internal_failure() -> ApiError {
    ApiError::receiver(
        "InternalFailure",
        "The request processing has failed because of an unknown error, exception or failure.",
    )
    .with_status(500)
}

fn whole(response: palisade_wire::Response) -> Response<ResponseBody> {
    let (parts, body) = response.into_parts();
    let bytes = match body {
        palisade_wire::Body::Bytes(bytes) => bytes,
        palisade_wire::Body::Stream => Bytes::new(),
    };
    Response::from_parts(parts, ResponseBody::from(bytes))
}
