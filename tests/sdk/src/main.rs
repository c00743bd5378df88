//! The AWS SDK for Rust against a running Palisade: `AWS_ENDPOINT_URL` and root credentials come from the environment, as always.
//! Ends with 0 if every step went as the SDK's documentation says.

use std::error::Error;

use aws_config::BehaviorVersion;
use aws_sdk_iam::config::Credentials;
use aws_sdk_iam::error::ProvideErrorMetadata;

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    users_come_in_pages(&aws_sdk_iam::Client::new(&config)).await?;
    errors_are_typed(&aws_sdk_iam::Client::new(&config)).await?;
    a_role_is_assumed(&config).await?;
    println!("the AWS SDK for Rust found everything as documented");
    Ok(())
}

/// Creates users and reads them back through the SDK's own paginator.
async fn users_come_in_pages(iam: &aws_sdk_iam::Client) -> Outcome {
    for name in ["rust-a", "rust-b", "rust-c"] {
        let user = iam.create_user().user_name(name).path("/sdk/").send().await?.user.ok_or("no user")?;
        assert!(user.user_id.starts_with("AIDA") && user.path == "/sdk/");
    }
    let mut pages = iam.list_users().path_prefix("/sdk/").into_paginator().page_size(2).send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(page?.users.into_iter().map(|user| user.user_name));
    }
    assert_eq!(names, ["rust-a", "rust-b", "rust-c"]);
    Ok(())
}

/// Errors arrive as the variants of the model, with AWS's words.
async fn errors_are_typed(iam: &aws_sdk_iam::Client) -> Outcome {
    let taken = iam.create_user().user_name("rust-a").send().await.unwrap_err().into_service_error();
    assert!(taken.is_entity_already_exists_exception(), "{taken:?}");
    let missing = iam.get_user().user_name("nobody").send().await.unwrap_err().into_service_error();
    assert!(missing.is_no_such_entity_exception(), "{missing:?}");
    assert_eq!(missing.message(), Some("The user with name nobody cannot be found."));
    Ok(())
}

/// A user assumes a role; the session is the role, and is refused what the role may not.
async fn a_role_is_assumed(config: &aws_config::SdkConfig) -> Outcome {
    let iam = aws_sdk_iam::Client::new(config);
    let account = aws_sdk_sts::Client::new(config).get_caller_identity().send().await?.account.ok_or("no account")?;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:user/sdk/rust-a"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let role = iam.create_role().role_name("rust-role").assume_role_policy_document(trust).send().await?.role.ok_or("no role")?;
    let key = iam.create_access_key().user_name("rust-a").send().await?.access_key.ok_or("no key")?;

    let user = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    let sts = aws_sdk_sts::Client::from_conf(aws_sdk_sts::Config::from(config).to_builder().credentials_provider(user).build());
    let session = sts.assume_role().role_arn(role.arn).role_session_name("rust").send().await?.credentials.ok_or("no credentials")?;

    let session = Credentials::new(session.access_key_id, session.secret_access_key, Some(session.session_token), None, "test");
    let sts = aws_sdk_sts::Client::from_conf(aws_sdk_sts::Config::from(config).to_builder().credentials_provider(session.clone()).build());
    assert_eq!(sts.get_caller_identity().send().await?.arn, Some(format!("arn:aws:sts::{account}:assumed-role/rust-role/rust")));
    let iam = aws_sdk_iam::Client::from_conf(aws_sdk_iam::Config::from(config).to_builder().credentials_provider(session).build());
    let denied = iam.list_users().send().await.unwrap_err().into_service_error();
    assert_eq!(denied.code(), Some("AccessDenied"));
    Ok(())
}
