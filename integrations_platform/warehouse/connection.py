"""How Snowflake is reached: settings become the arguments of the vendor's connector.

Owns the choice between key pair, token and password, and the reading of private keys. It connects to nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations_platform.settings_warehouse import WarehouseSettings
from integrations_platform.warehouse.airflow_connection import read_airflow_connection, secrets_in
from integrations_platform.warehouse.errors import WarehouseError

_LOGIN_SECONDS = 60
_NETWORK_SECONDS = 300
"""Until a request that finds no server is given up; a statement that runs is waited for."""


def connection_settings(settings: WarehouseSettings) -> dict[str, str]:
    """What is set, by name, variables filled in: the section's own values over those of the Airflow connection.

    Raises SettingsError, and WarehouseError naming what is missing.
    """
    own = {name: text.resolve().strip() for name, text in settings.connection.items()}
    airflow = own.pop("airflow_connection", "")
    found = {
        **(read_airflow_connection(airflow) if airflow else {}),
        **{name: text for name, text in own.items() if text},
    }
    missing = [name for name in ("account", "user") if name not in found]
    if found.get("authenticator", "").lower() in ("oauth", "workload_identity"):
        missing = [name for name in missing if name != "user"]
    if not {"private_key", "password", "token"} & set(found) and "authenticator" not in found:
        missing.append("private_key")
    if missing:
        said = ", ".join(f"warehouse.{name} (SNOWFLAKE_{name.upper()})" for name in missing)
        raise WarehouseError(f"Snowflake cannot be reached without {said}; or set AIRFLOW_CONN_SNOWFLAKE")
    return found


def connector_arguments(found: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of ``snowflake.connector.connect``. Raises WarehouseError for a private key that cannot be read."""
    arguments: dict[str, Any] = {
        name: found[name]
        for name in ("account", "user", "role", "warehouse", "host", "protocol", "authenticator", "token")
        if name in found
    }
    if "port" in found:
        if not found["port"].isdecimal():
            raise WarehouseError("warehouse.port is no number")
        arguments["port"] = int(found["port"])
    if "private_key" in found:
        arguments["private_key"] = private_key(found["private_key"], found.get("private_key_passphrase"))
        arguments.setdefault("authenticator", "SNOWFLAKE_JWT")
    elif "password" in found:
        arguments["password"] = found["password"]
    return {
        **arguments,
        "application": "integrations_platform",
        "login_timeout": _LOGIN_SECONDS,
        "network_timeout": _NETWORK_SECONDS,
        "paramstyle": "qmark",
        "autocommit": True,
    }


def private_key(text: str, passphrase: str | None) -> bytes:
    """A private key as the connector takes it, DER without encryption. ``text``: PEM, DER in base64, or a path.

    Raises WarehouseError, which shows nothing of it.
    """
    from cryptography.hazmat.primitives import serialization

    secret = passphrase.encode() if passphrase else None
    try:
        if "-----BEGIN" in text:
            # A variable often holds a PEM with its line ends written out.
            key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), secret)
        elif "\n" not in text and len(text) < 1000 and Path(text).expanduser().is_file():
            raw = Path(text).expanduser().read_bytes()
            pem = raw.lstrip().startswith(b"-----BEGIN")
            key = (serialization.load_pem_private_key if pem else serialization.load_der_private_key)(raw, secret)
        else:
            key = serialization.load_der_private_key(base64.b64decode(text, validate=True), secret)
    except (ValueError, TypeError, binascii.Error, OSError):
        remedy = "give the PEM text or a path to it, and the passphrase if it is encrypted"
        raise WarehouseError(f"warehouse.private_key cannot be read; {remedy}") from None
    der: bytes = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return der


__all__ = ["connection_settings", "connector_arguments", "private_key", "secrets_in"]
