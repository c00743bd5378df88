//! Tags of users, roles, managed policies and instance profiles.

use std::sync::Arc;

use palisade_core::{Call, CallError, Handlers};

use crate::api::*;
use crate::limits;
use crate::named::{Named, read, save};
use crate::page::{Ask, Page, page_of};
use crate::policies::customer_managed;
use crate::tables::{self, Tags};

/// A thing that carries tags.
pub(crate) trait Tagged: Named {
    /// Whether keys that differ in case alone are different keys (IAM User Guide, "Tags for IAM resources").
    const CASE_TELLS_KEYS_APART: bool = true;

    fn tags(&self) -> &Tags;
    fn tags_mut(&mut self) -> &mut Tags;
}

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("TagUser", |call, i: TagUserInput| {
            let user = read::<tables::User>(call, &i.user_name)?;
            tag(call, user, i.tags)?;
            Ok(TagUserOutput {})
        })
        .on("TagRole", |call, i: TagRoleInput| {
            let role = read::<tables::Role>(call, &i.role_name)?;
            tag(call, role, i.tags)?;
            Ok(TagRoleOutput {})
        })
        .on("TagPolicy", |call, i: TagPolicyInput| {
            let policy = customer_managed(call, &i.policy_arn)?;
            tag(call, policy, i.tags)?;
            Ok(TagPolicyOutput {})
        })
        .on("TagInstanceProfile", |call, i: TagInstanceProfileInput| {
            let profile = read::<tables::InstanceProfile>(call, &i.instance_profile_name)?;
            tag(call, profile, i.tags)?;
            Ok(TagInstanceProfileOutput {})
        })
        .on("UntagUser", |call, i: UntagUserInput| {
            let user = read::<tables::User>(call, &i.user_name)?;
            untag(call, user, &i.tag_keys)?;
            Ok(UntagUserOutput {})
        })
        .on("UntagRole", |call, i: UntagRoleInput| {
            let role = read::<tables::Role>(call, &i.role_name)?;
            untag(call, role, &i.tag_keys)?;
            Ok(UntagRoleOutput {})
        })
        .on("UntagPolicy", |call, i: UntagPolicyInput| {
            let policy = customer_managed(call, &i.policy_arn)?;
            untag(call, policy, &i.tag_keys)?;
            Ok(UntagPolicyOutput {})
        })
        .on(
            "UntagInstanceProfile",
            |call, i: UntagInstanceProfileInput| {
                let profile = read::<tables::InstanceProfile>(call, &i.instance_profile_name)?;
                untag(call, profile, &i.tag_keys)?;
                Ok(UntagInstanceProfileOutput {})
            },
        )
        .on("ListUserTags", |call, i: ListUserTagsInput| {
            let user = read::<tables::User>(call, &i.user_name)?;
            let page = list(
                call,
                Ask::new("ListUserTags", i.marker.as_deref(), i.max_items),
                &*user,
            )?;
            Ok(ListUserTagsOutput {
                is_truncated: Some(page.is_truncated()),
                marker: page.marker,
                tags: page.items,
            })
        })
        .on("ListRoleTags", |call, i: ListRoleTagsInput| {
            let role = read::<tables::Role>(call, &i.role_name)?;
            let page = list(
                call,
                Ask::new("ListRoleTags", i.marker.as_deref(), i.max_items),
                &*role,
            )?;
            Ok(ListRoleTagsOutput {
                is_truncated: Some(page.is_truncated()),
                marker: page.marker,
                tags: page.items,
            })
        })
        .on("ListPolicyTags", |call, i: ListPolicyTagsInput| {
            let policy = customer_managed(call, &i.policy_arn)?;
            let page = list(
                call,
                Ask::new("ListPolicyTags", i.marker.as_deref(), i.max_items),
                &*policy,
            )?;
            Ok(ListPolicyTagsOutput {
                is_truncated: Some(page.is_truncated()),
                marker: page.marker,
                tags: page.items,
            })
        })
        .on(
            "ListInstanceProfileTags",
            |call, i: ListInstanceProfileTagsInput| {
                let profile = read::<tables::InstanceProfile>(call, &i.instance_profile_name)?;
                let page = list(
                    call,
                    Ask::new("ListInstanceProfileTags", i.marker.as_deref(), i.max_items),
                    &*profile,
                )?;
                Ok(ListInstanceProfileTagsOutput {
                    is_truncated: Some(page.is_truncated()),
                    marker: page.marker,
                    tags: page.items,
                })
            },
        )
}

/// The tags a thing is made with.
pub(crate) fn new_tags<T: Tagged>(tags: Option<Vec<Tag>>) -> Result<Tags, CallError> {
    let mut all = Tags::new();
    merge::<T>(&mut all, tags.unwrap_or_default())?;
    Ok(all)
}

/// Tags as answers show them.
pub(crate) fn from_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
}

/// Tags as answers show them that leave them out where there are none.
pub(crate) fn from_some_tags(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.is_empty()).then(|| from_tags(tags))
}

fn tag<T: Tagged>(call: &mut Call<'_>, row: Arc<T>, tags: Vec<Tag>) -> Result<(), CallError> {
    let mut row = T::clone(&row);
    merge::<T>(row.tags_mut(), tags)?;
    save(call, &row)
}

fn untag<T: Tagged>(call: &mut Call<'_>, row: Arc<T>, keys: &[String]) -> Result<(), CallError> {
    let mut row = T::clone(&row);
    row.tags_mut()
        .retain(|(key, _)| !keys.iter().any(|gone| is_same::<T>(gone, key)));
    save(call, &row)
}

fn list<T: Tagged>(call: &mut Call<'_>, ask: Ask<'_>, row: &T) -> Result<Page<Tag>, CallError> {
    let tags = from_tags(row.tags())
        .into_iter()
        .map(|tag| (tag.key.clone(), tag));
    page_of(call, ask.of(Some(&row.head().id)), tags.collect())
}

/// Puts tags over those there are; a key keeps the case it came in first.
fn merge<T: Tagged>(tags: &mut Tags, new: Vec<Tag>) -> Result<(), CallError> {
    for (at, tag) in new.iter().enumerate() {
        if tag
            .key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            let message = "Tag keys that begin with aws: are reserved for use by AWS.";
            return Err(errors::invalid_input_exception(message).into());
        }
        if new[..at]
            .iter()
            .any(|other| is_same::<T>(&other.key, &tag.key))
        {
            let message =
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(errors::invalid_input_exception(message).into());
        }
    }
    for Tag { key, value } in new {
        match tags.iter_mut().find(|(known, _)| is_same::<T>(known, &key)) {
            Some((_, known)) => *known = value,
            None => tags.push((key, value)),
        }
    }
    if tags.len() > limits::TAGS {
        let message = format!(
            "The number of tags has reached the maximum limit of {}.",
            limits::TAGS
        );
        return Err(errors::limit_exceeded_exception(message).into());
    }
    Ok(())
}

fn is_same<T: Tagged>(a: &str, b: &str) -> bool {
    a == b || (!T::CASE_TELLS_KEYS_APART && a.to_lowercase() == b.to_lowercase())
}
