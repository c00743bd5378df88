//! Line breaks that start something of their own: a header of an HTTP message, a command to a mail server.

use crate::bytes::{Profile, at, has_at, is_space};
use crate::finding::{Finding, Kind};

const RESPONSE: &[&str] = &[
    "set-cookie",
    "location",
    "content-length",
    "transfer-encoding",
    "refresh",
    "content-encoding",
    "access-control-allow-origin",
    "x-xss-protection",
    "cache-control",
    "connection",
    "host",
    "x-forwarded-for",
    "x-forwarded-host",
    "remote-addr",
    "content-disposition",
    "cookie",
];

const MESSAGE: &[&str] = &[
    "bcc",
    "cc",
    "content-type",
    "mime-version",
    "reply-to",
    "content-transfer-encoding",
    "return-path",
    "x-mailer",
];

/// A line break followed by a header or a status line.
pub fn crlf(value: &[u8]) -> Option<Finding> {
    scan_crlf(value, Profile::of(value))
}

pub(crate) fn scan_crlf(value: &[u8], profile: Profile) -> Option<Finding> {
    if !(profile.any(Profile::BREAK) || profile.all(Profile::HIGH | Profile::COLON)) {
        return None;
    }
    for (place, start) in breaks(value) {
        let rest = &value[start..];
        let status = (has_at(rest, 0, b"http/1.") || has_at(rest, 0, b"http/2")) && rest.len() > 9;
        let request = [&b"GET "[..], b"POST ", b"PUT ", b"HEAD "]
            .iter()
            .any(|method| rest.starts_with(method))
            && rest.windows(6).take(256).any(|window| window == b"HTTP/1");
        if status || request || header(rest, RESPONSE) {
            return Some(Finding::new(
                Kind::Crlf,
                place,
                value.len().min(start + 8),
                "response-header",
            ));
        }
        if start + 1 < value.len()
            && at(value, place) == b'\r'
            && at(value, place + 1) != b'\n'
            && value.len() < 64
            && at(rest, 0) == b'%'
        {
            return Some(Finding::new(Kind::Crlf, place, start, "bare-return"));
        }
    }
    None
}

/// The places where a line breaks and the next one starts; U+560D and U+560A end in the bytes of CR and LF.
fn breaks(value: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    value
        .iter()
        .enumerate()
        .filter_map(|(place, &byte)| match byte {
            b'\n' | b'\r' => {
                let skipped = value[place..]
                    .iter()
                    .take(8)
                    .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                    .count();
                Some((place, place + skipped))
            }
            0xe5 if at(value, place + 1) == 0x98 && matches!(at(value, place + 2), 0x8a | 0x8d) => {
                Some((place, place + 3))
            }
            _ => None,
        })
}

fn header(rest: &[u8], names: &[&str]) -> bool {
    names.iter().any(|name| {
        let after = &rest[name.len().min(rest.len())..];
        let blanks = after
            .iter()
            .take(8)
            .take_while(|&&byte| is_space(byte))
            .count();
        has_at(rest, 0, name.as_bytes()) && at(after, blanks) == b':' && after.len() > blanks + 1
    })
}

/// A line break followed by a header of a mail or a command of SMTP, IMAP or POP3.
pub fn mail(value: &[u8]) -> Option<Finding> {
    scan_mail(value, Profile::of(value))
}

pub(crate) fn scan_mail(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::BREAK) {
        return None;
    }
    for (place, start) in breaks(value) {
        let rest = &value[start..];
        let end = rest
            .iter()
            .position(|&byte| matches!(byte, b'\r' | b'\n'))
            .unwrap_or(rest.len());
        if header(rest, MESSAGE) || command(&rest[..end]) {
            return Some(Finding::new(
                Kind::Mail,
                place,
                start + end.min(32),
                "mail-command",
            ));
        }
    }
    None
}

fn command(line: &[u8]) -> bool {
    let smtp: [&[u8]; 8] = [
        b"RCPT TO:",
        b"MAIL FROM:",
        b"EHLO ",
        b"HELO ",
        b"VRFY ",
        b"EXPN ",
        b"AUTH ",
        b"APOP ",
    ];
    if smtp.iter().any(|word| {
        has_at(line, 0, &word.to_ascii_lowercase())
            && line.len() > word.len()
            && line[0].is_ascii_uppercase()
    }) || matches!(
        line,
        b"QUIT" | b"DATA" | b"RSET" | b"STAT" | b"UIDL" | b"CAPA"
    ) {
        return true;
    }
    let mut words = line
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    let (first, second) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    if matches!(first, b"RETR" | b"DELE" | b"LIST" | b"TOP" | b"UIDL") && number(second) {
        return true;
    }
    // IMAP: a tag, a command, its arguments.
    let commands: [&[u8]; 20] = [
        b"capability",
        b"fetch",
        b"login",
        b"select",
        b"examine",
        b"list",
        b"lsub",
        b"store",
        b"search",
        b"append",
        b"copy",
        b"create",
        b"delete",
        b"expunge",
        b"logout",
        b"noop",
        b"starttls",
        b"authenticate",
        b"quit",
        b"status",
    ];
    let tag = !first.is_empty()
        && first.len() <= 6
        && first.iter().all(u8::is_ascii_alphanumeric)
        && (first.iter().any(u8::is_ascii_digit) || first.len() == 1);
    let known = commands
        .iter()
        .any(|name| name.eq_ignore_ascii_case(second));
    let shouted = second.iter().all(|byte| !byte.is_ascii_lowercase());
    tag && known && (shouted || line.iter().any(|&byte| matches!(byte, b'"' | b'+' | b'*')))
}
