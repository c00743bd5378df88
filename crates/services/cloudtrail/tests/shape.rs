//! Real records of the operations that Palisade implements, rendered anew: every field, its place and its value must come out as
//! it was, but for the differences listed with their reasons in `data/differences.json`.
//!
//! What a record is made from is taken out of the real one: the caller, the time, the outcome, request and answer. Request and
//! answer themselves are rendered by the model's schema, which `palisade-model` proves over the same records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use palisade_cloudtrail::event;
use palisade_core::record::{
    ApiCall, Outcome, RecordedCaller, RecordedResource, RecordedSession, TlsDetails,
};
use palisade_core::{AccountId, Identity, Region, RoleRef, UserRef};
use palisade_model::{Timestamp, catalog};
use serde_json::Value as Json;

#[test]
fn records_have_the_shape_of_real_ones() {
    let Some(records) = real_records() else {
        return;
    };
    let implemented = implemented();
    let reasons = differences();
    let mut compared = BTreeSet::new();
    let mut met = BTreeSet::new();
    let mut unexplained = BTreeMap::new();
    for real in &records {
        let (source, name) = (text(real, "eventSource"), text(real, "eventName"));
        if !implemented.contains(&(source.clone(), name.clone())) {
            continue;
        }
        let call = as_call(real);
        let recipient = AccountId::new(&text(real, "recipientAccountId")).unwrap();
        let rendered = event::record(&call, &recipient);
        compared.insert((source, name));
        let mut found = Vec::new();
        compare("", real, &rendered, &mut found);
        for place in found {
            match reasons.contains_key(&place) {
                true => drop(met.insert(place)),
                false => drop(unexplained.insert(place, (real.clone(), rendered.clone()))),
            }
        }
    }
    assert!(compared.len() > 30, "only {compared:?} were compared");
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let stale: Vec<_> = reasons
        .keys()
        .filter(|place| !met.contains(*place))
        .collect();
    assert!(
        stale.is_empty(),
        "differences that are none any more: {stale:?}"
    );
    println!("{} kinds of records compared", compared.len());
}

/// Every place where the two differ, by its path; a list's elements share one.
fn compare(place: &str, real: &Json, rendered: &Json, found: &mut Vec<String>) {
    match (real, rendered) {
        (Json::Object(real), Json::Object(rendered)) => {
            let names: BTreeSet<&String> = real.keys().chain(rendered.keys()).collect();
            for name in names {
                let inner = if place.is_empty() {
                    name.clone()
                } else {
                    format!("{place}.{name}")
                };
                match (real.get(name), rendered.get(name)) {
                    (Some(real), Some(rendered)) => compare(&inner, real, rendered, found),
                    (Some(_), None) => found.push(format!("-{inner}")),
                    _ => found.push(format!("+{inner}")),
                }
            }
            let common = |of: &serde_json::Map<String, Json>,
                          other: &serde_json::Map<String, Json>| {
                of.keys()
                    .filter(|key| other.contains_key(*key))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let order = common(real, rendered);
            // Part of the records was sorted by name before it was published.
            if !order.is_sorted() && order != common(rendered, real) {
                found.push(format!("order of {place}"));
            }
        }
        (Json::Array(real), Json::Array(rendered)) if real.len() == rendered.len() => {
            for (real, rendered) in real.iter().zip(rendered) {
                compare(&format!("{place}[]"), real, rendered, found);
            }
        }
        _ if real == rendered => {}
        _ => found.push(place.to_owned()),
    }
}

/// The call that a real record tells of.
fn as_call(real: &Json) -> ApiCall {
    let source = text(real, "eventSource");
    let service = source.trim_end_matches(".amazonaws.com").to_owned();
    let shown = |name: &str| (!real[name].is_null()).then(|| real[name].to_string());
    let uuid = |name: &str| real[name].as_str().map(|text| text.parse().unwrap());
    ApiCall {
        request_id: uuid("requestID").unwrap(),
        time_ms: moment(&text(real, "eventTime")),
        operation: text(real, "eventName"),
        region: Region::new(&text(real, "awsRegion")).unwrap(),
        caller: as_caller(&real["userIdentity"]),
        source_ip: text(real, "sourceIPAddress"),
        user_agent: text(real, "userAgent"),
        tls: real.get("tlsDetails").map(|tls| TlsDetails {
            version: text(tls, "tlsVersion"),
            cipher_suite: text(tls, "cipherSuite"),
            host: text(tls, "clientProvidedHostHeader"),
        }),
        read_only: real["readOnly"].as_bool().unwrap(),
        outcome: outcome(&service, real),
        request_parameters: shown("requestParameters"),
        response_elements: shown("responseElements"),
        additional_event_data: shown("additionalEventData"),
        resources: real["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .map(as_resource)
            .collect(),
        branch: None,
        shared_event_id: uuid("sharedEventID"),
        service_event: None,
        service,
    }
}

/// The outcome with the code as the wire had it, so that the record's spelling must be found again.
fn outcome(service: &str, real: &Json) -> Outcome {
    let Some(code) = real.get("errorCode").and_then(Json::as_str) else {
        return Outcome::Success;
    };
    let message = text(real, "errorMessage");
    if code == "AccessDenied" {
        return Outcome::Denied {
            code: "AccessDeniedException".into(),
            message,
        };
    }
    let model = catalog::model(service).unwrap();
    let on_wire = model
        .error_shape(code)
        .map(|(.., traits)| traits.code.unwrap_or(code));
    Outcome::Failed {
        code: on_wire.expect("an exception of the model").to_owned(),
        message,
    }
}

fn as_caller(identity: &Json) -> RecordedCaller {
    let account = || AccountId::new(&text(identity, "accountId")).unwrap();
    let principal = || text(identity, "principalId");
    let session = &identity["sessionContext"];
    let issuer = &session["sessionIssuer"];
    let (account, identity_kind) = match text(identity, "type").as_str() {
        "AWSService" => (
            AccountId::new("000000000000").unwrap(),
            Identity::Service(text(identity, "invokedBy")),
        ),
        "IAMUser" => (account(), Identity::User(as_user(identity))),
        "AssumedRole" => {
            let session_name = principal().split_once(':').unwrap().1.to_owned();
            (
                account(),
                Identity::RoleSession {
                    role: as_role(issuer),
                    session_name,
                },
            )
        }
        "FederatedUser" => {
            let name = principal().split_once(':').unwrap().1.to_owned();
            (
                account(),
                Identity::FederatedUser {
                    name,
                    user: Some(as_user(issuer)),
                },
            )
        }
        other => panic!("{other}"),
    };
    let recorded = session.is_object().then(|| RecordedSession {
        issued_ms: moment(&text(&session["attributes"], "creationDate")),
        issued_by: uuid::Uuid::nil(),
        policies: vec![],
        policy_arns: vec![],
        tags: vec![],
        source_identity: session["sourceIdentity"].as_str().map(str::to_owned),
        transitive_tag_keys: vec![],
    });
    let access_key_id = identity["accessKeyId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    RecordedCaller {
        account,
        identity: identity_kind,
        access_key_id,
        session: recorded,
    }
}

fn as_user(of: &Json) -> UserRef {
    let arn = text(of, "arn");
    let (path, name) = path_and_name(arn.split_once(":user").unwrap().1);
    UserRef {
        name,
        path,
        id: text(of, "principalId"),
    }
}

fn as_role(of: &Json) -> RoleRef {
    let arn = text(of, "arn");
    let (path, name) = path_and_name(arn.split_once(":role").unwrap().1);
    let account = AccountId::new(&text(of, "accountId")).unwrap();
    RoleRef {
        account,
        name,
        path,
        id: text(of, "principalId"),
    }
}

fn path_and_name(text: &str) -> (String, String) {
    let (path, name) = text.rsplit_once('/').unwrap();
    (format!("{path}/"), name.to_owned())
}

fn as_resource(of: &Json) -> RecordedResource {
    RecordedResource {
        arn: text(of, "ARN"),
        account: of["accountId"]
            .as_str()
            .map(|account| AccountId::new(account).unwrap()),
        kind: text(of, "type"),
        name: text(of, "ARN"),
    }
}

fn text(of: &Json, name: &str) -> String {
    of[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {of}"))
        .to_owned()
}

fn moment(text: &str) -> i64 {
    Timestamp::parse_any(text).unwrap().millis()
}

/// The operations with a row, by the name of their service in records.
fn implemented() -> BTreeSet<(String, String)> {
    let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for service in ["iam", "sts", "cloudtrail"] {
        let rows = std::fs::read_to_string(services.join(service).join("operations.json")).unwrap();
        let rows: Json = serde_json::from_str(&rows).unwrap();
        let names = rows["operations"].as_object().unwrap().keys();
        found.extend(names.map(|name| (event::source(service), name.clone())));
    }
    found
}

fn differences() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!("data/differences.json")).unwrap()
}

fn real_records() -> Option<Vec<Json>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("PALISADE_SHARED").map_or(root.join("../shared"), PathBuf::from);
    let mut records = Vec::new();
    for folder in ["invictus", "stratus"] {
        let folder = shared.join("data/cloudtrail").join(folder);
        let Ok(files) = std::fs::read_dir(&folder) else {
            eprintln!(
                "SKIPPED: no real CloudTrail records at {}; set PALISADE_SHARED",
                folder.display()
            );
            return None;
        };
        let files = files.map(|file| file.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let values = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
            for value in values.map(Result::unwrap) {
                match value {
                    Json::Array(list) => records.extend(list),
                    Json::Object(mut file) => match file.remove("Records") {
                        Some(Json::Array(list)) => records.extend(list),
                        _ => records.push(Json::Object(file)),
                    },
                    other => panic!("{other}"),
                }
            }
        }
    }
    Some(records)
}
