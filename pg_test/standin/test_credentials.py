"""botocore's own providers fetch keys from the stand-in, which shows that it speaks their protocols; it then accepts the keys."""

import datetime
import hashlib
import http.client
import json
import time

import botocore.session
import pytest
from botocore.exceptions import ClientError, CredentialRetrievalError, UnauthorizedSSOTokenError
from conftest import bedrock
from speaking import MODEL, converse_body

ROLE = "arn:aws:iam::123456789012:role/reader"
SOURCE = [
    ("container", ["container.credentials"]),
    ("imds", ["imds.token", "imds.role", "imds.credentials"]),
    ("web_identity", ["sts.AssumeRoleWithWebIdentity"]),
    ("assume_role", ["sts.AssumeRole"]),
    ("sso", ["sso.credentials"]),
]


@pytest.fixture
def prepare(standin, monkeypatch, tmp_path):
    """Sets up the environment in which botocore finds one source of credentials."""

    def container(token):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{standin.url}/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token or standin.issuers.container_token)

    def imds(token):
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", standin.url)

    def web_identity(token):
        file = tmp_path / "token"
        file.write_text(token or standin.issuers.web_identity_token)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", standin.url)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)

    def assume_role(token):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", standin.url)
        secret = token or standin.secret_key
        source = f"[profile source]\naws_access_key_id = {standin.access_key}\naws_secret_access_key = {secret}\n"
        (tmp_path / "config").write_text(f"[profile reader]\nrole_arn = {ROLE}\nsource_profile = source\n{source}")
        monkeypatch.setenv("AWS_PROFILE", "reader")

    def sso(token):
        start = "https://standin.invalid/start"
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        cached = {"startUrl": start, "region": "us-east-1", "accessToken": token or standin.issuers.sso_token}
        cached["expiresAt"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        (tmp_path / (hashlib.sha1(start.encode()).hexdigest() + ".json")).write_text(json.dumps(cached))
        monkeypatch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(tmp_path))
        account = "sso_account_id = 123456789012\nsso_role_name = reader\n"
        (tmp_path / "config").write_text(f"[profile reader]\nsso_start_url = {start}\nsso_region = us-east-1\n{account}")
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", standin.url)
        monkeypatch.setenv("AWS_PROFILE", "reader")

    ways = {"container": container, "imds": imds, "web_identity": web_identity, "assume_role": assume_role, "sso": sso}
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return lambda source, token=None: ways[source](token)


@pytest.mark.parametrize(("source", "calls"), SOURCE)
def test_hands_out_keys_that_it_accepts_until_they_expire(standin, prepare, source, calls):
    prepare(source)
    standin.issuers.lifetime = 3600
    credentials = botocore.session.get_session().get_credentials()
    key = credentials.get_frozen_credentials()
    assert standin.issuers.calls == calls and standin.issuers.issued == [key.access_key]
    client = bedrock(standin, key.access_key, key.secret_key, key.token)
    assert client.converse(modelId=MODEL, **converse_body("record_verdict"))["stopReason"] == "tool_use"
    assert standin.requests[-1].key == key.access_key

    standin.keys.expire(key.access_key)
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        client.converse(modelId=MODEL, **converse_body("record_verdict"))


@pytest.mark.parametrize("source", ["container", "web_identity", "assume_role", "sso"])
def test_hands_out_an_expiry_that_clients_refresh_by(standin, prepare, source):
    """botocore fetches again when the expiry is near, which it therefore has read. (It stretches that of the metadata service.)"""
    prepare(source)
    standin.issuers.lifetime = 30
    credentials = botocore.session.get_session().get_credentials()
    first = credentials.get_frozen_credentials().access_key
    standin.issuers.lifetime = 3600
    second = credentials.get_frozen_credentials().access_key
    third = credentials.get_frozen_credentials().access_key
    assert first != second and second == third and standin.issuers.issued[-1] == second


@pytest.mark.parametrize("source", ["container", "web_identity", "assume_role", "sso"])
def test_hands_out_nothing_for_a_wrong_token(standin, prepare, source):
    prepare(source, "wrong")
    with pytest.raises((ClientError, CredentialRetrievalError, UnauthorizedSSOTokenError)):
        botocore.session.get_session().get_credentials().get_frozen_credentials()
    assert standin.issuers.issued == [] and standin.issuers.calls[0].endswith(".denied")


def test_metadata_needs_a_session(standin):
    def get(path, headers):
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=10)
        connection.request("PUT" if "ttl" in "".join(headers) else "GET", path, None, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    assert get("/latest/meta-data/placement/region", {})[0] == 401
    assert get("/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "0"})[0] == 400
    status, token = get("/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "1"})
    assert status == 200
    assert get("/latest/meta-data/placement/region", {"x-aws-ec2-metadata-token": token}) == (200, "us-east-1")
    assert get("/latest/meta-data/iam/security-credentials/other", {"x-aws-ec2-metadata-token": token})[0] == 404
    time.sleep(1.1)
    assert get("/latest/meta-data/placement/region", {"x-aws-ec2-metadata-token": token})[0] == 401
    assert "imds.denied" in standin.issuers.calls


def test_sts_refuses_what_it_does_not_know(standin):
    for form in (
        "",
        "Action=GetCallerIdentity&Version=2011-06-15",
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=x",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=10)
        connection.request("POST", "/", form, {"content-type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        assert response.status == 400 and b"<ErrorResponse" in response.read()
        connection.close()
    assert standin.issuers.issued == []
