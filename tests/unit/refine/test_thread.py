from mailmine.model.email import Email, Metadata
from mailmine.model.ids import MessageId
from mailmine.refine import thread

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
