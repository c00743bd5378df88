//! Requests as an AWS client sends them, each signed anew: the key derived, the head and body hashed.

use std::time::{SystemTime, UNIX_EPOCH};

use palisade_sigv4::sign::{SignOptions, Signer};
use palisade_sigv4::{Header, RequestHead, Timestamp};

const USER_AGENT: &str = "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux md/arch#x86_64 lang/python#3.13 cfg/retry-mode#standard";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Who signs.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret: String,
}

/// What is called.
#[derive(Clone, Debug)]
pub enum Operation {
    /// `sts:GetCallerIdentity`: a read that needs no permission.
    GetCallerIdentity,
    /// `iam:GetUser` of a user by name: a read that asks a question.
    GetUser(String),
    /// `iam:CreateUser`.
    CreateUser(String),
}

impl Operation {
    fn service(&self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "sts",
            Self::GetUser(_) | Self::CreateUser(_) => "iam",
        }
    }

    fn body(&self) -> String {
        match self {
            Self::GetCallerIdentity => "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
            Self::GetUser(name) => format!("Action=GetUser&Version=2010-05-08&UserName={name}"),
            Self::CreateUser(name) => {
                format!("Action=CreateUser&Version=2010-05-08&UserName={name}")
            }
        }
    }
}

/// A client's requests to one host.
pub struct Request<'a> {
    host: &'a str,
    credentials: &'a Credentials,
}

impl<'a> Request<'a> {
    /// Requests to `host` (with its port), signed with `credentials`.
    pub fn new(host: &'a str, credentials: &'a Credentials) -> Self {
        Self { host, credentials }
    }

    /// The bytes of a request signed now.
    pub fn sign(&self, operation: &Operation) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.map_or(0, |elapsed| elapsed.as_secs());
        self.sign_at(operation, i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// The bytes of a request signed at a moment, in seconds since 1970.
    pub fn sign_at(&self, operation: &Operation, seconds: i64) -> Vec<u8> {
        let body = operation.body();
        let length = body.len().to_string();
        let fields = [
            ("host", self.host),
            ("accept-encoding", "identity"),
            ("content-type", FORM),
            ("user-agent", USER_AGENT),
            ("content-length", &length),
        ];
        let headers = fields.map(|(name, value)| Header {
            name,
            value: value.as_bytes(),
        });
        let head = RequestHead {
            method: "POST",
            path: "/",
            query: None,
            authority: None,
            headers: &headers,
        };
        let signer = Signer {
            access_key_id: &self.credentials.access_key_id,
            secret: &self.credentials.secret,
            security_token: None,
            region: "us-east-1",
            service: operation.service(),
        };
        let now = Timestamp::from_unix_seconds(seconds).expect("a year of four digits");
        let signed = signer.sign(&head, body.as_bytes(), now, &SignOptions::default());
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(b"POST / HTTP/1.1\r\n");
        let added = signed
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in fields.into_iter().chain(added) {
            for part in [name, ": ", value, "\r\n"] {
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.as_bytes());
        bytes
    }
}
