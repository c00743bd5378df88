//! The managed rule groups there are, as lists and descriptions.

use palisade_core::{Call, CallError, Handlers};
use palisade_managed::{Group, catalog};
use palisade_model::{ApiError, Structure};

use crate::faults::missing;
use crate::listing::{self, Asked};
use crate::members::text;
use crate::place::Place;

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("ListAvailableManagedRuleGroups", list)
        .on("ListAvailableManagedRuleGroupVersions", versions)
        .on("DescribeManagedRuleGroup", describe)
        .on("DescribeAllManagedProducts", products)
        .on("DescribeManagedProductsByVendor", products)
}

fn list(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    Place::of_scope(call, text(&input, "Scope"))?;
    let groups = catalog().iter().map(|group| {
        let shown = Structure::new()
            .with("VendorName", group.vendor.as_str())
            .with("Name", group.name.as_str())
            .with("VersioningSupported", !group.versions.is_empty())
            .with("Description", group.description.as_str());
        (group.name.clone(), shown)
    });
    let page = Asked::of(&input).cut(groups.collect());
    Ok(listing::page("ManagedRuleGroups", page))
}

fn named(input: &Structure) -> Result<&'static Group, ApiError> {
    let (vendor, name) = (text(input, "VendorName"), text(input, "Name"));
    let mut groups = catalog().iter();
    let found = groups.find(|group| group.vendor == vendor && group.name == name);
    found.ok_or_else(missing)
}

fn versions(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    Place::of_scope(call, text(&input, "Scope"))?;
    let group = named(&input)?;
    let versions = group.versions.iter().map(|version| {
        let shown = Structure::new().with("Name", version.as_str());
        (version.clone(), shown)
    });
    let page = Asked::of(&input).cut(versions.collect());
    let current = group.versions.first().map(String::as_str);
    Ok(listing::page("Versions", page).with("CurrentDefaultVersion", current))
}

fn describe(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    Place::of_scope(call, text(&input, "Scope"))?;
    let group = named(&input)?;
    let asked = Some(text(&input, "VersionName")).filter(|version| !version.is_empty());
    if asked.is_some_and(|asked| group.versions.iter().all(|version| version != asked)) {
        return Err(missing().into());
    }
    let version = asked.or(group.versions.first().map(String::as_str));
    let block = || Structure::new().with("Block", Structure::new());
    let rules = group.rules.iter().map(|rule| {
        Structure::new()
            .with("Name", rule.name.as_str())
            .with("Action", block())
    });
    let label =
        |label: &str| Structure::new().with("Name", format!("{}{label}", group.label_namespace));
    let labels = group.rules.iter().map(|rule| label(&rule.label));
    Ok(Structure::new()
        .with("VersionName", version)
        .with(
            "Capacity",
            i64::try_from(group.capacity).unwrap_or(i64::MAX),
        )
        .with("Rules", rules.collect::<Vec<_>>())
        .with("LabelNamespace", group.label_namespace.as_str())
        .with("AvailableLabels", labels.collect::<Vec<_>>()))
}

/// All managed groups as products, or one vendor's.
fn products(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    Place::of_scope(call, text(&input, "Scope"))?;
    let vendor = text(&input, "VendorName");
    let of_vendor = |group: &&Group| vendor.is_empty() || group.vendor == vendor;
    let product = |group: &Group| {
        Structure::new()
            .with("VendorName", group.vendor.as_str())
            .with("ManagedRuleSetName", group.name.as_str())
            .with("ProductTitle", group.name.as_str())
            .with("ProductDescription", group.description.as_str())
            .with("IsVersioningSupported", !group.versions.is_empty())
            .with("IsAdvancedManagedRuleSet", false)
    };
    let products = catalog().iter().filter(of_vendor).map(product);
    Ok(Structure::new().with("ManagedProducts", products.collect::<Vec<_>>()))
}
