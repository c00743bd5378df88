//! What lies between a recognised caller and the commit: decode, validate, ask, do.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use palisade_core::authorize::Authority;
use palisade_core::idempotency::Token;
use palisade_core::made::Made;
use palisade_core::operation::OperationRow;
use palisade_core::record::Question;
use palisade_core::{
    Call, CallError, Handler, Identity, Notes, OsRandom, Resource, Service, branches,
    credential_limits,
};
use palisade_model::{ApiError, Operation, Protocol, Structure, Value, validate, validation_error};
use palisade_store::Tx;
use uuid::Uuid;

use crate::Gateway;
use crate::dispatch::{Failure, Signed};
use crate::exchange::{BODY_BYTES_MAX, Destination, Exchange, internal_failure};
use crate::fact::Performed;
use crate::idempotency;
use crate::questions::{self, Verdict};

/// How far a call has come.
pub enum Step {
    /// To its end.
    Done(Performed),
    /// To the point where something outside must be waited for.
    Outside(Planned),
}

/// A call whose plan is made.
pub struct Planned {
    /// The service whose handler goes on.
    pub service: Arc<dyn Service>,
    /// What is known of the call so far.
    pub so_far: Performed,
    /// The plan.
    pub plan: Vec<u8>,
    /// The token that the answer is kept under.
    pub token: Option<Token>,
}

/// Why a call ends before its handler.
enum Stop {
    /// An error of the API.
    Api(ApiError),
    /// Policy refuses.
    Denied(ApiError),
    /// The state cannot be read.
    Failure(Failure),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Api(error) => Self::Api(error),
            store => Self::Failure(store.into()),
        }
    }
}

impl Exchange<'_> {
    /// Runs the call as far as it goes without leaving the process.
    pub(crate) fn perform(
        &self,
        call: &mut Call<'_>,
        authority: &Authority,
        signed: &Signed<'_>,
        destination: Destination<'_>,
    ) -> Result<Step, Failure> {
        let mut performed = Performed::new();
        let ready = self.ready(call, authority, signed, destination, &mut performed);
        let (service, row) = match ready {
            Ok(ready) => ready,
            Err(Stop::Failure(failure)) => return Err(failure),
            Err(Stop::Api(error)) => {
                performed.result = Err(error);
                return Ok(Step::Done(performed));
            }
            Err(Stop::Denied(error)) => {
                performed.result = Err(error);
                performed.denied = true;
                return Ok(Step::Done(performed));
            }
        };
        let input = performed.input.clone().unwrap_or_default();
        let token = idempotency::of_call(destination, call.context, &input);
        if let Some(settled) = idempotency::settled(token.as_ref(), call, destination)? {
            performed.result = settled;
            return Ok(Step::Done(performed));
        }
        if row.gives_credentials {
            let renewed = call.env.seal.renew(call.tx, call.random);
            renewed.map_err(CallError::from)?;
        }
        let done = match service.handlers().get(row.name) {
            Some(Handler::Plain(handler)) => {
                self.guarded(row.name, || in_place(row, || handler(call, input)))
            }
            Some(Handler::Outside(_)) if self.branch().is_some() => Err(stops_here().into()),
            Some(Handler::Outside(handler)) => {
                let planned = self.guarded(row.name, || handler.plan(call, &input));
                match planned {
                    Ok(plan) => {
                        return Ok(Step::Outside(Planned {
                            service,
                            so_far: performed,
                            plan,
                            token,
                        }));
                    }
                    Err(error) => Err(error),
                }
            }
            None => Err(internal_failure().into()),
        };
        performed.notes = std::mem::take(&mut call.notes);
        performed.result = outcome(done)?;
        idempotency::keep(token.as_ref(), call, &performed.result)?;
        Ok(Step::Done(performed))
    }

    /// Everything that can end a call before its handler, in order.
    fn ready(
        &self,
        call: &mut Call<'_>,
        authority: &Authority,
        signed: &Signed<'_>,
        destination: Destination<'_>,
        performed: &mut Performed,
    ) -> Result<(Arc<dyn Service>, &'static OperationRow), Stop> {
        let protocol = destination.protocol;
        let operation = match destination.operation {
            Some(operation) => operation,
            None => {
                let routed = destination.codec.route(protocol, signed.request);
                return Err(routed
                    .map_or_else(|error| error.to_api_error(protocol), |_| internal_failure())
                    .into());
            }
        };
        let service = self.gateway.services.get(destination.service);
        let row = service
            .and_then(|service| service.rows().iter().find(|row| row.name == operation.name));
        let (Some(service), Some(row)) = (service, row) else {
            return Err(not_implemented(destination.service, operation).into());
        };
        performed.row = Some(row);
        credential_limits::check(destination.service, operation.name, &call.context.caller)?;
        let decoded = destination
            .codec
            .decode(protocol, operation, signed.request, BODY_BYTES_MAX);
        let input = performed.input.insert(Value::Structure(
            decoded.map_err(|error| error.to_api_error(protocol))?,
        ));
        check_constraints(destination, operation, input)?;
        let questions = &mut performed.questions;
        self.guarded(row.name, || {
            self.authorize(&**service, row, authority, call, input, questions)
        })
        .map_err(|stop| match stop {
            Stop::Denied(error) => Stop::Denied(with_family(error, destination)),
            other => other,
        })?;
        Ok((Arc::clone(service), row))
    }

    /// Asks all that must be allowed. On a branch that is also the branch itself, for credentials that were not made for it, and
    /// the real state, for what would tell the caller more than it may know there.
    fn authorize(
        &self,
        service: &dyn Service,
        row: &'static OperationRow,
        authority: &Authority,
        call: &mut Call<'_>,
        input: &Value,
        asked: &mut Vec<Question>,
    ) -> Result<(), Stop> {
        if self.branch().is_some() {
            self.authorize_branch(authority, call, asked)?;
        }
        let verdict = questions::ask(service, row, authority, call, input)?;
        self.take(verdict, call, asked)?;
        if row.discloses && self.branch().is_some() && service.discloses(call, input)? {
            self.authorize_on_real_state(service, row, call, input, asked)?;
        }
        Ok(())
    }

    fn authorize_branch(
        &self,
        authority: &Authority,
        call: &mut Call<'_>,
        asked: &mut Vec<Question>,
    ) -> Result<(), Stop> {
        let session_branch = call
            .context
            .caller
            .session
            .as_ref()
            .and_then(|session| session.branch.as_deref());
        let id = self.branch().unwrap_or_default();
        if session_branch == Some(id) {
            return Ok(());
        }
        let Some(owner) = call.env.branches.owner(id) else {
            return Err(Stop::Failure(Failure::NoBranch));
        };
        let arn = branches::arn(&owner.account, id);
        let resource = Resource {
            arn,
            account: Some(owner.account),
            ..Resource::default()
        };
        let context = questions::request_keys(call.context, &Value::Null);
        let mut verdict = Verdict::default();
        questions::put(
            "palisade:CallOnBranch",
            &resource,
            &context,
            authority,
            call,
            &mut verdict,
        )?;
        self.take(verdict, call, asked)
    }

    fn authorize_on_real_state(
        &self,
        service: &dyn Service,
        row: &'static OperationRow,
        call: &mut Call<'_>,
        input: &Value,
        asked: &mut Vec<Question>,
    ) -> Result<(), Stop> {
        let mut real = call.env.store.begin().map_err(CallError::from)?;
        let is_good_there = key_is_good(&mut real, call)?;
        let caller = &call.context.caller;
        let authority = Authority::of(&mut real, call.env, caller)?;
        let Some(authority) = authority.filter(|_| is_good_there) else {
            return Err(Stop::Denied(denied(
                "The principal or its access key is not good outside this branch.",
            )));
        };
        let (mut random, mut made) = (OsRandom, Made::default());
        let mut there = Call {
            tx: &mut real,
            context: call.context,
            env: call.env,
            random: &mut random,
            notes: Notes::default(),
            made: &mut made,
        };
        let verdict = questions::ask(service, row, &authority, &mut there, input)?;
        self.take(verdict, &mut there, asked)?;
        Ok(service.check_on_real_state(row.name, &mut there, call, input)?)
    }

    /// Notes the questions, and turns a refusal into the caller's error.
    fn take(
        &self,
        verdict: Verdict,
        call: &mut Call<'_>,
        asked: &mut Vec<Question>,
    ) -> Result<(), Stop> {
        asked.extend(verdict.questions);
        let Some(denial) = verdict.denial else {
            return Ok(());
        };
        let mut message = denial.message;
        if self.gateway.settings.explain_denials {
            let encoded =
                denial
                    .detail
                    .encode(call.context.account(), &*call.env.seal, call.random);
            message = format!("{message}. Encoded authorization failure message: {encoded}");
        }
        Err(Stop::Denied(denied(&message)))
    }

    fn guarded<T, E: From<ApiError>>(
        &self,
        operation: &str,
        step: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.gateway.guarded(operation, self.request_id, step)
    }
}

impl Gateway {
    /// Runs a service's step; a panic is an internal failure of this call alone.
    pub(crate) fn guarded<T, E: From<ApiError>>(
        &self,
        operation: &str,
        request_id: Uuid,
        step: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        std::panic::catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
            self.metrics.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(operation, %request_id, "a service panicked");
            Err(internal_failure().into())
        })
    }
}

/// Whether a user's long-term key is good in the state of `tx`: on a branch it is as it was when the branch was opened. Root's may
/// be none of the state's.
fn key_is_good(tx: &mut Tx, call: &Call<'_>) -> Result<bool, CallError> {
    let caller = &call.context.caller;
    if caller.session.is_some() || !matches!(caller.identity, Identity::User(_)) {
        return Ok(true);
    }
    let key = call.env.identities.access_key(tx, &caller.access_key_id)?;
    Ok(key.is_some_and(|key| key.active))
}

/// Runs what may take long so that the other connections of its thread go on elsewhere.
fn in_place<T>(row: &OperationRow, step: impl FnOnce() -> T) -> T {
    let flavor = tokio::runtime::Handle::current().runtime_flavor();
    if row.takes_long && flavor == tokio::runtime::RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(step)
    } else {
        step()
    }
}

/// What a handler's answer comes to; `Err` where the state failed.
pub(crate) fn outcome(
    done: Result<Value, CallError>,
) -> Result<Result<Structure, ApiError>, Failure> {
    match done {
        Ok(Value::Structure(output)) => Ok(Ok(output)),
        Ok(_) => Ok(Err(internal_failure())),
        Err(CallError::Api(error)) => Ok(Err(error)),
        Err(store) => Err(store.into()),
    }
}

fn check_constraints(
    destination: Destination<'_>,
    operation: &'static Operation,
    input: &Value,
) -> Result<(), ApiError> {
    let model = destination.codec.model();
    let Some(shape) = operation.input else {
        return Ok(());
    };
    let violations = validate(model, shape, input);
    validation_error(model, operation, &violations).map_or(Ok(()), Err)
}

fn denied(message: &str) -> ApiError {
    ApiError::sender("AccessDenied", message).with_status(403)
}

/// A refusal by policy, as the family of services names it.
fn with_family(error: ApiError, destination: Destination<'_>) -> ApiError {
    let (code, status) = match (destination.service, destination.protocol) {
        ("s3" | "s3control", _) | (_, Protocol::Query | Protocol::RestXml) => ("AccessDenied", 403),
        (_, Protocol::Ec2) => ("UnauthorizedOperation", 403),
        (_, Protocol::RestJson) => ("AccessDeniedException", 403),
        _ => ("AccessDeniedException", 400),
    };
    ApiError {
        code: code.into(),
        ..error
    }
    .with_status(status)
}

pub(crate) fn not_implemented(service: &str, operation: &Operation) -> ApiError {
    ApiError::receiver(
        "NotImplemented",
        format!("{service}:{} is not implemented.", operation.name),
    )
    .with_status(501)
}

fn stops_here() -> ApiError {
    ApiError::sender(
        "UnsupportedOperation",
        "This call would act outside the server; on a what-if branch it stops before that.",
    )
    .with_status(409)
}
