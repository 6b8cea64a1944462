import base64

import pytest

from mailmine.model.email import Email, Metadata
from mailmine.model.ids import CommentId, MessageId
from mailmine.refine import comment, refine, thread

ROOT, FIRST, SECOND = (MessageId(f"<{name}@example.com>") for name in ("root", "one", "two"))


def test_all_emails_of_a_conversation_have_one_thread() -> None:
    emails = (
        Email(message_id=ROOT),
        Email(message_id=FIRST, in_reply_to=ROOT),
        Email(message_id=SECOND, in_reply_to=FIRST, references=(ROOT, FIRST)),
    )
    assert {thread.thread_id(email, Metadata()) for email in emails} == {
        thread.thread_id(emails[0], Metadata())
    }
    assert {thread.root(email) for email in emails} == {ROOT}


def test_other_conversations_have_another() -> None:
    assert thread.thread_id(Email(message_id=ROOT), Metadata()) != thread.thread_id(
        Email(message_id=FIRST), Metadata()
    )


def test_without_any_id_exchange_tells_or_the_email_stands_alone() -> None:
    one, other = (Email(message_id=None, subject=subject) for subject in "ab")
    same = Metadata(conversation_id="c1")
    assert thread.thread_id(one, same) == thread.thread_id(other, same)
    assert thread.thread_id(one, Metadata()) != thread.thread_id(other, Metadata())


GUID = bytes(range(16))
INDEX = base64.b64encode(b"\x01" + bytes(5) + GUID).decode()
LONGER = base64.b64encode(b"\x01" + bytes(5) + GUID + bytes(10)).decode()


def of_exchange(told: str | None, *headers: tuple[str, str]) -> str | None:
    email = Email(message_id=ROOT, headers=headers)
    metadata = Metadata(conversation_id=told)
    made = comment.make(email, refine(email), metadata, mailbox="", comment_id=CommentId("a"))
    return thread.exchange_name(made)


def test_exchange_gives_one_name_in_all_mailboxes_and_in_the_header_of_outlook() -> None:
    ids = [
        base64.b64encode(b"\x00\x00\x04$" + mailbox + b"\x00\x10\x00" + GUID).decode()
        for mailbox in (b"one", b"another")
    ]
    name = f"exchange:{GUID.hex()}"
    assert [of_exchange(told) for told in ids] == [name, name]
    assert of_exchange(None, ("Thread-Index", INDEX)) == f"exchange:{GUID.hex()}"
    assert of_exchange(None, ("thread-index", f"{LONGER[:20]}\n {LONGER[20:]}")) == name
    # What Exchange says of the copy counts.
    assert of_exchange("c1", ("Thread-Index", INDEX)) == "exchange:c1"


@pytest.mark.parametrize("index", ["", "Ac9KCuPn", "not Base64!", INDEX[:-4], "Ä" * 40])
def test_a_thread_index_that_is_none(index: str) -> None:
    assert thread.of_index(index) is None
    assert of_exchange(None, ("Thread-Index", index)) is None
