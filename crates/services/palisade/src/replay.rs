//! `Replay`: the recorded questions of a period, put to today's state and to a branch.
//!
//! A call may also fail for the state of what it names, whatever the policies say: that is asked of the service, of calls that went
//! well. Resources that the branch makes useless are told with what they were used for in the period.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use palisade_core::authorize::{Ask, Authority};
use palisade_core::made::Made;
use palisade_core::record::{ApiCall, Outcome, Question};
use palisade_core::{
    Arn, Call, CallContext, CallError, Environment, Handlers, Notes, OsRandom, Resource, Services,
    Standing,
};
use palisade_model::Timestamp;
use palisade_store::{History, Millis, Record, Tx};

use crate::api::{self, errors};
use crate::usage::Tally;
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
    for arn in branches::touched(call, id)? {
        replay.watch(&arn)?;
    }
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
type Kind = (String, String, &'static str, &'static str);

const ALLOWED: &str = "allowed";
const DENIED: &str = "denied";
/// Allowed, and refused by the state of what is named.
const FAILED: &str = "failed";

/// A resource that can be used today and not on the branch, and its uses in the period.
struct Lost {
    before: Standing,
    after: Option<Standing>,
    tally: Tally,
}

struct Replay<'a> {
    context: &'a CallContext,
    env: &'a Environment,
    services: &'a Services,
    today: State,
    branch: State,
    flips: BTreeMap<Kind, api::Flip>,
    already_changed: BTreeMap<Kind, api::Flip>,
    lost: BTreeMap<String, Lost>,
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
            lost: BTreeMap::new(),
            asked: 0,
            undetermined: 0,
        }
    }

    /// Counts the uses of a resource, if the branch makes it useless.
    fn watch(&mut self, name: &str) -> Result<(), CallError> {
        let Ok(arn) = &name.parse::<Arn>() else {
            return Ok(());
        };
        let services = self.services;
        let Some(service) = services.of_namespace(arn.service()) else {
            return Ok(());
        };
        let seams = (self.context, self.env);
        let before = self.today.with(seams, |call| service.standing(call, arn))?;
        let after = self
            .branch
            .with(seams, |call| service.standing(call, arn))?;
        let Some(before) = before.filter(|before| before.usable) else {
            return Ok(());
        };
        if after.as_ref().is_some_and(|after| after.usable) {
            return Ok(());
        }
        let lost = Lost {
            tally: Tally::new(name, self.context.account()),
            before,
            after,
        };
        self.lost.insert(name.to_owned(), lost);
        Ok(())
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
        let is_own = made.caller.account == *self.context.account();
        let is_shown = |history: &History| history.account == self.context.account().as_str();
        let counts = !self.lost.is_empty() && record.fact.histories.iter().any(is_shown);
        if !is_own && !counts {
            return Ok(ControlFlow::Continue(()));
        }
        let questions = Question::list_from_bytes(&record.fact.questions).unwrap_or_default();
        if counts {
            for lost in self.lost.values_mut() {
                lost.tally.add(&made, &questions);
            }
        }
        if is_own {
            let mut may = true;
            for question in &questions {
                may &= self.question(&made, question)?;
            }
            if may && made.outcome == Outcome::Success {
                self.state(&made)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Asks whether a call that may be made fails on the branch for the state of what it names.
    fn state(&mut self, made: &ApiCall) -> Result<(), CallError> {
        let services = self.services;
        let Some(service) = services.get(&made.service) else {
            return Ok(());
        };
        let seams = (self.context, self.env);
        let Some(reason) = self
            .branch
            .with(seams, |call| service.refuses(call, made))?
        else {
            return Ok(());
        };
        let today = self.today.with(seams, |call| service.refuses(call, made))?;
        let resource = made.resources.first().map(|one| one.arn.clone());
        let change = |reason: String, from: &'static str| Change {
            action: format!("{}:{}", made.service, made.operation),
            resource: resource.unwrap_or_default(),
            from,
            to: FAILED,
            reason,
        };
        match today {
            None => note(&mut self.flips, made, change(reason, ALLOWED)),
            Some(reason) => note(&mut self.already_changed, made, change(reason, ALLOWED)),
        }
        Ok(())
    }

    /// Puts one; whether it is allowed today and on the branch.
    fn question(&mut self, made: &ApiCall, question: &Question) -> Result<bool, CallError> {
        self.asked += 1;
        let seams = (self.context, self.env, self.services);
        let (today, branch) = (
            self.today.answer(seams, made, question)?,
            self.branch.answer(seams, made, question)?,
        );
        let (Some(today), Some(branch)) = (today, branch) else {
            self.undetermined += 1;
            return Ok(false);
        };
        let may = today.allowed && branch.allowed;
        let change = |from: bool, to: Answer| Change {
            action: question.action.clone(),
            resource: question.resource.clone(),
            from: word(from),
            to: word(to.allowed),
            reason: to.reason,
        };
        let (is, was) = (today.allowed, question.allowed);
        if is != was {
            note(&mut self.already_changed, made, change(was, today));
        }
        if branch.allowed != is {
            note(&mut self.flips, made, change(is, branch));
        }
        Ok(may)
    }

    fn report(self) -> api::ReplayResponse {
        api::ReplayResponse {
            flips: Some(self.flips.into_values().collect()),
            lost: Some(self.lost.into_iter().map(lost).collect()),
            already_changed: Some(self.already_changed.into_values().collect()),
            questions_asked: Some(self.asked),
            undetermined: Some(self.undetermined),
        }
    }
}

fn lost((arn, lost): (String, Lost)) -> api::LostResource {
    let dependents = lost.before.dependents.into_iter();
    let dependents = dependents.map(|(kind, name)| api::Dependent {
        kind: Some(kind.to_owned()),
        name: Some(name),
    });
    api::LostResource {
        arn: Some(arn),
        before: Some(lost.before.state),
        after: lost.after.map(|after| after.state),
        ciphertexts: Some(lost.tally.ciphertexts()),
        uses_untold: Some(lost.tally.is_full()),
        uses: Some(lost.tally.uses()),
        dependents: Some(dependents.collect()),
        dependents_untold: Some(lost.before.more),
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

    /// Looks at the state as a call would.
    fn with<T>(
        &mut self,
        (context, env): (&CallContext, &Environment),
        look: impl FnOnce(&mut Call<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        look(&mut Call {
            tx: &mut self.tx,
            context,
            env,
            random: &mut OsRandom,
            notes: Notes::default(),
            made: &mut Made::default(),
        })
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
                let ask = |call: &mut Call<'_>| explain::resource_now(call, services, question);
                let found = Arc::new(self.with((context, env), ask)?);
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

fn word(allowed: bool) -> &'static str {
    if allowed { ALLOWED } else { DENIED }
}

/// What is answered otherwise.
struct Change {
    action: String,
    resource: String,
    from: &'static str,
    to: &'static str,
    reason: String,
}

fn note(flips: &mut BTreeMap<Kind, api::Flip>, made: &ApiCall, change: Change) {
    let principal = view::arn(&made.caller);
    let kind = (
        principal.clone(),
        change.action.clone(),
        change.from,
        change.to,
    );
    let flip = flips.entry(kind).or_insert_with(|| api::Flip {
        principal: Some(principal),
        action: Some(change.action),
        from: Some(change.from.to_owned()),
        to: Some(change.to.to_owned()),
        count: Some(0),
        reason: Some(change.reason),
        example_request_id: Some(made.request_id.to_string()),
        example_resource: Some(change.resource),
        example_time: Timestamp::from_millis(made.time_ms),
    });
    flip.count = flip.count.map(|count| count + 1);
}
