//! What came from outside, kept beside what it led to: a finish can be understood, and run again, without asking twice.

use palisade_store::Table;
use serde::{Deserialize, Serialize};

use crate::{Call, CallError, Sealed};

/// A plan and the outside answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideAnswer {
    /// The plan that was acted on.
    pub plan: Vec<u8>,
    /// What came back; an error is an answer too.
    pub answer: Result<Vec<u8>, String>,
}

/// Answers by the request that asked for them, sealed: they may hold secrets.
static ANSWERS: Table<(String,), Sealed> = Table::new("core.outside-answer");

const PURPOSE: &str = "outside-answer";

/// Keeps the answer in the transaction of the finish.
pub fn keep(call: &mut Call<'_>, operation: &str, answer: &OutsideAnswer) -> Result<(), CallError> {
    let id = call.context.request_id.to_string();
    let plain = rmp_serde::to_vec(answer).expect("plain data serialises");
    let sealed = call
        .env
        .seal
        .seal(PURPOSE, &format!("{operation}/{id}"), &plain, call.random);
    Ok(call.tx.put(&ANSWERS, &(id.as_str(),), &sealed)?)
}

/// The answer that a request got; `None` if it asked nothing outside.
pub fn recall(
    call: &Call<'_>,
    operation: &str,
    request_id: uuid::Uuid,
) -> Result<Option<OutsideAnswer>, CallError> {
    let id = request_id.to_string();
    let Some(sealed) = call.tx.get(&ANSWERS, &(id.as_str(),))? else {
        return Ok(None);
    };
    let plain = call
        .env
        .seal
        .open(PURPOSE, &format!("{operation}/{id}"), &sealed);
    Ok(plain
        .ok()
        .and_then(|plain| rmp_serde::from_slice(&plain).ok()))
}
