"""Mailboxes get into the store from the pages: with the rights, the limits and the buckets that this takes."""

from collections.abc import Container, Sequence
from dataclasses import replace

from mailmine.access.permissions import Permission
from mailmine.model.ids import BucketId
from mailmine.model.integration import Integration
from mailmine.store import buckets, mailboxes, projects, sources
from mailmine.sync import configure, editing
from mailmine.sync.configure import (
    Configuration,
    ConfigurationError,
    IntegrationConfiguration,
    MailboxConfiguration,
)
from mailmine.web.language import _
from mailmine.web.visit import Visit


def place_of(integration: Integration, written: str, address: str) -> tuple[str, str]:
    """Give project and name of a bucket as people write it: `name`, `project/name`, or nothing, then like the mailbox."""
    project, slash, name = written.partition("/")
    if slash:
        return project, name
    return integration.project, written or bucket_like(address)


def bucket_like(address: str) -> str:
    """Make the name of a bucket from the address of its mailbox: `orders.nl@example.com` fills `orders-nl`."""
    local = address.partition("@")[0]
    return "".join(char if configure.is_name(char) else "-" for char in local).strip("-") or "mail"


def places(visit: Visit, integration: Integration) -> tuple[str, ...]:
    """Name the buckets that the visitor may let a mailbox fill, as people write them."""
    return tuple(
        one.name if one.project == integration.project else f"{one.project}/{one.name}"
        for one in buckets.list_all(visit.tx)
        if visit.identity.may(Permission.BUCKETS_APPEND, one.project)
    )


def wrong_place(visit: Visit, project: str, name: str) -> str | None:
    """Say why the visitor cannot have a mailbox fill this bucket; None where he can."""
    identity = visit.identity
    if not configure.is_name(project) or not configure.is_name(name):
        return _(
            "Use the letters A to Z, digits, - and _ only; of another project write project/name."
        )
    if projects.get(visit.tx, project) is None or not identity.sees(project):
        return _("There is no project %(project)s.") % {"project": project}
    if not identity.may(Permission.BUCKETS_APPEND, project):
        return _("You may not put emails into buckets of the project %(project)s.") % {
            "project": project
        }
    return None


def save(
    visit: Visit, integration: Integration, wanted: Sequence[MailboxConfiguration]
) -> str | None:
    """Make the store say what is wanted, or tell why that cannot be; then what was written has to be taken back."""
    tx = visit.tx
    known = {one.address.lower() for one in mailboxes.of_integration(tx, integration.id)}
    new = [one for one in wanted if one.address.lower() not in known]
    if new and (
        refusal := editing.over_quota(tx, "mailboxes_per_integration", len(known) + len(new))
    ):
        return refusal
    places = {(one.project, one.bucket) for one in wanted}
    made = [place for place in places if buckets.get(tx, *place) is None]
    if made and (
        refusal := editing.over_quota(tx, "buckets", len(buckets.list_all(tx)) + len(made))
    ):
        return refusal
    shown = {one.bucket_id for one in sources.list_all(tx)}
    configuration = IntegrationConfiguration(
        project=integration.project,
        name=integration.name,
        title=integration.title,
        connection=integration.connection,
        mailboxes=tuple(_without_second_source(visit, one, shown) for one in wanted),
    )
    try:
        configure.apply(tx, Configuration(integrations=(configuration,)), at=visit.at)
    except ConfigurationError as error:
        return f"{error}."
    return None


def _without_second_source(
    visit: Visit, wanted: MailboxConfiguration, shown: Container[BucketId | None]
) -> MailboxConfiguration:
    """Make no source of a bucket that has one, nor for somebody who may not make sources."""
    bucket = buckets.get(visit.tx, wanted.project, wanted.bucket)
    has_source = bucket is not None and bucket.id in shown
    may_make = visit.identity.may(Permission.SOURCES_ADMIN, wanted.project)
    return replace(wanted, makes_source=wanted.makes_source and may_make and not has_source)
