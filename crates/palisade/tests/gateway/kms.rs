//! KMS through the front: keys decide by their own policies and grants, states refuse, what is encrypted opens as long as it should.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_core::keys::{KeyVault, Place};
use palisade_core::{AccountId, Region};
use palisade_keyring::PublicKey;
use palisade_keyring::spec::{EncryptionAlgorithm, KeySpec};
use serde_json::{Value, json};

use crate::kit::{AWAY, Ask, HOME, Reply, Who, World, allow, policy, root};

const KMS: &str = "kms";
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// `hi`
const HI: &str = "aGk=";

/// A key of the home account.
async fn key(world: &World, input: Value) -> String {
    let made = world.done(&root(HOME), KMS, "CreateKey", input).await;
    made.text("KeyId")
}

fn arn(id: &str) -> String {
    format!("arn:aws:kms:us-east-1:{HOME}:key/{id}")
}

async fn as_root(world: &World, operation: &'static str, input: Value) -> Reply {
    world.call(&root(HOME), KMS, operation, input).await
}

async fn done(world: &World, operation: &'static str, input: Value) -> Reply {
    world.done(&root(HOME), KMS, operation, input).await
}

/// The code of the answer, and `ok` for success.
fn code(reply: &Reply) -> String {
    if reply.status == 200 {
        "ok".to_owned()
    } else {
        reply.code()
    }
}

async fn put_policy(world: &World, key: &str, statements: Value) -> Reply {
    let input = json!({"KeyId": key, "Policy": policy(statements)});
    as_root(world, "PutKeyPolicy", input).await
}

fn account_may() -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "kms:*", "Resource": "*"})
}

fn user(name: &str) -> String {
    format!("arn:aws:iam::{HOME}:user/{name}")
}

#[tokio::test]
async fn what_is_encrypted_opens_with_its_context_alone() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let input =
        json!({"KeyId": id, "Plaintext": HI, "EncryptionContext": {"app": "web", "env": "prod"}});
    let sealed = done(&world, "Encrypt", input).await;
    assert_eq!(sealed.text("KeyId"), arn(&id));
    let blob = sealed.text("CiphertextBlob");
    let open = |context: Value| json!({"CiphertextBlob": blob, "EncryptionContext": context});
    let opened = done(
        &world,
        "Decrypt",
        open(json!({"env": "prod", "app": "web"})),
    )
    .await;
    assert_eq!(opened.text("Plaintext"), HI);
    assert_eq!(opened.text("KeyMaterialId").len(), 64);
    for wrong in [
        json!({}),
        json!({"app": "web"}),
        json!({"app": "web", "env": "Prod"}),
        json!({"App": "web", "env": "prod"}),
    ] {
        let reply = as_root(&world, "Decrypt", open(wrong)).await;
        assert_eq!(reply.code(), "InvalidCiphertextException");
        assert_eq!(reply.status, 400);
    }
    for blob in ["aGVsbG8=", "AQEAAAAAAA=="] {
        let reply = as_root(&world, "Decrypt", json!({"CiphertextBlob": blob})).await;
        assert_eq!(reply.code(), "InvalidCiphertextException");
    }
    let (call, questions) = world.recorded(opened.request_id).await;
    let parameters = call.request_parameters.expect("they are kept");
    assert!(
        parameters.contains(r#""encryptionContext":{"env":"prod","app":"web"}"#),
        "{parameters}"
    );
    assert!(
        !parameters.contains(&blob) && !parameters.contains(HI),
        "{parameters}"
    );
    let material = opened.text("KeyMaterialId");
    let more = call.additional_event_data.expect("it names the material");
    assert_eq!(more, format!(r#"{{"keyMaterialId":"{material}"}}"#));
    assert_eq!(call.resources[0].arn, arn(&id));
    let keys = &questions[0].context;
    assert!(
        keys.iter()
            .any(|(key, values)| key == "kms:EncryptionContext:app" && values == &["web"])
    );
}

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
async fn ciphertexts_of_keys_one_may_not_use_and_of_other_keys_are_told_apart() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let other = key(&world, json!({})).await;
    let blob = done(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI}))
        .await
        .text("CiphertextBlob");
    let wrong = as_root(
        &world,
        "Decrypt",
        json!({"CiphertextBlob": blob, "KeyId": other}),
    )
    .await;
    assert_eq!(wrong.code(), "IncorrectKeyException");
    let bob = world.user(HOME, "bob", json!([])).await;
    let denied = world
        .call(&bob, KMS, "Decrypt", json!({"CiphertextBlob": blob}))
        .await;
    assert_eq!(
        (denied.status, denied.code()),
        (400, "AccessDeniedException".to_owned())
    );
    let input = json!({"CiphertextBlob": blob});
    let away = world
        .send(
            &root(HOME),
            &Ask::new(KMS, "Decrypt", &input).region("eu-west-1"),
        )
        .await;
    assert_eq!(away.code(), "AccessDeniedException");
    let none = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let missing = as_root(&world, "Encrypt", json!({"KeyId": none, "Plaintext": HI})).await;
    assert_eq!(missing.code(), "NotFoundException");
    let hidden = world
        .call(
            &bob,
            KMS,
            "Encrypt",
            json!({"KeyId": none, "Plaintext": HI}),
        )
        .await;
    assert_eq!(hidden.code(), "AccessDeniedException");
}

#[tokio::test]
async fn every_use_of_every_kind_works_and_no_other() {
    let world = World::new().await;
    for (spec, algorithm) in [
        ("ECC_NIST_P256", "ECDSA_SHA_256"),
        ("ECC_NIST_P384", "ECDSA_SHA_384"),
        ("ECC_NIST_P521", "ECDSA_SHA_512"),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512"),
        ("ML_DSA_44", "ML_DSA_SHAKE_256"),
        ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ] {
        let id = key(&world, json!({"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"})).await;
        let sign = json!({"KeyId": id, "Message": HI, "SigningAlgorithm": algorithm});
        let signature = done(&world, "Sign", sign).await.text("Signature");
        let verify = |message: &str| json!({"KeyId": id, "Message": message, "Signature": signature, "SigningAlgorithm": algorithm});
        assert!(
            done(&world, "Verify", verify(HI))
                .await
                .body
                .contains(r#""SignatureValid":true"#)
        );
        let bad = as_root(&world, "Verify", verify("aG8=")).await;
        assert_eq!(bad.code(), "KMSInvalidSignatureException", "{spec}");
        let encrypt = as_root(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI})).await;
        assert_eq!(encrypt.code(), "InvalidKeyUsageException", "{spec}");
        let other =
            json!({"KeyId": id, "Message": HI, "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_512"});
        let expected = if spec == "RSA_2048" {
            "ok"
        } else {
            "InvalidKeyUsageException"
        };
        assert_eq!(
            code(&as_root(&world, "Sign", other).await),
            expected,
            "{spec}"
        );
    }
    let rsa = key(
        &world,
        json!({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}),
    )
    .await;
    let seal = json!({"KeyId": rsa, "Plaintext": HI, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    let blob = done(&world, "Encrypt", seal).await.text("CiphertextBlob");
    let open =
        json!({"CiphertextBlob": blob, "KeyId": rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    assert_eq!(done(&world, "Decrypt", open).await.text("Plaintext"), HI);
    let without = json!({"CiphertextBlob": blob, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    assert_eq!(
        as_root(&world, "Decrypt", without).await.code(),
        "ValidationException"
    );
    let symmetric = key(&world, json!({})).await;
    let input = json!({"CiphertextBlob": blob, "SourceKeyId": rsa, "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        "DestinationKeyId": symmetric, "DestinationEncryptionContext": {"app": "web"}});
    let blob = done(&world, "ReEncrypt", input)
        .await
        .text("CiphertextBlob");
    let open = json!({"CiphertextBlob": blob, "EncryptionContext": {"app": "web"}});
    assert_eq!(done(&world, "Decrypt", open).await.text("Plaintext"), HI);
    let hmac = key(
        &world,
        json!({"KeySpec": "HMAC_384", "KeyUsage": "GENERATE_VERIFY_MAC"}),
    )
    .await;
    let mac = json!({"KeyId": hmac, "Message": HI, "MacAlgorithm": "HMAC_SHA_384"});
    let mac = done(&world, "GenerateMac", mac).await.text("Mac");
    let verify = |message: &str| json!({"KeyId": hmac, "Message": message, "Mac": mac, "MacAlgorithm": "HMAC_SHA_384"});
    assert!(
        done(&world, "VerifyMac", verify(HI))
            .await
            .body
            .contains(r#""MacValid":true"#)
    );
    assert_eq!(
        as_root(&world, "VerifyMac", verify("aG8=")).await.code(),
        "KMSInvalidMacException"
    );
    let [one, two] =
        [0, 1].map(|_| json!({"KeySpec": "ECC_NIST_P384", "KeyUsage": "KEY_AGREEMENT"}));
    let (one, two) = (key(&world, one).await, key(&world, two).await);
    let secret = |own: String, peer: String| {
        let world = &world;
        async move {
            let public = done(world, "GetPublicKey", json!({"KeyId": peer}))
                .await
                .text("PublicKey");
            let input = json!({"KeyId": own, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public});
            done(world, "DeriveSharedSecret", input)
                .await
                .text("SharedSecret")
        }
    };
    assert_eq!(
        secret(one.clone(), two.clone()).await,
        secret(two, one).await
    );
    let kem = key(
        &world,
        json!({"KeySpec": "ML_KEM_512", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}),
    )
    .await;
    let made = done(
        &world,
        "Encapsulate",
        json!({"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"}),
    )
    .await;
    let open = json!({"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM",
        "SharedSecretCiphertextBlob": made.text("SharedSecretCiphertextBlob")});
    assert_eq!(
        done(&world, "Decapsulate", open).await.text("SharedSecret"),
        made.text("SharedSecret")
    );
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_does_nothing() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let dry = |key: &str| json!({"KeyId": key, "Plaintext": HI, "DryRun": true});
    let reply = as_root(&world, "Encrypt", dry(&id)).await;
    assert_eq!(reply.code(), "DryRunOperationException");
    let bob = world.user(HOME, "bob", json!([])).await;
    assert_eq!(
        world.call(&bob, KMS, "Encrypt", dry(&id)).await.code(),
        "AccessDeniedException"
    );
    let ignoring = json!({"KeyId": id, "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]});
    assert_eq!(
        as_root(&world, "Decrypt", ignoring).await.code(),
        "DryRunOperationException"
    );
    let grant = json!({"KeyId": id, "GranteePrincipal": user("bob"), "Operations": ["Encrypt"], "DryRun": true});
    assert_eq!(
        as_root(&world, "CreateGrant", grant).await.code(),
        "DryRunOperationException"
    );
    assert!(
        done(&world, "ListGrants", json!({"KeyId": id}))
            .await
            .body
            .contains(r#""Grants":[]"#)
    );
    done(&world, "DisableKey", json!({"KeyId": id})).await;
    assert_eq!(
        as_root(&world, "Encrypt", dry(&id)).await.code(),
        "DisabledException"
    );
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name() {
    let world = World::new().await;
    for (input, named) in [
        (json!({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}), "SM2"),
        (
            json!({"CustomKeyStoreId": "cks-1", "Origin": "AWS_CLOUDHSM"}),
            "CustomKeyStoreId",
        ),
        (
            json!({"XksKeyId": "x", "Origin": "EXTERNAL_KEY_STORE"}),
            "XksKeyId",
        ),
    ] {
        let reply = as_root(&world, "CreateKey", input).await;
        assert_eq!(reply.code(), "UnsupportedOperationException");
        assert!(reply.body.contains(named), "{reply:?}");
    }
    let id = key(&world, json!({})).await;
    let recipient = json!({"KeyId": id, "KeySpec": "AES_256", "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": HI}});
    let reply = as_root(&world, "GenerateDataKey", recipient).await;
    assert_eq!(reply.code(), "UnsupportedOperationException");
    assert!(reply.body.contains("Recipient"), "{reply:?}");
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
    let refused = on_late(ann, KMS, "GenerateDataKey", real).await;
    assert_eq!(refused.code(), "AccessDeniedException");
    assert_eq!(
        as_root(&world, "DescribeKey", json!({"KeyId": own_key}))
            .await
            .code(),
        "NotFoundException"
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
    let swept = palisade_kms::sweep(&world.store).await.expect("it sweeps");
    assert_eq!(swept, palisade_kms::Swept::default());
    let material = world.keys_named(HOME, "us-east-1", &brought.text("KeyMaterialId"));
    assert!(!material, "nothing names it any more");
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
    let swept = palisade_kms::sweep(&world.store).await.expect("it sweeps");
    assert_eq!(swept, palisade_kms::Swept::default());
    assert!(is_there(), "its time has not come");
    world.clock.advance(7 * DAY);
    palisade_kms::sweep(&world.store).await.expect("it sweeps");
    world.store.flush().await.expect("it writes");
    destroyer
        .caught_up(world.store.head().position)
        .await
        .expect("it follows");
    assert!(!is_there());
    assert!(
        done(&world, "ListAliases", json!({}))
            .await
            .body
            .contains(r#""Aliases":[]"#)
    );
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
    palisade_kms::sweep(&world.store).await.expect("it sweeps");
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
