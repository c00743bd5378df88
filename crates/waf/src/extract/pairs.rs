//! Names and values: query arguments, headers, cookies.

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::{Extracted, Place, Value};
use crate::request::Request;
use crate::statement::{Scope, Selection};

/// Headers, or cookies, that are inspected at most.
const COUNT_MAX: usize = 200;
/// Bytes of headers, or of cookies, that are inspected at most: names and values together.
const BYTES_MAX: usize = 8192;

/// The arguments of a query string. One without `=` is a value without a name, as .NET reads it; an empty one is none.
pub(super) fn arguments(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pieces = query
        .split(|&byte| byte == b'&')
        .filter(|piece| !piece.is_empty());
    pieces.map(|piece| match memchr::memchr(b'=', piece) {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (&piece[..0], piece),
    })
}

/// The values of the arguments with this name (any case), or of all. An argument without `=` is also one of that name, with an
/// empty value.
pub(super) fn argument_values<'b>(
    query: Option<&'b [u8]>,
    name: Option<&str>,
    arena: &'b Bump,
) -> Extracted<'b> {
    let mut values = Vec::new_in(arena);
    for (key, value) in arguments(query.unwrap_or(b"")) {
        let place = Place::Value(key);
        match name {
            None => values.push(Value {
                bytes: value,
                place,
            }),
            Some(name) if key.eq_ignore_ascii_case(name.as_bytes()) => values.push(Value {
                bytes: value,
                place,
            }),
            Some(name) if key.is_empty() && value.eq_ignore_ascii_case(name.as_bytes()) => {
                values.push(Value {
                    bytes: b"",
                    place: Place::Value(value),
                });
            }
            Some(_) => {}
        }
    }
    Extracted::of(values)
}

/// The names of the headers, in small letters, with colons between.
pub(super) fn header_order<'b>(request: &Request<'b>, arena: &'b Bump) -> Extracted<'b> {
    let mut limit = Limit::default();
    let mut order = Vec::new_in(arena);
    for (name, value) in request.headers {
        let Some((name, _)) = limit.admit(name, value) else {
            break;
        };
        if !order.is_empty() {
            order.push(b':');
        }
        order.extend(name.iter().map(u8::to_ascii_lowercase));
    }
    let order: &[u8] = order.into_bump_slice();
    let present = Some(order).filter(|_| !request.headers.is_empty());
    Extracted {
        oversize: limit.exceeded,
        ..Extracted::whole(present, arena)
    }
}

pub(super) fn header_values<'b>(
    request: &Request<'b>,
    selection: &Selection,
    scope: Scope,
    arena: &'b Bump,
) -> Extracted<'b> {
    let same = |name: &[u8], listed: &String| name.eq_ignore_ascii_case(listed.as_bytes());
    select(
        request.headers.iter().copied(),
        selection,
        scope,
        same,
        arena,
    )
}

pub(super) fn cookie_values<'b>(
    request: &Request<'b>,
    selection: &Selection,
    scope: Scope,
    arena: &'b Bump,
) -> Extracted<'b> {
    let same = |name: &[u8], listed: &String| name == listed.as_bytes();
    select(cookies(request), selection, scope, same, arena)
}

/// The cookies of a request: pieces of its `Cookie` headers between semicolons, without white space around them.
pub(super) fn cookies<'b>(request: &Request<'b>) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
    let pieces = request
        .header("cookie")
        .flat_map(|header| header.split(|&byte| byte == b';'));
    let pieces = pieces
        .map(<[u8]>::trim_ascii)
        .filter(|piece| !piece.is_empty());
    let split = |piece: &'b [u8]| match memchr::memchr(b'=', piece) {
        Some(at) => (
            piece[..at].trim_ascii_end(),
            piece[at + 1..].trim_ascii_start(),
        ),
        None => (&piece[..0], piece),
    };
    // The iterator borrows the request's own copy of its header name, so the pairs are collected.
    pieces.map(split).collect::<std::vec::Vec<_>>().into_iter()
}

fn select<'b>(
    pairs: impl Iterator<Item = (&'b [u8], &'b [u8])>,
    selection: &Selection,
    scope: Scope,
    same: impl Fn(&[u8], &String) -> bool,
    arena: &'b Bump,
) -> Extracted<'b> {
    let mut limit = Limit::default();
    let mut values = Vec::new_in(arena);
    for (name, value) in pairs {
        let Some((shown_name, shown_value)) = limit.admit(name, value) else {
            break;
        };
        let selected = match selection {
            Selection::All => true,
            Selection::Included(names) => names.iter().any(|listed| same(name, listed)),
            Selection::Excluded(names) => !names.iter().any(|listed| same(name, listed)),
        };
        if selected && scope != Scope::Value {
            values.push(Value {
                bytes: shown_name,
                place: Place::Key(name),
            });
        }
        if selected && scope != Scope::Key {
            values.push(Value {
                bytes: shown_value,
                place: Place::Value(name),
            });
        }
    }
    Extracted {
        oversize: limit.exceeded,
        ..Extracted::of(values)
    }
}

/// What is left of what may be inspected.
#[derive(Default)]
struct Limit {
    count: usize,
    bytes: usize,
    exceeded: bool,
}

impl Limit {
    /// As much of a pair as may be inspected; nothing once there is no room.
    fn admit<'b>(&mut self, name: &'b [u8], value: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
        let room = BYTES_MAX - self.bytes;
        if self.count == COUNT_MAX || room == 0 {
            self.exceeded = true;
            return None;
        }
        let name_length = name.len().min(room);
        let value_length = value.len().min(room - name_length);
        self.count += 1;
        self.bytes += name_length + value_length;
        self.exceeded |= name_length < name.len() || value_length < value.len();
        Some((&name[..name_length], &value[..value_length]))
    }
}
