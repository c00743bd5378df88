//! ARNs of managed policies, taken apart without copying: `arn:aws:iam::OWNER:policy/path/Name`.

use palisade_core::AccountId;

/// Whose a managed policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyOwner {
    /// AWS itself: the same policy for every account.
    Aws,
    /// An account.
    Account(AccountId),
}

/// The owner of a managed policy; `None` for a text that is no policy's ARN.
pub(crate) fn owner(arn: &str) -> Option<PolicyOwner> {
    let (owner, resource) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let name = resource.strip_prefix("policy/")?.rsplit('/').next()?;
    match owner {
        _ if name.is_empty() => None,
        "aws" => Some(PolicyOwner::Aws),
        id => AccountId::new(id).ok().map(PolicyOwner::Account),
    }
}

/// The policy's name: what is behind the last slash.
pub(crate) fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// The policy's path, with its slashes; `/` for a text that is no policy's ARN.
pub(crate) fn path(arn: &str) -> &str {
    let path = arn
        .split_once(":policy")
        .and_then(|(_, rest)| rest.rfind('/').and_then(|end| rest.get(..=end)));
    path.unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_comes_apart() {
        let arn = "arn:aws:iam::111122223333:policy/a/b/Name";
        assert_eq!(
            owner(arn),
            Some(PolicyOwner::Account(
                AccountId::new("111122223333").unwrap()
            ))
        );
        assert_eq!((name(arn), path(arn)), ("Name", "/a/b/"));
        let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        assert_eq!(
            (owner(arn), name(arn), path(arn)),
            (Some(PolicyOwner::Aws), "ReadOnlyAccess", "/")
        );
    }

    #[test]
    fn other_texts_are_no_policies() {
        for text in [
            "",
            "ReadOnlyAccess",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::111122223333:role/x",
            "arn:aws:iam::1:policy/x",
            "arn:aws:s3:::policy/x",
        ] {
            assert_eq!(owner(text), None, "{text}");
            let _ = (name(text), path(text));
        }
    }
}
