//! Attacks and benign values for the evaluation, and the split that keeps a third of every class unseen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One class of values.
pub struct Class {
    pub name: String,
    pub attack: bool,
    pub values: Vec<Vec<u8>>,
}

/// Whether a value belongs to the third that tuning never looks at.
pub fn held_out(value: &[u8]) -> bool {
    // FNV-1a, its high half folded in: stable over platforms and versions.
    let hash = value.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).is_multiple_of(3)
}

/// The readings a firewall judges: as it came, decoded once and twice, and with `\u0027` unescaped.
pub fn readings(value: &[u8]) -> Vec<Vec<u8>> {
    let once = percent_decoded(value);
    let twice = percent_decoded(&once);
    let mut all = vec![value.to_vec(), once, twice, unescaped(value)];
    all.dedup();
    all
}

pub fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut place = 0;
    while place < value.len() {
        let hex = value
            .get(place + 1..place + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (value[place], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                place += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                place += 1;
            }
            (byte, _) => {
                out.push(byte);
                place += 1;
            }
        }
    }
    out
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut place = 0;
    while place < value.len() {
        let escape = value
            .get(place..place + 6)
            .filter(|text| text.starts_with(b"\\u"));
        let code = escape
            .and_then(|text| std::str::from_utf8(&text[2..]).ok())
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32);
        match code {
            Some(character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                place += 6;
            }
            None => {
                out.push(value[place]);
                place += 1;
            }
        }
    }
    out
}

/// Every class of the data folder `waf`.
pub fn attacks(folder: &Path) -> Vec<Class> {
    let mut classes = httpparams(folder);
    classes.extend(libinjection(folder));
    classes.extend(gotestwaf(folder));
    classes.extend(crs(folder));
    classes
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// The files under a folder in a stable order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn httpparams(folder: &Path) -> Vec<Class> {
    let text = read(&folder.join("httpparams/payload_train.csv"));
    let mut classes: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for row in rows(&text).into_iter().skip(1) {
        if let [payload, _, kind, _] = row.as_slice() {
            classes
                .entry(String::from_utf8_lossy(kind).into_owned())
                .or_default()
                .push(payload.clone());
        }
    }
    classes
        .into_iter()
        .map(|(kind, values)| Class {
            attack: kind != "norm",
            name: format!("httpparams {kind}"),
            values,
        })
        .collect()
}

/// The rows of a CSV file whose fields may be quoted.
fn rows(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), Vec::new(), false);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => {
                bytes.next();
                field.push(b'"');
            }
            b'"' => quoted = !quoted,
            b',' if !quoted => row.push(std::mem::take(&mut field)),
            b'\r' if !quoted => {}
            b'\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    rows
}

fn libinjection(folder: &Path) -> Vec<Class> {
    let (mut sqli, mut xss) = (Vec::new(), Vec::new());
    let folder = folder.join("libinjection");
    for path in files(&folder) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let list = match name.split('-').next() {
            Some("sqli") => &mut sqli,
            Some("xss") => &mut xss,
            _ => continue,
        };
        let text = read(&path);
        let lines = text
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        list.extend(
            lines
                .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
                .map(percent_decoded),
        );
    }
    let benign = read(&folder.join("false_positives.txt"));
    let benign = benign
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    vec![
        Class {
            name: "libinjection sqli".into(),
            attack: true,
            values: sqli,
        },
        Class {
            name: "libinjection xss".into(),
            attack: true,
            values: xss,
        },
        Class {
            name: "libinjection false positives".into(),
            attack: false,
            values: benign,
        },
    ]
}

fn yaml(path: &Path) -> Option<yaml_rust2::Yaml> {
    let text = String::from_utf8_lossy(&read(path)).into_owned();
    yaml_rust2::YamlLoader::load_from_str(&text)
        .ok()?
        .into_iter()
        .next()
}

fn gotestwaf(folder: &Path) -> Vec<Class> {
    let mut classes: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for path in files(&folder.join("gotestwaf/testcases")) {
        let Some(case) = yaml(&path) else {
            continue;
        };
        let group = path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let payloads = case["payload"]
            .as_vec()
            .into_iter()
            .flatten()
            .filter_map(|payload| payload.as_str());
        classes
            .entry(format!("gotestwaf {group}"))
            .or_default()
            .extend(payloads.map(|text| text.as_bytes().to_vec()));
    }
    classes
        .into_iter()
        .map(|(name, values)| Class {
            name,
            attack: true,
            values,
        })
        .collect()
}

/// What the rules of CRS's attack families must find: the values of a request, joined by record separators into one record.
fn crs(folder: &Path) -> Vec<Class> {
    let mut classes: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for path in files(&folder.join("crs-regression/tests")) {
        let Some(file) = yaml(&path) else {
            continue;
        };
        let id = file["rule_id"].as_i64().unwrap_or_default();
        let family = id / 1000;
        if !matches!(family, 921 | 930..=934 | 941 | 942 | 944) {
            continue;
        }
        for test in file["tests"].as_vec().into_iter().flatten() {
            for stage in test["stages"].as_vec().into_iter().flatten() {
                let expected = stage["output"]["log"]["expect_ids"]
                    .as_vec()
                    .into_iter()
                    .flatten();
                if expected
                    .filter_map(yaml_rust2::Yaml::as_i64)
                    .any(|expected| expected == id)
                {
                    let values = request_values(&stage["input"]);
                    classes
                        .entry(format!("crs {family}"))
                        .or_default()
                        .push(values.join(&0x1e));
                }
            }
        }
    }
    classes
        .into_iter()
        .map(|(name, values)| Class {
            name,
            attack: true,
            values,
        })
        .collect()
}

/// The values of a request as a firewall takes it apart: path, arguments and their names, body, telling headers.
fn request_values(input: &yaml_rust2::Yaml) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let uri = input["uri"].as_str().unwrap_or("/");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    values.push(percent_decoded(path.as_bytes()));
    arguments(query, &mut values);
    let headers = input["headers"].as_hash();
    let mut kind = String::new();
    for (name, value) in headers.into_iter().flatten() {
        let (name, value) = (
            name.as_str().unwrap_or_default().to_ascii_lowercase(),
            value.as_str().unwrap_or_default(),
        );
        match name.as_str() {
            "content-type" => kind = value.to_owned(),
            "cookie" => values.extend(value.split("; ").map(|pair| pair.as_bytes().to_vec())),
            "host" | "accept" | "accept-language" | "accept-encoding" | "accept-charset"
            | "connection" | "keep-alive" | "proxy-connection" | "content-length" => {}
            _ if value.contains("OWASP CRS") => {}
            _ => values.push(value.as_bytes().to_vec()),
        }
    }
    let body = input["data"].as_str().unwrap_or_default();
    if kind.contains("json") || kind.contains("xml") || kind.contains("multipart") {
        values.push(body.as_bytes().to_vec());
        let separators = |byte: &u8| matches!(byte, b'"' | b'<' | b'>');
        values.extend(body.as_bytes().split(separators).map(<[u8]>::to_vec));
    } else {
        arguments(body, &mut values);
    }
    values.retain(|value| !value.is_empty());
    values
}

fn arguments(text: &str, values: &mut Vec<Vec<u8>>) {
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        values.push(percent_decoded(name.as_bytes()));
        values.push(percent_decoded(value.as_bytes()));
    }
}
