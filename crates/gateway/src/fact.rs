//! What a call came to, made into the fact the journal keeps.

use std::collections::BTreeSet;

use palisade_core::operation::{CallKind, OperationRow};
use palisade_core::record::{ApiCall, Outcome, Question, RecordedCaller, turn_over};
use palisade_core::{AccountId, CallContext, Notes, Region};
use palisade_model::{ApiError, Operation, ServiceModel, Structure, Value, record};
use palisade_store::{Durability, Fact, History, Millis};

use crate::route;

/// The longest error message that is kept, in characters (CloudTrail record contents).
const MESSAGE_LENGTH_MAX: usize = 1024;

/// The longest `requestParameters` or `responseElements` that is kept, in bytes (CloudTrail record contents: 100 KB).
const ELEMENTS_LENGTH_MAX: usize = 100 * 1024;

/// What a call came to.
pub struct Performed {
    /// Its row; `None` where the operation is not implemented.
    pub row: Option<&'static OperationRow>,
    /// Its input, a structure, as far as it was understood.
    pub input: Option<Value>,
    /// The answer.
    pub result: Result<Structure, ApiError>,
    /// Whether policy refused it.
    pub denied: bool,
    /// The questions asked.
    pub questions: Vec<Question>,
    /// What the handler noted.
    pub notes: Notes,
}

/// The call around it.
pub struct Surrounding<'a> {
    /// The call's context.
    pub context: &'a CallContext,
    /// The service's model.
    pub model: &'static ServiceModel,
    /// The service's name.
    pub service: &'static str,
    /// The operation; `None` where the service has none of that name.
    pub operation: Option<&'static Operation>,
    /// State time in milliseconds.
    pub now_ms: i64,
}

impl Performed {
    /// A call that has come to nothing yet.
    pub fn new() -> Self {
        Self {
            row: None,
            input: None,
            result: Err(crate::exchange::internal_failure()),
            denied: false,
            questions: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// When the call must be on disk.
    pub fn durability(&self, strict: bool) -> Durability {
        // What a write changes may stand in memory alone (a branch): the store sees no write of it.
        let does_more_than_read = self
            .row
            .is_some_and(|row| row.gives_credentials || row.kind == CallKind::Write);
        if strict || self.denied || (does_more_than_read && self.result.is_ok()) {
            Durability::Durable
        } else {
            Durability::Lazy
        }
    }

    /// The fact of the call. The histories that show it: the caller's, and for a cross-account call that was done, those of
    /// the accounts whose resources it touched.
    pub fn fact(&self, around: &Surrounding<'_>) -> Fact {
        let call = self.api_call(around);
        let mut accounts = BTreeSet::from([around.context.account()]);
        if call.shared_event_id.is_some() {
            accounts.extend(self.foreign_accounts(around.context.account()));
        }
        Fact {
            histories: accounts
                .into_iter()
                .map(|a| History::new(a.as_str(), call.region.as_str()))
                .collect(),
            request_id: *around.context.request_id.as_bytes(),
            time: Millis(u64::try_from(around.now_ms).unwrap_or(0)),
            questions: if self.questions.is_empty() {
                Vec::new()
            } else {
                Question::list_to_bytes(&self.questions)
            },
            call: call.to_bytes(),
        }
    }

    fn foreign_accounts<'a>(&'a self, own: &'a AccountId) -> impl Iterator<Item = &'a AccountId> {
        let done = self.result.is_ok();
        let accounts = self
            .questions
            .iter()
            .filter_map(|question| question.resource_account.as_ref());
        accounts.filter(move |account| done && *account != own)
    }

    fn api_call(&self, around: &Surrounding<'_>) -> ApiCall {
        let context = around.context;
        let region = if route::is_global(around.model) {
            Region::us_east_1()
        } else {
            context.region.clone()
        };
        let crosses = self.foreign_accounts(context.account()).next().is_some();
        ApiCall {
            request_id: context.request_id,
            time_ms: around.now_ms,
            service: around.service.to_owned(),
            operation: around
                .operation
                .map_or("Unknown", |operation| operation.name)
                .to_owned(),
            region,
            caller: RecordedCaller::from(&*context.caller),
            source_ip: context
                .source_ip
                .map(|address| address.to_string())
                .unwrap_or_default(),
            user_agent: context.user_agent.clone(),
            tls: context.tls.clone(),
            read_only: self.row.is_none_or(|row| row.kind == CallKind::Read),
            outcome: self.outcome(),
            request_parameters: self.request_parameters(around),
            response_elements: self.response_elements(around),
            additional_event_data: self.notes.additional_event_data.clone(),
            resources: self.notes.resources.clone(),
            branch: context.branch.clone(),
            shared_event_id: crosses.then(|| turn_over(turn_over_time(context.request_id))),
            service_event: None,
        }
    }

    fn outcome(&self) -> Outcome {
        let Err(error) = &self.result else {
            return Outcome::Success;
        };
        let code = error.code.clone().into_owned();
        let message = error.message.chars().take(MESSAGE_LENGTH_MAX).collect();
        if self.denied {
            Outcome::Denied { code, message }
        } else {
            Outcome::Failed { code, message }
        }
    }

    fn request_parameters(&self, around: &Surrounding<'_>) -> Option<String> {
        let (operation, input) = (around.operation?, self.input.as_ref()?);
        let Value::Structure(input) = input else {
            return None;
        };
        shown(&record::request_parameters(around.model, operation, input)?)
    }

    /// Answers are kept of calls that change something or give credentials (CloudTrail: reads show null).
    fn response_elements(&self, around: &Surrounding<'_>) -> Option<String> {
        let row = self
            .row
            .filter(|row| row.kind == CallKind::Write || row.gives_credentials)?;
        let (operation, output) = (around.operation?, self.result.as_ref().ok()?);
        debug_assert_eq!(row.name, operation.name);
        shown(&record::response_elements(around.model, operation, output)?)
    }
}

fn shown(elements: &record::Shown<'_>) -> Option<String> {
    let text = serde_json::to_string(elements).expect("names and values are written to memory");
    // What is too long is left out and said to be, as CloudTrail does; the event itself is never dropped.
    Some(if text.len() > ELEMENTS_LENGTH_MAX {
        r#"{"omitted":true,"reason":"too large"}"#.to_owned()
    } else {
        text
    })
}

/// A second id for what two accounts share, from the same time and randomness.
fn turn_over_time(id: uuid::Uuid) -> uuid::Uuid {
    let mut bytes = *id.as_bytes();
    bytes[9..].reverse();
    uuid::Uuid::from_bytes(bytes)
}
