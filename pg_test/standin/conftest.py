"""What the tests of the stand-in share. Run with the project's Python: `python -m pytest pg_test/standin`."""

import os

import boto3
import pytest
import speaking
from botocore.config import Config
from splitplane_test.standin import Standin


@pytest.fixture(autouse=True)
def no_foreign_credentials(monkeypatch, tmp_path):
    """Nothing of the machine's AWS configuration takes part."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def standin():
    """A stand-in that knows the rules of `speaking`."""
    with Standin(speaking.RULES) as running:
        yield running


@pytest.fixture
def client(standin):
    """boto3's own client with the right key."""
    return bedrock(standin)


def bedrock(standin, access_key=None, secret_key=None, token=None, **more):
    """A boto3 client of the stand-in; it does not retry."""
    # A session of its own: boto3's default one remembers the environment in which it was made.
    return boto3.session.Session().client(
        "bedrock-runtime",
        endpoint_url=standin.url,
        region_name=more.pop("region", standin.region),
        aws_access_key_id=access_key or standin.access_key,
        aws_secret_access_key=secret_key or standin.secret_key,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10, **more),
    )
