//! What a request says about its body in `x-amz-content-sha256`.

use std::borrow::Cow;

use crate::encode::parse_hex32;
use crate::error::{Algorithm, AuthError};
use crate::request::RequestHead;

/// The word that stands for a hash where the body is not signed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// How the body is covered by the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadMode {
    /// No `x-amz-content-sha256`: the hash of the body itself goes into the canonical request.
    /// (S3 reads a presigned URL without the header as [`PayloadMode::Unsigned`].)
    Absent,
    /// The SHA-256 that the body must have.
    Sha256([u8; 32]),
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// `STREAMING-…`: the body is in `aws-chunked` encoding.
    Chunked(ChunkMode),
}

/// The kinds of `aws-chunked` bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChunkMode {
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: each chunk is signed.
    Signed,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`: each chunk and the trailer are signed.
    SignedTrailer,
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: a trailer, nothing signed.
    UnsignedTrailer,
}

impl ChunkMode {
    /// Whether chunks bear signatures.
    pub fn is_signed(self) -> bool {
        self != ChunkMode::UnsignedTrailer
    }

    /// Whether a trailer follows the last chunk.
    pub fn has_trailer(self) -> bool {
        self != ChunkMode::Signed
    }

    /// The word in `x-amz-content-sha256`.
    pub fn as_str(self) -> &'static str {
        match self {
            ChunkMode::Signed => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            ChunkMode::SignedTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            ChunkMode::UnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        }
    }
}

/// The value of `x-amz-content-sha256` and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared<'a> {
    /// As sent: this goes into the canonical request, upper-case digits and all.
    pub text: Option<Cow<'a, str>>,
    pub mode: PayloadMode,
}

/// Reads `x-amz-content-sha256`: the header, or what a presigned URL has in its place (some
/// clients move all headers into the query).
pub(crate) fn declared<'a>(
    head: &RequestHead<'a>,
    parameter: Option<Cow<'a, str>>,
) -> Result<Declared<'a>, AuthError> {
    let header = head.single_text("x-amz-content-sha256")?;
    if let (Some(header), Some(parameter)) = (header, &parameter)
        && header != parameter
    {
        return Err(AuthError::InvalidPayloadHash);
    }
    let text = header.map(Cow::Borrowed).or(parameter);
    let mode = match &text {
        None => PayloadMode::Absent,
        Some(text) => mode_of(text)?,
    };
    Ok(Declared { text, mode })
}

fn mode_of(text: &str) -> Result<PayloadMode, AuthError> {
    if text == UNSIGNED_PAYLOAD {
        return Ok(PayloadMode::Unsigned);
    }
    if text.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD") {
        return Err(AuthError::UnsupportedAlgorithm(Algorithm::SigV4A));
    }
    let streaming = [
        ChunkMode::Signed,
        ChunkMode::SignedTrailer,
        ChunkMode::UnsignedTrailer,
    ];
    if let Some(mode) = streaming.into_iter().find(|mode| mode.as_str() == text) {
        return Ok(PayloadMode::Chunked(mode));
    }
    parse_hex32(text.as_bytes())
        .map(PayloadMode::Sha256)
        .ok_or(AuthError::InvalidPayloadHash)
}
