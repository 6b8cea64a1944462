"""What a quota of stored data stops: nothing more is read into a bucket, a project or an installation that is full.

It stops at once, and goes on by itself once the quota was raised or something was removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection as Transaction

from mailmine.model.ids import BucketId, ProjectId
from mailmine.model.integration import DisabledReason, Integration, Mailbox, Trouble
from mailmine.store import amounts, buckets, events, integrations, mailboxes, quotas
from mailmine.store.amounts import Amount
from mailmine.store.buckets import Bucket
from mailmine.store.quotas import OwnQuota, Quota
from mailmine.sync import policy
from mailmine.sync.resume import enable_mailboxes, resume

log = structlog.get_logger(__name__)

MEGABYTE: Final = 1_000_000
COMMENTS: Final = ("comments", "comments_per_project", "comments_per_bucket")
MEGABYTES: Final = ("megabytes", "megabytes_per_project", "megabytes_per_bucket")
"""Not bytes: clients read 32 bits."""
KINDS: Final = (*COMMENTS, *MEGABYTES)


@dataclass(frozen=True, slots=True)
class Fullness:
    """What is kept everywhere, and what may be."""

    limits: Mapping[str, Quota]
    buckets: Mapping[BucketId, Amount] = field(default_factory=dict)
    projects: Mapping[ProjectId, Amount] = field(default_factory=dict)
    of_buckets: Mapping[BucketId, OwnQuota] = field(default_factory=dict)
    """What single buckets may hold."""
    of_projects: Mapping[ProjectId, OwnQuota] = field(default_factory=dict)
    """What single projects may hold."""

    def full(self, bucket: Bucket) -> str | None:
        """Say why nothing more may be read into `bucket`; None where there is room."""
        found = self._full_by_kind(bucket) or self._full_by_its_own(bucket)
        return found and f"{found} {policy.rule(policy.QUOTA_SOURCE, policy.QUOTA).remedy}"

    def held(self, bucket: Bucket) -> tuple[tuple[str, Amount, OwnQuota], ...]:
        """Give what the bucket and its project hold, with the quotas that they have of their own."""
        return (
            (
                f"The bucket {bucket.project}/{bucket.name}",
                self.buckets.get(bucket.id, Amount()),
                self.of_buckets.get(bucket.id, quotas.NONE),
            ),
            (
                f"The project {bucket.project}",
                self.projects.get(bucket.project_id, Amount()),
                self.of_projects.get(bucket.project_id, quotas.NONE),
            ),
        )

    def _full_by_its_own(self, bucket: Bucket) -> str | None:
        for place, amount, own in self.held(bucket):
            if own.comments is not None and amount.comments >= own.comments:
                return f"{place} holds {amount.comments:,} comments, and its own quota is {own.comments:,}."
            if own.bytes is not None and amount.bytes >= own.bytes:
                return f"{place} holds {amount.bytes:,} bytes, and its own quota is {own.bytes:,}."
        return None

    def _full_by_kind(self, bucket: Bucket) -> str | None:
        every = sum(self.projects.values(), Amount())
        project = self.projects.get(bucket.project_id, Amount())
        places = (
            ("mailmine", every),
            (f"The project {bucket.project}", project),
            (
                f"The bucket {bucket.project}/{bucket.name}",
                self.buckets.get(bucket.id, Amount()),
            ),
        )
        for kinds, unit, of in (
            (COMMENTS, "comments", _comments),
            (MEGABYTES, "MB", _megabytes),
        ):
            for kind, (place, amount) in zip(kinds, places, strict=True):
                limit = self.limits.get(kind)
                if limit is not None and of(amount) >= _most(limit):
                    return f"{place} holds {of(amount):,} {unit}, and the quota {kind} is {_most(limit):,}."
        return None


def _comments(amount: Amount) -> int:
    return amount.comments


def _megabytes(amount: Amount) -> int:
    return amount.bytes // MEGABYTE


def _most(limit: Quota) -> int:
    return max(limit.hard_limit, limit.auto_increase_up_to or 0)


def look(tx: Transaction) -> Fullness:
    """See what is kept, and what may be."""
    return Fullness(
        {kind: one for kind, one in quotas.list_all(tx).items() if kind in KINDS},
        amounts.in_buckets(tx),
        amounts.in_projects(tx),
        quotas.of_buckets(tx),
        quotas.of_projects(tx),
    )


def apply(tx: Transaction, seen: Fullness, *, at: datetime) -> None:
    """Stop what fills a full place, an integration where all its mailboxes do; let go on what has room again."""
    known = {one.id: one for one in buckets.list_all(tx)}
    full = {key: words for key, one in known.items() if (words := seen.full(one)) is not None}
    for integration in integrations.list_all(tx):
        members = mailboxes.of_integration(tx, integration.id)
        wanted = [one for one in members if one.enabled or _is_by_quota(one)]
        stopped = [one for one in wanted if one.bucket_id in full]
        is_whole = bool(wanted) and len(stopped) == len(wanted)
        if is_whole and integration.enabled:
            _stop_integration(tx, integration, full[stopped[0].bucket_id], at)
        if not is_whole and _is_by_quota(integration):
            resume(tx, integration, (), at=at, also_by_choice=True)
        for one in wanted:
            # Where the whole integration is off, its mailboxes stay as they are: one thing is told, not many.
            if one in stopped and one.enabled and not is_whole:
                _stop_mailbox(tx, integration, one, full[one.bucket_id], at)
            if one not in stopped and _is_by_quota(one):
                enable_mailboxes(tx, integration, (one,), at=at)


def is_needed(tx: Transaction) -> bool:
    """Tell whether there is a limit, or something that one stopped."""
    return (
        any(kind in KINDS for kind in quotas.list_all(tx))
        or bool(quotas.of_buckets(tx) or quotas.of_projects(tx))
        or any(_is_by_quota(one) for one in integrations.list_all(tx))
        or mailboxes.is_any_disabled(tx, DisabledReason.QUOTA)
    )


def _is_by_quota(thing: Integration | Mailbox) -> bool:
    return not thing.enabled and thing.disabled_reason is DisabledReason.QUOTA


def _trouble(words: str, at: datetime) -> Trouble:
    rule = policy.rule(policy.QUOTA_SOURCE, policy.QUOTA)
    return Trouble(code=policy.QUOTA, message=words, since=at, reason=rule.reason)


def _stop_integration(tx: Transaction, integration: Integration, words: str, at: datetime) -> None:
    integrations.set_enabled(
        tx,
        integration.id,
        enabled=False,
        reason=DisabledReason.QUOTA,
        trouble=_trouble(words, at),
    )
    detail = {"code": policy.QUOTA, "message": words}
    events.append(tx, "integration_disabled", at=at, integration_id=integration.id, detail=detail)
    log.error("integration disabled", code=policy.QUOTA, integration=integration.name)


def _stop_mailbox(
    tx: Transaction, integration: Integration, mailbox: Mailbox, words: str, at: datetime
) -> None:
    mailboxes.set_enabled(
        tx, mailbox.id, enabled=False, reason=DisabledReason.QUOTA, trouble=_trouble(words, at)
    )
    events.append(
        tx,
        "mailbox_disabled",
        at=at,
        integration_id=integration.id,
        mailbox_id=mailbox.id,
        detail={"code": policy.QUOTA, "message": words},
    )
    log.error("mailbox disabled", code=policy.QUOTA, mailbox=mailbox.address)
