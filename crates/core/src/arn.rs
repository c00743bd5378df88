use std::fmt;
use std::str::FromStr;

use crate::AccountId;

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`, the resource part kept whole (it may hold `:` and `/`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    partition: String,
    service: String,
    region: String,
    account: Option<AccountId>,
    resource: String,
}

/// A text that is no ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN")]
pub struct InvalidArn;

impl Arn {
    /// The partition, `aws`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The service's namespace, such as `iam`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region; empty for global resources.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The owning account; `None` where the ARN carries none (S3, AWS managed policies).
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    /// Everything after the fifth colon.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The last `/`-separated part of the resource, such as the name behind an IAM path.
    pub fn name(&self) -> &str {
        self.resource
            .rsplit_once('/')
            .map_or(&*self.resource, |(_, name)| name)
    }

    /// For an IAM resource `kind/path/name`: the kind, the path with its slashes, and the name.
    pub fn iam_parts(&self) -> Option<(&str, String, &str)> {
        let (kind, rest) = self.resource.split_once('/')?;
        match rest.rsplit_once('/') {
            Some((path, name)) => Some((kind, format!("/{path}/"), name)),
            None => Some((kind, "/".to_owned(), rest)),
        }
    }
}

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(InvalidArn);
        if next()? != "arn" {
            return Err(InvalidArn);
        }
        let (partition, service, region) = (next()?, next()?, next()?);
        let account = match next()? {
            "" | "aws" => None,
            id => Some(AccountId::new(id).map_err(|_| InvalidArn)?),
        };
        let resource = next()?;
        if partition.is_empty() || service.is_empty() || resource.is_empty() {
            return Err(InvalidArn);
        }
        Ok(Self {
            partition: partition.to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account,
            resource: resource.to_owned(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = match &self.account {
            Some(id) => id.as_str(),
            // AWS managed policies are the one kind that writes `aws` where others have their account.
            None if self.service == "iam" => "aws",
            None => "",
        };
        write!(
            f,
            "arn:{}:{}:{}:{account}:{}",
            self.partition, self.service, self.region, self.resource
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        for text in [
            "arn:aws:iam::111122223333:user/division/alice",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:s3:::bucket/key:with:colons",
        ] {
            assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn path_and_name_are_told_apart() {
        let arn: Arn = "arn:aws:iam::111122223333:user/a/b/alice".parse().unwrap();
        assert_eq!(arn.iam_parts(), Some(("user", "/a/b/".into(), "alice")));
        let arn: Arn = "arn:aws:iam::111122223333:user/alice".parse().unwrap();
        assert_eq!(arn.iam_parts(), Some(("user", "/".into(), "alice")));
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for bad in [
            "",
            "arn",
            "arn:aws:iam::1234:user/a",
            "arn:aws:iam::111122223333",
            "nra:aws:iam:::x",
            "arn:aws:iam:::",
        ] {
            assert!(bad.parse::<Arn>().is_err(), "{bad}");
        }
    }
}
