//! Objects: prototypes that must not be changed, and serialised objects that build what the sender likes.

use crate::bytes::{Profile, at, find, has_at, is_word};
use crate::finding::{Finding, Kind};

/// A path or key that reaches an object's prototype.
pub fn prototype(value: &[u8]) -> Option<Finding> {
    scan_prototype(value, Profile::of(value))
}

pub(crate) fn scan_prototype(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |place: usize, length: usize| {
        Some(Finding::new(
            Kind::Prototype,
            place,
            place + length,
            "prototype",
        ))
    };
    if profile.any(Profile::UNDERSCORE)
        && let Some(place) = find(value, 0, b"__proto__")
    {
        let next = at(value, place + 9);
        let whole =
            value.len() <= 11 || matches!(next, b'[' | b'.' | b'"' | b'\'' | b']' | b':' | b'=');
        if whole {
            return found(place, 9);
        }
    }
    if profile.any(Profile::DOT | Profile::BRACKET)
        && let Some(place) = find(value, 0, b"constructor")
    {
        let after = &value[place + 11..];
        let reached = [
            &b".prototype"[..],
            b"[prototype]",
            b"['prototype']",
            b"[\"prototype\"]",
            b"][prototype",
            b".constructor",
        ]
        .iter()
        .any(|step| has_at(after, 0, step));
        if reached && (place == 0 || !is_word(value[place - 1])) {
            return found(place, 11);
        }
    }
    None
}

/// A serialised object of Java, PHP, .NET, Python, Ruby or Node, or a document that names the class to build.
pub fn deserialisation(value: &[u8]) -> Option<Finding> {
    scan_deserialisation(value, Profile::of(value))
}

pub(crate) fn scan_deserialisation(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |(start, end, reason)| Finding::new(Kind::Deserialisation, start, end, reason);
    magic(value)
        .or_else(|| {
            if profile.any(Profile::COLON) {
                php(value)
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::BANG | Profile::DOLLAR)
                || profile.all(Profile::QUOTE | Profile::AT)
                || profile.any(Profile::UNDERSCORE) && find(value, 0, b"__").is_some()
            {
                typed(value)
            } else {
                None
            }
        })
        .map(found)
}

/// The first bytes of streams, plain and in base64.
fn magic(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let start = usize::from(
        value
            .first()
            .is_some_and(|&byte| matches!(byte, b'"' | b'\'' | b'=')),
    );
    let heads: [(&[u8], &str); 5] = [
        (b"rO0AB", "java-stream"),
        (b"\xac\xed\x00\x05", "java-stream"),
        (b"AAEAAAD/////", "net-stream"),
        (b"H4sIAAAAAAAA/", ""),
        (b"KztAAU", "java-stream"),
    ];
    let rest = &value[start..];
    let (head, reason) = heads
        .iter()
        .find(|(head, reason)| rest.starts_with(head) && !reason.is_empty())?;
    Some((start, start + head.len(), reason))
}

/// `O:8:"stdClass":1:{`, `C:11:"ArrayObject":…`: PHP's serialize.
fn php(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, &byte) in value.iter().enumerate() {
        if !matches!(byte, b'O' | b'C' | b'o' | b'a')
            || at(value, place + 1) != b':'
            || place > 0 && is_word(value[place - 1])
        {
            continue;
        }
        let rest = &value[place + 2..];
        let digits = rest
            .iter()
            .skip(usize::from(at(rest, 0) == b'+'))
            .take_while(|byte| byte.is_ascii_digit())
            .count()
            + usize::from(at(rest, 0) == b'+');
        let object = byte != b'a' && digits > 0 && rest[digits..].starts_with(b":\"");
        let array = byte == b'a'
            && digits > 0
            && rest[digits..].starts_with(b":{")
            && matches!(at(rest, digits + 2), b'i' | b's' | b'O' | b'}');
        if object || array {
            return Some((place, place + 2 + digits, "php-object"));
        }
    }
    None
}

/// Tags and keys that name a class.
fn typed(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let marks: [(&[u8], &str); 12] = [
        (b"!!python/", "yaml-class"),
        (b"!!java", "yaml-class"),
        (b"!!javax.", "yaml-class"),
        (b"!ruby/", "yaml-class"),
        (b"!!com.sun.", "yaml-class"),
        (b"_$$nd_func$$_", "node-function"),
        (b"__js_function", "node-function"),
        (b"\"$type\":\"system.", "json-class"),
        (b"\"$type\": \"system.", "json-class"),
        (b"\"@type\":\"com.", "json-class"),
        (b"\"@type\":\"java", "json-class"),
        (b"\"@type\":\"org.", "json-class"),
    ];
    marks.iter().find_map(|(mark, reason)| {
        find(value, 0, mark).map(|place| (place, place + mark.len(), *reason))
    })
}
