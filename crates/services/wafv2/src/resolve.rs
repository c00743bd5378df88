//! The resources that questions are asked about. What does not exist is named as well as it can be, so that only who may know learns
//! that it is missing.

use palisade_core::{Arn, Call, CallError, Resource};
use palisade_model::{Structure, Value};

use crate::associations::protecting;
use crate::entities::find;
use crate::members::{references, text};
use crate::place::{Address, Kind, Place};

/// The resources behind `@resolver` in a row; a kind, where there is one, stands behind a colon.
pub(crate) fn resolve(
    resolver: &str,
    call: &mut Call<'_>,
    input: &Value,
) -> Result<Vec<Resource>, CallError> {
    let none = Structure::new();
    let input = input.as_structure().unwrap_or(&none);
    let (what, kind) = resolver.split_once(':').unwrap_or((resolver, ""));
    let kind = Kind::of_path(kind).unwrap_or(Kind::WebAcl);
    Ok(match what {
        "one" => vec![named(call, kind, input)?],
        "new" => with_references(call, new(call, kind, input), input)?,
        "tagged-new" => vec![new(call, kind, input)],
        "changed" => {
            let one = named(call, kind, input)?;
            with_references(call, one, input)?
        }
        "tagged" => vec![by_arn(call, text(input, "ResourceARN"))?],
        "acl" => vec![by_arn(call, text(input, "WebACLArn"))?],
        "protected" => vec![Resource::named(text(input, "ResourceArn"))],
        "acl-and-protected" => vec![
            by_arn(call, text(input, "WebACLArn"))?,
            Resource::named(text(input, "ResourceArn")),
        ],
        "protected-and-acl" => {
            let resource = text(input, "ResourceArn");
            let acl = protecting(call, resource)?;
            let mut all = vec![Resource::named(resource)];
            if let Some(acl) = acl {
                all.push(by_arn(call, &acl)?);
            }
            all
        }
        // A row with any other name does not pass the test of rows; asked at run time it allows nothing.
        _ => vec![Resource::named(format!("unknown-resolver:{resolver}"))],
    })
}

/// A resource as it is now.
pub(crate) fn resource(call: &Call<'_>, arn: &Arn) -> Result<Option<Resource>, CallError> {
    let Some(address) = Address::of_arn(arn) else {
        return Ok(None);
    };
    let kept = find(call, &address)?;
    Ok(kept.map(|kept| Resource {
        tags: kept.tags,
        ..Resource::named(address.arn())
    }))
}

/// What an ARN names, with its tags where it exists. The account is the ARN's.
fn by_arn(call: &Call<'_>, text: &str) -> Result<Resource, CallError> {
    let Ok(arn) = text.parse::<Arn>() else {
        return Ok(Resource::named(text));
    };
    let known = resource(call, &arn)?;
    let mut known = known.unwrap_or_else(|| Resource::named(text));
    known.account = arn.account().cloned();
    Ok(known)
}

/// What name, scope and id name, or the ARN.
fn named(call: &Call<'_>, kind: Kind, input: &Structure) -> Result<Resource, CallError> {
    if let Some(arn) = input.get("ARN").and_then(Value::as_str) {
        return by_arn(call, arn);
    }
    by_arn(call, &arn(call, kind, input, text(input, "Id")))
}

/// What is to be made: its id is not known yet.
fn new(call: &Call<'_>, kind: Kind, input: &Structure) -> Resource {
    Resource::named(arn(call, kind, input, "*"))
}

fn arn(call: &Call<'_>, kind: Kind, input: &Structure, id: &str) -> String {
    let some = |text: &str| if text.is_empty() { "*" } else { text }.to_owned();
    let address = Address {
        account: call.account().as_str().to_owned(),
        place: place(call, input),
        kind,
        name: some(text(input, "Name")),
        id: some(id),
    };
    address.arn()
}

/// The scope that is asked for, wherever it is asked.
fn place(call: &Call<'_>, input: &Structure) -> Place {
    match text(input, "Scope") {
        "CLOUDFRONT" => Place::Global,
        _ => Place::Regional(call.context.region.as_str().to_owned()),
    }
}

/// With the sets and groups that rules refer to, and the managed groups, which are one resource.
fn with_references(
    call: &Call<'_>,
    one: Resource,
    input: &Structure,
) -> Result<Vec<Resource>, CallError> {
    let found = references(&Value::Structure(input.clone()));
    let mut all = vec![one];
    for arn in &found.arns {
        all.push(by_arn(call, arn)?);
    }
    if found.managed {
        let own = arn(call, Kind::WebAcl, input, "*");
        if let Some((scope, _)) = own.split_once("/webacl/") {
            all.push(Resource::named(format!("{scope}/managedruleset/*/*")));
        }
    }
    Ok(all)
}
