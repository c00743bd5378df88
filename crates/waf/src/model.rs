//! A web ACL as it is written: rules, actions, groups and sets. Statements are in [`crate::statement`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::statement::Statement;
use crate::transform::named;

/// A web ACL, parsed and valid in itself.
#[derive(Clone, Debug)]
pub struct WebAcl {
    /// Its name.
    pub name: String,
    /// Its ARN, where the document has one.
    pub arn: Option<String>,
    /// The prefix of the labels of its own rules, with the colon at its end.
    pub label_namespace: String,
    /// What happens to a request that no rule decides: [`Action::Allow`] or [`Action::Block`].
    pub default_action: Action,
    /// The rules in the order in which they are evaluated.
    pub rules: Vec<Rule>,
    /// The bodies that custom responses of its own rules name.
    pub custom_bodies: BTreeMap<String, CustomBody>,
    /// Immunity times in seconds.
    pub immunity: Immunity,
    /// The domains a token may be for, besides the host's own.
    pub token_domains: Vec<String>,
    /// How many bytes of a body are inspected, where the ACL says so.
    pub body_limits: BTreeMap<ResourceType, usize>,
    /// What is accepted but does not mean what it says.
    pub warnings: Vec<String>,
}

/// A rule of a web ACL or rule group.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in its ACL or group.
    pub name: String,
    /// Rules are evaluated in ascending priority.
    pub priority: u32,
    /// When it matches.
    pub statement: Statement,
    /// What then happens.
    pub action: RuleAction,
    /// Labels without namespace, added when it matches.
    pub labels: Vec<String>,
    /// The name of its metric.
    pub metric: String,
    /// Immunity times that go before the ACL's.
    pub immunity: Immunity,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// The action of a rule that is no group.
    Own(Action),
    /// A group's result stands.
    GroupNone,
    /// A group's result is only counted.
    GroupCount,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pass on, with these headers added.
    Allow(Vec<CustomHeader>),
    /// Answer; 403 where no response is given.
    Block(Option<CustomResponse>),
    /// Go on, with these headers added.
    Count(Vec<CustomHeader>),
    /// Go on with a valid token and these headers, else answer with a challenge.
    Challenge(Vec<CustomHeader>),
    /// As [`Action::Challenge`]: there is no captcha yet, and the ACL's warnings say so.
    Captcha(Vec<CustomHeader>),
}

impl Action {
    /// The name in a log record.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Allow(_) => "ALLOW",
            Action::Block(_) => "BLOCK",
            Action::Count(_) => "COUNT",
            Action::Challenge(_) => "CHALLENGE",
            Action::Captcha(_) => "CAPTCHA",
        }
    }

    /// The headers it adds to a request that goes on.
    pub fn inserted(&self) -> &[CustomHeader] {
        match self {
            Action::Allow(headers)
            | Action::Count(headers)
            | Action::Challenge(headers)
            | Action::Captcha(headers) => headers,
            Action::Block(_) => &[],
        }
    }
}

/// A header that is added to a request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHeader {
    /// Its name; in requests it is prefixed with `x-amzn-waf-` when it is added.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A response a blocked request gets instead of 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomResponse {
    /// One of AWS's 33 codes.
    pub code: u16,
    /// The key of a [`CustomBody`] of the same ACL or group.
    pub body_key: Option<String>,
    /// Headers of the response.
    pub headers: Vec<CustomHeader>,
}

/// A body of custom responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomBody {
    /// The content type as HTTP says it.
    pub content_type: &'static str,
    /// The text.
    pub content: String,
}

/// For how many seconds a solved challenge counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Immunity {
    /// Of [`Action::Challenge`].
    pub challenge_s: Option<u64>,
    /// Of [`Action::Captcha`].
    pub captcha_s: Option<u64>,
}

/// A rule group: a customer's own, or a managed one.
#[derive(Clone, Debug)]
pub struct RuleGroup {
    /// Its name.
    pub name: String,
    /// What a log record calls it: the ARN, or `AWS#AWSManagedRulesCommonRuleSet`.
    pub id: String,
    /// The capacity units it counts for.
    pub capacity: u64,
    /// The prefix of its labels, with the colon at its end.
    pub label_namespace: String,
    /// Its rules in the order in which they are evaluated.
    pub rules: Vec<Rule>,
    /// The bodies that custom responses of its rules name.
    pub custom_bodies: BTreeMap<String, CustomBody>,
    /// What is accepted but does not mean what it says.
    pub warnings: Vec<String>,
}

/// A set of addresses.
#[derive(Clone, Debug)]
pub struct IpSet {
    /// Its ARN.
    pub arn: String,
    /// First address and length of the prefix.
    pub networks: Vec<(IpAddr, u8)>,
}

/// A set of regular expressions.
#[derive(Clone, Debug)]
pub struct RegexPatternSet {
    /// Its ARN.
    pub arn: String,
    /// The patterns as written.
    pub patterns: Vec<String>,
}

named! {
    /// What a web ACL protects: it decides how much of a body is inspected (`AssociatedResourceType`, and AppSync).
    ResourceType {
        /// A load balancer: 8 KB.
        ApplicationLoadBalancer = "APPLICATION_LOAD_BALANCER",
        /// A GraphQL API: 8 KB, always.
        AppSync = "APPSYNC",
        /// A distribution: 16 KB.
        CloudFront = "CLOUDFRONT",
        /// A REST API: 16 KB.
        ApiGateway = "API_GATEWAY",
        /// A user pool: 16 KB.
        CognitoUserPool = "COGNITO_USER_POOL",
        /// An App Runner service: 16 KB.
        AppRunnerService = "APP_RUNNER_SERVICE",
        /// A Verified Access instance: 16 KB.
        VerifiedAccessInstance = "VERIFIED_ACCESS_INSTANCE",
        /// An AgentCore gateway: 16 KB.
        AgentCoreGateway = "AGENTCORE_GATEWAY",
    }
}

impl ResourceType {
    /// How many bytes of a body AWS inspects where the ACL says nothing.
    pub fn default_body_limit_bytes(self) -> usize {
        match self {
            ResourceType::ApplicationLoadBalancer | ResourceType::AppSync => 8 * 1024,
            _ => 16 * 1024,
        }
    }
}
