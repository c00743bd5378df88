//! The transformations, mostly by rewriting with expressions.

use md5::Digest as _;
use regex::bytes::{Captures, Regex};

pub fn apply(name: &str, value: &[u8]) -> Vec<u8> {
    match name {
        "NONE" => value.to_vec(),
        "LOWERCASE" => value.iter().map(u8::to_ascii_lowercase).collect(),
        "UPPERCASE" => value.iter().map(u8::to_ascii_uppercase).collect(),
        "COMPRESS_WHITE_SPACE" => replace(r"[ \t\n\r\x0B\x0C\xA0]+", value, |_| b" ".to_vec()),
        "REMOVE_WHITESPACE" => replace(r"[ \t\n\r\x0B\x0C\xA0]", value, |_| vec![]),
        "TRIM" => replace(
            r"\A[ \t\n\r\x0B\x0C]+|[ \t\n\r\x0B\x0C]+\z",
            value,
            |_| vec![],
        ),
        "TRIM_LEFT" => replace(r"\A[ \t\n\r\x0B\x0C]+", value, |_| vec![]),
        "TRIM_RIGHT" => replace(r"[ \t\n\r\x0B\x0C]+\z", value, |_| vec![]),
        "REMOVE_NULLS" => replace(r"\x00", value, |_| vec![]),
        "REPLACE_NULLS" => replace(r"\x00", value, |_| b" ".to_vec()),
        "CMD_LINE" => {
            let value = replace(r#"[\\"'^]"#, value, |_| vec![]);
            let value = replace("[ ,;]+", &value, |_| b" ".to_vec());
            replace(r" ?([/(])", &value, |found| found[1].to_vec()).to_ascii_lowercase()
        }
        "CMD_LINE_UNIX" => squeezed(&replace(r#"[\\"']"#, value, |_| vec![])),
        "CMD_LINE_WIN" => {
            let value = replace(r"\^(\r?\n)?", value, |_| vec![]);
            let value = replace(r#"["']"#, &value, |_| vec![]);
            squeezed(&replace(r"\\+", &value, |_| b"\\".to_vec()))
        }
        "URL_DECODE" => replace(r"\+|%([0-9a-fA-F]{2})", value, |found| {
            found
                .get(1)
                .map_or(vec![b' '], |digits| vec![number(digits.as_bytes()) as u8])
        }),
        "URL_DECODE_UNI" => replace(
            r"\+|%[uU]([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})",
            value,
            |found| match (found.get(1), found.get(2)) {
                (Some(digits), _) => vec![narrow(number(digits.as_bytes()))],
                (_, Some(digits)) => vec![number(digits.as_bytes()) as u8],
                _ => vec![b' '],
            },
        ),
        "BASE64_DECODE" => {
            let whole = Regex::new(
                r"(?-u)\A(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\z",
            )
            .unwrap();
            let odd = Regex::new(r"(?-u)\A[A-Za-z0-9+/]*={0,2}\z").unwrap();
            if whole.is_match(value) || (odd.is_match(value) && value.len().is_multiple_of(4)) {
                base64(value)
            } else {
                value.to_vec()
            }
        }
        "BASE64_DECODE_EXT" => base64(value),
        "HEX_DECODE" => {
            let start = value
                .chunks(2)
                .take_while(|pair| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit))
                .count();
            let decoded = value[..start * 2].chunks(2).map(|pair| number(pair) as u8);
            decoded.chain(value[start * 2..].iter().copied()).collect()
        }
        "SQL_HEX_DECODE" => replace(r"0[xX]((?:[0-9a-fA-F]{2})+)", value, |found| {
            found[1].chunks(2).map(|pair| number(pair) as u8).collect()
        }),
        "MD5" => md5::Md5::digest(value).to_vec(),
        "SHA256" => sha2::Sha256::digest(value).to_vec(),
        "REPLACE_COMMENTS" => replace(r"(?s)/\*(?:.*?\*/|.*\z)", value, |_| b" ".to_vec()),
        "REMOVE_COMMENTS_CHAR" => replace(r"/\*|\*/|--|#", value, |_| vec![]),
        "ESCAPE_SEQ_DECODE" => replace(
            r#"\\(?:([abfnrtv])|([\\?'"])|x([0-9a-fA-F]{2})|([0-7]{1,3}))"#,
            value,
            |found| vec![escape(found, 0o777)],
        ),
        "JS_DECODE" => replace(
            r"(?s)\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([0-3][0-7]{0,2}|[4-7][0-7]?)|(.))",
            value,
            |found| {
                vec![match (found.get(1), found.get(2), found.get(3)) {
                    (Some(digits), _, _) => narrow(number(digits.as_bytes())),
                    (_, Some(digits), _) => number(digits.as_bytes()) as u8,
                    (_, _, Some(digits)) => octal(digits.as_bytes()),
                    _ => control(found[4][0]),
                }]
            },
        ),
        "JS_DECODE_EXT" => replace(
            r#"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\\/'"]))"#,
            value,
            |found| {
                vec![match (found.get(1), found.get(2)) {
                    (Some(digits), _) => narrow(number(digits.as_bytes())),
                    (_, Some(digits)) => number(digits.as_bytes()) as u8,
                    _ => found[3][0],
                }]
            },
        ),
        "CSS_DECODE" => replace(
            r"(?s)\\(?:([0-9a-fA-F]{1,6})[ \t\n\r\x0B\x0C]?|\n|(.)|\z)",
            value,
            |found| match (found.get(1), found.get(2)) {
                (Some(digits), _) => vec![narrow(number(digits.as_bytes()))],
                (_, Some(other)) => other.as_bytes().to_vec(),
                _ => vec![],
            },
        ),
        "HTML_ENTITY_DECODE" => html(value),
        "NORMALIZE_PATH" => path(value),
        "NORMALIZE_PATH_WIN" => path(&replace(r"\\", value, |_| b"/".to_vec())),
        "UTF8_TO_UNICODE" => {
            let mut out = Vec::new();
            let mut rest = value;
            while !rest.is_empty() {
                let length = (1..=4.min(rest.len()))
                    .find(|length| std::str::from_utf8(&rest[..*length]).is_ok());
                let character = length.and_then(|length| {
                    std::str::from_utf8(&rest[..length]).unwrap().chars().next()
                });
                match character {
                    Some(character) if !character.is_ascii() => {
                        out.extend(format!("%u{:04x}", character as u32).bytes())
                    }
                    _ => out.push(rest[0]),
                }
                rest = &rest[length.unwrap_or(1)..];
            }
            out
        }
        other => panic!("the naive engine knows no {other}"),
    }
}

pub fn prepare(name: &str, query: &[u8]) -> Vec<u8> {
    match name {
        "NONE" => query.to_vec(),
        "REPLACE_SEMICOLONS_WITH_AMPERSANDS" => query
            .iter()
            .map(|byte| if *byte == b';' { b'&' } else { *byte })
            .collect(),
        "COMBINE_DUPLICATE_QUERY_ARGS_BY_COMMA" => combine(query),
        decoding => apply(decoding, query),
    }
}

fn combine(query: &[u8]) -> Vec<u8> {
    let mut merged: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    for piece in query
        .split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty())
    {
        let mut halves = piece.splitn(2, |byte| *byte == b'=');
        let (name, value) = (
            halves.next().unwrap().to_vec(),
            halves.next().map(<[u8]>::to_vec),
        );
        match merged.iter_mut().find(|(have, _)| *have == name) {
            Some((_, have)) => {
                *have = Some(
                    [have.clone().unwrap_or_default(), value.unwrap_or_default()].join(&b","[..]),
                )
            }
            None => merged.push((name, value)),
        }
    }
    let names: Vec<&[u8]> = query
        .split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty())
        .collect();
    if merged.len() == names.len() {
        return query.to_vec();
    }
    let pieces: Vec<Vec<u8>> = merged
        .into_iter()
        .map(|(name, value)| value.map_or(name.clone(), |value| [name, value].join(&b"="[..])))
        .collect();
    pieces.join(&b"&"[..])
}

fn replace(pattern: &str, value: &[u8], by: impl Fn(&Captures<'_>) -> Vec<u8>) -> Vec<u8> {
    let regex = Regex::new(&format!("(?-u){pattern}")).unwrap();
    regex.replace_all(value, by).into_owned()
}

fn squeezed(value: &[u8]) -> Vec<u8> {
    let value = replace(r"[ \t\n\r\x0B\x0C]+", value, |_| b" ".to_vec());
    value.trim_ascii().to_ascii_lowercase()
}

fn number(digits: &[u8]) -> u32 {
    u32::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
}

fn octal(digits: &[u8]) -> u8 {
    (u32::from_str_radix(std::str::from_utf8(digits).unwrap(), 8).unwrap() & 0xFF) as u8
}

fn narrow(code: u32) -> u8 {
    if (0xFF01..=0xFF5E).contains(&code) {
        (code - 0xFEE0) as u8
    } else {
        (code % 256) as u8
    }
}

fn control(letter: u8) -> u8 {
    b"abfnrtv"
        .iter()
        .position(|known| *known == letter)
        .map_or(letter, |index| b"\x07\x08\x0c\n\r\t\x0b"[index])
}

fn escape(found: &Captures<'_>, _most: u32) -> u8 {
    match (found.get(1), found.get(2), found.get(3)) {
        (Some(letter), _, _) => control(letter.as_bytes()[0]),
        (_, Some(same), _) => same.as_bytes()[0],
        (_, _, Some(digits)) => number(digits.as_bytes()) as u8,
        _ => octal(&found[4]),
    }
}

fn base64(value: &[u8]) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = value
        .iter()
        .filter_map(|byte| alphabet.iter().position(|known| known == byte));
    let bits: String = digits.map(|digit| format!("{digit:06b}")).collect();
    let bits = &bits[..bits.len() / 8 * 8];
    (0..bits.len())
        .step_by(8)
        .map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap())
        .collect()
}

fn html(value: &[u8]) -> Vec<u8> {
    let names: Vec<(&str, u8)> = "quot\" amp& lt< gt> lcub{ lbrace{ rcub} rbrace} excl! num# dollar$ percnt% apos' lpar( rpar) ast* midast* plus+ comma, period. sol/ colon: semi; equals= quest? commat@ verbar| vert| verticalline| lsqb[ lbrack[ rsqb] rbrack] hat^ lowbar_ underbar_ grave` diacriticalgrave` tilde~ diacriticaltilde~ minus- bsol\\ hyphen-"
        .split(' ')
        .map(|entry| (&entry[..entry.len() - 1], entry.as_bytes()[entry.len() - 1]))
        .chain([("nbsp", 160), ("nonbreakingspace", 160), ("newline", 10), ("tab", 9), ("bne", b'=')])
        .collect();
    replace(
        r"&(?:#[xX]([0-9a-fA-F]{1,24});?|#([0-9]{1,24});?|([A-Za-z0-9]{1,24});?)",
        value,
        |found| {
            let digits = found
                .get(1)
                .map(|digits| (digits, 16))
                .or(found.get(2).map(|digits| (digits, 10)));
            if let Some((digits, radix)) = digits {
                let code =
                    u128::from_str_radix(std::str::from_utf8(digits.as_bytes()).unwrap(), radix)
                        .unwrap_or(u128::MAX);
                return match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(character) if code < 256 => vec![character as u8],
                    Some(character) => character.to_string().into_bytes(),
                    None => found[0].to_vec(),
                };
            }
            let name = String::from_utf8(found[3].to_vec()).unwrap().to_lowercase();
            if let Some((_, byte)) = names.iter().find(|(known, _)| *known == name) {
                return vec![*byte];
            }
            // What browsers read without a semicolon; the rest is text again.
            let begun = ["quot", "amp", "lt", "gt", "nbsp"]
                .into_iter()
                .find(|known| name.starts_with(known));
            match begun {
                Some(known) => {
                    let byte = names.iter().find(|(have, _)| *have == known).unwrap().1;
                    let rest = &found[0][1 + known.len()..];
                    [&[byte], rest].concat()
                }
                None => found[0].to_vec(),
            }
        },
    )
}

fn path(value: &[u8]) -> Vec<u8> {
    let absolute = value.starts_with(b"/");
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in value.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." if kept.last().is_some_and(|last| *last != b"..") => {
                kept.pop();
            }
            b".." if absolute => {}
            other => kept.push(other),
        }
    }
    let mut out = if absolute { b"/".to_vec() } else { vec![] };
    out.extend(kept.join(&b"/"[..]));
    if value.ends_with(b"/") && !kept.is_empty() {
        out.push(b'/');
    }
    out
}
