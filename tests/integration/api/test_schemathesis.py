"""A stranger reads the description of the API and tries what it says: no answer is a surprise, none is our fault."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from mailmine.api import app as api
from mailmine.api.readiness import Readiness
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api.conftest import KEYRING
from tests.integration.api.town import NOON, Town

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    unsupported_method,
]


APP = api.create(cast("Database", None), Blobs.in_memory(), KEYRING, clock=lambda: NOON)
schema = schemathesis.openapi.from_asgi("/api/openapi.json", APP)


@pytest.fixture(scope="module")
def token(
    pattern: tuple[Path, Blobs, Town], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Put a town behind it, which is left in whatever state."""
    path, blobs, sales = pattern
    copy = tmp_path_factory.mktemp("tried") / path.name
    copy.write_bytes(path.read_bytes())
    database = Database.open(f"sqlite:///{copy}")
    readiness = Readiness(database, blobs, lambda: NOON)
    APP.state.services = replace(
        APP.state.services, database=database, blobs=blobs, readiness=readiness
    )
    yield sales.tokens["root"]
    database.close()


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_described(case: Any, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
