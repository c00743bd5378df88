//! Managed policies and their versions.

use std::sync::Arc;

use palisade_core::ids::IdKind;
use palisade_core::{AccountId, Call, CallError, Handlers};
use palisade_model::ApiError;
use palisade_policy::PolicyKind;
use palisade_store::Table;

use crate::api::*;
use crate::document::{Document, check_size, encode};
use crate::limits;
use crate::managed::{self, AwsPolicy, MANAGED_POLICIES, Managed};
use crate::named::{self, Named, moment, no_such_entity, save};
use crate::page::{Ask, Source, page, page_of};
use crate::tables::{self, Head, NameKey, POLICIES, Tags, Usage};
use crate::tags::{Tagged, from_some_tags, from_tags, new_tags};
use crate::uses;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreatePolicy", create)
        .on("GetPolicy", get)
        .on("DeletePolicy", delete)
        .on("ListPolicies", list)
        .on("CreatePolicyVersion", create_version)
        .on("GetPolicyVersion", get_version)
        .on("ListPolicyVersions", list_versions)
        .on("DeletePolicyVersion", delete_version)
        .on("SetDefaultPolicyVersion", set_default_version)
}

impl Named for tables::ManagedPolicy {
    const KIND: &'static str = "policy";
    const RECORD: &'static str = "AWS::IAM::Policy";
    const ID: IdKind = IdKind::Policy;

    fn table() -> &'static Table<NameKey, Self> {
        &POLICIES
    }
    fn head(&self) -> &Head {
        &self.head
    }
    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }
    fn missing(name: &str) -> String {
        format!("Policy {name} was not found.")
    }
    fn taken(name: &str) -> String {
        format!("A policy called {name} already exists. Duplicate names are not allowed.")
    }
}

impl Tagged for tables::ManagedPolicy {
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

impl tables::ManagedPolicy {
    /// The version in effect. A policy always has one: the default cannot be deleted.
    pub fn in_effect(&self) -> &tables::PolicyVersion {
        let default = self
            .versions
            .iter()
            .find(|version| version.number == self.default);
        default
            .or(self.versions.last())
            .expect("a policy has a version")
    }

    fn version(&self, id: &str) -> Option<&tables::PolicyVersion> {
        self.versions.iter().find(|version| version.id() == id)
    }

    /// Adds a version.
    fn push(&mut self, document: Document, now_ms: i64, in_effect: bool) -> &tables::PolicyVersion {
        let number = self.next;
        self.next += 1;
        self.updated_ms = now_ms;
        if in_effect {
            self.default = number;
        }
        let at = self.versions.len();
        self.versions.push(tables::PolicyVersion {
            number,
            created_ms: now_ms,
            document,
        });
        &self.versions[at]
    }
}

impl tables::PolicyVersion {
    /// `v1`, `v2`, …
    fn id(&self) -> String {
        format!("v{}", self.number)
    }

    /// As answers show it, with its document.
    fn show_all(&self, default: u32) -> PolicyVersion {
        PolicyVersion {
            document: Some(self.document.encoded()),
            ..self.show(default)
        }
    }

    /// As answers show it, without its document.
    fn show(&self, default: u32) -> PolicyVersion {
        PolicyVersion {
            document: None,
            version_id: Some(self.id()),
            is_default_version: Some(self.number == default),
            create_date: Some(moment(self.created_ms)),
        }
    }
}

/// A customer-managed policy of the caller's account. AWS's own cannot be changed: `AccessDenied`, as AWS answers.
pub(crate) fn customer_managed(
    call: &Call<'_>,
    arn: &str,
) -> Result<Arc<tables::ManagedPolicy>, CallError> {
    match known(call, arn)? {
        Managed::Customer(policy) => Ok(policy),
        Managed::Aws(_) => {
            let message = format!("The policy {arn} is managed by AWS and cannot be changed.");
            Err(ApiError::sender("AccessDenied", message)
                .with_status(403)
                .into())
        }
    }
}

/// A managed policy that the caller's account sees, or `NoSuchEntity`.
pub(crate) fn known(call: &Call<'_>, arn: &str) -> Result<Managed, CallError> {
    managed::attachable(call, arn)?
        .ok_or_else(|| no_such_entity(format!("Policy {arn} was not found.")))
}

/// A customer-managed policy as answers show it, without its tags.
pub(crate) fn show_in_list(
    call: &Call<'_>,
    policy: &tables::ManagedPolicy,
    account: &AccountId,
) -> Result<Policy, CallError> {
    let arn = policy.arn(account);
    Ok(Policy {
        policy_name: Some(policy.head.name.clone()),
        policy_id: Some(policy.head.id.clone()),
        path: Some(policy.head.path.clone()),
        default_version_id: Some(policy.in_effect().id()),
        attachment_count: Some(count(call, &arn, Usage::Permissions)?),
        permissions_boundary_usage_count: Some(count(call, &arn, Usage::Boundary)?),
        is_attachable: Some(true),
        description: policy.description.clone(),
        create_date: Some(policy.head.created()),
        update_date: Some(moment(policy.updated_ms)),
        tags: None,
        arn: Some(arn),
    })
}

/// An AWS-managed policy as answers show it.
pub(crate) fn show_aws(call: &Call<'_>, policy: &AwsPolicy) -> Result<Policy, CallError> {
    let arn = policy.arn();
    Ok(Policy {
        policy_name: Some(policy.name.to_owned()),
        policy_id: Some(policy.id()),
        path: Some(policy.path.to_owned()),
        default_version_id: Some(policy.default_version.to_owned()),
        attachment_count: Some(count(call, &arn, Usage::Permissions)?),
        permissions_boundary_usage_count: Some(count(call, &arn, Usage::Boundary)?),
        is_attachable: Some(policy.is_attachable()),
        description: None,
        create_date: policy.created_at(),
        update_date: policy.updated_at(),
        tags: None,
        arn: Some(arn),
    })
}

/// All versions of a policy with their documents, newest first.
pub(crate) fn show_versions(policy: &tables::ManagedPolicy) -> Vec<PolicyVersion> {
    policy
        .versions
        .iter()
        .rev()
        .map(|version| version.show_all(policy.default))
        .collect()
}

fn count(call: &Call<'_>, arn: &str, usage: Usage) -> Result<i32, CallError> {
    let count = uses::count(call.tx, call.account(), arn, usage)?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

fn create(call: &mut Call<'_>, input: CreatePolicyInput) -> Result<CreatePolicyOutput, CallError> {
    let document = checked(input.policy_document)?;
    let head = Head::new::<tables::ManagedPolicy>(call, input.policy_name, input.path);
    let mut policy = tables::ManagedPolicy {
        tags: new_tags::<tables::ManagedPolicy>(input.tags)?,
        description: input.description,
        updated_ms: head.created_ms,
        default: 1,
        versions: Vec::new(),
        next: 1,
        head,
    };
    policy.push(document, call.now_ms(), true);
    named::create(call, &policy)?;
    let tags = from_some_tags(&policy.tags);
    let shown = show_in_list(call, &policy, call.account())?;
    Ok(CreatePolicyOutput {
        policy: Some(Policy { tags, ..shown }),
    })
}

fn checked(text: String) -> Result<Document, CallError> {
    let document = Document::new(text, PolicyKind::Identity)?;
    check_size(&document, "PolicySize", limits::POLICY_CHARACTERS)?;
    Ok(document)
}

fn get(call: &mut Call<'_>, input: GetPolicyInput) -> Result<GetPolicyOutput, CallError> {
    let policy = match known(call, &input.policy_arn)? {
        Managed::Aws(policy) => Policy {
            tags: Some(Vec::new()),
            ..show_aws(call, policy)?
        },
        Managed::Customer(policy) => Policy {
            tags: Some(from_tags(&policy.tags)),
            ..show_in_list(call, &policy, call.account())?
        },
    };
    Ok(GetPolicyOutput {
        policy: Some(policy),
    })
}

fn delete(call: &mut Call<'_>, input: DeletePolicyInput) -> Result<DeletePolicyOutput, CallError> {
    let policy = customer_managed(call, &input.policy_arn)?;
    for usage in [Usage::Permissions, Usage::Boundary] {
        if uses::any(call.tx, call.account(), &input.policy_arn, usage)? {
            return Err(errors::delete_conflict_exception(
                "Cannot delete a policy attached to entities.",
            )
            .into());
        }
    }
    if policy.versions.len() > 1 {
        let message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
                       The default version is deleted with the policy.";
        return Err(errors::delete_conflict_exception(message).into());
    }
    named::remove(call, &*policy)?;
    Ok(DeletePolicyOutput {})
}

fn list(call: &mut Call<'_>, input: ListPoliciesInput) -> Result<ListPoliciesOutput, CallError> {
    let scope = input.scope.as_deref().unwrap_or("All");
    let attached = input.only_attached == Some(true);
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let usage = input.policy_usage_filter.as_deref();
    let account = call.account().clone();
    let is_used = |call: &Call<'_>, arn: &str, usage| uses::any(call.tx, &account, arn, usage);
    let wanted = |call: &Call<'_>, path: &str, arn: &str| -> Result<bool, CallError> {
        let as_asked = match usage {
            Some("PermissionsBoundary") => is_used(call, arn, Usage::Boundary)?,
            Some(_) => is_used(call, arn, Usage::Permissions)?,
            None => true,
        };
        let in_use = !attached || is_used(call, arn, Usage::Permissions)?;
        Ok(path.starts_with(prefix) && as_asked && in_use)
    };
    let local: &mut Source<'_, Policy> = &mut |call, after, limit| {
        if scope == "AWS" {
            return Ok(Vec::new());
        }
        let keep = |row: &tables::ManagedPolicy| wanted(call, &row.head.path, &row.arn(&account));
        let rows = named::rows(call, after, limit, keep)?;
        rows.into_iter()
            .map(|(key, row)| Ok((key, show_in_list(call, &row, &account)?)))
            .collect()
    };
    let aws: &mut Source<'_, Policy> = &mut |call, after, limit| {
        let mut shown = Vec::new();
        for policy in MANAGED_POLICIES
            .iter()
            .filter(|policy| after.is_none_or(|after| policy.name > after))
        {
            if scope == "Local" || shown.len() == limit {
                break;
            }
            if wanted(call, policy.path, &policy.arn())? {
                shown.push((policy.name.to_owned(), show_aws(call, policy)?));
            }
        }
        Ok(shown)
    };
    let ask = Ask::new("ListPolicies", input.marker.as_deref(), input.max_items)
        .of(Some(scope))
        .of(attached.then_some("attached"))
        .of(Some(prefix))
        .of(usage);
    let page = page(call, ask, &mut [local, aws])?;
    Ok(ListPoliciesOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        policies: Some(page.items),
    })
}

fn create_version(
    call: &mut Call<'_>,
    input: CreatePolicyVersionInput,
) -> Result<CreatePolicyVersionOutput, CallError> {
    let mut policy = tables::ManagedPolicy::clone(&*customer_managed(call, &input.policy_arn)?);
    let document = checked(input.policy_document)?;
    if policy.versions.len() >= limits::POLICY_VERSIONS {
        let message = format!(
            "A managed policy can have up to {} versions. Before you create a new version, you must delete an existing version.",
            limits::POLICY_VERSIONS
        );
        return Err(errors::limit_exceeded_exception(message).into());
    }
    let in_effect = input.set_as_default == Some(true);
    let number = policy.push(document, call.now_ms(), in_effect).number;
    save(call, &policy)?;
    let shown = policy
        .versions
        .iter()
        .find(|version| version.number == number)
        .map(|version| version.show(policy.default));
    Ok(CreatePolicyVersionOutput {
        policy_version: shown,
    })
}

fn get_version(
    call: &mut Call<'_>,
    input: GetPolicyVersionInput,
) -> Result<GetPolicyVersionOutput, CallError> {
    let shown = match known(call, &input.policy_arn)? {
        Managed::Aws(policy) => {
            (policy.default_version == input.version_id).then(|| show_aws_version(policy, true))
        }
        Managed::Customer(policy) => policy
            .version(&input.version_id)
            .map(|version| version.show_all(policy.default)),
    };
    let shown = shown.ok_or_else(|| no_such_version(&input.policy_arn, &input.version_id))?;
    Ok(GetPolicyVersionOutput {
        policy_version: Some(shown),
    })
}

/// The one version of an AWS-managed policy that is known: its default.
pub(crate) fn show_aws_version(policy: &AwsPolicy, with_document: bool) -> PolicyVersion {
    PolicyVersion {
        document: with_document.then(|| encode(policy.document())),
        version_id: Some(policy.default_version.to_owned()),
        is_default_version: Some(true),
        create_date: policy.updated_at(),
    }
}

fn no_such_version(arn: &str, version: &str) -> CallError {
    no_such_entity(format!(
        "Policy {arn} version {version} does not exist or is not attachable."
    ))
}

fn list_versions(
    call: &mut Call<'_>,
    input: ListPolicyVersionsInput,
) -> Result<ListPolicyVersionsOutput, CallError> {
    let shown = match known(call, &input.policy_arn)? {
        Managed::Aws(policy) => vec![(String::new(), show_aws_version(policy, false))],
        // Newest first.
        Managed::Customer(policy) => policy
            .versions
            .iter()
            .map(|version| {
                (
                    format!("{:010}", u32::MAX - version.number),
                    version.show(policy.default),
                )
            })
            .collect(),
    };
    let ask = Ask::new(
        "ListPolicyVersions",
        input.marker.as_deref(),
        input.max_items,
    )
    .of(Some(&input.policy_arn));
    let page = page_of(call, ask, shown)?;
    Ok(ListPolicyVersionsOutput {
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
        versions: Some(page.items),
    })
}

fn delete_version(
    call: &mut Call<'_>,
    input: DeletePolicyVersionInput,
) -> Result<DeletePolicyVersionOutput, CallError> {
    let mut policy = tables::ManagedPolicy::clone(&*customer_managed(call, &input.policy_arn)?);
    let version = policy
        .version(&input.version_id)
        .ok_or_else(|| no_such_version(&input.policy_arn, &input.version_id))?;
    if version.number == policy.default {
        return Err(errors::delete_conflict_exception(
            "Cannot delete the default version of a policy.",
        )
        .into());
    }
    let gone = version.number;
    policy.versions.retain(|version| version.number != gone);
    policy.updated_ms = call.now_ms();
    save(call, &policy)?;
    Ok(DeletePolicyVersionOutput {})
}

fn set_default_version(
    call: &mut Call<'_>,
    input: SetDefaultPolicyVersionInput,
) -> Result<SetDefaultPolicyVersionOutput, CallError> {
    let mut policy = tables::ManagedPolicy::clone(&*customer_managed(call, &input.policy_arn)?);
    let version = policy
        .version(&input.version_id)
        .ok_or_else(|| no_such_version(&input.policy_arn, &input.version_id))?;
    policy.default = version.number;
    policy.updated_ms = call.now_ms();
    save(call, &policy)?;
    Ok(SetDefaultPolicyVersionOutput {})
}
