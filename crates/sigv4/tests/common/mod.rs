//! What the tests of this crate share: requests that own their parts.
#![allow(dead_code)]

use palisade_sigv4::{Header, RequestHead};

/// A request that owns its parts.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub authority: Option<String>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
        let mut request = Request {
            method: method.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            body: body.to_vec(),
            ..Request::default()
        };
        request.set_target(target);
        request
    }

    pub fn set_target(&mut self, target: &str) {
        match target.split_once('?') {
            Some((path, query)) => {
                self.path = path.to_owned();
                self.query = Some(query.to_owned());
            }
            None => {
                self.path = target.to_owned();
                self.query = None;
            }
        }
    }

    pub fn add(&mut self, name: &str, value: &str) {
        self.headers
            .push((name.to_owned(), value.as_bytes().to_vec()));
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.headers
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.add(name, value);
    }

    /// Calls `run` with the request borrowed as the crate wants it.
    pub fn with_head<T>(&self, run: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header { name, value })
            .collect();
        run(&RequestHead {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            authority: self.authority.as_deref(),
            headers: &headers,
        })
    }
}

/// The folder of shared test data, or `None`, said aloud.
pub fn shared(part: &str) -> Option<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("PALISADE_SHARED").unwrap_or_else(|| "../shared".into());
    let path = root.join(shared).join(part);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no {} (set PALISADE_SHARED)", path.display());
    None
}

/// A request signed by a client library of AWS: see `cases/make.py`.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub service: String,
    pub region: String,
    pub request: Request,
    pub token: Option<String>,
    pub expires: Option<u32>,
    pub payload: Option<Vec<u8>>,
}

/// Access key and secret of all cases, and when they were signed (Unix seconds).
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const SIGNED_AT: i64 = 1_740_787_198;

/// All cases of `cases/cases.json`.
pub fn cases() -> Vec<Case> {
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../cases/cases.json")).unwrap();
    assert_eq!(document["secret"], SECRET);
    assert_eq!(document["access_key_id"], ACCESS_KEY);
    let cases: Vec<Case> = document["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(case)
        .collect();
    assert!(cases.len() > 100, "{} cases", cases.len());
    cases
}

fn case(value: &serde_json::Value) -> Case {
    use base64::Engine;
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let bytes = |name: &str| {
        let encoded = value[name].as_str()?;
        Some(
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .unwrap(),
        )
    };
    let mut request = Request::new(
        &text("method").unwrap(),
        &text("target").unwrap(),
        &[],
        &bytes("body").unwrap(),
    );
    for header in value["headers"].as_array().unwrap() {
        request.add(header[0].as_str().unwrap(), header[1].as_str().unwrap());
    }
    Case {
        name: text("name").unwrap(),
        service: text("service").unwrap(),
        region: text("region").unwrap(),
        request,
        token: text("token"),
        expires: value["expires"].as_u64().map(|seconds| seconds as u32),
        payload: bytes("payload"),
    }
}

impl Case {
    /// Rules of the case's service and region.
    pub fn rules(&self) -> palisade_sigv4::Rules<'_> {
        palisade_sigv4::Rules {
            region: Some(&self.region),
            ..palisade_sigv4::Rules::for_service(&self.service)
        }
    }

    /// Verifies the request at a time, decoding a chunked body. Returns the payload.
    pub fn verify(&self, now: i64) -> Result<Vec<u8>, String> {
        use palisade_sigv4::{AuthError, Body, BodyCheck, SigningKey, parse, verify};
        self.request.with_head(|head| {
            let fail = |error: AuthError| format!("{error:?}");
            let claim = parse(head).map_err(fail)?.ok_or("unsigned")?;
            if claim.access_key_id() != ACCESS_KEY {
                return Err(fail(AuthError::UnknownAccessKey));
            }
            let key =
                SigningKey::derive(SECRET, claim.scope_date(), claim.region(), claim.service());
            let body = Body::Whole(&self.request.body);
            let verified = verify(&claim, head, &key, body, now, &self.rules()).map_err(fail)?;
            match verified.body {
                BodyCheck::Done | BodyCheck::Unsigned => Ok(self.request.body.clone()),
                BodyCheck::Sha256(_) => Err("the body was given".to_owned()),
                BodyCheck::Chunked(chunked) => {
                    let mut payload = Vec::new();
                    let mut decoder = chunked.decoder();
                    decoder
                        .feed(&self.request.body, &mut |part| {
                            payload.extend_from_slice(part)
                        })
                        .and_then(|()| decoder.finish())
                        .map_err(|error| format!("{error:?}"))?;
                    Ok(payload)
                }
            }
        })
    }
}
