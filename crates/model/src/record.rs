//! Requests and answers as CloudTrail records show them.
//!
//! [`request_parameters`] and [`response_elements`] render a value by its schema: member names in lower camel case, moments as
//! the service's records print them, sensitive members hidden, bytes left out, `null` where there is nothing to show. Which
//! calls show their answer is the caller's matter: those that change something or give credentials; reads show `null`.
//!
//! The forms were read off real records of the services; where a service differs, [`Style`] has its line.
//!
//! ```
//! use palisade_model::{Structure, Value, catalog, record};
//!
//! let iam = catalog::model("iam").unwrap();
//! let input = Structure::new().with("UserName", "ada").with("Password", "s3cret");
//! let shown = record::request_parameters(iam, iam.operation("CreateLoginProfile").unwrap(), &Value::Structure(input));
//! assert_eq!(shown.to_string(), r#"{"userName":"ada"}"#);
//! ```

use serde_json::{Map, Value as Json};

use crate::schema::{
    Location, Member, Operation, Protocol, ServiceModel, Shape, ShapeId, ShapeKind, StructureShape,
};
use crate::timestamp::{MONTHS, Timestamp};
use crate::validate::lower_first;
use crate::value::Value;

/// What stands in a record instead of a sensitive value.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// `requestParameters`: the input of a call; `null` when it gave none.
pub fn request_parameters(model: &ServiceModel, operation: &Operation, input: &Value) -> Json {
    render_top(model, operation.input, input)
}

/// `responseElements`: the output of a call; `null` when there is none.
pub fn response_elements(model: &ServiceModel, operation: &Operation, output: &Value) -> Json {
    render_top(model, operation.output, output)
}

fn render_top(model: &ServiceModel, shape: Option<ShapeId>, value: &Value) -> Json {
    let rendered = shape.map(|shape| {
        Renderer {
            model,
            style: Style::of(model),
        }
        .value(model.shape(shape), value)
    });
    match rendered {
        Some(Some(Json::Object(members))) if !members.is_empty() => Json::Object(members),
        _ => Json::Null,
    }
}

/// How a service's records are written.
#[derive(Clone, Copy)]
struct Style {
    moments: Moments,
    names: Names,
    /// Members that the model marks sensitive are left out, as in real records of IAM and STS; elsewhere they read
    /// [`HIDDEN`]. What our overlay hides always reads so: the record then says that it was given.
    omit_sensitive: bool,
}

/// How a moment is printed.
#[derive(Clone, Copy)]
enum Moments {
    /// `Jul 10, 2023 12:24:29 PM`
    Spaced,
    /// `Jul 10, 2023, 12:24:29 PM`
    Comma,
    /// Milliseconds since 1970, a number.
    Millis,
}

/// How a member is named.
#[derive(Clone, Copy)]
enum Names {
    /// The model's name with its first letter in lower case: `sAMLAssertion`.
    LowerCamel,
    /// The name on the wire, likewise: REST-JSON services and EC2 (`tagSet`).
    Wire,
    /// S3: the name on the wire as it is (`x-amz-acl`, `LifecycleConfiguration`), but `bucketName` and `key`.
    S3,
}

impl Style {
    fn of(model: &ServiceModel) -> Self {
        let names = match (
            model.metadata.endpoint_prefix,
            model.metadata.protocols.first(),
        ) {
            ("s3", _) => Names::S3,
            (_, Some(Protocol::RestJson | Protocol::Ec2)) => Names::Wire,
            _ => Names::LowerCamel,
        };
        let (moments, omit_sensitive) = match model.metadata.endpoint_prefix {
            "iam" => (Moments::Spaced, true),
            "sts" => (Moments::Comma, true),
            "ec2" | "guardduty" => (Moments::Millis, false),
            _ => (Moments::Comma, false),
        };
        Self {
            moments,
            names,
            omit_sensitive,
        }
    }

    fn name(self, member: &Member) -> String {
        match (self.names, member.name) {
            (Names::LowerCamel, name) => lower_first(name),
            (Names::Wire, _) => lower_first(member.wire_name()),
            (Names::S3, "Bucket") => "bucketName".into(),
            (Names::S3, "Key") if member.location == Location::Uri => "key".into(),
            (Names::S3, _) => member.wire_name().into(),
        }
    }
}

struct Renderer<'a> {
    model: &'a ServiceModel,
    style: Style,
}

impl Renderer<'_> {
    /// `None` for what a record does not show.
    fn value(&self, shape: &Shape, value: &Value) -> Option<Json> {
        if shape.sensitive && !value.is_null() {
            return self.hidden(false);
        }
        Some(match (value, &shape.kind) {
            (Value::Bool(value), _) => Json::Bool(*value),
            (Value::Integer(number), _) => (*number).into(),
            (Value::Float(number), _) => Json::from(*number),
            (Value::String(text), _) => Json::String(text.clone()),
            (Value::Timestamp(moment), _) => self.moment(*moment),
            (Value::Document(json), _) => json.clone(),
            (Value::List(values), ShapeKind::List(list)) => {
                let member = self.model.shape(list.member.shape);
                Json::Array(
                    values
                        .iter()
                        .filter_map(|value| self.value(member, value))
                        .collect(),
                )
            }
            (Value::Map(entries), ShapeKind::Map(map)) => {
                let member = self.model.shape(map.value.shape);
                let shown = |(key, value): &(String, Value)| {
                    Some((key.clone(), self.value(member, value)?))
                };
                Json::Object(entries.iter().filter_map(shown).collect())
            }
            (Value::Structure(_), ShapeKind::Structure(structure)) => {
                Json::Object(self.members(structure, value))
            }
            // Bytes and streams; and a value that is not of its shape, which decoding cannot give.
            _ => return None,
        })
    }

    fn members(&self, structure: &StructureShape, value: &Value) -> Map<String, Json> {
        let shown = |member: &Member| {
            let value = value.member(member.name).filter(|value| !value.is_null())?;
            let json = if member.sensitive {
                self.hidden(member.hidden_by_overlay)?
            } else {
                self.value(self.model.shape(member.shape), value)?
            };
            Some((self.style.name(member), json))
        };
        structure.members().iter().filter_map(shown).collect()
    }

    fn hidden(&self, by_overlay: bool) -> Option<Json> {
        (by_overlay || !self.style.omit_sensitive).then(|| Json::from(HIDDEN))
    }

    fn moment(&self, moment: Timestamp) -> Json {
        match self.style.moments {
            Moments::Spaced => Json::String(clock_text(moment, "")),
            Moments::Comma => Json::String(clock_text(moment, ",")),
            Moments::Millis => moment.millis().into(),
        }
    }
}

/// `Jul 10, 2023, 12:24:29 PM`, UTC, with that after the year.
fn clock_text(moment: Timestamp, after_year: &str) -> String {
    let [year, month, day, hour, minute, second] = moment.civil();
    let month = usize::try_from(month - 1)
        .ok()
        .and_then(|at| MONTHS.get(at))
        .unwrap_or(&"");
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{month} {day}, {year}{after_year} {hour}:{minute:02}:{second:02} {half}")
}
