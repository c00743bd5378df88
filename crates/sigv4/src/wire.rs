//! What each authentication error is called by each family of services: status, code, message.
//!
//! Sources: the *Common Errors* pages of the API references (codes and statuses), the IAM User
//! Guide's *Troubleshoot signed requests* (texts on scope and dates), the S3 API Reference's
//! *Error responses*, the EC2 API Reference's *Error codes*, and answers of the services as
//! their users have quoted them.

use std::fmt::Write;

use crate::chunked::ChunkError;
use crate::error::{Algorithm, AuthError, ExpiresFault, Missing, ScopeFault};
use crate::time::Timestamp;
use crate::verify::MAX_SKEW;

/// Services that name authentication errors alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorFamily {
    /// The query protocol (IAM, STS, ELB, …) and REST-XML other than S3.
    Query,
    /// EC2.
    Ec2,
    /// JSON 1.0 and 1.1, and RPC v2 CBOR: status 400 throughout.
    Json,
    /// REST-JSON: the codes of JSON with status 403.
    RestJson,
    /// S3.
    S3,
}

/// An error as a service sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Error code.
    pub code: &'static str,
    /// Human-readable message.
    pub message: String,
}

impl AuthError {
    /// The status, code and message that services of `family` have for this error.
    ///
    /// ```
    /// use palisade_sigv4::{AuthError, wire::ErrorFamily};
    /// let code = |family| AuthError::UnknownAccessKey.answer(family).code;
    /// assert_eq!(code(ErrorFamily::Query), "InvalidClientTokenId");
    /// assert_eq!(code(ErrorFamily::Json), "UnrecognizedClientException");
    /// assert_eq!(code(ErrorFamily::S3), "InvalidAccessKeyId");
    /// assert_eq!(code(ErrorFamily::Ec2), "AuthFailure");
    /// ```
    pub fn answer(&self, family: ErrorFamily) -> Answer {
        let (status, code, message) = match family {
            ErrorFamily::S3 => self.s3(),
            ErrorFamily::Ec2 => self.ec2(),
            ErrorFamily::Query => {
                let (status, code) = self.kind().query();
                (status, code, self.message())
            }
            ErrorFamily::Json => (400, self.kind().json(), self.message()),
            ErrorFamily::RestJson => (403, self.kind().json(), self.message()),
        };
        Answer {
            status,
            code,
            message,
        }
    }

    fn ec2(&self) -> (u16, &'static str, String) {
        match self.kind() {
            Kind::UnknownKey | Kind::InvalidToken | Kind::Signature => (
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials".into(),
            ),
            Kind::Skew | Kind::ExpiredToken | Kind::RequestExpired => {
                (400, "RequestExpired", "Request has expired.".into())
            }
            kind @ (Kind::Missing | Kind::Incomplete) => {
                let (status, code) = kind.query();
                (status, code, self.message())
            }
        }
    }

    fn kind(&self) -> Kind {
        match self {
            AuthError::MissingAuthentication
            | AuthError::UnsupportedAlgorithm(Algorithm::Other) => Kind::Missing,
            AuthError::UnknownAccessKey => Kind::UnknownKey,
            AuthError::InvalidToken => Kind::InvalidToken,
            AuthError::ExpiredToken => Kind::ExpiredToken,
            AuthError::UnsupportedAlgorithm(_)
            | AuthError::IncompleteHeader { .. }
            | AuthError::IncompleteQuery { .. }
            | AuthError::MalformedAuthorization { .. }
            | AuthError::MalformedQuery { .. }
            | AuthError::DuplicateQuery { .. }
            | AuthError::DuplicateHeader { .. }
            | AuthError::MalformedHeader { .. }
            | AuthError::AmbiguousHost
            | AuthError::MalformedCredential { .. }
            | AuthError::MalformedSignedHeaders
            | AuthError::InvalidDate { .. }
            | AuthError::InvalidExpires(_)
            | AuthError::MissingPayloadHash
            | AuthError::InvalidPayloadHash
            | AuthError::MissingDecodedLength
            | AuthError::InvalidTrailerDeclaration => Kind::Incomplete,
            AuthError::Expired { .. } | AuthError::NotYetCurrent { .. } => Kind::Skew,
            AuthError::PresignedExpired { .. } => Kind::RequestExpired,
            AuthError::SeveralMechanisms
            | AuthError::WrongScope { .. }
            | AuthError::UnsignedHeaders { .. }
            | AuthError::UnsignedPayload
            | AuthError::PayloadMismatch
            | AuthError::Mismatch(_) => Kind::Signature,
        }
    }

    /// The message of all families but S3 and, in part, EC2.
    fn message(&self) -> String {
        match self {
            AuthError::MissingAuthentication
            | AuthError::UnsupportedAlgorithm(Algorithm::Other) => {
                "Request is missing Authentication Token".into()
            }
            AuthError::UnknownAccessKey | AuthError::InvalidToken => {
                "The security token included in the request is invalid.".into()
            }
            AuthError::ExpiredToken => {
                "The security token included in the request is expired".into()
            }
            AuthError::SeveralMechanisms => {
                "Found both 'X-Amz-Algorithm' as a query-string param and \
                 'Authorization' as HTTP header."
                    .into()
            }
            AuthError::UnsupportedAlgorithm(algorithm) => {
                let name = match algorithm {
                    Algorithm::SigV4A => "AWS4-ECDSA-P256-SHA256",
                    _ => "AWS",
                };
                format!("Unsupported AWS 'algorithm': '{name}' (only AWS4-HMAC-SHA256 for now). ")
            }
            AuthError::IncompleteHeader {
                missing,
                fingerprint,
            } => header_lacks(missing, fingerprint),
            AuthError::IncompleteQuery { missing } => query_lacks(missing),
            AuthError::MalformedAuthorization { fingerprint } => format!(
                "Invalid key=value pair (missing equal-sign) in Authorization header \
                 (hashed with SHA-256 and encoded with Base64): '{fingerprint}'."
            ),
            AuthError::MalformedCredential { got, .. } => format!(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/term, got '{got}'"
            ),
            AuthError::InvalidDate { got } => format!(
                "Date must be in ISO-8601 'basic format'. Got '{got}'. \
                 See http://en.wikipedia.org/wiki/ISO_8601"
            ),
            AuthError::Expired { request, now } => skew_text(*request, *now, -MAX_SKEW),
            AuthError::NotYetCurrent { request, now } => skew_text(*request, *now, MAX_SKEW),
            AuthError::PresignedExpired { .. } => "Request has expired.".into(),
            AuthError::WrongScope { faults, .. } => faults.iter().map(scope_text).collect(),
            AuthError::UnsignedHeaders { names } => unsigned_text(names),
            AuthError::UnsignedPayload | AuthError::PayloadMismatch | AuthError::Mismatch(_) => {
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. \
                 Consult the service documentation for details."
                    .into()
            }
            other => plain(other),
        }
    }

    fn s3(&self) -> (u16, &'static str, String) {
        let text = |status, code, message: &str| (status, code, message.to_owned());
        match self {
            AuthError::MissingAuthentication => text(403, "AccessDenied", "Access Denied"),
            AuthError::UnknownAccessKey => text(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            AuthError::InvalidToken => text(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
            ),
            AuthError::ExpiredToken => text(400, "ExpiredToken", "The provided token has expired."),
            AuthError::SeveralMechanisms => text(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
                 query string parameter or the Authorization header should be specified",
            ),
            AuthError::UnsupportedAlgorithm(_) => text(
                400,
                "InvalidRequest",
                "The authorization mechanism you have provided is not supported. \
                 Please use AWS4-HMAC-SHA256.",
            ),
            AuthError::IncompleteHeader { missing, .. } if missing.date && !missing.credential => {
                text(403, "AccessDenied", S3_DATE)
            }
            AuthError::IncompleteHeader { .. } | AuthError::MalformedAuthorization { .. } => text(
                400,
                S3_BAD_HEADER,
                "The authorization header is malformed; the authorization header requires three \
                 components: Credential, SignedHeaders, and Signature.",
            ),
            AuthError::IncompleteQuery { .. } => text(400, S3_BAD_QUERY, S3_QUERY),
            AuthError::MalformedQuery { name } | AuthError::DuplicateQuery { name } => (
                400,
                S3_BAD_QUERY,
                format!("Error parsing the {name} parameter."),
            ),
            AuthError::MalformedCredential { presigned, .. } => s3_credential(
                *presigned,
                "; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
            ),
            AuthError::MalformedSignedHeaders => text(
                400,
                S3_BAD_HEADER,
                "The authorization header is malformed; the SignedHeaders are mal-formed.",
            ),
            AuthError::WrongScope { faults, presigned } => {
                let faults: String = faults.iter().map(s3_scope_text).collect();
                s3_credential(*presigned, &faults)
            }
            AuthError::InvalidDate { .. } => text(403, "AccessDenied", S3_DATE),
            AuthError::InvalidExpires(fault) => text(400, S3_BAD_QUERY, s3_expires_text(*fault)),
            AuthError::Expired { .. } | AuthError::NotYetCurrent { .. } => text(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            AuthError::PresignedExpired { .. } => text(403, "AccessDenied", "Request has expired"),
            AuthError::UnsignedHeaders { .. } => text(
                403,
                "AccessDenied",
                "There were headers present in the request which were not signed",
            ),
            AuthError::MissingPayloadHash => text(
                400,
                "InvalidRequest",
                "Missing required header for this request: x-amz-content-sha256",
            ),
            AuthError::InvalidPayloadHash | AuthError::UnsignedPayload => text(
                400,
                "InvalidArgument",
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                 or a valid sha256 value.",
            ),
            AuthError::PayloadMismatch => text(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
            AuthError::MissingDecodedLength => text(
                411,
                "MissingContentLength",
                "You must provide the Content-Length HTTP header.",
            ),
            AuthError::Mismatch(_) => text(403, "SignatureDoesNotMatch", S3_MISMATCH),
            AuthError::DuplicateHeader { .. }
            | AuthError::MalformedHeader { .. }
            | AuthError::AmbiguousHost
            | AuthError::InvalidTrailerDeclaration => (400, "InvalidRequest", plain(self)),
        }
    }
}

impl ChunkError {
    /// What S3, the one service with such bodies, answers.
    pub fn answer(&self) -> Answer {
        let (status, code, message) = match self {
            ChunkError::Signature => (403, "SignatureDoesNotMatch", S3_MISMATCH),
            ChunkError::Trailer => (
                400,
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform \
                 to our published schema.",
            ),
            ChunkError::Malformed
            | ChunkError::Length
            | ChunkError::Incomplete
            | ChunkError::Surplus => (
                400,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
        };
        Answer {
            status,
            code,
            message: message.to_owned(),
        }
    }
}

const S3_BAD_HEADER: &str = "AuthorizationHeaderMalformed";
const S3_BAD_QUERY: &str = "AuthorizationQueryParametersError";
const S3_DATE: &str = "AWS authentication requires a valid Date or x-amz-date header";
const S3_QUERY: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, \
     X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
const S3_MISMATCH: &str = "The request signature we calculated does not match the signature you \
     provided. Check your key and signing method.";

/// The distinctions that the families but S3 make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    UnknownKey,
    InvalidToken,
    ExpiredToken,
    Incomplete,
    Signature,
    Skew,
    RequestExpired,
}

impl Kind {
    fn query(self) -> (u16, &'static str) {
        match self {
            Kind::Missing => (403, "MissingAuthenticationToken"),
            Kind::UnknownKey | Kind::InvalidToken => (403, "InvalidClientTokenId"),
            Kind::ExpiredToken => (403, "ExpiredToken"),
            Kind::Incomplete => (400, "IncompleteSignature"),
            Kind::Signature | Kind::Skew => (403, "SignatureDoesNotMatch"),
            Kind::RequestExpired => (400, "RequestExpired"),
        }
    }

    fn json(self) -> &'static str {
        match self {
            Kind::Missing => "MissingAuthenticationTokenException",
            Kind::UnknownKey | Kind::InvalidToken => "UnrecognizedClientException",
            Kind::ExpiredToken => "ExpiredTokenException",
            Kind::Incomplete => "IncompleteSignatureException",
            Kind::Signature | Kind::Skew => "InvalidSignatureException",
            Kind::RequestExpired => "RequestExpired",
        }
    }
}

/// The error's own words, as a sentence.
fn plain(error: &AuthError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn header_lacks(missing: &Missing, fingerprint: &str) -> String {
    let mut text = String::new();
    for name in missing.names().filter(|name| *name != "Date") {
        let _ = write!(text, "Authorization header requires '{name}' parameter. ");
    }
    if missing.date {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    let _ = write!(
        text,
        "(Hashed with SHA-256 and encoded with Base64) Authorization={fingerprint}"
    );
    text
}

fn query_lacks(missing: &Missing) -> String {
    let mut text = String::new();
    for name in missing.names() {
        let _ = write!(
            text,
            "AWS query-string parameters must include 'X-Amz-{name}'. "
        );
    }
    text.push_str("Re-examine the query-string parameters.");
    text
}

fn skew_text(request: Timestamp, now: Timestamp, skew: i64) -> String {
    let bound = Timestamp::from_unix_seconds(now.unix_seconds() + skew).unwrap_or(now);
    let minutes = skew.abs() / 60;
    if skew < 0 {
        format!("Signature expired: {request} is now earlier than {bound} ({now} - {minutes} min.)")
    } else {
        format!(
            "Signature not yet current: {request} is still later than {bound} ({now} + {minutes} min.)"
        )
    }
}

fn scope_text(fault: &ScopeFault) -> String {
    match fault {
        ScopeFault::Region { got, .. } => {
            format!("Credential should be scoped to a valid region, not '{got}'. ")
        }
        ScopeFault::Service { expected, .. } => {
            format!("Credential should be scoped to correct service: '{expected}'. ")
        }
        ScopeFault::Terminator { got } => {
            format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{got}'. "
            )
        }
        ScopeFault::Date { got, request } => format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{got}' != '{}', from '{request}'.",
            request.date()
        ),
    }
}

fn s3_credential(presigned: bool, faults: &str) -> (u16, &'static str, String) {
    let (code, start) = if presigned {
        (S3_BAD_QUERY, "Error parsing the X-Amz-Credential parameter")
    } else {
        (S3_BAD_HEADER, "The authorization header is malformed")
    };
    (400, code, format!("{start}{faults}"))
}

fn s3_scope_text(fault: &ScopeFault) -> String {
    match fault {
        ScopeFault::Region { got, expected } => {
            format!("; the region '{got}' is wrong; expecting '{expected}'")
        }
        ScopeFault::Service { got, expected } => {
            format!("; incorrect service \"{got}\". This endpoint belongs to \"{expected}\".")
        }
        ScopeFault::Terminator { got } => {
            format!("; incorrect terminal \"{got}\". This endpoint uses \"aws4_request\".")
        }
        ScopeFault::Date { got, request } => format!(
            "; Invalid credential date \"{got}\". This date is not the same as X-Amz-Date: \"{}\".",
            request.date()
        ),
    }
}

fn s3_expires_text(fault: ExpiresFault) -> &'static str {
    match fault {
        ExpiresFault::NotANumber => "X-Amz-Expires should be a number",
        ExpiresFault::Negative => "X-Amz-Expires must be non-negative",
        ExpiresFault::TooLong => {
            "X-Amz-Expires must be less than a week (in seconds); \
             that is, the given X-Amz-Expires must be less than 604800 seconds"
        }
    }
}

fn unsigned_text(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        let name = match name.as_str() {
            "host" => "'Host' or ':authority'".to_owned(),
            name => format!("'{name}'"),
        };
        let _ = write!(
            text,
            "{name} must be a 'SignedHeader' in the AWS Authorization. "
        );
    }
    text.truncate(text.trim_end().len());
    text
}
