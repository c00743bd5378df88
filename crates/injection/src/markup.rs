//! XML that declares or includes something external, and server-side includes.

use crate::bytes::{Profile, at, find, has_at, is_space, skip_space};
use crate::finding::{Finding, Kind};

/// A document type that declares entities or points outside, an inclusion, a schema from elsewhere.
pub fn xxe(value: &[u8]) -> Option<Finding> {
    scan_xxe(value, Profile::of(value))
}

pub(crate) fn scan_xxe(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |place: usize, length: usize, reason| {
        Some(Finding::new(
            Kind::Xxe,
            place,
            value.len().min(place + length),
            reason,
        ))
    };
    if profile.all(Profile::PLUS | Profile::DASH) {
        // UTF-7 writes `<!` as `+ADwAIQ-`.
        if let Some(place) = find(value, 0, b"+adwaiq-") {
            return found(place, 8, "utf-7-declaration");
        }
    }
    if !profile.all(Profile::ANGLE) {
        return None;
    }
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'<') {
        let rest = &value[place + 1..];
        if has_at(rest, 0, b"!entity")
            && is_space(at(rest, 7))
            && rest
                .iter()
                .take(96)
                .any(|&byte| matches!(byte, b'"' | b'\''))
        {
            return found(place, 8, "entity");
        }
        if has_at(rest, 0, b"!doctype") && external(&rest[8..]) {
            return found(place, 9, "external-document-type");
        }
        let inclusion = [
            &b"xi:include"[..],
            b"xs:include",
            b"xs:import",
            b"xsd:include",
            b"xsd:import",
            b"xsl:include",
            b"xsl:import",
            b"include",
        ]
        .iter()
        .any(|name| {
            has_at(rest, 0, name)
                && is_space(at(rest, name.len()))
                && (find(rest, 0, b"href").is_some()
                    || find(rest, 0, b"namespace").is_some()
                    || find(rest, 0, b"schemalocation").is_some())
        });
        if inclusion {
            return found(place, 11, "inclusion");
        }
    }
    if profile.any(Profile::COLON)
        && let Some(place) = find(value, 0, b"schemalocation=")
    {
        let quoted = at(value, place + 15);
        if matches!(quoted, b'"' | b'\'') && find(value, place, b"://").is_some() {
            return found(place, 15, "schema-location");
        }
    }
    None
}

/// `SYSTEM "…"`, an internal subset, or a public identifier that is not one of HTML's own.
fn external(rest: &[u8]) -> bool {
    let end = rest
        .iter()
        .position(|&byte| byte == b'>')
        .unwrap_or(rest.len());
    let head = &rest[..end.min(512)];
    let html = !head.contains(&b'[')
        && (find(head, 0, b"-//w3c//").is_some()
            || find(head, 0, b"-//ietf//").is_some()
            || find(head, 0, b"about:legacy-compat").is_some()
            || find(head, 0, b"-//apple//").is_some()
            || find(head, 0, b"-//oasis//").is_some());
    !html
        && (find(head, 0, b" system").is_some()
            || find(head, 0, b" public").is_some()
            || head.contains(&b'['))
}

/// A directive that a web server or a cache in front of it would carry out.
pub fn ssi(value: &[u8]) -> Option<Finding> {
    scan_ssi(value, Profile::of(value))
}

pub(crate) fn scan_ssi(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.all(Profile::ANGLE) {
        return None;
    }
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'<') {
        let rest = &value[place + 1..];
        let name = if rest.starts_with(b"!--#") {
            skip_space(rest, 4)
        } else {
            0
        };
        let include = name > 0
            && [
                &b"exec"[..],
                b"include",
                b"echo",
                b"config",
                b"printenv",
                b"fsize",
                b"flastmod",
                b"set",
                b"if",
            ]
            .iter()
            .any(|word| has_at(rest, name, word));
        let edge = [
            &b"esi:include"[..],
            b"esi:vars",
            b"esi:inline",
            b"esi:remove",
        ]
        .iter()
        .any(|word| has_at(rest, 0, word));
        if include || edge {
            return Some(Finding::new(
                Kind::Ssi,
                place,
                value.len().min(place + 12),
                "server-side-include",
            ));
        }
    }
    None
}
