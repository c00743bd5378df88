//! From a request to the values a statement looks at.

mod body;
mod json;
mod pairs;
mod places;

use bumpalo::Bump;
use bumpalo::collections::Vec;

use crate::request::Request;
use crate::statement::{Field, InvalidFallback, Part, Scope, Selection};
use crate::transform::PreParse;

/// What a field is taken from, without what is done where it is missing, too long or not valid: so statements that differ only there
/// share one extraction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Header(String),
    Argument(String, std::vec::Vec<PreParse>),
    Arguments(std::vec::Vec<PreParse>),
    UriPath,
    QueryString,
    Body,
    Method,
    Json {
        pointers: std::vec::Vec<std::vec::Vec<String>>,
        scope: Scope,
        text_if_invalid: bool,
    },
    Headers(Selection, Scope),
    Cookies(Selection, Scope),
    HeaderOrder,
    Ja3,
    Ja4,
    Fragment,
    /// Every place of a part of the request.
    Places(Part),
}

impl Source {
    pub(crate) fn of(field: &Field, pre_parse: &[PreParse]) -> Source {
        match field {
            Field::SingleHeader(name) => Source::Header(name.clone()),
            Field::SingleQueryArgument(name) => Source::Argument(name.clone(), pre_parse.to_vec()),
            Field::AllQueryArguments => Source::Arguments(pre_parse.to_vec()),
            Field::UriPath => Source::UriPath,
            Field::QueryString => Source::QueryString,
            Field::Body(_) => Source::Body,
            Field::Method => Source::Method,
            Field::JsonBody(json) => Source::Json {
                pointers: json.pointers.clone(),
                scope: json.scope,
                text_if_invalid: json.invalid == Some(InvalidFallback::EvaluateAsString),
            },
            Field::Headers(selection, scope, _) => Source::Headers(selection.clone(), *scope),
            Field::Cookies(selection, scope, _) => Source::Cookies(selection.clone(), *scope),
            Field::HeaderOrder(_) => Source::HeaderOrder,
            Field::Ja3(_) => Source::Ja3,
            Field::Ja4(_) => Source::Ja4,
            Field::UriFragment(_) => Source::Fragment,
            Field::Places(part, _) => Source::Places(*part),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) place: Place<'b>,
}

pub(crate) use crate::detect::Place;

/// What was taken from a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extracted<'b> {
    pub(crate) values: &'b [Value<'b>],
    /// There is more than what may be inspected.
    pub(crate) oversize: bool,
    /// It could not be read to its end.
    pub(crate) invalid: bool,
}

impl<'b> Extracted<'b> {
    fn whole(bytes: Option<&'b [u8]>, arena: &'b Bump) -> Extracted<'b> {
        let values: &[Value<'_>] = match bytes {
            Some(bytes) => arena.alloc([Value {
                bytes,
                place: Place::Whole,
            }]),
            None => &[],
        };
        Extracted {
            values,
            oversize: false,
            invalid: false,
        }
    }

    fn of(values: Vec<'b, Value<'b>>) -> Extracted<'b> {
        Extracted {
            values: values.into_bump_slice(),
            oversize: false,
            invalid: false,
        }
    }
}

/// Takes the values of `source` from the request; of a body, at most `body_limit` bytes.
pub(crate) fn extract<'b>(
    source: &Source,
    request: &Request<'b>,
    body_limit: usize,
    arena: &'b Bump,
) -> Extracted<'b> {
    let target = request.target();
    match source {
        Source::Header(name) => {
            let values = request.header(name).map(|bytes| Value {
                bytes,
                place: Place::Whole,
            });
            Extracted::of(Vec::from_iter_in(values, arena))
        }
        Source::Argument(name, pre_parse) => {
            pairs::argument_values(prepared(target.query, pre_parse, arena), Some(name), arena)
        }
        Source::Arguments(pre_parse) => {
            pairs::argument_values(prepared(target.query, pre_parse, arena), None, arena)
        }
        Source::UriPath => Extracted::whole(Some(target.path), arena),
        Source::QueryString => Extracted::whole(target.query, arena),
        Source::Method => Extracted::whole(Some(request.method), arena),
        Source::Fragment => Extracted::whole(target.fragment, arena),
        Source::Ja3 => Extracted::whole(request.ja3.map(str::as_bytes), arena),
        Source::Ja4 => Extracted::whole(request.ja4.map(str::as_bytes), arena),
        Source::HeaderOrder => pairs::header_order(request, arena),
        Source::Headers(selection, scope) => {
            pairs::header_values(request, selection, *scope, arena)
        }
        Source::Cookies(selection, scope) => {
            pairs::cookie_values(request, selection, *scope, arena)
        }
        Source::Places(part) => places::places(request, *part, body_limit, arena),
        Source::Body => {
            let (body, oversize) = inspected_body(request, body_limit);
            Extracted {
                oversize,
                ..Extracted::whole(Some(body).filter(|body| !body.is_empty()), arena)
            }
        }
        Source::Json {
            pointers,
            scope,
            text_if_invalid,
        } => {
            let (body, oversize) = inspected_body(request, body_limit);
            if body.is_empty() {
                return Extracted {
                    oversize,
                    ..Extracted::whole(None, arena)
                };
            }
            let (values, valid) = json::values(body, pointers, *scope, arena);
            if !valid && *text_if_invalid {
                return Extracted {
                    oversize,
                    ..Extracted::whole(Some(body), arena)
                };
            }
            Extracted {
                values,
                oversize,
                invalid: !valid,
            }
        }
    }
}

fn inspected_body<'b>(request: &Request<'b>, limit: usize) -> (&'b [u8], bool) {
    let length = request.body.len().min(limit);
    (
        &request.body[..length],
        !request.body_complete || request.body.len() > limit,
    )
}

fn prepared<'b>(
    query: Option<&'b [u8]>,
    pre_parse: &[PreParse],
    arena: &'b Bump,
) -> Option<&'b [u8]> {
    query.map(|query| {
        pre_parse
            .iter()
            .fold(query, |query, kind| kind.apply(query, arena))
    })
}
