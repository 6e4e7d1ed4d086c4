"""The resource of dagster-snowflake, made from the settings of this platform, for assets of your own.

The platform's loads do not use it (see :mod:`integrations_platform.warehouse.snowflake`); it reaches the same account,
by the same key, with the same role.
"""

from typing import TYPE_CHECKING, Any

from integrations_platform.settings import Settings

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource

_OWN = ("account", "user", "password", "role", "warehouse", "authenticator")


def snowflake_resource(settings: Settings, **more: Any) -> "SnowflakeResource":
    """The resource; ``more`` are arguments of its own, such as ``database``. Ten seconds of CPU when first called.

    Raises SettingsError, WarehouseError.
    """
    import base64

    from dagster_snowflake import SnowflakeResource

    from integrations_platform.warehouse.connection import connection_settings, connector_arguments

    arguments = connector_arguments(connection_settings(settings.warehouse))
    known = {name: arguments[name] for name in _OWN if name in arguments}
    if "private_key" in arguments:
        # The resource wants PEM in base64, and says so in its own way.
        known["private_key"] = base64.b64encode(_pem(arguments["private_key"])).decode()
    others: dict[str, Any] = {
        name: arguments[name] for name in ("host", "port", "protocol", "token") if name in arguments
    }
    others |= more.pop("additional_snowflake_connection_args", {})
    return SnowflakeResource(**known, **more, additional_snowflake_connection_args=others or None)


def _pem(der: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_der_private_key(der, None)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)
