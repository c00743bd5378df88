//! HAR 1.2, as browsers export it.

use serde_json::Value;

use super::{NotARequest, REQUESTS_MAX, Recorded, headers, wrong};

/// The requests of an archive, in order. Bodies are the text of `postData`, or its parameters as a form.
///
/// # Errors
/// Where it is no archive, or has more than a million entries.
pub fn har(bytes: &[u8]) -> Result<Vec<Recorded>, NotARequest> {
    let archive: Value = serde_json::from_slice(bytes)
        .map_err(|error| wrong(format!("this is not JSON: {error}")))?;
    let entries = archive.pointer("/log/entries").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| wrong("this is no HAR archive: it has no log.entries"))?;
    if entries.len() > REQUESTS_MAX {
        return Err(wrong(format!(
            "there are more than {REQUESTS_MAX} requests"
        )));
    }
    let read = |(number, entry): (usize, &Value)| {
        request(entry).ok_or_else(|| wrong(format!("entry {number} has no request")))
    };
    entries.iter().enumerate().map(read).collect()
}

fn request(entry: &Value) -> Option<Recorded> {
    let request = entry.get("request")?;
    let text = |name| request.get(name).and_then(Value::as_str);
    let mut recorded = Recorded::new(text("method")?, text("url")?);
    // Browsers write HTTP/2's names with a colon before them; they are no headers to WAF.
    recorded.headers = headers(request.get("headers"))
        .into_iter()
        .filter(|(name, _)| !name.starts_with(b":"))
        .collect();
    if let Some(version) = text("httpVersion") {
        version.clone_into(&mut recorded.version);
    }
    recorded.body = Some(request.get("postData").map(body).unwrap_or_default());
    Some(recorded)
}

fn body(data: &Value) -> Vec<u8> {
    if let Some(text) = data.get("text").and_then(Value::as_str) {
        return text.as_bytes().to_vec();
    }
    let member = |pair: &Value, name| {
        pair.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let pair = |pair: &Value| format!("{}={}", member(pair, "name"), member(pair, "value"));
    let pairs: Vec<String> = data
        .get("params")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(pair)
        .collect();
    pairs.join("&").into_bytes()
}
