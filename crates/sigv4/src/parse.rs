//! Step one: find the authentication in a request and take it apart. Nothing is looked up,
//! nothing is believed yet.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::encode::decode;
use crate::error::{Algorithm, AuthError, ExpiresFault, Missing};
use crate::payload::{Declared, PayloadMode, declared};
use crate::request::RequestHead;
use crate::time::Timestamp;

/// The only algorithm that is accepted.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The longest life of a presigned URL in seconds: a week.
pub const MAX_EXPIRES: u32 = 604_800;

/// Where the authentication was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The `Authorization` header.
    Header,
    /// The query: a presigned URL, good for `expires` seconds.
    Query {
        /// `X-Amz-Expires`, 0 to 604,800 seconds.
        expires: u32,
    },
}

/// An authentication as claimed by a request: well formed, not yet verified.
#[derive(Clone)]
pub struct Credentialed<'a> {
    pub(crate) credential: Credential<'a>,
    pub(crate) signed_headers: Cow<'a, str>,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) carrier: Carrier,
    pub(crate) timestamp: Timestamp,
    pub(crate) security_token: Option<Cow<'a, str>>,
    pub(crate) declared: Declared<'a>,
}

/// Finds the authentication of a request.
///
/// `Ok(None)` is a request that claims none. The order of checks is fixed, so the same request
/// always gives the same error.
///
/// # Errors
/// Any of the *malformed*, *incomplete*, *duplicate* and *unsupported* kinds of [`AuthError`].
pub fn parse<'a>(head: &RequestHead<'a>) -> Result<Option<Credentialed<'a>>, AuthError> {
    check_request_line(head)?;
    if let (Some(authority), Some(host)) = (head.authority, head.single("host")?)
        && !authority.as_bytes().eq_ignore_ascii_case(host.trim_ascii())
    {
        return Err(AuthError::AmbiguousHost);
    }
    let query = QueryAuth::collect(head.query.unwrap_or_default())?;
    match (head.single_text("authorization")?, query.kind()) {
        (None, QueryKind::None) => Ok(None),
        (Some(_), QueryKind::V4 | QueryKind::V2) | (None, QueryKind::Both) => {
            Err(AuthError::SeveralMechanisms)
        }
        (Some(_), QueryKind::Both) => Err(AuthError::SeveralMechanisms),
        (Some(header), QueryKind::None) => from_header(head, header).map(Some),
        (None, QueryKind::V2) => Err(AuthError::UnsupportedAlgorithm(Algorithm::SigV2)),
        (None, QueryKind::V4) => from_query(head, query).map(Some),
    }
}

impl<'a> Credentialed<'a> {
    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        self.credential.part(0)
    }

    /// `access key/date/region/service/aws4_request`, as sent.
    pub fn credential(&self) -> &str {
        &self.credential.text
    }

    /// The scope's date, `YYYYMMDD` if it is right.
    pub fn scope_date(&self) -> &str {
        self.credential.part(1)
    }

    /// The scope's region.
    pub fn region(&self) -> &str {
        self.credential.part(2)
    }

    /// The scope's service: the signing name, such as `iam`.
    pub fn service(&self) -> &str {
        self.credential.part(3)
    }

    /// `date/region/service/aws4_request`, as sent.
    pub fn scope(&self) -> &str {
        &self.credential.text[self.credential.ends[0] + 1..]
    }

    /// Header or query.
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// When the request says it was signed.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The session token, of whatever carrier.
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_deref()
    }

    /// The names of the headers that the signature covers, in the order given.
    pub fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }

    /// What the request says about its body.
    pub fn payload_mode(&self) -> PayloadMode {
        self.declared.mode
    }
}

impl fmt::Debug for Credentialed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentialed")
            .field("credential", &self.credential())
            .field("carrier", &self.carrier)
            .field("timestamp", &self.timestamp)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(crate) struct Credential<'a> {
    text: Cow<'a, str>,
    ends: [usize; 4],
}

impl<'a> Credential<'a> {
    fn new(text: Cow<'a, str>, presigned: bool) -> Result<Credential<'a>, AuthError> {
        let mut slashes = text.match_indices('/').map(|(at, _)| at);
        let ends = [(); 4].map(|()| slashes.next());
        let surplus = slashes.next().is_some();
        match ends {
            [Some(a), Some(b), Some(c), Some(d)] if !surplus && a > 0 => Ok(Credential {
                text,
                ends: [a, b, c, d],
            }),
            _ => Err(AuthError::MalformedCredential {
                got: text.into_owned(),
                presigned,
            }),
        }
    }

    /// Part 0 to 4: key, date, region, service, terminator.
    pub(crate) fn part(&self, index: usize) -> &str {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] + 1
        };
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        &self.text[start..end]
    }
}

fn check_request_line(head: &RequestHead<'_>) -> Result<(), AuthError> {
    let odd = |name: &str| AuthError::MalformedHeader {
        name: name.to_owned(),
    };
    if head.method.is_empty() || !head.method.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(odd(":method"));
    }
    // `*` is the target of `OPTIONS *`; HTTP/2 has it in :path.
    if !head.path.is_empty() && !head.path.starts_with('/') && head.path != "*" {
        return Err(odd(":path"));
    }
    Ok(())
}

fn from_header<'a>(head: &RequestHead<'a>, header: &'a str) -> Result<Credentialed<'a>, AuthError> {
    let (scheme, rest) = header.split_once([' ', '\t']).unwrap_or((header, ""));
    match scheme {
        ALGORITHM => {}
        "AWS4-ECDSA-P256-SHA256" => {
            return Err(AuthError::UnsupportedAlgorithm(Algorithm::SigV4A));
        }
        "AWS" => return Err(AuthError::UnsupportedAlgorithm(Algorithm::SigV2)),
        _ => return Err(AuthError::UnsupportedAlgorithm(Algorithm::Other)),
    }
    let fingerprint = || STANDARD.encode(Sha256::digest(header.as_bytes()));
    let parts = Components::read(rest).ok_or_else(|| AuthError::MalformedAuthorization {
        fingerprint: fingerprint(),
    })?;
    let amz_date = head.single_text("x-amz-date")?;
    let date = match amz_date {
        Some(text) => Some(text),
        None => head.single_text("date")?,
    };
    let (Some(credential), Some(signature), Some(signed_headers), Some(date)) = (
        parts.credential,
        parts.signature,
        parts.signed_headers,
        date,
    ) else {
        return Err(AuthError::IncompleteHeader {
            missing: Missing {
                credential: parts.credential.is_none(),
                signature: parts.signature.is_none(),
                signed_headers: parts.signed_headers.is_none(),
                date: date.is_none(),
                ..Missing::default()
            },
            fingerprint: fingerprint(),
        });
    };
    let timestamp = Timestamp::parse(date)
        .or_else(|| {
            if amz_date.is_none() {
                Timestamp::parse_http(date)
            } else {
                None
            }
        })
        .ok_or_else(|| AuthError::InvalidDate {
            got: date.to_owned(),
        })?;
    Ok(Credentialed {
        credential: Credential::new(Cow::Borrowed(credential), false)?,
        signed_headers: checked_list(Cow::Borrowed(signed_headers))?,
        signature: Cow::Borrowed(signature),
        carrier: Carrier::Header,
        timestamp,
        security_token: head.single_text("x-amz-security-token")?.map(Cow::Borrowed),
        declared: declared(head, None)?,
    })
}

fn from_query<'a>(
    head: &RequestHead<'a>,
    query: QueryAuth<'a>,
) -> Result<Credentialed<'a>, AuthError> {
    let [
        algorithm,
        credential,
        date,
        expires,
        signed_headers,
        signature,
        token,
        hash,
    ] = query.values;
    match algorithm.as_deref() {
        None | Some(ALGORITHM) => {}
        Some("AWS4-ECDSA-P256-SHA256") => {
            return Err(AuthError::UnsupportedAlgorithm(Algorithm::SigV4A));
        }
        Some(_) => return Err(AuthError::UnsupportedAlgorithm(Algorithm::Other)),
    }
    let missing = Missing {
        algorithm: algorithm.is_none(),
        credential: credential.is_none(),
        signature: signature.is_none(),
        signed_headers: signed_headers.is_none(),
        date: date.is_none(),
        expires: expires.is_none(),
    };
    let (Some(credential), Some(signature), Some(signed_headers), Some(date), Some(expires), false) = (
        credential,
        signature,
        signed_headers,
        date,
        expires,
        missing.algorithm,
    ) else {
        return Err(AuthError::IncompleteQuery { missing });
    };
    let header_token = head.single_text("x-amz-security-token")?;
    if let (Some(header), Some(parameter)) = (header_token, &token)
        && header != parameter
    {
        return Err(AuthError::SeveralMechanisms);
    }
    let timestamp = Timestamp::parse(&date).ok_or_else(|| AuthError::InvalidDate {
        got: date.into_owned(),
    })?;
    Ok(Credentialed {
        credential: Credential::new(credential, true)?,
        signed_headers: checked_list(signed_headers)?,
        signature,
        carrier: Carrier::Query {
            expires: parse_expires(&expires)?,
        },
        timestamp,
        security_token: token.or(header_token.map(Cow::Borrowed)),
        declared: declared(head, hash)?,
    })
}

fn parse_expires(text: &str) -> Result<u32, AuthError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AuthError::InvalidExpires(ExpiresFault::NotANumber));
    }
    if digits.len() < text.len() {
        return Err(AuthError::InvalidExpires(ExpiresFault::Negative));
    }
    match digits.parse::<u32>() {
        Ok(seconds) if seconds <= MAX_EXPIRES => Ok(seconds),
        _ => Err(AuthError::InvalidExpires(ExpiresFault::TooLong)),
    }
}

/// The most headers that a signature may name.
const MAX_SIGNED_HEADERS: usize = 256;

fn checked_list(list: Cow<'_, str>) -> Result<Cow<'_, str>, AuthError> {
    let is_name = |name: &str| {
        let token = name.strip_prefix(':').unwrap_or(name);
        !token.is_empty()
            && token.bytes().all(|byte| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || b"!#$%&'*+-.^_`|~".contains(&byte)
            })
    };
    let sorted = || list.split(';').is_sorted_by(|a, b| a < b);
    let unique = || {
        let mut names: Vec<&str> = list.split(';').collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    };
    let good = list.split(';').all(is_name)
        && list.split(';').count() <= MAX_SIGNED_HEADERS
        && (sorted() || unique());
    if good {
        Ok(list)
    } else {
        Err(AuthError::MalformedSignedHeaders)
    }
}

#[derive(Default)]
struct Components<'a> {
    credential: Option<&'a str>,
    signed_headers: Option<&'a str>,
    signature: Option<&'a str>,
}

impl<'a> Components<'a> {
    /// Reads `key=value` pairs between commas, in any order and spacing; `None` if one is
    /// malformed, unknown or repeated.
    fn read(text: &'a str) -> Option<Components<'a>> {
        let mut components = Components::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (key, value) = part.split_once('=')?;
            let slot = match key.trim_end() {
                "Credential" => &mut components.credential,
                "SignedHeaders" => &mut components.signed_headers,
                "Signature" => &mut components.signature,
                _ => return None,
            };
            let value = value.trim_start();
            if slot.is_some() || value.is_empty() {
                return None;
            }
            *slot = Some(value);
        }
        Some(components)
    }
}

const QUERY_NAMES: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

#[derive(Default)]
struct QueryAuth<'a> {
    values: [Option<Cow<'a, str>>; 8],
    v2: u8,
}

enum QueryKind {
    None,
    V4,
    V2,
    Both,
}

impl<'a> QueryAuth<'a> {
    fn collect(query: &'a str) -> Result<QueryAuth<'a>, AuthError> {
        let mut found = QueryAuth::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (raw_name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = decode(raw_name) else {
                continue;
            };
            match &*name {
                "AWSAccessKeyId" => found.v2 |= 1,
                "Signature" => found.v2 |= 2,
                _ => {}
            }
            let Some(index) = QUERY_NAMES.iter().position(|known| *known == name) else {
                continue;
            };
            let value = decode(value).ok_or(AuthError::MalformedQuery {
                name: QUERY_NAMES[index],
            })?;
            if found.values[index].replace(value).is_some() {
                return Err(AuthError::DuplicateQuery {
                    name: QUERY_NAMES[index],
                });
            }
        }
        Ok(found)
    }

    fn kind(&self) -> QueryKind {
        let [algorithm, credential, _, _, _, signature, ..] = &self.values;
        let v4 = algorithm.is_some() || credential.is_some() || signature.is_some();
        match (v4, self.v2 == 3) {
            (false, false) => QueryKind::None,
            (true, false) => QueryKind::V4,
            (false, true) => QueryKind::V2,
            (true, true) => QueryKind::Both,
        }
    }
}
