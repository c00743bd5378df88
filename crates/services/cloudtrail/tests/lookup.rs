//! LookupEvents over a journal in memory.

mod common;

use std::time::Duration;

use common::{AWAY, HOME, START_MS, World, by, resource, user};
use palisade_cloudtrail::LOOKUP_EXAMINED_MAX;
use palisade_core::record::Outcome;
use palisade_core::{AccountId, Identity, Region, RoleRef};
use palisade_model::{Structure, Timestamp, Value};
use palisade_store::Millis;
use uuid::Uuid;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms as i64).unwrap()
}

fn all(world: &mut World, input: &Structure) -> Vec<String> {
    let mut names = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = world.lookup(input.clone().with("NextToken", next.take()));
        names.extend(page.names().iter().map(|name| (*name).to_owned()));
        match page.next {
            Some(token) => next = Some(token),
            None => return names,
        }
    }
}

#[test]
fn events_come_newest_first() {
    let mut world = World::new();
    for operation in ["CreateUser", "ListUsers", "DeleteUser"] {
        world.did(operation);
    }
    let page = world.lookup(Structure::new());
    assert_eq!(page.names(), ["DeleteUser", "ListUsers", "CreateUser"]);
    assert_eq!(page.next, None);
    let event = &page.events[0];
    assert_eq!(
        event.get("EventSource").and_then(Value::as_str),
        Some("iam.amazonaws.com")
    );
    assert_eq!(event.get("ReadOnly").and_then(Value::as_str), Some("false"));
    assert_eq!(event.get("Username").and_then(Value::as_str), Some("root"));
    assert_eq!(
        event.get("EventTime"),
        Some(&Value::Timestamp(at(START_MS + 2000)))
    );
    let record = &page.records()[0];
    assert_eq!(
        record["eventID"],
        event.get("EventId").and_then(Value::as_str).unwrap()
    );
}

#[test]
fn pages_show_each_event_once_while_new_ones_arrive() {
    let mut world = World::new();
    for number in 0..7 {
        world.did(&format!("Call{number}"));
    }
    let first = world.lookup(Structure::new().with("MaxResults", 3));
    assert_eq!(first.names(), ["Call6", "Call5", "Call4"]);
    world.did("Later");
    let second = world.lookup(
        Structure::new()
            .with("MaxResults", 3)
            .with("NextToken", first.next),
    );
    assert_eq!(second.names(), ["Call3", "Call2", "Call1"]);
    let third = world.lookup(Structure::new().with("NextToken", second.next));
    assert_eq!(
        (third.names(), third.next.as_deref()),
        (vec!["Call0"], None)
    );
}

#[test]
fn a_token_is_good_for_the_same_lookup_and_account_only() {
    let mut world = World::new();
    (0..3).for_each(|_| world.did("CreateUser"));
    let page = world.lookup(by("EventName", "CreateUser").with("MaxResults", 1));
    let token = page.next.unwrap();
    let with = |input: Structure| input.with("NextToken", token.as_str());
    assert_eq!(
        world
            .lookup(with(by("EventName", "CreateUser")))
            .events
            .len(),
        2
    );
    for other in [
        Structure::new(),
        by("EventName", "DeleteUser"),
        by("EventName", "CreateUser").with("EndTime", at(START_MS)),
    ] {
        assert_eq!(world.refusal(with(other)), "InvalidNextTokenException");
    }
    let elsewhere = world.lookup_as(AWAY, "us-east-1", None, with(by("EventName", "CreateUser")));
    assert_eq!(elsewhere.unwrap_err().code, "InvalidNextTokenException");
    let altered = by("EventName", "CreateUser").with("NextToken", format!("A{}", &token[1..]));
    assert_eq!(world.refusal(altered), "InvalidNextTokenException");
}

#[test]
fn events_are_found_by_each_attribute() {
    let mut world = World::new();
    world.did("ListUsers");
    let mut made = world.made("sts", "AssumeRole");
    made.caller = user(HOME, "ann");
    made.read_only = true;
    made.resources = vec![resource(
        "AWS::IAM::Role",
        "arn:aws:iam::111122223333:role/app",
        "arn:aws:iam::111122223333:role/app",
    )];
    world.record(&made, &[HOME]);
    world.did("CreateUser");
    let id = world.lookup(by("EventName", "AssumeRole")).texts("EventId")[0].to_owned();
    for (key, value) in [
        ("EventId", id.as_str()),
        ("EventName", "AssumeRole"),
        ("ReadOnly", "true"),
        ("Username", "ann"),
        ("ResourceType", "AWS::IAM::Role"),
        ("ResourceName", "arn:aws:iam::111122223333:role/app"),
        ("EventSource", "sts.amazonaws.com"),
        ("AccessKeyId", "AKIA111122223333"),
    ] {
        let found = world.lookup(by(key, value));
        let expected = if key == "AccessKeyId" { 3 } else { 1 };
        assert_eq!(found.events.len(), expected, "{key}");
        assert!(found.names().contains(&"AssumeRole"), "{key}");
        assert!(
            world
                .lookup(by(key, &format!("{value}x")))
                .events
                .is_empty(),
            "{key}"
        );
    }
    assert_eq!(world.lookup(by("ReadOnly", "false")).events.len(), 2);
    assert!(
        world
            .lookup(by("EventId", &made.request_id.to_string()))
            .events
            .is_empty()
    );
}

#[test]
fn senseless_lookups_are_refused() {
    let mut world = World::new();
    let attribute = || {
        Value::Structure(
            Structure::new()
                .with("AttributeKey", "EventName")
                .with("AttributeValue", "x"),
        )
    };
    let two = Structure::new().with("LookupAttributes", vec![attribute(), attribute()]);
    assert_eq!(world.refusal(two), "InvalidLookupAttributesException");
    assert_eq!(
        world.refusal(by("Colour", "red")),
        "InvalidLookupAttributesException"
    );
    for size in [-1, 0, 51] {
        assert_eq!(
            world.refusal(Structure::new().with("MaxResults", size)),
            "InvalidMaxResultsException"
        );
    }
    assert_eq!(
        world.refusal(Structure::new().with("NextToken", "made up")),
        "InvalidNextTokenException"
    );
    let backwards = Structure::new()
        .with("StartTime", at(START_MS + 1000))
        .with("EndTime", at(START_MS));
    assert_eq!(world.refusal(backwards), "InvalidTimeRangeException");
}

#[test]
fn a_time_range_includes_both_ends() {
    let mut world = World::new();
    for number in 0..5 {
        world.did(&format!("Call{number}"));
    }
    let range = Structure::new()
        .with("StartTime", at(START_MS + 1000))
        .with("EndTime", at(START_MS + 3000));
    assert_eq!(world.lookup(range).names(), ["Call3", "Call2", "Call1"]);
    let since = Structure::new().with("StartTime", at(START_MS + 4000));
    assert_eq!(world.lookup(since).names(), ["Call4"]);
    let until = Structure::new().with("EndTime", at(START_MS));
    assert_eq!(world.lookup(until).names(), ["Call0"]);
    let future = Structure::new().with("StartTime", at(START_MS + 60_000));
    assert!(world.lookup(future).events.is_empty());
}

#[test]
fn a_call_is_found_by_its_own_time_even_if_its_record_came_later() {
    let mut world = World::new();
    let slow = world.made("iam", "CreateUser");
    world.clock.advance(Duration::from_secs(60));
    world.record(&slow, &[HOME]);
    let then = Structure::new()
        .with("StartTime", at(START_MS))
        .with("EndTime", at(START_MS));
    assert_eq!(world.lookup(then).names(), ["CreateUser"]);
    let now = Structure::new().with("StartTime", at(START_MS + 60_000));
    assert!(world.lookup(now).events.is_empty());
}

#[test]
fn the_history_shows_ninety_days() {
    let mut world = World::new();
    world.did("Old");
    world
        .clock
        .set(Millis(START_MS + 90 * 24 * 3_600_000 + 1000));
    world.did("New");
    assert_eq!(world.lookup(Structure::new()).names(), ["New"]);
    let asked = Structure::new()
        .with("StartTime", at(START_MS))
        .with("EndTime", at(START_MS + 5000));
    assert!(world.lookup(asked).events.is_empty());
}

#[test]
fn accounts_and_regions_have_histories_of_their_own() {
    let mut world = World::new();
    world.did("CreateUser");
    let mut there = world.made("sts", "GetCallerIdentity");
    there.region = Region::new("eu-central-1").unwrap();
    world.record(&there, &[HOME]);
    let mut lookup = |account, region| {
        let page = world
            .lookup_as(account, region, None, Structure::new())
            .unwrap();
        page.names().join(" ")
    };
    assert_eq!(lookup(HOME, "us-east-1"), "CreateUser");
    assert_eq!(lookup(HOME, "eu-central-1"), "GetCallerIdentity");
    assert_eq!(lookup(AWAY, "us-east-1"), "");
}

#[test]
fn a_call_across_accounts_is_an_event_in_each_under_one_shared_id() {
    let mut world = World::new();
    let mut made = world.made("sts", "AssumeRole");
    made.caller = user(HOME, "ann");
    made.shared_event_id = Some(Uuid::from_u128(42));
    world.record(&made, &[HOME, AWAY]);
    let page = |world: &mut World, account, input| {
        world.lookup_as(account, "us-east-1", None, input).unwrap()
    };
    let (here, there) = (
        page(&mut world, HOME, Structure::new()),
        page(&mut world, AWAY, Structure::new()),
    );
    let (ours, theirs) = (&here.records()[0], &there.records()[0]);
    assert_eq!(ours["sharedEventID"], theirs["sharedEventID"]);
    assert_ne!(ours["eventID"], theirs["eventID"]);
    assert_eq!(
        (&ours["recipientAccountId"], &theirs["recipientAccountId"]),
        (&HOME.into(), &AWAY.into())
    );
    assert_eq!(ours["userIdentity"]["userName"], "ann");
    let identity =
        serde_json::json!({"type": "AWSAccount", "principalId": "AIDAANN", "accountId": HOME});
    assert_eq!(theirs["userIdentity"], identity);
    for hidden in ["AccessKeyId", "Username"] {
        assert!(
            there.events[0].get(hidden).is_none_or(Value::is_null),
            "{hidden}"
        );
    }

    // Each finds its own event by its own id, and the stranger's name and key are no way to find it.
    let id = theirs["eventID"].as_str().unwrap().to_owned();
    assert_eq!(page(&mut world, AWAY, by("EventId", &id)).events.len(), 1);
    assert_eq!(page(&mut world, HOME, by("EventId", &id)).events.len(), 0);
    for (key, value) in [("Username", "ann"), ("AccessKeyId", "AKIA111122223333")] {
        assert_eq!(page(&mut world, HOME, by(key, value)).events.len(), 1);
        assert_eq!(page(&mut world, AWAY, by(key, value)).events.len(), 0);
    }
}

#[test]
fn calls_on_a_branch_show_on_that_branch_only() {
    let mut world = World::new();
    world.did("CreateUser");
    let mut tried = world.made("iam", "DeleteUser");
    tried.branch = Some("b1".into());
    world.record(&tried, &[HOME]);
    let mut lookup = |branch| {
        let page = world
            .lookup_as(HOME, "us-east-1", branch, Structure::new())
            .unwrap();
        page.names().join(" ")
    };
    assert_eq!(lookup(None), "CreateUser");
    assert_eq!(lookup(Some("b1")), "DeleteUser CreateUser");
    assert_eq!(lookup(Some("b2")), "CreateUser");
}

#[test]
fn there_are_no_insights() {
    let mut world = World::new();
    world.did("CreateUser");
    let page = world.lookup(Structure::new().with("EventCategory", "insight"));
    assert!(page.events.is_empty() && page.next.is_none());
}

#[test]
fn a_rare_event_is_found_in_bounded_steps() {
    let mut world = World::new();
    world.did("Rare");
    let common = world.made("iam", "ListUsers");
    for _ in 0..LOOKUP_EXAMINED_MAX {
        world.record_lazily(&common, &[HOME]);
    }
    // In a chunk of their own: a search stops between chunks only, and how many records share one is a matter of time.
    world.flush();
    for _ in 0..10 {
        world.record_lazily(&common, &[HOME]);
    }
    world.flush();
    let first = world.lookup(by("EventName", "Rare"));
    assert!(first.events.is_empty(), "a page read more than its share");
    let second = world.lookup(by("EventName", "Rare").with("NextToken", first.next));
    assert_eq!(second.names(), ["Rare"]);
    assert_eq!(second.next, None);
    // Its id leads to it at once.
    let id = second.texts("EventId")[0].to_owned();
    assert_eq!(world.lookup(by("EventId", &id)).names(), ["Rare"]);
    // One that there is none of costs no more than a page at a time, either.
    let mut unknown = id.into_bytes();
    unknown[35] = if unknown[35] == b'0' { b'1' } else { b'0' };
    let unknown = by("EventId", std::str::from_utf8(&unknown).unwrap());
    let first = world.lookup(unknown.clone());
    assert!(first.events.is_empty() && first.next.is_some());
    let second = world.lookup(unknown.with("NextToken", first.next));
    assert!(second.events.is_empty() && second.next.is_none());
    assert_eq!(all(&mut world, &by("EventName", "Rare")), ["Rare"]);
}

#[test]
fn a_session_is_found_by_its_name_and_a_failure_has_its_error() {
    let mut world = World::new();
    let role = RoleRef {
        account: AccountId::new(HOME).unwrap(),
        name: "app".into(),
        path: "/".into(),
        id: "AROAAPP".into(),
    };
    let mut made = world.made("iam", "GetRole");
    made.caller = common::caller(
        HOME,
        Identity::RoleSession {
            role,
            session_name: "s1".into(),
        },
    );
    made.outcome = Outcome::Failed {
        code: "NoSuchEntity".into(),
        message: "gone".into(),
    };
    world.record(&made, &[HOME]);
    let page = world.lookup(by("Username", "s1"));
    let record = &page.records()[0];
    assert_eq!(
        (&record["errorCode"], &record["errorMessage"]),
        (&"NoSuchEntityException".into(), &"gone".into())
    );
}
