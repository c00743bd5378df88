"""Inline policies, attached policies and permissions boundaries, for users, groups and roles alike."""

import json

import pytest

from harness.callers import allow, refused, trust

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
LIST = allow("iam:ListUsers")


class Holder:
    """A user, group or role as something that holds policies: IAM spells each operation three times."""

    def __init__(self, account, kind: str):
        self.iam, self.kind, self.name = account.iam, kind, "holder"
        self.who = {f"{kind.capitalize()}Name": self.name}
        if kind == "role":
            self.iam.create_role(**self.who, AssumeRolePolicyDocument=json.dumps(trust(account.id)))
        else:
            getattr(self.iam, f"create_{kind}")(**self.who)

    def put(self, name="p", document=LIST):
        text = document if isinstance(document, str) else json.dumps(document)
        return getattr(self.iam, f"put_{self.kind}_policy")(**self.who, PolicyName=name, PolicyDocument=text)

    def get(self, name="p"):
        return getattr(self.iam, f"get_{self.kind}_policy")(**self.who, PolicyName=name)

    def delete(self, name="p"):
        return getattr(self.iam, f"delete_{self.kind}_policy")(**self.who, PolicyName=name)

    def inline(self):
        return getattr(self.iam, f"list_{self.kind}_policies")(**self.who)["PolicyNames"]

    def attach(self, arn):
        return getattr(self.iam, f"attach_{self.kind}_policy")(**self.who, PolicyArn=arn)

    def detach(self, arn):
        return getattr(self.iam, f"detach_{self.kind}_policy")(**self.who, PolicyArn=arn)

    def attached(self, **filters):
        answer = getattr(self.iam, f"list_attached_{self.kind}_policies")(**self.who, **filters)
        return [policy["PolicyArn"] for policy in answer["AttachedPolicies"]]


@pytest.fixture(params=["user", "group", "role"])
def holder(request, account):
    return Holder(account, request.param)


def test_an_inline_policy_is_put_read_replaced_and_deleted(holder):
    holder.put()
    got = holder.get()
    assert got["PolicyDocument"] == LIST and got["PolicyName"] == "p"
    assert got[f"{holder.kind.capitalize()}Name"] == "holder"
    holder.put(document=allow("iam:ListRoles"))
    holder.put("another")
    assert holder.get()["PolicyDocument"] == allow("iam:ListRoles")
    assert holder.inline() == ["another", "p"]
    holder.delete()
    assert holder.inline() == ["another"]


def test_a_missing_inline_policy_is_named(holder):
    for call in (holder.get, holder.delete):
        with refused("NoSuchEntity", f"The {holder.kind} policy with name p cannot be found.", status=404):
            call()


def test_an_inline_policy_that_is_none_is_refused(holder):
    for text in ["{}", "nonsense", json.dumps(trust("*"))]:
        with refused("MalformedPolicyDocument", status=400):
            holder.put(document=text)
    assert holder.inline() == []


def test_inline_policies_have_a_size_together(holder):
    limit = {"user": 2048, "group": 5120, "role": 10240}[holder.kind]

    def document(size):
        empty = len(json.dumps(allow("iam:"), separators=(",", ":")))
        return json.dumps(allow("iam:" + "x" * (size - empty)))

    holder.put("half", document(limit // 2))
    with refused("LimitExceeded", str(limit), status=409):
        holder.put("more", document(limit // 2 + 100))
    holder.put("half", document(limit - 10))  # replacing: only what is left counts


def test_a_policy_is_attached_once_and_detached(account, holder):
    own = account.managed(LIST, name="own")
    for arn in (READ_ONLY, own, own):
        holder.attach(arn)
    assert sorted(holder.attached()) == sorted([READ_ONLY, own])
    assert account.iam.get_policy(PolicyArn=own)["Policy"]["AttachmentCount"] == 1
    holder.detach(own)
    assert holder.attached() == [READ_ONLY]
    with refused("NoSuchEntity", f"Policy {own} was not found.", status=404):
        holder.detach(own)


def test_only_a_policy_that_exists_can_be_attached(account, other_account, holder):
    foreign = other_account.managed(LIST)
    for arn in (account.arn("policy/none"), "arn:aws:iam::aws:policy/NoSuchThing"):
        with refused("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", status=404):
            holder.attach(arn)
    with pytest.raises(account.iam.exceptions.ClientError):
        holder.attach(foreign)
    assert holder.attached() == []


def test_ten_policies_are_attached_at_most(account, holder):
    arns = [account.managed(LIST) for _ in range(11)]
    for arn in arns[:10]:
        holder.attach(arn)
    with refused("LimitExceeded", f"PoliciesPer{holder.kind.capitalize()}: 10", status=409):
        holder.attach(arns[10])


def test_attached_policies_are_listed_by_path(account, holder):
    near = account.managed(LIST, name="near", Path="/near/")
    holder.attach(near)
    holder.attach(READ_ONLY)
    assert holder.attached(PathPrefix="/near/") == [near]


def test_who_holds_a_policy_can_be_asked(account):
    arn = account.managed(LIST)
    holders = {kind: Holder(account, kind) for kind in ("user", "group", "role")}
    for holder in holders.values():
        holder.attach(arn)
    account.iam.create_user(UserName="bound", PermissionsBoundary=arn)
    answer = account.iam.list_entities_for_policy(PolicyArn=arn)
    assert sorted(u["UserName"] for u in answer["PolicyUsers"]) == ["bound", "holder"]
    assert [g["GroupName"] for g in answer["PolicyGroups"]] == ["holder"]
    assert [r["RoleName"] for r in answer["PolicyRoles"]] == ["holder"]
    only = account.iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")
    assert only["PolicyUsers"] == [] and only["PolicyGroups"] == [] and len(only["PolicyRoles"]) == 1
    bound = account.iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert [u["UserName"] for u in bound["PolicyUsers"]] == ["bound"] and bound["PolicyRoles"] == []


@pytest.fixture(params=["user", "role"])
def bounded(request, account):
    return Holder(account, request.param)


def test_a_boundary_is_set_shown_and_taken_away(account, bounded):
    arn = account.managed(LIST, name="bound")
    set_, delete = (getattr(account.iam, f"{verb}_{bounded.kind}_permissions_boundary") for verb in ("put", "delete"))
    set_(**bounded.who, PermissionsBoundary=arn)
    got = getattr(account.iam, f"get_{bounded.kind}")(**bounded.who)[bounded.kind.capitalize()]
    assert got["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    assert account.iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with refused("DeleteConflict", status=409):
        account.iam.delete_policy(PolicyArn=arn)
    delete(**bounded.who)
    assert "PermissionsBoundary" not in getattr(account.iam, f"get_{bounded.kind}")(**bounded.who)[bounded.kind.capitalize()]
    with refused("NoSuchEntity", status=404):
        set_(**bounded.who, PermissionsBoundary=account.arn("policy/none"))
    missing = {key: "nobody" for key in bounded.who}
    with refused("NoSuchEntity", "nobody", status=404):
        set_(**missing, PermissionsBoundary=arn)
    with refused("NoSuchEntity", "nobody", status=404):
        delete(**missing)
