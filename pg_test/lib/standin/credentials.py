"""The places where AWS SDKs fetch credentials, each speaking its own protocol: the container endpoint, the instance
metadata service (version 2), STS and IAM Identity Center. Each hands out a fresh temporary key that the stand-in then
accepts until it expires."""

from __future__ import annotations

import datetime
import hmac
import secrets
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

from .keys import Denied, Key, Keys
from .wire import Request, Response

_STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ACCOUNT = "123456789012"
_METADATA = "/latest/meta-data/"


class Issuers:
    """The four issuers. `lifetime` is the seconds that keys handed out from now on are good for.

    What a client must know is public: `container_token`, `web_identity_token`, `sso_token`, `role`, `region`.
    `calls` lists what was fetched, such as `imds.token`, in order.
    """

    def __init__(self, keys: Keys, region: str):
        self._keys = keys
        self._lock = threading.Lock()
        self._imds_tokens: dict[str, float] = {}
        self.region = region
        self.lifetime = 3600.0
        self.role = "standin-role"
        self.container_token = secrets.token_urlsafe(24)
        self.web_identity_token = secrets.token_urlsafe(24)
        self.sso_token = secrets.token_urlsafe(24)
        self.calls: list[str] = []
        self.issued: list[str] = []
        """The access keys handed out, in order."""

    def answer(self, request: Request) -> Response | None:
        """The response when the path is one of ours, else None."""
        path, method = request.path, request.method
        if path == "/credentials" and method == "GET":
            return self._container(request)
        if path == "/latest/api/token" and method == "PUT":
            return self._imds_session(request)
        if path.startswith(_METADATA) and method == "GET":
            return self._imds(request, path.removeprefix(_METADATA))
        if path == "/federation/credentials" and method == "GET":
            return self._sso(request)
        if path == "/" and method == "POST":
            return self._sts(request)
        return None

    def _issue(self, call: str) -> Key:
        key = self._keys.temporary(self.lifetime)
        with self._lock:
            self.calls.append(call)
            self.issued.append(key.access_key)
        return key

    def _note(self, call: str) -> None:
        with self._lock:
            self.calls.append(call)

    def _container(self, request: Request) -> Response:
        if not _same(request.header("authorization"), self.container_token):
            self._note("container.denied")
            return Response.of_json({"code": "InvalidAuthorizationToken", "message": "The authorization token is not ours."}, 403)
        key = self._issue("container.credentials")
        return Response.of_json(_plain(key, RoleArn=f"arn:aws:iam::{_ACCOUNT}:role/{self.role}"))

    def _imds_session(self, request: Request) -> Response:
        seconds = request.header("x-aws-ec2-metadata-token-ttl-seconds") or ""
        if not seconds.isascii() or not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            return Response.text("", status=400)
        token = secrets.token_urlsafe(40)
        with self._lock:
            self._imds_tokens[token] = time.monotonic() + int(seconds)
        self._note("imds.token")
        response = Response.text(token)
        response.headers["x-aws-ec2-metadata-token-ttl-seconds"] = seconds
        return response

    def _imds(self, request: Request, path: str) -> Response:
        with self._lock:
            until = self._imds_tokens.get(request.header("x-aws-ec2-metadata-token") or "")
        if until is None or until < time.monotonic():
            self._note("imds.denied")
            return Response.text("", status=401)
        match path:
            case "placement/region":
                self._note("imds.region")
                return Response.text(self.region)
            case "placement/availability-zone" | "placement/availability-zone/":
                self._note("imds.region")
                return Response.text(self.region + "a")
            case "iam/security-credentials" | "iam/security-credentials/":
                self._note("imds.role")
                return Response.text(self.role)
            case _ if path == f"iam/security-credentials/{self.role}":
                key = self._issue("imds.credentials")
                now = _timestamp(time.time())
                return Response.of_json(_plain(key, Code="Success", LastUpdated=now, Type="AWS-HMAC"))
            case _:
                return Response.text("", status=404)

    def _sso(self, request: Request) -> Response:
        query = urllib.parse.parse_qs(request.query)
        if not _same(request.header("x-amz-sso_bearer_token"), self.sso_token):
            self._note("sso.denied")
            return Response.error(401, "UnauthorizedException", "Session token not found or invalid")
        if set(query) != {"account_id", "role_name"}:
            return Response.error(400, "InvalidRequestException", "account_id and role_name are needed")
        key = self._issue("sso.credentials")
        role = {
            "accessKeyId": key.access_key,
            "secretAccessKey": key.secret_key,
            "sessionToken": key.token,
            "expiration": int((key.expires or 0) * 1000),
        }
        return Response.of_json({"roleCredentials": role})

    def _sts(self, request: Request) -> Response:
        pairs = urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        action = form.get("Action", "")
        if form.get("Version") != "2011-06-15" or action not in ("AssumeRole", "AssumeRoleWithWebIdentity"):
            return _sts_error(400, "InvalidAction", "Could not find operation for this version.")
        for name in ("RoleArn", "RoleSessionName"):
            if not form.get(name):
                return _sts_error(400, "ValidationError", f"{name} is missing.")
        if action == "AssumeRole":
            try:
                self._keys.check(request, "sts")
            except Denied as denied:
                self._note("sts.denied")
                return _sts_error(denied.status, denied.code.removesuffix("Exception"), denied.message)
        elif not _same(form.get("WebIdentityToken"), self.web_identity_token):
            self._note("sts.denied")
            return _sts_error(400, "InvalidIdentityToken", "The web identity token is not ours.")
        return self._assumed(action, form["RoleArn"], form["RoleSessionName"])

    def _assumed(self, action: str, role: str, session: str) -> Response:
        key = self._issue(f"sts.{action}")
        arn = f"arn:aws:sts::{_ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{session}"
        subject = (
            "<SubjectFromWebIdentityToken>standin</SubjectFromWebIdentityToken>" if action == "AssumeRoleWithWebIdentity" else ""
        )
        text = (
            f'<{action}Response xmlns="{_STS_NAMESPACE}"><{action}Result>{subject}'
            f"<AssumedRoleUser><Arn>{escape(arn)}</Arn><AssumedRoleId>AROASTANDIN:{escape(session)}</AssumedRoleId></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>{key.access_key}</AccessKeyId><SecretAccessKey>{escape(key.secret_key)}</SecretAccessKey>"
            f"<SessionToken>{escape(key.token or '')}</SessionToken>"
            f"<Expiration>{_timestamp(key.expires or 0)}</Expiration></Credentials>"
            f"</{action}Result><ResponseMetadata><RequestId>{secrets.token_hex(16)}</RequestId></ResponseMetadata></{action}Response>"
        )
        return Response.text(text, "text/xml")


def _same(offered: str | None, expected: str) -> bool:
    return hmac.compare_digest((offered or "").encode(), expected.encode())


def _timestamp(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(key: Key, **more: str) -> dict[str, str]:
    """A key as the container endpoint and the metadata service write it."""
    base = {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "Token": key.token or ""}
    return {**more, **base, "Expiration": _timestamp(key.expires or 0)}


def _sts_error(status: int, code: str, message: str) -> Response:
    text = (
        f'<ErrorResponse xmlns="{_STS_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{secrets.token_hex(16)}</RequestId></ErrorResponse>"
    )
    return Response.text(text, "text/xml", status)
