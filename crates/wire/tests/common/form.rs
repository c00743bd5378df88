//! A client's side of the form protocols.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use palisade_model::{
    Member, Protocol, ServiceModel, ShapeId, ShapeKind, Structure, StructureShape, TimestampFormat,
    Value,
};

/// Writes a structure as the parameters of a form.
pub fn write(
    model: &ServiceModel,
    protocol: Protocol,
    shape: &StructureShape,
    structure: &Structure,
) -> String {
    let mut writer = Writer {
        model,
        is_ec2: protocol == Protocol::Ec2,
        out: String::new(),
    };
    writer.structure("", shape, structure);
    writer.out
}

struct Writer<'m> {
    model: &'m ServiceModel,
    is_ec2: bool,
    out: String,
}

impl Writer<'_> {
    fn structure(&mut self, prefix: &str, shape: &StructureShape, structure: &Structure) {
        for (name, value) in &structure.fields {
            let member = shape.member(name).expect("a member");
            let name = format!("{prefix}{}", self.name(member));
            let format = member.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
            self.value(&name, member.shape, member.flattened, format, value);
        }
    }

    fn name(&self, member: &Member) -> String {
        let name = member.wire_name();
        match self.is_ec2 {
            true => name[..1].to_uppercase() + &name[1..],
            false => name.to_owned(),
        }
    }

    fn value(
        &mut self,
        name: &str,
        id: ShapeId,
        flattened: bool,
        format: TimestampFormat,
        value: &Value,
    ) {
        let iso = TimestampFormat::Iso8601;
        match (&self.model.shape(id).kind, value) {
            (ShapeKind::Structure(shape), Value::Structure(structure)) => {
                self.structure(&format!("{name}."), shape, structure);
            }
            (ShapeKind::List(list), Value::List(values)) => {
                let level = match flattened || self.is_ec2 {
                    true => String::new(),
                    false => format!(".{}", list.member.location_name.unwrap_or("member")),
                };
                for (index, value) in values.iter().enumerate() {
                    let name = format!("{name}{level}.{}", index + 1);
                    self.value(&name, list.member.shape, false, iso, value);
                }
            }
            (ShapeKind::Map(map), Value::Map(entries)) => {
                let level = if flattened { "" } else { ".entry" };
                for (index, (key, value)) in entries.iter().enumerate() {
                    let name = format!("{name}{level}.{}", index + 1);
                    let (k, v) = (map.key.location_name, map.value.location_name);
                    self.parameter(&format!("{name}.{}", k.unwrap_or("key")), key);
                    let name = format!("{name}.{}", v.unwrap_or("value"));
                    self.value(&name, map.value.shape, false, iso, value);
                }
            }
            (_, Value::String(text)) => self.parameter(name, text),
            (_, Value::Bool(truth)) => self.parameter(name, &truth.to_string()),
            (_, Value::Integer(number)) => self.parameter(name, &number.to_string()),
            (_, Value::Float(number)) => self.parameter(name, &float(*number)),
            (_, Value::Blob(bytes)) => self.parameter(name, &BASE64.encode(bytes)),
            (_, Value::Timestamp(moment)) => {
                self.parameter(name, &moment.display(format).to_string())
            }
            (_, other) => panic!("no form for {other:?}"),
        }
    }

    fn parameter(&mut self, name: &str, value: &str) {
        if !self.out.is_empty() {
            self.out.push('&');
        }
        self.out.push_str(name);
        self.out.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => self.out.push(char::from(byte)),
                b' ' => self.out.push('+'),
                _ => write!(self.out, "%{byte:02x}").expect("a string takes all"),
            }
        }
    }
}

fn float(number: f64) -> String {
    match number.is_infinite() {
        true if number > 0.0 => "Infinity".to_owned(),
        true => "-Infinity".to_owned(),
        false => number.to_string(),
    }
}
