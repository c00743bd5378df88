//! What a service is to the rest of the house, and what a handler is given.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use palisade_model::{ApiError, FromValue, IntoValue, Value};
use palisade_policy::CompiledPolicy;
use palisade_store::{Store, StoreError, Tx};
use uuid::Uuid;

use crate::branches::BranchOwners;
use crate::keys::KeyVault;
use crate::made::{Made, Making};
use crate::operation::OperationRow;
use crate::record::{ApiCall, RecordedResource, TlsDetails};
use crate::{AccountId, Arn, Caller, Guardrails, Identities, Random, Region, Seal};

/// A service: its table of operations, its handlers, and how it finds the resources that questions are asked about.
pub trait Service: Send + Sync {
    /// The name of its model, such as `iam`.
    fn id(&self) -> &'static str;

    /// One row an operation that is implemented.
    fn rows(&self) -> &'static [OperationRow];

    /// The handlers, by operation. Start-up refuses a row without a handler and a handler without a row.
    fn handlers(&self) -> &Handlers;

    /// Looks up the resources of a question whose row names `resolver`. What does not exist is named as well as it can be: the
    /// caller learns that it is missing only if it may.
    fn resolve(
        &self,
        resolver: &str,
        call: &mut Call<'_>,
        input: &Value,
    ) -> Result<Vec<Resource>, CallError>;

    /// Whether a call of an operation that discloses gives out something of the real state. What was made on the call's branch is
    /// nobody's secret outside it.
    ///
    /// # Errors
    /// Those of [`Service::resolve`].
    fn discloses(&self, _: &mut Call<'_>, _: &Value) -> Result<bool, CallError> {
        Ok(true)
    }

    /// Whether a call on a branch that gives out something of the real state may do so as that state is. `real` is the same call there,
    /// where it has been allowed.
    ///
    /// # Errors
    /// The error of the operation where the real state refuses.
    fn check_on_real_state(
        &self,
        _operation: &'static str,
        _real: &mut Call<'_>,
        _call: &mut Call<'_>,
        _input: &Value,
    ) -> Result<(), CallError> {
        Ok(())
    }

    /// A resource as it is now, by ARN: its tags, and its policy if that speaks about `action` (a role's trust policy does about
    /// assuming it only). `None` for what does not exist. Explain and replay ask recorded questions of it.
    fn resource(
        &self,
        call: &mut Call<'_>,
        arn: &Arn,
        action: &str,
    ) -> Result<Option<Resource>, CallError>;

    /// Why a recorded call, though it may be made, would fail in the state of `call`: what it named is gone, or in a state that
    /// refuses its operation. `None` where nothing is known against it. Replay asks.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn refuses(&self, _: &mut Call<'_>, _: &ApiCall) -> Result<Option<String>, CallError> {
        Ok(None)
    }

    /// What a resource is good for as it is now, and what hangs on it. `None` for what is not there, and of services that do not
    /// say. A what-if report tells what is lost by it.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn standing(&self, _: &mut Call<'_>, _: &Arn) -> Result<Option<Standing>, CallError> {
        Ok(None)
    }
}

/// What a resource is good for, and what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state it is in, by its name in the API: `Enabled`.
    pub state: String,
    /// Whether it can be used.
    pub usable: bool,
    /// What is of no use without it, each by its kind and name: `grant`, `alias`, `replica`.
    pub dependents: Vec<(&'static str, String)>,
    /// Whether there are more than are named.
    pub more: bool,
}

/// What a question is asked about.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    /// The ARN, or `*`.
    pub arn: String,
    /// How refusals name it, where AWS does not say the ARN: `user ann`.
    pub shown: Option<String>,
    /// The owning account; `None` takes the caller's.
    pub account: Option<AccountId>,
    /// Its tags: `aws:ResourceTag/…`.
    pub tags: Vec<(String, String)>,
    /// Its policy: a trust policy, a key policy, a bucket policy.
    pub policy: Option<Arc<CompiledPolicy>>,
    /// Grants on it that may concern the caller, each as a policy of one statement.
    pub grants: Vec<Arc<CompiledPolicy>>,
    /// Further condition keys that follow from the resource.
    pub context: Vec<(String, Vec<String>)>,
    /// Condition keys that follow from the request, as the service reads it: kept with the question, so that it can be put again.
    pub asked: Vec<(String, Vec<String>)>,
}

impl Resource {
    /// A resource known by its ARN alone.
    pub fn named(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            ..Self::default()
        }
    }
}

/// Everything a handler may know of its call, besides the transaction.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The request's id, a UUID of version 7.
    pub request_id: Uuid,
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The region of the signature's scope.
    pub region: Region,
    /// The client's address.
    pub source_ip: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// The TLS connection, where there is one.
    pub tls: Option<TlsDetails>,
    /// The what-if branch the call is made on.
    pub branch: Option<String>,
}

impl CallContext {
    /// The account the call acts in.
    pub fn account(&self) -> &AccountId {
        &self.caller.account
    }
}

/// The seams a handler reaches other services and the server through.
#[derive(Clone)]
pub struct Environment {
    /// IAM as others see it.
    pub identities: Arc<dyn Identities>,
    /// Organizations as others see it.
    pub guardrails: Arc<dyn Guardrails>,
    /// Seals secrets.
    pub seal: Arc<dyn Seal>,
    /// Keeps the materials of keys.
    pub keys: Arc<dyn KeyVault>,
    /// Reads the journal's histories; writes go through the transaction only.
    pub store: Store,
    /// Whose the open what-if branches are.
    pub branches: Arc<BranchOwners>,
}

/// One run of a handler. It may run again on a conflict, with fresh randomness.
pub struct Call<'a> {
    /// The transaction: everything read is one snapshot.
    pub tx: &'a mut Tx,
    /// The call.
    pub context: &'a CallContext,
    /// The seams.
    pub env: &'a Environment,
    /// Randomness.
    pub random: &'a mut dyn Random,
    /// What the record shall say besides request and answer.
    pub notes: Notes,
    /// What the call has made, over all its runs.
    pub made: &'a mut Made,
}

/// What a handler adds to its record.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// The resources touched.
    pub resources: Vec<RecordedResource>,
    /// CloudTrail's `additionalEventData`, a JSON object.
    pub additional_event_data: Option<String>,
}

impl Call<'_> {
    /// The account the call acts in.
    pub fn account(&self) -> &AccountId {
        self.context.account()
    }

    /// State time in milliseconds.
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.tx.time().0).unwrap_or(i64::MAX)
    }

    /// Notes a resource for the record and for LookupEvents.
    pub fn touched(&mut self, kind: &str, name: &str, arn: &str) {
        let account = arn.parse::<Arn>().ok().and_then(|a| a.account().cloned());
        self.notes.resources.push(RecordedResource {
            arn: arn.to_owned(),
            account,
            kind: kind.to_owned(),
            name: name.to_owned(),
        });
    }
}

/// Why a handler gave no answer.
#[derive(Debug)]
pub enum CallError {
    /// An error of the API, to be encoded in the protocol's form.
    Api(ApiError),
    /// The store failed; the client gets the protocol's internal failure.
    Store(StoreError),
    /// Something costly is to be made first: no answer, the handler runs again once it is ([`Made::costly`]).
    Making(Making),
}

impl From<ApiError> for CallError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A plain handler: one transaction, from decoded input to output.
pub type PlainHandler = Box<dyn Fn(&mut Call<'_>, Value) -> Result<Value, CallError> + Send + Sync>;

/// A call that must wait for something outside: a plan in one transaction, the outside work, the finish in another. The outside
/// answer is journaled with the finish, so the finish can run again without asking twice.
///
/// Once the plan is on disk the call goes on to its finish and its record, whether or not the client still waits for the answer. Only
/// where the server ends first (it crashes, or the grace of its stop is over) is there a plan without a finish: it must be such that
/// the service can find it again. So [`OutsideHandler::perform`] must end by itself: it sets its own limit of time.
pub trait OutsideHandler: Send + Sync {
    /// Reads and writes what must be known before; the plan is kept until the finish.
    fn plan(&self, call: &mut Call<'_>, input: &Value) -> Result<Vec<u8>, CallError>;

    /// Does it. No transaction is open. An `Err` is an answer too: the finish sees it.
    fn perform(
        &self,
        plan: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + '_>>;

    /// Takes the outside answer into the state and makes the call's own answer.
    fn finish(
        &self,
        call: &mut Call<'_>,
        input: Value,
        plan: &[u8],
        answer: Result<Vec<u8>, String>,
    ) -> Result<Value, CallError>;
}

/// How an operation is done.
pub enum Handler {
    /// In one transaction.
    Plain(PlainHandler),
    /// In two, with something outside between them.
    Outside(Box<dyn OutsideHandler>),
}

/// The handlers of a service, by operation.
#[derive(Default)]
pub struct Handlers(BTreeMap<&'static str, Handler>);

impl Handlers {
    /// No handlers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler over typed input and output. The typed function is erased here, once, so that the front is compiled once.
    #[must_use]
    pub fn on<I, O, F>(mut self, operation: &'static str, handler: F) -> Self
    where
        F: Fn(&mut Call<'_>, I) -> Result<O, CallError> + Send + Sync + 'static,
        I: FromValue + 'static,
        O: IntoValue + 'static,
    {
        let erased: PlainHandler = Box::new(move |call, input| {
            // What validation lets through and no type takes: a null in a list, say.
            let input = I::from_value(input)
                .map_err(|misfit| ApiError::sender("SerializationException", misfit.to_string()))?;
            handler(call, input).map(IntoValue::into_value)
        });
        self.0.insert(operation, Handler::Plain(erased));
        self
    }

    /// Adds a handler of a call that waits for something outside.
    #[must_use]
    pub fn on_outside(
        mut self,
        operation: &'static str,
        handler: impl OutsideHandler + 'static,
    ) -> Self {
        self.0
            .insert(operation, Handler::Outside(Box::new(handler)));
        self
    }

    /// The handler of an operation.
    pub fn get(&self, operation: &str) -> Option<&Handler> {
        self.0.get(operation)
    }

    /// The operations that have one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }
}
