import tomllib
from itertools import permutations
from pathlib import Path

import pytest

from mailmine.model.email import Email
from mailmine.refine import Kind, labels, refine

FILES = sorted((Path(labels.__file__).parent / "labels").glob("*.toml"))
ENTRIES = {
    "header": {
        "from",
        "sent",
        "to",
        "cc",
        "bcc",
        "subject",
        "reply_to",
        "other",
        "reply_prefix",
        "forward_prefix",
    },
    "attribution": {"wrote", "starts"},
    "divider": {"original", "forwarded", "reply_above"},
    "signature": {"closings", "device", "excuses", "footers", "disclaimers"},
    "banner": {"cautions"},
}
WANTED = "en de fr es it nl pt sv no da fi pl cs".split()  # noqa: SIM905  # as people say it


def test_there_are_the_languages_that_people_write_business_mail_in() -> None:
    assert set(WANTED) <= {file.stem for file in FILES}
    assert len(FILES) >= 35


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_language_has_every_table(file: Path) -> None:
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    assert tables["name"]
    for table, entries in ENTRIES.items():
        assert entries <= tables[table].keys()
        assert all(tables[table][entry] for entry in entries)
    for entry in ("from", "sent", "to", "subject"):
        assert tables["header"][entry]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_language_calls_a_field_is_found_as_that_field(file: Path) -> None:
    header = tomllib.loads(file.read_text(encoding="utf-8"))["header"]
    for entry in ("from", "subject"):
        assert labels.header_fields()[header[entry][0].lower()] == entry


def tables(file: Path) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_header_block_in_each_language_is_cut_off(file: Path) -> None:
    header = tables(file)["header"]
    for sender in header["from"]:
        for sent in header["sent"]:
            block = (
                f"{sender}: Bob <bob@example.com>\n{sent}: 3.3.2026 10:15\n"
                f"{header['to'][0]}: Ann\n{header['subject'][0]}: x\n"
            )
            email = Email(message_id=None, text=f"12 km\n\n{block}\n5 km")
            assert refine(email).text == "12 km", block


VALUES = {
    "from": "Bob Miller <bob@example.com>",
    "sent": "3.3.2026 10:15",
    "to": "Ann <ann@example.com>; Joe Doe\n<joe@example.com>; Max\n<max@example.com>",
    "subject": "RE: Order 12",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("colon", [": ", "\xa0:\t", "\uff1a", ":"])
def test_the_labels_of_a_block_stand_in_any_order(file: Path, colon: str) -> None:
    header = tables(file)["header"]
    for order in permutations(VALUES):
        block = "\n".join(f"{header[field][0]}{colon}{VALUES[field]}" for field in order)
        refined = refine(Email(message_id=None, text=f"12 km\n\n{block}\n\n5 km"))
        assert refined.text == "12 km", block
        earlier = refined.earlier
        assert earlier is not None, block
        assert (earlier.from_, earlier.date, earlier.subject, earlier.text) == (
            VALUES["from"],
            VALUES["sent"],
            VALUES["subject"],
            "5 km",
        ), block
        assert earlier.to == VALUES["to"].replace("\n", " "), block


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("mark", ["", "> "], ids=["unmarked", "marked"])
def test_what_is_passed_on_below_its_opener_in_each_language(file: Path, mark: str) -> None:
    header, divider = tables(file)["header"], tables(file)["divider"]
    block = f"{mark}{header['from'][0]}: {VALUES['from']}\n{mark}{header['to'][0]}: Ann"
    for phrase in divider["forwarded"]:
        for colon in (":", "\uff1a"):
            email = Email(
                message_id=None, text=f"12 km\n\n{phrase}{colon}\n\n{block}\n{mark}\n{mark}5 km"
            )
            refined = refine(email)
            assert (refined.text, refined.is_forward) == ("12 km", True), phrase
            assert refined.earlier is not None, phrase
            assert (refined.earlier.from_, refined.earlier.text) == (VALUES["from"], "5 km"), phrase


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_dividers_in_each_language_are_known(file: Path) -> None:
    divider = tables(file)["divider"]
    for phrase in (*divider["original"], *divider["forwarded"]):
        email = Email(message_id=None, text=f"12 km\n\n---------- {phrase} ----------\n5 km")
        assert refine(email).text == "12 km", phrase
    for phrase in divider["forwarded"]:
        assert refine(Email(message_id=None, text=f"12 km\n\n{phrase}:\n\n5 km")).is_forward, phrase


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_lines_of_devices_in_each_language_are_known(file: Path) -> None:
    for pattern in tables(file)["signature"]["device"]:
        line = pattern.replace("*", "iPhone")
        assert refine(Email(message_id=None, text=f"12 km\n\n{line}")).text == "12 km", line


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_closing_in_each_language_stays_and_signs(file: Path) -> None:
    for known in tables(file)["signature"]["closings"]:
        closing = known.replace("*", "Rome")
        refined = refine(Email(message_id=None, text=f"12 km\n\n{closing},\nBob"))
        assert refined.text == f"12 km\n\n{closing},\nBob", closing
        assert refined.signature == f"{closing},\nBob", closing


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_legal_notice_in_each_language_is_cut_off(file: Path) -> None:
    notice = ", ".join(tables(file)["signature"]["disclaimers"]) + ". " + "1234567890 " * 3
    refined = refine(Email(message_id=None, text=f"12 km\n\nBob\n\n{notice}"))
    assert refined.text == "12 km\n\nBob"
    assert refined.zones[-1].kind is Kind.DISCLAIMER


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_asks_to_reply_above_in_each_language_is_known(file: Path) -> None:
    for phrase in tables(file)["divider"]["reply_above"]:
        assert refine(Email(message_id=None, text=f"12 km\n\n-- {phrase} --\n5 km")).text == "12 km"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_warning_of_the_server_in_each_language_is_cut_off(file: Path) -> None:
    warning = ", ".join(tables(file)["banner"]["cautions"])
    refined = refine(Email(message_id=None, text=f"{warning}\n\n12 km"))
    assert refined.text == "12 km"
    assert refined.zones[0].kind is Kind.CAUTION
