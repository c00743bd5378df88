//! KMS where one thing ends and another begins: accounts, branches, keys that are going, rows that are damaged.

use palisade_store::{Durability, Fact, Table};
use serde_json::{Value, json};

use crate::kit::{AWAY, Ask, HOME, Reply, Who, World, allow, policy, root};

const KMS: &str = "kms";
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
const SERVICE: &str = "events.amazonaws.com";

async fn key(world: &World, account: &str, input: Value) -> String {
    let made = world.done(&root(account), KMS, "CreateKey", input).await;
    made.text("KeyId")
}

fn arn(account: &str, id: &str) -> String {
    format!("arn:aws:kms:us-east-1:{account}:key/{id}")
}

async fn done(world: &World, operation: &'static str, input: Value) -> Reply {
    world.done(&root(HOME), KMS, operation, input).await
}

/// What an answer lists under a name.
fn listed(reply: &Reply, name: &str) -> Vec<Value> {
    let body = reply.json().expect("JSON");
    body[name].as_array().cloned().expect("a list")
}

#[tokio::test]
async fn an_alias_of_a_branch_opens_no_other_real_key_than_outside_it() {
    let world = World::new().await;
    let own = key(&world, HOME, json!({})).await;
    let other = key(&world, HOME, json!({})).await;
    let create = json!({"AliasName": "alias/app", "TargetKeyId": own});
    done(&world, "CreateAlias", create).await;
    let call_on = allow("palisade:CallOnBranch", "*");
    let real = json!([allow("kms:*", &arn(HOME, &own)), call_on]);
    let ann = world.user(HOME, "ann", real).await;
    let branch = world
        .done(&root(HOME), "palisade", "CreateBranch", json!({}))
        .await;
    let (branch, admin) = (branch.text("BranchId"), branch.credentials());
    let there = |who: &Who, service: &'static str, operation: &'static str, input: Value| {
        let (world, who, branch) = (&world, who.clone(), branch.clone());
        async move {
            let ask = Ask::new(service, operation, &input).on(&branch);
            world.send(&who, &ask).await
        }
    };
    let all = json!({"UserName": "ann", "PolicyName": "all", "PolicyDocument":
        policy(json!([allow("kms:*", "*"), call_on]))});
    assert_eq!(there(&admin, "iam", "PutUserPolicy", all).await.status, 200);
    let by = |id: &str| json!({"KeyId": id, "KeySpec": "AES_256"});
    let given = there(&ann, KMS, "GenerateDataKey", by("alias/app")).await;
    assert_eq!(given.status, 200, "{given:?}");
    let refused = there(&ann, KMS, "GenerateDataKey", by(&other)).await;
    assert_eq!(refused.code(), "AccessDeniedException");
    let lead = json!({"AliasName": "alias/app", "TargetKeyId": other});
    assert_eq!(there(&admin, KMS, "UpdateAlias", lead).await.status, 200);
    let new = json!({"AliasName": "alias/new", "TargetKeyId": other});
    assert_eq!(there(&admin, KMS, "CreateAlias", new).await.status, 200);
    let refused = there(&ann, KMS, "GenerateDataKey", by("alias/app")).await;
    assert_eq!(refused.code(), "KMSInvalidStateException", "{refused:?}");
    let refused = there(&admin, KMS, "GenerateDataKey", by("alias/new")).await;
    assert_eq!(refused.code(), "KMSInvalidStateException", "{refused:?}");
    // One that leads to a key of the branch itself gives nothing real out.
    let made = there(&admin, KMS, "CreateKey", json!({})).await;
    let lead = json!({"AliasName": "alias/new", "TargetKeyId": made.text("KeyId")});
    assert_eq!(there(&admin, KMS, "UpdateAlias", lead).await.status, 200);
    let given = there(&admin, KMS, "GenerateDataKey", by("alias/new")).await;
    assert_eq!(given.status, 200, "{given:?}");
}

#[tokio::test]
async fn conditions_on_tags_see_the_tags_of_a_key() {
    let world = World::new().await;
    let id = key(&world, HOME, json!({})).await;
    let ann = world.user(HOME, "ann", json!([])).await;
    let deny = |condition: Value| {
        json!([allow("kms:*", "*"), {"Effect": "Deny", "Action": ["kms:TagResource", "kms:CreateKey"],
            "Resource": "*", "Condition": condition}])
    };
    for condition in [
        json!({"StringEquals": {"aws:RequestTag/team": "red"}}),
        json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "secret"}}),
    ] {
        world.allow(HOME, "ann", deny(condition.clone())).await;
        for (key, value, may) in [
            ("team", "red", !condition.to_string().contains("red")),
            ("secret", "x", !condition.to_string().contains("secret")),
            ("team", "blue", true),
        ] {
            let tags = json!([{"TagKey": key, "TagValue": value}]);
            for (operation, input) in [
                ("TagResource", json!({"KeyId": id, "Tags": tags})),
                ("CreateKey", json!({"Tags": tags})),
            ] {
                let reply = world.call(&ann, KMS, operation, input).await;
                assert_eq!(
                    reply.status == 200,
                    may,
                    "{operation} {key}={value} under {condition}: {reply:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_service_may_retire_is_listed_to_the_keys_account_alone() {
    let world = World::new().await;
    let id = key(&world, HOME, json!({})).await;
    let grant = json!({"KeyId": id, "GranteePrincipal": HOME, "RetiringServicePrincipal": SERVICE,
        "Operations": ["Encrypt"]});
    let grant = done(&world, "CreateGrant", grant).await.text("GrantId");
    for member in ["RetiringServicePrincipal", "RetiringPrincipal"] {
        let input = json!({ member: SERVICE });
        let own = done(&world, "ListRetirableGrants", input.clone()).await;
        let ids: Vec<_> = listed(&own, "Grants")
            .iter()
            .map(|one| one["GrantId"].clone())
            .collect();
        assert_eq!(ids, [json!(grant)]);
        let foreign = world
            .done(&root(AWAY), KMS, "ListRetirableGrants", input)
            .await;
        assert!(listed(&foreign, "Grants").is_empty(), "{foreign:?}");
    }
    done(
        &world,
        "RevokeGrant",
        json!({"KeyId": id, "GrantId": grant}),
    )
    .await;
    let input = json!({"RetiringServicePrincipal": SERVICE});
    let own = done(&world, "ListRetirableGrants", input).await;
    assert!(listed(&own, "Grants").is_empty());
}

#[tokio::test]
async fn the_aliases_of_another_accounts_key_are_not_found_whether_it_is_there_or_not() {
    let world = World::new().await;
    let foreign = key(&world, AWAY, json!({})).await;
    let create = json!({"AliasName": "alias/app", "TargetKeyId": foreign});
    world.done(&root(AWAY), KMS, "CreateAlias", create).await;
    let own = key(&world, HOME, json!({})).await;
    let create = json!({"AliasName": "alias/app", "TargetKeyId": own});
    done(&world, "CreateAlias", create).await;
    let ask = |id: String| {
        let world = &world;
        async move {
            let input = json!({"KeyId": arn(AWAY, &id)});
            let reply = world.call(&root(HOME), KMS, "ListAliases", input).await;
            let (call, _) = world.recorded(reply.request_id).await;
            (reply.body.replace(&id, "ID"), call.resources.len(), reply)
        }
    };
    let there = ask(foreign).await;
    let missing = ask("1234abcd-12ab-34cd-56ef-1234567890ab".to_owned()).await;
    assert_eq!(there.2.code(), "NotFoundException", "{there:?}");
    assert_eq!((&there.0, there.1), (&missing.0, 0));
    assert_eq!(missing.1, 0);
}

#[tokio::test]
async fn a_replica_comes_back_only_when_nothing_of_the_last_one_is_left() {
    let world = World::new().await;
    let id = key(&world, HOME, json!({"MultiRegion": true})).await;
    let replicate = json!({"KeyId": id, "ReplicaRegion": "eu-west-1"});
    done(&world, "ReplicateKey", replicate.clone()).await;
    let away = |operation: &'static str, input: Value| {
        let world = &world;
        async move {
            let ask = Ask::new(KMS, operation, &input).region("eu-west-1");
            let reply = world.send(&root(HOME), &ask).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            reply
        }
    };
    let alias = json!({"AliasName": "alias/app", "TargetKeyId": id});
    away("CreateAlias", alias).await;
    let grant = json!({"KeyId": id, "GranteePrincipal": HOME, "Operations": ["Encrypt"]});
    away("CreateGrant", grant).await;
    let end = json!({"KeyId": id, "PendingWindowInDays": 7});
    away("ScheduleKeyDeletion", end).await;
    world.clock.advance(7 * DAY);
    let early = world
        .call(&root(HOME), KMS, "ReplicateKey", replicate.clone())
        .await;
    assert_eq!(early.code(), "KMSInvalidStateException", "{early:?}");
    palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    done(&world, "ReplicateKey", replicate).await;
    let aliases = away("ListAliases", json!({"KeyId": id})).await;
    assert!(listed(&aliases, "Aliases").is_empty());
    let grants = away("ListGrants", json!({"KeyId": id})).await;
    assert!(listed(&grants, "Grants").is_empty());
}

#[tokio::test]
async fn a_damaged_key_holds_no_other_up_and_goes_once_it_is_repaired() {
    static RINGS: Table<(String, String), Value> = Table::new("kms.ring");
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..2 {
        let reply = done(&world, "CreateKey", json!({})).await;
        made.push((reply.text("KeyId"), reply.text("CurrentKeyMaterialId")));
    }
    // Those that are due at once are looked at in this order.
    made.sort();
    for (id, _) in &made {
        let end = json!({"KeyId": id, "PendingWindowInDays": 7});
        done(&world, "ScheduleKeyDeletion", end).await;
    }
    let place = (HOME, made[0].0.as_str());
    let tx = world.store.begin().expect("it reads");
    let ring = tx.get(&RINGS, &place).expect("it reads").expect("a ring");
    let write = |value: Value| {
        let mut tx = world.store.begin().expect("it reads");
        tx.put(&RINGS, &place, &value).expect("it writes");
        let store = world.store.clone();
        async move {
            let written = store.commit(tx, Fact::default(), Durability::Durable).await;
            written.expect("it writes");
        }
    };
    write(Value::Null).await;
    world.clock.advance(7 * DAY);
    let swept = palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    assert!(!swept.more, "it does not go round and round");
    let damaged: Vec<_> = swept.damaged.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(damaged, [format!("{HOME}/us-east-1/{}", made[0].0)]);
    let is_named = |at: usize| world.keys_named(HOME, "us-east-1", &made[at].1);
    assert_eq!((is_named(0), is_named(1)), (true, false));
    write(ring).await;
    world.clock.advance(DAY);
    let swept = palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    assert_eq!(swept, palisade_kms::Swept::default());
    assert!(!is_named(0));
}

#[tokio::test]
async fn a_replica_without_the_lockout_check_is_asked_for_as_such() {
    let world = World::new().await;
    let id = key(&world, HOME, json!({"MultiRegion": true})).await;
    let checked = json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}}]);
    let ann = world.user(HOME, "ann", checked).await;
    let bypass =
        json!({"KeyId": id, "ReplicaRegion": "eu-west-1", "BypassPolicyLockoutSafetyCheck": true});
    let refused = world.call(&ann, KMS, "ReplicateKey", bypass).await;
    assert_eq!(refused.code(), "AccessDeniedException", "{refused:?}");
    let input = json!({"KeyId": id, "ReplicaRegion": "eu-west-1"});
    world.done(&ann, KMS, "ReplicateKey", input).await;
}

#[tokio::test]
async fn a_disabled_primary_is_not_rotated_by_the_use_of_its_replicas() {
    let world = World::new().await;
    let id = key(&world, HOME, json!({"MultiRegion": true})).await;
    let replicate = json!({"KeyId": id, "ReplicaRegion": "eu-west-1"});
    done(&world, "ReplicateKey", replicate).await;
    let period = json!({"KeyId": id, "RotationPeriodInDays": 90});
    done(&world, "EnableKeyRotation", period).await;
    let material = || {
        let (world, input) = (&world, json!({"KeyId": id, "KeySpec": "AES_256"}));
        async move {
            let ask = Ask::new(KMS, "GenerateDataKey", &input).region("eu-west-1");
            world.send(&root(HOME), &ask).await.text("KeyMaterialId")
        }
    };
    let first = material().await;
    done(&world, "DisableKey", json!({"KeyId": id})).await;
    world.clock.advance(90 * DAY);
    assert_eq!(material().await, first);
    done(&world, "EnableKey", json!({"KeyId": id})).await;
    assert_ne!(material().await, first);
}
