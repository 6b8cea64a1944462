"""What emails have in common with others, and what is told by it."""

from hypothesis import given, strategies as st

from mailmine.model.email import Address, Email
from mailmine.refine import Kind, Known, Refined, learning, refine

WORDS = "Die Pumpe in Halle 3 steht."
SIGNATURE = "Petra\nEinkauf bei Muster\nHalle 3 links"
NOTICE = (
    "We at Example print no email, and we ask all of our customers to do the same for the trees."
)


def email(text: str) -> Email:
    return Email(message_id=None, text=text, from_=Address("", "p.s@example.com"))


def of(*texts: str) -> frozenset[int]:
    """Learn from emails that say this."""
    seen: dict[int, int] = {}
    for number, text in enumerate(texts):
        learning.learn(seen, refine(email(text), known=Known()).tail, number + 1)
    return learning.repeated(seen)


def kinds(refined: Refined) -> list[Kind]:
    return list(dict.fromkeys(zone.kind for zone in refined.zones))


def test_what_a_sender_ends_two_emails_with_is_the_signature() -> None:
    text = f"{WORDS}\n\n{SIGNATURE}"
    assert refine(email(text)).signature == ""
    known = Known(signature=of(f"Hallo!\n\n{SIGNATURE}", f"Was kostet sie?\n\n{SIGNATURE}"))
    refined = refine(email(text), known=known)
    assert (refined.text, refined.signature) == (WORDS, SIGNATURE)
    assert refined.reply == text


def test_once_is_not_enough() -> None:
    assert of(f"Hallo!\n\n{SIGNATURE}") == frozenset()


def test_a_closing_stays_with_the_words() -> None:
    end = f"Viele Grüße\n{SIGNATURE}"
    refined = refine(
        email(f"{WORDS}\n\n{end}"), known=Known(signature=of(f"a\n\n{end}", f"b\n\n{end}"))
    )
    assert refined.text == f"{WORDS}\n\nViele Grüße"
    assert refined.signature == SIGNATURE


def test_sentences_and_data_that_come_again_stay() -> None:
    for line in (
        "Please fill in your timesheets before Friday, as always.",
        "Status: everything runs",
    ):
        text = f"Hello\n\n{line}"
        assert refine(email(text), known=Known(signature=of(text, f"x\n\n{line}"))).text == text


def test_an_email_that_is_nothing_else_keeps_its_words() -> None:
    known = Known(signature=of(f"a\n\n{SIGNATURE}", f"b\n\n{SIGNATURE}"))
    assert refine(email(SIGNATURE), known=known).text.startswith("Petra")


def test_what_senders_of_one_domain_end_with_is_a_notice() -> None:
    known = Known(notice=of(f"a\n\nAnn\n\n{NOTICE}", f"b\n\nBob\n\n{NOTICE}"))
    refined = refine(email(f"{WORDS}\n\nPetra\n\n{NOTICE}"), known=known)
    assert refined.text == f"{WORDS}\n\nPetra"
    assert kinds(refined) == [Kind.NEW, Kind.DISCLAIMER]
    # Below words it may be words of theirs.
    text = f"{WORDS} Wir warten auf Sie.\n\n{NOTICE}"
    assert refine(email(text), known=known).text == text


def test_lines_of_the_email_replied_to_are_quoted_though_nothing_marks_them() -> None:
    parent = (
        "Guten Tag,\n\nhaben Sie noch Dichtungen für die alte Pumpe?\nWir brauchen sie am Montag."
    )
    lines = refine(email(parent), known=Known()).lines
    refined = refine(email(f"Ja, zwanzig.\n\n{parent}"), known=Known(parent=frozenset(lines)))
    assert refined.text == "Ja, zwanzig."
    assert kinds(refined) == [Kind.NEW, Kind.QUOTED]
    again = refine(email(parent), known=Known(parent=frozenset(lines)))
    assert again.text == parent


def test_a_greeting_in_both_is_no_quote() -> None:
    lines = refine(email("Guten Tag,\n\nbitte um Antwort."), known=Known()).lines
    text = "Guten Tag,\n\nhier ist sie."
    assert refine(email(text), known=Known(parent=frozenset(lines))).text == text


LINES = st.lists(st.integers(1, 40), max_size=8)


@given(st.lists(st.tuples(LINES, st.integers(1, 4)), max_size=8))
def test_the_order_of_learning_does_not_matter_nor_does_doing_it_again(
    emails: list[tuple[list[int], int]],
) -> None:
    forwards: dict[int, int] = {}
    for lines, witness in emails:
        learning.learn(forwards, lines, witness)
    backwards: dict[int, int] = {}
    for lines, witness in reversed(emails):
        learning.learn(backwards, lines, witness)
    assert learning.repeated(forwards) == learning.repeated(backwards)
    for lines, witness in emails:
        assert not learning.learn(forwards, lines, witness)


def test_only_so_much_is_remembered_and_what_came_again_longest() -> None:
    seen = {-1: learning.REPEATED}
    for line in range(3 * learning.MAX_SEEN):
        learning.learn(seen, [line], 1)
    assert len(seen) == learning.MAX_SEEN
    assert seen[-1] == learning.REPEATED


TEXTS = st.lists(st.sampled_from([*SIGNATURE.split("\n"), WORDS, NOTICE, "", "> x", "Viele Grüße"]))


@given(TEXTS)
def test_whatever_is_known_nothing_is_lost(lines: list[str]) -> None:
    body = "\n".join(lines)
    all_lines = frozenset(map(learning.hash_of, [*SIGNATURE.split("\n"), WORDS, NOTICE]))
    refined = refine(email(body), known=Known(all_lines, all_lines, all_lines))
    assert "\n".join(zone.text for zone in refined.zones) == body
    assert bool(refined.text) == any(line.lstrip("> ") for line in lines)
