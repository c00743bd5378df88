//! The values of a field, or what the field's options decide.

use serde_json::Value;

use super::super::common::Sample;
use super::{json, transform};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The values a statement looks at; `Err` where the field's options decide without them.
pub fn values(field: &Value, sample: &Sample, prepare: &[String]) -> Result<Vec<Vec<u8>>, bool> {
    let (name, options) = field.as_object().unwrap().iter().next().unwrap();
    let (before, fragment) = once(&sample.uri, '#');
    let (path, query) = once(before, '?');
    let wanted = || options["Name"].as_str().unwrap().to_lowercase();
    let found = match name.as_str() {
        "Method" => vec![sample.method.clone().into_bytes()],
        "UriPath" => vec![path.as_bytes().to_vec()],
        "QueryString" => query
            .map(|query| query.as_bytes().to_vec())
            .into_iter()
            .collect(),
        "UriFragment" => fragment
            .map(|text| text.as_bytes().to_vec())
            .into_iter()
            .collect(),
        "JA3Fingerprint" => sample
            .ja3
            .clone()
            .map(String::into_bytes)
            .into_iter()
            .collect(),
        "SingleHeader" => {
            let named = sample
                .headers
                .iter()
                .filter(|(have, _)| have.to_lowercase() == wanted());
            named.map(|(_, value)| value.clone().into_bytes()).collect()
        }
        "AllQueryArguments" => arguments(query, prepare)
            .into_iter()
            .map(|(_, value)| value)
            .collect(),
        "SingleQueryArgument" => {
            let mut values = Vec::new();
            for (key, value) in arguments(query, prepare) {
                if key.eq_ignore_ascii_case(wanted().as_bytes()) {
                    values.push(value);
                } else if key.is_empty() && value.eq_ignore_ascii_case(wanted().as_bytes()) {
                    values.push(Vec::new());
                }
            }
            values
        }
        "HeaderOrder" => {
            let (shown, long) = limited(headers(sample));
            oversize(options, long)?;
            let names: Vec<String> = shown
                .iter()
                .map(|(name, _)| String::from_utf8_lossy(name).to_lowercase())
                .collect();
            if names.is_empty() {
                vec![]
            } else {
                vec![names.join(":").into_bytes()]
            }
        }
        "Headers" => selected(
            options,
            headers(sample),
            "IncludedHeaders",
            "ExcludedHeaders",
            false,
        )?,
        "Cookies" => selected(
            options,
            cookies(sample),
            "IncludedCookies",
            "ExcludedCookies",
            true,
        )?,
        "Body" => {
            oversize(options, sample.body.len() > 8192)?;
            let body = sample.body[..sample.body.len().min(8192)].to_vec();
            if body.is_empty() { vec![] } else { vec![body] }
        }
        "JsonBody" => json_values(options, sample)?,
        other => panic!("the naive engine knows no field {other}"),
    };
    if found.is_empty() && matches!(name.as_str(), "JA3Fingerprint" | "UriFragment") {
        return Err(options["FallbackBehavior"] == "MATCH");
    }
    Ok(found)
}

fn json_values(options: &Value, sample: &Sample) -> Result<Vec<Vec<u8>>, bool> {
    oversize(options, sample.body.len() > 8192)?;
    let body = &sample.body[..sample.body.len().min(8192)];
    if body.is_empty() {
        return Ok(vec![]);
    }
    let (elements, whole) = json::read(body);
    match options
        .get("InvalidFallbackBehavior")
        .and_then(Value::as_str)
    {
        Some("MATCH") if !whole => return Err(true),
        Some("NO_MATCH") if !whole => return Err(false),
        Some("EVALUATE_AS_STRING") if !whole => return Ok(vec![body.to_vec()]),
        _ => {}
    }
    let pointers: Option<Vec<String>> = options["MatchPattern"].get("IncludedPaths").map(|paths| {
        paths
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path.as_str().unwrap().to_owned())
            .collect()
    });
    let beneath = |path: &[Vec<u8>]| match &pointers {
        None => true,
        Some(pointers) => pointers.iter().any(|pointer| {
            let tokens: Vec<Vec<u8>> = pointer[1..]
                .split('/')
                .map(|token| token.replace("~1", "/").replace("~0", "~").into_bytes())
                .collect();
            path.len() >= tokens.len() && path[..tokens.len()] == tokens[..]
        }),
    };
    let scope = options["MatchScope"].as_str().unwrap();
    let picked = elements
        .into_iter()
        .filter(|element| scope == "ALL" || (scope == "KEY") == element.is_key);
    Ok(picked
        .filter(|element| beneath(&element.path))
        .map(|element| element.text)
        .collect())
}

fn once(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

fn arguments(query: Option<&str>, prepare: &[String]) -> Pairs {
    let Some(query) = query else {
        return vec![];
    };
    let query = prepare
        .iter()
        .fold(query.as_bytes().to_vec(), |query, name| {
            transform::prepare(name, &query)
        });
    let pieces = query
        .split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty());
    pieces.map(pair).collect()
}

fn pair(piece: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match piece.iter().position(|byte| *byte == b'=') {
        Some(at) => (piece[..at].to_vec(), piece[at + 1..].to_vec()),
        None => (vec![], piece.to_vec()),
    }
}

fn headers(sample: &Sample) -> Pairs {
    sample
        .headers
        .iter()
        .map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()))
        .collect()
}

fn cookies(sample: &Sample) -> Pairs {
    let of_cookie = sample
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let pieces = of_cookie
        .flat_map(|(_, value)| value.split(';'))
        .map(str::trim)
        .filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let (name, value) = pair(piece.as_bytes());
            (name.trim_ascii().to_vec(), value.trim_ascii().to_vec())
        })
        .collect()
}

/// The first 200 pairs and 8,192 bytes, and whether that is less than all.
fn limited(pairs: Pairs) -> (Pairs, bool) {
    let (mut shown, mut left, all) = (Vec::new(), 8192, pairs.len());
    let mut cut = false;
    for (mut name, mut value) in pairs.into_iter().take(200) {
        if left == 0 {
            break;
        }
        let whole = name.len() + value.len();
        name.truncate(left);
        value.truncate(left - name.len());
        left -= name.len() + value.len();
        cut |= name.len() + value.len() < whole;
        shown.push((name, value));
    }
    let long = cut || shown.len() < all;
    (shown, long)
}

fn oversize(options: &Value, long: bool) -> Result<(), bool> {
    match options.get("OversizeHandling").and_then(Value::as_str) {
        Some("MATCH") if long => Err(true),
        Some("NO_MATCH") if long => Err(false),
        _ => Ok(()),
    }
}

fn selected(
    options: &Value,
    pairs: Pairs,
    included: &str,
    excluded: &str,
    case: bool,
) -> Result<Vec<Vec<u8>>, bool> {
    let full: Vec<Vec<u8>> = pairs.iter().map(|(name, _)| name.clone()).collect();
    let (shown, long) = limited(pairs);
    oversize(options, long)?;
    let listed = |list: &Value, name: &[u8]| {
        let fold = |text: &[u8]| {
            if case {
                text.to_vec()
            } else {
                text.to_ascii_lowercase()
            }
        };
        list.as_array()
            .unwrap()
            .iter()
            .any(|entry| fold(entry.as_str().unwrap().as_bytes()) == fold(name))
    };
    let pattern = &options["MatchPattern"];
    let mut values = Vec::new();
    for ((name, value), whole) in shown.into_iter().zip(full) {
        let picked = match (pattern.get(included), pattern.get(excluded)) {
            (Some(list), _) => listed(list, &whole),
            (_, Some(list)) => !listed(list, &whole),
            _ => true,
        };
        if picked && options["MatchScope"] != "VALUE" {
            values.push(name);
        }
        if picked && options["MatchScope"] != "KEY" {
            values.push(value);
        }
    }
    Ok(values)
}
