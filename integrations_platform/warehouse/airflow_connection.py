"""A Snowflake connection as Airflow keeps it in AIRFLOW_CONN_…, read into the settings of this platform.

Understands both forms, the URI and the JSON, with what Airflow's Snowflake provider takes from either
(https://airflow.apache.org/docs/apache-airflow-providers-snowflake/stable/connections/snowflake.html).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integrations_platform.warehouse.errors import WarehouseError

_PREFIX = "extra__snowflake__"
_TAKEN = {
    "account": "account", "warehouse": "warehouse", "role": "role", "authenticator": "authenticator",
    "host": "host", "port": "port", "protocol": "protocol", "token": "token", "region": "region",
    "private_key_file": "private_key", "private_key_content": "private_key",
}  # fmt: skip


def read_airflow_connection(text: str) -> dict[str, str]:
    """Settings by the names of the `warehouse:` section. Raises WarehouseError, without any of the text."""
    said = _of_json(text) if text.lstrip().startswith("{") else _of_uri(text)
    extra = {name.removeprefix(_PREFIX): value for name, value in said.pop("extra").items()}
    found = {ours: str(extra[theirs]) for theirs, ours in _TAKEN.items() if extra.get(theirs) not in (None, "")}
    if content := extra.get("private_key_content"):
        found["private_key"] = _plain_key(str(content))
    if said.get("login"):
        found["user"] = str(said["login"])
    if said.get("password"):
        # Airflow's one password field is the passphrase where there is a key.
        found["private_key_passphrase" if "private_key" in found else "password"] = str(said["password"])
    region = found.pop("region", "")
    if region and "account" in found and "." not in found["account"]:
        found["account"] = f"{found['account']}.{region}"
    if "account" not in found:
        raise _unusable("names no account; it belongs into the extra field `account`")
    return found


def _of_json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
        extra = said.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        if isinstance(extra.get("__extra__"), str):
            extra = {**json.loads(extra["__extra__"]), **extra}
    except (ValueError, AttributeError, TypeError):
        raise _unusable("is no JSON object with an `extra` object") from None
    if str(said.get("conn_type", "")).lower() != "snowflake":
        raise _unusable("is not of conn_type snowflake")
    return {"login": said.get("login"), "password": said.get("password"), "extra": dict(extra)}


def _of_uri(text: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text.strip())
        extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
        login, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        if "__extra__" in extra:
            extra |= json.loads(extra["__extra__"])
    except ValueError:
        raise _unusable("is neither JSON nor a URI") from None
    if parts.scheme.lower() != "snowflake":
        raise _unusable("is no snowflake:// URI and no JSON object")
    return {"login": login, "password": password, "extra": extra}


def _plain_key(text: str) -> str:
    """Newer providers want the PEM text in base64, older ones as it is."""
    if "-----BEGIN" in text:
        return text
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text
    return decoded if "-----BEGIN" in decoded else text


def _unusable(what: str) -> WarehouseError:
    remedy = "write it as in Airflow's documentation, or use the SNOWFLAKE_… variables"
    return WarehouseError(f"the Airflow connection (AIRFLOW_CONN_SNOWFLAKE) {what}; {remedy}")


def secrets_in(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Values of a connection that must never be seen."""
    hidden = ("private_key", "private_key_passphrase", "password", "token")
    return tuple(settings[name] for name in hidden if settings.get(name))
