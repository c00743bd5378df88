//! A small language for evaluation tests.
#![allow(dead_code)] // each test file uses its part

use palisade_policy::*;
use std::sync::Arc;

pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "444455556666";
pub const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// A policy of one statement.
pub fn statement(body: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{{body}}}}}"#)
}

/// A policy of one statement that denies.
pub fn deny(body: &str) -> String {
    statement(&format!(r#""Effect":"Deny",{body}"#))
}

pub fn compile(name: &str, text: &str) -> CompiledPolicy {
    CompiledPolicy::new(
        name,
        Policy::parse(text).unwrap_or_else(|error| panic!("{error}: {text}")),
    )
}

/// A principal, a resource's account and the policies around them.
#[derive(Clone)]
pub struct Case {
    pub principal: Principal,
    pub context: Context,
    account: String,
    organization: Option<Organization>,
    identity: Vec<Arc<CompiledPolicy>>,
    session: Vec<Arc<CompiledPolicy>>,
    boundary: Option<CompiledPolicy>,
    resource: Option<CompiledPolicy>,
    grants: Vec<Arc<CompiledPolicy>>,
    scp: Vec<Vec<Arc<CompiledPolicy>>>,
    rcp: Vec<Vec<Arc<CompiledPolicy>>>,
}

impl Case {
    pub fn of(principal: Principal) -> Case {
        Case {
            principal,
            context: Context::new(),
            account: ACCOUNT.to_owned(),
            organization: None,
            identity: Vec::new(),
            session: Vec::new(),
            boundary: None,
            resource: None,
            grants: Vec::new(),
            scp: Vec::new(),
            rcp: Vec::new(),
        }
    }

    pub fn user() -> Case {
        Case::of(Principal::user("arn:aws:iam::111122223333:user/ann").unwrap())
    }

    pub fn session() -> Case {
        Case::role("arn:aws:iam::111122223333:role/team/app")
    }

    pub fn role(role: &str) -> Case {
        let name = role.rsplit('/').next().unwrap();
        let session = format!("arn:aws:sts::111122223333:assumed-role/{name}/s1");
        Case::of(Principal::role_session(&session, role).unwrap())
    }

    pub fn federated() -> Case {
        let user = "arn:aws:iam::111122223333:user/ann";
        Case::of(
            Principal::federated_user("arn:aws:sts::111122223333:federated-user/fred", user)
                .unwrap(),
        )
    }

    pub fn root() -> Case {
        Case::of(Principal::root("arn:aws:iam::111122223333:root").unwrap())
    }

    pub fn service(name: &str) -> Case {
        Case::of(Principal::service(name))
    }

    pub fn anonymous() -> Case {
        Case::of(Principal::anonymous())
    }

    pub fn is_service(&self) -> bool {
        matches!(self.principal.identity(), Identity::Service { .. })
    }

    pub fn identity(mut self, text: &str) -> Case {
        self.identity.push(Arc::new(compile("identity", text)));
        self
    }

    pub fn session_policy(mut self, text: &str) -> Case {
        self.session.push(Arc::new(compile("session", text)));
        self
    }

    pub fn boundary(mut self, text: &str) -> Case {
        self.boundary = Some(compile("boundary", text));
        self
    }

    pub fn grant(mut self, text: &str) -> Case {
        self.grants.push(Arc::new(compile("grant", text)));
        self
    }

    pub fn resource(mut self, text: &str) -> Case {
        self.resource = Some(compile("resource", text));
        self
    }

    pub fn scp(mut self, level: &[&str]) -> Case {
        self.scp.push(
            level
                .iter()
                .map(|text| Arc::new(compile("scp", text)))
                .collect(),
        );
        self
    }

    pub fn rcp(mut self, level: &[&str]) -> Case {
        self.rcp.push(
            level
                .iter()
                .map(|text| Arc::new(compile("rcp", text)))
                .collect(),
        );
        self
    }

    pub fn in_account(mut self, account: &str) -> Case {
        self.account = account.to_owned();
        self
    }

    pub fn managed_by(mut self, account: &str) -> Case {
        self.organization = Some(Organization::new("o-a1b2c3d4e5", account));
        self
    }

    pub fn with(mut self, key: &str, value: impl Into<ContextValue>) -> Case {
        self.context.set(key, value);
        self
    }

    pub fn layers(&self) -> Layers<'_> {
        Layers {
            identity: &self.identity,
            boundary: self.boundary.as_ref(),
            session: &self.session,
            resource: self.resource.as_ref(),
            grants: &self.grants,
            scp: &self.scp,
            rcp: &self.rcp,
        }
    }

    pub fn request<'a>(&'a self, action: &'a str, resource: &'a str) -> Request<'a> {
        let organization = self.organization.as_ref();
        Request::new(&self.principal, action, resource, &self.context)
            .in_account(&self.account)
            .in_organizations(organization, organization)
    }

    pub fn reason(&self, action: &str, resource: &str) -> String {
        evaluate(&self.request(action, resource), &self.layers())
            .reason
            .to_string()
    }

    #[track_caller]
    pub fn expect(self, action: &str, resource: &str, reason: &str) {
        assert_eq!(
            self.reason(action, resource),
            reason,
            "{action} on {resource}"
        );
    }
}
