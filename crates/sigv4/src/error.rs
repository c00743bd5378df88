//! Every way authentication can fail, as values. What each is called on the wire is in
//! [`crate::wire`].

use std::fmt;

use crate::time::Timestamp;

/// Why a request was not authenticated.
///
/// Most come from this crate; [`UnknownAccessKey`](AuthError::UnknownAccessKey),
/// [`InvalidToken`](AuthError::InvalidToken), [`ExpiredToken`](AuthError::ExpiredToken) and
/// [`MissingAuthentication`](AuthError::MissingAuthentication) are for whoever looks credentials
/// up, so that one table names them all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request bears no authentication and the operation wants one.
    #[error("the request is not signed")]
    MissingAuthentication,
    /// No such access key, or one that is not active.
    #[error("no such access key")]
    UnknownAccessKey,
    /// The session token is not one of ours, is damaged, or does not belong to the access key.
    #[error("the session token is invalid")]
    InvalidToken,
    /// The session has ended.
    #[error("the session token is expired")]
    ExpiredToken,
    /// Both an `Authorization` header and query parameters, or two kinds of the latter.
    #[error("more than one authentication mechanism")]
    SeveralMechanisms,
    /// A signature of a kind that is recognised and not accepted.
    #[error("unsupported signature algorithm: {0}")]
    UnsupportedAlgorithm(Algorithm),
    /// Components of the `Authorization` header are missing.
    #[error("incomplete signature: {missing}")]
    IncompleteHeader {
        /// Which are missing.
        missing: Missing,
        /// Base64 of the SHA-256 of the header: enough to recognise it by, nothing to steal.
        fingerprint: String,
    },
    /// Parameters of a presigned URL are missing.
    #[error("incomplete presigned query: {missing}")]
    IncompleteQuery {
        /// Which are missing.
        missing: Missing,
    },
    /// The `Authorization` header has a component that is no `key=value`, unknown or repeated.
    #[error("malformed Authorization header")]
    MalformedAuthorization {
        /// Base64 of the SHA-256 of the header.
        fingerprint: String,
    },
    /// A presigned URL has an authentication parameter that cannot be read.
    #[error("malformed query parameter {name}")]
    MalformedQuery {
        /// The parameter's name.
        name: &'static str,
    },
    /// A presigned URL has an authentication parameter twice.
    #[error("repeated query parameter {name}")]
    DuplicateQuery {
        /// The parameter's name.
        name: &'static str,
    },
    /// A header that authentication reads is there twice.
    #[error("repeated header {name}")]
    DuplicateHeader {
        /// The header's name, in lower case.
        name: String,
    },
    /// A header that authentication reads has a value that cannot be read.
    #[error("malformed header {name}")]
    MalformedHeader {
        /// The header's name, in lower case.
        name: String,
    },
    /// `Host` and `:authority` disagree.
    #[error("Host and :authority disagree")]
    AmbiguousHost,
    /// The credential is not `key/date/region/service/aws4_request`: wrong number of parts.
    #[error("malformed credential")]
    MalformedCredential {
        /// The credential as sent.
        got: String,
        /// Whether it was a query parameter.
        presigned: bool,
    },
    /// `SignedHeaders` is empty, repeats a name, or has one that is no lower-case header name.
    #[error("malformed list of signed headers")]
    MalformedSignedHeaders,
    /// The credential scope is not the one asked: all that is wrong with it, in AWS's order.
    #[error("wrong credential scope: {faults:?}")]
    WrongScope {
        /// What is wrong.
        faults: Vec<ScopeFault>,
        /// Whether the credential was a query parameter.
        presigned: bool,
    },
    /// The date is in no form that is read.
    #[error("invalid date")]
    InvalidDate {
        /// The text as sent.
        got: String,
    },
    /// `X-Amz-Expires` is no whole number from 0 to 604,800.
    #[error("invalid X-Amz-Expires")]
    InvalidExpires(ExpiresFault),
    /// The timestamp is more than 15 minutes in the past.
    #[error("signature expired")]
    Expired {
        /// The request's timestamp.
        request: Timestamp,
        /// The server's.
        now: Timestamp,
    },
    /// The timestamp is more than 15 minutes in the future.
    #[error("signature not yet current")]
    NotYetCurrent {
        /// The request's timestamp.
        request: Timestamp,
        /// The server's.
        now: Timestamp,
    },
    /// A presigned URL is past its `X-Amz-Expires`.
    #[error("the presigned URL has expired")]
    PresignedExpired {
        /// When it expired.
        expired: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// Headers that must be signed are not.
    #[error("headers present but not signed: {names:?}")]
    UnsignedHeaders {
        /// Their names, in lower case.
        names: Vec<String>,
    },
    /// `x-amz-content-sha256` is missing where it is required (S3).
    #[error("missing x-amz-content-sha256")]
    MissingPayloadHash,
    /// `x-amz-content-sha256` is neither a hash nor one of the words that may stand for one.
    #[error("invalid x-amz-content-sha256")]
    InvalidPayloadHash,
    /// The payload is not signed and this operation wants it signed.
    #[error("an unsigned payload is not accepted here")]
    UnsignedPayload,
    /// The body is not the one whose hash was signed.
    #[error("the body is not the one signed")]
    PayloadMismatch,
    /// A chunked body without a readable `x-amz-decoded-content-length`.
    #[error("missing or invalid x-amz-decoded-content-length")]
    MissingDecodedLength,
    /// `x-amz-trailer` is missing, malformed, or there although the body has no trailer.
    #[error("x-amz-trailer does not fit the payload")]
    InvalidTrailerDeclaration,
    /// The signature is not the one computed.
    #[error("the signature does not match")]
    Mismatch(Box<Mismatch>),
}

/// What the server computed where a signature did not match.
///
/// Both strings are made of the caller's own request. They may hold the caller's session token:
/// answer the caller with them, but keep them out of logs (`Debug` does not print them).
#[derive(Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The canonical request.
    pub canonical_request: String,
    /// The string to sign.
    pub string_to_sign: String,
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mismatch").finish_non_exhaustive()
    }
}

/// Signature kinds that are recognised so that they can be refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Signature Version 2 and its S3 relative (HMAC-SHA1).
    SigV2,
    /// Signature Version 4A (`AWS4-ECDSA-P256-SHA256`).
    SigV4A,
    /// Anything else (`Bearer`, `Basic`, …).
    Other,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::SigV2 => "Signature Version 2",
            Algorithm::SigV4A => "AWS4-ECDSA-P256-SHA256 (Signature Version 4A)",
            Algorithm::Other => "unknown",
        })
    }
}

/// What is wrong with a credential scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ScopeFault {
    /// The region is not the one asked.
    Region {
        /// As sent.
        got: String,
        /// As asked.
        expected: String,
    },
    /// The service is not the one asked.
    Service {
        /// As sent.
        got: String,
        /// As asked.
        expected: String,
    },
    /// The last part is not `aws4_request`.
    Terminator {
        /// As sent.
        got: String,
    },
    /// The date is not that of the timestamp.
    Date {
        /// The scope's date, as sent.
        got: String,
        /// The request's timestamp.
        request: Timestamp,
    },
}

/// What is wrong with `X-Amz-Expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpiresFault {
    /// It is no whole number.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It is above 604,800, a week.
    TooLong,
}

/// The components that an authentication lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Missing {
    /// `Credential`, `X-Amz-Credential`.
    pub credential: bool,
    /// `Signature`, `X-Amz-Signature`.
    pub signature: bool,
    /// `SignedHeaders`, `X-Amz-SignedHeaders`.
    pub signed_headers: bool,
    /// `X-Amz-Date` (or a `Date` header).
    pub date: bool,
    /// `X-Amz-Expires`.
    pub expires: bool,
    /// `X-Amz-Algorithm`.
    pub algorithm: bool,
}

impl Missing {
    /// Whether anything is missing.
    pub fn any(&self) -> bool {
        *self != Missing::default()
    }

    /// The names of what is missing, without `X-Amz-`.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.algorithm, "Algorithm"),
            (self.credential, "Credential"),
            (self.signature, "Signature"),
            (self.signed_headers, "SignedHeaders"),
            (self.date, "Date"),
            (self.expires, "Expires"),
        ]
        .into_iter()
        .filter_map(|(missing, name)| missing.then_some(name))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            let separator = if index == 0 { "no " } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        Ok(())
    }
}
