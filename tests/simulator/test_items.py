"""What an item says of a mail, by GetItem."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import Answer, Client, shape
from tests.simulator.mails import mail

ALL_2010 = [
    "item:ParentFolderId",
    "item:ItemClass",
    "item:Subject",
    "item:Sensitivity",
    "item:Body",
    "item:Attachments",
    "item:DateTimeReceived",
    "item:Size",
    "item:Categories",
    "item:Importance",
    "item:InReplyTo",
    "item:IsSubmitted",
    "item:IsDraft",
    "item:IsFromMe",
    "item:IsResend",
    "item:IsUnmodified",
    "item:InternetMessageHeaders",
    "item:DateTimeSent",
    "item:DateTimeCreated",
    "item:ResponseObjects",
    "item:ReminderIsSet",
    "item:DisplayCc",
    "item:DisplayTo",
    "item:HasAttachments",
    "item:Culture",
    "item:EffectiveRights",
    "item:LastModifiedName",
    "item:LastModifiedTime",
    "item:IsAssociated",
    "item:ConversationId",
    "item:UniqueBody",
    "item:MimeContent",
    "message:Sender",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:IsReadReceiptRequested",
    "message:IsDeliveryReceiptRequested",
    "message:ConversationIndex",
    "message:ConversationTopic",
    "message:From",
    "message:InternetMessageId",
    "message:IsRead",
    "message:IsResponseRequested",
    "message:References",
    "message:ReplyTo",
    "message:ReceivedBy",
    "message:ReceivedRepresenting",
]
ALL_2016 = [
    *ALL_2010,
    *[
        "item:TextBody",
        "item:NormalizedBody",
        "item:InstanceKey",
        "item:Preview",
        "item:Flag",
        "item:DisplayBcc",
        "item:IsClutter",
        "item:HasBlockedImages",
    ],
]
AT = datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)


def test_a_message_says_all_that_its_mail_says(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(
        mail(
            "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
            html="<p>Good <b>morning</b></p>",
            attachment=b"%PDF",
            headers=(
                "Cc: =?utf-8?b?Sm9zw6k=?= <jose@example.com>, Dora <dora@example.com>\r\n"
                "Reply-To: desk@example.com\r\nImportance: high\r\nSensitivity: company-confidential\r\n"
                "Keywords: red, blue\r\nReferences: <a@x> <b@x>\r\nIn-Reply-To: <b@x>\r\n"
                "Disposition-Notification-To: ann@example.com\r\n"
            ),
        ),
        at=AT,
    )
    for client.version, uris in (("Exchange2010_SP2", ALL_2010), ("Exchange2016", ALL_2016)):
        answer = client.get_item(message.id, shape=shape(*uris))
        says = {
            "Subject": "Grüße",
            "ItemClass": "IPM.Note",
            "Sensitivity": "Confidential",
            "Importance": "High",
            "DateTimeReceived": "2026-03-02T10:00:05Z",
            "DateTimeSent": "2026-03-02T10:00:00Z",
            "InReplyTo": "<b@x>",
            "References": "<a@x> <b@x>",
            "InternetMessageId": "<one@example.com>",
            "DisplayCc": "José; Dora",
            "IsRead": "false",
            "IsReadReceiptRequested": "true",
            "HasAttachments": "true",
            "ConversationTopic": "Grüße",
        }
        assert {name: answer.text(f".//t:Message/t:{name}") for name in says} == says
        assert [c.text for c in answer.all(".//t:Categories/t:String")] == ["red", "blue"]
        cc = answer.all(".//t:CcRecipients/t:Mailbox/t:EmailAddress")
        assert [c.text for c in cc] == ["jose@example.com", "dora@example.com"]
        assert answer.text(".//t:From/t:Mailbox/t:Name") == "Ann Lee"
        assert answer.text(".//t:ReplyTo/t:Mailbox/t:EmailAddress") == "desk@example.com"
        assert answer.text(".//t:FileAttachment/t:Name") == "order.pdf"
        mime = base64.b64decode(answer.text(".//t:MimeContent") or "")
        assert mime == bob.mime(message.item)
        names = [h.get("HeaderName") for h in answer.all(".//t:InternetMessageHeader")]
        assert names[:3] == ["From", "To", "Subject"]


def body(answer: Answer) -> tuple[str | None, str | None]:
    found = answer.all(".//t:Body")[0]
    return found.get("BodyType"), found.text


def test_a_body_comes_in_the_type_asked_for(bob: Mailbox, client: Client) -> None:
    html = bob.deliver(mail(text="plain", html="<p>rich</p>"))
    only_html = bob.deliver(
        b"Content-Type: text/html\r\n\r\n<p>one<br>two</p><ul><li>three</li></ul>"
    )
    plain = bob.deliver(mail(text="1 < 2\r\nthree"))

    def ask(message_id: str, body_type: str) -> tuple[str | None, str | None]:
        extra = f"<t:BodyType>{body_type}</t:BodyType>"
        return body(client.get_item(message_id, shape=shape("item:Body", extra=extra)))

    assert ask(html.id, "Best") == ("HTML", "<p>rich</p>")
    assert ask(html.id, "Text") == ("Text", "plain")
    assert ask(plain.id, "Best") == ("Text", "1 < 2\r\nthree\r\n")
    kind, text = ask(plain.id, "HTML")
    assert kind == "HTML"
    assert "1 &lt; 2<br>\r\nthree" in (text or "")
    assert ask(only_html.id, "Text") == ("Text", "one\r\ntwo\r\n\r\n* three\r\n")


def test_control_characters_come_as_references(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail("be\x1afore \x00 after", text="a\x19b\x0b"))
    answer = client.get_item(message.id, shape=shape("item:Subject", "item:Body"))
    assert b"be&#x1A;fore &#x0; after" in answer.body
    assert b"a&#x19;b&#xB;" in answer.body


def test_what_a_mail_lacks_is_left_out(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(b"\r\nno headers at all", at=AT)
    answer = client.get_item(message.id, shape=shape(*ALL_2010))
    assert answer.codes == ["NoError"]
    for name in ("InternetMessageId", "Subject", "From", "Sender", "ToRecipients", "Attachments"):
        assert answer.all(f".//t:Message/t:{name}") == []
    assert answer.text(".//t:DateTimeSent") == "2026-03-02T10:00:05Z"
    assert answer.text(".//t:Body") == "no headers at all"


def test_lists_leave_out_or_refuse_what_only_get_item_tells(bob: Mailbox, client: Client) -> None:
    bob.deliver(mail())
    found = client.ask(
        f'<m:FindItem Traversal="Shallow">{shape("item:Body")}<m:ParentFolderIds>'
        '<t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>'
    )
    assert found.codes == ["ErrorInvalidPropertyRequest"]
    synced = client.ask(
        f"<m:SyncFolderItems>{shape('item:Body', 'item:Subject')}<m:SyncFolderId>"
        '<t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId><m:MaxChangesReturned>9</m:MaxChangesReturned>'
        "</m:SyncFolderItems>"
    )
    assert synced.text(".//t:Message/t:Subject") == "Hello"
    assert synced.all(".//t:Body") == []


@pytest.mark.parametrize(
    ("restriction", "code"),
    [
        ("<t:And/>", "ErrorSchemaValidation"),
        ('<t:Exists><t:FieldURI FieldURI="item:Subject"/></t:Exists>', "NoError"),
        ("<t:Exists/>", "ErrorSchemaValidation"),
        (
            '<t:IsEqualTo><t:FieldURI FieldURI="item:Size"/></t:IsEqualTo>',
            "ErrorSchemaValidation",
        ),
        (
            (
                '<t:IsEqualTo><t:FieldURI FieldURI="item:Size"/><t:FieldURIOrConstant>'
                '<t:Constant Value="large"/></t:FieldURIOrConstant></t:IsEqualTo>'
            ),
            "ErrorInvalidValueForProperty",
        ),
    ],
)
def test_a_restriction_that_makes_no_sense_is_refused(
    bob: Mailbox, client: Client, restriction: str, code: str
) -> None:
    bob.deliver(mail())
    found = client.ask(
        f'<m:FindItem Traversal="Shallow">{shape()}<m:Restriction>{restriction}</m:Restriction>'
        '<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>'
    )
    assert found.codes == [code]


REPORT = (
    b"From: postmaster@example.com\r\nSubject: Undeliverable\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n"
    b"--r\r\nContent-Type: text/plain\r\n\r\nIt failed\r\n"
    b"--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n--r--\r\n"
)
INVITATION = (
    b"From: ann@example.com\r\nSubject: Lunch\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/alternative; boundary=i\r\n\r\n"
    b"--i\r\nContent-Type: text/plain\r\n\r\nCome\r\n"
    b"--i\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    b"UID:42\r\nDTSTART:20260302T110000Z\r\nDTEND:20260302T120000Z\r\nLOCATION:Room\r\n"
    b"ORGANIZER;CN=Ann:mailto:ann@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--i--\r\n"
)


def test_signed_mail_has_one_attachment(bob: Mailbox, client: Client) -> None:
    signed = bob.deliver(
        b"Subject: Signed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s;"
        b' protocol="application/pkcs7-signature"\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\nsigned words\r\n'
        b"--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nabc\r\n--s--\r\n"
    )
    answer = client.get_item(signed.id, shape=shape("item:ItemClass", "item:Attachments"))
    assert answer.text(".//t:ItemClass") == "IPM.Note.SMIME.MultipartSigned"
    assert [name.text for name in answer.all(".//t:FileAttachment/t:Name")] == ["smime.p7m"]
    assert answer.text(".//t:FileAttachment/t:ContentType") == "multipart/signed"


@contextmanager
def serving(exchange: Exchange) -> Iterator[Client]:
    exchange.account("bob@example.com")
    with exchange.serve() as address:
        yield Client(address)


@pytest.mark.parametrize(
    ("version", "kinds"),
    [
        ("Exchange2010_SP2", ["Item", "MeetingRequest", "PostItem", "Contact"]),
        ("Exchange2016", ["Message", "MeetingRequest", "PostItem", "Contact"]),
    ],
)
def test_each_kind_of_item_has_its_element(
    make_exchange: Callable[..., Exchange], version: str, kinds: list[str]
) -> None:
    exchange = make_exchange(version)
    bob = exchange.mailbox("bob@example.com")
    ids = [
        bob.deliver(REPORT).id,
        bob.deliver(INVITATION).id,
        bob.deliver(mail(), item_class="IPM.Post").id,
        bob.deliver(mail(), item_class="IPM.Contact").id,
    ]
    with serving(exchange) as client:
        client.version = version
        uris = set(ALL_2010 if version == "Exchange2010_SP2" else ALL_2016) - {"item:MimeContent"}
        answer = client.get_item(*ids, shape=shape(*uris, "calendar:Start", "calendar:Location"))
        assert [str(i.tag).rpartition("}")[2] for i in answer.all(".//m:Items/*")] == kinds
        assert [c.text for c in answer.all(".//t:ItemClass")] == [
            "REPORT.IPM.Note.NDR",
            "IPM.Schedule.Meeting.Request",
            "IPM.Post",
            "IPM.Contact",
        ]
        assert answer.text(".//t:MeetingRequest/t:Start") == "2026-03-02T11:00:00Z"
        assert answer.text(".//t:MeetingRequest/t:Location") == "Room"


def test_attachments_are_files_or_messages(bob: Mailbox, client: Client) -> None:
    inner = mail("Inner", attachment=b"deep", message_id="<inner@x>").decode()
    message = bob.deliver(
        (
            "Subject: Outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
            "--o\r\nContent-Type: text/plain\r\n\r\nsee within\r\n"
            f"--o\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n"
            "--o\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n"
            "--o--\r\n"
        ).encode()
    )
    answer = client.get_item(message.id, shape=shape("item:Attachments", "item:HasAttachments"))
    assert answer.text(".//t:ItemAttachment/t:Name") == "Inner"
    assert answer.text(".//t:FileAttachment/t:ContentId") == "logo"
    assert answer.text(".//t:FileAttachment/t:IsInline") == "true"
    wanted = "".join(
        f'<t:AttachmentId Id="{a.get("Id")}"/>' for a in answer.all(".//t:AttachmentId")
    )
    client.version = "Exchange2016"
    got = client.ask(
        "<m:GetAttachment><m:AttachmentShape><t:IncludeMimeContent>true</t:IncludeMimeContent></m:AttachmentShape>"
        f"<m:AttachmentIds>{wanted}</m:AttachmentIds></m:GetAttachment>"
    )
    assert got.codes == ["NoError", "NoError"]
    assert got.text(".//t:Message/t:InternetMessageId") == "<inner@x>"
    assert b"<inner@x>" in base64.b64decode(got.text(".//t:MimeContent") or "")
    assert base64.b64decode(got.text(".//t:Content") or "") == b"\x89PN"[:3]
    deep = got.all(".//t:Message//t:AttachmentId")[0].get("Id")
    deepest = client.ask(
        f'<m:GetAttachment><m:AttachmentIds><t:AttachmentId Id="{deep}"/></m:AttachmentIds></m:GetAttachment>'
    )
    assert base64.b64decode(deepest.text(".//t:Content") or "") == b"deep"
    bad = client.ask(
        '<m:GetAttachment><m:AttachmentIds><t:AttachmentId Id="AAAA"/></m:AttachmentIds></m:GetAttachment>'
    )
    assert bad.codes == ["ErrorInvalidAttachmentId"]


@pytest.mark.parametrize(
    ("rule", "days", "elements"),
    [
        (
            b"FREQ=WEEKLY;BYDAY=MO,FR;COUNT=7",
            "Monday Friday",
            ("WeeklyRecurrence", "NumberedRecurrence"),
        ),
        (b"FREQ=WEEKLY", "Monday", ("WeeklyRecurrence", "NoEndRecurrence")),
        (b"FREQ=DAILY;INTERVAL=0;COUNT=x", None, ("DailyRecurrence", "NoEndRecurrence")),
    ],
)
def test_a_recurring_meeting_begins_on_a_date(
    bob: Mailbox, client: Client, rule: bytes, days: str | None, elements: tuple[str, str]
) -> None:
    invitation = bob.deliver(INVITATION.replace(b"LOCATION", b"RRULE:" + rule + b"\r\nLOCATION"))
    answer = client.get_item(
        invitation.id, shape=shape("calendar:Recurrence", "calendar:IsRecurring")
    )
    pattern, limit = elements
    assert answer.text(".//t:IsRecurring") == "true"
    assert answer.text(f".//t:Recurrence/t:{pattern}/t:Interval") == "1"
    assert answer.text(".//t:DaysOfWeek") == days
    assert answer.text(f".//t:Recurrence/t:{limit}/t:StartDate") == "2026-03-02Z"


def extended(tag: str, kind: str) -> str:
    return f'<t:ExtendedFieldURI PropertyTag="{tag}" PropertyType="{kind}"/>'


def test_a_copy_shares_the_search_key_and_a_move_keeps_it(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail())
    copy = message.copy("Archive")

    def key(message_id: str) -> str | None:
        answer = client.get_item(message_id, shape=shape(paths=extended("0x300B", "Binary")))
        return answer.text(".//t:ExtendedProperty/t:Value")

    before = key(message.id)
    message.move("Junk Email")
    assert before is not None
    assert key(message.id) == key(copy.id) == before
    assert bob.deliver(mail()).item.search_key != message.item.search_key


def test_folders_tell_when_they_changed_and_whether_they_are_hidden(client: Client) -> None:
    find = (
        '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>Default</t:BaseShape><t:AdditionalProperties>'
        f"{extended('0x670A', 'SystemTime')}{extended('0x10f4', 'Boolean')}"
        '<t:FieldURI FieldURI="folder:FolderClass"/></t:AdditionalProperties></m:FolderShape><m:ParentFolderIds>'
        '<t:DistinguishedFolderId Id="msgfolderroot"/></m:ParentFolderIds></m:FindFolder>'
    )
    answer = client.ask(find)
    folders = answer.all(".//t:Folders/*")
    hidden = {
        f.findtext("{*}DisplayName"): [v.text for v in f.iterfind("{*}ExtendedProperty/{*}Value")]
        for f in folders
    }
    assert hidden["Inbox"][1] == "false"
    assert hidden["Conversation Action Settings"][1] == "true"
    assert hidden["Inbox"][0] is not None
    assert hidden["Inbox"][0].endswith("Z")
    assert len(folders) == len(hidden) >= 12


def test_a_message_keeps_its_id_when_edited(bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail("Before", text="old", html="<p>old</p>"))
    id_ = message.id
    message.edit(subject="After", body="new words")
    bob.categorize(message, "green")
    answer = client.get_item(
        id_,
        shape=shape("item:Subject", "item:Body", "item:Categories", "message:InternetMessageId"),
    )
    assert answer.text(".//t:Subject") == "After"
    assert "new words" in (answer.text(".//t:Body") or "")
    assert answer.text(".//t:InternetMessageId") == "<one@example.com>"
    assert answer.text(".//t:Categories/t:String") == "green"


def test_2010_writes_no_contact_as_mime(bob: Mailbox, client: Client) -> None:
    contact = bob.deliver(mail(), item_class="IPM.Contact")
    answer = client.get_item(contact.id, shape=shape("item:MimeContent"))
    assert answer.codes == ["ErrorUnsupportedMimeConversion"]
    client.version = "Exchange2013"
    assert client.get_item(contact.id, shape=shape("item:MimeContent")).codes == ["NoError"]
