//! Expression languages of Java, its class names, and the lookups of its logging library.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

use crate::bytes::{Profile, find, has_at, is_space, is_word};
use crate::finding::{Finding, Kind};
use crate::template::body;

type Found = (usize, usize, &'static str);

/// OGNL, SpEL, unified expression language and Java's own class names.
pub fn expression(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |(start, end, reason): Found| {
        Finding::new(Kind::Expression, start, end.min(value.len()), reason)
    };
    if profile.all(Profile::BRACE)
        && profile.any(Profile::PERCENT | Profile::DOLLAR | Profile::HASH)
        && let Some(place) = value
            .windows(2)
            .position(|pair| matches!(pair, b"%{" | b"${" | b"#{"))
    {
        let inside = body(value, place + 2);
        let reaching = [
            &b"#context"[..],
            b"#_memberaccess",
            b"@java",
            b"#request",
            b"#session",
            b"#parameters",
            b"#attr",
            b"(#",
            b"#a=",
        ]
        .iter()
        .any(|word| find(inside, 0, word).is_some());
        if reaching || value[place] == b'%' && inside.contains(&b'*') && inside[0].is_ascii_digit()
        {
            return Some(found((place, place + inside.len(), "ognl")));
        }
    }
    if profile.any(Profile::DOT) {
        return java(value).map(found);
    }
    None
}

/// A lookup that Log4j would follow.
pub fn log_lookup(value: &[u8]) -> Option<Finding> {
    scan_lookup(value, Profile::of(value))
}

pub(crate) fn scan_lookup(value: &[u8], profile: Profile) -> Option<Finding> {
    if !(profile.all(Profile::BRACE) && profile.all(Profile::DOLLAR)) {
        return None;
    }
    lookup(value)
        .map(|(start, end, reason)| Finding::new(Kind::Lookup, start, end.min(value.len()), reason))
}

/// `${jndi:…}` and lookups inside lookups: `${${lower:j}ndi:…}`.
fn lookup(value: &[u8]) -> Option<Found> {
    for (place, _) in value
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == b"${")
    {
        let inside = &value[place + 2..value.len().min(place + 200)];
        let named = [
            &b"jndi:"[..],
            b"lower:",
            b"upper:",
            b"env:",
            b"sys:",
            b"java:",
            b"ctx:",
            b"main:",
            b"date:",
            b"base64:",
            b"script:",
            b"dns:",
            b"url:",
            b"hostname}",
            b"::-",
        ]
        .iter()
        .any(|name| has_at(inside, 0, name));
        let nested = inside.starts_with(b"${") && inside.contains(&b':')
            || inside.starts_with(b":") && inside.contains(&b'-');
        if named || nested || has_at(inside, 0, b"jn${") {
            return Some((place, place + 8, "lookup"));
        }
    }
    None
}

/// A value that is nothing but the name of a class: `java.io.FileWriter`, `com.sun.rowset.JdbcRowSetImpl`. A class is
/// written with a capital, packages alone are not.
fn class_name(value: &[u8]) -> bool {
    let name = value.trim_ascii();
    let packages: [&[u8]; 9] = [
        b"java.lang.",
        b"java.io.",
        b"java.net.",
        b"java.rmi.",
        b"java.util.",
        b"javax.",
        b"com.sun.",
        b"sun.",
        b"org.apache.",
    ];
    let last = name.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    let dots = name.iter().filter(|&&byte| byte == b'.').count();
    let plain = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'$' | b'_'));
    plain
        && dots >= 2
        && last.first().is_some_and(u8::is_ascii_uppercase)
        && packages.iter().any(|head| name.starts_with(head))
}

/// A value that is nothing but a package or class through which code reaches the system: `java.lang.reflect`,
/// `org.omg.CORBA`, `java.x.runtime`.
fn reaching_package(value: &[u8]) -> bool {
    let name = value.trim_ascii();
    let plain = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'$' | b'_'));
    let mut parts = name.split(|&byte| byte == b'.');
    let (first, last) = (
        parts.next().unwrap_or_default(),
        parts.next_back().unwrap_or_default(),
    );
    let packages: [&[u8]; 5] = [
        b"java.lang.reflect",
        b"org.omg.corba",
        b"com.sun.org.apache",
        b"java.lang.invoke",
        b"java.rmi.server",
    ];
    let known = packages
        .iter()
        .any(|package| package.eq_ignore_ascii_case(name));
    let reaching = [&b"runtime"[..], b"processbuilder", b"reflect"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(last));
    plain && (known || first.eq_ignore_ascii_case(b"java") && reaching)
}

/// Classes of Commons Collections that run what a serialised object tells them, as its own documentation warns.
const GADGETS: &[&[u8]] = &[
    b"invokertransformer",
    b"clonetransformer",
    b"instantiatetransformer",
    b"instantiatefactory",
    b"forclosure",
    b"whileclosure",
    b"prototypeclonefactory",
    b"prototypeserializationfactory",
    b"chainedtransformer",
    b"templatesimpl",
];

/// Beginnings of the names through which Java code reaches the system.
const NAMES: &[&[u8]] = &[
    b"java.lang.",
    b"java.io.",
    b"java.net.",
    b"java.util.",
    b"javax.",
    b"java.processbuilder",
    b"java.runtime",
    b"com.opensymphony",
    b"com.sun.",
    b"org.springframework",
    b"org.apache.commons",
    b"org.omg.corba",
    b"getruntime(",
    b"processbuilder",
    b".getclass()",
    b"class.module.classloader",
    b"classloader.",
    b"ognl.",
    b"xwork.",
];

/// One automaton over these, the gadgets and the packages of [`class_name`].
static JAVA: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = NAMES
        .iter()
        .chain(GADGETS)
        .copied()
        .chain([b"sun.".as_slice(), b"org.apache."]);
    let builder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words);
    builder.expect("a fixed list of short names fits")
});

/// Classes and calls with which Java code reaches the system.
fn java(value: &[u8]) -> Option<Found> {
    if !JAVA.is_match(value) {
        return None;
    }
    if class_name(value) || reaching_package(value) {
        return Some((0, value.len(), "java-class"));
    }
    if let Some((place, length)) = GADGETS
        .iter()
        .find_map(|name| find(value, 0, name).map(|place| (place, name.len())))
    {
        return Some((place, place + length, "gadget-class"));
    }
    let spaces = value.iter().filter(|&&byte| is_space(byte)).count();
    for &name in NAMES {
        let Some(place) = find(value, 0, name) else {
            continue;
        };
        let bounded =
            place == 0 || !is_word(value[place - 1]) && value[place - 1] != b'.' || name[0] == b'.';
        let acting = [
            &b"runtime"[..],
            b"processbuilder",
            b"exec",
            b"forname",
            b"class",
            b"script",
            b"naming",
            b"system",
            b"url",
            b"socket",
            b"file",
            b"loader",
            b"xwork",
            b"spring",
        ]
        .iter()
        .any(|word| find(value, place, word).is_some());
        if bounded
            && acting
            && (spaces <= 3 || value.contains(&b'(') && spaces <= 8 || value.contains(&b'@'))
            && !value.starts_with(b"import ")
        {
            return Some((place, place + name.len(), "java-reflection"));
        }
    }
    None
}
