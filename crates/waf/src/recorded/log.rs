//! AWS WAF's log records (developer guide, "Log fields for web ACL traffic"): one JSON object a line.

use serde_json::Value;

use super::{NotARequest, Recorded, headers, wrong};

/// Bytes of one record, at most.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// The request of one record. A record holds no body, so statements on it stay undecided.
///
/// # Errors
/// Where the line is no record.
pub fn log_record(line: &[u8]) -> Result<Recorded, NotARequest> {
    if line.len() > RECORD_BYTES_MAX {
        return Err(wrong(format!(
            "a record has at most {RECORD_BYTES_MAX} bytes"
        )));
    }
    let record: Value = serde_json::from_slice(line)
        .map_err(|error| wrong(format!("this is not JSON: {error}")))?;
    let request = record
        .get("httpRequest")
        .ok_or_else(|| wrong("this is no log record: it has no httpRequest"))?;
    let text = |name| request.get(name).and_then(Value::as_str);
    let (Some(method), Some(path), Some(client)) =
        (text("httpMethod"), text("uri"), text("clientIp"))
    else {
        return Err(wrong("the record has no httpMethod, uri or clientIp"));
    };
    let query = text("args")
        .filter(|args| !args.is_empty())
        .map_or(String::new(), |args| format!("?{args}"));
    let fragment = text("fragment").filter(|fragment| !fragment.is_empty());
    let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
    let mut recorded = Recorded::new(method, &format!("{path}{query}{fragment}"));
    let own = |name| record.get(name).and_then(Value::as_str).map(str::to_owned);
    recorded.id = text("requestId").map(str::to_owned);
    recorded.time_ms = record.get("timestamp").and_then(Value::as_u64);
    recorded.action = own("action");
    recorded.client = client
        .parse()
        .map_err(|_| wrong(format!("{client} is no address")))?;
    recorded.headers = headers(request.get("headers"));
    recorded.body = None;
    (recorded.ja3, recorded.ja4) = (own("ja3Fingerprint"), own("ja4Fingerprint"));
    if let Some(version) = text("httpVersion") {
        version.clone_into(&mut recorded.version);
    }
    Ok(recorded)
}
