//! The question: may this principal do this action on this resource, in this context?

use crate::arn;
use crate::compile::CompiledPolicy;
use crate::context::{Context, Found, Key};
use crate::decision::{Layer, StatementRef};
use crate::pattern::Variables;
use crate::principal::Principal;
use crate::value::civil_from_days;
use std::borrow::Cow;
use std::sync::Arc;

/// An organization an account belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// `o-…`
    pub id: Arc<str>,
    /// The management account, which SCPs and RCPs do not touch.
    pub management_account: Arc<str>,
}

impl Organization {
    /// An organization.
    pub fn new(id: &str, management_account: &str) -> Organization {
        Organization {
            id: id.into(),
            management_account: management_account.into(),
        }
    }
}

/// A moment: seconds since 1970-01-01T00:00:00Z and a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds since the epoch.
    pub seconds: i64,
    /// Nanoseconds, below one billion.
    pub nanos: u32,
}

impl Timestamp {
    /// `YYYY-MM-DDThh:mm:ssZ`, the form of `aws:CurrentTime`.
    pub fn to_iso(self) -> String {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(86_400));
        let rest = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A request to decide. It borrows everything, so building one costs nothing.
///
/// ```
/// use palisade_policy::{Context, Principal, Request};
/// let principal = Principal::user("arn:aws:iam::111122223333:user/ann")?;
/// let context = Context::from_iter([("aws:SourceIp", "203.0.113.7")]);
/// let request = Request::new(&principal, "s3:GetObject", "arn:aws:s3:::docs/a", &context).in_account("111122223333");
/// # Ok::<(), palisade_policy::PrincipalError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// `service:Action`; letters of either case are equal.
    pub action: &'a str,
    /// The ARN of the resource, or `*` for an action without one.
    pub resource: &'a str,
    /// The account that owns the resource. `None`: the account in the resource's ARN, or else the principal's own.
    pub resource_account: Option<&'a str>,
    /// The condition keys of the request.
    pub context: &'a Context,
    /// The organization of the principal's account.
    pub principal_organization: Option<&'a Organization>,
    /// The organization of the resource's account.
    pub resource_organization: Option<&'a Organization>,
    /// The time of the request: `aws:CurrentTime` and `aws:EpochTime` are derived from it.
    pub now: Option<Timestamp>,
}

impl<'a> Request<'a> {
    /// A request in no organization, at no time.
    pub fn new(
        principal: &'a Principal,
        action: &'a str,
        resource: &'a str,
        context: &'a Context,
    ) -> Request<'a> {
        Request {
            principal,
            action,
            resource,
            resource_account: None,
            context,
            principal_organization: None,
            resource_organization: None,
            now: None,
        }
    }

    /// The account that owns the resource.
    pub fn in_account(mut self, account: &'a str) -> Request<'a> {
        self.resource_account = Some(account);
        self
    }

    /// The organizations of the principal's and of the resource's account.
    pub fn in_organizations(
        mut self,
        principal: Option<&'a Organization>,
        resource: Option<&'a Organization>,
    ) -> Request<'a> {
        self.principal_organization = principal;
        self.resource_organization = resource;
        self
    }

    /// The account that owns the resource, whose ARN is in these segments, as it is taken where none is given.
    fn owner(&self, resource: Option<[&'a str; 5]>) -> Option<&'a str> {
        let in_arn = resource
            .map(|segments| segments[3])
            .filter(|account| !account.is_empty());
        self.resource_account
            .or(in_arn)
            .or(self.principal.account())
    }

    /// Whether principal and resource are of one account or one organization.
    pub(crate) fn stays_within(&self) -> bool {
        let organizations = (self.principal_organization, self.resource_organization);
        self.owner(arn::split(self.resource)) == self.principal.account()
            || matches!(organizations, (Some(one), Some(other)) if one.id == other.id)
    }

    /// The time of the request.
    pub fn at(mut self, now: Timestamp) -> Request<'a> {
        self.now = Some(now);
        self
    }
}

/// A request with what every statement needs of it worked out once.
pub(crate) struct Question<'a> {
    pub request: Request<'a>,
    /// The part of the action before the colon, packed by [`service_key`].
    pub service_key: u64,
    /// The bit of the service, see [`service_bit`].
    pub service_bit: u64,
    /// The first letters of the action's name, packed by [`name_key`].
    pub name_key: u64,
    /// The part of the action before the colon.
    pub service: &'a str,
    /// The part of the action after the colon.
    pub action: &'a str,
    /// The resource's ARN in segments; `None` if it is no ARN.
    pub resource: Option<[&'a str; 5]>,
    /// A permissions boundary is attached to the principal.
    pub has_boundary: bool,
    /// What is supposed to be otherwise than it is.
    pub hypothesis: Hypothesis,
}

/// A supposition, for explanations: what if these statements were not there, and those layers allowed?
#[derive(Clone, Debug, Default)]
pub(crate) struct Hypothesis {
    /// Statements that do not count: layer, the policy's address, index. An address only tells policies apart.
    pub without: Vec<(Layer, *const CompiledPolicy, usize)>,
    /// Layers that allow, whatever they say.
    pub allowing: Vec<Layer>,
}

impl Hypothesis {
    #[inline]
    pub fn ignores(&self, statement: &StatementRef<'_>) -> bool {
        !self.without.is_empty() && self.without.contains(&statement.identity())
    }

    #[inline]
    pub fn allows(&self, layer: Layer) -> bool {
        !self.allowing.is_empty() && self.allowing.contains(&layer)
    }
}

impl<'a> Question<'a> {
    pub fn new(request: &Request<'a>, has_boundary: bool) -> Question<'a> {
        let mut request = *request;
        let resource = arn::split(request.resource);
        request.resource_account = request.owner(resource);
        let (service, action) = request
            .action
            .split_once(':')
            .unwrap_or(("", request.action));
        Question {
            request,
            service_key: service_key(service),
            service_bit: service_bit(service_key(service)),
            name_key: name_key(action),
            service,
            action,
            resource,
            has_boundary,
            hypothesis: Hypothesis::default(),
        }
    }

    /// What the request says of a key: what it sets itself, else what is derived.
    pub fn find(&self, key: &Key) -> Found<'_> {
        if let Some(value) = self.request.context.get_lower(key.name()) {
            return Found::from_value(value);
        }
        key.derived
            .as_ref()
            .map_or(Found::Missing, |derived| derived.find(&self.request))
    }

    /// True if the principal belongs to the account that owns the resource.
    pub fn same_account(&self) -> bool {
        self.request.principal.account().is_some()
            && self.request.principal.account() == self.request.resource_account
    }
}

impl Variables for Question<'_> {
    /// Multivalued keys cannot be variables.
    fn resolve(&self, key: &Key) -> Option<Cow<'_, str>> {
        match self.find(key) {
            Found::One(value) => Some(value),
            Found::Missing | Found::Many(_) => None,
        }
    }
}

/// How many letters of a service's name [`service_key`] has room for.
pub(crate) const SERVICE_KEY_LETTERS: usize = 7;

/// Packs the first letters of a service's name and its length into a number, in lower case, so that most
/// statements are passed over by one comparison.
pub(crate) fn service_key(service: &str) -> u64 {
    let packed = pack(service, SERVICE_KEY_LETTERS);
    packed | (service.len() as u64 & 0xFF)
}

/// One bit of 64 for a service, so that a set of services is a number and most are told apart by one `and`.
pub(crate) fn service_bit(key: u64) -> u64 {
    1 << (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}

/// Packs the first eight letters of an action's name into a number, in lower case.
pub(crate) fn name_key(name: &str) -> u64 {
    pack(name, 8)
}

/// From the top, so that a mask of the top bytes compares beginnings.
fn pack(text: &str, letters: usize) -> u64 {
    let letters = text.bytes().take(letters).enumerate();
    letters.fold(0, |key, (at, byte)| {
        key | u64::from(byte.to_ascii_lowercase()) << (56 - 8 * at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resources_account_is_given_or_in_its_arn_or_the_principals() {
        let principal = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
        let context = Context::new();
        let same = |resource: &'static str, given: Option<&'static str>| {
            let mut request = Request::new(&principal, "a:b", resource, &context);
            request.resource_account = given;
            Question::new(&request, false).same_account()
        };
        assert!(same("*", None) && same("arn:aws:s3:::b", None));
        assert!(same("arn:aws:sqs:us-east-1:111122223333:q", None));
        assert!(!same("arn:aws:sqs:us-east-1:444455556666:q", None));
        assert!(!same("arn:aws:s3:::b", Some("444455556666")));
    }

    #[test]
    fn a_key_that_is_given_wins_over_the_derived_one() {
        let principal = Principal::user("arn:aws:iam::111122223333:user/ann").unwrap();
        let context = Context::from_iter([("aws:UserName", "bob")]);
        let question = Question::new(&Request::new(&principal, "a:b", "*", &context), false);
        assert_eq!(
            question.resolve(&Key::new("aws:username")).as_deref(),
            Some("bob")
        );
        assert_eq!(
            question.resolve(&Key::new("aws:PrincipalType")).as_deref(),
            Some("User")
        );
    }

    #[test]
    fn services_of_different_names_have_different_keys() {
        assert_eq!(service_key("S3"), service_key("s3"));
        assert_ne!(service_key("s3"), service_key("s"));
        assert_ne!(service_key("ec2"), service_key("rc2"));
        assert_ne!(service_key("lambda"), service_key("lambdb"));
        assert_ne!(service_key(""), service_key("\0"));
    }
}
