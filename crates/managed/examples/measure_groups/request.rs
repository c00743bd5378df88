//! A request that owns its parts, and the ways a value is put into one.

use palisade_waf::{Acl, Bump, Decision, Moment, Request};

/// A request of a class.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub method: String,
    pub uri: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// What decides whether it is held out, and what is shown: the value it was made of.
    pub value: Vec<u8>,
}

pub const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

impl Case {
    /// A browser's GET.
    pub fn get(uri: Vec<u8>, value: &[u8]) -> Case {
        let headers: [(&str, &str); 6] = [
            ("Host", "shop.example.com"),
            ("User-Agent", AGENT),
            (
                "Accept",
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            ),
            ("Accept-Language", "en-GB,en;q=0.7,de-DE;q=0.3"),
            ("Accept-Encoding", "gzip, deflate, br"),
            (
                "Sec-CH-UA",
                "\"Not/A)Brand\";v=\"8\", \"Chromium\";v=\"126\"",
            ),
        ];
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
        Case {
            method: "GET".to_owned(),
            uri,
            headers: headers.map(owned).to_vec(),
            body: Vec::new(),
            value: value.to_vec(),
        }
    }

    /// The same with a body.
    pub fn post(content_type: &str, body: Vec<u8>, value: &[u8]) -> Case {
        let mut case = Case::get(b"/".to_vec(), value);
        case.method = "POST".to_owned();
        case.body = body;
        case.with("Content-Type", content_type.as_bytes())
    }

    /// The same with a header more.
    pub fn with(mut self, name: &str, value: &[u8]) -> Case {
        self.headers
            .retain(|(have, _)| !have.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_vec()));
        self
    }

    /// The value as a query argument.
    pub fn argument(value: &[u8]) -> Case {
        Case::get(
            [b"/search?q=", query_escape(value).as_slice()].concat(),
            value,
        )
    }

    pub fn decide(&self, acl: &Acl) -> Decision {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_slice()))
            .collect();
        let request = Request {
            method: self.method.as_bytes(),
            uri: &self.uri,
            headers: &headers,
            body: &self.body,
            ..Request::new("GET", "/")
        };
        acl.inspect(&request, &Moment::default(), &acl.counters(), &Bump::new())
    }
}

/// `application/x-www-form-urlencoded`.
pub fn query_escape(value: &[u8]) -> Vec<u8> {
    escape(value, b"-_.~", true)
}

/// As a segment of a path is written.
pub fn path_escape(value: &[u8]) -> Vec<u8> {
    escape(value, b"-_.~$&+=:@", false)
}

fn escape(value: &[u8], plain: &[u8], plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 3);
    for &byte in value {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(byte);
        } else if byte == b' ' && plus {
            out.push(b'+');
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// What stands in a request line as it is, as far as a client can send it so.
pub fn raw_target(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in value {
        if byte <= b' ' || byte == 0x7f || byte >= 0x80 || byte == b'#' {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

/// Every character as `\uHHHH`.
pub fn js_unicode(value: &[u8]) -> Vec<u8> {
    let units = String::from_utf8_lossy(value)
        .encode_utf16()
        .collect::<Vec<_>>();
    units
        .iter()
        .flat_map(|unit| format!("\\u{unit:04x}").into_bytes())
        .collect()
}

/// A JSON string, with its quotes.
pub fn json_string(value: &[u8]) -> Vec<u8> {
    serde_json::Value::String(String::from_utf8_lossy(value).into_owned())
        .to_string()
        .into_bytes()
}

/// Text of XML.
pub fn xml_escape(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;");
    escaped.into_bytes()
}

/// One field of `multipart/form-data`.
pub fn multipart(name: &[u8], value: &[u8]) -> (String, Vec<u8>) {
    let body = [
        &b"--XbX\r\nContent-Disposition: form-data; name=\""[..],
        name,
        b"\"\r\n\r\n",
        value,
        b"\r\n--XbX--\r\n",
    ]
    .concat();
    ("multipart/form-data; boundary=XbX".to_owned(), body)
}

/// A gRPC message whose first field is the value.
pub fn grpc(value: &[u8]) -> Vec<u8> {
    let mut message = vec![0x0a];
    let mut length = value.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(value);
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}
