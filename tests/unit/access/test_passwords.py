import re

from mailmine.access import passwords


def test_only_the_right_password_is_right() -> None:
    kept = passwords.hash_password("correct horse battery staple")

    assert passwords.is_right("correct horse battery staple", kept)
    assert not passwords.is_right("correct horse", kept)


def test_nobody_has_no_password() -> None:
    assert not passwords.is_right("", None)


def test_a_broken_hash_is_never_right() -> None:
    assert not passwords.is_right("x", "not a hash")


def test_a_generated_password_can_be_copied_by_hand() -> None:
    password = passwords.generate()

    assert re.fullmatch(r"([a-z2-9]{4}-){4}[a-z2-9]{4}", password)
    assert password != passwords.generate()
