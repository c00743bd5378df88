//! The least input that is valid, by the model: for operations that nobody wrote an example of.

use palisade_model::{ServiceModel, Shape, ShapeId, ShapeKind, catalog};
use serde_json::{Map, Value, json};

/// Texts that fit most patterns of the models.
const TEXTS: [&str; 8] = [
    "x",
    "example",
    "111122223333",
    "arn:aws:iam::111122223333:role/example",
    "AKIAIOSFODNN7EXAMPLE",
    "/example/",
    "2026-11-24",
    r#"{"Version":"2012-10-17","Statement":[]}"#,
];

/// The least input of an operation. A form cannot hold an empty list, so lists have one member.
pub fn input(service: &str, operation: &str) -> Value {
    let model = catalog::model(service).expect("a service");
    let shape = model.operation(operation).expect("an operation").input;
    shape.map_or_else(|| json!({}), |id| value(model, id))
}

fn value(model: &ServiceModel, id: ShapeId) -> Value {
    let shape = model.shape(id);
    let least = shape.min.map_or(0, |bound| bound.as_i64());
    match &shape.kind {
        ShapeKind::Structure(structure) => {
            let required = structure.members().iter().filter(|member| member.required);
            let members = required.map(|m| (m.name.to_owned(), value(model, m.shape)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        ShapeKind::List(list) => (0..least.max(1))
            .map(|_| value(model, list.member.shape))
            .collect(),
        ShapeKind::Map(_) => json!({}),
        ShapeKind::String(string) => match string.values.first() {
            Some(first) => json!(first),
            None => text(shape, usize::try_from(least).unwrap_or_default()),
        },
        ShapeKind::Boolean => json!(true),
        ShapeKind::Integer | ShapeKind::Long => json!(least.max(1)),
        ShapeKind::Float | ShapeKind::Double => json!(least.max(1) as f64),
        ShapeKind::Timestamp(_) => json!(1_795_521_600),
        ShapeKind::Blob => json!("aGk="),
        ShapeKind::Document => json!({}),
    }
}

fn text(shape: &Shape, least: usize) -> Value {
    let most = shape.max.map_or(usize::MAX, |bound| {
        usize::try_from(bound.as_i64()).unwrap_or(usize::MAX)
    });
    let mut texts = TEXTS.map(str::to_owned).to_vec();
    texts.push("x".repeat(least));
    let fits = |text: &String| {
        let pattern = shape.pattern.as_ref();
        (least..=most).contains(&text.len()) && pattern.is_none_or(|p| p.matches(text))
    };
    let found = texts.into_iter().find(fits);
    json!(found.unwrap_or_else(|| panic!(
        "no text is known that fits {}: write an example into the service's examples.json",
        shape.name
    )))
}
