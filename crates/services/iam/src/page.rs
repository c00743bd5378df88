//! Paging, as every IAM listing does it: `MaxItems` and `Marker` in, `IsTruncated` and `Marker` out.

use palisade_core::{Call, CallError, Listing};
use palisade_model::ApiError;

use crate::limits::{PAGE_ITEMS, PAGE_ITEMS_MAX};

/// What a request asks of a listing.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub operation: &'static str,
    /// All that selects rows: a marker is good for the same selection only.
    pub filter: String,
    pub marker: Option<&'a str>,
    pub max_items: Option<i32>,
}

impl<'a> Ask<'a> {
    /// A request for a page of everything the operation lists.
    pub fn new(operation: &'static str, marker: Option<&'a str>, max_items: Option<i32>) -> Self {
        Self {
            operation,
            filter: String::new(),
            marker,
            max_items,
        }
    }

    /// Names what selects rows; said once for each member that does.
    #[must_use]
    pub fn of(mut self, filter: Option<&str>) -> Self {
        // Control characters stand in no filter: the pattern of none lets them through.
        self.filter.push('\u{1}');
        self.filter.push_str(filter.unwrap_or_default());
        self
    }
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

/// Gives at most so many items behind a key, in the order of their keys, each with its key.
pub(crate) type Source<'s, O> =
    dyn FnMut(&Call<'_>, Option<&str>, usize) -> Result<Vec<(String, O)>, CallError> + 's;

/// A page over `sources`, one after the other.
pub(crate) fn page<O>(
    call: &mut Call<'_>,
    ask: Ask<'_>,
    sources: &mut [&mut Source<'_, O>],
) -> Result<Page<O>, CallError> {
    let listing = Listing::open(call, ask.operation, &ask.filter, ask.marker)
        .map_err(|_| invalid_marker())?;
    let (first, after) = match listing.after() {
        None => (0, None),
        Some(place) => place_of(place)
            .ok_or_else(invalid_marker)
            .map(|(source, key)| (source, Some(key)))?,
    };
    let limit = limit(ask.max_items);
    let mut items: Vec<(String, O)> = Vec::new();
    let mut after = after.map(str::to_owned);
    for (index, source) in sources.iter_mut().enumerate().skip(first) {
        // One more than is shown tells whether there is more.
        let found = source(call, after.take().as_deref(), limit + 1 - items.len())?;
        items.extend(
            found
                .into_iter()
                .map(|(key, item)| (format!("{index}/{key}"), item)),
        );
        if items.len() > limit {
            break;
        }
    }
    let is_truncated = items.len() > limit;
    items.truncate(limit);
    let marker = match items.last() {
        Some((place, _)) if is_truncated => Some(listing.next(call, place.as_bytes())),
        _ => None,
    };
    Ok(Page {
        items: items.into_iter().map(|(_, item)| item).collect(),
        marker,
    })
}

/// A page over a list at hand; items are sorted by their keys, which must differ.
pub(crate) fn page_of<O: Clone>(
    call: &mut Call<'_>,
    ask: Ask<'_>,
    mut items: Vec<(String, O)>,
) -> Result<Page<O>, CallError> {
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    page(
        call,
        ask,
        &mut [&mut |_, after, limit| Ok(behind(&items, after, limit))],
    )
}

/// At most `limit` of a sorted list's items behind the key `after`.
pub(crate) fn behind<O: Clone>(
    sorted: &[(String, O)],
    after: Option<&str>,
    limit: usize,
) -> Vec<(String, O)> {
    let start = after.map_or(0, |after| {
        sorted.partition_point(|(key, _)| key.as_str() <= after)
    });
    sorted.iter().skip(start).take(limit).cloned().collect()
}

fn limit(max_items: Option<i32>) -> usize {
    let asked = max_items
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(PAGE_ITEMS);
    asked.clamp(1, PAGE_ITEMS_MAX)
}

fn place_of(place: &[u8]) -> Option<(usize, &str)> {
    let (source, key) = std::str::from_utf8(place).ok()?.split_once('/')?;
    Some((source.parse().ok()?, key))
}

fn invalid_marker() -> ApiError {
    ApiError::sender("ValidationError", "Invalid Marker.").with_status(400)
}
