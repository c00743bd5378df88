//! The attacks that rules are about, as detectors that share one pass over a value.

use std::sync::Arc;

use palisade_injection::{Finding, Kind, Kinds, Sensitivity, inspect_for, kinds_in, ssrf};
use palisade_waf::detect::{Detection, Detector, Pass, Place};
use palisade_waf::statement::Part;

use crate::readings::{each_reading, is_binary};

/// An attack that a rule may be about.
#[derive(Debug)]
pub struct Attack {
    /// Its name in `data/groups.json` and in explanations.
    pub name: &'static str,
    kind: Kind,
    /// SQL in a reading of the value other than the first: encoded once more, or otherwise.
    nested: bool,
}

const fn attack(name: &'static str, kind: Kind) -> Attack {
    Attack {
        name,
        kind,
        nested: false,
    }
}

/// All of them.
pub const ATTACKS: &[Attack] = &[
    attack("sql", Kind::Sql),
    Attack {
        name: "nested-sql",
        kind: Kind::Sql,
        nested: true,
    },
    attack("script", Kind::Xss),
    attack("shell", Kind::Shell),
    attack("windows", Kind::Windows),
    attack("powershell", Kind::PowerShell),
    attack("path", Kind::Path),
    attack("remote-file", Kind::Rfi),
    attack("php", Kind::Php),
    attack("template", Kind::Template),
    attack("nosql", Kind::NoSql),
    attack("ldap", Kind::Ldap),
    attack("xpath", Kind::XPath),
    attack("external-entity", Kind::Xxe),
    attack("server-side-include", Kind::Ssi),
    attack("header-injection", Kind::Crlf),
    attack("mail-injection", Kind::Mail),
    attack("expression", Kind::Expression),
    attack("lookup", Kind::Lookup),
    attack("prototype", Kind::Prototype),
    attack("deserialisation", Kind::Deserialisation),
    attack("graphql", Kind::GraphQl),
    attack("request-forgery", Kind::Ssrf),
    attack("metadata", Kind::Metadata),
    attack("redirect", Kind::Redirect),
    attack("server-script", Kind::ServerScript),
    attack("upload", Kind::Upload),
];

/// The bit of SQL in a later reading; those below are [`Kinds`]'s.
const NESTED: u64 = 1 << 40;
/// The bit of SQL.
const SQL: u64 = Kinds::of(&[Kind::Sql]).bits() as u64;

/// What a value is to its detectors: what is no attack in one header may be one in an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Path,
    Header,
    Value,
}

impl Where {
    pub(crate) fn of(part: Part) -> Where {
        match part {
            Part::Path => Where::Path,
            Part::Headers => Where::Header,
            Part::Arguments | Part::Cookies | Part::Body => Where::Value,
        }
    }

    fn pass(self) -> &'static Pass {
        static PATH: Pass = Pass {
            scan: |value, place, wanted| scan(Where::Path, value, place, wanted),
        };
        static HEADER: Pass = Pass {
            scan: |value, place, wanted| scan(Where::Header, value, place, wanted),
        };
        static VALUE: Pass = Pass {
            scan: |value, place, wanted| scan(Where::Value, value, place, wanted),
        };
        match self {
            Where::Path => &PATH,
            Where::Header => &HEADER,
            Where::Value => &VALUE,
        }
    }

    /// The kinds that mean something for this value.
    fn meant(self, value: &[u8], place: Place<'_>) -> Kinds {
        let kinds = match (self, place) {
            (Where::Header, Place::Value(name)) => header(name),
            (Where::Header, _) => Kinds::ALL,
            // The whole path: what climbs, and what is one word of several segments. Each segment is looked at alone.
            (Where::Path, Place::Whole) => {
                // A slash is division in SQL: only with a comment or a quote is a path more than its segments.
                let joined = memchr::memchr3(b'*', b'\'', b'"', value).is_some();
                if joined {
                    WHOLE_PATH
                } else {
                    WHOLE_PATH.without(Kind::Sql)
                }
            }
            (Where::Path, _) => Kinds::ALL.minus(ADDRESSES),
            // A body that was taken apart: only what needs its marks.
            (Where::Value, Place::Whole) => WHOLE_BODY,
            (Where::Value, _) if is_binary(value) => BINARY,
            (Where::Value, _) => Kinds::ALL,
        };
        if names_file(self, place) {
            kinds
        } else {
            kinds.without(Kind::Upload)
        }
    }

    /// What is wrong with a value for what it is, whatever it says: a line break in a name or in a path, a hidden folder in a path, a
    /// second type in a content type.
    fn malformed(self, value: &[u8], place: Place<'_>) -> Option<(Kind, &'static str)> {
        let breaks = || memchr::memchr2(b'\r', b'\n', value).is_some();
        match (self, place) {
            (Where::Value, Place::Key(_)) if breaks() => Some((Kind::Crlf, "line-break-in-name")),
            (Where::Path, Place::Whole) if breaks() => Some((Kind::Crlf, "line-break-in-path")),
            (Where::Path, Place::Whole) if hidden_folder(value) => {
                Some((Kind::Path, "hidden-folder"))
            }
            (Where::Header, Place::Value(name))
                if name.eq_ignore_ascii_case(b"content-type") && second_type(value) =>
            {
                Some((Kind::Crlf, "second-content-type"))
            }
            _ => None,
        }
    }
}

/// Whether the value is the name of a file that is sent.
fn names_file(place_of: Where, place: Place<'_>) -> bool {
    let Place::Value(name) = place else {
        return false;
    };
    let dense = |name: &[u8]| -> Vec<u8> {
        let letters = name.iter().filter(|byte| byte.is_ascii_alphabetic());
        letters.map(u8::to_ascii_lowercase).collect()
    };
    match place_of {
        Where::Value => name == b"filename",
        Where::Header => name.len() <= 16 && dense(name) == b"xfilename",
        Where::Path => false,
    }
}

/// `/.name/…`: tools keep their settings there. `.well-known` is the folder that is meant to be asked for.
fn hidden_folder(path: &[u8]) -> bool {
    let mut segments = path.split(|&byte| byte == b'/');
    let hidden = |segment: &[u8]| {
        segment.len() > 2
            && segment[0] == b'.'
            && segment[1].is_ascii_lowercase()
            && segment.iter().all(|byte| byte.is_ascii_graphic())
            && segment != b".well-known"
    };
    let folders = path.len()
        - path
            .rsplit(|&byte| byte == b'/')
            .next()
            .map_or(0, <[u8]>::len);
    let count = path[..folders].iter().filter(|byte| **byte == b'/').count();
    segments.by_ref().take(count).any(hidden)
}

/// A media type behind the first one, where a parameter's value should be.
fn second_type(value: &[u8]) -> bool {
    let rest = memchr::memchr(b';', value).map_or(&value[..0], |end| &value[end..]);
    ["application/", "text/", "multipart/"].iter().any(|kind| {
        rest.windows(kind.len())
            .any(|window| window.eq_ignore_ascii_case(kind.as_bytes()))
    })
}

/// Kinds that are about an address the server or the browser goes to.
const ADDRESSES: Kinds = Kinds::of(&[Kind::Rfi, Kind::Ssrf, Kind::Redirect]);
/// What can be told of a path as a whole.
const WHOLE_PATH: Kinds = Kinds::ALL
    .minus(ADDRESSES)
    .without(Kind::Shell)
    .without(Kind::Windows)
    .without(Kind::PowerShell);
/// What can be told of a body as a whole.
const WHOLE_BODY: Kinds = Kinds::of(&[
    Kind::Xxe,
    Kind::Ssi,
    Kind::Deserialisation,
    Kind::ServerScript,
]);
/// What can be told of bytes that are no text: an image, an archive.
const BINARY: Kinds = Kinds::of(&[Kind::Php, Kind::Deserialisation]);

/// What means something in the header of this name.
fn header(name: &[u8]) -> Kinds {
    let is = |names: &[&str]| {
        names
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
    };
    if is(&["host", "origin", "referer", "via", "forwarded", "from"]) || is_forwarded(name) {
        Kinds::ALL.minus(ADDRESSES).without(Kind::Metadata)
    } else {
        Kinds::ALL
    }
}

fn is_forwarded(name: &[u8]) -> bool {
    name.get(..12)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"x-forwarded-"))
}

/// The pass: which of the wanted bits are in the value.
fn scan(place_of: Where, value: &[u8], place: Place<'_>, wanted: u64) -> u64 {
    let mut found = place_of
        .malformed(value, place)
        .map_or(0, |(kind, _)| u64::from(Kinds::of(&[kind]).bits()))
        & wanted;
    if found == wanted {
        return found;
    }
    walk(
        place_of,
        value,
        place,
        wanted & !found,
        |reading, first, kinds| {
            let bits = u64::from(
                settled(reading, place, kinds_in(reading, Sensitivity::Low, kinds)).bits(),
            );
            found |= if first {
                bits
            } else {
                bits & !SQL | if bits & SQL != 0 { NESTED } else { 0 }
            };
            found & wanted == wanted
        },
    );
    found & wanted
}

/// The kinds that were found, without what is ordinary in this place: an address of the machine itself stands in many a text, and is an
/// attack only where an address is asked for.
fn settled(reading: &[u8], place: Place<'_>, found: Kinds) -> Kinds {
    if !found.has(Kind::Ssrf) || asks_for_address(place) {
        return found;
    }
    let local = ssrf(reading).is_some_and(|finding| finding.reason == "local-host");
    if local {
        found.without(Kind::Ssrf)
    } else {
        found
    }
}

/// Whether the name of the place says that an address is asked for.
fn asks_for_address(place: Place<'_>) -> bool {
    const WORDS: [&str; 22] = [
        "url", "uri", "link", "src", "href", "host", "dest", "redirect", "next", "return",
        "callback", "webhook", "feed", "proxy", "target", "site", "domain", "image", "location",
        "fetch", "remote", "endpoint",
    ];
    let (Place::Key(name) | Place::Value(name)) = place else {
        return false;
    };
    name.len() <= 64
        && WORDS.iter().any(|word| {
            name.windows(word.len())
                .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
        })
}

/// Shows `look` each reading with what is wanted of it, until it says that it is enough.
fn walk(
    place_of: Where,
    value: &[u8],
    place: Place<'_>,
    wanted: u64,
    mut look: impl FnMut(&[u8], bool, Kinds) -> bool,
) {
    let meant = place_of.meant(value, place);
    each_reading(value, &mut |reading, first| {
        let sql = if first { SQL } else { NESTED };
        let mut kinds = Kinds::of_bits(wanted as u32).without(Kind::Sql);
        if wanted & sql != 0 {
            kinds = kinds.with(Kind::Sql);
        }
        let kinds = kinds.and(meant);
        !kinds.is_empty() && look(reading, first, kinds)
    });
}

impl Attack {
    /// Its detector for values of this place.
    pub(crate) fn detector(&'static self, place: Where) -> Arc<dyn Detector> {
        Arc::new(Seeker {
            attack: self,
            place,
        })
    }

    fn bit(&self) -> u64 {
        if self.nested {
            NESTED
        } else {
            u64::from(Kinds::of(&[self.kind]).bits())
        }
    }
}

#[derive(Debug)]
struct Seeker {
    attack: &'static Attack,
    place: Where,
}

impl Detector for Seeker {
    fn name(&self) -> &str {
        self.attack.name
    }

    fn find(&self, value: &[u8]) -> Option<Detection> {
        self.find_at(value, Place::Value(b""))
    }

    fn find_at(&self, value: &[u8], place: Place<'_>) -> Option<Detection> {
        let malformed = self.place.malformed(value, place);
        if let Some((_, reason)) = malformed.filter(|(kind, _)| *kind == self.attack.kind) {
            return Some(Detection {
                bytes: 0..value.len(),
                reason,
            });
        }
        let mut found: Option<(Finding, bool)> = None;
        walk(
            self.place,
            value,
            place,
            self.attack.bit(),
            |reading, first, kinds| {
                found = inspect_for(reading, Sensitivity::Low, kinds)
                    .filter(|finding| {
                        !settled(reading, place, Kinds::of(&[finding.kind])).is_empty()
                    })
                    .map(|finding| (finding, first));
                found.is_some()
            },
        );
        let (finding, first) = found?;
        // Positions in another reading say nothing about the value: all of it is the finding.
        let bytes = if first {
            finding.start..finding.end
        } else {
            0..value.len()
        };
        Some(Detection {
            bytes,
            reason: finding.reason,
        })
    }

    fn pass(&self) -> Option<(&'static Pass, u64)> {
        Some((self.place.pass(), self.attack.bit()))
    }
}
