//! Signing: for clients, and for tests of what verifies.
//!
//! ```
//! use palisade_sigv4::{Header, PayloadMode, RequestHead, Timestamp};
//! use palisade_sigv4::sign::{Signer, SignOptions};
//!
//! let signer = Signer {
//!     access_key_id: "AKIDEXAMPLE",
//!     secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
//!     security_token: None,
//!     region: "us-east-1",
//!     service: "iam",
//! };
//! let headers = [Header { name: "host", value: b"iam.amazonaws.com" }];
//! let head = RequestHead { method: "GET", path: "/", query: Some("Action=ListUsers&Version=2010-05-08"),
//!     authority: None, headers: &headers };
//! let now = Timestamp::parse("20150830T123600Z").unwrap();
//! let signed = signer.sign(&head, b"", now, &SignOptions::default());
//! assert_eq!(signed.headers[0].0, "x-amz-date");
//! assert!(signed.headers.last().unwrap().1.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
//! ```

use sha2::{Digest, Sha256};

use crate::canonical::{PathForm, Spelling, encode_component, write_head};
use crate::chunked::Chain;
use crate::encode::hex32;
use crate::key::{Signature, SigningKey, TERMINATOR};
use crate::parse::ALGORITHM;
use crate::payload::{ChunkMode, UNSIGNED_PAYLOAD};
use crate::request::{Header, RequestHead};
use crate::time::Timestamp;
use crate::verify::{Rules, sign_digest};

/// Credentials and the scope to sign for.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// Secret access key.
    pub secret: &'a str,
    /// Session token of temporary credentials.
    pub security_token: Option<&'a str>,
    /// Region of the scope.
    pub region: &'a str,
    /// Signing name, such as `iam`.
    pub service: &'a str,
}

/// How the body is to be covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignPayload {
    /// By its hash; `x-amz-content-sha256` is added for S3, which requires it.
    #[default]
    Hash,
    /// By its hash, with `x-amz-content-sha256` whatever the service.
    HashInHeader,
    /// Not at all: `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// In chunks; the body given is ignored. The caller adds `x-amz-decoded-content-length`,
    /// `x-amz-trailer` and `content-encoding` before signing.
    Chunked(ChunkMode),
}

/// Choices of a signer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignOptions {
    /// How the body is covered.
    pub payload: SignPayload,
}

/// A signed request: what to add to it.
#[derive(Clone)]
pub struct Signed {
    /// Headers to add, `authorization` last.
    pub headers: Vec<(&'static str, String)>,
    /// The signature: the seed of a chunked body.
    pub signature: Signature,
    chain: Chain,
}

impl Signed {
    /// A signer for the chunks of the body.
    pub fn chunks(self, mode: ChunkMode) -> ChunkSigner {
        ChunkSigner {
            mode,
            chain: self.chain,
        }
    }
}

impl Signer<'_> {
    /// Signs a request by headers. All headers given are signed, but those that proxies change
    /// (`user-agent`, `x-amzn-trace-id`, `expect`, `transfer-encoding`, `connection`).
    pub fn sign(
        &self,
        head: &RequestHead<'_>,
        body: &[u8],
        now: Timestamp,
        options: &SignOptions,
    ) -> Signed {
        let rules = Rules::for_service(self.service);
        let hash = || hex_digest(body);
        let (payload, in_header) = match options.payload {
            SignPayload::Hash => (hash(), rules.payload_hash_required),
            SignPayload::HashInHeader => (hash(), true),
            SignPayload::Unsigned => (UNSIGNED_PAYLOAD.to_owned(), true),
            SignPayload::Chunked(mode) => (mode.as_str().to_owned(), true),
        };
        let mut added = vec![("x-amz-date", now.as_str().to_owned())];
        if in_header {
            added.push(("x-amz-content-sha256", payload.clone()));
        }
        if let Some(token) = self.security_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        let mut headers = head.headers.to_vec();
        headers.extend(added.iter().map(|(name, value)| Header {
            name,
            value: value.as_bytes(),
        }));
        let full = RequestHead {
            headers: &headers,
            ..*head
        };
        let names = signed_names(&full);
        let (signature, chain) = self.signature(&full, &names, &payload, now, rules.path);
        let credential = self.credential(now);
        added.push((
            "authorization",
            format!(
                "{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
            ),
        ));
        Signed {
            headers: added,
            signature,
            chain,
        }
    }

    /// Presigns a URL: returns the whole query, good for `expires` seconds. All headers given are
    /// signed and must be sent with the URL; `host` suffices.
    ///
    /// S3's presigned URLs leave the body unsigned; those of other services cover `body`.
    pub fn presign(
        &self,
        head: &RequestHead<'_>,
        body: &[u8],
        now: Timestamp,
        expires: u32,
    ) -> String {
        let rules = Rules::for_service(self.service);
        let names = signed_names(head);
        let mut query = head.query.unwrap_or_default().to_owned();
        let expires = expires.to_string();
        let credential = self.credential(now);
        let parameters = [
            ("X-Amz-Algorithm", Some(ALGORITHM)),
            ("X-Amz-Credential", Some(credential.as_str())),
            ("X-Amz-Date", Some(now.as_str())),
            ("X-Amz-Expires", Some(expires.as_str())),
            ("X-Amz-SignedHeaders", Some(names.as_str())),
            ("X-Amz-Security-Token", self.security_token),
        ];
        for (name, value) in parameters {
            if let Some(value) = value {
                push_parameter(&mut query, name, value);
            }
        }
        let payload = if rules.unsigned_payload {
            UNSIGNED_PAYLOAD.to_owned()
        } else {
            hex_digest(body)
        };
        let full = RequestHead {
            query: Some(&query),
            ..*head
        };
        let (signature, _) = self.signature(&full, &names, &payload, now, rules.path);
        push_parameter(&mut query, "X-Amz-Signature", signature.as_str());
        query
    }

    fn credential(&self, now: Timestamp) -> String {
        format!("{}/{}", self.access_key_id, self.scope(now))
    }

    fn scope(&self, now: Timestamp) -> String {
        format!(
            "{}/{}/{}/{TERMINATOR}",
            now.date(),
            self.region,
            self.service
        )
    }

    fn signature(
        &self,
        head: &RequestHead<'_>,
        names: &str,
        payload: &str,
        now: Timestamp,
        path: PathForm,
    ) -> (Signature, Chain) {
        let mut canonical = Vec::with_capacity(1024);
        write_head(&mut canonical, head, path, Spelling::Encoded, names);
        canonical.extend_from_slice(payload.as_bytes());
        let digest = hex32(&Sha256::digest(&canonical).into());
        let key = SigningKey::derive(self.secret, now.date(), self.region, self.service);
        let scope = self.scope(now);
        let signature = sign_digest(&key, now, &scope, &digest);
        let chain = Chain {
            key,
            timestamp: now,
            scope,
            previous: signature,
        };
        (signature, chain)
    }
}

/// Writes the chunks of an `aws-chunked` body, signing them as its mode demands.
#[derive(Clone)]
pub struct ChunkSigner {
    mode: ChunkMode,
    chain: Chain,
}

impl ChunkSigner {
    /// Appends one chunk. An empty one ends the body: use [`ChunkSigner::finish`] for that.
    pub fn chunk(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.line(payload, out);
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }

    /// Appends the last, empty chunk and the trailer.
    pub fn finish(mut self, trailer: &[(&str, &str)], out: &mut Vec<u8>) {
        self.line(b"", out);
        if self.mode.has_trailer() {
            let mut fields = Vec::with_capacity(trailer.len());
            for (name, value) in trailer {
                out.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            if self.mode.is_signed() {
                let signature = self.chain.trailer(&fields);
                out.extend_from_slice(
                    format!("x-amz-trailer-signature:{signature}\r\n").as_bytes(),
                );
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let size = payload.len();
        let line = if self.mode.is_signed() {
            let signature = self.chain.chunk(&Sha256::digest(payload).into());
            format!("{size:x};chunk-signature={signature}\r\n")
        } else {
            format!("{size:x}\r\n")
        };
        out.extend_from_slice(line.as_bytes());
    }
}

const UNSIGNABLE: [&str; 6] = [
    "authorization",
    "connection",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

fn signed_names(head: &RequestHead<'_>) -> String {
    let mut names: Vec<String> = head
        .headers
        .iter()
        .map(|header| header.name.to_ascii_lowercase())
        .filter(|name| !UNSIGNABLE.contains(&name.as_str()))
        .collect();
    if head.authority.is_some() {
        names.push("host".to_owned());
    }
    names.sort_unstable();
    names.dedup();
    names.join(";")
}

fn push_parameter(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    query.push_str(&encode_component(value));
}

fn hex_digest(body: &[u8]) -> String {
    String::from_utf8_lossy(&hex32(&Sha256::digest(body).into())).into_owned()
}
