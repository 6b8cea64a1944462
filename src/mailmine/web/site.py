"""What every page stands on: the store, the templates, the files, and the paths between pages."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mailmine.access import csrf, passwords
from mailmine.access.secrets import Keyring
from mailmine.access.single_sign_on import SingleSignOn
from mailmine.access.throttle import SharedThrottle, Throttle
from mailmine.store.database import Database
from mailmine.sync.enabling import Enabling
from mailmine.web import language, words
from mailmine.web.assets import Assets
from mailmine.web.drafts import Draft
from mailmine.web.live import Live
from mailmine.web.setup import Setup

FRAGMENT = "mailmine-fragment"
"""With this header a script asks for the live part of a page alone."""

VARY = f"Cookie, Accept-Language, {FRAGMENT}"
"""What a page depends on besides its address."""

FILTERS = (
    words.ago,
    words.when,
    words.full,
    words.day,
    words.size,
    words.count,
    words.span,
    words.plain,
    words.first_words,
    words.name_of,
    words.address_of,
    words.folder_path,
    words.property_name,
    words.is_blank,
)


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share for as long as the process runs."""

    database: Database
    keyring: Keyring
    guesses: SharedThrottle
    """Slows down who guesses passwords: at the door, or of a person whose session he has."""
    signing_in: CapacityLimiter
    """The threads that check passwords of those who sign in: whoever floods the form takes none from the pages."""
    provider: SingleSignOn | None
    """Who lets people in besides us."""
    enabling: Enabling | None
    """Switches on what was stopped; None: it is not done here."""
    setup: Setup
    sending: Throttle
    """Slows down who sends test messages."""
    live: Live
    assets: Assets
    templates: Environment
    live_parts: frozenset[str]
    """Names of the pages that have a live part."""

    @classmethod
    def build(
        cls,
        database: Database,
        keyring: Keyring,
        *,
        provider: SingleSignOn | None,
        enabling: Enabling | None,
        setup: Setup,
    ) -> "Site":
        """Load templates and assets."""
        templates = Environment(
            loader=PackageLoader("mailmine.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        # A message of many lines is one line, as its catalogue has it.
        templates.policies["ext.i18n.trimmed"] = True
        templates.globals.update(language.FUNCTIONS)
        templates.globals["counted"] = words.counted
        templates.filters.update({word.__name__: word for word in FILTERS})
        templates.globals["csrf_field"] = csrf.FIELD
        templates.globals["draft_of"] = Draft.of
        parts = (name.partition("live/") for name in templates.list_templates())
        return cls(
            database=database,
            keyring=keyring,
            guesses=SharedThrottle(database),
            signing_in=CapacityLimiter(passwords.AT_ONCE),
            provider=provider,
            enabling=enabling,
            setup=setup,
            sending=Throttle(),
            live=Live(database),
            assets=Assets.load(),
            templates=templates,
            live_parts=frozenset(page for _, found, page in parts if found),
        )

    def now(self) -> datetime:
        """Tell the time."""
        return datetime.now(UTC)


def path(request: Request, route: str, /, **params: object) -> str:
    """Write the path of a route, under whatever prefix the pages are served."""
    quoted = {key: quote(str(value), safe="") for key, value in params.items()}
    return f"{request.scope.get('root_path', '')}{request.app.url_path_for(route, **quoted)}"


def api_path(request: Request, *parts: str) -> str:
    """Write the path of a route of the API, which is served beside the pages, under `/api`."""
    root = str(request.scope.get("app_root_path", request.scope.get("root_path", "")))
    return root + "/api/" + "/".join(quote(part, safe="") for part in parts)


def address(request: Request, path_: str) -> str:
    """Write the whole address of a path, as programs elsewhere use it."""
    return f"{request.url.scheme}://{request.url.netloc}{path_}"


def render(request: Request, page: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Fill in a page, or its live part alone where a script asks for that."""
    site: Site = request.app.state.site
    is_part = FRAGMENT in request.headers and page in site.live_parts
    html = site.templates.get_template(f"live/{page}" if is_part else page).render(
        now=site.now(),
        path=functools.partial(path, request),
        api_path=functools.partial(api_path, request),
        static=lambda name: path(request, "static", digest=site.assets.digest, name=name),
        language=language.current(),
        script_texts=language.of_scripts(),
        **context,
    )
    return HTMLResponse(html, status_code=status, headers={"Vary": VARY})
