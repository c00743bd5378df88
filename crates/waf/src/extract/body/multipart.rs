//! `multipart/form-data` (RFC 7578), as leniently as backends read it.

use crate::extract::Place;
use crate::extract::places::Places;
use crate::request::Request;

/// Boundaries that are tried, at most.
const BOUNDARIES_MAX: usize = 8;
/// Parts of a body, at most.
const PARTS_MAX: usize = 5_000;

/// What may separate the parts: each `boundary` of each `Content-Type`, quoted or not, and what the body's first line says.
pub(super) fn boundaries<'b>(request: &Request<'b>, body: &'b [u8]) -> Vec<&'b [u8]> {
    let mut found: Vec<&[u8]> = Vec::new();
    for value in request.header("content-type") {
        let parameters = value.split(|&byte| byte == b';' || byte == b',');
        for parameter in parameters.map(<[u8]>::trim_ascii) {
            let named = parameter
                .get(..9)
                .filter(|name| name.eq_ignore_ascii_case(b"boundary="));
            if named.is_some() {
                found.push(unquoted(&parameter[9..]));
            }
        }
    }
    if let Some(line) = body.strip_prefix(b"--") {
        let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
        found.push(&line[..end]);
    }
    found.retain(|boundary| !boundary.is_empty() && boundary.len() <= 200);
    found.dedup();
    found.truncate(BOUNDARIES_MAX);
    found
}

/// The names, file names and contents of the parts; whether there were any.
pub(super) fn read<'b>(body: &'b [u8], boundary: &[u8], places: &mut Places<'b>) -> bool {
    let delimiter = [b"--", boundary].concat();
    let finder = memchr::memmem::Finder::new(&delimiter);
    // A delimiter stands at the start of a line.
    let mut starts = finder
        .find_iter(body)
        .filter(|&at| at == 0 || body[at - 1] == b'\n')
        .peekable();
    let mut parts = 0;
    while let Some(start) = starts.next() {
        let end = starts.peek().copied().unwrap_or(body.len());
        let part = &body[start + delimiter.len()..end];
        if part.starts_with(b"--") || parts == PARTS_MAX {
            break;
        }
        read_part(part, places);
        parts += 1;
    }
    parts > 0
}

fn read_part<'b>(part: &'b [u8], places: &mut Places<'b>) {
    let mut name: &[u8] = b"part";
    let mut rest = after_line(part);
    loop {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        rest = after_line(rest);
        if line.is_empty() {
            break;
        }
        let header = line
            .get(..20)
            .filter(|header| header.eq_ignore_ascii_case(b"content-disposition:"));
        if header.is_some() {
            for (key, value) in parameters(&line[20..]) {
                if key.eq_ignore_ascii_case(b"name") {
                    name = value;
                    places.push(value, Place::Key(value));
                } else {
                    places.push(value, Place::Value(b"filename"));
                }
            }
        } else {
            places.push(line, Place::Value(b"part header"));
        }
        if rest.is_empty() {
            return;
        }
    }
    let content = rest.strip_suffix(b"\n").unwrap_or(rest);
    places.push(
        content.strip_suffix(b"\r").unwrap_or(content),
        Place::Value(name),
    );
}

fn after_line(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).map_or(&bytes[..0], |end| &bytes[end + 1..])
}

/// `name`, `filename` and `filename*` of a disposition, all of them.
fn parameters(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let at = memchr::memchr(b'=', rest)?;
            let key_start = rest[..at]
                .iter()
                .rposition(|byte| matches!(byte, b';' | b' ' | b'\t'))
                .map_or(0, |index| index + 1);
            let key = &rest[key_start..at];
            let value_and_more = rest[at + 1..].trim_ascii_start();
            let (value, more) = value_of(value_and_more);
            rest = more;
            if [&b"name"[..], b"filename", b"filename*"]
                .iter()
                .any(|known| key.eq_ignore_ascii_case(known))
            {
                return Some((key, value));
            }
        }
    })
}

fn value_of(text: &[u8]) -> (&[u8], &[u8]) {
    match text.strip_prefix(b"\"") {
        Some(quoted) => {
            let mut escaped = false;
            let end = quoted.iter().position(|&byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            });
            let end = end.unwrap_or(quoted.len());
            (&quoted[..end], quoted.get(end + 1..).unwrap_or(b""))
        }
        None => {
            let end = memchr::memchr(b';', text).unwrap_or(text.len());
            (text[..end].trim_ascii(), &text[end..])
        }
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"\"")
        .map_or(text, |inside| inside.strip_suffix(b"\"").unwrap_or(inside))
}
