//! Queries other than SQL: document databases, LDAP, XPath, GraphQL.

use crate::bytes::{Profile, at, find, has_at, is_word, skip_space};
use crate::finding::{Finding, Kind};

/// Operators of MongoDB's query language that change what a query selects.
const OPERATORS: &[&str] = &[
    "ne",
    "eq",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "nin",
    "exists",
    "regex",
    "where",
    "or",
    "and",
    "not",
    "nor",
    "expr",
    "elemmatch",
    "all",
    "size",
    "type",
    "mod",
    "function",
    "accumulator",
    "lookup",
    "jsonschema",
    "text",
    "comment",
    "slice",
    "natural",
];

/// An operator or a script for a document database.
pub fn nosql(value: &[u8]) -> Option<Finding> {
    scan_nosql(value, Profile::of(value))
}

pub(crate) fn scan_nosql(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |(start, end, reason)| Finding::new(Kind::NoSql, start, end, reason);
    let operator = if profile.any(Profile::DOLLAR) {
        operator_key(value).or_else(|| operator(value))
    } else {
        None
    };
    operator
        .or_else(|| {
            if profile.any(Profile::PAREN) {
                server_script(value)
            } else {
                None
            }
        })
        .map(found)
}

/// A key that is nothing but an operator: `$where`.
fn operator_key(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let name = value.strip_prefix(b"$")?;
    let ordinary = [&b"type"[..], b"comment", b"text", b"size"];
    let listed = OPERATORS
        .iter()
        .any(|operator| operator.as_bytes().eq_ignore_ascii_case(name));
    (listed && !ordinary.contains(&name)).then_some((0, value.len(), "query-operator"))
}

/// `[$ne]`, `"$gt":`, `{$where:`, `, $or: [`.
fn operator(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'$') {
        let rest = &value[place + 1..];
        let end = rest
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        if !OPERATORS
            .iter()
            .any(|name| name.as_bytes().eq_ignore_ascii_case(&rest[..end]))
        {
            continue;
        }
        let before = value[..place]
            .trim_ascii_end()
            .last()
            .copied()
            .unwrap_or(b'{');
        let quoted = matches!(before, b'"' | b'\'');
        let mut after = end;
        if quoted && matches!(at(rest, after), b'"' | b'\'') {
            after += 1;
        }
        let after = skip_space(rest, after);
        // In a sentence or a program `x[$size]` is an element.
        let element = before == b'[' && value.contains(&b' ');
        let key =
            !element && at(rest, after) == b':' && matches!(before, b'{' | b',' | b'"' | b'\'')
                || !element && before == b'[' && at(rest, after) == b']';
        let operand = matches!(
            at(rest, skip_space(rest, after + 1)),
            b'"' | b'\'' | b'[' | b'{' | b'0'..=b'9' | b't' | b'f' | b'n' | b'/' | b'-' | 0 | b'='
        );
        if key && (operand || at(rest, after) == b']') {
            return Some((place, place + 1 + end, "query-operator"));
        }
    }
    None
}

/// JavaScript for the server: `db.x.insert(…)`, a loop that waits, `this.a == this.b`.
fn server_script(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let methods: [&[u8]; 12] = [
        b".insert(",
        b".find(",
        b".findone(",
        b".remove(",
        b".drop(",
        b".update(",
        b".aggregate(",
        b".mapreduce(",
        b".getcollection(",
        b".insertone(",
        b".deletemany(",
        b".dropdatabase(",
    ];
    if let Some(place) =
        find(value, 0, b"db.").filter(|&place| place == 0 || !is_word(value[place - 1]))
    {
        let tail = &value[place + 2..value.len().min(place + 80)];
        if methods.iter().any(|method| find(tail, 0, method).is_some()) {
            return Some((place, place + 3, "database-method"));
        }
    }
    let clock = find(value, 0, b"new date()");
    let repeats = clock.is_some_and(|from| {
        find(value, from, b"while")
            .is_some_and(|place| value[place + 5..].trim_ascii_start().starts_with(b"("))
    });
    if repeats {
        return clock.map(|place| (place, place + 10, "waiting-loop"));
    }
    let endless = find(value, 0, b"while").filter(|&place| {
        let rest = &value[place + 5..];
        let open = skip_space(rest, 0);
        let condition = rest.get(open + 1..).unwrap_or_default();
        let negated = condition.strip_prefix(b"!").unwrap_or_default();
        let never =
            matches!(at(negated, 0), b'-' | b'+' | b'0'..=b'9') || has_at(negated, 0, b"false");
        at(rest, open) == b'(' && (never)
    });
    if let Some(place) = endless.filter(|&place| place < 4) {
        return Some((place, place + 7, "endless-loop"));
    }
    let quoted = value
        .first()
        .is_some_and(|byte| matches!(byte, b'\'' | b'"' | b';'));
    let returns = find(value, 0, b"return true")
        .or_else(|| find(value, 0, b"return this."))
        .or_else(|| find(value, 0, b"sleep("));
    returns
        .filter(|_| quoted && value.contains(&b';'))
        .map(|place| (place, place + 6, "server-script"))
}

/// A filter that ends the one it is put in, or is one.
pub fn ldap(value: &[u8]) -> Option<Finding> {
    scan_ldap(value, Profile::of(value))
}

pub(crate) fn scan_ldap(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::PAREN | Profile::COLON) {
        return None;
    }
    if let Some(place) = broken_filter(value) {
        let end = value.len().min(place + 4);
        return Some(Finding::new(Kind::Ldap, place, end, "search-filter"));
    }
    if !profile.any(Profile::EQUALS) {
        return None;
    }
    if let Some(place) = find(value, 0, b":=") {
        // An extensible match names its rule by an object identifier.
        let oid = value[..place]
            .iter()
            .rev()
            .take_while(|&&byte| byte.is_ascii_digit() || byte == b'.')
            .count();
        if oid >= 5 && value[..place - oid].ends_with(b":") {
            return Some(Finding::new(
                Kind::Ldap,
                place - oid,
                place + 2,
                "matching-rule",
            ));
        }
    }
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'(') {
        let next = at(value, place + 1);
        let before = value[..place].trim_ascii_end();
        let joined = matches!(next, b'&' | b'|' | b'!')
            && at(value, place + 2) == b'('
            && attribute(value, place + 3);
        let balanced = before.ends_with(b")") && call_before(before);
        let closes = !balanced
            && before
                .last()
                .is_some_and(|&byte| matches!(byte, b')' | b'!' | b'&' | b'|'))
            && attribute(value, place + 1);
        if (joined || closes)
            && (before.is_empty() || before.ends_with(b")") || before.ends_with(b"*") || closes)
        {
            return Some(Finding::new(
                Kind::Ldap,
                place,
                value.len().min(place + 8),
                "search-filter",
            ));
        }
    }
    None
}

/// `x)(&)`, `x)(|`, `x)\t(\t|`: a filter is closed that this value did not open, and an operator or nothing begins the next.
fn broken_filter(value: &[u8]) -> Option<usize> {
    let close = value.iter().position(|&byte| matches!(byte, b'(' | b')'))?;
    if value[close] != b')' || value[..close].contains(&b' ') || close == 0 {
        return None;
    }
    let open = skip_space(value, close + 1);
    let operator = skip_space(value, open + 1);
    let begins = at(value, open) == b'(';
    (begins
        && matches!(at(value, operator), b'&' | b'|' | b'!')
        && matches!(
            at(value, skip_space(value, operator + 1)),
            0 | b')' | b'(' | b'|'
        ))
    .then_some(close)
}

/// Whether the bracket that closes here belongs to a call or a group without an equals sign: `f(x)(y=1)`.
fn call_before(text: &[u8]) -> bool {
    let mut depth = 0usize;
    for (place, &byte) in text.iter().enumerate().rev().take(256) {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 1 => return !text[place..].contains(&b'='),
            b'(' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// `name=`, `name>=`, `name~=` with no blanks and no operator of a program.
fn attribute(value: &[u8], place: usize) -> bool {
    let mut start = place;
    while matches!(at(value, start), b'(' | b'!' | b'&' | b'|') {
        start += 1;
    }
    let rest = value.get(start..).unwrap_or_default();
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')
        .unwrap_or(rest.len());
    let mut sign = end;
    if matches!(at(rest, sign), b'<' | b'>' | b'~' | b':') {
        sign += 1;
    }
    (2..=40).contains(&end)
        && at(rest, 0).is_ascii_alphabetic()
        && at(rest, sign) == b'='
        && !matches!(at(rest, sign + 1), b'=' | b' ' | b'>' | 0)
}

/// A path expression or a function of XPath joined to what stands before.
pub fn xpath(value: &[u8]) -> Option<Finding> {
    scan_xpath(value, Profile::of(value))
}

pub(crate) fn scan_xpath(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::PAREN | Profile::BRACKET | Profile::SLASH)
        || !profile.any(Profile::QUOTE | Profile::PAREN)
    {
        return None;
    }
    let axes: [&[u8]; 9] = [
        b"ancestor::",
        b"descendant::",
        b"parent::",
        b"following-sibling::",
        b"preceding-sibling::",
        b"self::",
        b"child::",
        b"attribute::",
        b"ancestor-or-self::",
    ];
    let axes: &[&[u8]] = if find(value, 0, b"::").is_some() {
        &axes
    } else {
        &[]
    };
    for &axis in axes {
        if let Some(place) = value.windows(axis.len()).position(|window| window == axis) {
            let node = at(value, place + axis.len());
            let before = if place == 0 { b' ' } else { value[place - 1] };
            let nodes = node == b'*'
                || [&b"node()"[..], b"text()"]
                    .iter()
                    .any(|test| find(value, place, test).is_some());
            let bounded = matches!(before, b'/' | b'[' | b'(' | b' ' | b'|');
            if bounded && (nodes || before == b'/') {
                return Some(Finding::new(Kind::XPath, place, place + axis.len(), "axis"));
            }
        }
    }
    for name in [
        &b"text()"[..],
        b"position()",
        b"count(/",
        b"name(/",
        b"string-length(/",
        b"substring(/",
        b"local-name(",
        b"doc('",
        b"doc(concat",
        b"node()",
    ] {
        if let Some(place) = find(value, 0, name) {
            let compared = value[place..]
                .iter()
                .take(80)
                .any(|&byte| matches!(byte, b'=' | b'<' | b'>'));
            let pathed = find(value, 0, b"//").is_some()
                || find(value, 0, b"/*").is_some()
                || value.contains(&b'[')
                || name.ends_with(b"/");
            if pathed
                && (compared || name.len() > 7)
                && value
                    .iter()
                    .any(|&byte| matches!(byte, b'\'' | b'"' | b'[' | b'/'))
                && !is_word(value[..place].last().copied().unwrap_or(0))
            {
                return Some(Finding::new(
                    Kind::XPath,
                    place,
                    place + name.len(),
                    "node-test",
                ));
            }
        }
    }
    let united = value
        .windows(3)
        .position(|window| window == b"|//")
        .or_else(|| find(value, 0, b"| //").map(|place| place + 1));
    let step =
        |place: usize| at(value, place + 3).is_ascii_alphabetic() || at(value, place + 3) == b'*';
    let ends = |place: usize| {
        matches!(
            value[..place].trim_ascii_end().last(),
            Some(b']' | b'\'' | b'"' | b'|')
        )
    };
    if let Some(place) = united.filter(|&place| step(place) && ends(place)) {
        return Some(Finding::new(Kind::XPath, place, place + 3, "union"));
    }
    None
}

/// How deep a query may nest, how many fields it may rename.
const DEPTH_MAX: usize = 16;

/// GraphQL introspection, or a query nested to exhaust the server.
pub fn graphql(value: &[u8]) -> Option<Finding> {
    scan_graphql(value, Profile::of(value))
}

pub(crate) fn scan_graphql(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.all(Profile::BRACE) {
        return None;
    }
    for name in [&b"__schema"[..], b"__type"] {
        if let Some(place) = find(value, 0, name) {
            let next = at(value, skip_space(value, place + name.len()));
            let inside =
                value[..place].trim_ascii_end().ends_with(b"{") || value[..place].contains(&b'{');
            if inside && matches!(next, b'{' | b'(' | b'@') {
                return Some(Finding::new(
                    Kind::GraphQl,
                    place,
                    place + name.len(),
                    "introspection",
                ));
            }
        }
    }
    let start = skip_space(value, 0);
    let operation = [
        &b"query"[..],
        b"mutation",
        b"subscription",
        b"fragment",
        b"{",
    ]
    .iter()
    .any(|word| has_at(value, start, word));
    if !operation {
        return None;
    }
    let (mut depth, mut deepest, mut fields) = (0usize, 0usize, false);
    for (place, &byte) in value.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'"' if at(value, place + 1) == b':' || matches!(at(value, place + 1), b',' | b'}') => {
                fields = true
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    // Nested JSON has quoted keys and is no query.
    (deepest > DEPTH_MAX && !fields)
        .then(|| Finding::new(Kind::GraphQl, start, value.len(), "deep-query"))
}
