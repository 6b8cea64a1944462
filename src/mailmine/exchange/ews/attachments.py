"""The content of an attachment, taken out of the answer while it arrives.

The base64 of a large attachment is one text of the answer. It is cut out before any parser sees it, decoded piece by piece
and handed on; the little that remains is an ordinary answer and parsed as such.
"""

import binascii
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from mailmine.exchange.ews import codes
from mailmine.exchange.ews.client import Client
from mailmine.exchange.ews.operations import get_attachment
from mailmine.exchange.faults import Code, ExchangeError, Scope, Where
from mailmine.model.email import Attachment, AttachmentKind
from mailmine.model.ids import AttachmentId

MOST_AROUND: Final = 4 << 20
"""Bytes that an answer may hold besides the content."""

LONGEST_BREAK: Final = 16
"""Bytes of the name of a character."""

_START: Final = re.compile(rb"<(?:[\w.-]+:)?(?:Content|MimeContent)(?:\s[^<>]*)?(/?)>")
_WHITE: Final = b" \t\r\n"
_BREAK: Final = re.compile(rb"&#(?:x0*[9aAdD]|0*(?:9|10|13));")
"""White space as many writers of XML put it, so that it stays."""


class DamagedError(ValueError):
    """The content is not base64."""


class TooLongError(ValueError):
    """There is more around the content than there can be."""


async def read_attachment(client: Client, attachment: Attachment) -> AsyncGenerator[bytes, None]:
    """Yield the content of `attachment`. Raises ExchangeError, with scope ITEM where only this one is at fault."""
    if attachment.kind is AttachmentKind.REFERENCE or attachment.id is None:
        message = f"An attachment in {client.mailbox} is only a link; it has no content."
        raise client.error(Code.NO_CONTENT, message, scope=Scope.ITEM)
    try:
        async with aclosing(_content(client, attachment.id)) as pieces:
            async for piece in pieces:
                yield piece
    except (DamagedError, TooLongError) as error:
        message = f"An attachment in {client.mailbox} is damaged: {error}."
        raise client.error(Code.DAMAGED_CONTENT, message, scope=Scope.ITEM) from error
    except ExchangeError as error:
        raise await _blamed(client, error) from error


async def _content(client: Client, id_: AttachmentId) -> AsyncGenerator[bytes, None]:
    operation = get_attachment(id_)
    while True:
        cutter = ContentCutter()
        async with client.open(operation, may_compress=False) as (response, ticket):
            async for piece in client.stream(response):
                for content in cutter.feed(piece):
                    yield content
            cutter.finish()
        try:
            answers = client.answers(cutter.around, response, ticket)
            break
        except ExchangeError as error:
            if cutter.was_found or not client.step_down(error.fault):
                raise
    if len(answers) != 1:
        raise client.not_understood()
    if answers[0].fault is not None:
        raise ExchangeError(answers[0].fault)
    if not cutter.was_found:
        message = f"An attachment in {client.mailbox} came without its content."
        raise client.error(Code.NO_CONTENT, message, scope=Scope.ITEM)


async def _blamed(client: Client, error: ExchangeError) -> ExchangeError:
    """Hold `error` against the attachment, after the mailbox has shown that it is well where it may be the cause."""
    fault = error.fault
    if fault.code in codes.MAY_BE_ONE_ITEMS or fault.code == Code.TIMED_OUT:
        await client.check()
    elif fault.code in codes.REACHES_BEYOND_FOLDER or fault.where is not Where.EWS:
        return error
    return ExchangeError(replace(fault, scope=Scope.ITEM))


class ContentCutter:
    """Cuts the content out of an answer that is fed to it."""

    def __init__(self) -> None:
        self._around = bytearray()
        self._rest = b""
        self._is_inside = False
        self._end: int | None = None
        """Where the content was in what is around it."""
        self.was_found = False
        """Whether the answer held content, be it empty."""

    @property
    def around(self) -> bytes:
        """The answer without the content."""
        return bytes(self._around)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece of the answer and give what of the content is in it, decoded."""
        if not self._is_inside:
            self._around += piece
            if self.was_found or (start := _START.search(self._around)) is None:
                self._check_length()
                return
            self.was_found = True
            if start[1]:
                return
            piece = bytes(self._around[start.end() :])
            del self._around[start.end() :]
            self._is_inside = True
        end = piece.find(b"<")
        if end >= 0:
            self._is_inside = False
            self._end = len(self._around)
            self._around += piece[end:]
            piece = piece[:end]
        text = _BREAK.sub(b"", self._rest + piece.translate(None, _WHITE))
        whole = len(text)
        if end < 0:  # there is more to come, of a group of four or of the name of a character
            begun = text.rfind(b"&", -LONGEST_BREAK)
            whole = (whole if begun < 0 else begun) // 4 * 4
        self._rest = text[whole:]
        if whole:
            yield self._decode(text[:whole])
        self._check_length()

    def finish(self) -> None:
        """Raise DamagedError where the content broke off, or is of more than one piece of XML."""
        if self._is_inside:
            raise DamagedError("the answer ends within the content")
        if self._end is not None and not self._around.startswith(b"</", self._end):
            raise DamagedError("there is more in it than base64")

    def _decode(self, text: bytes) -> bytes:
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise DamagedError(str(error)) from error

    def _check_length(self) -> None:
        if len(self._around) > MOST_AROUND:
            raise TooLongError("too long")
