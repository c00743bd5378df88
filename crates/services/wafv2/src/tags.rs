//! Tags.

use palisade_core::{Call, CallError, Handlers};
use palisade_model::{ApiError, Structure, Value};

use crate::api::errors;
use crate::entities::{find, save};
use crate::faults::{invalid, limit, missing};
use crate::listing::Asked;
use crate::members::text;
use crate::place::Address;
use crate::tables::{Entity, Tags};

/// The most tags of a resource.
const TAGS_MAX: usize = 50;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("TagResource", tag)
        .on("UntagResource", untag)
        .on("ListTagsForResource", list)
}

/// The tags of a request.
///
/// # Errors
/// When they are too many, twice the same, or reserved.
pub(crate) fn given(input: &Structure) -> Result<Tags, ApiError> {
    merged(Tags::new(), input)
}

fn merged(mut tags: Tags, input: &Structure) -> Result<Tags, ApiError> {
    let new = input.get("Tags").and_then(Value::as_list);
    let new = new
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_structure);
    let mut names: Vec<&str> = Vec::new();
    for tag in new {
        let (key, value) = (text(tag, "Key"), text(tag, "Value"));
        check_key(key)?;
        if names.contains(&key) {
            return Err(invalid("TAGS", key, "The tag key is given twice."));
        }
        names.push(key);
        match tags.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value.to_owned(),
            None => tags.push((key.to_owned(), value.to_owned())),
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(limit(&format!("a resource has at most {TAGS_MAX} tags.")));
    }
    Ok(tags)
}

fn check_key(key: &str) -> Result<(), ApiError> {
    let reserved = key
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if reserved {
        return Err(errors::waf_tag_operation_exception(
            "Tag keys that begin with aws: are reserved.",
        ));
    }
    Ok(())
}

fn tagged(call: &Call<'_>, input: &Structure) -> Result<(Address, Entity), CallError> {
    let arn = text(input, "ResourceARN");
    let address =
        Address::parse(arn).ok_or_else(|| invalid("RESOURCE_ARN", arn, "The ARN isn't valid."))?;
    let reached = Some(&address).filter(|address| address.is_within(call));
    let entity = match reached {
        Some(address) => find(call, address)?,
        None => None,
    };
    Ok((address, entity.ok_or_else(missing)?))
}

fn tag(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let (address, mut entity) = tagged(call, &input)?;
    entity.tags = merged(std::mem::take(&mut entity.tags), &input)?;
    save(call, &address, &entity)?;
    Ok(Structure::new())
}

fn untag(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let (address, mut entity) = tagged(call, &input)?;
    let keys = input.get("TagKeys").and_then(Value::as_list);
    let keys = keys.unwrap_or_default().iter().filter_map(Value::as_str);
    for key in keys {
        check_key(key)?;
        entity.tags.retain(|(known, _)| known != key);
    }
    save(call, &address, &entity)?;
    Ok(Structure::new())
}

/// A page of tags names its last key only where there are more.
fn list(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let (address, entity) = tagged(call, &input)?;
    let last = entity.tags.last().map(|(key, _)| key.clone());
    let tags = entity.tags.into_iter().map(|(key, value)| {
        let tag = Structure::new()
            .with("Key", key.as_str())
            .with("Value", value);
        (key, tag)
    });
    let page = Asked::of(&input).cut(tags.collect());
    let marker = page.last().map(|(key, _)| key.clone());
    let tags: Vec<Structure> = page.into_iter().map(|(_, tag)| tag).collect();
    let info = Structure::new()
        .with("ResourceARN", address.arn())
        .with("TagList", tags);
    Ok(Structure::new().with("TagInfoForResource", info).with(
        "NextMarker",
        marker.filter(|key| Some(key) != last.as_ref()),
    ))
}
