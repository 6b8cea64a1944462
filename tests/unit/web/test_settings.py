"""The settings of the installation, and the backup that is taken away there."""

import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import html

from mailmine.access import credentials
from mailmine.access.permissions import GlobalPermission
from mailmine.access.secrets import Keyring
from mailmine.store import events, integrations, users
from mailmine.store.database import Database
from mailmine.web import licences
from tests.browser.server import Served
from tests.unit.web.conftest import SignIn


async def test_an_administrator_sees_what_was_set(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    async with ann.get("/settings") as answer:
        page: Any = html.fromstring(await answer.text())
    text = page.text_content()
    assert str(served.database.path) in text
    assert "SQLite" in text
    assert "aiohttp" in text


async def test_others_do_not(sign_in: SignIn) -> None:
    for name in ("ben", "eve"):
        session = await sign_in(name)
        async with session.get("/settings") as answer:
            assert answer.status == 403


async def test_a_secret_that_no_key_opens_is_named(served: Served, sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    with served.database.write() as tx:
        one = integrations.list_all(tx)[0]
        credentials.put(tx, Keyring.generate(), one.id, "pw", at=datetime.now(UTC))
    async with ann.get("/settings") as answer:
        page: Any = html.fromstring(await answer.text())
    (notice,) = page.find_class("is-trouble")
    assert f"{one.project}/{one.name}" in notice.text_content()
    with served.database.write() as tx:
        credentials.forget(tx, one.id)


async def test_a_backup_is_one_moment_of_the_database(
    served: Served, sign_in: SignIn, tmp_path: Path
) -> None:
    ann = await sign_in("ann")
    async with ann.get("/settings") as answer:
        page: Any = html.fromstring(await answer.text())
    (form,) = page.xpath("//form[contains(@action, 'backup')]")
    hidden = {one.get("name"): one.get("value") for one in form.xpath(".//input")}
    async with ann.post(form.get("action"), data=hidden) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="mailmine-')
        assert answer.headers["Cache-Control"] == "no-store"
        (tmp_path / "copy.db").write_bytes(await answer.read())
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (kind,) = copy.execute("SELECT kind FROM events ORDER BY id DESC LIMIT 1").fetchone()
    assert kind == "backup_downloaded"
    assert served.database.path is not None
    assert list(served.database.path.parent.glob(".backup-*")) == []


def test_a_backup_that_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    left, journal, running, other = (
        tmp_path / name
        for name in (".backup-a.db", ".backup-a.db-journal", ".backup-b.db", "backup-c.db")
    )
    for file in (left, journal, running, other):
        file.write_bytes(b"half of a copy")
    long_ago = time.time() - 2 * 3600
    for file in (left, journal, other):
        os.utime(file, (long_ago, long_ago))
    Database.open(f"sqlite:///{tmp_path / 'mailmine.db'}").close()
    assert sorted(tmp_path.iterdir()) == [running, other]


async def test_a_backup_is_for_who_may_do_everything(served: Served, sign_in: SignIn) -> None:
    with served.database.write() as tx:
        somebody = users.add(
            tx,
            username="tess",
            email="",
            password_hash=None,
            global_permissions=frozenset({GlobalPermission.TENANT_ADMIN}),
            project_permissions={},
        )
    tess = await sign_in("tess")
    async with tess.get("/settings") as answer:
        assert answer.status == 200
        page: Any = html.fromstring(await answer.text())
    assert page.xpath("//form[contains(@action, 'backup')]") == []
    proof = page.xpath("//form[@class='person']/input/@value")[0]
    name = page.xpath("//form[@class='person']/input/@name")[0]
    async with tess.post("/settings/backup", data={name: proof}) as answer:
        assert answer.status == 403
    with served.database.read() as tx:
        told = events.page(tx, before=None, limit=5)
    assert [one.kind for one in told if one.user_id == somebody.id] == []


async def test_a_backup_needs_the_form_of_the_page(sign_in: SignIn) -> None:
    ann = await sign_in("ann")
    async with ann.post("/settings/backup", data={}) as answer:
        assert answer.status == 400


def test_licences_are_those_of_what_it_runs_on() -> None:
    found = {one.name.lower(): one for one in licences.packages()}
    assert found["aiohttp"].licence
    assert "mypy" not in found
    assert "playwright" not in found
    assert all(one.version for one in found.values())
