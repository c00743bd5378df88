//! What is put is what the engine takes: it is compiled, with all it refers to, before it is kept.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use palisade_core::{Call, CallError};
use palisade_model::{Structure, Value};
use palisade_waf::detect::{Environment, Origins};
use palisade_waf::model::ResourceType;
use palisade_waf::{Acl, BodyInspection, Document};
use serde_json::{Map, json};

use crate::entities::find;
use crate::faults::{limit, missing, not_implemented, refused};
use crate::members::{self, references};
use crate::place::{Address, Kind};
use crate::tables::USES;

/// Addresses of an IP set, at most ("AWS WAF quotas").
const ADDRESSES_MAX: usize = 10_000;
/// Patterns of a regex pattern set, at most.
const PATTERNS_MAX: usize = 10;

/// Members that nothing acts on yet: refused, so that nobody relies on them.
const NOT_SERVED: [&str; 5] = [
    "DataProtectionConfig",
    "OnSourceDDoSProtectionConfig",
    "ApplicationConfig",
    "MonetizationConfig",
    "AnalyticsConfig",
];

/// Stands for data on addresses, which a listener has and the API has not: statements that need it are taken.
struct Anywhere;

impl Origins for Anywhere {
    fn country(&self, _: IpAddr) -> Option<&str> {
        None
    }

    fn region(&self, _: IpAddr) -> Option<&str> {
        None
    }

    fn asn(&self, _: IpAddr) -> Option<u32> {
        None
    }
}

static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| Environment {
    managed: Some(palisade_managed::groups()),
    origins: Some(Arc::new(Anywhere)),
    ..Environment::default().with_detectors()
});

/// Checks what is to be kept at an address, with all it refers to, and says its capacity units: a web ACL's, else none.
///
/// # Errors
/// What the engine says, in wafv2's words.
pub(crate) fn entity(
    call: &Call<'_>,
    address: &Address,
    body: &Structure,
) -> Result<i64, CallError> {
    if let Some(name) = NOT_SERVED.iter().find(|name| body.get(name).is_some()) {
        return Err(not_implemented(name).into());
    }
    let elements = |name: &str| {
        body.get(name)
            .and_then(Value::as_list)
            .map_or(0, <[_]>::len)
    };
    if elements("Addresses") > ADDRESSES_MAX {
        let message = format!("an IP set has at most {ADDRESSES_MAX} addresses.");
        return Err(limit(&message).into());
    }
    if elements("RegularExpressionList") > PATTERNS_MAX {
        let message = format!("a regex pattern set has at most {PATTERNS_MAX} patterns.");
        return Err(limit(&message).into());
    }
    let mut bundle = bundle(call, address, body)?;
    if let Some(around) = around(address) {
        bundle.insert(Kind::WebAcl.member().to_owned(), around);
    }
    compile(&bundle, address.kind)
}

/// The capacity units of rules of a place.
///
/// # Errors
/// As [`entity`].
pub(crate) fn capacity(
    call: &Call<'_>,
    address: &Address,
    rules: &Structure,
) -> Result<i64, CallError> {
    let mut bundle = bundle(call, address, rules)?;
    if let Some(acl) = bundle.get_mut(Kind::WebAcl.member()) {
        acl["DefaultAction"] = json!({"Allow": {}});
        acl["VisibilityConfig"] = visibility();
    }
    compile(&bundle, Kind::WebAcl)
}

/// Checks all that refers to a group or set again, after it was changed.
///
/// # Errors
/// As [`entity`].
pub(crate) fn users(call: &Call<'_>, address: &Address) -> Result<(), CallError> {
    // Whatever addresses a set holds, what refers to it stays valid.
    if address.kind == Kind::IpSet {
        return Ok(());
    }
    let found = call
        .tx
        .range(&USES, &(address.arn().as_str(),), None, usize::MAX)?;
    for ((_, user), ()) in found {
        let Some(user) = Address::parse(&user) else {
            continue;
        };
        if let Some(kept) = find(call, &user)? {
            entity(call, &user, &members::body(&kept.body)?)?;
            users(call, &user)?;
        }
    }
    Ok(())
}

/// Compiles a document. Of an IP set there is nothing to compile.
fn compile(bundle: &Map<String, serde_json::Value>, kind: Kind) -> Result<i64, CallError> {
    let told = |error| CallError::from(refused(error, kind.member()));
    let text = serde_json::to_vec(bundle).unwrap_or_default();
    let document = Document::parse(&text).map_err(told)?;
    if document.web_acl.is_none() {
        return Ok(0);
    }
    let inspection = BodyInspection::Aws(ResourceType::ApplicationLoadBalancer);
    let acl = Acl::compile(&document, &ENVIRONMENT, inspection).map_err(told)?;
    Ok(match kind {
        Kind::WebAcl => i64::try_from(acl.capacity()).unwrap_or(i64::MAX),
        _ => 0,
    })
}

/// A web ACL that uses a set or group, for it to be compiled.
fn around(address: &Address) -> Option<serde_json::Value> {
    let arn = address.arn();
    let (statement, action) = match address.kind {
        Kind::RegexPatternSet => (
            json!({"RegexPatternSetReferenceStatement": {"ARN": arn, "FieldToMatch": {"UriPath": {}},
                "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}),
            ("Action", json!({"Count": {}})),
        ),
        Kind::RuleGroup => (
            json!({"RuleGroupReferenceStatement": {"ARN": arn}}),
            ("OverrideAction", json!({"None": {}})),
        ),
        Kind::IpSet | Kind::WebAcl => return None,
    };
    Some(
        json!({"Name": "around", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility(),
        "Rules": [{"Name": "it", "Priority": 0, "Statement": statement, action.0: action.1, "VisibilityConfig": visibility()}]}),
    )
}

fn visibility() -> serde_json::Value {
    json!({"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "around"})
}

/// The document of something with all it refers to.
fn bundle(
    call: &Call<'_>,
    address: &Address,
    body: &Structure,
) -> Result<Map<String, serde_json::Value>, CallError> {
    let mut bundle = Map::new();
    let own = document(address, body);
    bundle.insert(address.kind.member().to_owned(), own);
    let mut open = references(&Value::Structure(body.clone())).arns;
    let mut seen = open.clone();
    while let Some(arn) = open.pop() {
        let within = |found: &Address| {
            found.account == address.account
                && found.place == address.place
                && found.kind != Kind::WebAcl
                && found.arn() != address.arn()
        };
        let found = Address::parse(&arn).filter(within).ok_or_else(missing)?;
        let kept = find(call, &found)?.ok_or_else(missing)?;
        let body = members::body(&kept.body)?;
        let behind = references(&Value::Structure(body.clone())).arns;
        let new = behind.into_iter().filter(|arn| !seen.contains(arn));
        let new: Vec<String> = new.collect();
        seen.extend(new.iter().cloned());
        open.extend(new);
        let list = bundle
            .entry(found.kind.plural())
            .or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(document(&found, &body));
        }
    }
    Ok(bundle)
}

fn document(address: &Address, body: &Structure) -> serde_json::Value {
    let mut document = members::json(&Value::Structure(body.clone()));
    document["Name"] = address.name.as_str().into();
    document["ARN"] = address.arn().into();
    document
}

/// Makes the table of uses say what a body refers to, in place of what it referred to before.
///
/// # Errors
/// When the store fails.
pub(crate) fn use_of(
    call: &mut Call<'_>,
    address: &Address,
    before: Option<&Structure>,
    now: Option<&Structure>,
) -> Result<(), CallError> {
    let arns = |body: Option<&Structure>| {
        let body = body.cloned().unwrap_or_default();
        references(&Value::Structure(body)).arns
    };
    let user = address.arn();
    for arn in arns(before) {
        call.tx.delete(&USES, &(arn.as_str(), user.as_str()))?;
    }
    for arn in arns(now) {
        call.tx.put(&USES, &(arn.as_str(), user.as_str()), &())?;
    }
    Ok(())
}
