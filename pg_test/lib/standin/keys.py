"""Who may call the stand-in: AWS keys (long-lived or temporary) and bearer keys, and how a call proves that it is one.

Signatures are recomputed with botocore's own SigV4 signer over the request as it came off the wire, so a client that
passes here agrees with an implementation that knows nothing of it. Refusals are named as AWS names them.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass, field, replace

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from .wire import Request

WINDOW_SECONDS = 300
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request\s*,"
    r"\s*SignedHeaders=([a-z0-9;_-]+)\s*,\s*Signature=([0-9a-f]{64})"
)


class Denied(Exception):
    """A call that does not prove who makes it: status, AWS's name for the error, and its text."""

    def __init__(self, code: str, message: str, status: int = 403):
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Key:
    """An AWS key. A temporary one has a session token and the moment (Unix time) after which it is refused."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: float | None = None


class Keys:
    """The keys that the stand-in knows. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        self._bearers: set[str] = set()

    def add(self, access_key: str, secret_key: str, token: str | None = None, expires: float | None = None) -> Key:
        key = Key(access_key, secret_key, token, expires)
        with self._lock:
            self._keys[access_key] = key
        return key

    def add_bearer(self, bearer: str) -> str:
        with self._lock:
            self._bearers.add(bearer)
        return bearer

    def temporary(self, lifetime: float) -> Key:
        """Makes a temporary key that is accepted for `lifetime` seconds from now."""
        access_key = "ASIA" + secrets.token_hex(8).upper()
        return self.add(access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(60), time.time() + lifetime)

    def expire(self, access_key: str) -> None:
        """Lets a key expire now."""
        with self._lock:
            self._keys[access_key] = replace(self._keys[access_key], expires=time.time())

    def check(self, request: Request, service: str) -> str:
        """Returns the access key, or `bearer`, that the request proves to hold; raises Denied."""
        authorization = request.header("authorization")
        if authorization is None:
            raise Denied("MissingAuthenticationTokenException", "Missing Authentication Token")
        if authorization.startswith("Bearer "):
            with self._lock:
                known = list(self._bearers)
            offered = authorization.removeprefix("Bearer ").encode()
            if any(hmac.compare_digest(offered, bearer.encode()) for bearer in known):
                return "bearer"
            raise Denied("AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.")
        return self._check_signature(request, authorization, service)

    def _check_signature(self, request: Request, authorization: str, service: str) -> str:
        found = _AUTHORIZATION.fullmatch(authorization)
        if found is None:
            raise Denied("IncompleteSignatureException", "The authorization header is not one of AWS Signature Version 4.")
        access_key, day, region, scope_service, signed, signature = found.groups()
        with self._lock:
            key = self._keys.get(access_key)
        offered_token = request.header("x-amz-security-token")
        if key is None or not hmac.compare_digest((key.token or "").encode(), (offered_token or "").encode()):
            raise Denied("UnrecognizedClientException", "The security token included in the request is invalid.")
        if scope_service != service:
            raise Denied("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
        moment = self._moment(request, day)
        names = signed.split(";")
        must = {"host"} | {name for name, _ in request.headers if name.startswith("x-amz-")}
        if names != sorted(set(names)) or not must <= set(names):
            raise Denied("InvalidSignatureException", "'Host' and every 'X-Amz-' header must be signed, in order.")
        body_hash = request.header("x-amz-content-sha256")
        if body_hash is not None and body_hash != hashlib.sha256(request.body).hexdigest():
            raise Denied(
                "InvalidSignatureException", "The provided 'x-amz-content-sha256' header does not match what was computed."
            )
        expected = recomputed_signature(request, key, region, service, names, moment)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Denied(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method.",
            )
        if key.expires is not None and time.time() >= key.expires:
            raise Denied("ExpiredTokenException", "The security token included in the request is expired")
        return access_key

    @staticmethod
    def _moment(request: Request, day: str) -> str:
        """The signed timestamp as it was sent, inside the window and on the scope's day."""
        moment = request.header("x-amz-date") or ""
        try:
            when = datetime.datetime.strptime(moment, SIGV4_TIMESTAMP).replace(tzinfo=datetime.UTC)
        except ValueError:
            raise Denied("IncompleteSignatureException", "The 'X-Amz-Date' header is missing or malformed.") from None
        if moment[:8] != day:
            raise Denied(
                "InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date."
            )
        if abs(when.timestamp() - time.time()) > WINDOW_SECONDS:
            raise Denied("InvalidSignatureException", f"Signature expired: {moment} is outside the accepted five minutes.")
        return moment


class _AsSigned(SigV4Auth):
    """botocore's signer, told which headers the client signed. Canonical form and arithmetic stay botocore's own."""

    def __init__(self, credentials: Credentials, service: str, region: str, names: list[str]):
        super().__init__(credentials, service, region)
        self._names = names

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        chosen = HTTPHeaders()
        for name, value in request.headers.items():
            if name.lower() in self._names:
                chosen[name.lower()] = value
        return chosen


def recomputed_signature(request: Request, key: Key, region: str, service: str, names: list[str], moment: str) -> str:
    """The signature that botocore gives the request: raw target, raw body, the named headers, the given moment."""
    host = request.header("host") or ""
    rebuilt = AWSRequest(method=request.method, url=f"http://{host}{request.target}", data=request.body)
    for name, value in request.headers:
        rebuilt.headers[name] = value
    rebuilt.context["timestamp"] = moment
    signer = _AsSigned(Credentials(key.access_key, key.secret_key, key.token), service, region, names)
    return signer.signature(signer.string_to_sign(rebuilt, signer.canonical_request(rebuilt)), rebuilt)
