//! Sessions across restarts of the server and changes of the keys that seal them.

use std::time::Duration;

use palisade_store::Clock as _;
use serde_json::json;

use crate::kit::{HOME, Plan, Who, World, allow};

const HOUR: Duration = Duration::from_secs(3600);

async fn session(world: &World, who: &Who) -> Who {
    let input = json!({"DurationSeconds": 129_600});
    let reply = world.done(who, "sts", "GetSessionToken", input).await;
    reply.credentials()
}

async fn code(world: &World, who: &Who) -> String {
    let input = json!({});
    let reply = world.call(who, "sts", "GetCallerIdentity", input).await;
    reply.code()
}

/// The same server, started again.
async fn restarted(world: &World) -> World {
    world.store.flush().await.expect("the store writes");
    World::of(Plan {
        disk: world.disk.copy(),
        now_ms: world.clock.now().0,
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn a_session_lasts_through_a_restart_and_a_change_of_keys() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([allow("iam:*", "*")])).await;
    session(&world, &ann).await;
    // Twelve hours before the key is a week old: a session that ends a day after.
    world.clock.advance(HOUR * (7 * 24 - 12));
    let long = session(&world, &ann).await;
    world.clock.advance(HOUR * 13);
    let making = session(&world, &ann).await;
    let next = session(&world, &ann).await;
    for world in [&world, &restarted(&world).await] {
        for who in [&long, &making, &next] {
            assert_eq!(code(world, who).await, "");
        }
    }
    world.clock.advance(HOUR * 23);
    assert_eq!(code(&world, &long).await, "ExpiredToken");
    assert_eq!(code(&world, &next).await, "");
    // Made of two: the id of one, the token of the other.
    let mixed = Who {
        token: next.token.clone(),
        ..making
    };
    assert_eq!(code(&world, &mixed).await, "InvalidClientTokenId");
}

#[tokio::test]
async fn a_page_token_lasts_through_a_restart() {
    let world = World::new().await;
    let ann = world.user(HOME, "ann", json!([allow("iam:*", "*")])).await;
    world.user(HOME, "bob", json!([])).await;
    let page = json!({"MaxItems": 1});
    let first = world.done(&ann, "iam", "ListUsers", page).await;
    let marker = first.text("Marker");
    let world = restarted(&world).await;
    let page = json!({"MaxItems": 1, "Marker": marker});
    let second = world.done(&ann, "iam", "ListUsers", page).await;
    assert_ne!(first.text("UserName"), second.text("UserName"));
}
