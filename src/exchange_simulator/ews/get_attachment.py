"""GetAttachment: the content of attachments."""

import base64
from collections.abc import Callable

from lxml import etree

from exchange_simulator.content import Content
from exchange_simulator.ews import attachments, fields, item_fields, items
from exchange_simulator.ews.batch import batch
from exchange_simulator.ews.caller import Caller
from exchange_simulator.ews.shapes import Shape, item_shape
from exchange_simulator.ews.soap import EwsError, M
from exchange_simulator.folder import Item
from exchange_simulator.mailbox import Mailbox
from exchange_simulator.parts import Attached
from exchange_simulator.versions import Schema


def get_attachment(caller: Caller, request: etree._Element) -> str:
    """Answer with each attachment: a file with its bytes, a message as an item, with its MIME where asked for."""
    shape = item_shape(request.find(f"{M}AttachmentShape"), caller.schema)

    def answer(element: etree._Element) -> str:
        mailbox, item, places = caller.attachment(element)
        caller.planned_failure(number=item.number)
        attached = _find(mailbox, item, places)
        mailbox.given["content"] += 1

        def listed(content: Content) -> str:
            inner = content.attachments
            return attachments.several(mailbox, item, inner, caller.schema, within=places)

        content = (
            _message(mailbox, attached, listed, shape, caller.schema)
            if attached.is_item
            else f"<t:Content>{base64.b64encode(mailbox.data(attached.data)).decode()}</t:Content>"
        )
        written = attachments.one(
            mailbox, item, places, attached, schema=caller.schema, content=content
        )
        return f"<m:Attachments>{written}</m:Attachments>"

    wanted = caller.elements(request.find(f"{M}AttachmentIds"))
    return batch(caller, "GetAttachment", wanted, answer, empty="<m:Attachments/>")


def _find(mailbox: Mailbox, item: Item, places: tuple[int, ...]) -> Attached:
    found = mailbox.content(item).attachments
    for depth, place in enumerate(places):
        if place >= len(found):
            break
        attached = found[place]
        if depth + 1 == len(places):
            return attached
        found = mailbox.parse(mailbox.data(attached.data)).attachments if attached.is_item else []
    raise EwsError("ErrorItemNotFound")


def _message(
    mailbox: Mailbox,
    attached: Attached,
    listed: Callable[[Content], str],
    shape: Shape,
    schema: Schema,
) -> str:
    """Write a message within a message: all that it says, though it lies in no folder."""
    mime = mailbox.data(attached.data)
    content = mailbox.parse(mime)
    found = item_fields.make(content, size=len(mime))
    kind = item_fields.kind(content.item_class, is_2010=schema is Schema.EXCHANGE_2010)
    body = shape.body if shape.body != "Best" else found["Best"]
    found |= {
        "item:ItemClass": item_fields.element("ItemClass", content.item_class),
        "item:Body": f'<t:Body BodyType="{body}">{found.get(body, "")}</t:Body>',
        "item:Attachments": listed(content),
        "message:IsRead": "<t:IsRead>true</t:IsRead>",
    }
    if "item:MimeContent" in shape.uris:
        items.check_mime(kind, schema)
        encoded = base64.b64encode(mime).decode()
        found["item:MimeContent"] = f'<t:MimeContent CharacterSet="UTF-8">{encoded}</t:MimeContent>'
    order = fields.order(kind, schema)
    return f"<t:{kind}>{''.join(found.get(uri, '') for uri in order)}</t:{kind}>"
