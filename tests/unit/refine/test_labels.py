import tomllib
from pathlib import Path

import pytest

from mailmine.refine import labels

FILES = sorted((Path(labels.__file__).parent / "labels").glob("*.toml"))
ENTRIES = {
    "header": {"from", "sent", "to", "cc", "bcc", "subject", "reply_to", "other"},
    "attribution": {"wrote", "starts"},
    "divider": {"original", "forwarded", "reply_above"},
    "signature": {"closings", "device"},
}
WANTED = "en de fr es it nl pt sv no da fi pl cs".split()  # noqa: SIM905  # as people say it


def test_there_are_the_languages_that_people_write_business_mail_in() -> None:
    assert set(WANTED) <= {file.stem for file in FILES}
    assert len(FILES) >= 30


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_language_has_every_table(file: Path) -> None:
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    assert tables["name"]
    for table, entries in ENTRIES.items():
        assert entries <= tables[table].keys()
    for entry in ("from", "sent", "to", "subject"):
        assert tables["header"][entry]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_language_calls_a_field_is_found_as_that_field(file: Path) -> None:
    header = tomllib.loads(file.read_text(encoding="utf-8"))["header"]
    for entry in ("from", "subject"):
        assert labels.header_fields()[header[entry][0].lower()] == entry
