//! LookupEvents: the newest events first, a page a call.
//!
//! A call reads at most [`EXAMINED_MAX`] records: a page may be short, even empty, and still have a token that goes on. So a rare
//! attribute costs many small calls rather than one that holds a thread for seconds.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;

use palisade_core::record::ApiCall;
use palisade_core::{AccountId, Call, CallError, Listing};
use palisade_model::{ApiError, Timestamp};
use palisade_store::{History, Journal, Position, Record, Sought};

use crate::api::{Event, LookupEventsInput, LookupEventsOutput, Resource, errors};
use crate::event;
use crate::filter::Filter;
use crate::range::Range;

/// Records read for one page.
pub const EXAMINED_MAX: usize = 50_000;

/// Events on a page (CloudTrail API Reference, `MaxResults`).
const PAGE_MAX: i32 = 50;

/// How long after a call's own time its record can be committed: longer than a request may take.
const COMMIT_DELAY_MAX: Duration = Duration::from_secs(600);

/// Answers a lookup in the history of the caller's account and region.
pub fn lookup_events(
    call: &mut Call<'_>,
    input: LookupEventsInput,
) -> Result<LookupEventsOutput, CallError> {
    let page = page_size(input.max_results)?;
    let owner = owner(&input);
    let filter = Filter::parse(input.lookup_attributes)?;
    let range = Range::parse(input.start_time, input.end_time, call.tx.time())?;
    let listing = Listing::open(call, "LookupEvents", &owner, input.next_token.as_deref())
        .map_err(|_| invalid_token())?;
    let reached = reached(&listing)?;
    // Insights events come from trails that have insights on; there are none.
    if input.event_category.is_some() {
        return Ok(LookupEventsOutput {
            events: Some(Vec::new()),
            next_token: None,
        });
    }
    let search = Search {
        journal: call.env.store.journal(),
        history: History::new(call.account().as_str(), call.context.region.as_str()),
        recipient: call.account().clone(),
        branch: call.context.branch.clone(),
        filter,
        range,
        page,
    };
    let found = match search.filter.request_ids() {
        Some(ids) => search.by_request_ids(&ids, reached)?,
        None => search.newest_first(reached)?,
    };
    let next_token = found
        .reached
        .map(|position| listing.next(call, &position.0.to_be_bytes()));
    Ok(LookupEventsOutput {
        events: Some(found.events),
        next_token,
    })
}

/// Everything that selects events: a token is good for the same lookup only.
fn owner(input: &LookupEventsInput) -> String {
    let mut owner = String::new();
    for attribute in input.lookup_attributes.iter().flatten() {
        let _ = write!(
            owner,
            "{}\0{}\0",
            attribute.attribute_key, attribute.attribute_value
        );
    }
    let moment =
        |moment: &Option<Timestamp>| moment.map(|moment| moment.to_string()).unwrap_or_default();
    let category = input.event_category.as_deref().unwrap_or_default();
    let _ = write!(
        owner,
        "{}\0{}\0{category}",
        moment(&input.start_time),
        moment(&input.end_time)
    );
    owner
}

fn page_size(asked: Option<i32>) -> Result<usize, ApiError> {
    let size = asked.unwrap_or(PAGE_MAX);
    let refused = || {
        errors::invalid_max_results_exception(format!(
            "MaxResults must be between 1 and {PAGE_MAX}."
        ))
    };
    usize::try_from(size)
        .ok()
        .filter(|_| (1..=PAGE_MAX).contains(&size))
        .ok_or_else(refused)
}

/// Where the page before ended.
fn reached(listing: &Listing) -> Result<Option<Position>, ApiError> {
    let Some(after) = listing.after() else {
        return Ok(None);
    };
    let bytes = after.try_into().map_err(|_| invalid_token())?;
    Ok(Some(Position(u64::from_be_bytes(bytes))))
}

fn invalid_token() -> ApiError {
    errors::invalid_next_token_exception(
        "The token is not valid, or was given out for a lookup with other parameters.",
    )
}

struct Search {
    journal: Journal,
    history: History,
    recipient: AccountId,
    /// The branch the lookup is made on: it sees the branch's calls beside the account's own.
    branch: Option<String>,
    filter: Filter,
    range: Range,
    page: usize,
}

#[derive(Default)]
struct Found {
    events: Vec<Event>,
    /// Where the next page goes on, if there may be one.
    reached: Option<Position>,
}

impl Search {
    fn newest_first(&self, before: Option<Position>) -> Result<Found, CallError> {
        let before = match before {
            Some(before) => before,
            None => self.end()?,
        };
        let mut found = Found::default();
        let mut examined = 0;
        self.journal.history(&self.history, before, &mut |record| {
            // State time never goes back: whatever was committed earlier happened earlier still.
            if record.committed < self.range.from {
                return ControlFlow::Break(());
            }
            let position = record.position;
            found.events.extend(self.event(&record));
            examined += 1;
            if found.events.len() < self.page && examined < EXAMINED_MAX {
                return ControlFlow::Continue(());
            }
            found.reached = Some(position);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// A position behind every record that can lie in the range.
    fn end(&self) -> Result<Position, CallError> {
        let Some(to) = self.range.to else {
            return Ok(Position(u64::MAX));
        };
        let last = self.journal.position_at(to.plus(COMMIT_DELAY_MAX))?;
        Ok(Position(last.0.saturating_add(1)))
    }

    /// The one event of a request that may have these ids.
    fn by_request_ids(
        &self,
        ids: &[uuid::Uuid],
        from: Option<Position>,
    ) -> Result<Found, CallError> {
        let ids: Vec<[u8; 16]> = ids.iter().map(|id| *id.as_bytes()).collect();
        let mut found = Found::default();
        match self.journal.request(&ids, from, EXAMINED_MAX)? {
            Sought::Found(record) if record.fact.histories.contains(&self.history) => {
                found.events.extend(self.event(&record));
            }
            Sought::Found(_) | Sought::Absent => {}
            Sought::Unfinished(position) => found.reached = Some(position),
        }
        Ok(found)
    }

    /// The event of a record, if the lookup is about it.
    fn event(&self, record: &Record) -> Option<Event> {
        let call = ApiCall::from_bytes(&record.fact.call)?;
        let shown = call.branch.is_none() || call.branch == self.branch;
        let about =
            shown && self.range.contains(call.time_ms) && self.filter.finds(&call, &self.recipient);
        about.then(|| as_event(&call, &self.recipient))
    }
}

fn as_event(call: &ApiCall, recipient: &AccountId) -> Event {
    let resource = |resource: &palisade_core::record::RecordedResource| Resource {
        resource_type: Some(resource.kind.clone()),
        resource_name: Some(resource.name.clone()),
    };
    Event {
        event_id: Some(call.event_id_for(recipient).to_string()),
        event_name: Some(call.operation.clone()),
        read_only: Some(call.read_only.to_string()),
        access_key_id: event::access_key(&call.caller, recipient).map(str::to_owned),
        event_time: Timestamp::new(call.time_ms.div_euclid(1000), 0),
        event_source: Some(event::source(&call.service)),
        username: event::user_name(&call.caller, recipient).map(str::to_owned),
        resources: Some(call.resources.iter().map(resource).collect()),
        cloud_trail_event: Some(event::record(call, recipient).to_string()),
    }
}
