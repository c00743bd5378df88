//! AWS managed keys: there once they are used, and nobody's to change.

use super::*;

const EBS: &str = "alias/aws/ebs";

/// The entry of an alias.
async fn listed(world: &World, alias: &str) -> Value {
    let all: Value = done(world, "ListAliases", json!({}))
        .await
        .json()
        .expect("JSON");
    let mut all = all["Aliases"].as_array().expect("a list").iter();
    let found = all.find(|entry| entry["AliasName"] == json!(alias));
    found.cloned().unwrap_or_default()
}

#[tokio::test]
async fn an_alias_of_a_service_leads_nowhere_until_its_key_is_described() {
    let world = World::new().await;
    let before = listed(&world, EBS).await;
    assert!(
        before["AliasArn"].is_string() && before["TargetKeyId"].is_null(),
        "{before}"
    );
    let described = done(&world, "DescribeKey", json!({"KeyId": EBS})).await;
    let id = described.text("KeyId");
    assert_eq!(described.text("KeyManager"), "AWS");
    assert_eq!(listed(&world, EBS).await["TargetKeyId"], json!(id));
    // Once made it stays the same one.
    let again = done(
        &world,
        "DescribeKey",
        json!({"KeyId": arn(&id).replace(&format!("key/{id}"), EBS)}),
    )
    .await;
    assert_eq!(again.text("KeyId"), id);
    let status = done(&world, "GetKeyRotationStatus", json!({"KeyId": id})).await;
    assert!(
        status.body.contains(r#""KeyRotationEnabled":true"#),
        "{status:?}"
    );
    let none = as_root(&world, "DescribeKey", json!({"KeyId": "alias/aws/nothing"})).await;
    assert_eq!(none.code(), "NotFoundException");
}

#[tokio::test]
async fn nobody_changes_a_managed_key_or_uses_it_but_through_its_service() {
    let world = World::new().await;
    let id = done(&world, "DescribeKey", json!({"KeyId": EBS}))
        .await
        .text("KeyId");
    let named = json!({"KeyId": id});
    for (operation, more) in [
        ("DisableKey", json!({})),
        ("EnableKey", json!({})),
        ("ScheduleKeyDeletion", json!({})),
        ("EnableKeyRotation", json!({})),
        ("DisableKeyRotation", json!({})),
        ("RotateKeyOnDemand", json!({})),
        ("UpdateKeyDescription", json!({"Description": "mine"})),
        (
            "PutKeyPolicy",
            json!({"Policy": policy(json!([account_may()]))}),
        ),
        (
            "TagResource",
            json!({"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ),
        ("UntagResource", json!({"TagKeys": ["a"]})),
        (
            "CreateGrant",
            json!({"GranteePrincipal": HOME, "Operations": ["Decrypt"]}),
        ),
        ("Encrypt", json!({"Plaintext": HI})),
        ("GenerateDataKey", json!({"KeySpec": "AES_256"})),
    ] {
        let mut input = named.clone();
        input
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        let refused = as_root(&world, operation, input).await;
        assert_eq!(refused.code(), "AccessDeniedException", "{operation}");
    }
    let aim = |name: &str| json!({"AliasName": name, "TargetKeyId": id});
    assert_eq!(
        as_root(&world, "CreateAlias", aim("alias/mine"))
            .await
            .code(),
        "AccessDeniedException"
    );
    let own = key(&world, json!({})).await;
    let taken = json!({"AliasName": EBS, "TargetKeyId": own});
    assert_eq!(
        as_root(&world, "UpdateAlias", taken).await.code(),
        "NotAuthorizedException"
    );
    assert_eq!(
        as_root(&world, "DeleteAlias", json!({"AliasName": EBS}))
            .await
            .code(),
        "NotAuthorizedException"
    );
    for operation in [
        "GetKeyPolicy",
        "ListKeyPolicies",
        "ListGrants",
        "ListResourceTags",
    ] {
        assert_eq!(
            code(&as_root(&world, operation, named.clone()).await),
            "ok",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn using_one_that_is_not_made_is_refused_and_makes_none() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([])).await;
    let refused = world
        .call(&ann, KMS, "DescribeKey", json!({"KeyId": EBS}))
        .await;
    assert_eq!(refused.code(), "AccessDeniedException");
    let refused = as_root(&world, "Encrypt", json!({"KeyId": EBS, "Plaintext": HI})).await;
    assert_eq!(refused.code(), "AccessDeniedException");
    assert!(listed(&world, EBS).await["TargetKeyId"].is_null());
}

#[tokio::test]
async fn a_managed_key_is_rotated_every_year() {
    let world = World::new().await;
    let id = done(&world, "DescribeKey", json!({"KeyId": EBS}))
        .await
        .text("KeyId");
    let material = || async {
        done(&world, "DescribeKey", json!({"KeyId": id}))
            .await
            .text("CurrentKeyMaterialId")
    };
    let first = material().await;
    world.clock.advance(365 * DAY);
    palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    assert_ne!(material().await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_uses_at_the_same_time_make_one_key() {
    let world = std::sync::Arc::new(World::new().await);
    let uses = (0..8).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            done(&world, "DescribeKey", json!({"KeyId": EBS}))
                .await
                .text("KeyId")
        })
    });
    let mut ids = std::collections::BTreeSet::new();
    for used in uses.collect::<Vec<_>>() {
        ids.insert(used.await.expect("it ends"));
    }
    assert_eq!(ids.len(), 1);
    let keys = done(&world, "ListKeys", json!({})).await;
    assert_eq!(keys.body.matches("KeyArn").count(), 1, "{keys:?}");
}
