//! All detectors over one value, with one pass that decides which of them need to look.

use crate::bytes::Profile;
use crate::finding::{Finding, Kind, Sensitivity};
use crate::{
    address, expression, lines, markup, object, path, php, query, server, shell, sql, template,
    upload, windows, xss,
};

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);
    /// None.
    pub const NONE: Self = Self(0);

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

    /// This set and a kind.
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u32)
    }

    /// What is in this set and the other.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set or the other.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without what is in the other.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a bit for each kind, in [`Kind`]'s order.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of these bits.
    pub const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// This set without a kind.
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind as u32))
    }
}

/// What the Palisade injection group and the detectors of the managed groups together find in the value; the first of
/// [`Kind`]'s order that finds something.
///
/// [`Kind::Ssrf`], [`Kind::Metadata`], [`Kind::Redirect`] and [`Kind::Upload`] are judged only by [`inspect_for`]: an address of one's own
/// network is an attack only where the application fetches it or sends the browser there, and so a file's name.
pub fn inspect(value: &[u8], sensitivity: Sensitivity) -> Option<Finding> {
    inspect_for(
        value,
        sensitivity,
        Kinds::ALL
            .without(Kind::Ssrf)
            .without(Kind::Metadata)
            .without(Kind::Upload)
            .without(Kind::Redirect),
    )
}

/// The same for some kinds.
pub fn inspect_for(value: &[u8], sensitivity: Sensitivity, kinds: Kinds) -> Option<Finding> {
    let mut first = None;
    judge(value, sensitivity, kinds, |finding| {
        first = Some(finding);
        true
    });
    first
}

/// All of these kinds that are in the value.
pub fn kinds_in(value: &[u8], sensitivity: Sensitivity, kinds: Kinds) -> Kinds {
    let mut all = Kinds::NONE;
    judge(value, sensitivity, kinds, |finding| {
        all = all.with(finding.kind);
        false
    });
    all
}

/// Asks the detectors in [`Kind`]'s order, and `found` after each finding whether that is enough.
fn judge(
    value: &[u8],
    sensitivity: Sensitivity,
    kinds: Kinds,
    mut found: impl FnMut(Finding) -> bool,
) {
    let profile = Profile::of(value);
    if let Some(plain) = narrowed(value, profile) {
        let profile = Profile::of(&plain);
        let whole = |finding: Finding| Finding {
            start: 0,
            end: value.len(),
            ..finding
        };
        if ask(&plain, profile, sensitivity, kinds, &mut |finding| {
            found(whole(finding))
        }) {
            return;
        }
    }
    ask(value, profile, sensitivity, kinds, &mut found);
}

/// Without one of these no detector but the [`QUIET`] can find anything.
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
    | Profile::COLON
    | Profile::UNDERSCORE;

/// Letters, digits, spaces, dots, commas, slashes, dashes: only words and paths are left to look at.
const QUIET: Kinds = Kinds::of(&[
    Kind::Sql,
    Kind::Shell,
    Kind::Windows,
    Kind::PowerShell,
    Kind::Path,
    Kind::Expression,
    Kind::Prototype,
    Kind::Deserialisation,
    Kind::Redirect,
    Kind::Metadata,
    Kind::GraphQl,
    Kind::ServerScript,
    Kind::Upload,
    Kind::Ssrf,
]);

type Detector = fn(&[u8], Profile) -> Option<Finding>;

const DETECTORS: [(Kind, Detector); 25] = [
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
    (Kind::Lookup, expression::scan_lookup),
    (Kind::Expression, expression::scan),
    (Kind::Prototype, object::scan_prototype),
    (Kind::Deserialisation, object::scan_deserialisation),
    (Kind::GraphQl, query::scan_graphql),
    (Kind::PowerShell, windows::scan_powershell),
    (Kind::Metadata, address::scan_metadata),
    (Kind::Ssrf, address::scan_ssrf),
    (Kind::Redirect, address::scan_redirect),
    (Kind::ServerScript, server::scan_server_script),
    (Kind::Upload, upload::scan_upload),
];

/// Whether `found` said that it is enough.
fn ask(
    value: &[u8],
    profile: Profile,
    sensitivity: Sensitivity,
    kinds: Kinds,
    found: &mut dyn FnMut(Finding) -> bool,
) -> bool {
    let loud = profile.any(SUSPICIOUS);
    let kinds = if loud { kinds } else { kinds.and(QUIET) };
    if kinds.has(Kind::Sql)
        && (loud
            || profile.any(Profile::SPACE)
                && profile.any(Profile::DIGIT | Profile::COMMA | Profile::DASH))
        && let Some(finding) = sql::scan(value, profile, sensitivity)
        && found(finding)
    {
        return true;
    }
    DETECTORS.iter().any(|&(kind, detector)| {
        kinds.has(kind) && detector(value, profile).is_some_and(&mut *found)
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
