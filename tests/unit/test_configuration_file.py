"""Configuration files: ours, the vendor's, and files that are neither."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailmine.cli import configuration
from mailmine.model.integration import AccessType, AuthType
from mailmine.store.quotas import OwnQuota
from mailmine.sync.configure import (
    ConfigurationError,
    IntegrationConfiguration,
    QuotaConfiguration,
)
from mailmine.sync.patience import REASONS, Patience, Threshold
from mailmine.sync.policy import TABLE

OURS = """
[[integration]]
project = "support"
name = "exchange"
title = "Exchange in the cellar"
endpoint = "https://exchange.example.com/EWS/Exchange.asmx"
username = "EXAMPLE\\\\svc"
password_file = "password.txt"
access = "impersonation"
ca_file = "ca.pem"

[[integration.mailbox]]
address = "orders@example.com"
bucket = "orders"
start = 2024-01-01T00:00:00
attachments = true
folders = ["Inbox", "Archive/2024"]
folders_except = ["Inbox/Private"]
domains_except = ["spam.example"]
"""

VENDORS = """
{
  "ews_endpoint": "https://exchange.example.com/EWS/Exchange.asmx",
  "auth_type": "basic",
  "auth_user": "svc",
  "access_type": "delegate",
  "metrics_port": 8000,
  "mailboxes": {
    "orders@example.com": {
      "bucket": {"owner": "support", "name": "orders"},
      "start_from": "bucket",
      "start_timestamp": "2024-01-01T00:00:00+01:00",
      "colour": "red"
    }
  }
}
"""


def one(path: Path, text: str) -> IntegrationConfiguration:
    path.write_text(text, encoding="utf-8")
    (integration,) = configuration.load(path).configuration.integrations
    return integration


def test_our_form(tmp_path: Path) -> None:
    (tmp_path / "password.txt").write_text("secret\n", encoding="utf-8")
    integration = one(tmp_path / "mailmine.toml", OURS)
    assert integration.connection.access is AccessType.IMPERSONATION
    assert integration.connection.username == "EXAMPLE\\svc"
    assert integration.connection.ca_file == str(tmp_path / "ca.pem")
    assert integration.secret is not None
    assert integration.secret.read() == "secret"
    (mailbox,) = integration.mailboxes
    assert mailbox.start_at == datetime(2024, 1, 1, tzinfo=UTC)
    assert mailbox.sync_attachments
    assert mailbox.filters.folder_allowlist == (("Inbox",), ("Archive", "2024"))
    assert mailbox.filters.folder_denylist == (("Inbox", "Private"),)
    assert mailbox.filters.participant_domain_denylist == ("spam.example",)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2027-03-01", datetime(2027, 3, 1, tzinfo=UTC)),
        ("2027-03-01T12:00:00", datetime(2027, 3, 1, 12, tzinfo=UTC)),
        ("2027-03-01T01:00:00+02:00", datetime(2027, 2, 28, 23, tzinfo=UTC)),
    ],
)
def test_the_day_on_which_a_secret_ends(tmp_path: Path, written: str, expected: datetime) -> None:
    text = OURS.replace("ca_file", f"secret_ends = {written}\nca_file")
    assert one(tmp_path / "mailmine.toml", text).connection.secret_ends == expected
    with pytest.raises(ConfigurationError, match="integration 1, secret_ends"):
        one(tmp_path / "mailmine.toml", text.replace(written, "0001-01-01T00:00:00+02:00"))


def test_the_vendors_form_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REINFER_EWS_AUTH_PASS", "secret")
    integration = one(tmp_path / "config.json", VENDORS)
    assert integration.connection.auth is AuthType.BASIC
    assert integration.secret is not None
    assert integration.secret.read() == "secret"
    (mailbox,) = integration.mailboxes
    assert (mailbox.project, mailbox.bucket) == ("support", "orders")
    assert mailbox.start_at == datetime(2023, 12, 31, 23, tzinfo=UTC)


def test_unknown_keys_of_the_vendors_form_are_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(VENDORS, encoding="utf-8")
    warnings = " ".join(configuration.load(path).warnings)
    assert "metrics_port" in warnings
    assert "mailboxes.orders@example.com.colour" in warnings


def test_host_and_port_name_the_endpoint(tmp_path: Path) -> None:
    text = VENDORS.replace(
        '"ews_endpoint": "https://exchange.example.com/EWS/Exchange.asmx"',
        '"host": "https://exchange.example.com", "port": 8443',
    )
    integration = one(tmp_path / "config.json", text)
    assert integration.connection.endpoint == "https://exchange.example.com:8443/EWS/Exchange.asmx"


def test_an_endpoint_that_is_left_out_is_found_by_autodiscover(tmp_path: Path) -> None:
    endpoint = 'endpoint = "https://exchange.example.com/EWS/Exchange.asmx"\n'
    text = OURS.replace(endpoint, "")
    assert one(tmp_path / "ours.toml", text).connection.endpoint == ""


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("a.toml", "not = [toml", "is not TOML"),
        ("a.toml", "", "integration"),
        ("a.toml", OURS.replace('project = "support"\n', ""), "integration 1, project"),
        ("a.toml", OURS.replace("orders@example.com", "orders"), "mailbox 1, address"),
        ("a.toml", OURS + "\ncolour = 1\n", "mailbox 1, colour"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", "no configuration"),
        ("a.json", '{"mailboxes": {}}', "empty"),
        ("a.json", VENDORS.replace('"basic"', '"kerberos5"'), "auth_type is kerberos5"),
        ("a.json", VENDORS.replace('"owner": "support", ', ""), "owner"),
        ("a.json", VENDORS.replace("2024-01-01T00:00:00+01:00", "yesterday"), "start_timestamp"),
        ("a.json", VENDORS.replace('"ews_endpoint"', '"endpoint"'), "names no server"),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path: Path, name: str, text: str, word: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=word) as raised:
        configuration.load(path)
    assert str(path) in str(raised.value)


def test_a_secret_is_not_repeated_in_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(OURS.replace("password_file = ", "passwort = "), encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        configuration.load(path)
    assert "password.txt" not in str(raised.value)


def test_what_is_no_text_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        configuration.load(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        configuration.load(tmp_path / "missing.toml")


def test_thresholds_alone(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        "[policy]\nretry_daily = true\n[policy.thresholds]\nno-mailbox = { times = 4, minutes = 90 }\n"
    )
    said = configuration.load(path).configuration
    assert said.integrations == ()
    assert said.patience == Patience(
        thresholds={"no-mailbox": Threshold(tries=4, lasting=timedelta(minutes=90))},
        retries_daily=True,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no [[integration]], no [[quota]] and no [policy]"),
        ("[policy]\nretry = true\n", "policy, retry: Extra inputs"),
        ("[policy.thresholds]\nno-mailbox = { times = 0 }\n", "no-mailbox, times: Input should be"),
        ("[policy.thresholds]\nno-mailbox = { minutes = 3 }\n", "times: Field required"),
        (
            "[policy.thresholds]\nno-mailbox = { times = 1, minutes = 1e9 }\n",
            "minutes: Input should be less",
        ),
    ],
)
def test_mistakes_in_thresholds_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        configuration.load(path)


def test_quotas_alone(tmp_path: Path) -> None:
    path = tmp_path / "quotas.toml"
    path.write_text(
        '[[quota]]\nproject = "support"\ncomments = 1000\n'
        '[[quota]]\nproject = "support"\nbucket = "orders"\nmegabytes = 1.5\n'
    )
    assert configuration.load(path).configuration.quotas == (
        QuotaConfiguration(project="support", own=OwnQuota(comments=1_000)),
        QuotaConfiguration(project="support", bucket="orders", own=OwnQuota(bytes=1_500_000)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[quota]]\ncomments = 1\n", "quota 1, project: Field required"),
        ('[[quota]]\nproject = "a b"\n', "quota 1, project: String should match"),
        ('[[quota]]\nproject = "a"\ncomments = -1\n', "quota 1, comments: Input should be"),
        ('[[quota]]\nproject = "a"\nmegabytes = inf\n', "quota 1, megabytes: Input should be"),
        ('[[quota]]\nproject = "a"\nmegabytes = nan\n', "quota 1, megabytes: Input should be"),
    ],
)
def test_mistakes_in_quotas_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "quotas.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        configuration.load(path)


def test_the_documented_quota_can_be_taken_over(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```toml\n(\[\[quota\]\].*?)```", page, re.DOTALL)
    path = tmp_path / "quotas.toml"
    path.write_text(written, encoding="utf-8")
    (said,) = configuration.load(path).configuration.quotas
    assert (said.place, said.own.comments, said.own.bytes) == ("support/orders", 10**6, 5 * 10**10)


def test_the_documented_thresholds_are_the_defaults(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```toml\n(\[policy\].*?)```", page, re.DOTALL)
    path = tmp_path / "policy.toml"
    path.write_text(written, encoding="utf-8")
    said = configuration.load(path).configuration.patience
    assert said is not None
    assert set(said.thresholds) == REASONS
    assert not said.retries_daily
    for row in TABLE.values():
        assert said.rule(row) == row
