//! What an answer says, whatever it looks like: bodies as trees that can be compared.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ciborium::Value as Cbor;
use palisade_model::{Protocol, Timestamp, TimestampFormat};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value as Json, json};

/// The bytes of a body as JSON that can be compared.
pub fn tree(protocol: Protocol, body: &[u8]) -> Result<Json, String> {
    if body.is_empty() {
        return Ok(Json::Null);
    }
    match protocol {
        Protocol::RpcV2Cbor => {
            let value: Cbor = ciborium::from_reader(body).map_err(|error| error.to_string())?;
            Ok(cbor(&value))
        }
        Protocol::Json | Protocol::RestJson => match serde_json::from_slice(body) {
            Ok(value) => Ok(plain(&value)),
            Err(_) => Ok(Json::String(String::from_utf8_lossy(body).into_owned())),
        },
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
            let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
            Ok(xml(text).unwrap_or_else(|_| Json::String(text.to_owned())))
        }
    }
}

/// JSON with every number as a double, moments in UTC and without members that are null.
fn plain(value: &Json) -> Json {
    match value {
        Json::Number(number) => json!(number.as_f64()),
        Json::String(text) => moment(text),
        Json::Array(values) => values.iter().map(plain).collect(),
        Json::Object(entries) => {
            let set = entries.iter().filter(|(_, value)| !value.is_null());
            Json::Object(
                set.map(|(key, value)| (key.clone(), plain(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Text; a moment with an offset as the same moment in UTC.
fn moment(text: &str) -> Json {
    match Timestamp::parse(text, TimestampFormat::Iso8601) {
        Some(moment) if text.contains('T') => json!(moment.to_string()),
        _ => json!(text),
    }
}

fn cbor(value: &Cbor) -> Json {
    match value {
        Cbor::Integer(number) => json!(i128::from(*number) as f64),
        Cbor::Float(number) if number.is_finite() => json!(number),
        Cbor::Float(number) => json!(format!("{}", *number)),
        Cbor::Bytes(bytes) => json!({ "bytes": BASE64.encode(bytes) }),
        Cbor::Text(text) => json!(text),
        Cbor::Bool(truth) => json!(truth),
        Cbor::Tag(tag, value) => json!({ "tag": tag, "value": cbor(value) }),
        Cbor::Array(values) => values.iter().map(cbor).collect(),
        Cbor::Map(entries) => {
            let set = entries.iter().filter(|(_, value)| *value != Cbor::Null);
            let text = |key: &Cbor| key.as_text().unwrap_or("?").to_owned();
            Json::Object(set.map(|(key, value)| (text(key), cbor(value))).collect())
        }
        _ => Json::Null,
    }
}

/// An XML document as `{"name", "namespace", "attributes", "text", "children": {name: [...]}}`:
/// the order of elements of different names does not count, nor does space between elements.
fn xml(text: &str) -> Result<Json, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![node("")];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let top = open.last_mut().expect("the document is always open");
        match event {
            Event::Start(tag) => {
                let mut element = node(std::str::from_utf8(tag.local_name().as_ref()).unwrap());
                element["namespace"] = top["namespace"].clone();
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|error| error.to_string())?;
                    let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
                    let value = attribute
                        .unescape_value()
                        .map_err(|error| error.to_string())?;
                    match key.as_str() {
                        "xmlns" => element["namespace"] = json!(value),
                        _ => element["attributes"][key] = json!(value),
                    }
                }
                open.push(element);
            }
            Event::End(_) => {
                let mut element = open.pop().expect("an end has a start");
                let text = element["text"].as_str().expect("text");
                element["text"] = match element["children"] == json!({}) {
                    // Space between tags is not text, but space with text is.
                    true if !text.contains('\n') || !text.trim().is_empty() => moment(text),
                    _ => json!(""),
                };
                let name = element["name"].as_str().expect("a name").to_owned();
                let parent = open.last_mut().expect("the document is always open");
                match parent["children"]
                    .get_mut(&name)
                    .and_then(Json::as_array_mut)
                {
                    Some(others) => others.push(element),
                    None => parent["children"][name] = json!([element]),
                }
            }
            Event::Text(more) => append(top, &more.decode().map_err(|error| error.to_string())?),
            Event::CData(more) => append(top, &more.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(reference) => {
                let text = match reference
                    .resolve_char_ref()
                    .map_err(|error| error.to_string())?
                {
                    Some(character) => character.to_string(),
                    None => {
                        let name = reference.decode().map_err(|error| error.to_string())?;
                        let text = quick_xml::escape::resolve_xml_entity(&name);
                        text.ok_or("an entity")?.to_owned()
                    }
                };
                append(top, &text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let document = open.pop().expect("the document is always open");
    let roots: Vec<&Json> = document["children"].as_object().unwrap().values().collect();
    match roots.as_slice() {
        [Json::Array(same)] if same.len() == 1 => Ok(same[0].clone()),
        _ => Err("not one root".to_owned()),
    }
}

fn node(name: &str) -> Json {
    json!({ "name": name, "namespace": "", "attributes": {}, "text": "", "children": {} })
}

fn append(element: &mut Json, text: &str) {
    let before = element["text"].as_str().expect("text");
    element["text"] = json!(format!("{before}{text}"));
}

/// The children of that name of an element, or none.
pub fn children<'j>(element: &'j mut Json, name: &str) -> Option<&'j mut Vec<Json>> {
    element.get_mut("children")?.get_mut(name)?.as_array_mut()
}

/// Header values with the space around commas made the same; names in lower case.
pub fn headers(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let tidy = |value: String| {
        value
            .split(',')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(",")
    };
    pairs
        .map(|(name, value)| (name.to_ascii_lowercase(), tidy(value)))
        .collect()
}

/// The name of an error as a client reads it: without a namespace before it or an address behind.
pub fn sanitized(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

/// Takes the name of an error out of a JSON or CBOR body.
pub fn take_code(body: &mut Json) -> Option<String> {
    let entries: &mut Map<String, Json> = body.as_object_mut()?;
    let found = entries
        .remove("__type")
        .or_else(|| entries.remove("code"))?;
    Some(sanitized(found.as_str()?).to_owned())
}
