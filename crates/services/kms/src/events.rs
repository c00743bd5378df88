//! What KMS does by itself, on record: keys rotated and deleted when it is time, materials expired, Regions brought into line.
//!
//! Whatever does it writes an event in its own transaction. [`record_next`] puts it on record with a commit that also takes it away: so
//! each is on record once, whatever happens in between.
//!
//! Source: KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail", the examples of log entries.

use palisade_core::record::{AWS_INTERNAL, ApiCall, Outcome, RecordedCaller, RecordedResource};
use palisade_core::{AccountId, CallError, Identity, OsRandom, Random as _, Region};
use palisade_store::{Durability, Fact, History, Store, StoreError, Table, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::names::arn;
use crate::timers::SweepError;

/// When, in milliseconds, and what tells one from others of that moment.
static EVENTS: Table<(u64, String), Event> = Table::new("kms.event");

/// What happened to a key in a Region.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Event {
    account: AccountId,
    region: Region,
    key: String,
    what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// It was rotated, by its schedule or on demand.
    Rotated { on_demand: bool },
    /// Its waiting period ended.
    Deleted,
    /// An imported material expired.
    Expired { material: String },
    /// What the Regions of a multi-Region key share was brought to its replicas.
    Synchronized,
}

/// Notes that something happened: it will be on record if the transaction is committed.
pub(crate) fn put(
    tx: &mut Tx,
    account: &AccountId,
    region: &str,
    key: &str,
    what: What,
) -> Result<(), CallError> {
    let region = Region::new(region).map_err(|_| crate::keys::damaged("a key in no Region"))?;
    let place = (tx.time().0, format!("{account}/{region}/{key}/{what:?}"));
    let event = Event {
        account: account.clone(),
        region,
        key: key.to_owned(),
        what,
    };
    Ok(tx.put(&EVENTS, &(place.0, place.1.as_str()), &event)?)
}

/// Puts the oldest event on record; whether there was one.
pub(crate) async fn record_next(store: &Store) -> Result<bool, SweepError> {
    let read = |error: StoreError| SweepError::Read(error.into());
    let mut tx = store.begin().map_err(read)?;
    let Some((place, event)) = tx.range(&EVENTS, &(), None, 1).map_err(read)?.pop() else {
        return Ok(false);
    };
    tx.delete(&EVENTS, &place).map_err(read)?;
    let call = event.call(tx.time().0);
    let fact = Fact {
        histories: vec![History::new(event.account.as_str(), event.region.as_str())],
        request_id: *call.request_id.as_bytes(),
        time: tx.time(),
        call: call.to_bytes(),
        questions: Vec::new(),
    };
    store.commit(tx, fact, Durability::Durable).await?;
    Ok(true)
}

impl Event {
    fn call(&self, now_ms: u64) -> ApiCall {
        let resource = format!("key/{}", self.key);
        let arn = arn(self.region.as_str(), self.account.as_str(), &resource);
        let (operation, details) = match &self.what {
            What::Rotated { on_demand } => {
                let kind = if *on_demand { "ON_DEMAND" } else { "AUTOMATIC" };
                let details = json!({"rotationType": kind, "keyId": self.key});
                ("RotateKey", Some(details.to_string()))
            }
            What::Deleted => ("DeleteKey", Some(String::new())),
            What::Expired { material } => {
                let details = json!({"keyId": self.key, "keyMaterialId": material});
                ("DeleteExpiredKeyMaterial", Some(details.to_string()))
            }
            // Of this one alone the example is an `AwsApiCall` with an answer.
            What::Synchronized => ("SynchronizeMultiRegionKey", None),
        };
        let answer = details
            .is_none()
            .then(|| json!({ "keyId": arn }).to_string());
        ApiCall {
            request_id: new_id(now_ms),
            time_ms: i64::try_from(now_ms).unwrap_or(i64::MAX),
            service: "kms".to_owned(),
            operation: operation.to_owned(),
            region: self.region.clone(),
            caller: RecordedCaller {
                account: self.account.clone(),
                identity: Identity::Service(AWS_INTERNAL.to_owned()),
                access_key_id: String::new(),
                session: None,
            },
            source_ip: AWS_INTERNAL.to_owned(),
            user_agent: AWS_INTERNAL.to_owned(),
            tls: None,
            read_only: false,
            outcome: Outcome::Success,
            request_parameters: None,
            response_elements: answer,
            additional_event_data: None,
            resources: vec![RecordedResource {
                arn: arn.clone(),
                account: Some(self.account.clone()),
                kind: "AWS::KMS::Key".to_owned(),
                name: arn,
            }],
            branch: None,
            shared_event_id: None,
            service_event: details,
        }
    }
}

/// An id like a request's: its time leads to its record.
fn new_id(now_ms: u64) -> Uuid {
    let mut random = [0; 10];
    OsRandom.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid()
}
