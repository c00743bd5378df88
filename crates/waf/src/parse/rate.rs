//! Rate-based statements.

use serde_json::Value;

use super::field;
use super::reader::Object;
use super::statement::{Place, statement};
use crate::error::Error;
use crate::statement::{Aggregate, Fallback, RateBased, RateKey};
use crate::transform::named;

named! {
    /// `RateBasedStatementAggregateKeyType`.
    KeyType {
        /// The client's address.
        Ip = "IP",
        /// A forwarded address.
        ForwardedIp = "FORWARDED_IP",
        /// Custom keys.
        Custom = "CUSTOM_KEYS",
        /// All together.
        Constant = "CONSTANT",
    }
}

const KEYS: [&str; 12] = [
    "Header",
    "Cookie",
    "QueryArgument",
    "QueryString",
    "HTTPMethod",
    "ForwardedIP",
    "IP",
    "LabelNamespace",
    "UriPath",
    "JA3Fingerprint",
    "JA4Fingerprint",
    "ASN",
];

pub(super) fn rate_based(object: &Object<'_>) -> Result<RateBased, Error> {
    let known = [
        "Limit",
        "EvaluationWindowSec",
        "AggregateKeyType",
        "ScopeDownStatement",
        "ForwardedIPConfig",
        "CustomKeys",
    ];
    let rate = object.object("RateBasedStatement", "RATE_BASED_STATEMENT", &known)?;
    let limit = rate.integer("Limit", 10..=2_000_000_000)?;
    let window_s = rate
        .optional_integer("EvaluationWindowSec", 60..=600)?
        .unwrap_or(300);
    if ![60, 120, 300, 600].contains(&window_s) {
        return Err(rate.wrong_member("EvaluationWindowSec", "This is none of 60, 120, 300, 600."));
    }
    let scope_down = match rate.get("ScopeDownStatement") {
        Some(value) => Some(statement(
            value,
            rate.path("ScopeDownStatement"),
            Place::Nested(1),
        )?),
        None => None,
    };
    let forwarded = field::forwarded(&rate)?;
    let keys = custom_keys(&rate)?;
    let kind = rate.choice("AggregateKeyType", KeyType::of)?;
    if (kind == KeyType::Custom) == keys.is_empty() {
        return Err(rate.wrong_member(
            "CustomKeys",
            "Custom keys go with the aggregate key type CUSTOM_KEYS, and only with it.",
        ));
    }
    let aggregate = match kind {
        KeyType::Ip => Aggregate::Ip,
        KeyType::ForwardedIp => Aggregate::ForwardedIp,
        KeyType::Constant if scope_down.is_none() => {
            return Err(rate.wrong_member(
                "ScopeDownStatement",
                "CONSTANT needs a scope-down statement.",
            ));
        }
        KeyType::Constant => Aggregate::Constant,
        KeyType::Custom => Aggregate::Custom(keys),
    };
    if needs_forwarded(&aggregate) && forwarded.is_none() {
        return Err(rate.wrong_member("ForwardedIPConfig", "A forwarded address needs this."));
    }
    Ok(RateBased {
        limit,
        window_s,
        aggregate,
        scope_down,
        forwarded,
    })
}

fn needs_forwarded(aggregate: &Aggregate) -> bool {
    match aggregate {
        Aggregate::ForwardedIp => true,
        Aggregate::Custom(keys) => keys.contains(&RateKey::ForwardedIp),
        _ => false,
    }
}

fn custom_keys(rate: &Object<'_>) -> Result<Vec<RateKey>, Error> {
    let listed = rate.list("CustomKeys", 0..=5)?;
    let keys = listed
        .into_iter()
        .map(|(at, value)| custom_key(value, at))
        .collect::<Result<Vec<_>, _>>()?;
    if matches!(keys[..], [RateKey::Ip] | [RateKey::ForwardedIp]) {
        let reason =
            "An address alone is no custom key: use the aggregate key type IP or FORWARDED_IP.";
        return Err(Error::invalid(
            "CUSTOM_KEYS",
            &rate.path("CustomKeys"),
            reason,
        ));
    }
    Ok(keys)
}

fn custom_key(value: &Value, at: String) -> Result<RateKey, Error> {
    let object = Object::new(value, at, "CUSTOM_KEYS", &KEYS)?;
    let name = object.one_of(&KEYS)?;
    let known: &[&str] = match name {
        "Header" | "Cookie" | "QueryArgument" => &["Name", "TextTransformations"],
        "QueryString" | "UriPath" => &["TextTransformations"],
        "LabelNamespace" => &["Namespace"],
        "JA3Fingerprint" | "JA4Fingerprint" => &["FallbackBehavior"],
        _ => &[],
    };
    let key = object.object(name, "CUSTOM_KEYS", known)?;
    let named = || {
        Ok::<_, Error>((
            key.text("Name", 64)?.to_owned(),
            field::transformations(&key)?,
        ))
    };
    Ok(match name {
        "Header" => {
            named().map(|(name, chain)| RateKey::Header(name.to_ascii_lowercase(), chain))?
        }
        "Cookie" => named().map(|(name, chain)| RateKey::Cookie(name, chain))?,
        "QueryArgument" => {
            named().map(|(name, chain)| RateKey::QueryArgument(name.to_ascii_lowercase(), chain))?
        }
        "QueryString" => RateKey::QueryString(field::transformations(&key)?),
        "UriPath" => RateKey::UriPath(field::transformations(&key)?),
        "HTTPMethod" => RateKey::Method,
        "ForwardedIP" => RateKey::ForwardedIp,
        "IP" => RateKey::Ip,
        "LabelNamespace" => match key.text("Namespace", 1024)? {
            namespace if super::rule::is_label(namespace) && namespace.ends_with(':') => {
                RateKey::LabelNamespace(namespace.to_owned())
            }
            _ => return Err(key.wrong_member("Namespace", "A namespace ends in a colon.")),
        },
        "JA3Fingerprint" => RateKey::Ja3(key.choice("FallbackBehavior", Fallback::of)?),
        "JA4Fingerprint" => RateKey::Ja4(key.choice("FallbackBehavior", Fallback::of)?),
        _ => RateKey::Asn,
    })
}
