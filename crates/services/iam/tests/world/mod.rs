//! A server of one service without its front: handlers run in transactions of an in-memory store, as one caller or another.
#![allow(dead_code)] // each test file uses its own part

use std::sync::Arc;

use palisade_core::branches::BranchOwners;
use palisade_core::testing::Counting;
use palisade_core::{
    AccountId, Call, CallContext, CallError, Caller, Environment, Handler, Identities, Identity,
    NoOrganization, Notes, Resource, RoleRef, RootKey, RootKeySeal, Service, UserRef,
};
use palisade_iam::{Iam, IamIdentities, accounts};
use palisade_model::{ApiError, Value, intern};
use palisade_store::{Durability, Fact, ManualClock, Millis, Options, Store};
use serde_json::{Value as Json, json};

pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "444455556666";

/// Allows everything.
pub const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Lets EC2 assume a role.
pub const TRUST_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

pub struct World {
    pub iam: Iam,
    pub store: Store,
    pub env: Environment,
    pub clock: Arc<ManualClock>,
    caller: Arc<Caller>,
    random: Counting,
    runtime: tokio::runtime::Runtime,
    pub notes: Notes,
}

impl World {
    /// Two accounts; the root of the first calls.
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Millis(1_700_000_000_123)));
        let options = Options {
            clock: clock.clone(),
            ..Options::default()
        };
        let store = Store::open_memory(options).unwrap();
        let seal = Arc::new(RootKeySeal::new(
            RootKey::new(zeroize::Zeroizing::new([7; 32])),
            vec![],
        ));
        let env = Environment {
            identities: Arc::new(IamIdentities::new(seal.clone())),
            guardrails: Arc::new(NoOrganization),
            seal,
            keys: Arc::new(palisade_core::keys::MemoryVault::default()),
            store: store.clone(),
            branches: Arc::new(BranchOwners::default()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut world = Self {
            iam: Iam::new(),
            store,
            env,
            clock,
            caller: Arc::new(root(ACCOUNT)),
            random: Counting::default(),
            runtime,
            notes: Notes::default(),
        };
        world.maintain(|tx| {
            accounts::create(tx, &account(ACCOUNT)).unwrap();
            accounts::create(tx, &account(OTHER)).unwrap();
        });
        world
    }

    /// Makes the root of an account the caller.
    pub fn as_root(&mut self, account: &str) -> &mut Self {
        self.caller = Arc::new(root(account));
        self
    }

    /// Makes a user of the first account the caller.
    pub fn as_user(&mut self, name: &str, id: &str) -> &mut Self {
        let user = UserRef {
            name: name.into(),
            path: "/".into(),
            id: id.into(),
        };
        self.caller = Arc::new(Caller {
            identity: Identity::User(user),
            ..root(ACCOUNT)
        });
        self
    }

    /// Writes around the handlers, as the program does at its start.
    pub fn maintain<T>(&mut self, write: impl FnOnce(&mut palisade_store::Tx) -> T) -> T {
        let mut tx = self.store.begin().unwrap();
        let out = write(&mut tx);
        self.runtime
            .block_on(self.store.commit(tx, Fact::default(), Durability::Durable))
            .unwrap();
        out
    }

    /// Puts a call on record, as the front does: the present caller's, signed with a key.
    pub fn record(&mut self, service: &str, access_key_id: &str) {
        let caller = Caller {
            access_key_id: access_key_id.into(),
            ..Caller::clone(&self.caller)
        };
        let call = palisade_core::record::ApiCall {
            request_id: uuid::Uuid::nil(),
            time_ms: 1_700_000_100_000,
            service: service.into(),
            operation: "ListThings".into(),
            region: "eu-west-1".parse().unwrap(),
            caller: (&caller).into(),
            source_ip: String::new(),
            user_agent: String::new(),
            tls: None,
            read_only: true,
            outcome: palisade_core::record::Outcome::Success,
            request_parameters: None,
            response_elements: None,
            additional_event_data: None,
            resources: Vec::new(),
            branch: None,
            shared_event_id: None,
            service_event: None,
        };
        let fact = Fact {
            call: call.to_bytes(),
            ..Fact::default()
        };
        let tx = self.store.begin().unwrap();
        self.runtime
            .block_on(self.store.commit(tx, fact, Durability::Durable))
            .unwrap();
    }

    /// Waits until a follower has taken all there is.
    pub fn catch_up(&self, follower: &palisade_store::FollowerHandle) {
        self.runtime
            .block_on(follower.caught_up(self.store.head().position))
            .unwrap();
    }

    /// Makes a session of a role the caller.
    pub fn as_session(&mut self, role: RoleRef) -> &mut Self {
        let identity = Identity::RoleSession {
            role,
            session_name: "s".into(),
        };
        self.caller = Arc::new(Caller {
            identity,
            ..root(ACCOUNT)
        });
        self
    }

    /// Runs something in a call that is then dropped.
    pub fn with_call<T>(&mut self, run: impl FnOnce(&Iam, &mut Call<'_>) -> T) -> T {
        let mut tx = self.store.begin().unwrap();
        let context = self.context();
        let mut call = Call {
            tx: &mut tx,
            context: &context,
            env: &self.env,
            random: &mut self.random,
            notes: Notes::default(),
            made: &mut palisade_core::made::Made::default(),
        };
        run(&self.iam, &mut call)
    }

    /// Calls an operation and commits what it wrote.
    pub fn call(&mut self, operation: &str, input: Json) -> Result<Json, ApiError> {
        let mut tx = self.store.begin().unwrap();
        let context = self.context();
        let Some(Handler::Plain(handler)) = self.iam.handlers().get(operation) else {
            panic!("no {operation}")
        };
        let mut call = Call {
            tx: &mut tx,
            context: &context,
            env: &self.env,
            random: &mut self.random,
            notes: Notes::default(),
            made: &mut palisade_core::made::Made::default(),
        };
        let answer = handler(&mut call, to_value(input));
        self.notes = call.notes;
        match answer {
            Ok(answer) => {
                self.runtime
                    .block_on(self.store.commit(tx, Fact::default(), Durability::Durable))
                    .unwrap();
                Ok(to_json(answer))
            }
            Err(CallError::Api(error)) => Err(error),
            Err(CallError::Store(error)) => panic!("{operation}: {error}"),
            Err(CallError::Making(making)) => panic!("{making:?}"),
        }
    }

    /// Calls an operation that must succeed.
    #[track_caller]
    pub fn ok(&mut self, operation: &str, input: Json) -> Json {
        self.call(operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Calls an operation that must fail: its code, without `Exception`, and its message.
    #[track_caller]
    pub fn err(&mut self, operation: &str, input: Json) -> (String, String) {
        match self.call(operation, input) {
            Ok(answer) => panic!("{operation} succeeded: {answer}"),
            Err(error) => (
                error.code.trim_end_matches("Exception").to_owned(),
                error.message,
            ),
        }
    }

    /// Calls an operation that must fail with this code and message.
    #[track_caller]
    pub fn fails(&mut self, operation: &str, input: Json, code: &str, message: &str) {
        let failed = self.err(operation, input);
        assert_eq!(failed, (code.to_owned(), message.to_owned()), "{operation}");
    }

    /// All items of a listing, page by page of `max` items, and how many pages there were.
    #[track_caller]
    pub fn pages(
        &mut self,
        operation: &str,
        input: Json,
        member: &str,
        max: usize,
    ) -> (Vec<Json>, usize) {
        let (mut items, mut pages, mut marker) = (Vec::new(), 0, None::<String>);
        loop {
            let mut input = input.clone();
            input["MaxItems"] = json!(max);
            if let Some(marker) = &marker {
                input["Marker"] = json!(marker);
            }
            let answer = self.ok(operation, input);
            let page = answer[member].as_array().unwrap();
            assert!(page.len() <= max);
            items.extend(page.iter().cloned());
            pages += 1;
            marker = answer["Marker"].as_str().map(str::to_owned);
            assert_eq!(answer["IsTruncated"], json!(marker.is_some()));
            match &marker {
                // What clients send back must fit the model's pattern.
                Some(marker) => assert!(marker.len() <= 320, "{} characters", marker.len()),
                None => return (items, pages),
            }
        }
    }

    /// The resources of a row's question.
    pub fn resolve(&mut self, resolver: &str, input: Json) -> Vec<Resource> {
        self.with_call(|iam, call| iam.resolve(resolver, call, &to_value(input)).unwrap())
    }

    /// What others learn of IAM.
    pub fn identities(&self) -> (Arc<dyn Identities>, palisade_store::Tx) {
        (self.env.identities.clone(), self.store.begin().unwrap())
    }

    /// A user with a name and nothing else; its unique id.
    pub fn user(&mut self, name: &str) -> String {
        text(&self.ok("CreateUser", json!({"UserName": name}))["User"]["UserId"])
    }

    /// A managed policy that allows everything; its ARN.
    pub fn policy(&mut self, name: &str) -> String {
        text(
            &self.ok(
                "CreatePolicy",
                json!({"PolicyName": name, "PolicyDocument": ALLOW_ALL}),
            )["Policy"]["Arn"],
        )
    }

    /// A role for EC2; its ARN.
    pub fn role(&mut self, name: &str) -> String {
        text(
            &self.ok(
                "CreateRole",
                json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST_EC2}),
            )["Role"]["Arn"],
        )
    }

    fn context(&self) -> CallContext {
        CallContext {
            request_id: uuid::Uuid::nil(),
            caller: self.caller.clone(),
            region: "us-east-1".parse().unwrap(),
            source_ip: None,
            user_agent: String::new(),
            tls: None,
            branch: None,
        }
    }
}

pub fn account(number: &str) -> AccountId {
    AccountId::new(number).unwrap()
}

fn root(number: &str) -> Caller {
    Caller {
        account: account(number),
        identity: Identity::Root,
        access_key_id: "AKIAROOT".into(),
        session: None,
    }
}

pub fn text(value: &Json) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// The names under a member of each item.
pub fn names(items: &[Json], member: &str) -> Vec<String> {
    items.iter().map(|item| text(&item[member])).collect()
}

/// The text of a policy in an answer.
pub fn decoded(value: &Json) -> String {
    percent_encoding::percent_decode_str(value.as_str().unwrap())
        .decode_utf8()
        .unwrap()
        .into_owned()
}

fn to_value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => Value::Integer(number.as_i64().unwrap()),
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::List(items.into_iter().map(to_value).collect()),
        Json::Object(members) => {
            let members = members.into_iter();
            Value::Structure(
                members.fold(palisade_model::Structure::new(), |s, (name, value)| {
                    s.with(intern(&name), to_value(value))
                }),
            )
        }
    }
}

fn to_json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(number) => json!(number),
        Value::String(text) => json!(text),
        Value::Timestamp(moment) => {
            assert_eq!(moment.nanos(), 0, "IAM says times to the second");
            json!(moment.seconds())
        }
        Value::List(items) => items.into_iter().map(to_json).collect(),
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, to_json(value)))
            .collect(),
        Value::Structure(structure) => structure
            .fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), to_json(value)))
            .collect(),
        other => panic!("IAM gives no {}", other.kind()),
    }
}
