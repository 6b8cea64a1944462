"""What an item says, as ready-made EWS elements: made once per mail, kept on disk, picked for each answer."""

import base64
from datetime import datetime

import msgspec

from exchange_simulator.content import Content
from exchange_simulator.ews.recurrence import recurrence
from exchange_simulator.ews.soap import attribute, boolean, text, time
from exchange_simulator.folder import Item
from exchange_simulator.headers import Address
from exchange_simulator.mailbox import Mailbox

Elements = dict[str, str]
"""FieldURI to its element. `HTML` and `Text` hold the bodies without an element, `Best` names the better of the two."""

_DECODER = msgspec.msgpack.Decoder(Elements)
_ENCODER = msgspec.msgpack.Encoder()

KINDS = {
    "IPM.Schedule.Meeting.Request": "MeetingRequest",
    "IPM.Schedule.Meeting.Canceled": "MeetingCancellation",
    "IPM.Schedule.Meeting.Resp.Pos": "MeetingResponse",
    "IPM.Schedule.Meeting.Resp.Neg": "MeetingResponse",
    "IPM.Schedule.Meeting.Resp.Tent": "MeetingResponse",
    "IPM.Post": "PostItem",
    "IPM.Contact": "Contact",
    "IPM.Appointment": "CalendarItem",
    "IPM.Task": "Task",
    "IPM.DistList": "DistributionList",
    "IPM.Schedule.Meeting": "MeetingMessage",
}
RESPONSES = {"Pos": "Accept", "Neg": "Decline", "Tent": "Tentative"}


def kind(item_class: str, *, is_2010: bool) -> str:
    """Name the element that stands for an item of this class.

    Of a class that it has no element for, 2010 makes an Item where later versions make a Message (part A).
    """
    within = item_class
    while within:  # a class of one's own counts as the nearest above it
        if within in KINDS:
            return KINDS[within]
        within = within.rpartition(".")[0]
    is_note = item_class == "IPM.Note" or item_class.startswith("IPM.Note.")
    return "Message" if is_note or not is_2010 else "Item"


def elements(mailbox: Mailbox, item: Item) -> Elements:
    """Give the elements of an item, ready-made since they were first asked for."""
    if item.ews is not None:
        return _DECODER.decode(mailbox.data(item.ews))
    made = make(mailbox.content(item), size=item.mime.length)
    item.ews = mailbox.keep(_ENCODER.encode(made))
    return made


def element(name: str, value: str | None) -> str:
    """Write an element of text; nothing where there is none."""
    return "" if value is None else f"<t:{name}>{text(value)}</t:{name}>"


def make(content: Content, *, size: int) -> Elements:
    """Write all that a mail says of itself."""
    found = {
        "class": content.item_class,
        "item:Subject": element("Subject", content.subject),
        "item:Sensitivity": element("Sensitivity", content.sensitivity),
        "item:Size": f"<t:Size>{size}</t:Size>",
        "item:Categories": categories(content.categories),
        "item:Importance": element("Importance", content.importance),
        "item:InReplyTo": element("InReplyTo", content.in_reply_to),
        "item:InternetMessageHeaders": headers(content.headers),
        "item:DateTimeSent": f"<t:DateTimeSent>{time(content.sent_at)}</t:DateTimeSent>"
        if content.sent_at
        else "",
        "item:DisplayCc": element("DisplayCc", _names(content.cc)),
        "item:DisplayTo": element("DisplayTo", _names(content.to)),
        "item:DisplayBcc": element("DisplayBcc", _names(content.bcc)),
        "item:HasAttachments": "<t:HasAttachments>"
        f"{boolean(any(not a.is_inline for a in content.attachments))}</t:HasAttachments>",
        "item:ConversationId": f'<t:ConversationId Id="{conversation_id(content)}"/>',
        "message:IsReadReceiptRequested": "<t:IsReadReceiptRequested>"
        f"{boolean(content.wants_receipt)}</t:IsReadReceiptRequested>",
        "message:ConversationIndex": "<t:ConversationIndex>"
        f"{base64.b64encode(content.conversation_index).decode()}</t:ConversationIndex>",
        "message:ConversationTopic": element("ConversationTopic", content.topic),
        "message:InternetMessageId": element("InternetMessageId", content.message_id),
        "message:References": element("References", content.references),
    }
    found |= _people(content) | _bodies(content) | _meeting(content) | _rights(content)
    found["contacts:FileAs"] = element("FileAs", content.subject)
    found["contacts:DisplayName"] = element("DisplayName", content.subject)
    return {uri: xml for uri, xml in found.items() if xml}


def _people(content: Content) -> Elements:
    return {
        "message:Sender": single("Sender", content.sender),
        "message:From": single("From", content.from_),
        "message:ToRecipients": several("ToRecipients", content.to),
        "message:CcRecipients": several("CcRecipients", content.cc),
        "message:BccRecipients": several("BccRecipients", content.bcc),
        "message:ReplyTo": several("ReplyTo", content.reply_to),
    }


def _bodies(content: Content) -> Elements:
    html, plain = content.html or "", content.text or ""
    return {
        "HTML": text(html),
        "Text": text(plain),
        "Best": "HTML" if content.has_html else "Text",
        "item:Preview": element("Preview", " ".join(plain.split())[:255]),
    }


def _meeting(content: Content) -> Elements:
    meeting = content.meeting
    if meeting is None:
        return {}
    said = content.item_class.rpartition(".Resp.")[2]
    response = RESPONSES.get(said, "NoResponseReceived")
    return {
        "meeting:IsDelegated": "<t:IsDelegated>false</t:IsDelegated>",
        "meeting:IsOutOfDate": "<t:IsOutOfDate>false</t:IsOutOfDate>",
        "meeting:HasBeenProcessed": "<t:HasBeenProcessed>false</t:HasBeenProcessed>",
        "meeting:ResponseType": f"<t:ResponseType>{response}</t:ResponseType>",
        "calendar:UID": element("UID", meeting.uid),
        "meetingRequest:MeetingRequestType": "<t:MeetingRequestType>NewMeetingRequest</t:MeetingRequestType>",
        "calendar:Start": _time_element("Start", meeting.start),
        "calendar:End": _time_element("End", meeting.end),
        "calendar:Location": element("Location", meeting.location),
        "calendar:IsMeeting": "<t:IsMeeting>true</t:IsMeeting>",
        "calendar:IsRecurring": f"<t:IsRecurring>{boolean(meeting.rule)}</t:IsRecurring>",
        "calendar:Recurrence": recurrence(meeting),
        "calendar:Organizer": single("Organizer", Address(meeting.organizer, meeting.organizer))
        if meeting.organizer
        else "",
    }


def _rights(content: Content) -> Elements:
    """Write what a mail that is protected (IRM) allows its reader, who gets no more than its wrapping."""
    classes = [value for name, value in content.headers if name.lower() == "content-class"]
    if "rpmsg.message" not in classes:
        return {}
    allowed = "Edit Reply ReplyAll Forward ModifyRecipients Extract Print Export ProgrammaticAccess"
    rights = "".join(
        f"<t:{name}Allowed>{boolean(name.startswith('Reply'))}</t:{name}Allowed>"
        for name in allowed.split()
    )
    return {
        "item:RightsManagementLicenseData": "<t:RightsManagementLicenseData>"
        "<t:RightsManagedMessageDecryptionStatus>0</t:RightsManagedMessageDecryptionStatus>"
        "<t:RmsTemplateId>cf5cf348-a8d7-40d5-91ef-a600b88a395d</t:RmsTemplateId>"
        "<t:TemplateName>Do Not Forward</t:TemplateName>"
        f"{rights}<t:IsOwner>false</t:IsOwner></t:RightsManagementLicenseData>"
    }


def _time_element(name: str, value: datetime | None) -> str:
    return f"<t:{name}>{time(value)}</t:{name}>" if value else ""


def conversation_id(content: Content) -> str:
    """Name the conversation of a mail."""
    raw = b"\x00\x03\x24\x00" + b"conversation" + content.conversation_id
    return base64.b64encode(raw).decode()


def categories(names: "list[str] | tuple[str, ...]") -> str:
    """Write categories."""
    written = "".join(f"<t:String>{text(name)}</t:String>" for name in names)
    return f"<t:Categories>{written}</t:Categories>" if written else ""


def headers(pairs: list[tuple[str, str]], only: tuple[str, ...] = ()) -> str:
    """Write internet headers, all of them or those named."""
    wanted = {name.lower() for name in only}
    written = "".join(
        f'<t:InternetMessageHeader HeaderName="{attribute(name)}">{text(value)}</t:InternetMessageHeader>'
        for name, value in pairs
        if not wanted or name.lower() in wanted
    )
    return f"<t:InternetMessageHeaders>{written}</t:InternetMessageHeaders>" if written else ""


def _mailbox(address: Address) -> str:
    where = (
        f"<t:EmailAddress>{text(address.address)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"
        if address.address
        else ""
    )
    return f"<t:Mailbox><t:Name>{text(address.name)}</t:Name>{where}<t:MailboxType>OneOff</t:MailboxType></t:Mailbox>"


def single(name: str, address: Address | None) -> str:
    """Write one person."""
    return f"<t:{name}>{_mailbox(address)}</t:{name}>" if address else ""


def several(name: str, addresses: list[Address]) -> str:
    """Write several people."""
    return f"<t:{name}>{''.join(map(_mailbox, addresses))}</t:{name}>" if addresses else ""


def _names(addresses: list[Address]) -> str:
    return "; ".join(address.name for address in addresses)
