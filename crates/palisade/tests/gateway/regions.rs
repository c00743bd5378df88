//! Which regions are served, and what becomes of a request that is signed for another.

use palisade_core::{Region, Regions};
use palisade_gateway::Settings;
use serde_json::{Value, json};

use crate::kit::{Ask, HOME, Plan, Reply, Who, World, root};

const OWN: &str = "dc-north-1";
const NOBODYS: &str = "eu-wset-1";

async fn world() -> World {
    let own = Region::new(OWN).expect("a region's name");
    let settings = Settings {
        regions: Regions::default().with([own]),
        ..Settings::default()
    };
    World::of(Plan {
        settings,
        ..Plan::default()
    })
    .await
}

async fn events(world: &World, region: &str) -> Reply {
    let nothing = json!({});
    let ask = Ask::new("cloudtrail", "LookupEvents", &nothing).region(region);
    world.send(&root(HOME), &ask).await
}

#[tokio::test]
async fn a_region_that_is_not_served_is_refused_in_the_familys_words() {
    let world = world().await;
    for region in ["eu-west-1", "us-east-1", OWN] {
        assert_eq!(events(&world, region).await.status, 200, "{region}");
    }
    world.store.flush().await.expect("the store writes");
    let before = world.store.head().position;
    let nothing = json!({});
    for (service, operation, code, status) in [
        (
            "cloudtrail",
            "LookupEvents",
            "InvalidSignatureException",
            400,
        ),
        (
            "guardduty",
            "ListDetectors",
            "InvalidSignatureException",
            403,
        ),
        ("ec2", "DescribeInstances", "AuthFailure", 401),
        ("s3", "ListBuckets", "AuthorizationHeaderMalformed", 400),
    ] {
        for region in [NOBODYS, "aws-global", "cn-north-1", "EU-WEST-1"] {
            let ask = Ask::new(service, operation, &nothing).region(region);
            let reply = world.send(&root(HOME), &ask).await;
            assert_eq!(
                (reply.code().as_str(), reply.status),
                (code, status),
                "{region}: {reply:?}"
            );
        }
    }
    world.store.flush().await.expect("the store writes");
    assert_eq!(
        world.store.head().position,
        before,
        "a stranger's call is on no record"
    );
    let said = events(&world, NOBODYS).await.body;
    let sentence = "Credential should be scoped to a valid region, not 'eu-wset-1'. ";
    assert!(said.contains(sentence), "{said}");
}

#[tokio::test]
async fn global_services_take_any_and_show_where_events_can_be_looked_up() {
    let world = world().await;
    let role = json!({
        "RoleName": "app",
        "AssumeRolePolicyDocument": json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}}).to_string(),
    });
    world.done(&root(HOME), "iam", "CreateRole", role).await;
    let ann = world
        .user(
            HOME,
            "ann",
            json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        )
        .await;
    let input =
        json!({"RoleArn": format!("arn:aws:iam::{HOME}:role/app"), "RoleSessionName": "s1"});
    for (region, home) in [
        (NOBODYS, "us-east-1"),
        ("eu-west-1", "eu-west-1"),
        (OWN, OWN),
    ] {
        let assumed = world
            .send(&ann, &Ask::new("sts", "AssumeRole", &input).region(region))
            .await;
        assert_eq!(assumed.status, 200, "{assumed:?}");
        assert_eq!(shown_in(&world, &assumed).await, [home], "{region}");
        let session: Who = assumed.credentials();
        let nothing = Value::Object(serde_json::Map::new());
        for (service, operation) in [
            ("sts", "GetCallerIdentity"),
            ("palisade", "ListAuthenticationFailures"),
        ] {
            let ask = Ask::new(service, operation, &nothing).region(region);
            let reply = world.send(&session, &ask).await;
            assert!(
                reply.status == 200 || reply.is_denied(),
                "{region}: {reply:?}"
            );
        }
    }
}

async fn shown_in(world: &World, reply: &Reply) -> Vec<String> {
    world.recorded(reply.request_id).await;
    let record = world.record(reply.request_id).expect("it is on record");
    let histories = record.fact.histories.iter();
    histories
        .map(|history| history.region.as_str().to_owned())
        .collect()
}
