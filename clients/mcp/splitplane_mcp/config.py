"""The configuration: one TOML file, read and checked once, at start.

Whatever is unknown, missing or unsafe ends the start with one sentence. The secret of the key stands in a file of its own or
in the environment, never in the TOML file, and no error shows it.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from psycopg import conninfo

from splitplane_mcp.principal import ClaimMapping, is_id
from splitplane_mcp.signing import Signer

SECRET_VARIABLE = "SPLITPLANE_SECRET"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a key pair. With HS256 and its like whoever can check a token can make one; `none` is no signature."""
TOOLS = ("ask", "describe", "verified_queries")


class ConfigurationError(Exception):
    """The configuration cannot be used; one sentence, without any secret."""


@dataclass(frozen=True)
class Tokens:
    """What a token must say, and where the keys that it is checked with stand: a file or a URL, one of the two."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    scopes: tuple[str, ...]
    keys_file: Path | None
    keys_url: str | None


@dataclass(frozen=True)
class Config:
    """All that the server is told. Times in seconds.

    url               what clients call: the protected resource that tokens are for
    host, port        where it listens
    allowed_hosts     values of the header Host that are answered; `NAME:*` is any port
    allowed_origins   values of the header Origin; a request without one is no browser's
    certificate       of TLS, with its key; None: plain HTTP
    tools             the tools that are offered
    connection        libpq's connection string, without a password
    schema            where `ask` was created
    connections       of the database, at most; as many calls run at a time
    call_seconds      after which a call is cancelled
    """

    url: str
    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    certificate: tuple[Path, Path] | None
    tools: tuple[str, ...]
    tokens: Tokens
    identity: ClaimMapping
    connection: str
    schema: str
    connections: int
    call_seconds: float
    signer: Signer

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read and check the file. Raises ConfigurationError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no TOML: {error}") from None
    for name in tables:
        if name not in ("server", "token", "identity", "tenants", "database"):
            raise ConfigurationError(f"there is no table [{name}]")
    server, token, identity, database = (_Table(name, tables.get(name)) for name in ("server", "token", "identity", "database"))
    url = server.text("url")
    where = _checked_url("server.url", url)
    # Both end up in what clients are told; anything else that a URL may hold would be a secret or a mistake.
    if where.query or where.fragment or where.path in ("", "/") or where.path.endswith("/"):
        raise ConfigurationError("server.url has a path, such as /mcp, and nothing after it")
    host, port = _address(server.text("listen", "127.0.0.1:8100"))
    certificate = _certificate(server)
    if not server.boolean("plain_http", False) and certificate is None and not _is_loopback(host):
        raise ConfigurationError(
            "server.listen is open to other machines without TLS: set server.certificate and server.certificate_key, or "
            "server.plain_http = true where only a proxy reaches it"
        )
    connection = database.text("connection")
    config = Config(
        url=url,
        host=host,
        port=port,
        allowed_hosts=server.texts("allowed_hosts", _own_hosts(where, host)),
        allowed_origins=server.texts("allowed_origins", ()),
        certificate=certificate,
        tools=_tools(server.texts("tools", TOOLS)),
        tokens=_tokens(token, url),
        identity=_identity(identity, tables.get("tenants")),
        connection=connection,
        schema=database.text("schema", "public"),
        connections=database.integer("connections", 8, 1, 1000),
        call_seconds=database.integer("call_seconds", 60, 1, 3600),
        signer=Signer(
            key_id=database.text("key_id"),
            secret=_secret(database, environment),
            audience=database.text("audience", _database_name(connection)),
        ),
    )
    for table in (server, token, identity, database):
        table.finish()
    return config


class _Table:
    """A table of the file; what was not asked for by `finish` is a name that does not exist."""

    def __init__(self, name: str, values: object):
        if not isinstance(values, dict):
            raise ConfigurationError(f"the table [{name}] is missing")
        self._name, self._values, self._known = name, values, set[str]()

    def _value(self, key: str, default: Any) -> Any:
        self._known.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise ConfigurationError(f"{self._name}.{key} is missing")
        return value

    def raw(self, key: str) -> Any:
        return self._value(key, None)

    def has(self, key: str) -> bool:
        self._known.add(key)
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        value = self._value(key, default)
        if not isinstance(value, str) or not value.strip():
            raise ConfigurationError(f"{self._name}.{key} is not a text, or empty")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._value(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
            raise ConfigurationError(f"{self._name}.{key} is not a list of texts")
        return tuple(value)

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        value = self._value(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ConfigurationError(f"{self._name}.{key} is not a number from {least} to {most}")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise ConfigurationError(f"{self._name}.{key} is neither true nor false")
        return value

    def finish(self) -> None:
        for key in self._values:
            if key not in self._known:
                raise ConfigurationError(f"there is no {self._name}.{key}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(what: str, url: str) -> SplitResult:
    """An https URL, or http of this machine."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- raises where it is no number
    except ValueError:
        raise ConfigurationError(f"{what} is no URL") from None
    if not parts.hostname or parts.username is not None or parts.scheme not in ("https", "http"):
        raise ConfigurationError(f"{what} is no URL of the form https://HOST/..")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ConfigurationError(f"{what} is not https")
    return parts


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError("server.listen is not of the form ADDRESS:PORT")
    return host, int(port)


def _own_hosts(url: SplitResult, listen: str) -> tuple[str, ...]:
    hosts = [url.netloc]
    if _is_loopback(listen):
        hosts += ["127.0.0.1:*", "localhost:*", "[::1]:*"]
    return tuple(hosts)


def _certificate(server: _Table) -> tuple[Path, Path] | None:
    has = server.has("certificate"), server.has("certificate_key")
    if not any(has):
        return None
    if not all(has):
        raise ConfigurationError("server.certificate and server.certificate_key go together")
    files = Path(server.text("certificate")), Path(server.text("certificate_key"))
    for file in files:
        if not file.is_file():
            raise ConfigurationError(f"{file} is not there")
    _refuse_if_open(files[1])
    return files


def _tools(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not set(names) <= set(TOOLS):
        raise ConfigurationError(f"server.tools names some of {', '.join(TOOLS)}")
    return names


def _tokens(token: _Table, url: str) -> Tokens:
    algorithms = token.texts("algorithms")
    for algorithm in algorithms:
        if algorithm not in ALGORITHMS:
            raise ConfigurationError(f"token.algorithms names an algorithm that is none of {', '.join(ALGORITHMS)}")
    if not algorithms:
        raise ConfigurationError("token.algorithms is empty")
    issuer = token.text("issuer")
    _checked_url("token.issuer", issuer)
    if token.has("jwks_file") == token.has("jwks_url"):
        raise ConfigurationError("one of token.jwks_file and token.jwks_url is set")
    keys_url = token.text("jwks_url") if token.has("jwks_url") else None
    if keys_url is not None:
        _checked_url("token.jwks_url", keys_url)
    return Tokens(
        issuer=issuer,
        audience=token.text("audience", url),
        algorithms=algorithms,
        scopes=token.texts("scopes", ()),
        keys_file=Path(token.text("jwks_file")) if keys_url is None else None,
        keys_url=keys_url,
    )


def _identity(identity: _Table, tenants: object) -> ClaimMapping:
    if not isinstance(tenants, dict) or not tenants:
        raise ConfigurationError("[tenants] is missing or empty: it has a line CLAIM = TENANT for each tenant")
    for claim, tenant in tenants.items():
        if not isinstance(tenant, str) or not is_id(tenant) or not is_id(claim):
            raise ConfigurationError("[tenants] has an id that splitplane does not take")
    return ClaimMapping(
        tenant=_path(identity, "tenant"),
        business=_path(identity, "business") if identity.has("business") else None,
        subject=_path(identity, "subject") if identity.has("subject") else ("sub",),
        tenants=dict(tenants),
    )


def _path(identity: _Table, key: str) -> tuple[str, ...]:
    """A claim's name, or the list of names that lead to it. A dot is part of a name: claims are often named by URLs."""
    value = identity.raw(key)
    if isinstance(value, str) and value:
        return (value,)
    path = identity.texts(key)
    if not path:
        raise ConfigurationError(f"identity.{key} is empty")
    return path


def _refuse_if_open(file: Path) -> None:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ConfigurationError(f"{file} may be read by others: chmod 600 it")


def _secret(database: _Table, environment: Mapping[str, str]) -> str:
    if database.has("secret_file"):
        file = Path(database.text("secret_file"))
        try:
            _refuse_if_open(file)
            secret = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"{file} cannot be read") from None
    else:
        secret = environment.get(SECRET_VARIABLE, "")
    if not secret:
        raise ConfigurationError(f"there is no secret: set database.secret_file, or {SECRET_VARIABLE} in the environment")
    return secret


def _database_name(connection: str) -> str:
    try:
        known = conninfo.conninfo_to_dict(connection)
    except Exception:
        # The driver's sentence may quote the string.
        raise ConfigurationError("database.connection is no connection string of libpq") from None
    if known.get("password"):
        raise ConfigurationError("database.connection holds a password: put it into a password file (passfile, ~/.pgpass)")
    name = known.get("dbname")
    if not name:
        raise ConfigurationError("database.connection names no dbname")
    return str(name)
