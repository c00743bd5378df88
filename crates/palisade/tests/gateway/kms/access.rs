//! Who may use a key: its policy, grants, other accounts, conditions, aliases, branches.

use super::*;

#[tokio::test]
async fn a_key_policy_decides_whatever_iam_allows() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let ann = world.user(HOME, "ann", json!([allow("kms:*", "*")])).await;
    let bob = world.user(HOME, "bob", json!([])).await;
    let seal = json!({"KeyId": id, "Plaintext": HI});
    let encrypt = |who: Who| {
        let seal = seal.clone();
        let world = &world;
        async move { code(&world.call(&who, KMS, "Encrypt", seal).await) }
    };
    assert_eq!(encrypt(ann.clone()).await, "ok");
    assert_eq!(encrypt(bob.clone()).await, "AccessDeniedException");
    let only_bob = json!([
        {"Effect": "Allow", "Principal": {"AWS": user("bob")}, "Action": "kms:Encrypt", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "kms:PutKeyPolicy", "Resource": "*"},
    ]);
    let put = put_policy(&world, &id, only_bob).await;
    assert_eq!(code(&put), "ok", "{put:?}");
    assert_eq!(encrypt(ann).await, "AccessDeniedException");
    assert_eq!(encrypt(bob).await, "ok");
    // Not even the account's root.
    assert_eq!(encrypt(root(HOME)).await, "AccessDeniedException");
}

#[tokio::test]
async fn a_policy_that_locks_out_its_maker_or_names_nobody_is_refused() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    world.user(HOME, "bob", json!([])).await;
    let bobs = json!([{"Effect": "Allow", "Principal": {"AWS": user("bob")}, "Action": "kms:*", "Resource": "*"}]);
    let reply = put_policy(&world, &id, bobs.clone()).await;
    assert_eq!(reply.code(), "MalformedPolicyDocumentException");
    assert!(
        reply
            .body
            .contains("will not allow you to update the key policy"),
        "{reply:?}"
    );
    let nobody = json!([account_may(),
        {"Effect": "Allow", "Principal": {"AWS": user("nobody")}, "Action": "kms:*", "Resource": "*"}]);
    let reply = put_policy(&world, &id, nobody).await;
    assert_eq!(reply.code(), "MalformedPolicyDocumentException");
    let long = json!([account_may(), {"Sid": "x".repeat(33_000), "Effect": "Allow",
        "Principal": {"AWS": HOME}, "Action": "kms:Decrypt", "Resource": "*"}]);
    assert_eq!(
        put_policy(&world, &id, long).await.code(),
        "LimitExceededException"
    );
    let named =
        json!({"KeyId": id, "PolicyName": "AWS_RAM", "Policy": policy(json!([account_may()]))});
    assert_eq!(
        as_root(&world, "PutKeyPolicy", named).await.code(),
        "NotFoundException"
    );
    let bypassed =
        json!({"KeyId": id, "Policy": policy(bobs), "BypassPolicyLockoutSafetyCheck": true});
    assert_eq!(code(&as_root(&world, "PutKeyPolicy", bypassed).await), "ok");
}

#[tokio::test]
async fn a_grant_counts_at_once_within_its_constraint_and_until_it_is_retired() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let bob = world.user(HOME, "bob", json!([])).await;
    let blob = |context: Value| {
        let input = json!({"KeyId": id, "Plaintext": HI, "EncryptionContext": context});
        let world = &world;
        async move { done(world, "Encrypt", input).await.text("CiphertextBlob") }
    };
    let web = blob(json!({"app": "web"})).await;
    let api = blob(json!({"app": "api"})).await;
    let open = |blob: &str, app: &str| {
        let input = json!({"CiphertextBlob": blob, "EncryptionContext": {"app": app}});
        let (world, bob) = (&world, bob.clone());
        async move { world.call(&bob, KMS, "Decrypt", input).await }
    };
    assert_eq!(open(&web, "web").await.code(), "AccessDeniedException");
    let grant = json!({"KeyId": id, "GranteePrincipal": user("bob"), "RetiringPrincipal": user("bob"),
        "Operations": ["Decrypt", "CreateGrant"], "Name": "once",
        "Constraints": {"EncryptionContextEquals": {"app": "web"}}});
    let made = done(&world, "CreateGrant", grant.clone()).await;
    let again = done(&world, "CreateGrant", grant).await;
    assert_eq!(made.text("GrantId"), again.text("GrantId"));
    let opened = open(&web, "web").await;
    assert_eq!(code(&opened), "ok", "{opened:?}");
    let (_, questions) = world.recorded(opened.request_id).await;
    let deciding: Vec<&str> = questions[0]
        .deciding
        .iter()
        .map(|one| one.policy.as_str())
        .collect();
    assert_eq!(deciding, [format!("grant:{}", made.text("GrantId"))]);
    assert_eq!(open(&api, "api").await.code(), "AccessDeniedException");
    // Bob may pass on less than he has, and no more.
    let cy = world.user(HOME, "cy", json!([])).await;
    let pass = |operations: Value, context: Value| {
        let input = json!({"KeyId": id, "GranteePrincipal": user("cy"), "Operations": operations,
            "Constraints": {"EncryptionContextEquals": context}});
        let (world, bob) = (&world, bob.clone());
        async move { code(&world.call(&bob, KMS, "CreateGrant", input).await) }
    };
    assert_eq!(
        pass(json!(["Decrypt", "Encrypt"]), json!({"app": "web"})).await,
        "AccessDeniedException"
    );
    assert_eq!(
        pass(json!(["Decrypt"]), json!({"app": "api"})).await,
        "AccessDeniedException"
    );
    assert_eq!(pass(json!(["Decrypt"]), json!({"app": "web"})).await, "ok");
    let input = json!({"CiphertextBlob": web, "EncryptionContext": {"app": "web"}});
    assert_eq!(code(&world.call(&cy, KMS, "Decrypt", input).await), "ok");
    let token = json!({"GrantToken": made.text("GrantToken")});
    let foreign = world.call(&cy, KMS, "RetireGrant", token.clone()).await;
    assert_eq!(foreign.code(), "AccessDeniedException");
    assert_eq!(
        code(&world.call(&bob, KMS, "RetireGrant", token).await),
        "ok"
    );
    assert_eq!(open(&web, "web").await.code(), "AccessDeniedException");
}

#[tokio::test]
async fn grants_and_key_policies_are_of_who_was_named_not_of_the_name() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let policed = key(&world, json!({})).await;
    let bob = world.user(HOME, "bob", json!([])).await;
    let grant = json!({"KeyId": id, "GranteePrincipal": user("bob"), "Operations": ["Encrypt"]});
    done(&world, "CreateGrant", grant).await;
    let to_bob = json!([account_may(), {"Effect": "Allow", "Principal": {"AWS": [user("bob")]},
        "Action": "kms:Encrypt", "Resource": "*"}]);
    let put = put_policy(&world, &policed, to_bob).await;
    assert_eq!(code(&put), "ok", "{put:?}");
    let seal = |id: &str| json!({"KeyId": id, "Plaintext": HI});
    world.done(&bob, KMS, "Encrypt", seal(&policed)).await;
    for (operation, input) in [
        ("ListAccessKeys", json!({"UserName": "bob"})),
        ("ListUserPolicies", json!({"UserName": "bob"})),
    ] {
        let reply = world.done(&root(HOME), "iam", operation, input).await;
        if let Some(key) = reply.body.split("<AccessKeyId>").nth(1) {
            let key = key.split('<').next().expect("an id");
            let input = json!({"UserName": "bob", "AccessKeyId": key});
            world
                .done(&root(HOME), "iam", "DeleteAccessKey", input)
                .await;
        }
        if let Some(name) = reply.body.split("<member>").nth(1) {
            let name = name.split('<').next().expect("a name");
            if operation == "ListUserPolicies" {
                let input = json!({"UserName": "bob", "PolicyName": name});
                world
                    .done(&root(HOME), "iam", "DeleteUserPolicy", input)
                    .await;
            }
        }
    }
    world
        .done(&root(HOME), "iam", "DeleteUser", json!({"UserName": "bob"}))
        .await;
    let other = world.user(HOME, "bob", json!([])).await;
    for id in [&id, &policed] {
        let reply = world.call(&other, KMS, "Encrypt", seal(id)).await;
        assert_eq!(reply.code(), "AccessDeniedException");
    }
    let shown = done(&world, "GetKeyPolicy", json!({"KeyId": policed})).await;
    let shown = shown.text("Policy");
    assert!(!shown.contains(&user("bob")), "{shown}");
    assert!(shown.contains("AIDA"), "{shown}");
}

#[tokio::test]
async fn another_account_needs_both_policies_or_a_grant_and_never_manages() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let key_arn = arn(&id);
    let eve = world.user(AWAY, "eve", json!([allow("kms:*", "*")])).await;
    let poor = world.user(AWAY, "poor", json!([])).await;
    let seal = json!({"KeyId": key_arn, "Plaintext": HI});
    let encrypt = |who: &Who| {
        let (who, seal, world) = (who.clone(), seal.clone(), &world);
        async move { code(&world.call(&who, KMS, "Encrypt", seal).await) }
    };
    assert_eq!(encrypt(&eve).await, "AccessDeniedException");
    let abroad =
        json!({"Effect": "Allow", "Principal": {"AWS": AWAY}, "Action": "kms:*", "Resource": "*"});
    put_policy(&world, &id, json!([account_may(), abroad])).await;
    assert_eq!(
        (encrypt(&eve).await, encrypt(&poor).await),
        ("ok".into(), "AccessDeniedException".into())
    );
    let manage = world
        .call(&eve, KMS, "DisableKey", json!({"KeyId": key_arn}))
        .await;
    assert_eq!(manage.code(), "AccessDeniedException");
    put_policy(&world, &id, json!([account_may()])).await;
    assert_eq!(encrypt(&poor).await, "AccessDeniedException");
    let grant = json!({"KeyId": id, "GranteePrincipal": format!("arn:aws:iam::{AWAY}:user/poor"), "Operations": ["Encrypt"]});
    done(&world, "CreateGrant", grant).await;
    assert_eq!(encrypt(&poor).await, "ok");
}

#[tokio::test]
async fn conditions_see_context_alias_and_defaults() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let when = |condition: Value| json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition}]);
    let ann = world.user(HOME, "ann", json!([])).await;
    done(
        &world,
        "CreateAlias",
        json!({"AliasName": "alias/app", "TargetKeyId": id}),
    )
    .await;
    let by_alias =
        json!({"KeyId": "alias/app", "Plaintext": HI, "EncryptionContext": {"app": "web"}});
    let by_id = json!({"KeyId": id, "Plaintext": HI, "EncryptionContext": {"app": "web"}});
    for (condition, alias_may, id_may) in [
        (
            json!({"StringEquals": {"kms:RequestAlias": "alias/app"}}),
            true,
            false,
        ),
        (
            json!({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/app"}}),
            true,
            true,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:app": "web"}}),
            true,
            true,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionContext:app": "api"}}),
            false,
            false,
        ),
        (
            json!({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["App"]}}),
            false,
            false,
        ),
        (
            json!({"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "kms:CallerAccount": HOME}}),
            true,
            true,
        ),
        (
            json!({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"}, "Bool": {"kms:MultiRegion": "false"}}),
            true,
            true,
        ),
        (
            json!({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
            false,
            false,
        ),
    ] {
        world.allow(HOME, "ann", when(condition.clone())).await;
        for (input, may) in [(&by_alias, alias_may), (&by_id, id_may)] {
            let reply = world.call(&ann, KMS, "Encrypt", input.clone()).await;
            assert_eq!(reply.status == 200, may, "{condition}: {reply:?}");
        }
    }
    world.allow(HOME, "ann", when(json!({"StringEquals": {"kms:KeyUsage": "ENCRYPT_DECRYPT", "kms:KeySpec": "SYMMETRIC_DEFAULT"}, "Bool": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}))).await;
    assert_eq!(
        code(&world.call(&ann, KMS, "CreateKey", json!({})).await),
        "ok"
    );
    let bypass = json!({"BypassPolicyLockoutSafetyCheck": true});
    assert_eq!(
        world.call(&ann, KMS, "CreateKey", bypass).await.code(),
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn aliases_lead_where_they_may_and_nowhere_else() {
    let world = World::new().await;
    let (one, two) = (key(&world, json!({})).await, key(&world, json!({})).await);
    let create = |name: &str| json!({"AliasName": name, "TargetKeyId": one});
    done(&world, "CreateAlias", create("alias/app")).await;
    for (name, expected) in [
        ("alias/app", "AlreadyExistsException"),
        ("app", "ValidationException"),
        ("alias/aws/mine", "NotAuthorizedException"),
    ] {
        assert_eq!(
            as_root(&world, "CreateAlias", create(name)).await.code(),
            expected,
            "{name}"
        );
    }
    for target in [
        "alias/app".to_owned(),
        arn(&one).replace(&format!("key/{one}"), "alias/app"),
    ] {
        let aimed = json!({"AliasName": "alias/other", "TargetKeyId": target});
        let refused = as_root(&world, "CreateAlias", aimed).await;
        assert_eq!(refused.code(), "ValidationException");
        assert!(
            refused
                .body
                .contains("Aliases must refer to keys. Not aliases"),
            "{refused:?}"
        );
    }
    let described = done(&world, "DescribeKey", json!({"KeyId": "alias/app"})).await;
    assert_eq!(described.text("KeyId"), one);
    let tagged = json!({"KeyId": "alias/app", "Tags": [{"TagKey": "a", "TagValue": "b"}]});
    assert_eq!(
        as_root(&world, "TagResource", tagged).await.code(),
        "NotFoundException"
    );
    done(
        &world,
        "UpdateAlias",
        json!({"AliasName": "alias/app", "TargetKeyId": two}),
    )
    .await;
    let listed: Value = done(&world, "ListAliases", json!({}))
        .await
        .json()
        .expect("JSON");
    assert_eq!(listed["Aliases"][0]["AliasName"], json!("alias/app"));
    assert_eq!(listed["Aliases"][0]["TargetKeyId"], json!(two));
    let of_one = done(&world, "ListAliases", json!({"KeyId": one})).await;
    assert!(of_one.body.contains(r#""Aliases":[]"#), "{of_one:?}");
    done(&world, "DeleteAlias", json!({"AliasName": "alias/app"})).await;
    let gone = as_root(&world, "DescribeKey", json!({"KeyId": "alias/app"})).await;
    assert_eq!(gone.code(), "NotFoundException");
}

#[tokio::test]
async fn on_a_branch_real_keys_give_out_what_they_would_outside_it() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let blob = done(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI}))
        .await
        .text("CiphertextBlob");
    let branch = world
        .done(&root(HOME), "palisade", "CreateBranch", json!({}))
        .await;
    let (branch, own) = (branch.text("BranchId"), branch.credentials());
    let there = |operation: &'static str, input: Value| {
        let (world, own, branch) = (&world, own.clone(), branch.clone());
        async move {
            world
                .send(&own, &Ask::new(KMS, operation, &input).on(&branch))
                .await
        }
    };
    let open = json!({"CiphertextBlob": blob});
    assert_eq!(code(&there("Decrypt", open.clone()).await), "ok");
    // Disabled outside, and enabled on the branch still: it stays shut.
    done(&world, "DisableKey", json!({"KeyId": id})).await;
    assert_eq!(
        there("Decrypt", open.clone()).await.code(),
        "DisabledException"
    );
    // A key made on the branch is the branch's own.
    let made = there("CreateKey", json!({})).await;
    assert_eq!(code(&made), "ok", "{made:?}");
    let own_key = made.text("KeyId");
    let sealed = there("Encrypt", json!({"KeyId": own_key, "Plaintext": HI})).await;
    let opened = there(
        "Decrypt",
        json!({"CiphertextBlob": sealed.text("CiphertextBlob")}),
    )
    .await;
    assert_eq!(opened.text("Plaintext"), HI);
    // Who may use it by the branch's policies alone may: nothing real is given out.
    let ann = world.user(HOME, "ann", json!([])).await;
    let late = world
        .done(&root(HOME), "palisade", "CreateBranch", json!({}))
        .await;
    let (late, admin) = (late.text("BranchId"), late.credentials());
    let on_late = |who: Who, service: &'static str, operation: &'static str, input: Value| {
        let (world, late) = (&world, late.clone());
        async move {
            let ask = Ask::new(service, operation, &input).on(&late);
            world.send(&who, &ask).await
        }
    };
    let may = json!({"UserName": "ann", "PolicyName": "may", "PolicyDocument":
        policy(json!([allow("kms:*", "*"), allow("palisade:CallOnBranch", "*")]))});
    on_late(admin.clone(), "iam", "PutUserPolicy", may).await;
    let call_on = json!([allow("palisade:CallOnBranch", "*")]);
    world.allow(HOME, "ann", call_on).await;
    let made = on_late(admin.clone(), KMS, "CreateKey", json!({})).await;
    let key_there = json!({"KeyId": made.text("KeyId"), "KeySpec": "AES_256"});
    let given = on_late(ann.clone(), KMS, "GenerateDataKey", key_there).await;
    assert_eq!(code(&given), "ok", "{given:?}");
    let real = json!({"KeyId": id, "KeySpec": "AES_256"});
    for (operation, input) in [
        ("GenerateDataKey", real.clone()),
        ("GenerateDataKeyWithoutPlaintext", real),
        ("Encrypt", json!({"KeyId": id, "Plaintext": HI})),
    ] {
        let refused = on_late(ann.clone(), KMS, operation, input).await;
        assert_eq!(refused.code(), "AccessDeniedException", "{operation}");
    }
    assert_eq!(
        as_root(&world, "DescribeKey", json!({"KeyId": own_key}))
            .await
            .code(),
        "NotFoundException"
    );
}
