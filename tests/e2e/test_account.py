"""The account as a whole: its alias and its summary."""

import pytest

from harness.callers import allow, refused, trust


def test_an_account_has_one_alias_that_a_new_one_replaces(account):
    first, second = f"first-{account.id}", f"second-{account.id}"
    account.iam.create_account_alias(AccountAlias=first)
    account.iam.create_account_alias(AccountAlias=first)  # again: no error
    assert account.iam.list_account_aliases()["AccountAliases"] == [first]
    account.iam.create_account_alias(AccountAlias=second)
    assert account.iam.list_account_aliases()["AccountAliases"] == [second]
    with refused("NoSuchEntity", f"The Account Alias {first} cannot be found.", status=404):
        account.iam.delete_account_alias(AccountAlias=first)
    account.iam.delete_account_alias(AccountAlias=second)
    assert account.iam.list_account_aliases()["AccountAliases"] == []


def test_an_alias_belongs_to_one_account_of_all(account, other_account):
    alias = f"alias-{account.id}"
    account.iam.create_account_alias(AccountAlias=alias)
    with refused("EntityAlreadyExists", f"The account alias {alias} already exists.", status=409):
        other_account.iam.create_account_alias(AccountAlias=alias)


@pytest.mark.parametrize("alias", ["UPPER", "-dash", "dash-", "a" * 64, "un_der", "ab"])
def test_an_alias_is_a_dns_label(account, alias):
    with refused("ValidationError", "'accountAlias'", status=400):
        account.iam.create_account_alias(AccountAlias=alias)


def test_the_summary_counts_what_is_there(account):
    empty = account.iam.get_account_summary()["SummaryMap"]
    assert (empty["Users"], empty["Groups"], empty["Roles"], empty["Policies"], empty["InstanceProfiles"]) == (0, 0, 0, 0, 0)
    assert (empty["AccessKeysPerUserQuota"], empty["VersionsPerPolicyQuota"], empty["GroupsPerUserQuota"]) == (2, 5, 10)
    account.user(allow("iam:ListUsers"))
    account.user()
    account.role(trust(account.id))
    account.managed(allow("iam:ListUsers"))
    account.iam.create_group(GroupName="g")
    account.iam.create_instance_profile(InstanceProfileName="p")
    full = account.iam.get_account_summary()["SummaryMap"]
    assert (full["Users"], full["Groups"], full["Roles"], full["Policies"], full["InstanceProfiles"]) == (2, 1, 1, 1, 1)
    account.iam.delete_group(GroupName="g")
    assert account.iam.get_account_summary()["SummaryMap"]["Groups"] == 0
