//! From the value of a shape to XML.

use palisade_model::{
    ListShape, MapShape, Member, Reference, ServiceModel, ShapeId, ShapeKind, Structure,
    StructureShape, TimestampFormat, Value, XmlNamespace,
};

use crate::error::EncodeError;
use crate::scalar;

/// Writes elements one after the other.
pub(crate) struct Writer<'m> {
    model: &'m ServiceModel,
    out: String,
    /// Text of a value, before it is escaped.
    scratch: String,
}

impl<'m> Writer<'m> {
    /// A writer of values of that model.
    pub(crate) fn new(model: &'m ServiceModel) -> Self {
        Self {
            model,
            out: String::with_capacity(512),
            scratch: String::new(),
        }
    }

    /// What has been written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Writes the first line of a document.
    pub(crate) fn declaration(&mut self) {
        self.out
            .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }

    /// Begins an element.
    pub(crate) fn open(&mut self, name: &str, namespace: Option<XmlNamespace>) {
        self.begin(name, namespace);
        self.out.push('>');
    }

    /// Ends an element.
    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Writes an element with text.
    pub(crate) fn text_element(&mut self, name: &str, text: &str) {
        self.open(name, None);
        escape(&mut self.out, text);
        self.close(name);
    }

    /// Writes a structure as an element.
    pub(crate) fn structure_element(
        &mut self,
        name: &str,
        namespace: Option<XmlNamespace>,
        shape: &StructureShape,
        structure: &Structure,
    ) -> Result<(), EncodeError> {
        self.begin(name, namespace);
        for (member, value) in body_members(shape, structure).filter(|(m, _)| m.xml_attribute) {
            self.out.push(' ');
            self.out.push_str(member.wire_name());
            self.out.push_str("=\"");
            self.scalar(member.shape, member.timestamp_format, value)?;
            self.out.push('"');
        }
        self.out.push('>');
        self.members(shape, structure)?;
        self.close(name);
        Ok(())
    }

    /// Writes the members of a structure that are elements of the body.
    pub(crate) fn members(
        &mut self,
        shape: &StructureShape,
        structure: &Structure,
    ) -> Result<(), EncodeError> {
        for (member, value) in body_members(shape, structure).filter(|(m, _)| !m.xml_attribute) {
            self.member(member, value)?;
        }
        Ok(())
    }

    fn member(&mut self, member: &Member, value: &Value) -> Result<(), EncodeError> {
        let (name, namespace) = (member.wire_name(), member.xml_namespace);
        match (&self.model.shape(member.shape).kind, value) {
            (ShapeKind::List(list), Value::List(values)) if member.flattened => {
                for value in values {
                    self.entry(&list.member, name, list.member.xml_namespace, value)?;
                }
                Ok(())
            }
            (ShapeKind::Map(map), Value::Map(entries)) if member.flattened => {
                self.map_entries(map, name, namespace, entries)
            }
            _ => self.value(
                member.shape,
                name,
                namespace,
                member.timestamp_format,
                value,
            ),
        }
    }

    fn value(
        &mut self,
        id: ShapeId,
        name: &str,
        namespace: Option<XmlNamespace>,
        format: Option<TimestampFormat>,
        value: &Value,
    ) -> Result<(), EncodeError> {
        match (&self.model.shape(id).kind, value) {
            (_, Value::Null) => Ok(()),
            (ShapeKind::Structure(shape), Value::Structure(structure)) => {
                self.structure_element(name, namespace, shape, structure)
            }
            (ShapeKind::List(shape), Value::List(values)) => {
                self.open(name, namespace);
                self.list_members(shape, values)?;
                self.close(name);
                Ok(())
            }
            (ShapeKind::Map(shape), Value::Map(entries)) => {
                self.open(name, namespace);
                self.map_entries(shape, "entry", None, entries)?;
                self.close(name);
                Ok(())
            }
            _ => {
                self.open(name, namespace);
                self.scalar(id, format, value)?;
                self.close(name);
                Ok(())
            }
        }
    }

    fn list_members(&mut self, shape: &ListShape, values: &[Value]) -> Result<(), EncodeError> {
        let name = shape.member.location_name.unwrap_or("member");
        for value in values {
            self.entry(&shape.member, name, shape.member.xml_namespace, value)?;
        }
        Ok(())
    }

    fn map_entries(
        &mut self,
        shape: &MapShape,
        name: &str,
        namespace: Option<XmlNamespace>,
        entries: &[(String, Value)],
    ) -> Result<(), EncodeError> {
        for (key, value) in entries {
            self.open(name, namespace);
            let key_name = shape.key.location_name.unwrap_or("key");
            self.open(key_name, shape.key.xml_namespace);
            escape(&mut self.out, key);
            self.close(key_name);
            let value_name = shape.value.location_name.unwrap_or("value");
            self.entry(&shape.value, value_name, shape.value.xml_namespace, value)?;
            self.close(name);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &Reference,
        name: &str,
        namespace: Option<XmlNamespace>,
        value: &Value,
    ) -> Result<(), EncodeError> {
        self.value(entry.shape, name, namespace, entry.timestamp_format, value)
    }

    fn scalar(
        &mut self,
        id: ShapeId,
        format: Option<TimestampFormat>,
        value: &Value,
    ) -> Result<(), EncodeError> {
        if let (Value::String(text), ShapeKind::String(_)) = (value, &self.model.shape(id).kind) {
            escape(&mut self.out, text);
            return Ok(());
        }
        self.scratch.clear();
        let format = format.unwrap_or(TimestampFormat::Iso8601);
        scalar::write(&mut self.scratch, self.model, id, format, value)?;
        escape(&mut self.out, &self.scratch);
        Ok(())
    }

    /// Begins a start tag, without its end.
    fn begin(&mut self, name: &str, namespace: Option<XmlNamespace>) {
        self.out.push('<');
        self.out.push_str(name);
        if let Some(XmlNamespace { uri, prefix }) = namespace {
            self.out.push_str(" xmlns");
            if let Some(prefix) = prefix {
                self.out.push(':');
                self.out.push_str(prefix);
            }
            self.out.push_str("=\"");
            escape(&mut self.out, uri);
            self.out.push('"');
        }
    }
}

fn body_members<'a>(
    shape: &'a StructureShape,
    structure: &'a Structure,
) -> impl Iterator<Item = (&'a Member, &'a Value)> {
    structure
        .fields
        .iter()
        .filter_map(|(name, value)| shape.member(name).map(|member| (member, value)))
        .filter(|(member, value)| member.is_in_answer_body() && !value.is_null())
}

/// Writes text so that a reader gets it back: line ends, too, and without what XML cannot hold.
fn escape(out: &mut String, text: &str) {
    // Nearly every text has nothing to escape, which its bytes tell faster than its characters.
    let is_plain =
        |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"');
    if text.as_bytes().iter().all(is_plain) {
        return out.push_str(text);
    }
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let escaped = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\n' => "&#xA;",
            '\r' => "&#xD;",
            '\u{85}' => "&#x85;",
            '\u{2028}' => "&#x2028;",
            '\t' => continue,
            // XML has no way to write these.
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        out.push_str(escaped);
        plain = at + character.len_utf8();
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}
