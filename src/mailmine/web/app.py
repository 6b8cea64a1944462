"""The pages as one application, to be mounted beside the API."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mailmine.access.secrets import Keyring
from mailmine.access.single_sign_on import SingleSignOn
from mailmine.store.database import Database
from mailmine.store.errors import StoreError
from mailmine.sync.enabling import Enabling
from mailmine.web import (
    account,
    audit,
    cluster,
    comment,
    comments,
    errors,
    events,
    export,
    home,
    integration,
    integration_form,
    integrations,
    mailbox,
    mailbox_form,
    manual,
    notifications,
    people,
    retention,
    settings,
    shelves,
    sign_in,
    single_sign_on,
    streams,
    trial,
)
from mailmine.web.language import Language, Spoken, load
from mailmine.web.security import LimitedBodies, SecureHeaders
from mailmine.web.setup import Setup
from mailmine.web.site import Site


def create(
    database: Database,
    keyring: Keyring,
    *,
    provider: SingleSignOn | None = None,
    enabling: Enabling | None = None,
    setup: Setup | None = None,
    languages: Iterable[Language] | None = None,
) -> Starlette:
    """Make the application; mount it last, at the root of the server or below any prefix.

    People may sign in by `provider`, too; `enabling` switches on what was stopped, and `setup` is what was set for the process; `languages` are those that `texts/` holds, unless given. Before the server ends, call
    `app.state.site.live.stop()`: open pages hold a stream of events, which then ends.
    """
    site = Site.build(
        database,
        keyring,
        provider=provider,
        enabling=enabling,
        setup=setup or Setup(),
    )
    app = Starlette(
        routes=[
            Route("/", home.show, name="home"),
            Route("/sign-in", sign_in.show, name="sign_in"),
            Route("/sign-in", sign_in.submit, methods=["POST"]),
            Route("/sign-in/oidc", single_sign_on.begin, name="oidc"),
            Route("/sign-in/oidc/callback", single_sign_on.finish, name="oidc_callback"),
            Route("/sign-out", sign_in.leave, methods=["POST"], name="sign_out"),
            Route("/account", account.show, name="account"),
            Route("/account/end", account.end, methods=["POST"], name="end_session"),
            Route("/account/end-others", account.end_others, methods=["POST"], name="end_others"),
            Route(
                "/account/password",
                account.renew_password,
                methods=["POST"],
                name="account_password",
            ),
            Route("/account/tokens", account.make_token, methods=["POST"], name="account_tokens"),
            Route(
                "/account/tokens/end",
                account.end_token,
                methods=["POST"],
                name="account_tokens_end",
            ),
            Route("/people", people.show, name="people"),
            Route("/people", people.add, methods=["POST"], name="people_add"),
            Route("/people/{id}", people.show_one, name="person"),
            Route("/people/{id}/projects", people.give, methods=["POST"], name="person_projects"),
            Route(
                "/people/{id}/everywhere",
                people.give_everywhere,
                methods=["POST"],
                name="person_everywhere",
            ),
            Route(
                "/people/{id}/password",
                people.renew_password,
                methods=["POST"],
                name="person_password",
            ),
            Route("/people/{id}/state", people.switch, methods=["POST"], name="person_state"),
            Route("/people/{id}/tokens", people.end_token, methods=["POST"], name="person_tokens"),
            Route("/people/{id}/remove", people.remove, methods=["POST"], name="person_remove"),
            Route("/audit", audit.show, name="audit"),
            Route("/cluster", cluster.show, name="cluster"),
            Route("/settings", settings.show, name="settings"),
            *_act("/settings/backup", settings.backup, "backup"),
            Route("/notifications", notifications.show, name="notifications"),
            Route(
                "/notifications/read",
                notifications.read,
                methods=["POST"],
                name="notifications_read",
            ),
            Route(
                "/notifications/choices",
                notifications.choose,
                methods=["POST"],
                name="notifications_choose",
            ),
            *_act("/notifications/test", notifications.try_out, "notifications_test"),
            Route("/integrations", integrations.show, name="integrations"),
            Route("/integrations/retry", integrations.retry, methods=["POST"], name="retry"),
            Route("/integrations/enable", integrations.enable, methods=["POST"], name="enable"),
            *_integrations(),
            Route("/buckets", shelves.show_buckets, name="buckets"),
            Route("/buckets", shelves.add_bucket, methods=["POST"]),
            Route("/buckets/{id}/retention", retention.show, name="retention"),
            Route(
                "/buckets/{id}/retention",
                retention.save,
                methods=["POST"],
                name="retention_save",
            ),
            *_act("/buckets/{id}/quota", retention.save_quota, "quota_save"),
            *_act("/buckets/{id}/retention/remove", retention.remove, "bucket_remove"),
            Route(
                "/buckets/refine-anew", shelves.refine_anew, methods=["POST"], name="refine_anew"
            ),
            Route("/sources", shelves.show_sources, name="sources"),
            Route("/sources", shelves.add_source, methods=["POST"]),
            Route("/sources/{owner}/{name}", comments.show, name="source"),
            Route("/sources/{owner}/{name}/comments/{id}", comment.show, name="comment"),
            Route("/sources/{owner}/{name}/export.{form}", export.show, name="export"),
            Route("/sources/{owner}/{name}/settings", shelves.show_source, name="source_settings"),
            Route("/sources/{owner}/{name}/settings", shelves.change_source, methods=["POST"]),
            *_act(
                "/sources/{owner}/{name}/settings/remove", shelves.remove_source, "source_remove"
            ),
            Route("/streams", streams.show_all, name="streams"),
            Route("/streams/datasets", streams.add_dataset, methods=["POST"], name="dataset_add"),
            Route("/streams/new", streams.choose, name="stream_new"),
            Route("/streams/{owner}/{name}/new", streams.build, name="stream_build"),
            Route("/streams/{owner}/{name}/new", streams.add, methods=["POST"]),
            Route("/streams/{owner}/{name}/streams/{stream}", streams.show, name="stream"),
            *(
                Route(
                    f"/streams/{{owner}}/{{name}}/streams/{{stream}}/{what}",
                    act,
                    methods=["POST"],
                    name=f"stream_{what}",
                )
                for what, act in (
                    ("reset", streams.reset),
                    ("exceptions", streams.untag),
                    ("remove", streams.remove),
                )
            ),
            Route("/help/{name}", manual.show, name="help"),
            Route("/events", events.show, name="events"),
            Route("/static/{digest}/{name}", site.assets.show, name="static"),
        ],
        middleware=[
            Middleware(SecureHeaders),
            Middleware(LimitedBodies),
            Middleware(Spoken, languages=load() if languages is None else tuple(languages)),
        ],
        exception_handlers={
            HTTPException: errors.http,
            StoreError: errors.unavailable,
            Exception: errors.broken,
        },
    )
    app.state.site = site
    return app


def _integrations() -> list[Route]:
    """Route what is done to integrations and their mailboxes."""
    one = "/integrations/{owner}/{name}"
    box = f"{one}/mailboxes/{{mailbox}}"
    return [
        Route("/integrations/new", integration_form.new, name="integration_new"),
        Route("/integrations/new", integration_form.create, methods=["POST"]),
        *_act("/integrations/test", trial.unsaved, "test_new"),
        Route(one, integration.show, name="integration"),
        Route(f"{one}/edit", integration_form.edit, name="integration_edit"),
        Route(f"{one}/edit", integration_form.save, methods=["POST"]),
        *_act(f"{one}/test", trial.saved, "test"),
        *_act(f"{one}/test-edited", trial.edited, "test_edited"),
        *_act(f"{one}/start", integration.start, "integration_start"),
        *_act(f"{one}/stop", integration.stop, "integration_stop"),
        *_act(f"{one}/delete", integration.remove, "integration_delete"),
        Route(f"{one}/mailboxes/add", integration.add, name="mailboxes_add"),
        Route(f"{one}/mailboxes/add", integration.save_added, methods=["POST"]),
        Route(f"{one}/mailboxes/new", mailbox_form.new, name="mailbox_new"),
        Route(f"{one}/mailboxes/new", mailbox_form.create, methods=["POST"]),
        Route(box, mailbox.show, name="mailbox"),
        Route(f"{box}/edit", mailbox_form.edit, name="mailbox_edit"),
        Route(f"{box}/edit", mailbox_form.save, methods=["POST"]),
        *_act(f"{box}/start", mailbox.start, "mailbox_start"),
        *_act(f"{box}/stop", mailbox.stop, "mailbox_stop"),
        *_act(f"{box}/retry", mailbox.retry, "mailbox_retry"),
        *_act(f"{box}/read-anew", mailbox.read_anew, "mailbox_read_anew"),
        *_act(f"{box}/delete", mailbox.remove, "mailbox_delete"),
    ]


def _act(
    address: str, act: Callable[[Request], Awaitable[Response]], name: str
) -> tuple[Route, Route]:
    """Route what is done by a form; whoever loads the answer to it again comes to the page that the form stands on."""
    return Route(address, act, methods=["POST"], name=name), Route(address, _back)


async def _back(request: Request) -> Response:
    return RedirectResponse(request.url.path.rpartition("/")[0], 303)
