//! Every input case: the request that a client sends decodes to the parameters it was given.

mod common;

use common::ledger::{Ledger, reasons};
use common::request::Sent;
use common::same::same_members;
use common::{Case, cases, folder, structure};
use palisade_model::{Location, Member, ServiceModel, ShapeKind, Structure, StructureShape, Value};
use palisade_wire::Codec;

#[test]
fn every_request_decodes_to_its_parameters() {
    let Some(folder) = folder() else { return };
    let reasons = reasons();
    let cases = cases(&folder, "input");
    let mut ledger = Ledger::default();
    for case in &cases {
        ledger.note(&case.id, decodes(case), &reasons);
    }
    ledger.settle("input", cases.len(), &reasons);
}

fn decodes(case: &Case) -> Result<(), String> {
    let sent = Sent::of(case);
    let request = sent.request();
    let codec = Codec::new(case.model);
    let protocol = codec.protocol(&request);
    if !case.model.metadata.protocols.contains(&protocol) {
        return Err(format!("taken for {protocol}"));
    }
    let operation = codec
        .route(protocol, &request)
        .map_err(|error| error.to_string())?;
    if operation.name != case.operation {
        return Err(format!("taken for {}", operation.name));
    }
    let found = codec
        .decode(protocol, operation, &request, 1 << 20)
        .map_err(|error| format!("does not decode: {error}"))?;
    let expected = structure(case.model, operation.input, &case.case["params"]);
    let (found, expected) = match operation.input.and_then(|id| case.model.structure(id)) {
        Some(shape) => (
            comparable(case.model, shape, found),
            comparable(case.model, shape, expected),
        ),
        None => (found, expected),
    };
    match same_members(&found, &expected) {
        true => Ok(()),
        false => Err(format!("decodes to\n  {found:?}, not\n  {expected:?}")),
    }
}

/// What a request can tell of the parameters.
///
/// Header names have no case: the keys of a map of headers come in lower case. A map of query
/// parameters holds, on a server, also those of other members, which no client puts there: these
/// are left out.
fn comparable(model: &ServiceModel, shape: &StructureShape, mut structure: Structure) -> Structure {
    for (name, value) in &mut structure.fields {
        let member = shape.member(name).expect("a member");
        match (member.location, value) {
            (Location::Headers, Value::Map(entries)) => {
                entries
                    .iter_mut()
                    .for_each(|(key, _)| key.make_ascii_lowercase());
            }
            (Location::QueryString, Value::Map(entries)) => {
                entries.retain(|(key, _)| !is_query_member(shape, key));
            }
            _ => {}
        }
    }
    let is_map = |member: &Member| matches!(model.shape(member.shape).kind, ShapeKind::Map(_));
    structure.fields.retain(|(name, value)| {
        let member = shape.member(name).expect("a member");
        let empty = *value == Value::Map(Vec::new());
        !(member.location == Location::QueryString && is_map(member) && empty)
    });
    structure
}

fn is_query_member(shape: &StructureShape, key: &str) -> bool {
    let member = shape.member_on_wire(key);
    member.is_some_and(|member| member.location == Location::QueryString)
}
