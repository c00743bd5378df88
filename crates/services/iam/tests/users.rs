//! Users, groups and memberships.

mod world;

use serde_json::json;
use world::*;

#[test]
fn a_user_is_made_read_changed_and_removed() {
    let mut world = World::new();
    let made = world.ok(
        "CreateUser",
        json!({"UserName": "ann", "Path": "/staff/", "Tags": [{"Key": "team", "Value": "red"}]}),
    );
    let user = &made["User"];
    assert_eq!(
        user["Arn"],
        json!("arn:aws:iam::111122223333:user/staff/ann")
    );
    assert!(text(&user["UserId"]).starts_with("AIDA"));
    assert_eq!(user["CreateDate"], json!(1_700_000_000));
    assert_eq!(
        world.ok("GetUser", json!({"UserName": "ann"}))["User"],
        *user
    );
    assert_eq!(world.notes.resources.len(), 0);

    world.ok(
        "UpdateUser",
        json!({"UserName": "ann", "NewUserName": "bob", "NewPath": "/"}),
    );
    let renamed = world.ok("GetUser", json!({"UserName": "bob"}));
    assert_eq!(renamed["User"]["UserId"], user["UserId"]);
    assert_eq!(
        renamed["User"]["Arn"],
        json!("arn:aws:iam::111122223333:user/bob")
    );
    let missing = "The user with name ann cannot be found.";
    world.fails(
        "GetUser",
        json!({"UserName": "ann"}),
        "NoSuchEntity",
        missing,
    );

    world.ok("DeleteUser", json!({"UserName": "bob"}));
    assert_eq!(world.notes.resources[0].name, "bob");
    world.fails(
        "DeleteUser",
        json!({"UserName": "bob"}),
        "NoSuchEntity",
        "The user with name bob cannot be found.",
    );
}

#[test]
fn names_are_unique_without_regard_to_case_and_found_only_as_written() {
    let mut world = World::new();
    world.user("Ann");
    world.fails(
        "CreateUser",
        json!({"UserName": "aNN"}),
        "EntityAlreadyExists",
        "User with name aNN already exists.",
    );
    world.fails(
        "GetUser",
        json!({"UserName": "ann"}),
        "NoSuchEntity",
        "The user with name ann cannot be found.",
    );
    world.user("bob");
    world.fails(
        "UpdateUser",
        json!({"UserName": "bob", "NewUserName": "ANN"}),
        "EntityAlreadyExists",
        "User with name ANN already exists.",
    );
    // Only the case of its own name.
    world.ok(
        "UpdateUser",
        json!({"UserName": "bob", "NewUserName": "BOB"}),
    );
    assert_eq!(
        world.ok("GetUser", json!({"UserName": "BOB"}))["User"]["UserName"],
        json!("BOB")
    );
}

#[test]
fn accounts_do_not_see_each_other() {
    let mut world = World::new();
    world.user("ann");
    world.as_root(OTHER);
    assert_eq!(world.ok("ListUsers", json!({}))["Users"], json!([]));
    world.fails(
        "GetUser",
        json!({"UserName": "ann"}),
        "NoSuchEntity",
        "The user with name ann cannot be found.",
    );
    world.user("ann");
}

#[test]
fn a_listing_pages_by_path_and_its_markers_are_for_it_alone() {
    let mut world = World::new();
    for n in 0..25 {
        let path = if n % 2 == 0 { "/even/" } else { "/odd/" };
        world.ok(
            "CreateUser",
            json!({"UserName": format!("user{n:02}"), "Path": path}),
        );
    }
    let (all, pages) = world.pages("ListUsers", json!({}), "Users", 10);
    assert_eq!((all.len(), pages), (25, 3));
    let (even, pages) = world.pages("ListUsers", json!({"PathPrefix": "/even/"}), "Users", 13);
    assert_eq!((even.len(), pages), (13, 1));
    assert!(
        even.iter()
            .all(|user| user["Path"] == "/even/" && user.get("Tags").is_none())
    );
    assert_eq!(
        world.ok("ListUsers", json!({"PathPrefix": "/none/"}))["IsTruncated"],
        json!(false)
    );

    let marker = world.ok("ListUsers", json!({"MaxItems": 3}))["Marker"].clone();
    for (operation, input) in [
        (
            "ListUsers",
            json!({"Marker": marker, "PathPrefix": "/odd/"}),
        ),
        ("ListRoles", json!({"Marker": marker})),
        ("ListUsers", json!({"Marker": "AAAA"})),
    ] {
        assert_eq!(world.err(operation, input).0, "ValidationError");
    }
    world.as_root(OTHER);
    assert_eq!(
        world.err("ListUsers", json!({"Marker": marker})).0,
        "ValidationError"
    );
}

#[test]
fn a_page_goes_on_where_it_stopped_whatever_was_written_meanwhile() {
    let mut world = World::new();
    for name in ["a", "c", "e"] {
        world.user(name);
    }
    let page = world.ok("ListUsers", json!({"MaxItems": 2}));
    world.user("b");
    world.user("d");
    world.ok("DeleteUser", json!({"UserName": "c"}));
    let rest = world.ok("ListUsers", json!({"Marker": page["Marker"]}));
    assert_eq!(
        names(rest["Users"].as_array().unwrap(), "UserName"),
        ["d", "e"]
    );
}

#[test]
fn what_belongs_to_a_user_must_go_first() {
    let mut world = World::new();
    world.user("ann");
    let policy = world.policy("p");
    world.ok("CreateGroup", json!({"GroupName": "g"}));
    let key = world.ok("CreateAccessKey", json!({"UserName": "ann"}));
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": policy}),
    );
    world.ok(
        "PutUserPolicy",
        json!({"UserName": "ann", "PolicyName": "i", "PolicyDocument": ALLOW_ALL}),
    );
    world.ok(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    let ann = json!({"UserName": "ann"});
    for (message, remedy, input) in [
        (
            "delete access keys",
            "DeleteAccessKey",
            json!({"UserName": "ann", "AccessKeyId": key["AccessKey"]["AccessKeyId"]}),
        ),
        (
            "detach all policies",
            "DetachUserPolicy",
            json!({"UserName": "ann", "PolicyArn": policy}),
        ),
        (
            "delete policies",
            "DeleteUserPolicy",
            json!({"UserName": "ann", "PolicyName": "i"}),
        ),
        (
            "remove users from group",
            "RemoveUserFromGroup",
            json!({"UserName": "ann", "GroupName": "g"}),
        ),
    ] {
        world.fails(
            "DeleteUser",
            ann.clone(),
            "DeleteConflict",
            &format!("Cannot delete entity, must {message} first."),
        );
        world.ok(remedy, input);
    }
    world.ok("DeleteUser", ann);
    world.ok("DeletePolicy", json!({"PolicyArn": policy}));
}

#[test]
fn a_user_renamed_keeps_all_it_has() {
    let mut world = World::new();
    world.user("ann");
    let policy = world.policy("p");
    world.ok("CreateGroup", json!({"GroupName": "g"}));
    let key =
        text(&world.ok("CreateAccessKey", json!({"UserName": "ann"}))["AccessKey"]["AccessKeyId"]);
    world.ok(
        "AttachUserPolicy",
        json!({"UserName": "ann", "PolicyArn": policy}),
    );
    world.ok(
        "PutUserPermissionsBoundary",
        json!({"UserName": "ann", "PermissionsBoundary": policy}),
    );
    world.ok(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    world.ok(
        "UpdateUser",
        json!({"UserName": "ann", "NewUserName": "eve"}),
    );

    let users = world.ok("GetGroup", json!({"GroupName": "g"}))["Users"].clone();
    assert_eq!(names(users.as_array().unwrap(), "UserName"), ["eve"]);
    let entities = world.ok("ListEntitiesForPolicy", json!({"PolicyArn": policy}));
    assert_eq!(
        names(entities["PolicyUsers"].as_array().unwrap(), "UserName"),
        ["eve"]
    );
    assert_eq!(
        world.ok("GetAccessKeyLastUsed", json!({"AccessKeyId": key}))["UserName"],
        json!("eve")
    );
    let (identities, mut tx) = world.identities();
    let found = identities.access_key(&mut tx, &key).unwrap().unwrap();
    assert!(matches!(&found.owner, palisade_core::KeyOwner::User { name, .. } if name == "eve"));
}

#[test]
fn a_group_renamed_keeps_its_members_and_policies() {
    let mut world = World::new();
    world.user("ann");
    let policy = world.policy("p");
    world.ok("CreateGroup", json!({"GroupName": "old", "Path": "/x/"}));
    world.ok(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "old"}),
    );
    world.ok(
        "AttachGroupPolicy",
        json!({"GroupName": "old", "PolicyArn": policy}),
    );
    world.ok(
        "UpdateGroup",
        json!({"GroupName": "old", "NewGroupName": "new"}),
    );

    let groups = world.ok("ListGroupsForUser", json!({"UserName": "ann"}))["Groups"].clone();
    assert_eq!(
        groups[0]["Arn"],
        json!("arn:aws:iam::111122223333:group/x/new")
    );
    let entities = world.ok("ListEntitiesForPolicy", json!({"PolicyArn": policy}));
    assert_eq!(entities["PolicyGroups"][0]["GroupName"], json!("new"));
    let (identities, mut tx) = world.identities();
    let user = identities
        .user(&mut tx, &account(ACCOUNT), "ann")
        .unwrap()
        .unwrap();
    assert_eq!(user.policies[0].name(), policy);
    world.fails(
        "GetGroup",
        json!({"GroupName": "old"}),
        "NoSuchEntity",
        "The group with name old cannot be found.",
    );
}

#[test]
fn a_group_with_members_or_policies_stays() {
    let mut world = World::new();
    world.user("ann");
    let policy = world.policy("p");
    world.ok("CreateGroup", json!({"GroupName": "g"}));
    world.ok(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    world.ok(
        "AttachGroupPolicy",
        json!({"GroupName": "g", "PolicyArn": policy}),
    );
    let group = json!({"GroupName": "g"});
    world.fails(
        "DeleteGroup",
        group.clone(),
        "DeleteConflict",
        "Cannot delete entity, must remove users from group first.",
    );
    world.ok(
        "RemoveUserFromGroup",
        json!({"UserName": "ann", "GroupName": "g"}),
    );
    world.fails(
        "DeleteGroup",
        group.clone(),
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    );
    world.ok(
        "DetachGroupPolicy",
        json!({"GroupName": "g", "PolicyArn": policy}),
    );
    world.ok("DeleteGroup", group);
}

#[test]
fn a_user_is_in_ten_groups_at_most_and_once_in_each() {
    let mut world = World::new();
    world.user("ann");
    for n in 0..11 {
        world.ok("CreateGroup", json!({"GroupName": format!("g{n}")}));
    }
    for n in (0..10).chain(0..10) {
        world.ok(
            "AddUserToGroup",
            json!({"UserName": "ann", "GroupName": format!("g{n}")}),
        );
    }
    let message = "Cannot exceed quota for GroupsPerUser: 10";
    world.fails(
        "AddUserToGroup",
        json!({"UserName": "ann", "GroupName": "g10"}),
        "LimitExceeded",
        message,
    );
    let (groups, pages) = world.pages("ListGroupsForUser", json!({"UserName": "ann"}), "Groups", 4);
    assert_eq!((groups.len(), pages), (10, 3));
}

#[test]
fn who_names_no_user_means_itself() {
    let mut world = World::new();
    let id = world.user("ann");
    let root = world.ok("GetUser", json!({}))["User"].clone();
    assert_eq!(
        (&root["UserId"], &root["Arn"]),
        (&json!(ACCOUNT), &json!("arn:aws:iam::111122223333:root"))
    );
    world.as_user("ann", &id);
    assert_eq!(
        world.ok("GetUser", json!({}))["User"]["UserName"],
        json!("ann")
    );
    let message = "Login Profile for User ann cannot be found.";
    world.fails("GetLoginProfile", json!({}), "NoSuchEntity", message);
    world.fails(
        "DeleteLoginProfile",
        json!({"UserName": "ann"}),
        "NoSuchEntity",
        message,
    );
    assert_eq!(
        world.ok("ListMFADevices", json!({}))["MFADevices"],
        json!([])
    );
}

#[test]
fn reads_of_what_does_not_exist_say_so() {
    let mut world = World::new();
    for operation in [
        "ListSSHPublicKeys",
        "ListMFADevices",
        "ListSigningCertificates",
        "ListServiceSpecificCredentials",
        "GetLoginProfile",
    ] {
        let missing = "The user with name nobody cannot be found.";
        world.fails(
            operation,
            json!({"UserName": "nobody"}),
            "NoSuchEntity",
            missing,
        );
    }
    for operation in [
        "ListVirtualMFADevices",
        "ListServerCertificates",
        "ListOpenIDConnectProviders",
        "ListSAMLProviders",
    ] {
        let answer = world.ok(operation, json!({}));
        assert!(
            answer
                .as_object()
                .unwrap()
                .values()
                .all(|value| *value == json!([]) || *value == json!(false)),
            "{answer}"
        );
    }
    let message = "The Password Policy with domain name 111122223333 cannot be found.";
    world.fails(
        "GetAccountPasswordPolicy",
        json!({}),
        "NoSuchEntity",
        message,
    );
}
