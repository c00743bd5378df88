//! The whole document: an ACL, sets and groups, from one file or several.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::reader::Object;
use super::rule::{custom_bodies, default_action, immunity, metric, override_action, rules};
use super::statement::{Place, arn, pattern, statement};
use crate::error::Error;
use crate::model::{
    Action, Immunity, IpSet, RegexPatternSet, ResourceType, Rule, RuleAction, RuleGroup, WebAcl,
};
use crate::statement::Statement;
use crate::transform::named;

/// Bytes of one file, at most.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Addresses of an IP set, at most.
const ADDRESSES_MAX: usize = 10_000;
/// The account of labels where the document names none.
const NO_ACCOUNT: &str = "000000000000";

named! {
    /// `SizeInspectionLimit`.
    SizeLimit {
        /// 8,192 bytes.
        Kb8 = "KB_8",
        /// 16,384 bytes.
        Kb16 = "KB_16",
        /// 32,768 bytes.
        Kb32 = "KB_32",
        /// 49,152 bytes.
        Kb48 = "KB_48",
        /// 65,536 bytes.
        Kb64 = "KB_64",
    }
}

named! {
    /// `IPAddressVersion`.
    AddressVersion {
        /// Four bytes.
        V4 = "IPV4",
        /// Sixteen bytes.
        V6 = "IPV6",
    }
}

/// Web ACLs, rule groups and sets, by ARN.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The web ACL, where a file had one.
    pub web_acl: Option<WebAcl>,
    /// Rule groups by ARN.
    pub rule_groups: BTreeMap<String, RuleGroup>,
    /// IP sets by ARN.
    pub ip_sets: BTreeMap<String, IpSet>,
    /// Regex pattern sets by ARN.
    pub regex_sets: BTreeMap<String, RegexPatternSet>,
}

impl Document {
    /// Reads one file. It is what `get-web-acl`, `get-rule-group`, `get-ip-set` or `get-regex-pattern-set` print, or the input of
    /// `create-web-acl` or `create-rule-group`, or all together: `{"WebACL": …, "RuleGroups": […], "IPSets": […],
    /// "RegexPatternSets": […]}`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &[u8]) -> Result<Document, Error> {
        let mut document = Document::default();
        document.add(text)?;
        Ok(document)
    }

    /// Reads another file into the same document.
    ///
    /// # Errors
    /// As [`Document::parse`]; and where an ARN, or a second web ACL, is there already.
    pub fn add(&mut self, text: &[u8]) -> Result<(), Error> {
        if text.len() > FILE_BYTES_MAX {
            return Err(Error::Limit(format!(
                "A document has at most {FILE_BYTES_MAX} bytes."
            )));
        }
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| Error::NotADocument(format!("this is not JSON: {error}")))?;
        let known = [
            "WebACL",
            "RuleGroup",
            "IPSet",
            "RegexPatternSet",
            "WebACLs",
            "RuleGroups",
            "IPSets",
            "RegexPatternSets",
        ];
        let is = |name: &str| value.get(name).is_some();
        if known.iter().any(|name| is(name)) {
            let all: Vec<&str> = known
                .iter()
                .copied()
                .chain(["LockToken", "ApplicationIntegrationURL"])
                .collect();
            return self.add_bundle(&Object::new(&value, String::new(), "WEB_ACL", &all)?);
        }
        if is("DefaultAction") {
            return self.add_web_acl(&value, String::new());
        }
        if is("Capacity") && is("VisibilityConfig") {
            return self.add_rule_group(&value, String::new());
        }
        if is("Addresses") {
            return self.add_ip_set(&value, String::new());
        }
        if is("RegularExpressionList") {
            return self.add_regex_set(&value, String::new());
        }
        Err(Error::NotADocument(
            "this is no web ACL, rule group, IP set or regex pattern set of wafv2".to_owned(),
        ))
    }

    fn add_bundle(&mut self, bundle: &Object<'_>) -> Result<(), Error> {
        type Add = fn(&mut Document, &Value, String) -> Result<(), Error>;
        let kinds: [(&str, &str, Add); 4] = [
            ("IPSet", "IPSets", Document::add_ip_set),
            (
                "RegexPatternSet",
                "RegexPatternSets",
                Document::add_regex_set,
            ),
            ("RuleGroup", "RuleGroups", Document::add_rule_group),
            ("WebACL", "WebACLs", Document::add_web_acl),
        ];
        for (one, several, add) in kinds {
            if let Some(value) = bundle.get(one) {
                add(self, value, one.to_owned())?;
            }
            for (at, value) in bundle.list(several, 0..=1000)? {
                add(self, value, at)?;
            }
        }
        Ok(())
    }

    fn add_web_acl(&mut self, value: &Value, at: String) -> Result<(), Error> {
        if self.web_acl.is_some() {
            return Err(Error::Duplicate("There are two web ACLs.".to_owned()));
        }
        self.web_acl = Some(web_acl(value, at)?);
        Ok(())
    }

    fn add_rule_group(&mut self, value: &Value, at: String) -> Result<(), Error> {
        let group = rule_group(value, at)?;
        insert(&mut self.rule_groups, group.id.clone(), group)
    }

    fn add_ip_set(&mut self, value: &Value, at: String) -> Result<(), Error> {
        let set = ip_set(value, at)?;
        insert(&mut self.ip_sets, set.arn.clone(), set)
    }

    fn add_regex_set(&mut self, value: &Value, at: String) -> Result<(), Error> {
        let known = [
            "Name",
            "Id",
            "ARN",
            "Description",
            "RegularExpressionList",
            "Scope",
            "Tags",
        ];
        let object = Object::new(value, at, "REGEX_PATTERN_SET", &known)?;
        let read = |(at, value): (String, &Value)| {
            let entry = Object::new(value, at, "REGEX_PATTERN_SET", &["RegexString"])?;
            pattern(&entry, "RegexString")
        };
        let listed = object.list("RegularExpressionList", 1..=10)?;
        let patterns = listed.into_iter().map(read).collect::<Result<_, Error>>()?;
        let set = RegexPatternSet {
            arn: arn(&object)?,
            patterns,
        };
        insert(&mut self.regex_sets, set.arn.clone(), set)
    }
}

fn insert<T>(into: &mut BTreeMap<String, T>, arn: String, item: T) -> Result<(), Error> {
    if into.contains_key(&arn) {
        return Err(Error::Duplicate(format!("There are two of {arn}.")));
    }
    into.insert(arn, item);
    Ok(())
}

fn web_acl(value: &Value, at: String) -> Result<WebAcl, Error> {
    let known = [
        "Name",
        "Id",
        "ARN",
        "DefaultAction",
        "Description",
        "Rules",
        "VisibilityConfig",
        "DataProtectionConfig",
        "Capacity",
        "PreProcessFirewallManagerRuleGroups",
        "PostProcessFirewallManagerRuleGroups",
        "ManagedByFirewallManager",
        "LabelNamespace",
        "CustomResponseBodies",
        "CaptchaConfig",
        "ChallengeConfig",
        "TokenDomains",
        "AssociationConfig",
        "RetrofittedByFirewallManager",
        "OnSourceDDoSProtectionConfig",
        "ApplicationConfig",
        "MonetizationConfig",
        "AnalyticsConfig",
        "Scope",
        "Tags",
        "LockToken",
    ];
    let acl = Object::new(value, at, "WEB_ACL", &known)?;
    for name in ["OnSourceDDoSProtectionConfig", "MonetizationConfig"] {
        if acl.get(name).is_some() {
            return Err(Error::NotImplemented(name.to_owned()));
        }
    }
    metric(&acl)?;
    let name = acl.name("Name")?;
    let arn = acl.optional_text("ARN", 2048)?.map(str::to_owned);
    let mut all = firewall_manager(&acl, "PreProcessFirewallManagerRuleGroups")?;
    all.extend(rules(&acl, Place::AclRule)?);
    all.extend(firewall_manager(
        &acl,
        "PostProcessFirewallManagerRuleGroups",
    )?);
    let mut warnings = captcha_warnings(&all);
    let unused = WITHOUT_EFFECT.iter().filter(|name| acl.get(name).is_some());
    warnings.extend(unused.map(|name| format!("{name} has no effect here")));
    Ok(WebAcl {
        label_namespace: namespace(&acl, "webacl", &name, arn.as_deref())?,
        default_action: default_action(&acl)?,
        rules: all,
        custom_bodies: custom_bodies(&acl)?,
        immunity: immunity(&acl)?,
        token_domains: acl.texts("TokenDomains", 0..=10, 253)?,
        body_limits: body_limits(&acl)?,
        name,
        arn,
        warnings,
    })
}

/// Groups that Firewall Manager puts before and after an ACL's own rules.
fn firewall_manager(acl: &Object<'_>, name: &str) -> Result<Vec<Rule>, Error> {
    let read = |(at, value): (String, &Value)| {
        let known = [
            "Name",
            "Priority",
            "FirewallManagerStatement",
            "OverrideAction",
            "VisibilityConfig",
        ];
        let group = Object::new(value, at, "FIREWALL_MANAGER_STATEMENT", &known)?;
        let statement = statement(
            group.require("FirewallManagerStatement")?,
            group.path("FirewallManagerStatement"),
            Place::AclRule,
        )?;
        if !matches!(
            statement,
            Statement::RuleGroup(_) | Statement::ManagedRuleGroup(_)
        ) {
            return Err(group.wrong("This is not a reference to a rule group."));
        }
        Ok(Rule {
            name: group.name("Name")?,
            priority: group.integer("Priority", 0..=i32::MAX as u64)? as u32,
            statement,
            action: override_action(&group)?,
            labels: Vec::new(),
            metric: metric(&group)?,
            immunity: Immunity::default(),
        })
    };
    let mut rules = acl
        .list(name, 0..=100)?
        .into_iter()
        .map(read)
        .collect::<Result<Vec<_>, _>>()?;
    rules.sort_by_key(|rule| rule.priority);
    Ok(rules)
}

/// Settings of an ACL that say nothing about its decisions: they are taken, and a warning says that nothing comes of them.
const WITHOUT_EFFECT: [&str; 3] = [
    "DataProtectionConfig",
    "ApplicationConfig",
    "AnalyticsConfig",
];

fn captcha_warnings(rules: &[Rule]) -> Vec<String> {
    let captcha = |rule: &&Rule| matches!(rule.action, RuleAction::Own(Action::Captcha(_)));
    let warn = |rule: &Rule| format!("rule {}: Captcha acts as Challenge", rule.name);
    rules.iter().filter(captcha).map(warn).collect()
}

fn body_limits(acl: &Object<'_>) -> Result<BTreeMap<ResourceType, usize>, Error> {
    let known = ["RequestBody", "ChallengeJavascriptSdkInjection"];
    let Some(config) =
        acl.optional_object("AssociationConfig", "ASSOCIATED_RESOURCE_TYPE", &known)?
    else {
        return Ok(BTreeMap::new());
    };
    if config.get("ChallengeJavascriptSdkInjection").is_some() {
        return Err(Error::NotImplemented(
            "ChallengeJavascriptSdkInjection".to_owned(),
        ));
    }
    // AppSync's limit is fixed: the model has no member for it.
    let types: Vec<&str> = ResourceType::ALL
        .iter()
        .filter(|kind| **kind != ResourceType::AppSync)
        .map(|kind| kind.name())
        .collect();
    let Some(bodies) = config.optional_object("RequestBody", "ASSOCIATED_RESOURCE_TYPE", &types)?
    else {
        return Ok(BTreeMap::new());
    };
    let read = |(name, _): (&str, &Value)| {
        let limit = bodies.object(
            name,
            "ASSOCIATED_RESOURCE_TYPE",
            &["DefaultSizeInspectionLimit"],
        )?;
        let kb = match limit.choice("DefaultSizeInspectionLimit", SizeLimit::of)? {
            SizeLimit::Kb8 => 8,
            SizeLimit::Kb16 => 16,
            SizeLimit::Kb32 => 32,
            SizeLimit::Kb48 => 48,
            SizeLimit::Kb64 => 64,
        };
        let kind = ResourceType::of(name).ok_or_else(|| bodies.wrong("Unknown resource type."))?;
        Ok((kind, kb * 1024))
    };
    bodies.members().map(read).collect()
}

fn rule_group(value: &Value, at: String) -> Result<RuleGroup, Error> {
    let known = [
        "Name",
        "Id",
        "Capacity",
        "ARN",
        "Description",
        "Rules",
        "VisibilityConfig",
        "LabelNamespace",
        "CustomResponseBodies",
        "AvailableLabels",
        "ConsumedLabels",
        "Scope",
        "Tags",
    ];
    let group = Object::new(value, at, "RULE_GROUP", &known)?;
    metric(&group)?;
    let name = group.name("Name")?;
    let id = arn(&group)?;
    let rules = rules(&group, Place::GroupRule)?;
    Ok(RuleGroup {
        capacity: group.integer("Capacity", 1..=5000)?,
        label_namespace: namespace(&group, "rulegroup", &name, Some(&id))?,
        custom_bodies: custom_bodies(&group)?,
        warnings: captcha_warnings(&rules),
        rules,
        name,
        id,
    })
}

/// The prefix of labels: as written, else made of account, kind and name.
fn namespace(
    object: &Object<'_>,
    kind: &str,
    name: &str,
    arn: Option<&str>,
) -> Result<String, Error> {
    if let Some(written) = object.optional_text("LabelNamespace", 1024)? {
        let colon = if written.ends_with(':') { "" } else { ":" };
        return Ok(format!("{written}{colon}"));
    }
    let account = arn
        .and_then(|arn| arn.split(':').nth(4))
        .filter(|account| !account.is_empty());
    Ok(format!(
        "awswaf:{}:{kind}:{name}:",
        account.unwrap_or(NO_ACCOUNT)
    ))
}

fn ip_set(value: &Value, at: String) -> Result<IpSet, Error> {
    let known = [
        "Name",
        "Id",
        "ARN",
        "Description",
        "IPAddressVersion",
        "Addresses",
        "Scope",
        "Tags",
    ];
    let set = Object::new(value, at, "IP_SET", &known)?;
    let version = set.choice("IPAddressVersion", AddressVersion::of)?;
    let addresses = set.texts("Addresses", 0..=ADDRESSES_MAX, 50)?;
    let read = |(index, text): (usize, &String)| {
        let network = network(text)
            .filter(|(address, _)| address.is_ipv4() == (version == AddressVersion::V4));
        let place = format!("{}[{index}]", set.path("Addresses"));
        network.ok_or_else(|| {
            Error::invalid(
                "IP_ADDRESS",
                &place,
                format!("{text} is not an {} network.", version.name()),
            )
        })
    };
    let networks = addresses
        .iter()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()?;
    Ok(IpSet {
        arn: arn(&set)?,
        networks,
    })
}

/// `192.0.2.0/24`; every length but zero, which AWS refuses.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.parse().ok()?;
    (1..=most).contains(&length).then_some((address, length))
}
