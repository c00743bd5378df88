//! Checks an input against every constraint of the model, before any handler sees it.
//!
//! As AWS does, all violations are collected and named together, and members of lists and maps of simple values are judged
//! as one: the message is about the list, with all constraints of its members.

use crate::schema::{Bound, Member, ServiceModel, Shape, ShapeId, ShapeKind, StructureShape};
use crate::value::Value;
use crate::violation::{Constraint, Shown, Violation};

/// Every violation in the value of that shape, in the order of the model's members; empty when it is fine.
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
    path: Vec<String>,
    found: Vec<Violation>,
}

impl Check<'_> {
    fn value(&mut self, shape: ShapeId, sensitive: bool, value: &Value) {
        let shape = self.model.shape(shape);
        let sensitive = sensitive || shape.sensitive;
        for constraint in broken(shape, value) {
            self.report(shape, sensitive, value, constraint);
        }
        match (&shape.kind, value) {
            (ShapeKind::Structure(structure), Value::Structure(fields)) => {
                let set = structure
                    .members()
                    .iter()
                    .filter(|member| fields.get(member.name).is_some_and(|v| !v.is_null()))
                    .count();
                if structure.union && set != 1 {
                    self.report(shape, sensitive, value, Constraint::OneOf);
                }
                self.members(structure, sensitive, value);
            }
            (ShapeKind::List(list), Value::List(values)) => {
                self.entries(
                    shape,
                    list.member.shape,
                    sensitive,
                    value,
                    Constraint::Members,
                    values.iter().zip(1..).map(|(v, n)| (n, v)),
                );
            }
            (ShapeKind::Map(map), Value::Map(entries)) => {
                let key = self.model.shape(map.key.shape);
                if entries
                    .iter()
                    .any(|(name, _)| !broken(key, &Value::String(name.clone())).is_empty())
                {
                    self.report(shape, sensitive, value, Constraint::MapKeys(of(key)));
                }
                self.entries(
                    shape,
                    map.value.shape,
                    sensitive,
                    value,
                    Constraint::MapValues,
                    entries.iter().map(|(k, v)| (k, v)),
                );
            }
            _ => {}
        }
    }

    fn members(&mut self, structure: &StructureShape, sensitive: bool, value: &Value) {
        for member in structure.members() {
            self.path.push(lower_first(member.name));
            self.member(
                member,
                sensitive || member.sensitive,
                value.member(member.name).unwrap_or(&Value::Null),
            );
            self.path.pop();
        }
    }

    fn member(&mut self, member: &Member, sensitive: bool, value: &Value) {
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

    /// Entries of a list or map: simple ones are judged together, others one by one.
    fn entries<'v, N: ToString>(
        &mut self,
        holder: &Shape,
        entry: ShapeId,
        sensitive: bool,
        all: &Value,
        judged: fn(Vec<Constraint>) -> Constraint,
        entries: impl Iterator<Item = (N, &'v Value)>,
    ) {
        let shape = self.model.shape(entry);
        if simple(&shape.kind) {
            let mut values = entries;
            if values.any(|(_, value)| !broken(shape, value).is_empty()) {
                self.report(holder, sensitive, all, judged(of(shape)));
            }
            return;
        }
        for (name, value) in entries {
            if !value.is_null() {
                self.path.push(name.to_string());
                self.path.push("member".into());
                self.value(entry, sensitive, value);
                self.path.truncate(self.path.len() - 2);
            }
        }
    }

    fn report(&mut self, shape: &Shape, sensitive: bool, value: &Value, constraint: Constraint) {
        let value = match value {
            Value::Null => Shown::Null,
            _ if sensitive => Shown::Hidden,
            value => shown(self.model, shape, value),
        };
        self.found.push(Violation {
            path: self.path.join("."),
            value,
            constraint,
        });
    }
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
        Some(()) => Shown::Text(text),
        None => Shown::Hidden,
    }
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
