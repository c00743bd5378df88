//! HTTP messages as the protocols see them.

use bytes::Bytes;
use http::HeaderMap;

/// A request, before anything in it is understood.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it was sent, percent-encoded. For S3 the bucket is its first segment: a bucket
    /// in the host name is put there by whoever read the host. No prefix of another endpoint.
    pub path: &'a str,
    /// What stands after the question mark, as it was sent.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Body,
}

impl Request<'_> {
    /// The value of a header, when there is exactly one and it is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// The body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Bytes(Bytes),
    /// It is, or will be, on the connection: the payload is a stream (see
    /// [`Codec::takes_stream`](crate::Codec::takes_stream)).
    Stream,
}

impl Body {
    /// A body without bytes.
    pub const EMPTY: Self = Self::Bytes(Bytes::new());
}

impl Default for Body {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// An answer.
pub type Response = http::Response<Body>;
