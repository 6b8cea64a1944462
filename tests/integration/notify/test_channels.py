"""Each channel by itself: what goes out, and what is said where it does not."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from exchange_simulator.tls import certificate
from mailmine.notify.channel import Message, NotDelivered
from mailmine.notify.chat import Chat
from mailmine.notify.smtp import Security
from mailmine.notify.webhook import Webhook
from mailmine.notify.words import Letter
from tests.integration.notify.town import Hook, by_mail, mail_server

MESSAGE = Message(
    delivery="d1",
    letter=Letter(title="Größe: stopped", text="Nothing is wrong.\n.\nReally.", link=""),
    notices=(),
    to="ana@example.com",
)


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a certificate that everybody on this machine trusts."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for file, content in zip(files, certificate("127.0.0.1"), strict=True):
        file.write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    return context


def sign_in(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    del server, session, envelope, mechanism
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (b"mailmine", b"secret")
    return AuthResult(success=is_right, handled=False)


async def test_mail_goes_out_as_it_is() -> None:
    async with mail_server() as (postman, port):
        await by_mail(port).send(MESSAGE)
    (mail,) = postman.mails
    assert mail["Subject"] == MESSAGE.letter.title
    assert mail.get_content().splitlines() == MESSAGE.letter.text.splitlines()


async def test_mail_goes_out_by_starttls_with_signing_in(context: ssl.SSLContext) -> None:
    options: dict[str, Any] = {"auth_required": True, "authenticator": sign_in}
    async with mail_server(tls_context=context, require_starttls=True, **options) as (
        postman,
        port,
    ):
        ways = {"security": Security.STARTTLS, "user": "mailmine"}
        await by_mail(port, **ways, password="secret").send(MESSAGE)
        with pytest.raises(NotDelivered, match="535") as refused:
            await by_mail(port, **ways, password="wrong").send(MESSAGE)
    assert len(postman.mails) == 1
    assert not refused.value.is_final
    assert "wrong" not in str(refused.value)


async def test_mail_goes_out_by_tls(context: ssl.SSLContext) -> None:
    async with mail_server(ssl=context) as (postman, port):
        await by_mail(port, security=Security.TLS).send(MESSAGE)
    assert len(postman.mails) == 1


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
async def test_a_server_whom_nobody_knows_is_not_trusted(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, security: Security
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    options: dict[str, Any] = (
        {"ssl": context} if security is Security.TLS else {"tls_context": context}
    )
    async with mail_server(**options) as (postman, port):
        with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
            await by_mail(port, security=security).send(MESSAGE)
    assert postman.mails == []


async def test_a_server_without_tls_gets_nothing_where_tls_is_wanted() -> None:
    async with mail_server() as (postman, port):
        with pytest.raises(NotDelivered, match="STARTTLS"):
            await by_mail(port, security=Security.STARTTLS).send(MESSAGE)
    assert postman.mails == []


async def test_a_server_that_is_not_there_is_said() -> None:
    async with mail_server() as (_, port):
        pass
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1 cannot be reached") as raised:
        await by_mail(port).send(MESSAGE)
    assert not raised.value.is_final


@pytest.mark.parametrize("to", ["ana@example.com\r\nBcc: all@example.com", "ana@", "a\nb"])
async def test_an_address_that_is_none_is_said_to_be_so(to: str) -> None:
    async with mail_server() as (postman, port):
        wrong = Message(delivery="d1", letter=MESSAGE.letter, notices=(), to=to)
        with pytest.raises(NotDelivered):
            await by_mail(port).send(wrong)
    assert postman.mails == []


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_a_webhook_that_refuses_is_said_without_its_address(hook: Hook, status: int) -> None:
    hook.status = status
    with pytest.raises(NotDelivered, match=f"answered {status}"):
        await Webhook(url=f"{hook.url}?key=hush").send(MESSAGE)
    assert len(hook.got) == 1
    assert "X-Mailmine-Signature" not in hook.got[0][0]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/hush", "http://hush", "hush", "http://[hush"])
async def test_a_webhook_that_is_not_there_is_said_without_its_address(url: str) -> None:
    with pytest.raises(NotDelivered, match="cannot be reached") as raised:
        await Webhook(url=url).send(MESSAGE)
    assert "hush" not in str(raised.value)


async def test_another_service_gets_it_by_apprise(hook: Hook) -> None:
    chat = Chat.of(hook.url.replace("http://", "json://"))
    await chat.send(MESSAGE)
    ((_, body),) = hook.got
    assert b"Nothing is wrong." in body
    hook.status = 500
    with pytest.raises(NotDelivered, match="JSON"):
        await chat.send(MESSAGE)
