//! Lists of names, and the detectors that look for them.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use palisade_waf::detect::{Detection, Detector};
use serde_json::Value;

static LISTS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let value: Value = serde_json::from_str(include_str!("../data/words.json")).unwrap_or_default();
    let words = |value: &Value| {
        let words = value.as_array().into_iter().flatten();
        words
            .filter_map(|word| Some(word.as_str()?.to_owned()))
            .collect()
    };
    let lists = value.as_object().into_iter().flatten();
    lists
        .map(|(name, value)| (name.clone(), words(value)))
        .collect()
});

/// The words of a list of `data/words.json`.
pub(crate) fn list(name: &str) -> Option<&'static [String]> {
    LISTS.get(name).map(Vec::as_slice)
}

/// The name of a file that ends in one of these extensions, before a query, a parameter or a NUL.
#[derive(Debug)]
pub(crate) struct Extensions(HashSet<&'static [u8]>);

/// Bytes of an extension, at most.
const EXTENSION_MAX: usize = 12;

impl Extensions {
    pub(crate) fn new(words: &'static [String]) -> Extensions {
        Extensions(words.iter().map(|word| word.as_bytes()).collect())
    }
}

impl Detector for Extensions {
    fn name(&self) -> &str {
        "restricted file extension"
    }

    fn find(&self, value: &[u8]) -> Option<Detection> {
        let end = memchr::memchr3(b'?', b';', 0, value).unwrap_or(value.len());
        let dot = memchr::memrchr(b'.', &value[..end])?;
        let extension = &value[dot + 1..end];
        if extension.len() > EXTENSION_MAX || value.contains(&b' ') || value.contains(&b'@') {
            return None;
        }
        let known = self.0.contains(extension.to_ascii_lowercase().as_slice());
        known.then_some(Detection {
            bytes: dot..end,
            reason: "extension",
        })
    }
}

/// A host, without its port, that is one of these.
#[derive(Debug)]
pub(crate) struct Hosts(&'static [String]);

impl Hosts {
    pub(crate) fn new(words: &'static [String]) -> Hosts {
        Hosts(words)
    }
}

impl Detector for Hosts {
    fn name(&self) -> &str {
        "name of the machine itself"
    }

    fn find(&self, value: &[u8]) -> Option<Detection> {
        let value = value.trim_ascii();
        let end = match memchr::memrchr(b':', value) {
            Some(colon) if value[colon + 1..].iter().all(u8::is_ascii_digit) => colon,
            _ => value.len(),
        };
        let host = &value[..end];
        let known = |word: &String| host.eq_ignore_ascii_case(word.as_bytes());
        self.0.iter().any(known).then_some(Detection {
            bytes: 0..end,
            reason: "localhost",
        })
    }
}
