//! Lists: `Limit` and `NextMarker` in, `NextMarker` out.

use palisade_model::{Structure, Value};

use crate::members::text;

/// The items of a page, where the request does not say, and at most (the model's `PaginationLimit`).
const PAGE_MAX: usize = 100;

/// What a request asks of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Items behind this name.
    pub marker: Option<&'a str>,
    pub limit: usize,
}

impl<'a> Asked<'a> {
    pub fn of(input: &'a Structure) -> Self {
        let limit = input.get("Limit").and_then(Value::as_i64);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Self {
            marker: Some(text(input, "NextMarker")).filter(|marker| !marker.is_empty()),
            limit: limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
        }
    }

    /// The page of a list at hand, whose items stay in their order.
    pub fn cut<T>(&self, items: Vec<(String, T)>) -> Vec<(String, T)> {
        let behind = self.marker.map_or(0, |marker| {
            let at = items.iter().position(|(name, _)| name == marker);
            at.map_or(items.len(), |at| at + 1)
        });
        items.into_iter().skip(behind).take(self.limit).collect()
    }
}

/// The answer with a page. As in AWS, it names its last item also where there are no more: the next page is empty then, and names none.
pub(crate) fn page(member: &'static str, items: Vec<(String, Structure)>) -> Structure {
    let marker = items.last().map(|(name, _)| name.clone());
    let items: Vec<Structure> = items.into_iter().map(|(_, item)| item).collect();
    Structure::new()
        .with(member, items)
        .with("NextMarker", marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(marker: Option<&str>, limit: usize) -> Vec<String> {
        let items = ["z", "a", "m"].map(|name| (name.to_owned(), ()));
        let page = Asked { marker, limit }.cut(items.into());
        page.into_iter().map(|(name, ())| name).collect()
    }

    #[test]
    fn pages_go_on_behind_their_marker_in_the_lists_own_order() {
        assert_eq!(cut(None, 2), ["z", "a"]);
        assert_eq!(cut(Some("a"), 2), ["m"]);
        assert!(cut(Some("m"), 2).is_empty());
        assert!(cut(Some("unknown"), 2).is_empty());
    }
}
