//! `AdvanceClock`: lets days pass at once, in development mode. State time moves, and with it everything that is reckoned by it; the
//! machine's clock, which signatures are checked by, does not.
//!
//! How far state time runs ahead is a row, so that a restart does not go back.

use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Call, CallError, Handlers};
use palisade_model::{ApiError, Timestamp};
use palisade_store::{StoreError, Table, Tx};

use crate::api::{self, errors};
use crate::{Surroundings, period};

/// Lets state time run so far ahead of the machine's clock.
pub type RunAhead = Arc<dyn Fn(Duration) + Send + Sync>;

/// How far state time runs ahead, in milliseconds: one row.
static AHEAD: Table<(String,), u64> = Table::new("palisade.clock-ahead");
const ROW: (&str,) = ("state",);

/// The furthest that state time may run ahead in all: a hundred years, so that no date leaves the years that have four digits.
const AHEAD_MAX: Duration = Duration::from_secs(36_525 * 86_400);

/// How far the state of `tx` runs ahead of the machine's clock.
///
/// # Errors
/// When it cannot be read.
pub fn ahead(tx: &Tx) -> Result<Duration, StoreError> {
    Ok(Duration::from_millis(tx.get(&AHEAD, &ROW)?.unwrap_or(0)))
}

pub(crate) fn register(handlers: Handlers, surroundings: &Arc<Surroundings>) -> Handlers {
    let surroundings = Arc::clone(surroundings);
    handlers.on(
        "AdvanceClock",
        move |call: &mut Call<'_>, input: api::AdvanceClockRequest| {
            let run_ahead = surroundings.run_ahead.as_ref().ok_or_else(|| {
                let message = "State time is moved in development mode only: palisade up --dev.";
                errors::development_only_exception(message)
            })?;
            advance(call, &input, run_ahead)
        },
    )
}

/// The clock moves before the commit, whose time is the new one then. A commit that comes to nothing leaves it ahead of its row; what is
/// committed later has that time, and no start goes back behind it.
fn advance(
    call: &mut Call<'_>,
    input: &api::AdvanceClockRequest,
    run_ahead: &RunAhead,
) -> Result<api::AdvanceClockResponse, CallError> {
    if call.context.branch.is_some() {
        let message = "The clock is the server's: it cannot be moved on a branch.";
        return Err(invalid(message).into());
    }
    let total = ahead(call.tx)?.saturating_add(period::parse(&input.advance)?);
    if total > AHEAD_MAX {
        let days = AHEAD_MAX.as_secs() / 86_400;
        let message = format!("State time runs ahead by {days} days at most.");
        return Err(invalid(message).into());
    }
    let millis = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
    call.tx.put(&AHEAD, &ROW, &millis)?;
    run_ahead(total);
    let now_ms = i64::try_from(call.env.store.time().0).unwrap_or(i64::MAX);
    Ok(api::AdvanceClockResponse {
        time: Timestamp::from_millis(now_ms),
        ahead_seconds: i64::try_from(total.as_secs()).ok(),
    })
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationException", message.into())
}
