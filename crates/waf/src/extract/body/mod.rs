//! Every place of a body where an application may take a value from, as it would read it.
//!
//! wafv2's fields are 14; an attack may stand elsewhere: in a form's field, a file's name, a JSON key, an XML attribute, a message of
//! gRPC. What a body is, is what its `Content-Type` says *and* what it looks like: a client may lie, and backends differ in whom they
//! believe, so every reading one of them might take is taken.

pub(super) mod form;
mod graphql;
mod grpc;
mod multipart;
mod xml;

use super::places::Places;
use super::{Place, json};
use crate::request::Request;
use crate::statement::Scope;

/// Every reading a backend might take.
pub(super) fn read<'b>(request: &Request<'b>, body: &'b [u8], places: &mut Places<'b>) {
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
        // What only looks like XML may be a text with a tag in it.
        structured |= said(b"xml");
    }
    for boundary in boundaries {
        structured |= multipart::read(body, boundary, places);
    }
    if said(b"grpc") || said(b"protobuf") {
        grpc::read(body, places);
        structured = true;
    }
    let form = said(b"x-www-form-urlencoded");
    if form || !structured {
        form::read(body, places);
    }
    structured |= form;
    // Of what has a structure all is a value too: a declaration of XML means something only with its marks.
    let place = if structured {
        Place::Whole
    } else {
        Place::Value(b"body")
    };
    places.push(body, place);
}

/// Whether the text holds the word, in letters of either case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}
