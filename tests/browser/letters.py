"""The mail of the seeded company: a conversation, quiet routine, several languages, and hostile pieces."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle, islice

from mailmine.model.email import Address, Attachment, Email
from mailmine.model.ids import ContentHash, MessageId

Aged = tuple[timedelta, Email]
"""How long ago, and what."""

ANN = Address("Ann Lindqvist", "ann.lindqvist@nordwind.example")
MARTA = Address("Marta Kowalczyk", "m.kowalczyk@baltik-logistyka.example")
JONAS = Address("Jonas Weber", "jonas.weber@weber-soehne.example")
ORDERS = Address("Orders", "orders@nordwind.example")
SERVICE = Address("Service", "service@nordwind.example")

HOSTILE_SUBJECT = "<script>alert('subject')</script> \u202egpj.exe"
HOSTILE_NAME = "<img src=x onerror=alert(1)>"
HOSTILE_FILE = "invoice\u202egpj.<svg onload=alert(1)>.exe"
HOSTILE_BODY = (
    "</div></main><script>document.title = 'broken'</script>\n"
    "<style>body { display: none }</style>\n"
    '<a href="javascript:alert(1)">pay here</a> {{ 7 * 7 }} {% raw %}\n'
    "https://tracker.example/pixel.gif?who=you"
)
HOSTILE_ID = MessageId("<hostile'\"&#@evil.example>")

LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenhersteller" * 3


def letter(
    number: str,
    *,
    sender: Address,
    to: Address,
    subject: str,
    body: str,
    replies_to: tuple[str, ...] = (),
    attachments: tuple[Attachment, ...] = (),
) -> Email:
    """Write a plain letter; `number` makes its Message-ID."""
    references = tuple(MessageId(f"<{one}@nordwind.example>") for one in replies_to)
    return Email(
        message_id=MessageId(f"<{number}@nordwind.example>"),
        subject=subject,
        from_=sender,
        to=(to,),
        cc=(ANN,) if to != ANN else (),
        in_reply_to=references[-1] if references else None,
        references=references,
        text=body,
        attachments=attachments,
    )


FIRST = """Good morning,

our truck for order 4711 stands at gate 3 since 06:40 and nobody opens. Two pallets of copper
brackets and one of cable drums are still missing from the pick list.

Can you tell me by ten whether they come today, or shall the driver leave without them?

Best regards
Marta Kowalczyk
Baltik Logistyka Sp. z o.o.
+48 58 555 01 22"""

ANSWER = """Marta,

gate 3 is closed for repairs, please send him to gate 5. The brackets are on their way down; the cable
drums come tomorrow with the second truck.

I attach the corrected pick list.

Ann

On Mon, 23 Nov 2026 at 07:02, Marta Kowalczyk <m.kowalczyk@baltik-logistyka.example> wrote:
> our truck for order 4711 stands at gate 3 since 06:40 and nobody opens. Two pallets of copper
> brackets and one of cable drums are still missing from the pick list."""

THANKS = """Perfect, he found gate 5 and is loaded. Please confirm the second delivery by e-mail.

Marta

On Mon, 23 Nov 2026 at 07:31, Ann Lindqvist <ann.lindqvist@nordwind.example> wrote:
> gate 3 is closed for repairs, please send him to gate 5.

This message is confidential. If you are not the intended recipient, delete it and tell the sender."""

GERMAN = """Sehr geehrte Damen und Herren,

die Lieferung zu Auftrag 4698 ist angekommen, allerdings waren drei Kartons feucht. Wir haben die Ware unter
Vorbehalt angenommen und Fotos gemacht, die Sie im Anhang finden.

Bitte teilen Sie uns mit, wie wir mit der Ware verfahren sollen.

Mit freundlichen Grüßen
Jonas Weber"""


def orders() -> Iterator[Aged]:
    """Mail of the last days in the mailbox of orders."""
    pick_list = Attachment(
        name="pick-list-4711.pdf",
        content_type="application/pdf",
        size=84_213,
        content_hash=ContentHash("0" * 64),
    )
    photos = tuple(
        Attachment(name=f"IMG_{number}.jpg", content_type="image/jpeg", size=2_411_008)
        for number in (2041, 2042)
    )
    yield (
        timedelta(hours=2, minutes=8),
        letter("4711-1", sender=MARTA, to=ORDERS, subject="Order 4711: truck waits", body=FIRST),
    )
    yield (
        timedelta(hours=1, minutes=39),
        letter(
            "4711-2",
            sender=ANN,
            to=MARTA,
            subject="Re: Order 4711: truck waits",
            body=ANSWER,
            replies_to=("4711-1",),
            attachments=(pick_list,),
        ),
    )
    yield (
        timedelta(minutes=51),
        letter(
            "4711-3",
            sender=MARTA,
            to=ANN,
            subject="Re: Order 4711: truck waits",
            body=THANKS,
            replies_to=("4711-1", "4711-2"),
        ),
    )
    yield (
        timedelta(minutes=22),
        letter(
            "4698-1",
            sender=JONAS,
            to=ORDERS,
            subject="Auftrag 4698: feuchte Kartons",
            body=GERMAN,
            attachments=photos,
        ),
    )
    yield (
        timedelta(days=1, hours=1),
        letter("long", sender=JONAS, to=ORDERS, subject=f"Fwd: {LONG_WORD}", body=LONG_WORD),
    )
    yield (
        timedelta(days=1, hours=2),
        Email(
            message_id=HOSTILE_ID,
            subject=HOSTILE_SUBJECT,
            from_=Address(HOSTILE_NAME, "mallory@evil.example"),
            to=(Address("\"><script>alert('to')</script>", "orders@nordwind.example"),),
            text=HOSTILE_BODY,
            attachments=(Attachment(name=HOSTILE_FILE, content_type='text/html"><b>', size=666),),
        ),
    )


_ROUTINE = (
    (
        JONAS,
        "Bestellung {}",
        "Bitte liefern Sie {} Stück wie im Rahmenvertrag vereinbart bis Freitag.",
    ),
    (MARTA, "Delivery note {}", "Please find the delivery note for shipment {} in our portal."),
    (
        Address("Élise Moreau", "e.moreau@moreau-freres.example"),
        "Commande {}",
        "Bonjour, pourriez-vous confirmer la commande {} avant jeudi ? Merci d'avance.",
    ),
    (
        Address("", "no-reply@freight-exchange.example"),
        "Freight offer {}",
        "A new offer for your lane Hamburg - Gdansk has arrived: {} euro per load.",
    ),
    (
        Address("Giulia Conti", "g.conti@conti-arredi.example"),
        "Ordine {} in ritardo",
        "Buongiorno, l'ordine {} non è ancora arrivato. Potete dirci quando partirà?",
    ),
)


def note(number: str, body: str) -> Email:
    """Write a few words to the service."""
    return letter(number, sender=JONAS, to=SERVICE, subject=f"Note {number}", body=body)


def routine(count: int) -> Iterator[Aged]:
    """Write many small letters of the past weeks."""
    for number, (sender, subject, body) in enumerate(islice(cycle(_ROUTINE), count)):
        yield (
            timedelta(days=1, hours=3 + 5 * number),
            letter(
                f"routine-{number}",
                sender=sender,
                to=ORDERS,
                subject=subject.format(5_000 + number),
                body=body.format(5_000 + number),
            ),
        )


def service() -> Iterator[Aged]:
    """Mail to customer support."""
    for number, (name, subject, body) in enumerate(
        (
            (
                "Tomás Ferreira",
                "Login impossible",
                "Since the update I cannot sign in to the portal.",
            ),
            (
                "Aiko Tanaka",
                "請求書について",
                "請求書の宛名を変更していただけますか。よろしくお願いいたします。",
            ),
            ("Noor Haddad", "استفسار عن الشحنة", "متى ستصل الشحنة رقم ٤٧١١ إلى الميناء؟"),
            (
                "Pieter de Vries",
                "Factuur dubbel betaald",
                "Wij hebben factuur 2291 per ongeluk twee keer betaald.",
            ),
        )
    ):
        yield (
            timedelta(minutes=4 + 61 * number),
            letter(
                f"service-{number}",
                sender=Address(name, f"customer{number}@mail.example"),
                to=SERVICE,
                subject=subject,
                body=body,
            ),
        )


def minutes() -> Email:
    """Write what only the board may read."""
    return letter(
        "board-1",
        sender=ANN,
        to=Address("", "board@nordwind.example"),
        subject="Minutes of the board",
        body="The merger stays secret until March.",
    )
