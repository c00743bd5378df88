//! Rules, actions, custom requests and responses.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::reader::Object;
use super::statement::{Place, statement};
use crate::error::Error;
use crate::model::{Action, CustomBody, CustomHeader, CustomResponse, Immunity, Rule, RuleAction};
use crate::statement::Statement;
use crate::transform::named;

/// Status codes of custom responses (developer guide, "Supported status codes for custom responses").
const STATUS_CODES: [u16; 33] = [
    200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409,
    411, 412, 413, 414, 415, 416, 421, 429, 500, 501, 502, 503, 504, 505,
];

const RULE: [&str; 9] = [
    "Name",
    "Priority",
    "Statement",
    "Action",
    "OverrideAction",
    "RuleLabels",
    "VisibilityConfig",
    "CaptchaConfig",
    "ChallengeConfig",
];
const ACTIONS: [&str; 6] = [
    "Block",
    "Allow",
    "Count",
    "Captcha",
    "Challenge",
    "Monetize",
];
const RESERVED: [&str; 8] = [
    "awswaf",
    "aws",
    "waf",
    "rulegroup",
    "webacl",
    "regexpatternset",
    "ipset",
    "managed",
];

named! {
    /// `ResponseContentType`.
    ContentType {
        /// Text.
        Plain = "TEXT_PLAIN",
        /// HTML.
        Html = "TEXT_HTML",
        /// JSON.
        Json = "APPLICATION_JSON",
    }
}

/// The rules of an ACL or group, by priority.
pub(super) fn rules(object: &Object<'_>, place: Place) -> Result<Vec<Rule>, Error> {
    let listed = object.list("Rules", 0..=5000)?;
    let mut rules = listed
        .into_iter()
        .map(|(at, value)| rule(value, at, place))
        .collect::<Result<Vec<_>, _>>()?;
    rules.sort_by_key(|rule| rule.priority);
    if let Some(pair) = rules
        .windows(2)
        .find(|pair| pair[0].priority == pair[1].priority)
    {
        let reason = format!(
            "Rules {} and {} have the same priority.",
            pair[0].name, pair[1].name
        );
        return Err(Error::invalid("RULE", &object.path("Rules"), reason));
    }
    let mut names = HashSet::new();
    if let Some(rule) = rules.iter().find(|rule| !names.insert(&rule.name)) {
        return Err(Error::Duplicate(format!(
            "There are two rules with the name {}.",
            rule.name
        )));
    }
    Ok(rules)
}

fn rule(value: &Value, at: String, place: Place) -> Result<Rule, Error> {
    let rule = Object::new(value, at, "RULE", &RULE)?;
    let statement = statement(rule.require("Statement")?, rule.path("Statement"), place)?;
    let labels = labels(&rule)?;
    let is_group = matches!(
        statement,
        Statement::RuleGroup(_) | Statement::ManagedRuleGroup(_)
    );
    if is_group && !labels.is_empty() {
        return Err(rule.wrong_member(
            "RuleLabels",
            "A rule that refers to a group has no labels of its own.",
        ));
    }
    Ok(Rule {
        name: rule.name("Name")?,
        priority: rule.integer("Priority", 0..=i32::MAX as u64)? as u32,
        action: rule_action(&rule, is_group)?,
        statement,
        labels,
        metric: metric(&rule)?,
        immunity: immunity(&rule)?,
    })
}

fn rule_action(rule: &Object<'_>, is_group: bool) -> Result<RuleAction, Error> {
    let (wanted, unwanted) = if is_group {
        ("OverrideAction", "Action")
    } else {
        ("Action", "OverrideAction")
    };
    if rule.get(unwanted).is_some() || rule.get(wanted).is_none() {
        let reason = format!("This rule needs {wanted} and must not have {unwanted}.");
        return Err(Error::invalid("RULE_ACTION", &rule.at, reason));
    }
    if !is_group {
        return Ok(RuleAction::Own(action(&rule.object(
            "Action",
            "RULE_ACTION",
            &ACTIONS,
        )?)?));
    }
    override_action(rule)
}

/// The override action of a rule that refers to a group.
pub(super) fn override_action(rule: &Object<'_>) -> Result<RuleAction, Error> {
    let action = rule.object("OverrideAction", "OVERRIDE_ACTION", &["Count", "None"])?;
    Ok(match action.one_of(&["Count", "None"])? {
        "Count" => RuleAction::GroupCount,
        _ => RuleAction::GroupNone,
    })
}

/// The action that `object` is.
pub(super) fn action(object: &Object<'_>) -> Result<Action, Error> {
    let name = object.one_of(&ACTIONS)?;
    let inserting = |known: fn(Vec<CustomHeader>) -> Action| {
        let member = object.object(name, "RULE_ACTION", &["CustomRequestHandling"])?;
        inserted(&member).map(known)
    };
    match name {
        "Allow" => inserting(Action::Allow),
        "Count" => inserting(Action::Count),
        "Challenge" => inserting(Action::Challenge),
        "Captcha" => inserting(Action::Captcha),
        "Block" => {
            let block = object.object(name, "RULE_ACTION", &["CustomResponse"])?;
            custom_response(&block).map(Action::Block)
        }
        _ => Err(Error::NotImplemented("the action Monetize".to_owned())),
    }
}

/// The action of a default: Allow or Block.
pub(super) fn default_action(acl: &Object<'_>) -> Result<Action, Error> {
    let default = acl.object("DefaultAction", "DEFAULT_ACTION", &["Block", "Allow"])?;
    action(&default)
}

fn inserted(action: &Object<'_>) -> Result<Vec<CustomHeader>, Error> {
    let handling = action.optional_object(
        "CustomRequestHandling",
        "CUSTOM_REQUEST_HANDLING",
        &["InsertHeaders"],
    )?;
    handling.map_or(Ok(Vec::new()), |handling| {
        headers(&handling, "InsertHeaders", 1)
    })
}

fn custom_response(block: &Object<'_>) -> Result<Option<CustomResponse>, Error> {
    let known = ["ResponseCode", "CustomResponseBodyKey", "ResponseHeaders"];
    let Some(response) = block.optional_object("CustomResponse", "CUSTOM_RESPONSE", &known)? else {
        return Ok(None);
    };
    let code = response.integer("ResponseCode", 200..=599)? as u16;
    if !STATUS_CODES.contains(&code) {
        return Err(response.wrong_member(
            "ResponseCode",
            format!("{code} is not a code of custom responses."),
        ));
    }
    let body_key = response
        .get("CustomResponseBodyKey")
        .map(|_| response.name("CustomResponseBodyKey"))
        .transpose()?;
    let headers = headers(&response, "ResponseHeaders", 0)?;
    if headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("content-type"))
    {
        return Err(response.wrong_member("ResponseHeaders", "The content type is the body's."));
    }
    Ok(Some(CustomResponse {
        code,
        body_key,
        headers,
    }))
}

fn headers(object: &Object<'_>, name: &str, least: usize) -> Result<Vec<CustomHeader>, Error> {
    let read = |(at, value): (String, &Value)| {
        let header = Object::new(value, at, object.field, &["Name", "Value"])?;
        let name = header.text("Name", 64)?;
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._$-".contains(&byte))
        {
            return Err(header.wrong_member(
                "Name",
                "A header's name holds letters, digits, ., _, $ and -.",
            ));
        }
        let value = header.text("Value", 255)?;
        if value
            .bytes()
            .any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7F)
        {
            return Err(
                header.wrong_member("Value", "A header's value holds no control characters.")
            );
        }
        Ok(CustomHeader {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    };
    let headers = object
        .list(name, least..=10)?
        .into_iter()
        .map(read)
        .collect::<Result<Vec<_>, _>>()?;
    let mut names = HashSet::new();
    match headers
        .iter()
        .find(|header| !names.insert(header.name.to_ascii_lowercase()))
    {
        Some(header) => {
            Err(object.wrong_member(name, format!("There are two headers {}.", header.name)))
        }
        None => Ok(headers),
    }
}

/// The bodies that custom responses name.
pub(super) fn custom_bodies(object: &Object<'_>) -> Result<BTreeMap<String, CustomBody>, Error> {
    let Some(value) = object.get("CustomResponseBodies") else {
        return Ok(BTreeMap::new());
    };
    let at = object.path("CustomResponseBodies");
    let names: Vec<&str> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let bodies = Object::new(value, at, "CUSTOM_RESPONSE_BODY", &names)?;
    if names.is_empty() || names.len() > 50 {
        return Err(bodies.wrong("There must be 1 to 50 bodies."));
    }
    let read = |(key, _): (&str, &Value)| {
        let body = bodies.object(key, "CUSTOM_RESPONSE_BODY", &["ContentType", "Content"])?;
        let content_type = match body.choice("ContentType", ContentType::of)? {
            ContentType::Plain => "text/plain",
            ContentType::Html => "text/html",
            ContentType::Json => "application/json",
        };
        let content = body.text("Content", 10_240)?;
        if content.len() > 4096 {
            return Err(Error::Limit(format!("The body {key} has more than 4 KB.")));
        }
        Ok((
            key.to_owned(),
            CustomBody {
                content_type,
                content: content.to_owned(),
            },
        ))
    };
    bodies.members().map(read).collect()
}

/// Immunity times of an ACL or rule.
pub(super) fn immunity(object: &Object<'_>) -> Result<Immunity, Error> {
    let read = |name, least: u64| {
        let Some(config) =
            object.optional_object(name, "CHALLENGE_CONFIG", &["ImmunityTimeProperty"])?
        else {
            return Ok(None);
        };
        let time = config.optional_object(
            "ImmunityTimeProperty",
            "CHALLENGE_CONFIG",
            &["ImmunityTime"],
        )?;
        time.map(|time| time.integer("ImmunityTime", least..=259_200))
            .transpose()
    };
    Ok(Immunity {
        challenge_s: read("ChallengeConfig", 300)?,
        captcha_s: read("CaptchaConfig", 60)?,
    })
}

/// The name of the metric in a visibility configuration.
pub(super) fn metric(object: &Object<'_>) -> Result<String, Error> {
    let known = [
        "SampledRequestsEnabled",
        "CloudWatchMetricsEnabled",
        "MetricName",
    ];
    let visibility = object.object("VisibilityConfig", "METRIC_NAME", &known)?;
    for name in ["SampledRequestsEnabled", "CloudWatchMetricsEnabled"] {
        if visibility.require(name)?.as_bool().is_none() {
            return Err(visibility.wrong_member(name, "This is not true or false."));
        }
    }
    let name = visibility.text("MetricName", 255)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_#:.-/".contains(&byte);
    if !name.bytes().all(known) {
        return Err(visibility.wrong_member(
            "MetricName",
            "A metric's name holds letters, digits, -, _, #, :, . and /.",
        ));
    }
    Ok(name.to_owned())
}

fn labels(rule: &Object<'_>) -> Result<Vec<String>, Error> {
    let read = |(at, value): (String, &Value)| {
        let label = Object::new(value, at, "RULE", &["Name"])?;
        let name = label.text("Name", 1024)?;
        let parts: Vec<&str> = name.split(':').collect();
        let reason = match () {
            () if !is_label(name) => "A label holds letters, digits, -, _ and :.",
            () if parts.iter().any(|part| part.is_empty()) => "A part of the label is empty.",
            () if parts.iter().any(|part| part.len() > 128) => {
                "A part of the label has more than 128 characters."
            }
            () if parts.len() > 6 => "A label has at most 5 namespaces.",
            () if parts.iter().any(|part| RESERVED.contains(part)) => {
                "A part of the label is a reserved word."
            }
            () => return Ok(name.to_owned()),
        };
        Err(label.wrong_member("Name", reason))
    };
    rule.list("RuleLabels", 0..=100)?
        .into_iter()
        .map(read)
        .collect()
}

/// Whether every character may stand in a label.
pub(super) fn is_label(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte))
}
