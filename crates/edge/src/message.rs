//! Messages as they are written: every line anew, from what was read.

use bytes::{BufMut as _, Bytes, BytesMut};
use palisade_waf::Response;

use crate::head::{Fields, RequestHead, ResponseHead};

/// How a message's body is told when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing is said: there is none, or it ends with the connection.
    Nothing,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What a request gets on its way besides what it came with.
#[derive(Clone, Copy, Debug)]
pub struct Added<'a> {
    /// The address the request came from.
    pub forwarded_for: &'a str,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The port it came to.
    pub port: u16,
    /// The host, where the request names none.
    pub host: &'a str,
    /// Headers of the verdict, without `x-amzn-waf-`.
    pub inserted: &'a [palisade_waf::model::CustomHeader],
    /// A protocol to change to: `websocket`.
    pub upgrade: Option<&'static str>,
}

/// The prefix of headers that a verdict adds. A client's own of that kind are dropped: whoever is behind trusts them.
const INSERTED_PREFIX: &[u8] = b"x-amzn-waf-";

/// The head of a request for whoever is behind.
pub fn request_head(head: &RequestHead, added: &Added<'_>, told: Told) -> BytesMut {
    let mut out = BytesMut::with_capacity(2048);
    let origin = head.origin();
    put(&mut out, &[head.method(), b" "]);
    if !origin.starts_with(b"/") && origin != b"*" {
        // `http://host?query` has no path.
        out.put_u8(b'/');
    }
    put(&mut out, &[origin, b" HTTP/1.1\r\nHost: "]);
    put(
        &mut out,
        &[head.host().unwrap_or(added.host.as_bytes()), b"\r\n"],
    );
    let fields = head.fields();
    let named = connection_names(fields);
    for (name, value) in fields.iter() {
        let dropped = is_hop_by_hop(name)
            || is_replaced(name)
            || starts_with(name, INSERTED_PREFIX)
            || named.iter().any(|named| named.eq_ignore_ascii_case(name));
        if !dropped {
            put(&mut out, &[name, b": ", value, b"\r\n"]);
        }
    }
    out.put_slice(b"X-Forwarded-For: ");
    for earlier in fields.values("x-forwarded-for") {
        put(&mut out, &[earlier, b", "]);
    }
    put(
        &mut out,
        &[
            added.forwarded_for.as_bytes(),
            b"\r\nX-Forwarded-Proto: ",
            added.scheme.as_bytes(),
        ],
    );
    put(
        &mut out,
        &[
            b"\r\nX-Forwarded-Port: ",
            added.port.to_string().as_bytes(),
            b"\r\n",
        ],
    );
    for header in added.inserted {
        put(
            &mut out,
            &[
                INSERTED_PREFIX,
                header.name.as_bytes(),
                b": ",
                header.value.as_bytes(),
                b"\r\n",
            ],
        );
    }
    if let Some(protocol) = added.upgrade {
        put(
            &mut out,
            &[
                b"Connection: Upgrade\r\nUpgrade: ",
                protocol.as_bytes(),
                b"\r\n",
            ],
        );
    }
    end(&mut out, told);
    out
}

/// The head of a response for the client.
pub fn response_head(head: &ResponseHead, told: Told, connection: Option<&str>) -> BytesMut {
    let mut out = BytesMut::with_capacity(2048);
    put(
        &mut out,
        &[
            b"HTTP/1.1 ",
            head.status().to_string().as_bytes(),
            b" ",
            head.reason(),
            b"\r\n",
        ],
    );
    for (name, value) in end_to_end(head.fields()) {
        if !name.eq_ignore_ascii_case(b"content-length") {
            put(&mut out, &[name, b": ", value, b"\r\n"]);
        }
    }
    if let Some(connection) = connection {
        put(&mut out, &[b"Connection: ", connection.as_bytes(), b"\r\n"]);
    }
    end(&mut out, told);
    out
}

/// The fields that are not of one hop.
pub fn end_to_end(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> {
    let named = connection_names(fields);
    fields.iter().filter(move |(name, _)| {
        !is_hop_by_hop(name) && !named.iter().any(|named| named.eq_ignore_ascii_case(name))
    })
}

/// The answer of 101 to a client that asked to change protocols.
pub fn switch_head(head: &ResponseHead, protocol: &str) -> BytesMut {
    response_head(
        head,
        Told::Nothing,
        Some(&format!("Upgrade\r\nUpgrade: {protocol}")),
    )
}

/// An answer that is made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The status code.
    pub status: u16,
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Own {
    /// An answer that says its status and the request's id, and nothing of why.
    pub fn plain(status: u16, request_id: &str) -> Own {
        let title = format!("{status} {}", reason(status));
        let body = format!(
            "<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>Request id: {request_id}</p>\n"
        );
        Own {
            status,
            fields: vec![
                ("x-amzn-requestid".to_owned(), request_id.to_owned()),
                (
                    "content-type".to_owned(),
                    "text/html; charset=utf-8".to_owned(),
                ),
            ],
            body: body.into(),
        }
    }

    /// The answer to a blocked request: what its rule says, else status and id.
    pub fn blocked(response: &Response, request_id: &str) -> Own {
        let mut own = Own::plain(response.status, request_id);
        if let Some((content_type, text)) = &response.body {
            own.fields.truncate(1);
            own.fields
                .push(("content-type".to_owned(), (*content_type).to_owned()));
            own.body = text.clone().into();
        }
        for header in &response.headers {
            own.fields
                .retain(|(name, _)| !name.eq_ignore_ascii_case(&header.name));
            own.fields.push((header.name.clone(), header.value.clone()));
        }
        own
    }

    /// The whole answer as HTTP/1.1; to `HEAD` without its body.
    pub fn bytes(&self, connection: Option<&str>, to_head: bool) -> BytesMut {
        let mut out = BytesMut::with_capacity(512 + self.body.len());
        let status = self.status.to_string();
        put(
            &mut out,
            &[
                b"HTTP/1.1 ",
                status.as_bytes(),
                b" ",
                reason(self.status).as_bytes(),
                b"\r\n",
            ],
        );
        for (name, value) in &self.fields {
            put(
                &mut out,
                &[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"],
            );
        }
        if let Some(connection) = connection {
            put(&mut out, &[b"connection: ", connection.as_bytes(), b"\r\n"]);
        }
        let bodiless = matches!(self.status, 204 | 304);
        match bodiless {
            true => end(&mut out, Told::Nothing),
            false => end(&mut out, Told::Length(self.body.len() as u64)),
        }
        if !bodiless && !to_head {
            out.put_slice(&self.body);
        }
        out
    }
}

/// The length of the body and the empty line.
fn end(out: &mut BytesMut, told: Told) {
    match told {
        Told::Nothing => {}
        Told::Length(bytes) => put(
            out,
            &[b"Content-Length: ", bytes.to_string().as_bytes(), b"\r\n"],
        ),
        Told::Chunked => out.put_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.put_slice(b"\r\n");
}

/// A chunk of a body.
pub fn put_chunk(out: &mut BytesMut, bytes: &[u8]) {
    put(
        out,
        &[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"],
    );
}

/// What ends a body of chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn put(out: &mut BytesMut, parts: &[&[u8]]) {
    for part in parts {
        out.put_slice(part);
    }
}

/// The names that `Connection` lists. `Host` and the lengths are never of one hop, whatever a client lists.
fn connection_names(fields: &Fields) -> Vec<&[u8]> {
    let listed = fields
        .values("connection")
        .flat_map(|value| value.split(|byte| *byte == b','));
    listed
        .map(<[u8]>::trim_ascii)
        .filter(|name| {
            !name.is_empty()
                && !name.eq_ignore_ascii_case(b"keep-alive")
                && !name.eq_ignore_ascii_case(b"close")
        })
        .collect()
}

/// Fields of one hop (RFC 9110, 7.6.1), and what only makes sense there.
fn is_hop_by_hop(name: &[u8]) -> bool {
    let names: &[&[u8]] = match name.len() {
        2 => &[b"te"],
        7 => &[b"upgrade", b"trailer"],
        10 => &[b"connection", b"keep-alive"],
        14 => &[b"http2-settings"],
        16 => &[b"proxy-connection"],
        17 => &[b"transfer-encoding"],
        18 => &[b"proxy-authenticate"],
        19 => &[b"proxy-authorization"],
        _ => return false,
    };
    names.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

/// Fields of a request that are written anew.
fn is_replaced(name: &[u8]) -> bool {
    let names: &[&[u8]] = match name.len() {
        4 => &[b"host"],
        6 => &[b"expect"],
        14 => &[b"content-length"],
        15 => &[b"x-forwarded-for"],
        16 => &[b"x-forwarded-port"],
        17 => &[b"x-forwarded-proto"],
        _ => return false,
    };
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The words of the status codes this proxy and AWS's custom responses use.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED: Added<'_> = Added {
        forwarded_for: "192.0.2.1",
        scheme: "http",
        port: 8080,
        host: "behind",
        inserted: &[],
        upgrade: None,
    };

    fn written(text: &str, told: Told) -> String {
        let head = RequestHead::parse(Bytes::copy_from_slice(text.as_bytes()), 100).unwrap();
        String::from_utf8(request_head(&head, &ADDED, told).to_vec()).unwrap()
    }

    #[test]
    fn fields_of_one_hop_do_not_go_on() {
        let text = written(
            "GET /a#b HTTP/1.1\r\nHost: h\r\nConnection: X-Secret, close\r\nX-Secret: 1\r\nKeep-Alive: 2\r\nTE: trailers\r\nUpgrade: x\r\nX-Amzn-Waf-Role: admin\r\nA: b\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n\r\n",
            Told::Nothing,
        );
        let expected = "GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\nX-Forwarded-For: 198.51.100.7, 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_host_is_named_and_a_path_is_there() {
        let text = written("GET / HTTP/1.0\r\n\r\n", Told::Nothing);
        assert!(
            text.starts_with("GET / HTTP/1.1\r\nHost: behind\r\n"),
            "{text}"
        );
        let text = written(
            "GET http://h?a HTTP/1.1\r\nHost: h\r\nConnection: Host\r\n\r\n",
            Told::Length(3),
        );
        assert!(
            text.starts_with("GET /?a HTTP/1.1\r\nHost: h\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\nContent-Length: 3\r\n\r\n"), "{text}");
    }

    #[test]
    fn a_custom_response_replaces_what_is_told_else() {
        let response = Response {
            status: 429,
            headers: vec![palisade_waf::model::CustomHeader {
                name: "Retry-After".into(),
                value: "9".into(),
            }],
            body: Some(("application/json", "{}".into())),
        };
        let bytes = Own::blocked(&response, "id").bytes(Some("close"), false);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 429 Too Many Requests\r\nx-amzn-requestid: id\r\ncontent-type: application/json\r\nRetry-After: 9\r\nconnection: close\r\nContent-Length: 2\r\n\r\n{}"
        );
    }
}
