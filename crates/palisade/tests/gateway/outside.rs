//! A call that waits for something outside: the plan is on disk before anything is done, what came back is kept, and asked for once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use palisade_core::operation::CallKind;
use palisade_core::outside::recall;
use palisade_core::record::Outcome;
use palisade_core::{Call, CallError, Handlers, OutsideHandler, Service};
use palisade_gateway::Door;
use palisade_gateway::server::{Limits, serve};
use palisade_model::{ApiError, Structure, Value};
use palisade_store::testing::Disk;
use palisade_store::{Durability, Fact, Store, Table};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::kit::probe::{Probe, row};
use crate::kit::{Ask, HOME, Plan, World, call_of, http1, record_on, reopened, root};

static PLANS: Table<(String,), String> = Table::new("test.plan");
static KEYS: Table<(String,), String> = Table::new("test.key");
static BUSY: Table<(String,), u64> = Table::new("test.busy");

/// A foreign key store: `CreateKey` asks it for a key.
struct Foreign {
    disk: Disk,
    asked: AtomicU64,
    finished: AtomicU64,
    /// How often a finish is overtaken by another commit.
    overtaken: u64,
    /// Who is asked to `wait` answers when this is opened.
    gate: Semaphore,
}

const PLAINTEXT: &str = "what the key store said";

/// Commits a row that the finish has read.
fn overtake(store: &Store) {
    let store = store.clone();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut tx = store.begin().expect("it reads");
            let seen = tx
                .get(&BUSY, &("row",))
                .expect("it reads")
                .unwrap_or_default();
            tx.put(&BUSY, &("row",), &(seen + 1)).expect("it fits");
            store
                .commit(tx, Fact::default(), Durability::Durable)
                .await
                .expect("nobody is in the way");
        });
    });
    other.join().expect("the other commit is done");
}

struct Handler(Arc<Foreign>);

impl OutsideHandler for Handler {
    fn plan(&self, call: &mut Call<'_>, input: &Value) -> Result<Vec<u8>, CallError> {
        let name = input.member("Description").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        let id = call.context.request_id.to_string();
        call.tx.put(&PLANS, &(id.as_str(),), &name)?;
        Ok(name.into_bytes())
    }

    fn perform(
        &self,
        plan: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + '_>> {
        Box::pin(async move {
            self.0.asked.fetch_add(1, Ordering::SeqCst);
            // The plug is pulled: the plan is there.
            let left = self.0.disk.copy();
            left.crash(0);
            let tx = reopened(&left).begin().expect("it reads");
            let plans = tx.range(&PLANS, &(), None, 9).expect("it reads");
            assert!(
                plans.iter().any(|(_, kept)| kept.as_bytes() == plan),
                "no plan on disk"
            );
            match plan.as_slice() {
                b"fails" => Err("the key store is closed".to_owned()),
                b"panics" => panic!("a defect"),
                b"wait" => {
                    self.0
                        .gate
                        .acquire()
                        .await
                        .expect("it is never closed")
                        .forget();
                    Ok(PLAINTEXT.into())
                }
                _ => Ok(PLAINTEXT.into()),
            }
        })
    }

    fn finish(
        &self,
        call: &mut Call<'_>,
        _: Value,
        _: &[u8],
        answer: Result<Vec<u8>, String>,
    ) -> Result<Value, CallError> {
        let runs = self.0.finished.fetch_add(1, Ordering::SeqCst);
        let id = call.context.request_id.to_string();
        call.tx.get(&BUSY, &("row",))?;
        call.tx.put(&KEYS, &(id.as_str(),), &"made".to_owned())?;
        if runs < self.0.overtaken {
            overtake(&call.env.store);
        }
        let answer = answer
            .map_err(|error| ApiError::sender("CustomKeyStoreInvalidStateException", error))?;
        let said = String::from_utf8_lossy(&answer).into_owned();
        let metadata = Structure::new().with("KeyId", id).with("Description", said);
        Ok(Value::Structure(
            Structure::new().with("KeyMetadata", metadata),
        ))
    }
}

/// Tells what came from outside for an earlier request.
fn describe(call: &mut Call<'_>, mut input: Structure) -> Result<Structure, CallError> {
    let id: String = input.required("KeyId").expect("validated");
    let found = recall(call, "CreateKey", id.parse().expect("a request id"))?;
    let said = found.map(|kept| match kept.answer {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error,
    });
    let metadata = Structure::new()
        .with("KeyId", id)
        .with("Description", said.unwrap_or_else(|| "nothing".to_owned()));
    Ok(Structure::new().with("KeyMetadata", metadata))
}

async fn world(overtaken: u64) -> (World, Arc<Foreign>) {
    world_with(overtaken, Limits::default()).await
}

async fn world_with(overtaken: u64, limits: Limits) -> (World, Arc<Foreign>) {
    let disk = Disk::default();
    let foreign = Arc::new(Foreign {
        disk: disk.clone(),
        asked: AtomicU64::new(0),
        finished: AtomicU64::new(0),
        overtaken,
        gate: Semaphore::new(0),
    });
    let rows = vec![
        row("CreateKey", CallKind::Write, "kms:CreateKey"),
        row("DescribeKey", CallKind::Read, "kms:DescribeKey"),
    ];
    let handlers = Handlers::new()
        .on_outside("CreateKey", Handler(foreign.clone()))
        .on("DescribeKey", describe);
    let services: Vec<Arc<dyn Service>> = vec![Probe::service("kms", rows, handlers)];
    let mut plan = Plan {
        disk,
        services,
        ..Plan::default()
    };
    plan.settings.limits = limits;
    (World::of(plan).await, foreign)
}

async fn said(world: &World, request: uuid::Uuid) -> String {
    let input = json!({"KeyId": request.to_string()});
    let reply = world.done(&root(HOME), "kms", "DescribeKey", input).await;
    reply.text("Description")
}

fn count(world: &World, table: &Table<(String,), String>) -> usize {
    let tx = world.store.begin().expect("it reads");
    tx.range(table, &(), None, 9).expect("it reads").len()
}

#[tokio::test]
async fn the_plan_is_on_disk_before_and_the_answer_after() {
    let (world, foreign) = world(0).await;
    let reply = world
        .done(
            &root(HOME),
            "kms",
            "CreateKey",
            json!({"Description": "one"}),
        )
        .await;
    assert_eq!(reply.text("Description"), PLAINTEXT);
    assert_eq!(foreign.asked.load(Ordering::SeqCst), 1);
    let left = world.disk.copy();
    left.crash(0);
    let record = record_on(&reopened(&left), reply.request_id).expect("it is on disk");
    assert_eq!(
        record.writes.len(),
        2,
        "the key, and what came from outside"
    );
    assert_eq!(said(&world, reply.request_id).await, PLAINTEXT);
    // Sealed: it may be a secret.
    for (_, value) in world.state() {
        assert!(!String::from_utf8_lossy(&value).contains(PLAINTEXT));
    }
}

#[tokio::test]
async fn a_finish_that_is_overtaken_runs_again_and_asks_nothing_twice() {
    let (world, foreign) = world(3).await;
    let reply = world
        .done(
            &root(HOME),
            "kms",
            "CreateKey",
            json!({"Description": "one"}),
        )
        .await;
    assert_eq!(reply.text("Description"), PLAINTEXT);
    assert_eq!(foreign.asked.load(Ordering::SeqCst), 1);
    assert_eq!(foreign.finished.load(Ordering::SeqCst), 4);
    assert_eq!(count(&world, &KEYS), 1);
}

#[tokio::test]
async fn a_failure_outside_is_an_answer_too_and_kept() {
    let (world, foreign) = world(0).await;
    for (plan, expected) in [
        ("fails", "the key store is closed"),
        ("panics", "the outside step panicked"),
    ] {
        let input = json!({"Description": plan});
        let reply = world.call(&root(HOME), "kms", "CreateKey", input).await;
        assert_eq!(
            reply.code(),
            "CustomKeyStoreInvalidStateException",
            "{reply:?}"
        );
        let (call, _) = world.recorded(reply.request_id).await;
        assert!(matches!(call.outcome, Outcome::Failed { .. }));
        assert_eq!(said(&world, reply.request_id).await, expected);
    }
    assert_eq!(foreign.asked.load(Ordering::SeqCst), 2);
    assert_eq!(
        count(&world, &KEYS),
        0,
        "a failed call writes nothing of its own"
    );
}

#[tokio::test]
async fn who_is_refused_plans_nothing() {
    let (world, foreign) = world(0).await;
    let ann = world.user(HOME, "ann", json!([])).await;
    let reply = world
        .call(&ann, "kms", "CreateKey", json!({"Description": "one"}))
        .await;
    assert!(reply.is_denied());
    assert_eq!(
        (foreign.asked.load(Ordering::SeqCst), count(&world, &PLANS)),
        (0, 0)
    );
}

#[tokio::test]
async fn on_a_branch_it_stops_before_acting_outside() {
    let (world, foreign) = world(0).await;
    let opened = world
        .done(&root(HOME), "palisade", "CreateBranch", json!({}))
        .await;
    let (id, own) = (opened.text("BranchId"), opened.credentials());
    let input = json!({"Description": "one"});
    let ask = Ask::new("kms", "CreateKey", &input).on(&id);
    let reply = world.send(&own, &ask).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (409, "UnsupportedOperation")
    );
    let (call, questions) = world.recorded(reply.request_id).await;
    assert_eq!(
        (call.branch.as_deref(), questions.len()),
        (Some(id.as_str()), 1)
    );
    assert_eq!(foreign.asked.load(Ordering::SeqCst), 0);
}

/// A server whose only client hung up while it waited for what is outside.
struct HungUp {
    world: World,
    foreign: Arc<Foreign>,
    request: uuid::Uuid,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl HungUp {
    async fn new(limits: Limits) -> Self {
        let (world, foreign) = world_with(0, limits).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopping) = watch::channel(false);
        let door = Arc::new(Door::new(world.gateway.clone(), None));
        let serving = tokio::spawn(serve(listener, None, door.clone(), stopping));
        let input = json!({"Description": "wait"});
        let ask = Ask::new("kms", "CreateKey", &input);
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let bytes = http1(world.signed(&root(HOME), &ask)).await;
        stream.write_all(&bytes).await.expect("it takes the call");
        until(|| foreign.asked.load(Ordering::SeqCst) == 1).await;
        drop(stream);
        until(|| door.metrics().connections.load(Ordering::SeqCst) == 0).await;
        let tx = world.store.begin().expect("it reads");
        let plans = tx.range(&PLANS, &(), None, 9).expect("it reads");
        let [((id,), _)] = plans.as_slice() else {
            panic!("one plan: {plans:?}")
        };
        Self {
            request: id.parse().expect("a request id"),
            world,
            foreign,
            stop,
            serving,
        }
    }

    /// Whether the finish has written, and the call is on record as done.
    fn is_finished(&self) -> bool {
        let record = self.world.record(self.request);
        let done = |record| matches!(call_of(&record).outcome, Outcome::Success);
        count(&self.world, &KEYS) == 1 && record.is_some_and(done)
    }
}

/// Waits; longer than any test should take is failed.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..4000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to that");
}

#[tokio::test]
async fn a_call_whose_client_hung_up_is_finished_and_on_record() {
    let hung_up = HungUp::new(Limits::default()).await;
    assert!(!hung_up.is_finished());
    hung_up.foreign.gate.add_permits(1);
    until(|| hung_up.is_finished()).await;
    assert_eq!(said(&hung_up.world, hung_up.request).await, PLAINTEXT);
    assert_eq!(hung_up.foreign.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stop_waits_for_a_call_whose_client_hung_up() {
    let mut hung_up = HungUp::new(Limits::default()).await;
    hung_up.stop.send(true).expect("it serves");
    let foreign = hung_up.foreign.clone();
    tokio::spawn(async move {
        // Long enough for a server that does not wait to be gone.
        tokio::time::sleep(Duration::from_millis(200)).await;
        foreign.gate.add_permits(1);
    });
    (&mut hung_up.serving).await.expect("it serves to its end");
    assert!(hung_up.is_finished());
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_its_grace() {
    let limits = Limits {
        drain_time_max: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut hung_up = HungUp::new(limits).await;
    hung_up.stop.send(true).expect("it serves");
    (&mut hung_up.serving).await.expect("it serves to its end");
    assert!(!hung_up.is_finished());
    assert_eq!(count(&hung_up.world, &PLANS), 1, "the plan is kept");
}
