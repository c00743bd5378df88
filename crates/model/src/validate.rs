//! Checks an input against every constraint of the model, before any handler sees it.
//!
//! As AWS does, all violations are collected and named together, and members of lists and maps of simple values are judged
//! as one: the message is about the list, with all constraints of its members.

use crate::schema::{Bound, MapShape, Member, ServiceModel, Shape, ShapeId, ShapeKind};
use crate::value::Value;
use crate::violation::{Constraint, Shown, Violation};

/// Violations after which no more are looked for: an answer must not grow far beyond its request.
const MOST: usize = 64;
/// Characters of a value that a message repeats.
const MOST_SHOWN: usize = 4096;

/// Every violation in the value of that shape (up to 64), in the order of the model's members; empty when it is fine.
///
/// A value whose kind is not its shape's is not reported here: decoding by the same model cannot give one, and the typed
/// input refuses it.
pub fn validate(model: &ServiceModel, shape: ShapeId, value: &Value) -> Vec<Violation> {
    let mut check = Check {
        model,
        path: Vec::new(),
        found: Vec::new(),
    };
    check.value(shape, false, value);
    check.found
}

/// A name with its first letter in lower case: how AWS writes members in messages and records (`sAMLAssertion`).
pub(crate) fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(chars)
        .collect()
}

struct Check<'a> {
    model: &'a ServiceModel,
    path: Vec<Step<'a>>,
    found: Vec<Violation>,
}

/// A step on the way to a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    /// To a member of a structure.
    Member(&'a str),
    /// To an entry of a list, counted from 1.
    Entry(usize),
    /// To a value of a map.
    Key(&'a str),
}

impl<'a> Check<'a> {
    fn value(&mut self, shape: ShapeId, sensitive: bool, value: &'a Value) {
        let shape = self.model.shape(shape);
        let sensitive = sensitive || shape.sensitive;
        for constraint in broken(shape, value) {
            self.report(shape, sensitive, value, constraint);
        }
        match (&shape.kind, value) {
            (ShapeKind::Structure(structure), Value::Structure(fields)) => {
                let set = || {
                    fields
                        .fields
                        .iter()
                        .filter(|(_, value)| !value.is_null())
                        .count()
                };
                if structure.union && set() != 1 {
                    self.report(shape, sensitive, value, Constraint::OneOf);
                }
                for member in structure.members() {
                    let value = fields.get(member.name).unwrap_or(&Value::Null);
                    self.within(Step::Member(member.name), |check| {
                        check.member(member, sensitive, value)
                    });
                }
            }
            (ShapeKind::List(list), Value::List(values)) => {
                let entry = self.model.shape(list.member.shape);
                if !simple(&entry.kind) {
                    for (value, number) in values.iter().zip(1..) {
                        self.within(Step::Entry(number), |check| {
                            check.entry(list.member.shape, sensitive, value)
                        });
                    }
                } else if values.iter().any(|value| !broken(entry, value).is_empty()) {
                    self.report(shape, sensitive, value, Constraint::Members(of(entry)));
                }
            }
            (ShapeKind::Map(map), Value::Map(entries)) => {
                self.map(shape, map, sensitive, value, entries)
            }
            _ => {}
        }
    }

    fn map(
        &mut self,
        shape: &Shape,
        map: &MapShape,
        sensitive: bool,
        value: &'a Value,
        entries: &'a [(String, Value)],
    ) {
        let (key, entry) = (
            self.model.shape(map.key.shape),
            self.model.shape(map.value.shape),
        );
        if entries
            .iter()
            .any(|(name, _)| !text_constraints(key, Some(name)).is_empty())
        {
            self.report(shape, sensitive, value, Constraint::MapKeys(of(key)));
        }
        if !simple(&entry.kind) {
            for (name, value) in entries {
                self.within(Step::Key(name), |check| {
                    check.entry(map.value.shape, sensitive, value)
                });
            }
        } else if entries
            .iter()
            .any(|(_, value)| !broken(entry, value).is_empty())
        {
            self.report(shape, sensitive, value, Constraint::MapValues(of(entry)));
        }
    }

    fn within(&mut self, step: Step<'a>, check: impl FnOnce(&mut Self)) {
        if self.found.len() < MOST {
            self.path.push(step);
            check(self);
            self.path.pop();
        }
    }

    fn member(&mut self, member: &Member, sensitive: bool, value: &'a Value) {
        let sensitive = sensitive || member.sensitive;
        if !value.is_null() {
            self.value(member.shape, sensitive, value);
        } else if member.required {
            self.report(
                self.model.shape(member.shape),
                sensitive,
                value,
                Constraint::NotNull,
            );
        }
    }

    fn entry(&mut self, shape: ShapeId, sensitive: bool, value: &'a Value) {
        if !value.is_null() {
            self.value(shape, sensitive, value);
        }
    }

    fn report(&mut self, shape: &Shape, sensitive: bool, value: &Value, constraint: Constraint) {
        let value = match value {
            Value::Null => Shown::Null,
            _ if sensitive => Shown::Hidden,
            value => shown(self.model, shape, value),
        };
        self.found.push(Violation {
            path: path(&self.path),
            value,
            constraint,
        });
    }
}

/// The way as AWS writes it: `tags.1.member.key`.
fn path(steps: &[Step<'_>]) -> String {
    let words: Vec<String> = steps
        .iter()
        .map(|step| match step {
            Step::Member(name) => lower_first(name),
            Step::Entry(number) => format!("{number}.member"),
            Step::Key(key) => format!("{key}.member"),
        })
        .collect();
    words.join(".")
}

fn simple(kind: &ShapeKind) -> bool {
    !matches!(
        kind,
        ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_) | ShapeKind::Document
    )
}

/// The constraints of the shape itself that the value breaks.
fn broken(shape: &Shape, value: &Value) -> Vec<Constraint> {
    match value {
        Value::String(text) => text_constraints(shape, Some(text)),
        Value::Blob(bytes) => length_constraints(shape, Some(bytes.len())),
        Value::List(values) => length_constraints(shape, Some(values.len())),
        Value::Map(entries) => length_constraints(shape, Some(entries.len())),
        Value::Integer(number) => value_constraints(shape, Some(*number as f64)),
        Value::Float(number) => value_constraints(shape, Some(*number)),
        _ => Vec::new(),
    }
}

/// All constraints of a simple shape.
fn of(shape: &Shape) -> Vec<Constraint> {
    match &shape.kind {
        ShapeKind::String(_) => text_constraints(shape, None),
        ShapeKind::Blob => length_constraints(shape, None),
        _ => value_constraints(shape, None),
    }
}

/// Constraints on text that the given one breaks, or all of them when none is given. A text is measured in characters
/// (code points), as AWS does. The pattern comes before the length, as in AWS's messages.
fn text_constraints(shape: &Shape, text: Option<&str>) -> Vec<Constraint> {
    let mut constraints = Vec::new();
    if let ShapeKind::String(string) = &shape.kind
        && !string.values.is_empty()
        && text.is_none_or(|text| !string.values.contains(&text))
    {
        constraints.push(Constraint::Enum(string.values.clone()));
    }
    if let Some(pattern) = &shape.pattern
        && text.is_none_or(|text| !pattern.matches(text))
    {
        constraints.push(Constraint::Pattern(pattern.source()));
    }
    constraints.extend(length_constraints(
        shape,
        text.map(|text| text.chars().count()),
    ));
    constraints
}

fn length_constraints(shape: &Shape, length: Option<usize>) -> Vec<Constraint> {
    let length = length.map(|length| length as f64);
    let above = shape
        .max
        .filter(|max| length.is_none_or(|length| length > max.as_f64()));
    let below = shape
        .min
        .filter(|min| length.is_none_or(|length| length < min.as_f64()));
    above
        .map(Constraint::MaxLength)
        .into_iter()
        .chain(below.map(Constraint::MinLength))
        .collect()
}

fn value_constraints(shape: &Shape, number: Option<f64>) -> Vec<Constraint> {
    let decimal = matches!(shape.kind, ShapeKind::Float | ShapeKind::Double);
    let bound = |bound: Bound| {
        if decimal {
            Bound::Decimal(bound.as_f64())
        } else {
            bound
        }
    };
    let above = shape
        .max
        .filter(|max| number.is_none_or(|number| number > max.as_f64() || number.is_nan()));
    let below = shape
        .min
        .filter(|min| number.is_none_or(|number| number < min.as_f64() || number.is_nan()));
    above
        .map(|max| Constraint::MaxValue(bound(max)))
        .into_iter()
        .chain(below.map(|min| Constraint::MinValue(bound(min))))
        .collect()
}

/// The value as it stands in a message; hidden if anything in it is sensitive.
fn shown(model: &ServiceModel, shape: &Shape, value: &Value) -> Shown {
    let mut text = String::new();
    match write_value(model, shape, value, &mut text) {
        Some(()) => Shown::Text(shortened(text)),
        None => Shown::Hidden,
    }
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_SHOWN) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

fn write_value(model: &ServiceModel, shape: &Shape, value: &Value, out: &mut String) -> Option<()> {
    if shape.sensitive {
        return None;
    }
    match (value, &shape.kind) {
        (Value::String(text), _) => out.push_str(text),
        (Value::Bool(value), _) => out.push_str(if *value { "true" } else { "false" }),
        (Value::Integer(number), _) => out.push_str(&number.to_string()),
        (Value::Float(number), _) => out.push_str(&format!("{number:?}")),
        (Value::List(values), ShapeKind::List(list)) => {
            let member = model.shape(list.member.shape);
            write_all(out, ["[", "]"], values, |value, out| {
                write_value(model, member, value, out)
            })?;
        }
        (Value::Map(entries), ShapeKind::Map(map)) => {
            let member = model.shape(map.value.shape);
            write_all(out, ["{", "}"], entries, |(key, value), out| {
                out.push_str(key);
                out.push('=');
                write_value(model, member, value, out)
            })?;
        }
        (Value::Structure(fields), ShapeKind::Structure(structure)) => {
            out.push_str(shape.name);
            write_all(out, ["(", ")"], &fields.fields, |(name, value), out| {
                let member = structure.member(name).filter(|member| !member.sensitive)?;
                out.push_str(&lower_first(name));
                out.push('=');
                write_value(model, model.shape(member.shape), value, out)
            })?;
        }
        // Bytes, moments and documents are named by kind: AWS prints what its language calls them.
        (value, _) => out.push_str(value.kind()),
    }
    Some(())
}

fn write_all<T>(
    out: &mut String,
    [open, close]: [&str; 2],
    items: &[T],
    each: impl Fn(&T, &mut String) -> Option<()>,
) -> Option<()> {
    out.push_str(open);
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        each(item, out)?;
    }
    out.push_str(close);
    Some(())
}
