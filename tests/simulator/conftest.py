"""What the simulator's tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange_simulator import Exchange, Mailbox, Version
from tests.simulator.client import Client
from tests.simulator.schema import Validator, version_of


@pytest.fixture(scope="session")
def validator(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Validator | None:
    folder = shared / "schema"
    return Validator(folder, tmp_path_factory.mktemp("schema")) if folder.is_dir() else None


@pytest.fixture
def make_exchange(validator: Validator | None) -> Iterator[Callable[..., Exchange]]:
    """Make exchanges whose every request and answer is held against the schema."""
    wrong: list[str] = []
    made: list[Exchange] = []

    def watch(request: bytes, answer: bytes, version: Version) -> None:
        assert validator is not None
        del version
        name = version_of(request)
        is_refused = b"ErrorSchemaValidation" in answer
        for envelope in (answer,) if is_refused else (request, answer):
            try:
                validator.check(envelope, name)
            except (AssertionError, SyntaxError) as error:
                wrong.append(str(error))

    def make(version: str = "Exchange2016", **options: Any) -> Exchange:
        exchange = Exchange(version=version, **options)
        if validator is not None:
            exchange.on_exchange.append(watch)
        made.append(exchange)
        return exchange

    yield make
    for exchange in made:
        exchange.close()
    assert not wrong, "\n".join(wrong[:3])


@pytest.fixture
def exchange(make_exchange: Callable[..., Exchange]) -> Exchange:
    return make_exchange()


@pytest.fixture
def bob(exchange: Exchange) -> Mailbox:
    exchange.account("bob@example.com")
    return exchange.mailbox("bob@example.com", name="Bob")


@pytest.fixture
def client(exchange: Exchange, bob: Mailbox) -> Iterator[Client]:
    """Bob's own client."""
    with exchange.serve() as address:
        yield Client(address, bob.address)
