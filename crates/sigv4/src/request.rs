//! The part of an HTTP request that a signature covers, borrowed as it was sent.

use crate::error::AuthError;

/// One header line: name in any case, value as raw bytes.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Field name, in any case.
    pub name: &'a str,
    /// Field value as sent. Leading and trailing blanks, and folded lines, are allowed here.
    pub value: &'a [u8],
}

/// Request line and headers as they came over the wire: nothing decoded, nothing normalised.
///
/// Building one from `http::request::Parts` takes a slice of `(name, value)` borrows and no copies:
///
/// ```
/// use palisade_sigv4::{Header, RequestHead};
/// let headers = [Header { name: "host", value: b"iam.amazonaws.com" }];
/// let head = RequestHead { method: "POST", path: "/", query: None, authority: None, headers: &headers };
/// assert_eq!(head.single("Host").unwrap(), Some(&b"iam.amazonaws.com"[..]));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// Method, as sent (`GET`, `POST`, …).
    pub method: &'a str,
    /// Path as sent, before any `?`; still percent-encoded.
    pub path: &'a str,
    /// Query as sent, after the first `?`; still percent-encoded. `None` if there was no `?`.
    pub query: Option<&'a str>,
    /// HTTP/2's `:authority`. Stands in for `Host` where a request has no such header.
    pub authority: Option<&'a str>,
    /// Header lines in the order they came, duplicates included.
    pub headers: &'a [Header<'a>],
}

impl<'a> RequestHead<'a> {
    /// The value of a header that may be there at most once.
    ///
    /// # Errors
    /// [`AuthError::DuplicateHeader`] if it is there twice, whatever the values.
    pub fn single(&self, name: &str) -> Result<Option<&'a [u8]>, AuthError> {
        let mut found = None;
        for header in self.headers {
            if header.name.eq_ignore_ascii_case(name) {
                if found.is_some() {
                    return Err(AuthError::DuplicateHeader {
                        name: name.to_ascii_lowercase(),
                    });
                }
                found = Some(header.value);
            }
        }
        Ok(found)
    }

    /// Like [`RequestHead::single`], and the value must be UTF-8; surrounding blanks are cut off.
    ///
    /// # Errors
    /// [`AuthError::DuplicateHeader`], or [`AuthError::MalformedHeader`] for bytes that are no UTF-8.
    pub fn single_text(&self, name: &str) -> Result<Option<&'a str>, AuthError> {
        let Some(value) = self.single(name)? else {
            return Ok(None);
        };
        match std::str::from_utf8(value) {
            Ok(text) => Ok(Some(text.trim_matches([' ', '\t', '\r', '\n']))),
            Err(_) => Err(AuthError::MalformedHeader {
                name: name.to_ascii_lowercase(),
            }),
        }
    }

    /// All values of a header, in the order sent. `host` falls back on `:authority`.
    pub(crate) fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        let mut stand_in = match name {
            ":authority" => self.authority,
            "host" if !self.has("host") => self.authority,
            _ => None,
        };
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
            .chain(std::iter::from_fn(move || {
                stand_in.take().map(str::as_bytes)
            }))
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case(name))
    }
}
