//! A model file, as far as generation needs it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A service's model and what is marked sensitive in it.
pub struct Model {
    shapes: Map<String, Value>,
    operations: Map<String, Value>,
    overlay: BTreeSet<String>,
    /// The files it was read from.
    pub read: Vec<PathBuf>,
}

/// A member of a structure.
pub struct Member<'a> {
    /// Name in the model.
    pub name: &'a str,
    /// Name of its shape.
    pub shape: &'a str,
    /// It must be present.
    pub required: bool,
    /// It must not be printed.
    pub sensitive: bool,
    /// It is a payload that may still be on the connection.
    pub streaming: bool,
}

/// What a shape is.
pub enum Kind<'a> {
    Structure,
    List(&'a str),
    /// Shape of the values; keys are strings.
    Map(&'a str),
    String,
    Blob,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
    Document,
}

impl Model {
    /// Reads `models/<service>.json` and the overlay beside it.
    pub fn read(root: &Path, service: &str) -> Result<Self, String> {
        let path = root.join(format!("models/{service}.json"));
        let mut json = json(&path)?;
        let mut part = |name: &str| match json.get_mut(name).map(Value::take) {
            Some(Value::Object(entries)) => Ok(entries),
            _ => Err(format!("{}: no {name}", path.display())),
        };
        let (shapes, operations) = (part("shapes")?, part("operations")?);
        // Its folder too: a build must notice that an overlay was added.
        let mut read = vec![path, root.join("models/overlay")];
        let overlay_path = root.join(format!("models/overlay/{service}.json"));
        let mut overlay = BTreeSet::new();
        if overlay_path.exists() {
            let marks = self::json(&overlay_path)?;
            let hides = |mark: &Value| {
                matches!(
                    mark.as_str(),
                    Some("credential" | "one-time-code" | "confidential")
                )
            };
            let marks = marks
                .get("members")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            overlay.extend(
                marks
                    .filter(|(_, mark)| hides(mark))
                    .map(|(name, _)| name.clone()),
            );
            read.push(overlay_path);
        }
        Ok(Self {
            shapes,
            operations,
            overlay,
            read,
        })
    }

    /// Whether there is such an operation.
    pub fn has_operation(&self, name: &str) -> bool {
        self.operations.contains_key(name)
    }

    /// The shape an operation takes or gives: `side` is `input` or `output`.
    pub fn side<'a>(&'a self, operation: &str, side: &str) -> Option<&'a str> {
        self.operations
            .get(operation)?
            .get(side)?
            .get("shape")?
            .as_str()
    }

    /// The exceptions of an operation.
    pub fn errors<'a>(&'a self, operation: &str) -> impl Iterator<Item = &'a str> {
        let errors = self
            .operations
            .get(operation)
            .and_then(|operation| operation.get("errors"))
            .and_then(Value::as_array);
        errors
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("shape")?.as_str())
    }

    /// Whether an exception is the caller's fault.
    pub fn blames_caller(&self, exception: &str) -> bool {
        let shape = self.shapes.get(exception);
        let server = shape
            .and_then(|shape| shape.get("fault"))
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let status = shape.and_then(|shape| shape.get("error")?.get("httpStatusCode")?.as_u64());
        !server && status.is_none_or(|status| status < 500)
    }

    /// What a shape is.
    pub fn kind<'a>(&'a self, shape: &str) -> Result<Kind<'a>, String> {
        let json = self
            .shapes
            .get(shape)
            .ok_or_else(|| format!("no shape {shape}"))?;
        let text = |path: &str| {
            json.pointer(path)
                .and_then(Value::as_str)
                .ok_or_else(|| format!("shape {shape} has no {path}"))
        };
        Ok(match text("/type")? {
            "structure" if json.get("document").is_some() => Kind::Document,
            "structure" => Kind::Structure,
            "list" => Kind::List(text("/member/shape")?),
            "map" => Kind::Map(text("/value/shape")?),
            "string" | "character" => Kind::String,
            "blob" => Kind::Blob,
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "timestamp" => Kind::Timestamp,
            other => return Err(format!("shape {shape} has the unknown type {other}")),
        })
    }

    /// The members of a structure, in the model's order.
    pub fn members<'a>(&'a self, shape: &'a str) -> Vec<Member<'a>> {
        let json = self.shapes.get(shape);
        let required = json
            .and_then(|json| json.get("required"))
            .and_then(Value::as_array);
        let members = json
            .and_then(|json| json.get("members"))
            .and_then(Value::as_object);
        let member = |(name, member): (&'a String, &'a Value)| {
            let target = member.get("shape")?.as_str()?;
            let is = |json: Option<&Value>, name| {
                json.and_then(|json| json.get(name))
                    .is_some_and(|value| value == &Value::Bool(true))
            };
            let either = |name| is(Some(member), name) || is(self.shapes.get(target), name);
            Some(Member {
                name,
                shape: target,
                required: required
                    .is_some_and(|required| required.iter().any(|r| r == name.as_str())),
                sensitive: either("sensitive") || self.overlaid(shape, name),
                streaming: either("streaming"),
            })
        };
        members.into_iter().flatten().filter_map(member).collect()
    }

    fn overlaid(&self, shape: &str, member: &str) -> bool {
        self.overlay.contains(member) || self.overlay.contains(&format!("{shape}.{member}"))
    }

    /// Whether a dotted path of members leads somewhere from that shape; lists on the way are entered.
    pub fn reaches(&self, shape: &str, path: &str) -> bool {
        let mut at = shape;
        for name in path.split('.') {
            while let Ok(Kind::List(member)) = self.kind(at) {
                at = member;
            }
            match self
                .shapes
                .get(at)
                .and_then(|json| json.get("members")?.get(name)?.get("shape")?.as_str())
            {
                Some(next) => at = next,
                None => return false,
            }
        }
        true
    }
}

/// Reads a JSON file.
pub fn json(path: &Path) -> Result<Value, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
