"""Tags on everything in IAM that has them; what they decide is in test_tag_conditions.py."""

import json

import pytest

from harness.callers import allow, refused, trust


class Tagged:
    """Something with tags: IAM spells the operations once per kind."""

    def __init__(self, account, kind: str):
        self.iam, self.kind = account.iam, kind
        self.create, self.who, self.missing = {
            "user": (lambda **kw: account.iam.create_user(UserName="t", **kw), {"UserName": "t"}, {"UserName": "none"}),
            "role": (
                lambda **kw: account.iam.create_role(RoleName="t", AssumeRolePolicyDocument=json.dumps(trust(account.id)), **kw),
                {"RoleName": "t"},
                {"RoleName": "none"},
            ),
            "policy": (
                lambda **kw: account.iam.create_policy(PolicyName="t", PolicyDocument=json.dumps(allow("iam:ListUsers")), **kw),
                {"PolicyArn": account.arn("policy/t")},
                {"PolicyArn": account.arn("policy/none")},
            ),
            "instance_profile": (
                lambda **kw: account.iam.create_instance_profile(InstanceProfileName="t", **kw),
                {"InstanceProfileName": "t"},
                {"InstanceProfileName": "none"},
            ),
        }[kind]

    def tag(self, **tags):
        return getattr(self.iam, f"tag_{self.kind}")(**self.who, Tags=pairs(**tags))

    def untag(self, *keys):
        return getattr(self.iam, f"untag_{self.kind}")(**self.who, TagKeys=list(keys))

    def tags(self, **paging):
        return getattr(self.iam, f"list_{self.kind}_tags")(**self.who, **paging)


def pairs(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture(params=["user", "role", "policy", "instance_profile"])
def thing(request, account):
    return Tagged(account, request.param)


def test_tags_are_kept_changed_and_taken_away(thing):
    thing.create(Tags=pairs(a="1", b="2"))
    thing.tag(b="two", c="3")
    assert sorted(thing.tags()["Tags"], key=lambda t: t["Key"]) == pairs(a="1", b="two", c="3")
    thing.untag("a", "never-there")
    assert sorted(thing.tags()["Tags"], key=lambda t: t["Key"]) == pairs(b="two", c="3")


def test_case_tells_keys_apart_on_policies_and_profiles_but_not_on_users_and_roles(thing):
    thing.create(Tags=pairs(Cost="1"))
    thing.tag(cost="2")
    values = sorted(tag["Value"] for tag in thing.tags()["Tags"])
    assert values == (["2"] if thing.kind in ("user", "role") else ["1", "2"])


def test_a_key_is_given_once_a_call(thing):
    thing.create()
    with refused("InvalidInput", "Duplicate tag keys found.", status=400):
        getattr(thing.iam, f"tag_{thing.kind}")(**thing.who, Tags=[{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}])


def test_what_is_missing_has_no_tags(thing):
    for operation, extra in [("tag", {"Tags": pairs(a="b")}), ("untag", {"TagKeys": ["a"]}), ("list", {})]:
        name = f"list_{thing.kind}_tags" if operation == "list" else f"{operation}_{thing.kind}"
        with refused("NoSuchEntity", status=404):
            getattr(thing.iam, name)(**thing.missing, **extra)


def test_fifty_tags_are_the_most(thing):
    thing.create(Tags=pairs(**{f"k{n}": "v" for n in range(50)}))
    thing.tag(k0="changed")
    with refused("LimitExceeded", "50", status=409):
        thing.tag(k50="one too many")
    assert len(thing.tags()["Tags"]) == 50


@pytest.mark.parametrize("key", ["", "k" * 129, "aws:mine", "wrong<key>"])
def test_a_tag_key_that_aws_forbids_is_refused(thing, key):
    thing.create()
    with pytest.raises(thing.iam.exceptions.ClientError) as caught:
        thing.tag(**{key: "v"})
    assert caught.value.response["Error"]["Code"] in {"ValidationError", "InvalidInput"}
    assert thing.tags()["Tags"] == []


def test_values_may_be_empty_and_in_any_script(thing):
    thing.create(Tags=pairs(empty="", name="Größe 大 = 1+1"))
    assert sorted(thing.tags()["Tags"], key=lambda t: t["Key"]) == pairs(empty="", name="Größe 大 = 1+1")


def test_tags_are_listed_in_pages(thing):
    thing.create(Tags=pairs(**{f"k{n}": "v" for n in range(5)}))
    seen, marker = [], {}
    while True:
        page = thing.tags(MaxItems=2, **marker)
        seen += [tag["Key"] for tag in page["Tags"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert sorted(seen) == ["k0", "k1", "k2", "k3", "k4"]
