"""What the settings say of notifications, and what is wrong with it."""

from pathlib import Path

import pytest

from mailmine.cli import notifications, options
from mailmine.cli.errors import Failed
from mailmine.model.notice import Topic
from mailmine.notify.channel import Channels
from mailmine.notify.chat import Chat
from mailmine.notify.smtp import Security, Smtp
from mailmine.notify.webhook import Webhook

CHANNELS = """
[[channel]]
project = "support"
kind = "webhook"
url = "https://hooks.example.com/mailmine"
secret_env = "HOOK_SECRET"
topics = ["mailbox_disabled", "resolved"]

[[channel]]
project = "support"
kind = "slack"
url_env = "SLACK_URL"

[[channel]]
project = "support"
kind = "apprise"
name = "phone"
url = "ntfys://ntfy.example.com/mailmine"
"""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    values = {"HOST": "smtp.example.com", "FROM": "mailmine@example.com"}
    for name, value in values.items():
        monkeypatch.setenv(f"MAILMINE_SMTP_{name}", value)
    return monkeypatch


def load() -> Channels:
    return notifications.load(options.settings())


def load_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> Channels:
    file = tmp_path / "notify.toml"
    file.write_text(text)
    monkeypatch.setenv("MAILMINE_NOTIFY", str(file))
    return load()


def test_there_are_none_by_default() -> None:
    assert load() == Channels()


@pytest.mark.usefixtures("given")
def test_a_server_and_a_sender_are_enough_for_mail() -> None:
    email = load().email
    assert isinstance(email, Smtp)
    assert (email.host, email.sender) == ("smtp.example.com", "mailmine@example.com")
    assert email.security is Security.STARTTLS


def test_a_password_may_stand_in_a_file_and_is_not_shown(
    given: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("hush hush\n")
    given.setenv("MAILMINE_SMTP_PASSWORD_FILE", str(file))
    email = load().email
    assert isinstance(email, Smtp)
    assert email.password == "hush hush"
    assert "hush" not in repr(email)


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"MAILMINE_SMTP_HOST": ""}, "MAILMINE_SMTP_HOST is not"),
        ({"MAILMINE_SMTP_FROM": ""}, "MAILMINE_SMTP_FROM needs"),
        ({"MAILMINE_SMTP_TLS": "ssl"}, "starttls, tls, none"),
        (
            {"MAILMINE_SMTP_PASSWORD": "a", "MAILMINE_SMTP_PASSWORD_FILE": "b"},
            "both set",
        ),
        ({"MAILMINE_SMTP_PASSWORD_FILE": "/no/such/file"}, "cannot be read"),
        ({"MAILMINE_PUBLIC_URL": "mail.example.com"}, "https://mailmine.example.com"),
        ({"MAILMINE_NOTIFY": "/no/such/file"}, "MAILMINE_NOTIFY: /no/such/file cannot be read"),
    ],
)
def test_a_wrong_setting_is_said(
    given: pytest.MonkeyPatch, variables: dict[str, str], word: str
) -> None:
    for name, value in variables.items():
        given.setenv(name, value)
    with pytest.raises(Failed) as raised:
        load()
    assert word in str(raised.value)


def test_a_file_names_channels_of_projects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hush hush")
    monkeypatch.setenv(
        "SLACK_URL", f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{'T' * 24}"
    )
    channels = load_file(monkeypatch, tmp_path, CHANNELS)
    assert list(channels.rooms) == ["support/webhook", "support/slack", "support/phone"]
    room, webhook = channels.rooms["support/webhook"]
    assert isinstance(webhook, Webhook)
    assert webhook.secret == "hush hush"
    assert room.topics == {Topic.MAILBOX_DISABLED, Topic.RESOLVED}
    room, slack = channels.rooms["support/slack"]
    assert isinstance(slack, Chat)
    assert slack.kind == "Slack"
    assert room.topics == set(Topic)
    assert "hush" not in repr(channels)
    assert "A1BRTD4JD" not in repr(channels)


def test_a_workflow_of_teams_is_understood() -> None:
    url = (
        "https://prod-1.westeurope.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef"
        "/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=hush"
    )
    assert "Workflows" in Chat.of(url).kind


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("kind = ", "kinds = "), ["channel 1, kinds"]),
        (('"webhook"', '"pigeon"'), ["channel 1, kind"]),
        (("mailbox_disabled", "everything"), ["channel 1, topics 1"]),
        (("https://hooks", "http://hooks"), ["support/webhook", "https"]),
        (('name = "phone"', 'name = "slack"'), ["two channels support/slack"]),
        (('url_env = "SLACK_URL"', ""), ["url or url_env"]),
        (('url_env = "SLACK_URL"', 'url = "hush"'), ["support/slack", "no address"]),
        (('url_env = "SLACK_URL"', 'url_env = "NOT_SET"'), ["NOT_SET is not set"]),
        (("ntfys://ntfy.example.com", "pigeon://hush"), ["support/phone", "no address"]),
        (('name = "phone"', 'secret_env = "A"'), ["secret_env is for webhooks"]),
        (("[[channel]]", "[[channel"), ["is not TOML"]),
    ],
)
def test_a_mistake_in_the_file_is_said_without_what_was_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: tuple[str, str], words: list[str]
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "hush hush")
    monkeypatch.setenv(
        "SLACK_URL", f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{'T' * 24}"
    )
    with pytest.raises(Failed) as raised:
        load_file(monkeypatch, tmp_path, CHANNELS.replace(*change))
    for word in words:
        assert word in str(raised.value)
    assert "hush" not in str(raised.value)
