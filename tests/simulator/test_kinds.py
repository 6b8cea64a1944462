"""Items of other kinds than plain messages, as they lie in real mailboxes."""

import base64
from collections.abc import Callable

import pytest

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Client, shape
from tests.simulator.mails import mail
from tests.simulator.test_items import INVITATION


def kinds(client: Client, *ids: str) -> list[tuple[str, str | None]]:
    """Ask for the element and the class of each item."""
    answer = client.get_item(*ids, shape=shape("item:ItemClass"))
    return [
        (str(item.tag).rpartition("}")[2], item.findtext("{*}ItemClass"))
        for item in answer.all(".//m:Items/*")
    ]


def reply(answer: bytes) -> bytes:
    attendee = b"ATTENDEE;CN=Bob;PARTSTAT=" + answer + b":mailto:bob@example.com\r\nLOCATION"
    return INVITATION.replace(b"REQUEST", b"REPLY").replace(b"LOCATION", attendee)


@pytest.mark.parametrize("version", ["Exchange2010_SP2", "Exchange2016"])
@pytest.mark.parametrize(
    "said", ["ACCEPTED Pos Accept", "DECLINED Neg Decline", "TENTATIVE Tent Tentative"]
)
def test_a_response_says_what_was_answered(
    bob: Mailbox, client: Client, version: str, said: str
) -> None:
    client.version = version
    answered, ending, response = said.split()
    message = bob.deliver(reply(answered.encode()))
    assert kinds(client, message.id) == [("MeetingResponse", f"IPM.Schedule.Meeting.Resp.{ending}")]
    asked = shape("meeting:ResponseType", "calendar:Start", "calendar:UID")
    answer = client.get_item(message.id, shape=asked)
    assert answer.text(".//t:ResponseType") == response
    assert answer.text(".//t:UID") == "42"
    starts = {"Exchange2010_SP2": None, "Exchange2016": "2026-03-02T11:00:00Z"}
    assert answer.text(".//t:Start") == starts[version]


def test_a_cancellation_and_a_forward_are_meeting_messages(bob: Mailbox, client: Client) -> None:
    cancelled = bob.deliver(INVITATION.replace(b"REQUEST", b"CANCEL"))
    forwarded = bob.deliver(mail(), item_class="IPM.Schedule.Meeting.Notification.Forward")
    assert kinds(client, cancelled.id, forwarded.id) == [
        ("MeetingCancellation", "IPM.Schedule.Meeting.Canceled"),
        ("MeetingMessage", "IPM.Schedule.Meeting.Notification.Forward"),
    ]


def report(kind: str, line: str) -> bytes:
    return (
        f"Subject: Report\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary=r\r\n\r\n"
        f"--r\r\nContent-Type: text/plain\r\n\r\nWords\r\n--r\r\nContent-Type: message/{kind}\r\n\r\n{line}\r\n--r--\r\n"
    ).encode()


def test_reports_tell_what_became_of_a_mail(bob: Mailbox, client: Client) -> None:
    told = {
        "NDR": report("delivery-status", "Action: failed"),
        "DR": report("delivery-status", "Action: delivered"),
        "IPNRN": report("disposition-notification", "Disposition: manual-action; displayed"),
        "IPNNRN": report("disposition-notification", "Disposition: automatic-action; deleted"),
    }
    ids = [bob.deliver(mime).id for mime in told.values()]
    assert kinds(client, *ids) == [("Item", f"REPORT.IPM.Note.{name}") for name in told]
    client.version = "Exchange2013"
    assert {element for element, _ in kinds(client, *ids)} == {"Message"}


def test_people_tasks_and_classes_of_ones_own_have_the_nearest_element(
    bob: Mailbox, client: Client
) -> None:
    classes = {
        "IPM.Contact.Acme": "Contact",
        "IPM.DistList": "DistributionList",
        "IPM.Task": "Task",
        "IPM.Post.Rss": "PostItem",
        "IPM.Appointment": "CalendarItem",
        "IPM.Note.Acme": "Message",
        "IPM.StickyNote": "Item",
    }
    ids = [bob.deliver(mail("Ann Lee"), item_class=name).id for name in classes]
    assert kinds(client, *ids) == [(element, name) for name, element in classes.items()]
    asked = shape("contacts:DisplayName", "task:Status")
    answer = client.get_item(*ids, shape=asked)
    assert [name.text for name in answer.all(".//t:Contact/t:DisplayName")] == ["Ann Lee"]
    assert answer.text(".//t:Task/t:Status") == "NotStarted"


PROTECTED = (
    b"Subject: Secret\r\nContent-Class: rpmsg.message\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=p\r\n\r\n--p\r\nContent-Type: text/plain\r\n\r\nYou need a program\r\n"
    b"--p\r\nContent-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\r\n"
    b"Content-Disposition: attachment; filename=message.rpmsg\r\n\r\nsealed\r\n--p--\r\n"
)


def test_a_protected_mail_is_a_wrapping_with_rights(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(PROTECTED)
    client.version = "Exchange2013"
    asked = shape("item:RightsManagementLicenseData", "item:Attachments", "item:ItemClass")
    answer = client.get_item(message.id, shape=asked)
    assert answer.text(".//t:RightsManagementLicenseData/t:ReplyAllowed") == "true"
    assert answer.text(".//t:RightsManagementLicenseData/t:ForwardAllowed") == "false"
    assert answer.text(".//t:FileAttachment/t:Name") == "message.rpmsg"
    plain = bob.deliver(mail())
    assert client.get_item(plain.id, shape=asked).all(".//t:RightsManagementLicenseData") == []


LINKED = (
    b"Subject: A link\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=l\r\n\r\n"
    b"--l\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n"
    b"--l\r\nContent-Type: application/octet-stream; name=plan.xlsx\r\n"
    b"X-Reference-Attachment: https://example-my.sharepoint.com/plan.xlsx\r\n\r\n--l--\r\n"
)


def test_a_link_is_an_attachment_without_content(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(LINKED)
    wanted = shape("item:Attachments")
    assert (
        client.get_item(message.id, shape=wanted).text(".//t:FileAttachment/t:Name") == "plan.xlsx"
    )
    client.version = "Exchange2016"
    answer = client.get_item(message.id, shape=wanted)
    [link] = answer.all(".//t:ReferenceAttachment")
    assert link.findtext("{*}AttachLongPathName") == "https://example-my.sharepoint.com/plan.xlsx"
    id_ = link.find("{*}AttachmentId")
    assert id_ is not None
    got = client.ask(
        "<m:GetAttachment><m:AttachmentIds>"
        f'<t:AttachmentId Id="{id_.get("Id")}"/></m:AttachmentIds></m:GetAttachment>'
    )
    assert got.codes == ["NoError"]
    assert got.all(".//t:Content") == []


@pytest.mark.parametrize("version", ["Exchange2010_SP2", "Exchange2013", "Exchange2016"])
def test_what_is_attached_has_the_element_of_its_kind(
    make_exchange: Callable[..., Exchange], version: str
) -> None:
    exchange = make_exchange(version)
    exchange.account("bob@example.com")
    attached = [mail("Inner"), INVITATION, mail(headers="X-Microsoft-Item-Class: IPM.Task\r\n")]
    parts = b"".join(
        b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + mime + b"\r\n" for mime in attached
    )
    outer = (
        b"Subject: Outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    )
    message = exchange.mailbox("bob@example.com").deliver(outer + parts + b"--o--\r\n")
    with exchange.serve() as address:
        client = Client(address, version=version)
        listed = client.get_item(message.id, shape=shape("item:Attachments"))
        ids = "".join(
            f'<t:AttachmentId Id="{a.get("Id")}"/>' for a in listed.all(".//t:AttachmentId")
        )
        for with_mime in ("false", "true"):
            got = client.ask(
                f"<m:GetAttachment><m:AttachmentShape><t:IncludeMimeContent>{with_mime}</t:IncludeMimeContent>"
                f"</m:AttachmentShape><m:AttachmentIds>{ids}</m:AttachmentIds></m:GetAttachment>"
            )
            is_refused = version == "Exchange2010_SP2" and with_mime == "true"
            assert got.codes[:2] == ["NoError"] * 2
            assert got.codes[2] == ("ErrorUnsupportedMimeConversion" if is_refused else "NoError")
            found = [
                str(item.tag).rpartition("}")[2]
                for attachment in got.all(".//t:ItemAttachment")
                for item in attachment
                if item.find("{*}ItemClass") is not None
            ]
            assert found == ["Message", "MeetingRequest", *([] if is_refused else ["Task"])]
            mimes = [base64.b64decode(m.text or "") for m in got.all(".//t:MimeContent")]
            assert len(mimes) == (0 if with_mime == "false" else 2 if is_refused else 3)
