//! Typed requests, responses and operation tables, generated when a service is built.
//!
//! A service's `build.rs` calls [`service`]; it reads `models/<service>.json` and the service's own `operations.json` (its
//! rows, one an implemented operation) and writes `api.rs` into the build folder, which the service includes:
//!
//! ```ignore
//! // build.rs
//! fn main() {
//!     palisade_codegen::service("iam");
//! }
//!
//! // src/lib.rs
//! /// Requests, responses, errors and rows, generated from the model.
//! pub mod api {
//!     include!(concat!(env!("OUT_DIR"), "/api.rs"));
//! }
//! ```
//!
//! `api` then holds, for the implemented operations and nothing else:
//! - a structure for every structure they take or give, `FromValue` if they take it, `IntoValue` if they give it, and
//!   `<Operation>Input` and `<Operation>Output` as names for the outermost ones;
//! - `errors`: a constructor for each exception of theirs, such as `errors::no_such_entity_exception("…")`;
//! - `OPERATIONS`: the rows, as `palisade_core::operation::OperationRow`.
//!
//! Every row is checked against the model and the action tables in `data/actions/`: an operation, member, action,
//! resource or condition key that does not exist fails the build, and the message names the row.
//!
//! The crate reads JSON as it is rather than through `palisade-model`, to keep what must be built twice (once for build
//! scripts, once for the program) small.
#![forbid(unsafe_code)]

mod actions;
mod model;
mod names;
mod policies;
mod rows;
mod types;

use std::path::{Path, PathBuf};
use std::{env, fs, process};

pub use policies::policy_table;

/// Generates `api.rs` for the service whose `build.rs` calls it, from the model of that name.
///
/// Ends the build with a message for each thing that is wrong.
pub fn service(name: &str) {
    let folder = from_cargo("CARGO_MANIFEST_DIR");
    let rows = folder.join("operations.json");
    println!("cargo::rerun-if-changed={}", rows.display());
    let root = root_of(&folder);
    let result = fs::read_to_string(&rows)
        .map_err(|error| vec![format!("{}: {error}", rows.display())])
        .and_then(|rows| generate(&root, name, &rows));
    match result {
        Ok(generated) => {
            announce(&generated.read);
            write("api.rs", &generated.code);
        }
        Err(problems) => fail(&problems),
    }
}

/// Generates `managed_policies.rs`, the table of AWS-managed policies, for the crate whose `build.rs` calls it.
///
/// The including module then has `MANAGED_POLICIES`, sorted by name; a document is a slice of the embedded text, so nothing
/// is read or parsed before a policy is asked for.
pub fn managed_policies() {
    let source = root_of(&from_cargo("CARGO_MANIFEST_DIR")).join("data/managed-policies.json");
    announce(std::slice::from_ref(&source));
    let result = fs::read_to_string(&source)
        .map_err(|error| error.to_string())
        .and_then(|text| policy_table(&source, &text));
    match result {
        Ok(table) => write("managed_policies.rs", &table),
        Err(problem) => fail(&[format!("{}: {problem}", source.display())]),
    }
}

/// What was generated, and the files it was generated from.
pub struct Generated {
    /// The text of `api.rs`.
    pub code: String,
    /// Every file that was read.
    pub read: Vec<PathBuf>,
}

/// Generates the code of a service from the facts under `root` (`models/`, `data/actions/`) and its rows, the text of an
/// `operations.json`.
///
/// # Errors
/// Everything that is wrong with the rows, a message each.
pub fn generate(root: &Path, service: &str, rows: &str) -> Result<Generated, Vec<String>> {
    let model = model::Model::read(root, service).map_err(|problem| vec![problem])?;
    let rows = rows::Rows::parse(rows, service).map_err(|problem| vec![problem])?;
    let mut tables = actions::Tables::new(root);
    let problems = rows.check(&model, &mut tables);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut code = types::emit(&model, &rows.names()).map_err(|problem| vec![problem])?;
    code.push_str(&rows.emit());
    let read = model.read.into_iter().chain(tables.read).collect();
    Ok(Generated { code, read })
}

fn from_cargo(variable: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(value) => value.into(),
        None => fail(&[format!(
            "{variable} is not set: call this from a build script"
        )]),
    }
}

/// The repository's root: the nearest folder above that holds `models/` and `data/`.
fn root_of(folder: &Path) -> PathBuf {
    let is_root = |folder: &&Path| folder.join("models").is_dir() && folder.join("data").is_dir();
    match folder.ancestors().find(is_root) {
        Some(root) => root.to_owned(),
        None => fail(&[format!("no models/ and data/ above {}", folder.display())]),
    }
}

fn announce(files: &[PathBuf]) {
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
}

fn write(name: &str, text: &str) {
    let path = from_cargo("OUT_DIR").join(name);
    if let Err(error) = fs::write(&path, text) {
        fail(&[format!("{}: {error}", path.display())]);
    }
}

fn fail(problems: &[String]) -> ! {
    for problem in problems {
        println!("cargo::error={problem}");
    }
    process::exit(1);
}
