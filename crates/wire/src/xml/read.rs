//! From an XML element to the value of a shape.

use palisade_model::{
    ListShape, Location, MapShape, Member, Reference, ServiceModel, ShapeId, ShapeKind, Structure,
    StructureShape, TimestampFormat, Value,
};

use super::dom::Element;
use crate::checks::{check_union, refuse_repeated};
use crate::error::WireError;
use crate::scalar;

/// Reads the members of a structure that are in the body; elements it does not know are passed
/// over. The depth is bounded by that of the tree.
pub(crate) fn read_structure(
    model: &ServiceModel,
    shape: &StructureShape,
    element: &Element,
) -> Result<Structure, WireError> {
    let mut structure = Structure::new();
    for member in shape
        .members()
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        if let Some(value) = read_member(model, member, element)? {
            structure.fields.push((member.name, value));
        }
    }
    check_union(shape, &structure)?;
    Ok(structure)
}

fn read_member(
    model: &ServiceModel,
    member: &Member,
    element: &Element,
) -> Result<Option<Value>, WireError> {
    let format = member.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
    if member.xml_attribute {
        let name = member.wire_name();
        let name = name.rsplit(':').next().unwrap_or(name);
        let value = element.attribute(name);
        return value
            .map(|text| scalar::parse(model, member.shape, format, text))
            .transpose();
    }
    let mut elements = element
        .children
        .iter()
        .filter(|child| child.name == member.wire_name())
        .peekable();
    if elements.peek().is_none() {
        return Ok(None);
    }
    match &model.shape(member.shape).kind {
        ShapeKind::List(list) if member.flattened => read_list(model, list, elements).map(Some),
        ShapeKind::Map(map) if member.flattened => read_map(model, map, elements).map(Some),
        _ => match (elements.next(), elements.next()) {
            (Some(element), None) => read_value(model, member.shape, format, element).map(Some),
            _ => Err(WireError::duplicate(member.wire_name())),
        },
    }
}

fn read_value(
    model: &ServiceModel,
    id: ShapeId,
    format: TimestampFormat,
    element: &Element,
) -> Result<Value, WireError> {
    match &model.shape(id).kind {
        ShapeKind::Structure(shape) => read_structure(model, shape, element).map(Value::Structure),
        ShapeKind::List(shape) => {
            let name = shape.member.location_name.unwrap_or("member");
            read_list(
                model,
                shape,
                element.children.iter().filter(|child| child.name == name),
            )
        }
        ShapeKind::Map(shape) => read_map(
            model,
            shape,
            element
                .children
                .iter()
                .filter(|child| child.name == "entry"),
        ),
        _ if element.children.is_empty() => scalar::parse(model, id, format, &element.text),
        kind => Err(WireError::Value(format!(
            "{} is not a valid {}",
            element.name,
            scalar::type_name(kind)
        ))),
    }
}

fn read_entry(
    model: &ServiceModel,
    entry: &Reference,
    element: &Element,
) -> Result<Value, WireError> {
    let format = entry.timestamp_format.unwrap_or(TimestampFormat::Iso8601);
    read_value(model, entry.shape, format, element)
}

fn read_list<'e>(
    model: &ServiceModel,
    shape: &ListShape,
    elements: impl Iterator<Item = &'e Element>,
) -> Result<Value, WireError> {
    elements
        .map(|element| read_entry(model, &shape.member, element))
        .collect::<Result<_, _>>()
        .map(Value::List)
}

fn read_map<'e>(
    model: &ServiceModel,
    shape: &MapShape,
    elements: impl Iterator<Item = &'e Element>,
) -> Result<Value, WireError> {
    let key_name = shape.key.location_name.unwrap_or("key");
    let value_name = shape.value.location_name.unwrap_or("value");
    let mut entries = Vec::new();
    for element in elements {
        let named = |name: &str| element.children.iter().find(|child| child.name == name);
        let Some(key) = named(key_name) else {
            return Err(WireError::Value(format!(
                "{} has no {key_name}",
                element.name
            )));
        };
        let value = match named(value_name) {
            Some(value) => read_entry(model, &shape.value, value)?,
            None => Value::Null,
        };
        entries.push((key.text.clone(), value));
    }
    refuse_repeated(&entries)?;
    Ok(Value::Map(entries))
}
