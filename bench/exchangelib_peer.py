"""exchangelib reads a mailbox and stores nothing: what mailmine is compared with.

`mended` lets it take its answers in pieces of 256 KiB instead of single bytes: as shipped it iterates over a
response with requests' default of one byte at a time (services/common.py), which holds it to 8-9 MB/s.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import requests
from exchangelib import (
    DELEGATE,
    Account,
    BaseProtocol,
    Configuration,
    Credentials,
    FaultTolerance,
    Version,
)
from exchangelib.version import EXCHANGE_2016

from bench.measure import cost_of, report

PROPERTIES = (
    "subject",
    "message_id",
    "in_reply_to",
    "references",
    "sender",
    "author",
    "to_recipients",
    "cc_recipients",
    "bcc_recipients",
    "reply_to",
    "datetime_sent",
    "datetime_received",
    "headers",
    "body",
    "attachments",
    "importance",
    "sensitivity",
    "categories",
    "size",
    "is_read",
    "is_draft",
    "has_attachments",
    "conversation_id",
    "conversation_topic",
    "item_class",
)
"""What mailmine asks for."""


def mend() -> None:
    """Give requests a sensible default for the size of a piece."""
    original = requests.Response.iter_content

    def iter_content(
        self: requests.Response,
        chunk_size: int = 1 << 18,
        decode_unicode: Any = False,  # noqa: FBT002 - its signature
    ) -> Iterator[bytes]:
        return original(self, chunk_size, decode_unicode)

    requests.Response.iter_content = iter_content  # type: ignore[assignment]


def main() -> None:
    """Read one mailbox and report the cost."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("mailbox")
    arguments.add_argument("--mended", action="store_true")
    arguments.add_argument("--mime", action="store_true", help="the MIME as well as the properties")
    given = arguments.parse_args()
    if given.mended:
        mend()
    BaseProtocol.TIMEOUT = 300
    account = Account(
        given.mailbox,
        config=Configuration(
            service_endpoint=f"{given.address}/EWS/Exchange.asmx",
            credentials=Credentials("bench@example.com", "bench"),
            auth_type="basic",
            version=Version(EXCHANGE_2016),
            retry_policy=FaultTolerance(max_wait=30),
        ),
        autodiscover=False,
        access_type=DELEGATE,
    )
    fields = (*PROPERTIES, "mime_content") if given.mime else PROPERTIES

    def read() -> int:
        ids = [item for _, item in account.inbox.sync_items(only_fields=["id", "changekey"])]
        return sum(
            1 for _ in account.fetch(ids, folder=account.inbox, only_fields=fields, chunk_size=100)
        )

    report(cost_of(read))


if __name__ == "__main__":
    main()
