//! Tags of keys.

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::keys::{By, find};
use crate::page::{Ask, TAGS, page_of};
use crate::tables::{Key, Tags};

/// The most tags of a key (KMS Developer Guide, "Tagging keys").
const TAGS_MAX: usize = 50;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("TagResource", tag)
        .on("UntagResource", untag)
        .on("ListResourceTags", list)
}

/// The tags a key is made with.
pub(crate) fn new_tags(tags: Option<Vec<Tag>>) -> Result<Tags, CallError> {
    let mut all = Tags::new();
    merge(&mut all, tags.unwrap_or_default())?;
    Ok(all)
}

/// Puts tags over those there are.
fn merge(tags: &mut Tags, new: Vec<Tag>) -> Result<(), CallError> {
    for (at, tag) in new.iter().enumerate() {
        check_key(&tag.tag_key)?;
        if new[..at].iter().any(|other| other.tag_key == tag.tag_key) {
            return Err(errors::tag_exception("Duplicate tag keys").into());
        }
    }
    for Tag { tag_key, tag_value } in new {
        match tags.iter_mut().find(|(known, _)| *known == tag_key) {
            Some((_, known)) => *known = tag_value,
            None => tags.push((tag_key, tag_value)),
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(errors::limit_exceeded_exception("Too many tags").into());
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), CallError> {
    let reserved = key
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if reserved {
        return Err(errors::tag_exception("Tags beginning with aws: are reserved").into());
    }
    Ok(())
}

fn tag(call: &mut Call<'_>, input: TagResourceInput) -> Result<TagResourceOutput, CallError> {
    let found = find(call, "TagResource", &input.key_id, By::Key)?;
    let mut key = Key::clone(&found.key);
    merge(&mut key.tags, input.tags)?;
    found.save_key(call, &key)?;
    Ok(TagResourceOutput {})
}

fn untag(call: &mut Call<'_>, input: UntagResourceInput) -> Result<UntagResourceOutput, CallError> {
    let found = find(call, "UntagResource", &input.key_id, By::Key)?;
    for name in &input.tag_keys {
        check_key(name)?;
    }
    let mut key = Key::clone(&found.key);
    key.tags.retain(|(name, _)| !input.tag_keys.contains(name));
    found.save_key(call, &key)?;
    Ok(UntagResourceOutput {})
}

fn list(
    call: &mut Call<'_>,
    input: ListResourceTagsInput,
) -> Result<ListResourceTagsOutput, CallError> {
    let found = find(call, "ListResourceTags", &input.key_id, By::Key)?;
    let mut tags: Vec<(String, Tag)> = from_tags(&found.key.tags)
        .into_iter()
        .map(|tag| (tag.tag_key.clone(), tag))
        .collect();
    tags.sort_by(|(a, _), (b, _)| a.cmp(b));
    let ask = Ask {
        operation: "ListResourceTags",
        filter: found.id.clone(),
        marker: input.marker.as_deref(),
        limit: input.limit,
        sizes: TAGS,
    };
    let page = page_of(call, &ask, tags)?;
    Ok(ListResourceTagsOutput {
        truncated: Some(page.is_truncated()),
        next_marker: page.marker,
        tags: Some(page.items),
    })
}

/// Tags as answers show them.
pub(crate) fn from_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag {
            tag_key: key.clone(),
            tag_value: value.clone(),
        })
        .collect()
}
