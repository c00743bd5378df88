//! The life of a key and of its materials.

use super::*;

#[tokio::test]
async fn states_refuse_and_a_key_past_its_window_is_gone() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let named = json!({"KeyId": id});
    let seal = json!({"KeyId": id, "Plaintext": HI});
    done(&world, "DisableKey", named.clone()).await;
    let reply = as_root(&world, "Encrypt", seal.clone()).await;
    assert_eq!(reply.code(), "DisabledException");
    assert!(
        reply.body.contains(&format!("{} is disabled.", arn(&id))),
        "{reply:?}"
    );
    done(&world, "EnableKey", named.clone()).await;
    let blob = done(&world, "Encrypt", seal.clone())
        .await
        .text("CiphertextBlob");
    let window = |days: i32| json!({"KeyId": id, "PendingWindowInDays": days});
    assert_eq!(
        as_root(&world, "ScheduleKeyDeletion", window(6))
            .await
            .code(),
        "ValidationException"
    );
    done(&world, "ScheduleKeyDeletion", window(7)).await;
    let reply = as_root(&world, "Encrypt", seal.clone()).await;
    assert_eq!(reply.code(), "KMSInvalidStateException");
    assert!(reply.body.contains("is pending deletion."), "{reply:?}");
    done(&world, "CancelKeyDeletion", named.clone()).await;
    assert!(
        done(&world, "DescribeKey", named.clone())
            .await
            .body
            .contains(r#""KeyState":"Disabled""#)
    );
    assert_eq!(
        as_root(&world, "CancelKeyDeletion", named.clone())
            .await
            .code(),
        "KMSInvalidStateException"
    );
    done(&world, "ScheduleKeyDeletion", window(7)).await;
    world.clock.advance(7 * DAY);
    assert_eq!(
        as_root(&world, "DescribeKey", named).await.code(),
        "NotFoundException"
    );
    let keys = done(&world, "ListKeys", json!({})).await;
    assert!(!keys.body.contains(&id), "{keys:?}");
    let reply = as_root(&world, "Decrypt", json!({"CiphertextBlob": blob})).await;
    assert_eq!(reply.code(), "AccessDeniedException");
}

#[tokio::test]
async fn what_older_materials_encrypted_opens_after_rotation() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let seal = || async {
        let sealed = done(
            &world,
            "GenerateDataKey",
            json!({"KeyId": id, "KeySpec": "AES_256"}),
        )
        .await;
        (
            sealed.text("CiphertextBlob"),
            sealed.text("Plaintext"),
            sealed.text("KeyMaterialId"),
        )
    };
    let first = seal().await;
    done(&world, "RotateKeyOnDemand", json!({"KeyId": id})).await;
    let second = seal().await;
    done(
        &world,
        "EnableKeyRotation",
        json!({"KeyId": id, "RotationPeriodInDays": 90}),
    )
    .await;
    world.clock.advance(90 * DAY);
    let third = seal().await;
    let mut materials = vec![first.2.clone(), second.2.clone(), third.2.clone()];
    materials.dedup();
    assert_eq!(materials.len(), 3);
    for (blob, plain, material) in [first, second, third] {
        let opened = done(&world, "Decrypt", json!({"CiphertextBlob": blob})).await;
        assert_eq!(
            (opened.text("Plaintext"), opened.text("KeyMaterialId")),
            (plain, material)
        );
    }
    let all = json!({"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let all: Value = done(&world, "ListKeyRotations", all)
        .await
        .json()
        .expect("JSON");
    let kinds: Vec<_> = all["Rotations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (
                one["RotationType"].as_str(),
                one["KeyMaterialState"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            (Some("AUTOMATIC"), Some("CURRENT")),
            (Some("ON_DEMAND"), Some("NON_CURRENT")),
            (None, Some("NON_CURRENT")),
        ]
    );
    let status: Value = done(&world, "GetKeyRotationStatus", json!({"KeyId": id}))
        .await
        .json()
        .expect("JSON");
    assert_eq!(
        (
            &status["KeyRotationEnabled"],
            &status["RotationPeriodInDays"]
        ),
        (&json!(true), &json!(90))
    );
}

/// A key for imported material, in its Region.
struct Import {
    id: String,
    region: &'static str,
}

impl Import {
    async fn send(&self, world: &World, operation: &'static str, mut input: Value) -> Reply {
        input["KeyId"] = json!(self.id);
        let ask = Ask::new(KMS, operation, &input).region(self.region);
        world.send(&root(HOME), &ask).await
    }

    /// Brings material in as a client does: wrapped to the key that KMS gives out.
    async fn bring(&self, world: &World, material: &[u8], more: Value) -> Reply {
        let ask = json!({"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
        let given = self.send(world, "GetParametersForImport", ask).await;
        let public = base64(&given.text("PublicKey"));
        let public = PublicKey::from_der(KeySpec::Rsa2048, &public).expect("a public key");
        let wrapped = public
            .encrypt(EncryptionAlgorithm::RsaesOaepSha256, material)
            .expect("it fits");
        let mut input = more;
        input["ImportToken"] = json!(given.text("ImportToken"));
        input["EncryptedKeyMaterial"] = json!(STANDARD.encode(wrapped));
        self.send(world, "ImportKeyMaterial", input).await
    }

    async fn state(&self, world: &World) -> String {
        self.send(world, "DescribeKey", json!({}))
            .await
            .text("KeyState")
    }
}

fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base 64")
}

fn for_ever() -> Value {
    json!({"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"})
}

#[tokio::test]
async fn imported_material_is_used_deleted_and_brought_in_again() {
    let world = World::new().await;
    let id = key(&world, json!({"Origin": "EXTERNAL"})).await;
    let import = Import {
        id: id.clone(),
        region: "us-east-1",
    };
    assert_eq!(import.state(&world).await, "PendingImport");
    let seal = json!({"KeyId": id, "Plaintext": HI});
    assert_eq!(
        as_root(&world, "Encrypt", seal.clone()).await.code(),
        "KMSInvalidStateException"
    );
    assert_eq!(
        import.bring(&world, &[7; 31], for_ever()).await.code(),
        "IncorrectKeyMaterialException"
    );
    let brought = import.bring(&world, &[7; 32], for_ever()).await;
    assert_eq!(code(&brought), "ok", "{brought:?}");
    let blob = done(&world, "Encrypt", seal.clone())
        .await
        .text("CiphertextBlob");
    // Another one is not what was imported before, and a new one waits for its rotation.
    assert_eq!(
        import.bring(&world, &[8; 32], for_ever()).await.code(),
        "IncorrectKeyMaterialException"
    );
    let deleted = import
        .send(&world, "DeleteImportedKeyMaterial", json!({}))
        .await;
    assert_eq!(deleted.text("KeyMaterialId"), brought.text("KeyMaterialId"));
    assert_eq!(import.state(&world).await, "PendingImport");
    let open = json!({"CiphertextBlob": blob});
    assert_eq!(
        as_root(&world, "Decrypt", open.clone()).await.code(),
        "KMSInvalidStateException"
    );
    import.bring(&world, &[7; 32], for_ever()).await;
    assert_eq!(
        done(&world, "Decrypt", open.clone())
            .await
            .text("Plaintext"),
        HI
    );
    let mut new = for_ever();
    new["ImportType"] = json!("NEW_KEY_MATERIAL");
    assert_eq!(
        code(&import.bring(&world, &[8; 32], new.clone()).await),
        "ok"
    );
    assert_eq!(
        import.bring(&world, &[9; 32], new).await.code(),
        "KMSInvalidStateException"
    );
    let list = json!({"IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let listed = import.send(&world, "ListKeyRotations", list).await;
    assert!(listed.body.contains("PENDING_ROTATION"), "{listed:?}");
    assert_eq!(
        code(&import.send(&world, "RotateKeyOnDemand", json!({})).await),
        "ok"
    );
    assert_eq!(done(&world, "Decrypt", open).await.text("Plaintext"), HI);
    let again = import.send(&world, "RotateKeyOnDemand", json!({})).await;
    assert_eq!(again.code(), "KMSInvalidStateException");
    // A key of KMS's own material takes none, and a token is of one key.
    let own = Import {
        id: key(&world, json!({})).await,
        region: "us-east-1",
    };
    let ask = json!({"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
    let refused = own
        .send(&world, "GetParametersForImport", ask.clone())
        .await;
    assert_eq!(refused.code(), "UnsupportedOperationException");
    let given = import.send(&world, "GetParametersForImport", ask).await;
    let other = Import {
        id: key(&world, json!({"Origin": "EXTERNAL"})).await,
        region: "us-east-1",
    };
    let mut foreign = for_ever();
    foreign["ImportToken"] = json!(given.text("ImportToken"));
    foreign["EncryptedKeyMaterial"] = json!(HI);
    assert_eq!(
        other
            .send(&world, "ImportKeyMaterial", foreign.clone())
            .await
            .code(),
        "InvalidImportTokenException"
    );
    world.clock.advance(2 * DAY);
    assert_eq!(
        import
            .send(&world, "ImportKeyMaterial", foreign)
            .await
            .code(),
        "ExpiredImportTokenException"
    );
}

#[tokio::test]
async fn material_past_its_end_is_refused_at_that_second_and_swept_away() {
    let world = World::new().await;
    let id = key(&world, json!({"Origin": "EXTERNAL"})).await;
    let import = Import {
        id: id.clone(),
        region: "us-east-1",
    };
    // The clock stands at 2026-11-24T12:00:00Z.
    let end = json!({"ValidTo": 1_795_521_600 + 3600});
    let brought = import.bring(&world, &[7; 32], end).await;
    assert_eq!(code(&brought), "ok", "{brought:?}");
    let seal = json!({"KeyId": id, "Plaintext": HI});
    assert_eq!(code(&as_root(&world, "Encrypt", seal.clone()).await), "ok");
    world.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(
        as_root(&world, "Encrypt", seal).await.code(),
        "KMSInvalidStateException"
    );
    let material = world.keys_named(HOME, "us-east-1", &brought.text("KeyMaterialId"));
    assert!(material, "it is there until it is swept away");
    let swept = palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    assert_eq!(swept, palisade_kms::Swept::default());
    let material = world.keys_named(HOME, "us-east-1", &brought.text("KeyMaterialId"));
    assert!(!material, "nothing names it any more");
    world.store.flush().await.expect("it writes");
    let named = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "DeleteExpiredKeyMaterial"}]});
    let events = world
        .done(&root(HOME), "cloudtrail", "LookupEvents", named)
        .await;
    assert!(
        events.body.contains(&brought.text("KeyMaterialId")),
        "{events:?}"
    );
    for late in [1_795_521_600, 1_795_521_600 + 367 * 24 * 3600] {
        let refused = import
            .bring(&world, &[7; 32], json!({"ValidTo": late}))
            .await;
        assert_eq!(refused.code(), "ValidationException");
    }
}

#[tokio::test]
async fn a_deleted_keys_material_is_destroyed() {
    let world = World::new().await;
    let keys: std::sync::Arc<dyn KeyVault> = world.keys.clone();
    let destroyer = world
        .store
        .follow(palisade_kms::Destroyer::new(keys))
        .expect("it starts");
    let made = done(&world, "CreateKey", json!({})).await;
    let (id, material) = (made.text("KeyId"), made.text("CurrentKeyMaterialId"));
    done(
        &world,
        "CreateAlias",
        json!({"AliasName": "alias/app", "TargetKeyId": id}),
    )
    .await;
    let grant = json!({"KeyId": id, "GranteePrincipal": HOME, "Operations": ["Encrypt"]});
    done(&world, "CreateGrant", grant).await;
    let is_there = || {
        let region = Region::new("us-east-1").expect("a Region");
        let place = Place::new(&AccountId::new(HOME).expect("an account"), &region, None);
        world
            .keys
            .load(&place, material.parse().expect("an id"))
            .is_ok()
    };
    done(
        &world,
        "ScheduleKeyDeletion",
        json!({"KeyId": id, "PendingWindowInDays": 7}),
    )
    .await;
    let swept = palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    assert_eq!(swept, palisade_kms::Swept::default());
    assert!(is_there(), "its time has not come");
    world.clock.advance(7 * DAY);
    palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    world.store.flush().await.expect("it writes");
    destroyer
        .caught_up(world.store.head().position)
        .await
        .expect("it follows");
    assert!(!is_there());
    let aliases = done(&world, "ListAliases", json!({})).await;
    assert!(!aliases.body.contains("alias/app"), "{aliases:?}");
}

#[tokio::test]
async fn a_multi_region_key_is_one_key_in_many_regions() {
    let world = World::new().await;
    let id = key(&world, json!({"MultiRegion": true})).await;
    assert!(id.starts_with("mrk-"), "{id}");
    let at = |region: &'static str, operation: &'static str, input: Value| {
        let world = &world;
        async move {
            world
                .send(
                    &root(HOME),
                    &Ask::new(KMS, operation, &input).region(region),
                )
                .await
        }
    };
    for nowhere in ["eu-west-9", "mars"] {
        let replicate = json!({"KeyId": id, "ReplicaRegion": nowhere});
        let refused = at("us-east-1", "ReplicateKey", replicate).await;
        assert_eq!(refused.code(), "ValidationException", "{nowhere}");
    }
    let replicate = json!({"KeyId": id, "ReplicaRegion": "eu-west-1", "Description": "there"});
    let made = at("us-east-1", "ReplicateKey", replicate.clone()).await;
    assert_eq!(code(&made), "ok", "{made:?}");
    assert_eq!(
        at("us-east-1", "ReplicateKey", replicate).await.code(),
        "AlreadyExistsException"
    );
    let blob = done(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI}))
        .await
        .text("CiphertextBlob");
    let open = json!({"CiphertextBlob": blob});
    assert_eq!(
        at("eu-west-1", "Decrypt", open.clone())
            .await
            .text("Plaintext"),
        HI
    );
    // State and policy are each Region's own; rotation is the primary's.
    assert_eq!(
        code(&at("eu-west-1", "DisableKey", json!({"KeyId": id})).await),
        "ok"
    );
    assert_eq!(
        at("eu-west-1", "Decrypt", open.clone()).await.code(),
        "DisabledException"
    );
    assert_eq!(code(&as_root(&world, "Decrypt", open.clone()).await), "ok");
    assert_eq!(
        code(&at("eu-west-1", "EnableKey", json!({"KeyId": id})).await),
        "ok"
    );
    let rotate = at("eu-west-1", "RotateKeyOnDemand", json!({"KeyId": id})).await;
    assert_eq!(rotate.code(), "UnsupportedOperationException");
    done(&world, "RotateKeyOnDemand", json!({"KeyId": id})).await;
    let sealed = at(
        "eu-west-1",
        "Encrypt",
        json!({"KeyId": id, "Plaintext": HI}),
    )
    .await;
    let there = json!({"CiphertextBlob": sealed.text("CiphertextBlob")});
    assert_eq!(done(&world, "Decrypt", there).await.text("Plaintext"), HI);
    // A primary waits for its replica.
    done(
        &world,
        "ScheduleKeyDeletion",
        json!({"KeyId": id, "PendingWindowInDays": 8}),
    )
    .await;
    let described = done(&world, "DescribeKey", json!({"KeyId": id})).await;
    assert_eq!(described.text("KeyState"), "PendingReplicaDeletion");
    let refused = as_root(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI})).await;
    assert!(
        refused.body.contains("is pending replica deletion."),
        "{refused:?}"
    );
    done(&world, "CancelKeyDeletion", json!({"KeyId": id})).await;
    done(&world, "EnableKey", json!({"KeyId": id})).await;
    let moved = json!({"KeyId": id, "PrimaryRegion": "eu-west-1"});
    assert_eq!(
        code(&as_root(&world, "UpdatePrimaryRegion", moved).await),
        "ok"
    );
    let described = at("eu-west-1", "DescribeKey", json!({"KeyId": id})).await;
    assert!(
        described.body.contains(r#""MultiRegionKeyType":"PRIMARY""#),
        "{described:?}"
    );
    assert_eq!(
        code(
            &at(
                "us-east-1",
                "ScheduleKeyDeletion",
                json!({"KeyId": id, "PendingWindowInDays": 7})
            )
            .await
        ),
        "ok"
    );
    assert_eq!(
        code(
            &at(
                "eu-west-1",
                "ScheduleKeyDeletion",
                json!({"KeyId": id, "PendingWindowInDays": 7})
            )
            .await
        ),
        "ok"
    );
    world.clock.advance(7 * DAY);
    palisade_kms::sweep(&world.store, &*world.keys)
        .await
        .expect("it sweeps");
    let described = at("eu-west-1", "DescribeKey", json!({"KeyId": id})).await;
    assert_eq!(described.text("KeyState"), "PendingDeletion");
    world.clock.advance(7 * DAY);
    let gone = at("eu-west-1", "DescribeKey", json!({"KeyId": id})).await;
    assert_eq!(gone.code(), "NotFoundException");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_told_from_the_journal() {
    let world = World::new().await;
    let use_ = world.store.follow(palisade_kms::KeyUse).expect("it starts");
    let id = key(&world, json!({})).await;
    let never: Value = done(&world, "GetKeyLastUsage", json!({"KeyId": id}))
        .await
        .json()
        .expect("JSON");
    assert_eq!(never["KeyLastUsage"], json!({}));
    let used = done(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI})).await;
    world.store.flush().await.expect("it writes");
    use_.caught_up(world.store.head().position)
        .await
        .expect("it follows");
    let last: Value = done(&world, "GetKeyLastUsage", json!({"KeyId": id}))
        .await
        .json()
        .expect("JSON");
    assert_eq!(last["KeyLastUsage"]["Operation"], json!("Encrypt"));
    assert_eq!(
        last["KeyLastUsage"]["KmsRequestId"],
        json!(used.request_id.to_string())
    );
    // Whoever may delete only what has not been used for ten days waits for the tenth.
    let statement = json!([{"Effect": "Allow", "Action": "kms:ScheduleKeyDeletion", "Resource": "*",
        "Condition": {"NumericGreaterThanEquals": {"kms:TrailingDaysWithoutKeyUsage": "10"}}}]);
    let ann = world.user(HOME, "ann", statement).await;
    let schedule = json!({"KeyId": id});
    assert_eq!(
        world
            .call(&ann, KMS, "ScheduleKeyDeletion", schedule.clone())
            .await
            .code(),
        "AccessDeniedException"
    );
    world.clock.advance(10 * DAY);
    assert_eq!(
        code(&world.call(&ann, KMS, "ScheduleKeyDeletion", schedule).await),
        "ok"
    );
}
