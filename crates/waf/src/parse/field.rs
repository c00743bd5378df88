//! Fields to match and their transformations.

use serde_json::Value;

use super::reader::Object;
use crate::error::Error;
use crate::statement::{
    Fallback, Field, ForwardedIp, ForwardedPosition, Inspected, InvalidFallback, JsonBody,
    Oversize, Scope, Selection,
};
use crate::transform::{PreParse, Transformation};

/// Transformations of a statement, at most.
const TRANSFORMATIONS_MAX: usize = 10;
/// Characters of a name in a field, at most.
const NAME_MAX: usize = 64;
/// JSON pointers of a field, at most: each is compared with every element of a body.
const POINTERS_MAX: usize = 100;

const FIELDS: [&str; 14] = [
    "SingleHeader",
    "SingleQueryArgument",
    "AllQueryArguments",
    "UriPath",
    "QueryString",
    "Body",
    "Method",
    "JsonBody",
    "Headers",
    "Cookies",
    "HeaderOrder",
    "JA3Fingerprint",
    "JA4Fingerprint",
    "UriFragment",
];

/// The members that make an [`Inspected`].
pub(super) const INSPECTED: [&str; 3] = [
    "FieldToMatch",
    "TextTransformations",
    "PreParseTextTransformations",
];

/// What the statement `object` looks at.
pub(super) fn inspected(object: &Object<'_>) -> Result<Inspected, Error> {
    let field = field(&object.object("FieldToMatch", "FIELD_TO_MATCH", &FIELDS)?)?;
    let transformations = transformations(object)?;
    let pre_parse = pre_parse(object)?;
    let of_arguments = matches!(
        field,
        Field::SingleQueryArgument(_) | Field::AllQueryArguments
    );
    if !pre_parse.is_empty() && !of_arguments {
        let reason =
            "Pre-parse transformations are for SingleQueryArgument and AllQueryArguments only.";
        let parameter = object.path("PreParseTextTransformations");
        return Err(Error::invalid(
            "PRE_PARSE_TEXT_TRANSFORMATION",
            &parameter,
            reason,
        ));
    }
    Ok(Inspected {
        field,
        pre_parse,
        transformations,
    })
}

fn field(object: &Object<'_>) -> Result<Field, Error> {
    let name = object.one_of(&FIELDS)?;
    let member = |kind, known: &[&str]| object.object(name, kind, known);
    let plain = |field: Field| member("FIELD_TO_MATCH", &["Name"]).map(|_| field);
    Ok(match name {
        "SingleHeader" => Field::SingleHeader(
            member("SINGLE_HEADER", &["Name"])?
                .text("Name", NAME_MAX)?
                .to_ascii_lowercase(),
        ),
        "SingleQueryArgument" => {
            let argument = member("SINGLE_QUERY_ARGUMENT", &["Name"])?;
            Field::SingleQueryArgument(argument.text("Name", NAME_MAX)?.to_ascii_lowercase())
        }
        "AllQueryArguments" => plain(Field::AllQueryArguments)?,
        "UriPath" => plain(Field::UriPath)?,
        "QueryString" => plain(Field::QueryString)?,
        // The documentation's own example of this field carries a Name.
        "Method" => plain(Field::Method)?,
        "Body" => Field::Body(oversize(&member("FIELD_TO_MATCH", &["OversizeHandling"])?)?),
        "HeaderOrder" => {
            let order = member("FIELD_TO_MATCH", &["OversizeHandling"])?;
            order.require("OversizeHandling")?;
            Field::HeaderOrder(oversize(&order)?)
        }
        "JsonBody" => {
            let known = [
                "MatchPattern",
                "MatchScope",
                "InvalidFallbackBehavior",
                "OversizeHandling",
            ];
            Field::JsonBody(json_body(&member("FIELD_TO_MATCH", &known)?)?)
        }
        "Headers" => {
            let headers = member(
                "FIELD_TO_MATCH",
                &["MatchPattern", "MatchScope", "OversizeHandling"],
            )?;
            let selection = selection(
                &headers,
                "HEADER_MATCH_PATTERN",
                "IncludedHeaders",
                "ExcludedHeaders",
                NAME_MAX,
            )?;
            headers.require("OversizeHandling")?;
            Field::Headers(
                selection.map(|name| name.to_ascii_lowercase()),
                scope(&headers)?,
                oversize(&headers)?,
            )
        }
        "Cookies" => {
            let cookies = member(
                "FIELD_TO_MATCH",
                &["MatchPattern", "MatchScope", "OversizeHandling"],
            )?;
            let selection = selection(
                &cookies,
                "COOKIE_MATCH_PATTERN",
                "IncludedCookies",
                "ExcludedCookies",
                60,
            )?;
            cookies.require("OversizeHandling")?;
            Field::Cookies(selection, scope(&cookies)?, oversize(&cookies)?)
        }
        "JA3Fingerprint" => {
            Field::Ja3(fallback(&member("FIELD_TO_MATCH", &["FallbackBehavior"])?)?)
        }
        "JA4Fingerprint" => {
            Field::Ja4(fallback(&member("FIELD_TO_MATCH", &["FallbackBehavior"])?)?)
        }
        _ => {
            let fragment = member("FIELD_TO_MATCH", &["FallbackBehavior"])?;
            let fallback = fragment.optional_choice("FallbackBehavior", Fallback::of)?;
            Field::UriFragment(fallback.unwrap_or(Fallback::NoMatch))
        }
    })
}

impl Selection {
    fn map(self, change: impl Fn(String) -> String) -> Selection {
        match self {
            Selection::All => Selection::All,
            Selection::Included(names) => {
                Selection::Included(names.into_iter().map(change).collect())
            }
            Selection::Excluded(names) => {
                Selection::Excluded(names.into_iter().map(change).collect())
            }
        }
    }
}

fn selection(
    object: &Object<'_>,
    kind: &'static str,
    included: &'static str,
    excluded: &'static str,
    most: usize,
) -> Result<Selection, Error> {
    let names = ["All", included, excluded];
    let pattern = object.object("MatchPattern", kind, &names)?;
    Ok(match pattern.one_of(&names)? {
        "All" => pattern.object("All", kind, &[]).map(|_| Selection::All)?,
        name if name == included => Selection::Included(pattern.texts(name, 1..=199, most)?),
        name => Selection::Excluded(pattern.texts(name, 1..=199, most)?),
    })
}

fn json_body(object: &Object<'_>) -> Result<JsonBody, Error> {
    let pattern = object.object(
        "MatchPattern",
        "JSON_MATCH_PATTERN",
        &["All", "IncludedPaths"],
    )?;
    let pointers = match pattern.one_of(&["All", "IncludedPaths"])? {
        "All" => pattern
            .object("All", "JSON_MATCH_PATTERN", &[])
            .map(|_| Vec::new())?,
        name => {
            let paths = pattern.texts(name, 1..=POINTERS_MAX, 512)?;
            let split = |path: &String| {
                pointer(path).ok_or_else(|| {
                    pattern.wrong_member(name, format!("{path} is not a JSON pointer."))
                })
            };
            paths.iter().map(split).collect::<Result<_, _>>()?
        }
    };
    let invalid = object.optional_choice("InvalidFallbackBehavior", InvalidFallback::of)?;
    Ok(JsonBody {
        pointers,
        scope: scope(object)?,
        invalid,
        oversize: oversize(object)?,
    })
}

/// The tokens of a JSON pointer (RFC 6901).
fn pointer(path: &str) -> Option<Vec<String>> {
    let token = |token: &str| {
        let escapes = token.matches('~').count();
        let known = token.matches("~0").count() + token.matches("~1").count();
        (escapes == known).then(|| token.replace("~1", "/").replace("~0", "~"))
    };
    path.strip_prefix('/')?.split('/').map(token).collect()
}

fn scope(object: &Object<'_>) -> Result<Scope, Error> {
    object.choice("MatchScope", Scope::of)
}

fn oversize(object: &Object<'_>) -> Result<Oversize, Error> {
    let handling = object.optional_choice("OversizeHandling", Oversize::of)?;
    Ok(handling.unwrap_or(Oversize::Continue))
}

fn fallback(object: &Object<'_>) -> Result<Fallback, Error> {
    object.choice("FallbackBehavior", Fallback::of)
}

/// The transformations of `object`, in order of priority, without those that do nothing.
pub(super) fn transformations(object: &Object<'_>) -> Result<Vec<Transformation>, Error> {
    let listed = ordered(
        object,
        "TextTransformations",
        "TEXT_TRANSFORMATION",
        1,
        Transformation::of,
    )?;
    Ok(listed
        .into_iter()
        .filter(|kind| *kind != Transformation::None)
        .collect())
}

fn pre_parse(object: &Object<'_>) -> Result<Vec<PreParse>, Error> {
    let listed = ordered(
        object,
        "PreParseTextTransformations",
        "PRE_PARSE_TEXT_TRANSFORMATION",
        0,
        PreParse::of,
    )?;
    Ok(listed
        .into_iter()
        .filter(|kind| *kind != PreParse::None)
        .collect())
}

fn ordered<T>(
    object: &Object<'_>,
    name: &str,
    kind: &'static str,
    least: usize,
    of: fn(&str) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let read = |(at, value): (String, &Value)| {
        let entry = Object::new(value, at, kind, &["Priority", "Type"])?;
        Ok((
            entry.integer("Priority", 0..=i32::MAX as u64)?,
            entry.choice("Type", of)?,
        ))
    };
    let listed = object.list(name, least..=TRANSFORMATIONS_MAX)?;
    let mut entries = listed
        .into_iter()
        .map(read)
        .collect::<Result<Vec<_>, Error>>()?;
    entries.sort_by_key(|(priority, _)| *priority);
    if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::invalid(
            kind,
            &object.path(name),
            "Two transformations have the same priority.",
        ));
    }
    Ok(entries.into_iter().map(|(_, kind)| kind).collect())
}

/// The forwarded address that `object` asks for.
pub(super) fn forwarded(object: &Object<'_>) -> Result<Option<ForwardedIp>, Error> {
    let config = object.optional_object(
        "ForwardedIPConfig",
        "FORWARDED_IP_CONFIG",
        &["HeaderName", "FallbackBehavior"],
    )?;
    config
        .map(|config| header_and_fallback(&config))
        .transpose()
}

/// The forwarded address and position that an IP set statement asks for.
pub(super) fn ip_set_forwarded(
    object: &Object<'_>,
) -> Result<Option<(ForwardedIp, ForwardedPosition)>, Error> {
    let known = ["HeaderName", "FallbackBehavior", "Position"];
    let config = object.optional_object(
        "IPSetForwardedIPConfig",
        "IP_SET_FORWARDED_IP_CONFIG",
        &known,
    )?;
    let read = |config: Object<'_>| {
        Ok((
            header_and_fallback(&config)?,
            config.choice("Position", ForwardedPosition::of)?,
        ))
    };
    config.map(read).transpose()
}

fn header_and_fallback(config: &Object<'_>) -> Result<ForwardedIp, Error> {
    let header = config.text("HeaderName", 255)?;
    if !header
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(
            config.wrong_member("HeaderName", "A header's name holds letters, digits and -.")
        );
    }
    Ok(ForwardedIp {
        header: header.to_ascii_lowercase(),
        fallback: fallback(config)?,
    })
}
