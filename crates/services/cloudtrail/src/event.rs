//! An [`ApiCall`] as CloudTrail's event record, version 1.11: a pure function.
//!
//! Fields, their order and their spelling were read off real records and the CloudTrail User Guide ("CloudTrail record contents",
//! "CloudTrail userIdentity element"). A call that concerns two accounts is one record in each, under one `sharedEventID`: the
//! caller's names the caller, the other account's says no more than which account and principal it was.
//!
//! Fields that do not apply are left out, as in real records since version 1.09: `webIdFederationData` of a session that no web
//! identity opened, `sessionIssuer` of a user's own session.

use palisade_core::record::{AWS_INTERNAL, ApiCall, Outcome, RecordedCaller, RecordedSession};
use palisade_core::{AccountId, Identity};
use palisade_model::{Timestamp, catalog};
use serde_json::{Map, Value as Json, json};

/// The version of the record's format.
pub const EVENT_VERSION: &str = "1.11";

/// The services whose records list the resources of a call; the records of all others leave that to `requestParameters`, and only
/// LookupEvents names resources.
const LIST_RESOURCES: [&str; 4] = ["kms", "s3", "s3control", "sts"];

/// The record of `call` as `recipient`'s history shows it.
pub fn record(call: &ApiCall, recipient: &AccountId) -> Json {
    let source = source(&call.service);
    let mut event = Fields::default();
    event.set("eventVersion", EVENT_VERSION);
    event.set("userIdentity", user_identity(&call.caller, recipient));
    event.set("eventTime", moment(call.time_ms));
    event.set("eventSource", &*source);
    event.set("eventName", &*call.operation);
    event.set("awsRegion", call.region.as_str());
    event.set("sourceIPAddress", &*call.source_ip);
    event.set("userAgent", &*call.user_agent);
    if let Some((code, message)) = error(call) {
        event.set("errorCode", code);
        event.set("errorMessage", message);
    }
    event.set("requestParameters", request_parameters(call));
    event.set(
        "responseElements",
        parsed(call.response_elements.as_deref()),
    );
    if call.additional_event_data.is_some() {
        event.set(
            "additionalEventData",
            parsed(call.additional_event_data.as_deref()),
        );
    }
    if call.service_event.is_none() {
        event.set("requestID", call.request_id.to_string());
    }
    event.set("eventID", call.event_id_for(recipient).to_string());
    event.set("readOnly", call.read_only);
    let resources = resources(call);
    if !resources.is_empty() {
        event.set("resources", resources);
    }
    event.set(
        "eventType",
        match call.service_event {
            Some(_) => "AwsServiceEvent",
            None => "AwsApiCall",
        },
    );
    event.set("managementEvent", true);
    event.set("recipientAccountId", recipient.as_str());
    if let Some(details) = call
        .service_event
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        event.set("serviceEventDetails", parsed(Some(details)));
    }
    if let Some(shared) = call.shared_event_id {
        event.set("sharedEventID", shared.to_string());
    }
    event.set("eventCategory", "Management");
    if let Some(tls) = &call.tls {
        event.set(
            "tlsDetails",
            json!({"tlsVersion": tls.version, "cipherSuite": tls.cipher_suite, "clientProvidedHostHeader": tls.host}),
        );
    }
    event.0.into()
}

/// The name of a service in records, such as `iam.amazonaws.com`.
pub fn source(service: &str) -> String {
    let prefix = match service {
        // Its own host, but S3's name in records.
        "s3control" => "s3",
        _ => catalog::service(service).map_or(service, |known| known.metadata.endpoint_prefix),
    };
    format!("{prefix}.amazonaws.com")
}

/// The name LookupEvents knows the caller by: a user's name, a session's name, `root`. `None` for services, and for callers of
/// another account, of whom only the account and an id are shown.
pub fn user_name<'a>(caller: &'a RecordedCaller, recipient: &AccountId) -> Option<&'a str> {
    if is_foreign(caller, recipient) {
        return None;
    }
    match &caller.identity {
        Identity::Root => Some("root"),
        Identity::User(user) => Some(&user.name),
        Identity::RoleSession { session_name, .. } => Some(session_name),
        Identity::FederatedUser { name, .. } => Some(name),
        Identity::Service(_) | Identity::Anonymous => None,
    }
}

/// The access key that signed, where the recipient may see it.
pub fn access_key<'a>(caller: &'a RecordedCaller, recipient: &AccountId) -> Option<&'a str> {
    let shown = !is_foreign(caller, recipient) && !caller.access_key_id.is_empty();
    shown.then_some(&*caller.access_key_id)
}

/// Whether the caller belongs to another account than the one that reads the record.
fn is_foreign(caller: &RecordedCaller, recipient: &AccountId) -> bool {
    !matches!(caller.identity, Identity::Service(_) | Identity::Anonymous)
        && caller.account != *recipient
}

fn user_identity(caller: &RecordedCaller, recipient: &AccountId) -> Json {
    let kind = match &caller.identity {
        // Source: KMS Developer Guide, "RotateKey" among the examples of log entries.
        Identity::Service(name) if name == AWS_INTERNAL => {
            return json!({"accountId": caller.account.as_str(), "invokedBy": name});
        }
        Identity::Service(name) => return json!({"type": "AWSService", "invokedBy": name}),
        // Source: Amazon S3 User Guide, records of unauthenticated requests.
        Identity::Anonymous => {
            return json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"});
        }
        _ if is_foreign(caller, recipient) => {
            return json!({"type": "AWSAccount", "principalId": caller.user_id(), "accountId": caller.account.as_str()});
        }
        Identity::Root => "Root",
        Identity::User(_) => "IAMUser",
        Identity::RoleSession { .. } => "AssumedRole",
        Identity::FederatedUser { .. } => "FederatedUser",
    };
    let mut identity = Fields::default();
    identity.set("type", kind);
    identity.set("principalId", caller.user_id());
    identity.set("arn", caller.arn());
    identity.set("accountId", caller.account.as_str());
    if !caller.access_key_id.is_empty() {
        identity.set("accessKeyId", &*caller.access_key_id);
    }
    if let Identity::User(user) = &caller.identity {
        identity.set("userName", &*user.name);
    }
    if let Some(session) = &caller.session {
        identity.set("sessionContext", session_context(caller, session));
    }
    identity.0.into()
}

fn session_context(caller: &RecordedCaller, session: &RecordedSession) -> Json {
    let mut context = Fields::default();
    if let Some(issuer) = session_issuer(caller) {
        context.set("sessionIssuer", issuer);
    }
    // No session here was opened with a second factor yet.
    context.set(
        "attributes",
        json!({"creationDate": moment(session.issued_ms), "mfaAuthenticated": "false"}),
    );
    if let Some(source_identity) = &session.source_identity {
        context.set("sourceIdentity", &**source_identity);
    }
    context.0.into()
}

/// Whose authority a session carries: the role's, or that of whoever federated. A user's or root's own session has no issuer.
fn session_issuer(caller: &RecordedCaller) -> Option<Json> {
    let account = &caller.account;
    match &caller.identity {
        Identity::RoleSession { role, .. } => Some(json!({
            "type": "Role", "principalId": role.id, "arn": role.arn(), "accountId": role.account.as_str(), "userName": role.name,
        })),
        Identity::FederatedUser {
            user: Some(user), ..
        } => Some(json!({
            "type": "IAMUser", "principalId": user.id, "arn": user.arn(account), "accountId": account.as_str(), "userName": user.name,
        })),
        Identity::FederatedUser { user: None, .. } => Some(json!({
            "type": "Root", "principalId": account.as_str(), "arn": format!("arn:aws:iam::{account}:root"), "accountId": account.as_str(),
        })),
        Identity::Root | Identity::User(_) | Identity::Service(_) | Identity::Anonymous => None,
    }
}

/// The request; AssumeRole's also with what the caller's session brought into it (IAM User Guide, "Example AWS STS role chaining
/// API event in CloudTrail log file").
fn request_parameters(call: &ApiCall) -> Json {
    let Json::Object(given) = parsed(call.request_parameters.as_deref()) else {
        return Json::Null;
    };
    let Some(session) = call
        .caller
        .session
        .as_ref()
        .filter(|_| call.service == "sts" && call.operation == "AssumeRole")
    else {
        return given.into();
    };
    let mut parameters = Fields::default();
    let is_transitive = |key: &str| session.transitive_tag_keys.iter().any(|k| k == key);
    let incoming = session.tags.iter().filter(|(key, _)| is_transitive(key));
    let incoming: Map<String, Json> = incoming
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    if !incoming.is_empty() {
        parameters.set("incomingTransitiveTags", incoming);
    }
    parameters.0.extend(given);
    if let Some(identity) = &session.source_identity {
        parameters
            .0
            .entry("sourceIdentity")
            .or_insert_with(|| identity.as_str().into());
    }
    parameters.0.into()
}

/// The error as CloudTrail spells it: an exception by its name in the model (`NoSuchEntityException`, where the wire says
/// `NoSuchEntity`), a refusal by policy as `AccessDenied`, EC2's with `Client.` before it.
fn error(call: &ApiCall) -> Option<(String, &str)> {
    let (code, message) = match &call.outcome {
        Outcome::Success => return None,
        Outcome::Denied { code, message } => (denial(&call.service, code), message),
        Outcome::Failed { code, message } => (failure(&call.service, code), message),
    };
    Some((code, message))
}

fn denial(service: &str, code: &str) -> String {
    match service {
        "ec2" => format!("Client.{code}"),
        _ => "AccessDenied".to_owned(),
    }
}

fn failure(service: &str, code: &str) -> String {
    if service == "ec2" {
        return format!("Client.{code}");
    }
    let known = catalog::model(service).and_then(|model| model.error_shape(code));
    known.map_or(code, |(shape, ..)| shape.name).to_owned()
}

fn resources(call: &ApiCall) -> Vec<Json> {
    if !LIST_RESOURCES.contains(&&*call.service) {
        return Vec::new();
    }
    let entry = |resource: &palisade_core::record::RecordedResource| {
        let mut entry = Fields::default();
        if let Some(account) = &resource.account {
            entry.set("accountId", account.as_str());
        }
        entry.set("type", &*resource.kind);
        entry.set("ARN", &*resource.arn);
        Json::from(entry.0)
    };
    // What has no ARN is named for LookupEvents alone.
    call.resources
        .iter()
        .filter(|resource| !resource.arn.is_empty())
        .map(entry)
        .collect()
}

/// JSON that the journal keeps as text; null where there is none.
fn parsed(text: Option<&str>) -> Json {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Json::Null)
}

/// `2023-07-10T11:54:47Z`: whole seconds, as every record has it.
fn moment(ms: i64) -> String {
    Timestamp::new(ms.div_euclid(1000), 0).map_or_else(String::new, |moment| moment.to_string())
}

/// A JSON object being written, in order.
#[derive(Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.to_owned(), value.into());
    }
}
