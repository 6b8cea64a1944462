"""What answers look like, for the description of the API. A test holds every answer against it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, defstruct

from mailmine.api.definitions import GeneralField
from mailmine.api.integration_bodies import BucketSpecification, ServiceUser
from mailmine.api.quotas import UNLIMITED
from mailmine.api.uploads import NewEmailMetadata
from mailmine.model.comment_filter import CommentFilter
from mailmine.model.integration import AccessType, AuthType, Backend, Cloud, TlsVersion

Id = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Moment = Annotated[datetime, Meta(tz=True)]
PropertyName = Annotated[str, Meta(pattern="^(string|number):")]
Reason = Literal["user", "quota", "sync_error"]
"""In the only words that clients of Communications Mining accept."""
Continuation = Annotated[str, Meta(description="Pass it on for what follows; null at the end.")]


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered, all of it."""


class Failure(Shape, frozen=True):
    """What every failure is told as."""

    status: Literal["error"]
    message: Annotated[str, Meta(description="What is wrong, and what would be right.")]


class User(Shape, frozen=True):
    """A user, and what he may do."""

    id: Id
    username: str
    email: str
    created: Moment
    global_permissions: list[str]
    organisation_permissions: Annotated[dict[str, list[str]], Meta(description="By project.")]
    sso_global_permissions: list[str]
    verified: bool


class Project(Shape, frozen=True):
    """A project: it holds everything else, and permissions are given by project."""

    id: Id
    name: str
    title: str
    description: str
    created_at: Moment
    updated_at: Moment


class Quota(Shape, frozen=True):
    """How much of a kind there may be, and how much there is."""

    quota_kind: str
    hard_limit: Annotated[int, Meta(ge=0, le=UNLIMITED, description="4294967295: no limit.")]
    current_max_usage: Annotated[int, Meta(ge=0)]
    auto_increase_up_to: int | None


class Share(Shape, frozen=True):
    """How much of something one bucket or project may hold, and how much it does."""

    limit: Annotated[int | None, Meta(description="null: no limit of its own.")]
    used: Annotated[int, Meta(ge=0)]


class OwnQuota(Shape, frozen=True):
    """What one bucket or project may hold, and what it does."""

    comments: Share
    bytes: Share


class AuditEvent(Shape, frozen=True):
    """A change: by whom, when, to what."""

    event_id: str
    event_type: str
    timestamp: Moment
    actor_user_id: str
    actor_tenant_id: str
    tenant_ids: list[str]
    project_ids: list[str]
    dataset_ids: list[str]
    detail: dict[str, Any]


class AuditProject(Shape, frozen=True):
    """What a project's id stands for."""

    id: str
    name: str
    title: str
    tenant_id: str


class AuditDataset(Shape, frozen=True):
    """What a dataset's id stands for."""

    id: str
    name: str
    title: str
    project_id: str


class AuditTenant(Shape, frozen=True):
    """What a tenant's id stands for."""

    id: str
    name: str


class AuditUser(Shape, frozen=True):
    """What a user's id stands for."""

    id: str
    username: str
    display_name: str
    email: str
    tenant_id: str


class Bucket(Shape, frozen=True):
    """A store of raw emails."""

    id: Id
    owner: Annotated[str, Meta(description="The project.")]
    name: str
    title: str
    bucket_type: Literal["emails"]
    created_at: Moment
    updated_at: Moment


class Count(Shape, frozen=True):
    """A number of things."""

    kind: Literal["exact", "lower_bound"]
    value: Annotated[int, Meta(ge=0)]


class BucketStatistics(Shape, frozen=True):
    """How many emails a bucket holds."""

    count: Count


class Refining(Shape, frozen=True):
    """How far a source is whose comments are being made from the emails of its bucket."""

    source: str
    done: int
    total: int


class SyncState(Shape, frozen=True):
    """How far a folder of a mailbox is, or (without a folder) the mailbox."""

    id: str
    mailbox_name: str
    folder_id: str | None
    folder_path: list[str] | None
    status: Literal["IN_PROGRESS", "UP_TO_DATE"]
    synced_until: Moment | None
    last_synced_at: Moment


class EmailAttachment(Shape, frozen=True):
    """What is known of an attachment of an email."""

    name: str
    size: int
    content_type: str


class Email(Shape, frozen=True):
    """A raw email of a bucket."""

    id: Annotated[str, Meta(description="The Message-ID, as a rule with its angle brackets.")]
    mailbox: str
    timestamp: Moment
    mime_content: str
    metadata: NewEmailMetadata
    attachments: list[EmailAttachment]
    created_at: Moment
    updated_at: Moment


class Fill(Shape, frozen=True):
    """How far a source is that is being filled from the emails of its bucket."""

    done: int
    total: int


class Source(Shape, frozen=True, rename={"kind": "_kind"}):
    """A set of comments, perhaps made of the emails of a bucket."""

    id: Id
    owner: Annotated[str, Meta(description="The project.")]
    name: str
    title: str
    description: str
    language: str
    should_translate: bool
    bucket_id: Id | None
    email_transform_tag: str | None
    sensitive_properties: list[str]
    kind: str
    created_at: Moment
    updated_at: Moment
    fill: Annotated[Fill | None, Meta(description="Null: it is full.")]


class Statistics(Shape, frozen=True):
    """How many comments match."""

    num_comments: Annotated[int, Meta(ge=0)]


class Text(Shape, frozen=True):
    """A text; the markup is given where it is asked for."""

    text: str
    translated_from: str | None = None
    text_markup: Any = None
    translated_from_markup: Any = None


class Message(Shape, frozen=True, rename={"from_": "from"}):
    """A message: of an email, what was newly written in it."""

    body: Text
    subject: Text | None = None
    signature: Text | None = None
    from_: str | None = None
    to: list[str] | None = None
    cc: list[str] | None = None
    bcc: list[str] | None = None
    sent_at: Moment | None = None
    language: str | None = None


class Attachment(Shape, frozen=True):
    """An attachment; with a reference its content can be had."""

    name: str
    size: int
    content_type: str
    attachment_reference: str | None = None
    content_hash: str | None = None


class Comment(Shape, frozen=True):
    """A comment: one email, or what a client put."""

    id: Annotated[
        str, Meta(description="Unique in its source; of an email, hex of its Message-ID.")
    ]
    uid: Annotated[str, Meta(description="Unique everywhere: source id, a dot, id.")]
    source_id: Id
    thread_id: str | None
    timestamp: Moment
    created_at: Moment
    updated_at: Moment
    messages: list[Message]
    user_properties: dict[PropertyName, str | float]
    attachments: list[Attachment]
    has_annotations: bool


class Entities(Shape, frozen=True):
    """Fields that a model found: none, as there is no model."""

    assigned: list[Any]
    dismissed: list[Any]
    predicted: list[Any]


class ThreadProperties(Shape, frozen=True):
    """Where a comment stands in its conversation, as far as that is there."""

    duration: Annotated[int, Meta(description="Seconds from the first comment to the last.")]
    response_time: Annotated[
        int | None, Meta(description="Seconds since the comment before; null for the first.")
    ]
    num_messages: int
    thread_position: Annotated[int, Meta(description="From 1, by the time of sending.")]
    first_sender: str | None


class AnnotatedComment(Shape, frozen=True):
    """A comment, and what a model found in it: nothing, as there is no model."""

    comment: Comment
    labelling: list[Any]
    entities: Entities
    thread_properties: ThreadProperties | None


class ShownEntityDef(Shape, frozen=True, rename={"flags": "_entity_def_flags"}):
    """A kind of field."""

    id: str
    color: int
    name: str
    title: str
    trainable: bool
    inherits_from: list[str]
    flags: list[str]


class ShownPretrained(Shape, frozen=True):
    """The label of a model that the vendor trained."""

    id: str
    name: str


class ShownLabelDef(Shape, frozen=True):
    """A label."""

    name: str
    title: str
    description: str
    external_id: str | None = None
    pretrained: ShownPretrained | None = None


class ShownLabelGroup(Shape, frozen=True):
    """Labels that belong together."""

    name: str
    instructions: str
    label_defs: list[ShownLabelDef]


class ModelConfig(Shape, frozen=True):
    """The kind of model."""

    kind: Literal["cm"]


class Dataset(Shape, frozen=True, rename={"flags": "_dataset_flags", "config": "_model_config"}):
    """Comments of some sources together."""

    id: Id
    owner: Annotated[str, Meta(description="The project.")]
    name: str
    title: str
    description: str
    created: Moment
    last_modified: Moment
    model_family: str
    source_ids: list[Id]
    has_sentiment: bool
    entity_defs: list[ShownEntityDef]
    general_fields: list[GeneralField]
    label_defs: list[ShownLabelDef]
    label_groups: list[ShownLabelGroup]
    flags: list[str]
    config: ModelConfig


class Value(Shape, frozen=True):
    """A value that occurs."""

    value: str


class StringProperty(Shape, frozen=True):
    """A property with texts."""

    full_name: str
    values: list[Value]


class NumberProperty(Shape, frozen=True):
    """A property with numbers."""

    full_name: str


class UserProperties(Shape, frozen=True):
    """The properties that occur."""

    string: list[StringProperty]
    number: list[NumberProperty]


class Summary(Shape, frozen=True):
    """What occurs in the comments that match."""

    user_properties: UserProperties


class Stream(Shape, frozen=True):
    """A reader's place in the comments of a dataset."""

    id: Id
    dataset_id: Id
    name: str
    title: str
    description: str
    created_at: Moment
    updated_at: Moment
    comment_filter: CommentFilter
    updates: Annotated[
        Literal["text", "never"],
        Meta(description="Whether a comment comes again when its text changed."),
    ]
    model: dict[str, Any] | None = None
    behind: Annotated[int, Meta(description="Comments that it has not read yet.")] | None = None


class StreamResult(Shape, frozen=True):
    """A comment, and where the stream is once it is done with."""

    comment: Comment
    continuation: str
    prediction: None


class FetchResult(Shape, frozen=True):
    """A comment, and where the stream is once it is done with."""

    comment: Comment
    sequence_id: str
    labels: list[Any]
    entities: list[Any]


class Occurrence(Shape, frozen=True):
    """One time that it went wrong."""

    at: Moment
    code: str
    message: str
    server: str | None
    request_id: Annotated[
        str | None, Meta(description="Exchange's name for the request, for its administrator.")
    ]


class Trouble(Shape, frozen=True):
    """What is wrong, in words and by a code."""

    code: str
    message: str
    since: Moment
    reason: Annotated[str | None, Meta(description="The section of reasons.md that explains it.")]
    first_error: Occurrence | None
    last_error: Occurrence | None


class Obstacle(Shape, frozen=True):
    """Why something that trouble stopped was not switched on: it would be stopped again."""

    mailbox: Annotated[
        str | None, Meta(description="Its address; null: it concerns the whole integration.")
    ]
    code: str
    message: str
    commands: Annotated[
        list[str], Meta(description="Lines for an administrator of Exchange to copy.")
    ]
    reason: str | None


class Warned(Shape, frozen=True):
    """What will stop, or is held up, unless somebody does something."""

    code: str
    message: str
    since: Moment


class Mailbox(Shape, frozen=True):
    """A mailbox that is read."""

    email: str
    enabled: bool
    disabled_reason: Reason | None
    status: Literal["ok", "trouble", "disabled"]
    disabled_detail: Trouble | None
    trouble: Trouble | None
    warnings: list[Warned]
    folder_allowlist: list[list[str]] | None
    folder_denylist: list[list[str]] | None
    participant_allowlist: list[str] | None
    participant_denylist: list[str] | None
    participant_domain_allowlist: list[str] | None
    participant_domain_denylist: list[str] | None
    start_timestamp: Moment | None
    bucket_specification: BucketSpecification
    sync_attachments: bool
    last_synced_at: Moment | None
    failed_items: Annotated[int, Meta(description="Emails that could not be read.")]


class FailedItem(Shape, frozen=True):
    """An email that did not become a comment, or not wholly."""

    mailbox: str
    folder_path: list[str]
    item_id: Annotated[str, Meta(description="As Exchange names it.")]
    code: str
    message: str
    attempts: int
    first_at: Moment
    last_at: Moment
    next_try_at: Annotated[Moment | None, Meta(description="Null: it was given up.")]


class ShownAuth(Shape, frozen=True):
    """How Exchange is reached and signed in to, without the secret."""

    type: AuthType
    username: str
    access: AccessType
    endpoint: str
    tenant_id: str
    client_id: str
    cloud: Cloud
    authority: str | None
    certificate_thumbprint: str
    secret_ends: Moment | None
    verify_tls: bool
    tls_minimum: TlsVersion
    tls_ciphers: str | None
    plain_http: bool
    proxy: str | None
    timeouts: dict[str, float]
    has_secret: bool
    has_proxy_secret: bool


class IntegrationConfiguration(Shape, frozen=True):
    """What is read, and how."""

    auth: ShownAuth
    mailboxes: list[Mailbox]
    connection: ServiceUser | None = None


class Integration(Shape, frozen=True):
    """A connection to an Exchange, with its mailboxes."""

    id: Id
    owner: Annotated[str, Meta(description="The project.")]
    name: str
    title: str
    type: Annotated[
        Literal["exchange_online"], Meta(description="Of every Exchange: clients know no other.")
    ]
    created_at: Moment
    updated_at: Moment
    enabled: bool
    disabled_reason: Reason | None
    status: Literal["ok", "trouble", "disabled"]
    disabled_detail: Trouble | None
    trouble: Trouble | None
    warnings: list[Warned]
    backend: Backend
    configuration: IntegrationConfiguration


_ENABLED = {"integration": Integration, "obstacles": list[Obstacle]}
_PAGE = {"continuation": Continuation | None}
_COUNTS = {"new": int, "updated": int, "unchanged": int}

ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "GET /health": {},
    "GET /healthz": {},
    "GET /readyz": {},
    "GET /auth/user": {"user": User},
    "POST /auth/refresh-user-permissions": {"permissions_refreshed": bool},
    "GET /api/v1/users": {"users": list[User]},
    "GET /api/_private/users": {"users": list[User]},
    "PUT /api/_private/users": {"user": User},
    "GET /api/_private/users/{user_id}": {"user": User},
    "POST /api/_private/users/{user_id}": {"user": User},
    "DELETE /api/_private/users/{user_id}": {},
    "POST /api/_private/users/{user_id}/welcome-email": {},
    "GET /api/_private/projects": {"projects": list[Project]},
    "GET /api/_private/projects/{project}": {"project": Project},
    "PUT /api/_private/projects/{project}": {"project": Project},
    "POST /api/_private/projects/{project}": {"project": Project},
    "DELETE /api/_private/projects/{project}": {},
    "GET /api/_private/quotas": {"quotas": list[Quota]},
    "GET /api/_private/quotas/{tenant}": {"quotas": list[Quota]},
    "POST /api/_private/quotas/{tenant}/{kind}": {},
    "GET /api/_private/projects/{project}/quota": {"quota": OwnQuota},
    "POST /api/_private/projects/{project}/quota": {"quota": OwnQuota},
    "GET /api/_private/buckets/{bucket:address}/quota": {"quota": OwnQuota},
    "POST /api/_private/buckets/{bucket:address}/quota": {"quota": OwnQuota},
    "POST /api/v1/audit_events/query": {
        "audit_events": list[AuditEvent],
        "projects": list[AuditProject],
        "datasets": list[AuditDataset],
        "tenants": list[AuditTenant],
        "users": list[AuditUser],
        **_PAGE,
    },
    "GET /api/_private/buckets": {"buckets": list[Bucket]},
    "GET /api/_private/buckets/{bucket:address}": {"bucket": Bucket},
    "GET /api/_private/buckets/{project}": {"buckets": list[Bucket]},
    "PUT /api/_private/buckets/{bucket:address}": {"bucket": Bucket},
    "POST /api/_private/buckets/{bucket:address}": {"bucket": Bucket},
    "DELETE /api/_private/buckets/{bucket:address}": {},
    "GET /api/_private/buckets/{bucket:address}/statistics": {"statistics": BucketStatistics},
    "GET /api/_private/buckets/{bucket:address}/refine-anew": {"refining": list[Refining]},
    "POST /api/_private/buckets/{bucket:address}/refine-anew": {"refining": list[Refining]},
    "GET /api/_private/buckets/{bucket:address}/keyed-sync-states": {
        "keyed_sync_states": list[SyncState]
    },
    "POST /api/_private/buckets/{bucket:address}/keyed-sync-state-ids": {
        "keyed_sync_state_ids": list[str]
    },
    "GET /api/_private/buckets/{bucket:address}/keyed-sync-state/{state_id}": {
        "keyed_sync_state": SyncState
    },
    "DELETE /api/_private/buckets/{bucket:address}/keyed-sync-state/{state_id}": {},
    "PUT /api/_private/buckets/{bucket:address}/emails": {},
    "POST /api/_private/buckets/{bucket:address}/emails": {"emails": list[Email], **_PAGE},
    "GET /api/_private/buckets/{bucket:address}/emails": {"emails": list[Email]},
    "GET /api/v1/sources": {"sources": list[Source]},
    "GET /api/v1/sources/{project}": {"sources": list[Source]},
    "GET /api/v1/sources/{source:address}": {"source": Source},
    "PUT /api/v1/sources/{source:address}": {"source": Source},
    "POST /api/v1/sources/{source:address}": {"source": Source},
    "DELETE /api/v1/sources/{source:address}": {},
    "POST /api/v1/sources/{source:address}/statistics": {"statistics": Statistics},
    "POST /api/v1/sources/{source:address}/sync": _COUNTS,
    "POST /api/v1/sources/{source:address}/sync-raw-emails": {
        **_COUNTS,
        "comments": list[Comment] | None,
    },
    "PUT /api/_private/sources/{source:address}/comments": {},
    "GET /api/_private/sources/{source:address}/comments": {"comments": list[Comment], **_PAGE},
    "GET /api/v1/sources/{source:address}/comments/{comment_id}": {"comment": Comment},
    "DELETE /api/v1/sources/{source:address}/comments": {},
    "PUT /api/_private/sources/{source:address}/comments/{comment_id}/attachments/{index}": {
        "content_hash": str
    },
    "GET /api/v1/datasets": {"datasets": list[Dataset]},
    "GET /api/v1/datasets/{project}": {"datasets": list[Dataset]},
    "GET /api/v1/datasets/{dataset:address}": {"dataset": Dataset},
    "PUT /api/v1/datasets/{dataset:address}": {"dataset": Dataset},
    "POST /api/v1/datasets/{dataset:address}": {"dataset": Dataset},
    "DELETE /api/v1/datasets/{dataset:address}": {},
    "POST /api/_private/datasets/{dataset:address}/query": {
        "results": list[AnnotatedComment],
        **_PAGE,
    },
    "POST /api/_private/datasets/{dataset:address}/recent": {
        "results": list[AnnotatedComment],
        **_PAGE,
    },
    "POST /api/_private/datasets/{dataset:address}/statistics": {"statistics": Statistics},
    "POST /api/_private/datasets/{dataset:address}/summary": {"summary": Summary},
    "GET /api/_private/datasets/{dataset:address}/labellings": {
        "results": list[AnnotatedComment],
        "after": str | None,
    },
    "GET /api/v1/datasets/{dataset:address}/streams": {"streams": list[Stream]},
    "PUT /api/v1/datasets/{dataset:address}/streams": {"stream": Stream},
    "GET /api/v1/datasets/{dataset:address}/streams/{stream}": {"stream": Stream},
    "POST /api/v1/datasets/{dataset:address}/streams/{stream}": {"stream": Stream},
    "DELETE /api/v1/datasets/{dataset:address}/streams/{stream}": {},
    "GET /api/v1/datasets/{dataset:address}/streams/{stream}/results": {
        "results": list[StreamResult],
        "num_filtered": int,
        "more_results": bool,
        "continuation": str,
        "sequence_id": str,
    },
    "POST /api/v1/datasets/{dataset:address}/streams/{stream}/fetch": {
        "results": list[FetchResult],
        "filtered": int,
        "sequence_id": str,
        "is_end_sequence": bool,
    },
    "POST /api/v1/datasets/{dataset:address}/streams/{stream}/advance": {"sequence_id": str},
    "POST /api/v1/datasets/{dataset:address}/streams/{stream}/reset": {},
    "PUT /api/v1/datasets/{dataset:address}/streams/{stream}/exceptions": {},
    "DELETE /api/v1/datasets/{dataset:address}/streams/{stream}/exceptions": {},
    "GET /api/_private/integrations": {"integrations": list[Integration]},
    "GET /api/_private/integrations/{integration:address}": {"integration": Integration},
    "PUT /api/_private/integrations/{integration:address}": {"integration": Integration},
    "POST /api/_private/integrations/{integration:address}": _ENABLED,
    "POST /api/_private/integrations/{integration:address}/enable": _ENABLED,
    "DELETE /api/_private/integrations/{integration:address}": {},
    "GET /api/_private/integrations/{integration:address}/failed-items": {
        "failed_items": list[FailedItem]
    },
    "POST /api/_private/integrations/{integration:address}/failed-items": {"retried": int},
}
"""The fields beside the status, of every route that answers in JSON; `/triggers` answers as `/streams` does."""


def envelope(name: str, fields: Mapping[str, Any]) -> type[Struct]:
    """Make the shape of an answer: the status, and its fields."""
    optional = {"comments"} if fields.keys() > {"new", "comments"} else set()
    return defstruct(
        name,
        [
            ("status", Literal["ok"]),
            *(
                (field, shape, None) if field in optional else (field, shape)
                for field, shape in fields.items()
            ),
        ],
        frozen=True,
        bases=(Shape,),
    )
