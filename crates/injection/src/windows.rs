//! Commands for cmd.exe and PowerShell.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::batch::batch;
use crate::bytes::{Profile, at, find, has_at, is_space, is_word, skip_space, skip_space_near};
use crate::finding::{Finding, Kind};

/// Programs and built-in commands that are no words; the ones in [`PLAIN`] need an argument.
const PROGRAMS: &[&str] = &[
    "powershell",
    "pwsh",
    "cmd",
    "certutil",
    "bitsadmin",
    "mshta",
    "wmic",
    "regsvr32",
    "rundll32",
    "schtasks",
    "tasklist",
    "taskkill",
    "cscript",
    "wscript",
    "icacls",
    "ipconfig",
    "systeminfo",
    "netsh",
    "bcdedit",
    "bcdboot",
    "vssadmin",
    "diskpart",
    "attrib",
    "robocopy",
    "xcopy",
    "regedit",
    "nltest",
    "dsquery",
    "whoami",
    "nbtstat",
    "gpresult",
    "msiexec",
    "installutil",
    "msbuild",
    "cmstp",
    "odbcconf",
    "psexec",
    "iwr",
    "iwmi",
    "iex",
    "irm",
    "makecab",
    "esentutl",
    "forfiles",
    "fsutil",
    "cipher",
    "sc",
    "qwinsta",
    "tracert",
    "findstr",
    "wevtutil",
    "takeown",
    "cacls",
    "rmdir",
    "mklink",
    "fontview",
    "hh",
    "pcalua",
    "conhost",
    "tree",
];

const PLAIN: &[&str] = &[
    "dir", "type", "net", "reg", "copy", "del", "erase", "move", "start", "ren", "echo", "set",
    "ping", "at", "for", "call", "tree", "find", "sc", "cmd", "hh",
];

/// Those of the programs and commands above that are PowerShell, or its own.
const POWERSHELL: &[&str] = &["powershell", "pwsh", "iwr", "iwmi", "iex", "irm"];

/// PowerShell's approved verbs, as far as commands that read, run or change begin with them.
const VERBS: &[&str] = &[
    "add",
    "clear",
    "copy",
    "export",
    "find",
    "get",
    "import",
    "install",
    "invoke",
    "move",
    "new",
    "out",
    "read",
    "register",
    "remove",
    "rename",
    "restart",
    "save",
    "select",
    "send",
    "set",
    "start",
    "stop",
    "test",
    "unblock",
    "uninstall",
    "update",
    "write",
    "convertto",
    "convertfrom",
    "expand",
    "compress",
    "enable",
    "disable",
    "wait",
    "format",
    "measure",
    "foreach",
    "where",
];

/// The names by hash, made at first use; true for a program.
static NAMES: LazyLock<HashMap<&'static [u8], bool>> = LazyLock::new(|| {
    let named = |list: &'static [&'static str], program| {
        list.iter().map(move |name| (name.as_bytes(), program))
    };
    named(PLAIN, false).chain(named(PROGRAMS, true)).collect()
});

/// A command that cmd.exe would run.
pub fn windows(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

/// A command that PowerShell would run, or that starts it.
pub fn powershell(value: &[u8]) -> Option<Finding> {
    scan_powershell(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::ALPHA) {
        return None;
    }
    let variable = if profile.any(Profile::PERCENT) {
        variables(value)
    } else {
        None
    };
    let conditional = || {
        let is_command = |word: &[u8]| NAMES.contains_key(word.to_ascii_lowercase().as_slice());
        if profile.any(Profile::SPACE) {
            batch(value, is_command)
        } else {
            None
        }
    };
    variable
        .or_else(conditional)
        .or_else(|| {
            if may_be(profile) {
                commands(value, Kind::Windows)
            } else {
                None
            }
        })
        .map(|found| finding(Kind::Windows, found, value))
}

pub(crate) fn scan_powershell(value: &[u8], profile: Profile) -> Option<Finding> {
    if !may_be(profile) {
        return None;
    }
    commands(value, Kind::PowerShell).map(|found| finding(Kind::PowerShell, found, value))
}

fn finding(
    kind: Kind,
    (start, end, reason): (usize, usize, &'static str),
    value: &[u8],
) -> Finding {
    Finding::new(kind, start, end.min(value.len()), reason)
}

fn may_be(profile: Profile) -> bool {
    let wanted = Profile::AMPERSAND
        | Profile::PIPE
        | Profile::SEMICOLON
        | Profile::PERCENT
        | Profile::DASH
        | Profile::BACKSLASH
        | Profile::CARET
        | Profile::SLASH
        | Profile::BREAK
        | Profile::PAREN;
    profile.any(wanted) && profile.any(Profile::ALPHA)
}

/// `%COMSPEC%`, `%SYSTEMROOT%\…` and loops over `%x`.
fn variables(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for name in [
        &b"%comspec%"[..],
        b"%systemroot%",
        b"%windir%",
        b"%programdata%",
        b"%appdata%",
        b"%temp%\\",
    ] {
        let free = |place: usize| {
            value[..place]
                .trim_ascii_end()
                .last()
                .is_none_or(|byte| b"&|;(\n\\/=\"".contains(byte))
                || value.get(place + name.len()) == Some(&b'\\')
        };
        if let Some(place) = find(value, 0, name).filter(|&place| {
            free(place)
                && !value[..place]
                    .iter()
                    .any(|byte| matches!(byte, b'"' | b'\''))
        }) {
            return Some((place, place + name.len(), "environment-variable"));
        }
    }
    let place = find(value, 0, b"for ")?;
    let percent = value[place..].iter().position(|&byte| byte == b'%')? + place;
    let in_list = find(value, percent, b" in ")?;
    let open = skip_space(value, in_list + 4);
    (at(value, open) == b'(' && find(value, open, b" do ").is_some() && percent - place < 40)
        .then_some((place, open, "for-loop"))
}

fn commands(value: &[u8], shell: Kind) -> Option<(usize, usize, &'static str)> {
    let mut start = true;
    let mut opener = b'(';
    let mut place = 0;
    while place < value.len() {
        let byte = value[place];
        let (here, before) = (start, opener);
        start = matches!(
            byte,
            b'&' | b'|' | b';' | b'\n' | b'(' | b'`' | b'"' | b'\''
        );
        if start {
            opener = byte;
        }
        if here && !is_space(byte) || place == 0 {
            let begin = skip_space_near(value, place);
            if let Some(end) = command(
                value,
                begin,
                place == 0 || matches!(before, b'(' | b'"' | b'\''),
                shell,
            ) {
                return Some((begin, end, "command"));
            }
        } else if here && is_space(byte) {
            start = true;
        }
        place += 1;
    }
    None
}

/// The word at `place` with the carets and quotes gone that cmd.exe ignores.
fn word(value: &[u8], place: usize) -> ([u8; 24], usize, usize, bool) {
    let (mut text, mut length, mut end, mut carets) = ([0u8; 24], 0, place, 0);
    while let Some(&byte) = value.get(end) {
        if matches!(byte, b'^' | b'"') && length > 0 && is_word(at(value, end + 1)) {
            carets += 1;
        } else if byte.is_ascii_alphanumeric() {
            if length < text.len() {
                text[length] = byte.to_ascii_lowercase();
            }
            length += 1;
        } else {
            break;
        }
        end += 1;
    }
    (text, length, end, carets > 0)
}

fn command(value: &[u8], place: usize, weak: bool, shell: Kind) -> Option<usize> {
    let (text, length, mut end, carets) = word(value, place);
    let name = text.get(..length).filter(|name| name.len() >= 2)?;
    if has_at(value, end, b".exe") {
        end += 4;
    }
    let is = |list: &[&str]| list.iter().any(|entry| entry.as_bytes() == name);
    let next = at(value, end);
    if next == b'-' && is(VERBS) && at(value, end + 1).is_ascii_alphabetic() {
        return if shell == Kind::PowerShell {
            cmdlet(value, end + 1, weak)
        } else {
            None
        };
    }
    if is(POWERSHELL) != (shell == Kind::PowerShell) {
        return None;
    }
    let listed = NAMES.get(name).copied();
    let program = listed == Some(true);
    if listed.is_none()
        || next == b'-'
        || next == b'='
        || next == b'.'
        || next == b':'
        || is_word(next)
    {
        return None;
    }
    let rest = &value[end..];
    let arguments = &rest[skip_space(rest, 0)..];
    let second = at(arguments, 1);
    let option = matches!(at(arguments, 0), b'/' | b'-')
        && second.is_ascii_alphabetic()
        && !arguments.starts_with(b"/etc");
    let drive = at(arguments, 0).is_ascii_alphabetic()
        && second == b':'
        && (at(arguments, 2) == b'\\' || at(arguments, 2) == b'/' || arguments.len() == 2)
        || arguments.starts_with(b"\\")
        || arguments.starts_with(b"%")
            && arguments
                .iter()
                .skip(1)
                .take(20)
                .position(|&byte| byte == b'%')
                .is_some_and(|end| end > 2)
        || arguments.windows(4).take(32).any(|window| {
            !window[0].is_ascii_alphanumeric()
                && window[1].is_ascii_alphabetic()
                && window[2] == b':'
                && window[3] == b'\\'
        });
    let remote = find(arguments, 0, b"://").is_some_and(|place| place < 64);
    let user = name == b"net"
        && [
            &b"user"[..],
            b"localgroup",
            b"view",
            b"use",
            b"share",
            b"group",
        ]
        .iter()
        .any(|word| {
            has_at(arguments, 0, word)
                && (at(arguments, word.len()) == 0 || !is_word(at(arguments, word.len())))
        });
    let ended = arguments.is_empty()
        || matches!(
            arguments[0],
            b'&' | b'|' | b';' | b'<' | b'>' | b'\'' | b'"'
        );
    // `a|b`, `|mark|`: alternatives and marks of a text.
    let bar = value[..place]
        .iter()
        .rposition(|&byte| !is_space(byte))
        .filter(|&bar| value[bar] == b'|');
    let touching = bar.is_some_and(|bar| bar > 0 && !is_space(value[bar - 1]) && bar + 1 == place);
    if (touching || bar.is_some()) && (matches!(next, b'|' | b')' | b'?' | b'\\')) {
        return None;
    }
    let sure = if weak {
        carets && program
            || (program || listed.is_some())
                && (drive && (program || name == b"dir" || name == b"type"))
            || program
                && option
                && rest.starts_with(b" ")
                && !matches!(name, b"sc" | b"hh" | b"whoami" | b"tree")
            || user
    } else {
        option && (program || second.is_ascii_alphabetic() && !is_word(at(arguments, 2)))
            || drive
            || user
            || program && (ended || remote || carets)
            || program && length > 5 && !arguments.is_empty() && rest.len() < 200
    };
    sure.then_some(end)
}

/// `Verb-Noun`: PowerShell writes both parts with a capital, attackers as they like; an argument must follow.
fn cmdlet(value: &[u8], noun: usize, weak: bool) -> Option<usize> {
    let end = noun
        + value[noun..]
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(value.len() - noun);
    let rest = &value[end..];
    let arguments = &rest[skip_space(rest, 0)..];
    let camel = at(value, noun).is_ascii_uppercase()
        && value[..noun - 1]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .last()
            .is_some_and(u8::is_ascii_uppercase);
    let marked = arguments
        .first()
        .is_some_and(|&byte| matches!(byte, b'-' | b'"' | b'\'' | b'$' | b'(' | b'\\'))
        && !rest.starts_with(b"-")
        || find(arguments, 0, b"://").is_some_and(|place| place < 8)
        || at(arguments, 1) == b':' && at(arguments, 2) == b'\\';
    (end - noun >= 3 && marked && rest.starts_with(b" ") && (camel || !weak)).then_some(end)
}
