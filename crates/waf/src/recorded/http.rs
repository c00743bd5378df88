//! A request as it goes over the wire, in HTTP/1.1's form.

use super::{NotARequest, Recorded, wrong};

/// Reads `METHOD target HTTP/1.1`, headers, an empty line and the body. Lines end in LF or CRLF, so a file can be written by hand; the
/// body is all the rest, or as much of it as `Content-Length` says.
///
/// # Errors
/// Where the first line or a header is none.
pub fn http(bytes: &[u8]) -> Result<Recorded, NotARequest> {
    let (first, mut rest) = line(bytes);
    let first = std::str::from_utf8(first).map_err(|_| wrong("the first line is not UTF-8"))?;
    let mut words = first.split(' ').filter(|word| !word.is_empty());
    let (Some(method), Some(uri), version, None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong("the first line is not METHOD TARGET VERSION"));
    };
    let mut request = Recorded::new(method, uri);
    if let Some(version) = version {
        version.clone_into(&mut request.version);
    }
    loop {
        let (header, after) = line(rest);
        rest = after;
        if header.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', header)
            .ok_or_else(|| wrong(format!("no header: {}", header.escape_ascii())))?;
        request.headers.push((
            header[..colon].to_vec(),
            header[colon + 1..].trim_ascii().to_vec(),
        ));
    }
    let length = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
    request.body = Some(rest[..rest.len().min(length.unwrap_or(usize::MAX))].to_vec());
    Ok(request)
}

/// A line without its end, and what follows it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr::memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &bytes[..0]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}
