//! Role ARNs as callers give them.

use palisade_core::{AccountId, Arn};

/// The account and the path with name that a role's ARN names: `111122223333` and `/app/reader`.
pub struct RoleArn {
    /// The role's account.
    pub account: AccountId,
    /// The role's name, the last part of its path.
    pub name: String,
}

impl RoleArn {
    /// Takes a role's ARN apart; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let arn: Arn = text.parse().ok()?;
        let path = arn
            .resource()
            .strip_prefix("role/")
            .filter(|_| arn.service() == "iam")?;
        let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
        Some(Self {
            account: arn.account()?.clone(),
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RoleArn;

    #[test]
    fn the_last_part_of_the_path_is_the_name() {
        let arn = RoleArn::parse("arn:aws:iam::111122223333:role/app/eu/reader").unwrap();
        assert_eq!(
            (arn.account.as_str(), &*arn.name),
            ("111122223333", "reader")
        );
    }

    #[test]
    fn other_arns_name_no_role() {
        for text in [
            "arn:aws:iam::111122223333:user/reader",
            "arn:aws:sts::111122223333:assumed-role/reader/s",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam:::role/reader",
            "reader",
            "",
        ] {
            assert!(RoleArn::parse(text).is_none(), "{text}");
        }
    }
}
