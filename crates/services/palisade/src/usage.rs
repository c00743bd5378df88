//! `GetKeyUsage`: who used a key, counted from the journal.
//!
//! A use is a call that asked for one of the actions below on the key, whatever came of it. The journal's history of the key's account
//! and Region is read, newest first, a bounded part of it a call; whoever asks adds the parts up.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use palisade_core::record::{ApiCall, Outcome, Question, RecordedCaller};
use palisade_core::{AccountId, Arn, Call, CallError, Handlers, Identity, Listing};
use palisade_model::{ApiError, Timestamp};
use palisade_store::{History, Position, Record};
use serde_json::Value as Json;

use crate::api::{self, errors};
use crate::{Surroundings, keys, period};

/// How many records one call looks at.
const EXAMINED_MAX: usize = 200_000;

/// How many kinds of use one call tells apart; it ends before there are more.
const KINDS_MAX: usize = 2_000;

/// The actions that are use of a key (`KeyLastUsageTrackingOperation` of the KMS model, ReEncrypt by its two sides), each with whether
/// a ciphertext is made by it.
const ACTIONS: [(&str, bool); 15] = [
    ("Decapsulate", false),
    ("Decrypt", false),
    ("DeriveSharedSecret", false),
    ("Encapsulate", true),
    ("Encrypt", true),
    ("GenerateDataKey", true),
    ("GenerateDataKeyPair", true),
    ("GenerateDataKeyPairWithoutPlaintext", true),
    ("GenerateDataKeyWithoutPlaintext", true),
    ("GenerateMac", false),
    ("ReEncryptFrom", false),
    ("ReEncryptTo", true),
    ("Sign", false),
    ("Verify", false),
    ("VerifyMac", false),
];

pub fn register(handlers: Handlers, surroundings: &Arc<Surroundings>) -> Handlers {
    let surroundings = Arc::clone(surroundings);
    handlers.on(
        "GetKeyUsage",
        move |call: &mut Call<'_>, input: api::GetKeyUsageRequest| {
            answer(call, &input, &surroundings)
        },
    )
}

fn answer(
    call: &mut Call<'_>,
    input: &api::GetKeyUsageRequest,
    surroundings: &Surroundings,
) -> Result<api::GetKeyUsageResponse, CallError> {
    let key = keys::named(&surroundings.services(), call, &input.key_id)?;
    let arn = keys::arn(&key)?;
    let filter = format!("{}\0{}", key.arn, input.period);
    let listing = Listing::open(call, "GetKeyUsage", &filter, input.next_token.as_deref())
        .map_err(|_| invalid_token())?;
    let before = match listing.after() {
        None => Position(u64::MAX),
        Some(bytes) => {
            let bytes = bytes.try_into().map_err(|_| invalid_token())?;
            Position(u64::from_be_bytes(bytes))
        }
    };
    let since = call.tx.time().minus(period::parse(&input.period)?);
    let journal = call.env.store.journal();
    let horizon = journal.horizons().journal;
    if before == Position(u64::MAX) && journal.position_at(since)? < horizon {
        return Err(errors::horizon_exception(format!(
            "The journal is kept from position {horizon} on."
        ))
        .into());
    }
    let since_ms = i64::try_from(since.0).unwrap_or(i64::MAX);
    let mut tally = Tally::new(&key.arn, call.account());
    let mut examined = 0;
    let mut reached = None;
    journal.history(&history(&arn), before, &mut |record| {
        if examined == EXAMINED_MAX || tally.kinds.len() >= KINDS_MAX {
            return ControlFlow::Break(());
        }
        if record.committed < since {
            return ControlFlow::Break(());
        }
        examined += 1;
        reached = Some(record.position);
        tally.record(&record, since_ms);
        ControlFlow::Continue(())
    })?;
    let is_full = examined == EXAMINED_MAX || tally.kinds.len() >= KINDS_MAX;
    let reached = reached.filter(|_| is_full);
    let next_token = reached.map(|position| listing.next(call, &position.0.to_be_bytes()));
    Ok(api::GetKeyUsageResponse {
        key_arn: Some(key.arn.clone()),
        since: Timestamp::from_millis(since_ms),
        uses: Some(tally.uses()),
        examined: Some(i64::try_from(examined).unwrap_or(i64::MAX)),
        next_token,
    })
}

/// The history that shows what is done with a key: that of its account and Region.
fn history(key: &Arn) -> History {
    let account = key.account().map_or("", AccountId::as_str);
    History::new(account, key.region())
}

fn invalid_token() -> ApiError {
    ApiError::sender(
        "ValidationException",
        "The token is not valid, or was given out for another key or period.",
    )
}

/// What uses have in common that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    principal: String,
    account: String,
    /// The AWS service that called for the principal.
    via: Option<String>,
    operation: String,
    outcome: &'static str,
    material: Option<String>,
    context_keys: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    count: i64,
    first_ms: i64,
    last_ms: i64,
}

/// The uses of one key, added up.
pub struct Tally {
    key: String,
    viewer: AccountId,
    kinds: BTreeMap<Kind, Count>,
    /// Uses of kinds beyond the most that are told apart.
    untold: i64,
}

impl Tally {
    /// No uses yet. What `viewer` may not see of another account's callers is left out.
    pub fn new(key: &str, viewer: &AccountId) -> Self {
        Self {
            key: key.to_owned(),
            viewer: viewer.clone(),
            kinds: BTreeMap::new(),
            untold: 0,
        }
    }

    /// Whether there are uses that are not told, for they are of too many kinds.
    pub fn is_full(&self) -> bool {
        self.untold > 0
    }

    /// How many ciphertexts were given out under the key.
    pub fn ciphertexts(&self) -> i64 {
        let made = |kind: &Kind| {
            let makes = |(name, makes): &(&str, bool)| *name == kind.operation && *makes;
            kind.outcome == "success" && ACTIONS.iter().any(makes)
        };
        let counted = self.kinds.iter().filter(|(kind, _)| made(kind));
        counted.map(|(_, count)| count.count).sum()
    }

    fn record(&mut self, record: &Record, since_ms: i64) {
        if record.branch.is_some() {
            return;
        }
        let Some(made) = ApiCall::from_bytes(&record.fact.call) else {
            return;
        };
        if made.service != "kms" || made.time_ms < since_ms {
            return;
        }
        let questions = Question::list_from_bytes(&record.fact.questions).unwrap_or_default();
        self.add(&made, &questions);
    }

    /// Counts a call of KMS, if it used the key.
    pub fn add(&mut self, made: &ApiCall, questions: &[Question]) {
        for question in questions.iter().filter(|asked| asked.resource == self.key) {
            let Some(operation) = question.action.strip_prefix("kms:") else {
                continue;
            };
            if !ACTIONS.iter().any(|(name, _)| *name == operation) {
                continue;
            }
            let kind = self.kind(made, operation, question);
            if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind) {
                self.untold += 1;
                continue;
            }
            let count = self.kinds.entry(kind).or_insert(Count {
                count: 0,
                first_ms: made.time_ms,
                last_ms: made.time_ms,
            });
            count.count += 1;
            count.first_ms = count.first_ms.min(made.time_ms);
            count.last_ms = count.last_ms.max(made.time_ms);
        }
    }

    fn kind(&self, made: &ApiCall, operation: &str, question: &Question) -> Kind {
        let data = made.additional_event_data.as_deref().unwrap_or("null");
        let data: Json = serde_json::from_str(data).unwrap_or_default();
        let material = match operation {
            "ReEncryptFrom" => "sourceKeyMaterialId",
            "ReEncryptTo" => "destinationKeyMaterialId",
            _ => "keyMaterialId",
        };
        let of = |name: &str| {
            let mut keys = question.context.iter();
            keys.find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, values)| values.clone())
        };
        let mut context_keys = of("kms:EncryptionContextKeys").unwrap_or_default();
        context_keys.sort();
        Kind {
            principal: self.principal(&made.caller),
            account: made.caller.account.to_string(),
            via: of("kms:ViaService").and_then(|names| names.into_iter().next()),
            operation: operation.to_owned(),
            outcome: match made.outcome {
                Outcome::Success => "success",
                Outcome::Denied { .. } => "denied",
                Outcome::Failed { .. } => "failed",
            },
            material: data[material].as_str().map(str::to_owned),
            context_keys,
        }
    }

    /// A session counts for its role. Of another account's caller its unique id is known and no name, as in its event.
    fn principal(&self, caller: &RecordedCaller) -> String {
        match &caller.identity {
            _ if caller.account != self.viewer => {
                let id = caller.user_id();
                id.split_once(':')
                    .map_or(id.clone(), |(id, _)| id.to_owned())
            }
            Identity::RoleSession { role, .. } => role.arn(),
            _ => caller.arn(),
        }
    }

    /// The uses, as answers show them: those counted most come first.
    pub fn uses(self) -> Vec<api::KeyUse> {
        let mut all: Vec<_> = self.kinds.into_iter().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(count.count));
        all.into_iter()
            .map(|(kind, count)| api::KeyUse {
                principal: Some(kind.principal),
                account: Some(kind.account),
                via: kind.via,
                operation: Some(kind.operation),
                outcome: Some(kind.outcome.to_owned()),
                key_material_id: kind.material,
                context_keys: Some(kind.context_keys),
                count: Some(count.count),
                first: Timestamp::from_millis(count.first_ms),
                last: Timestamp::from_millis(count.last_ms),
            })
            .collect()
    }
}
