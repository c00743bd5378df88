//! Grants by the thousand: the one that counts is found among them, whichever it is.

use super::*;

async fn grant(
    world: &World,
    key: &str,
    grantee: &str,
    operations: &[&str],
    constraints: Value,
) -> String {
    let mut input =
        json!({"KeyId": key, "GranteePrincipal": user(grantee), "Operations": operations});
    if constraints != Value::Null {
        input["Constraints"] = constraints;
    }
    done(world, "CreateGrant", input).await.text("GrantId")
}

#[tokio::test]
async fn of_many_grants_to_one_principal_those_count_that_fit_the_call() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let bob = world.user(HOME, "bob", json!([])).await;
    for tenant in 0..60 {
        let context = json!({"Tenant": format!("t{tenant}")});
        let kind = if tenant % 2 == 0 {
            "EncryptionContextEquals"
        } else {
            "EncryptionContextSubset"
        };
        grant(
            &world,
            &id,
            "bob",
            &["Decrypt", "Encrypt"],
            json!({kind: context}),
        )
        .await;
    }
    let seal = |context: Value| {
        let input = json!({"KeyId": id, "Plaintext": HI, "EncryptionContext": context});
        let (world, bob) = (&world, bob.clone());
        async move { world.call(&bob, KMS, "Encrypt", input).await }
    };
    for (context, expected) in [
        (json!({"tenant": "t4"}), "ok"),
        (json!({"TENANT": "t5"}), "ok"),
        (json!({"tenant": "t5", "more": "x"}), "ok"),
        (
            json!({"tenant": "t4", "more": "x"}),
            "AccessDeniedException",
        ),
        (json!({"tenant": "T4"}), "AccessDeniedException"),
        (json!({"tenant": "t60"}), "AccessDeniedException"),
        (json!({}), "AccessDeniedException"),
    ] {
        assert_eq!(code(&seal(context.clone()).await), expected, "{context}");
    }
    // The decision looked at one grant.
    let sealed = seal(json!({"tenant": "t4"})).await;
    let (_, questions) = world.recorded(sealed.request_id).await;
    assert_eq!(questions[0].deciding.len(), 1);
}

#[tokio::test]
async fn grants_that_say_the_same_count_until_the_last_one_is_revoked() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let bob = world.user(HOME, "bob", json!([])).await;
    let mut grants = Vec::new();
    for _ in 0..3 {
        grants.push(grant(&world, &id, "bob", &["DescribeKey", "Encrypt"], Value::Null).await);
    }
    for (place, made) in grants.iter().enumerate() {
        let seen = world
            .call(&bob, KMS, "DescribeKey", json!({"KeyId": id}))
            .await;
        assert_eq!(code(&seen), "ok", "{place}");
        done(&world, "RevokeGrant", json!({"KeyId": id, "GrantId": made})).await;
    }
    let gone = world
        .call(&bob, KMS, "DescribeKey", json!({"KeyId": id}))
        .await;
    assert_eq!(gone.code(), "AccessDeniedException");
}

#[tokio::test]
async fn grant_ids_that_are_none_are_told_from_those_that_are_not_there() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let made = grant(&world, &id, "nobody", &["Encrypt"], Value::Null);
    world.user(HOME, "nobody", json!([])).await;
    let made = made.await;
    let by = |grant: &str| json!({"KeyId": id, "GrantId": grant});
    let listed = done(&world, "ListGrants", by(&made)).await;
    assert_eq!(listed.text("GrantId"), made);
    let missing = "0".repeat(64);
    let none = done(&world, "ListGrants", by(&missing)).await;
    assert!(none.body.contains(r#""Grants":[]"#), "{none:?}");
    for (grant, expected) in [
        (missing.as_str(), "NotFoundException"),
        ("none", "InvalidGrantIdException"),
    ] {
        for operation in ["RevokeGrant", "RetireGrant"] {
            assert_eq!(
                as_root(&world, operation, by(grant)).await.code(),
                expected,
                "{operation} {grant}"
            );
        }
    }
    assert_eq!(
        as_root(&world, "ListGrants", by("none")).await.code(),
        "InvalidGrantIdException"
    );
}
