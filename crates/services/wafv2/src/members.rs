//! Values as they come: as the engine's JSON, and what rules in them refer to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_model::{ApiError, Structure, Value, persist};

/// The value of a member that is text; empty where it is not there.
pub(crate) fn text<'v>(of: &'v Structure, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A value as wafv2's JSON has it: blobs in base64.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    let object = |members: &mut dyn Iterator<Item = (&str, &Value)>| {
        members
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), json(value)))
            .collect::<serde_json::Map<_, _>>()
    };
    match value {
        Value::Null | Value::Stream => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(value) => value.as_str().into(),
        Value::Blob(bytes) => BASE64.encode(bytes).into(),
        Value::Timestamp(time) => time.as_f64().into(),
        Value::List(values) => values.iter().map(json).collect::<Vec<_>>().into(),
        Value::Map(entries) => object(&mut entries.iter().map(|(k, v)| (k.as_str(), v))).into(),
        Value::Structure(of) => object(&mut of.fields.iter().map(|(k, v)| (*k, v))).into(),
        Value::Document(document) => document.clone(),
    }
}

/// What rules refer to.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// ARNs of sets and groups, each once.
    pub arns: Vec<String>,
    /// Whether there is a managed group among them.
    pub managed: bool,
}

/// What a value refers to, at whatever depth.
pub(crate) fn references(value: &Value) -> References {
    let mut found = References::default();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut References) {
    match value {
        Value::List(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Structure(of) => {
            for (name, value) in &of.fields {
                match *name {
                    "IPSetReferenceStatement"
                    | "RegexPatternSetReferenceStatement"
                    | "RuleGroupReferenceStatement" => {
                        let arn = value.member("ARN").and_then(Value::as_str);
                        let arn = arn.filter(|arn| !found.arns.iter().any(|known| known == arn));
                        found.arns.extend(arn.map(str::to_owned));
                    }
                    "ManagedRuleGroupStatement" => {
                        found.managed = true;
                        collect(value, found);
                    }
                    _ => collect(value, found),
                }
            }
        }
        _ => {}
    }
}

/// Labels that rules add, and the keys that their statements look for, each once and sorted.
pub(crate) fn labels(rules: &Value) -> (Vec<String>, Vec<String>) {
    let (mut added, mut sought) = (Vec::new(), Vec::new());
    walk_labels(rules, &mut added, &mut sought);
    for list in [&mut added, &mut sought] {
        list.sort();
        list.dedup();
    }
    (added, sought)
}

fn walk_labels(value: &Value, added: &mut Vec<String>, sought: &mut Vec<String>) {
    let named = |value: &Value, name: &str| {
        let text = value.member(name).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    match value {
        Value::List(values) => values
            .iter()
            .for_each(|value| walk_labels(value, added, sought)),
        Value::Structure(of) => {
            for (name, value) in &of.fields {
                match *name {
                    "RuleLabels" => {
                        let labels = value.as_list().unwrap_or_default();
                        added.extend(labels.iter().filter_map(|label| named(label, "Name")));
                    }
                    "LabelMatchStatement" => sought.extend(named(value, "Key")),
                    _ => walk_labels(value, added, sought),
                }
            }
        }
        _ => {}
    }
}

/// What is kept of a body.
pub(crate) fn kept(body: &Structure) -> Result<String, ApiError> {
    let bytes = persist::to_bytes(body);
    bytes.map(|bytes| BASE64.encode(bytes)).map_err(damaged)
}

/// The body that was kept.
pub(crate) fn body(kept: &str) -> Result<Structure, ApiError> {
    let bytes = BASE64.decode(kept).map_err(damaged)?;
    persist::from_bytes(&bytes).map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> ApiError {
    crate::api::errors::waf_internal_error_exception(format!("A row is damaged: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(name: &'static str, of: Structure) -> Value {
        Value::Structure(Structure::new().with(name, of))
    }

    fn reference(arn: &str) -> Value {
        statement("IPSetReferenceStatement", Structure::new().with("ARN", arn))
    }

    #[test]
    fn references_are_found_at_any_depth_and_once() {
        let managed = Structure::new().with("ScopeDownStatement", reference("b"));
        let both = vec![
            reference("a"),
            statement("ManagedRuleGroupStatement", managed),
            reference("a"),
        ];
        let rule = Structure::new().with(
            "Statement",
            statement("AndStatement", Structure::new().with("Statements", both)),
        );
        let found = references(&Value::List(vec![Value::Structure(rule)]));
        assert_eq!(found.arns, ["a", "b"]);
        assert!(found.managed);
    }

    #[test]
    fn a_body_that_is_kept_comes_back_whole() {
        let search = Value::Blob(vec![0, 255, 7].into());
        let body = Structure::new().with("SearchString", search);
        let again = super::body(&kept(&body).unwrap()).unwrap();
        assert_eq!(again, body);
        assert_eq!(
            json(&Value::Structure(again)),
            serde_json::json!({"SearchString": "AP8H"})
        );
        assert!(super::body("no body").is_err());
    }
}
