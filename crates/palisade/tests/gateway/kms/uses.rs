//! What keys are used for, each kind for what it is for.

use super::*;

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
