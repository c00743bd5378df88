//! What a refusal tells, and to whom.

use palisade_gateway::Settings;
use serde_json::{Value, json};

use crate::kit::{AWAY, HOME, Plan, Who, World, allow, policy, root};

async fn explaining() -> World {
    World::of(Plan {
        settings: Settings {
            explain_denials: true,
            ..Settings::default()
        },
        ..Plan::default()
    })
    .await
}

/// The message that a refusal carries, decoded by `who`.
async fn decoded(world: &World, who: &Who, refusal: &str) -> Result<Value, String> {
    let (_, encoded) = refusal
        .split_once("Encoded authorization failure message: ")
        .expect("the refusal carries a message");
    let input = json!({"EncodedMessage": encoded.trim()});
    let reply = world
        .call(who, "sts", "DecodeAuthorizationMessage", input)
        .await;
    match reply.status {
        200 => Ok(serde_json::from_str(&reply.text("DecodedMessage")).expect("JSON")),
        _ => Err(reply.code()),
    }
}

fn values(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|item| item["value"].as_str())
        .collect()
}

#[tokio::test]
async fn a_refusal_explains_itself_to_who_may_decode_it() {
    let world = explaining().await;
    let deny =
        json!({"Sid": "NoDeletes", "Effect": "Deny", "Action": "iam:Delete*", "Resource": "*"});
    let ann = world
        .user(HOME, "ann", json!([allow("iam:*", "*"), deny]))
        .await;
    let refused = world
        .call(&ann, "iam", "DeleteUser", json!({"UserName": "bob"}))
        .await;
    let message = refused.text("Message");
    assert!(
        message.contains("with an explicit deny in an identity-based policy"),
        "{message}"
    );
    let told = decoded(&world, &root(HOME), &message)
        .await
        .expect("root may decode");
    assert_eq!(
        (told["allowed"].clone(), told["explicitDeny"].clone()),
        (json!(false), json!(true))
    );
    let statement = &told["matchedStatements"]["items"][0];
    assert_eq!(statement["statementId"], "NoDeletes");
    assert_eq!(statement["effect"], "DENY");
    assert_eq!(values(&statement["actions"]), ["iam:Delete*"]);
    assert_eq!(told["context"]["action"], "iam:DeleteUser");
    assert_eq!(
        told["context"]["resource"],
        "arn:aws:iam::111122223333:user/bob"
    );
    assert_eq!(
        told["context"]["principal"]["arn"],
        "arn:aws:iam::111122223333:user/ann"
    );

    // Another front of the same deployment opens it too.
    let beside = World::beside(&world.store);
    assert_eq!(
        decoded(&beside, &root(HOME), &message)
            .await
            .expect("decoded"),
        told
    );

    // Neither another account nor who has no permission for it learns anything.
    let foreign = decoded(&world, &root(AWAY), &message).await;
    assert_eq!(
        foreign.expect_err("sealed"),
        "InvalidAuthorizationMessageException"
    );
    assert_eq!(
        decoded(&world, &ann, &message).await.expect_err("refused"),
        "AccessDenied"
    );
}

#[tokio::test]
async fn the_principals_of_a_deciding_statement_are_told() {
    let world = explaining().await;
    let ann = world
        .user(HOME, "ann", json!([allow("sts:AssumeRole", "*")]))
        .await;
    let trust = policy(json!([
        {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"},
        {"Sid": "NotThese", "Effect": "Deny", "Action": "sts:AssumeRole",
         "Principal": {"AWS": ["arn:aws:iam::111122223333:user/ann"], "Service": "ec2.amazonaws.com"}}]));
    let role = json!({"RoleName": "app", "AssumeRolePolicyDocument": trust});
    world.done(&root(HOME), "iam", "CreateRole", role).await;
    let input = json!({"RoleArn": "arn:aws:iam::111122223333:role/app", "RoleSessionName": "s1"});
    let refused = world.call(&ann, "sts", "AssumeRole", input).await;
    let told = decoded(&world, &root(HOME), &refused.text("Message"))
        .await
        .expect("decoded");
    let statement = &told["matchedStatements"]["items"][0];
    assert_eq!(statement["statementId"], "NotThese");
    assert_eq!(
        values(&statement["principals"]),
        ["arn:aws:iam::111122223333:user/ann", "ec2.amazonaws.com"]
    );
}

#[tokio::test]
async fn without_the_switch_a_refusal_says_aws_sentence_alone() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([])).await;
    let refused = world
        .call(&ann, "iam", "DeleteUser", json!({"UserName": "bob"}))
        .await;
    let message = refused.text("Message");
    assert!(
        message.contains("because no identity-based policy allows the iam:DeleteUser action"),
        "{message}"
    );
    assert!(!message.contains("Encoded"), "{message}");
}
