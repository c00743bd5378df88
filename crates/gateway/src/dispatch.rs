//! Authenticate, decode, authorize, do and record: over one snapshot, again if another commit changed what was read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::Response;
use palisade_core::authorize::Authority;
use palisade_core::made::{Made, Making};
use palisade_core::{Call, CallError, Notes, OsRandom, Region};
use palisade_model::{ApiError, Structure};
use palisade_sigv4::{AuthError, Body, Credentialed, RequestHead, Rules};
use palisade_store::{BranchId, CommitError, Tx};
use palisade_wire::Request;

use crate::Gateway;
use crate::body::ResponseBody;
use crate::exchange::{Destination, Exchange, internal_failure};
use crate::fact::{Performed, Surrounding};
use crate::identify::{Claimed, Refusal};
use crate::perform::Step;

/// How often a call is run again before the client is told to come back.
const ATTEMPTS_MAX: usize = 64;

/// A request somebody claims to have signed.
pub struct Signed<'a> {
    /// What the signature claims.
    pub claim: &'a Credentialed<'a>,
    /// The head, as received.
    pub head: &'a RequestHead<'a>,
    /// The body, as received.
    pub body: Body<'a>,
    /// What the service asks of signatures.
    pub rules: Rules<'a>,
    /// The region of the scope.
    pub region: Region,
    /// The request as the codec takes it.
    pub request: &'a Request<'a>,
}

/// What comes of a signed request.
pub enum Answer {
    /// An answer, on record.
    Response(Response<ResponseBody>),
    /// Nobody this server knows signed it.
    Unauthenticated(AuthError),
}

/// Why an attempt gave no answer.
pub(crate) enum Failure {
    /// Another commit changed what was read: again.
    Conflict,
    /// Something costly is to be made first: then again.
    Making(Making),
    /// Nobody this server knows signed it.
    Unauthenticated(AuthError),
    /// There is no such branch.
    NoBranch,
    /// It cannot be kept, now or ever: the branch is full, or the call's record is too long. Trying again is of no use.
    TooLarge(String),
    /// The state cannot be read or written: refused, for nothing may happen off the record.
    Unavailable(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Auth(error) => Self::Unauthenticated(error),
            Refusal::Call(error) => error.into(),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Api(error) => Self::Unavailable(error.to_string()),
            CallError::Store(error) => Self::Unavailable(error.to_string()),
            CallError::Making(making) => Self::Making(making),
        }
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Conflict,
            CommitError::BranchGone(_) => Self::NoBranch,
            full @ (CommitError::BranchFull(_) | CommitError::TooLarge { .. }) => {
                Self::TooLarge(full.to_string())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl Exchange<'_> {
    /// Answers a signed request.
    pub async fn dispatch(&self, signed: &Signed<'_>, destination: Destination<'_>) -> Answer {
        let mut made = Made::default();
        let answer = self.attempts(signed, destination, &mut made).await;
        self.gateway.destroy_unused(&made).await;
        answer
    }

    /// Runs the call until an attempt gives an answer.
    async fn attempts(
        &self,
        signed: &Signed<'_>,
        destination: Destination<'_>,
        made: &mut Made,
    ) -> Answer {
        for _ in 0..ATTEMPTS_MAX {
            made.forget_uses();
            match self.attempt(signed, destination, made).await {
                Ok(response) => return Answer::Response(response),
                Err(Failure::Conflict) => {
                    self.gateway
                        .metrics
                        .conflicts
                        .fetch_add(1, Ordering::Relaxed);
                }
                Err(Failure::Making(making)) => match self.gateway.workshop.make(making).await {
                    Some(finished) => made.keep(finished),
                    None => return Answer::Response(self.error(destination, &internal_failure())),
                },
                Err(Failure::Unauthenticated(error)) => return Answer::Unauthenticated(error),
                Err(Failure::NoBranch) => {
                    let error = ApiError::sender(
                        "ResourceNotFoundException",
                        "There is no such branch: it was dropped, or its time is up.",
                    );
                    return Answer::Response(self.error(destination, &error.with_status(404)));
                }
                Err(Failure::TooLarge(what)) => {
                    made.forget_uses();
                    let error = ApiError::sender("LimitExceeded", what).with_status(400);
                    return Answer::Response(self.error(destination, &error));
                }
                Err(Failure::Unavailable(cause)) => {
                    tracing::error!(cause, request_id = %self.request_id, "the state is unavailable");
                    return Answer::Response(self.error(destination, &unavailable()));
                }
            }
        }
        made.forget_uses();
        Answer::Response(self.error(destination, &unavailable()))
    }

    async fn attempt(
        &self,
        signed: &Signed<'_>,
        destination: Destination<'_>,
        made: &mut Made,
    ) -> Result<Response<ResponseBody>, Failure> {
        let env = &self.gateway.env;
        let claimed = Claimed {
            claim: signed.claim,
            head: signed.head,
            body: signed.body,
            rules: &signed.rules,
            wall_ms: self.wall_ms,
            branch: self.branch(),
        };
        let identifier = &self.gateway.identifier;
        let mut tx = match self.begin() {
            Err(Failure::NoBranch) => {
                // Which branches there are is not a stranger's to know.
                let mut real = env.store.begin().map_err(CallError::from)?;
                identifier.identify(&mut real, env, &claimed)?;
                return Err(Failure::NoBranch);
            }
            begun => begun?,
        };
        let caller = Arc::new(identifier.identify(&mut tx, env, &claimed)?);
        let Some(authority) = Authority::of(&mut tx, env, &caller)? else {
            return Err(Failure::Unauthenticated(AuthError::UnknownAccessKey));
        };
        let context = self.context(caller, signed.region.clone());
        let mut random = OsRandom;
        let mut call = Call {
            tx: &mut tx,
            context: &context,
            env,
            random: &mut random,
            notes: Notes::default(),
            made,
        };
        let step = self.perform(&mut call, &authority, signed, destination)?;
        let around = Surrounding {
            now_ms: call.now_ms(),
            context: &context,
            model: destination.codec.model(),
            service: destination.service,
            operation: destination.operation,
        };
        match step {
            Step::Done(performed) => {
                if performed.result.is_err() {
                    tx.discard_writes();
                    made.forget_uses();
                }
                let result = self.gateway.record(tx, performed, &around).await?;
                Ok(self.respond(destination, &result))
            }
            Step::Outside(planned) => {
                self.perform_outside(tx, planned, &around, destination)
                    .await
            }
        }
    }

    /// A transaction on the state the request is sent to.
    pub(crate) fn begin(&self) -> Result<Tx, Failure> {
        let store = &self.gateway.env.store;
        match self.branch() {
            None => store
                .begin()
                .map_err(|error| Failure::Unavailable(error.to_string())),
            Some(text) => {
                let id: BranchId = text.parse().map_err(|_| Failure::NoBranch)?;
                store.begin_on(id).map_err(|_| Failure::NoBranch)
            }
        }
    }

    /// The answer or the error that a call came to, in the protocol's form.
    pub(crate) fn respond(
        &self,
        destination: Destination<'_>,
        result: &Result<Structure, ApiError>,
    ) -> Response<ResponseBody> {
        match (result, destination.operation) {
            (Ok(output), Some(operation)) => self.success(destination, operation, output),
            (Ok(_), None) => self.error(destination, &internal_failure()),
            (Err(error), _) => self.error(destination, error),
        }
    }
}

impl Gateway {
    /// Destroys what a call put into the key vault and never named: its attempts failed. Where it cannot be told whether one of them
    /// was committed, the next start destroys what nothing names.
    async fn destroy_unused(&self, made: &Made) {
        let unused = made.unused();
        if unused.is_empty() {
            return;
        }
        let keys = Arc::clone(&self.env.keys);
        let destroying = tokio::task::spawn_blocking(move || {
            for (place, id) in unused {
                if let Err(error) = keys.destroy(&place, &[id]) {
                    tracing::warn!(%error, "a key material that was made in vain stays until the next start");
                }
            }
        });
        if let Err(error) = destroying.await {
            tracing::error!(%error, "key materials that were made in vain stay until the next start");
        }
    }

    /// Commits what happened; what it came to may be answered then.
    pub(crate) async fn record(
        &self,
        tx: Tx,
        performed: Performed,
        around: &Surrounding<'_>,
    ) -> Result<Result<Structure, ApiError>, Failure> {
        if performed.denied {
            self.metrics.denials.fetch_add(1, Ordering::Relaxed);
        }
        let fact = performed.fact(around);
        let durability = performed.durability(self.settings.audit_strict);
        self.env.store.commit(tx, fact, durability).await?;
        Ok(performed.result)
    }
}

/// Nothing is answered off the record: the client may try again.
fn unavailable() -> ApiError {
    ApiError::receiver(
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    )
    .with_status(503)
}
