//! A service's rows (`operations.json`): read, checked, written as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::actions::Tables;
use crate::model::Model;

/// The rows of a service, in the file's order.
pub struct Rows(Vec<(String, Row)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: Kind,
    #[serde(default)]
    permission: Option<Permission>,
    #[serde(default)]
    authorize: Vec<Question>,
    #[serde(default)]
    gives_credentials: bool,
    #[serde(default)]
    discloses: bool,
    #[serde(default)]
    stored_only: bool,
    #[serde(default)]
    takes_long: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Read,
    Write,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Permission {
    None,
    Unsigned,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    action: String,
    resource: String,
    #[serde(default)]
    when: Option<String>,
    #[serde(default)]
    context: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    service: String,
    operations: Map<String, Value>,
}

impl Rows {
    /// Reads the text of an `operations.json`.
    pub fn parse(text: &str, service: &str) -> Result<Self, String> {
        let file: File =
            serde_json::from_str(text).map_err(|error| format!("operations.json: {error}"))?;
        if file.service != service {
            return Err(format!(
                "operations.json is {}'s, not {service}'s",
                file.service
            ));
        }
        let row = |(name, row): (String, Value)| match serde_json::from_value(row) {
            Ok(row) => Ok((name, row)),
            Err(error) => Err(format!("operations.json: {name}: {error}")),
        };
        file.operations
            .into_iter()
            .map(row)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Names of the operations that have a row.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Everything that is wrong, a message each.
    pub fn check(&self, model: &Model, tables: &mut Tables) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, row) in &self.0 {
            let mut found = Vec::new();
            if !model.has_operation(name) {
                found.push("the model has no such operation".into());
            }
            if row.permission.is_some() != row.authorize.is_empty() {
                found.push("a row has either a permission or something to authorize".into());
            }
            for question in &row.authorize {
                let keys: Vec<&str> = question.context.keys().map(String::as_str).collect();
                found.extend(tables.check(&question.action, &question.resource, &keys));
                let input = model.side(name, "input").unwrap_or_default();
                let missing = question
                    .members()
                    .into_iter()
                    .filter(|member| !model.reaches(input, member));
                found.extend(missing.map(|member| format!("the input has no member {member}")));
            }
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("operations.json: {name}: {problem}")),
            );
        }
        problems
    }

    /// The table, as code.
    pub fn emit(&self) -> String {
        let mut out = String::from(
            "/// What each implemented operation is and asks, checked at build against the action tables.\n\
             pub static OPERATIONS: &[::palisade_core::operation::OperationRow] = {\n\
             use ::palisade_core::operation as row;\n&[\n",
        );
        for (name, row) in &self.0 {
            row.emit(name, &mut out);
        }
        out.push_str("]};\n");
        out
    }
}

impl Row {
    fn emit(&self, name: &str, out: &mut String) {
        let kind = match self.kind {
            Kind::Read => "Read",
            Kind::Write => "Write",
        };
        let _ = write!(
            out,
            "row::OperationRow {{ name: {name:?}, kind: row::CallKind::{kind}, permission: "
        );
        match self.permission {
            Some(Permission::None) => out.push_str("row::Permission::None"),
            Some(Permission::Unsigned) => out.push_str("row::Permission::Unsigned"),
            None => {
                out.push_str("row::Permission::Authorize(&[");
                self.authorize
                    .iter()
                    .for_each(|question| question.emit(out));
                out.push_str("])");
            }
        }
        let Self {
            gives_credentials,
            discloses,
            stored_only,
            takes_long,
            ..
        } = self;
        let _ = writeln!(
            out,
            ", gives_credentials: {gives_credentials}, discloses: {discloses}, stored_only: {stored_only}, takes_long: {takes_long} }},"
        );
    }
}

impl Question {
    /// Every input member it reads.
    fn members(&self) -> Vec<&str> {
        let of_caller = ["Partition", "Region", "Account"];
        let mut members: Vec<&str> = self
            .context
            .values()
            .map(String::as_str)
            .chain(self.when.as_deref())
            .collect();
        let in_template = self
            .resource
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
        members.extend(in_template.filter(|name| !of_caller.contains(name)));
        members
    }

    fn emit(&self, out: &mut String) {
        let Self {
            action,
            resource,
            when,
            context,
        } = self;
        let _ = write!(out, "row::Authorization {{ action: {action:?}, resource: ");
        let _ = match (resource.as_str(), resource.strip_prefix('@')) {
            ("*", _) => write!(out, "row::ResourceSpec::Any"),
            (_, Some(resolver)) => write!(out, "row::ResourceSpec::Resolver({resolver:?})"),
            (template, None) => write!(out, "row::ResourceSpec::Template({template:?})"),
        };
        let _ = write!(out, ", when: {when:?}, context: &[");
        for (key, member) in context {
            let _ = write!(
                out,
                "row::ContextKey {{ key: {key:?}, member: {member:?} }}, "
            );
        }
        out.push_str("] }, ");
    }
}
