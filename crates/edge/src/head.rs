//! The head of a message of HTTP/1: read once, strictly.
//!
//! What RFC 9112 leaves to a recipient's leniency (bare LF, folded fields, white space before a colon) is refused: whatever two
//! servers may read differently does not go through.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::refusal::Refusal;

/// A part of a head.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Heads are limited to far less than 4 GB.
    fn new(start: usize, end: usize) -> Span {
        let cut = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            start: cut(start),
            end: cut(end),
        }
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Field lines in their order, as received.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    bytes: Bytes,
    spans: Vec<(Span, Span)>,
}

impl Fields {
    /// Names and values.
    pub fn iter<'s>(&'s self) -> impl Iterator<Item = (&'s [u8], &'s [u8])> + use<'s> {
        self.spans
            .iter()
            .map(|(name, value)| (name.of(&self.bytes), value.of(&self.bytes)))
    }

    /// The values of a field, its name without regard to case.
    pub fn values<'s, 'n>(&'s self, name: &'n str) -> impl Iterator<Item = &'s [u8]> + use<'s, 'n> {
        self.iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The only value of a field; `Err` where there are several.
    pub fn only(&self, name: &str) -> Result<Option<&[u8]>, Several> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Several),
        }
    }

    /// Whether a comma-separated field lists this word.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// A field that may be there once is there several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Several;

/// The versions of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2, whose heads are put into the form of HTTP/1.
    Http2,
}

impl Version {
    /// As the engine and log records write it.
    pub fn name(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2.0",
        }
    }
}

/// The head of a request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    fields: Fields,
    method: Span,
    target: Span,
    /// Where the path of the target begins: behind scheme and authority, where it has them.
    path: u32,
    version: Version,
}

impl RequestHead {
    /// Reads a head: its lines up to the empty one, that included.
    ///
    /// # Errors
    /// Whatever is not exactly as RFC 9112 has a sender write it.
    pub fn parse(bytes: Bytes, fields_max: usize) -> Result<RequestHead, Refusal> {
        let first = line_end(&bytes, 0)?;
        let line = &bytes[..first];
        let spaces = || memchr::memchr_iter(b' ', line);
        let (Some(a), Some(b), None) = (spaces().next(), spaces().nth(1), spaces().nth(2)) else {
            return Err(Refusal::RequestLine);
        };
        let (method, target) = (Span::new(0, a), Span::new(a + 1, b));
        if !is_token(method.of(line)) || a + 1 == b {
            return Err(Refusal::RequestLine);
        }
        let version = match &line[b + 1..] {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            other if other.starts_with(b"HTTP/") => return Err(Refusal::Version),
            _ => return Err(Refusal::RequestLine),
        };
        if target.of(line).iter().any(|byte| is_control(*byte)) {
            return Err(Refusal::ControlByte);
        }
        let spans = field_lines(&bytes, first + 2, fields_max)?;
        let fields = Fields { bytes, spans };
        RequestHead {
            fields,
            method,
            target,
            path: 0,
            version,
        }
        .checked()
    }

    /// A head that came otherwise than as text; checked as if it had.
    ///
    /// # Errors
    /// As for [`RequestHead::parse`].
    pub fn build<'f>(
        method: &[u8],
        target: &[u8],
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
        fields_max: usize,
    ) -> Result<RequestHead, Refusal> {
        let mut text = BytesMut::with_capacity(1024);
        for part in [method, b" ", target, b" HTTP/1.1\r\n"] {
            text.put_slice(part);
        }
        for (name, value) in fields {
            for part in [name, b": ", value, b"\r\n"] {
                text.put_slice(part);
            }
        }
        text.put_slice(b"\r\n");
        let mut head = RequestHead::parse(text.freeze(), fields_max)?;
        head.version = Version::Http2;
        Ok(head)
    }

    /// Target and host: of the forms RFC 9112 has, and naming one host.
    fn checked(mut self) -> Result<RequestHead, Refusal> {
        let host = self.fields.only("host").map_err(|Several| Refusal::Host)?;
        if host.is_none() && self.version != Version::Http10 {
            return Err(Refusal::Host);
        }
        if host.is_some_and(|host| !is_host(host)) {
            return Err(Refusal::Host);
        }
        let (method, target) = (self.method(), self.target());
        if method == b"CONNECT" {
            return Err(Refusal::Method);
        }
        if target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS") {
            return Ok(self);
        }
        let prefix = |scheme: &[u8]| {
            target
                .get(..scheme.len())
                .is_some_and(|have| have.eq_ignore_ascii_case(scheme))
        };
        let scheme = match (prefix(b"http://"), prefix(b"https://")) {
            (true, _) => 7,
            (_, true) => 8,
            _ => return Err(Refusal::Target),
        };
        let rest = &target[scheme..];
        let authority = rest.iter().position(|byte| b"/?#".contains(byte));
        let authority = authority.unwrap_or(rest.len());
        // Which of two hosts a server behind would believe is not ours to guess.
        if host.is_none_or(|host| !host.eq_ignore_ascii_case(&rest[..authority])) {
            return Err(Refusal::Target);
        }
        self.path = u32::try_from(scheme + authority).unwrap_or(u32::MAX);
        Ok(self)
    }

    /// The method.
    pub fn method(&self) -> &[u8] {
        self.method.of(&self.fields.bytes)
    }

    /// The target, as received.
    pub fn target(&self) -> &[u8] {
        self.target.of(&self.fields.bytes)
    }

    /// Path and query of the target, as they are passed on: in origin form, without a fragment.
    pub fn origin(&self) -> &[u8] {
        let target = self.target();
        let origin = target.get(self.path as usize..).unwrap_or_default();
        let end = memchr::memchr(b'#', origin).unwrap_or(origin.len());
        &origin[..end]
    }

    /// The field lines.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// `Host`, where there is one.
    pub fn host(&self) -> Option<&[u8]> {
        self.fields.values("host").next()
    }
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    fields: Fields,
    reason: Span,
    status: u16,
    version: Version,
}

impl ResponseHead {
    /// Reads a head: its lines up to the empty one, that included.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(bytes: Bytes, fields_max: usize) -> Result<ResponseHead, Refusal> {
        let first = line_end(&bytes, 0)?;
        let line = &bytes[..first];
        let version = match line.get(..9) {
            Some(b"HTTP/1.1 ") => Version::Http11,
            Some(b"HTTP/1.0 ") => Version::Http10,
            _ => return Err(Refusal::Version),
        };
        let digits = line
            .get(9..12)
            .filter(|text| text.iter().all(u8::is_ascii_digit));
        let status = digits.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let status = status.filter(|status| (100..1000).contains(status));
        let (Some(status), b"" | [b' ', ..]) = (status, &line[12.min(first)..]) else {
            return Err(Refusal::RequestLine);
        };
        let reason = Span::new((13).min(first), first);
        if reason.of(line).iter().any(|byte| is_value_control(*byte)) {
            return Err(Refusal::ControlByte);
        }
        let spans = field_lines(&bytes, first + 2, fields_max)?;
        Ok(ResponseHead {
            fields: Fields { bytes, spans },
            reason,
            status,
            version,
        })
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The words after it.
    pub fn reason(&self) -> &[u8] {
        self.reason.of(&self.fields.bytes)
    }

    /// The field lines.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// Finds the end of a head in bytes that come piece by piece.
#[derive(Debug, Default)]
pub struct HeadEnd {
    /// Where the next line begins, and from where on no line end was looked for.
    line: usize,
    seen: usize,
}

impl HeadEnd {
    /// The length of the head, once its empty line is there; call again with more bytes until then.
    ///
    /// # Errors
    /// At the first line that ends otherwise than in CRLF: what is wrong is told before the rest has come.
    pub fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let fresh = bytes.get(self.seen..).unwrap_or_default();
        for at in memchr::memchr_iter(b'\n', fresh) {
            let at = self.seen + at;
            if at == self.line || bytes[at - 1] != b'\r' {
                return Err(Refusal::LineEnd);
            }
            if at - 1 == self.line {
                return Ok(Some(at + 1));
            }
            self.line = at + 1;
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

/// The end of the line that begins at `start`: where its CRLF stands.
fn line_end(bytes: &[u8], start: usize) -> Result<usize, Refusal> {
    let line = bytes.get(start..).ok_or(Refusal::Truncated)?;
    let end = memchr::memchr2(b'\r', b'\n', line).ok_or(Refusal::Truncated)?;
    match line.get(end..end + 2) {
        Some(b"\r\n") => Ok(start + end),
        _ => Err(Refusal::LineEnd),
    }
}

/// Names and values of the lines from `start` to the empty one.
fn field_lines(bytes: &[u8], mut start: usize, max: usize) -> Result<Vec<(Span, Span)>, Refusal> {
    let mut spans = Vec::with_capacity(24);
    loop {
        let end = line_end(bytes, start)?;
        if end == start {
            return Ok(spans);
        }
        if spans.len() == max {
            return Err(Refusal::TooManyFields);
        }
        spans.push(field_line(bytes, start, end)?);
        start = end + 2;
    }
}

fn field_line(bytes: &[u8], start: usize, end: usize) -> Result<(Span, Span), Refusal> {
    let line = &bytes[start..end];
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::FoldedField);
    }
    let colon = memchr::memchr(b':', line).ok_or(Refusal::FieldName)?;
    if !is_token(&line[..colon]) {
        return Err(Refusal::FieldName);
    }
    let value = &line[colon + 1..];
    if value.iter().any(|byte| is_value_control(*byte)) {
        return Err(Refusal::ControlByte);
    }
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let before = value.iter().take_while(is_space).count();
    let after = value[before..].iter().rev().take_while(is_space).count();
    let first = start + colon + 1 + before;
    let name = Span::new(start, start + colon);
    Ok((name, Span::new(first, end - after)))
}

/// Whether it is a token of RFC 9110: what methods and names of fields are made of.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| TOKEN[*byte as usize])
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_word = (byte as u8).is_ascii_alphanumeric();
        let is_mark = matches!(
            byte as u8,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        table[byte] = is_word || is_mark;
        byte += 1;
    }
    table
};

/// Bytes that a target does not hold.
fn is_control(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// Bytes that a field's value does not hold: controls but the tab.
fn is_value_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Whether it is a host with or without port: letters, digits and the marks of names and addresses.
fn is_host(host: &[u8]) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte);
    !host.is_empty() && host.iter().all(of_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<RequestHead, Refusal> {
        RequestHead::parse(Bytes::copy_from_slice(text.as_bytes()), 100)
    }

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let head = parse("POST /a?b=c#d HTTP/1.1\r\nHost: h\r\nX-Two:\t 1 2 \t\r\nx-two: \r\n\r\n")
            .unwrap();
        assert_eq!(
            (head.method(), head.target()),
            (&b"POST"[..], &b"/a?b=c#d"[..])
        );
        assert_eq!(head.origin(), b"/a?b=c");
        let fields: Vec<_> = head.fields().iter().collect();
        assert_eq!(
            fields,
            [
                (&b"Host"[..], &b"h"[..]),
                (b"X-Two", b"1 2"),
                (b"x-two", b"")
            ]
        );
        assert_eq!(head.fields().only("X-TWO"), Err(Several));
    }

    #[test]
    fn absolute_targets_name_the_same_host() {
        let head =
            parse("GET HTTP://a.example:80?x HTTP/1.1\r\nHost: A.example:80\r\n\r\n").unwrap();
        assert_eq!(head.origin(), b"?x");
        for target in [
            "http://b.example/",
            "http://u@a.example/",
            "ftp://a.example/",
            "a.example",
            "*",
        ] {
            let head = parse(&format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
            assert_eq!(head.unwrap_err(), Refusal::Target, "{target}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        let heads = [
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::RequestLine),
            (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::RequestLine),
            ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", Refusal::RequestLine),
            ("GET /\r\nHost: a\r\n\r\n", Refusal::RequestLine),
            ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::RequestLine),
            (
                "GET /\u{b}a HTTP/1.1\r\nHost: a\r\n\r\n",
                Refusal::ControlByte,
            ),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Refusal::Version),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::Version),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", Refusal::RequestLine),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", Refusal::LineEnd),
            ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Refusal::LineEnd),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
                Refusal::FoldedField,
            ),
            ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refusal::FoldedField),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Refusal::FieldName),
            ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", Refusal::FieldName),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
                Refusal::FieldName,
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
                Refusal::ControlByte,
            ),
            ("GET / HTTP/1.1\r\n\r\n", Refusal::Host),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                Refusal::Host,
            ),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Refusal::Host),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", Refusal::Host),
            ("GET / HTTP/1.1\r\nHost: \r\n\r\n", Refusal::Host),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Refusal::Method),
        ];
        for (head, refusal) in heads {
            assert_eq!(parse(head).unwrap_err(), refusal, "{head:?}");
        }
        let many = "X: y\r\n".repeat(100);
        let head = parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"));
        assert_eq!(head.unwrap_err(), Refusal::TooManyFields);
    }

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        let mut end = HeadEnd::default();
        let found: Vec<_> = (0..=text.len()).map(|to| end.find(&text[..to])).collect();
        let first = found.iter().position(|found| *found != Ok(None));
        assert_eq!((first, found[27]), (Some(27), Ok(Some(27))));
        assert_eq!(
            HeadEnd::default().find(b"GET / HTTP/1.1\n"),
            Err(Refusal::LineEnd)
        );
        assert_eq!(HeadEnd::default().find(b"\n"), Err(Refusal::LineEnd));
    }

    #[test]
    fn responses_are_read() {
        let read =
            |text: &'static str| ResponseHead::parse(Bytes::from_static(text.as_bytes()), 100);
        let head = read("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n").unwrap();
        assert_eq!((head.status(), head.reason()), (204, &b"No Content"[..]));
        assert_eq!(read("HTTP/1.0 200\r\n\r\n").unwrap().reason(), b"");
        for wrong in [
            "HTTP/1.1 20\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "HTTP/1.1 099 X\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = HeadEnd::default().find(&bytes);
            let _ = RequestHead::parse(Bytes::from(bytes.clone()), 4);
            let _ = ResponseHead::parse(Bytes::from(bytes), 4);
        }

        #[test]
        fn no_text_like_a_head_panics(text in "(GET|POST|\\*)? ?[/h*t:p]{0,9} ?HTTP/1\\.[012]?(\r\n[ A-Za-z:\\-\0\t]{0,12}){0,6}(\r\n)?\r?\n?") {
            if let Ok(head) = parse(&text) {
                prop_assert!(head.origin().len() <= head.target().len());
            }
        }
    }
}
