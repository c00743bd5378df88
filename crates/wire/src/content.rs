//! What a body is sent as: its type and its encoding.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use palisade_model::Operation;

use crate::error::{WireError, quote};
use crate::message::{Body, Request};

/// The bytes of a body, unpacked when the operation, if known, lets clients compress it.
///
/// `limit` bounds what comes out, so a small body cannot become a large one.
pub(crate) fn bytes(
    request: &Request<'_>,
    operation: Option<&Operation>,
    limit: usize,
) -> Result<Bytes, WireError> {
    let bytes = match &request.body {
        Body::Bytes(bytes) => bytes,
        Body::Stream => return Err(WireError::syntax("a streamed body where none is expected")),
    };
    if bytes.len() > limit {
        return Err(WireError::TooLarge(limit));
    }
    let encoding = request.header("content-encoding").unwrap_or_default();
    let own = operation.map_or(encoding, |operation| own_encoding(operation, encoding));
    match own.len() == encoding.len() {
        true => Ok(bytes.clone()),
        false => gunzip(bytes, limit),
    }
}

/// The part of a content encoding that is the caller's: clients append `gzip` to it where the
/// operation lets them compress.
pub(crate) fn own_encoding<'e>(operation: &Operation, encoding: &'e str) -> &'e str {
    let (own, last) = encoding.rsplit_once(',').unwrap_or(("", encoding));
    let is_gzip = last.trim().eq_ignore_ascii_case("gzip");
    let is_ours = is_gzip && operation.request_compression.contains(&"gzip");
    if is_ours { own.trim_end() } else { encoding }
}

fn gunzip(bytes: &[u8], limit: usize) -> Result<Bytes, WireError> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limit as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| WireError::syntax("the body is not gzip"))?;
    if plain.len() > limit {
        return Err(WireError::TooLarge(limit));
    }
    Ok(plain.into())
}

/// Checks that the type of a body, if stated, is one the protocol uses.
pub(crate) fn check_type(request: &Request<'_>, allowed: &[&str]) -> Result<(), WireError> {
    let stated = match request.headers.get("content-type") {
        None => return Ok(()),
        Some(value) => String::from_utf8_lossy(value.as_bytes()),
    };
    let essence = stated.split(';').next().unwrap_or_default().trim();
    if allowed
        .iter()
        .any(|allowed| essence.eq_ignore_ascii_case(allowed))
    {
        return Ok(());
    }
    Err(WireError::ContentType(quote(essence)))
}

/// The bytes as UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, WireError> {
    std::str::from_utf8(bytes).map_err(|_| WireError::syntax("the body is not UTF-8"))
}

/// Undoes percent-encoding; `plus` says whether a plus sign is a space, as in forms.
pub(crate) fn percent_decode(text: &str, plus: bool) -> Result<Cow<'_, str>, WireError> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let bad = || WireError::Syntax(format!("{} is not percent-encoded UTF-8", quote(text)));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
                (high * 16 + low) as u8
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| bad())
}
