//! A small world to call STS in: identities in memory, and the questions of a row put as the front puts them.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_core::authorize::{Ask, Authority};
use palisade_core::operation::{Permission, ResourceSpec};
use palisade_core::record::RecordedResource;
use palisade_core::{
    AccessKey, AccountId, Call, CallContext, CallError, Caller, Environment, Handler, Identities,
    Identity, NoOrganization, Notes, Region, Resource, RoleIdentity, RoleRef, RootKey, RootKeySeal,
    Secret, Service, Session, UserIdentity, UserRef, credential_limits, testing::Counting,
};
use palisade_model::{ApiError, Structure, Value};
use palisade_policy::{CompiledPolicy, Context, Policy};
use palisade_store::{ManualClock, Millis, Options, Store, Tx};
use palisade_sts::Sts;

pub const HOME: &str = "111122223333";
pub const AWAY: &str = "444455556666";
pub const NOW_MS: i64 = 1_700_000_000_000;

/// What IAM would answer.
#[derive(Default)]
pub struct Directory {
    users: BTreeMap<(String, String), Arc<UserIdentity>>,
    roles: BTreeMap<(String, String), Arc<RoleIdentity>>,
    policies: BTreeMap<String, Arc<CompiledPolicy>>,
    keys: BTreeMap<String, Arc<AccessKey>>,
}

impl Identities for Directory {
    fn access_key(&self, _: &mut Tx, id: &str) -> Result<Option<Arc<AccessKey>>, CallError> {
        Ok(self.keys.get(id).cloned())
    }

    fn user(
        &self,
        _: &mut Tx,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Arc<UserIdentity>>, CallError> {
        Ok(self
            .users
            .get(&(account.to_string(), name.to_owned()))
            .cloned())
    }

    fn role(
        &self,
        _: &mut Tx,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Arc<RoleIdentity>>, CallError> {
        Ok(self
            .roles
            .get(&(account.to_string(), name.to_owned()))
            .cloned())
    }

    fn managed_policy(
        &self,
        _: &mut Tx,
        arn: &str,
    ) -> Result<Option<Arc<CompiledPolicy>>, CallError> {
        Ok(self.policies.get(arn).cloned())
    }
}

pub struct World {
    pub directory: Arc<Directory>,
    pub random: Counting,
    pub seal: Arc<RootKeySeal>,
    store: Store,
}

/// An answer, and what the record says besides it.
pub struct Answer {
    pub output: Value,
    pub resources: Vec<RecordedResource>,
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Millis(NOW_MS as u64)));
        let key = RootKey::new(zeroize::Zeroizing::new([7; 32]));
        Self {
            directory: Arc::default(),
            random: Counting::default(),
            seal: Arc::new(RootKeySeal::new(key, vec![])),
            store: Store::open_memory(Options {
                clock,
                ..Options::default()
            })
            .unwrap(),
        }
    }

    fn edit(&mut self) -> &mut Directory {
        Arc::get_mut(&mut self.directory).unwrap()
    }

    /// A user with one policy, by its statements.
    pub fn user(&mut self, account: &str, name: &str, statements: &str) -> Caller {
        let user = UserRef {
            name: name.into(),
            path: "/".into(),
            id: format!("AIDA{}", name.to_uppercase()),
        };
        let identity = UserIdentity {
            user: user.clone(),
            tags: vec![],
            policies: vec![compile("inline:p", statements)],
            boundary: None,
        };
        self.edit()
            .users
            .insert((account.into(), name.into()), Arc::new(identity));
        long_term(account, Identity::User(user))
    }

    /// A role, by the statements of its trust policy. `path` has its slashes.
    pub fn role(&mut self, account: &str, path: &str, name: &str, trust: &str) -> RoleRef {
        let role = RoleRef {
            account: AccountId::new(account).unwrap(),
            name: name.into(),
            path: path.into(),
            id: format!("AROA{}", name.to_uppercase()),
        };
        let identity = RoleIdentity {
            role: role.clone(),
            tags: vec![("team".into(), "red".into())],
            policies: vec![compile("inline:p", ALLOW_STS)],
            boundary: None,
            trust: compile("trust", trust),
            max_session_seconds: 7200,
        };
        self.edit()
            .roles
            .insert((account.into(), name.into()), Arc::new(identity));
        role
    }

    pub fn managed_policy(&mut self, arn: &str) {
        self.edit()
            .policies
            .insert(arn.into(), compile(arn, ALLOW_STS));
    }

    pub fn access_key(&mut self, id: &str, account: &str) {
        let key = AccessKey {
            id: id.into(),
            account: AccountId::new(account).unwrap(),
            owner: palisade_core::KeyOwner::Root,
            secret: Secret::new("s".into()),
            active: true,
        };
        self.edit().keys.insert(id.into(), Arc::new(key));
    }

    /// Makes a call as the front does: credentials, questions, handler.
    pub fn call(
        &mut self,
        caller: &Caller,
        operation: &str,
        input: Structure,
    ) -> Result<Answer, ApiError> {
        credential_limits::check("sts", operation, caller)?;
        let sts = Sts::new();
        let env = Environment {
            identities: self.directory.clone(),
            guardrails: Arc::new(NoOrganization),
            seal: self.seal.clone(),
            keys: Arc::new(palisade_core::keys::MemoryVault::default()),
            store: self.store.clone(),
            branches: Arc::default(),
        };
        let context = CallContext {
            request_id: uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            caller: Arc::new(caller.clone()),
            region: Region::new("us-east-1").unwrap(),
            source_ip: None,
            user_agent: String::new(),
            tls: None,
            branch: None,
        };
        let mut tx = self.store.begin().unwrap();
        let mut call = Call {
            tx: &mut tx,
            context: &context,
            env: &env,
            random: &mut self.random,
            notes: Notes::default(),
            made: &mut palisade_core::made::Made::default(),
        };
        let result = run(&sts, &mut call, operation, Value::Structure(input));
        let resources = std::mem::take(&mut call.notes.resources);
        match result {
            Ok(output) => Ok(Answer { output, resources }),
            Err(CallError::Api(error)) => Err(error),
            Err(CallError::Store(error)) => panic!("{error}"),
            Err(CallError::Making(making)) => panic!("{making:?}"),
        }
    }

    /// The code and message of a call that must fail.
    pub fn refusal(
        &mut self,
        caller: &Caller,
        operation: &str,
        input: Structure,
    ) -> (String, String) {
        let Err(error) = self.call(caller, operation, input) else {
            panic!("{operation} was allowed");
        };
        (error.code.into_owned(), error.message)
    }

    /// The caller behind the credentials of an answer.
    pub fn holder(&self, answer: &Answer) -> Caller {
        let credentials = answer.output.member("Credentials").unwrap();
        let text = |name: &str| credentials.member(name).and_then(Value::as_str).unwrap();
        let id = text("AccessKeyId");
        let session = Session::from_token(text("SessionToken"), id, &*self.seal).unwrap();
        assert_eq!(session.secret().expose(), text("SecretAccessKey"));
        Caller {
            account: session.account.clone(),
            identity: session.identity.clone(),
            access_key_id: id.to_owned(),
            session: Some(Arc::new(session)),
        }
    }
}

pub const ALLOW_STS: &str = r#"{"Effect":"Allow","Action":"sts:*","Resource":"*"}"#;

/// A trust statement for one principal and these actions.
pub fn trust(principal: &str, actions: &str) -> String {
    format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":{actions}}}"#)
}

pub fn compile(name: &str, statements: &str) -> Arc<CompiledPolicy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Arc::new(CompiledPolicy::new(name, Policy::parse(&text).unwrap()))
}

pub fn long_term(account: &str, identity: Identity) -> Caller {
    Caller {
        account: AccountId::new(account).unwrap(),
        identity,
        access_key_id: "AKIAEXAMPLE".into(),
        session: None,
    }
}

pub fn tags(pairs: &[(&str, &str)]) -> Vec<Value> {
    let tag = |(key, value): &(&str, &str)| {
        Value::Structure(Structure::new().with("Key", *key).with("Value", *value))
    };
    pairs.iter().map(tag).collect()
}

pub fn arns(list: &[&str]) -> Vec<Value> {
    list.iter()
        .map(|arn| Value::Structure(Structure::new().with("arn", *arn)))
        .collect()
}

fn run(sts: &Sts, call: &mut Call<'_>, operation: &str, input: Value) -> Result<Value, CallError> {
    let row = sts.rows().iter().find(|row| row.name == operation).unwrap();
    if let Permission::Authorize(authorizations) = row.permission {
        let authority = Authority::of(call.tx, call.env, &call.context.caller)?.unwrap();
        for authorization in authorizations {
            if authorization
                .when
                .is_some_and(|member| input.member(member).is_none())
            {
                continue;
            }
            let mut context = Context::new();
            for key in authorization.context {
                if let Some(value) = input.member(key.member).and_then(Value::as_str) {
                    context.set(key.key, value);
                }
            }
            let resources = match authorization.resource {
                ResourceSpec::Any => vec![Resource::named("*")],
                ResourceSpec::Template(_) => vec![Resource::named("*")],
                ResourceSpec::Resolver(name) => sts.resolve(name, call, &input)?,
            };
            for resource in &resources {
                let now_ms = call.now_ms();
                let ask = Ask {
                    action: authorization.action,
                    resource,
                    context: &context,
                    now_ms,
                };
                let case = authority.case(call.tx, call.env, &ask)?;
                if let Some(message) = case.decide().denial_message(&case.request()) {
                    return Err(ApiError::sender("AccessDenied", message).into());
                }
            }
        }
    }
    match sts.handlers().get(operation).unwrap() {
        Handler::Plain(handler) => handler(call, input),
        Handler::Outside(_) => panic!("STS waits for nothing"),
    }
}
