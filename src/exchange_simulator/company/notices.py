"""What arrives beside letters: automatic replies, failed deliveries, meetings, newsletters, forms."""

from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape

from exchange_simulator.company import compose
from exchange_simulator.company.cast import COMPANY, DOMAIN, Person, colleague
from exchange_simulator.company.compose import Headers, Part
from exchange_simulator.company.conversation import (
    Conversation,
    content,
    new_message_id,
    transport_headers,
)
from exchange_simulator.company.dice import Dice
from exchange_simulator.company.programs import Draft, lay_out


def forward(dice: Dice, conversation: Conversation, target: str, at: datetime) -> bytes:
    """Pass the customer's last mail on to another shared mailbox.

    Half of them quote it, half attach it as a message.
    """
    last, said = conversation.mails[-1], conversation.language
    agent = conversation.agent
    as_attachment = dice.chance(0.5)
    draft = Draft(
        greeting=f"{colleague(dice, target.partition('@')[0]).first},",
        paragraphs=(dice.choice(said.forward_notes),),
        closing=dice.choice(said.closings).format(city=agent.city),
        signature=agent.signature,
    )
    body = lay_out(agent.program, draft, None if as_attachment else last.quoted, said)
    attached = []
    if as_attachment:
        attached.append(compose.attachment(f"{conversation.topic}.eml", "message/rfc822", last.raw))
    subject = f"{said.forward_prefix}{conversation.subject}"
    thread: Headers = ()
    if last.message_id:
        thread = (("In-Reply-To", last.message_id), ("References", last.message_id))
    return compose.message(
        _headers(dice, agent, at, (COMPANY, target), subject) + thread,
        content(dice, agent, body, attached),
    )


def absence(dice: Dice, conversation: Conversation, at: datetime) -> bytes:
    """Say automatically that the customer is away (RFC 3834)."""
    said, who = conversation.language, conversation.customer
    back = said.dated(said.date, at + timedelta(days=dice.randrange(3, 15)))
    domain = who.address.partition("@")[2]
    text = dice.choice(said.absence).format(date=back, colleague=f"office@{domain}") + "\n"
    last = conversation.mails[-1]
    thread: Headers = (("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"))
    if last.message_id:
        thread += (("In-Reply-To", last.message_id), ("References", last.message_id))
    subject = f"{said.absence_subject}{last.quoted.subject}"
    return compose.message(
        _headers(dice, who, at, (COMPANY, conversation.mailbox), subject) + thread,
        compose.text_part(text, "plain", who.charset),
    )


def failed_delivery(dice: Dice, conversation: Conversation, at: datetime) -> bytes:
    """Exchange reports that the company's answer could not be delivered (RFC 3464)."""
    last, who = conversation.mails[-1], conversation.customer.address
    subject = f"Undeliverable: {last.quoted.subject}"
    html = (
        "<html><head></head><body>\n"
        f'<p><b><font color="#000066" size="3" face="Arial">Delivery has failed to these '
        f'recipients or groups:</font></b></p>\n<p><a href="mailto:{who}">{who}</a><br>\n'
        "The recipient's mailbox is full and can't accept messages now. Please try resending "
        "your message later, or contact the recipient directly.</p>\n"
        f"<hr><p>Diagnostic information for administrators:</p>\n<p>Generating server: mx1.{DOMAIN}"
        f"<br>{who}<br>Remote Server returned '554 5.2.2 mailbox full;"
        " STOREDRV.Deliver.Exception:QuotaExceededException'</p>\n</body></html>\n"
    )
    status = (
        f"Reporting-MTA: dns;mx1.{DOMAIN}\r\nArrival-Date: {format_datetime(last.sent_at)}\r\n\r\n"
        f"Final-recipient: RFC822;{who}\r\nAction: failed\r\nStatus: 5.2.2\r\n"
        "Diagnostic-code: smtp;554 5.2.2 mailbox full\r\n"
    )
    boundary = f"_{dice.hexadecimal(24)}_"
    report = compose.multipart(
        "report",
        boundary,
        compose.text_part(html, "html", "utf-8"),
        Part((("Content-Type", "message/delivery-status"),), status.encode("ascii")),
        Part((("Content-Type", "message/rfc822"),), last.raw),
        parameters="; report-type=delivery-status",
    )
    identity = dice.hexadecimal(32).lower()
    headers: Headers = (
        ("Date", format_datetime(at)),
        ("From", f"Microsoft Outlook <MicrosoftExchange{identity}@{DOMAIN}>"),
        ("To", conversation.mailbox),
        ("Subject", compose.encoded("Subject", subject, "utf-8")),
        ("Message-ID", f"<{dice.hexadecimal(24)}@mx1.{DOMAIN}>"),
        ("Auto-Submitted", "auto-replied"),
        ("X-MS-Exchange-Message-Is-Ndr", ""),
    )
    if last.message_id:
        headers += (("In-Reply-To", last.message_id), ("References", last.message_id))
    return compose.message(headers, report)


def meeting(dice: Dice, conversation: Conversation, at: datetime) -> bytes:
    """Invite the company to a call or a visit (RFC 5546, REQUEST)."""
    said, who = conversation.language, conversation.customer
    subject = dice.choice(said.meeting).format(**conversation.slots)
    day = dice.office_hours(at + timedelta(days=dice.randrange(4, 20)))
    begins = day.replace(hour=dice.randrange(8, 15), minute=0, second=0)
    draft = Draft(
        greeting=dice.choice(said.greetings),
        paragraphs=(subject, said.dated(said.header_date, begins)),
        closing=dice.choice(said.closings).format(city=who.city),
        signature=who.signature,
    )
    body = lay_out(who.program, draft, None, said)
    calendar = (
        "BEGIN:VCALENDAR\nMETHOD:REQUEST\nPRODID:Microsoft Exchange Server 2010\nVERSION:2.0\n"
        f"BEGIN:VEVENT\nORGANIZER:MAILTO:{who.address}\nATTENDEE;RSVP=TRUE:MAILTO:"
        f"{conversation.mailbox}\nUID:{dice.hexadecimal(32)}\nSUMMARY:{subject}\n"
        f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}\nDTSTART:{begins:%Y%m%dT%H%M%SZ}\n"
        f"DTEND:{begins + timedelta(hours=1):%Y%m%dT%H%M%SZ}\nLOCATION:{who.city}\n"
        "SEQUENCE:0\nSTATUS:CONFIRMED\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    parts = [compose.text_part(body.text, "plain", who.charset)]
    if body.html is not None:
        parts.append(compose.text_part(body.html, "html", who.charset))
    parts.append(compose.text_part(calendar, "calendar", "utf-8", parameters="; method=REQUEST"))
    return compose.message(
        _headers(dice, who, at, (COMPANY, conversation.mailbox), subject),
        compose.multipart("alternative", f"_000_{dice.hexadecimal(24)}_", *parts),
    )


NEWS = (
    (
        "Five ways to shorten your calibration queue",
        "A laboratory in Leeds halved its waiting time.",
    ),
    ("New: humidity standards explained", "What the revised guide means for your certificates."),
    ("Trade fair special: meet us in hall 7", "Free tickets for readers of this letter."),
    ("Sensor prices this quarter", "Platinum is up, silicon is down: the figures."),
    ("Reader question: how often is often enough?", "Our experts on calibration intervals."),
)


def newsletter(dice: Dice, mailbox: str, at: datetime) -> bytes:
    """Write a trade newsletter, with a hidden preheader, a table layout and a pixel that tells of readers."""
    (title, teaser), (second, text) = dice.sample(NEWS, 2)
    reader = dice.hexadecimal(16).lower()
    link = f"https://news.metrology-weekly.example/c/{reader}"
    items = "".join(
        '<tr><td style="padding:16px;font-family:Arial,sans-serif">'
        f'<h2 style="color:#114b5f">{escape(head)}</h2><p>{escape(line)}</p>'
        f'<a href="{link}?a={number}">Read more &rarr;</a></td></tr>\n'
        for number, (head, line) in enumerate(((title, teaser), (second, text)), 1)
    )
    html = (
        "<!DOCTYPE html><html><head><style>.preheader{display:none!important}</style></head>"
        '<body style="margin:0;background:#f2f2f2">\n<div class="preheader" style="display:none;'
        f'max-height:0;overflow:hidden;mso-hide:all">{escape(teaser)}{"&zwnj;&nbsp;" * 40}</div>\n'
        '<table role="presentation" width="600" align="center" bgcolor="#ffffff">\n'
        f'<tr><td style="padding:16px"><h1>Metrology Weekly</h1><p>{at:%d %B %Y}</p></td></tr>\n'
        f"{items}<tr><td style='font-size:11px;color:#888;padding:16px'>You receive this letter as "
        f'{mailbox}. <a href="{link}/unsubscribe">Unsubscribe</a></td></tr>\n</table>\n'
        f'<img src="{link}/open.gif" width="1" height="1" alt="" style="display:block">\n'
        "</body></html>\n"
    )
    plain = f"{title}\n{teaser}\n{link}?a=1\n\n{second}\n{text}\n{link}?a=2\n"
    headers: Headers = (
        ("Date", format_datetime(at)),
        ("From", "Metrology Weekly <letter@metrology-weekly.example>"),
        ("To", mailbox),
        ("Subject", f"{title} - {at:%d %b}"),
        ("Message-ID", f"<{reader}.{dice.digits(6)}@metrology-weekly.example>"),
        ("List-Unsubscribe", f"<{link}/unsubscribe>"),
        ("Precedence", "bulk"),
    )
    boundary = f"=_{dice.hexadecimal(24)}"
    return compose.message(
        headers,
        compose.multipart(
            "alternative",
            boundary,
            compose.text_part(plain, "plain", "utf-8"),
            compose.text_part(html, "html", "utf-8"),
        ),
    )


def contact_form(dice: Dice, conversation: Conversation, at: datetime) -> bytes:
    """Write what the form on the company's own site sends when somebody fills it in."""
    who, said = conversation.customer, conversation.language
    topic = said.topics[conversation.topic]
    asked = said.space.join(
        dice.choice(part).format(**conversation.slots)
        for part in (topic.opening, topic.detail, topic.ask)
    )
    fields = {
        "Name": who.name,
        "Company": who.company or "-",
        "E-mail": who.address,
        "Phone": who.phone,
        "Subject": conversation.subject,
        "Message": asked,
    }
    text = "New message from the contact form\n\n"
    text += "".join(f"{name}: {value}\n" for name, value in fields.items())
    headers: Headers = (
        ("Date", format_datetime(at)),
        ("From", f"{COMPANY} website <noreply@{DOMAIN}>"),
        ("Reply-To", compose.mailbox(who.name, who.address, "utf-8")),
        ("To", conversation.mailbox),
        ("Subject", compose.encoded("Subject", f"Contact form: {conversation.subject}", "utf-8")),
        ("Message-ID", f"<form.{dice.digits(12)}@www.{DOMAIN}>"),
    )
    return compose.message(headers, compose.text_part(text, "plain", "utf-8"))


def _headers(
    dice: Dice, author: Person, at: datetime, to: tuple[str, str], subject: str
) -> Headers:
    return (
        *transport_headers(dice, author, at, new_message_id(dice, author)),
        ("From", compose.mailbox(author.name, author.address, author.charset)),
        ("To", compose.mailbox(*to, author.charset)),
        ("Subject", compose.encoded("Subject", subject, author.charset)),
    )
