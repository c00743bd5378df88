//! Records show calls as real records of AWS do.

use std::path::PathBuf;

use palisade_model::record::{HIDDEN, request_parameters, response_elements};
use palisade_model::{ServiceModel, ShapeId, ShapeKind, Structure, Timestamp, Value, catalog};
use serde_json::{Value as Json, json};

fn model(service: &str) -> &'static ServiceModel {
    catalog::model(service).expect("a model")
}

fn request(service: &str, operation: &str, input: Structure) -> Json {
    let operation = model(service).operation(operation).expect("an operation");
    json!(request_parameters(model(service), operation, &input))
}

fn response(service: &str, operation: &str, output: Structure) -> Json {
    let operation = model(service).operation(operation).expect("an operation");
    json!(response_elements(model(service), operation, &output))
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse_any(text).expect("a moment")
}

#[test]
fn an_access_key_is_shown_without_its_secret() {
    let key = Structure::new()
        .with("UserName", "ada")
        .with("AccessKeyId", "AKIATFQR7NSC3ZO6PKAZ")
        .with("Status", "Active")
        .with("SecretAccessKey", "hunter2")
        .with("CreateDate", moment("2023-07-10T12:24:29Z"));
    let shown = response(
        "iam",
        "CreateAccessKey",
        Structure::new().with("AccessKey", key),
    );
    assert_eq!(
        shown,
        json!({"accessKey": {"userName": "ada", "accessKeyId": "AKIATFQR7NSC3ZO6PKAZ", "status": "Active", "createDate": "Jul 10, 2023 12:24:29 PM"}})
    );
}

#[test]
fn a_session_token_is_hidden_although_the_model_does_not_say_so() {
    let credentials = Structure::new()
        .with("AccessKeyId", "ASIASTJKC5GCM7ZE6LUP")
        .with("SecretAccessKey", "hunter2")
        .with("SessionToken", "IQoJb3JpZ2lu")
        .with("Expiration", moment("2024-11-30T20:43:17Z"));
    let shown = response(
        "sts",
        "GetFederationToken",
        Structure::new().with("Credentials", credentials),
    );
    assert_eq!(
        shown,
        json!({"credentials": {"accessKeyId": "ASIASTJKC5GCM7ZE6LUP", "sessionToken": HIDDEN, "expiration": "Nov 30, 2024, 8:43:17 PM"}})
    );
}

#[test]
fn one_time_codes_and_passwords_are_not_shown() {
    let input = Structure::new()
        .with("SerialNumber", "arn:aws:iam::1:mfa/x")
        .with("TokenCode", "123456");
    assert_eq!(
        request("sts", "GetSessionToken", input),
        json!({"serialNumber": "arn:aws:iam::1:mfa/x", "tokenCode": HIDDEN})
    );
    let input = Structure::new()
        .with("UserName", "ada")
        .with("Password", "hunter2");
    assert_eq!(
        request("iam", "CreateLoginProfile", input),
        json!({"userName": "ada"})
    );
    let input = Structure::new()
        .with("AuthenticationCode1", "123456")
        .with("AuthenticationCode2", "654321");
    assert_eq!(
        request("iam", "EnableMFADevice", input),
        json!({"authenticationCode1": HIDDEN, "authenticationCode2": HIDDEN})
    );
    let input = Structure::new()
        .with("ClientId", "c")
        .with("Username", "ada")
        .with("Password", "hunter2");
    assert_eq!(request("cognito-idp", "SignUp", input)["password"], HIDDEN);
}

#[test]
fn nothing_to_show_is_null() {
    assert_eq!(
        request("sts", "GetCallerIdentity", Structure::new()),
        Json::Null
    );
    assert_eq!(response("iam", "DeleteUser", Structure::new()), Json::Null);
    let bytes = Structure::new().with("CiphertextBlob", bytes::Bytes::from_static(b"x"));
    assert_eq!(request("kms", "Decrypt", bytes), Json::Null);
}

#[test]
fn midnight_and_noon_are_twelve() {
    let at = |text| {
        let user = Structure::new().with("CreateDate", moment(text));
        response("iam", "CreateUser", Structure::new().with("User", user))["user"]["createDate"]
            .clone()
    };
    assert_eq!(at("2024-02-29T00:05:09Z"), "Feb 29, 2024 12:05:09 AM");
    assert_eq!(at("2023-12-01T12:00:00Z"), "Dec 1, 2023 12:00:00 PM");
    assert_eq!(at("2023-12-31T23:59:59Z"), "Dec 31, 2023 11:59:59 PM");
}

#[test]
fn map_keys_are_the_callers_own() {
    let context = Value::Map(vec![("SecretARN".into(), Value::String("x".into()))]);
    assert_eq!(
        request(
            "kms",
            "Encrypt",
            Structure::new()
                .with("KeyId", "k")
                .with("EncryptionContext", context)
        ),
        json!({"keyId": "k", "encryptionContext": {"SecretARN": "x"}})
    );
}

/// Every member that a real record shows is one that we show under the same name.
#[test]
fn names_in_real_records_are_the_names_we_give() {
    let Some(records) = real_records() else {
        return;
    };
    let mut compared = 0;
    for record in &records {
        let service = match record["eventSource"].as_str() {
            Some("iam.amazonaws.com") => "iam",
            Some("sts.amazonaws.com") => "sts",
            Some("cloudtrail.amazonaws.com") => "cloudtrail",
            Some("kms.amazonaws.com") => "kms",
            Some("guardduty.amazonaws.com") => "guardduty",
            Some("organizations.amazonaws.com") => "organizations",
            _ => continue,
        };
        let Some(operation) = record["eventName"]
            .as_str()
            .and_then(|name| model(service).operation(name))
        else {
            continue;
        };
        for (part, shape) in [
            ("requestParameters", operation.input),
            ("responseElements", operation.output),
        ] {
            if let Some(shape) = shape.filter(|_| record[part].is_object()) {
                let value = value_of(model(service), shape, &record[part], operation.name);
                let Value::Structure(value) = value else {
                    panic!("{} has no structure", operation.name)
                };
                let ours = match part {
                    "requestParameters" => request(service, operation.name, value),
                    _ => response(service, operation.name, value),
                };
                assert_eq!(
                    without_tokens(&ours),
                    without_tokens(&record[part]),
                    "{}",
                    operation.name
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

/// The one difference we want: AWS shows the session token.
fn without_tokens(json: &Json) -> Json {
    let mut json = json.clone();
    if let Some(token) = json.pointer_mut("/credentials/sessionToken") {
        *token = Json::Null;
    }
    json
}

/// The value that a real record shows, read back by the schema and by our names.
fn value_of(model: &ServiceModel, shape: ShapeId, json: &Json, place: &str) -> Value {
    match (&model.shape(shape).kind, json) {
        (ShapeKind::Structure(structure), Json::Object(entries)) => {
            let mut fields = Structure::new();
            for (name, entry) in entries {
                let member = structure
                    .members()
                    .iter()
                    .find(|member| member.name.eq_ignore_ascii_case(name));
                let member = member.unwrap_or_else(|| panic!("{place}: no member {name}"));
                fields.push(member.name, value_of(model, member.shape, entry, place));
            }
            Value::Structure(fields)
        }
        (ShapeKind::List(list), Json::Array(items)) => Value::List(
            items
                .iter()
                .map(|item| value_of(model, list.member.shape, item, place))
                .collect(),
        ),
        (ShapeKind::Map(map), Json::Object(entries)) => Value::Map(
            entries
                .iter()
                .map(|(key, entry)| (key.clone(), value_of(model, map.value.shape, entry, place)))
                .collect(),
        ),
        (ShapeKind::Timestamp(_), Json::String(text)) => Value::Timestamp(from_clock_text(text)),
        (ShapeKind::String(_), Json::String(text)) => Value::String(text.clone()),
        (_, Json::Bool(value)) => Value::Bool(*value),
        (_, Json::Number(number)) => Value::Integer(number.as_i64().expect("whole")),
        (_, other) => panic!("{place}: {other}"),
    }
}

fn from_clock_text(text: &str) -> Timestamp {
    let words: Vec<&str> = text
        .split([' ', ',', ':'])
        .filter(|word| !word.is_empty())
        .collect();
    let [month, day, year, hour, minute, second, half] = words[..] else {
        panic!("{text}")
    };
    let hour = hour.parse::<u32>().expect("an hour") % 12 + if half == "PM" { 12 } else { 0 };
    let rfc822 = format!("Mon, {day:0>2} {month} {year} {hour:02}:{minute}:{second} GMT");
    Timestamp::parse(&rfc822, palisade_model::TimestampFormat::Rfc822)
        .unwrap_or_else(|| panic!("{rfc822}"))
}

fn real_records() -> Option<Vec<Json>> {
    let root = std::env::var("PALISADE_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = root.join("data/cloudtrail/invictus");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!(
            "skipped: no real CloudTrail records at {}",
            folder.display()
        );
        return None;
    };
    let mut records = Vec::new();
    for file in files.filter_map(Result::ok).filter(|file| {
        file.path()
            .extension()
            .is_some_and(|extension| extension == "json")
    }) {
        let text = std::fs::read_to_string(file.path()).expect("a readable file");
        let json: Json = serde_json::from_str(&text).expect("JSON");
        records.extend(json["Records"].as_array().expect("records").iter().cloned());
    }
    Some(records)
}
