"""Either way of reading gives the same comments for the same mail."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from exchange_simulator import Exchange, mail
from mailmine.model.comment import Comment
from mailmine.model.integration import Backend
from mailmine.store import buckets
from mailmine.store.blobs import Blobs
from mailmine.store.database import Database
from mailmine.sync.filling import Filling, begin_anew
from mailmine.sync.refinery import Here
from mailmine.sync.round import utc_now
from tests.integration.sync.conftest import ACCOUNT, APP, ORDERS, PASSWORD, TENANT, World


@contextmanager
def a_world(exchange: Exchange, address: str, backend: Backend) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database.open(f"sqlite:///{folder / 'mailmine.db'}")
        database.migrate()
        blobs = Blobs.open(folder / "blobs")
        yield World(exchange, address, database, blobs, folder, backend=backend)
        database.close()


async def comments_by(exchange: Exchange, address: str, backend: Backend) -> dict[str, Comment]:
    with a_world(exchange, address, backend) as world:
        world.configure(sync_attachments=True)
        await world.sync()
        await refine_anew(world)
        return {comment.id: without_references(comment) for comment in world.comments()}


async def refine_anew(world: World) -> None:
    """Let no comment depend on which emails came before its own."""
    with world.database.write() as tx:
        for bucket in buckets.list_all(tx):
            begin_anew(tx, bucket.id, at=utc_now())
    filling = Filling(world.database, refinery=Here())
    while await filling.step():
        pass
    filling.close()


def without_references(comment: Comment) -> Comment:
    """Leave out what is made anew by each installation."""
    attachments = tuple(replace(one, attachment_reference=None) for one in comment.attachments)
    return replace(comment, attachments=attachments)


@pytest.mark.corpus
async def test_ews_and_graph_give_the_same_comments(tmp_path: Path, shared: Path) -> None:
    exchange = Exchange(folder=tmp_path)
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    mail.load(exchange.mailbox(ORDERS), shared / "corpus")
    with exchange.serve() as address:
        by_ews = await comments_by(exchange, address, Backend.EWS)
        by_graph = await comments_by(exchange, address, Backend.GRAPH)
    exchange.close()
    assert len(by_ews) > 500
    assert by_graph.keys() == by_ews.keys()
    different = {
        id_: (by_ews[id_], by_graph[id_]) for id_ in by_ews if by_ews[id_] != by_graph[id_]
    }
    assert not different


def rare(
    name: str, headers: str, body: str = "Please send 3 chairs.", *, has_id: bool = True
) -> bytes:
    """Write a mail of a kind that is seldom met."""
    identity = f"Message-ID: <{name}@example.org>\r\n" if has_id else ""
    usual = f"{identity}Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    if "Content-Type:" not in headers:
        usual += "Content-Type: text/plain; charset=utf-8\r\n"
    return (
        usual + headers.replace("\n", "\r\n") + "\r\n\r\n" + body.replace("\n", "\r\n")
    ).encode()


def parts(kind: str, *told: str) -> tuple[str, str]:
    """Write the header and the body of a mail of several parts."""
    inner = "".join(f"--b\n{part}\n" for part in told)
    return f'Content-Type: multipart/{kind}; boundary="b"', f"{inner}--b--\n"


FROM = "From: Ann <ann@example.org>\nTo: orders@example.com\nSubject: Chairs"
TEXT = "Content-Type: text/plain\n\nSee below."
FILE = "Content-Type: application/pdf\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n"


def several(kind: str, *told: str) -> tuple[str, str]:
    header, body = parts(kind, *told)
    return f"{FROM}\n{header}", body


INNERMOST = f"{FROM}\nMessage-ID: <in3@example.org>\nContent-Type: text/plain\n\nInnermost"
NESTED = (
    f"Content-Type: message/rfc822\n\n{FROM}\nMessage-ID: <in1@example.org>\n"
    'Content-Type: multipart/mixed; boundary="c"\n\n--c\nContent-Type: text/plain\n\nIn 1\n--c\n'
    f"Content-Type: message/rfc822\n\n{FROM}\nMessage-ID: <in2@example.org>\n"
    'Content-Type: multipart/mixed; boundary="d"\n\n--d\nContent-Type: text/plain\n\nIn 2\n--d\n'
    f"Content-Type: message/rfc822\n\n{INNERMOST}\n--d--\n--c--"
)
CALENDAR = (
    'Content-Type: text/calendar; method={}; charset="utf-8"\n\nBEGIN:VCALENDAR\nMETHOD:{}\nBEGIN:VEVENT\n'
    "UID:1\nSUMMARY:Chairs\nDTSTART:20260303T100000Z\nDTEND:20260303T110000Z\n"
    "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org\nORGANIZER:mailto:orders@example.com\n"
    "END:VEVENT\nEND:VCALENDAR"
)
RARE: dict[str, tuple[str, str]] = {
    "several senders": ("From: Ann <ann@example.org>, bob@example.org\nSender: bob@example.org\nTo: orders@example.com\nSubject: A", "x"),
    "on behalf": ("From: Boss <boss@example.org>\nSender: Ann <ann@example.org>\nTo: orders@example.com\nSubject: A", "x"),
    "sender alone": ("Sender: Ann <ann@example.org>\nTo: orders@example.com\nSubject: A", "x"),
    "nobody": ("To: orders@example.com\nSubject: A", "x"),
    "bcc": ("From: orders@example.com\nBcc: Hidden <hidden@example.org>, b@example.org\nSubject: A", "x"),
    "resent": (f"Resent-From: Carol <carol@example.org>\nResent-To: orders@example.com\n{FROM}", "x"),
    "reply to": (f"Reply-To: List <list@example.org>, x@example.org\nReferences: <r@x> <s@x>\nIn-Reply-To: <s@x> <t@x>\n{FROM}", "x"),
    "long subject": (f"From: ann@example.org\nTo: orders@example.com\nSubject: {'Chairs ' * 300}", "x"),
    "no subject": ("From: ann@example.org\nTo: orders@example.com", "x"),
    "empty subject": ("From: ann@example.org\nTo: orders@example.com\nSubject:", "x"),
    "right to left": ("From: =?utf-8?b?16nXnNeV150=?= <a@example.org>\nTo: orders@example.com\nSubject: =?utf-8?b?4oCP16nXnNeV150g2YXYsdit2KjYpyDwn5iA?=", "שלום مرحبا 😀"),
    "legacy address": ("From: Ann </O=EXCHANGELABS/OU=GROUP/CN=RECIPIENTS/CN=ANN>\nTo: <IMCEAEX-_O=X_OU=Y@example.com>\nSubject: A", "x"),
    "name alone": ("From: ann@example.org\nTo: Sales Team\nCc: undisclosed-recipients:;\nSubject: A", "x"),
    "group": ("From: ann@example.org\nTo: Team: bob@example.org, Carl <carl@example.org>;\nSubject: A", "x"),
    "list": (f"List-Id: Chairs <chairs.example.org>\nList-Unsubscribe: <mailto:u@example.org>\nPrecedence: bulk\n{FROM}", "x"),
    "empty": (FROM, ""),
    "blank": (FROM, " \n\n"),
    "private": (f"Sensitivity: Company-Confidential\nImportance: high\nX-Priority: 1\nKeywords: Red, Blue\n{FROM}", "x"),
    "no disposition": several("mixed", TEXT, "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nJVBERg=="),
    "no name": several("mixed", TEXT, FILE + "JVBERg=="),
    "no bytes": several("mixed", TEXT, FILE.replace("attachment", 'attachment; filename="a.pdf"')),
    "no content id": several("related", 'Content-Type: text/html\n\n<p>See <img src="cid:none"></p>', "Content-Type: image/png\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\niVBORw0="),
    "location": several("related", 'Content-Type: text/html\n\n<p>See <img src="a.png"></p>', "Content-Type: image/png\nContent-Location: a.png\nContent-Transfer-Encoding: base64\n\niVBORw0="),
    "odd content id": several("related", 'Content-Type: text/html\n\n<p>See <img src="cid:a b@x"></p>', "Content-Type: image/png\nContent-ID: a b@x\nContent-Disposition: inline; filename=x.png\nContent-Transfer-Encoding: base64\n\niVBORw0="),
    "three deep": several("mixed", TEXT, NESTED),
    "contact": several("mixed", TEXT, "Content-Type: text/vcard; name=ann.vcf\n\nBEGIN:VCARD\nFN:Ann\nEND:VCARD"),
    "not delivered": several("report; report-type=delivery-status", TEXT, "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; bob@x\nAction: failed\nStatus: 5.1.1", f"Content-Type: message/rfc822\n\n{INNERMOST}"),
    "read": several("report; report-type=disposition-notification", TEXT, "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; bob@x\nDisposition: manual-action/MDN-sent-manually; displayed"),
    "accepted": several("alternative", TEXT, CALENDAR.format("REPLY", "REPLY")),
    "cancelled": several("alternative", TEXT, CALENDAR.format("CANCEL", "CANCEL")),
    "invited": several("alternative", TEXT, CALENDAR.format("REQUEST", "REQUEST")),
    "unknown class": (f"X-Microsoft-Class: IPM.Note.Rules.OofTemplate\nAuto-Submitted: auto-replied\n{FROM}", "x"),
}  # fmt: skip
"""Headers and bodies of mail that the collections of others hardly hold."""


async def test_ews_and_graph_give_the_same_comments_for_rare_kinds_of_mail() -> None:
    exchange = Exchange()
    exchange.account(ACCOUNT, password=PASSWORD)
    exchange.application(APP, tenant=TENANT, secret=PASSWORD)
    exchange.grant(ACCOUNT, mailbox=ORDERS)
    orders = exchange.mailbox(ORDERS)
    for place, (name, told) in enumerate(RARE.items()):
        folder = "Sent Items" if name == "bcc" else "Inbox"
        orders.deliver(rare(f"{place}", *told), folder)
        orders.deliver(rare("", f"X-Kind: {name}\n{told[0]}", told[1], has_id=False), folder)
    with exchange.serve() as address:
        by_ews = await comments_by(exchange, address, Backend.EWS)
        by_graph = await comments_by(exchange, address, Backend.GRAPH)
    exchange.close()
    assert len(by_ews) >= len(RARE)
    assert by_graph.keys() == by_ews.keys()
    different = {
        id_: (by_ews[id_], by_graph[id_])
        for id_ in by_ews
        if by_ews[id_] != as_ews_tells_it(by_graph[id_], by_ews[id_])
    }
    assert not different


def as_ews_tells_it(comment: Comment, by_ews: Comment) -> Comment:
    """Leave out what EWS has no properties for: reports are plain items there, neither read nor of a topic."""
    if "string:Is Read" in by_ews.user_properties:
        return comment
    missing = {"string:Is Read", "string:Conversation Topic"}
    told = {name: one for name, one in comment.user_properties.items() if name not in missing}
    return replace(comment, user_properties=told)
