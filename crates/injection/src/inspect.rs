//! All detectors over one value, with one pass that decides which of them need to look.

use crate::bytes::Profile;
use crate::finding::{Finding, Kind, Sensitivity};
use crate::{
    address, expression, lines, markup, object, path, php, query, shell, sql, template, windows,
    xss,
};

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);

    /// The set of these kinds.
    pub const fn of(kinds: &[Kind]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether the kind is in the set.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// This set without a kind.
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind as u32))
    }
}

/// What the Palisade injection group and the detectors of the managed groups together find in the value; the first of
/// [`Kind`]'s order that finds something.
///
/// [`Kind::Ssrf`] and [`Kind::Redirect`] are judged only by [`inspect_for`]: an address of one's own network is an
/// attack only where the application fetches it or sends the browser there.
pub fn inspect(value: &[u8], sensitivity: Sensitivity) -> Option<Finding> {
    inspect_for(
        value,
        sensitivity,
        Kinds::ALL.without(Kind::Ssrf).without(Kind::Redirect),
    )
}

/// The same for some kinds.
pub fn inspect_for(value: &[u8], sensitivity: Sensitivity, kinds: Kinds) -> Option<Finding> {
    let profile = Profile::of(value);
    if !profile.any(SUSPICIOUS) && !deep_words(profile) {
        return quiet(value, profile, sensitivity, kinds);
    }
    if let Some(plain) = narrowed(value, profile) {
        let found = detect(&plain, Profile::of(&plain), sensitivity, kinds);
        if let Some(finding) = found {
            return Some(Finding::new(finding.kind, 0, value.len(), finding.reason));
        }
    }
    detect(value, profile, sensitivity, kinds)
}

/// Without one of these no detector but a few can find anything.
const SUSPICIOUS: u32 = Profile::QUOTE
    | Profile::ANGLE
    | Profile::PAREN
    | Profile::SEMICOLON
    | Profile::DOLLAR
    | Profile::AMPERSAND
    | Profile::PIPE
    | Profile::BACKSLASH
    | Profile::HASH
    | Profile::EQUALS
    | Profile::STAR
    | Profile::AT
    | Profile::PERCENT
    | Profile::BRACE
    | Profile::BRACKET
    | Profile::BREAK
    | Profile::BANG
    | Profile::CARET
    | Profile::PLUS
    | Profile::HIGH
    | Profile::CONTROL
    | Profile::COLON;

/// `__proto__` and double underscores.
fn deep_words(profile: Profile) -> bool {
    profile.any(Profile::UNDERSCORE)
}

/// Letters, digits, spaces, dots, commas, slashes, dashes: only words and paths are left to look at.
fn quiet(
    value: &[u8],
    profile: Profile,
    sensitivity: Sensitivity,
    kinds: Kinds,
) -> Option<Finding> {
    let on = |kind| kinds.has(kind);
    None.or_else(|| {
        if on(Kind::Sql)
            && profile.any(Profile::SPACE)
            && profile.any(Profile::DIGIT | Profile::COMMA | Profile::DASH)
        {
            sql::scan(value, profile, sensitivity)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Shell) && profile.any(Profile::DASH | Profile::SLASH) {
            shell::scan(value, profile)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Windows) && profile.any(Profile::DASH | Profile::SLASH) {
            windows::scan(value, profile)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Path) && profile.any(Profile::DOT | Profile::SLASH) {
            path::scan(value, profile)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Expression) && profile.any(Profile::DOT) {
            expression::scan(value, profile)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Prototype) && profile.any(Profile::DOT) {
            object::scan_prototype(value, profile)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Deserialisation) {
            object::scan_deserialisation(value, profile)
        } else {
            None
        }
    })
    .or_else(|| {
        if on(Kind::Redirect) {
            address::scan_redirect(value, profile)
        } else {
            None
        }
    })
}

fn detect(
    value: &[u8],
    profile: Profile,
    sensitivity: Sensitivity,
    kinds: Kinds,
) -> Option<Finding> {
    type Detector = fn(&[u8], Profile) -> Option<Finding>;
    const DETECTORS: [(Kind, Detector); 20] = [
        (Kind::Xss, xss::scan),
        (Kind::Shell, shell::scan),
        (Kind::Windows, windows::scan),
        (Kind::Path, path::scan),
        (Kind::Rfi, address::scan_rfi),
        (Kind::Php, php::scan),
        (Kind::Template, template::scan),
        (Kind::NoSql, query::scan_nosql),
        (Kind::Ldap, query::scan_ldap),
        (Kind::XPath, query::scan_xpath),
        (Kind::Xxe, markup::scan_xxe),
        (Kind::Ssi, markup::scan_ssi),
        (Kind::Crlf, lines::scan_crlf),
        (Kind::Mail, lines::scan_mail),
        (Kind::Expression, expression::scan),
        (Kind::Prototype, object::scan_prototype),
        (Kind::Deserialisation, object::scan_deserialisation),
        (Kind::GraphQl, query::scan_graphql),
        (Kind::Ssrf, address::scan_ssrf),
        (Kind::Redirect, address::scan_redirect),
    ];
    if kinds.has(Kind::Sql)
        && let Some(finding) = sql::scan(value, profile, sensitivity)
    {
        return Some(finding);
    }
    DETECTORS.iter().find_map(|&(kind, detector)| {
        if kinds.has(kind) {
            detector(value, profile)
        } else {
            None
        }
    })
}

/// The value with the full-width forms of ASCII (U+FF01 to U+FF5E) written in ASCII, if it has any: databases and
/// file systems that fold them would read it so.
fn narrowed(value: &[u8], profile: Profile) -> Option<Vec<u8>> {
    if !profile.any(Profile::HIGH) {
        return None;
    }
    let wide = |place: usize| match value.get(place..place + 3) {
        Some([0xef, 0xbc, byte @ 0x81..=0xbf]) => Some(byte - 0x60),
        Some([0xef, 0xbd, byte @ 0x80..=0x9e]) => Some(byte - 0x20),
        _ => None,
    };
    let first = (0..value.len()).find(|&place| wide(place).is_some())?;
    let mut plain = value[..first].to_vec();
    let mut place = first;
    while place < value.len() {
        match wide(place) {
            Some(byte) => {
                plain.push(byte);
                place += 3;
            }
            None => {
                plain.push(value[place]);
                place += 1;
            }
        }
    }
    Some(plain)
}
