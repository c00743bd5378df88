//! The rows of grants, and how those that may concern a question are found without looking at the others.
//!
//! A principal may have 50,000 grants on one key. So each operation of a grant is a row of an index, under all that decides whether it
//! counts: the grantee and its unique id, the operation, and what is asked of the encryption context. Grants with the same of all that
//! are the same to a question, and one of them is looked at.

use std::collections::BTreeSet;

use palisade_core::{Arn, Call, CallError, Caller, Identity};
use palisade_store::Tx;
use sha2::{Digest as _, Sha256};

use crate::api::errors;
use crate::count;
use crate::granted::{names_of, own_id, takes_context};
use crate::keys::Found;
use crate::tables::{
    ContextConstraint, GRANTS, GRANTS_BY_NAME, GRANTS_BY_USE, GRANTS_OF_RETIRER, Grant, Party,
};

/// The most grants of a key (KMS Developer Guide, "Resource quotas").
const OF_KEY_MAX: u32 = 50_000;

/// How many grants are looked at that differ in what the index does not hold: the operations of a grant to make grants, the source of
/// one to a service.
const DIFFERENT_MAX: usize = 1000;

/// The pairs of an encryption context.
pub(crate) type Pairs = Vec<(String, String)>;

/// The grant that was made before with the same name and all else the same (the model's text of `Name`).
pub(super) fn same_name(
    call: &Call<'_>,
    key: &Found,
    grant: &Grant,
) -> Result<Option<String>, CallError> {
    let Some(digest) = digest_of_named(grant) else {
        return Ok(None);
    };
    let (account, region, key) = (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let known = call
        .tx
        .get(&GRANTS_BY_NAME, &(account, region, key, digest.as_str()))?;
    let Some(id) = known else {
        return Ok(None);
    };
    let is_there = call
        .tx
        .contains(&GRANTS, &(account, region, key, id.as_str()))?;
    Ok(is_there.then_some(id))
}

/// Writes a new grant, and what points to it.
pub(super) fn keep(call: &mut Call<'_>, key: &Found, grant: &Grant) -> Result<String, CallError> {
    let mut bytes = [0; 32];
    call.random.fill(&mut bytes);
    let id = hex(&bytes);
    let place @ (account, region, key_id) =
        (key.account.as_str(), key.region.as_str(), key.id.as_str());
    if !count::add(call.tx, place, &id, OF_KEY_MAX)? {
        let message = format!("A key has at most {OF_KEY_MAX} grants.");
        return Err(errors::limit_exceeded_exception(message).into());
    }
    call.tx
        .put(&GRANTS, &(account, region, key_id, id.as_str()), grant)?;
    let grantee = grantee(&grant.grantee);
    for use_ in uses(grant) {
        let place = (
            account,
            region,
            key_id,
            grantee.as_str(),
            use_.as_str(),
            id.as_str(),
        );
        call.tx.put(&GRANTS_BY_USE, &place, &())?;
    }
    if let Some(digest) = digest_of_named(grant) {
        let place = (account, region, key_id, digest.as_str());
        call.tx.put(&GRANTS_BY_NAME, &place, &id)?;
    }
    if let Some(retirer) = &grant.retirer {
        let place = retirable(region, retirer, account, key_id, &id);
        call.tx.put(&GRANTS_OF_RETIRER, &place, &())?;
    }
    Ok(id)
}

/// Deletes a grant and what points to it.
pub(crate) fn remove(
    tx: &mut Tx,
    key: (&str, &str, &str),
    id: &str,
    grant: &Grant,
) -> Result<(), CallError> {
    let (account, region, key_id) = key;
    tx.delete(&GRANTS, &(account, region, key_id, id))?;
    let grantee = grantee(&grant.grantee);
    for use_ in uses(grant) {
        let place = (account, region, key_id, grantee.as_str(), use_.as_str(), id);
        tx.delete(&GRANTS_BY_USE, &place)?;
    }
    if let Some(digest) = digest_of_named(grant) {
        tx.delete(&GRANTS_BY_NAME, &(account, region, key_id, digest.as_str()))?;
    }
    if let Some(retirer) = &grant.retirer {
        let place = retirable(region, retirer, account, key_id, id);
        tx.delete(&GRANTS_OF_RETIRER, &place)?;
    }
    count::remove(tx, key, id)
}

/// The ids of grants on a key that may allow the caller an operation with that encryption context: of those that say the same, one.
pub(crate) fn granting(
    call: &Call<'_>,
    key: &Found,
    operation: &str,
    context: &[(String, String)],
) -> Result<Vec<String>, CallError> {
    let (account, region, key) = (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let rows = &GRANTS_BY_USE;
    let mut ids = Vec::new();
    // Most keys have no grants, and most principals none on those that have.
    if call
        .tx
        .range(rows, &(account, region, key), None, 1)?
        .is_empty()
    {
        return Ok(ids);
    }
    let caller = &call.context.caller;
    let wanted = wanted(caller, operation, context);
    for grantee in grantees(caller) {
        let grantee = grantee.as_str();
        let any = call
            .tx
            .range(rows, &(account, region, key, grantee), None, 1)?;
        let wanted = wanted.iter().filter(|_| !any.is_empty());
        for use_ in wanted {
            let prefix = (account, region, key, grantee, use_.as_str());
            let found = call
                .tx
                .range(rows, &prefix, None, differing(operation, use_))?;
            ids.extend(found.into_iter().map(|((.., id), ())| id));
        }
    }
    Ok(ids)
}

/// Where in the index grants stand that may allow a call.
fn wanted(caller: &Caller, operation: &str, context: &[(String, String)]) -> Vec<String> {
    let mut wanted = vec![written(operation, &Asked::Nothing)];
    if is_limited(operation) {
        let pairs = canonical(context);
        let all = (!pairs.is_empty()).then(|| written(operation, &Asked::All(&pairs)));
        let each = pairs
            .iter()
            .map(|pair| written(operation, &Asked::Pair(pair)));
        wanted.extend(all.into_iter().chain(each));
    }
    if matches!(caller.identity, Identity::Service(_)) {
        wanted.push(written(operation, &Asked::Source));
    }
    wanted
}

/// How many rows of the index are looked at for one name of a caller.
const OF_NAME_MAX: usize = 10_000;

/// The ids of grants on a key that name the caller, whatever they allow and ask.
pub(crate) fn naming(call: &Call<'_>, key: &Found) -> Result<BTreeSet<String>, CallError> {
    let caller = &call.context.caller;
    // A principal whose unique id was not known when it was named is there without.
    let bare = names_of(caller).into_iter();
    let bare = bare.map(|arn| grantee(&Party::Principal { arn, id: None }));
    let names: BTreeSet<String> = grantees(caller).into_iter().chain(bare).collect();
    let (account, region, key) = (key.account.as_str(), key.region.as_str(), key.id.as_str());
    let mut ids = BTreeSet::new();
    for name in names {
        let prefix = (account, region, key, name.as_str());
        let found = call.tx.range(&GRANTS_BY_USE, &prefix, None, OF_NAME_MAX)?;
        ids.extend(found.into_iter().map(|((.., id), ())| id));
    }
    Ok(ids)
}

/// What a grant asks of a call of one operation.
enum Asked<'a> {
    /// Nothing that is not asked of all.
    Nothing,
    /// That the encryption context is this one.
    All(&'a Pairs),
    /// That it has this pair, and perhaps more.
    Pair(&'a (String, String)),
    /// That it comes from somewhere: a service's own.
    Source,
}

/// The rows of a grant in the index.
fn uses(grant: &Grant) -> Vec<String> {
    let of = |operation: &String| {
        if grant.constraints.source_arn.is_some() {
            return written(operation, &Asked::Source);
        }
        match &grant.constraints.context {
            _ if !is_limited(operation) => written(operation, &Asked::Nothing),
            None => written(operation, &Asked::Nothing),
            Some(ContextConstraint::Equals(pairs)) => {
                written(operation, &Asked::All(&canonical(pairs)))
            }
            // Any one pair will do to find it by.
            Some(ContextConstraint::Subset(pairs)) => match canonical(pairs).first() {
                Some(pair) => written(operation, &Asked::Pair(pair)),
                None => written(operation, &Asked::Nothing),
            },
        }
    };
    grant.operations.iter().map(of).collect()
}

/// Whether a constraint of the encryption context limits an operation. CreateGrant is asked about with the new grant's own.
fn is_limited(operation: &str) -> bool {
    takes_context(operation) || operation == "CreateGrant"
}

fn differing(operation: &str, use_: &str) -> usize {
    if operation == "CreateGrant" || use_.ends_with(SOURCE) {
        DIFFERENT_MAX
    } else {
        1
    }
}

const SOURCE: char = '@';

fn written(operation: &str, asked: &Asked<'_>) -> String {
    match asked {
        Asked::Nothing => operation.to_owned(),
        Asked::All(pairs) => format!("{operation}={}", digest(pairs)),
        Asked::Pair((key, value)) => {
            format!("{operation}~{}", digest(&[(key.clone(), value.clone())]))
        }
        Asked::Source => format!("{operation}{SOURCE}"),
    }
}

/// Pairs as constraints compare them: keys in any case, each pair once, in order.
fn canonical(pairs: &[(String, String)]) -> Pairs {
    let lower = |(key, value): &(String, String)| (key.to_lowercase(), value.clone());
    let mut pairs: Pairs = pairs.iter().map(lower).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

fn digest(pairs: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hex(&hash.finalize())
}

/// All that makes a grant the same as another of its name; `None` for one without a name.
fn digest_of_named(grant: &Grant) -> Option<String> {
    grant.name.as_ref()?;
    let timeless = Grant {
        created_ms: 0,
        ..grant.clone()
    };
    let text = serde_json::to_vec(&timeless).unwrap_or_default();
    Some(hex(&Sha256::digest(&text)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whom a grant is of: made anew under its name, a principal is somebody else.
fn grantee(party: &Party) -> String {
    match party {
        Party::Principal { arn, id: Some(id) } => format!("{arn}#{id}"),
        Party::Principal { arn, id: None } => arn.clone(),
        Party::Service(name) => name.clone(),
    }
}

/// All whom a grant may name to mean the caller.
fn grantees(caller: &Caller) -> Vec<String> {
    let names = names_of(caller).into_iter().map(|arn| {
        let id = own_id(caller).filter(|_| arn.contains(":user/") || arn.contains(":role/"));
        grantee(&Party::Principal {
            arn,
            id: id.cloned(),
        })
    });
    let mut names: Vec<String> = names.collect();
    if let Identity::Service(name) = &caller.identity {
        names.push(name.clone());
    }
    names
}

/// Where a grant stands among those that its retiring principal may retire.
fn retirable(
    region: &str,
    retirer: &Party,
    account: &str,
    key: &str,
    grant: &str,
) -> (String, String, String, String, String) {
    (
        account_of(retirer.name()).unwrap_or_else(|| account.to_owned()),
        region.to_owned(),
        retirer.name().to_owned(),
        format!("{account}/{key}"),
        grant.to_owned(),
    )
}

/// The account of a principal; an AWS service has none, and is asked about by the accounts of the keys.
pub(super) fn account_of(name: &str) -> Option<String> {
    let arn = name.parse::<Arn>().ok()?;
    arn.account().map(|account| account.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use palisade_core::AccountId;

    use super::*;
    use crate::tables::Constraints;

    fn grant(operations: &[&str], context: Option<ContextConstraint>) -> Grant {
        Grant {
            name: None,
            created_ms: 0,
            issuer: AccountId::new("111122223333").unwrap(),
            grantee: Party::Service("x.amazonaws.com".to_owned()),
            retirer: None,
            operations: operations.iter().map(|&name| name.to_owned()).collect(),
            constraints: Constraints {
                context,
                source_arn: None,
            },
        }
    }

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        all.iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn contexts_that_differ_in_the_case_or_order_of_keys_are_one_place_of_the_index() {
        let one = grant(
            &["Decrypt"],
            Some(ContextConstraint::Equals(pairs(&[("B", "1"), ("a", "2")]))),
        );
        let other = grant(
            &["Decrypt"],
            Some(ContextConstraint::Equals(pairs(&[("A", "2"), ("b", "1")]))),
        );
        assert_eq!(uses(&one), uses(&other));
        let value = grant(
            &["Decrypt"],
            Some(ContextConstraint::Equals(pairs(&[("b", "1"), ("a", "3")]))),
        );
        assert_ne!(uses(&one), uses(&value));
    }

    #[test]
    fn what_no_constraint_can_limit_is_indexed_without_one() {
        let web = ContextConstraint::Subset(pairs(&[("app", "web")]));
        let both = uses(&grant(&["DescribeKey", "Decrypt"], Some(web)));
        assert_eq!(both[0], "DescribeKey");
        assert!(both[1].starts_with("Decrypt~"), "{both:?}");
    }

    #[test]
    fn pairs_that_run_together_are_told_apart() {
        assert_ne!(
            digest(&pairs(&[("ab", "c")])),
            digest(&pairs(&[("a", "bc")]))
        );
    }
}
