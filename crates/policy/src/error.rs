//! What can be wrong with a policy: stable codes, places and messages.

use crate::json::{JsonError, JsonErrorKind, Position};
use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Allowed, but probably not what was meant, or wider than it looks.
    Warning,
    /// Not a policy, or a part of it that can never work as written.
    Error,
}

/// Something a check found, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable code.
    pub code: Code,
    /// Where in the text.
    pub at: Position,
    /// What is wrong, in a sentence; in IAM's words where IAM has words for it.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(code: Code, at: Position, message: impl Into<String>) -> Finding {
        Finding {
            code,
            at,
            message: message.into(),
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.at, self.message, self.code.as_str())
    }
}

/// A policy that is refused; the first thing that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(pub Finding);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for PolicyError {}

impl From<JsonError> for Finding {
    fn from(error: JsonError) -> Finding {
        let code = match error.kind {
            JsonErrorKind::Syntax(_) => Code::JsonSyntax,
            JsonErrorKind::DuplicateKey(_) => Code::JsonDuplicateKey,
            JsonErrorKind::TooDeep => Code::JsonTooDeep,
        };
        Finding::new(code, error.at, error.kind.to_string())
    }
}

/// When a code speaks: does it stop the reading, the storing, or only raise an eyebrow?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The text is not of the grammar: there is no policy to speak of.
    Grammar,
    /// IAM refuses to store it as this kind of policy (MalformedPolicyDocument).
    Refused,
    /// It can be stored, but this part of it cannot work.
    Broken,
    /// It works, and may surprise.
    Warning,
}

macro_rules! codes {
    ($($name:ident = $text:literal, $class:ident, $doc:literal;)*) => {
        /// The stable name of everything a check can find. Names are never reused for another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $doc] $name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// What the code means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $doc,)* }
            }

            fn class(self) -> Class {
                match self { $(Code::$name => Class::$class,)* }
            }
        }
    };
}

codes! {
    CaseMember = "CASE_MEMBER", Grammar, "A case file lacks a member, or has one that is not known there.";
    CasePrincipal = "CASE_PRINCIPAL", Grammar, "A case file's principal is not one of the kinds, or its ARN is not.";
    NotUtf8 = "NOT_UTF8", Grammar, "The file is not UTF-8 text.";
    TooLarge = "TOO_LARGE", Grammar, "The document is larger than is read.";
    JsonSyntax = "JSON_SYNTAX", Grammar, "The text is not JSON.";
    JsonDuplicateKey = "JSON_DUPLICATE_KEY", Grammar, "A key appears twice in one object.";
    JsonTooDeep = "JSON_TOO_DEEP", Grammar, "Arrays and objects are nested too deeply.";
    WrongType = "WRONG_TYPE", Grammar, "An element holds another type of JSON value than the grammar says.";
    UnknownElement = "UNKNOWN_ELEMENT", Grammar, "The grammar has no element of this name here.";
    MissingStatement = "MISSING_STATEMENT", Grammar, "The policy has no Statement.";
    InvalidVersion = "INVALID_VERSION", Grammar, "Version is neither 2012-10-17 nor 2008-10-17.";
    MissingEffect = "MISSING_EFFECT", Grammar, "A statement has no Effect.";
    InvalidEffect = "INVALID_EFFECT", Grammar, "Effect is neither Allow nor Deny.";
    ConflictingElements = "CONFLICTING_ELEMENTS", Grammar, "An element and its Not form are in one statement.";
    InvalidPrincipalType = "INVALID_PRINCIPAL_TYPE", Grammar, "A principal is none of AWS, Service, Federated, CanonicalUser.";
    UnknownOperator = "UNKNOWN_OPERATOR", Grammar, "There is no condition operator of this name.";
    MissingAction = "MISSING_ACTION", Refused, "A statement has neither Action nor NotAction, or an empty one.";
    MissingResource = "MISSING_RESOURCE", Refused, "A statement has neither Resource nor NotResource, or an empty one.";
    EmptyStatement = "EMPTY_STATEMENT", Refused, "Statement is an empty list.";
    ResourceForbidden = "RESOURCE_FORBIDDEN", Refused, "A role trust policy has a Resource.";
    PrincipalForbidden = "PRINCIPAL_FORBIDDEN", Refused, "This kind of policy has no Principal: it is whom it is attached to.";
    PrincipalRequired = "PRINCIPAL_REQUIRED", Refused, "A resource-based policy says to whom: Principal is missing.";
    InvalidPrincipal = "INVALID_PRINCIPAL", Refused, "A principal is not written in a form that names one.";
    NotPrincipalForbidden = "NOT_PRINCIPAL_FORBIDDEN", Refused, "NotPrincipal belongs in resource-based policies, not here.";
    NotPrincipalAllow = "NOT_PRINCIPAL_ALLOW", Refused, "NotPrincipal with Allow would grant to everyone else, strangers included.";
    ActionFormat = "ACTION_FORMAT", Refused, "An action is not written SERVICE:NAME.";
    ResourceFormat = "RESOURCE_FORMAT", Refused, "A resource is neither * nor an ARN of six segments.";
    TrustAction = "TRUST_ACTION", Refused, "A role trust policy allows other actions than those that assume a role.";
    RcpAllow = "RCP_ALLOW", Refused, "A resource control policy can only deny.";
    RcpPrincipal = "RCP_PRINCIPAL", Refused, "A resource control policy speaks of every principal: Principal must be *.";
    RcpElement = "RCP_ELEMENT", Refused, "A resource control policy has no NotPrincipal and no NotAction.";
    DuplicateSid = "DUPLICATE_SID", Refused, "Two statements have the same Sid.";
    SidFormat = "SID_FORMAT", Refused, "A Sid in an IAM policy has other characters than letters and digits.";
    InvalidNumber = "INVALID_NUMBER", Broken, "A Numeric operator is given something that is no number.";
    InvalidDate = "INVALID_DATE", Broken, "A Date operator is given neither ISO 8601 nor epoch seconds.";
    InvalidBoolean = "INVALID_BOOLEAN", Broken, "Bool or Null is given something other than true and false.";
    InvalidBinary = "INVALID_BINARY", Broken, "BinaryEquals is given something that is not base64.";
    InvalidIpRange = "INVALID_IP_RANGE", Broken, "An address operator is given no address or CIDR range.";
    InvalidArnPattern = "INVALID_ARN_PATTERN", Broken, "An Arn operator is given no pattern of six segments.";
    InvalidVariable = "INVALID_VARIABLE", Broken, "A policy variable is not closed, not named or has an unquoted default.";
    VariableBeforeResource = "VARIABLE_BEFORE_RESOURCE", Broken, "A variable stands before the fifth colon of a Resource, where none is replaced.";
    VariableNotReplaced = "VARIABLE_NOT_REPLACED", Warning, "A variable is literal text here: the version, or the operator, has none.";
    NotPrincipalWithoutAccount = "NOT_PRINCIPAL_WITHOUT_ACCOUNT", Warning, "NotPrincipal names a principal without its account, which stays denied.";
    OperatorSpelling = "OPERATOR_SPELLING", Warning, "The operator's name is written in other letters than its documentation.";
    AllowNotAction = "ALLOW_NOT_ACTION", Warning, "Allow with NotAction grants every action not named, future ones included.";
    PublicAccess = "PUBLIC_ACCESS", Warning, "Everyone is allowed, with no condition.";
    PassRoleEverywhere = "PASS_ROLE_EVERYWHERE", Warning, "iam:PassRole is allowed on every role, by its name or by a wildcard.";
    ForAllValuesAllow = "FOR_ALL_VALUES_ALLOW", Warning, "ForAllValues is true when the key is missing; an Allow needs a Null check beside it.";
    MultivaluedKey = "MULTIVALUED_KEY", Warning, "The key has many values and needs ForAllValues or ForAnyValue.";
    IdElement = "ID_ELEMENT", Warning, "Id belongs in resource-based policies.";
    ConfusedDeputy = "CONFUSED_DEPUTY", Warning, "A service is allowed with no condition on whose behalf it acts.";
    UnknownService = "UNKNOWN_SERVICE", Warning, "No service has this prefix.";
    UnknownAction = "UNKNOWN_ACTION", Warning, "The service has no action of this name.";
    ActionMatchesNothing = "ACTION_MATCHES_NOTHING", Warning, "The wildcard matches no action of the service.";
    UnknownConditionKey = "UNKNOWN_CONDITION_KEY", Warning, "There is no condition key of this name.";
    UnknownVariable = "UNKNOWN_VARIABLE", Warning, "A policy variable is no condition key.";
    UnknownServicePrincipal = "UNKNOWN_SERVICE_PRINCIPAL", Warning, "A service principal is misspelt, or no name of a service.";
    ResourceOfOtherActions = "RESOURCE_OF_OTHER_ACTIONS", Warning, "No action of the statement is about a resource of this kind.";
    KeyOfOtherActions = "KEY_OF_OTHER_ACTIONS", Warning, "No action of the statement is asked with this condition key.";
}

impl Code {
    /// How much a finding with this code matters.
    pub fn severity(self) -> Severity {
        match self.class() {
            Class::Warning => Severity::Warning,
            Class::Grammar | Class::Refused | Class::Broken => Severity::Error,
        }
    }

    /// True if the text is not of the grammar at all, so that there is no policy to evaluate.
    pub fn is_grammar(self) -> bool {
        self.class() == Class::Grammar
    }

    /// True if IAM refuses to store the policy (`MalformedPolicyDocument`).
    pub fn is_refused(self) -> bool {
        matches!(self.class(), Class::Grammar | Class::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_upper_snake() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text}");
            assert!(
                text.chars()
                    .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
            );
            assert!(!code.meaning().is_empty());
        }
    }

    #[test]
    fn a_warning_never_refuses() {
        for code in Code::ALL {
            assert!(
                !(code.severity() == Severity::Warning && code.is_refused()),
                "{code:?}"
            );
        }
    }
}
