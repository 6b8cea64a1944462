"""What kind of email it is, by its headers."""

import pytest

from mailmine.model.email import Email
from mailmine.model.ids import MessageId
from mailmine.refine import nature
from mailmine.refine.nature import Automatic, EmailKind


def of(item_class: str = "", **headers: str) -> Email:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Email(message_id=None, headers=given, item_class=item_class)


@pytest.mark.parametrize(
    ("subject", "answers", "kind"),
    [
        ("Order 12", "", EmailKind.NEW),
        ("Order 12", "<a@x>", EmailKind.REPLY),
        ("AW: Bestellung", "", EmailKind.REPLY),
        ("Antwort: AW: Bestellung", "", EmailKind.REPLY),
        ("WG: Bestellung", "", EmailKind.FORWARD),
        ("Fwd: Order 12", "<a@x>", EmailKind.FORWARD),
        ("Reference: 4711", "", EmailKind.NEW),
    ],
)
def test_whether_it_begins_a_conversation(subject: str, answers: str, kind: EmailKind) -> None:
    answered = MessageId(answers) if answers else None
    email = Email(message_id=None, subject=subject, in_reply_to=answered)
    assert nature.kind(email) is kind


@pytest.mark.parametrize(
    ("email", "automatic", "bulk"),
    [
        (of(), None, False),
        (of(Auto_Submitted="no"), None, False),
        (of(Auto_Submitted="auto-replied (vacation)"), Automatic.REPLY, False),
        (of(AUTO_SUBMITTED="Auto-Generated; owner-email=x"), Automatic.GENERATED, False),
        (of("IPM.Note.Rules.OofTemplate.Microsoft"), Automatic.REPLY, False),
        (of(Precedence="auto_reply"), Automatic.REPLY, False),
        (of(X_Autoreply="yes"), Automatic.REPLY, False),
        (of(Precedence="Bulk"), None, True),
        (of(List_Id="<users.example.org>"), None, True),
        (of(List_Unsubscribe="<mailto:x@example.org>"), None, True),
    ],
)
def test_what_a_machine_wrote_and_what_went_to_many(
    email: Email,
    automatic: Automatic | None,
    bulk: bool,  # noqa: FBT001 - a row of the table
) -> None:
    headers = nature.headers(email)
    assert nature.automatic(email, headers) is automatic
    assert nature.is_bulk(headers) is bulk
