//! Names of files that a server would run, or read its settings from, if they came to lie where they are asked for.

use crate::bytes::Profile;
use crate::finding::{Finding, Kind};

/// Extensions of scripts that web servers run.
const SCRIPTS: &[&str] = &[
    "php", "phtml", "phar", "phps", "pht", "phpt", "jsp", "jspx", "jspf", "jsw", "jsv", "jspa",
    "asp", "aspx", "ashx", "asmx", "asa", "cer", "cshtml", "vbhtml", "cgi", "pl", "shtml", "cfm",
    "cfml", "cfc", "hta", "war", "ear",
];

/// The name of an uploaded file that is a script, is a file of settings, or leaves its folder.
pub fn upload(name: &[u8]) -> Option<Finding> {
    scan_upload(name, Profile::of(name))
}

pub(crate) fn scan_upload(value: &[u8], profile: Profile) -> Option<Finding> {
    if !profile.any(Profile::DOT | Profile::UNDERSCORE | Profile::SLASH | Profile::BACKSLASH) {
        return None;
    }
    let found = |reason| Some(Finding::new(Kind::Upload, 0, value.len(), reason));
    if value
        .windows(3)
        .any(|window| matches!(window, b"../" | b"..\\"))
    {
        return found("climbing-name");
    }
    let name = value
        .rsplit(|byte| matches!(byte, b'/' | b'\\'))
        .next()
        .unwrap_or_default();
    // Windows drops dots and blanks at the end; a NUL ends a name in C.
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let end = name
        .iter()
        .rposition(|byte| !matches!(byte, b'.' | b' ' | b';'))
        .map_or(0, |last| last + 1);
    let name = &name[..end];
    if name
        .get(..5)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"sess_"))
        && name.len() >= 20
        && name[5..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b','))
    {
        return found("session-file");
    }
    // `shell.php.jpg`, `shell.php;.jpg`: some servers run what any of the extensions says.
    let script = name
        .split(|byte| matches!(byte, b'.' | b';'))
        .skip(1)
        .any(is_script);
    if script {
        return found("script-name");
    }
    if crate::path::names_restricted(name) {
        return found("settings-name");
    }
    None
}

/// `php`, `php5`, ` PHP`: numbers behind name versions.
fn is_script(extension: &[u8]) -> bool {
    let extension = extension.trim_ascii();
    let letters = extension
        .iter()
        .rposition(|byte| !byte.is_ascii_digit())
        .map_or(0, |last| last + 1);
    let name = &extension[..letters];
    SCRIPTS
        .iter()
        .any(|script| script.as_bytes().eq_ignore_ascii_case(name))
}
