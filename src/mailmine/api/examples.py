"""Examples for the description of the API, made of what the fields are called and may hold."""

from typing import Any

import msgspec
from msgspec import Struct, inspect

_MOMENT = "2026-03-01T12:00:00.000000Z"
_ID = "0f3c5e7a9b1d2f40"
_MESSAGE_ID = "<order-17@example.com>"
_COMMENT_ID = _MESSAGE_ID.encode().hex()
_MIME = (
    f"Message-ID: {_MESSAGE_ID}\r\nSubject: Order 17\r\nFrom: ann@example.com\r\n\r\nWhere is it?"
)

BY_NAME: dict[str, Any] = {
    "access": "delegate",
    "any_of": ["pdf"],
    "api_name": "total",
    "attachment_reference": "k7awzjf6M837sbB7ILg_LLQbOPdA1JcS",
    "authority": None,
    "bcc": [],
    "bucket_id": _ID,
    "build_version": None,
    "categories": ["Important"],
    "cc": [],
    "client_id": "11111111-2222-3333-4444-555555555555",
    "cloud": "worldwide",
    "comment_id": _COMMENT_ID,
    "content_hash": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "content_type": "application/pdf",
    "continuation": None,
    "conversation_id": "AAQkADFi",
    "conversation_topic": "Order 17",
    "copy_annotations_from": None,
    "dataset_id": _ID,
    "dataset_ids": [_ID],
    "description": "What customers write.",
    "detail": {"project": "support", "name": "mail"},
    "disabled_detail": None,
    "disabled_reason": None,
    "display_name": "ann",
    "email": "ann@example.com",
    "endpoint": "https://exchange.example.com/EWS/Exchange.asmx",
    "entities": [],
    "event_id": "0000000000000011",
    "event_type": "source_created",
    "ews_endpoint": "https://outlook.office365.com/EWS/Exchange.asmx",
    "fill": None,
    "folder": ["Inbox", "Orders"],
    "folder_allowlist": None,
    "folder_denylist": [["Junk Email"]],
    "folder_id": "AAMkADFi",
    "folder_path": ["Inbox"],
    "from": "Ann <ann@example.com>",
    "global_permissions": [],
    "headers": {"raw": f"Message-ID: {_MESSAGE_ID}\r\nSubject: Order 17"},
    "importance": "Normal",
    "kind": "sources",
    "language": "en",
    "mailbox": "orders@example.com",
    "mailbox_name": "orders@example.com",
    "message": "There is no source support/mail.",
    "metadata": {"folder": ["Inbox"], "is_read": True},
    "mime_content": _MIME,
    "model": None,
    "model_family": "english",
    "name": "mail",
    "organisation_permissions": {"support": ["sources-read"]},
    "owner": "support",
    "parsed": None,
    "plain": "Where is it?",
    "html": None,
    "project_ids": [_ID],
    "project_name": "support",
    "proxy": None,
    "proxy_secret": "the password of the proxy",
    "quota_kind": "sources",
    "raw": f"Message-ID: {_MESSAGE_ID}\r\nSubject: Order 17",
    "received_at": _MOMENT,
    "secret": "the password",
    "sensitivity": "Normal",
    "sequence_id": "AQ88XnqbHS9AAAZM_X0ndAA",
    "since": _MOMENT,
    "source_id": _ID,
    "source_ids": [_ID],
    "start_timestamp": "2026-01-01T00:00:00.000000Z",
    "subject": {"text": "Order 17"},
    "signature": {"text": "Ann\nExample Ltd"},
    "tenant_id": "0000000000000000",
    "tenant_ids": ["0000000000000000"],
    "text": "Where is it?",
    "text_markup": None,
    "thread_id": _COMMENT_ID,
    "timeouts": {"pool": 120.0, "connect": 30.0, "write": 60.0, "read": 120.0},
    "title": "Mail",
    "tls_ciphers": None,
    "tls_minimum": "1.2",
    "to": ["orders@example.com"],
    "transform_tag": "generic.0.CONVKER5",
    "translated_from": None,
    "translated_from_markup": None,
    "trouble": None,
    "type": "basic",
    "uid": f"{_ID}.{_COMMENT_ID}",
    "user_properties": {"string:Team": "blue", "number:Score": 7},
    "username": "ann",
    "verify_tls": True,
    "email_transform_tag": "generic.0.CONVKER5",
    "override_user_properties": None,
    "reviewed": None,
    "sources": None,
    "StreamResult.continuation": "AQ88XnqbHS9AAAZM_X0ndAA",
    "streams_results_answer.continuation": "AQ88XnqbHS9AAAZM_X0ndAA",
}
"""What a field of this name holds; `shape.field` counts before `field`."""

OF: dict[str, Any] = {
    "NewComment": {
        "id": "order-17",
        "timestamp": "2026-03-01T12:00:00Z",
        "messages": [
            {
                "body": {"text": "Where is it?"},
                "subject": {"text": "Order 17"},
                "from": "ann@example.com",
                "to": ["orders@example.com"],
            }
        ],
        "user_properties": {"string:Team": "blue"},
    },
    "CommentFilter": {"messages": {"from": {"one_of": ["ann@example.com"]}}},
    "StreamException": {"uid": f"{_ID}.{_COMMENT_ID}", "metadata": {"type": "No prediction"}},
    "UserAccess": {"kind": "user_access", "username": "svc@example.com"},
    "CustomApplication": {
        "kind": "custom",
        "client_id": "11111111-2222-3333-4444-555555555555",
        "tenant_id": "example.com",
    },
    "Auth": {
        "type": "client_secret",
        "tenant_id": "example.com",
        "client_id": "11111111-2222-3333-4444-555555555555",
        "secret": "the secret",
    },
    "CommentsBody": {"comments": ["NewComment"]},
    "EmailsBody": {"emails": ["NewEmail"]},
    "DocumentsBody": {"documents": ["Document"], "transform_tag": "generic.0.CONVKER5"},
    "RawEmail": {
        "headers": {"raw": f"Message-ID: {_MESSAGE_ID}\r\nSubject: Order 17"},
        "body": {"plain": "Where is it?"},
        "attachments": [],
    },
    "AttributeFilter": {
        "attribute": "attachment_property_types",
        "filter": {"kind": "string_any_of", "any_of": [".pdf"]},
    },
    "StreamBody": {"stream": {"name": "new", "comment_filter": {}, "updates": "text"}},
    "IntegrationBody": {
        "integration": {
            "title": "Our Exchange",
            "enabled": True,
            "backend": "graph",
            "configuration": {
                "auth": {
                    "type": "client_secret",
                    "tenant_id": "example.com",
                    "client_id": "11111111-2222-3333-4444-555555555555",
                    "secret": "the secret",
                },
                "mailboxes": [
                    {
                        "email": "orders@example.com",
                        "bucket_specification": {"project_name": "support", "name": "mail"},
                        "sync_attachments": True,
                    }
                ],
            },
        }
    },
    "DatasetBody": {"dataset": {"source_ids": [_ID], "title": "All mail"}},
    "DatasetQuery": {"filter": {}, "order": {"kind": "recent"}, "limit": 64},
    "Comment": {
        "id": _COMMENT_ID,
        "uid": f"{_ID}.{_COMMENT_ID}",
        "source_id": _ID,
        "thread_id": _COMMENT_ID,
        "timestamp": _MOMENT,
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
        "messages": [
            {
                "body": {"text": "Where is it?"},
                "subject": {"text": "Order 17"},
                "signature": {"text": "Ann\nExample Ltd"},
                "from": "Ann <ann@example.com>",
                "to": ["orders@example.com"],
                "sent_at": _MOMENT,
                "language": "en",
            }
        ],
        "user_properties": {
            "string:Folder": "Orders (/ Inbox / Orders)",
            "string:Message ID": _MESSAGE_ID,
            "number:Messages": 1,
        },
        "attachments": [
            {
                "name": "order.pdf",
                "size": 48_211,
                "content_type": "application/pdf",
                "attachment_reference": "k7awzjf6M837sbB7ILg_LLQbOPdA1JcS",
            }
        ],
        "has_annotations": False,
    },
}
"""Whole examples, by the name of the shape; a name in a list is the example of that shape."""


def example(shape: Any, shapes: dict[str, type[Struct]]) -> Any:
    """Give an example of a shape. `shapes` are those that `OF` names."""
    return _of(inspect.type_info(shape), "", "", shapes)


def _of(info: inspect.Type, shape: str, field: str, shapes: dict[str, type[Struct]]) -> Any:
    known = BY_NAME.get(f"{shape}.{field}", BY_NAME.get(field, msgspec.UNSET))
    if isinstance(info, inspect.StructType):
        return _of_struct(info, info.cls, shapes)
    if isinstance(info, inspect.Metadata):
        return _of(info.type, shape, field, shapes)
    if known is not msgspec.UNSET and _takes(info, known):
        return known
    if isinstance(info, inspect.UnionType):
        return _of(info.types[0], shape, field, shapes)
    if isinstance(info, inspect.ListType | inspect.VarTupleType):
        return [_of(info.item_type, shape, field, shapes)]
    return _of_scalar(info)


def _takes(info: inspect.Type, known: Any) -> bool:
    """Whether an example of a field of this name fits what the field is here."""
    if isinstance(info, inspect.UnionType):
        return not any(isinstance(one, inspect.StructType) for one in info.types)
    if isinstance(info, inspect.ListType | inspect.VarTupleType):
        return isinstance(known, list)
    if isinstance(info, inspect.StrType):
        return isinstance(known, str)
    if isinstance(info, inspect.LiteralType):
        return known in info.values
    if isinstance(info, inspect.EnumType):
        return known in set(info.cls)
    return True


def _of_struct(
    info: inspect.StructType, cls: type[Struct], shapes: dict[str, type[Struct]]
) -> dict[str, Any]:
    if cls.__name__ in OF:
        return {
            name: [example(shapes[one], shapes) if one in shapes else one for one in value]
            if isinstance(value, list) and all(isinstance(one, str) for one in value)
            else value
            for name, value in OF[cls.__name__].items()
        }
    made: dict[str, Any] = {info.tag_field: info.tag} if info.tag_field else {}
    for field in info.fields:
        made[field.encode_name] = _of(field.type, cls.__name__, field.encode_name, shapes)
    return {name: value for name, value in made.items() if value is not msgspec.UNSET}


def _of_scalar(info: inspect.Type) -> Any:
    if isinstance(info, inspect.LiteralType):
        return info.values[0]
    if isinstance(info, inspect.EnumType):
        return next(iter(info.cls)).value
    if isinstance(info, inspect.StrType):
        return _ID if "0-9a-f" in (info.pattern or "") else "mail"
    return _SCALARS.get(type(info))


_SCALARS: dict[type, Any] = {
    inspect.BoolType: True,
    inspect.IntType: 1,
    inspect.FloatType: 1,
    inspect.DateTimeType: _MOMENT,
    inspect.DictType: {},
}
