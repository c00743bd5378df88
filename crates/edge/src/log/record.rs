//! A request and its decision as one line of JSON: AWS WAF's log record (developer guide, "Log fields for web ACL traffic").
//!
//! The member `palisade` is Palisade's own: what it takes to explain or replay the decision.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use palisade_waf::{Decision, GroupResult, RateCount, RuleMatch, Terminating, TokenState, Verdict};
use serde::Serialize;

use super::config::LogConfig;
use super::secrets::Hider;
use crate::head::RequestHead;
use crate::policy::Policy;

/// What a field is replaced with that records do not hold.
const REDACTED: &str = "REDACTED";
/// Labels of one record, at most.
const LABELS_MAX: usize = 100;

/// All that is known of a decided request.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Unix time in milliseconds.
    pub now_ms: u64,
    /// The request's id.
    pub id: &'a str,
    /// The ACL that decided.
    pub policy: &'a Policy,
    /// Its decision.
    pub decision: &'a Decision,
    /// The request's head.
    pub head: &'a RequestHead,
    /// Its body, or what of it was inspected.
    pub body: &'a [u8],
    /// Whether that is all.
    pub body_complete: bool,
    /// How long the body is, where that was told.
    pub body_length: Option<u64>,
    /// The client's address.
    pub client: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The JA3 fingerprint.
    pub ja3: Option<&'a str>,
    /// The JA4 fingerprint.
    pub ja4: Option<&'a str>,
    /// What the client's token was worth.
    pub token: TokenState,
    /// How long the decision took.
    pub took_us: u64,
    /// What the listener is called.
    pub source: &'a str,
}

impl Entry<'_> {
    /// The log record, with its line end.
    pub fn log_line(&self, config: &LogConfig) -> Vec<u8> {
        let value = |name: &[u8], value| match config.redacts_header(name) {
            true => Cow::Borrowed(REDACTED.as_bytes()),
            false => Cow::Borrowed(value),
        };
        let mut line = self.line(&value);
        let http = &mut line.http_request;
        if config.redacts_path() {
            http.uri = REDACTED.into();
        }
        if config.redacts_query() {
            http.args = REDACTED.into();
        }
        if config.redacts_method() {
            http.http_method = REDACTED.into();
        }
        written(&line)
    }

    /// The record of the whole request, with its line end.
    pub fn record_line(&self, hider: &Hider) -> Vec<u8> {
        let mut line = self.line(&|name, value| hider.header(name, value));
        let (_, query, _) = parts(self.head.target());
        line.http_request.args = text(hider.query(query));
        line.palisade.body =
            Some(base64::engine::general_purpose::STANDARD.encode(hider.body(self.body)));
        line.palisade.body_complete = Some(self.body_complete);
        written(&line)
    }

    fn line<'s>(&'s self, header: &dyn Fn(&'s [u8], &'s [u8]) -> Cow<'s, [u8]>) -> Line<'s> {
        let (path, query, fragment) = parts(self.head.target());
        let decision = self.decision;
        let fields = self.head.fields().iter();
        let headers = fields.map(|(name, value)| Pair {
            name: text(Cow::Borrowed(name)),
            value: text(header(name, value)),
        });
        let (terminating, terminating_type) = self.terminating();
        Line {
            timestamp: self.now_ms,
            format_version: 1,
            webacl_id: &self.policy.id,
            terminating_rule_id: terminating,
            terminating_rule_type: terminating_type,
            action: decision.verdict.name(),
            terminating_rule_match_details: [],
            http_source_name: "-",
            http_source_id: self.source,
            rule_group_list: decision.groups.iter().map(Group::of).collect(),
            rate_based_rule_list: decision
                .rates
                .iter()
                .filter(|rate| rate.limited)
                .map(Rate::of)
                .collect(),
            non_terminating_matching_rules: decision
                .non_terminating
                .iter()
                .map(Matched::of)
                .collect(),
            request_headers_inserted: self.inserted(),
            response_code_sent: self.status(),
            http_request: Http {
                client_ip: self.client,
                country: self.country(),
                headers: headers.collect(),
                uri: text(Cow::Borrowed(path)),
                args: text(Cow::Borrowed(query)),
                http_version: self.head.version().name(),
                http_method: text(Cow::Borrowed(self.head.method())),
                request_id: self.id,
                fragment: text(Cow::Borrowed(fragment)),
                scheme: self.scheme,
                host: text(Cow::Borrowed(self.head.host().unwrap_or_default())),
            },
            labels: decision
                .labels
                .iter()
                .take(LABELS_MAX)
                .map(|name| Label { name })
                .collect(),
            ja3_fingerprint: self.ja3,
            ja4_fingerprint: self.ja4,
            request_body_size: self.body_length.unwrap_or(self.body.len() as u64),
            request_body_size_inspected: self.body.len().min(self.policy.acl.body_limit_bytes())
                as u64,
            challenge_response: self.challenge(false),
            captcha_response: self.challenge(true),
            client_asn: decision.client_asn,
            palisade: Own {
                web_acl_version: &self.policy.version,
                token: Token::of(self.token),
                rates: decision.rates.iter().map(Rate::of).collect(),
                undecided: decision.undecided.iter().map(|rule| &**rule).collect(),
                took_us: self.took_us,
                body: None,
                body_complete: None,
            },
        }
    }

    fn terminating(&self) -> (&str, &'static str) {
        match &self.decision.terminating {
            Terminating::Default => ("Default_Action", "REGULAR"),
            Terminating::Rule(found) => {
                let kind = self.policy.rule_types.get(&found.rule).copied();
                (&found.rule, kind.unwrap_or("REGULAR"))
            }
        }
    }

    /// The country, where a statement has asked for it: it labels the request.
    fn country(&self) -> &str {
        let mut labels = self.decision.labels.iter();
        labels
            .find_map(|label| label.strip_prefix("awswaf:clientip:geo:country:"))
            .unwrap_or("-")
    }

    fn status(&self) -> Option<u16> {
        match &self.decision.verdict {
            Verdict::Allow => None,
            Verdict::Block(response) => Some(response.status),
            Verdict::Challenge { .. } => Some(202),
        }
    }

    fn inserted(&self) -> Option<Vec<Pair<'_>>> {
        let headers = &self.decision.insert_headers;
        let pair = |header: &'_ palisade_waf::model::CustomHeader| Pair {
            name: format!("x-amzn-waf-{}", header.name).into(),
            value: header.value.clone().into(),
        };
        (!headers.is_empty()).then(|| headers.iter().map(pair).collect())
    }

    fn challenge(&self, of_captcha: bool) -> Option<Challenge> {
        match &self.decision.verdict {
            Verdict::Challenge {
                reason, captcha, ..
            } if *captcha == of_captcha => Some(Challenge {
                response_code: 202,
                solve_timestamp: match self.token {
                    TokenState::Solved { at_s } => Some(at_s),
                    _ => None,
                },
                failure_reason: reason.name(),
            }),
            _ => None,
        }
    }
}

fn written(line: &Line<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2048);
    // Nothing in it can fail to be written.
    let _ = serde_json::to_writer(&mut bytes, line);
    bytes.push(b'\n');
    bytes
}

/// Path, query and fragment of a target.
fn parts(target: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let cut = |bytes: &'_ [u8], at: u8| memchr::memchr(at, bytes);
    let (rest, fragment) = match cut(target, b'#') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &target[..0]),
    };
    match cut(rest, b'?') {
        Some(at) => (&rest[..at], &rest[at + 1..], fragment),
        None => (rest, &rest[..0], fragment),
    }
}

/// Bytes as JSON's text; what is no UTF-8 becomes the replacement character.
fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
            .into(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    timestamp: u64,
    format_version: u8,
    webacl_id: &'a str,
    terminating_rule_id: &'a str,
    terminating_rule_type: &'static str,
    action: &'static str,
    terminating_rule_match_details: [(); 0],
    http_source_name: &'static str,
    http_source_id: &'a str,
    rule_group_list: Vec<Group<'a>>,
    rate_based_rule_list: Vec<Rate<'a>>,
    non_terminating_matching_rules: Vec<Matched<'a>>,
    request_headers_inserted: Option<Vec<Pair<'a>>>,
    response_code_sent: Option<u16>,
    http_request: Http<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Label<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja3_fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4_fingerprint: Option<&'a str>,
    request_body_size: u64,
    #[serde(rename = "requestBodySizeInspectedByWAF")]
    request_body_size_inspected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge_response: Option<Challenge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captcha_response: Option<Challenge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_asn: Option<u32>,
    palisade: Own<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    client_ip: IpAddr,
    country: &'a str,
    headers: Vec<Pair<'a>>,
    uri: Cow<'a, str>,
    args: Cow<'a, str>,
    http_version: &'static str,
    http_method: Cow<'a, str>,
    request_id: &'a str,
    fragment: Cow<'a, str>,
    scheme: &'static str,
    host: Cow<'a, str>,
}

#[derive(Serialize)]
struct Pair<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

#[derive(Serialize)]
struct Label<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Challenge {
    response_code: u16,
    solve_timestamp: Option<u64>,
    failure_reason: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    rule_group_id: &'a str,
    terminating_rule: Option<Acted<'a>>,
    non_terminating_matching_rules: Vec<Acted<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acted<'a> {
    rule_id: &'a str,
    action: &'a str,
}

impl<'a> Group<'a> {
    fn of(group: &'a GroupResult) -> Group<'a> {
        let acted = |(rule, action): &'a (Arc<str>, &'static str)| Acted {
            rule_id: rule,
            action,
        };
        Group {
            rule_group_id: &group.group,
            terminating_rule: group.terminating.as_ref().map(acted),
            non_terminating_matching_rules: group.non_terminating.iter().map(acted).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Matched<'a> {
    rule_id: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    overridden_action: Option<&'a str>,
    rule_match_details: [(); 0],
}

impl<'a> Matched<'a> {
    fn of(found: &'a RuleMatch) -> Matched<'a> {
        Matched {
            rule_id: found
                .in_group
                .as_ref()
                .map_or(&*found.rule, |inside| &*inside.rule),
            action: found.action,
            overridden_action: found.overridden,
            rule_match_details: [],
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rate<'a> {
    rate_based_rule_name: &'a str,
    max_rate_allowed: u64,
    requests: u64,
    limited: bool,
}

impl<'a> Rate<'a> {
    fn of(rate: &'a RateCount) -> Rate<'a> {
        Rate {
            rate_based_rule_name: &rate.rule,
            max_rate_allowed: rate.limit,
            requests: rate.requests,
            limited: rate.limited,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Own<'a> {
    web_acl_version: &'a str,
    token: Token,
    rates: Vec<Rate<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undecided: Vec<&'a str>,
    took_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_complete: Option<bool>,
}

#[derive(Serialize)]
struct Token {
    state: &'static str,
    #[serde(rename = "solvedAt", skip_serializing_if = "Option::is_none")]
    solved_at: Option<u64>,
}

impl Token {
    fn of(state: TokenState) -> Token {
        let (state, solved_at) = match state {
            TokenState::Missing => ("MISSING", None),
            TokenState::Invalid => ("INVALID", None),
            TokenState::DomainMismatch => ("DOMAIN_MISMATCH", None),
            TokenState::Solved { at_s } => ("SOLVED", Some(at_s)),
        };
        Token { state, solved_at }
    }
}
