//! Roles, trust and instance profiles.

mod world;

use serde_json::{Value, json};
use world::*;

fn trusting(principals: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "sts:AssumeRole"}]})
        .to_string()
}

#[test]
fn a_role_is_made_read_changed_and_removed() {
    let mut world = World::new();
    let made = world.ok(
        "CreateRole",
        json!({"RoleName": "app", "Path": "/svc/", "AssumeRolePolicyDocument": TRUST_EC2, "Description": "d", "MaxSessionDuration": 7200,
               "Tags": [{"Key": "a", "Value": "b"}]}),
    );
    let role = &made["Role"];
    assert_eq!(role["Arn"], json!("arn:aws:iam::111122223333:role/svc/app"));
    assert_eq!(decoded(&role["AssumeRolePolicyDocument"]), TRUST_EC2);
    assert_eq!(
        (&role["MaxSessionDuration"], &role["Tags"]),
        (&json!(7200), &json!([{"Key": "a", "Value": "b"}]))
    );
    world.ok(
        "UpdateRole",
        json!({"RoleName": "app", "MaxSessionDuration": 3600, "MaxSigninSessionDuration": 7200}),
    );
    world.ok(
        "UpdateRoleDescription",
        json!({"RoleName": "app", "Description": "e"}),
    );
    let read = world.ok("GetRole", json!({"RoleName": "app"}))["Role"].clone();
    assert_eq!(
        (&read["MaxSessionDuration"], &read["Description"]),
        (&json!(3600), &json!("e"))
    );
    assert_eq!(
        (&read["MaxSigninSessionDuration"], &read["RoleLastUsed"]),
        (&json!(7200), &json!({}))
    );
    world.ok(
        "UpdateRole",
        json!({"RoleName": "app", "ResetMaxSigninSessionDuration": true}),
    );
    let listed = world.ok("ListRoles", json!({"PathPrefix": "/svc/"}))["Roles"][0].clone();
    for absent in ["Tags", "RoleLastUsed", "MaxSigninSessionDuration"] {
        assert!(listed.get(absent).is_none(), "{absent}");
    }
    world.ok("DeleteRole", json!({"RoleName": "app"}));
    world.fails(
        "GetRole",
        json!({"RoleName": "app"}),
        "NoSuchEntity",
        "The role with name app cannot be found.",
    );
}

#[test]
fn the_path_of_service_linked_roles_is_not_for_everyone() {
    let mut world = World::new();
    let input = json!({"RoleName": "r", "Path": "/aws-service-role/x.amazonaws.com/", "AssumeRolePolicyDocument": TRUST_EC2});
    assert_eq!(world.err("CreateRole", input).0, "InvalidInput");
}

#[test]
fn trust_policies_name_only_principals_that_exist() {
    let mut world = World::new();
    world.user("ann");
    let role = world.role("known");
    let create =
        |principals| json!({"RoleName": "r", "AssumeRolePolicyDocument": trusting(principals)});
    for missing in [
        json!("arn:aws:iam::111122223333:user/nobody"),
        json!("arn:aws:iam::111122223333:user/other-path/ann"),
        json!("arn:aws:iam::444455556666:role/none"),
        json!("AIDAAAAAAAAAAAAAAAAAA"),
    ] {
        let message = format!("Invalid principal in policy: \"AWS\":{missing}");
        world.fails(
            "CreateRole",
            create(missing),
            "MalformedPolicyDocument",
            &message,
        );
    }
    assert_eq!(
        world
            .err(
                "CreateRole",
                create(json!("arn:aws:iam::111122223333:group/g"))
            )
            .0,
        "MalformedPolicyDocument"
    );
    let good = json!([
        "arn:aws:iam::111122223333:user/ann",
        role,
        "111122223333",
        "arn:aws:iam::444455556666:root",
        "*",
        "arn:aws:iam::999988887777:role/of-an-account-not-here",
        "arn:aws:sts::111122223333:assumed-role/known/session"
    ]);
    world.ok("CreateRole", create(good));
}

#[test]
fn a_principal_made_anew_is_not_trusted() {
    let mut world = World::new();
    let id = world.user("ann");
    let arn = "arn:aws:iam::111122223333:user/ann";
    let trust = trusting(json!([arn, "111122223333"]));
    world.ok(
        "CreateRole",
        json!({"RoleName": "r", "AssumeRolePolicyDocument": trust}),
    );
    let shown = |world: &mut World| {
        decoded(&world.ok("GetRole", json!({"RoleName": "r"}))["Role"]["AssumeRolePolicyDocument"])
    };
    let trusts_ann = |world: &World| {
        let (identities, mut tx) = world.identities();
        let role = identities
            .role(&mut tx, &account(ACCOUNT), "r")
            .unwrap()
            .unwrap();
        format!("{:?}", role.trust.source()).contains(arn)
    };
    assert_eq!(shown(&mut world), trust);
    assert!(trusts_ann(&world));
    world.ok("DeleteUser", json!({"UserName": "ann"}));
    assert_eq!(shown(&mut world), trust.replace(arn, &id));
    assert!(!trusts_ann(&world));
    world.user("ann");
    assert_eq!(shown(&mut world), trust.replace(arn, &id));
    assert!(!trusts_ann(&world));
    // Only a policy put again trusts the new one.
    world.ok(
        "UpdateAssumeRolePolicy",
        json!({"RoleName": "r", "PolicyDocument": trust}),
    );
    assert!(trusts_ann(&world));
}

#[test]
fn an_instance_profile_holds_one_role() {
    let mut world = World::new();
    world.role("a");
    world.role("b");
    let made = world.ok(
        "CreateInstanceProfile",
        json!({"InstanceProfileName": "p", "Path": "/x/"}),
    );
    assert_eq!(
        made["InstanceProfile"]["Arn"],
        json!("arn:aws:iam::111122223333:instance-profile/x/p")
    );
    assert_eq!(made["InstanceProfile"]["Roles"], json!([]));
    let with = |role: &str| json!({"InstanceProfileName": "p", "RoleName": role});
    world.ok("AddRoleToInstanceProfile", with("a"));
    let message = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
    world.fails(
        "AddRoleToInstanceProfile",
        with("b"),
        "LimitExceeded",
        message,
    );
    let got = world.ok("GetInstanceProfile", json!({"InstanceProfileName": "p"}));
    assert_eq!(got["InstanceProfile"]["Roles"][0]["RoleName"], json!("a"));
    let listed = world.ok("ListInstanceProfilesForRole", json!({"RoleName": "a"}));
    assert_eq!(
        listed["InstanceProfiles"][0]["InstanceProfileName"],
        json!("p")
    );
    let conflict = "Cannot delete entity, must remove roles from instance profile first.";
    world.fails(
        "DeleteRole",
        json!({"RoleName": "a"}),
        "DeleteConflict",
        conflict,
    );
    world.fails(
        "DeleteInstanceProfile",
        json!({"InstanceProfileName": "p"}),
        "DeleteConflict",
        conflict,
    );
    assert_eq!(
        world.err("RemoveRoleFromInstanceProfile", with("b")).0,
        "NoSuchEntity"
    );
    world.ok("RemoveRoleFromInstanceProfile", with("a"));
    assert_eq!(
        world.ok("ListInstanceProfilesForRole", json!({"RoleName": "a"}))["InstanceProfiles"],
        json!([])
    );
    world.ok("DeleteRole", json!({"RoleName": "a"}));
    world.ok("DeleteInstanceProfile", json!({"InstanceProfileName": "p"}));
    let missing = "Instance Profile p cannot be found.";
    world.fails(
        "GetInstanceProfile",
        json!({"InstanceProfileName": "p"}),
        "NoSuchEntity",
        missing,
    );
}
