//! Calls that wait for something outside: plan in one transaction, do, finish in another.
//!
//! They run in tasks of their own. What was done outside cannot be undone, so a client that hangs up, or a request whose time is up,
//! must not keep the finish and the record from happening.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use palisade_core::made::Made;
use palisade_core::outside::{self, OutsideAnswer};
use palisade_core::{Call, CallContext, Handler, Notes, OsRandom, OutsideHandler};
use palisade_model::{ApiError, Operation, ServiceModel, Structure};
use palisade_store::{CommitError, Durability, Fact, Millis, Tx};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Gateway;
use crate::body::ResponseBody;
use crate::caught::{Panicked, caught};
use crate::dispatch::Failure;
use crate::exchange::{Destination, Exchange, internal_failure};
use crate::fact::{Performed, Surrounding};
use crate::idempotency;
use crate::perform::{Planned, outcome};

/// How often a finish is run again on conflicts. What was done outside cannot be undone, so this is generous.
const FINISH_ATTEMPTS_MAX: usize = 1024;

/// How many calls may wait for something outside at once, whether or not their clients still wait for them.
const CALLS_MAX: u32 = 1024;

/// The calls that wait for something outside.
pub struct OutsideCalls(Arc<Semaphore>);

impl Default for OutsideCalls {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CALLS_MAX as usize)))
    }
}

impl OutsideCalls {
    /// A place for one more; `None` when there are as many as there may be, or the server stops.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    /// Waits until all have come to their end, `time_max` at most; whether they have. Meanwhile no other begins.
    pub async fn ended(&self, time_max: Duration) -> bool {
        let all = self.0.acquire_many(CALLS_MAX);
        tokio::time::timeout(time_max, all).await.is_ok()
    }
}

impl Exchange<'_> {
    /// Commits the plan, does what must be done outside, and finishes in a transaction that also keeps the outside answer.
    pub(crate) async fn perform_outside(
        &self,
        tx: Tx,
        planned: Planned,
        around: &Surrounding<'_>,
        destination: Destination<'_>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let Some(place) = self.gateway.outside_calls.place() else {
            let cause = "too many calls wait for something outside, or the server stops";
            return Err(Failure::Unavailable(cause.to_owned()));
        };
        let call = OutsideCall {
            gateway: Arc::clone(self.gateway),
            planned,
            context: around.context.clone(),
            now_ms: around.now_ms,
            model: around.model,
            service: around.service,
            operation: around.operation,
        };
        // The task goes on when this future is dropped with its connection.
        let running = tokio::spawn(async move {
            let done = call.run(tx).await;
            drop(place);
            done
        });
        let result = match running.await {
            Ok(done) => done?,
            Err(error) => {
                tracing::error!(%error, request_id = %self.request_id, "a call that waited for something outside broke off");
                Err(internal_failure())
            }
        };
        Ok(self.respond(destination, &result))
    }
}

/// A call with all that it takes to its end.
struct OutsideCall {
    gateway: Arc<Gateway>,
    planned: Planned,
    context: CallContext,
    now_ms: i64,
    model: &'static ServiceModel,
    service: &'static str,
    operation: Option<&'static Operation>,
}

impl OutsideCall {
    /// Commits the plan, does it, finishes: the call's answer, which is on record then.
    async fn run(self, tx: Tx) -> Result<Result<Structure, ApiError>, Failure> {
        let operation = self.planned.so_far.row.map_or("", |row| row.name);
        let Some(Handler::Outside(handler)) = self.planned.service.handlers().get(operation) else {
            return Ok(Err(internal_failure()));
        };
        // The plan shows in no account's history: it is half a call.
        let plan_fact = Fact {
            time: Millis(u64::try_from(self.now_ms).unwrap_or(0)),
            ..Fact::default()
        };
        let store = &self.gateway.env.store;
        store.commit(tx, plan_fact, Durability::Durable).await?;
        let plan = &self.planned.plan;
        let answer = caught(handler.perform(plan.clone())).await;
        let kept = OutsideAnswer {
            plan: plan.clone(),
            answer: answer.unwrap_or_else(|Panicked| Err("the outside step panicked".to_owned())),
        };
        for _ in 0..FINISH_ATTEMPTS_MAX {
            match self.finish(&**handler, operation, &kept).await {
                Err(Failure::Conflict) => {}
                settled => return settled,
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// Takes the outside answer into the state, and puts the call on record.
    async fn finish(
        &self,
        handler: &dyn OutsideHandler,
        operation: &str,
        kept: &OutsideAnswer,
    ) -> Result<Result<Structure, ApiError>, Failure> {
        let env = &self.gateway.env;
        let so_far = &self.planned.so_far;
        let begun = env.store.begin();
        let mut tx = begun.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let (mut random, mut made) = (OsRandom, Made::default());
        let mut call = Call {
            tx: &mut tx,
            context: &self.context,
            env,
            random: &mut random,
            notes: Notes::default(),
            made: &mut made,
        };
        let input = so_far.input.clone().unwrap_or_default();
        let request_id = self.context.request_id;
        let done = self.gateway.guarded(operation, request_id, || {
            handler.finish(&mut call, input, &kept.plan, kept.answer.clone())
        });
        let result = outcome(done)?;
        if result.is_err() {
            call.tx.discard_writes();
        }
        // Whatever became of the call: what came from outside did come.
        outside::keep(&mut call, operation, kept)?;
        idempotency::keep(self.planned.token.as_ref(), &mut call, &result)?;
        let performed = Performed {
            notes: std::mem::take(&mut call.notes),
            result,
            row: so_far.row,
            input: so_far.input.clone(),
            denied: false,
            questions: so_far.questions.clone(),
        };
        let around = Surrounding {
            context: &self.context,
            model: self.model,
            service: self.service,
            operation: self.operation,
            now_ms: self.now_ms,
        };
        self.gateway.record(tx, performed, &around).await
    }
}
