"""Secrets: calls without, with wrong or with over-aged credentials, and that no secret is seen anywhere.

The server of this file has no credentials in its environment. Each test writes the files that it needs, where the
server's user has its home.
"""

import os
import pathlib

import pytest
from splitplane_test.cluster import Cluster
from splitplane_test.session import refusal
from talk import GOOD_SQL, MODEL, Pending, Words, in_flight

ENVIRONMENT = {"AWS_EC2_METADATA_DISABLED": "true"}
# What a signed call carries, or a key file holds.
MARKS = ("AWS4-HMAC-SHA256", "Signature=", "Bearer ", "x-amz-security-token")


@pytest.fixture(scope="module")
def keyless(model):
    """A server without credentials; the endpoint is a setting."""
    settings = {
        "splitplane.provider": "bedrock",
        "splitplane.model": MODEL,
        "splitplane.endpoint": model.url,
        "splitplane.region": model.region,
        "splitplane.deadline": "5s",
        "log_min_messages": "debug1",
        "log_statement": "all",
        # The context itself is a signature; it is the caller's, and logged like any parameter if the DBA wants it.
        "log_parameter_max_length": "0",
    }
    with Cluster(settings=settings, autovacuum=False, environment=ENVIRONMENT) as cluster:
        yield Words.make(cluster, model, "keyless")


@pytest.fixture(scope="module")
def told():
    """Everything that a client was told in this file."""
    return []


@pytest.fixture(scope="module")
def secrets(model):
    """Every secret that was in play in this file."""
    return [model.secret_key, model.bearer]


def write(words, name: str, text: str, mode: int = 0o600) -> pathlib.Path:
    """A file that the server's user owns, below its home."""
    path = pathlib.Path(words.cluster.base) / name
    owner = os.stat(words.cluster.data_dir)
    path.parent.mkdir(exist_ok=True)
    os.chown(path.parent, owner.st_uid, owner.st_gid)
    if path.is_symlink() or path.exists():
        path.unlink()
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, owner.st_uid, owner.st_gid)
    return path


@pytest.fixture
def profile(keyless, secrets):
    """A function that writes the credentials file: the key as the stand-in's `Key` names its parts, or none."""

    def written(access_key=None, secret_key=None, token=None):
        lines = ["[default]"]
        for name, value in (("aws_access_key_id", access_key), ("aws_secret_access_key", secret_key), ("aws_session_token", token)):
            if value is not None:
                lines.append(f"{name} = {value}")
        secrets.extend(value for value in (secret_key, token) if value)
        write(keyless, ".aws/credentials", "\n".join(lines) + "\n" if access_key else "")

    yield written
    write(keyless, ".aws/credentials", "")


def fails(words, told, state="38000", **settings):
    """Ask in a new session, which must end with this SQLSTATE; the message."""
    with words.talk(**settings) as talk:
        with words.unread(talk):
            error = talk.fails(state, words.rule())
        told.extend([str(error), *(str(notice.message_primary) for notice in talk.notices)])
        assert not talk.notices
    return error.diag.message_primary


def test_missing_credentials(keyless, standin, told, profile):
    profile()
    assert "credentials" in fails(keyless, told)
    assert not standin.requests
    profile("AKIAONLYHALFOFIT")
    assert "credentials" in fails(keyless, told)
    assert not standin.requests


def test_good_credentials_of_a_profile(keyless, standin, profile):
    """The control: with a key in the file the same server answers."""
    profile(standin.access_key, standin.secret_key)
    with keyless.talk() as talk:
        talk.count(keyless.rule())
    assert {record.authentication for record in standin.settle()} == {"sigv4"}


@pytest.mark.parametrize("wrong", ["access_key", "secret_key", "token"])
def test_wrong_credentials(keyless, standin, told, profile, wrong):
    key = {"access_key": standin.access_key, "secret_key": standin.secret_key, "token": None}
    profile(**{**key, wrong: {"access_key": "AKIAWRONGWRONGWRONG0"}.get(wrong, "wrong-" + "secret" * 6)})
    assert "403" in fails(keyless, told)
    assert all(record.status == 403 for record in standin.settle()) and len(standin.requests) <= 2, "not tried again"


def test_temporary_credentials_that_expire(keyless, standin, told, profile):
    """An expired key is a refusal that says so; a new session reads the profile anew."""
    key = standin.keys.temporary(3600)
    profile(key.access_key, key.secret_key, key.token)
    with keyless.talk() as talk:
        talk.count(keyless.rule())
        standin.keys.expire(key.access_key)
        error = talk.fails("38000", keyless.rule())
        assert "ExpiredTokenException" in str(error)
        told.append(str(error))
        fresh = standin.keys.temporary(3600)
        profile(fresh.access_key, fresh.secret_key, fresh.token)
    with keyless.talk() as talk:
        talk.count(keyless.rule())


def test_profile_that_is_renewed_during_a_session(keyless, standin, profile):
    key, fresh = standin.keys.temporary(3600), standin.keys.temporary(3600)
    profile(key.access_key, key.secret_key, key.token)
    with keyless.talk() as talk:
        talk.count(keyless.rule())
        profile(fresh.access_key, fresh.secret_key, fresh.token)
        standin.keys.expire(key.access_key)
        talk.fails("38000", keyless.rule())
        talk.count(keyless.rule())


def test_no_region(keyless, standin, told, profile):
    profile(standin.access_key, standin.secret_key)
    assert "region" in fails(keyless, told, splitplane__region="")
    assert not standin.requests


def test_bearer_file(keyless, standin, told, secrets):
    path = write(keyless, "bearer", standin.bearer + "\n")
    with keyless.talk(splitplane__api_key_file=str(path)) as talk:
        talk.count(keyless.rule())
        assert {record.authentication for record in standin.settle()} == {"bearer"}
        refusal(lambda: talk.execute("SHOW splitplane.api_key_file"), "42501", hint=True)
        assert talk.execute("SELECT count(*) FROM pg_settings WHERE name = 'splitplane.api_key_file'").fetchone()[0] == 0


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602, 0o666, 0o777])
def test_bearer_file_that_others_may_read(keyless, standin, told, mode):
    path = write(keyless, "bearer", standin.bearer, mode)
    fails(keyless, told, splitplane__api_key_file=str(path))
    assert not standin.requests


@pytest.mark.parametrize("text", ["", "\n", " \n ", "two\nlines", "tab\tinside", "caf\u00e9", "nul\0", "x" * 100_000])
def test_bearer_file_without_a_key(keyless, standin, told, text):
    path = write(keyless, "bearer", text)
    fails(keyless, told, splitplane__api_key_file=str(path))
    assert not standin.requests


def test_bearer_file_that_is_none(keyless, standin, told):
    base = keyless.cluster.base
    write(keyless, "bearer", standin.bearer)
    for path in (base / "absent", base, "/dev/null", "/dev/zero", "relative/bearer"):
        fails(keyless, told, splitplane__api_key_file=str(path))
    fifo = base / "fifo"
    os.mkfifo(fifo, 0o600)
    owner = os.stat(keyless.cluster.data_dir)
    os.chown(fifo, owner.st_uid, owner.st_gid)
    fails(keyless, told, ("38000", "57014"), splitplane__api_key_file=str(fifo))
    assert not standin.requests


def test_wrong_bearer(keyless, standin, told, secrets):
    secrets.append("wrong-bearer-wrong-bearer")
    path = write(keyless, "bearer", secrets[-1])
    assert "403" in fails(keyless, told, splitplane__api_key_file=str(path))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1",
        "http://169.254.169.254/latest",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "https://someone:the-password-of-someone@127.0.0.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "unix:///tmp/x",
        "https://example.com/?key=the-password-of-someone",
        "nonsense",
    ],
)
def test_endpoint_that_is_not_safe(keyless, standin, told, secrets, profile, url):
    profile(standin.access_key, standin.secret_key)
    message = fails(keyless, told, splitplane__endpoint=url)
    assert "endpoint" in message and "the-password" not in message and "example.com" not in message
    assert not standin.requests


def test_nothing_secret_is_seen_while_a_call_is_under_way(keyless, standin, told, profile):
    profile(standin.access_key, standin.secret_key)
    with keyless.talk() as talk:
        standin.play("hang", task="generation")
        call = Pending(lambda: talk.put(keyless.rule()))
        in_flight(standin, 1)
        shown = keyless.boss.execute("SELECT * FROM pg_stat_activity").fetchall()
        told.append(str(shown))
        assert "ask(" in str(shown), "the control"
        command = pathlib.Path(f"/proc/{talk.pid}/cmdline").read_bytes()
        told.append(command.decode(errors="replace"))
        keyless.run("SELECT pg_cancel_backend(%s)", talk.pid)
        call.join()
        told.append(str(call.error))


def test_no_secret_was_ever_told(keyless, standin, told, secrets, profile):
    """The last of the file: everything that was said above, and the whole server log at debug1."""
    profile(standin.access_key, standin.secret_key)
    with keyless.talk() as talk:
        document = talk.count(keyless.rule())
    log = keyless.cluster.log_text()
    assert "splitplane" in log and GOOD_SQL not in log.split("ask(")[0] and len(told) > 20, "the control"
    assert "38000" in str(told) or "credentials" in str(told), "the control"
    everything = "\n".join([log, str(document), *told])
    for secret in set(secrets):
        assert secret not in everything
    for mark in MARKS:
        assert mark not in "\n".join(told) + str(document), mark
        assert mark.lower() not in log.lower(), mark
