"""Who may sign in, and who may read what."""

from exchange_simulator import Exchange, Mailbox
from tests.simulator.client import FOLDER_ID_ONLY, Client, inbox_of
from tests.simulator.mails import mail

HIERARCHY = f"<m:SyncFolderHierarchy>{FOLDER_ID_ONLY}<m:SyncFolderId>%s</m:SyncFolderId></m:SyncFolderHierarchy>"


def test_a_get_is_challenged_and_then_shown_a_page(client: Client) -> None:
    challenged = client.send("", method="GET", headers={"Authorization": ""})
    assert challenged.status == 401
    assert challenged.headers["WWW-Authenticate"].startswith("Basic")
    assert client.send("", method="GET").status == 200


def test_a_wrong_password_or_a_locked_account_is_challenged(
    exchange: Exchange, client: Client
) -> None:
    client.password = "wrong"
    assert client.sync().status == 401
    client.password = "secret"
    assert client.sync().status == 200
    exchange.account("bob@example.com").is_locked = True
    assert client.sync().status == 401
    client.name = "nobody@example.com"
    assert client.sync().status == 401


def test_a_domain_before_the_name_is_fine(exchange: Exchange, client: Client) -> None:
    exchange.account("svc", password="secret")
    client.name = "EXAMPLE\\svc"
    assert client.get_folder(inbox_of("bob@example.com")).codes == ["ErrorAccessDenied"]


def test_a_stranger_may_read_nothing(exchange: Exchange, bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail(attachment=b"%PDF"))
    exchange.account("eve@example.com")
    client.name = "eve@example.com"
    assert client.sync(inbox_of("bob@example.com")).codes == ["ErrorAccessDenied"]
    assert client.get_item(message.id).codes == ["ErrorAccessDenied"]
    assert client.sync(inbox_of("nobody@example.com")).codes == ["ErrorNonExistentMailbox"]


def test_a_delegate_of_the_inbox_alone_reads_just_that(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    inside, outside = bob.deliver(mail()), bob.deliver(mail(), "Inbox/Private")
    exchange.account("svc@example.com")
    exchange.grant("svc@example.com", mailbox="bob@example.com", folder="Inbox")
    client.name = "svc@example.com"
    address = "bob@example.com"
    for root in ("root", "msgfolderroot"):
        assert client.get_folder(inbox_of(address, root)).codes == ["ErrorAccessDenied"]
        assert client.ask(HIERARCHY % inbox_of(address, root)).codes == ["ErrorAccessDenied"]
    assert client.ask(HIERARCHY % inbox_of(address)).codes == ["ErrorAccessDenied"]
    assert client.get_folder(inbox_of(address)).codes == ["NoError"]
    assert client.sync(inbox_of(address)).ids == [inside.id]
    answer = client.get_item(inside.id, outside.id)
    assert answer.codes == ["NoError", "ErrorAccessDenied"]


def test_a_delegate_of_all_reads_all_until_it_is_taken_back(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    bob.deliver(mail())
    exchange.account("svc@example.com")
    exchange.grant("svc@example.com", mailbox="bob@example.com")
    client.name = "svc@example.com"
    assert client.ask(HIERARCHY % inbox_of("bob@example.com", "msgfolderroot")).codes == ["NoError"]
    assert len(client.sync(inbox_of("bob@example.com")).ids) == 1
    exchange.revoke("svc@example.com", mailbox="bob@example.com")
    assert client.sync(inbox_of("bob@example.com")).codes == ["ErrorAccessDenied"]


def test_impersonation_reads_as_the_owner(exchange: Exchange, bob: Mailbox, client: Client) -> None:
    message = bob.deliver(mail())
    exchange.account("app@example.com")
    client.name, client.impersonates = "app@example.com", "bob@example.com"
    assert client.sync().codes == ["ErrorImpersonateUserDenied"]
    exchange.allow_impersonation("app@example.com", of=["bob@example.com"])
    assert client.sync().ids == [message.id]
    exchange.mailbox("carl@example.com")
    client.impersonates = "carl@example.com"
    assert client.sync().codes == ["ErrorImpersonateUserDenied"]
    client.impersonates = "nobody@example.com"
    assert client.sync().codes == ["ErrorNonExistentMailbox"]
    exchange.allow_impersonation("app@example.com")
    client.impersonates = "carl@example.com"
    assert client.sync().codes == ["NoError"]


def test_a_delegate_finds_the_folders_it_may_read_and_no_others(
    exchange: Exchange, bob: Mailbox, client: Client
) -> None:
    for folder in ("Inbox/Orders/Old", "Inbox/Private"):
        bob.make_folder(folder)
    exchange.account("svc@example.com")
    bob.grant("svc@example.com", folder="Inbox")
    bob.grant("svc@example.com", folder="Inbox/Orders", subfolders=True)
    client.name = "svc@example.com"
    found = client.ask(
        '<m:FindFolder Traversal="Deep"><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>'
        f"<m:ParentFolderIds>{inbox_of('bob@example.com')}</m:ParentFolderIds></m:FindFolder>"
    )
    assert [name.text for name in found.all(".//t:DisplayName")] == ["Orders", "Old"]
