//! The 16 statements and the 14 fields they look at.

use std::sync::Arc;

use crate::detect::Detector;
use crate::transform::{PreParse, Transformation, named};

/// When a rule matches.
#[derive(Clone, Debug)]
pub enum Statement {
    /// Bytes somewhere in a field.
    ByteMatch(Inspected, Position, Vec<u8>),
    /// SQL injection in a field.
    SqliMatch(Inspected, Sensitivity),
    /// Cross-site scripting in a field.
    XssMatch(Inspected),
    /// The size of a field in bytes, after its transformations.
    SizeConstraint(Inspected, Comparison, u64),
    /// One regular expression.
    RegexMatch(Inspected, String),
    /// Any expression of the pattern set with this ARN.
    RegexSet(Inspected, String),
    /// The country of the client's address; labels every request it looks at.
    GeoMatch(Vec<String>, Option<ForwardedIp>),
    /// The autonomous system of the client's address.
    AsnMatch(Vec<u32>, Option<ForwardedIp>),
    /// The client's address, in the set with this ARN.
    IpSet(String, Option<(ForwardedIp, ForwardedPosition)>),
    /// A label that an earlier rule has added.
    LabelMatch(LabelScope, String),
    /// All of these.
    And(Vec<Statement>),
    /// Any of these.
    Or(Vec<Statement>),
    /// Not this.
    Not(Box<Statement>),
    /// More than so many requests. Only at the top of a rule.
    RateBased(Box<RateBased>),
    /// The rules of a customer's group. Only at the top of a rule of an ACL.
    RuleGroup(GroupReference),
    /// The rules of a managed group. Only at the top of a rule of an ACL.
    ManagedRuleGroup(Box<ManagedReference>),
    /// A detector that wafv2's JSON has no statement for; managed groups are made of them.
    Detect(Inspected, Arc<dyn Detector>),
}

impl Statement {
    /// The name of the statement's member in the wafv2 model.
    pub fn name(&self) -> &'static str {
        match self {
            Statement::ByteMatch(..) => "ByteMatchStatement",
            Statement::SqliMatch(..) => "SqliMatchStatement",
            Statement::XssMatch(..) => "XssMatchStatement",
            Statement::SizeConstraint(..) => "SizeConstraintStatement",
            Statement::RegexMatch(..) => "RegexMatchStatement",
            Statement::RegexSet(..) => "RegexPatternSetReferenceStatement",
            Statement::GeoMatch(..) => "GeoMatchStatement",
            Statement::AsnMatch(..) => "AsnMatchStatement",
            Statement::IpSet(..) => "IPSetReferenceStatement",
            Statement::LabelMatch(..) => "LabelMatchStatement",
            Statement::And(..) => "AndStatement",
            Statement::Or(..) => "OrStatement",
            Statement::Not(..) => "NotStatement",
            Statement::RateBased(..) => "RateBasedStatement",
            Statement::RuleGroup(..) => "RuleGroupReferenceStatement",
            Statement::ManagedRuleGroup(..) => "ManagedRuleGroupStatement",
            Statement::Detect(..) => "Detect",
        }
    }
}

/// What a statement looks at: a field, and what is done to it first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inspected {
    /// The field.
    pub field: Field,
    /// What is done to the query string before it is split, in order.
    pub pre_parse: Vec<PreParse>,
    /// What is done to each value, in order.
    pub transformations: Vec<Transformation>,
}

/// A part of a request (`FieldToMatch`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The values of one header, named without regard to case.
    SingleHeader(String),
    /// The values of one query argument, named without regard to case.
    SingleQueryArgument(String),
    /// The values of all query arguments.
    AllQueryArguments,
    /// The path, as received.
    UriPath,
    /// What follows `?`.
    QueryString,
    /// The body.
    Body(Oversize),
    /// The method.
    Method,
    /// Keys and values of the body, read as JSON.
    JsonBody(JsonBody),
    /// Names and values of headers.
    Headers(Selection, Scope, Oversize),
    /// Names and values of cookies.
    Cookies(Selection, Scope, Oversize),
    /// The names of the headers in their order, with colons between.
    HeaderOrder(Oversize),
    /// The JA3 fingerprint of the client's TLS.
    Ja3(Fallback),
    /// The JA4 fingerprint of the client's TLS.
    Ja4(Fallback),
    /// What follows `#` in the URI.
    UriFragment(Fallback),
    /// Every place of a part of the request an application may take a value from, decoded: arguments, forms, files, JSON, XML, GraphQL,
    /// gRPC, headers, cookies, path. wafv2's JSON has no name for it; managed groups are made of it.
    Places(Part, Oversize),
}

impl Field {
    /// The name of the field's member in the wafv2 model.
    pub fn name(&self) -> &'static str {
        match self {
            Field::SingleHeader(_) => "SingleHeader",
            Field::SingleQueryArgument(_) => "SingleQueryArgument",
            Field::AllQueryArguments => "AllQueryArguments",
            Field::UriPath => "UriPath",
            Field::QueryString => "QueryString",
            Field::Body(_) => "Body",
            Field::Method => "Method",
            Field::JsonBody(_) => "JsonBody",
            Field::Headers(..) => "Headers",
            Field::Cookies(..) => "Cookies",
            Field::HeaderOrder(_) => "HeaderOrder",
            Field::Ja3(_) => "JA3Fingerprint",
            Field::Ja4(_) => "JA4Fingerprint",
            Field::UriFragment(_) => "UriFragment",
            Field::Places(part, _) => part.name(),
        }
    }
}

/// How a body is read as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonBody {
    /// JSON pointers, each split into its unescaped tokens; empty for all elements.
    pub pointers: Vec<Vec<String>>,
    /// Keys, values or both.
    pub scope: Scope,
    /// What happens to a body that cannot be read to its end; nothing: what was read is inspected.
    pub invalid: Option<InvalidFallback>,
    /// What happens to a body longer than what is inspected.
    pub oversize: Oversize,
}

/// Which headers or cookies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selection {
    /// All of them.
    All,
    /// Those with one of these names.
    Included(Vec<String>),
    /// Those with none of these names.
    Excluded(Vec<String>),
}

named! {
    /// A part of a request whose places are looked at.
    Part {
        /// The path: whole, its segments and their parameters; and the fragment.
        Path = "every place of the path",
        /// Names and values of the query string.
        Arguments = "every place of the query",
        /// Names and values of headers other than `Cookie`.
        Headers = "every place of the headers",
        /// Names and values of cookies.
        Cookies = "every place of the cookies",
        /// Whatever the body holds, in every reading a backend might take.
        Body = "every place of the body",
    }
}

named! {
    /// What a scope picks of a pair.
    Scope {
        /// Key and value, each for itself.
        All = "ALL",
        /// The key.
        Key = "KEY",
        /// The value.
        Value = "VALUE",
    }
}

named! {
    /// What happens where a field is longer than what is inspected.
    Oversize {
        /// What can be inspected is.
        Continue = "CONTINUE",
        /// The statement matches.
        Match = "MATCH",
        /// The statement does not match.
        NoMatch = "NO_MATCH",
    }
}

named! {
    /// What happens where something is missing or not valid.
    Fallback {
        /// The statement matches.
        Match = "MATCH",
        /// The statement does not match.
        NoMatch = "NO_MATCH",
    }
}

named! {
    /// What happens to a body that is not JSON to its end.
    InvalidFallback {
        /// The statement matches.
        Match = "MATCH",
        /// The statement does not match.
        NoMatch = "NO_MATCH",
        /// The body is inspected as text.
        EvaluateAsString = "EVALUATE_AS_STRING",
    }
}

named! {
    /// Where in a value the bytes must be.
    Position {
        /// They are the value.
        Exactly = "EXACTLY",
        /// At its start.
        StartsWith = "STARTS_WITH",
        /// At its end.
        EndsWith = "ENDS_WITH",
        /// Anywhere.
        Contains = "CONTAINS",
        /// Anywhere, as a word.
        ContainsWord = "CONTAINS_WORD",
    }
}

named! {
    /// How two sizes are compared.
    Comparison {
        /// Equal.
        Eq = "EQ",
        /// Not equal.
        Ne = "NE",
        /// Less or equal.
        Le = "LE",
        /// Less.
        Lt = "LT",
        /// Greater or equal.
        Ge = "GE",
        /// Greater.
        Gt = "GT",
    }
}

impl Comparison {
    /// Whether `left` stands so to `right`.
    pub fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Comparison::Eq => left == right,
            Comparison::Ne => left != right,
            Comparison::Le => left <= right,
            Comparison::Lt => left < right,
            Comparison::Ge => left >= right,
            Comparison::Gt => left > right,
        }
    }
}

named! {
    /// How sensitive the SQL detector is.
    Sensitivity {
        /// Fewer false alarms.
        Low = "LOW",
        /// Fewer missed attacks.
        High = "HIGH",
    }
}

named! {
    /// What a label match compares.
    LabelScope {
        /// The label, or its end.
        Label = "LABEL",
        /// Namespaces before the name.
        Namespace = "NAMESPACE",
    }
}

named! {
    /// Which address of a forwarded header counts.
    ForwardedPosition {
        /// The first.
        First = "FIRST",
        /// The last.
        Last = "LAST",
        /// Any of the last ten.
        Any = "ANY",
    }
}

/// An address from a header instead of the connection's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedIp {
    /// The header's name.
    pub header: String,
    /// What happens where it holds no valid address. Without the header the statement does not apply.
    pub fallback: Fallback,
}

/// A rate-based statement.
#[derive(Clone, Debug)]
pub struct RateBased {
    /// So many requests in a window are allowed.
    pub limit: u64,
    /// The window: 60, 120, 300 or 600 seconds.
    pub window_s: u64,
    /// What requests are counted together by.
    pub aggregate: Aggregate,
    /// Only requests that match this are counted and limited.
    pub scope_down: Option<Statement>,
    /// Where forwarded addresses come from.
    pub forwarded: Option<ForwardedIp>,
}

/// What requests are counted together by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// The client's address.
    Ip,
    /// The first address of a header.
    ForwardedIp,
    /// Nothing: all of them.
    Constant,
    /// One to five keys.
    Custom(Vec<RateKey>),
}

/// A custom key of a rate-based statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateKey {
    /// A header's value.
    Header(String, Vec<Transformation>),
    /// A cookie's value.
    Cookie(String, Vec<Transformation>),
    /// A query argument's value.
    QueryArgument(String, Vec<Transformation>),
    /// The query string.
    QueryString(Vec<Transformation>),
    /// The path.
    UriPath(Vec<Transformation>),
    /// The method.
    Method,
    /// The first address of a header.
    ForwardedIp,
    /// The client's address.
    Ip,
    /// The labels in a namespace, which ends in a colon.
    LabelNamespace(String),
    /// The JA3 fingerprint.
    Ja3(Fallback),
    /// The JA4 fingerprint.
    Ja4(Fallback),
    /// The autonomous system.
    Asn,
}

/// A reference to a customer's rule group.
#[derive(Clone, Debug)]
pub struct GroupReference {
    /// The group's ARN.
    pub arn: String,
    /// Rules that act differently here.
    pub overrides: Overrides,
}

/// A reference to a managed rule group.
#[derive(Clone, Debug)]
pub struct ManagedReference {
    /// Who sells it: `AWS`, `Palisade`.
    pub vendor: String,
    /// Its name.
    pub name: String,
    /// A fixed version.
    pub version: Option<String>,
    /// Only requests that match this are shown to the group.
    pub scope_down: Option<Statement>,
    /// Rules that act differently here.
    pub overrides: Overrides,
    /// `ManagedRuleGroupConfigs`, as written: what they mean is the group's business.
    pub configs: Vec<serde_json::Value>,
}

/// Rules of a group that act differently where it is used.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Rules whose action is Count.
    pub excluded: Vec<String>,
    /// Rules with another action.
    pub actions: Vec<(String, crate::model::Action)>,
}
