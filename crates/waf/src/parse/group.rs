//! References to rule groups.

use serde_json::Value;

use super::reader::Object;
use super::rule::action;
use super::statement::{Place, statement};
use crate::error::Error;
use crate::statement::{ManagedReference, Overrides};

const ACTIONS: [&str; 6] = [
    "Block",
    "Allow",
    "Count",
    "Captcha",
    "Challenge",
    "Monetize",
];

pub(super) fn managed_reference(object: &Object<'_>) -> Result<ManagedReference, Error> {
    let known = [
        "VendorName",
        "Name",
        "Version",
        "ExcludedRules",
        "ScopeDownStatement",
        "ManagedRuleGroupConfigs",
        "RuleActionOverrides",
    ];
    let group = object.object(
        "ManagedRuleGroupStatement",
        "MANAGED_RULE_SET_STATEMENT",
        &known,
    )?;
    let scope_down = match group.get("ScopeDownStatement") {
        Some(value) => Some(statement(
            value,
            group.path("ScopeDownStatement"),
            Place::Nested(1),
        )?),
        None => None,
    };
    Ok(ManagedReference {
        vendor: group.text("VendorName", 128)?.to_owned(),
        name: group.name("Name")?,
        version: group.optional_text("Version", 64)?.map(str::to_owned),
        scope_down,
        overrides: overrides(&group)?,
        configs: configs(&group)?,
    })
}

/// `ManagedRuleGroupConfigs`: members as the model has them; what they mean is checked by the group that reads them.
fn configs(group: &Object<'_>) -> Result<Vec<Value>, Error> {
    let known = [
        "LoginPath",
        "PayloadType",
        "UsernameField",
        "PasswordField",
        "AWSManagedRulesBotControlRuleSet",
        "AWSManagedRulesATPRuleSet",
        "AWSManagedRulesACFPRuleSet",
        "AWSManagedRulesAntiDDoSRuleSet",
        "AWSManagedRulesAISecurityRuleSet",
    ];
    let config = |(at, value): (String, &Value)| {
        Object::new(value, at, "MANAGED_RULE_GROUP_CONFIG", &known)?;
        Ok(value.clone())
    };
    group
        .list("ManagedRuleGroupConfigs", 0..=10)?
        .into_iter()
        .map(config)
        .collect()
}

pub(super) fn overrides(group: &Object<'_>) -> Result<Overrides, Error> {
    let excluded = |(at, value): (String, &Value)| {
        Object::new(value, at, "EXCLUDED_RULE", &["Name"])?.name("Name")
    };
    let overridden = |(at, value): (String, &Value)| {
        let entry = Object::new(value, at, "RULE_ACTION", &["Name", "ActionToUse"])?;
        let to_use = entry.object("ActionToUse", "RULE_ACTION", &ACTIONS)?;
        Ok((entry.name("Name")?, action(&to_use)?))
    };
    Ok(Overrides {
        excluded: group
            .list("ExcludedRules", 0..=100)?
            .into_iter()
            .map(excluded)
            .collect::<Result<_, Error>>()?,
        actions: group
            .list("RuleActionOverrides", 0..=100)?
            .into_iter()
            .map(overridden)
            .collect::<Result<_, Error>>()?,
    })
}
