"""What the tests of clients/mcp share: an issuer of tokens, the server as a process of its own, and clients of it.

The database is the plane of the wire tests with its three brands. The server's key may speak for two of them, and its mapping
names the third as well, so that each of the two refusals can be seen alone; a fourth tenant is in neither.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from splitplane_test.session import wait_until

from pg_test.wire.harness import Wire

MODERN, LEGACY = "2026-07-28", "2025-11-25"
VERSIONS = (MODERN, LEGACY)
ISSUER = "https://issuer.test/"
AUDIENCE = "https://mcp.test/mcp"
TENANTS = {"org-a": "brand-a", "org-b": "brand-b", "org-c": "brand-c"}
KEY_TENANTS = ["brand-a", "brand-b"]
CLAIMS = {"org-a": "brand-a", "org-b": "brand-b"}
ROLE = "mcp_app"
SETUP = Path(__file__).resolve().parents[2] / "clients/mcp/setup.sql"
SLOW = "SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e WHERE a.amount + b.amount + c.amount + d.amount + e.amount < 0"
RUNNING = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{ROLE}' AND state = 'active'"


class Issuer:
    """An authorization server's signing keys, and the tokens that it gives out."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> dict[str, Any]:
        keys = []
        by_id = {"rsa": self.rsa, "short": self.short, "ec": self.ec}
        for kid, key in by_id.items():
            algorithm = jwt.algorithms.ECAlgorithm if kid == "ec" else jwt.algorithms.RSAAlgorithm
            keys.append({**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"})
        return {"keys": keys}

    def token(self, of: str = "org-a", subject: str = "u-1", *, key=None, algorithm="RS256", kid="rsa", **changed: Any) -> str:
        """A good token, but for what is changed; None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 300, "iat": now, "sub": subject, "org": {"id": of}, "azp": "client"}
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        key = key or (self.ec if kid == "ec" else self.rsa)
        with warnings.catch_warnings():
            # Of a key that is too short, which is what a test is about.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def toml(value: object) -> str:
    """A TOML value; of tables, texts, lists, numbers and booleans JSON's spelling is TOML's."""
    return json.dumps(value)


class Setup:
    """A database with the extension, and what an MCP server needs to ask it."""

    def __init__(self, cluster, issuer: Issuer, database: str = "mcp"):
        self.cluster, self.issuer = cluster, issuer
        self.plane = Wire.build(cluster, database)
        self.key_id, self.secret = self.plane.create_key("AKMCP", KEY_TENANTS)
        cluster.psql(database, SETUP, variables={"role": ROLE})
        with self.plane.admin() as admin:
            for statement in (
                "SELECT splitplane.verify_query('all_units', 'Which units are there?', 'SELECT unit FROM units ORDER BY unit')",
                "SELECT splitplane.define_metric('takings', 'SELECT sum(amount) FROM sales', 'All that was sold')",
            ):
                admin.execute(statement)

    def tables(self, folder: Path, port: int, **changed: Any) -> dict[str, dict[str, Any]]:
        """The configuration by table; `token__jwks_url = ..` changes or, with None, leaves out."""
        tables: dict[str, dict[str, Any]] = {
            "server": {"url": AUDIENCE, "listen": f"127.0.0.1:{port}"},
            "token": {"issuer": ISSUER, "algorithms": ["RS256", "ES256"], "jwks_file": str(folder / "jwks.json")},
            "identity": {"tenant": ["org", "id"], "subject": "sub"},
            "tenants": dict(TENANTS),
            "database": {
                "connection": self.cluster.dsn(self.plane.database, ROLE),
                "key_id": self.key_id,
                "secret_file": str(folder / "secret"),
                "connections": 4,
            },
        }
        for name, value in changed.items():
            table, _, key = name.partition("__")
            if not key:
                tables[table] = value
            elif value is None:
                tables[table].pop(key, None)
            else:
                tables[table][key] = value
        return {name: values for name, values in tables.items() if values is not None}

    def write(self, folder: Path, port: int, **changed: Any) -> Path:
        """The files of a configuration; the TOML file."""
        (folder / "jwks.json").write_text(json.dumps(self.issuer.jwks()))
        (folder / "secret").write_text(self.secret + "\n")
        (folder / "secret").chmod(0o600)
        lines = []
        for table, values in self.tables(folder, port, **changed).items():
            lines += [f"[{table}]", *(f"{toml(key)} = {toml(value)}" for key, value in values.items())]
        file = folder / "mcp.toml"
        file.write_text("\n".join(lines) + "\n")
        return file

    @contextmanager
    def server(self, program: tuple[str, ...] = ("-m", "splitplane_mcp"), **changed: Any) -> Iterator[Server]:
        """The server as a process, with this configuration."""
        with tempfile.TemporaryDirectory() as name:
            folder, port = Path(name), free_port()
            file = self.write(folder, port, **changed)
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen([sys.executable, *program, "--config", str(file)], stdout=log, stderr=log, env=environment())
            try:
                running = Server(self, process, port, folder)
                wait_until(lambda: process.poll() is not None or running.answers(), 20, "the server listens")
                assert process.poll() is None, running.log()
                yield running
            finally:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def running(self) -> int:
        """How many statements of the server's role are being run."""
        return self.plane.run(RUNNING)[0]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "SPLITPLANE_SECRET"))}


@dataclass
class Server:
    setup: Setup
    process: subprocess.Popen
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @asynccontextmanager
    async def client(self, token: str, version: str, **options: Any) -> AsyncIterator[Client]:
        """The SDK's own client, in one version of the protocol."""
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=30) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode="legacy" if version == LEGACY else version, **options) as client:
                client.http = http
                yield client

    def call(self, token: str, version: str, tool: str = "ask", **arguments: Any):
        """One call over a client of its own; the result."""

        async def run():
            async with self.client(token, version) as client:
                return await client.call_tool(tool, arguments)

        return asyncio.run(run())

    def post(self, body: object, token: str | None = None, **headers: str) -> Reply:
        """A plain HTTP client, which knows nothing of the protocol."""
        sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url, json.dumps(body).encode(), sent, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Reply(answer.status, dict(answer.headers.items()), answer.read().decode())
        except urllib.error.HTTPError as error:
            return Reply(error.code, dict(error.headers.items()), error.read().decode())

    def ask_plainly(self, token: str | None, sql: str = "SELECT count(*) FROM sales", **headers: str) -> Reply:
        """A call of `ask` at 2026-07-28, as a plain POST."""
        return self.post(*modern_call("ask", {"sql": sql}, token), **{**MODERN_HEADERS, **headers})

    def session(self, token: str) -> str:
        """A session of 2025-11-25 that the token opens; its id."""
        reply = self.post(INITIALIZE, token)
        assert reply.status == 200, reply
        return {name.lower(): value for name, value in reply.headers.items()}["mcp-session-id"]

    def in_session(self, session: str, token: str | None, sql: str = "SELECT count(*) FROM sales") -> Reply:
        """A call of `ask` in a session."""
        body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "ask", "arguments": {"sql": sql}}}
        return self.post(body, token, mcp_session_id=session, mcp_protocol_version=LEGACY)


@dataclass
class Reply:
    """What a plain client got."""

    status: int
    headers: dict[str, str]
    body: str

    def result(self) -> dict[str, Any]:
        """The result of the last event, or of the JSON body."""
        lines = [line.removeprefix("data:").strip() for line in self.body.splitlines() if line.startswith("data:")]
        messages = [json.loads(line) for line in lines if line] or [json.loads(self.body)]
        return messages[-1]["result"]

    def rows(self) -> list[list[Any]]:
        return self.result()["structuredContent"]["rows"]


CLIENT = {"name": "plain", "version": "1"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT},
}
MODERN_HEADERS = {"mcp_protocol_version": MODERN, "mcp_method": "tools/call", "mcp_name": "ask"}


def modern_call(tool: str, arguments: dict[str, Any], token: str | None) -> tuple[dict[str, Any], str | None]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": CLIENT,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, token


def forged(issuer: Issuer, algorithm: str) -> str:
    """A token that anybody can make who has the public keys: without a signature, or with a public key as the shared one."""
    header = {"alg": algorithm, "typ": "JWT", "kid": "rsa"}
    good = issuer.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    if algorithm == "none":
        return f"{head}.{good[1]}."
    from cryptography.hazmat.primitives import hashes, hmac, serialization

    public = issuer.rsa.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signer = hmac.HMAC(public, hashes.SHA256())
    signer.update(f"{head}.{good[1]}".encode())
    signature = base64.urlsafe_b64encode(signer.finalize()).rstrip(b"=").decode()
    return f"{head}.{good[1]}.{signature}"
