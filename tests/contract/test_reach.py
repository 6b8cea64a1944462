"""What integrations are reached with is had for many at once, and one that cannot be opened keeps no other."""

from dataclasses import replace

from mailmine.access import credentials
from mailmine.access.secrets import Keyring, SecretsError
from mailmine.model.reach import Reach
from mailmine.store import integrations
from mailmine.store.database import Database
from tests.contract.store_world import NOW, build


def test_each_is_reached_with_its_own(database: Database) -> None:
    ours, others = Keyring.generate(), Keyring.generate()
    with database.write() as tx:
        world = build(tx)
        connection = replace(
            world.integration.connection, proxy="http://proxy.example:3128", proxy_username="ann"
        )
        given, none, sealed = (
            integrations.save(tx, world.project.id, name, title=name, connection=connection)
            for name in ("given", "none", "sealed")
        )
        credentials.put(tx, ours, given.id, "secret", at=NOW)
        credentials.put(tx, ours, given.id, "underway", at=NOW, name=credentials.PROXY)
        credentials.put(tx, others, sealed.id, "secret", at=NOW)
    with database.read() as tx:
        found = credentials.reach(tx, (given, none, sealed), keyring=ours)
        assert found[given.id] == Reach(
            connection=credentials.connection_of(tx, ours, given), secret="secret"
        )
        assert found[none.id] == Reach(
            connection=credentials.connection_of(tx, ours, none), secret=""
        )
        assert isinstance(found[sealed.id], SecretsError)
        assert credentials.reach(tx, (), keyring=ours) == {}
    reached = found[given.id]
    assert isinstance(reached, Reach)
    assert "underway" in str(reached.connection.proxy)
