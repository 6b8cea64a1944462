"""A client that sends exactly what a test writes, and shows exactly what comes back."""

import base64
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from lxml import etree

SPACES = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "t": "http://schemas.microsoft.com/exchange/services/2006/types",
    "m": "http://schemas.microsoft.com/exchange/services/2006/messages",
    "e": "http://schemas.microsoft.com/exchange/services/2006/errors",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
ID_ONLY = "<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
FOLDER_ID_ONLY = "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> etree._Element:
        cleaned = re.sub(rb"&#x(?!9;|A;|D;)(?:[0-9A-F]|1[0-9A-F]);", b"", self.body)
        return etree.fromstring(cleaned)

    def all(self, path: str) -> list[etree._Element]:
        return list(self.xml.iterfind(path, SPACES))

    def text(self, path: str) -> str | None:
        return self.xml.findtext(path, None, SPACES)

    @property
    def codes(self) -> list[str | None]:
        """The codes of all response messages, or of the fault."""
        found = self.all(".//m:ResponseCode") or self.all(".//e:ResponseCode")
        return [code.text for code in found]

    @property
    def ids(self) -> list[str]:
        """All item ids, in order."""
        return [str(found.get("Id")) for found in self.all(".//t:ItemId")]


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass
class Client:
    address: str
    name: str = "bob@example.com"
    password: str = "secret"
    version: str | None = "Exchange2010_SP2"
    impersonates: str | None = None
    tls: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, operation: str) -> Answer:
        return self.send(self.envelope(operation))

    def envelope(self, operation: str) -> str:
        header = f'<t:RequestServerVersion Version="{self.version}"/>' if self.version else ""
        if self.impersonates is not None:
            header += (
                "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>"
                f"{self.impersonates}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
            )
        return f"<s:Envelope {_DECLARED}><s:Header>{header}</s:Header><s:Body>{operation}</s:Body></s:Envelope>"

    def sent(self) -> dict[str, str]:
        """Give the headers that go with every request."""
        encoded = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        return {
            "Authorization": f"Basic {encoded}",
            "Content-Type": "text/xml",
        } | self.headers

    def send(
        self, body: str, *, method: str = "POST", headers: dict[str, str] | None = None
    ) -> Answer:
        sent = self.sent() | (headers or {})
        request = urllib.request.Request(  # noqa: S310
            f"{self.address}/EWS/Exchange.asmx",
            data=body.encode() if method == "POST" else None,
            headers=sent,
            method=method,
        )
        opener = urllib.request.build_opener(
            _Stays, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls)
        )
        try:
            with opener.open(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def sync(
        self,
        folder: str = '<t:DistinguishedFolderId Id="inbox"/>',
        *,
        state: str = "",
        limit: int = 512,
    ) -> Answer:
        return self.ask(
            f"<m:SyncFolderItems>{ID_ONLY}<m:SyncFolderId>{folder}</m:SyncFolderId>"
            f"<m:SyncState>{state}</m:SyncState><m:MaxChangesReturned>{limit}</m:MaxChangesReturned>"
            "</m:SyncFolderItems>"
        )

    def get_item(self, *ids: str, shape: str = ID_ONLY) -> Answer:
        wanted = "".join(f'<t:ItemId Id="{id_}"/>' for id_ in ids)
        return self.ask(f"<m:GetItem>{shape}<m:ItemIds>{wanted}</m:ItemIds></m:GetItem>")

    def get_folder(self, folder: str, shape: str = FOLDER_ID_ONLY) -> Answer:
        return self.ask(f"<m:GetFolder>{shape}<m:FolderIds>{folder}</m:FolderIds></m:GetFolder>")


def shape(*uris: str, extra: str = "", paths: str = "") -> str:
    """Write an ItemShape that names properties."""
    fields = "".join(f'<t:FieldURI FieldURI="{uri}"/>' for uri in uris) + paths
    named = f"<t:AdditionalProperties>{fields}</t:AdditionalProperties>" if fields else ""
    return f"<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{extra}{named}</m:ItemShape>"


def inbox_of(address: str, name: str = "inbox") -> str:
    """Write the distinguished folder of another's mailbox."""
    return (
        f'<t:DistinguishedFolderId Id="{name}"><t:Mailbox><t:EmailAddress>{address}</t:EmailAddress>'
        "</t:Mailbox></t:DistinguishedFolderId>"
    )
