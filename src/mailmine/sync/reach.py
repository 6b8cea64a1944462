"""What integrations are reached with, for many at once."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import Connection as Transaction

from mailmine.model.ids import IntegrationId
from mailmine.model.integration import Integration
from mailmine.model.reach import Reach

Reached = Mapping[IntegrationId, Reach | Exception]
"""What integrations are reached with; an error in its place says why it cannot be had."""
Reaches = Callable[[Transaction, Collection[Integration]], Reached]
"""Gives it."""


def by_secret(secret_of: Callable[[Integration], str]) -> Reaches:
    """Reach each integration with its connection as it is, and a secret from elsewhere; what is raised stands in its place."""

    def reaches(
        tx: Transaction, integrations: Collection[Integration]
    ) -> dict[IntegrationId, Reach | Exception]:
        del tx
        found: dict[IntegrationId, Reach | Exception] = {}
        for one in integrations:
            try:
                found[one.id] = Reach(connection=one.connection, secret=secret_of(one))
            except Exception as error:  # noqa: BLE001 - whatever keeps it from us is told to a person
                found[one.id] = error
        return found

    return reaches
