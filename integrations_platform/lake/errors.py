"""What can be wrong with a lake, in words that name dataset, date, file and remedy.

Owns the table from the stores' answers to those words. Messages carry the store's own code and reason but no address
with a query string and no debug text, because a SAS token or a key may stand in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum


class Trouble(StrEnum):
    """What kind of error it is. Only ``UNAVAILABLE`` may pass by itself."""

    CONFIGURATION = "configuration"
    DENIED = "denied"
    MISSING = "missing"
    DAMAGED = "damaged"
    MIXED = "mixed"
    CHANGED = "changed"  # while it was read, or since its manifest was written
    CONTENDED = "contended"  # another writer was faster
    REFUSED = "refused"  # what was asked for is never done
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Place:
    """Where in the lake something is; empty parts are not shown."""

    dataset: str = ""
    day: date | None = None
    file: str = ""

    def __str__(self) -> str:
        parts = [f"dataset {self.dataset}"] if self.dataset else []
        parts += [self.day.isoformat()] if self.day else []
        parts += [f"file {self.file}"] if self.file else []
        return ", ".join(parts) or "the lake"

    def at(self, file: str) -> Place:
        """The same partition, at one file."""
        return replace(self, file=file)


class LakeError(Exception):
    """Something is wrong with the lake; ``str()`` names the place, what is wrong and what to do, and no secret."""

    def __init__(self, trouble: Trouble, place: Place, what: str, remedy: str = "") -> None:
        super().__init__(f"{place}: {what}" + (f"; {remedy}" if remedy else ""))
        self.trouble, self.place, self.what, self.remedy = trouble, place, what, remedy


_KEYS = "renew the keys or the SAS token under lake.options"
_RIGHTS = "grant the key list, read, write and delete on this prefix, or use one that has them"
_BUCKET = "create it, or correct lake.url"
_SERVER = "check endpoint, region and network; run again when the store answers"

_CODES: dict[str, tuple[Trouble, str, str]] = {
    "NoSuchBucket": (Trouble.CONFIGURATION, "the bucket does not exist", _BUCKET),
    "ContainerNotFound": (Trouble.CONFIGURATION, "the container does not exist", _BUCKET),
    "PermanentRedirect": (Trouble.CONFIGURATION, "the bucket is in another region", "set lake.options.region"),
    "AuthorizationHeaderMalformed": (Trouble.CONFIGURATION, "the region is wrong", "set lake.options.region"),
    "InvalidAccessKeyId": (Trouble.DENIED, "the store does not know the access key", _KEYS),
    "SignatureDoesNotMatch": (Trouble.DENIED, "the secret key does not fit the access key", _KEYS),
    "ExpiredToken": (Trouble.DENIED, "the temporary keys have expired", _KEYS),
    "InvalidToken": (Trouble.DENIED, "the session token is not valid", _KEYS),
    "RequestTimeTooSkewed": (Trouble.DENIED, "the clock of this machine is wrong", "set the clock"),
    "AuthenticationFailed": (Trouble.DENIED, "the account key or SAS token is wrong or has expired", _KEYS),
    "AuthorizationFailure": (Trouble.DENIED, "the store refuses the credentials", f"{_KEYS}; or {_RIGHTS}"),
    "AuthorizationPermissionMismatch": (Trouble.DENIED, "the credentials may not do this", _RIGHTS),
    "AccessDenied": (Trouble.DENIED, "the credentials may not do this", _RIGHTS),
    "BlobArchived": (Trouble.REFUSED, "the file is archived", "bring it back to an online tier first"),
    "InvalidObjectState": (Trouble.REFUSED, "the file is archived", "restore it first"),
}
"""Codes of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) and of Azure Blob Storage
(https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes)."""

_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)")
_QUERY = re.compile(r"\?\S*")
_LONGEST = 300


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Errors of a store inside the block as :class:`LakeError` about ``place``."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError, NotImplementedError) as fault:
        raise translated(fault, place) from None  # the original's text may hold a signed address


def translated(fault: BaseException, place: Place) -> LakeError:
    """A store's error in words."""
    from obstore import exceptions

    text = str(fault)
    code = _CODE.search(text)
    if code and code[1] in _CODES:
        trouble, what, remedy = _CODES[code[1]]
        return LakeError(trouble, place, f"{what} ({_reason(text)})", remedy)
    if isinstance(fault, FileNotFoundError):
        return LakeError(Trouble.MISSING, place, "is not in the lake", "was it deleted? write the partition again")
    if isinstance(fault, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return LakeError(Trouble.DENIED, place, f"the store refuses the credentials ({_reason(text)})", _RIGHTS)
    if isinstance(fault, exceptions.PreconditionError | exceptions.AlreadyExistsError):
        return LakeError(Trouble.CHANGED, place, "was changed by somebody else meanwhile", "run again")
    return LakeError(Trouble.UNAVAILABLE, place, f"the store failed ({_reason(text)})", _SERVER)


def _reason(text: str) -> str:
    """The store's own words: code and message of its answer, else the first line without query strings."""
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if code:
        said = f"{code[1]}: {message[1]}" if message and message[1] else code[1]
    else:
        said = (text.strip().splitlines() or ["no reason given"])[0]
    return _QUERY.sub("?…", " ".join(said.split()))[:_LONGEST]
