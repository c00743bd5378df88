//! Paging, as every KMS listing does it: `Limit` and `Marker` in, `Truncated` and `NextMarker` out.

use palisade_core::{Call, CallError, Listing};
use palisade_model::ApiError;

use crate::api::errors;
use crate::names::invalid;

/// How long pages are, unless they are asked for, and at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub default: usize,
    pub max: usize,
}

/// Keys, policies and rotations.
pub(crate) const LONG: Sizes = Sizes {
    default: 100,
    max: 1000,
};
/// Aliases and grants.
pub(crate) const SHORT: Sizes = Sizes {
    default: 50,
    max: 100,
};
/// Tags.
pub(crate) const TAGS: Sizes = Sizes {
    default: 50,
    max: 50,
};

/// What a request asks of a listing.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub operation: &'static str,
    /// All that selects rows: a marker is good for the same selection only.
    pub filter: String,
    pub marker: Option<&'a str>,
    pub limit: Option<i32>,
    pub sizes: Sizes,
}

/// One page of a listing.
#[derive(Debug)]
pub(crate) struct Page<O> {
    pub items: Vec<O>,
    /// Where the next page goes on; `None` on the last one.
    pub marker: Option<String>,
}

impl<O> Page<O> {
    /// Whether there is more.
    pub fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }
}

/// A page of what `source` gives behind a key: at most so many items, in the order of their keys, each with its key.
pub(crate) fn page<O>(
    call: &mut Call<'_>,
    ask: &Ask<'_>,
    source: impl FnOnce(&mut Call<'_>, Option<&str>, usize) -> Result<Vec<(String, O)>, CallError>,
) -> Result<Page<O>, CallError> {
    let limit = limit(ask)?;
    let listing = Listing::open(call, ask.operation, &ask.filter, ask.marker)
        .map_err(|_| invalid_marker())?;
    let after = listing.after().map(std::str::from_utf8).transpose();
    let after = after.map_err(|_| invalid_marker())?.map(str::to_owned);
    // One more than is shown tells whether there is more.
    let mut items = source(call, after.as_deref(), limit + 1)?;
    let is_truncated = items.len() > limit;
    items.truncate(limit);
    let marker = match items.last() {
        Some((key, _)) if is_truncated => Some(listing.next(call, key.as_bytes())),
        _ => None,
    };
    Ok(Page {
        items: items.into_iter().map(|(_, item)| item).collect(),
        marker,
    })
}

/// A page of a list at hand, sorted by keys that differ.
pub(crate) fn page_of<O>(
    call: &mut Call<'_>,
    ask: &Ask<'_>,
    items: Vec<(String, O)>,
) -> Result<Page<O>, CallError> {
    page(call, ask, |_, after, limit| {
        let behind = items
            .into_iter()
            .filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        Ok(behind.take(limit).collect())
    })
}

fn limit(ask: &Ask<'_>) -> Result<usize, ApiError> {
    let Some(asked) = ask.limit else {
        return Ok(ask.sizes.default);
    };
    match usize::try_from(asked) {
        Ok(asked) if (1..=ask.sizes.max).contains(&asked) => Ok(asked),
        _ => Err(invalid(format!(
            "1 validation error detected: Value '{asked}' at 'limit' failed to satisfy constraint: Member must have value less than or equal to {}",
            ask.sizes.max
        ))),
    }
}

fn invalid_marker() -> ApiError {
    errors::invalid_marker_exception("Could not deserialize marker")
}
