//! A small tree of an XML document: no DTD, no entities but the five of XML itself.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::MAX_DEPTH;
use crate::error::WireError;

/// Greatest number of attributes of an element: they are compared with each other for repeats.
const MAX_ATTRIBUTES: usize = 32;

/// An element, its names without namespace prefixes.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Local name.
    pub name: String,
    /// Local names and values of the attributes, namespace declarations left out.
    pub attributes: Vec<(String, String)>,
    /// All text directly inside.
    pub text: String,
    /// Elements directly inside.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Self, WireError> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            match reader.read_event().map_err(broken)? {
                Event::Start(tag) if root.is_none() => {
                    if open.len() == MAX_DEPTH {
                        return Err(WireError::TooDeep);
                    }
                    open.push(start(&tag)?);
                }
                // The reader has checked that the names of the tags are the same.
                Event::End(_) => match (open.pop(), open.last_mut()) {
                    (Some(element), Some(parent)) => parent.children.push(element),
                    (Some(element), None) => root = Some(element),
                    (None, _) => return Err(malformed()),
                },
                Event::Text(text) => append(&mut open, &text.decode().map_err(broken)?)?,
                Event::CData(text) => append(&mut open, &text.decode().map_err(broken)?)?,
                Event::GeneralRef(reference) => append(&mut open, &resolve(&reference)?)?,
                Event::Decl(_) if open.is_empty() && root.is_none() => {}
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof if open.is_empty() => return root.ok_or_else(malformed),
                // A document type, a second root, an end that is missing.
                _ => return Err(malformed()),
            }
        }
    }

    /// The attribute of that local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

fn start(tag: &BytesStart<'_>) -> Result<Element, WireError> {
    let mut element = Element {
        name: local(tag.local_name().as_ref())?,
        ..Element::default()
    };
    for (index, attribute) in tag.attributes().enumerate() {
        if index == MAX_ATTRIBUTES {
            return Err(WireError::Syntax(format!(
                "more than {MAX_ATTRIBUTES} attributes"
            )));
        }
        let attribute = attribute.map_err(broken)?;
        let is_namespace = attribute.key.as_namespace_binding().is_some();
        if !is_namespace {
            let value = attribute.unescape_value().map_err(broken)?;
            element.attributes.push((
                local(attribute.key.local_name().as_ref())?,
                value.into_owned(),
            ));
        }
    }
    Ok(element)
}

fn append(open: &mut [Element], text: &str) -> Result<(), WireError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_ascii().is_empty() => {}
        None => return Err(malformed()),
    }
    Ok(())
}

/// `&amp;` and the like, `&#10;` and `&#xA;`; nothing else.
fn resolve(reference: &BytesRef<'_>) -> Result<String, WireError> {
    if let Some(character) = reference.resolve_char_ref().map_err(broken)? {
        return Ok(character.to_string());
    }
    let name = reference.decode().map_err(broken)?;
    let text = quick_xml::escape::resolve_xml_entity(&name).ok_or_else(malformed)?;
    Ok(text.to_owned())
}

fn local(name: &[u8]) -> Result<String, WireError> {
    String::from_utf8(name.to_vec()).map_err(|_| malformed())
}

fn broken(error: impl std::fmt::Display) -> WireError {
    WireError::Syntax(format!("the XML is not well-formed: {error}"))
}

fn malformed() -> WireError {
    WireError::syntax("the XML is not well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_attributes_and_children_are_read_without_prefixes() {
        let text = "<?xml version=\"1.0\"?>\n<p:a xmlns:p=\"u\" p:b=\"1&lt;\"> x&amp;&#65;<c/><![CDATA[<]]></p:a>\n";
        let root = Element::parse(text).unwrap();
        assert_eq!((root.name.as_str(), root.text.as_str()), ("a", " x&A<"));
        assert_eq!(root.attribute("b"), Some("1<"));
        assert_eq!(root.children[0].name, "c");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            " ",
            "a",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "</a>",
            "<a/>x",
            "x<a/>",
            "<a>&b;</a>",
            "<a b='1' b='2'/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<a>&#0;</a>",
            "<a>&#xFFFFFFFFF;</a>",
            "<a",
            "<a b></a>",
            "<a><![CDATA[</a>",
        ] {
            assert!(Element::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_number_of_attributes_is_bounded() {
        let element = |count: usize| {
            let attributes: String = (0..count).map(|n| format!(" a{n}=''")).collect();
            Element::parse(&format!("<a{attributes}/>"))
        };
        assert!(element(MAX_ATTRIBUTES).is_ok());
        assert!(element(MAX_ATTRIBUTES + 1).is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let text = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert_eq!(Element::parse(&text).unwrap_err(), WireError::TooDeep);
    }
}
