//! Rate-based rules: what requests are counted by, and whether they are too many.

use std::sync::Arc;

use super::CompiledAggregate;
use super::addresses::Address;
use super::inspect::Inspection;
use crate::decision::{RateCount, Reason};
use crate::extract::Value;
use crate::rate::{Counted, address_key};
use crate::statement::{Aggregate, Fallback, RateKey};

enum RateKeyOf {
    Key(Vec<u8>),
    /// The fallback behavior decides; nothing is counted.
    Forced(bool),
    NotCounted,
}

/// Parts with their lengths, so that no two lists of parts are the same key.
fn push_part(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u64).to_be_bytes());
    key.extend_from_slice(part);
}

/// A long key as its hash: what a client sends does not decide how much is kept of it.
fn bounded(key: Vec<u8>) -> Vec<u8> {
    use sha2::Digest as _;
    if key.len() > 64 {
        sha2::Sha256::digest(&key).to_vec()
    } else {
        key
    }
}

impl<'a> Inspection<'a, '_> {
    pub(super) fn rate(
        &mut self,
        rule: &Arc<str>,
        group: Option<&Arc<str>>,
        index: usize,
        action: &'static str,
    ) -> bool {
        let rate = &self.acl.rate_rules[index];
        let in_scope = rate
            .scope_down
            .as_ref()
            .is_none_or(|node| self.settled(rule, node));
        let key = if in_scope {
            self.rate_key(index)
        } else {
            RateKeyOf::NotCounted
        };
        let (matched, because) = match &key {
            RateKeyOf::Forced(matched) => (*matched, "decided by its fallback behavior".to_owned()),
            RateKeyOf::NotCounted if in_scope => (
                false,
                "not counted: a part of the key is missing".to_owned(),
            ),
            RateKeyOf::NotCounted => (
                false,
                "not counted: the scope-down statement does not hold".to_owned(),
            ),
            RateKeyOf::Key(key) => {
                let Counted { requests, limited } =
                    self.counters.count(index, key, self.moment.now_ms);
                let limit = rate.statement.limit;
                self.decision.rates.push(RateCount {
                    rule: rule.clone(),
                    requests,
                    limit,
                    limited,
                });
                let which = if limited { "over" } else { "within" };
                (
                    limited,
                    format!(
                        "request {requests} in {} s, {which} the limit of {limit}",
                        rate.statement.window_s
                    ),
                )
            }
        };
        if self.explanation.is_some() {
            let parts = rate
                .scope_down
                .iter()
                .map(|node| self.reason(node))
                .collect();
            let statement = format!(
                "RateBasedStatement: {} in {} s",
                rate.statement.limit, rate.statement.window_s
            );
            let reason = Reason {
                statement,
                holds: matched,
                because,
                found: None,
                parts,
            };
            self.note(rule, group, matched, matched.then_some(action), reason);
        }
        matched
    }

    fn rate_key(&mut self, index: usize) -> RateKeyOf {
        let rate = &self.acl.rate_rules[index];
        let forwarded = rate.statement.forwarded.as_ref();
        let CompiledAggregate::Custom(keys) = &rate.aggregate else {
            return match &rate.aggregate {
                CompiledAggregate::Plain(Aggregate::Constant) => RateKeyOf::Key(Vec::new()),
                CompiledAggregate::Plain(Aggregate::ForwardedIp) => match self.forwarded(forwarded)
                {
                    Ok(Address::Known(address)) => RateKeyOf::Key(address_key(address)),
                    Ok(Address::Fallback(matched)) => RateKeyOf::Forced(matched),
                    Err(_) => RateKeyOf::NotCounted,
                },
                _ => RateKeyOf::Key(address_key(self.request.client)),
            };
        };
        let mut joined = Vec::new();
        for (key, lane) in keys {
            let part = match (key, lane) {
                (_, Some(lane)) => self.lane_key(*lane),
                (RateKey::Method, _) => Some(self.request.method.to_vec()),
                (RateKey::Ip, _) => Some(address_key(self.request.client)),
                (RateKey::ForwardedIp, _) => match self.forwarded(forwarded) {
                    Ok(Address::Known(address)) => Some(address_key(address)),
                    Ok(Address::Fallback(matched)) => return RateKeyOf::Forced(matched),
                    Err(_) => None,
                },
                (RateKey::LabelNamespace(namespace), _) => self.label_key(namespace),
                (RateKey::Ja3(fallback), _) => match self.request.ja3 {
                    None => return RateKeyOf::Forced(*fallback == Fallback::Match),
                    Some(ja3) => Some(ja3.as_bytes().to_vec()),
                },
                (RateKey::Ja4(fallback), _) => match self.request.ja4 {
                    None => return RateKeyOf::Forced(*fallback == Fallback::Match),
                    Some(ja4) => Some(ja4.as_bytes().to_vec()),
                },
                (RateKey::Asn, _) => match self.address(forwarded) {
                    Ok(Address::Known(address)) => {
                        self.asn(address).map(|asn| asn.to_be_bytes().to_vec())
                    }
                    Ok(Address::Fallback(matched)) => return RateKeyOf::Forced(matched),
                    Err(_) => None,
                },
                _ => None,
            };
            let Some(part) = part else {
                return RateKeyOf::NotCounted;
            };
            push_part(&mut joined, &part);
        }
        RateKeyOf::Key(bounded(joined))
    }

    /// All values of a field; nothing where it is not there.
    fn lane_key(&mut self, lane: usize) -> Option<Vec<u8>> {
        let values: &[Value<'_>] = self.lanes.values(lane);
        if values.is_empty() {
            return None;
        }
        let mut key = Vec::new();
        for value in values {
            push_part(&mut key, value.bytes);
        }
        Some(key)
    }

    /// The labels in a namespace; nothing where there is none.
    fn label_key(&self, namespace: &str) -> Option<Vec<u8>> {
        let mut labels: Vec<&str> = self
            .decision
            .labels
            .iter()
            .map(String::as_str)
            .filter(|label| label.starts_with(namespace))
            .collect();
        labels.sort_unstable();
        (!labels.is_empty()).then(|| labels.join(",").into_bytes())
    }
}
