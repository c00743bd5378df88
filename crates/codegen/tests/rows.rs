//! What is wrong with a row fails the build with a message that names it.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn problems(operation: &str, row: &str) -> String {
    let rows = format!(r#"{{"service":"iam","operations":{{"{operation}":{row}}}}}"#);
    match palisade_codegen::generate(&root(), "iam", &rows) {
        Ok(_) => String::new(),
        Err(problems) => problems.join("\n"),
    }
}

const USER: &str = "arn:${Partition}:iam::${Account}:user${Path}${UserName}";

fn create_user(action: &str, resource: &str, rest: &str) -> String {
    problems(
        "CreateUser",
        &format!(
            r#"{{"kind":"write","authorize":[{{"action":"{action}","resource":"{resource}"{rest}}}]}}"#
        ),
    )
}

#[test]
fn a_row_that_is_right_has_no_problem() {
    assert_eq!(create_user("iam:CreateUser", USER, ""), "");
    assert_eq!(
        create_user(
            "iam:CreateUser",
            "@user",
            r#","context":{"iam:PermissionsBoundary":"PermissionsBoundary"},"when":"Tags""#
        ),
        ""
    );
    assert_eq!(
        problems(
            "GetAccountSummary",
            r#"{"kind":"read","authorize":[{"action":"iam:GetAccountSummary","resource":"*"}]}"#
        ),
        ""
    );
}

#[test]
fn an_unknown_operation_action_resource_key_or_member_is_named() {
    let row = r#"{"kind":"read","permission":"none"}"#;
    assert_eq!(
        problems("MakeUser", row),
        "operations.json: MakeUser: the model has no such operation"
    );
    assert_eq!(
        create_user("iam:createuser", USER, ""),
        "operations.json: CreateUser: unknown action iam:createuser (is it iam:CreateUser?)"
    );
    assert!(create_user("nothing:CreateUser", USER, "").contains("nothing.json"));
    assert_eq!(
        create_user(
            "iam:CreateUser",
            "arn:${Partition}:iam::${Account}:role/${UserName}",
            ""
        ),
        "operations.json: CreateUser: iam:CreateUser knows no resource like arn:${Partition}:iam::${Account}:role/${UserName} (it knows: user)"
    );
    assert_eq!(
        create_user("iam:CreateUser", "*", ""),
        "operations.json: CreateUser: iam:CreateUser is asked on a resource (user), not on *"
    );
    assert_eq!(
        create_user(
            "iam:CreateUser",
            USER,
            r#","context":{"iam:PolicyARN":"UserName"}"#
        ),
        "operations.json: CreateUser: iam:CreateUser has no condition key iam:PolicyARN"
    );
    assert_eq!(
        create_user("iam:CreateUser", USER, r#","when":"Tag""#),
        "operations.json: CreateUser: the input has no member Tag"
    );
    assert_eq!(
        create_user(
            "iam:CreateUser",
            "arn:${Partition}:iam::${Account}:user/${Name}",
            ""
        ),
        "operations.json: CreateUser: the input has no member Name"
    );
}

#[test]
fn a_row_says_who_may_call_and_nothing_unknown() {
    let either =
        "operations.json: GetUser: a row has either a permission or something to authorize";
    assert_eq!(problems("GetUser", r#"{"kind":"read"}"#), either);
    let both = r#"{"kind":"read","permission":"none","authorize":[{"action":"iam:GetUser","resource":"@user"}]}"#;
    assert_eq!(problems("GetUser", both), either);
    assert!(
        problems(
            "GetUser",
            r#"{"kind":"read","permission":"none","secret":true}"#
        )
        .contains("GetUser: unknown field `secret`")
    );
    assert!(
        problems("GetUser", r#"{"kind":"look","permission":"none"}"#)
            .contains("unknown variant `look`")
    );
}

#[test]
fn global_keys_and_tag_keys_are_known() {
    assert_eq!(
        create_user(
            "iam:CreateUser",
            USER,
            r#","context":{"aws:RequestTag/team":"Path"}"#
        ),
        ""
    );
    assert_eq!(
        create_user(
            "iam:CreateUser",
            USER,
            r#","context":{"aws:SourceArn":"Path"}"#
        ),
        ""
    );
}

/// Every service's whole API becomes types without a clash of names.
#[test]
fn every_operation_of_every_model_can_be_generated() {
    let models = std::fs::read_dir(root().join("models")).expect("models");
    for path in models
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
    {
        let service = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let model: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("JSON");
        let rows: serde_json::Map<_, _> = model["operations"]
            .as_object()
            .expect("operations")
            .keys()
            .map(|name| {
                (
                    name.clone(),
                    serde_json::json!({"kind": "read", "permission": "none"}),
                )
            })
            .collect();
        let rows = serde_json::json!({"service": service, "operations": rows}).to_string();
        let generated = palisade_codegen::generate(&root(), &service, &rows);
        assert!(generated.is_ok(), "{service}: {:?}", generated.err());
    }
}
