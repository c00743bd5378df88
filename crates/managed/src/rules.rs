//! From the words of `data/groups.json` to statements.

use std::sync::Arc;

use palisade_waf::detect::Detector;
use palisade_waf::statement::{
    Comparison, Field, Inspected, Oversize, Part, Position, Scope, Selection, Statement,
};
use palisade_waf::transform::Transformation;

use crate::attacks::{ATTACKS, Attack, Where};
use crate::names::{Extensions, Hosts, list};

/// The statement of a rule that looks at `inspects` for `detects`; nothing where the words mean nothing.
pub(crate) fn statement(inspects: &str, detects: &str) -> Option<Statement> {
    let (verb, rest) = detects.split_once(' ').unwrap_or((detects, ""));
    match verb {
        "attack" => attacks(inspects, rest),
        "absent" => Some(Statement::Not(Box::new(Statement::SizeConstraint(
            plain(inspects)?,
            Comparison::Ge,
            0,
        )))),
        "over" => Some(Statement::SizeConstraint(
            plain(inspects)?,
            Comparison::Gt,
            rest.parse().ok()?,
        )),
        "equals" => Some(Statement::ByteMatch(
            plain(inspects)?,
            Position::Exactly,
            rest.as_bytes().to_vec(),
        )),
        "words" => {
            let inspected = Inspected {
                transformations: vec![
                    Transformation::UrlDecodeUni,
                    Transformation::NormalizePath,
                    Transformation::Lowercase,
                ],
                ..plain(inspects)?
            };
            let word = |word: &String| {
                let bytes = word.as_bytes().to_vec();
                Statement::ByteMatch(inspected.clone(), Position::Contains, bytes)
            };
            Some(Statement::Or(list(rest)?.iter().map(word).collect()))
        }
        "extensions" => {
            let detector: Arc<dyn Detector> = Arc::new(Extensions::new(list(rest)?));
            Some(Statement::Detect(places(part(inspects)?), detector))
        }
        "hosts" => {
            let inspected = plain(inspects)?;
            Some(Statement::Detect(
                inspected,
                Arc::new(Hosts::new(list(rest)?)),
            ))
        }
        _ => None,
    }
}

/// Any of the attacks, in the part or in all of them.
fn attacks(inspects: &str, names: &str) -> Option<Statement> {
    let parts = match inspects {
        "anywhere" => Part::ALL.to_vec(),
        one => vec![part(one)?],
    };
    let found: Option<Vec<&'static Attack>> = names
        .split(' ')
        .map(|name| ATTACKS.iter().find(|attack| attack.name == name))
        .collect();
    let found = found?;
    let each = parts.iter().flat_map(|part| {
        let place = Where::of(*part);
        found
            .iter()
            .map(move |attack| Statement::Detect(places(*part), attack.detector(place)))
    });
    Some(Statement::Or(each.collect()))
}

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "path" => Part::Path,
        "arguments" => Part::Arguments,
        "headers" => Part::Headers,
        "cookies" => Part::Cookies,
        "body" => Part::Body,
        _ => return None,
    })
}

/// AWS documents `Continue` for what is longer than what is inspected.
fn places(part: Part) -> Inspected {
    inspected(Field::Places(part, Oversize::Continue))
}

fn plain(name: &str) -> Option<Inspected> {
    let field = match name {
        "query string" => Field::QueryString,
        "uri path" => Field::UriPath,
        "raw body" => Field::Body(Oversize::Match),
        "method" => Field::Method,
        "cookies' pairs" => Field::Cookies(Selection::All, Scope::All, Oversize::Continue),
        header => Field::SingleHeader(header.strip_suffix(" header")?.to_owned()),
    };
    Some(inspected(field))
}

fn inspected(field: Field) -> Inspected {
    Inspected {
        field,
        pre_parse: Vec::new(),
        transformations: Vec::new(),
    }
}
