//! What AssumeRole's questions are asked about: the role, with its trust policy as the resource's policy.
//!
//! A caller's session brings tags and a source identity into the next one, and the role's owner must have agreed to them too: they
//! count as the request's (`aws:RequestTag/…`, `aws:TagKeys`, `sts:SourceIdentity`), and `sts:TagSession` and
//! `sts:SetSourceIdentity` are asked even where the request itself names neither (IAM User Guide, "Chaining roles with session tags",
//! "Permissions required to set source identity"). A resolver that finds nothing to ask about gives no resource.

use palisade_core::{Call, CallError, Resource};
use palisade_model::Value;

use crate::role_arn::RoleArn;
use crate::session_tags::SessionTags;

/// The role to be assumed.
pub fn role(call: &mut Call<'_>, input: &Value) -> Result<Vec<Resource>, CallError> {
    let asked = Asked::read(call, input);
    Ok(vec![asked.resource(call)?])
}

/// The role, if its session is to have tags.
pub fn tagged_role(call: &mut Call<'_>, input: &Value) -> Result<Vec<Resource>, CallError> {
    let asked = Asked::read(call, input);
    if asked.tags.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![asked.resource(call)?])
}

/// The role, if its session is to have a source identity.
pub fn identified_role(call: &mut Call<'_>, input: &Value) -> Result<Vec<Resource>, CallError> {
    let asked = Asked::read(call, input);
    if asked.source_identity.is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![asked.resource(call)?])
}

/// The federated user whose session is to have tags. The action tables know `sts:TagSession` on roles only; asked about the session
/// itself, a policy can tell one federated user from another.
pub fn federated_user(call: &Call<'_>, input: &Value) -> Resource {
    let name = input
        .member("Name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Resource::named(format!(
        "arn:aws:sts::{}:federated-user/{name}",
        call.account()
    ))
}

/// What AssumeRole is asked for, with what the caller's session adds to it.
struct Asked {
    role_arn: String,
    tags: Vec<(String, String)>,
    transitive: Vec<String>,
    source_identity: Option<String>,
}

impl Asked {
    fn read(call: &Call<'_>, input: &Value) -> Self {
        let text = |name: &str| {
            input
                .member(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let session = call.context.caller.session.as_deref();
        let SessionTags {
            mut tags,
            mut transitive,
        } = SessionTags::inherited(session);
        tags.extend(list(input, "Tags").iter().filter_map(pair));
        transitive.extend(
            list(input, "TransitiveTagKeys")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned),
        );
        Self {
            role_arn: text("RoleArn").unwrap_or_default(),
            tags,
            transitive,
            source_identity: text("SourceIdentity").or_else(|| session?.source_identity.clone()),
        }
    }

    fn resource(self, call: &mut Call<'_>) -> Result<Resource, CallError> {
        let mut resource = Resource::named(&*self.role_arn);
        if let Some(arn) = RoleArn::parse(&self.role_arn) {
            let found = call.env.identities.role(call.tx, &arn.account, &arn.name)?;
            // A role by that name under another path is another ARN, and stays unknown.
            if let Some(role) = found.filter(|found| found.role.arn() == self.role_arn) {
                resource.tags.clone_from(&role.tags);
                resource.context = role
                    .tags
                    .iter()
                    .map(|(key, value)| (format!("iam:ResourceTag/{key}"), vec![value.clone()]))
                    .collect();
                resource.policy = Some(role.trust.clone());
            }
            resource.account = Some(arn.account);
        }
        resource.context.extend(
            self.tags
                .iter()
                .map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()])),
        );
        if !self.tags.is_empty() {
            resource.context.push((
                "aws:TagKeys".to_owned(),
                self.tags.into_iter().map(|(key, _)| key).collect(),
            ));
        }
        if !self.transitive.is_empty() {
            resource
                .context
                .push(("sts:TransitiveTagKeys".to_owned(), self.transitive));
        }
        resource.context.extend(
            self.source_identity
                .map(|identity| ("sts:SourceIdentity".to_owned(), vec![identity])),
        );
        Ok(resource)
    }
}

fn list<'a>(input: &'a Value, name: &str) -> &'a [Value] {
    input
        .member(name)
        .and_then(Value::as_list)
        .unwrap_or_default()
}

fn pair(tag: &Value) -> Option<(String, String)> {
    let text = |name: &str| tag.member(name).and_then(Value::as_str).map(str::to_owned);
    Some((text("Key")?, text("Value")?))
}
