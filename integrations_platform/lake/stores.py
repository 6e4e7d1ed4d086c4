"""Opening the store behind an address with the options of the environment.

The one place that hands secrets to obstore. Nothing is asked of the network here, and the metadata service of the
machine is never asked unless `machine_identity: yes` says so: without credentials obstore would, for a long time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obstore.store import AzureStore, LocalStore, MemoryStore, S3Store

from integrations_platform.lake.address import Address
from integrations_platform.lake.errors import LakeError, Place, Trouble, explained

Store = S3Store | AzureStore | LocalStore | MemoryStore

_CLIENT = {"timeout": "300s", "connect_timeout": "5s"}  # a file of 250 MB on a slow line takes minutes
_RETRY: Any = {"max_retries": 4}  # with waits that double from 0.1 s; a run that still fails is tried again as a whole


def open_store(address: Address, options: Mapping[str, str]) -> Store:
    """The store at ``address``; ``options`` are those of the environment, resolved, empty ones meaning not given.

    A folder is made when it is not there. Raises LakeError naming the options that are missing.
    """
    given = {name: text for name, text in options.items() if text}
    if address.kind == "memory":
        return MemoryStore()
    if address.kind == "file":
        try:
            Path(address.prefix).mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            what = f"the folder {address.prefix} cannot be made ({fault.strerror})"
            raise LakeError(Trouble.CONFIGURATION, Place(), what, "correct lake.url or its rights") from None
        with explained(Place()):
            return LocalStore(address.prefix)
    endpoint = given.get("endpoint", "")
    client: Any = _CLIENT | ({"allow_http": True} if endpoint.startswith("http://") else {})
    with explained(Place()):
        if address.kind == "s3":
            return S3Store(
                address.bucket,
                prefix=address.prefix or None,
                client_options=client,
                retry_config=_RETRY,
                config=_s3(given),
            )
        return AzureStore(
            address.bucket,
            prefix=address.prefix or None,
            client_options=client,
            retry_config=_RETRY,
            config=_azure(address, given),
        )


def _s3(given: Mapping[str, str]) -> Any:
    config: dict[str, Any] = {"region": given.get("region", "us-east-1")}
    for name in ("endpoint", "access_key_id", "secret_access_key", "session_token"):
        if name in given:
            config[name] = given[name]
    if _said(given, "anonymous"):
        config["skip_signature"] = True
    elif not {"access_key_id", "secret_access_key"} <= set(given) and not _said(given, "machine_identity"):
        raise _no_credentials("access_key_id and secret_access_key")
    return config


def _azure(address: Address, given: Mapping[str, str]) -> Any:
    config: dict[str, Any] = {"account_name": address.account}
    names = {
        "endpoint": "endpoint",
        "account_key": "account_key",
        "sas_token": "sas_token",
        "tenant_id": "authority_id",
        "client_id": "client_id",
        "client_secret": "client_secret",
    }
    for name, theirs in names.items():
        if name in given:
            config[theirs] = given[name]
    principal = {"tenant_id", "client_id", "client_secret"} <= set(given)
    if _said(given, "anonymous"):
        config["skip_signature"] = True
    elif not principal and not {"account_key", "sas_token"} & set(given) and not _said(given, "machine_identity"):
        raise _no_credentials("account_key, sas_token, or tenant_id with client_id and client_secret")
    return config


def _said(given: Mapping[str, str], name: str) -> bool:
    word = given.get(name, "no").lower()
    if word not in ("yes", "no", "true", "false"):
        raise LakeError(Trouble.CONFIGURATION, Place(), f"lake.options.{name} is neither yes nor no", "write yes or no")
    return word in ("yes", "true")


def _no_credentials(needed: str) -> LakeError:
    remedy = f"give lake.options {needed}, or machine_identity: yes, or anonymous: yes for a public bucket"
    return LakeError(Trouble.CONFIGURATION, Place(), "there are no credentials for this store", remedy)
