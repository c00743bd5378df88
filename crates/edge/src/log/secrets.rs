//! Secrets in what is recorded: replaced by a keyed hash of the same length, so that equal ones stay equal and sizes stay what they are.

use std::borrow::Cow;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Hides secrets under a key that lives as long as the process.
#[derive(Clone)]
pub struct Hider {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for Hider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hider")
    }
}

/// Headers whose value is a secret.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-amz-security-token",
    "x-auth-token",
    "x-csrf-token",
];
/// What the name of a secret field holds.
const SECRET_PARTS: [&str; 9] = [
    "passw",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "session",
];
/// Names of secret fields.
const SECRET_NAMES: [&str; 7] = ["pwd", "pass", "otp", "pin", "cvv", "sid", "code_verifier"];

impl Hider {
    /// Hides under this key.
    pub fn new(key: [u8; 32]) -> Hider {
        let keyed = Hmac::new_from_slice(&key)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        Hider { keyed }
    }

    /// A header's value as it is recorded.
    pub fn header<'v>(&self, name: &[u8], value: &'v [u8]) -> Cow<'v, [u8]> {
        if name.eq_ignore_ascii_case(b"cookie") {
            return self.pairs(value, b';', |_, value| is_opaque(value));
        }
        match SECRET_HEADERS
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
        {
            true => Cow::Owned(self.hidden(value)),
            false => Cow::Borrowed(value),
        }
    }

    /// A query string as it is recorded.
    pub fn query<'v>(&self, query: &'v [u8]) -> Cow<'v, [u8]> {
        self.pairs(query, b'&', |name, _| is_secret(name))
    }

    /// A body as it is recorded: forms, JSON and multipart, whatever it is said to be.
    pub fn body<'v>(&self, body: &'v [u8]) -> Cow<'v, [u8]> {
        let mut body = match memchr::memchr2(b'{', b'"', body) {
            None => self.pairs(body, b'&', |name, _| is_secret(name)),
            Some(_) => Cow::Borrowed(body),
        };
        for (start, end) in quoted_secrets(&body) {
            let hidden = self.hidden(&body[start..end]);
            body.to_mut()[start..end].copy_from_slice(&hidden);
        }
        body
    }

    /// Pairs `name=value`; values that `hide` names are hidden.
    fn pairs<'v>(
        &self,
        text: &'v [u8],
        separator: u8,
        hide: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Cow<'v, [u8]> {
        let mut text = Cow::Borrowed(text);
        let mut start = 0;
        while start < text.len() {
            let end = memchr::memchr(separator, &text[start..]).map_or(text.len(), |at| start + at);
            if let Some(equals) = memchr::memchr(b'=', &text[start..end]) {
                let value = start + equals + 1;
                if value < end && hide(text[start..value - 1].trim_ascii(), &text[value..end]) {
                    let hidden = self.hidden(&text[value..end]);
                    text.to_mut()[value..end].copy_from_slice(&hidden);
                }
            }
            start = end + 1;
        }
        text
    }

    /// Hexadecimal digits, as many as the secret has bytes.
    fn hidden(&self, secret: &[u8]) -> Vec<u8> {
        let mut mac = self.keyed.clone();
        mac.update(secret);
        let hash = mac.finalize().into_bytes();
        let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]);
        digits.cycle().take(secret.len()).collect()
    }
}

/// A cookie's value that names somebody: long, and of letters, digits and the marks of encodings only. Others, which may be attacks, stay.
fn is_opaque(value: &[u8]) -> bool {
    let of_code = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-.%:|".contains(byte);
    value.len() >= 16 && value.iter().all(of_code)
}

fn is_secret(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    SECRET_NAMES.contains(&&*name) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Where the values of JSON's `"password": "…"` and of multipart's `name="password"` stand.
fn quoted_secrets(body: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'"', &body[at..]).map(|open| at + open) {
        let Some(close) = end_of_string(body, open + 1) else {
            break;
        };
        at = close + 1;
        if !is_secret(&body[open + 1..close]) {
            continue;
        }
        let space = body[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        match body.get(at + space) {
            Some(b':') => {
                let value = at + space + 1;
                let space = body[value..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .count();
                if body.get(value + space) == Some(&b'"') {
                    let start = value + space + 1;
                    let end = end_of_string(body, start).unwrap_or(body.len());
                    found.push((start, end));
                    at = (end + 1).min(body.len());
                }
            }
            _ if body[..open].ends_with(b"name=") => {
                let Some(head) = find(&body[at..], b"\r\n\r\n") else {
                    continue;
                };
                let start = at + head + 4;
                let end = find(&body[start..], b"\r\n--").map_or(body.len(), |end| start + end);
                found.push((start, end));
                at = end;
            }
            _ => {}
        }
    }
    found
}

/// Where a string ends that began before `at`; a quote after a backslash is none.
fn end_of_string(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match body.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn find(body: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(body, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hider() -> Hider {
        Hider::new([7; 32])
    }

    /// The body with what was hidden replaced by stars.
    fn body(text: &str) -> String {
        let hidden = hider().body(text.as_bytes()).into_owned();
        assert_eq!(hidden.len(), text.len());
        let shown = |(old, new): (u8, u8)| if old == new { char::from(old) } else { '*' };
        text.bytes().zip(hidden).map(shown).collect()
    }

    #[test]
    fn secrets_are_hidden_by_their_names() {
        assert_eq!(
            body("user=ann&password=QQQQQQ&x=1"),
            "user=ann&password=******&x=1"
        );
        assert_eq!(
            body(r#"{"user": "ann", "Password" : "QQQ\"QQ", "n": 1}"#),
            r#"{"user": "ann", "Password" : "*******", "n": 1}"#
        );
        assert_eq!(
            body("--b\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\nQQQQ\r\n--b--"),
            "--b\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\n****\r\n--b--"
        );
        assert_eq!(
            body(r#"{"token": 5, "q": "password"}"#),
            r#"{"token": 5, "q": "password"}"#
        );
        assert_eq!(
            &*hider().query(b"a=1&access_token=&b=2"),
            b"a=1&access_token=&b=2"
        );
        assert_ne!(&*hider().header(b"Authorization", b"Bearer Q"), b"Bearer Q");
    }

    #[test]
    fn cookies_that_name_somebody_are_hidden_and_others_stay() {
        let cookies = hider()
            .header(
                b"Cookie",
                b"theme=dark; id=QQQQQQQQQQQQQQQQQQ; q=' or 1=1 -- aaaaaaaa",
            )
            .into_owned();
        let text = String::from_utf8(cookies).unwrap();
        assert!(
            text.starts_with("theme=dark; id=") && text.ends_with("; q=' or 1=1 -- aaaaaaaa"),
            "{text}"
        );
        assert!(!text.contains("QQQ"));
    }

    #[test]
    fn equal_secrets_stay_equal_under_one_key_only() {
        let of = |key: u8, text: &[u8]| {
            Hider::new([key; 32])
                .header(b"x-api-key", text)
                .into_owned()
        };
        assert_eq!(of(1, b"QQQQQQQQ"), of(1, b"QQQQQQQQ"));
        assert_ne!(of(1, b"QQQQQQQQ"), of(2, b"QQQQQQQQ"));
    }

    proptest! {
        #[test]
        fn no_body_panics_or_changes_its_length(text in "(password|name=\"token\"|[\":=&{}\\\\\r\n a-z-]){0,40}") {
            prop_assert_eq!(hider().body(text.as_bytes()).len(), text.len());
        }
    }
}
