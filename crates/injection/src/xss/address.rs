//! Addresses that run script: `javascript:` and its kin, however a browser may be brought to read them.

use super::entity::Squeezed;

const SCRIPT_SCHEMES: &[&str] = &[
    "javascript:",
    "vbscript:",
    "livescript:",
    "mocha:",
    "jscript:",
];
/// Types of `data:` addresses that hold no script.
const PASSIVE_TYPES: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/jpg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "image/x-icon",
    "image/vnd",
    "audio/",
    "video/",
    "font/",
    "application/font",
    "application/pdf",
    "text/plain",
];

/// What follows a scheme that runs script, or `None` if the address has no such scheme.
pub(super) fn script_scheme(value: &[u8]) -> Option<usize> {
    let mut matched = [true; SCRIPT_SCHEMES.len()];
    for (index, (byte, end)) in Squeezed::new(value).take(12).enumerate() {
        let mut any = false;
        for (alive, scheme) in matched.iter_mut().zip(SCRIPT_SCHEMES) {
            *alive &= scheme.as_bytes().get(index) == Some(&byte);
            if *alive && scheme.len() == index + 1 {
                return Some(end);
            }
            any |= *alive;
        }
        if !any {
            return None;
        }
    }
    None
}

/// Whether the address is a `data:` one of a type that may hold script.
pub(super) fn data_document(value: &[u8]) -> bool {
    let mut bytes = Squeezed::new(value)
        .map(|(byte, _)| byte)
        .filter(|&byte| byte != b'"' && byte != b'\'');
    if !b"data:".iter().all(|&wanted| bytes.next() == Some(wanted)) {
        return false;
    }
    let mut head = [0u8; 28];
    for slot in &mut head {
        *slot = bytes.next().unwrap_or(0);
    }
    !PASSIVE_TYPES
        .iter()
        .any(|kind| head.starts_with(kind.as_bytes()))
}

/// Whether an attribute's address runs something.
pub(super) fn runs(value: &[u8]) -> bool {
    let value = value
        .get(
            value
                .iter()
                .position(|&byte| !matches!(byte, b'"' | b'\'' | b'`' | b' '))
                .unwrap_or(0)..,
        )
        .unwrap_or_default();
    script_scheme(value).is_some() || data_document(value)
}
