"""Typed ids, so that one kind never passes for another."""

from typing import NewType

MessageId = NewType("MessageId", str)
"""The Message-ID of an email as its header has it, angle brackets included (RFC 5322, 3.6.4)."""

CommentId = NewType("CommentId", str)
"""Unique within a source: lower-case hex of the Message-ID. Also the key of an email in a bucket."""

ThreadId = NewType("ThreadId", str)
"""The same for all comments of a conversation."""

ItemId = NewType("ItemId", str)
"""Exchange's own id of an item: opaque, case-sensitive; by EWS it changes when the item moves."""

FolderId = NewType("FolderId", str)
"""Exchange's own id of a folder: opaque, case-sensitive; it survives a move of the folder."""

AttachmentId = NewType("AttachmentId", str)
"""Exchange's own id of an attachment within an item."""

Cursor = NewType("Cursor", str)
"""A reader's place in a folder (sync state, delta link): opaque text of any length."""

ContentHash = NewType("ContentHash", str)
"""Lower-case hex of the SHA-256 of some bytes; names a blob."""

AttachmentReference = NewType("AttachmentReference", str)
"""By this the API hands out the content of an attachment; cannot be guessed."""

ProjectId = NewType("ProjectId", str)
BucketId = NewType("BucketId", str)
SourceId = NewType("SourceId", str)
DatasetId = NewType("DatasetId", str)
StreamId = NewType("StreamId", str)
IntegrationId = NewType("IntegrationId", str)
UserId = NewType("UserId", str)
TokenId = NewType("TokenId", str)
MailboxId = NewType("MailboxId", str)
"""Sixteen hex digits each, made by us."""

FolderKey = NewType("FolderKey", int)
"""Our own number of one folder of one mailbox."""

EmailKey = NewType("EmailKey", int)
"""Our own number of one email of one bucket."""

ExchangeId = NewType("ExchangeId", str)
"""What limits its callers: a server by its host, or an app of Entra ID in its tenant."""
