//! What a kind of credentials may call at all, whatever the policies say.
//!
//! AWS decides this before any policy: IAM does not know the keys of GetSessionToken made without a second factor, nor those of a
//! federated user; STS knows them for a few operations only; nobody assumes a role as root. Source: STS API Reference,
//! GetSessionToken, GetFederationToken, AssumeRole; IAM User Guide, "Compare AWS STS credentials".

use palisade_model::ApiError;

use crate::{Caller, Identity};

/// The kinds of credentials that are limited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of root, its own or of a session.
    Root,
    /// Of GetSessionToken, no second factor given.
    OwnSession,
    /// Of GetFederationToken.
    Federated,
    /// Of AssumeRole.
    RoleSession,
}

/// What a kind of credentials may call of a service.
enum Rule {
    /// Nothing: the service does not know such keys.
    Unknown,
    /// These operations only.
    Only(&'static [&'static str]),
    /// All but these operations.
    AllBut(&'static [&'static str]),
    /// Not this operation, with words of its own.
    Never(&'static str, &'static str),
}

const RULES: [(Kind, &str, Rule); 6] = [
    (
        Kind::Root,
        "sts",
        Rule::Never("AssumeRole", "Roles may not be assumed by root accounts."),
    ),
    (Kind::OwnSession, "iam", Rule::Unknown),
    (
        Kind::OwnSession,
        "sts",
        Rule::Only(&[
            "AssumeRole",
            "GetCallerIdentity",
            "GetScopedCredentials",
            "GetWebIdentityToken",
            "GetDelegatedAccessToken",
        ]),
    ),
    (Kind::Federated, "iam", Rule::Unknown),
    (
        Kind::Federated,
        "sts",
        Rule::Only(&[
            "GetCallerIdentity",
            "GetScopedCredentials",
            "GetDelegatedAccessToken",
        ]),
    ),
    (
        Kind::RoleSession,
        "sts",
        Rule::AllBut(&["GetFederationToken", "GetSessionToken"]),
    ),
];

/// Checks whether credentials of the caller's kind may call an operation at all; to be asked before its policies.
///
/// # Errors
/// `InvalidClientTokenId` where the service does not know such keys, else `AccessDenied`, both with status 403.
pub fn check(service: &str, operation: &str, caller: &Caller) -> Result<(), ApiError> {
    let kinds = kinds(caller);
    let applies = |kind: &Kind| kinds.contains(&Some(*kind));
    for (_, _, rule) in RULES
        .iter()
        .filter(|(kind, of, _)| applies(kind) && *of == service)
    {
        rule.check(operation)?;
    }
    Ok(())
}

/// Root and its session are two kinds at once. Credentials that stand in for a caller's long-term ones on a branch are no kind.
fn kinds(caller: &Caller) -> [Option<Kind>; 2] {
    let root = (caller.identity == Identity::Root).then_some(Kind::Root);
    let temporary = match &caller.identity {
        Identity::RoleSession { .. } => Some(Kind::RoleSession),
        Identity::FederatedUser { .. } => Some(Kind::Federated),
        _ => caller
            .session
            .as_ref()
            .filter(|session| session.restricted)
            .map(|_| Kind::OwnSession),
    };
    [root, temporary]
}

impl Rule {
    fn check(&self, operation: &str) -> Result<(), ApiError> {
        let denied =
            |message: String| Err(ApiError::sender("AccessDenied", message).with_status(403));
        let temporary = || denied(format!("Cannot call {operation} with session credentials"));
        match self {
            Self::Unknown => Err(ApiError::sender(
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
            )
            .with_status(403)),
            Self::Only(allowed) if !allowed.contains(&operation) => temporary(),
            Self::AllBut(refused) if refused.contains(&operation) => temporary(),
            Self::Never(refused, words) if *refused == operation => denied((*words).to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;
    use crate::{AccountId, NewSession, RoleRef, RootKey, RootKeySeal, Session, UserRef};
    use std::sync::Arc;

    fn account() -> AccountId {
        AccountId::new("111122223333").unwrap()
    }

    fn user() -> UserRef {
        UserRef {
            name: "ann".into(),
            path: "/".into(),
            id: "AIDAEXAMPLE".into(),
        }
    }

    fn long_term(identity: Identity) -> Caller {
        Caller {
            account: account(),
            identity,
            access_key_id: "AKIAEXAMPLE".into(),
            session: None,
        }
    }

    fn temporary(identity: Identity, restricted: bool, branch: Option<&str>) -> Caller {
        let seal = RootKeySeal::new(RootKey::new(zeroize::Zeroizing::new([7; 32])), vec![]);
        let issued = NewSession {
            account: account(),
            identity: identity.clone(),
            issued_ms: 0,
            duration_seconds: 900,
            policies: vec![],
            policy_arns: vec![],
            tags: vec![],
            transitive_tag_keys: vec![],
            source_identity: None,
            issued_by: uuid::Uuid::nil(),
            chained: false,
            restricted,
            branch: branch.map(str::to_owned),
        }
        .issue(&seal, &mut Counting::default());
        let session =
            Session::from_token(&issued.session_token, &issued.access_key_id, &seal).unwrap();
        Caller {
            session: Some(Arc::new(session)),
            access_key_id: issued.access_key_id,
            ..long_term(identity)
        }
    }

    fn code(service: &str, operation: &str, caller: &Caller) -> Option<String> {
        check(service, operation, caller)
            .err()
            .map(|error| error.code.into_owned())
    }

    #[test]
    fn a_session_of_ones_own_reaches_no_iam_and_five_operations_of_sts() {
        let caller = temporary(Identity::User(user()), true, None);
        assert_eq!(
            code("iam", "GetUser", &caller).as_deref(),
            Some("InvalidClientTokenId")
        );
        for operation in ["AssumeRole", "GetCallerIdentity"] {
            assert_eq!(code("sts", operation, &caller), None, "{operation}");
        }
        for operation in [
            "GetSessionToken",
            "GetFederationToken",
            "GetAccessKeyInfo",
            "DecodeAuthorizationMessage",
        ] {
            assert_eq!(
                code("sts", operation, &caller).as_deref(),
                Some("AccessDenied"),
                "{operation}"
            );
        }
        assert_eq!(code("cloudtrail", "LookupEvents", &caller), None);
    }

    #[test]
    fn a_federated_user_reaches_no_iam_and_no_role() {
        let caller = temporary(
            Identity::FederatedUser {
                name: "bo".into(),
                user: Some(user()),
            },
            false,
            None,
        );
        assert_eq!(
            code("iam", "GetUser", &caller).as_deref(),
            Some("InvalidClientTokenId")
        );
        assert_eq!(
            code("sts", "AssumeRole", &caller).as_deref(),
            Some("AccessDenied")
        );
        assert_eq!(code("sts", "GetCallerIdentity", &caller), None);
    }

    #[test]
    fn a_roles_session_makes_no_sessions_but_of_roles() {
        let role = RoleRef {
            account: account(),
            name: "app".into(),
            path: "/".into(),
            id: "AROAEXAMPLE".into(),
        };
        let caller = temporary(
            Identity::RoleSession {
                role,
                session_name: "s1".into(),
            },
            false,
            None,
        );
        let error = check("sts", "GetSessionToken", &caller).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.status),
            (
                "Cannot call GetSessionToken with session credentials",
                Some(403)
            )
        );
        for (service, operation) in [
            ("sts", "AssumeRole"),
            ("sts", "GetAccessKeyInfo"),
            ("iam", "GetUser"),
        ] {
            assert_eq!(code(service, operation, &caller), None, "{operation}");
        }
    }

    #[test]
    fn root_assumes_no_role_with_any_of_its_credentials() {
        for caller in [
            long_term(Identity::Root),
            temporary(Identity::Root, true, None),
        ] {
            let error = check("sts", "AssumeRole", &caller).unwrap_err();
            assert_eq!(error.message, "Roles may not be assumed by root accounts.");
        }
        assert_eq!(code("iam", "CreateUser", &long_term(Identity::Root)), None);
    }

    #[test]
    fn credentials_of_a_branch_reach_what_the_callers_own_do() {
        let caller = temporary(Identity::User(user()), false, Some("00000000000000b1"));
        for (service, operation) in [
            ("iam", "CreateUser"),
            ("sts", "GetSessionToken"),
            ("sts", "AssumeRole"),
        ] {
            assert_eq!(code(service, operation, &caller), None, "{operation}");
        }
        assert_eq!(
            code(
                "iam",
                "CreateUser",
                &temporary(Identity::User(user()), true, Some("b"))
            )
            .as_deref(),
            Some("InvalidClientTokenId")
        );
    }
}
