"""For every implemented operation: a caller with no policy is refused in AWS's words, and on record with its questions."""

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from harness.registry import implemented

# What the answer of these is does not depend on policy.
FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
SAMPLES = {
    "arnType": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    "policyDocumentType": "{}",
    "pathType": "/",
    "statusType": "Active",
    "accessKeyIdType": "AKIANONENONENONENONE",
    "policyVersionIdType": "v1",
    "encodedMessageType": "AAAA",
    "RoleArn": "arn:aws:iam::000000000001:role/none",
}


def smallest(shape):
    """The smallest input the model accepts: required members only."""
    if shape.type_name == "structure":
        return {name: sample(name, shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [smallest(shape.member)]
    return {"integer": 1, "boolean": False, "long": 1}.get(shape.type_name, "name-1")


def sample(name, shape):
    return SAMPLES.get(name) or SAMPLES.get(shape.name) or (shape.enum[0] if getattr(shape, "enum", None) else smallest(shape))


@pytest.fixture(scope="module")
def powerless(module_account):
    return module_account.user(name="powerless")


@pytest.mark.parametrize(("service", "operation"), sorted(implemented(("iam", "sts", "cloudtrail")) - FREE), ids=str)
def test_without_a_policy_the_call_is_refused(module_account, powerless, service, operation):
    model = get_session().get_service_model(service).operation_model(operation)
    client = powerless.client(service)
    parameters = smallest(model.input_shape) if model.input_shape else {}
    with pytest.raises(ClientError) as caught:
        client._make_api_call(operation, parameters)
    error = caught.value.response["Error"]
    assert error["Code"] in {"AccessDenied", "AccessDeniedException"}, error
    start = f"User: {module_account.arn('user/powerless')} is not authorized to perform: {service}:"
    assert error["Message"].startswith(start) and " on resource: " in error["Message"], error["Message"]
    because = "role trust policy" if operation == "AssumeRole" else "identity-based policy"
    assert f"because no {because} allows the" in error["Message"]


# How AWS names an IAM resource in a refusal: what is about to be made, tagged or listed by its ARN, what should be there by its kind and name.
NAMED = [
    ("GetUser", {"UserName": "bob"}, "user bob"),
    ("CreateAccessKey", {"UserName": "bob"}, "user bob"),
    ("GetUserPolicy", {"UserName": "bob", "PolicyName": "p"}, "user bob"),
    ("CreateUser", {"UserName": "bob", "Path": "/team/"}, "arn:aws:iam::{account}:user/team/bob"),
    ("GetRole", {"RoleName": "app"}, "role app"),
    ("AttachRolePolicy", {"RoleName": "app", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, "role app"),
    ("CreateRole", {"RoleName": "app", "AssumeRolePolicyDocument": "{}"}, "arn:aws:iam::{account}:role/app"),
    ("GetGroup", {"GroupName": "devs"}, "group devs"),
    ("AddUserToGroup", {"GroupName": "devs", "UserName": "bob"}, "group devs"),
    ("GetPolicy", {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, "policy arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ("CreatePolicy", {"PolicyName": "p", "PolicyDocument": "{}"}, "policy p"),
    ("GetInstanceProfile", {"InstanceProfileName": "web"}, "instance profile web"),
    ("CreateInstanceProfile", {"InstanceProfileName": "web"}, "arn:aws:iam::{account}:instance-profile/web"),
    ("ListUsers", {}, "arn:aws:iam::{account}:user/"),
    ("ListRoles", {"PathPrefix": "/svc/"}, "arn:aws:iam::{account}:role/svc/"),
    ("ListPolicies", {}, "policy path /"),
    ("ListAccountAliases", {}, "*"),
]


@pytest.mark.parametrize(("operation", "parameters", "named"), NAMED, ids=[row[0] for row in NAMED])
def test_a_refusal_names_the_resource_as_aws_does(module_account, powerless, operation, parameters, named):
    with pytest.raises(ClientError) as caught:
        powerless.iam._make_api_call(operation, parameters)
    action = f"iam:{operation}"
    expected = f"is not authorized to perform: {action} on resource: {named.format(account=module_account.id)} because no identity-based policy allows the {action} action"
    assert caught.value.response["Error"]["Message"].endswith(expected)
