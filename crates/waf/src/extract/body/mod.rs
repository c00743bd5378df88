//! Every place of a request where an application may take a value from, as it would read it.
//!
//! wafv2's fields are 14; an attack may stand elsewhere: in a form's field, a file's name, a JSON key, an XML attribute, a message of
//! gRPC. What a body is, is what its `Content-Type` says *and* what it looks like: a client may lie, and backends differ in whom they
//! believe, so every reading one of them might take is taken.

mod form;
mod graphql;
mod grpc;
mod multipart;
mod xml;

use bumpalo::Bump;
use bumpalo::collections::Vec;

use super::{Extracted, Place, Value, json, pairs};
use crate::request::Request;
use crate::statement::Scope;
use crate::transform::Transformation;

/// Values of a request, at most; what is beyond counts as oversize.
const VALUES_MAX: usize = 20_000;

/// What is found, as long as there is room.
pub(super) struct Places<'b> {
    values: Vec<'b, Value<'b>>,
    arena: &'b Bump,
    full: bool,
}

impl<'b> Places<'b> {
    fn push(&mut self, bytes: &'b [u8], place: Place<'b>) {
        if self.values.len() == VALUES_MAX {
            self.full = true;
        } else if !bytes.is_empty() {
            self.values.push(Value { bytes, place });
        }
    }

    fn decoded(&self, bytes: &'b [u8]) -> &'b [u8] {
        Transformation::UrlDecode.apply(bytes, self.arena)
    }
}

/// The values of all places: of the target, the headers and the body.
pub(super) fn places<'b>(
    request: &Request<'b>,
    body: &'b [u8],
    oversize: bool,
    arena: &'b Bump,
) -> Extracted<'b> {
    let mut places = Places {
        values: Vec::new_in(arena),
        arena,
        full: false,
    };
    let target = request.target();
    for segment in target.path.split(|&byte| byte == b'/') {
        // Path parameters are values of their own.
        for part in segment.split(|&byte| byte == b';') {
            places.push(places.decoded(part), Place::Value(b"path"));
        }
    }
    form::read(target.query.unwrap_or(b""), &mut places);
    places.push(target.fragment.unwrap_or(b""), Place::Value(b"fragment"));
    for (name, value) in request.headers {
        if !name.eq_ignore_ascii_case(b"cookie") {
            places.push(name, Place::Key(name));
            places.push(value, Place::Value(name));
        }
    }
    for (name, value) in pairs::cookies(request) {
        places.push(places.decoded(name), Place::Key(name));
        places.push(places.decoded(value), Place::Value(name));
    }
    read_body(request, body, &mut places);
    let oversize = oversize || places.full;
    Extracted {
        oversize,
        ..Extracted::of(places.values)
    }
}

/// Every reading a backend might take.
fn read_body<'b>(request: &Request<'b>, body: &'b [u8], places: &mut Places<'b>) {
    if body.is_empty() {
        return;
    }
    let said = |kind: &[u8]| {
        request
            .header("content-type")
            .any(|value| contains(value, kind))
    };
    let looks = body.trim_ascii_start();
    let first = looks.first().copied().unwrap_or(0);
    let boundaries = multipart::boundaries(request, looks);
    let mut structured = false;
    if said(b"json") || said(b"graphql") || matches!(first, b'{' | b'[') {
        let (values, _) = json::values(body, &[], Scope::All, places.arena);
        for value in values {
            places.push(value.bytes, value.place);
            if value.place == Place::Value(b"query") {
                graphql::read(value.bytes, places);
            }
        }
        structured |= !values.is_empty();
    }
    if said(b"graphql") {
        graphql::read(body, places);
    }
    if said(b"xml") || first == b'<' {
        xml::read(body, places);
        structured = true;
    }
    for boundary in boundaries {
        structured |= multipart::read(body, boundary, places);
    }
    if said(b"grpc") || said(b"protobuf") {
        grpc::read(body, places);
        structured = true;
    }
    if said(b"x-www-form-urlencoded") || !structured {
        form::read(body, places);
    }
    if !structured {
        places.push(body, Place::Value(b"body"));
    }
}

/// Whether the text holds the word, in letters of either case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
