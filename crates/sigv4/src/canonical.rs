//! The canonical request: the one spelling of a request that both sides hash.

use std::borrow::Cow;

use crate::encode::{decode, is_canonical, push_encoded, push_normalized_path, push_reencoded};
use crate::request::RequestHead;

/// How a service spells the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathForm {
    /// Dot segments and double slashes removed, then encoded once more. All services but S3.
    ///
    /// A signature then says nothing of which of the equivalent paths was meant: route on the
    /// normalised path too, or refuse what is not normalised.
    Normalized,
    /// Not normalised and not encoded twice: a key named `a//../b` is just that. S3.
    AsSent,
}

/// How to spell what a client sent unencoded.
///
/// The signature is made over encoded text, and nearly every client sends what it signs, so the
/// two agree. Where a client left a character unencoded on the wire (`$` in an S3 key, `:` in a
/// query), it may have signed either; a verifier tries the first, then the second. Both name the
/// same request, byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Spelling {
    /// In the encoding that the documentation asks for.
    Encoded,
    /// Exactly as sent.
    Raw,
}

/// Writes the canonical request, all but the payload hash that ends it.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    head: &RequestHead<'_>,
    path: PathForm,
    spelling: Spelling,
    signed_headers: &str,
) {
    out.extend_from_slice(head.method.as_bytes());
    out.push(b'\n');
    write_path(out, head.path, path, spelling);
    out.push(b'\n');
    write_query(out, head.query.unwrap_or_default(), spelling);
    out.push(b'\n');
    for name in signed_headers.split(';') {
        write_header(out, head, name);
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
}

/// Whether there is a second spelling of this request that a client may have signed.
///
/// Control characters and blanks are never taken as sent: a line feed would move the borders
/// between the lines of the canonical request. (HTTP servers refuse them anyway.)
pub(crate) fn spellings_differ(head: &RequestHead<'_>, path: PathForm) -> bool {
    let query = head.query.unwrap_or_default();
    if head
        .path
        .bytes()
        .chain(query.bytes())
        .any(|byte| byte <= b' ' || byte == 0x7f)
    {
        return false;
    }
    let path_differs = path == PathForm::AsSent && !is_canonical(head.path.as_bytes(), true);
    let plain = |text: &str| is_canonical(text.as_bytes(), false);
    path_differs || pairs(query).any(|(name, value)| !plain(name) || !plain(value))
}

fn write_path(out: &mut Vec<u8>, path: &str, form: PathForm, spelling: Spelling) {
    match (form, spelling) {
        (PathForm::Normalized, _) => push_normalized_path(out, path),
        (PathForm::AsSent, _) if path.is_empty() => out.push(b'/'),
        (PathForm::AsSent, Spelling::Encoded) => push_reencoded(out, path.as_bytes(), true),
        (PathForm::AsSent, Spelling::Raw) => out.extend_from_slice(path.as_bytes()),
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn write_query(out: &mut Vec<u8>, query: &str, spelling: Spelling) {
    if query.is_empty() {
        return;
    }
    let mut list: Vec<[Cow<'_, [u8]>; 2]> = pairs(query)
        .filter(|(name, _)| !is_signature(name))
        .map(|(name, value)| [spell(name, spelling), spell(value, spelling)])
        .collect();
    list.sort_unstable();
    for (index, [name, value]) in list.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

// The same decoding as in the parser, or a smuggled name would be read there and not left out here.
fn is_signature(name: &str) -> bool {
    decode(name).is_some_and(|name| name == "X-Amz-Signature")
}

fn spell(text: &str, spelling: Spelling) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if spelling == Spelling::Raw || is_canonical(bytes, false) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    push_reencoded(&mut out, bytes, false);
    Cow::Owned(out)
}

fn write_header(out: &mut Vec<u8>, head: &RequestHead<'_>, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for (index, value) in head.values(name).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_trimmed(out, value);
    }
    out.push(b'\n');
}

// Cuts blanks off both ends and makes one space of each run within, line folds among them.
fn write_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let mut words = value.split(blank).filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        out.extend_from_slice(first);
    }
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word);
    }
}

/// `text` encoded for a query: used where a query is made, not read.
pub(crate) fn encode_component(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 16);
    push_encoded(&mut out, text.as_bytes(), false);
    String::from_utf8(out).unwrap_or_default()
}
