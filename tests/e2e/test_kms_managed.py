"""AWS managed keys, and what KMS does by itself: seen as clients see it."""

import json

import pytest

from harness.callers import refused
from harness.events import by_itself

SERVICES = ["dynamodb", "ebs", "elasticfilesystem", "es", "glue", "kinesisvideo", "rds", "redshift", "s3", "secretsmanager", "ssm", "xray"]

def test_a_new_account_has_aliases_of_services_that_lead_nowhere(account):
    aliases = account.kms.list_aliases()["Aliases"]
    assert [alias["AliasName"] for alias in aliases] == [f"alias/aws/{service}" for service in SERVICES]
    assert all(set(alias) == {"AliasName", "AliasArn"} for alias in aliases)
    assert account.kms.list_keys()["Keys"] == []


def test_describing_one_makes_its_key(account):
    made = account.kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert made["KeyManager"] == "AWS" and made["Description"] == "Default key that protects my S3 objects when no other key is defined"
    assert account.kms.describe_key(KeyId=f"arn:aws:kms:us-east-1:{account.id}:alias/aws/s3")["KeyMetadata"] == made
    [alias] = [alias for alias in account.kms.list_aliases()["Aliases"] if "TargetKeyId" in alias]
    assert (alias["AliasName"], alias["TargetKeyId"]) == ("alias/aws/s3", made["KeyId"])
    policy = json.loads(account.kms.get_key_policy(KeyId=made["KeyId"])["Policy"])
    condition = policy["Statement"][0]["Condition"]["StringEquals"]
    assert condition == {"kms:CallerAccount": account.id, "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    status = account.kms.get_key_rotation_status(KeyId=made["KeyId"])
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 365


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("disable_key", {}), ("schedule_key_deletion", {}), ("enable_key_rotation", {}), ("disable_key_rotation", {}), ("rotate_key_on_demand", {}),
        ("update_key_description", {"Description": "mine"}), ("tag_resource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("put_key_policy", {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}), ("encrypt", {"Plaintext": b"x"}),
    ],
)
def test_not_even_root_changes_or_uses_it(account, operation, parameters):
    key = account.kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["KeyId"]
    with refused("AccessDeniedException"):
        getattr(account.kms, operation)(KeyId=key, **parameters)


def test_its_alias_stays_where_it_is(account):
    key = account.kms.create_key()["KeyMetadata"]["KeyId"]
    for operation, parameters in [("create_alias", {"TargetKeyId": key}), ("update_alias", {"TargetKeyId": key}), ("delete_alias", {})]:
        with refused("NotAuthorizedException"):
            getattr(account.kms, operation)(AliasName="alias/aws/ebs", **parameters)


def test_a_rotation_is_an_event_of_the_service(account):
    key = account.kms.create_key()["KeyMetadata"]
    account.kms.rotate_key_on_demand(KeyId=key["KeyId"])
    [event] = by_itself(account, "RotateKey")
    assert event["eventType"] == "AwsServiceEvent" and event["userIdentity"] == {"accountId": account.id, "invokedBy": "AWS Internal"}
    assert event["serviceEventDetails"] == {"rotationType": "ON_DEMAND", "keyId": key["KeyId"]}
    assert event["resources"] == [{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
    assert event["requestParameters"] is None and event["responseElements"] is None and "requestID" not in event
    by_id = account.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": event["eventID"]}])["Events"]
    assert [found["EventName"] for found in by_id] == ["RotateKey"]
    by_key = account.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": key["Arn"]}])["Events"]
    assert "RotateKey" in [found["EventName"] for found in by_key]


def test_replicas_are_brought_into_line(account):
    key = account.kms.create_key(MultiRegion=True)["KeyMetadata"]
    account.kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
    account.kms.rotate_key_on_demand(KeyId=key["KeyId"])
    [event] = by_itself(account, "SynchronizeMultiRegionKey")
    assert event["eventType"] == "AwsApiCall" and event["responseElements"] == {"keyId": key["Arn"]} and event["requestID"]
