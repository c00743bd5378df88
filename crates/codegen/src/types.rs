//! The structures that implemented operations take and give, as Rust types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::{Kind, Member, Model};
use crate::names::{field, snake, type_name};

/// Types, their ways from and to values, and constructors of errors, for those operations.
pub fn emit(model: &Model, operations: &[&str]) -> Result<String, String> {
    let mut out = String::from(
        "// Generated when the service is built, from its model and operations.json.\n\n",
    );
    let (taken, given) = (
        reached(model, operations, "input")?,
        reached(model, operations, "output")?,
    );
    let mut names = BTreeMap::new();
    for &shape in taken.union(&given) {
        if let Some(other) = names.insert(type_name(shape), shape) {
            return Err(format!("the shapes {shape} and {other} would be one type"));
        }
        Type {
            model,
            shape,
            taken: taken.contains(shape),
            given: given.contains(shape),
        }
        .emit(&mut out)?;
    }
    for operation in operations {
        for (side, suffix, verb) in [("input", "Input", "takes"), ("output", "Output", "gives")] {
            outermost(
                model,
                operation,
                side,
                &format!("{operation}{suffix}"),
                verb,
                &names,
                &mut out,
            );
        }
    }
    emit_errors(model, operations, &mut out);
    Ok(out)
}

/// Every structure that the operations' inputs or outputs lead to.
fn reached<'a>(
    model: &'a Model,
    operations: &[&str],
    side: &str,
) -> Result<BTreeSet<&'a str>, String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = operations
        .iter()
        .filter_map(|operation| model.side(operation, side))
        .collect();
    while let Some(shape) = open.pop() {
        match model.kind(shape)? {
            Kind::Structure if found.insert(shape) => {
                open.extend(model.members(shape).iter().map(|member| member.shape))
            }
            Kind::List(member) | Kind::Map(member) => open.push(member),
            _ => {}
        }
    }
    Ok(found)
}

/// `<Operation>Input` and `<Operation>Output`: other names for the structures, so that handlers read alike; a structure
/// without members where the model has none.
fn outermost(
    model: &Model,
    operation: &str,
    side: &str,
    name: &str,
    verb: &str,
    names: &BTreeMap<String, &str>,
    out: &mut String,
) {
    match model.side(operation, side) {
        Some(shape) if type_name(shape) == name => {}
        Some(shape) => {
            let _ = writeln!(
                out,
                "/// What `{operation}` {verb}.\npub type {name} = {};",
                type_name(shape)
            );
        }
        None if names.contains_key(name) => {}
        None => {
            let _ = writeln!(
                out,
                "/// What `{operation}` {verb}: nothing.\n#[derive(Clone, Debug, Default, PartialEq)]\npub struct {name} {{}}\n\
                 impl ::palisade_model::FromValue for {name} {{\n\
                 fn from_value(_: ::palisade_model::Value) -> ::std::result::Result<Self, ::palisade_model::TypeMismatch> {{ Ok(Self {{}}) }}\n}}\n\
                 impl ::palisade_model::IntoValue for {name} {{\n\
                 fn into_value(self) -> ::palisade_model::Value {{ ::palisade_model::Value::Structure(::palisade_model::Structure::new()) }}\n}}"
            );
        }
    }
}

struct Type<'a> {
    model: &'a Model,
    shape: &'a str,
    /// Some operation takes it.
    taken: bool,
    /// Some operation gives it.
    given: bool,
}

impl Type<'_> {
    fn emit(&self, out: &mut String) -> Result<(), String> {
        let name = type_name(self.shape);
        let members = self.model.members(self.shape);
        let mut fields = BTreeSet::new();
        if let Some(twice) = members
            .iter()
            .find(|member| !fields.insert(field(member.name)))
        {
            return Err(format!(
                "{}: two members would be the field {}",
                self.shape,
                field(twice.name)
            ));
        }
        let secret = members.iter().any(|member| member.sensitive);
        let mut derived = vec!["Clone", "PartialEq"];
        derived.extend((!secret).then_some("Debug"));
        derived
            .extend(defaults(self.model, self.shape, &mut BTreeSet::new())?.then_some("Default"));
        let _ = writeln!(
            out,
            "/// `{}`\n#[derive({})]\npub struct {name} {{",
            self.shape,
            derived.join(", ")
        );
        for member in &members {
            let doc = if member.sensitive { " (sensitive)" } else { "" };
            let _ = writeln!(
                out,
                "    /// `{}`{doc}\n    pub {}: {},",
                member.name,
                field(member.name),
                self.field_type(member)?
            );
        }
        out.push_str("}\n");
        if secret {
            emit_debug(&name, &members, out);
        }
        if self.taken {
            emit_from(&name, &members, out);
        }
        if self.given {
            emit_into(&name, &members, out);
        }
        Ok(())
    }

    fn field_type(&self, member: &Member<'_>) -> Result<String, String> {
        let mut of = if member.streaming {
            "::palisade_model::Payload".into()
        } else {
            rust_type(self.model, member.shape)?
        };
        if contains(self.model, member.shape, self.shape)? {
            of = format!("::std::boxed::Box<{of}>");
        }
        Ok(if member.required {
            of
        } else {
            format!("::std::option::Option<{of}>")
        })
    }
}

fn rust_type(model: &Model, shape: &str) -> Result<String, String> {
    Ok(match model.kind(shape)? {
        Kind::Structure => type_name(shape),
        Kind::List(member) => format!("::std::vec::Vec<{}>", rust_type(model, member)?),
        Kind::Map(value) => format!("::palisade_model::OrderedMap<{}>", rust_type(model, value)?),
        Kind::String => "::std::string::String".into(),
        Kind::Blob => "::bytes::Bytes".into(),
        Kind::Boolean => "bool".into(),
        Kind::Integer => "i32".into(),
        Kind::Long => "i64".into(),
        Kind::Float => "f32".into(),
        Kind::Double => "f64".into(),
        Kind::Timestamp => "::palisade_model::Timestamp".into(),
        Kind::Document => "::palisade_model::Value".into(),
    })
}

/// Whether a value of `shape` holds one of `sought` in itself, not behind a list or map: such a field needs a box.
fn contains(model: &Model, shape: &str, sought: &str) -> Result<bool, String> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![shape]);
    while let Some(shape) = open.pop() {
        if !matches!(model.kind(shape)?, Kind::Structure) {
            continue;
        }
        if shape == sought {
            return Ok(true);
        }
        if seen.insert(shape) {
            open.extend(model.members(shape).iter().map(|member| member.shape));
        }
    }
    Ok(false)
}

/// Whether there is a value of the structure with nothing set: no moment or payload is required in it.
fn defaults<'a>(
    model: &'a Model,
    shape: &'a str,
    within: &mut BTreeSet<&'a str>,
) -> Result<bool, String> {
    if !within.insert(shape) {
        return Ok(false);
    }
    for member in model
        .members(shape)
        .into_iter()
        .filter(|member| member.required)
    {
        let good = match model.kind(member.shape)? {
            Kind::Timestamp => false,
            Kind::Structure => defaults(model, member.shape, within)?,
            _ => !member.streaming,
        };
        if !good {
            return Ok(false);
        }
    }
    within.remove(shape);
    Ok(true)
}

/// A debug form that never prints a secret, into whatever log it may get.
fn emit_debug(name: &str, members: &[Member<'_>], out: &mut String) {
    let _ = write!(
        out,
        "impl ::std::fmt::Debug for {name} {{\nfn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{\nf.debug_struct({name:?})"
    );
    for member in members {
        let name = field(member.name);
        let _ = match member.sensitive {
            true => write!(
                out,
                ".field({name:?}, &::std::format_args!(\"(sensitive)\"))"
            ),
            false => write!(out, ".field({name:?}, &self.{name})"),
        };
    }
    out.push_str(".finish()\n}\n}\n");
}

fn emit_from(name: &str, members: &[Member<'_>], out: &mut String) {
    let members_name = if members.is_empty() {
        "_"
    } else {
        "mut members"
    };
    let _ = write!(
        out,
        "impl ::palisade_model::FromValue for {name} {{\n\
         fn from_value(value: ::palisade_model::Value) -> ::std::result::Result<Self, ::palisade_model::TypeMismatch> {{\n\
         let {members_name} = <::palisade_model::Structure as ::palisade_model::FromValue>::from_value(value)?;\nOk(Self {{\n"
    );
    for member in members {
        let how = if member.required {
            "required"
        } else {
            "optional"
        };
        let _ = writeln!(
            out,
            "    {}: members.{how}({:?})?,",
            field(member.name),
            member.name
        );
    }
    out.push_str("})\n}\n}\n");
}

fn emit_into(name: &str, members: &[Member<'_>], out: &mut String) {
    let mutable = if members.is_empty() { "" } else { "mut " };
    let _ = write!(
        out,
        "impl ::palisade_model::IntoValue for {name} {{\nfn into_value(self) -> ::palisade_model::Value {{\n\
         let {mutable}members = ::palisade_model::Structure::with_capacity({});\n",
        members.len()
    );
    for member in members {
        let _ = writeln!(
            out,
            "    members.push({:?}, self.{});",
            member.name,
            field(member.name)
        );
    }
    out.push_str("::palisade_model::Value::Structure(members)\n}\n}\n");
}

fn emit_errors(model: &Model, operations: &[&str], out: &mut String) {
    let exceptions: BTreeSet<&str> = operations
        .iter()
        .flat_map(|operation| model.errors(operation))
        .collect();
    out.push_str("/// The exceptions that the model gives these operations.\npub mod errors {\n");
    for exception in exceptions {
        let whose = if model.blames_caller(exception) {
            "sender"
        } else {
            "receiver"
        };
        let _ = writeln!(
            out,
            "/// `{exception}`\npub fn {}(message: impl Into<String>) -> ::palisade_model::ApiError {{ ::palisade_model::ApiError::{whose}({exception:?}, message) }}",
            snake(exception)
        );
    }
    out.push_str("}\n");
}
