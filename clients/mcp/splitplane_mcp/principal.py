"""Whom a request is for: the claims of a verified token, mapped to tenant, business and subject.

Pure. Nothing here has a default for a value that is missing: a claim that is named must be there.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_ID_BYTES = 256
"""As splitplane has it for every id."""


class UnknownPrincipal(Exception):
    """The claims name nobody that this server speaks for; the message names the claim, never its value."""


@dataclass(frozen=True)
class Principal:
    """Tenant, business and subject as they are signed. `business` is empty where no claim is mapped to it."""

    tenant: str
    business: str
    subject: str

    def key(self) -> str:
        """One text for each principal; no two share one."""
        return json.dumps([self.tenant, self.business, self.subject])


@dataclass(frozen=True)
class ClaimMapping:
    """Which claims make a principal, and which tenants there are.

    tenant, business, subject   where the claim stands: the names of the objects down to it; None: there is no such claim
    tenants                     splitplane's tenant by the value of the claim
    """

    tenant: tuple[str, ...]
    business: tuple[str, ...] | None
    subject: tuple[str, ...]
    tenants: Mapping[str, str]

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The principal of verified claims. Raises UnknownPrincipal."""
        claimed = _claim(claims, self.tenant)
        if claimed not in self.tenants:
            raise UnknownPrincipal(f"the tenant of claim {_shown(self.tenant)} is not in [tenants]")
        return Principal(
            tenant=self.tenants[claimed],
            business="" if self.business is None else _claim(claims, self.business),
            subject=_claim(claims, self.subject),
        )


def is_id(value: str) -> bool:
    """Whether splitplane takes the text for an id that is not empty: a signature must tell it from every other."""
    if not value or value != value.strip() or "  " in value or "*" in value:
        return False
    try:
        if len(value.encode()) > MAX_ID_BYTES:
            return False
    except UnicodeEncodeError:
        return False
    return all(letter == " " or unicodedata.category(letter)[0] not in "CZ" for letter in value)


def _shown(path: tuple[str, ...]) -> str:
    return ".".join(path)


def _claim(claims: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value: Any = claims
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            raise UnknownPrincipal(f"there is no claim {_shown(path)}")
        value = value[name]
    # Some providers number their organisations.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not is_id(value):
        raise UnknownPrincipal(f"claim {_shown(path)} is no id that splitplane takes")
    return value
