//! KMS through the front: keys decide by their own policies and grants, states refuse, what is encrypted opens as long as it should.

mod access;
mod boundaries;
mod by_itself;
mod life;
mod made;
mod managed;
mod many_grants;
mod uses;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_core::keys::{KeyVault, Place};
use palisade_core::{AccountId, Region};
use palisade_keyring::PublicKey;
use palisade_keyring::spec::{EncryptionAlgorithm, KeySpec};
use serde_json::{Value, json};

use crate::kit::{AWAY, Ask, HOME, Reply, Who, World, allow, policy, root};

const KMS: &str = "kms";
const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// `hi`
const HI: &str = "aGk=";

/// A key of the home account.
async fn key(world: &World, input: Value) -> String {
    let made = world.done(&root(HOME), KMS, "CreateKey", input).await;
    made.text("KeyId")
}

fn arn(id: &str) -> String {
    format!("arn:aws:kms:us-east-1:{HOME}:key/{id}")
}

async fn as_root(world: &World, operation: &'static str, input: Value) -> Reply {
    world.call(&root(HOME), KMS, operation, input).await
}

async fn done(world: &World, operation: &'static str, input: Value) -> Reply {
    world.done(&root(HOME), KMS, operation, input).await
}

/// The code of the answer, and `ok` for success.
fn code(reply: &Reply) -> String {
    if reply.status == 200 {
        "ok".to_owned()
    } else {
        reply.code()
    }
}

async fn put_policy(world: &World, key: &str, statements: Value) -> Reply {
    let input = json!({"KeyId": key, "Policy": policy(statements)});
    as_root(world, "PutKeyPolicy", input).await
}

fn account_may() -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "kms:*", "Resource": "*"})
}

fn user(name: &str) -> String {
    format!("arn:aws:iam::{HOME}:user/{name}")
}
