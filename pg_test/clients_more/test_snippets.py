"""clients/snippets: programs that sign with the signers of other languages, each asked by the product itself.

What is the same for all is tested for each: a context is taken for its own text once, and for nothing else.
"""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from toolchains import ROOT, need

from pg_test.wire.harness import COUNT_SALES, SALES

SNIPPETS = ROOT / "clients/snippets"
TOOLS = ROOT / ".tools/clients"
BUILT = TOOLS / "built"
VISITS = "SELECT count(*) FROM visits"
# Where the AWS SDK for Java comes under the prefix of a package that brings it along.
JAVA_PREFIX = "smfs.shaded."
JAVA_PATH = f"{TOOLS}/java:{TOOLS}/java/*"


def built(*command: object, cwd: Path, **environment: str) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def node(name: str) -> list[str]:
    need("node")
    return ["node", str(SNIPPETS / f"node/{name}.js")]


def go(name: str) -> list[str]:
    need("go")
    built(TOOLS / "go/bin/go", "build", "-o", BUILT / f"go_{name}", f"./{name}", cwd=SNIPPETS / "go")
    return [str(BUILT / f"go_{name}")]


def ruby() -> list[str]:
    need("ruby")
    return ["ruby", str(SNIPPETS / "ruby/sign.rb")]


def rust() -> list[str]:
    need("rust")
    environment = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_TARGET_DIR": str(TOOLS / "rust")}
    built("cargo", "build", "--quiet", "--locked", cwd=SNIPPETS / "rust", **environment)
    return [str(TOOLS / "rust/debug/splitplane-snippet")]


def java() -> list[str]:
    need("java")
    shutil.rmtree(BUILT / "java", ignore_errors=True)
    (BUILT / "java").mkdir(parents=True)
    source = (SNIPPETS / "java/Sign.java").read_text()
    here = BUILT / "java/Sign.java"
    here.write_text(source.replace("import software.amazon.", f"import {JAVA_PREFIX}software.amazon."))
    built("javac", "-encoding", "UTF-8", "-cp", JAVA_PATH, "-d", here.parent, here, cwd=here.parent)
    return ["java", "-cp", f"{here.parent}:{JAVA_PATH}", "Sign"]


PROGRAMS = {
    "node-smithy": lambda: node("smithy"),
    "node-aws4": lambda: node("aws4"),
    "go-sdk-v1": lambda: go("sdk_v1"),
    "go-sdk-v2": lambda: go("sdk_v2"),
    "ruby-aws-sigv4": ruby,
    "rust-aws-sigv4": rust,
    "java-sdk-v2": java,
}


@cache
def program(name: str) -> list[str]:
    BUILT.mkdir(parents=True, exist_ok=True)
    return PROGRAMS[name]()


class Signing:
    """One snippet, with the plane whose key it signs with."""

    def __init__(self, name: str, plane):
        self.command, self.plane = program(name), plane

    def sign(self, text: str, *more: str, tenant: str = "brand-a", audience: str | None = None, secret: str | None = None) -> dict[str, str]:
        key = {"SPLITPLANE_KEY_ID": self.plane.key_id, "SPLITPLANE_SECRET": secret or self.plane.secret, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*self.command, audience or self.plane.database, tenant, text, *more],
            env={**os.environ, **key},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 and not done.stderr, done
        return json.loads(done.stdout)

    def answer(self, context: dict[str, str], sql: str):
        with self.plane.session() as session:
            return session.call(context, sql)["rows"]

    def refused(self, context: dict[str, str], sql: str) -> None:
        with self.plane.session() as session:
            session.refused("28000", context, sql)


@pytest.fixture(scope="module", params=PROGRAMS)
def signing(request, plane):
    return Signing(request.param, plane)


def test_every_snippet_is_run():
    """The control: a program that is added and not named here fails."""
    suffixes = {".js", ".go", ".rb", ".rs", ".java"}
    there = [file for file in SNIPPETS.rglob("*") if file.suffix in suffixes and not {"node_modules", "target"} & set(file.parts)]
    named = {"node/smithy.js", "node/aws4.js", "go/sdk_v1/main.go", "go/sdk_v2/main.go", "ruby/sign.rb", "rust/src/main.rs", "java/Sign.java"}
    assert {str(file.relative_to(SNIPPETS)) for file in there} == named and len(named) == len(PROGRAMS)


def test_accepted_once_and_for_its_text(signing):
    context = signing.sign(COUNT_SALES)
    signing.refused(context, "SELECT count(*) FROM shops")
    assert signing.answer(context, COUNT_SALES) == [[SALES["brand-a"]]]
    signing.refused(context, COUNT_SALES)
    assert signing.answer(signing.sign(COUNT_SALES, tenant="brand-b"), COUNT_SALES) == [[SALES["brand-b"]]]


def test_each_value_is_a_string_and_each_header_is_signed(signing):
    context = signing.sign(COUNT_SALES, "franchise-7", "7")
    assert all(isinstance(value, str) for value in context.values())
    names = {name.lower() for name in context}
    assert len(names) == len(context)
    authorization = next(value for name, value in context.items() if name.lower() == "authorization")
    signed = set(re.search(r"SignedHeaders=([^,]+)", authorization)[1].split(";"))
    own = {"host", "x-amz-date", "x-splitplane-tenant", "x-splitplane-business", "x-splitplane-subject", "x-splitplane-nonce"}
    assert own <= signed <= names | {"host"}
    nonce = next(value for name, value in context.items() if name.lower() == "x-splitplane-nonce")
    assert nonce not in signing.sign(COUNT_SALES).values()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'ß€東 😀' AS greeting, count(*) FROM sales",
        "SELECT 'a\r\nb'\n  , count(*)\r\n\tFROM sales -- the end\n",
        "SELECT '  %20 \"q\" \\ ', count(*) FROM sales",
    ],
    ids=["utf-8", "line breaks", "blanks and quotes"],
)
def test_texts(signing, text):
    expected = signing.plane.run(text.replace("FROM sales", "FROM sales WHERE tenant_id = 'brand-a'"))
    assert signing.answer(signing.sign(text), text) == [list(expected)]
    signing.refused(signing.sign(text), text + " ")


def test_business_and_subject(signing):
    """Left out, empty and given: whose rows they are is in the answer."""
    assert signing.answer(signing.sign(VISITS), VISITS) == [[100]]
    left_out = {name.lower() for name in signing.sign(VISITS)}
    assert not {"x-splitplane-business", "x-splitplane-subject"} & left_out
    assert signing.answer(signing.sign(VISITS, "", ""), VISITS) == [[100]]
    assert signing.answer(signing.sign(VISITS, "franchise-7"), VISITS) == [[50]]
    assert signing.answer(signing.sign(VISITS, "franchise-7", 'Zoë "O\'Hara", 7'), VISITS) == [[50]]
    assert signing.answer(signing.sign(VISITS, "", "Zoë"), VISITS) == [[100]]


def test_what_is_changed_is_refused(signing):
    """The control: layer 1 looks at each of these, so that acceptance says something."""
    signing.refused(signing.sign(COUNT_SALES, secret="another secret of that key"), COUNT_SALES)
    signing.refused(signing.sign(COUNT_SALES, audience="elsewhere"), COUNT_SALES)
    context = signing.sign(COUNT_SALES)
    tenant = next(name for name in context if name.lower() == "x-splitplane-tenant")
    signing.refused({**context, tenant: "brand-b"}, COUNT_SALES)
    assert signing.answer(context, COUNT_SALES) == [[SALES["brand-a"]]]
