"""Who calls: credentials with boto3 clients and the AWS CLI bound to them, and the accounts they belong to."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.record import record_calls
from harness.server import clean_environment, palisade

ALLOW_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
AWS_CLI = Path(sys.executable).with_name("aws")
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, parameter_validation=False)

_session = boto3.session.Session()
record_calls(_session)


def allow(*actions: str, resource="*", **condition) -> dict:
    """A policy that allows `actions` on `resource`, under the condition operators given by name."""
    return policy("Allow", actions, resource, condition)


def deny(*actions: str, resource="*", **condition) -> dict:
    """A policy that denies `actions` on `resource`, under the condition operators given by name."""
    return policy("Deny", actions, resource, condition)


def policy(effect: str, actions, resource, condition: dict) -> dict:
    """A policy of one statement."""
    statement = {"Effect": effect, "Action": list(actions), "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust(*principals: str, **condition) -> dict:
    """A trust policy: the principals (ARNs or account ids) may assume the role and tag and name the session."""
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}
    if condition:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass(frozen=True)
class Credentials:
    """An access key, and the session token that goes with a temporary one."""

    access_key_id: str
    secret: str
    token: str | None = None

    @classmethod
    def of(cls, answer: dict) -> "Credentials":
        """From the `AccessKey` of CreateAccessKey or the `Credentials` of an STS answer."""
        return cls(answer["AccessKeyId"], answer["SecretAccessKey"], answer.get("SessionToken"))

    def environment(self) -> dict[str, str]:
        """The variables every AWS client reads."""
        variables = {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return variables | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


class CliError(Exception):
    """The AWS CLI ended with an error; `code` is the service's error code, if it named one."""

    def __init__(self, stderr: str):
        super().__init__(stderr.strip())
        named = re.search(r"An error occurred \((\w+)\)", stderr)
        self.code = named.group(1) if named else None


@dataclass(frozen=True)
class Caller:
    """Credentials put to use at one endpoint."""

    endpoint: str
    credentials: Credentials
    region: str = "us-east-1"

    def client(self, service: str, **config):
        """A boto3 client that does not retry and leaves validation to the server."""
        return _session.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.credentials.access_key_id,
            aws_secret_access_key=self.credentials.secret,
            aws_session_token=self.credentials.token,
            config=CONFIG.merge(Config(**config)),
        )

    @cached_property
    def iam(self):
        return self.client("iam")

    @cached_property
    def sts(self):
        return self.client("sts")

    @cached_property
    def cloudtrail(self):
        return self.client("cloudtrail")

    @cached_property
    def kms(self):
        return self.client("kms")

    @cached_property
    def wafv2(self):
        return self.client("wafv2")

    @property
    def arn(self) -> str:
        """Who the server says this is."""
        return self.sts.get_caller_identity()["Arn"]

    def assume(self, role_arn: str, session: str = "session", **parameters) -> "Caller":
        """AssumeRole; the caller that comes out of it."""
        answer = self.sts.assume_role(RoleArn=role_arn, RoleSessionName=session, **parameters)
        return self.becoming(answer["Credentials"])

    def becoming(self, answer: dict) -> "Caller":
        """The caller with the credentials of an answer, at the same endpoint."""
        return Caller(self.endpoint, Credentials.of(answer), self.region)

    def environment(self) -> dict[str, str]:
        """An environment in which any AWS client is this caller, and nothing else of the machine shines through."""
        return clean_environment(AWS_ENDPOINT_URL=self.endpoint, AWS_DEFAULT_REGION=self.region, AWS_REGION=self.region, **self.credentials.environment())

    def cli(self, *arguments: str):
        """Runs the AWS CLI; its JSON, or its text if `--output text` was asked for. Raises `CliError`."""
        environment = self.environment() | {"AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}
        done = subprocess.run([str(AWS_CLI), *arguments], capture_output=True, text=True, env=environment, timeout=60)
        if done.returncode != 0:
            raise CliError(done.stderr)
        if "text" in arguments:
            return done.stdout.strip()
        return json.loads(done.stdout) if done.stdout.strip() else None


    def palisade(self, *arguments: str, code: int = 0):
        """Runs a subcommand of the binary as this caller, which must end with `code`; the caller looks at stdout and stderr."""
        environment = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": self.region, **self.credentials.environment()}
        done = palisade(*arguments, environment=environment)
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@dataclass
class Account:
    """An account on the server under test, with its root as caller and short ways to people it."""

    id: str
    root: Caller
    made: int = field(default=0)

    @property
    def iam(self):
        return self.root.iam

    @property
    def sts(self):
        return self.root.sts

    @property
    def cloudtrail(self):
        return self.root.cloudtrail

    @property
    def kms(self):
        return self.root.kms

    @property
    def wafv2(self):
        return self.root.wafv2

    def arn(self, rest: str) -> str:
        """`arn:aws:iam::ACCOUNT:rest`."""
        return f"arn:aws:iam::{self.id}:{rest}"

    def name(self, kind: str) -> str:
        """A name not yet used in this account."""
        self.made += 1
        return f"{kind}-{self.made}"

    def user(self, *policies: dict, name: str | None = None, **parameters) -> Caller:
        """A user with these inline policies; the caller with its access key."""
        name = name or self.name("user")
        self.iam.create_user(UserName=name, **parameters)
        for number, document in enumerate(policies):
            self.iam.put_user_policy(UserName=name, PolicyName=f"inline-{number}", PolicyDocument=json.dumps(document))
        return self.root.becoming(self.iam.create_access_key(UserName=name)["AccessKey"])

    def role(self, trusted: dict, *policies: dict, name: str | None = None, **parameters) -> str:
        """A role with this trust policy and these inline policies; its ARN."""
        name = name or self.name("role")
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trusted), **parameters)["Role"]
        for number, document in enumerate(policies):
            self.iam.put_role_policy(RoleName=name, PolicyName=f"inline-{number}", PolicyDocument=json.dumps(document))
        return role["Arn"]

    def managed(self, document: dict, name: str | None = None, **parameters) -> str:
        """A managed policy; its ARN."""
        answer = self.iam.create_policy(PolicyName=name or self.name("policy"), PolicyDocument=json.dumps(document), **parameters)
        return answer["Policy"]["Arn"]


@contextmanager
def refused(code: str, *texts: str, status: int | None = None):
    """The call inside must be refused with this error code, a message holding every text, and this HTTP status."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code, f"{error['Code']}: {error.get('Message')}"
    for text in texts:
        assert text in error.get("Message", ""), f"{text!r} is not in {error.get('Message')!r}"
    if status is not None:
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
