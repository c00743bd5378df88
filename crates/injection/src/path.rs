//! Paths that leave their folder, and files no client should name.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::sync::LazyLock;

use crate::bytes::{Profile, at, find, is_space, is_word};
use crate::finding::{Finding, Kind};

/// Files and folders that hold secrets or configuration; matched behind a separator or at the start of the value.
const RESTRICTED: &[&str] = &[
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "etc/hosts",
    "etc/gshadow",
    "etc/sudoers",
    "etc/issue",
    "etc/crontab",
    "etc/fstab",
    "etc/subuid",
    "etc/ssh/",
    "etc/security/",
    "etc/master.passwd",
    "etc/httpd/",
    "etc/apache2/",
    "etc/nginx/",
    "etc/mysql/",
    "etc/php",
    "etc/my.cnf",
    "etc/resolv.conf",
    "etc/profile",
    "etc/environment",
    "etc/os-release",
    "etc/inetd.conf",
    "etc/motd",
    "etc/init.d/",
    "etc/cron.",
    "proc/self/",
    "proc/version",
    "proc/cpuinfo",
    "proc/mounts",
    "proc/cmdline",
    "proc/net/",
    "proc/1/",
    "sys/class",
    "sys/devices",
    "var/log/apache",
    "var/log/nginx",
    "var/log/httpd",
    "var/log/auth",
    "var/log/syslog",
    "var/log/messages",
    "var/log/secure",
    "var/log/mysql",
    "var/run/secrets",
    "var/mail/",
    "var/spool/",
    "var/lib/mlocate",
    "root/.",
    "usr/local/apache",
    "win.ini",
    "boot.ini",
    "system.ini",
    "ntuser.dat",
    "ntldr",
    "windows/system32/",
    "winnt/system32/",
    "windows/repair/",
    "winnt/repair/",
    "windows/win.ini",
    "inetpub/wwwroot",
    "global.asa",
    "windows/debug/",
    "pagefile.sys",
    "system32/config",
    "system32/drivers/etc",
    "web-inf/",
    "meta-inf/",
    "web.config",
    ".htaccess",
    ".htpasswd",
    ".htdigest",
    ".git/",
    ".gitconfig",
    ".svn/",
    ".hg/",
    ".bzr/",
    ".env",
    ".ssh/",
    ".aws/",
    ".azure/",
    ".kube/",
    ".docker/",
    ".gnupg/",
    ".bash_history",
    ".bashrc",
    ".bash_profile",
    ".zsh_history",
    ".mysql_history",
    ".psql_history",
    ".sh_history",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".s3cfg",
    ".boto",
    ".history",
    ".viminfo",
    ".profile",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "authorized_keys",
    "wp-config.",
    "wp-config-",
    "configuration.php",
    "localsettings.php",
    "settings.local.php",
    "database.yml",
    "secrets.yml",
    "config.inc.php",
    "localconfiguration.php",
    "config/app.php",
    ".claude/",
    ".cursor/",
    ".continue/",
    ".aider",
    ".vscode/",
    ".idea/",
    ".ds_store",
    "composer.lock",
    "sql.zip",
    "dump.sql",
    "etc/./passwd",
];

/// One automaton over all of them, in any case.
static FILES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let builder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(RESTRICTED);
    builder.expect("a fixed list of short names fits")
});

/// A path that climbs out of its folder or names a restricted file.
pub fn path(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::DOT | Profile::SLASH | Profile::BACKSLASH) {
        return None;
    }
    let found = |(start, end, reason): (usize, usize, &'static str)| {
        Finding::new(Kind::Path, start, end.min(value.len()), reason)
    };
    let climbing = if profile.any(Profile::DOT) || find(value, 0, b"0x2e").is_some() {
        traversal(value)
    } else {
        None
    };
    climbing
        .or_else(|| restricted(value, profile))
        .or_else(|| share(value))
        .map(found)
}

/// Steps up: `../`, `..\`, `..;/`, `..` + overlong or spelled separators.
fn traversal(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let (mut first, mut steps, mut place, mut windows) = (None, 0, 0, false);
    let (mut longest, mut last) = (0, 0);
    while place < value.len() {
        let step = step(value, place);
        if step == 0 || place > 0 && value[place - 1] == b'.' {
            place += 1;
            continue;
        }
        if first.is_none_or(|_| last != place) {
            first = Some(place);
            steps = 0;
        }
        steps += 1;
        longest = longest.max(steps);
        last = place + step;
        windows |= value[place..place + step].contains(&b'\\');
        place += step;
    }
    let first = first?;
    let prose = value.iter().filter(|&&byte| is_space(byte)).count();
    // Up to the first step the value is a path, or a command or an argument's name before one.
    let plain = value[..first]
        .iter()
        .all(|&byte| is_word(byte) || b"/\\.-:=~%@?&+ ;|<>".contains(&byte));
    let single = prose == 0
        && (windows
            || first > 0
                && first + 3 < value.len()
                && value.starts_with(b"/")
                && named_like_file(value));
    (plain && (prose <= 1 && longest >= 2 || single)).then_some((first, place, "traversal"))
}

/// Whether all of the name is a restricted file's.
pub(crate) fn names_restricted(name: &[u8]) -> bool {
    FILES.find_overlapping_iter(name).any(|found| {
        found.start() == 0 && !name.get(found.end()).is_some_and(|&byte| is_word(byte))
    })
}

/// The rest of a path after a step names a file of the system.
fn named_like_file(value: &[u8]) -> bool {
    FILES.is_match(value)
}

/// The length of one step up at `place`, or zero.
fn step(value: &[u8], place: usize) -> usize {
    let dots = match value.get(place..).unwrap_or_default() {
        [b'.', 0, b'.', ..] => 3,
        [b'.', b'.', b'.', b'/' | b'\\', ..] => 3,
        [b'.', b'.', ..] => 2,
        [0xc0, 0xae, 0xc0, 0xae, ..] => 4,
        [b'0', b'x', b'2', b'e', b'0', b'x', b'2', b'e', ..] => 8,
        _ => return 0,
    };
    let mut end = place + dots;
    if at(value, end) == b';' {
        end += 1;
    }
    match value.get(end..).unwrap_or_default() {
        [b'/' | b'\\', ..] => end + 1 - place,
        [0xc0, 0xaf, ..] | [0xc1, 0x9c, ..] => end + 2 - place,
        [0xe0, 0x80, 0xaf, ..] => end + 3 - place,
        [b'0', b'x', b'2', b'f', ..] | [b'0', b'x', b'5', b'c', ..] => end + 4 - place,
        _ => 0,
    }
}

/// A restricted file, its separators and letters perhaps obscured; not where a text talks about it.
fn restricted(value: &[u8], profile: Profile) -> Option<(usize, usize, &'static str)> {
    // Nothing in it hides a letter: the automaton may read the value as it is.
    let open = !profile.any(
        Profile::QUOTE | Profile::BACKSLASH | Profile::CONTROL | Profile::CARET | Profile::BRACKET,
    );
    if open && find(value, 0, b"//").is_none() && !FILES.is_match(value) {
        return None;
    }
    let mut clean = [0u8; 512];
    let mut length = 0;
    for &byte in value {
        let byte = match byte {
            b'\\' => b'/',
            b'\'' | b'"' | b'^' | b'[' | b']' => continue,
            0 => continue,
            other => other.to_ascii_lowercase(),
        };
        let doubled = byte == b'/' && length > 0 && clean[length - 1] == b'/';
        if !doubled {
            clean[length] = byte;
            length += 1;
        }
        if length == clean.len() {
            break;
        }
    }
    let clean = &clean[..length];
    // Overlapping, since `.ssh/` may stand where `id_rsa` makes the match.
    let mut matches = FILES.find_overlapping_iter(clean);
    matches
        .find(|found| names_file(clean, found.start(), found.end()))
        .map(|_| (0, value.len(), "restricted-file"))
}

/// Whether a listed name stands for itself, not inside another, and is asked for.
fn names_file(clean: &[u8], place: usize, end: usize) -> bool {
    let name = &clean[place..end];
    let before = if place == 0 { b'/' } else { clean[place - 1] };
    let after = at(clean, end);
    let ended = matches!(name.last(), Some(b'/' | b'.' | b'-'))
        || !is_word(after) && after != b'-' && !clean[end..].starts_with(b".pub");
    // The half of a key pair that may be shown.
    let public = clean[end..]
        .split(|&byte| is_space(byte))
        .next()
        .is_some_and(|rest| rest.ends_with(b".pub"));
    let folders: [&[u8]; 6] = [b"etc/", b"var/", b"proc/", b"sys/", b"usr/", b"root/"];
    let rooted = before == b'/' || !folders.iter().any(|folder| name.starts_with(folder));
    !is_word(before)
        && !public
        && ended
        && rooted
        && before != b'-'
        && before != b'.'
        && requested(clean, place)
}

/// Whether the path that holds `place` is asked for rather than talked about: nothing but a command, an argument's
/// name or a separator before it, and no sentence after it.
fn requested(clean: &[u8], place: usize) -> bool {
    let start = clean[..place]
        .iter()
        .rposition(|&byte| is_space(byte))
        .map_or(0, |blank| blank + 1);
    let end = clean[place..]
        .iter()
        .position(|&byte| is_space(byte))
        .map_or(clean.len(), |blank| place + blank);
    let (before, after) = (&clean[..start], &clean[end..]);
    let reads: [&[u8]; 30] = [
        b"cat", b"tac", b"less", b"more", b"head", b"tail", b"nl", b"od", b"xxd", b"strings",
        b"grep", b"sed", b"awk", b"cp", b"mv", b"ln", b"ls", b"vi", b"vim", b"nano", b"sh",
        b"bash", b"type", b"base64", b"rev", b"cut", b"sort", b"rm", b"chmod", b"curl",
    ];
    let words = |text: &[u8]| prose_words(text);
    let last = before.trim_ascii_end();
    let token = last
        .rsplit(|&byte| is_space(byte))
        .next()
        .unwrap_or_default();
    let command = token
        .rsplit(|byte| b";|&(`$/=".contains(byte))
        .next()
        .unwrap_or_default();
    let asked = last.is_empty()
        || reads.contains(&command)
        || token.starts_with(b"-")
        || token.last().is_some_and(|byte| b";|&<>(`=".contains(byte));
    let goes_on = after
        .trim_ascii_start()
        .first()
        .is_some_and(|byte| !b"|;&<>#".contains(byte));
    let sentence = matches!(clean[..end].last(), Some(b',' | b':')) || goes_on;
    let listed = after.trim_ascii_start().starts_with(b",") || token == b"=";
    asked && !listed && words(before) <= 3 && !sentence
}

/// How many words of letters alone stand in the value.
fn prose_words(value: &[u8]) -> usize {
    let words = value.split(|&byte| is_space(byte) || byte == b',');
    let plain = words
        .filter(|word| {
            word.len() > 1
                && word
                    .iter()
                    .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        })
        .count();
    // Scripts that put no blanks between words.
    plain + value.iter().filter(|&&byte| byte >= 0x80).count() / 6
}

/// A share of another machine: `\\host\c$`, `\\::1\…`.
fn share(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let rest = value.strip_prefix(b"\\\\")?;
    let host = rest.iter().position(|&byte| byte == b'\\')?;
    let named = host > 0
        && rest[..host]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'?'));
    (named && at(rest, host + 1).is_ascii_alphanumeric() && !value.contains(&b' ')).then_some((
        0,
        value.len(),
        "network-share",
    ))
}
