//! Cross-site scripting: markup, event handlers, addresses, styles and script that a browser would run.

mod address;
mod entity;
mod html;
mod names;
mod script;
mod style;

use crate::bytes::{Profile, at, find, has_at, is_space, is_word, skip_space};
use crate::finding::{Finding, Kind};
use script::Call;

/// Markup or script in the value, in whatever place of a page it is put: text, attribute, address, script, style.
pub fn xss(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    plain(value, profile).or_else(|| {
        if !profile.all(Profile::AMPERSAND) || !profile.any(Profile::SEMICOLON | Profile::HASH) {
            return None;
        }
        // Positions in the decoded text say nothing about the value: the whole of it is the finding.
        let decoded = entity::decode(value)?;
        let again = entity::decode(&decoded).unwrap_or(decoded);
        plain(&again, Profile::of(&again))
            .map(|found| Finding::new(Kind::Xss, 0, value.len(), found.reason))
    })
}

fn plain(value: &[u8], profile: Profile) -> Option<Finding> {
    if profile.all(Profile::PLUS | Profile::DASH) {
        // UTF-7 writes `<` as `+ADw-`, and sniffing browsers read it.
        if let Some(place) = find(value, 0, b"+adw-").filter(|&place| {
            at(value, place + 5).is_ascii_alphabetic() || at(value, place + 5) == b'/'
        }) {
            return Some(Finding::new(Kind::Xss, place, place + 5, "utf-7-markup"));
        }
    }
    let found = if profile.any(Profile::ANGLE) {
        tags(value)
    } else {
        None
    };
    found
        .or_else(|| {
            if profile.any(Profile::EQUALS) {
                handlers(value)
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::COLON) {
                addresses(value)
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::PAREN | Profile::QUOTE) && profile.any(Profile::ALPHA) {
                code(value)
            } else {
                None
            }
        })
        .or_else(|| {
            if profile.any(Profile::DOT | Profile::BRACKET) {
                page(value)
            } else {
                None
            }
        })
        .map(|(start, end, reason)| Finding::new(Kind::Xss, start, end.min(value.len()), reason))
}

type Found = (usize, usize, &'static str);

fn tags(value: &[u8]) -> Option<Found> {
    if let Some(place) = find(value, 0, b"&{(") {
        return Some((place, place + 3, "script-entity"));
    }
    // Code that ends and a quote that ends the attribute it stood in: `…(0);'>`.
    let exits = |window: &[u8]| {
        matches!(window[0], b')')
            && window[1] == b';'
            && matches!(window[2], b'\'' | b'"')
            && window[3] == b'>'
    };
    if let Some(place) = value.windows(4).position(exits) {
        return Some((place, place + 4, "attribute-exit"));
    }
    let mut place = 0;
    while let Some(length) = value[place..].iter().position(|&byte| byte == b'<') {
        let start = place + length;
        if at(value, start + 1) == b'\''
            && at(value, start + 2) == b'"'
            && at(value, start + 3) == b'>'
        {
            return Some((start, start + 4, "breakout-probe"));
        }
        let generic = start > 0 && is_word(value[start - 1]);
        let verdict = html::tag(value, start);
        if let Some(reason) = verdict
            .reason
            .filter(|&why| !(generic && why == "loading-element"))
        {
            return Some((start, verdict.end, reason));
        }
        // A quote may hide a tag that another context would see: every `<` is read.
        place = start + 1;
        if verdict.end.saturating_sub(start) > TAG_MAX {
            place = verdict.end;
        }
        if place >= value.len() {
            break;
        }
    }
    None
}

/// Inside a tag longer than this, nested `<` are not read again, so that time stays linear.
const TAG_MAX: usize = 512;

/// `" onfocus=alert(1)`: an event handler that needs no tag of its own.
fn handlers(value: &[u8]) -> Option<Found> {
    for (place, &byte) in value.iter().enumerate() {
        if byte != b'=' {
            continue;
        }
        let end = value[..place]
            .iter()
            .rposition(|&byte| !is_space(byte))
            .map_or(0, |last| last + 1);
        let start = value[..end]
            .iter()
            .rposition(|byte| !byte.is_ascii_alphabetic() && *byte != b'_')
            .map_or(0, |last| last + 1);
        if end.saturating_sub(start) > 32 || !names::is_handler(&value[start..end]) {
            continue;
        }
        let before = if start == 0 { b' ' } else { value[start - 1] };
        let separated =
            is_space(before) || matches!(before, b'"' | b'\'' | b'`' | b'/' | b'>' | b';' | b'+');
        let body = &value[place + 1..value.len().min(place + 257)];
        let quoted = matches!(at(body, skip_space(body, 0)), b'"' | b'\'' | b'`');
        let left = is_space(before)
            && value[..start]
                .iter()
                .any(|&byte| matches!(byte, b'"' | b'\''))
            && at(body, 0).is_ascii_alphabetic()
            && !matches!(at(body, crate::bytes::skip_word(body)), b',' | b')');
        if left
            || separated
                && (script::runs(body) && handler_body(body)
                    || quoted && start > 0 && before != b' ')
        {
            return Some((start, (place + 64).min(value.len()), "event-handler"));
        }
    }
    None
}

/// The handler's value begins with what code begins with, and calls or assigns before a blank line of prose.
fn handler_body(body: &[u8]) -> bool {
    let start = skip_space(body, 0);
    let head = &body[start..body.len().min(start + 96)];
    let code = head
        .iter()
        .position(|&byte| matches!(byte, b'(' | b'`' | b'=' | b'&'));
    let word_break = head
        .windows(2)
        .position(|pair| pair[0].is_ascii_alphanumeric() && matches!(pair[1], b' ' | b','));
    code.is_some_and(|place| word_break.is_none_or(|space| place <= space + 1))
}

/// `javascript:…` where an address stands: at the start, behind a quote, a bracket, an equals sign.
fn addresses(value: &[u8]) -> Option<Found> {
    for (place, &byte) in value.iter().enumerate() {
        let opens = place == 0
            || matches!(
                value[place - 1],
                b'"' | b'\'' | b'`' | b'(' | b'=' | b'>' | b' ' | b'\n' | b',' | b':' | b';' | b'/'
            );
        if !opens || !matches!(byte | 0x20, b'j' | b'v' | b'l' | b'm' | b'd') {
            continue;
        }
        let rest = &value[place..value.len().min(place + 512)];
        if let Some(end) = address::script_scheme(rest) {
            let body = &rest[end..];
            // A scheme that is hidden by references or breaks needs no more evidence.
            if rest[..end].contains(&b'&')
                || rest[..end]
                    .iter()
                    .any(|byte| matches!(byte, b'\t' | b'\n' | b'\r'))
            {
                return Some((place, place + end, "hidden-scheme"));
            }
            let direct = body.first().is_none_or(|&next| next != b' ');
            if script::runs(body)
                && (direct || script::call(body, skip_space(body, 0)) != Call::None)
                || direct && body.starts_with(b"//")
            {
                return Some((place, place + end, "script-address"));
            }
        }
        if place == 0
            && byte | 0x20 == b'd'
            && has_at(value, 0, b"data:")
            && address::data_document(rest)
            && !has_at(value, 5, b" ")
            && value.contains(&b',')
        {
            return Some((0, value.len().min(32), "data-document"));
        }
    }
    css(value)
}

fn css(value: &[u8]) -> Option<Found> {
    if let Some(place) =
        find(value, 0, b"url(javascript").or_else(|| find(value, 0, b"url(vbscript"))
    {
        return Some((place, place + 14, "active-style"));
    }
    for word in [
        &b"expression("[..],
        b"-moz-binding",
        b"behavior",
        b"url(javascript:",
        b"-o-link",
    ] {
        if let Some(place) = find(value, 0, word) {
            let styled = word[0] == b':'
                || value[..place].contains(&b':')
                || at(value, place + word.len()) == b':';
            let tail = &value[place..value.len().min(place + 128)];
            let acts = word[0] == b':' && script::runs(&tail[11..]) && styled
                || word[0] != b':'
                    && tail.contains(&b':')
                    && (find(tail, 0, b"url(").is_some() || word == b"-o-link");
            if acts {
                return Some((place, place + word.len(), "active-style"));
            }
        }
    }
    None
}

/// Script without markup: the value itself is code, or it leaves a string of the page's script.
fn code(value: &[u8]) -> Option<Found> {
    let mut separator = b' ';
    let mut start = true;
    for (place, &byte) in value.iter().enumerate() {
        if (byte.is_ascii_alphabetic() || byte == b'(')
            && !is_word(separator)
            && separator != b'.'
            && !(separator == b'>' && value[..place].ends_with(b"->"))
        {
            let call = script::call(value, place);
            let left = matches!(
                separator,
                b'"' | b'\''
                    | b'`'
                    | b';'
                    | b'}'
                    | b')'
                    | b'-'
                    | b'+'
                    | b'*'
                    | b'/'
                    | b','
                    | b'|'
                    | b'&'
                    | b'!'
                    | b'='
                    | b'~'
                    | b'^'
                    | b'%'
                    | b'?'
                    | b':'
                    | b'<'
                    | b'>'
                    | b'{'
                    | b'['
                    | b'\\'
            );
            if call == Call::Page && (start || left) && telling(value, place, start)
                || call == Call::Shared
                    && start
                    && (nested(value, place)
                        || value.ends_with(b">")
                            && value.len() < 256
                            && value.iter().filter(|&&byte| byte == b' ').count() < 4)
            {
                return Some((place, (place + 48).min(value.len()), "script-call"));
            }
        }
        if !is_space(byte) {
            start &= !(byte.is_ascii_alphanumeric() || byte >= 0x80);
            separator = byte;
        } else if is_word(separator) {
            separator = b' ';
        }
    }
    None
}

/// Whether a call is what attacks call it for rather than an example of a program: at the value's start, or behind a
/// quote that leaves a string, or with a constant, the page or nothing as its argument.
fn telling(value: &[u8], place: usize, start: bool) -> bool {
    if start {
        return true;
    }
    // A sentence may name a function.
    if value.iter().filter(|&&byte| byte == b' ').count() > 8
        && !value.iter().any(|&byte| matches!(byte, b';' | b'<'))
    {
        return false;
    }
    let Some(open) = value[place..]
        .iter()
        .take(40)
        .position(|&byte| matches!(byte, b'(' | b'`'))
    else {
        return false;
    };
    let argument = &value[place + open + 1..];
    let first = at(argument, skip_space(argument, 0));
    let page = (0..argument.len().min(16)).any(|from| script::page_access(argument, from));
    let breaks = value[..place]
        .iter()
        .take(place)
        .any(|&byte| matches!(byte, b'"' | b'\'' | b'`' | b'>' | b';' | b'}'));
    first.is_ascii_digit() || matches!(first, b')' | b'`' | b'/') || page || breaks
}

/// A call of a shared name is script when its argument is: `eval(atob(`, `eval(name)`, `fetch('//…')`.
fn nested(value: &[u8], place: usize) -> bool {
    let Some(open) = value[place..]
        .iter()
        .position(|&byte| matches!(byte, b'(' | b'`'))
    else {
        return false;
    };
    let argument = &value[place + open + 1..];
    (0..argument.len().min(24)).any(|from| {
        script::call(argument, from) == Call::Page || script::page_access(argument, from)
    })
}

/// `(![]+[])[+!+[]]`, `+!![]`: letters and numbers spelled with nothing but brackets and signs.
fn spelled(value: &[u8]) -> Option<Found> {
    let sign = |byte: &u8| {
        matches!(
            byte,
            b'[' | b']' | b'(' | b')' | b'!' | b'+' | b' ' | b'{' | b'}'
        )
    };
    let length = value.iter().take_while(|byte| sign(byte)).count();
    let signs: Vec<u8> = value[..length.min(64)]
        .iter()
        .copied()
        .filter(|&byte| byte != b' ')
        .collect();
    let empty = signs.windows(2).filter(|pair| *pair == b"[]").count();
    let turned = find(&signs, 0, b"![]").is_some() || find(&signs, 0, b"+[]").is_some();
    let joined = signs
        .windows(2)
        .any(|pair| matches!(pair, b")[" | b"][" | b"!!" | b"+!" | b")("));
    (empty > 0 && turned && joined && length + 4 >= value.len().min(64)).then_some((
        0,
        length,
        "spelled-script",
    ))
}

/// `[].sort.call`, `Reflect.sort.call`: a method borrowed and called as a tagged template.
fn borrowed(value: &[u8]) -> Option<Found> {
    let call = find(value, 0, b"call")?;
    let tick = skip_space(value, call + 4);
    let dense: Vec<u8> = value[call.saturating_sub(64)..call]
        .iter()
        .copied()
        .filter(|byte| !is_space(*byte))
        .collect();
    let method = dense.strip_suffix(b".")?;
    let name = method
        .iter()
        .rev()
        .take_while(|byte| is_word(**byte))
        .count();
    let object = &method[..method.len() - name];
    let owner = object.strip_suffix(b".").or_else(|| {
        object
            .strip_suffix(b".*/")
            .or_else(|| object.strip_suffix(b"*/"))
    })?;
    let array = owner.ends_with(b"]")
        || owner.ends_with(b"/**")
        || owner.ends_with(b"Reflect")
        || owner.ends_with(b"Array");
    (at(value, tick) == b'`' && name > 0 && array).then_some((call, tick + 1, "tagged-call"))
}

fn page(value: &[u8]) -> Option<Found> {
    if let Some(found) = spelled(value).or_else(|| borrowed(value)) {
        return Some(found);
    }
    // The value is the page's address and nothing else.
    let dense = value.trim_ascii();
    if [
        &b"window.location"[..],
        b"document.location",
        b"self.location",
        b"top.location",
    ]
    .iter()
    .any(|name| name.eq_ignore_ascii_case(dense))
    {
        return Some((0, value.len(), "page-access"));
    }
    if let Some(place) = find(value, 0, b"document.cookie") {
        return Some((place, place + 15, "page-access"));
    }
    for (place, &byte) in value.iter().enumerate() {
        let starts = matches!(byte | 0x20, b'd' | b'w' | b's' | b't' | b'p' | b'g' | b'f')
            && (place == 0 || !is_word(value[place - 1]) && value[place - 1] != b'.');
        if starts && script::page_access(value, place) {
            return Some((place, (place + 24).min(value.len()), "page-access"));
        }
    }
    None
}
