"""A copy made as docs/operations.md says, while the original is written to, is whole."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from mailmine.store import comments, search
from mailmine.store.database import Database
from tests.contract import store_world
from tests.contract.store_world import NOW, comment
from tests.integration.cli.test_commands import mailmine

COMMENTS = 200


def test_a_copy_of_a_database_in_use(tmp_path: Path) -> None:
    data, restored = tmp_path / "mailmine-data", tmp_path / "restored"
    assert mailmine("user", "add", "ann", folder=tmp_path).returncode == 0
    database = Database.open(f"sqlite:///{data / 'mailmine.db'}")
    with database.write() as tx:
        world = store_world.build(tx)
    half = threading.Event()

    def write() -> None:
        for number in range(COMMENTS):
            with database.write() as tx:
                row = comment(f"{number}", f"Letter number{number}", at=NOW)
                comments.put(tx, world.source.id, [row], at=NOW)
            if number == COMMENTS // 2:
                half.set()

    writer = threading.Thread(target=write)
    writer.start()
    half.wait()
    restored.mkdir()
    with closing(sqlite3.connect(data / "mailmine.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(restored / "mailmine.db"),))
    shutil.copy(data / "secret.key", restored)
    writer.join()
    database.close()

    copy = Database.open(f"sqlite:///{restored / 'mailmine.db'}")
    with copy.write() as tx:
        found = comments.count(tx, world.source.id)
        assert COMMENTS // 2 < found <= COMMENTS
        for number in (0, COMMENTS // 2):
            hits = search.find(tx, world.source.id, f"number{number}", before=None, limit=10)
            assert len(list(hits)) == 1
        comments.put(tx, world.source.id, [comment("later", "Something further")], at=NOW)
        assert len(list(search.find(tx, world.source.id, "further", before=None, limit=10))) == 1
    copy.close()
    said = mailmine("status", "--data", "restored", folder=tmp_path)
    assert "support@acme.example" in said.stdout, said.stderr
    assert "ann" in mailmine("user", "list", "--data", "restored", folder=tmp_path).stdout
