"""What the vendor's command-line client sends, command by command, and what it needs to read of the answers.

The requests are those of the specification's section 9. The structs name the fields without which that client
gives up a whole answer, and the words that it knows.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import pytest
from msgspec import Meta, Struct

from mailmine.api import app as api
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from tests.integration.api.client import Answer, Client
from tests.integration.api.conftest import KEYRING
from tests.integration.api.town import NOON, Town, comment_id

Moment = Annotated[datetime, Meta(tz=True)]
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Property = Annotated[str, Meta(pattern="^(string|number):")]
T = TypeVar("T")


class User(Struct):
    id: str
    username: str
    email: str
    created: Moment
    global_permissions: list[str]
    organisation_permissions: dict[str, list[str]]
    sso_global_permissions: list[str]
    verified: bool


class Project(Struct):
    name: str
    title: str
    description: str
    created_at: Moment
    updated_at: Moment


class Bucket(Struct):
    id: str
    name: str
    owner: str
    created_at: Moment


class Source(Struct, rename={"kind": "_kind"}):
    id: Hex16
    owner: str
    name: str
    title: str
    description: str
    language: str
    should_translate: bool
    created_at: Moment
    updated_at: Moment
    bucket_id: str | None
    kind: str


class Text(Struct):
    text: str


class Message(Struct):
    body: Text
    subject: Text | None = None


class Attachment(Struct):
    name: str
    size: int
    content_type: str
    attachment_reference: str | None = None


class Comment(Struct):
    id: str
    uid: str
    timestamp: Moment
    created_at: Moment
    messages: list[Message]
    attachments: list[Attachment] = []
    user_properties: dict[Property, str | float] | None = None


class Email(Struct):
    id: str
    mailbox: str
    timestamp: Moment
    mime_content: str
    attachments: list[Attachment] = []


class SyncState(Struct):
    mailbox_name: str
    status: Literal["IN_PROGRESS", "UP_TO_DATE"]
    last_synced_at: Moment
    folder_id: str | None = None
    folder_path: list[str] | None = None
    synced_until: Moment | None = None


class BucketSpecification(Struct):
    project_name: str
    name: str
    title: str


class Mailbox(Struct):
    email: str
    enabled: bool
    bucket_specification: BucketSpecification
    disabled_reason: Literal["user", "quota", "sync_error"] | None = None
    folder_allowlist: list[list[str]] | None = None
    start_timestamp: Moment | None = None


class Access(Struct):
    kind: Literal["user_access"]
    username: str


class Application(Struct):
    kind: Literal["custom"]
    client_id: str
    tenant_id: str


class Connection(Struct):
    access: Access
    application: Application
    ews_endpoint: str | None = None


class Configuration(Struct):
    mailboxes: list[Mailbox]
    connection: Connection | None = None


class Integration(Struct):
    id: str
    owner: str
    name: str
    title: str
    type: Literal["exchange_online"]
    created_at: Moment
    updated_at: Moment
    enabled: bool
    configuration: Configuration
    disabled_reason: Literal["user", "quota", "sync_error"] | None = None


class Dataset(Struct, rename={"flags": "_dataset_flags"}):
    id: str
    name: str
    owner: str
    title: str
    description: str
    created: Moment
    last_modified: Moment
    model_family: str
    source_ids: list[str]
    has_sentiment: bool
    entity_defs: list[Any]
    general_fields: list[Any]
    label_defs: list[Any]
    label_groups: list[Any]
    flags: list[str]


class Stream(Struct):
    id: str
    dataset_id: str
    name: str
    title: str
    description: str
    created_at: Moment
    updated_at: Moment


class StreamResult(Struct):
    comment: Comment
    sequence_id: str


class Batch(Struct):
    results: list[StreamResult]
    filtered: int
    sequence_id: str
    is_end_sequence: bool


class AuditEvent(Struct):
    actor_user_id: str
    actor_tenant_id: str
    event_id: str
    event_type: str
    timestamp: Moment
    tenant_ids: list[str]
    project_ids: list[str] = []
    dataset_ids: list[str] = []


class Quota(Struct):
    hard_limit: Annotated[int, Meta(ge=0, lt=2**32)]
    quota_kind: str
    current_max_usage: int
    auto_increase_up_to: int | None = None


def read(answer: Answer, field: str, shape: type[T]) -> T:
    """Read an answer as that client does."""
    assert answer.status == 200, answer.json
    return msgspec.convert(answer.json[field], shape, strict=True)


def done(answer: Answer) -> None:
    assert (answer.status, answer.json["status"]) == (200, "ok"), answer.json


COMMENTS = [
    {
        "id": f"{number:04x}",
        "timestamp": f"2026-02-0{number + 1}T00:00:00Z",
        "messages": [
            {
                "body": {"text": f"Body {number}"},
                "subject": {"text": "Subject"},
                "from": "a@example.com",
                "to": ["b@example.com"],
                "sent_at": "2026-02-01T00:00:00Z",
            }
        ],
        "user_properties": {"string:Team": "blue", "number:Score": 1.5},
        "attachments": [{"name": "a.pdf", "size": 3, "content_type": ".pdf"}],
    }
    for number in range(3)
]
EMAILS = [
    {
        "id": f"<{number}@mail.example.com>",
        "mailbox": "orders@example.com",
        "timestamp": "2026-02-01T00:00:00Z",
        "mime_content": f"Message-ID: <{number}@mail.example.com>\nSubject: Order {number}\n"
        "From: a@example.com\nDate: Sun, 1 Feb 2026 00:00:00 +0000\n\nPlease send it.",
        "metadata": {"folder": ["Inbox", "Orders"], "is_read": True, "size": 300},
        "attachments": [],
    }
    for number in range(3)
]


@pytest.fixture
async def re(fresh: tuple[Database, Blobs, Town]) -> Client:
    """Give the client of an administrator, before its first command."""
    database, blobs, sales = fresh
    client = Client(api.create(database, blobs, KEYRING, clock=lambda: NOON), sales.tokens["root"])
    # Every command begins so.
    read(await client.get("/auth/user"), "user", User)
    refreshed = await client.post("/auth/refresh-user-permissions", {})
    assert read(refreshed, "permissions_refreshed", bool) is True
    return client


async def test_buckets(re: Client) -> None:
    path = "/api/_private/buckets/sales%2Fnew-bucket"
    made = await re.put(path, {"bucket": {"bucket_type": "emails", "title": "x"}})
    bucket = read(made, "bucket", Bucket)
    assert read(await re.get(path), "bucket", Bucket) == bucket
    assert bucket in read(await re.get("/api/_private/buckets"), "buckets", list[Bucket])
    statistics = (await re.get(f"{path}/statistics")).json["statistics"]
    assert statistics == {"count": {"kind": "exact", "value": 0}}
    done(await re.delete(f"/api/_private/buckets/id:{bucket.id}"))
    assert (await re.get(path)).status == 404


async def test_sources(re: Client, fresh: tuple[Database, Blobs, Town]) -> None:
    sales = fresh[2]
    path = "/api/v1/sources/sales%2Fnew-source"
    made = await re.put(path, {"source": {"bucket_id": sales.bucket}})
    source = read(made, "source", Source)
    assert (source.bucket_id, source.kind, source.title) == (
        sales.bucket,
        "unknown",
        "new-source",
    )
    assert source in read(await re.get("/api/v1/sources"), "sources", list[Source])
    changed = await re.post(path, {"source": {"title": "y", "bucket_id": None}})
    assert read(changed, "source", Source).title == "y"
    assert read(changed, "source", Source).bucket_id is None
    statistics = await re.post(f"{path}/statistics", {"comment_filter": {}})
    assert statistics.json["statistics"]["num_comments"] == 0
    wrong = await re.put(
        "/api/v1/sources/sales%2Fother", {"source": {"email_transform_tag": "no tag"}}
    )
    assert wrong.status == 422
    assert wrong.json["message"] == "The value 'no tag' is not a valid transform tag."
    done(await re.delete(f"/api/v1/sources/id:{source.id}"))


async def test_comments(re: Client) -> None:
    await re.put("/api/v1/sources/sales%2Fmine", {"source": {}})
    put = "/api/_private/sources/sales%2Fmine/comments"
    created = await re.put(f"{put}?no_charge=false", {"comments": COMMENTS})
    # The client refuses any further key here.
    assert created.json == {"status": "ok"}
    again = await re.put(put, {"comments": COMMENTS})
    assert again.status == 409

    overwrite = await re.post(
        "/api/v1/sources/sales%2Fmine/sync?no_charge=false",
        {"comments": [COMMENTS[0], {**COMMENTS[1], "thread_id": "t"}, {**COMMENTS[2], "id": "ff"}]},
    )
    counts = {name: overwrite.json[name] for name in ("new", "updated", "unchanged")}
    assert counts == {"new": 1, "updated": 1, "unchanged": 1}

    query = "from_timestamp=2026-02-02T00%3A00%3A00Z&limit=64&include_markup=true"
    page = await re.get(f"{put}?{query}")
    found = read(page, "comments", list[Comment])
    assert [one.id for one in found] == ["0001", "0002", "ff"]
    assert found[0].user_properties == {"string:Team": "blue", "number:Score": 1.5}
    one = await re.get("/api/v1/sources/sales%2Fmine/comments/0001?include_markup=true")
    assert read(one, "comment", Comment) == found[0]

    done(await re.delete("/api/v1/sources/sales%2Fmine/comments?id=0001&id=0002"))
    assert len(read(await re.get(put), "comments", list[Comment])) == 2


async def test_attachments_go_up_and_come_down(re: Client) -> None:
    read(await re.put("/api/v1/sources/sales%2Fmine", {"source": {}}), "source", Source)
    source = read(await re.get("/api/v1/sources/sales%2Fmine"), "source", Source)
    base = "/api/_private/sources/sales%2Fmine/comments"
    done(await re.put(base, {"comments": COMMENTS[:1]}))
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\nabc\r\n--x--\r\n"
    )
    put = f"/api/_private/sources/id:{source.id}/comments/0000/attachments/0"
    kind = "multipart/form-data; boundary=x"
    answer = await re.send("PUT", put, form, content_type=kind)
    assert read(answer, "content_hash", str)

    comment = read(await re.get("/api/v1/sources/sales%2Fmine/comments/0000"), "comment", Comment)
    reference = comment.attachments[0].attachment_reference
    content = await re.get(f"/api/v1/attachments/{reference}")
    assert content.body == b"abc"


async def test_emails(re: Client, fresh: tuple[Database, Blobs, Town]) -> None:
    sales = fresh[2]
    base = "/api/_private/buckets/sales%2Finbox"
    put = await re.put(f"{base}/emails?no_charge=false", {"emails": EMAILS})
    assert put.json == {"status": "ok"}
    count = (await re.get(f"{base}/statistics")).json["statistics"]["count"]["value"]
    assert count == 4

    first = await re.post(f"{base}/emails", {"limit": 3})
    found = read(first, "emails", list[Email])
    second = await re.post(
        f"{base}/emails", {"limit": 3, "continuation": first.json["continuation"]}
    )
    found += read(second, "emails", list[Email])
    assert second.json["continuation"] is None
    assert [one.id for one in found][1:] == [email["id"] for email in EMAILS]

    one = await re.get(f"{base}/emails?id=%3C1%40mail.example.com%3E")
    (email,) = read(one, "emails", list[Email])
    assert email.mime_content == EMAILS[1]["mime_content"]
    assert one.json["emails"][0]["metadata"]["folder"] == ["Inbox", "Orders"]

    # They are comments of the bucket's source.
    comment = await re.get(
        f"/api/v1/sources/id:{sales.source}/comments/{b'<1@mail.example.com>'.hex()}"
    )
    told = read(comment, "comment", Comment)
    assert told.messages[0].body.text == "Please send it."
    assert told.user_properties is not None
    assert told.user_properties["string:Folder"] == "Orders (/ Inbox / Orders)"


async def test_raw_emails(re: Client) -> None:
    document = {
        "raw_email": {
            "headers": {
                "raw": "Message-ID: <raw@example.com>\nSubject: Hello\nFrom: a@example.com\n"
                "Date: Sun, 1 Feb 2026 00:00:00 +0000"
            },
            "body": {"html": "<p>Good <b>day</b></p>"},
            "attachments": [{"name": "a.pdf", "size": 3, "content_type": ".pdf"}],
        },
        "user_properties": {"string:Team": "blue"},
    }
    body = {
        "documents": [document],
        "transform_tag": "generic.0.CONVKER5",
        "include_comments": True,
    }
    answer = await re.post("/api/v1/sources/sales%2Fmail/sync-raw-emails?no_charge=false", body)
    (comment,) = read(answer, "comments", list[Comment])
    assert answer.json["new"] == 1
    assert comment.id == b"<raw@example.com>".hex()
    assert comment.messages[0].body.text == "Good day"
    assert comment.user_properties is not None
    assert comment.user_properties["string:Team"] == "blue"


async def test_keyed_sync_states(re: Client, fresh: tuple[Database, Blobs, Town]) -> None:
    base = f"/api/_private/buckets/id:{fresh[2].bucket}"
    states = await re.get(f"{base}/keyed-sync-states%2F")
    assert read(states, "keyed_sync_states", list[SyncState])
    ids = await re.post(f"{base}/keyed-sync-state-ids", {"mailbox_name": "orders@example.com"})
    for state_id in read(ids, "keyed_sync_state_ids", list[str]):
        done(await re.delete(f"{base}/keyed-sync-state/{state_id}"))
    states = await re.get(f"{base}/keyed-sync-states%2F")
    # Until they are read again, nothing is known of them.
    assert read(states, "keyed_sync_states", list[SyncState]) == []


async def test_datasets_and_streams(re: Client, fresh: tuple[Database, Blobs, Town]) -> None:
    sales = fresh[2]
    base = "/api/v1/datasets/sales%2Fnew-set"
    made = await re.put(base, {"dataset": {"source_ids": [sales.source], "title": "New"}})
    dataset = read(made, "dataset", Dataset)
    assert read(await re.get(base), "dataset", Dataset) == dataset
    assert dataset in read(await re.get("/api/v1/datasets"), "datasets", list[Dataset])

    named = await re.put(f"{base}/streams", {"stream": {"name": "new", "comment_filter": {}}})
    stream = read(named, "stream", Stream)
    assert read(await re.get(f"{base}/streams"), "streams", list[Stream]) == [stream]
    assert read(await re.get(f"{base}/triggers"), "triggers", list[Stream]) == [stream]

    seen: list[str] = []
    while True:
        answer = await re.post(f"{base}/streams/new/fetch", {"size": 64})
        assert answer.status == 200
        batch = msgspec.convert(answer.json, Batch)
        seen += [one.comment.id for one in batch.results]
        done(await re.post(f"{base}/streams/new/advance", {"sequence_id": batch.sequence_id}))
        if batch.is_end_sequence:
            break
    assert seen == [comment_id(number) for number in range(300)]

    done(
        await re.post(f"{base}/streams/new/reset", {"to_comment_created_at": "2020-06-03T16:05:00"})
    )
    again = await re.post(f"{base}/triggers/new/fetch", {"size": 1})
    uid = again.json["results"][0]["comment"]["uid"]
    exceptions = {"exceptions": [{"metadata": {"type": "No Prediction"}, "uid": uid}]}
    done(await re.put(f"{base}/streams/new/exceptions", exceptions))
    done(await re.delete(f"{base}/streams/new/exceptions?uid={uid}"))
    current = await re.get(f"{base}/streams/new/results?max_results=2&max_filtered=10")
    assert [one["comment"]["id"] for one in current.json["results"]] == [
        comment_id(0),
        comment_id(1),
    ]

    query = {"filter": {}, "order": {"kind": "recent"}, "limit": 10}
    found = await re.post("/api/_private/datasets/sales%2Fnew-set/query", query)
    shown = [msgspec.convert(one["comment"], Comment).id for one in found.json["results"]]
    assert shown == [comment_id(number) for number in range(299, 289, -1)]
    done(await re.delete(f"{base}/streams/new"))
    done(await re.delete(f"/api/v1/datasets/id:{dataset.id}"))


async def test_definitions_of_a_dataset_come_back(re: Client) -> None:
    said = {
        "source_ids": [],
        "_dataset_flags": ["qos"],
        "label_defs": [
            {"name": "Order > Late"},
            {"name": "Thanks", "pretrained": {"id": "p1"}, "title": "Thank you"},
        ],
        "entity_defs": [
            {"name": "order", "title": "Order", "trainable": True, "inherits_from": ["number"]}
        ],
        "general_fields": [{"api_name": "total", "field_type_name": "number"}],
    }
    base = "/api/v1/datasets/sales%2Fdefined"
    first = (await re.put(base, {"dataset": said})).json["dataset"]
    labels = [
        {"name": "Order > Late", "title": "", "description": ""},
        {
            "name": "Thanks",
            "title": "Thank you",
            "description": "",
            "pretrained": {"id": "p1", "name": "Thanks"},
        },
    ]
    assert first["label_defs"] == labels
    assert first["label_groups"] == [{"name": "default", "instructions": "", "label_defs": labels}]
    (entity,) = first["entity_defs"]
    assert entity.keys() >= {"id", "color", "inherits_from", "name", "title", "trainable"}
    assert first["general_fields"] == [{"api_name": "total", "field_type_name": "number"}]

    copied = {"source_ids": [], "copy_annotations_from": first["id"], "label_defs": []}
    second = await re.put("/api/v1/datasets/sales%2Fcopy", {"dataset": copied})
    assert second.json["dataset"]["entity_defs"] == first["entity_defs"]
    assert second.json["dataset"]["label_defs"] == []
    renamed = await re.post(base, {"dataset": {"title": "Defined"}})
    assert renamed.json["dataset"]["label_defs"] == labels
    wrong = await re.post(base, {"dataset": {"_dataset_flags": ["new"]}})
    assert (wrong.status, "_dataset_flags" in wrong.json["message"]) == (422, True)


async def test_integrations(re: Client) -> None:
    base = "/api/_private/integrations"
    assert read(await re.get(base), "integrations", list[Integration])
    new = {
        "title": "Office",
        "enabled": True,
        "configuration": {
            "connection": {
                "access": {"kind": "user_access", "username": "svc@example.com"},
                "application": {"kind": "custom", "client_id": "c", "tenant_id": "t"},
                "ews_endpoint": "https://outlook.office365.com/EWS/Exchange.asmx",
            },
            "mailboxes": [
                {
                    "email": "help@example.com",
                    "enabled": True,
                    "disabled_reason": None,
                    "folder_allowlist": None,
                    "folder_denylist": [["Junk"], ["Inbox", "Spam"]],
                    "start_timestamp": "2026-01-01T00:00:00Z",
                    "bucket_specification": {
                        "project_name": "sales",
                        "name": "help",
                        "title": "Help",
                    },
                }
            ],
        },
    }
    made = read(
        await re.put(f"{base}/sales%2Foffice", {"integration": new}), "integration", Integration
    )
    assert made.title == "Office"
    assert made.configuration.connection is not None
    assert made.configuration.connection.access.username == "svc@example.com"
    assert made.configuration.mailboxes[0].bucket_specification.title == "Help"
    # That client never sends a secret: until one is given, nothing can be read.
    assert (made.enabled, made.disabled_reason) == (False, "sync_error")

    told = (await re.get(f"{base}/sales%2Foffice")).json["integration"]
    known = msgspec.to_builtins(msgspec.convert(told, Integration))
    known["title"] = "Renamed"
    changed = await re.post(f"{base}/sales%2Foffice", {"integration": known})
    assert read(changed, "integration", Integration).title == "Renamed"
    everywhere = read(await re.get(base), "integrations", list[Integration])
    assert {one.name for one in everywhere} == {"exchange", "office"}
    done(await re.delete(f"{base}/sales%2Foffice"))


async def test_users_and_projects(re: Client) -> None:
    user = {
        "username": "cy",
        "email": "cy@example.com",
        "global_permissions": [],
        "organisation_permissions": {"sales": ["sources-read"]},
    }
    made = read(await re.put("/api/_private/users", {"user": user}), "user", User)
    assert made in read(await re.get("/api/_private/users"), "users", list[User])
    assert made in read(await re.get("/api/v1/users"), "users", list[User])
    assert read(await re.get(f"/api/_private/users/{made.id}"), "user", User) == made
    more = {"user": {"organisation_permissions": {"sales": ["sources-read", "sources-admin"]}}}
    after = read(await re.post(f"/api/_private/users/{made.id}", more), "user", User)
    assert after.organisation_permissions == {"sales": ["sources-admin", "sources-read"]}

    new = {"project": {"title": "Support", "description": "d"}, "user_ids": [made.id]}
    project = read(await re.put("/api/_private/projects/support", new), "project", Project)
    assert (project.title, project.description) == ("Support", "d")
    assert project in read(await re.get("/api/_private/projects"), "projects", list[Project])
    renamed = await re.post("/api/_private/projects/support", {"project": {"title": "Help"}})
    assert read(renamed, "project", Project).title == "Help"
    await re.put("/api/v1/sources/support%2Fs", {"source": {}})
    refused = await re.delete("/api/_private/projects/support?force=false")
    assert refused.status == 409
    assert refused.json["message"] == (
        'Project contains child resources but force deletion was not requested: {"sources": 1}'
    )
    done(await re.delete("/api/_private/projects/support?force=true"))
    done(await re.delete(f"/api/_private/users/{made.id}"))


async def test_quotas_and_audit_events(re: Client) -> None:
    quotas = read(await re.get("/api/_private/quotas"), "quotas", list[Quota])
    assert {one.quota_kind for one in quotas} >= {"sources", "buckets", "comments", "triggers"}
    done(await re.post("/api/_private/quotas/any-tenant/sources", {"hard_limit": 2}))
    limits = {
        one.quota_kind: one.hard_limit
        for one in read(await re.get("/api/_private/quotas/any-tenant"), "quotas", list[Quota])
    }
    assert limits["sources"] == 2
    refused = await re.put("/api/v1/sources/sales%2Fthird", {"source": {}})
    assert (refused.status, "quota of sources is 2" in refused.json["message"]) == (422, True)
    done(await re.post("/api/_private/quotas/any-tenant/sources", {"hard_limit": None}))
    done(await re.put("/api/v1/sources/sales%2Fthird", {"source": {}}))

    query = {"filter": {"timestamp": {"minimum": "2026-03-01T00:00:00Z"}}}
    answer = await re.post("/api/v1/audit_events/query", query)
    events = read(answer, "audit_events", list[AuditEvent])
    assert [one.event_type for one in events] == [
        "source_created",
        "quota_changed",
        "quota_changed",
    ]
    sides = answer.json
    for side, wanted in (
        ("users", {one.actor_user_id for one in events}),
        ("tenants", {one.actor_tenant_id for one in events}),
        ("projects", {each for one in events for each in one.project_ids}),
    ):
        assert wanted <= {each["id"] for each in sides[side]}
    assert {"id", "display_name", "email", "username", "tenant_id"} <= sides["users"][0].keys()
    assert {"id", "name", "tenant_id"} <= sides["projects"][0].keys()
