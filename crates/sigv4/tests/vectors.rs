//! AWS's own Signature Version 4 test suite, read from the shared test data.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Request;
use palisade_sigv4::sign::{SignOptions, Signer};
use palisade_sigv4::{AuthError, Body, BodyCheck, Rules, SigningKey, Timestamp, parse, verify};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: &str = "20150830T123600Z";

struct Vector {
    name: String,
    request: Request,
    signed: Request,
    canonical: String,
    string_to_sign: String,
    authorization: String,
}

fn vectors() -> Vec<Vector> {
    let Some(root) = common::shared("vectors/sigv4") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    assert!(
        found.len() >= 31,
        "the suite has shrunk: {} cases",
        found.len()
    );
    found.iter().map(|stem| read(stem)).collect()
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "req") {
            found.push(path.with_extension(""));
        }
    }
}

fn read(stem: &Path) -> Vector {
    let text = |end: &str| {
        let bytes = fs::read(stem.with_extension(end)).unwrap();
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    };
    let name = stem.file_name().unwrap().to_string_lossy().into_owned();
    let mut signed = request(&text("sreq"));
    // In one case the signed request bears a signature that its own .authz contradicts.
    let agrees =
        signed.get("authorization").unwrap().trim_ascii() == text("authz").trim_end().as_bytes();
    assert_eq!(agrees, name != "get-vanilla-with-session-token", "{name}");
    signed.set("authorization", text("authz").trim_end());
    Vector {
        name,
        request: request(&text("req")),
        signed,
        canonical: text("creq"),
        string_to_sign: text("sts"),
        authorization: text("authz"),
    }
}

/// Reads a request as the suite writes them: targets unencoded, header lines folded.
fn request(text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let (method, rest) = first.split_once(' ').unwrap();
    let target = rest.strip_suffix(" HTTP/1.1").unwrap();
    let mut request = Request::new(method, target, &[], body.as_bytes());
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = request.headers.last_mut().unwrap();
            value.extend_from_slice(b"\r\n");
            value.extend_from_slice(line.as_bytes());
        } else {
            let (name, value) = line.split_once(':').unwrap();
            request.add(name, value);
        }
    }
    request
}

fn rules(name: &str) -> Rules<'static> {
    Rules {
        region: Some("us-east-1"),
        // The one case of a token that is added after signing.
        unsigned_security_token: name == "post-sts-header-after",
        ..Rules::for_service("service")
    }
}

fn key() -> SigningKey {
    SigningKey::derive(SECRET, "20150830", "us-east-1", "service")
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

#[test]
fn every_signed_request_is_verified() {
    for vector in vectors() {
        vector.signed.with_head(|head| {
            let claim = parse(head).unwrap().expect("signed");
            assert_eq!(claim.access_key_id(), "AKIDEXAMPLE");
            let body = Body::Whole(&vector.signed.body);
            let verified = verify(
                &claim,
                head,
                &key(),
                body,
                now().unix_seconds(),
                &rules(&vector.name),
            )
            .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            assert!(matches!(verified.body, BodyCheck::Done), "{}", vector.name);
        });
    }
}

#[test]
fn a_mismatch_shows_the_canonical_request_and_the_string_to_sign() {
    for mut vector in vectors() {
        let authorization =
            String::from_utf8(vector.signed.get("authorization").unwrap().to_vec()).unwrap();
        let (start, _) = authorization.rsplit_once('=').unwrap();
        vector
            .signed
            .set("authorization", &format!("{start}={}", "0".repeat(64)));
        vector.signed.with_head(|head| {
            let claim = parse(head).unwrap().expect("signed");
            let body = Body::Whole(&vector.signed.body);
            let error = verify(
                &claim,
                head,
                &key(),
                body,
                now().unix_seconds(),
                &rules(&vector.name),
            )
            .unwrap_err();
            let AuthError::Mismatch(shown) = error else {
                panic!("{}: {error}", vector.name);
            };
            assert_eq!(shown.canonical_request, vector.canonical, "{}", vector.name);
            assert_eq!(
                shown.string_to_sign, vector.string_to_sign,
                "{}",
                vector.name
            );
        });
    }
}

#[test]
fn signing_gives_the_authorization_header_of_the_suite() {
    for vector in vectors() {
        let mut request = vector.request.clone();
        // The signer adds the date and the token itself.
        request
            .headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("x-amz-date"));
        let token = vector
            .canonical
            .lines()
            .find_map(|line| line.strip_prefix("x-amz-security-token:"));
        request
            .headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("x-amz-security-token"));
        let signer = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret: SECRET,
            security_token: token,
            region: "us-east-1",
            service: "service",
        };
        let signed = request
            .with_head(|head| signer.sign(head, &request.body, now(), &SignOptions::default()));
        let (name, value) = signed.headers.last().unwrap();
        assert_eq!(
            (*name, value.as_str()),
            ("authorization", vector.authorization.trim_end()),
            "{}",
            vector.name
        );
    }
}
