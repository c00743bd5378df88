//! AssumeRole: who may, for how long, with what, and what the next session in a chain inherits.

mod common;

use common::{ALLOW_STS, AWAY, HOME, NOW_MS, World, arns, long_term, tags, trust};
use palisade_core::{Caller, Identity};
use palisade_model::{Structure, Value};

const ALL: &str = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;
const ANN: &str = "arn:aws:iam::111122223333:user/ann";
const APP: &str = "arn:aws:iam::111122223333:role/team/app";

fn request(role: &str) -> Structure {
    Structure::new()
        .with("RoleArn", role)
        .with("RoleSessionName", "s1")
}

/// Ann, and a role that trusts her by name with everything.
fn trusting() -> (World, Caller) {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    world.role(HOME, "/team/", "app", &trust(ANN, ALL));
    (world, ann)
}

/// The same, and a second role that trusts the account.
fn chain() -> (World, Caller) {
    let (mut world, ann) = trusting();
    world.role(HOME, "/", "next", &trust(HOME, ALL));
    (world, ann)
}

const NEXT: &str = "arn:aws:iam::111122223333:role/next";

#[test]
fn who_is_trusted_gets_a_session_of_the_role() {
    let (mut world, ann) = trusting();
    let answer = world.call(&ann, "AssumeRole", request(APP)).unwrap();
    let user = answer.output.member("AssumedRoleUser").unwrap();
    let arn = "arn:aws:sts::111122223333:assumed-role/app/s1";
    assert_eq!(user.member("Arn").and_then(Value::as_str), Some(arn));
    assert_eq!(
        user.member("AssumedRoleId").and_then(Value::as_str),
        Some("AROAAPP:s1")
    );
    assert!(
        answer
            .output
            .member("PackedPolicySize")
            .is_none_or(Value::is_null)
    );

    let holder = world.holder(&answer);
    assert_eq!(
        (holder.arn().as_str(), holder.user_id().as_str()),
        (arn, "AROAAPP:s1")
    );
    let session = holder.session.unwrap();
    assert_eq!(
        (session.issued_ms, session.expires_ms),
        (NOW_MS, NOW_MS + 3_600_000)
    );
    assert!(!session.chained && !session.restricted);

    let shown: Vec<_> = answer
        .resources
        .iter()
        .filter(|r| !r.arn.is_empty())
        .collect();
    assert_eq!((shown.len(), shown[0].arn.as_str()), (1, APP));
    let named = |name: &str| {
        answer
            .resources
            .iter()
            .any(|resource| resource.name == name)
    };
    assert!(
        [arn, "AROAAPP:s1", "s1", APP, &holder.access_key_id]
            .into_iter()
            .all(named)
    );
}

#[test]
fn each_run_draws_credentials_of_its_own() {
    let (mut world, ann) = trusting();
    let key = |world: &mut World| {
        let answer = world.call(&ann, "AssumeRole", request(APP)).unwrap();
        let holder = world.holder(&answer);
        (
            holder.access_key_id,
            holder.session.unwrap().secret().expose().to_owned(),
        )
    };
    let (first, second) = (key(&mut world), key(&mut world));
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

#[test]
fn a_role_that_trusts_the_account_leaves_it_to_the_accounts_policies() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    let bob = world.user(
        HOME,
        "bob",
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
    );
    world.role(HOME, "/team/", "app", &trust(HOME, ALL));
    assert!(world.call(&ann, "AssumeRole", request(APP)).is_ok());
    let (code, message) = world.refusal(&bob, "AssumeRole", request(APP));
    assert_eq!(code, "AccessDenied");
    assert!(
        message.contains("sts:AssumeRole on resource: arn:aws:iam::111122223333:role/team/app")
    );
}

#[test]
fn in_another_account_both_sides_must_allow() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    let bob = world.user(
        HOME,
        "bob",
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
    );
    world.role(AWAY, "/", "audit", &trust(HOME, ALL));
    world.role(AWAY, "/", "closed", &trust(AWAY, ALL));
    let audit = "arn:aws:iam::444455556666:role/audit";
    let holder = world.call(&ann, "AssumeRole", request(audit)).unwrap();
    assert_eq!(world.holder(&holder).account.as_str(), AWAY);
    assert_eq!(
        world.refusal(&bob, "AssumeRole", request(audit)).0,
        "AccessDenied"
    );
    let closed = request("arn:aws:iam::444455556666:role/closed");
    assert_eq!(world.refusal(&ann, "AssumeRole", closed).0, "AccessDenied");
}

#[test]
fn a_missing_role_looks_like_one_that_does_not_trust() {
    let (mut world, ann) = trusting();
    for arn in [
        "arn:aws:iam::111122223333:role/nobody",
        // The right name under another path is another role.
        "arn:aws:iam::111122223333:role/app",
        "arn:aws:iam::111122223333:user/ann",
        "arn:aws:iam::999988887777:role/app",
        "not an arn at all, but long enough",
    ] {
        let (code, message) = world.refusal(&ann, "AssumeRole", request(arn));
        assert_eq!(code, "AccessDenied", "{arn}: {message}");
    }
}

#[test]
fn an_external_id_is_compared_by_the_trust_policy() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    let condition = r#""sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"e-1"}}"#;
    world.role(HOME, "/team/", "app", &trust(HOME, condition));
    assert!(
        world
            .call(&ann, "AssumeRole", request(APP).with("ExternalId", "e-1"))
            .is_ok()
    );
    for other in [request(APP), request(APP).with("ExternalId", "e-2")] {
        assert_eq!(world.refusal(&ann, "AssumeRole", other).0, "AccessDenied");
    }
}

#[test]
fn root_assumes_no_role() {
    let mut world = World::new();
    world.role(HOME, "/team/", "app", &trust(HOME, ALL));
    let root = long_term(HOME, Identity::Root);
    let (code, message) = world.refusal(&root, "AssumeRole", request(APP));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("AccessDenied", "Roles may not be assumed by root accounts.")
    );
}

#[test]
fn a_session_lasts_as_long_as_the_role_allows() {
    let (mut world, ann) = trusting();
    let lasting = |seconds: i32| request(APP).with("DurationSeconds", seconds);
    let answer = world.call(&ann, "AssumeRole", lasting(7200)).unwrap();
    assert_eq!(
        world.holder(&answer).session.unwrap().expires_ms,
        NOW_MS + 7_200_000
    );
    let (code, message) = world.refusal(&ann, "AssumeRole", lasting(7201));
    assert_eq!(code, "ValidationError");
    assert_eq!(
        message,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
}

#[test]
fn a_chain_of_roles_lasts_an_hour_at_most() {
    let (mut world, ann) = chain();
    let first = world.call(&ann, "AssumeRole", request(APP)).unwrap();
    let own = world
        .call(&ann, "GetSessionToken", Structure::new())
        .unwrap();
    for holder in [world.holder(&first), world.holder(&own)] {
        let (code, message) = world.refusal(
            &holder,
            "AssumeRole",
            request(NEXT).with("DurationSeconds", 3601),
        );
        assert_eq!(code, "ValidationError");
        assert!(
            message.ends_with("for roles assumed by role chaining."),
            "{message}"
        );
        let answer = world.call(&holder, "AssumeRole", request(NEXT)).unwrap();
        let session = world.holder(&answer).session.unwrap();
        assert!(session.chained);
        assert_eq!(session.expires_ms, NOW_MS + 3_600_000);
    }
}

#[test]
fn transitive_tags_are_handed_on_others_are_not() {
    let (mut world, ann) = chain();
    let first = request(APP)
        .with("Tags", tags(&[("Project", "blue"), ("Cost", "1")]))
        .with("TransitiveTagKeys", vec!["project".to_owned()]);
    let answer = world.call(&ann, "AssumeRole", first).unwrap();
    assert!(
        answer
            .output
            .member("PackedPolicySize")
            .and_then(Value::as_i64)
            > Some(0)
    );
    let holder = world.holder(&answer);
    assert_eq!(
        holder.session.as_ref().unwrap().transitive_tag_keys,
        ["Project"]
    );

    let second = request(NEXT).with("Tags", tags(&[("Stage", "test")]));
    let answer = world.call(&holder, "AssumeRole", second).unwrap();
    let session = world.holder(&answer).session.unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        session.tags,
        [pair("Project", "blue"), pair("Stage", "test")]
    );
    assert_eq!(session.transitive_tag_keys, ["Project"]);
}

#[test]
fn an_inherited_tag_cannot_be_changed() {
    let (mut world, ann) = chain();
    let first = request(APP)
        .with("Tags", tags(&[("Project", "blue")]))
        .with("TransitiveTagKeys", vec!["Project".to_owned()]);
    let answer = world.call(&ann, "AssumeRole", first).unwrap();
    let holder = world.holder(&answer);
    for value in ["red", "blue"] {
        let second = request(NEXT).with("Tags", tags(&[("PROJECT", value)]));
        let (code, message) = world.refusal(&holder, "AssumeRole", second);
        assert_eq!(code, "InvalidParameterValue");
        assert!(
            message.contains("conflicts with a transitive tag key"),
            "{message}"
        );
    }
}

#[test]
fn tag_keys_are_one_whatever_their_case_and_transitive_ones_must_be_passed() {
    let (mut world, ann) = trusting();
    let twice = request(APP).with("Tags", tags(&[("Cost", "1"), ("cost", "2")]));
    assert_eq!(
        world.refusal(&ann, "AssumeRole", twice).0,
        "InvalidParameterValue"
    );
    let reserved = request(APP).with("Tags", tags(&[("AWS:cost", "1")]));
    let refused = world.refusal(&ann, "AssumeRole", reserved);
    assert_eq!(refused.0, "InvalidParameterValue");
    let unknown = request(APP)
        .with("Tags", tags(&[("Cost", "1")]))
        .with("TransitiveTagKeys", vec!["Other".to_owned()]);
    let (code, message) = world.refusal(&ann, "AssumeRole", unknown);
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(
        message,
        "The specified transitive tag key must be included in the requested tags."
    );
}

#[test]
fn tags_passed_or_inherited_must_be_trusted_too() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    world.role(HOME, "/team/", "app", &trust(ANN, ALL));
    world.role(HOME, "/", "untagged", &trust(HOME, r#""sts:AssumeRole""#));
    let untagged = "arn:aws:iam::111122223333:role/untagged";
    assert!(world.call(&ann, "AssumeRole", request(untagged)).is_ok());
    let passed = request(untagged).with("Tags", tags(&[("Cost", "1")]));
    let (_, message) = world.refusal(&ann, "AssumeRole", passed);
    assert!(message.contains("sts:TagSession"), "{message}");

    let first = request(APP)
        .with("Tags", tags(&[("Cost", "1")]))
        .with("TransitiveTagKeys", vec!["Cost".to_owned()]);
    let answer = world.call(&ann, "AssumeRole", first).unwrap();
    let holder = world.holder(&answer);
    let (_, message) = world.refusal(&holder, "AssumeRole", request(untagged));
    assert!(message.contains("sts:TagSession"), "{message}");
}

#[test]
fn an_inherited_tag_counts_as_the_requests() {
    let mut world = World::new();
    let ann = world.user(HOME, "ann", ALLOW_STS);
    world.role(HOME, "/team/", "app", &trust(ANN, ALL));
    let condition = r#","Condition":{"StringEquals":{"aws:RequestTag/Cost":"1","sts:TransitiveTagKeys":"Cost"},"ForAllValues:StringEquals":{"aws:TagKeys":["Cost"]}}"#;
    world.role(
        HOME,
        "/",
        "next",
        &trust(HOME, &format!("{ALL}{condition}")),
    );
    let assume = |world: &mut World, cost: &str| {
        let first = request(APP)
            .with("Tags", tags(&[("Cost", cost)]))
            .with("TransitiveTagKeys", vec!["Cost".to_owned()]);
        let answer = world.call(&ann, "AssumeRole", first).unwrap();
        let holder = world.holder(&answer);
        world.call(&holder, "AssumeRole", request(NEXT)).is_ok()
    };
    assert!(assume(&mut world, "1"));
    assert!(!assume(&mut world, "2"));
}

#[test]
fn the_source_identity_is_carried_through_a_chain_and_cannot_be_changed() {
    let (mut world, ann) = chain();
    let first = request(APP).with("SourceIdentity", "ann");
    let answer = world.call(&ann, "AssumeRole", first).unwrap();
    assert_eq!(
        answer
            .output
            .member("SourceIdentity")
            .and_then(Value::as_str),
        Some("ann")
    );
    let holder = world.holder(&answer);
    for same in [request(NEXT), request(NEXT).with("SourceIdentity", "ann")] {
        let answer = world.call(&holder, "AssumeRole", same).unwrap();
        let session = world.holder(&answer).session.unwrap();
        assert_eq!(session.source_identity.as_deref(), Some("ann"));
    }
    let other = request(NEXT).with("SourceIdentity", "bob");
    assert_eq!(
        world.refusal(&holder, "AssumeRole", other).0,
        "AccessDenied"
    );
}

#[test]
fn a_source_identity_given_or_inherited_must_be_trusted_too() {
    let (mut world, ann) = trusting();
    world.role(HOME, "/", "next", &trust(HOME, r#""sts:AssumeRole""#));
    let answer = world
        .call(
            &ann,
            "AssumeRole",
            request(APP).with("SourceIdentity", "ann"),
        )
        .unwrap();
    let holder = world.holder(&answer);
    for (caller, input) in [
        (&holder, request(NEXT)),
        (&ann, request(NEXT).with("SourceIdentity", "ann")),
    ] {
        let (_, message) = world.refusal(caller, "AssumeRole", input);
        assert!(message.contains("sts:SetSourceIdentity"), "{message}");
    }
}

#[test]
fn session_policies_travel_with_the_session() {
    let (mut world, ann) = trusting();
    let arn = "arn:aws:iam::111122223333:policy/less";
    world.managed_policy(arn);
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;
    let input = request(APP)
        .with("Policy", text)
        .with("PolicyArns", arns(&[arn]));
    let answer = world.call(&ann, "AssumeRole", input).unwrap();
    assert!(
        answer
            .output
            .member("PackedPolicySize")
            .and_then(Value::as_i64)
            > Some(0)
    );
    let session = world.holder(&answer).session.unwrap();
    assert_eq!(
        (session.policies.as_slice(), session.policy_arns.as_slice()),
        (&[text.to_owned()][..], &[arn.to_owned()][..])
    );
}

#[test]
fn session_policies_must_be_policies() {
    let (mut world, ann) = trusting();
    for text in [
        "{",
        "[]",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}"#,
    ] {
        let (code, _) = world.refusal(&ann, "AssumeRole", request(APP).with("Policy", text));
        assert_eq!(code, "MalformedPolicyDocumentException", "{text}");
    }
    let foreign = "arn:aws:iam::444455556666:policy/theirs";
    world.managed_policy(foreign);
    for arn in [
        "arn:aws:iam::111122223333:policy/none",
        foreign,
        "arn:aws:iam::111122223333:role/app",
    ] {
        let input = request(APP).with("PolicyArns", arns(&[arn]));
        assert_eq!(
            world.refusal(&ann, "AssumeRole", input).0,
            "ValidationError",
            "{arn}"
        );
    }
}

#[test]
fn session_policies_are_limited_in_number_and_size() {
    let (mut world, ann) = trusting();
    let policy = |characters: usize| {
        let empty = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;
        format!("{empty}{}", " ".repeat(characters - empty.len()))
    };
    assert!(
        world
            .call(
                &ann,
                "AssumeRole",
                request(APP).with("Policy", policy(2048))
            )
            .is_ok()
    );
    let long = request(APP).with("Policy", policy(2049));
    assert_eq!(world.refusal(&ann, "AssumeRole", long).0, "ValidationError");
    let names: Vec<String> = (0..11)
        .map(|n| format!("arn:aws:iam::111122223333:policy/p{n}"))
        .collect();
    names.iter().for_each(|name| world.managed_policy(name));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(
        world
            .call(
                &ann,
                "AssumeRole",
                request(APP).with("PolicyArns", arns(&names[..10]))
            )
            .is_ok()
    );
    let many = request(APP).with("PolicyArns", arns(&names));
    assert_eq!(world.refusal(&ann, "AssumeRole", many).0, "ValidationError");
}

#[test]
fn tags_that_cannot_be_packed_are_refused() {
    let (mut world, ann) = trusting();
    let mut random = palisade_core::testing::Counting::default();
    let mut noise = |length: usize| {
        let text: String = (0..length / 40 + 1)
            .map(|_| {
                palisade_core::Secret::generate_access_key(&mut random)
                    .expose()
                    .to_owned()
            })
            .collect();
        text[..length].to_owned()
    };
    let pairs: Vec<(String, String)> = (0..50).map(|_| (noise(128), noise(256))).collect();
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let (code, message) =
        world.refusal(&ann, "AssumeRole", request(APP).with("Tags", tags(&pairs)));
    assert_eq!(code, "PackedPolicyTooLargeException");
    assert!(
        message.starts_with("Packed size of session tags consumes 2"),
        "{message}"
    );
    let fewer = request(APP).with("Tags", tags(&pairs[..10]));
    let answer = world.call(&ann, "AssumeRole", fewer).unwrap();
    let percent = answer
        .output
        .member("PackedPolicySize")
        .and_then(Value::as_i64)
        .unwrap();
    assert!((40..=60).contains(&percent), "{percent}");
}

#[test]
fn a_token_is_padded_to_the_size_asked_for() {
    let (mut world, ann) = trusting();
    let plain = world.call(&ann, "AssumeRole", request(APP)).unwrap();
    let padded = world
        .call(
            &ann,
            "AssumeRole",
            request(APP).with("MinimumSessionTokenSize", 4096),
        )
        .unwrap();
    let size = |answer: &common::Answer| {
        answer
            .output
            .member("SessionTokenSize")
            .and_then(Value::as_i64)
            .unwrap()
    };
    assert!(
        size(&plain) < 2000 && (4096..4200).contains(&size(&padded)),
        "{} {}",
        size(&plain),
        size(&padded)
    );
    assert_eq!(world.holder(&padded).arn(), world.holder(&plain).arn());
}

#[test]
fn a_second_factor_is_refused_not_ignored() {
    let (mut world, ann) = trusting();
    let device = "arn:aws:iam::111122223333:mfa/ann";
    let both = request(APP)
        .with("SerialNumber", device)
        .with("TokenCode", "123456");
    let (code, message) = world.refusal(&ann, "AssumeRole", both);
    assert_eq!(code, "AccessDenied");
    assert!(
        message.starts_with("MultiFactorAuthentication failed"),
        "{message}"
    );
    let one = request(APP).with("TokenCode", "123456");
    assert!(
        world
            .refusal(&ann, "AssumeRole", one)
            .1
            .contains("must provide both")
    );
    let context = Structure::new()
        .with("ProviderArn", "arn:aws:iam::aws:contextProvider/x")
        .with("ContextAssertion", "none");
    let contexts = request(APP).with("ProvidedContexts", vec![Value::Structure(context)]);
    assert_eq!(
        world.refusal(&ann, "AssumeRole", contexts).0,
        "InvalidContextAssertionException"
    );
}
