//! Things as answers show them.

use palisade_model::{ApiError, Structure, Value};

use crate::members::{self, labels};
use crate::place::{Address, Kind};
use crate::tables::Entity;

/// In a list, and when it was made.
pub(crate) fn summary(address: &Address, entity: &Entity) -> Structure {
    Structure::new()
        .with("Name", address.name.as_str())
        .with("Id", address.id.as_str())
        .with("Description", entity.description.as_str())
        .with("LockToken", entity.lock.as_str())
        .with("ARN", address.arn())
}

/// The whole of it: what was put, and what follows from it.
///
/// # Errors
/// When the row is damaged.
pub(crate) fn whole(address: &Address, entity: &Entity) -> Result<Structure, ApiError> {
    let mut shown = members::body(&entity.body)?;
    let has_rules = matches!(address.kind, Kind::RuleGroup | Kind::WebAcl);
    if has_rules && shown.get("Rules").is_none() {
        shown.push("Rules", Vec::<Value>::new());
    }
    shown.push("Name", address.name.as_str());
    shown.push("Id", address.id.as_str());
    shown.push("ARN", address.arn());
    shown.push("Description", entity.description.as_str());
    match address.kind {
        Kind::IpSet | Kind::RegexPatternSet => {}
        Kind::RuleGroup => {
            let namespace = address.label_namespace();
            let (added, sought) = labels(shown.get("Rules").unwrap_or(&Value::Null));
            let name = |label: String| Structure::new().with("Name", label);
            let full = |label: String| name(format!("{namespace}{label}"));
            shown.push(
                "AvailableLabels",
                added.into_iter().map(full).collect::<Vec<_>>(),
            );
            shown.push(
                "ConsumedLabels",
                sought.into_iter().map(name).collect::<Vec<_>>(),
            );
            shown.push("LabelNamespace", namespace);
        }
        Kind::WebAcl => {
            shown.push("Capacity", entity.capacity);
            shown.push("LabelNamespace", address.label_namespace());
            shown.push("ManagedByFirewallManager", false);
            shown.push("RetrofittedByFirewallManager", false);
        }
    }
    Ok(shown)
}
