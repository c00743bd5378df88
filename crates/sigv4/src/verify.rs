//! Step two: decide whether a claimed authentication is true.

use sha2::{Digest, Sha256};

use crate::canonical::{PathForm, Spelling, spellings_differ, write_head};
use crate::chunked::ChunkedBody;
use crate::encode::hex32;
use crate::error::{AuthError, Mismatch, ScopeFault};
use crate::key::{Signature, SigningKey, TERMINATOR};
use crate::parse::{ALGORITHM, Carrier, Credentialed};
use crate::payload::{PayloadMode, UNSIGNED_PAYLOAD};
use crate::request::RequestHead;
use crate::time::Timestamp;

/// How far a request's clock may be off, in seconds: 15 minutes either way.
pub const MAX_SKEW: i64 = 900;

/// What a service expects of the requests signed for it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The signing name that the scope must have; `None` takes any (it was routed by the scope).
    pub service: Option<&'a str>,
    /// The region that the scope must have; `None` takes any (global services, and regional ones
    /// routed by the scope).
    pub region: Option<&'a str>,
    /// How paths are spelled.
    pub path: PathForm,
    /// Whether the body may go unsigned (`UNSIGNED-PAYLOAD`, `STREAMING-…`). A presigned URL
    /// without `x-amz-content-sha256` leaves the body unsigned where this is true, as S3 has it,
    /// and covers it otherwise.
    pub unsigned_payload: bool,
    /// Whether `x-amz-content-sha256` must be there in header authentication (S3).
    pub payload_hash_required: bool,
    /// Whether `x-amz-security-token` may be added after signing. A few services let clients do
    /// so (the token is bound to the access key anyway); everyone signs it nowadays.
    pub unsigned_security_token: bool,
}

impl<'a> Rules<'a> {
    /// The rules of a signing name. Every service spells paths in one way, and S3 in another.
    pub fn for_service(service: &'a str) -> Rules<'a> {
        let s3 = matches!(
            service,
            "s3" | "s3express" | "s3-outposts" | "s3-object-lambda"
        );
        Rules {
            service: Some(service),
            region: None,
            path: if s3 {
                PathForm::AsSent
            } else {
                PathForm::Normalized
            },
            unsigned_payload: s3,
            payload_hash_required: s3,
            unsigned_security_token: false,
        }
    }
}

/// What is known of the body when the signature is verified.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// It is here, whole.
    Whole(&'a [u8]),
    /// Its SHA-256 is here.
    Hash([u8; 32]),
    /// It has not been read yet: what the headers declare must do.
    Unread,
}

/// What is left to do about the body of a request whose signature is right.
#[derive(Debug, Clone)]
pub enum BodyCheck {
    /// Nothing: it was compared.
    Done,
    /// Nothing: the client left it unsigned, and may.
    Unsigned,
    /// Its SHA-256 must turn out to be this: see [`check_body_hash`].
    Sha256([u8; 32]),
    /// It must be decoded by [`ChunkedBody::decoder`], which verifies what is signed.
    Chunked(Box<ChunkedBody>),
}

/// A request that the holder of the secret has signed.
#[derive(Debug, Clone)]
#[must_use = "the body may still have to be checked"]
pub struct Verified {
    /// What is left to do about the body.
    pub body: BodyCheck,
}

impl Credentialed<'_> {
    /// Checks all that needs no secret: clock, expiry, coverage of headers, scope.
    ///
    /// `now` is wall time in Unix seconds. [`verify`] does this first; AWS does it before it looks
    /// the access key up, so call it then to give the same error where several things are wrong.
    ///
    /// # Errors
    /// See the variants of [`AuthError`] on scope, dates and unsigned headers.
    pub fn check(
        &self,
        head: &RequestHead<'_>,
        now: i64,
        rules: &Rules<'_>,
    ) -> Result<(), AuthError> {
        self.check_clock(now)?;
        self.check_coverage(head, rules)?;
        self.check_scope(rules)
    }

    /// Whether the body must be read before [`verify`] can be called: its hash is part of what is
    /// signed and no header declares it.
    pub fn needs_body(&self, rules: &Rules<'_>) -> bool {
        self.declared.mode == PayloadMode::Absent && !self.body_is_free(rules)
    }

    fn body_is_free(&self, rules: &Rules<'_>) -> bool {
        rules.unsigned_payload && matches!(self.carrier, Carrier::Query { .. })
    }

    fn check_scope(&self, rules: &Rules<'_>) -> Result<(), AuthError> {
        let terminator = self.credential.part(4);
        let differs = |expected: Option<&str>, got: &str| {
            expected
                .filter(|expected| *expected != got)
                .map(str::to_owned)
        };
        let region = differs(rules.region, self.region()).map(|expected| ScopeFault::Region {
            got: self.region().to_owned(),
            expected,
        });
        let service = differs(rules.service, self.service()).map(|expected| ScopeFault::Service {
            got: self.service().to_owned(),
            expected,
        });
        let terminator = (terminator != TERMINATOR).then(|| ScopeFault::Terminator {
            got: terminator.to_owned(),
        });
        let date = (self.scope_date() != self.timestamp.date()).then(|| ScopeFault::Date {
            got: self.scope_date().to_owned(),
            request: self.timestamp,
        });
        let faults: Vec<ScopeFault> = [region, service, terminator, date]
            .into_iter()
            .flatten()
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(AuthError::WrongScope {
                faults,
                presigned: self.carrier != Carrier::Header,
            })
        }
    }

    fn check_clock(&self, now: i64) -> Result<(), AuthError> {
        let request = self.timestamp;
        let signed = request.unix_seconds();
        let stamp = |seconds| Timestamp::from_unix_seconds(seconds).unwrap_or(request);
        if signed > now.saturating_add(MAX_SKEW) {
            return Err(AuthError::NotYetCurrent {
                request,
                now: stamp(now),
            });
        }
        match self.carrier {
            Carrier::Query { expires } => {
                let end = signed.saturating_add(i64::from(expires));
                if now > end {
                    return Err(AuthError::PresignedExpired {
                        expired: stamp(end),
                        now: stamp(now),
                    });
                }
            }
            Carrier::Header if signed < now.saturating_sub(MAX_SKEW) => {
                return Err(AuthError::Expired {
                    request,
                    now: stamp(now),
                });
            }
            Carrier::Header => {}
        }
        Ok(())
    }

    fn check_coverage(&self, head: &RequestHead<'_>, rules: &Rules<'_>) -> Result<(), AuthError> {
        let covers = |name: &str| {
            self.signed_headers()
                .any(|signed| signed.eq_ignore_ascii_case(name))
        };
        let mut names = Vec::new();
        if !covers("host") && !covers(":authority") {
            names.push("host".to_owned());
        }
        for header in head.headers {
            let is_amz = header
                .name
                .get(..6)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
            let free = rules.unsigned_security_token
                && header.name.eq_ignore_ascii_case("x-amz-security-token");
            if is_amz && !free && !covers(header.name) {
                names.push(header.name.to_ascii_lowercase());
            }
        }
        if names.is_empty() {
            Ok(())
        } else {
            Err(AuthError::UnsignedHeaders { names })
        }
    }
}

/// Verifies a claimed authentication against the signing key of its access key.
///
/// `now` is wall time in Unix seconds. On success the body may still have to be checked: see
/// [`Verified`]. A caller that cannot hold the body passes [`Body::Unread`]; where the headers do
/// not say what the body is, that is [`AuthError::MissingPayloadHash`].
///
/// # Errors
/// What [`Credentialed::check`] finds; payload errors; [`AuthError::Mismatch`].
pub fn verify(
    claim: &Credentialed<'_>,
    head: &RequestHead<'_>,
    key: &SigningKey,
    body: Body<'_>,
    now: i64,
    rules: &Rules<'_>,
) -> Result<Verified, AuthError> {
    claim.check(head, now, rules)?;
    let hash = match body {
        Body::Whole(bytes) if needs_hash(claim) => Some(Sha256::digest(bytes).into()),
        Body::Hash(hash) => Some(hash),
        Body::Whole(_) | Body::Unread => None,
    };
    let plan = plan_payload(claim, hash, rules)?;
    let signature = match_signature(claim, head, key, plan.line.as_bytes(), rules)?;
    let body = match plan.check {
        Planned::Known(check) => check,
        Planned::Compare { declared, actual } => {
            check_body_hash(&declared, &actual)?;
            BodyCheck::Done
        }
        Planned::Chunked => {
            BodyCheck::Chunked(Box::new(ChunkedBody::new(claim, head, key, signature)?))
        }
    };
    Ok(Verified { body })
}

/// Compares the hash of a body with the one that was signed.
///
/// # Errors
/// [`AuthError::PayloadMismatch`] if they differ.
pub fn check_body_hash(signed: &[u8; 32], actual: &[u8; 32]) -> Result<(), AuthError> {
    use subtle::ConstantTimeEq;
    if bool::from(signed.ct_eq(actual)) {
        Ok(())
    } else {
        Err(AuthError::PayloadMismatch)
    }
}

fn needs_hash(claim: &Credentialed<'_>) -> bool {
    matches!(
        claim.declared.mode,
        PayloadMode::Absent | PayloadMode::Sha256(_)
    )
}

struct Plan<'a> {
    line: Line<'a>,
    check: Planned,
}

enum Line<'a> {
    Text(&'a str),
    Hash([u8; 64]),
}

impl Line<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Line::Text(text) => text.as_bytes(),
            Line::Hash(hash) => hash,
        }
    }
}

enum Planned {
    Known(BodyCheck),
    Compare {
        declared: [u8; 32],
        actual: [u8; 32],
    },
    Chunked,
}

/// Decides the last line of the canonical request and what is left to do about the body.
fn plan_payload<'a>(
    claim: &'a Credentialed<'_>,
    hash: Option<[u8; 32]>,
    rules: &Rules<'_>,
) -> Result<Plan<'a>, AuthError> {
    let line = Line::Text(claim.declared.text.as_deref().unwrap_or(UNSIGNED_PAYLOAD));
    let is_header = claim.carrier == Carrier::Header;
    match (claim.declared.mode, hash) {
        (PayloadMode::Absent, _) if claim.body_is_free(rules) => Ok(Plan {
            line,
            check: Planned::Known(BodyCheck::Unsigned),
        }),
        (PayloadMode::Absent, _) if is_header && rules.payload_hash_required => {
            Err(AuthError::MissingPayloadHash)
        }
        (PayloadMode::Absent, None) => Err(AuthError::MissingPayloadHash),
        (PayloadMode::Absent, Some(hash)) => Ok(Plan {
            line: Line::Hash(hex32(&hash)),
            check: Planned::Known(BodyCheck::Done),
        }),
        (PayloadMode::Sha256(declared), Some(actual)) => Ok(Plan {
            line,
            check: Planned::Compare { declared, actual },
        }),
        (PayloadMode::Sha256(declared), None) => Ok(Plan {
            line,
            check: Planned::Known(BodyCheck::Sha256(declared)),
        }),
        (PayloadMode::Unsigned | PayloadMode::Chunked(_), _) if !rules.unsigned_payload => {
            Err(AuthError::UnsignedPayload)
        }
        (PayloadMode::Unsigned, _) => Ok(Plan {
            line,
            check: Planned::Known(BodyCheck::Unsigned),
        }),
        (PayloadMode::Chunked(_), _) => Ok(Plan {
            line,
            check: Planned::Chunked,
        }),
    }
}

/// Tries the spellings that a client may have signed. Returns the signature computed.
fn match_signature(
    claim: &Credentialed<'_>,
    head: &RequestHead<'_>,
    key: &SigningKey,
    payload: &[u8],
    rules: &Rules<'_>,
) -> Result<Signature, AuthError> {
    let mut canonical = Vec::with_capacity(1024);
    let mut attempt = |spelling| {
        canonical.clear();
        write_head(
            &mut canonical,
            head,
            rules.path,
            spelling,
            &claim.signed_headers,
        );
        canonical.extend_from_slice(payload);
        let digest = hex32(&Sha256::digest(&canonical).into());
        let signature = sign_digest(key, claim.timestamp, claim.scope(), &digest);
        (
            signature.matches(claim.signature.as_bytes()),
            signature,
            digest,
        )
    };
    if spellings_differ(head, rules.path)
        && let (true, signature, _) = attempt(Spelling::Raw)
    {
        return Ok(signature);
    }
    let (matches, signature, digest) = attempt(Spelling::Encoded);
    if matches {
        return Ok(signature);
    }
    Err(AuthError::Mismatch(Box::new(Mismatch {
        canonical_request: String::from_utf8_lossy(&canonical).into_owned(),
        string_to_sign: string_to_sign(claim.timestamp, claim.scope(), &digest),
    })))
}

/// Signs the digest of a canonical request.
pub(crate) fn sign_digest(
    key: &SigningKey,
    timestamp: Timestamp,
    scope: &str,
    digest: &[u8; 64],
) -> Signature {
    key.sign_hex(&[
        ALGORITHM.as_bytes(),
        b"\n",
        timestamp.as_str().as_bytes(),
        b"\n",
        scope.as_bytes(),
        b"\n",
        digest,
    ])
}

/// The string to sign, written out.
pub(crate) fn string_to_sign(timestamp: Timestamp, scope: &str, digest: &[u8; 64]) -> String {
    let digest = String::from_utf8_lossy(digest);
    format!("{ALGORITHM}\n{timestamp}\n{scope}\n{digest}")
}
