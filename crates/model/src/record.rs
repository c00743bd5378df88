//! Requests and answers as CloudTrail records show them.
//!
//! [`request_parameters`] and [`response_elements`] render a value by its schema: member names in lower camel case, moments as
//! the service's records print them, sensitive members hidden, bytes left out. Which calls show their answer is the caller's matter: those that
//! change something or give credentials; reads show `null`.
//!
//! The forms were read off real records of the services; where a service differs, [`Style`] has its line.
//!
//! ```
//! use palisade_model::{Structure, catalog, record};
//!
//! let iam = catalog::model("iam").unwrap();
//! let input = Structure::new().with("UserName", "ada").with("Password", "s3cret");
//! let shown = record::request_parameters(iam, iam.operation("CreateLoginProfile").unwrap(), &input).unwrap();
//! assert_eq!(serde_json::to_string(&shown).unwrap(), r#"{"userName":"ada"}"#);
//! ```

use serde::ser::{Serialize, Serializer};

use crate::schema::{
    Location, Member, Operation, Protocol, ServiceModel, Shape, ShapeId, ShapeKind, StructureShape,
};
use crate::timestamp::{MONTHS, Timestamp};
use crate::validate::lower_first;
use crate::value::{Structure, Value};

/// What stands in a record instead of a sensitive value.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// `requestParameters`: the input of a call; `None` when it gave nothing to show.
pub fn request_parameters<'a>(
    model: &'a ServiceModel,
    operation: &Operation,
    input: &'a Structure,
) -> Option<Shown<'a>> {
    Shown::of(model, operation.input?, input)
}

/// `responseElements`: the output of a call; `None` when there is nothing to show.
pub fn response_elements<'a>(
    model: &'a ServiceModel,
    operation: &Operation,
    output: &'a Structure,
) -> Option<Shown<'a>> {
    Shown::of(model, operation.output?, output)
}

/// A structure as a record shows it; serializing writes it.
pub struct Shown<'a> {
    renderer: Renderer<'a>,
    shape: &'a StructureShape,
    value: &'a Structure,
}

impl<'a> Shown<'a> {
    fn of(model: &'a ServiceModel, shape: ShapeId, value: &'a Structure) -> Option<Self> {
        let renderer = Renderer {
            model,
            style: Style::of(model),
        };
        let shown = Self {
            renderer,
            shape: model.structure(shape)?,
            value,
        };
        let has_any = !model.shape(shape).sensitive && shown.members().next().is_some();
        has_any.then_some(shown)
    }

    /// The members that are shown.
    fn members(&self) -> impl Iterator<Item = (&'a Member, Node<'a>)> + '_ {
        let (renderer, value) = (self.renderer, self.value);
        self.shape.members().iter().filter_map(move |member| {
            let value = value.get(member.name).filter(|value| !value.is_null())?;
            let node = if member.sensitive {
                renderer.hidden(member.hidden_by_overlay)?
            } else {
                renderer.node(renderer.model.shape(member.shape), value)?
            };
            Some((member, node))
        })
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let style = self.renderer.style;
        to.collect_map(
            self.members()
                .map(|(member, node)| (style.name(member), node)),
        )
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

#[derive(Clone, Copy)]
struct Renderer<'a> {
    model: &'a ServiceModel,
    style: Style,
}

impl<'a> Renderer<'a> {
    /// `None` for what a record does not show.
    fn node(self, shape: &'a Shape, value: &'a Value) -> Option<Node<'a>> {
        if shape.sensitive && !value.is_null() {
            return self.hidden(false);
        }
        Some(match (value, &shape.kind) {
            (
                Value::Bool(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::String(_)
                | Value::Document(_),
                _,
            ) => Node::Plain(value),
            (Value::Timestamp(moment), _) => Node::Moment(self.style.moments, *moment),
            (Value::List(values), ShapeKind::List(list)) => {
                Node::List(self, self.model.shape(list.member.shape), values)
            }
            (Value::Map(entries), ShapeKind::Map(map)) => {
                Node::Map(self, self.model.shape(map.value.shape), entries)
            }
            (Value::Structure(value), ShapeKind::Structure(shape)) => Node::Structure(Shown {
                renderer: self,
                shape,
                value,
            }),
            // Bytes and streams; and a value that is not of its shape, which decoding cannot give.
            _ => return None,
        })
    }

    fn hidden(self, by_overlay: bool) -> Option<Node<'a>> {
        (by_overlay || !self.style.omit_sensitive).then_some(Node::Hidden)
    }
}

/// A value that is shown.
enum Node<'a> {
    Hidden,
    /// A value that is written as it is, whatever its shape.
    Plain(&'a Value),
    Moment(Moments, Timestamp),
    List(Renderer<'a>, &'a Shape, &'a [Value]),
    Map(Renderer<'a>, &'a Shape, &'a [(String, Value)]),
    Structure(Shown<'a>),
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Hidden => to.serialize_str(HIDDEN),
            Node::Plain(Value::Bool(value)) => to.serialize_bool(*value),
            Node::Plain(Value::Integer(number)) => to.serialize_i64(*number),
            Node::Plain(Value::Float(number)) => to.serialize_f64(*number),
            Node::Plain(Value::String(text)) => to.serialize_str(text),
            Node::Plain(Value::Document(json)) => json.serialize(to),
            Node::Plain(_) => to.serialize_unit(),
            Node::Moment(Moments::Millis, moment) => to.serialize_i64(moment.millis()),
            Node::Moment(Moments::Spaced, moment) => to.serialize_str(&clock_text(*moment, "")),
            Node::Moment(Moments::Comma, moment) => to.serialize_str(&clock_text(*moment, ",")),
            Node::List(renderer, shape, values) => {
                to.collect_seq(values.iter().filter_map(|v| renderer.node(shape, v)))
            }
            Node::Map(renderer, shape, entries) => to.collect_map(
                entries
                    .iter()
                    .filter_map(|(key, value)| Some((key, renderer.node(shape, value)?))),
            ),
            Node::Structure(shown) => shown.serialize(to),
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
