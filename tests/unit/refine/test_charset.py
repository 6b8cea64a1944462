import pytest
from hypothesis import given, strategies as st

from mailmine.refine import charset


@given(st.binary(max_size=300), st.text(max_size=20))
def test_decoding_never_raises_and_leaves_nothing_a_database_refuses(
    data: bytes, declared: str
) -> None:
    text = charset.decode(data, declared)
    assert "\x00" not in text
    text.encode("utf-8")


@given(st.text(max_size=100))
def test_utf8_is_read_whatever_was_declared_in_vain(text: str) -> None:
    assert charset.decode(text.encode("utf-8", "replace"), "x-made-up") == charset.scrub(
        text.encode("utf-8", "replace").decode()
    )


@pytest.mark.parametrize(
    ("data", "declared", "text"),
    [
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),  # declared wrong, and told by the bytes
        ("Price: 5 €".encode("cp1252"), "iso-8859-1", "Price: 5 €"),
        ("Привет, как дела?".encode("koi8-r"), "koi8-r", "Привет, как дела?"),
        (b"Fr+APY-sche", "utf-7", "Frösche"),
        ("你好".encode("gb18030"), "gb2312", "你好"),
        (b"plain", "rot13", "plain"),  # a codec of Python, but no charset
        ("naïve".encode("latin-1"), "", "naïve"),
        (b"a\x00b", "", "ab"),
        ("日本語".encode("iso2022_jp"), "", "日本語"),  # all of it ASCII, and declared by nobody
        ("日本語".encode("iso2022_jp"), "us-ascii", "日本語"),
        ("안녕하세요".encode("iso2022_kr"), "", "안녕하세요"),
        (b"\x1b[31mred\x1b[0m", "", "\x1b[31mred\x1b[0m"),  # colours of a terminal
    ],
)
def test_known_and_unknown_charsets(data: bytes, declared: str, text: str) -> None:
    assert charset.decode(data, declared) == text


def test_a_long_text_without_a_charset_is_guessed() -> None:
    text = "Добрый день! Пришлите, пожалуйста, счёт за прошлый месяц. Жду ответа, Анна. " * 3
    assert charset.decode(text.encode("cp1251")) == text


def test_one_bad_byte_does_not_change_the_charset() -> None:
    data = ("Größe und Gewicht der Möbel. " * 10).encode("cp1252") + b"\x81"
    assert charset.decode(data, "windows-1252").startswith("Größe und Gewicht der Möbel.")


@pytest.mark.parametrize("declared", ["undefined", "idna", "punycode", "unicode_escape"])
def test_what_python_decodes_by_may_be_no_charset(declared: str) -> None:
    data = b"gr\xfc\xdfe \\x41"
    assert charset.decode(data, declared) == charset.decode(data, "")
