"""What was noted of how much is kept is looked at behind every test that keeps something: it is what one counts."""

from mailmine.store import amounts
from mailmine.store.database import Database


def are_right(database: Database) -> bool:
    """Count everything that a test left."""
    with database.write() as tx:
        return amounts.recount(tx) == 0
