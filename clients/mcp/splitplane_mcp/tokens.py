"""Verification of access tokens: JWTs, by PyJWT, with the keys of a JWKS file or URL.

Issuer, audience, expiry and subject are required, the algorithm is one of those configured, and the claims must name a principal.
Whatever fails is the same to the caller, HTTP 401; the reason goes to the log, without the token.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier

from splitplane_mcp.config import ConfigurationError, Tokens
from splitplane_mcp.principal import ClaimMapping, Principal, UnknownPrincipal

log = logging.getLogger("splitplane_mcp.tokens")

REQUIRED = ["iss", "aud", "exp", "sub"]
CLOCK_SECONDS = 10
"""How far the clocks may be apart for `nbf` and `iat`. A token that has expired is refused to the second."""
FRESH_SECONDS = 300
"""Keys of a URL that are older are fetched anew."""
USABLE_SECONDS = 3600
"""Keys of a URL that are older are not used any more, when they cannot be fetched anew."""
RETRY_SECONDS = 10
"""Between two fetches: tokens with key ids that nobody knows must not become requests to the issuer."""
FETCH_SECONDS = 5
MAX_KEYS_BYTES = 1 << 20


JWT = jwt.PyJWT(options={"enforce_minimum_key_length": True})
"""Refuses keys that are too short, RSA's below 2048 bits."""


class UnusableKeys(Exception):
    """There is no key for a token, or the keys cannot be had; one sentence."""


class VerifiedToken(AccessToken):
    """An access token with the principal that it speaks for.

    `subject` is the whole principal, since the SDK ties sessions to (client_id, iss, subject): users of two tenants may have
    one subject.
    """

    principal: Principal


class KeySet:
    """The issuer's public keys."""

    def __init__(self, keys_file: Path | None, keys_url: str | None):
        self._file, self._url = keys_file, keys_url
        self._keys: list[dict[str, Any]] = []
        self._version: object = None
        self._fetched = self._tried = -float("inf")
        self._fetching = asyncio.Lock()

    async def start(self) -> None:
        """Read the keys for the first time. Raises ConfigurationError."""
        try:
            await self._refresh(force=True)
        except UnusableKeys as error:
            raise ConfigurationError(str(error)) from None
        if not self._keys:
            raise ConfigurationError("the issuer's keys cannot be read")

    async def key(self, header: Mapping[str, Any], algorithm: str) -> jwt.PyJWK:
        """The key that the header of a token names, for this algorithm. Raises UnusableKeys."""
        await self._refresh()
        kid = header.get("kid")
        found = self._named(kid)
        if not found and self._url is not None:
            await self._refresh(force=True)
            found = self._named(kid)
        if len(found) != 1:
            raise UnusableKeys("no key of the issuer has the token's key id")
        jwk = found[0]
        if jwk.get("alg", algorithm) != algorithm:
            raise UnusableKeys("the key is for another algorithm")
        try:
            return jwt.PyJWK(jwk, algorithm=algorithm)
        except jwt.PyJWTError:
            raise UnusableKeys("the key is not of the algorithm's kind") from None

    def _named(self, kid: object) -> list[dict[str, Any]]:
        """A token without a key id fits a set of one key."""
        if kid is None:
            return self._keys if len(self._keys) == 1 else []
        return [key for key in self._keys if key.get("kid") == kid]

    async def _refresh(self, force: bool = False) -> None:
        if self._file is not None:
            self._read(self._file)
            return
        assert self._url is not None
        age = time.monotonic() - self._fetched
        # Nobody with a good token waits for an issuer that is slow.
        if not force and (age <= FRESH_SECONDS or (age <= USABLE_SECONDS and self._fetching.locked())):
            return
        async with self._fetching:
            now = time.monotonic()
            if (force or now - self._fetched > FRESH_SECONDS) and now - self._tried > RETRY_SECONDS:
                self._tried = now
                try:
                    self._keys, self._fetched = await _fetched(self._url), now
                except UnusableKeys as error:
                    log.warning("%s", error)
        if time.monotonic() - self._fetched > USABLE_SECONDS:
            raise UnusableKeys("the issuer's keys could not be fetched for too long")

    def _read(self, file: Path) -> None:
        """Anew whenever the file is another."""
        try:
            now = file.stat()
            version = now.st_ino, now.st_size, now.st_mtime_ns
            if version != self._version:
                self._keys, self._version = _keys(file.read_bytes()), version
        except OSError as error:
            raise UnusableKeys(f"{file} cannot be read: {error.strerror}") from None


async def _fetched(url: str) -> list[dict[str, Any]]:
    try:
        async with httpx2.AsyncClient(timeout=FETCH_SECONDS, follow_redirects=False) as client, asyncio.timeout(FETCH_SECONDS):
            async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
                if response.status_code != 200:
                    raise UnusableKeys(f"the issuer's keys cannot be fetched: HTTP {response.status_code}")
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MAX_KEYS_BYTES:
                        raise UnusableKeys("the issuer's keys are too long")
    except (httpx2.HTTPError, TimeoutError, OSError) as error:
        raise UnusableKeys(f"the issuer's keys cannot be fetched: {type(error).__name__}") from None
    return _keys(body)


def _keys(text: bytes) -> list[dict[str, Any]]:
    """The public keys for signatures of a JWKS. One that holds a secret is refused whole: it is the wrong file."""
    try:
        listed = json.loads(text)["keys"]
        keys = [key for key in listed if key.get("use", "sig") == "sig"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnusableKeys("the issuer's keys are no JWKS") from None
    if not keys:
        raise UnusableKeys("the issuer's keys hold none for signatures")
    if any(key.get("kty") == "oct" or "d" in key for key in keys):
        raise UnusableKeys("the issuer's keys hold a private or a shared key")
    # Those of kinds that nobody here knows are of no use, and no fault (RFC 7517, section 5).
    known = [key for key in keys if key.get("kty") in ("RSA", "EC", "OKP")]
    if not known:
        raise UnusableKeys("the issuer's keys hold none of a known kind")
    return known


class Verifier(TokenVerifier):
    """Says for whom a token speaks, if it is good."""

    def __init__(self, tokens: Tokens, identity: ClaimMapping, keys: KeySet):
        self._tokens, self._identity, self._keys = tokens, identity, keys

    async def verify_token(self, token: str) -> VerifiedToken | None:
        """None for every token that is refused: the SDK answers 401."""
        try:
            return await self._verified(token)
        except jwt.PyJWTError as error:
            # The names of PyJWT's errors are constants; its messages may hold what the token says.
            log.warning("token refused: %s", type(error).__name__)
        except (UnknownPrincipal, UnusableKeys) as error:
            log.warning("token refused: %s", error)
        except Exception as error:
            log.error("token refused: %s", type(error).__name__)
        return None

    async def _verified(self, token: str) -> VerifiedToken:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in self._tokens.algorithms:
            raise jwt.InvalidAlgorithmError
        claims = JWT.decode(
            token,
            await self._keys.key(header, algorithm),
            algorithms=[algorithm],
            audience=self._tokens.audience,
            issuer=self._tokens.issuer,
            leeway=CLOCK_SECONDS,
            options={"require": REQUIRED},
        )
        # The SDK would refuse it as well, without a word in the log.
        if claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        principal = self._identity.principal(claims)
        client = claims.get("client_id", claims.get("azp", ""))
        return VerifiedToken(
            # Nothing needs it any more, and what is not kept cannot be printed.
            token="",
            client_id=client if isinstance(client, str) else "",
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]),
            subject=principal.key(),
            claims={"iss": claims["iss"]},
            principal=principal,
        )


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """`scope` is one text by RFC 9068; some providers give a list, or `scp`."""
    scopes = claims.get("scope", claims.get("scp", ""))
    if isinstance(scopes, str):
        return scopes.split()
    return [scope for scope in scopes if isinstance(scope, str)] if isinstance(scopes, list) else []
