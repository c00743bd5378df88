//! `Replay`: the recorded questions of a period, put to today's state and to a branch.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use palisade_core::authorize::{Ask, Authority};
use palisade_core::made::Made;
use palisade_core::record::{ApiCall, Question};
use palisade_core::{
    Call, CallContext, CallError, Environment, Handlers, Notes, OsRandom, Resource, Services,
};
use palisade_model::Timestamp;
use palisade_store::{Millis, Record, Tx};

use crate::api::{self, errors};
use crate::{Surroundings, branches, explain, view};

pub fn register(handlers: Handlers, surroundings: &Arc<Surroundings>) -> Handlers {
    let surroundings = Arc::clone(surroundings);
    handlers.on(
        "Replay",
        move |call: &mut Call<'_>, input: api::ReplayRequest| {
            answer(call, &input, &surroundings.services())
        },
    )
}

fn answer(
    call: &mut Call<'_>,
    input: &api::ReplayRequest,
    services: &Services,
) -> Result<api::ReplayResponse, CallError> {
    let id = branches::parse(&input.branch_id)?;
    let branch = call.env.store.begin_on(id).map_err(|_| branches::gone())?;
    let today = call.env.store.begin()?;
    let until_ms = input.until.map_or(i64::MAX, Timestamp::millis);
    let since = Millis(u64::try_from(input.since.millis()).unwrap_or(0));
    let journal = call.env.store.journal();
    let after = journal.position_at(since)?;
    let horizon = journal.horizons().journal;
    if after < horizon {
        return Err(errors::horizon_exception(format!(
            "The journal is kept from position {horizon} on."
        ))
        .into());
    }
    let mut replay = Replay::new(call.context, call.env, services, today, branch);
    let mut failed = None;
    journal.read(
        after,
        &mut |record| match replay.record(&record, until_ms) {
            Ok(flow) => flow,
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    match failed {
        Some(error) => Err(error),
        None => Ok(replay.report()),
    }
}

/// A state that questions are put to, and what was already read of it: a period's questions are many, its principals few.
struct State {
    tx: Tx,
    authorities: HashMap<Vec<u8>, Option<Arc<Authority>>>,
    /// By action too: which policy a resource has may hang on it.
    resources: HashMap<(String, String), Arc<Resource>>,
}

/// A kind of change: who, what, from which answer to which.
type Kind = (String, String, bool, bool);

struct Replay<'a> {
    context: &'a CallContext,
    env: &'a Environment,
    services: &'a Services,
    today: State,
    branch: State,
    flips: BTreeMap<Kind, api::Flip>,
    already_changed: BTreeMap<Kind, api::Flip>,
    asked: i64,
    undetermined: i64,
}

impl<'a> Replay<'a> {
    fn new(
        context: &'a CallContext,
        env: &'a Environment,
        services: &'a Services,
        today: Tx,
        branch: Tx,
    ) -> Self {
        Self {
            context,
            env,
            services,
            today: State::new(today),
            branch: State::new(branch),
            flips: BTreeMap::new(),
            already_changed: BTreeMap::new(),
            asked: 0,
            undetermined: 0,
        }
    }

    /// Puts the questions of a record. Only what the caller's own account asked: of another's nothing is shown.
    fn record(&mut self, record: &Record, until_ms: i64) -> Result<ControlFlow<()>, CallError> {
        if record.branch.is_some() || record.fact.questions.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(made) = ApiCall::from_bytes(&record.fact.call) else {
            return Ok(ControlFlow::Continue(()));
        };
        if made.time_ms > until_ms {
            return Ok(ControlFlow::Break(()));
        }
        if made.caller.account == *self.context.account() {
            for question in Question::list_from_bytes(&record.fact.questions).unwrap_or_default() {
                self.question(&made, &question)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn question(&mut self, made: &ApiCall, question: &Question) -> Result<(), CallError> {
        self.asked += 1;
        let seams = (self.context, self.env, self.services);
        let (today, branch) = (
            self.today.answer(seams, made, question)?,
            self.branch.answer(seams, made, question)?,
        );
        let (Some(today), Some(branch)) = (today, branch) else {
            self.undetermined += 1;
            return Ok(());
        };
        if today.allowed != question.allowed {
            note(
                &mut self.already_changed,
                made,
                question,
                question.allowed,
                &today,
            );
        }
        if branch.allowed != today.allowed {
            note(&mut self.flips, made, question, today.allowed, &branch);
        }
        Ok(())
    }

    fn report(self) -> api::ReplayResponse {
        api::ReplayResponse {
            flips: Some(self.flips.into_values().collect()),
            already_changed: Some(self.already_changed.into_values().collect()),
            questions_asked: Some(self.asked),
            undetermined: Some(self.undetermined),
        }
    }
}

/// What a state answers to a question.
struct Answer {
    allowed: bool,
    reason: String,
}

impl State {
    fn new(tx: Tx) -> Self {
        Self {
            tx,
            authorities: HashMap::new(),
            resources: HashMap::new(),
        }
    }

    /// `None`: the principal is not there in this state.
    fn answer(
        &mut self,
        (context, env, services): (&CallContext, &Environment, &Services),
        made: &ApiCall,
        question: &Question,
    ) -> Result<Option<Answer>, CallError> {
        let who = made.caller.fingerprint();
        let authority = match self.authorities.get(&who) {
            Some(known) => known.clone(),
            None => {
                let found =
                    Authority::of(&mut self.tx, env, &made.caller.to_caller())?.map(Arc::new);
                self.authorities.insert(who, found.clone());
                found
            }
        };
        let Some(authority) = authority else {
            return Ok(None);
        };
        let place = (question.action.clone(), question.resource.clone());
        let resource = match self.resources.get(&place) {
            Some(known) => Arc::clone(known),
            None => {
                let mut random = OsRandom;
                let mut call = Call {
                    tx: &mut self.tx,
                    context,
                    env,
                    random: &mut random,
                    notes: Notes::default(),
                    made: &mut Made::default(),
                };
                let found = Arc::new(explain::resource_now(&mut call, services, question)?);
                self.resources.insert(place, Arc::clone(&found));
                found
            }
        };
        let keys = explain::context(question);
        let ask = Ask {
            action: &question.action,
            resource: &resource,
            context: &keys,
            now_ms: made.time_ms,
        };
        let case = authority.case(&mut self.tx, env, &ask)?;
        let decision = case.decide();
        Ok(Some(Answer {
            allowed: decision.is_allowed(),
            reason: decision.reason.to_string(),
        }))
    }
}

fn note(
    flips: &mut BTreeMap<Kind, api::Flip>,
    made: &ApiCall,
    question: &Question,
    from: bool,
    to: &Answer,
) {
    let principal = view::arn(&made.caller);
    let kind = (principal.clone(), question.action.clone(), from, to.allowed);
    let word = |allowed: bool| Some(if allowed { "allowed" } else { "denied" }.to_owned());
    let flip = flips.entry(kind).or_insert_with(|| api::Flip {
        principal: Some(principal),
        action: Some(question.action.clone()),
        from: word(from),
        to: word(to.allowed),
        count: Some(0),
        reason: Some(to.reason.clone()),
        example_request_id: Some(made.request_id.to_string()),
        example_resource: Some(question.resource.clone()),
        example_time: Timestamp::from_millis(made.time_ms),
    });
    flip.count = flip.count.map(|count| count + 1);
}
