//! Commands for a Unix shell: a place where a command may begin, and a command there.

mod commands;
mod expand;

use crate::bytes::{Profile, at, find, is_space, is_word, skip_space_near};
use crate::finding::{Finding, Kind};
use commands::Name;

/// A command that a shell would run if the value reached one.
pub fn shell(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    let separators =
        Profile::SEMICOLON | Profile::PIPE | Profile::AMPERSAND | Profile::DOLLAR | Profile::BREAK;
    if !profile.any(
        separators
            | Profile::QUOTE
            | Profile::PAREN
            | Profile::DASH
            | Profile::SLASH
            | Profile::BRACE
            | Profile::CARET
            | Profile::BANG
            | Profile::BRACKET
            | Profile::EQUALS,
    ) {
        return None;
    }
    let found = |(start, end, reason): Found| {
        Finding::new(Kind::Shell, start, end.min(value.len()), reason)
    };
    expansions(value, profile)
        .or_else(|| {
            if profile.any(separators | Profile::QUOTE | Profile::ANGLE) {
                commands(value)
            } else {
                None
            }
        })
        .or_else(|| first_command(value, profile))
        .map(found)
}

type Found = (usize, usize, &'static str);

/// What only a shell writes, wherever it stands.
fn expansions(value: &[u8], profile: Profile) -> Option<Found> {
    if profile.any(Profile::DOLLAR) {
        for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'$') {
            let rest = &value[place..];
            if rest.starts_with(b"$IFS") || rest.starts_with(b"${IFS") {
                return Some((place, place + 5, "field-separator"));
            }
            let product = rest.starts_with(b"$((") && at(rest, 3).is_ascii_digit();
            if product && rest.iter().take(32).any(|&byte| byte == b')') {
                return Some((place, place + 8, "arithmetic-expansion"));
            }
        }
    }
    if let Some(found) = expand::expansion(value, profile) {
        return Some(found);
    }
    if profile.all(Profile::PAREN | Profile::BRACE) {
        let start = skip_space_near(value, 0);
        let body = skip_space_near(value, start + 2);
        if value[start..].starts_with(b"()") && at(value, body) == b'{' {
            return Some((start, body + 1, "function-definition"));
        }
        if let Some(found) = bomb(value) {
            return Some(found);
        }
    }
    if profile.any(Profile::SLASH) {
        if let Some(place) = find(value, 0, b"/dev/tcp/").or_else(|| find(value, 0, b"/dev/udp/")) {
            return Some((place, place + 9, "network-device"));
        }
        if profile.any(Profile::QUESTION | Profile::STAR) {
            return globbed(value);
        }
    }
    None
}

/// `x(){ x|x& };x`.
fn bomb(value: &[u8]) -> Option<Found> {
    let open = value.windows(3).position(|window| window == b"(){")?;
    let start = value[..open]
        .iter()
        .rposition(|&byte| is_space(byte) || byte == b';')
        .map_or(0, |place| place + 1);
    let name = &value[start..open];
    let body = &value[skip_space_near(value, open + 3)..];
    let first = !name.is_empty() && name.len() < 16 && body.starts_with(name);
    let second = body
        .get(name.len()..)
        .map(|rest| rest.strip_prefix(b"()").unwrap_or(rest))
        .map(|rest| &rest[skip_space_near(rest, 0)..])
        .is_some_and(|rest| rest.starts_with(b"|") || rest.starts_with(b"&"));
    (first && second).then_some((start, open + 3, "fork-bomb"))
}

/// `/???/b??h`, `/e*c/p*d`: a path to a program or file whose letters are hidden by wildcards.
fn globbed(value: &[u8]) -> Option<Found> {
    for (place, &byte) in value.iter().enumerate() {
        if byte != b'/'
            || place > 0
                && (is_word(value[place - 1])
                    || matches!(value[place - 1], b'/' | b'*' | b'.' | b'?'))
        {
            continue;
        }
        let token = &value[place..value.len().min(place + 40)];
        let end = token
            .iter()
            .position(|&byte| is_space(byte) || matches!(byte, b'&' | b';' | b'|' | b'"' | b')'))
            .unwrap_or(token.len());
        let token = &token[..end];
        let wild = token.iter().filter(|&&byte| byte == b'?').count();
        let segments = token.iter().filter(|&&byte| byte == b'/').count();
        let letters = token
            .iter()
            .filter(|byte| byte.is_ascii_alphabetic())
            .count();
        let plain = token.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'/' | b'?' | b'*' | b'\'' | b'\\' | b'[' | b']')
        });
        if plain
            && segments >= 2
            && letters > 0
            && wild >= 2
            && wild + 2 * segments >= letters
            && !token.contains(&b'=')
        {
            return Some((place, place + end, "wildcard-path"));
        }
    }
    None
}

/// What stands before a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `;`, `||`, `&&`, `|`.
    Separator,
    /// `&`, which addresses use too, or a line break.
    Weak,
    /// `$(`, `<(`, a backtick.
    Substitution,
}

fn commands(value: &[u8]) -> Option<Found> {
    for (place, &byte) in value.iter().enumerate() {
        let next = at(value, place + 1);
        let before = if place == 0 { 0 } else { value[place - 1] };
        let kind = match byte {
            b';' | b'|' => Place::Separator,
            b'&' if before == b'&' => Place::Separator,
            b'&' if before == b'\\' => continue,
            // The last of several line breaks is where the next line begins.
            b'\n' if matches!(next, b'\n' | b'\r') => continue,
            b'&' | b'\n' => Place::Weak,
            b'(' if before == b'$' => Place::Substitution,
            b'(' if matches!(before, b'<' | b'>') && feeds(value, place) => Place::Substitution,
            b'`' if substitutes(value, place) => Place::Substitution,
            _ => continue,
        };
        if matches!(byte, b'|' | b'&') && matches!(next, b'|' | b'&') {
            continue;
        }
        if kind != Place::Substitution && quotation(value, place) {
            continue;
        }
        if let Some(end) = command(value, place + 1, kind) {
            return Some((place, end, "command"));
        }
    }
    None
}

/// Whether `<(` or `>(` feeds a command: behind a sign of comparison a bracket only groups.
fn feeds(value: &[u8], open: usize) -> bool {
    let before = open.checked_sub(2).map(|place| value[place]);
    match before {
        None => true,
        Some(byte) if value[open - 1] == b'<' => matches!(byte, b' ' | b';' | b'=' | b'"' | b'\''),
        Some(byte) => matches!(byte, b';' | b'=' | b'|' | b'&' | b'"' | b'\''),
    }
}

/// Whether the place is inside a double-quoted piece of a sentence.
fn quotation(value: &[u8], place: usize) -> bool {
    let start = place.saturating_sub(NEAR_BYTES);
    let before = &value[start..place];
    let after = &value[place..value.len().min(place + NEAR_BYTES)];
    let quotes = before.iter().filter(|&&byte| byte == b'"').count();
    let opened = before
        .iter()
        .position(|&byte| byte == b'"')
        .is_some_and(|quote| start + quote == 0 || quote > 0 && is_space(before[quote - 1]));
    quotes % 2 == 1 && opened && after.contains(&b'"') && prose_words(near(value, place)) > 2
}

/// A backtick that opens a substitution, not a quotation of code in a text: nothing but signs before it or behind.
fn substitutes(value: &[u8], place: usize) -> bool {
    let after = &value[place + 1..value.len().min(place + 1 + NEAR_BYTES)];
    let Some(length) = after.iter().position(|&byte| byte == b'`') else {
        return false;
    };
    let before = &value[place.saturating_sub(NEAR_BYTES)..place];
    let doubled = before.last() == Some(&b'`');
    length > 0 && !doubled && prose_words(before) <= 1 && prose_words(&after[length + 1..]) <= 1
}

/// The end of the command that begins at `place`, if one does.
fn command(value: &[u8], place: usize, kind: Place) -> Option<usize> {
    let around = near(value, place);
    let mut start = skip_space_near(value, place);
    for _ in 0..4 {
        match word(value, start) {
            Some(word) if word.is_prefix(value) => start = skip_space_near(value, word.end),
            _ => break,
        }
    }
    let word = word(value, start)?;
    let name = word.name()?;
    if kind == Place::Substitution && value[start..word.end].iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let lowercase = !value[start..word.end].iter().any(u8::is_ascii_uppercase);
    if value[place - 1] == b'|' && alternative(value, around, place - 1, &word) {
        return None;
    }
    let next = at(value, word.end);
    if next == b'=' || next == b'(' || next == b':' || next == b'.' || next == b',' {
        return None;
    }
    let mut arguments = arguments(value, word.end);
    // `; ansible all -m ping`: an option behind a plain argument.
    let rest = &value[word.end..value.len().min(word.end + 24)];
    if arguments == Arguments::Prose
        && name == Name::Command
        && value[place - 1] != b'|'
        && rest
            .windows(3)
            .any(|window| window[0] == b' ' && window[1] == b'-' && window[2].is_ascii_alphabetic())
    {
        arguments = Arguments::Marked;
    }
    let sure = match (kind, name) {
        (_, _) if word.path => next == 0 || !is_word(next),
        (Place::Substitution, Name::Command | Name::Program) => true,
        (Place::Substitution, Name::Word) => arguments == Arguments::Marked || word.obscured,
        (_, _) if word.obscured => arguments != Arguments::Prose,
        _ if word.quoted && arguments != Arguments::Marked => false,
        _ if arguments == Arguments::Plain && prose_words(around) > 4 => false,
        (_, Name::Word) if next == b';' && is_word(at(value, word.end + 1)) => false,
        (Place::Separator, Name::Command) => {
            arguments != Arguments::Prose
                && (lowercase || !around.iter().any(u8::is_ascii_lowercase))
        }
        (Place::Separator, Name::Program) => arguments != Arguments::Prose && lowercase,
        (Place::Separator, Name::Word) => {
            matches!(arguments, Arguments::Marked | Arguments::Chained) && prose_words(around) <= 6
        }
        (Place::Weak, Name::Command | Name::Program) => {
            matches!(arguments, Arguments::Marked | Arguments::Chained)
                && lowercase
                && next != b')'
                // `&a|&b|`: alternatives.
                && !(next == b'|' && at(value, word.end + 1) == b'&')
                && word.length > 1
                && prose_words(around) <= 6
        }
        (Place::Weak, Name::Word) => false,
    };
    sure.then_some(word.end)
}

/// Whether the bar at `bar` parts alternatives (`a|b|c`, `(a|b)`) or encloses a mark of a text (`|tag|`).
fn alternative(value: &[u8], around: &[u8], bar: usize, word: &Word) -> bool {
    // `|tag| text`: the bar closes a mark.
    let before = &value[bar.saturating_sub(32)..bar];
    let mark = before
        .iter()
        .rposition(|&byte| byte == b'|' || is_space(byte))
        .filter(|&open| before[open] == b'|' && open + 1 < before.len());
    if mark.is_some_and(|open| open == 0 || is_space(before[open - 1]) || before[open - 1] == b'(')
    {
        return true;
    }
    let next = at(value, word.end);
    let touching = bar > 0
        && !is_space(value[bar - 1])
        && value[bar - 1] != b'|'
        && !is_space(at(value, bar + 1));
    let blank = around.iter().any(|&byte| is_space(byte));
    let parts = |window: &&[u8]| window[1] == b'|' && !is_space(window[0]) && !is_space(window[2]);
    let bars = around.windows(3).filter(parts).count();
    let group = next == b')' && touching && find(around, 0, b"$(").is_none();
    next == b'|' && (touching && is_word(at(value, word.end + 1)) || blank)
        || group
        || touching && bars >= 2
        || touching && blank && arguments(value, word.end) != Arguments::Marked
}

/// How far around a separator the text is looked at for being prose; it keeps the time linear.
const NEAR_BYTES: usize = 192;

fn near(value: &[u8], place: usize) -> &[u8] {
    &value[place.saturating_sub(NEAR_BYTES)..value.len().min(place + NEAR_BYTES)]
}

/// How many words of letters alone stand in the value, with scripts that put no blanks between words.
fn prose_words(value: &[u8]) -> usize {
    let words = value.split(|&byte| is_space(byte));
    let plain = words
        .filter(|word| word.len() > 1 && word.iter().all(u8::is_ascii_alphabetic))
        .count();
    plain + value.iter().filter(|&&byte| byte >= 0x80).count() / 6
}

/// A word as the shell sees it: quotes, backslashes and empty expansions gone.
struct Word {
    text: [u8; 24],
    length: usize,
    end: usize,
    /// It had quotes or expansions inside.
    obscured: bool,
    /// All of it stood in quotes.
    quoted: bool,
    /// It named a folder of programs.
    path: bool,
}

impl Word {
    fn name(&self) -> Option<Name> {
        commands::name(self.text.get(..self.length)?)
    }

    /// `sudo`, `env`, `VAR=value`: what stands before the command itself.
    fn is_prefix(&self, value: &[u8]) -> bool {
        let text = self.text.get(..self.length).unwrap_or_default();
        let known = matches!(
            text,
            b"sudo"
                | b"env"
                | b"exec"
                | b"nohup"
                | b"command"
                | b"busybox"
                | b"time"
                | b"strace"
                | b"ltrace"
                | b"timeout"
                | b"setsid"
                | b"stdbuf"
                | b"unshare"
                | b"nice"
                | b"ionice"
                | b"xargs"
                | b"then"
                | b"do"
        );
        known && is_space(at(value, self.end)) && self.end < value.len()
    }
}

impl Word {
    /// A program that runs the one whose name follows.
    fn is_runner(&self) -> bool {
        let text = self.text.get(..self.length).unwrap_or_default();
        matches!(
            text,
            b"time"
                | b"strace"
                | b"ltrace"
                | b"nohup"
                | b"setsid"
                | b"stdbuf"
                | b"sudo"
                | b"busybox"
        )
    }
}

fn word(value: &[u8], start: usize) -> Option<Word> {
    let mut word = Word {
        text: [0; 24],
        length: 0,
        end: start,
        obscured: false,
        quoted: false,
        path: false,
    };
    let folders: [&[u8]; 6] = [
        b"/usr/local/bin/",
        b"/usr/bin/",
        b"/usr/sbin/",
        b"/bin/",
        b"/sbin/",
        b"usr/bin/",
    ];
    if let Some(folder) = folders
        .iter()
        .find(|folder| value[start.min(value.len())..].starts_with(folder))
    {
        word.path = true;
        word.end += folder.len();
    }
    let mut quotes = 0;
    while let Some(&byte) = value.get(word.end) {
        match byte {
            b'\'' | b'"' => quotes += 1,
            b'\\'
                if at(value, word.end + 1).is_ascii_alphabetic()
                    && !b"wWdDsSbBnrt".contains(&at(value, word.end + 1)) =>
            {
                quotes += 2
            }
            b'`' if at(value, word.end + 1) == b'`' => {
                quotes += 2;
                word.end += 1;
            }
            b'$' if matches!(at(value, word.end + 1), b'@' | b'*' | b'!') && word.length > 0 => {
                quotes += 2;
                word.end += 1;
            }
            _ if byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'+')
                || byte == b'.' && at(value, word.end + 1).is_ascii_digit() =>
            {
                if word.length == word.text.len() {
                    return None;
                }
                word.text[word.length] = byte.to_ascii_lowercase();
                word.length += 1;
            }
            _ => break,
        }
        word.end += 1;
    }
    word.quoted = quotes == 2
        && matches!(at(value, start), b'\'' | b'"')
        && at(value, word.end - 1) == at(value, start);
    // One quote may be the one that ends the host's string.
    word.obscured = quotes >= 2 && word.length > 1 && is_word(at(value, start)) | (quotes > 2);
    (word.length > 0).then_some(word)
}

/// What follows a command's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arguments {
    /// Nothing.
    None,
    /// Another separator or a redirection.
    Chained,
    /// An option, a path, a variable, an address.
    Marked,
    /// Something else that may be an argument.
    Plain,
    /// Words.
    Prose,
}

fn arguments(value: &[u8], end: usize) -> Arguments {
    let rest = value.get(end..).unwrap_or_default();
    let start = skip_space_near(rest, 0);
    let rest = &rest[start..];
    let (first, second) = (at(rest, 0), at(rest, 1));
    let length = rest
        .iter()
        .position(|&byte| is_space(byte))
        .unwrap_or(rest.len());
    let token = &rest[..length];
    match first {
        0 => Arguments::None,
        b'\'' | b'"' | b')' if rest.len() <= 2 => Arguments::None,
        b'<' | b'>' if start == 0 && !matches!(second, b'<' | b'/') => Arguments::Prose,
        b';' | b'|' | b'<' | b'>' | b'`' => Arguments::Chained,
        b'&' if second == b' ' && at(rest, 2).is_ascii_alphabetic() => Arguments::Prose,
        b'&' if !second.is_ascii_alphabetic() => Arguments::Chained,
        b')' if start == 0 => Arguments::Chained,
        b'+' | b'#' | b'%' if start == 0 => Arguments::Plain,
        _ if start == 0 => Arguments::Prose,
        b'-' if second.is_ascii_alphabetic() || second == b'-' => Arguments::Marked,
        b'/' | b'~' | b'$' => Arguments::Marked,
        b'.' if matches!(second, b'/' | b'.') || rest.len() == 1 => Arguments::Marked,
        b'+' | b'\\' => Arguments::Marked,
        _ if token.contains(&b'/')
            || token.contains(&b'$')
            || token.windows(2).any(|pair| pair == b"..") =>
        {
            Arguments::Marked
        }
        _ if first.is_ascii_digit() && length == rest.len() => Arguments::Marked,
        _ if address(token) => Arguments::Marked,
        _ if token.ends_with(b";")
            || token.ends_with(b"|")
            || length == rest.len() && token.iter().all(|byte| byte.is_ascii_graphic()) =>
        {
            Arguments::Plain
        }
        _ => Arguments::Prose,
    }
}

/// Four numbers with dots, or a file with an extension.
fn address(token: &[u8]) -> bool {
    let dots = token.iter().filter(|&&byte| byte == b'.').count();
    dots == 3
        && token
            .iter()
            .all(|&byte| byte.is_ascii_digit() || byte == b'.')
        || token.len() > 4
            && token
                .iter()
                .rposition(|&byte| byte == b'.')
                .is_some_and(|dot| {
                    dot > 0
                        && (2..=4).contains(&(token.len() - dot - 1))
                        && token[dot + 1..].iter().all(u8::is_ascii_lowercase)
                })
}

/// A quotation is longer than a name that is pieced together of quoted letters.
const NAMED_MIN: usize = 8;

/// The value itself is a command line: a command's name and an option or address, or a name pieced together.
fn first_command(value: &[u8], profile: Profile) -> Option<Found> {
    let start = skip_space_near(value, 0);
    let first = at(value, start);
    let after = start + usize::from(matches!(first, b'\'' | b'"' | b')' | b'|'));
    // A command in quotes, which a text names.
    let quoted = value[after..].iter().position(|&byte| byte == first);
    if matches!(first, b'\'' | b'"') && quoted.is_some_and(|length| length > NAMED_MIN) {
        return None;
    }
    // `'i'fconfig`: the first quote is the word's own.
    if matches!(first, b'\'' | b'"')
        && let Some(own) = self::word(value, start)
        && own.obscured
        && own.name() == Some(Name::Command)
        && self::arguments(value, own.end) != Arguments::Prose
    {
        return Some((start, own.end, "command-line"));
    }
    let mut word = word(value, after)?;
    let mut after = after;
    if word.is_runner()
        && let Some(run) = self::word(value, skip_space_near(value, word.end))
        && run.name().is_some_and(|name| {
            name == Name::Command
                || name == Name::Program
                    && run.length < 4
                    && arguments(value, run.end) == Arguments::Marked
        })
        && arguments(value, run.end) != Arguments::Prose
        && prose_words(near(value, 0)) <= 4
    {
        return Some((start, run.end, "command-line"));
    }
    if word.is_prefix(value) {
        after = skip_space_near(value, word.end);
        word = self::word(value, after)?;
    }
    let name = word.name()?;
    if word.path
        && prose_words(near(value, 0)) <= 3
        && matches!(
            arguments(value, word.end),
            Arguments::Chained | Arguments::Marked
        )
    {
        return Some((start, word.end, "program"));
    }
    let arguments = arguments(value, word.end);
    let rest = &value[word.end..];
    let lowercase = value[after..word.end]
        .iter()
        .all(|byte| !byte.is_ascii_uppercase());
    let option = rest.windows(3).take(16).any(|window| {
        window[0] == b' '
            && window[1] == b'-'
            && (window[2].is_ascii_alphabetic() || window[2] == b'-' && rest.len() < 16)
    });
    let target = profile.any(Profile::SLASH | Profile::DOT)
        && (find(rest, 0, b"://").is_some_and(|place| place < 24)
            || rest.split(|&byte| byte == b' ').any(address));
    let told = match name {
        Name::Command => lowercase && arguments == Arguments::Marked && option && rest.len() > 4,
        Name::Program => lowercase && arguments == Arguments::Marked && option && target,
        Name::Word => false,
    };
    let told = told && prose_words(near(value, 0)) <= 3;
    (told || word.obscured && name >= Name::Program && arguments != Arguments::Prose).then_some((
        start,
        word.end,
        "command-line",
    ))
}
