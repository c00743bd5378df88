//! A request and its policies as one JSON object, for `palisade policy eval --case FILE`.
//!
//! A member that is not known is an error within `request`, `policies` and `organization`, since a misspelt layer
//! would silently change the decision. At the outermost level other members (a title, an expectation) may stand.

use crate::compile::CompiledPolicy;
use crate::context::{Context, ContextValue};
use crate::document::Policy;
use crate::error::{Code, Finding, PolicyError};
use crate::evaluate::Layers;
use crate::json::{self, Member, Node, Position, Value};
use crate::limits;
use crate::lint::PolicyKind;
use crate::principal::Principal;
use crate::request::{Organization, Request};
use std::sync::Arc;

/// A case, parsed and compiled.
#[derive(Clone, Debug)]
pub struct Case {
    principal: Principal,
    action: String,
    resource: String,
    resource_account: Option<String>,
    context: Context,
    principal_organization: Option<Organization>,
    resource_organization: Option<Organization>,
    identity: Vec<Arc<CompiledPolicy>>,
    boundary: Option<CompiledPolicy>,
    session: Vec<Arc<CompiledPolicy>>,
    resource_policy: Option<CompiledPolicy>,
    scp: Vec<Vec<Arc<CompiledPolicy>>>,
    rcp: Vec<Vec<Arc<CompiledPolicy>>>,
}

type Parsed<T> = Result<T, PolicyError>;

impl Case {
    /// Reads a case.
    ///
    /// ```
    /// use palisade_policy::{Case, evaluate};
    /// let case = Case::parse(r#"{
    ///   "request": {"principal": {"kind": "anonymous"}, "action": "s3:GetObject", "resource": "arn:aws:s3:::docs/a"},
    ///   "policies": {"resource": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
    ///                             "Action": "s3:GetObject", "Resource": "arn:aws:s3:::docs/*"}}}}"#)?;
    /// assert!(evaluate(&case.request(), &case.layers()).is_allowed());
    /// # Ok::<(), palisade_policy::PolicyError>(())
    /// ```
    pub fn parse(text: &str) -> Parsed<Case> {
        if text.len() > limits::CASE_BYTES_MAX {
            let message = format!("a case has at most {} bytes", limits::CASE_BYTES_MAX);
            return fail(Code::TooLarge, Position { line: 1, column: 1 }, message);
        }
        let node = json::parse(text).map_err(|error| PolicyError(error.into()))?;
        Case::from_node(&node)
    }

    fn from_node(node: &Node) -> Parsed<Case> {
        let members = object(node, "a case")?;
        let request = object(require(members, node, "request")?, "request")?;
        let at = require(members, node, "request")?;
        known(
            request,
            &[
                "principal",
                "action",
                "resource",
                "resource_account",
                "context",
            ],
        )?;
        let principal = principal(require(request, at, "principal")?)?;
        let resource_account = optional(request, "resource_account")
            .map(text)
            .transpose()?;
        let mut case = Case {
            action: text(require(request, at, "action")?)?,
            resource: text(require(request, at, "resource")?)?,
            context: optional(request, "context")
                .map(context)
                .transpose()?
                .unwrap_or_default(),
            principal,
            resource_account,
            principal_organization: None,
            resource_organization: None,
            identity: Vec::new(),
            boundary: None,
            session: Vec::new(),
            resource_policy: None,
            scp: Vec::new(),
            rcp: Vec::new(),
        };
        if !case
            .action
            .split_once(':')
            .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
        {
            return fail(
                Code::CaseMember,
                require(request, at, "action")?.at,
                "an action is written SERVICE:NAME",
            );
        }
        if let Some(policies) = optional(members, "policies") {
            case.policies(object(policies, "policies")?)?;
        }
        if let Some(organization) = optional(members, "organization") {
            case.organization(organization)?;
        }
        Ok(case)
    }

    fn policies(&mut self, members: &[Member]) -> Parsed<()> {
        known(
            members,
            &["identity", "boundary", "session", "resource", "scp", "rcp"],
        )?;
        let list = |name: &str, kind| {
            optional(members, name)
                .map(|node| documents(node, name, kind))
                .transpose()
        };
        let one = |name: &str, kind| {
            optional(members, name)
                .map(|node| document(node, name.to_owned(), kind))
                .transpose()
        };
        let levels = |name: &str, kind| {
            optional(members, name)
                .map(|node| levels(node, name, kind))
                .transpose()
        };
        self.identity = list("identity", PolicyKind::Identity)?.unwrap_or_default();
        self.session = list("session", PolicyKind::Identity)?.unwrap_or_default();
        self.boundary = one("boundary", PolicyKind::Identity)?;
        self.resource_policy = one("resource", PolicyKind::Resource)?;
        self.scp = levels("scp", PolicyKind::Scp)?.unwrap_or_default();
        self.rcp = levels("rcp", PolicyKind::Rcp)?.unwrap_or_default();
        Ok(())
    }

    /// The organization holds the accounts of both sides, unless `accounts` lists which.
    fn organization(&mut self, node: &Node) -> Parsed<()> {
        let members = object(node, "organization")?;
        known(members, &["id", "management_account", "accounts"])?;
        let management = optional(members, "management_account")
            .map(text)
            .transpose()?
            .unwrap_or_default();
        let organization = Organization::new(&text(require(members, node, "id")?)?, &management);
        let accounts = optional(members, "accounts").map(texts).transpose()?;
        let holds = |account: Option<&str>| {
            let listed = |accounts: &Vec<String>| {
                account.is_some_and(|account| {
                    account == management || accounts.iter().any(|other| other == account)
                })
            };
            accounts.as_ref().is_none_or(listed)
        };
        let resource_account = self
            .resource_account
            .as_deref()
            .or(self.principal.account());
        self.principal_organization = holds(self.principal.account()).then(|| organization.clone());
        self.resource_organization = holds(resource_account).then_some(organization);
        Ok(())
    }

    /// The request.
    pub fn request(&self) -> Request<'_> {
        let mut request =
            Request::new(&self.principal, &self.action, &self.resource, &self.context)
                .in_organizations(
                    self.principal_organization.as_ref(),
                    self.resource_organization.as_ref(),
                );
        request.resource_account = self.resource_account.as_deref();
        request
    }

    /// The policies.
    pub fn layers(&self) -> Layers<'_> {
        Layers {
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: &self.session,
            resource: self.resource_policy.as_ref(),
            grants: &[],
            scp: &self.scp,
            rcp: &self.rcp,
        }
    }
}

fn fail<T>(code: Code, at: Position, message: impl Into<String>) -> Parsed<T> {
    Err(PolicyError(Finding::new(code, at, message)))
}

fn object<'a>(node: &'a Node, name: &str) -> Parsed<&'a [Member]> {
    match &node.value {
        Value::Object(members) => Ok(members),
        other => fail(
            Code::WrongType,
            node.at,
            format!("{name} must be an object, not {}", other.kind()),
        ),
    }
}

/// `null` is the same as not being there.
fn optional<'a>(members: &'a [Member], name: &str) -> Option<&'a Node> {
    let member = members.iter().find(|member| member.name == name)?;
    (member.node.value != Value::Null).then_some(&member.node)
}

fn require<'a>(members: &'a [Member], of: &Node, name: &str) -> Parsed<&'a Node> {
    match optional(members, name) {
        Some(node) => Ok(node),
        None => fail(
            Code::CaseMember,
            of.at,
            format!("the member {name:?} is missing"),
        ),
    }
}

fn known(members: &[Member], names: &[&str]) -> Parsed<()> {
    match members
        .iter()
        .find(|member| !names.contains(&member.name.as_str()))
    {
        None => Ok(()),
        Some(member) => {
            let message = format!(
                "there is no member {:?} here, only {}",
                member.name,
                names.join(", ")
            );
            fail(Code::CaseMember, member.at, message)
        }
    }
}

fn text(node: &Node) -> Parsed<String> {
    match &node.value {
        Value::String(text) => Ok(text.clone()),
        other => fail(
            Code::WrongType,
            node.at,
            format!("a string was expected, not {}", other.kind()),
        ),
    }
}

fn texts(node: &Node) -> Parsed<Vec<String>> {
    match &node.value {
        Value::Array(items) => items.iter().map(text).collect(),
        other => fail(
            Code::WrongType,
            node.at,
            format!("a list of strings was expected, not {}", other.kind()),
        ),
    }
}

fn principal(node: &Node) -> Parsed<Principal> {
    let members = object(node, "principal")?;
    let field = |name: &str| text(require(members, node, name)?);
    let kind = require(members, node, "kind")?;
    let (made, fields): (_, &[&str]) = match text(kind)?.as_str() {
        "user" => (Principal::user(&field("arn")?), &["kind", "arn"]),
        "role-session" => (
            Principal::role_session(&field("arn")?, &field("role")?),
            &["kind", "arn", "role"],
        ),
        "federated-user" => (
            Principal::federated_user(&field("arn")?, &field("user")?),
            &["kind", "arn", "user"],
        ),
        "root" => (Principal::root(&field("arn")?), &["kind", "arn"]),
        "service" => (
            Ok(Principal::service(&field("service")?)),
            &["kind", "service"],
        ),
        "federated" => (
            Ok(Principal::federated(&field("provider")?)),
            &["kind", "provider"],
        ),
        "anonymous" => (Ok(Principal::anonymous()), &["kind"]),
        other => {
            let kinds = "user, role-session, federated-user, root, service, federated or anonymous";
            return fail(
                Code::CasePrincipal,
                kind.at,
                format!("the kind is {kinds}, not {other:?}"),
            );
        }
    };
    known(members, fields)?;
    made.or_else(|error| fail(Code::CasePrincipal, node.at, error.to_string()))
}

fn context(node: &Node) -> Parsed<Context> {
    let mut context = Context::new();
    for member in object(node, "context")? {
        if context.get(&member.name).is_some() {
            let message = format!(
                "the context key {:?} appears twice; case does not tell keys apart",
                member.name
            );
            return fail(Code::JsonDuplicateKey, member.at, message);
        }
        let value = match &member.node.value {
            Value::Array(items) => {
                ContextValue::Many(items.iter().map(scalar).collect::<Parsed<_>>()?)
            }
            _ => ContextValue::One(scalar(&member.node)?),
        };
        context.set(&member.name, value);
    }
    Ok(context)
}

fn scalar(node: &Node) -> Parsed<String> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        other => fail(
            Code::WrongType,
            node.at,
            format!(
                "a context value is a string or a list, not {}",
                other.kind()
            ),
        ),
    }
}

/// A list of documents, or a single one.
fn documents(node: &Node, name: &str, kind: PolicyKind) -> Parsed<Vec<Arc<CompiledPolicy>>> {
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let numbered = items.iter().enumerate();
    numbered
        .map(|(index, item)| Ok(Arc::new(document(item, format!("{name}[{index}]"), kind)?)))
        .collect()
}

fn levels(node: &Node, name: &str, kind: PolicyKind) -> Parsed<Vec<Vec<Arc<CompiledPolicy>>>> {
    let Value::Array(items) = &node.value else {
        return fail(
            Code::WrongType,
            node.at,
            format!("{name} must be a list of levels, each a list of policies"),
        );
    };
    let numbered = items.iter().enumerate();
    numbered
        .map(|(index, item)| documents(item, &format!("{name}[{index}]"), kind))
        .collect()
}

/// Grammar must hold, and a policy attached to a principal cannot name one. What else IAM would refuse to store
/// can still be evaluated: it matches nothing.
fn document(node: &Node, name: String, kind: PolicyKind) -> Parsed<CompiledPolicy> {
    let first = |mut findings: Vec<Finding>| {
        findings.sort_by_key(|finding| finding.at);
        findings.into_iter().next()
    };
    let policy = match Policy::from_node(node) {
        Ok(policy) => policy,
        Err(findings) => {
            let unknown = || Finding::new(Code::WrongType, node.at, "this is no policy");
            return Err(PolicyError(first(findings).unwrap_or_else(unknown)));
        }
    };
    let forbidden = |finding: &Finding| {
        matches!(finding.code, Code::PrincipalForbidden)
            || (finding.code == Code::NotPrincipalForbidden && kind != PolicyKind::Resource)
    };
    match first(policy.check(kind).into_iter().filter(forbidden).collect()) {
        Some(finding) => Err(PolicyError(finding)),
        None => Ok(CompiledPolicy::new(name, policy)),
    }
}
