//! Code that a server would evaluate: JavaScript of Node, Ruby, VBScript.

use crate::bytes::{Profile, at, has_at, is_space, is_word, skip_space};
use crate::finding::{Finding, Kind};

type Found = (usize, usize, &'static str);

/// Code that reaches the process it runs in, or keeps it from ever answering.
pub fn server_script(value: &[u8]) -> Option<Finding> {
    scan_server_script(value, Profile::of(value))
}

pub(crate) fn scan_server_script(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::PAREN | Profile::DOT | Profile::BRACKET | Profile::AMPERSAND) {
        return None;
    }
    let found = |(start, end, reason): Found| {
        Finding::new(Kind::ServerScript, start, end.min(value.len()), reason)
    };
    endless(value)
        .or_else(|| members(value))
        .or_else(|| {
            if profile.all(Profile::AMPERSAND) && profile.all(Profile::QUOTE) {
                spelled(value)
            } else {
                None
            }
        })
        .map(found)
}

/// Objects of a server's own, with the members through which code reaches the system.
const OBJECTS: &[(&str, &[&str])] = &[
    (
        "process",
        &[
            "env",
            "mainmodule",
            "binding",
            "exit",
            "kill",
            "argv",
            "cwd",
            "chdir",
            "spawn",
            "exec",
            "stdout",
            "platform",
            "memoryusage",
            "dlopen",
            "getuid",
            "setuid",
            "fork",
            "detach",
        ],
    ),
    ("module", &["exports", "constructor", "require"]),
    (
        "child_process",
        &["exec", "execsync", "spawn", "spawnsync", "fork", "execfile"],
    ),
    ("kernel", &["exec", "system", "spawn", "fork", "open"]),
    ("globalthis", &["process", "constructor"]),
    ("global", &["process"]),
    ("root", &["process"]),
];

/// `process.env`, `process["env"]`, `require('child_process')`, at the start of the value or behind what ends a string.
fn members(value: &[u8]) -> Option<Found> {
    for start in starts(value) {
        let length = word_length(value, start);
        let name = &value[start..start + length];
        if name.eq_ignore_ascii_case(b"require") {
            let open = skip_space(value, start + length);
            let inside = skip_space(value, open + 1);
            let module = matches!(at(value, inside), b'"' | b'\'' | b'`')
                && value[inside + 1..]
                    .iter()
                    .take(64)
                    .any(|&byte| byte == at(value, inside));
            let used = value[inside..]
                .windows(2)
                .take(48)
                .any(|pair| pair == b")." || pair == b")[");
            let loaded = module && loads(value.get(inside + 1..).unwrap_or_default());
            if at(value, open) == b'(' && loaded && used
                || at(value, open) == b'[' && is_word(at(value, inside))
            {
                return Some((start, inside + 1, "required-module"));
            }
        }
        if name.eq_ignore_ascii_case(b"console") && probe(value, start + length) {
            return Some((start, start + length, "console-probe"));
        }
        let Some((_, members)) = OBJECTS
            .iter()
            .find(|(object, _)| object.as_bytes().eq_ignore_ascii_case(name))
        else {
            continue;
        };
        if let Some(end) = member(value, start + length, members) {
            return Some((start, end, "server-object"));
        }
    }
    None
}

/// `console.log(1)` and nothing else: a number whose only use is to be seen in a log.
fn probe(value: &[u8], from: usize) -> bool {
    let Some(end) = member(
        value,
        from,
        &["log", "info", "warn", "error", "debug", "trace"],
    ) else {
        return false;
    };
    let inside = value.get(end + 1..).unwrap_or_default().trim_ascii();
    let digits = inside
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    at(value, end) == b'(' && digits > 0 && matches!(inside.get(digits..), Some(b")" | b");"))
}

/// Modules through which code leaves the language.
fn loads(inside: &[u8]) -> bool {
    let inside = inside.strip_prefix(b"node:").unwrap_or(inside);
    [&b"child_process"[..], b"fs", b"vm", b"os", b"repl"]
        .iter()
        .any(|module| has_at(inside, 0, module) && !is_word(at(inside, module.len())))
}

/// Where code may begin: at the value's start, or behind a sign that ends a string or a statement.
fn starts(value: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut before = b';';
    value.iter().enumerate().filter_map(move |(place, &byte)| {
        let opens = byte.is_ascii_alphabetic()
            && (place == 0 || !is_word(value[place - 1]))
            && matches!(
                before,
                b';' | b'"'
                    | b'\''
                    | b'`'
                    | b'('
                    | b'{'
                    | b'='
                    | b'+'
                    | b','
                    | b'!'
                    | b'|'
                    | b'&'
                    | b'['
            );
        if !is_space(byte) {
            before = byte;
        }
        opens.then_some(place)
    })
}

/// Bytes of a name, at most.
const NAME_MAX: usize = 24;

fn word_length(value: &[u8], start: usize) -> usize {
    value[start..]
        .iter()
        .take(NAME_MAX)
        .take_while(|byte| is_word(**byte))
        .count()
}

/// The end of `.name` or `["name"]` with one of these names.
fn member(value: &[u8], from: usize, names: &[&str]) -> Option<usize> {
    let open = skip_space(value, from);
    let inside = match at(value, open) {
        b'.' => skip_space(value, open + 1),
        b'[' => {
            let inside = skip_space(value, open + 1);
            inside + usize::from(matches!(at(value, inside), b'"' | b'\'' | b'`'))
        }
        _ => return None,
    };
    let end = inside + word_length(value, inside.min(value.len()));
    let name = value.get(inside..end)?;
    let after = at(value, skip_space(value, end));
    // A text that names the member goes on with words.
    let ended = matches!(
        after,
        0 | b'(' | b'.' | b'[' | b']' | b')' | b';' | b'"' | b'\'' | b'`' | b'=' | b',' | b'}'
    );
    let known = names
        .iter()
        .any(|member| member.as_bytes().eq_ignore_ascii_case(name));
    let alone =
        value.len() - end <= 1 || !value[end..].contains(&b' ') || matches!(after, b'(' | b'=');
    // `process.kill()` says nothing: a call needs something to act on.
    let called = after != b'(' || at(value, skip_space(value, skip_space(value, end) + 1)) != b')';
    (known && ended && alone && called).then_some(end)
}

/// `while(true)`, `for(;;)`: a loop whose condition is always true, as the value's first words.
fn endless(value: &[u8]) -> Option<Found> {
    let start = skip_space(value, 0);
    let start = start + usize::from(matches!(at(value, start), b'"' | b'\'' | b';'));
    if has_at(value, start, b"for") {
        let open = skip_space(value, start + 3);
        let inside: Vec<u8> = value
            .get(open..value.len().min(open + 24))?
            .iter()
            .copied()
            .filter(|&byte| !is_space(byte))
            .collect();
        // A loop with nothing in it, or another statement behind: a line of a program ends with its brace.
        let never = inside.starts_with(b"(;;);") || inside.starts_with(b"(;;){}");
        return never.then_some((start, open + 4, "endless-loop"));
    }
    if !has_at(value, start, b"while") {
        return None;
    }
    let open = skip_space(value, start + 5);
    if at(value, open) != b'(' {
        return None;
    }
    let rest = value.get(open + 1..value.len().min(open + 48))?;
    let close = rest.iter().rposition(|&byte| byte == b')')?;
    if rest[close + 1..].trim_ascii() == b"{" {
        return None;
    }
    let condition = rest[..close].trim_ascii();
    let signs = condition
        .iter()
        .take_while(|byte| matches!(byte, b'!' | b'+' | b'-' | b'~') || is_space(**byte))
        .count();
    let (signs, operand) = condition.split_at(signs);
    let operand = operand.trim_ascii();
    let negated = signs.iter().filter(|&&byte| byte == b'!').count() % 2 == 1;
    let truth = constant(operand)?;
    // `while (true)` is a line of a program; with its end, or a condition no program has, it is not.
    let after = rest[close + 1..].trim_ascii();
    let program = signs.is_empty() && matches!(operand, b"true" | b"1" | b"TRUE");
    if program && !after.starts_with(b";") && !after.starts_with(b"{}") {
        return None;
    }
    (truth != negated).then_some((start, open + 1 + close, "endless-loop"))
}

/// Whether a constant of JavaScript is true; nothing for what is no constant.
fn constant(operand: &[u8]) -> Option<bool> {
    let number = !operand.is_empty()
        && operand
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if number {
        return Some(operand.iter().any(|byte| matches!(byte, b'1'..=b'9')));
    }
    Some(match operand {
        b"true" | b"Infinity" | b"this" | b"[]" | b"{}" | b"globalThis" => true,
        b"false" | b"null" | b"undefined" | b"NaN" | b"''" | b"\"\"" | b"``" => false,
        _ if operand.len() > 2 && matches!(operand[0], b'"' | b'\'' | b'[' | b'{') => true,
        _ => return None,
    })
}

/// `Ex"&"ec"&"ute`: a word of VBScript spelled in pieces.
fn spelled(value: &[u8]) -> Option<Found> {
    let joint = |at: usize| {
        let pieces = value.get(at..at + 5)?;
        let letters = pieces[0].is_ascii_alphabetic() && pieces[4].is_ascii_alphabetic();
        (letters && &pieces[1..4] == b"\"&\"").then_some(at)
    };
    let mut joints = (0..value.len()).filter_map(joint);
    let first = joints.next()?;
    let near = joints.next()?;
    (near - first < 8 || joints.next().is_some()).then_some((first, near + 5, "spelled-apart"))
}
