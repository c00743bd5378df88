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
