import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from mailmine.access.secrets import ENVIRONMENT, FILE, Keyring, SecretsError


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)


KEYRING = Keyring.generate()


@given(st.text())
def test_what_was_sealed_opens_again(text: str) -> None:
    ciphertext, key_id = KEYRING.seal("integration/7", text)
    assert KEYRING.open("integration/7", ciphertext, key_id) == text


def test_the_same_secret_never_looks_the_same() -> None:
    assert KEYRING.seal("a", "secret") != KEYRING.seal("a", "secret")


def test_a_secret_opens_only_under_its_own_name() -> None:
    ciphertext, key_id = KEYRING.seal("integration/7", "hush")
    with pytest.raises(SecretsError, match="integration/8 was changed"):
        KEYRING.open("integration/8", ciphertext, key_id)


@pytest.mark.parametrize("ciphertext", [b"", b"short", b"x" * 60])
def test_tampering_is_noticed(ciphertext: bytes) -> None:
    with pytest.raises(SecretsError, match="was changed"):
        KEYRING.open("a", ciphertext, KEYRING.key_id)


def test_a_secret_of_an_unknown_key_tells_which_key_is_missing() -> None:
    ciphertext, key_id = Keyring.generate().seal("a", "hush")
    with pytest.raises(SecretsError, match=key_id):
        KEYRING.open("a", ciphertext, key_id)


def test_a_key_is_replaced_by_putting_a_new_one_before_it() -> None:
    ciphertext, key_id = KEYRING.seal("a", "hush")
    rotated = Keyring(Keyring.generate().keys + KEYRING.keys)

    assert rotated.open("a", ciphertext, key_id) == "hush"
    assert rotated.key_id != key_id


def test_the_first_start_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    made = Keyring.load(tmp_path)

    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert Keyring.load(tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(Keyring.load, [tmp_path] * 16))
    assert made == {Keyring.load(tmp_path)}


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Keyring.load(tmp_path)
    written = (tmp_path / FILE).read_text()
    monkeypatch.setenv(ENVIRONMENT, written)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert Keyring.load(elsewhere) == Keyring.load(tmp_path)
    assert not (elsewhere / FILE).exists()


@pytest.mark.parametrize("written", ["", "c2hvcnQ=", "no base64 at all!", "ü"])
def test_a_broken_key_is_told_and_not_replaced(tmp_path: Path, written: str) -> None:
    (tmp_path / FILE).write_text(written, encoding="utf-8")
    with pytest.raises(SecretsError, match="key"):
        Keyring.load(tmp_path)
    assert (tmp_path / FILE).read_text(encoding="utf-8") == written


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match=r"cannot be made in .*nowhere: No such file"):
        Keyring.load(tmp_path / "nowhere")


def test_keys_never_show_themselves() -> None:
    assert "keys" not in repr(KEYRING)
