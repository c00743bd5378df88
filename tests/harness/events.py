"""What the event history says: LookupEvents as the tests need it."""

import json
import time
from datetime import datetime

from harness.callers import Account

# Reads may reach the history up to 100 ms after their answer.
PATIENCE_SECONDS = 5
# What services do by themselves they do every few seconds.
ITSELF_PATIENCE_SECONDS = 30


def lookup(account: Account, since: datetime | None = None) -> list[dict]:
    """All events of an account, newest first, as CloudTrail records."""
    bounds = {"StartTime": since} if since else {}
    pages = account.cloudtrail.get_paginator("lookup_events").paginate(**bounds)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def record_of(account: Account, answer: dict) -> dict:
    """The record of the call that gave `answer` (a boto3 answer or an error's response)."""
    request_id = answer["ResponseMetadata"]["RequestId"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = [event for event in lookup(account) if event.get("requestID") == request_id]
        if found or time.monotonic() > deadline:
            assert len(found) == 1, f"{len(found)} records of request {request_id} in account {account.id}"
            return found[0]
        time.sleep(0.05)


def by_itself(account: Account, name: str) -> list[dict]:
    """The events of that name that a service wrote by itself; the first one is waited for."""
    deadline = time.monotonic() + ITSELF_PATIENCE_SECONDS
    while True:
        found = [event for event in lookup(account) if event["eventName"] == name and event["userIdentity"].get("invokedBy") == "AWS Internal"]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.5)
