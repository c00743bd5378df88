//! Conditions and loops of cmd.exe: `IF EXIST x command`, `IF a==b command`, `FOR %x IN (…) DO command`.

use crate::bytes::{at, has_at, is_space, skip_space};

type Found = (usize, usize, &'static str);

/// Where a condition or loop with a command behind it begins and ends. `is_command` knows the names of commands.
pub(crate) fn batch(value: &[u8], is_command: impl Fn(&[u8]) -> bool) -> Option<Found> {
    let mut opens = true;
    for (place, &byte) in value.iter().enumerate() {
        if opens && (byte | 0x20 == b'i' || byte | 0x20 == b'f') {
            if let Some(end) = condition(value, place, &is_command) {
                return Some((place, end, "condition"));
            }
            if let Some(end) = loops(value, place) {
                return Some((place, end, "loop"));
            }
        }
        opens = matches!(byte, b'&' | b'|' | b'(' | b';' | b'\n' | b'@')
            || opens && (is_space(byte) || matches!(byte, b'"' | b'\''));
    }
    None
}

/// A word of the language at `place`, and where the next one begins.
fn keyword(value: &[u8], place: usize, word: &[u8]) -> Option<usize> {
    let end = place + word.len();
    let ended = matches!(at(value, end), 0 | b'(' | b'"') || is_space(at(value, end));
    (has_at(value, place, word) && ended).then(|| skip_space(value, end))
}

/// Words, numbers and the like are read this far, so that time stays linear.
const OPERAND_MAX: usize = 128;

fn condition(value: &[u8], place: usize, is_command: &impl Fn(&[u8]) -> bool) -> Option<usize> {
    let mut place = keyword(value, place, b"if")?;
    let mut sure = false;
    if let Some(next) = keyword(value, place, b"/i") {
        place = next;
        sure = true;
    }
    let plain = place;
    if let Some(next) = keyword(value, place, b"not") {
        place = next;
    }
    for word in [&b"exist"[..], b"defined", b"errorlevel"] {
        if let Some(operand) = keyword(value, place, word).filter(|&next| next < value.len()) {
            let end = operand_end(value, operand)?;
            let then = skip_space(value, end);
            return (then > end && command(value, then, is_command)).then_some(then);
        }
    }
    let group = at(value, plain) == b'(';
    let left = operand_end(value, place).or(group.then_some(place + 1))?;
    let sign = skip_space(value, left);
    let (right, word) = comparison(value, sign)?;
    let end = operand_end(value, right)?;
    let then = skip_space(value, end);
    let telling = sure
        || word
        || value[place..end].contains(&b'%')
        || value[place..end].contains(&b'!')
        || matches!(at(value, place), b'"' | b'[' | b'(');
    let follows = command(value, then, is_command);
    // `if a==b foo`: no other language has a word there.
    let bare = then > end
        && left == sign
        && at(value, then).is_ascii_alphabetic()
        && keyword(value, then, b"then").is_none()
        && !value[place..]
            .iter()
            .take(OPERAND_MAX)
            .any(|byte| matches!(byte, b':' | b'{' | b';'));
    (bare || follows && telling || word && then < value.len()).then_some(then)
}

/// What is compared: in quotes or brackets with blanks, else without.
fn operand_end(value: &[u8], place: usize) -> Option<usize> {
    let rest = value.get(place..value.len().min(place + OPERAND_MAX))?;
    let close = match rest.first()? {
        b'"' => Some(b'"'),
        b'(' => Some(b')'),
        b'[' => Some(b']'),
        _ => None,
    };
    if let Some(close) = close
        && let Some(length) = rest.iter().skip(1).position(|&byte| byte == close)
    {
        return Some(place + length + 2);
    }
    let length = rest
        .iter()
        .enumerate()
        .position(|(index, &byte)| {
            is_space(byte)
                || byte == b'(' && index > 0
                || byte == b'=' && rest.get(index + 1) == Some(&b'=')
        })
        .unwrap_or(rest.len());
    (length > 0).then_some(place + length)
}

/// Where the right side begins, and whether the comparison is written as a word only cmd.exe has.
fn comparison(value: &[u8], place: usize) -> Option<(usize, bool)> {
    if has_at(value, place, b"==") {
        return Some((skip_space(value, place + 2), false));
    }
    [&b"equ"[..], b"neq", b"lss", b"leq", b"gtr", b"geq"]
        .iter()
        .find_map(|word| keyword(value, place, word))
        .filter(|&right| right < value.len())
        .map(|right| (right, true))
}

/// A command, a block or another condition.
fn command(value: &[u8], place: usize, is_command: &impl Fn(&[u8]) -> bool) -> bool {
    let start = place
        + value
            .get(place..)
            .unwrap_or_default()
            .iter()
            .take(4)
            .take_while(|byte| matches!(byte, b'(' | b'@' | b' '))
            .count();
    if start > place && at(value, place) == b'(' && start >= value.len() {
        return true;
    }
    let length = value
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take(16)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = value.get(start..start + length).unwrap_or_default();
    let own = [
        &b"goto"[..],
        b"exit",
        b"cd",
        b"cls",
        b"pause",
        b"rem",
        b"if",
        b"do",
        b"md",
        b"rd",
    ];
    let known = own.iter().any(|name| name.eq_ignore_ascii_case(word)) || is_command(word);
    known
        || value
            .get(start..)
            .is_some_and(|rest| rest.starts_with(b"..."))
}

fn loops(value: &[u8], place: usize) -> Option<usize> {
    let mut place = keyword(value, place, b"for")?;
    while at(value, place) == b'/' {
        place = skip_space(value, place + 2);
    }
    if at(value, place) != b'%' {
        return None;
    }
    let name = value
        .get(place + 1..)?
        .iter()
        .take(4)
        .position(|&byte| is_space(byte))?;
    let list = keyword(value, skip_space(value, place + 1 + name), b"in")?;
    if at(value, list) != b'(' {
        return None;
    }
    let inside = value.get(list..value.len().min(list + 4 * OPERAND_MAX))?;
    let close = list + inside.iter().position(|&byte| byte == b')')?;
    keyword(value, skip_space(value, close + 1), b"do")
}
