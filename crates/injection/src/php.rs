//! PHP: code, its wrappers and its own variables.

use crate::bytes::{Profile, at, find, is_space, is_word, skip_space};
use crate::finding::{Finding, Kind};

const WRAPPERS: &[&str] = &[
    "php://",
    "phar://",
    "zip://",
    "expect://",
    "glob://",
    "compress.zlib://",
    "compress.bzip2://",
    "zlib://",
    "rar://",
    "ogg://",
    "ssh2.",
    "data://",
];

const GLOBALS: &[&str] = &[
    "_get",
    "_post",
    "_server",
    "_request",
    "_cookie",
    "_files",
    "_env",
    "_session",
    "globals",
    "http_raw_post_data",
    "php_self",
    "_s erver",
];

/// Functions that PHP alone has, by the beginnings and names its manual groups them under.
const FUNCTIONS: &[&str] = &[
    "base64_decode",
    "base64_encode",
    "file_get_contents",
    "file_put_contents",
    "shell_exec",
    "passthru",
    "proc_open",
    "phpinfo",
    "phpversion",
    "php_uname",
    "call_user_func",
    "call_user_func_array",
    "create_function",
    "gzinflate",
    "gzuncompress",
    "gzdecode",
    "str_rot13",
    "preg_replace",
    "preg_match",
    "array_map",
    "array_filter",
    "array_diff",
    "array_walk",
    "usort",
    "uasort",
    "uksort",
    "move_uploaded_file",
    "error_reporting",
    "ini_set",
    "ini_get",
    "set_time_limit",
    "str_replace",
    "htmlspecialchars",
    "unserialize",
    "var_dump",
    "print_r",
    "phpcredits",
    "get_defined_vars",
    "get_defined_functions",
    "allow_url_include",
    "allow_url_fopen",
    "auto_prepend_file",
    "register_shutdown_function",
    "pcntl_exec",
    "parse_str",
    "extract_vars",
    "fsockopen",
    "curl_exec",
    "curl_init",
    "mysql_query",
    "mysqli_query",
    "odbc_connection_string_should_quote",
    "posix_getpwuid",
    "posix_kill",
    "get_current_user",
    "getenv",
    "highlight_file",
    "show_source",
    "chr",
    "str_repeat",
    "implode",
    "is_callable",
    "func_get_args",
    "gethostbyname",
    "checkdate",
    "symlink",
    "ldap_get_entries",
    "pg_enter_pipeline_mode",
    "date_add",
    "md5_file",
    "disable_functions",
    "safe_mode",
];

/// Functions other languages have too: only with a command, a string or a variable of PHP inside.
const SHARED: &[&str] = &["system", "exec", "popen", "eval", "assert"];

/// PHP that the interpreter would run, read from or be told by.
pub fn php(value: &[u8]) -> Option<Finding> {
    scan(value, Profile::of(value))
}

pub(crate) fn scan(value: &[u8], profile: Profile) -> Option<Finding> {
    let found = |(start, end, reason): (usize, usize, &'static str)| {
        Finding::new(Kind::Php, start, end.min(value.len()), reason)
    };
    let tag = if profile.all(Profile::ANGLE | Profile::QUESTION) {
        tag(value)
    } else {
        None
    };
    tag.or_else(|| {
        if profile.all(Profile::COLON | Profile::SLASH) {
            wrapper(value)
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.any(Profile::DOLLAR) {
            variable(value)
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.any(Profile::PAREN) {
            calls(value)
        } else {
            None
        }
    })
    .or_else(|| {
        if profile.all(Profile::BRACKET) {
            find(value, 0, b"[/php]")
                .or_else(|| find(value, 0, b"[\\php]"))
                .map(|place| (place, place + 6, "php-tag"))
        } else {
            None
        }
    })
    .map(found)
}

fn tag(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, _) in value
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == b"<?")
    {
        let rest = &value[place + 2..];
        let code = crate::bytes::has_at(rest, 0, b"php") && !is_word(at(rest, 3))
            || at(rest, 0) == b'='
            || is_space(at(rest, 0))
                && !rest.is_empty()
                && rest
                    .iter()
                    .any(|&byte| matches!(byte, b'(' | b'$' | b'`' | b';'));
        if code || crate::bytes::has_at(rest, 0, b"xml :") {
            return Some((place, place + 5, "php-tag"));
        }
    }
    None
}

fn wrapper(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    let separator = find(value, 0, b"://")?;
    WRAPPERS.iter().find_map(|name| {
        let place = find(value, 0, name.as_bytes())?;
        let plain = place == 0 || !is_word(value[place - 1]);
        let argument = at(value, place + name.len());
        (plain && separator + 3 < value.len() && (is_word(argument) || argument == b'/'))
            .then_some((place, place + name.len(), "stream-wrapper"))
    })
}

fn variable(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'$') {
        let mut start = place + 1;
        while start < place + 8
            && (matches!(at(value, start), b'{' | b'$')
                || at(value, start) == b' ' && start < place + 3)
        {
            start += 1;
        }
        let rest = &value[start..];
        let end = rest
            .iter()
            .position(|&byte| !is_word(byte))
            .unwrap_or(rest.len());
        let (name, after) = (&rest[..end], skip_space(rest, end));
        let global = GLOBALS
            .iter()
            .any(|entry| entry.as_bytes().eq_ignore_ascii_case(name));
        let next = at(rest, after);
        if global
            && (matches!(next, b'[' | b'{' | b']' | b'}' | b';' | b')')
                || value.len() == start + end)
            && name
                .iter()
                .all(|byte| !byte.is_ascii_lowercase() || value.len() < 64)
        {
            return Some((place, start + end, "superglobal"));
        }
        if place > 0 && value[place - 1] == b'>' {
            continue;
        }
        let doubled = start > place + 1 && at(value, place + 1) == b'$' && !name.is_empty();
        let argument = at(rest, after + 1);
        let passed = after == end
            && (argument.is_ascii_digit() || matches!(argument, b'\'' | b'"' | b'$' | b')'));
        if (doubled || name.starts_with(b"_")) && next == b'(' && passed
            || next == b'['
                && name.starts_with(b"_")
                && rest[after..].windows(2).take(256).any(|pair| pair == b"](")
        {
            return Some((place, start + after + 1, "variable-function"));
        }
        if rest.starts_with(b"@")
            && at(value, place + 1) == b'{'
            && rest.iter().take(256).any(|&byte| byte == b'(')
        {
            return Some((place, start + 1, "silenced-expression"));
        }
    }
    None
}

fn calls(value: &[u8]) -> Option<(usize, usize, &'static str)> {
    for (place, _) in value.iter().enumerate().filter(|(_, byte)| **byte == b'(') {
        let mut end = value[..place]
            .iter()
            .rposition(|&byte| !is_space(byte))
            .map_or(0, |last| last + 1);
        if value[..end].ends_with(b"*/") {
            end = value[..end]
                .windows(2)
                .rposition(|pair| pair == b"/*")
                .unwrap_or(end);
        }
        let start = value[..end]
            .iter()
            .rposition(|&byte| !is_word(byte))
            .map_or(0, |last| last + 1);
        let name = &value[start..end];
        if !(2..=40).contains(&name.len()) {
            continue;
        }
        let before = if start == 0 { b' ' } else { value[start - 1] };
        if matches!(before, b'.' | b'>' | b':' | b'&')
            || name.iter().all(|byte| !byte.is_ascii_alphabetic())
        {
            continue;
        }
        let argument = &value[skip_space(value, place + 1)..];
        let quoted = matches!(at(argument, 0), b'\'' | b'"' | b'$' | b'`' | b'\\');
        let first = value[..start]
            .iter()
            .all(|byte| !byte.is_ascii_alphanumeric());
        let known = |list: &[&str]| {
            list.iter()
                .any(|entry| entry.as_bytes().eq_ignore_ascii_case(name))
        };
        let passed = at(argument, 0) != b')' || argument.len() == 1;
        if known(FUNCTIONS)
            && first
            && passed
            && (name.contains(&b'_')
                || name.len() > 6
                || value.ends_with(b")")
                    && !value.contains(&b' ')
                    && at(argument, 0).is_ascii_digit())
        {
            return Some((start, place + 1, "php-function"));
        }
        let ended = value.ends_with(b";") || value.ends_with(b")");
        if known(SHARED) && first && quoted && ended && shell_inside(argument) {
            return Some((start, place + 1, "code-execution"));
        }
    }
    None
}

/// The argument is a command line: a known program, a path or a separator in it.
fn shell_inside(argument: &[u8]) -> bool {
    let inner = argument.get(1..).unwrap_or_default();
    let inner = inner
        .get(
            ..inner
                .iter()
                .position(|byte| matches!(byte, b'\'' | b'"' | b')'))
                .unwrap_or(inner.len()),
        )
        .unwrap_or_default();
    let mut line = [0u8; 96];
    let length = inner.len().min(94);
    line[0] = b';';
    line[1..=length].copy_from_slice(&inner[..length]);
    crate::shell::shell(&line[..=length]).is_some()
}
