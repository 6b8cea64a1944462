"""msgraph-sdk reads a mailbox by the delta of each folder and stores nothing: what mailmine is compared with for Graph."""

import argparse
import asyncio
from typing import Any

import httpx
import requests
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.headers_collection import HeadersCollection
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_request_builder import (
    DeltaRequestBuilder,
)
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory

from bench.measure import cost_of, report
from bench.server import APP, PASSWORD, TENANT
from mailmine.exchange.graph.messages import SELECT
from mailmine.exchange.graph.reader import MOST_CHANGES


def token(address: str) -> str:
    """Get a token, as any client does."""
    form = {
        "grant_type": "client_credentials",
        "client_id": APP,
        "client_secret": PASSWORD,
        "scope": "https://graph.microsoft.com/.default",
    }
    answer = requests.post(f"{address}/{TENANT}/oauth2/v2.0/token", data=form, timeout=30)
    return str(answer.json()["access_token"])


async def read(address: str, mailbox: str) -> int:
    """Read all messages, with the properties that mailmine asks for, as many a page."""
    headers = {"Authorization": f"Bearer {token(address)}"}
    async with httpx.AsyncClient(headers=headers, timeout=120) as plain:
        client = GraphClientFactory.create_with_default_middleware(client=plain)
        adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=client)
        adapter.base_url = f"{address}/v1.0"
        graph: Any = GraphServiceClient(request_adapter=adapter)
        user = graph.users.by_user_id(mailbox)
        query = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=SELECT.split(","))
        wanted = HeadersCollection()
        wanted.add("Prefer", f'IdType="ImmutableId", odata.maxpagesize={MOST_CHANGES}')
        asked: Any = RequestConfiguration(query_parameters=query, headers=wanted)
        following: Any = RequestConfiguration(headers=wanted)
        count = 0
        for folder in (await user.mail_folders.delta.get()).value:
            delta = user.mail_folders.by_mail_folder_id(folder.id).messages.delta
            page = await delta.get(request_configuration=asked)
            while page is not None:
                count += len(page.value)
                link = page.odata_next_link
                page = (
                    await delta.with_url(link).get(request_configuration=following)
                    if link
                    else None
                )
    return count


def main() -> None:
    """Read one mailbox and report the cost."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("mailbox")
    given = arguments.parse_args()
    report(cost_of(lambda: asyncio.run(read(given.address, given.mailbox))))


if __name__ == "__main__":
    main()
