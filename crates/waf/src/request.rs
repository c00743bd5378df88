//! A request as the engine sees it.

use std::net::IpAddr;

/// One request. Everything is as received: nothing decoded, nothing normalised.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The method.
    pub method: &'r [u8],
    /// The request target: path, query and, where a client sends one, fragment. Scheme and host in front are cut off.
    pub uri: &'r [u8],
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: &'r str,
    /// Names and values of the headers, in order.
    pub headers: &'r [(&'r [u8], &'r [u8])],
    /// The body, or its start.
    pub body: &'r [u8],
    /// Whether `body` is all of it.
    pub body_complete: bool,
    /// Whether the body is known at all. A record may lack it: then what looks at the body is undecided.
    pub body_known: bool,
    /// The client's address.
    pub client: IpAddr,
    /// The JA3 fingerprint, where the client came by TLS.
    pub ja3: Option<&'r str>,
    /// The JA4 fingerprint, where the client came by TLS.
    pub ja4: Option<&'r str>,
}

impl<'r> Request<'r> {
    /// A request without headers or body from 127.0.0.1; set what else there is.
    pub fn new(method: &'r str, uri: &'r str) -> Request<'r> {
        Request {
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            version: "HTTP/1.1",
            headers: &[],
            body: &[],
            body_complete: true,
            body_known: true,
            client: IpAddr::from([127, 0, 0, 1]),
            ja3: None,
            ja4: None,
        }
    }

    /// The values of a header, in order; its name without regard to case.
    pub(crate) fn header<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'r [u8]> + 's {
        let named = move |(have, _): &&(&[u8], &[u8])| have.eq_ignore_ascii_case(name.as_bytes());
        self.headers.iter().filter(named).map(|(_, value)| *value)
    }

    /// Path, query and fragment of the target.
    pub(crate) fn target(&self) -> Target<'r> {
        let rest = strip_authority(self.uri);
        let (rest, fragment) = cut(rest, b'#');
        let (path, query) = cut(rest, b'?');
        Target {
            path,
            query,
            fragment,
        }
    }
}

/// The parts of a request target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'r> {
    pub(crate) path: &'r [u8],
    pub(crate) query: Option<&'r [u8]>,
    pub(crate) fragment: Option<&'r [u8]>,
}

/// Cuts `http://host` off a target in absolute form.
fn strip_authority(uri: &[u8]) -> &[u8] {
    let scheme = uri
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        .count();
    match uri[scheme..].strip_prefix(b"://") {
        Some(rest) if scheme > 0 => {
            let end = rest.iter().position(|byte| b"/?#".contains(byte));
            &rest[end.unwrap_or(rest.len())..]
        }
        _ => uri,
    }
}

fn cut(bytes: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, bytes) {
        Some(index) => (&bytes[..index], Some(&bytes[index + 1..])),
        None => (bytes, None),
    }
}
