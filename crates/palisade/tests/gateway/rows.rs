//! Every operation of every service asks what its row says: a caller without policies is refused, one with exactly the documented
//! actions on exactly those resources is not. What has no row is not done.

use std::collections::BTreeSet;

use palisade_core::operation::{OperationRow, Permission};
use palisade_core::record::{Outcome, Question};
use palisade_model::catalog;
use serde_json::{Value, json};

use crate::kit::standing::Standing;
use crate::kit::{HOME, Plan, World, allow, root};

pub fn every_row() -> Vec<(&'static str, &'static OperationRow)> {
    let surroundings = palisade::assemble::bare_surroundings();
    let services = palisade::assemble::services(surroundings, vec![]).expect("they fit");
    let rows = services.iter().flat_map(|service| {
        let id = service.id();
        service.rows().iter().map(move |row| (id, row))
    });
    rows.collect()
}

#[tokio::test]
async fn without_a_policy_everything_is_refused_and_on_record_at_once() {
    let standing = Standing::new(Plan::default()).await;
    let before = standing.world.state();
    for (service, row) in every_row() {
        let reply = standing.call(&standing.caller, service, row.name).await;
        let Permission::Authorize(questions) = &row.permission else {
            assert!(!reply.is_denied(), "{service}:{}: {reply:?}", row.name);
            continue;
        };
        assert!(reply.is_denied(), "{service}:{}: {reply:?}", row.name);
        let action = questions[0].action;
        assert!(reply.body.contains(action), "{action}: {reply:?}");
        // No flush: whatever the disk does not hold now was not durable before the answer.
        let record = standing.world.record(reply.request_id);
        let record = record.unwrap_or_else(|| panic!("{action}: not on record"));
        let call = crate::kit::call_of(&record);
        assert!(
            matches!(call.outcome, Outcome::Denied { .. }),
            "{action}: {call:?}"
        );
        let asked = crate::kit::questions_of(&record);
        assert_eq!((asked.len(), asked[0].action.as_str()), (1, action));
    }
    assert_eq!(
        before,
        standing.world.state(),
        "a refused call changes nothing"
    );
}

/// The questions that `row` may ask, answered one by one: each time the caller gets exactly what it was last refused, no more.
async fn granted_step_by_step(service: &'static str, row: &'static OperationRow) {
    let standing = Standing::new(Plan::default()).await;
    let world = &standing.world;
    let Permission::Authorize(questions) = &row.permission else {
        return;
    };
    let documented: Vec<&str> = questions.iter().map(|question| question.action).collect();
    let mut granted: Vec<Value> = Vec::new();
    loop {
        let reply = standing.call(&standing.caller, service, row.name).await;
        if !reply.is_denied() {
            if let Some(expected) = standing.example(service, row.name).answer {
                assert_eq!(reply.code(), expected, "{service}:{}: {reply:?}", row.name);
            }
            break;
        }
        let (_, asked) = world.recorded(reply.request_id).await;
        let refused = asked.last().expect("a refusal is about a question");
        assert!(documented.contains(&refused.action.as_str()), "{refused:?}");
        assert!(
            is_documented(refused),
            "{refused:?} is on no resource type of the action"
        );
        let grant = allow(&refused.action, &refused.resource);
        assert!(
            !granted.contains(&grant),
            "{grant} is granted and refused still"
        );
        // The same action elsewhere, and anything else on the same resource, do not help.
        if refused.resource != "*" {
            let near = json!([allow(&refused.action, &format!("{}x", refused.resource))]);
            still_refused(&standing, service, row, &granted, near, refused).await;
        }
        let other = json!([{"Effect": "Allow", "NotAction": refused.action, "Resource": "*"}]);
        if granted.is_empty() {
            still_refused(&standing, service, row, &granted, other, refused).await;
        }
        granted.push(grant);
        world.allow(HOME, "caller", json!(granted)).await;
    }
    let granted: BTreeSet<&str> = granted
        .iter()
        .filter_map(|statement| statement["Action"].as_str())
        .collect();
    // The least input leaves out what only some inputs ask.
    let has_example = standing.example(service, row.name).answer.is_some();
    let asked = questions
        .iter()
        .filter(|question| has_example || question.when.is_none());
    let asked: BTreeSet<&str> = asked.map(|question| question.action).collect();
    assert_eq!(granted, asked, "the example asks every question of the row");
}

async fn still_refused(
    standing: &Standing,
    service: &'static str,
    row: &'static OperationRow,
    granted: &[Value],
    more: Value,
    refused: &Question,
) {
    let mut statements = granted.to_vec();
    statements.extend(more.as_array().cloned().unwrap_or_default());
    standing
        .world
        .allow(HOME, "caller", json!(statements))
        .await;
    let reply = standing.call(&standing.caller, service, row.name).await;
    assert!(
        reply.is_denied(),
        "{more} was enough for {refused:?}: {reply:?}"
    );
}

/// Whether the resource has the form of one of the action's resource types (`data/actions`), or is `*` where it has none.
fn is_documented(question: &Question) -> bool {
    let (prefix, action) = question.action.split_once(':').expect("a prefix");
    let path = format!(
        "{}/../../data/actions/{prefix}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let table: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a table"))
        .expect("the table is JSON");
    let ahead = std::fs::read_to_string(path.replace("/actions/", "/actions-ahead/"));
    let ahead = ahead.map_or(Value::Null, |text| {
        serde_json::from_str(&text).expect("the table is JSON")
    });
    let action = match &table["actions"][action] {
        Value::Null => &ahead["actions"][action],
        known => known,
    };
    assert!(action.is_object(), "{} is not documented", question.action);
    let types = action["resources"].as_array().cloned().unwrap_or_default();
    if types.is_empty() && question.resource.ends_with('/') {
        // What is listed is a path of the account, which refusals name: `user/staff/`.
        return true;
    }
    if question.resource == "*" {
        return types.iter().all(|kind| kind["required"] != true);
    }
    types.iter().any(|kind| {
        let form = &table["resources"][kind["type"].as_str().expect("a type")]["arn"];
        has_form(&question.resource, form.as_str().expect("an ARN"))
    }) || question.action == "sts:TagSession"
}

/// An ARN against a form with `${…}` in it: each stands for at least one character.
fn has_form(arn: &str, form: &str) -> bool {
    let mut pattern = String::from("^");
    let mut rest = form;
    while let Some((before, after)) = rest.split_once("${") {
        pattern.push_str(&regex::escape(before));
        pattern.push_str(".+");
        rest = after.split_once('}').map_or("", |(_, tail)| tail);
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    regex::Regex::new(&pattern)
        .expect("a pattern")
        .is_match(arn)
}

#[tokio::test]
async fn with_exactly_the_documented_actions_on_those_resources_it_is_done() {
    for (service, row) in every_row() {
        granted_step_by_step(service, row).await;
    }
}

#[tokio::test]
async fn an_operation_without_a_row_is_not_implemented_by_name() {
    let world = World::new().await;
    let rows = every_row();
    let (mut asked, mut taken_for_another) = (0, Vec::new());
    for service in catalog::services() {
        let model = catalog::model(service.name).expect("a model");
        for operation in model.operations() {
            let has_row = |(id, row): &(&str, &OperationRow)| {
                *id == service.name && row.name == operation.name
            };
            // One that AWS replaced has its path and method in common with what came after it.
            if operation.deprecated || rows.iter().any(has_row) {
                continue;
            }
            let reply = world
                .call(&root(HOME), service.name, operation.name, json!({}))
                .await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (501, "NotImplemented"),
                "{}:{}: {reply:?}",
                service.name,
                operation.name
            );
            if !reply.body.contains(operation.name) {
                taken_for_another.push(format!("{}:{}", service.name, operation.name));
            }
            asked += 1;
        }
    }
    // These are told from ListBuckets and from S3's own CreateBucket by the host alone.
    assert_eq!(
        taken_for_another,
        ["s3:ListDirectoryBuckets", "s3control:CreateBucket"]
    );
    assert!(asked > 1000, "only {asked} operations were asked");
}
