//! Sets, rule groups and web ACLs: made, shown, changed, deleted, listed, all four kinds alike.

use palisade_core::{Call, CallError, Handlers};
use palisade_model::{Structure, Value};

use crate::faults::{changed, duplicate, in_use, invalid, limit, missing};
use crate::listing::{self, Asked};
use crate::members::text;
use crate::place::{Address, Kind, Place};
use crate::tables::{ENTITIES, Entity, PROTECTS, USES};
use crate::{check, members, shown, tags};

/// Members that name a thing, or are kept apart from its body.
const APART: [&str; 6] = ["Name", "Scope", "Id", "LockToken", "Description", "Tags"];

pub(crate) fn register(handlers: Handlers) -> Handlers {
    let handlers = of_kind(
        handlers,
        Kind::IpSet,
        [
            "CreateIPSet",
            "GetIPSet",
            "UpdateIPSet",
            "DeleteIPSet",
            "ListIPSets",
        ],
    );
    let handlers = of_kind(
        handlers,
        Kind::RegexPatternSet,
        [
            "CreateRegexPatternSet",
            "GetRegexPatternSet",
            "UpdateRegexPatternSet",
            "DeleteRegexPatternSet",
            "ListRegexPatternSets",
        ],
    );
    let handlers = of_kind(
        handlers,
        Kind::RuleGroup,
        [
            "CreateRuleGroup",
            "GetRuleGroup",
            "UpdateRuleGroup",
            "DeleteRuleGroup",
            "ListRuleGroups",
        ],
    );
    let handlers = of_kind(
        handlers,
        Kind::WebAcl,
        [
            "CreateWebACL",
            "GetWebACL",
            "UpdateWebACL",
            "DeleteWebACL",
            "ListWebACLs",
        ],
    );
    handlers.on("CheckCapacity", capacity)
}

fn of_kind(
    handlers: Handlers,
    kind: Kind,
    [make, show, change, remove, all]: [&'static str; 5],
) -> Handlers {
    handlers
        .on(make, move |call: &mut Call<'_>, input| {
            create(call, kind, input)
        })
        .on(show, move |call: &mut Call<'_>, input| {
            get(call, kind, input)
        })
        .on(change, move |call: &mut Call<'_>, input| {
            update(call, kind, input)
        })
        .on(remove, move |call: &mut Call<'_>, input| {
            delete(call, kind, input)
        })
        .on(all, move |call: &mut Call<'_>, input| {
            list(call, kind, input)
        })
}

/// What is kept at an address, if its id is that one.
///
/// # Errors
/// When the store fails.
pub(crate) fn find(call: &Call<'_>, address: &Address) -> Result<Option<Entity>, CallError> {
    let kept = call.tx.get(&ENTITIES, &address.key())?;
    Ok(kept.filter(|kept| kept.id == address.id))
}

/// Keeps it, and notes it for the record.
///
/// # Errors
/// When the store fails.
pub(crate) fn save(
    call: &mut Call<'_>,
    address: &Address,
    entity: &Entity,
) -> Result<(), CallError> {
    call.tx.put(&ENTITIES, &address.key(), entity)?;
    call.touched(address.kind.resource_type(), &address.name, &address.arn());
    Ok(())
}

/// What a request names by name, scope and id, or by ARN where the operation takes one.
///
/// # Errors
/// When the scope is none of this Region's, or nothing is named.
pub(crate) fn addressed(
    call: &Call<'_>,
    kind: Kind,
    input: &Structure,
) -> Result<Address, CallError> {
    if let Some(arn) = input.get("ARN").and_then(Value::as_str) {
        return by_arn(call, kind, arn);
    }
    let named = ["Name", "Scope", "Id"];
    if let Some(absent) = named.iter().find(|name| input.get(name).is_none()) {
        let reason = "You must provide the ARN, or the name, scope and ID.";
        return Err(invalid("RESOURCE_ARN", absent, reason).into());
    }
    Ok(Address {
        account: call.account().as_str().to_owned(),
        place: Place::of_scope(call, text(input, "Scope"))?,
        kind,
        name: text(input, "Name").to_owned(),
        id: text(input, "Id").to_owned(),
    })
}

/// What an ARN names, if it is of this kind and within reach.
///
/// # Errors
/// When it is no ARN of that kind, or of another account or Region.
pub(crate) fn by_arn(call: &Call<'_>, kind: Kind, arn: &str) -> Result<Address, CallError> {
    let named = Address::parse(arn).filter(|named| named.kind == kind);
    let named = named.ok_or_else(|| invalid("RESOURCE_ARN", arn, "The ARN isn't valid."))?;
    if named.is_within(call) {
        Ok(named)
    } else {
        Err(missing().into())
    }
}

/// A UUID of version 4.
fn uuid(call: &mut Call<'_>) -> String {
    let mut bytes = [0; 16];
    call.random.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// What is left of a request without what is kept apart.
fn body_of(input: &Structure) -> Structure {
    let own = |(name, value): &&(&'static str, Value)| !APART.contains(name) && !value.is_null();
    Structure {
        fields: input.fields.iter().filter(own).cloned().collect(),
    }
}

fn create(call: &mut Call<'_>, kind: Kind, input: Structure) -> Result<Structure, CallError> {
    let place = Place::of_scope(call, text(&input, "Scope"))?;
    let address = Address {
        account: call.account().as_str().to_owned(),
        place,
        kind,
        name: text(&input, "Name").to_owned(),
        id: uuid(call),
    };
    if call.tx.get(&ENTITIES, &address.key())?.is_some() {
        return Err(duplicate().into());
    }
    let prefix = (address.account.as_str(), address.place.key(), kind.path());
    let most = kind.most();
    if call.tx.range(&ENTITIES, &prefix, None, most)?.len() >= most {
        let what = format!("{most} of the kind {} in a Region.", kind.member());
        return Err(limit(&what).into());
    }
    let body = body_of(&input);
    let entity = Entity {
        capacity: check::entity(call, &address, &body)?,
        id: address.id.clone(),
        lock: uuid(call),
        description: text(&input, "Description").to_owned(),
        body: members::kept(&body)?,
        tags: tags::given(&input)?,
    };
    check::use_of(call, &address, None, Some(&body))?;
    save(call, &address, &entity)?;
    Ok(Structure::new().with("Summary", shown::summary(&address, &entity)))
}

fn get(call: &mut Call<'_>, kind: Kind, input: Structure) -> Result<Structure, CallError> {
    let address = addressed(call, kind, &input)?;
    let entity = find(call, &address)?.ok_or_else(missing)?;
    Ok(Structure::new()
        .with(kind.member(), shown::whole(&address, &entity)?)
        .with("LockToken", entity.lock))
}

/// What an update has no member for, and stays as it was made.
fn unchangeable(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::IpSet => &["IPAddressVersion"],
        Kind::RuleGroup => &["Capacity"],
        Kind::RegexPatternSet | Kind::WebAcl => &[],
    }
}

fn update(call: &mut Call<'_>, kind: Kind, input: Structure) -> Result<Structure, CallError> {
    let (address, kept) = locked(call, kind, &input)?;
    let before = members::body(&kept.body)?;
    let mut body = body_of(&input);
    for name in unchangeable(kind) {
        if let Some(value) = before.get(name) {
            body.push(name, value.clone());
        }
    }
    let entity = Entity {
        capacity: check::entity(call, &address, &body)?,
        lock: uuid(call),
        description: text(&input, "Description").to_owned(),
        body: members::kept(&body)?,
        ..kept
    };
    check::use_of(call, &address, Some(&before), Some(&body))?;
    save(call, &address, &entity)?;
    check::users(call, &address)?;
    Ok(Structure::new().with("NextLockToken", entity.lock))
}

fn delete(call: &mut Call<'_>, kind: Kind, input: Structure) -> Result<Structure, CallError> {
    let (address, kept) = locked(call, kind, &input)?;
    let arn = address.arn();
    let used = !call.tx.range(&USES, &(arn.as_str(),), None, 1)?.is_empty();
    let protects = !call
        .tx
        .range(&PROTECTS, &(arn.as_str(),), None, 1)?
        .is_empty();
    if used || protects {
        return Err(in_use().into());
    }
    let body = members::body(&kept.body)?;
    check::use_of(call, &address, Some(&body), None)?;
    call.tx.delete(&ENTITIES, &address.key())?;
    call.touched(kind.resource_type(), &address.name, &arn);
    Ok(Structure::new())
}

/// What is to be changed, if the request names its newest lock token.
fn locked(call: &Call<'_>, kind: Kind, input: &Structure) -> Result<(Address, Entity), CallError> {
    let address = addressed(call, kind, input)?;
    let kept = find(call, &address)?.ok_or_else(missing)?;
    if kept.lock != text(input, "LockToken") {
        return Err(changed().into());
    }
    Ok((address, kept))
}

fn list(call: &mut Call<'_>, kind: Kind, input: Structure) -> Result<Structure, CallError> {
    let place = Place::of_scope(call, text(&input, "Scope"))?;
    let account = call.account().as_str().to_owned();
    let prefix = (account.as_str(), place.key(), kind.path());
    let asked = Asked::of(&input);
    let after = asked.marker.map(|name| {
        let (account, place, kind) = prefix;
        let own = str::to_owned;
        (own(account), own(place), own(kind), own(name))
    });
    let found = call
        .tx
        .range(&ENTITIES, &prefix, after.as_ref(), asked.limit)?;
    let items = found.into_iter().map(|((_, _, _, name), entity)| {
        let address = Address {
            account: account.clone(),
            place: place.clone(),
            kind,
            name: name.clone(),
            id: entity.id.clone(),
        };
        (name, shown::summary(&address, &entity))
    });
    Ok(listing::page(kind.plural(), items.collect()))
}

fn capacity(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    // No such thing is kept: its address says where references are looked for.
    let address = Address {
        account: call.account().as_str().to_owned(),
        place: Place::of_scope(call, text(&input, "Scope"))?,
        kind: Kind::WebAcl,
        name: "rules".to_owned(),
        id: String::new(),
    };
    let rules = body_of(&input);
    let capacity = check::capacity(call, &address, &rules)?;
    Ok(Structure::new().with("Capacity", capacity))
}
