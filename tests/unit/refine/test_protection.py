from dataclasses import replace

import pytest

from mailmine.model.email import Attachment, Email, Metadata, Protection
from mailmine.model.ids import CommentId
from mailmine.refine import comment, mime, refine
from mailmine.refine.protection import protection
from tests import sealed_mail
from tests.sealed_mail import INSIDE


@pytest.mark.parametrize("raw", [sealed_mail.clear_signed(), sealed_mail.opaque_signed()])
def test_a_signed_mail_reads_as_the_mail_inside(raw: bytes) -> None:
    parsed = mime.parse(raw)
    assert parsed.email.text == "Please sénd five chairs."
    assert [one.name for one in parsed.email.attachments] == ["order.pdf", "prices.csv"]
    assert parsed.contents == (b"%PDF-1.4 one", b"chair;42")
    assert parsed.email.subject.startswith("About ")
    assert protection(parsed.email) is Protection.SIGNED


def test_signatures_around_signatures_are_taken_off() -> None:
    twice = sealed_mail.pkcs7_mime(sealed_mail.signature(), "signed-data")
    email = mime.parse(sealed_mail.clear_signed(twice)).email
    assert email.text == "Please sénd five chairs."
    assert email.protection is Protection.SIGNED


def test_an_encrypted_mail_says_nothing_and_keeps_its_people() -> None:
    email = mime.parse(sealed_mail.encrypted()).email
    assert (email.text, email.html) == (None, None)
    assert [one.name for one in email.attachments] == ["smime.p7m"]
    made = comment.make(email, refine(email), Metadata(), mailbox="", comment_id=CommentId("1"))
    assert made.messages[0].body == ""
    assert made.messages[0].subject == "About encrypted"
    assert made.messages[0].from_ == "Ann <ann@example.com>"
    assert made.user_properties["string:Protection"] == "Encrypted"


def test_encrypted_within_a_signature_is_encrypted() -> None:
    inside = sealed_mail.pkcs7_mime(sealed_mail.envelope(), "enveloped-data")
    assert mime.parse(sealed_mail.clear_signed(inside)).email.protection is Protection.ENCRYPTED


def test_a_wrapping_of_rights_management_is_marked() -> None:
    email = mime.parse(sealed_mail.rights_managed()).email
    assert email.text == "To read this, open it in Outlook."
    assert protection(email) is Protection.RIGHTS_MANAGED
    assert protection(replace(email, headers=())) is Protection.RIGHTS_MANAGED


def test_a_plain_mail_has_no_mark() -> None:
    email = mime.parse(b"Subject: x\n\n" + INSIDE).email
    made = comment.make(email, refine(email), Metadata(), mailbox="", comment_id=CommentId("1"))
    assert "string:Protection" not in made.user_properties


def test_a_broken_signature_stays_an_attachment() -> None:
    raw = b"Subject: x\n" + sealed_mail.pkcs7_mime(b"\x30\x03junk", "signed-data")
    email = mime.parse(raw).email
    assert [one.name for one in email.attachments] == ["smime.p7m"]
    assert email.protection is None


@pytest.mark.parametrize(
    ("item_class", "header", "told"),
    [
        ("IPM.Note.SMIME.MultipartSigned", "", Protection.SIGNED),
        ("IPM.Note.SMIME", "application/pkcs7-mime; smime-type=enveloped-data", "Encrypted"),
        ("IPM.Note.SMIME", "application/pkcs7-mime; smime-type=signed-data", "Signed"),
        ("IPM.Note.SMIME", "application/pkcs7-mime", None),
        ("IPM.Note", 'multipart/encrypted; protocol="application/pgp-encrypted"', "Encrypted"),
        ("IPM.Note", "text/plain", None),
    ],
)
def test_of_what_was_not_opened_kind_and_headers_tell(
    item_class: str, header: str, told: str | None
) -> None:
    sealed = Attachment(name="smime.p7m", content_type="application/pkcs7-mime", size=1)
    email = Email(
        message_id=None,
        item_class=item_class,
        headers=(("Content-Type", header),),
        attachments=(sealed,),
    )
    assert protection(email) == told


def test_what_exchange_keeps_of_it_is_read_as_well() -> None:
    for kept in (sealed_mail.clear_signed(), sealed_mail.signature()):
        parsed = mime.parse_sealed(kept)
        assert parsed is not None
        assert parsed.email.text == "Please sénd five chairs."
        assert parsed.email.protection is Protection.SIGNED
    assert mime.parse_sealed(b"Subject: x\n\nwords") is None
    assert mime.parse_sealed(sealed_mail.envelope()) is None
