//! Managed policies, attachments, inline policies and boundaries.

mod world;

use serde_json::json;
use world::*;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

#[test]
fn a_document_comes_back_encoded_as_it_was_put() {
    let mut world = World::new();
    let document = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:Get*\", \"Resource\": \"arn:aws:s3:::é~a-b_c.d/*\"}]}";
    let made = world.ok(
        "CreatePolicy",
        json!({"PolicyName": "p", "Path": "/x/", "PolicyDocument": document, "Description": "d"}),
    );
    let policy = &made["Policy"];
    assert_eq!(policy["Arn"], json!("arn:aws:iam::111122223333:policy/x/p"));
    assert_eq!(
        (&policy["DefaultVersionId"], &policy["AttachmentCount"]),
        (&json!("v1"), &json!(0))
    );
    assert_eq!(
        world.ok("GetPolicy", json!({"PolicyArn": policy["Arn"]}))["Policy"]["Description"],
        json!("d")
    );
    let version = world.ok(
        "GetPolicyVersion",
        json!({"PolicyArn": policy["Arn"], "VersionId": "v1"}),
    )["PolicyVersion"]
        .clone();
    assert_eq!(decoded(&version["Document"]), document);
    let encoded = text(&version["Document"]);
    assert!(
        encoded
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)),
        "{encoded}"
    );
    // Neither another path nor another account finds it.
    for arn in [
        "arn:aws:iam::111122223333:policy/p",
        "arn:aws:iam::444455556666:policy/x/p",
    ] {
        world.fails(
            "GetPolicy",
            json!({"PolicyArn": arn}),
            "NoSuchEntity",
            &format!("Policy {arn} was not found."),
        );
    }
    let bad = "not-an-arn-but-long-enough";
    world.fails(
        "GetPolicy",
        json!({"PolicyArn": bad}),
        "InvalidInput",
        &format!("ARN {bad} is not valid."),
    );
    let message = "A policy called P already exists. Duplicate names are not allowed.";
    world.fails(
        "CreatePolicy",
        json!({"PolicyName": "P", "PolicyDocument": ALLOW_ALL}),
        "EntityAlreadyExists",
        message,
    );
}

#[test]
fn five_versions_one_of_them_in_effect() {
    let mut world = World::new();
    let arn = world.policy("p");
    let version =
        |set: bool| json!({"PolicyArn": arn, "PolicyDocument": ALLOW_ALL, "SetAsDefault": set});
    assert_eq!(
        world.ok("CreatePolicyVersion", version(true))["PolicyVersion"]["VersionId"],
        json!("v2")
    );
    for _ in 3..=5 {
        world.ok("CreatePolicyVersion", version(false));
    }
    let message = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.";
    world.fails(
        "CreatePolicyVersion",
        version(false),
        "LimitExceeded",
        message,
    );
    let named = |id: &str| json!({"PolicyArn": arn, "VersionId": id});
    world.fails(
        "DeletePolicyVersion",
        named("v2"),
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
    );
    world.ok("SetDefaultPolicyVersion", named("v3"));
    world.ok("DeletePolicyVersion", named("v2"));
    let gone = format!("Policy {arn} version v2 does not exist or is not attachable.");
    for operation in [
        "GetPolicyVersion",
        "SetDefaultPolicyVersion",
        "DeletePolicyVersion",
    ] {
        world.fails(operation, named("v2"), "NoSuchEntity", &gone);
    }
    assert_eq!(
        world.ok("CreatePolicyVersion", version(false))["PolicyVersion"]["VersionId"],
        json!("v6")
    );
    let (versions, pages) = world.pages(
        "ListPolicyVersions",
        json!({"PolicyArn": arn}),
        "Versions",
        2,
    );
    assert_eq!(
        (names(&versions, "VersionId"), pages),
        (["v6", "v5", "v4", "v3", "v1"].map(String::from).to_vec(), 3)
    );
    assert_eq!(
        versions
            .iter()
            .filter(|version| version["IsDefaultVersion"] == json!(true))
            .count(),
        1
    );
    assert_eq!(
        world.err("DeletePolicy", json!({"PolicyArn": arn})).0,
        "DeleteConflict"
    );
    for id in ["v6", "v5", "v4", "v1"] {
        world.ok("DeletePolicyVersion", named(id));
    }
    world.ok("DeletePolicy", json!({"PolicyArn": arn}));
    assert_eq!(
        world.ok("ListPolicies", json!({"Scope": "Local"}))["Policies"],
        json!([])
    );
}

#[test]
fn malformed_documents_are_refused_wherever_they_are_put() {
    let mut world = World::new();
    world.user("ann");
    world.role("r");
    let arn = world.policy("p");
    let with_principal = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}"#;
    for document in ["{", "[]", r#"{"Version":"2012-10-17"}"#, with_principal] {
        for (operation, input) in [
            (
                "CreatePolicy",
                json!({"PolicyName": "q", "PolicyDocument": document}),
            ),
            (
                "CreatePolicyVersion",
                json!({"PolicyArn": arn, "PolicyDocument": document}),
            ),
            (
                "PutUserPolicy",
                json!({"UserName": "ann", "PolicyName": "i", "PolicyDocument": document}),
            ),
            (
                "PutRolePolicy",
                json!({"RoleName": "r", "PolicyName": "i", "PolicyDocument": document}),
            ),
        ] {
            assert_eq!(
                world.err(operation, input).0,
                "MalformedPolicyDocument",
                "{operation} {document}"
            );
        }
    }
    for operation in ["CreateRole", "UpdateAssumeRolePolicy"] {
        let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": ALLOW_ALL, "PolicyDocument": ALLOW_ALL});
        assert_eq!(
            world.err(operation, input).0,
            "MalformedPolicyDocument",
            "{operation}"
        );
    }
    assert_eq!(
        world.ok("ListUserPolicies", json!({"UserName": "ann"}))["PolicyNames"],
        json!([])
    );
}

/// A policy of exactly so many characters as quotas count them, and more as written.
fn sized(characters: usize) -> String {
    let head = r#"{"Version":"2012-10-17", "Statement":[{"Effect":"Allow","Action":"*", "Resource":"arn:aws:s3:::"#;
    let tail = "\"\n}]}";
    let counted = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let padding = "x".repeat(characters - counted(head) - counted(tail));
    format!("{head}{padding}{tail}")
}

#[test]
fn documents_have_quotas_that_do_not_count_white_space() {
    let mut world = World::new();
    world.user("ann");
    world.ok("CreateGroup", json!({"GroupName": "g"}));
    world.role("r");
    world.ok(
        "CreatePolicy",
        json!({"PolicyName": "p", "PolicyDocument": sized(6144)}),
    );
    let message = "Cannot exceed quota for PolicySize: 6144";
    world.fails(
        "CreatePolicy",
        json!({"PolicyName": "q", "PolicyDocument": sized(6145)}),
        "LimitExceeded",
        message,
    );
    for (operation, member, owner, kind, max) in [
        ("PutUserPolicy", "UserName", "ann", "user", 2048),
        ("PutGroupPolicy", "GroupName", "g", "group", 5120),
        ("PutRolePolicy", "RoleName", "r", "role", 10_240),
    ] {
        let put = |world: &mut World, name: &str, size| {
            world.call(
                operation,
                json!({member: owner, "PolicyName": name, "PolicyDocument": sized(size)}),
            )
        };
        put(&mut world, "a", max).unwrap();
        put(&mut world, "a", max - 500).unwrap();
        put(&mut world, "b", 500).unwrap();
        let error = put(&mut world, "c", 200).unwrap_err();
        assert_eq!(
            error.message,
            format!("Maximum policy size of {max} bytes exceeded for {kind} {owner}")
        );
    }
    let padding = "x".repeat(2048);
    let trust = TRUST_EC2.replace(
        "sts:AssumeRole\"",
        &format!("sts:AssumeRole\",\"Condition\":{{\"StringEquals\":{{\"aws:x\":\"{padding}\"}}}}"),
    );
    let input = json!({"RoleName": "r", "PolicyDocument": trust});
    world.fails(
        "UpdateAssumeRolePolicy",
        input,
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    );
}

#[test]
fn inline_policies_of_each_kind_of_holder() {
    let mut world = World::new();
    world.user("x");
    world.ok("CreateGroup", json!({"GroupName": "x"}));
    world.role("x");
    for (kind, word) in [("User", "user"), ("Group", "group"), ("Role", "role")] {
        let input = |more: serde_json::Value| {
            let mut input = more;
            input[format!("{kind}Name")] = json!("x");
            input
        };
        let named = |name: &str| input(json!({"PolicyName": name}));
        for name in ["b", "a", "c", "b"] {
            world.ok(
                &format!("Put{kind}Policy"),
                input(json!({"PolicyName": name, "PolicyDocument": ALLOW_ALL})),
            );
        }
        let (listed, pages) = world.pages(
            &format!("List{kind}Policies"),
            input(json!({})),
            "PolicyNames",
            2,
        );
        assert_eq!(
            (listed, pages),
            (vec![json!("a"), json!("b"), json!("c")], 2)
        );
        let got = world.ok(&format!("Get{kind}Policy"), named("b"));
        assert_eq!(
            (decoded(&got["PolicyDocument"]).as_str(), &got["PolicyName"]),
            (ALLOW_ALL, &json!("b"))
        );
        world.ok(&format!("Delete{kind}Policy"), named("b"));
        let missing = format!("The {word} policy with name b cannot be found.");
        world.fails(
            &format!("Get{kind}Policy"),
            named("b"),
            "NoSuchEntity",
            &missing,
        );
        world.fails(
            &format!("Delete{kind}Policy"),
            named("b"),
            "NoSuchEntity",
            &missing,
        );
    }
}

#[test]
fn attaching_counts_conflicts_and_ends() {
    let mut world = World::new();
    world.user("x");
    world.ok("CreateGroup", json!({"GroupName": "x"}));
    world.role("x");
    let arn = world.policy("p");
    for kind in ["User", "Group", "Role"] {
        let input = json!({format!("{kind}Name"): "x", "PolicyArn": arn});
        for _ in 0..2 {
            world.ok(&format!("Attach{kind}Policy"), input.clone());
        }
        let listed = world.ok(&format!("ListAttached{kind}Policies"), input.clone());
        assert_eq!(
            listed["AttachedPolicies"],
            json!([{"PolicyName": "p", "PolicyArn": arn}])
        );
    }
    let policy = json!({"PolicyArn": arn});
    assert_eq!(
        world.ok("GetPolicy", policy.clone())["Policy"]["AttachmentCount"],
        json!(3)
    );
    world.fails(
        "DeletePolicy",
        policy.clone(),
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    );
    let all = world.ok("ListEntitiesForPolicy", policy.clone());
    for member in ["PolicyUsers", "PolicyGroups", "PolicyRoles"] {
        assert_eq!(all[member].as_array().unwrap().len(), 1, "{member}");
    }
    let one = world.ok(
        "ListEntitiesForPolicy",
        json!({"PolicyArn": arn, "MaxItems": 1}),
    );
    assert_eq!(
        (
            &one["IsTruncated"],
            one["PolicyGroups"].as_array().unwrap().len()
        ),
        (&json!(true), 1)
    );
    let roles = world.ok(
        "ListEntitiesForPolicy",
        json!({"PolicyArn": arn, "EntityFilter": "Role"}),
    );
    assert_eq!(
        (
            roles["PolicyRoles"].as_array().unwrap().len(),
            &roles["PolicyUsers"]
        ),
        (1, &json!([]))
    );
    for kind in ["User", "Group", "Role"] {
        let input = json!({format!("{kind}Name"): "x", "PolicyArn": arn});
        world.ok(&format!("Detach{kind}Policy"), input.clone());
        world.fails(
            &format!("Detach{kind}Policy"),
            input,
            "NoSuchEntity",
            &format!("Policy {arn} was not found."),
        );
    }
    world.ok("DeletePolicy", policy);
    let gone = format!("Policy {arn} does not exist or is not attachable.");
    world.fails(
        "AttachUserPolicy",
        json!({"UserName": "x", "PolicyArn": arn}),
        "NoSuchEntity",
        &gone,
    );
}

#[test]
fn ten_policies_are_attached_at_most() {
    let mut world = World::new();
    world.role("r");
    let arns: Vec<_> = (0..11).map(|n| world.policy(&format!("p{n:02}"))).collect();
    for arn in &arns[..10] {
        world.ok(
            "AttachRolePolicy",
            json!({"RoleName": "r", "PolicyArn": arn}),
        );
    }
    let message = "Cannot exceed quota for PoliciesPerRole: 10";
    world.fails(
        "AttachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": arns[10]}),
        "LimitExceeded",
        message,
    );
    let (listed, pages) = world.pages(
        "ListAttachedRolePolicies",
        json!({"RoleName": "r"}),
        "AttachedPolicies",
        3,
    );
    assert_eq!((listed.len(), pages), (10, 4));
}

#[test]
fn aws_managed_policies_are_there_and_cannot_be_changed() {
    let mut world = World::new();
    world.user("ann");
    let policy = world.ok("GetPolicy", json!({"PolicyArn": READ_ONLY}))["Policy"].clone();
    assert_eq!(
        (&policy["PolicyName"], &policy["IsAttachable"]),
        (&json!("ReadOnlyAccess"), &json!(true))
    );
    let version = json!({"PolicyArn": READ_ONLY, "VersionId": policy["DefaultVersionId"]});
    let document =
        decoded(&world.ok("GetPolicyVersion", version.clone())["PolicyVersion"]["Document"]);
    assert!(palisade_policy::Policy::parse(&document).is_ok());
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": READ_ONLY}),
    );
    assert_eq!(
        world.ok("GetPolicy", json!({"PolicyArn": READ_ONLY}))["Policy"]["AttachmentCount"],
        json!(1)
    );
    world.as_root(OTHER);
    assert_eq!(
        world.ok("GetPolicy", json!({"PolicyArn": READ_ONLY}))["Policy"]["AttachmentCount"],
        json!(0)
    );
    for (operation, input) in [
        ("DeletePolicy", json!({"PolicyArn": READ_ONLY})),
        (
            "CreatePolicyVersion",
            json!({"PolicyArn": READ_ONLY, "PolicyDocument": ALLOW_ALL}),
        ),
        ("SetDefaultPolicyVersion", version.clone()),
        ("DeletePolicyVersion", version),
        ("TagPolicy", json!({"PolicyArn": READ_ONLY, "Tags": []})),
    ] {
        assert_eq!(world.err(operation, input).0, "AccessDenied", "{operation}");
    }
    world.role("r");
    let linked = "arn:aws:iam::aws:policy/aws-service-role/AWSSupportServiceRolePolicy";
    let message = "Cannot attach a Service Role Policy to a Customer Role.";
    world.fails(
        "AttachRolePolicy",
        json!({"RoleName": "r", "PolicyArn": linked}),
        "PolicyNotAttachable",
        message,
    );
}

#[test]
fn listings_of_policies_by_scope_path_and_use() {
    let mut world = World::new();
    world.user("ann");
    let attached = world.policy("attached");
    let boundary = world.policy("boundary");
    world.ok(
        "CreatePolicy",
        json!({"PolicyName": "other", "Path": "/x/", "PolicyDocument": ALLOW_ALL}),
    );
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": attached}),
    );
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": READ_ONLY}),
    );
    world.ok(
        "PutUserPermissionsBoundary",
        json!({"UserName": "ann", "PermissionsBoundary": boundary}),
    );
    let mut listed = |input| {
        let (policies, _) = world.pages("ListPolicies", input, "Policies", 1000);
        names(&policies, "PolicyName")
    };
    assert_eq!(
        listed(json!({"Scope": "Local"})),
        ["attached", "boundary", "other"]
    );
    assert_eq!(
        listed(json!({"Scope": "Local", "PathPrefix": "/x/"})),
        ["other"]
    );
    assert_eq!(
        listed(json!({"OnlyAttached": true})),
        ["attached", "ReadOnlyAccess"]
    );
    assert_eq!(
        listed(json!({"PolicyUsageFilter": "PermissionsBoundary"})),
        ["boundary"]
    );
    assert_eq!(
        listed(json!({"PolicyUsageFilter": "PermissionsPolicy"})),
        ["attached", "ReadOnlyAccess"]
    );
    let (aws, all) = (
        listed(json!({"Scope": "AWS"})).len(),
        listed(json!({})).len(),
    );
    assert!(aws > 1000, "{aws}");
    assert_eq!(all, aws + 3);
    // Small pages cross from one source to the other without loss.
    let (some, _) = world.pages(
        "ListPolicies",
        json!({"PathPrefix": "/job-function/"}),
        "Policies",
        3,
    );
    assert_eq!(some.len(), 8);
}

#[test]
fn boundaries_are_set_counted_and_taken_away() {
    let mut world = World::new();
    let arn = world.policy("b");
    let user = world.ok(
        "CreateUser",
        json!({"UserName": "ann", "PermissionsBoundary": arn}),
    );
    assert_eq!(
        user["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"],
        json!(arn)
    );
    world.role("r");
    world.ok(
        "PutRolePermissionsBoundary",
        json!({"RoleName": "r", "PermissionsBoundary": arn}),
    );
    let policy = json!({"PolicyArn": arn});
    let shown = world.ok("GetPolicy", policy.clone())["Policy"].clone();
    assert_eq!(
        (
            &shown["PermissionsBoundaryUsageCount"],
            &shown["AttachmentCount"]
        ),
        (&json!(2), &json!(0))
    );
    world.fails(
        "DeletePolicy",
        policy.clone(),
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    );
    let (identities, mut tx) = world.identities();
    let role = identities
        .role(&mut tx, &account(ACCOUNT), "r")
        .unwrap()
        .unwrap();
    assert_eq!(role.boundary.as_ref().unwrap().name(), arn);

    world.ok(
        "PutRolePermissionsBoundary",
        json!({"RoleName": "r", "PermissionsBoundary": READ_ONLY}),
    );
    world.ok("DeleteUserPermissionsBoundary", json!({"UserName": "ann"}));
    assert_eq!(
        world
            .err("DeleteUserPermissionsBoundary", json!({"UserName": "ann"}))
            .0,
        "NoSuchEntity"
    );
    world.ok("DeletePolicy", policy);
    let missing = world.err(
        "PutUserPermissionsBoundary",
        json!({"UserName": "ann", "PermissionsBoundary": arn}),
    );
    assert_eq!(missing.0, "NoSuchEntity");
    // A boundary goes with its role.
    world.ok("DeleteRole", json!({"RoleName": "r"}));
    assert_eq!(
        world.ok("GetPolicy", json!({"PolicyArn": READ_ONLY}))["Policy"]["PermissionsBoundaryUsageCount"],
        json!(0)
    );
}

#[test]
fn tags_of_each_kind_of_thing() {
    let mut world = World::new();
    world.user("x");
    world.role("x");
    let arn = world.policy("x");
    world.ok("CreateInstanceProfile", json!({"InstanceProfileName": "x"}));
    for (kind, member, name, case_matters) in [
        ("User", "UserName", "x", false),
        ("Role", "RoleName", "x", false),
        ("Policy", "PolicyArn", arn.as_str(), true),
        ("InstanceProfile", "InstanceProfileName", "x", true),
    ] {
        let tag = |tags: &[(&str, &str)]| {
            let tags: Vec<_> = tags
                .iter()
                .map(|(key, value)| json!({"Key": key, "Value": value}))
                .collect();
            json!({member: name, "Tags": tags})
        };
        let operation = format!("Tag{kind}");
        world.ok(&operation, tag(&[("b", "1"), ("a", "2")]));
        world.ok(&operation, tag(&[("b", "3"), ("c", "4")]));
        let (tags, pages) =
            world.pages(&format!("List{kind}Tags"), json!({member: name}), "Tags", 2);
        assert_eq!(pages, 2);
        let expected = json!([{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}]);
        assert_eq!(json!(tags), expected);
        world.ok(&operation, tag(&[("A", "5")]));
        let tags = world.ok(&format!("List{kind}Tags"), json!({member: name}))["Tags"].clone();
        assert_eq!(
            tags.as_array().unwrap().len(),
            if case_matters { 4 } else { 3 },
            "{kind}"
        );
        assert!(
            tags.as_array()
                .unwrap()
                .contains(&json!({"Key": if case_matters { "A" } else { "a" }, "Value": "5"}))
        );
        let duplicate = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        world.fails(
            &operation,
            tag(&[("d", "1"), ("d", "2")]),
            "InvalidInput",
            duplicate,
        );
        assert_eq!(
            world.err(&operation, tag(&[("AWS:x", "1")])).0,
            "InvalidInput"
        );
        let many: Vec<_> = (0..48).map(|n| format!("k{n}")).collect();
        let many: Vec<_> = many.iter().map(|key| (key.as_str(), "v")).collect();
        assert_eq!(world.err(&operation, tag(&many)).0, "LimitExceeded");
        world.ok(
            &format!("Untag{kind}"),
            json!({member: name, "TagKeys": ["A", "a", "none", "c"]}),
        );
        let left = world.ok(&format!("List{kind}Tags"), json!({member: name}));
        assert_eq!(left["Tags"], json!([{"Key": "b", "Value": "3"}]));
    }
}
