import ast
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from lxml import html
from sqlalchemy import text
from yarl import URL

from mailmine.access import sessions
from mailmine.store import comments, sources, users
from mailmine.web import language, words
from mailmine.web.asked import Asked
from mailmine.web.language import ENGLISH, Language, choose, load, speak
from tests.browser.server import Served, serving_company
from tests.unit.web import unmarked
from tests.unit.web.accented import ACCENTED, accented

ROOT = Path(__file__).parents[3]
TEXTS = ROOT / "src/mailmine/web/texts"
EXCHANGE = "/integrations/nordwind/exchange-2019"
ORDERS = "/sources/nordwind/orders"

PAGES = (
    "/",
    "/sign-in",
    "/account",
    "/audit",
    "/buckets",
    "/cluster",
    "/integrations",
    "/integrations/new",
    EXCHANGE,
    f"{EXCHANGE}/edit",
    f"{EXCHANGE}/edit?to=graph",
    f"{EXCHANGE}/mailboxes/add",
    f"{EXCHANGE}/mailboxes/new",
    f"{EXCHANGE}/mailboxes/service@nordwind.example",
    f"{EXCHANGE}/mailboxes/orders@nordwind.example/edit",
    "/nowhere",
    "/notifications",
    "/people",
    "/settings",
    "/sources",
    ORDERS,
    f"{ORDERS}?q=4711&language=en&since=2020-01-01",
    f"{ORDERS}?q=000000",
    f"{ORDERS}/settings",
    "/sources/nordwind/press",
    "/streams",
    "/streams/new",
)
LINKED = {
    "/people": "//tbody/tr[1]/th/a/@href",
    "/buckets": "//tbody/tr[1]//a[contains(@href, 'retention')]/@href",
    ORDERS: "//h2/a/@href",
}
"""Pages whose addresses are not known beforehand."""

DATA = (
    "bdi | time | code | pre | script | style | *[contains(@class, 'words')] | table[@class='hours']"
    " | *[contains(@class, 'first')] | *[contains(@class, 'sender')] | section[@class='zone'] | *[@id='licences']"
    " | section[contains(@class, 'zone')] | *[@class='facts'] | *[@class='files'] | dd[contains(@class, 'author')]"
)
"""What is of the emails, for programs, or of other rooms of the house."""

SAME = frozenset(
    re.findall(
        r"\w+",
        "mailmine UTC API JSON CSV TLS KB MB SQLite CPython Linux Apache Python curl PRIVATE KEY BEGIN"
        " ECDHE AESGCM aNULL onmicrosoft example exchange EWS Exchange asmx https http etc ca pem client"
        " key login microsoftonline com user proxy orders service support yes ann customer noreply shop"
        " newsletter db tmp",
    )
)
"""Names and examples that are the same in all languages."""

_WORD = re.compile(r"(?<![^\W\d_])[A-Za-z]{2,}(?![^\W\d_])")


def extracting() -> list[str]:
    """Read how `make texts` collects the texts."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    found = re.search(r"pybabel --quiet (extract .*?) --output", " ".join(makefile.split()))
    assert found
    return shlex.split(found[1])


def messages(catalog: Catalog) -> set[tuple[str | None, object]]:
    return {(message.context, message.id) for message in catalog if message.id}


def catalog_of(file: Path) -> Catalog:
    with file.open("rb") as opened:
        return read_po(opened)


@pytest.fixture
def spoken() -> Iterator[None]:
    """Speak English again afterwards."""
    yield
    speak(ENGLISH)


def test_the_catalogue_holds_the_texts_of_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    fresh = tmp_path / "fresh.pot"
    argv = ["pybabel", "--quiet", *extracting(), "--output", str(fresh), "src/mailmine/web"]
    CommandLineInterface().run(argv)  # type: ignore[no-untyped-call]
    found, kept = messages(catalog_of(fresh)), messages(catalog_of(TEXTS / "mailmine.pot"))
    assert (found - kept, kept - found) == (set(), set()), (
        "run `make texts`, and commit what it did"
    )
    assert len(found) > 900


def test_translations_are_made_ready_and_put_in_what_their_messages_do() -> None:
    files = sorted(TEXTS.glob("*/LC_MESSAGES/mailmine.po"))
    ready = {one.tag: one.messages for one in load()}
    assert ready.keys() == {file.parts[-3].replace("_", "-") for file in files}, "run `make texts`"
    for file in files:
        translated = catalog_of(file)
        spoken = ready[file.parts[-3].replace("_", "-")]
        for message in translated:
            assert not list(message.check()), message.id
            if (
                isinstance(message.id, str)
                and message.id
                and message.string
                and not message.context
            ):
                assert spoken.gettext(message.id) == message.string, "run `make texts`"


def test_no_template_has_words_that_no_translator_would_see() -> None:
    found = {
        str(file.relative_to(unmarked.TEMPLATES)): unseen
        for file in sorted(unmarked.TEMPLATES.rglob("*.html"))
        if (unseen := unmarked.words(file.read_text(encoding="utf-8")))
    }
    assert found == {}


def _translates(module: ast.Module) -> bool:
    imports = (node for node in module.body if isinstance(node, ast.ImportFrom))
    return any(alias.name == "_" for node in imports for alias in node.names)


def test_no_module_gives_the_name_that_translates_to_something_else() -> None:
    """A function that assigns `_` has another one to its end, also before it does so."""
    stored = {
        f"{file.name}:{node.lineno}"
        for file in unmarked.TEMPLATES.parent.glob("*.py")
        if _translates(tree := ast.parse(file.read_text(encoding="utf-8")))
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
    }
    assert stored == set()


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>{{ _('Hello') }} {% trans %}dear <b>Ann</b>{% endtrans %}</p>", []),
        ('<p title="Hello" class="small">{{ name }} there</p>', ["Hello", "there"]),
        ('<a{% if new %} aria-label="New"{% endif %} href="/news">1</a>', ["New"]),
        ("<p>{{ 'Stop' if runs else _('Start') }}</p>", ["Stop"]),
        ("{{ fields.text(draft, 'name', 'Name', hint=_('As people read it')) }}", ["Name"]),
        ('<svg><path d="M4 LL"/><title>Over time</title></svg>', ["Over", "time"]),
        ("<pre>cat <b>file</b></pre> mailmine", []),
        ("{% trans number=n, of='many' %}{{ number }} of {{ of }}{% endtrans %}", ["many"]),
    ],
)
def test_words_that_are_not_marked_are_found(template: str, found: list[str]) -> None:
    assert unmarked.words(template) == found


def test_pages_bring_along_what_scripts_say() -> None:
    scripts = (ROOT / "src/mailmine/web/static").glob("*.js")
    said = {
        message
        for script in scripts
        for message in re.findall(
            r"\b_\(\"((?:[^\"\\]|\\.)*)\"", script.read_text(encoding="utf-8")
        )
    }
    assert said == set(language.SCRIPTS)


@pytest.mark.parametrize(
    ("wishes", "tag"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT, en;q=0.8", "de"),
        ("pt, de;q=0.9", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("fr, de;q=0.5, en;q=0.7", "en"),
        ("en-GB, de", "en"),
        ("de;q=0, fr", "en"),
        ("*", "en"),
        ("x" * 900 + ";;q=,,=1, \x00, de;q=2, de", "de"),
    ],
)
def test_a_browser_gets_what_it_likes_best_of_what_there_is(wishes: str, tag: str) -> None:
    there = [Language("de", NullTranslations()), Language("pt-BR", NullTranslations())]
    assert choose(wishes, there).tag == tag


def test_a_language_is_there_once_its_catalogue_is(tmp_path: Path, spoken: None) -> None:
    del spoken
    catalog = Catalog(locale="pt_BR", domain="mailmine")
    catalog.add("Overview", "Visão geral")
    catalog.add(
        ("%(number)s mailbox", "%(number)s mailboxes"),
        ("%(number)s caixa", "%(number)s de caixas", "%(number)s caixas"),
    )
    catalog.add("May", "mai", context="month")
    file = tmp_path / "pt_BR/LC_MESSAGES/mailmine.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as opened:
        write_mo(opened, catalog)
    assert language.of_scripts() == {}
    (found,) = load(tmp_path)
    speak(found)
    assert (found.tag, language._("Overview"), language._("Sources")) == (
        "pt-BR",
        "Visão geral",
        "Sources",
    )
    assert language.ngettext("%(number)s mailbox", "%(number)s mailboxes", 2) == "%(number)s caixas"
    assert (language.pgettext("month", "May"), language._("May")) == ("mai", "May")


def test_a_filter_is_understood_as_it_is_written_on_the_page(spoken: None) -> None:
    del spoken
    speak(ACCENTED)
    for written, value in (("Mon 14:00", "14"), (accented("Sun") + " 9:00", "153")):
        assert Asked.read({"by": "hour", "is": written}).chosen == (("hour", value),)
    for written in ("within a day", accented("within a day")):
        assert Asked.read({"by": "answer", "is": written}).chosen == (("answer", "1d"),)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve pages that know a language besides English."""
    with serving_company(tmp_path_factory.mktemp("foreign"), languages=[ACCENTED]) as served:
        yield served


def names_of(served: Served) -> set[str]:
    """Collect the words of what people called things."""
    found: set[str] = set()
    with served.database.read() as tx:
        for table in (
            "projects",
            "buckets",
            "sources",
            "integrations",
            "mailboxes",
            "users",
            "warnings",
            "folders",
            "failures",
        ):
            for row in tx.execute(text(f"SELECT * FROM {table}")):  # noqa: S608 - the names above
                for value in row:
                    found.update(_WORD.findall(str(value)))
    return found


def phrases_of(served: Served) -> set[str]:
    """Collect subjects of emails, and what their properties are called."""
    found: set[str] = set()
    with served.database.read() as tx:
        for source in sources.list_all(tx):
            for one in comments.page(
                tx, source.id, newest_first=True, after=None, limit=500, since=None, until=None
            ):
                for message in one.comment.messages:
                    found.update((words.plain(message.subject or ""), message.language or ""))
                for name, value in one.comment.user_properties.items():
                    found.update((words.property_name(name), words.plain(str(value))))
                    found.add(words.folder_path(str(value)))
    return found


def shown(page: Any) -> Iterator[str]:
    """Give what people read of a page, and hear."""
    for element in page.xpath(" | ".join(f"//{one.strip()}" for one in DATA.split("|"))):
        element.drop_tree()
    yield from page.xpath("//text()")
    for name in unmarked.READ:
        yield from page.xpath(f"//@{name}")


async def test_no_page_says_anything_that_is_not_in_the_catalogue(foreign: Served) -> None:
    with foreign.database.write() as tx:
        ann = users.by_username(tx, "ann")
        assert ann is not None
        token = sessions.begin(tx, ann, at=datetime.now(UTC) - timedelta(minutes=1))
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({sessions.COOKIE: token}, URL(foreign.address))
    known, phrases = names_of(foreign) | SAME, phrases_of(foreign)
    left: dict[str, list[str]] = {}
    async with aiohttp.ClientSession(
        foreign.address, cookie_jar=jar, headers={"Accept-Language": "qps"}
    ) as session:

        async def read(address: str) -> str:
            async with session.get(address) as answer:
                assert answer.status in {200, 404}, address
                assert "Accept-Language" in answer.headers["Vary"]
                return await answer.text()

        pages = list(PAGES)
        for address, links in LINKED.items():
            listing: Any = html.fromstring(await read(address))
            pages += listing.xpath(links)[:2]
        for address in pages:
            page = html.fromstring(await read(address))
            assert page.get("lang") == "qps"
            unknown = {
                word
                for said in shown(page)
                if said.removesuffix(" · mailmine").strip() not in phrases
                for word in _WORD.findall(said)
            }
            if unknown - known:
                left[address] = sorted(unknown - known)
    assert left == {}, left
    assert len(pages) == len(PAGES) + 5
