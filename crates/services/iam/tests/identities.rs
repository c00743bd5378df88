//! Access keys, and what the rest of the house learns from IAM.

mod world;

use palisade_core::{KeyOwner, Secret};
use palisade_iam::accounts;
use serde_json::json;
use world::*;

#[test]
fn a_key_opens_for_the_gateway_and_its_secret_is_said_once() {
    let mut world = World::new();
    let id = world.user("ann");
    let key = world.ok("CreateAccessKey", json!({"UserName": "ann"}))["AccessKey"].clone();
    let (key_id, secret) = (text(&key["AccessKeyId"]), text(&key["SecretAccessKey"]));
    assert!(key_id.starts_with("AKIA") && secret.len() == 40);
    assert_eq!(
        palisade_core::ids::account_of_access_key(&key_id),
        Some(account(ACCOUNT))
    );
    let (identities, mut tx) = world.identities();
    let found = identities.access_key(&mut tx, &key_id).unwrap().unwrap();
    assert_eq!(found.secret.expose(), secret);
    assert_eq!(
        found.owner,
        KeyOwner::User {
            name: "ann".into(),
            id
        }
    );
    assert!(found.active);

    // No later answer says it.
    for (operation, input) in [
        ("ListAccessKeys", json!({"UserName": "ann"})),
        ("GetAccessKeyLastUsed", json!({"AccessKeyId": key_id})),
    ] {
        assert!(
            !world.ok(operation, input).to_string().contains(&secret),
            "{operation}"
        );
    }

    world.ok(
        "UpdateAccessKey",
        json!({"UserName": "ann", "AccessKeyId": key_id, "Status": "Inactive"}),
    );
    let (identities, mut tx) = world.identities();
    assert!(
        !identities
            .access_key(&mut tx, &key_id)
            .unwrap()
            .unwrap()
            .active
    );
    world.ok(
        "DeleteAccessKey",
        json!({"UserName": "ann", "AccessKeyId": key_id}),
    );
    let (identities, mut tx) = world.identities();
    assert!(identities.access_key(&mut tx, &key_id).unwrap().is_none());
}

#[test]
fn two_keys_each_of_its_owner_alone() {
    let mut world = World::new();
    world.user("ann");
    world.user("bob");
    let key =
        text(&world.ok("CreateAccessKey", json!({"UserName": "ann"}))["AccessKey"]["AccessKeyId"]);
    world.ok("CreateAccessKey", json!({"UserName": "ann"}));
    let message = "Cannot exceed quota for AccessKeysPerUser: 2";
    world.fails(
        "CreateAccessKey",
        json!({"UserName": "ann"}),
        "LimitExceeded",
        message,
    );
    let missing = format!("The Access Key with id {key} cannot be found.");
    let of_bob = json!({"UserName": "bob", "AccessKeyId": key, "Status": "Inactive"});
    world.fails("UpdateAccessKey", of_bob.clone(), "NoSuchEntity", &missing);
    world.fails("DeleteAccessKey", of_bob, "NoSuchEntity", &missing);
    world.as_root(OTHER);
    world.fails(
        "GetAccessKeyLastUsed",
        json!({"AccessKeyId": key}),
        "NoSuchEntity",
        &missing,
    );
}

#[test]
fn the_root_has_keys_of_its_own() {
    let mut world = World::new();
    let seal = world.env.seal.clone();
    let secret = Secret::new("the-secret".to_owned());
    world.maintain(|tx| {
        let random = &mut palisade_core::testing::Counting::default();
        accounts::add_root_key(tx, &account(ACCOUNT), "AKIAFIRST", &secret, &*seal, random)
            .unwrap();
    });
    let (identities, mut tx) = world.identities();
    let found = identities
        .access_key(&mut tx, "AKIAFIRST")
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.secret.expose(), &found.owner),
        ("the-secret", &KeyOwner::Root)
    );
    let second = text(&world.ok("CreateAccessKey", json!({}))["AccessKey"]["AccessKeyId"]);
    assert_eq!(world.err("CreateAccessKey", json!({})).0, "LimitExceeded");
    let listed = world.ok("ListAccessKeys", json!({}))["AccessKeyMetadata"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(
        world.ok("GetAccountSummary", json!({}))["SummaryMap"]["AccountAccessKeysPresent"],
        json!(1)
    );
    world.ok("DeleteAccessKey", json!({"AccessKeyId": second}));
}

#[test]
fn a_user_has_its_own_policies_and_its_groups() {
    let mut world = World::new();
    world.user("ann");
    let attached = world.policy("attached");
    let of_group = world.policy("of-group");
    world.ok("CreateGroup", json!({"GroupName": "g"}));
    world.ok(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": attached}),
    );
    world.ok(
        "PutUserPolicy",
        json!({"UserName": "ann", "PolicyName": "i", "PolicyDocument": ALLOW_ALL}),
    );
    world.ok(
        "AttachGroupPolicy",
        json!({"GroupName": "g", "PolicyArn": of_group}),
    );
    world.ok(
        "PutGroupPolicy",
        json!({"GroupName": "g", "PolicyName": "j", "PolicyDocument": ALLOW_ALL}),
    );
    world.ok(
        "TagUser",
        json!({"UserName": "ann", "Tags": [{"Key": "k", "Value": "v"}]}),
    );
    let policies = |world: &World| {
        let (identities, mut tx) = world.identities();
        let user = identities
            .user(&mut tx, &account(ACCOUNT), "ann")
            .unwrap()
            .unwrap();
        assert_eq!(user.tags, [("k".to_owned(), "v".to_owned())]);
        let mut names: Vec<_> = user
            .policies
            .iter()
            .map(|policy| policy.name().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        policies(&world),
        [attached.as_str(), of_group.as_str(), "inline:i", "inline:j"]
    );
    world.ok(
        "RemoveUserFromGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    assert_eq!(policies(&world), [attached.as_str(), "inline:i"]);
    let (identities, mut tx) = world.identities();
    assert!(
        identities
            .user(&mut tx, &account(ACCOUNT), "ANN")
            .unwrap()
            .is_none()
    );
    assert!(
        identities
            .user(&mut tx, &account(OTHER), "ann")
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_new_default_version_decides_at_once() {
    let mut world = World::new();
    world.user("ann");
    let arn = world.policy("p");
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": arn}),
    );
    let actions = |world: &World| {
        let (identities, mut tx) = world.identities();
        let user = identities
            .user(&mut tx, &account(ACCOUNT), "ann")
            .unwrap()
            .unwrap();
        format!("{:?}", user.policies[0].source())
    };
    let narrow = ALLOW_ALL.replacen(r#""Action":"*""#, r#""Action":"s3:GetObject""#, 1);
    world.ok(
        "CreatePolicyVersion",
        json!({"PolicyArn": arn, "PolicyDocument": narrow}),
    );
    assert!(!actions(&world).contains("s3:GetObject"));
    world.ok(
        "SetDefaultPolicyVersion",
        json!({"PolicyArn": arn, "VersionId": "v2"}),
    );
    assert!(actions(&world).contains("s3:GetObject"));
}

#[test]
fn a_compiled_policy_is_made_once() {
    let mut world = World::new();
    world.role("r");
    let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
    world.ok(
        "AttachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": arn}),
    );
    world.ok(
        "PutRolePolicy",
        json!({"RoleName": "r", "PolicyName": "i", "PolicyDocument": ALLOW_ALL}),
    );
    let role = || {
        let (identities, mut tx) = world.identities();
        identities
            .role(&mut tx, &account(ACCOUNT), "r")
            .unwrap()
            .unwrap()
    };
    let (first, second) = (role(), role());
    for (a, b) in first.policies.iter().zip(&second.policies) {
        assert!(std::sync::Arc::ptr_eq(a, b), "{}", a.name());
    }
    assert_eq!(first.policies.len(), 2);
    let (identities, mut tx) = world.identities();
    assert_eq!(
        identities
            .managed_policy(&mut tx, arn)
            .unwrap()
            .unwrap()
            .name(),
        arn
    );
    assert!(
        identities
            .managed_policy(&mut tx, "arn:aws:iam::aws:policy/None")
            .unwrap()
            .is_none()
    );
}

#[test]
fn aliases_are_one_an_account_and_unique() {
    let mut world = World::new();
    world.ok("CreateAccountAlias", json!({"AccountAlias": "one"}));
    world.ok("CreateAccountAlias", json!({"AccountAlias": "two"}));
    assert_eq!(
        world.ok("ListAccountAliases", json!({}))["AccountAliases"],
        json!(["two"])
    );
    world.as_root(OTHER);
    let taken = "The account alias two already exists.";
    world.fails(
        "CreateAccountAlias",
        json!({"AccountAlias": "two"}),
        "EntityAlreadyExists",
        taken,
    );
    world.ok("CreateAccountAlias", json!({"AccountAlias": "one"}));
    assert_eq!(
        world
            .err("DeleteAccountAlias", json!({"AccountAlias": "two"}))
            .0,
        "NoSuchEntity"
    );
    world.ok("DeleteAccountAlias", json!({"AccountAlias": "one"}));
    assert_eq!(
        world.ok("ListAccountAliases", json!({}))["AccountAliases"],
        json!([])
    );
    assert_eq!(
        world
            .err(
                "CreateAccountAlias",
                json!({"AccountAlias": "123456789012"})
            )
            .0,
        "ValidationError"
    );
}

#[test]
fn the_summary_counts_what_is_there() {
    let mut world = World::new();
    world.user("a");
    world.user("b");
    world.role("r");
    let arn = world.policy("p");
    world.ok(
        "CreatePolicyVersion",
        json!({"PolicyArn": arn, "PolicyDocument": ALLOW_ALL}),
    );
    let map = world.ok("GetAccountSummary", json!({}))["SummaryMap"].clone();
    for (name, count) in [
        ("Users", 2),
        ("Roles", 1),
        ("Groups", 0),
        ("Policies", 1),
        ("PolicyVersionsInUse", 2),
        ("GroupsPerUserQuota", 10),
    ] {
        assert_eq!(map[name], json!(count), "{name}");
    }
}

#[test]
fn authorization_details_tell_all_page_by_page() {
    let mut world = World::new();
    world.user("ann");
    world.role("r");
    world.ok("CreateGroup", json!({"GroupName": "g"}));
    world.ok(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    let arn = world.policy("p");
    world.ok(
        "AttachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": arn}),
    );
    world.ok(
        "PutUserPolicy",
        json!({"UserName": "ann", "PolicyName": "i", "PolicyDocument": ALLOW_ALL}),
    );
    world.ok(
        "AttachGroupPolicy",
        json!({"GroupName": "g", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
    );
    let all = world.ok("GetAccountAuthorizationDetails", json!({}));
    assert_eq!(all["UserDetailList"][0]["GroupList"], json!(["g"]));
    assert_eq!(
        decoded(&all["UserDetailList"][0]["UserPolicyList"][0]["PolicyDocument"]),
        ALLOW_ALL
    );
    assert_eq!(
        all["RoleDetailList"][0]["AttachedManagedPolicies"][0]["PolicyArn"],
        json!(arn)
    );
    assert_eq!(
        names(all["Policies"].as_array().unwrap(), "PolicyName"),
        ["p", "ReadOnlyAccess"]
    );
    let mut marker = json!(null);
    for member in [
        "UserDetailList",
        "GroupDetailList",
        "RoleDetailList",
        "Policies",
        "Policies",
    ] {
        let page = world.ok(
            "GetAccountAuthorizationDetails",
            json!({"MaxItems": 1, "Marker": marker}),
        );
        assert_eq!(page[member].as_array().unwrap().len(), 1, "{member}");
        marker = page["Marker"].clone();
    }
    assert!(marker.is_null());
    let only = world.ok(
        "GetAccountAuthorizationDetails",
        json!({"Filter": ["Group"]}),
    );
    assert_eq!(
        (
            only["GroupDetailList"].as_array().unwrap().len(),
            &only["UserDetailList"]
        ),
        (1, &json!([]))
    );
}

#[test]
fn questions_are_asked_about_things_as_they_are() {
    let mut world = World::new();
    let boundary = world.policy("b");
    let id = text(
        &world.ok(
            "CreateUser",
            json!({"UserName": "ann", "Path": "/staff/", "PermissionsBoundary": boundary,
        "Tags": [{"Key": "team", "Value": "red"}]}),
        )["User"]["UserId"],
    );
    let user = &world.resolve("bounded-user", json!({"UserName": "ann"}))[0];
    assert_eq!(user.arn, "arn:aws:iam::111122223333:user/staff/ann");
    assert_eq!(user.tags, [("team".to_owned(), "red".to_owned())]);
    let context = |key: &str| {
        user.context
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, values)| values.clone())
    };
    assert_eq!(
        context("iam:ResourceTag/team"),
        Some(vec!["red".to_owned()])
    );
    assert_eq!(context("iam:PermissionsBoundary"), Some(vec![boundary]));
    let arns = |resources: Vec<palisade_core::Resource>| {
        resources
            .into_iter()
            .map(|resource| resource.arn)
            .collect::<Vec<_>>()
    };
    // What is missing is named all the same.
    assert_eq!(
        arns(world.resolve("user", json!({"UserName": "nobody"}))),
        ["arn:aws:iam::111122223333:user/nobody"]
    );
    let renamed = world.resolve(
        "renamed-user",
        json!({"UserName": "ann", "NewUserName": "bob"}),
    );
    assert_eq!(
        arns(renamed),
        [
            "arn:aws:iam::111122223333:user/staff/ann",
            "arn:aws:iam::111122223333:user/staff/bob"
        ]
    );
    let moved = world.resolve("renamed-user", json!({"UserName": "ann", "NewPath": "/x/"}));
    assert_eq!(moved[1].arn, "arn:aws:iam::111122223333:user/x/ann");
    world.role("r");
    let passed = &world.resolve("role-passed-to-ec2", json!({"RoleName": "r"}))[0];
    assert!(passed.context.contains(&(
        "iam:PassedToService".to_owned(),
        vec!["ec2.amazonaws.com".to_owned()]
    )));
    let foreign = &world.resolve(
        "policy",
        json!({"PolicyArn": "arn:aws:iam::444455556666:policy/p"}),
    )[0];
    assert_eq!(foreign.account, Some(account(OTHER)));
    world.as_user("ann", &id);
    assert_eq!(
        arns(world.resolve("user", json!({}))),
        ["arn:aws:iam::111122223333:user/staff/ann"]
    );
}

#[test]
fn every_resolver_that_a_row_names_is_there() {
    use palisade_core::Service;
    use palisade_core::operation::{Permission, ResourceSpec};
    let mut world = World::new();
    for row in world.iam.rows() {
        let Permission::Authorize(questions) = row.permission else {
            continue;
        };
        for question in questions {
            if let ResourceSpec::Resolver(name) = question.resource {
                let resources = world.resolve(name, json!({}));
                assert!(
                    resources
                        .iter()
                        .all(|resource| !resource.arn.starts_with("unknown")),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn the_last_use_of_keys_and_roles_follows_from_the_journal() {
    let mut world = World::new();
    let id = world.user("ann");
    world.role("r");
    let key =
        text(&world.ok("CreateAccessKey", json!({"UserName": "ann"}))["AccessKey"]["AccessKeyId"]);
    let follower = world.store.follow(palisade_iam::LastUsed).unwrap();
    let used = |world: &mut World| {
        world.ok("GetAccessKeyLastUsed", json!({"AccessKeyId": key}))["AccessKeyLastUsed"].clone()
    };
    world.catch_up(&follower);
    assert_eq!(
        used(&mut world),
        json!({"ServiceName": "N/A", "Region": "N/A"})
    );

    world.as_user("ann", &id).record("kms", &key);
    world.record("s3", &key);
    let (identities, mut tx) = world.identities();
    let role = identities
        .role(&mut tx, &account(ACCOUNT), "r")
        .unwrap()
        .unwrap()
        .role
        .clone();
    world.as_session(role).record("s3", "ASIASESSION");
    world.catch_up(&follower);
    world.as_root(ACCOUNT);
    let expected =
        json!({"LastUsedDate": 1_700_000_100, "ServiceName": "s3", "Region": "eu-west-1"});
    assert_eq!(used(&mut world), expected);
    let role = world.ok("GetRole", json!({"RoleName": "r"}))["Role"].clone();
    assert_eq!(
        role["RoleLastUsed"],
        json!({"LastUsedDate": 1_700_000_100, "Region": "eu-west-1"})
    );
}
