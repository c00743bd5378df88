//! A journal in memory, calls to put into it, and lookups.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use palisade_cloudtrail::CloudTrail;
use palisade_core::record::{ApiCall, Outcome, RecordedCaller, RecordedResource};
use palisade_core::{
    AccessKey, AccountId, Call, CallContext, CallError, Caller, Environment, Handler, Identities,
    Identity, NoOrganization, Notes, Region, RoleIdentity, RootKey, RootKeySeal, Service,
    UserIdentity, UserRef, testing::Counting,
};
use palisade_model::{ApiError, Structure, Value};
use palisade_policy::CompiledPolicy;
use palisade_store::{
    Clock as _, Durability, Fact, History, ManualClock, Millis, Options, Store, Tx,
};
use uuid::Uuid;

pub const HOME: &str = "111122223333";
pub const AWAY: &str = "444455556666";
pub const START_MS: u64 = 1_700_000_000_000;

/// Nobody is asked for here.
struct NoIdentities;

impl Identities for NoIdentities {
    fn access_key(&self, _: &mut Tx, _: &str) -> Result<Option<Arc<AccessKey>>, CallError> {
        Ok(None)
    }
    fn user(
        &self,
        _: &mut Tx,
        _: &AccountId,
        _: &str,
    ) -> Result<Option<Arc<UserIdentity>>, CallError> {
        Ok(None)
    }
    fn role(
        &self,
        _: &mut Tx,
        _: &AccountId,
        _: &str,
    ) -> Result<Option<Arc<RoleIdentity>>, CallError> {
        Ok(None)
    }
    fn managed_policy(
        &self,
        _: &mut Tx,
        _: &str,
    ) -> Result<Option<Arc<CompiledPolicy>>, CallError> {
        Ok(None)
    }
}

pub struct World {
    pub clock: Arc<ManualClock>,
    store: Store,
    env: Environment,
    random: Counting,
    runtime: tokio::runtime::Runtime,
    requests: u128,
}

/// A page of a lookup.
#[derive(Debug)]
pub struct Page {
    pub events: Vec<Structure>,
    pub next: Option<String>,
}

impl Page {
    /// The names of the operations, in order.
    pub fn names(&self) -> Vec<&str> {
        self.texts("EventName")
    }

    /// A text of each event, in order.
    pub fn texts(&self, member: &str) -> Vec<&str> {
        self.events
            .iter()
            .map(|event| event.get(member).and_then(Value::as_str).unwrap())
            .collect()
    }

    /// The records of the events.
    pub fn records(&self) -> Vec<serde_json::Value> {
        self.texts("CloudTrailEvent")
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }
}

impl World {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Millis(START_MS)));
        let store = Store::open_memory(Options {
            clock: clock.clone(),
            ..Options::default()
        })
        .unwrap();
        let env = Environment {
            identities: Arc::new(NoIdentities),
            guardrails: Arc::new(NoOrganization),
            seal: Arc::new(RootKeySeal::new(
                RootKey::new(zeroize::Zeroizing::new([7; 32])),
                vec![],
            )),
            keys: Arc::new(palisade_core::keys::MemoryVault::default()),
            store: store.clone(),
            branches: Arc::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            clock,
            store,
            env,
            random: Counting::default(),
            runtime,
            requests: 0,
        }
    }

    /// A call made now by root of `HOME`.
    pub fn made(&mut self, service: &str, operation: &str) -> ApiCall {
        self.requests += 1;
        let now = self.clock.now();
        // A version 7 UUID: milliseconds, then a counter.
        let id = u128::from(now.0) << 80 | 7 << 76 | 2 << 62 | self.requests;
        ApiCall {
            request_id: Uuid::from_u128(id),
            time_ms: now.0 as i64,
            service: service.into(),
            operation: operation.into(),
            region: Region::us_east_1(),
            caller: root(HOME),
            source_ip: "203.0.113.7".into(),
            user_agent: "test".into(),
            tls: None,
            read_only: false,
            outcome: Outcome::Success,
            request_parameters: None,
            response_elements: None,
            additional_event_data: None,
            resources: vec![],
            branch: None,
            shared_event_id: None,
            service_event: None,
        }
    }

    /// Puts a call into the histories of these accounts, and lets a second pass.
    pub fn record(&mut self, call: &ApiCall, accounts: &[&str]) {
        self.record_lazily(call, accounts);
        self.flush();
        self.clock.advance(Duration::from_secs(1));
    }

    pub fn record_lazily(&mut self, call: &ApiCall, accounts: &[&str]) {
        let region = call.region.as_str();
        let fact = Fact {
            histories: accounts
                .iter()
                .map(|account| History::new(*account, region))
                .collect(),
            request_id: *call.request_id.as_bytes(),
            time: Millis(call.time_ms as u64),
            call: call.to_bytes(),
            questions: Vec::new(),
        };
        let tx = self.store.begin().unwrap();
        self.runtime
            .block_on(self.store.commit(tx, fact, Durability::Lazy))
            .unwrap();
    }

    pub fn flush(&self) {
        self.runtime.block_on(self.store.flush()).unwrap();
    }

    /// Records a call of this operation of IAM.
    pub fn did(&mut self, operation: &str) {
        let call = self.made("iam", operation);
        self.record(&call, &[HOME]);
    }

    pub fn lookup(&mut self, input: Structure) -> Page {
        self.lookup_as(HOME, "us-east-1", None, input).unwrap()
    }

    /// The code of a lookup that must fail.
    pub fn refusal(&mut self, input: Structure) -> String {
        self.lookup_as(HOME, "us-east-1", None, input)
            .unwrap_err()
            .code
            .into_owned()
    }

    pub fn lookup_as(
        &mut self,
        account: &str,
        region: &str,
        branch: Option<&str>,
        input: Structure,
    ) -> Result<Page, ApiError> {
        let caller = Caller {
            account: AccountId::new(account).unwrap(),
            identity: Identity::Root,
            access_key_id: "AKIAEXAMPLE".into(),
            session: None,
        };
        let context = CallContext {
            request_id: Uuid::nil(),
            caller: Arc::new(caller),
            region: Region::new(region).unwrap(),
            source_ip: None,
            user_agent: String::new(),
            tls: None,
            branch: branch.map(str::to_owned),
        };
        let service = CloudTrail::new();
        let Some(Handler::Plain(handler)) = service.handlers().get("LookupEvents") else {
            panic!("no handler");
        };
        let mut tx = self.store.begin().unwrap();
        let mut call = Call {
            tx: &mut tx,
            context: &context,
            env: &self.env,
            random: &mut self.random,
            notes: Notes::default(),
            made: &mut palisade_core::made::Made::default(),
        };
        let output = match handler(&mut call, Value::Structure(input)) {
            Ok(output) => output,
            Err(CallError::Api(error)) => return Err(error),
            Err(CallError::Store(error)) => panic!("{error}"),
            Err(CallError::Making(making)) => panic!("{making:?}"),
        };
        let events = output.member("Events").and_then(Value::as_list).unwrap();
        Ok(Page {
            events: events
                .iter()
                .map(|event| event.as_structure().unwrap().clone())
                .collect(),
            next: output
                .member("NextToken")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }
}

pub fn root(account: &str) -> RecordedCaller {
    caller(account, Identity::Root)
}

pub fn user(account: &str, name: &str) -> RecordedCaller {
    let id = format!("AIDA{}", name.to_uppercase());
    caller(
        account,
        Identity::User(UserRef {
            name: name.into(),
            path: "/".into(),
            id,
        }),
    )
}

pub fn caller(account: &str, identity: Identity) -> RecordedCaller {
    RecordedCaller {
        account: AccountId::new(account).unwrap(),
        identity,
        access_key_id: format!("AKIA{account}"),
        session: None,
    }
}

pub fn resource(kind: &str, name: &str, arn: &str) -> RecordedResource {
    let account = AccountId::new(HOME).ok();
    RecordedResource {
        arn: arn.into(),
        account,
        kind: kind.into(),
        name: name.into(),
    }
}

/// A request for the events of one attribute.
pub fn by(key: &str, value: &str) -> Structure {
    let attribute = Structure::new()
        .with("AttributeKey", key)
        .with("AttributeValue", value);
    Structure::new().with("LookupAttributes", vec![Value::Structure(attribute)])
}
