//! The protocol test cases, their models and their values.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod answer;
pub mod echo;
pub mod form;
pub mod ledger;
pub mod random;
pub mod request;
pub mod same;

use std::path::{Path, PathBuf};

use palisade_model::{
    ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, Timestamp, Value, load_static,
};
use serde_json::{Value as Json, json};

/// The folder of the protocol cases, or `None`, said aloud, when it is not there.
pub fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("PALISADE_SHARED").map_or(root.join("../shared"), PathBuf::from);
    let folder = shared.join("vectors/protocol");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no protocol cases at {}; set PALISADE_SHARED",
        folder.display()
    );
    None
}

/// A case and the model of its operation.
pub struct Case {
    /// `input/json/AwsJson11Enums`
    pub id: String,
    /// The case as it stands in the file.
    pub case: Json,
    /// The model: the suite's metadata and shapes, the case's operation.
    pub model: &'static ServiceModel,
    /// Name of the operation.
    pub operation: String,
    /// True when bodies are base64 of CBOR.
    pub is_cbor: bool,
}

/// All cases of one direction, `input` or `output`.
pub fn cases(folder: &Path, direction: &str) -> Vec<Case> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(direction))
        .expect("the cases can be listed")
        .map(|entry| entry.expect("the cases can be listed").path())
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| cases_of(file, direction))
        .collect()
}

fn cases_of(file: &Path, direction: &str) -> Vec<Case> {
    let name = file
        .file_stem()
        .and_then(|name| name.to_str())
        .expect("a file has a name");
    let text = std::fs::read_to_string(file).expect("the cases can be read");
    let suites: Json = serde_json::from_str(&text).expect("the cases are JSON");
    let mut cases = Vec::new();
    for suite in suites.as_array().expect("a file is a list of suites") {
        for case in suite["cases"].as_array().expect("a suite has cases") {
            let operation = case["given"]["name"]
                .as_str()
                .expect("an operation has a name");
            cases.push(Case {
                id: format!(
                    "{direction}/{name}/{}",
                    case["id"].as_str().expect("a case has an id")
                ),
                case: case.clone(),
                model: model(suite, &case["given"]),
                operation: operation.to_owned(),
                is_cbor: name.contains("cbor"),
            });
        }
    }
    cases
}

fn model(suite: &Json, given: &Json) -> &'static ServiceModel {
    let mut given = given.clone();
    let operation = given["name"]
        .as_str()
        .expect("an operation has a name")
        .to_owned();
    // Input cases have no output: the operation gives back what it takes.
    if let (Some(input), None) = (given.get("input").cloned(), given.get("output")) {
        given["output"] = input;
    }
    // The cases leave out what every query model has.
    if suite["metadata"]["protocol"] == "query" && given.get("output").is_some() {
        given["output"]["resultWrapper"] = json!(format!("{operation}Result"));
    }
    let model = json!({
        "metadata": suite["metadata"],
        "shapes": suite["shapes"],
        "operations": { operation: given },
    });
    load_static(&model.to_string()).expect("the model of a case loads")
}

/// The parameters or the result of a case as a value of a shape.
pub fn structure(model: &ServiceModel, shape: Option<ShapeId>, json: &Json) -> Structure {
    match shape.map(|id| value(model, id, json)) {
        Some(Value::Structure(structure)) => structure,
        _ => Structure::new(),
    }
}

fn value(model: &ServiceModel, id: ShapeId, json: &Json) -> Value {
    if json.is_null() {
        return Value::Null;
    }
    match &model.shape(id).kind {
        ShapeKind::Structure(shape) => Value::Structure(members(model, shape, json)),
        ShapeKind::List(list) => {
            let items = json.as_array().expect("a list");
            Value::List(
                items
                    .iter()
                    .map(|item| value(model, list.member.shape, item))
                    .collect(),
            )
        }
        ShapeKind::Map(map) => {
            let entries = json.as_object().expect("a map").iter();
            Value::Map(
                entries
                    .map(|(key, item)| (key.clone(), value(model, map.value.shape, item)))
                    .collect(),
            )
        }
        ShapeKind::String(_) => Value::String(json.as_str().expect("a string").to_owned()),
        ShapeKind::Blob => Value::Blob(json.as_str().expect("a blob").to_owned().into()),
        ShapeKind::Boolean => Value::Bool(json.as_bool().expect("a boolean")),
        ShapeKind::Integer | ShapeKind::Long => Value::Integer(json.as_i64().expect("an integer")),
        ShapeKind::Float | ShapeKind::Double => Value::Float(match json.as_str() {
            Some(word) => word.parse().expect("a float"),
            None => json.as_f64().expect("a float"),
        }),
        ShapeKind::Timestamp(_) => {
            let moment = Timestamp::from_f64(json.as_f64().expect("a timestamp"));
            Value::Timestamp(moment.expect("a timestamp"))
        }
        ShapeKind::Document => Value::Document(json.clone()),
    }
}

/// The members of a structure.
pub fn members(model: &ServiceModel, shape: &StructureShape, json: &Json) -> Structure {
    let mut structure = Structure::new();
    for (name, item) in json.as_object().expect("a structure") {
        let member = shape
            .member(name)
            .unwrap_or_else(|| panic!("no member {name}"));
        structure.push(member.name, value(model, member.shape, item));
    }
    structure
}
