//! What-if branches: opening, reading and dropping them. What they are stands in `store`.

use std::collections::BTreeSet;

use palisade_core::branches::{BranchOwner, arn};
use palisade_core::record::{ApiCall, Question};
use palisade_core::{AccountId, Call, CallError, Handlers, NewSession, Resource};
use palisade_model::{ApiError, IntoValue, Timestamp, Value};
use palisade_store::{BranchError, BranchId, BranchWrite, Position};

use crate::api::{self, errors};
use crate::view::{self, RowView};

pub fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("CreateBranch", create)
        .on("GetBranch", get)
        .on("DeleteBranch", delete)
}

/// The resource of a branch: it belongs to the account that opened it.
pub fn resource(call: &Call<'_>, id: &str) -> Resource {
    let owner = call.env.branches.owner(id);
    let account = owner.map_or_else(|| call.account().clone(), |owner| owner.account);
    Resource {
        arn: arn(&account, id),
        account: Some(account),
        ..Resource::default()
    }
}

fn create(
    call: &mut Call<'_>,
    _: api::CreateBranchRequest,
) -> Result<api::CreateBranchResponse, CallError> {
    refuse_on_branch(call)?;
    let lifetime = call.env.store.branch_lifetime();
    let base = call.tx.position();
    let id = call.env.store.branch(base).map_err(opening_failed)?;
    let expires_ms = call.now_ms() + i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    let owner = BranchOwner {
        account: call.account().clone(),
        expires_ms,
    };
    let opened = id.to_string();
    for over in call.env.branches.opened(&opened, owner, call.now_ms()) {
        call.env.keys.forget_branch(parse(&over)?);
    }
    let credentials = credentials(call, id, expires_ms);
    Ok(api::CreateBranchResponse {
        branch_id: Some(id.to_string()),
        position: Some(signed(base)),
        expires_at: Timestamp::from_millis(expires_ms),
        path: Some(format!("/_palisade/what-if/{id}")),
        credentials: Some(credentials),
    })
}

/// Branches are opened and dropped in the server's memory, beside any state: on a branch that would really happen. (A branch
/// that a call left behind which was run again ends by itself.)
fn refuse_on_branch(call: &Call<'_>) -> Result<(), ApiError> {
    if call.context.branch.is_none() {
        return Ok(());
    }
    Err(ApiError::sender(
        "ValidationException",
        "On a branch, no branch can be opened or dropped.",
    ))
}

/// Credentials of the caller that are good on the branch only, and no longer than its own.
fn credentials(call: &mut Call<'_>, id: BranchId, expires_ms: i64) -> api::Credentials {
    let caller = &call.context.caller;
    let session = caller.session.as_deref();
    let issued_ms = session.map_or(call.now_ms(), |s| s.issued_ms);
    let expires_ms = session.map_or(expires_ms, |s| expires_ms.min(s.expires_ms));
    let issued = NewSession {
        account: caller.account.clone(),
        identity: caller.identity.clone(),
        issued_ms,
        duration_seconds: expires_ms.saturating_sub(issued_ms) / 1000,
        policies: session.map(|s| s.policies.clone()).unwrap_or_default(),
        policy_arns: session.map(|s| s.policy_arns.clone()).unwrap_or_default(),
        tags: session.map(|s| s.tags.clone()).unwrap_or_default(),
        transitive_tag_keys: session
            .map(|s| s.transitive_tag_keys.clone())
            .unwrap_or_default(),
        source_identity: session.and_then(|s| s.source_identity.clone()),
        issued_by: call.context.request_id,
        chained: session.is_some_and(|s| s.chained),
        restricted: session.is_some_and(|s| s.restricted),
        branch: Some(id.to_string()),
    }
    .issue(&*call.env.seal, call.random);
    api::Credentials {
        access_key_id: Some(issued.access_key_id),
        secret_access_key: Some(issued.secret_access_key.expose().to_owned()),
        session_token: Some(issued.session_token),
        expiration: Timestamp::from_millis(issued.expires_ms),
    }
}

fn get(
    call: &mut Call<'_>,
    input: api::BranchRequest,
) -> Result<api::GetBranchResponse, CallError> {
    let id = parse(&input.branch_id)?;
    let owner = call.env.branches.owner(&input.branch_id).ok_or_else(gone)?;
    let writes = call.env.store.branch_writes(id).map_err(|_| gone())?;
    let base = call.env.store.branch_base(id).map_err(|_| gone())?;
    Ok(api::GetBranchResponse {
        branch_id: Some(input.branch_id),
        position: Some(signed(base)),
        expires_at: Timestamp::from_millis(owner.expires_ms),
        writes: Some(
            writes
                .iter()
                .map(|write| written(write, &owner.account))
                .collect::<Result<_, _>>()?,
        ),
        calls: Some(calls(call, id, base, &owner)?),
    })
}

fn delete(
    call: &mut Call<'_>,
    input: api::BranchRequest,
) -> Result<api::DeleteBranchResponse, CallError> {
    refuse_on_branch(call)?;
    let id = parse(&input.branch_id)?;
    call.env.branches.dropped(&input.branch_id);
    call.env.keys.forget_branch(id);
    if !call.env.store.drop_branch(id) {
        return Err(gone().into());
    }
    Ok(api::DeleteBranchResponse {})
}

/// The calls made on a branch: their records are in the journal like all others. Another account's calls (through a role assumed
/// there, say) are shown without their questions.
fn calls(
    call: &Call<'_>,
    id: BranchId,
    base: Position,
    owner: &BranchOwner,
) -> Result<Vec<api::BranchCall>, CallError> {
    let mut found = Vec::new();
    call.env.store.journal().read(base, &mut |record| {
        if record.branch == Some(id)
            && let Some(made) = ApiCall::from_bytes(&record.fact.call)
        {
            let own = made.caller.account == owner.account;
            let questions = if own {
                Question::list_from_bytes(&record.fact.questions).unwrap_or_default()
            } else {
                Vec::new()
            };
            found.push(view::branch_call(&made, &questions));
        }
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The ARNs of what the calls made on a branch were about.
pub fn touched(call: &Call<'_>, id: BranchId) -> Result<BTreeSet<String>, CallError> {
    let base = call.env.store.branch_base(id).map_err(|_| gone())?;
    let mut arns = BTreeSet::new();
    call.env.store.journal().read(base, &mut |record| {
        if record.branch == Some(id) {
            let asked = Question::list_from_bytes(&record.fact.questions).unwrap_or_default();
            arns.extend(asked.into_iter().map(|asked| asked.resource));
        }
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(arns)
}

/// A row that the branch changed, its values as far as they may be shown: sealed secrets are bytes and stay hidden, and so does
/// what another account has in a row that a role assumed there changed.
fn written(write: &BranchWrite, owner: &AccountId) -> Result<api::BranchWrite, CallError> {
    let before = write.before_as::<RowView>()?;
    let after = write.after_as::<RowView>()?;
    let change = match (&before, &after) {
        (None, _) => "create",
        (_, None) => "delete",
        _ => "update",
    };
    let in_key = view::begins_with(write.row.key_bytes(), owner);
    let shown = |row: RowView| (in_key || row.names_account(owner)).then(|| document(row));
    Ok(api::BranchWrite {
        table: Some(write.row.table().to_owned()),
        key: Some(view::key_text(write.row.key_bytes())),
        change: Some(change.to_owned()),
        before: before.and_then(shown),
        after: after.and_then(shown),
    })
}

fn document(row: RowView) -> Value {
    row.0.into_value()
}

pub fn parse(id: &str) -> Result<BranchId, CallError> {
    id.parse().map_err(|_| gone().into())
}

pub fn gone() -> ApiError {
    errors::resource_not_found_exception(
        "There is no such branch: it was dropped, or its time is up.",
    )
}

fn opening_failed(error: BranchError) -> CallError {
    match error {
        BranchError::TooMany(_) => errors::limit_exceeded_exception(error.to_string()).into(),
        _ => ApiError::receiver("InternalFailure", error.to_string()).into(),
    }
}

fn signed(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
