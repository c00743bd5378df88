//! Where things are and how they are named: scope, kind, ARN.

use palisade_core::{Arn, Call};
use palisade_model::ApiError;

use crate::faults::invalid;
use crate::tables::Key;

/// The Region of the scope CLOUDFRONT.
const GLOBAL_REGION: &str = "us-east-1";

/// The four kinds of things that are made, changed and deleted alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    IpSet,
    RegexPatternSet,
    RuleGroup,
    WebAcl,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::IpSet,
        Self::RegexPatternSet,
        Self::RuleGroup,
        Self::WebAcl,
    ];

    /// As ARNs write it.
    pub fn path(self) -> &'static str {
        match self {
            Self::IpSet => "ipset",
            Self::RegexPatternSet => "regexpatternset",
            Self::RuleGroup => "rulegroup",
            Self::WebAcl => "webacl",
        }
    }

    pub fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == path)
    }

    /// The member of answers that holds one; documents of the engine call it the same.
    pub fn member(self) -> &'static str {
        match self {
            Self::IpSet => "IPSet",
            Self::RegexPatternSet => "RegexPatternSet",
            Self::RuleGroup => "RuleGroup",
            Self::WebAcl => "WebACL",
        }
    }

    /// The member of lists.
    pub fn plural(self) -> &'static str {
        match self {
            Self::IpSet => "IPSets",
            Self::RegexPatternSet => "RegexPatternSets",
            Self::RuleGroup => "RuleGroups",
            Self::WebAcl => "WebACLs",
        }
    }

    /// CloudTrail's type of it.
    pub fn resource_type(self) -> &'static str {
        match self {
            Self::IpSet => "AWS::WAFv2::IPSet",
            Self::RegexPatternSet => "AWS::WAFv2::RegexPatternSet",
            Self::RuleGroup => "AWS::WAFv2::RuleGroup",
            Self::WebAcl => "AWS::WAFv2::WebACL",
        }
    }

    /// How many of them an account has in a Region, at most (AWS WAF Developer Guide, "AWS WAF quotas").
    pub fn most(self) -> usize {
        match self {
            Self::RegexPatternSet => 10,
            _ => 100,
        }
    }
}

/// A scope: one Region's resources, or CloudFront's distributions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Regional(String),
    Global,
}

impl Place {
    /// The scope that a call names. CLOUDFRONT is served in us-east-1 only.
    pub fn of_scope(call: &Call<'_>, scope: &str) -> Result<Self, ApiError> {
        let region = call.context.region.as_str();
        match scope {
            "REGIONAL" => Ok(Self::Regional(region.to_owned())),
            "CLOUDFRONT" if region == GLOBAL_REGION => Ok(Self::Global),
            _ => Err(invalid("SCOPE_VALUE", scope, "The scope is not valid.")),
        }
    }

    fn region(&self) -> &str {
        match self {
            Self::Regional(region) => region,
            Self::Global => GLOBAL_REGION,
        }
    }

    pub fn key(&self) -> &str {
        match self {
            Self::Regional(region) => region,
            Self::Global => "global",
        }
    }

    fn path(&self) -> &'static str {
        match self {
            Self::Regional(_) => "regional",
            Self::Global => "global",
        }
    }
}

/// What an ARN names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub account: String,
    pub place: Place,
    pub kind: Kind,
    pub name: String,
    pub id: String,
}

impl Address {
    pub fn arn(&self) -> String {
        let Self {
            account,
            place,
            kind,
            name,
            id,
        } = self;
        let (region, scope, kind) = (place.region(), place.path(), kind.path());
        format!("arn:aws:wafv2:{region}:{account}:{scope}/{kind}/{name}/{id}")
    }

    /// What an ARN of this service names, if it is one of the four kinds.
    pub fn of_arn(arn: &Arn) -> Option<Self> {
        let mut parts = arn.resource().split('/');
        let (scope, kind, name, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let place = match scope {
            "regional" => Place::Regional(arn.region().to_owned()),
            "global" if arn.region() == GLOBAL_REGION => Place::Global,
            _ => return None,
        };
        let whole = arn.partition() == "aws" && arn.service() == "wafv2" && parts.next().is_none();
        whole.then_some(Self {
            account: arn.account()?.as_str().to_owned(),
            place,
            kind: Kind::of_path(kind)?,
            name: name.to_owned(),
            id: id.to_owned(),
        })
    }

    /// The same of a text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_arn(&text.parse().ok()?)
    }

    /// Whether a call reaches it: it is the caller's own, and there where the call is made.
    pub fn is_within(&self, call: &Call<'_>) -> bool {
        let here = call.context.region.as_str();
        self.account == call.account().as_str() && self.place.region() == here
    }

    pub fn key(&self) -> Key {
        (
            self.account.clone(),
            self.place.key().to_owned(),
            self.kind.path().to_owned(),
            self.name.clone(),
        )
    }

    /// The prefix of the labels of its rules, with the colon at its end.
    pub fn label_namespace(&self) -> String {
        let Self {
            account,
            kind,
            name,
            ..
        } = self;
        format!("awswaf:{account}:{}:{name}:", kind.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-4333-8444-555555555555";

    #[test]
    fn an_arn_that_is_written_is_read_again() {
        for kind in Kind::ALL {
            for place in [Place::Global, Place::Regional("eu-west-1".to_owned())] {
                let address = Address {
                    account: "111122223333".to_owned(),
                    place,
                    kind,
                    name: "a-b_c".to_owned(),
                    id: ID.to_owned(),
                };
                assert_eq!(Address::parse(&address.arn()), Some(address));
            }
        }
    }

    #[test]
    fn what_is_no_arn_of_this_service_names_nothing() {
        for arn in [
            "arn:aws:wafv2:eu-west-1:111122223333:global/ipset/a/b",
            "arn:aws:wafv2:eu-west-1:111122223333:regional/managedruleset/a/b",
            "arn:aws:wafv2:eu-west-1:111122223333:regional/ipset/a",
            "arn:aws:wafv2:eu-west-1:111122223333:regional/ipset/a/b/c",
            "arn:aws:wafv2:eu-west-1::regional/ipset/a/b",
            "arn:aws:waf:eu-west-1:111122223333:regional/ipset/a/b",
            "arn:aws-cn:wafv2:eu-west-1:111122223333:regional/ipset/a/b",
            "text",
        ] {
            assert_eq!(Address::parse(arn), None, "{arn}");
        }
    }
}
