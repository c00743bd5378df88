//! Benign values, from what a Debian machine has anyway: documentation, licences, manual pages in many languages,
//! translated messages, program sources; and from lists of names and talk that look like attacks.
//!
//! What documentation quotes *as* code or command is no benign value for a field of text: indented blocks, lines that begin with
//! a prompt and HTML files are left out of the prose. Sources are read line by line, as people paste them.

use super::corpus::{Class, files};
use base64::Engine;
use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::Path;

/// At most so many values from one file, so that no document dominates.
const FILE_MAX: usize = 120;
/// At most so many from one source.
pub const SOURCE_MAX: usize = 16_000;

/// Every benign class this machine can supply.
pub fn benign(source_max: usize) -> Vec<Class> {
    let class = |name: &str, values: Vec<Vec<u8>>| Class {
        name: format!("benign {name}"),
        attack: false,
        values,
    };
    let documents = |name: &Path| {
        let text = name.to_string_lossy();
        !text.contains("html")
            && (text.contains("copyright")
                || text.contains("README")
                || text.contains("changelog")
                || text.contains("NEWS")
                || text.ends_with(".txt")
                || text.ends_with(".md")
                || text.ends_with(".rst"))
    };
    let mut classes = vec![
        class(
            "documentation",
            prose("/usr/share/doc", source_max, documents),
        ),
        class(
            "licences",
            prose("/usr/share/common-licenses", source_max, |_| true),
        ),
        class("manual pages", manuals("/usr/share/man", source_max, true)),
        class(
            "manual pages, other languages",
            manuals("/usr/share/man", source_max, false),
        ),
        class(
            "translated messages",
            messages("/usr/share/locale", source_max),
        ),
        class(
            "python sources",
            sources("/usr/lib/python3.11", "py", source_max),
        ),
        class(
            "python sources, packages",
            sources("/usr/lib/python3", "py", source_max),
        ),
        class("perl sources", sources("/usr/share/perl", "pm", source_max)),
        class("c headers", sources("/usr/include", "h", source_max)),
        class(
            "vim and other texts",
            prose("/usr/share/vim", source_max, |name| {
                name.extension().is_some_and(|end| end == "txt")
            }),
        ),
        class("places", places("/usr/share/zoneinfo")),
        class("addresses", addresses("/usr/share/doc")),
        class("tokens", tokens()),
        class("own list", own_list()),
    ];
    let programs = programs();
    for class in &mut classes {
        class.values.sort();
        class.values.dedup();
    }
    let mut quoted = Vec::new();
    for class in &mut classes {
        if class.name != "benign own list" && class.name != "benign tokens" {
            let (code, text) = std::mem::take(&mut class.values)
                .into_iter()
                .partition(|value| quoted_code(value, &programs));
            class.values = text;
            quoted.extend::<Vec<Vec<u8>>>(code);
        }
    }
    classes.push(Class {
        name: "not counted: code and commands quoted in those".into(),
        attack: false,
        values: quoted,
    });
    classes.retain(|class| !class.values.is_empty());
    classes
}

/// Whether documentation quotes something here that is code to be run or shown, not text.
///
/// The criteria know nothing of the detectors: a shell prompt or substitution, backticks, a pipe, `&&` or `||` between
/// words, a command line of a program this machine has with an option or a path as its first argument, the path
/// of a file and nothing else, or the tag of an element that only the head of a page, a form or a script has.
fn quoted_code(value: &[u8], programs: &HashSet<Vec<u8>>) -> bool {
    let text = String::from_utf8_lossy(value);
    let prompt = ["$ ", "% ", ">>> ", "# ./"]
        .iter()
        .any(|prompt| text.starts_with(prompt));
    let lower = text.to_ascii_lowercase();
    let tags = [
        "script", "style", "link", "meta", "iframe", "body", "html", "head", "form", "input",
        "textarea", "select", "button", "svg",
    ];
    let page = tags
        .iter()
        .any(|tag| lower.contains(&format!("<{tag}")) || lower.contains(&format!("</{tag}")));
    let shell = ["$(", "`", " | ", " && ", " || ", "<("]
        .iter()
        .any(|sign| text.contains(sign));
    let mut words = text.split_ascii_whitespace();
    let program = words
        .next()
        .is_some_and(|word| programs.contains(word.rsplit('/').next().unwrap_or(word).as_bytes()));
    let argument = words
        .next()
        .is_some_and(|word| word.starts_with('-') && word.len() > 1 || word.starts_with('/'));
    // A line break of the page left a file's name alone; alone, it is what the path detector exists for.
    let rooted = ["/", "~/", "./", "*/", "$"]
        .iter()
        .any(|root| text.starts_with(root));
    let file = rooted && text.contains('/') && !text.contains(' ');
    prompt || page || shell || program && argument || file
}

/// The names of the programs installed here.
fn programs() -> HashSet<Vec<u8>> {
    let folders = ["/usr/bin", "/usr/sbin"]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    folders
        .map(|entry| entry.file_name().into_encoded_bytes())
        .collect()
}

/// A file's text, unpacked if it is packed.
fn text(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_default();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut out = Vec::new();
        let _partial = flate2::read::GzDecoder::new(bytes.as_slice())
            .take(4 << 20)
            .read_to_end(&mut out);
        return out;
    }
    bytes
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

/// Picks evenly from all files, not the first ones only.
fn sampled(
    folder: &str,
    wanted: impl Fn(&Path) -> bool,
    limit: usize,
    values: impl Fn(&Path) -> Vec<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let files: Vec<_> = files(Path::new(folder))
        .into_iter()
        .filter(|path| wanted(path))
        .collect();
    let share = (limit * 2 / files.len().max(1)).clamp(4, FILE_MAX.max(limit / 100));
    let stride = (files.len() * 4 / limit.max(1)).max(1);
    let mut all = Vec::new();
    for file in files.iter().step_by(stride) {
        let found = values(file);
        let step = (found.len() / share).max(1);
        all.extend(found.into_iter().step_by(step).take(share));
        if all.len() >= limit {
            all.truncate(limit);
            break;
        }
    }
    all
}

/// Lines and paragraphs of running text.
fn prose(folder: &str, limit: usize, wanted: impl Fn(&Path) -> bool) -> Vec<Vec<u8>> {
    sampled(folder, wanted, limit, |path| {
        let text = text(path);
        let mut values = Vec::new();
        let mut paragraph: Vec<u8> = Vec::new();
        for line in lines(&text) {
            let code = line.starts_with(b"    ")
                || line.starts_with(b"\t")
                || line.starts_with(b"$ ")
                || line.starts_with(b"# ")
                || line.starts_with(b"> ")
                || line.starts_with(b"% ");
            if code || line.trim_ascii().is_empty() {
                if paragraph.len() > 80 && paragraph.len() < 1500 {
                    values.push(std::mem::take(&mut paragraph));
                }
                paragraph.clear();
                continue;
            }
            let line = line.trim_ascii();
            if line.len() > 3 {
                values.push(line.to_vec());
            }
            if !paragraph.is_empty() {
                paragraph.push(b' ');
            }
            paragraph.extend_from_slice(line);
        }
        values
    })
}

/// The running text of manual pages, without the macros and escapes of roff.
fn manuals(folder: &str, limit: usize, english: bool) -> Vec<Vec<u8>> {
    let wanted = |path: &Path| {
        path.strip_prefix(folder)
            .is_ok_and(|rest| rest.to_string_lossy().starts_with("man") == english)
    };
    sampled(folder, wanted, limit, |path| {
        let text = text(path);
        let mut example = false;
        let mut values = Vec::new();
        for line in lines(&text) {
            match line.get(..3) {
                Some(b".nf" | b".EX") => example = true,
                Some(b".fi" | b".EE") => example = false,
                _ => {}
            }
            if example
                || line.len() < 12
                || line.starts_with(b".")
                || line.starts_with(b"'")
                || line.starts_with(b"\\\"")
            {
                continue;
            }
            let plain = String::from_utf8_lossy(line)
                .replace("\\-", "-")
                .replace("\\fB", "")
                .replace("\\fI", "")
                .replace("\\fR", "")
                .replace("\\fP", "")
                .replace("\\(aq", "'")
                .replace("\\&", "")
                .replace("\\(dq", "\"");
            if !plain.contains('\\') {
                values.push(plain.trim().as_bytes().to_vec());
            }
        }
        values
    })
}

/// Messages of programs in many languages and scripts, from compiled catalogues.
fn messages(folder: &str, limit: usize) -> Vec<Vec<u8>> {
    sampled(
        folder,
        |path| path.extension().is_some_and(|end| end == "mo"),
        limit,
        |path| {
            let bytes = fs::read(path).unwrap_or_default();
            let word = |place: usize| {
                bytes
                    .get(place..place + 4)
                    .and_then(|word| word.try_into().ok())
                    .map_or(0, u32::from_le_bytes) as usize
            };
            let (count, table) = (word(8).min(4000), word(16));
            let message = |index: usize| {
                bytes
                    .get(
                        word(table + 8 * index + 4)
                            ..word(table + 8 * index + 4).saturating_add(word(table + 8 * index)),
                    )
                    .map(<[u8]>::to_vec)
            };
            (1..count)
                .filter_map(message)
                .flat_map(|text| {
                    text.split(|&byte| byte == 0)
                        .map(<[u8]>::to_vec)
                        .collect::<Vec<_>>()
                })
                .filter(|text| text.len() > 3 && text.len() < 2000)
                .collect()
        },
    )
}

/// Lines of programs.
fn sources(folder: &str, extension: &str, limit: usize) -> Vec<Vec<u8>> {
    sampled(
        folder,
        |path| path.extension().is_some_and(|end| end == extension),
        limit,
        |path| {
            lines(&text(path))
                .map(<[u8]>::trim_ascii)
                .filter(|line| line.len() > 3)
                .map(<[u8]>::to_vec)
                .collect()
        },
    )
}

fn places(folder: &str) -> Vec<Vec<u8>> {
    files(Path::new(folder))
        .iter()
        .filter_map(|path| {
            Some(
                path.strip_prefix(folder)
                    .ok()?
                    .to_string_lossy()
                    .replace('_', " ")
                    .into_bytes(),
            )
        })
        .take(1800)
        .collect()
}

/// Addresses of pages and of people, as documentation names them.
fn addresses(folder: &str) -> Vec<Vec<u8>> {
    sampled(
        folder,
        |path| path.ends_with("copyright"),
        6_000,
        |path| {
            let text = text(path);
            let words = text.split(|&byte| {
                byte.is_ascii_whitespace()
                    || matches!(byte, b'<' | b'>' | b'"' | b'(' | b')' | b',')
            });
            words
                .filter(|word| {
                    word.windows(3).any(|window| window == b"://")
                        || word.contains(&b'@') && word.len() > 5
                })
                .map(<[u8]>::to_vec)
                .collect()
        },
    )
}

/// What programs send: base64, JWT-shaped tokens, hexadecimal digests, identifiers, JSON, dates, queries.
fn tokens() -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut values = Vec::new();
    for index in 0..500u64 {
        let bytes: Vec<u8> = (0..(next() % 90 + 6))
            .map(|_| next().to_le_bytes()[3])
            .collect();
        let standard = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let safe = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let (a, b) = (next(), next());
        values.push(standard.clone());
        values.push(format!(
            "{}.{}.{}",
            safe(br#"{"alg":"HS256","typ":"JWT"}"#),
            safe(format!(r#"{{"sub":"{a}","iat":{index}}}"#).as_bytes()),
            safe(&bytes)
        ));
        values.push(format!("{a:016x}{b:016x}"));
        values.push(format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a as u32,
            b as u16,
            a >> 52,
            b >> 52,
            (a ^ b) >> 16
        ));
        values.push(format!(r#"{{"id":{a},"name":"item {index}","tags":["a","b-{b}"],"price":{}.{:02},"ok":true,"next":null}}"#, a % 1000, b % 100));
        values.push(format!(
            "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            a % 12 + 1,
            b % 28 + 1,
            a % 24,
            b % 60,
            index % 60,
            a % 1000
        ));
        values.push(format!(
            "page={}&sort=-created&filter[status]=open&q={}",
            a % 90,
            safe(&bytes)
        ));
        values.push(format!("data:image/png;base64,{standard}"));
        values.push(format!(
            "+{} ({}) {}-{:04}",
            a % 90 + 1,
            b % 900 + 100,
            a % 900 + 100,
            b % 10_000
        ));
        values.push(format!("W/\"{a:x}-{b:x}\""));
    }
    values.into_iter().map(String::into_bytes).collect()
}

/// Names, talk about SQL and the like, punctuation: what naive rules trip over.
fn own_list() -> Vec<Vec<u8>> {
    let text = include_str!("own_list.txt");
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.as_bytes().to_vec())
        .collect()
}
