"""CloudTrail's LookupEvents: every call is there, whoever made it and however it ended, found by every attribute."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from harness.callers import allow, refused, trust
from harness.events import lookup, record_of


def lookup_by(account, key, value):
    answer = account.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])
    return answer["Events"]


def test_a_record_says_who_when_from_where_what_and_with_what_result(account):
    answer = account.iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "a", "Value": "b"}])
    record = record_of(account, answer)
    assert record["eventVersion"] == "1.11" and record["eventType"] == "AwsApiCall" and record["eventCategory"] == "Management"
    assert (record["eventSource"], record["eventName"], record["awsRegion"]) == ("iam.amazonaws.com", "CreateUser", "us-east-1")
    assert record["sourceIPAddress"] == "127.0.0.1" and "Boto3" in record["userAgent"]
    assert record["recipientAccountId"] == account.id and record["readOnly"] is False and record["managementEvent"] is True
    assert record["requestParameters"] == {"userName": "ann", "path": "/team/", "tags": [{"key": "a", "value": "b"}]}
    user = record["responseElements"]["user"]
    assert (user["userName"], user["arn"], user["userId"]) == ("ann", account.arn("user/team/ann"), answer["User"]["UserId"])
    assert abs(datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00")) - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert "errorCode" not in record


def test_root_is_named_as_root(account):
    identity = record_of(account, account.iam.create_user(UserName="ann"))["userIdentity"]
    assert identity["type"] == "Root" and identity["arn"] == account.arn("root")
    assert (identity["principalId"], identity["accountId"]) == (account.id, account.id)
    assert identity["accessKeyId"] == account.root.credentials.access_key_id


def test_a_user_is_named_as_user(account):
    ann = account.user(allow("iam:CreateGroup"), name="ann")
    identity = record_of(account, ann.iam.create_group(GroupName="g"))["userIdentity"]
    assert (identity["type"], identity["userName"], identity["arn"]) == ("IAMUser", "ann", account.arn("user/ann"))
    assert identity["principalId"] == account.iam.get_user(UserName="ann")["User"]["UserId"]
    assert identity["accessKeyId"] == ann.credentials.access_key_id and "sessionContext" not in identity


def test_a_role_session_is_named_with_its_issuer(account):
    role = account.role(trust(account.id), allow("iam:CreateGroup"), name="app", Path="/p/")
    session = account.user(allow("sts:*")).assume(role, "s1", SourceIdentity="ann")
    identity = record_of(account, session.iam.create_group(GroupName="g"))["userIdentity"]
    assert identity["type"] == "AssumedRole" and identity["arn"] == f"arn:aws:sts::{account.id}:assumed-role/app/s1"
    assert identity["principalId"].endswith(":s1") and identity["principalId"].startswith("AROA")
    context = identity["sessionContext"]
    issuer = context["sessionIssuer"]
    assert (issuer["type"], issuer["arn"], issuer["userName"], issuer["accountId"]) == ("Role", role, "app", account.id)
    assert issuer["principalId"] == identity["principalId"].split(":")[0]
    assert context["attributes"]["mfaAuthenticated"] == "false" and context["attributes"]["creationDate"].endswith("Z")
    assert context["sourceIdentity"] == "ann"


def test_a_federated_user_is_named_as_such(account):
    ann = account.user(allow("sts:GetFederationToken", "cloudtrail:LookupEvents"), name="ann")
    policy = json.dumps(allow("cloudtrail:LookupEvents"))
    guest = ann.becoming(ann.sts.get_federation_token(Name="guest", Policy=policy)["Credentials"])
    identity = record_of(account, guest.cloudtrail.lookup_events())["userIdentity"]
    assert identity["type"] == "FederatedUser" and identity["arn"] == f"arn:aws:sts::{account.id}:federated-user/guest"
    assert identity["sessionContext"]["sessionIssuer"]["userName"] == "ann"


def test_a_refused_call_is_on_record_with_its_error(account):
    ann = account.user(name="ann")
    with refused("AccessDenied") as caught:
        ann.iam.create_user(UserName="bob")
    record = record_of(account, caught.value.response)
    assert record["errorCode"] == "AccessDenied" and "is not authorized to perform: iam:CreateUser" in record["errorMessage"]
    assert record["userIdentity"]["userName"] == "ann" and record.get("responseElements") is None


def test_a_failed_call_is_on_record_with_its_error(account):
    with refused("NoSuchEntity") as caught:
        account.iam.delete_user(UserName="nobody")
    record = record_of(account, caught.value.response)
    assert record["errorCode"] in {"NoSuchEntityException", "NoSuchEntity"} and "nobody" in record["errorMessage"]


def test_a_call_that_did_not_validate_is_on_record(account):
    with refused("ValidationError") as caught:
        account.iam.create_user(UserName="white space")
    assert record_of(account, caught.value.response)["errorCode"]


def test_a_read_is_on_record_without_its_answer(account):
    record = record_of(account, account.iam.list_users())
    assert record["readOnly"] is True and record.get("responseElements") is None


def test_who_cannot_be_authenticated_leaves_no_trace_in_the_account(account):
    ann = account.user(name="ann")
    account.iam.update_access_key(UserName="ann", AccessKeyId=ann.credentials.access_key_id, Status="Inactive")
    with refused("InvalidClientTokenId") as caught:
        ann.iam.list_users()
    after = account.iam.create_user(UserName="later")
    assert record_of(account, after)
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    assert request_id not in {event["requestID"] for event in lookup(account)}


def test_a_new_keys_secret_is_not_on_record(account):
    account.iam.create_user(UserName="ann")
    answer = account.iam.create_access_key(UserName="ann")
    record = record_of(account, answer)
    assert record["responseElements"]["accessKey"]["accessKeyId"] == answer["AccessKey"]["AccessKeyId"]
    assert answer["AccessKey"]["SecretAccessKey"] not in json.dumps(record)


def test_a_session_is_on_record_without_its_secret_or_token(account):
    ann = account.user(allow("sts:*"))
    role = account.role(trust(account.id))
    answer = ann.sts.assume_role(RoleArn=role, RoleSessionName="s1")
    record = record_of(account, answer)
    assert record["eventSource"] == "sts.amazonaws.com" and record["requestParameters"]["roleSessionName"] == "s1"
    assert record["responseElements"]["credentials"]["accessKeyId"] == answer["Credentials"]["AccessKeyId"]
    text = json.dumps(record)
    assert answer["Credentials"]["SecretAccessKey"] not in text and answer["Credentials"]["SessionToken"] not in text


def test_a_call_across_accounts_shows_in_both_under_one_shared_id(account, other_account):
    role = other_account.role(trust(account.id), name="shared")
    answer = account.user(allow("sts:AssumeRole")).sts.assume_role(RoleArn=role, RoleSessionName="s1")
    here, there = record_of(account, answer), record_of(other_account, answer)
    assert here["sharedEventID"] == there["sharedEventID"]
    assert here["recipientAccountId"] == account.id and there["recipientAccountId"] == other_account.id
    assert there["userIdentity"]["accountId"] == account.id


def test_accounts_do_not_see_each_others_events(account, other_account):
    answer = account.iam.create_user(UserName="ann")
    record_of(account, answer)
    assert answer["ResponseMetadata"]["RequestId"] not in {event["requestID"] for event in lookup(other_account)}


@pytest.fixture
def history(account):
    """A few calls of different kinds; the answers of CreateUser by name."""
    ann = account.user(allow("iam:ListUsers"), name="ann")
    answers = {name: account.iam.create_user(UserName=name) for name in ("bob", "cid")}
    ann.iam.list_users()
    record_of(account, ann.sts.get_caller_identity())
    return ann, answers


def test_events_are_found_by_every_attribute(account, history):
    ann, answers = history
    names = lambda key, value: [event["EventName"] for event in lookup_by(account, key, value)]
    assert names("EventName", "ListUsers") == ["ListUsers"]
    assert names("Username", "ann") == ["GetCallerIdentity", "ListUsers"]
    assert names("AccessKeyId", ann.credentials.access_key_id) == ["GetCallerIdentity", "ListUsers"]
    assert set(names("EventSource", "sts.amazonaws.com")) == {"GetCallerIdentity"}
    assert set(names("ReadOnly", "false")) == {"CreateUser", "CreateAccessKey", "PutUserPolicy"}
    assert "ListUsers" in names("ReadOnly", "true")
    assert names("ResourceName", "bob") == ["CreateUser"]
    assert set(names("ResourceType", "AWS::IAM::User")) >= {"CreateUser"}
    event = lookup_by(account, "ResourceName", "cid")[0]
    assert names("EventId", event["EventId"]) == ["CreateUser"]
    assert lookup_by(account, "EventName", "NoSuchCall") == []


def test_an_event_has_its_columns_beside_the_record(account, history):
    event = lookup_by(account, "ResourceName", "bob")[0]
    record = json.loads(event["CloudTrailEvent"])
    assert event["EventId"] == record["eventID"] and event["EventSource"] == "iam.amazonaws.com" and event["ReadOnly"] == "false"
    assert event["AccessKeyId"] == account.root.credentials.access_key_id
    assert {"ResourceType": "AWS::IAM::User", "ResourceName": "bob"} in event["Resources"]
    assert event["EventTime"] == datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00"))


def test_events_come_newest_first_in_pages(account, history):
    # A token goes on with the same lookup, so the end is the same on every page.
    seen, token, end = [], {}, datetime.now(timezone.utc) + timedelta(minutes=1)
    while True:
        page = account.cloudtrail.lookup_events(MaxResults=2, EndTime=end, **token)
        assert len(page["Events"]) <= 2
        seen += page["Events"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    times = [event["EventTime"] for event in seen]
    assert times == sorted(times, reverse=True) and len({event["EventId"] for event in seen}) == len(seen) >= 7


def test_a_time_range_bounds_the_events(account, history):
    now = datetime.now(timezone.utc)
    past = account.cloudtrail.lookup_events(StartTime=now - timedelta(days=2), EndTime=now - timedelta(days=1))["Events"]
    future = account.cloudtrail.lookup_events(StartTime=now + timedelta(minutes=1))["Events"]
    around = account.cloudtrail.lookup_events(StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=5))["Events"]
    assert past == [] and future == [] and len(around) >= 7
    with refused("InvalidTimeRangeException", status=400):
        account.cloudtrail.lookup_events(StartTime=now, EndTime=now - timedelta(days=1))


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        ({"NextToken": "made-up"}, "InvalidNextTokenException"),
        ({"LookupAttributes": [{"AttributeKey": "Colour", "AttributeValue": "red"}]}, "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "a"}, {"AttributeKey": "EventId", "AttributeValue": "b"}]},
         "InvalidLookupAttributesException"),
    ],
    ids=["too many", "none", "token", "attribute", "two attributes"],
)
def test_a_lookup_that_makes_no_sense_is_refused(account, parameters, code):
    with refused(code, status=400):
        account.cloudtrail.lookup_events(**parameters)


def test_looking_needs_permission(account):
    with refused("AccessDeniedException", "cloudtrail:LookupEvents", status=400):
        account.user().cloudtrail.lookup_events()


def test_iams_events_are_in_us_east_1_alone(account):
    from harness.callers import Account, Caller

    answer = account.iam.create_user(UserName="ann")
    record_of(account, answer)
    elsewhere = Account(account.id, Caller(account.root.endpoint, account.root.credentials, "eu-central-1"))
    assert answer["ResponseMetadata"]["RequestId"] not in {event["requestID"] for event in lookup(elsewhere)}
