//! Statements.

use base64::Engine as _;
use serde_json::Value;

use super::field::{self, INSPECTED};
use super::group::{managed_reference, overrides};
use super::rate::rate_based;
use super::reader::Object;
use super::regions::is_country;
use crate::error::Error;
use crate::regex;
use crate::statement::{Comparison, GroupReference, LabelScope, Position, Sensitivity, Statement};

/// Statements within statements, at most.
const DEPTH_MAX: usize = 32;
/// Bytes of a search string, at most.
const SEARCH_MAX: usize = 200;

pub(super) const STATEMENTS: [&str; 16] = [
    "ByteMatchStatement",
    "SqliMatchStatement",
    "XssMatchStatement",
    "SizeConstraintStatement",
    "GeoMatchStatement",
    "RuleGroupReferenceStatement",
    "IPSetReferenceStatement",
    "RegexPatternSetReferenceStatement",
    "RateBasedStatement",
    "AndStatement",
    "OrStatement",
    "NotStatement",
    "ManagedRuleGroupStatement",
    "LabelMatchStatement",
    "RegexMatchStatement",
    "AsnMatchStatement",
];

/// Where a statement stands: it decides which ones are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top of a rule of an ACL.
    AclRule,
    /// At the top of a rule of a group.
    GroupRule,
    /// Within another statement, so many levels deep.
    Nested(usize),
}

impl Place {
    pub(super) fn within(self) -> Place {
        match self {
            Place::Nested(depth) => Place::Nested(depth + 1),
            _ => Place::Nested(1),
        }
    }
}

/// The statement that `value` is.
pub(super) fn statement(value: &Value, at: String, place: Place) -> Result<Statement, Error> {
    let object = Object::new(value, at, "STATEMENT", &STATEMENTS)?;
    if place == Place::Nested(DEPTH_MAX) {
        return Err(object.wrong(format!("Statements are nested more than {DEPTH_MAX} deep.")));
    }
    let name = object.one_of(&STATEMENTS)?;
    let top_only = matches!(
        name,
        "RateBasedStatement" | "RuleGroupReferenceStatement" | "ManagedRuleGroupStatement"
    );
    let group = top_only && name != "RateBasedStatement";
    if (top_only && matches!(place, Place::Nested(_))) || (group && place == Place::GroupRule) {
        return Err(object.wrong(format!("{name} cannot stand here.")));
    }
    match name {
        "ByteMatchStatement" => byte_match(&object),
        "SqliMatchStatement" => {
            let sqli = inspecting(&object, name, "SQLI_MATCH_STATEMENT", &["SensitivityLevel"])?;
            let level = sqli.optional_choice("SensitivityLevel", Sensitivity::of)?;
            no_fingerprint(
                &sqli,
                Statement::SqliMatch(field::inspected(&sqli)?, level.unwrap_or(Sensitivity::Low)),
            )
        }
        "XssMatchStatement" => {
            let xss = inspecting(&object, name, "XSS_MATCH_STATEMENT", &[])?;
            no_fingerprint(&xss, Statement::XssMatch(field::inspected(&xss)?))
        }
        "SizeConstraintStatement" => {
            let size = inspecting(
                &object,
                name,
                "SIZE_CONSTRAINT_STATEMENT",
                &["ComparisonOperator", "Size"],
            )?;
            let comparison = size.choice("ComparisonOperator", Comparison::of)?;
            Ok(Statement::SizeConstraint(
                field::inspected(&size)?,
                comparison,
                size.integer("Size", 0..=21_474_836_480)?,
            ))
        }
        "RegexMatchStatement" => {
            let matched = inspecting(&object, name, "STATEMENT", &["RegexString"])?;
            let pattern = pattern(&matched, "RegexString")?;
            Ok(Statement::RegexMatch(field::inspected(&matched)?, pattern))
        }
        "RegexPatternSetReferenceStatement" => {
            let set = inspecting(&object, name, "REGEX_PATTERN_REFERENCE_STATEMENT", &["ARN"])?;
            Ok(Statement::RegexSet(field::inspected(&set)?, arn(&set)?))
        }
        "GeoMatchStatement" => geo_match(&object),
        "AsnMatchStatement" => asn_match(&object),
        "IPSetReferenceStatement" => {
            let set = object.object(
                name,
                "IP_SET_REFERENCE_STATEMENT",
                &["ARN", "IPSetForwardedIPConfig"],
            )?;
            Ok(Statement::IpSet(arn(&set)?, field::ip_set_forwarded(&set)?))
        }
        "LabelMatchStatement" => label_match(&object),
        "AndStatement" => Ok(Statement::And(several(
            &object,
            name,
            "AND_STATEMENT",
            place,
        )?)),
        "OrStatement" => Ok(Statement::Or(several(
            &object,
            name,
            "OR_STATEMENT",
            place,
        )?)),
        "NotStatement" => {
            let not = object.object(name, "NOT_STATEMENT", &["Statement"])?;
            let inner = statement(
                not.require("Statement")?,
                not.path("Statement"),
                place.within(),
            )?;
            Ok(Statement::Not(Box::new(inner)))
        }
        "RateBasedStatement" => {
            rate_based(&object).map(|rate| Statement::RateBased(Box::new(rate)))
        }
        "RuleGroupReferenceStatement" => {
            let known = ["ARN", "ExcludedRules", "RuleActionOverrides"];
            let group = object.object(name, "RULE_GROUP_REFERENCE_STATEMENT", &known)?;
            Ok(Statement::RuleGroup(GroupReference {
                arn: arn(&group)?,
                overrides: overrides(&group)?,
            }))
        }
        _ => managed_reference(&object).map(|group| Statement::ManagedRuleGroup(Box::new(group))),
    }
}

fn inspecting<'v>(
    object: &Object<'v>,
    name: &str,
    kind: &'static str,
    more: &[&str],
) -> Result<Object<'v>, Error> {
    let known: Vec<&str> = INSPECTED.iter().chain(more).copied().collect();
    object.object(name, kind, &known)
}

/// SQL and scripts are not looked for in fingerprints.
fn no_fingerprint(object: &Object<'_>, statement: Statement) -> Result<Statement, Error> {
    match &statement {
        Statement::SqliMatch(inspected, _) | Statement::XssMatch(inspected)
            if matches!(inspected.field.name(), "JA3Fingerprint" | "JA4Fingerprint") =>
        {
            Err(object.wrong_member(
                "FieldToMatch",
                "A fingerprint cannot be inspected for this.",
            ))
        }
        _ => Ok(statement),
    }
}

fn byte_match(object: &Object<'_>) -> Result<Statement, Error> {
    let bytes = inspecting(
        object,
        "ByteMatchStatement",
        "BYTE_MATCH_STATEMENT",
        &["SearchString", "PositionalConstraint"],
    )?;
    let encoded = bytes.text("SearchString", SEARCH_MAX * 2)?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
    let search = decoded.map_err(|_| {
        bytes.wrong_member(
            "SearchString",
            "This is not base64: in wafv2's JSON search strings are.",
        )
    })?;
    let position = bytes.choice("PositionalConstraint", Position::of)?;
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let reason = match position {
        _ if search.is_empty() => "This must not be empty.",
        _ if search.len() > SEARCH_MAX => "This has more than 200 bytes.",
        Position::ContainsWord if !search.iter().all(word) => "A word holds letters, digits and _.",
        _ => {
            return Ok(Statement::ByteMatch(
                field::inspected(&bytes)?,
                position,
                search,
            ));
        }
    };
    Err(bytes.wrong_member("SearchString", reason))
}

/// A regular expression that compiles, as written.
pub(super) fn pattern(object: &Object<'_>, name: &str) -> Result<String, Error> {
    let written = object.text(name, regex::PATTERN_MAX)?;
    match regex::Pattern::parse(written) {
        Ok(_) => Ok(written.to_owned()),
        Err(reason) => Err(object.wrong_member(name, reason)),
    }
}

fn geo_match(object: &Object<'_>) -> Result<Statement, Error> {
    let geo = object.object(
        "GeoMatchStatement",
        "GEO_MATCH_STATEMENT",
        &["CountryCodes", "ForwardedIPConfig"],
    )?;
    let countries = geo.texts("CountryCodes", 1..=300, 2)?;
    if let Some(unknown) = countries.iter().find(|code| !is_country(code)) {
        return Err(geo.wrong_member("CountryCodes", format!("{unknown} is no country.")));
    }
    Ok(Statement::GeoMatch(countries, field::forwarded(&geo)?))
}

fn asn_match(object: &Object<'_>) -> Result<Statement, Error> {
    let asn = object.object(
        "AsnMatchStatement",
        "STATEMENT",
        &["AsnList", "ForwardedIPConfig"],
    )?;
    let number = |(at, value): (String, &Value)| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| {
            Error::invalid(
                "STATEMENT",
                &at,
                "This is not a number from 0 to 4294967295.",
            )
        })
    };
    let numbers = asn
        .list("AsnList", 1..=100)?
        .into_iter()
        .map(number)
        .collect::<Result<_, _>>()?;
    Ok(Statement::AsnMatch(numbers, field::forwarded(&asn)?))
}

fn label_match(object: &Object<'_>) -> Result<Statement, Error> {
    let label = object.object(
        "LabelMatchStatement",
        "LABEL_MATCH_STATEMENT",
        &["Scope", "Key"],
    )?;
    let scope = label.choice("Scope", LabelScope::of)?;
    let key = label.text("Key", 1024)?;
    if !super::rule::is_label(key) {
        return Err(label.wrong_member("Key", "A label holds letters, digits, -, _ and :."));
    }
    match (scope, key.ends_with(':')) {
        (LabelScope::Label, true) => {
            Err(label.wrong_member("Key", "A label does not end in a colon."))
        }
        (LabelScope::Namespace, false) => Ok(Statement::LabelMatch(scope, format!("{key}:"))),
        _ => Ok(Statement::LabelMatch(scope, key.to_owned())),
    }
}

fn several(
    object: &Object<'_>,
    name: &str,
    kind: &'static str,
    place: Place,
) -> Result<Vec<Statement>, Error> {
    let list = object.object(name, kind, &["Statements"])?;
    let statements = list.list("Statements", 2..=1000)?;
    statements
        .into_iter()
        .map(|(at, value)| statement(value, at, place.within()))
        .collect()
}

pub(super) fn arn(object: &Object<'_>) -> Result<String, Error> {
    object.text("ARN", 2048).map(str::to_owned)
}
