//! Every place of a part of a request where an application may take a value from, as it would read it.

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::{Extracted, Place, Value, body, inspected_body, pairs};
use crate::request::Request;
use crate::statement::Part;
use crate::transform::Transformation;

/// Values of a part, at most; what is beyond counts as oversize.
const VALUES_MAX: usize = 20_000;

/// What is found, as long as there is room.
pub(super) struct Places<'b> {
    values: Vec<'b, Value<'b>>,
    pub(super) arena: &'b Bump,
    full: bool,
}

impl<'b> Places<'b> {
    pub(super) fn push(&mut self, bytes: &'b [u8], place: Place<'b>) {
        if self.values.len() == VALUES_MAX {
            self.full = true;
        } else if !bytes.is_empty() {
            self.values.push(Value { bytes, place });
        }
    }

    pub(super) fn decoded(&self, bytes: &'b [u8]) -> &'b [u8] {
        Transformation::UrlDecode.apply(bytes, self.arena)
    }
}

/// The values of all places of a part.
pub(super) fn places<'b>(
    request: &Request<'b>,
    part: Part,
    body_limit: usize,
    arena: &'b Bump,
) -> Extracted<'b> {
    let mut places = Places {
        values: Vec::new_in(arena),
        arena,
        full: false,
    };
    let mut oversize = false;
    match part {
        Part::Path => path(request, &mut places),
        Part::Arguments => {
            body::form::read(request.target().query.unwrap_or(b""), &mut places);
        }
        Part::Headers => {
            for (name, value) in request.headers {
                if !name.eq_ignore_ascii_case(b"cookie") {
                    places.push(name, Place::Key(name));
                    places.push(value, Place::Value(name));
                }
            }
        }
        Part::Cookies => {
            for (name, value) in pairs::cookies(request) {
                places.push(places.decoded(name), Place::Key(name));
                places.push(places.decoded(value), Place::Value(name));
            }
        }
        Part::Body => {
            let (body, over) = inspected_body(request, body_limit);
            oversize = over;
            body::read(request, body, &mut places);
        }
    }
    let oversize = oversize || places.full;
    Extracted {
        oversize,
        ..Extracted::of(places.values)
    }
}

/// The path whole, since a climb out of a folder is no segment; its segments and their parameters; the fragment.
fn path<'b>(request: &Request<'b>, places: &mut Places<'b>) {
    let target = request.target();
    let whole = places.decoded(target.path);
    places.push(whole, Place::Whole);
    for segment in target.path.split(|&byte| byte == b'/') {
        for part in segment.split(|&byte| byte == b';') {
            places.push(places.decoded(part), Place::Value(b"path"));
        }
    }
    let fragment = target.fragment.unwrap_or(b"");
    places.push(places.decoded(fragment), Place::Value(b"fragment"));
}

#[cfg(test)]
mod tests;
