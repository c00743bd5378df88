//! The generated types carry values, the rows say what operations.json says.

use palisade_codegen_compiled::api::{
    self, CreateAccessKeyOutput, CreateLoginProfileInput, CreateUserInput, CreateUserOutput,
    OPERATIONS, User,
};
use palisade_codegen_compiled::managed_policies::{MANAGED_POLICIES, managed_policy};
use palisade_core::operation::{CallKind, ContextKey, Permission, ResourceSpec};
use palisade_model::{FromValue, IntoValue, Structure, Timestamp, Value};

fn row(name: &str) -> &'static palisade_core::operation::OperationRow {
    OPERATIONS
        .iter()
        .find(|row| row.name == name)
        .expect("a row")
}

#[test]
fn an_input_is_read_from_its_value() {
    let tag = Structure::new().with("Key", "team").with("Value", "blue");
    let value = Structure::new()
        .with("UserName", "ada")
        .with("Tags", vec![tag]);
    let input = CreateUserInput::from_value(Value::Structure(value)).expect("an input");
    assert_eq!(input.user_name, "ada");
    assert_eq!(input.path, None);
    assert_eq!(input.tags.expect("tags")[0].value, "blue");
}

#[test]
fn a_missing_required_member_is_a_mismatch_that_names_it() {
    let error =
        CreateUserInput::from_value(Value::Structure(Structure::new())).expect_err("no user name");
    assert_eq!(error.path, "UserName");
}

#[test]
fn an_output_becomes_a_value_without_what_is_not_set() {
    let user = User {
        user_name: "ada".into(),
        path: "/".into(),
        user_id: "AIDA".into(),
        arn: "arn".into(),
        create_date: Timestamp::EPOCH,
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    };
    let value = CreateUserOutput { user: Some(user) }.into_value();
    let user = value.member("User").expect("a user");
    assert_eq!(user.member("UserName").and_then(Value::as_str), Some("ada"));
    assert_eq!(user.member("PasswordLastUsed"), None);
}

#[test]
fn an_operation_without_input_takes_anything_and_gives_nothing() {
    assert!(api::GetAccountSummaryInput::from_value(Value::Null).is_ok());
}

#[test]
fn no_secret_is_printed() {
    let value = Structure::new()
        .with("UserName", "ada")
        .with("Password", "hunter2");
    let input = CreateLoginProfileInput::from_value(Value::Structure(value)).expect("an input");
    let text = format!("{input:?}");
    assert!(text.contains("ada") && !text.contains("hunter2"), "{text}");
    let key = api::AccessKey {
        user_name: "ada".into(),
        access_key_id: "AKIA".into(),
        status: "Active".into(),
        secret_access_key: "hunter2".into(),
        create_date: None,
    };
    let text = format!("{:?}", CreateAccessKeyOutput { access_key: key });
    assert!(text.contains("AKIA") && !text.contains("hunter2"), "{text}");
}

#[test]
fn exceptions_have_constructors() {
    let error = api::errors::entity_already_exists_exception("there is one");
    assert_eq!(
        (
            error.code.as_ref(),
            error.message.as_str(),
            error.sender_fault
        ),
        ("EntityAlreadyExistsException", "there is one", true)
    );
    assert!(!api::errors::service_failure_exception("ours").sender_fault);
}

#[test]
fn rows_are_a_table() {
    assert_eq!(OPERATIONS.len(), 6);
    let create_user = row("CreateUser");
    assert_eq!(create_user.kind, CallKind::Write);
    let Permission::Authorize([first, second]) = create_user.permission else {
        panic!("{create_user:?}")
    };
    assert_eq!(first.action, "iam:CreateUser");
    assert_eq!(
        first.resource,
        ResourceSpec::Template("arn:${Partition}:iam::${Account}:user${Path}${UserName}")
    );
    assert_eq!(
        first.context,
        [ContextKey {
            key: "iam:PermissionsBoundary",
            member: "PermissionsBoundary"
        }]
    );
    assert_eq!(second.when, Some("Tags"));
    assert!(row("CreateAccessKey").gives_credentials);
    assert!(matches!(
        row("SimulateCustomPolicy").permission,
        Permission::None
    ));
    let Permission::Authorize([question]) = row("GetAccountSummary").permission else {
        panic!("no question")
    };
    assert_eq!(question.resource, ResourceSpec::Any);
}

#[test]
fn a_managed_policy_is_found_by_name_and_its_document_is_json() {
    let policy = managed_policy("AdministratorAccess").expect("a policy");
    assert_eq!(policy.arn(), "arn:aws:iam::aws:policy/AdministratorAccess");
    assert_eq!(
        policy.document(),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
    );
    assert!(managed_policy("Administrator").is_none());
    assert!(MANAGED_POLICIES.is_sorted_by_key(|policy| policy.name));
    for policy in MANAGED_POLICIES {
        assert!(
            policy.document().starts_with(r#"{"Version":"#) && policy.document().ends_with('}'),
            "{}",
            policy.name
        );
        assert!(
            Timestamp::parse_any(policy.created).is_some()
                && Timestamp::parse_any(policy.updated).is_some()
        );
    }
}
