//! Calls that wait for something outside: plan in one transaction, do, finish in another.

use http::Response;
use palisade_core::outside::{self, OutsideAnswer};
use palisade_core::{Call, Handler, Notes, OsRandom};
use palisade_model::Value;
use palisade_store::{CommitError, Durability, Fact, Millis, Tx};

use crate::body::ResponseBody;
use crate::caught::{Panicked, caught};
use crate::dispatch::Failure;
use crate::exchange::{Destination, Exchange, internal_failure};
use crate::fact::{Performed, Surrounding};
use crate::idempotency;
use crate::perform::{Planned, outcome};

/// How often a finish is run again on conflicts. What was done outside cannot be undone, so this is generous.
const FINISH_ATTEMPTS_MAX: usize = 1024;

impl Exchange<'_> {
    /// Commits the plan, does what must be done outside, and finishes in a transaction that also keeps the outside answer.
    pub(crate) async fn perform_outside(
        &self,
        tx: Tx,
        planned: Planned,
        around: &Surrounding<'_>,
        destination: Destination<'_>,
    ) -> Result<Response<ResponseBody>, Failure> {
        let Planned {
            service,
            so_far,
            plan,
            token,
        } = planned;
        let operation = so_far.row.map_or("", |row| row.name);
        let Some(Handler::Outside(handler)) = service.handlers().get(operation) else {
            return Ok(self.error(destination, &internal_failure()));
        };
        // The plan shows in no account's history: it is half a call.
        let plan_fact = Fact {
            time: Millis(u64::try_from(around.now_ms).unwrap_or(0)),
            ..Fact::default()
        };
        self.gateway
            .env
            .store
            .commit(tx, plan_fact, Durability::Durable)
            .await?;
        let answer = caught(handler.perform(plan.clone())).await;
        let answer = answer.unwrap_or_else(|Panicked| Err("the outside step panicked".to_owned()));
        let kept = OutsideAnswer {
            plan: plan.clone(),
            answer: answer.clone(),
        };
        for _ in 0..FINISH_ATTEMPTS_MAX {
            let mut tx = self.begin()?;
            let mut random = OsRandom;
            let env = &self.gateway.env;
            let mut call = Call {
                tx: &mut tx,
                context: around.context,
                env,
                random: &mut random,
                notes: Notes::default(),
            };
            let input = Value::Structure(so_far.input.clone().unwrap_or_default());
            let done = self.guarded(operation, || {
                handler.finish(&mut call, input, &plan, answer.clone())
            });
            let result = outcome(done)?;
            if result.is_err() {
                call.tx.discard_writes();
            }
            // Whatever became of the call: what came from outside did come.
            outside::keep(&mut call, operation, &kept)?;
            idempotency::keep(token.as_ref(), &mut call, &result)?;
            let performed = Performed {
                notes: std::mem::take(&mut call.notes),
                result,
                row: so_far.row,
                input: so_far.input.clone(),
                denied: false,
                questions: so_far.questions.clone(),
            };
            match self.record(tx, performed, around, destination).await {
                Err(Failure::Conflict) => {}
                settled => return settled,
            }
        }
        Err(CommitError::Conflict.into())
    }
}
