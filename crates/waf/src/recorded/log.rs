//! AWS WAF's log records (developer guide, "Log fields for web ACL traffic"): one JSON object a line. Palisade's own have a member more.

use base64::Engine as _;
use serde_json::Value;

use super::{Decided, NotARequest, Recorded, headers, wrong};
use crate::decision::{RateCount, TokenState};

/// Bytes of one record, at most: a body of 16 MiB in base64, and what is around it.
const RECORD_BYTES_MAX: usize = 24 << 20;

/// The request of one record. A log record holds no body, so statements on it stay undecided; a record of a whole request does.
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
    // A body of no bytes is known.
    let no_body = record.get("requestBodySize").and_then(Value::as_u64) == Some(0);
    recorded.body = no_body.then(Vec::new);
    if let Some(own_member) = record.get("palisade") {
        own_part(own_member, &mut recorded)?;
    }
    (recorded.ja3, recorded.ja4) = (own("ja3Fingerprint"), own("ja4Fingerprint"));
    if let Some(version) = text("httpVersion") {
        version.clone_into(&mut recorded.version);
    }
    Ok(recorded)
}

/// The member that only Palisade's records have.
fn own_part(own: &Value, recorded: &mut Recorded) -> Result<(), NotARequest> {
    let text = |name| own.get(name).and_then(Value::as_str);
    if let Some(body) = text("body") {
        let body = base64::engine::general_purpose::STANDARD.decode(body);
        recorded.body = Some(body.map_err(|_| wrong("the body is not base64"))?);
        recorded.body_complete = own.get("bodyComplete") != Some(&Value::Bool(false));
    }
    let token = own.get("token");
    let state = token.and_then(|token| token.get("state")?.as_str());
    let solved = token.and_then(|token| token.get("solvedAt")?.as_u64());
    let token = match (state, solved) {
        (Some("SOLVED"), Some(at_s)) => TokenState::Solved { at_s },
        (Some("INVALID"), _) => TokenState::Invalid,
        (Some("DOMAIN_MISMATCH"), _) => TokenState::DomainMismatch,
        _ => TokenState::Missing,
    };
    let listed = own.get("rates").and_then(Value::as_array);
    recorded.decided = Some(Decided {
        acl_version: text("webAclVersion").unwrap_or_default().to_owned(),
        token,
        rates: listed.into_iter().flatten().filter_map(rate).collect(),
        took_us: own.get("tookUs").and_then(Value::as_u64).unwrap_or(0),
    });
    Ok(())
}

fn rate(value: &Value) -> Option<RateCount> {
    let number = |name| value.get(name).and_then(Value::as_u64);
    Some(RateCount {
        rule: value.get("rateBasedRuleName")?.as_str()?.into(),
        requests: number("requests")?,
        limit: number("maxRateAllowed")?,
        limited: value.get("limited")?.as_bool()?,
    })
}
