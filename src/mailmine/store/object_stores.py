"""Object stores of others: S3 and what speaks like it, Azure, Google. How one is opened, and what its errors mean.

Credentials, endpoint and encryption come from the variables that the tools of each store read (docs/cluster.md).
"""

import os
import re
from datetime import timedelta
from typing import Any, Final

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from mailmine.store.errors import StoreError

STORES: Final[dict[str, Any]] = {"s3": S3Store, "az": AzureStore, "gs": GCSStore}
"""By the scheme of an address. Their options differ in type, not in name."""

CONNECT = timedelta(seconds=5)
SILENCE = timedelta(seconds=30)
"""How long a store may say nothing; a content of any size may take as long as it takes."""
REQUEST = timedelta(minutes=10)
PATIENCE = timedelta(seconds=20)
"""How long a request is tried again: whoever asks has a way of his own to try later."""
BACKOFF: Final = {
    "init_backoff": timedelta(milliseconds=100),
    "max_backoff": timedelta(seconds=5),
    "base": 2,
}

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_ENDPOINT")

_IS_ENDPOINT = re.compile(r"https?://[^/]", re.IGNORECASE)

_REQUEST = re.compile(
    r"Error performing (?:token request: )?.*? in [\d.]+\S*?s\b[^-]*- ", re.DOTALL
)
_STATUS = re.compile(r"Server returned \S+ status code: (\d{3} [\w ]+)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_CAUSE = re.compile(r'message: "([^"<]+)"')

_ABSENT: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")


def is_address(place: str) -> bool:
    """Tell whether a place is in an object store, and not a folder."""
    return "://" in place and place.partition("://")[0] in STORES


def open_store(address: str) -> ObjectStore:
    """Open `s3://bucket/prefix`, `az://container/prefix` or `gs://bucket/prefix`; asks nothing of it yet.

    Raises StoreError where the address or a variable is wrong.
    """
    scheme = address.partition("://")[0]
    config: dict[str, Any] = {}
    if scheme == "s3" and "AWS_CHECKSUM_ALGORITHM" not in os.environ:
        config["checksum_algorithm"] = "SHA256"  # the store keeps it, and checks what arrives by it
    endpoints = [os.environ.get(name, "") for name in _ENDPOINTS]
    for name, each in zip(_ENDPOINTS, endpoints, strict=True):
        if each and not _IS_ENDPOINT.match(each):  # the library below would panic
            raise StoreError(
                f"{name} is no address of an object store: write http://… or https://…."
            )
    options: dict[str, Any] = {"connect_timeout": CONNECT, "read_timeout": SILENCE}
    options["timeout"] = REQUEST
    # Whoever writes http:// into an endpoint means it.
    options["allow_http"] = any(each.startswith("http://") for each in endpoints)
    try:
        store: ObjectStore = STORES[scheme].from_url(
            address,
            config=config,
            client_options=options,
            retry_config={"max_retries": 5, "retry_timeout": PATIENCE, "backoff": BACKOFF},
        )
    except (BaseError, ValueError) as error:
        raise StoreError(f"{address} cannot be used for contents: {reason(error)}.") from error
    return store


def reason(error: BaseException) -> str:
    """Say in words what an error of a store means: without the request, which names keys of it."""
    text = str(error).strip()
    code = next(iter(_CODE.findall(text)), "")
    if any(absent in text for absent in _ABSENT):
        return "there is no such bucket, or no such container"
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        said = code or next(iter(_STATUS.findall(text)), "it says no")
        return (
            f"the store does not let us ({said}): look at the credentials and at what they may do"
        )
    first = (text.splitlines() or [type(error).__name__])[0]
    said = _REQUEST.sub("", first).removeprefix("Generic ").strip()
    if "HTTP error" in said:
        cause = next(iter(_CAUSE.findall(text)), "")
        return f"the store cannot be reached ({cause or said}): look at the endpoint"
    return f"{said} ({code})" if code and code not in said else said
