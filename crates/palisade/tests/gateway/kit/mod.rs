//! A server to test, and clients that sign.

pub mod encode;
mod minimal;
pub mod probe;
pub mod standing;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use palisade::assemble::{Wiring, front};
use palisade_core::keys::MemoryVault;
use palisade_core::record::{ApiCall, Question};
use palisade_core::token_keys::TokenSeal;
use palisade_core::{AccountId, OsRandom, RootKey, RootKeySeal, Seal, Secret, Service};
use palisade_gateway::metrics::Metrics;
use palisade_gateway::server::Connection;
use palisade_gateway::{Gateway, Settings, identify};
use palisade_sigv4::sign::{SignOptions, Signer};
use palisade_sigv4::{Header, RequestHead, Timestamp};
use palisade_store::engine::Space;
use palisade_store::testing::{Disk, Faults, FaultyEngine};
use palisade_store::{
    Clock as _, Durability, Fact, ManualClock, Millis, Options, Record, Sought, Store,
};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The account most tests act in.
pub const HOME: &str = "111122223333";
/// Another one.
pub const AWAY: &str = "444455556666";

/// 2026-11-24T12:00:00Z.
const START_MS: u64 = 1_795_521_600_000;
/// The status of an answer that broke off.
pub const CUT: u16 = 0;
const HOST: &str = "127.0.0.1:4566";

/// Credentials.
#[derive(Clone, Debug)]
pub struct Who {
    pub access_key_id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// How a server under test is made.
pub struct Plan {
    pub disk: Disk,
    pub services: Vec<Arc<dyn Service>>,
    pub settings: Settings,
    pub now_ms: u64,
    pub keys: Arc<MemoryVault>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            disk: Disk::default(),
            services: Vec::new(),
            settings: Settings::default(),
            now_ms: START_MS,
            keys: Arc::default(),
        }
    }
}

/// A server and what it stands on.
pub struct World {
    pub gateway: Arc<Gateway>,
    pub store: Store,
    pub disk: Disk,
    pub faults: Faults,
    pub clock: Arc<ManualClock>,
    pub keys: Arc<MemoryVault>,
    metrics: Arc<Metrics>,
}

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub service: &'static str,
    pub operation: &'static str,
    pub input: &'a Value,
    pub region: &'a str,
    pub branch: Option<&'a str>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub request_id: Uuid,
    pub body: String,
    error_header: Option<String>,
}

impl World {
    /// A new server with two empty accounts.
    pub async fn new() -> Self {
        Self::of(Plan::default()).await
    }

    /// A new server with these services besides the real ones.
    pub async fn with(services: Vec<Arc<dyn Service>>) -> Self {
        Self::of(Plan {
            services,
            ..Plan::default()
        })
        .await
    }

    pub async fn of(plan: Plan) -> Self {
        let (clock, faults) = (
            Arc::new(ManualClock::new(Millis(plan.now_ms))),
            Faults::default(),
        );
        let engine = FaultyEngine::new(plan.disk.engine(), faults.clone());
        let options = Options {
            clock: clock.clone(),
            ..Options::default()
        };
        let store = Store::with_engine(Box::new(engine), options).expect("memory opens");
        let mut tx = store.begin().expect("a new store reads");
        seal().renew(&mut tx, &mut OsRandom).expect("it reads");
        for account in [HOME, AWAY] {
            palisade_iam::accounts::create(&mut tx, &account_id(account)).expect("reads");
            palisade_core::deployment::settle(&mut tx, &account_id(account)).expect("reads");
        }
        if tx.has_writes() {
            let made = store.commit(tx, Fact::default(), Durability::Durable).await;
            made.expect("a new store writes");
        }
        let metrics = Arc::default();
        let front = wired(
            &store,
            &clock,
            &plan.keys,
            plan.settings,
            plan.services,
            &metrics,
        );
        Self {
            gateway: front.into(),
            store,
            disk: plan.disk,
            faults,
            clock,
            keys: plan.keys,
            metrics,
        }
    }

    /// How often a call has run again because of another.
    pub fn conflicts(&self) -> u64 {
        self.metrics.conflicts.load(Ordering::Relaxed)
    }

    /// Another front on the same state, of real services only.
    pub fn beside(store: &Store) -> Self {
        let now = store.begin().expect("it reads").time();
        let clock = Arc::new(ManualClock::new(now));
        let (keys, metrics) = (Arc::default(), Arc::default());
        let front = wired(
            store,
            &clock,
            &keys,
            Settings::default(),
            Vec::new(),
            &metrics,
        );
        Self {
            gateway: front.into(),
            store: store.clone(),
            disk: Disk::default(),
            faults: Faults::default(),
            clock,
            keys,
            metrics,
        }
    }

    /// Whether the state names a material of a key.
    pub fn keys_named(&self, account: &str, region: &str, id: &str) -> bool {
        let domain = palisade_keyring::Domain::new(account, region).expect("a domain");
        let tx = self.store.begin().expect("it reads");
        let mut named = palisade_kms::NamedMaterials::of(&tx).expect("it reads");
        named.claim(&domain, id.parse().expect("an id"))
    }

    /// Calls in us-east-1.
    pub async fn call(
        &self,
        who: &Who,
        service: &'static str,
        operation: &'static str,
        input: Value,
    ) -> Reply {
        self.send(who, &Ask::new(service, operation, &input)).await
    }

    /// Calls, and expects success.
    pub async fn done(
        &self,
        who: &Who,
        service: &'static str,
        operation: &'static str,
        input: Value,
    ) -> Reply {
        let reply = self.call(who, service, operation, input).await;
        assert_eq!(reply.status / 100, 2, "{operation}: {reply:?}");
        reply
    }

    pub async fn send(&self, who: &Who, ask: &Ask<'_>) -> Reply {
        self.answer(self.signed(who, ask)).await
    }

    /// The request, signed now.
    pub fn signed(&self, who: &Who, ask: &Ask<'_>) -> http::Request<Full<Bytes>> {
        self.signed_with(who, ask, |_| ())
    }

    /// The same, with another body.
    pub fn signed_with(
        &self,
        who: &Who,
        ask: &Ask<'_>,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> http::Request<Full<Bytes>> {
        let mut encoded = encode::request(ask.service, ask.operation, ask.input);
        change(&mut encoded.body);
        let prefix = ask
            .branch
            .map(|id| format!("/_palisade/what-if/{id}"))
            .unwrap_or_default();
        let path = format!("{prefix}{}", encoded.path);
        let mut headers = vec![("host", HOST.to_owned())];
        headers.extend(encoded.headers);
        let borrowed: Vec<Header<'_>> = headers
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        let head = RequestHead {
            method: encoded.method,
            path: &path,
            query: encoded.query.as_deref(),
            authority: None,
            headers: &borrowed,
        };
        let signer = Signer {
            access_key_id: &who.access_key_id,
            secret: &who.secret,
            security_token: who.token.as_deref(),
            region: ask.region,
            service: encoded.signing_name,
        };
        let now = i64::try_from(self.clock.now().0 / 1000).expect("fits");
        let now = Timestamp::from_unix_seconds(now).expect("before the year 10000");
        let signed = signer.sign(&head, &encoded.body, now, &SignOptions::default());
        let target = match &encoded.query {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        let mut request = http::Request::builder().method(encoded.method).uri(target);
        let added = signed.headers.into_iter();
        for (name, value) in headers.iter().cloned().chain(added) {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(encoded.body));
        request.body(body).expect("a request")
    }

    pub async fn answer(&self, request: http::Request<Full<Bytes>>) -> Reply {
        let connection = Connection {
            peer: ([127, 0, 0, 1], 50_000).into(),
            tls: None,
        };
        let response = self.gateway.answer(request, &connection).await;
        let (parts, body) = response.into_parts();
        let header = |name: &str| {
            let value = parts.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        // A stream that breaks off ends the connection, and no client takes it for an answer.
        let (status, bytes) = match body.collect().await {
            Ok(body) => (parts.status.as_u16(), body.to_bytes()),
            Err(_) => (CUT, Bytes::new()),
        };
        Reply {
            status,
            request_id: header("x-amzn-requestid")
                .and_then(|id| id.parse().ok())
                .unwrap_or_default(),
            error_header: header("x-amzn-errortype"),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A new user with one access key, and these statements as its only policy (`[]` for none).
    pub async fn user(&self, account: &str, name: &str, statements: Value) -> Who {
        let root = root(account);
        self.done(&root, "iam", "CreateUser", json!({"UserName": name}))
            .await;
        self.allow(account, name, statements).await;
        let key = self
            .done(&root, "iam", "CreateAccessKey", json!({"UserName": name}))
            .await;
        Who {
            access_key_id: key.text("AccessKeyId"),
            secret: key.text("SecretAccessKey"),
            token: None,
        }
    }

    /// Gives a user these statements as its only policy (`[]` for none).
    pub async fn allow(&self, account: &str, user: &str, statements: Value) {
        let mut input = json!({"UserName": user, "PolicyName": "only"});
        if statements.as_array().is_some_and(Vec::is_empty) {
            self.call(&root(account), "iam", "DeleteUserPolicy", input)
                .await;
            return;
        }
        input["PolicyDocument"] = policy(statements).into();
        self.done(&root(account), "iam", "PutUserPolicy", input)
            .await;
    }

    /// Assumes a role.
    pub async fn assume(&self, who: &Who, role: &str) -> Who {
        let input = json!({"RoleArn": role, "RoleSessionName": "s1"});
        let reply = self.done(who, "sts", "AssumeRole", input).await;
        reply.credentials()
    }

    /// The record of a request, if it is durable.
    pub fn record(&self, id: Uuid) -> Option<Record> {
        record_on(&self.store, id)
    }

    /// The same; lazy ones are waited for.
    pub async fn recorded(&self, id: Uuid) -> (ApiCall, Vec<Question>) {
        self.store.flush().await.expect("the store writes");
        let record = self.record(id).expect("every call is on record");
        (call_of(&record), questions_of(&record))
    }

    /// All state rows that are durable.
    pub fn state(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.disk.rows(Space::State)
    }
}

impl<'a> Ask<'a> {
    pub fn new(service: &'static str, operation: &'static str, input: &'a Value) -> Self {
        Self {
            service,
            operation,
            input,
            region: "us-east-1",
            branch: None,
        }
    }

    pub fn region(self, region: &'a str) -> Self {
        Self { region, ..self }
    }

    pub fn on(self, branch: &'a str) -> Self {
        Self {
            branch: Some(branch),
            ..self
        }
    }
}

impl Reply {
    /// The error's code; empty on success.
    pub fn code(&self) -> String {
        if self.status / 100 == 2 {
            return String::new();
        }
        let typed = self.error_header.clone();
        typed
            .or_else(|| Some(self.json()?.get("__type")?.as_str()?.to_owned()))
            .unwrap_or_else(|| self.text("Code"))
    }

    /// Whether policy refused it, in any family's words.
    pub fn is_denied(&self) -> bool {
        [
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
        ]
        .contains(&self.code().as_str())
    }

    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// The text of the first XML element, or of the JSON member at any depth, of that name; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        if let Some(json) = self.json() {
            return find(&json, name).unwrap_or_default();
        }
        let open = format!("<{name}>");
        let inner = self.body.split_once(&open).map(|(_, rest)| rest);
        let inner = inner.and_then(|rest| rest.split_once(&format!("</{name}>")));
        inner
            .map(|(text, _)| text.replace("&quot;", "\"").replace("&amp;", "&"))
            .unwrap_or_default()
    }

    /// The credentials of an answer.
    pub fn credentials(&self) -> Who {
        Who {
            access_key_id: self.text("AccessKeyId"),
            secret: self.text("SecretAccessKey"),
            token: Some(self.text("SessionToken")),
        }
    }
}

fn find(json: &Value, name: &str) -> Option<String> {
    match json {
        Value::Object(members) => match members.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(found) if !found.is_object() && !found.is_array() => Some(found.to_string()),
            _ => members.values().find_map(|value| find(value, name)),
        },
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

fn wired(
    store: &Store,
    clock: &Arc<ManualClock>,
    keys: &Arc<MemoryVault>,
    settings: Settings,
    more: Vec<Arc<dyn Service>>,
    metrics: &Arc<Metrics>,
) -> Gateway {
    let gateway = front(Wiring {
        store: store.clone(),
        seal: seal(),
        keys: keys.clone(),
        clock: clock.clone(),
        root_keys: [HOME, AWAY].map(root_key).into(),
        settings,
        metrics: Arc::clone(metrics),
        // Tests move the clock themselves.
        run_ahead: Some(Arc::new(|_| {})),
        more,
    });
    gateway.expect("the services fit together")
}

/// A request as bytes of HTTP/1.1, on a connection that closes after it.
pub async fn http1(request: http::Request<Full<Bytes>>) -> Vec<u8> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("it is whole").to_bytes();
    let mut bytes = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let length = body.len();
    bytes.extend(format!("content-length: {length}\r\nconnection: close\r\n\r\n").into_bytes());
    bytes.extend(body);
    bytes
}

/// A policy of these statements, as text.
pub fn policy(statements: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// A statement that allows.
pub fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

/// The root of an account.
pub fn root(account: &str) -> Who {
    let key = root_key(account);
    Who {
        access_key_id: key.access_key_id,
        secret: key.secret.expose().to_owned(),
        token: None,
    }
}

fn root_key(account: &str) -> identify::RootKey {
    identify::RootKey {
        access_key_id: format!("ROOT{account}"),
        secret: Secret::new(format!("secret-of-{account}")),
        account: account_id(account),
    }
}

fn account_id(account: &str) -> AccountId {
    AccountId::new(account).expect("twelve digits")
}

/// One root key for all, so that a store can be opened again.
fn seal() -> Arc<dyn Seal> {
    let root = RootKey::new(Zeroizing::new([7; 32]));
    Arc::new(TokenSeal::new(RootKeySeal::new(root, vec![])))
}

/// A store on what is on a disk, as after a crash.
pub fn reopened(disk: &Disk) -> Store {
    Store::with_engine(Box::new(disk.engine()), Options::default()).expect("it opens again")
}

pub fn record_on(store: &Store, id: Uuid) -> Option<Record> {
    let sought = store.journal().request(&[*id.as_bytes()], None, 100_000);
    match sought.expect("the journal reads") {
        Sought::Found(record) => Some(*record),
        Sought::Absent => None,
        Sought::Unfinished(_) => panic!("a test has no such journal"),
    }
}

pub fn call_of(record: &Record) -> ApiCall {
    ApiCall::from_bytes(&record.fact.call).expect("a call")
}

pub fn questions_of(record: &Record) -> Vec<Question> {
    Question::list_from_bytes(&record.fact.questions).unwrap_or_default()
}
