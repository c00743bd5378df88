//! A policy as written: the syntax tree, every part with its place in the text.
//!
//! Source of the grammar: IAM User Guide, "Grammar of the IAM JSON policy language".

use crate::error::{Code, Finding, PolicyError};
use crate::json::{self, Member, Node, Position, Value};
use crate::limits;
use crate::operator::Operator;

/// A value and where it stands in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// Where it begins.
    pub at: Position,
    /// The value.
    pub value: T,
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`, also when no version is written: variables are literal text.
    #[default]
    V2008,
    /// `2012-10-17`: with policy variables.
    V2012,
}

/// What a statement does when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// `Allow`
    Allow,
    /// `Deny`
    Deny,
}

impl Effect {
    /// The word as written in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        }
    }
}

/// An element with a `Not` form: the listed values, or all but them.
#[derive(Clone, Debug, PartialEq)]
pub struct Element<T> {
    /// Where the element's name begins.
    pub at: Position,
    /// True for `NotAction`, `NotResource`, `NotPrincipal`.
    pub negated: bool,
    /// What is listed.
    pub list: Vec<T>,
}

/// One principal as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalName {
    /// `"*"` or `{"AWS": "*"}`: everyone, also the anonymous.
    Everyone,
    /// `AWS`: an account, its root, a user, role, session, or a unique id.
    Aws(String),
    /// `Service`: a service principal such as `ec2.amazonaws.com`.
    Service(String),
    /// `Federated`: an identity provider.
    Federated(String),
    /// `CanonicalUser`: an S3 canonical user id.
    CanonicalUser(String),
}

/// One key of one operator of a `Condition` block.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionEntry {
    /// Where the operator's name begins.
    pub at: Position,
    /// The operator as written.
    pub operator_name: String,
    /// The operator.
    pub operator: Operator,
    /// The context key as written.
    pub key: Spanned<String>,
    /// The values; booleans and numbers as their text.
    pub values: Vec<Spanned<String>>,
}

/// A statement as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Where it begins.
    pub at: Position,
    /// `Sid`.
    pub sid: Option<Spanned<String>>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`.
    pub principal: Option<Element<Spanned<PrincipalName>>>,
    /// `Action` or `NotAction`.
    pub action: Option<Element<Spanned<String>>>,
    /// `Resource` or `NotResource`.
    pub resource: Option<Element<Spanned<String>>>,
    /// `Condition`, flattened; all must hold.
    pub conditions: Vec<ConditionEntry>,
}

/// A policy document that follows the grammar.
///
/// ```
/// use palisade_policy::{Policy, PolicyKind};
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement":
///     {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::docs/*"}}"#)?;
/// policy.validate(PolicyKind::Identity)?;
/// let error = policy.validate(PolicyKind::Resource).unwrap_err();
/// assert_eq!(error.0.code.as_str(), "PRINCIPAL_REQUIRED");
/// # Ok::<(), palisade_policy::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The language version; 2008-10-17 if none is written.
    pub version: Version,
    /// Where `Version` is written, if it is.
    pub version_at: Option<Position>,
    /// `Id`.
    pub id: Option<Spanned<String>>,
    /// Where `Statement` stands.
    pub statement_at: Position,
    /// The statements, in the order written.
    pub statements: Vec<Statement>,
}

impl Policy {
    /// Reads a policy; the first thing wrong with its grammar is the error. What kind of policy it is, and so
    /// what else must hold, is asked with [`Policy::validate`].
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::parse_all(text).map_err(first)
    }

    /// Reads a policy; everything wrong with its grammar is the error.
    pub fn parse_all(text: &str) -> Result<Policy, Vec<Finding>> {
        if text.len() > limits::DOCUMENT_BYTES_MAX {
            let message = format!(
                "a policy document has at most {} bytes",
                limits::DOCUMENT_BYTES_MAX
            );
            return Err(vec![Finding::new(
                Code::TooLarge,
                Position { line: 1, column: 1 },
                message,
            )]);
        }
        let node = json::parse(text).map_err(|error| vec![Finding::from(error)])?;
        Policy::from_node(&node)
    }

    /// Reads a policy from JSON already parsed, for documents that stand inside another.
    pub fn from_node(node: &Node) -> Result<Policy, Vec<Finding>> {
        let mut reader = Reader {
            findings: Vec::new(),
        };
        let policy = reader.policy(node);
        match policy {
            Some(policy) if reader.findings.is_empty() => Ok(policy),
            _ => Err(reader.findings),
        }
    }
}

fn first(mut findings: Vec<Finding>) -> PolicyError {
    findings.sort_by_key(|finding| finding.at);
    let unknown = || {
        Finding::new(
            Code::JsonSyntax,
            Position::default(),
            "Syntax errors in policy.",
        )
    };
    PolicyError(findings.into_iter().next().unwrap_or_else(unknown))
}

struct Reader {
    findings: Vec<Finding>,
}

impl Reader {
    fn report(&mut self, code: Code, at: Position, message: impl Into<String>) {
        self.findings.push(Finding::new(code, at, message));
    }

    fn wrong_type(&mut self, node: &Node, name: &str, wanted: &str) {
        self.report(
            Code::WrongType,
            node.at,
            format!("{name} must be {wanted}, not {}", node.value.kind()),
        );
    }

    fn members<'a>(&mut self, node: &'a Node, name: &str) -> Option<&'a [Member]> {
        match &node.value {
            Value::Object(members) => Some(members),
            _ => {
                self.wrong_type(node, name, "an object");
                None
            }
        }
    }

    fn text(&mut self, node: &Node, name: &str) -> Option<Spanned<String>> {
        match &node.value {
            Value::String(text) => Some(Spanned {
                at: node.at,
                value: text.clone(),
            }),
            _ => {
                self.wrong_type(node, name, "a string");
                None
            }
        }
    }

    /// A string or a list of them.
    fn texts(&mut self, node: &Node, name: &str) -> Vec<Spanned<String>> {
        match &node.value {
            Value::Array(items) => items
                .iter()
                .filter_map(|item| self.text(item, name))
                .collect(),
            Value::String(_) => self.text(node, name).into_iter().collect(),
            _ => {
                self.wrong_type(node, name, "a string or a list of strings");
                Vec::new()
            }
        }
    }

    fn policy(&mut self, node: &Node) -> Option<Policy> {
        let mut policy = Policy {
            version: Version::V2008,
            version_at: None,
            id: None,
            statement_at: node.at,
            statements: Vec::new(),
        };
        let mut has_statement = false;
        for member in self.members(node, "a policy document")? {
            match member.name.as_str() {
                "Version" => {
                    policy.version_at = Some(member.at);
                    policy.version = self.version(&member.node);
                }
                "Id" => policy.id = self.text(&member.node, "Id"),
                "Statement" => {
                    has_statement = true;
                    policy.statement_at = member.at;
                    policy.statements = self.statements(&member.node);
                }
                other => self.report(
                    Code::UnknownElement,
                    member.at,
                    format!("a policy has no element {other:?}"),
                ),
            }
        }
        if !has_statement {
            self.report(
                Code::MissingStatement,
                node.at,
                "a policy must have a Statement",
            );
        }
        Some(policy)
    }

    fn version(&mut self, node: &Node) -> Version {
        match self
            .text(node, "Version")
            .as_ref()
            .map(|text| text.value.as_str())
        {
            Some("2012-10-17") => Version::V2012,
            Some("2008-10-17") => Version::V2008,
            Some(other) => {
                let message = format!("Version must be 2012-10-17 or 2008-10-17, not {other:?}");
                self.report(Code::InvalidVersion, node.at, message);
                Version::V2008
            }
            None => Version::V2008,
        }
    }

    fn statements(&mut self, node: &Node) -> Vec<Statement> {
        match &node.value {
            Value::Array(items) => items
                .iter()
                .filter_map(|item| self.statement(item))
                .collect(),
            Value::Object(_) => self.statement(node).into_iter().collect(),
            _ => {
                self.wrong_type(node, "Statement", "a statement or a list of statements");
                Vec::new()
            }
        }
    }

    fn statement(&mut self, node: &Node) -> Option<Statement> {
        let mut effect = None;
        let mut statement = Statement {
            at: node.at,
            sid: None,
            effect: Effect::Deny,
            principal: None,
            action: None,
            resource: None,
            conditions: Vec::new(),
        };
        for member in self.members(node, "a statement")? {
            match member.name.as_str() {
                "Sid" => statement.sid = self.text(&member.node, "Sid"),
                "Effect" => effect = Some(self.effect(&member.node)),
                "Principal" | "NotPrincipal" => {
                    let list = self.principals(&member.node);
                    self.element(&mut statement.principal, member, list);
                }
                "Action" | "NotAction" => {
                    let list = self.texts(&member.node, &member.name);
                    self.element(&mut statement.action, member, list);
                }
                "Resource" | "NotResource" => {
                    let list = self.texts(&member.node, &member.name);
                    self.element(&mut statement.resource, member, list);
                }
                "Condition" => statement.conditions = self.conditions(&member.node),
                other => self.report(
                    Code::UnknownElement,
                    member.at,
                    format!("a statement has no element {other:?}"),
                ),
            }
        }
        if effect.is_none() {
            self.report(
                Code::MissingEffect,
                node.at,
                "a statement must have an Effect",
            );
        }
        statement.effect = effect??;
        Some(statement)
    }

    fn element<T>(&mut self, slot: &mut Option<Element<T>>, member: &Member, list: Vec<T>) {
        if slot.is_some() {
            let plain = member.name.trim_start_matches("Not");
            let message = format!("a statement has either {plain} or Not{plain}, not both");
            self.report(Code::ConflictingElements, member.at, message);
        }
        *slot = Some(Element {
            at: member.at,
            negated: member.name.starts_with("Not"),
            list,
        });
    }

    fn effect(&mut self, node: &Node) -> Option<Effect> {
        match self.text(node, "Effect")?.value.as_str() {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            other => {
                self.report(
                    Code::InvalidEffect,
                    node.at,
                    format!("Effect must be Allow or Deny, not {other:?}"),
                );
                None
            }
        }
    }

    fn principals(&mut self, node: &Node) -> Vec<Spanned<PrincipalName>> {
        match &node.value {
            Value::String(text) if text == "*" => vec![Spanned {
                at: node.at,
                value: PrincipalName::Everyone,
            }],
            Value::Object(members) => members
                .iter()
                .flat_map(|member| self.principal_entry(member))
                .collect(),
            Value::String(_) => {
                self.report(
                    Code::WrongType,
                    node.at,
                    "a principal is \"*\" or an object such as {\"AWS\": \"...\"}",
                );
                Vec::new()
            }
            _ => {
                self.wrong_type(node, "a principal", "\"*\" or an object");
                Vec::new()
            }
        }
    }

    fn principal_entry(&mut self, member: &Member) -> Vec<Spanned<PrincipalName>> {
        let make: fn(String) -> PrincipalName = match member.name.as_str() {
            "AWS" => |text| {
                if text == "*" {
                    PrincipalName::Everyone
                } else {
                    PrincipalName::Aws(text)
                }
            },
            "Service" => PrincipalName::Service,
            "Federated" => PrincipalName::Federated,
            "CanonicalUser" => PrincipalName::CanonicalUser,
            other => {
                let message = format!(
                    "a principal is AWS, Service, Federated or CanonicalUser, not {other:?}"
                );
                self.report(Code::InvalidPrincipalType, member.at, message);
                return Vec::new();
            }
        };
        let texts = self.texts(&member.node, &member.name);
        texts
            .into_iter()
            .map(|text| Spanned {
                at: text.at,
                value: make(text.value),
            })
            .collect()
    }

    fn conditions(&mut self, node: &Node) -> Vec<ConditionEntry> {
        let mut entries = Vec::new();
        for member in self.members(node, "Condition").unwrap_or_default() {
            let operator = Operator::parse(&member.name);
            if operator.is_none() {
                let message = format!("there is no condition operator {:?}", member.name);
                self.report(Code::UnknownOperator, member.at, message);
            }
            for key in self.members(&member.node, &member.name).unwrap_or_default() {
                let values = self.condition_values(&key.node, &key.name);
                let Some(operator) = operator else { continue };
                entries.push(ConditionEntry {
                    at: member.at,
                    operator_name: member.name.clone(),
                    operator,
                    key: Spanned {
                        at: key.at,
                        value: key.name.clone(),
                    },
                    values,
                });
            }
        }
        entries
    }

    fn condition_values(&mut self, node: &Node, name: &str) -> Vec<Spanned<String>> {
        match &node.value {
            Value::Array(items) => items
                .iter()
                .filter_map(|item| self.condition_value(item, name))
                .collect(),
            _ => self.condition_value(node, name).into_iter().collect(),
        }
    }

    fn condition_value(&mut self, node: &Node, name: &str) -> Option<Spanned<String>> {
        let value = match &node.value {
            Value::String(text) | Value::Number(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            _ => {
                self.wrong_type(node, name, "strings, numbers or booleans");
                return None;
            }
        };
        Some(Spanned { at: node.at, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        Policy::parse_all(text)
            .unwrap_err()
            .iter()
            .map(|finding| finding.code.as_str())
            .collect()
    }

    #[test]
    fn reads_every_element() {
        let policy = Policy::parse(
            r#"{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"s","Effect":"Deny","NotPrincipal":{"AWS":["111122223333","*"],
            "Service":"a.amazonaws.com","Federated":"f","CanonicalUser":"c"},"NotAction":["a:b"],"NotResource":"*",
            "Condition":{"Bool":{"k":true},"NumericLessThan":{"n":[1,2.5]},"Null":{"m":"false"}}}]}"#,
        )
        .unwrap();
        let statement = &policy.statements[0];
        assert_eq!(statement.principal.as_ref().unwrap().list.len(), 5);
        assert_eq!(
            statement.principal.as_ref().unwrap().list[1].value,
            PrincipalName::Everyone
        );
        assert!(
            statement.action.as_ref().unwrap().negated
                && statement.resource.as_ref().unwrap().negated
        );
        assert_eq!(statement.conditions[1].values[1].value, "2.5");
        assert_eq!(statement.conditions[0].values[0].value, "true");
    }

    #[test]
    fn no_version_is_the_old_one() {
        assert_eq!(
            Policy::parse(r#"{"Statement":[]}"#).unwrap().version,
            Version::V2008
        );
    }

    #[test]
    fn names_each_mistake_with_its_place() {
        let findings = Policy::parse_all("{\n \"Version\": \"2011\",\n \"Foo\": 1,\n \"Statement\": {\n  \"Effect\": \"allow\"}}").unwrap_err();
        let seen: Vec<_> = findings
            .iter()
            .map(|f| (f.code.as_str(), f.at.line, f.at.column))
            .collect();
        assert_eq!(
            seen,
            [
                ("INVALID_VERSION", 2, 13),
                ("UNKNOWN_ELEMENT", 3, 2),
                ("INVALID_EFFECT", 5, 13)
            ]
        );
    }

    #[test]
    fn grammar_errors_have_their_codes() {
        assert_eq!(codes("[]"), ["WRONG_TYPE"]);
        assert_eq!(codes("{}"), ["MISSING_STATEMENT"]);
        assert_eq!(codes(r#"{"Statement":1}"#), ["WRONG_TYPE"]);
        assert_eq!(codes(r#"{"Statement":{}}"#), ["MISSING_EFFECT"]);
        let statement =
            |body: &str| codes(&format!(r#"{{"Statement":{{"Effect":"Allow",{body}}}}}"#));
        assert_eq!(
            statement(r#""Action":"a:b","NotAction":"a:c""#),
            ["CONFLICTING_ELEMENTS"]
        );
        assert_eq!(
            statement(r#""Principal":"arn:aws:iam::111122223333:root""#),
            ["WRONG_TYPE"]
        );
        assert_eq!(
            statement(r#""Principal":{"IAM":"x"}"#),
            ["INVALID_PRINCIPAL_TYPE"]
        );
        assert_eq!(
            statement(r#""Condition":{"StringSame":{"a":"b"}}"#),
            ["UNKNOWN_OPERATOR"]
        );
        assert_eq!(
            statement(r#""Condition":{"StringEquals":{"a":{"b":1}}}"#),
            ["WRONG_TYPE"]
        );
        assert_eq!(statement(r#""Action":[1]"#), ["WRONG_TYPE"]);
        assert_eq!(statement(r#""effect":"Allow""#), ["UNKNOWN_ELEMENT"]);
        assert_eq!(statement(r#""Effect":"Deny""#), ["JSON_DUPLICATE_KEY"]);
    }

    #[test]
    fn an_overlong_document_is_not_even_read() {
        assert_eq!(
            codes(&" ".repeat(limits::DOCUMENT_BYTES_MAX + 1)),
            ["TOO_LARGE"]
        );
    }
}
