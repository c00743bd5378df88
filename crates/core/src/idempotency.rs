//! Idempotency tokens: a call that is made again with its token is answered again, and done once.
//!
//! One table for all services: whatever operation's input has such a member gets this from the front, before its handler is reached.
//! A token counts for one account, region and operation, for a day (EC2 Developer Guide, "Ensuring idempotency in Amazon EC2 API
//! requests": the same token in another region is another request; other services that say how long say 8 to 36 hours). Calls that
//! failed are not kept: they may be tried again.

use palisade_model::{Structure, persist};
use palisade_store::Table;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Call, CallError, Sealed};

/// How long a token counts, in milliseconds.
pub const LIFETIME_MS: i64 = DAY_MS;

const DAY_MS: i64 = 24 * 3600 * 1000;
const PURPOSE: &str = "idempotent-answer";

/// How many outlived answers one call clears away, and how many days back it looks for them.
const CLEARED_MAX: usize = 8;
const CLEARED_DAYS: i64 = 7;

/// Answers by the day they were given, account, region, operation and token. The day comes first, so that what has outlived its day
/// can be cleared away without touching what calls of today write.
static ANSWERS: Table<(u64, String, String, String, String), Answer> =
    Table::new("core.idempotent-answer");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Answer {
    given_ms: i64,
    /// SHA-256 of the input.
    asked: [u8; 32],
    /// The output, sealed: it may hold what only its caller may see.
    answer: Sealed,
}

/// A token as a call gave it, and what was asked with it.
#[derive(Clone, Debug)]
pub struct Token {
    region: String,
    operation: String,
    /// SHA-256 of the token, in hexadecimal: clients may send long ones.
    token: String,
    asked: [u8; 32],
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Earlier {
    /// Nothing: the call is to be done.
    Unknown,
    /// The same was asked, and answered so.
    Answered(Structure),
    /// Something else was asked with it.
    AskedOtherwise,
}

impl Token {
    /// The token of a call to `operation` (`service:Operation`) in `region`. `None` where the input is a stream, which nobody can
    /// compare.
    pub fn new(region: &str, operation: &str, token: &str, input: &Structure) -> Option<Self> {
        let input = persist::to_bytes(input).ok()?;
        let hash = Sha256::digest(token);
        Some(Self {
            region: region.to_owned(),
            operation: operation.to_owned(),
            token: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            asked: Sha256::digest(input).into(),
        })
    }

    /// What was answered to it before.
    pub fn earlier(&self, call: &Call<'_>) -> Result<Earlier, CallError> {
        let today = day(call.now_ms());
        for day in [today, today.saturating_sub(1)] {
            let Some(found) = call.tx.get(&ANSWERS, &self.key(call, day))? else {
                continue;
            };
            if call.now_ms() - found.given_ms >= LIFETIME_MS {
                continue;
            }
            if found.asked != self.asked {
                return Ok(Earlier::AskedOtherwise);
            }
            let opened = call
                .env
                .seal
                .open(PURPOSE, &self.owner(call), &found.answer);
            let answer = opened
                .ok()
                .and_then(|plain| persist::from_bytes(&plain).ok());
            // One that does not open was sealed under a key that is gone: as if it had outlived its day.
            return Ok(answer.map_or(Earlier::Unknown, Earlier::Answered));
        }
        Ok(Earlier::Unknown)
    }

    /// Keeps the answer in the call's own transaction, and clears some away that nobody can ask for any more.
    pub fn keep(&self, call: &mut Call<'_>, output: &Structure) -> Result<(), CallError> {
        let Ok(plain) = persist::to_bytes(output) else {
            return Ok(()); // a stream is gone once it is sent
        };
        let answer = Answer {
            given_ms: call.now_ms(),
            asked: self.asked,
            answer: call
                .env
                .seal
                .seal(PURPOSE, &self.owner(call), &plain, call.random),
        };
        let today = day(call.now_ms());
        clear(call, today)?;
        let key = self.key(call, today);
        Ok(call.tx.put(&ANSWERS, &key, &answer)?)
    }

    fn key(&self, call: &Call<'_>, day: u64) -> (u64, String, String, String, String) {
        let account = call.account().as_str().to_owned();
        (
            day,
            account,
            self.region.clone(),
            self.operation.clone(),
            self.token.clone(),
        )
    }

    fn owner(&self, call: &Call<'_>) -> String {
        format!(
            "{}/{}/{}/{}",
            call.account(),
            self.region,
            self.operation,
            self.token
        )
    }
}

fn day(ms: i64) -> u64 {
    u64::try_from(ms.div_euclid(DAY_MS)).unwrap_or(0)
}

/// Yesterday's may still count; those of the days before do not.
fn clear(call: &mut Call<'_>, today: u64) -> Result<(), CallError> {
    let mut left = CLEARED_MAX;
    for back in 2..2 + CLEARED_DAYS as u64 {
        let Some(day) = today.checked_sub(back) else {
            break;
        };
        let outlived = call.tx.range(&ANSWERS, &(day,), None, left)?;
        left -= outlived.len();
        for (key, _) in outlived {
            call.tx.delete(&ANSWERS, &key)?;
        }
        if left == 0 {
            break;
        }
    }
    Ok(())
}
