//! What KMS does by itself, when it is time: done though nobody asks, and on record once.

use super::*;

/// Does all that is due.
async fn sweep(world: &World) {
    let swept = palisade_kms::sweep(&world.store, &*world.keys).await;
    assert_eq!(swept.expect("it sweeps"), palisade_kms::Swept::default());
}

/// What KMS did by itself in a Region, oldest first, as LookupEvents shows it.
async fn done_by_itself(world: &World, region: &str) -> Vec<Value> {
    world.store.flush().await.expect("it writes");
    let input = json!({"LookupAttributes": [{"AttributeKey": "EventSource", "AttributeValue": "kms.amazonaws.com"}]});
    let ask = Ask::new("cloudtrail", "LookupEvents", &input).region(region);
    let answer: Value = world.send(&root(HOME), &ask).await.json().expect("JSON");
    let events = answer["Events"].as_array().expect("a list").iter().rev();
    let texts = events.map(|event| event["CloudTrailEvent"].as_str().expect("a text"));
    texts
        .map(|text| serde_json::from_str::<Value>(text).expect("JSON"))
        .filter(|event| event["userIdentity"]["invokedBy"] == json!("AWS Internal"))
        .collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["eventName"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_key_is_rotated_when_it_is_time_though_nobody_uses_it() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let period = json!({"KeyId": id, "RotationPeriodInDays": 90});
    done(&world, "EnableKeyRotation", period).await;
    for rounds in 1..=2 {
        world.clock.advance(90 * DAY);
        sweep(&world).await;
        sweep(&world).await;
        let listed = done(&world, "ListKeyRotations", json!({"KeyId": id})).await;
        assert_eq!(
            listed.body.matches("AUTOMATIC").count(),
            rounds,
            "{listed:?}"
        );
    }
    let calls = done_by_itself(&world, "us-east-1").await;
    assert_eq!(names(&calls), ["RotateKey"; 2]);
    let event = &calls[0];
    assert_eq!(
        event["serviceEventDetails"],
        json!({"rotationType": "AUTOMATIC", "keyId": id})
    );
    assert_eq!(
        event["userIdentity"],
        json!({"accountId": HOME, "invokedBy": "AWS Internal"})
    );
    assert_eq!(event["eventType"], json!("AwsServiceEvent"));
    assert_eq!(event["sourceIPAddress"], json!("AWS Internal"));
    assert_eq!(event["resources"][0]["ARN"], json!(arn(&id)));
    assert!(
        event.get("requestID").is_none() && event["requestParameters"].is_null(),
        "{event}"
    );
    assert_ne!(event["eventID"], calls[1]["eventID"]);
}

#[tokio::test]
async fn a_rotation_by_use_or_on_demand_is_on_record_once_too() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let period = json!({"KeyId": id, "RotationPeriodInDays": 90});
    done(&world, "EnableKeyRotation", period).await;
    world.clock.advance(90 * DAY);
    done(&world, "Encrypt", json!({"KeyId": id, "Plaintext": HI})).await;
    done(&world, "RotateKeyOnDemand", json!({"KeyId": id})).await;
    sweep(&world).await;
    sweep(&world).await;
    let calls = done_by_itself(&world, "us-east-1").await;
    let kind = |call: &Value| call["serviceEventDetails"]["rotationType"].clone();
    assert_eq!(names(&calls), ["RotateKey"; 2]);
    assert_eq!(
        [kind(&calls[0]), kind(&calls[1])],
        [json!("AUTOMATIC"), json!("ON_DEMAND")]
    );
}

#[tokio::test]
async fn a_disabled_key_catches_up_when_it_is_enabled() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let period = json!({"KeyId": id, "RotationPeriodInDays": 90});
    done(&world, "EnableKeyRotation", period).await;
    done(&world, "DisableKey", json!({"KeyId": id})).await;
    world.clock.advance(200 * DAY);
    sweep(&world).await;
    assert!(done_by_itself(&world, "us-east-1").await.is_empty());
    done(&world, "EnableKey", json!({"KeyId": id})).await;
    sweep(&world).await;
    assert_eq!(
        names(&done_by_itself(&world, "us-east-1").await),
        ["RotateKey"]
    );
}

#[tokio::test]
async fn replicas_follow_their_primary_on_record() {
    let world = World::new().await;
    let id = key(&world, json!({"MultiRegion": true})).await;
    let replica = json!({"KeyId": id, "ReplicaRegion": "eu-west-1"});
    done(&world, "ReplicateKey", replica).await;
    done(&world, "RotateKeyOnDemand", json!({"KeyId": id})).await;
    sweep(&world).await;
    let mut calls = done_by_itself(&world, "us-east-1").await;
    calls.sort_by_key(|call| call["eventName"].to_string());
    assert_eq!(names(&calls), ["RotateKey", "SynchronizeMultiRegionKey"]);
    assert_eq!(calls[1]["eventType"], json!("AwsApiCall"));
    assert_eq!(calls[1]["responseElements"], json!({"keyId": arn(&id)}));
    assert!(done_by_itself(&world, "eu-west-1").await.is_empty());
}

#[tokio::test]
async fn a_key_that_is_gone_went_on_record() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let window = json!({"KeyId": id, "PendingWindowInDays": 7});
    done(&world, "ScheduleKeyDeletion", window).await;
    sweep(&world).await;
    assert!(done_by_itself(&world, "us-east-1").await.is_empty());
    world.clock.advance(7 * DAY);
    sweep(&world).await;
    sweep(&world).await;
    let calls = done_by_itself(&world, "us-east-1").await;
    assert_eq!(names(&calls), ["DeleteKey"]);
    assert_eq!(calls[0]["eventType"], json!("AwsServiceEvent"));
    assert_eq!(calls[0]["resources"][0]["ARN"], json!(arn(&id)));
}

#[tokio::test]
async fn what_happens_on_a_branch_goes_on_no_record() {
    let world = World::new().await;
    let id = key(&world, json!({})).await;
    let branch = world
        .done(&root(HOME), "palisade", "CreateBranch", json!({}))
        .await;
    let (branch, own) = (branch.text("BranchId"), branch.credentials());
    let input = json!({"KeyId": id});
    let ask = Ask::new(KMS, "RotateKeyOnDemand", &input).on(&branch);
    assert_eq!(code(&world.send(&own, &ask).await), "ok");
    sweep(&world).await;
    assert!(done_by_itself(&world, "us-east-1").await.is_empty());
}
