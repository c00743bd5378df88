//! `Explain`: a recorded call, the chain of sessions behind it, its questions put again to the policies of that moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_core::authorize::{Ask, Authority};
use palisade_core::failures::Failure;
use palisade_core::record::{ApiCall, Question, RecordedCaller, turn_over, turn_over_for_others};
use palisade_core::{AccountId, Arn, Call, CallError, Handlers, Resource, Services, ids};
use palisade_model::{ApiError, Timestamp};
use palisade_policy::{Context, Explanation, Layer, StatementTrace, explain};
use palisade_store::{REQUEST_WINDOW, Record, Sought, Tx};
use uuid::Uuid;

use crate::api::{self, errors};
use crate::{Surroundings, nearly, view};

/// How many records are looked at for an id, whoever's they are: one to two seconds by the figures of `crates/store/ENGINE.md`. Of a
/// server as busy as can be that is the traffic of some seconds, and a request is on record sooner.
const EXAMINED_MAX: usize = 500_000;

/// How many sessions a chain is walked back.
const CHAIN_LENGTH_MAX: usize = 16;

pub fn register(handlers: Handlers, surroundings: &Arc<Surroundings>) -> Handlers {
    let surroundings = Arc::clone(surroundings);
    handlers.on(
        "Explain",
        move |call: &mut Call<'_>, input: api::ExplainRequest| answer(call, &input, &surroundings),
    )
}

fn answer(
    call: &mut Call<'_>,
    input: &api::ExplainRequest,
    surroundings: &Surroundings,
) -> Result<api::ExplainResponse, CallError> {
    let id: Uuid = input.id.parse().map_err(|_| unknown())?;
    if let Some(failure) = surroundings
        .failures
        .find(id)
        .filter(|failure| is_about(failure, call.account()))
    {
        let shown = Some(crate::operate::failure(&failure));
        return Ok(api::ExplainResponse {
            authentication_failure: shown,
            ..Default::default()
        });
    }
    let (record, made) = find(call, id)??;
    let questions = Question::list_from_bytes(&record.fact.questions).unwrap_or_default();
    let mut explained = Vec::with_capacity(questions.len());
    for question in &questions {
        if made.caller.account == *call.account()
            || question.resource_account.as_ref() == Some(call.account())
        {
            explained.push(question_explained(
                call,
                &record,
                &made,
                question,
                &surroundings.services(),
            )?);
        }
    }
    Ok(api::ExplainResponse {
        call: Some(view::call(&made, call.account())),
        chain: Some(chain(call, &made.caller)?),
        questions: Some(explained),
        authentication_failure: None,
    })
}

/// The record of a request or event id, if the caller's account is among those whose history shows it; the inner error says where it
/// was looked for, which must tell nothing of other accounts.
fn find(call: &Call<'_>, id: Uuid) -> Result<Result<(Box<Record>, ApiCall), ApiError>, CallError> {
    // An event's id leads back to the request's; another account than the caller's knows the call by an event of its own.
    let ids = [id, turn_over(id), turn_over_for_others(id)].map(Uuid::into_bytes);
    let journal = call.env.store.journal();
    let is_shown = |record: &Record| {
        let mut histories = record.fact.histories.iter();
        histories.any(|history| history.account == call.account().as_str())
    };
    Ok(match journal.request(&ids, None, EXAMINED_MAX)? {
        Sought::Found(record) if is_shown(&record) => {
            let made = ApiCall::from_bytes(&record.fact.call);
            made.map(|made| (record, made)).ok_or_else(unknown)
        }
        Sought::Found(_) | Sought::Absent => Err(unknown_at(id)),
        Sought::Unfinished(_) => Err(not_found_soon(id)),
    })
}

/// The sessions behind a caller, back to who first signed with a long-term key.
fn chain(call: &Call<'_>, caller: &RecordedCaller) -> Result<Vec<api::ChainLink>, CallError> {
    let mut links = Vec::new();
    let mut session = caller.session.clone();
    while let Some(current) = session.take().filter(|_| links.len() < CHAIN_LENGTH_MAX) {
        let Ok((_, issuing)) = find(call, current.issued_by)? else {
            break;
        };
        links.push(api::ChainLink {
            request_id: Some(issuing.request_id.to_string()),
            time: Timestamp::from_millis(issuing.time_ms),
            operation: Some(format!("{}:{}", issuing.service, issuing.operation)),
            arn: Some(view::arn(&issuing.caller)),
            source_identity: current.source_identity,
        });
        session = issuing.caller.session;
    }
    Ok(links)
}

fn question_explained(
    call: &mut Call<'_>,
    record: &Record,
    made: &ApiCall,
    question: &Question,
    services: &Services,
) -> Result<api::ExplainedQuestion, CallError> {
    let mut shown = recorded(question);
    let mut past = match state_of(call, record) {
        Ok(past) => past,
        Err(note) => {
            return Ok(api::ExplainedQuestion {
                note: Some(note),
                ..shown
            });
        }
    };
    let mut then = Call {
        tx: &mut past,
        context: call.context,
        env: call.env,
        random: call.random,
        notes: Default::default(),
        made: call.made,
    };
    let caller = made.caller.to_caller();
    let Some(authority) = Authority::of(then.tx, then.env, &caller)? else {
        shown.note =
            Some("the principal is gone, so its policies cannot be asked again".to_owned());
        return Ok(shown);
    };
    let resource = resource_now(&mut then, services, question)?;
    let context = context(question);
    let ask = Ask {
        action: &question.action,
        resource: &resource,
        context: &context,
        now_ms: made.time_ms,
    };
    let case = authority.case(then.tx, then.env, &ask)?;
    let explanation = explain(&case.request(), &case.layers());
    if explanation.reason.to_string() != question.reason {
        shown.note = Some(format!(
            "asked again the answer is {}: what the call was decided on is no longer all there",
            explanation.reason
        ));
    }
    let viewer = Viewer {
        account: call.account().clone(),
        principal: made.caller.account.clone(),
        resource: case.resource_account().clone(),
    };
    if viewer.resource == viewer.account {
        shown.nearly = Some(nearly::grants(&explanation, &resource));
    }
    viewer.fill(&mut shown, explanation);
    Ok(shown)
}

/// The state a call was decided on; `Err` says why it cannot be read.
fn state_of(call: &Call<'_>, record: &Record) -> Result<Tx, String> {
    match record.branch {
        Some(branch) => call
            .env
            .store
            .begin_on(branch)
            .map_err(|_| "the branch is gone, and its policies with it".to_owned()),
        None => call
            .env
            .store
            .as_of(record.read_at)
            .map_err(|error| error.to_string()),
    }
}

/// The resource of a recorded question in the state of `call`: its tags and policy, where a service knows it.
pub fn resource_now(
    call: &mut Call<'_>,
    services: &Services,
    question: &Question,
) -> Result<Resource, CallError> {
    let named = Resource {
        account: question.resource_account.clone(),
        ..Resource::named(question.resource.clone())
    };
    let Ok(arn) = question.resource.parse::<Arn>() else {
        return Ok(named);
    };
    let Some(service) = services.of_namespace(arn.service()) else {
        return Ok(named);
    };
    let found = service.resource(call, &arn, &question.action)?;
    Ok(found.map_or(named, |found| Resource {
        account: question.resource_account.clone(),
        ..found
    }))
}

/// The condition keys of a recorded question.
pub fn context(question: &Question) -> Context {
    let mut context = Context::new();
    for (key, values) in &question.context {
        match &values[..] {
            [value] => context.set(key, value.as_str()),
            _ => context.set(key, values.clone()),
        }
    }
    context
}

fn recorded(question: &Question) -> api::ExplainedQuestion {
    let entries = question
        .context
        .iter()
        .map(|(key, values)| api::ContextEntry {
            key: Some(key.clone()),
            values: Some(values.clone()),
        });
    api::ExplainedQuestion {
        action: Some(question.action.clone()),
        resource: Some(question.resource.clone()),
        allowed: Some(question.allowed),
        reason: Some(question.reason.clone()),
        context: Some(entries.collect()),
        deciding: Some(Vec::new()),
        considered: Some(Vec::new()),
        other_outcome: Some(Vec::new()),
        hidden: Some(Vec::new()),
        nearly: Some(Vec::new()),
        note: None,
    }
}

/// Who looks at whose policies: each account sees its own, and of another's only whether they allowed it.
struct Viewer {
    account: AccountId,
    principal: AccountId,
    resource: AccountId,
}

impl Viewer {
    fn owner(&self, layer: Layer) -> &AccountId {
        match layer {
            Layer::Rcp | Layer::Resource => &self.resource,
            Layer::Scp | Layer::Identity | Layer::Boundary | Layer::Session => &self.principal,
        }
    }

    fn fill(&self, shown: &mut api::ExplainedQuestion, explanation: Explanation) {
        let (visible, hidden): (Vec<_>, Vec<_>) = explanation
            .statements
            .iter()
            .partition(|trace| *self.owner(trace.layer) == self.account);
        shown.deciding = Some(
            visible
                .iter()
                .filter(|trace| trace.decided)
                .map(|trace| considered(trace))
                .collect(),
        );
        shown.considered = Some(visible.iter().map(|trace| considered(trace)).collect());
        let foreign: BTreeSet<&AccountId> =
            hidden.iter().map(|trace| self.owner(trace.layer)).collect();
        let verdict = |account: &AccountId| {
            let decided = hidden
                .iter()
                .any(|trace| self.owner(trace.layer) == account && trace.decided);
            let denied = explanation
                .reason
                .layer()
                .is_some_and(|layer| self.owner(layer) == account);
            let word = if denied {
                "did not allow it"
            } else if decided {
                "allowed it"
            } else {
                "did not decide"
            };
            format!("policies of account {account} {word}; they are shown to that account only")
        };
        let exempt = explanation
            .exempt
            .iter()
            .map(|(layer, why)| format!("{} policies: {why}", layer.as_str()));
        shown.hidden = Some(foreign.into_iter().map(verdict).chain(exempt).collect());
        // What another account would have to change would tell what it has.
        if hidden.is_empty() {
            shown.other_outcome = Some(explanation.other_outcome);
        }
    }
}

fn considered(trace: &StatementTrace) -> api::Considered {
    let failed = trace.failed.first();
    api::Considered {
        layer: Some(trace.layer.as_str().to_owned()),
        policy: Some(trace.policy.clone()),
        statement: i32::try_from(trace.index).ok(),
        sid: trace.sid.clone(),
        effect: Some(trace.effect.as_str().to_owned()),
        matched: Some(trace.applies()),
        failed_element: failed.map(|failure| failure.element.clone()),
        detail: failed.map(|failure| failure.detail()),
    }
}

/// Whether an account may see a failure: the claimed key is one of its own, or tells no account.
fn is_about(failure: &Failure, account: &AccountId) -> bool {
    ids::account_of_access_key(&failure.key.access_key_id).is_none_or(|claimed| claimed == *account)
}

/// No id of a request at all.
fn unknown() -> ApiError {
    errors::resource_not_found_exception("No call with this id is on record in this account.")
}

/// Nothing where a call with that id would be.
fn unknown_at(id: Uuid) -> ApiError {
    errors::resource_not_found_exception(match time_of(id) {
        Some(made) => format!(
            "No call with this id is on record in this account. It was looked for among what was committed from {made} on, the time in the id, for {} minutes.",
            REQUEST_WINDOW.as_secs() / 60
        ),
        None => {
            "No call with this id is on record in this account: it is not an id that this server makes, for it has no time in it.".to_owned()
        }
    })
}

/// There is too much where it would be to look at it all for one call.
fn not_found_soon(id: Uuid) -> ApiError {
    let made = time_of(id).map_or_else(String::new, |made| format!(" ({made})"));
    errors::resource_not_found_exception(format!(
        "No call with this id was found in this account among the first {EXAMINED_MAX} records from the time in the id{made} on, which is as far as one call searches."
    ))
}

/// The time in a request's or an event's id.
fn time_of(id: Uuid) -> Option<Timestamp> {
    let made = id.get_timestamp().filter(|_| id.get_version_num() == 7)?;
    let (seconds, nanoseconds) = made.to_unix();
    let millis = i64::try_from(seconds).ok()? * 1000 + i64::from(nanoseconds / 1_000_000);
    Timestamp::from_millis(millis)
}
