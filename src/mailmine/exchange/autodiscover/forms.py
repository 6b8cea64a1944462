"""What is asked in each form of Autodiscover, and what the answers mean. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from mailmine.exchange.ews.xml import Element, MalformedError, parse

POX_PATH: Final = "/autodiscover/autodiscover.xml"
SOAP_PATH: Final = "/autodiscover/autodiscover.svc"
JSON_PATH: Final = "/autodiscover/autodiscover.json/v1.0/"
LONGEST_WORDS: Final = 200
"""Characters of a server's own words that are repeated."""
_OUTLOOK: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook"
_SOAP: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_XML: Final = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml"}


class Form(StrEnum):
    """The forms of Autodiscover."""

    SOAP = "soap"
    """GetUserSettings, from Exchange 2010 on (MS-OXWSADISC)."""
    POX = "pox"
    """Plain old XML, of every Exchange (MS-OXDSCLI)."""
    JSON = "json"
    """Version 1 of Exchange Online: answers anybody, so nobody signs in."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent."""

    method: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Here is the mailbox's EWS."""

    url: str


@dataclass(frozen=True, slots=True)
class ToUrl:
    """Ask there instead."""

    url: str


@dataclass(frozen=True, slots=True)
class ToAddress:
    """Ask for this address instead."""

    address: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """It does not know, and says why."""

    words: str = field(repr=False)


Meaning = Endpoint | ToUrl | ToAddress | Nothing
NOT_AUTODISCOVER: Final = Nothing("answers, but not as Autodiscover does")


def form_of(url: str) -> Form:
    """Tell by its path which form a place speaks."""
    path = urlsplit(url).path.lower()
    if path.endswith(".svc"):
        return Form.SOAP
    return Form.JSON if "autodiscover.json" in path else Form.POX


def json_url(host: str, address: str) -> str:
    """Name the place where Exchange Online tells where the mailbox is."""
    return f"https://{host}{JSON_PATH}{quote(address, safe='@')}?Protocol=EWS"


def question(form: Form, address: str) -> Question:
    """Ask for the EWS of `address`."""
    match form:
        case Form.JSON:
            return Question("GET", {"Accept": "application/json"})
        case Form.SOAP:
            return Question("POST", _XML, _SOAP_QUESTION.format(address=escape(address)).encode())
        case Form.POX:
            return Question("POST", _XML, _POX_QUESTION.format(address=escape(address)).encode())


def meaning(form: Form, body: bytes) -> Meaning:
    """Understand an answer that came with status 200."""
    if form is Form.JSON:
        return _json_meaning(body)
    try:
        root = parse(body)
    except MalformedError:
        return NOT_AUTODISCOVER
    return _soap_meaning(root) if form is Form.SOAP else _pox_meaning(root)


_POX_QUESTION: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    f'<Autodiscover xmlns="{_OUTLOOK}/requestschema/2006"><Request>'
    "<EMailAddress>{address}</EMailAddress>"
    f"<AcceptableResponseSchema>{_OUTLOOK}/responseschema/2006a</AcceptableResponseSchema>"
    "</Request></Autodiscover>"
)
_SOAP_QUESTION: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    f' xmlns:a="{_SOAP}" xmlns:w="http://www.w3.org/2005/08/addressing"><s:Header>'
    "<a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>"
    f"<w:Action>{_SOAP}/Autodiscover/GetUserSettings</w:Action></s:Header>"
    "<s:Body><a:GetUserSettingsRequestMessage><a:Request>"
    "<a:Users><a:User><a:Mailbox>{address}</a:Mailbox></a:User></a:Users>"
    "<a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting><a:Setting>InternalEwsUrl</a:Setting>"
    "</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></s:Body></s:Envelope>"
)


def _pox_meaning(root: Element) -> Meaning:
    account = root.find("{*}Response/{*}Account")
    if account is None:
        error = root.find("{*}Response/{*}Error")
        return NOT_AUTODISCOVER if error is None else _refusal(error, "{*}Message")
    match (account.findtext("{*}Action") or "").strip().lower():
        case "redirectaddr":
            return ToAddress(_text(account, "{*}RedirectAddr"))
        case "redirecturl":
            return ToUrl(_text(account, "{*}RedirectUrl"))
    # EXPR is Exchange as seen from outside, EXCH and EXHTTP from within (MS-OXDSCLI, 2.2.4.1.1.2.6.41).
    urls = {
        _text(protocol, "{*}Type").upper(): _text(protocol, "{*}EwsUrl")
        for protocol in account.iterfind("{*}Protocol")
        if _text(protocol, "{*}EwsUrl")
    }
    return _best(urls, "EXPR", "EXHTTP", "EXCH")


def _soap_meaning(root: Element) -> Meaning:
    response = next(root.iter("{*}GetUserSettingsResponseMessage"), None)
    response = response.find("{*}Response") if response is not None else None
    if response is None:
        fault = next(root.iter("{*}Fault"), None)
        return NOT_AUTODISCOVER if fault is None else _refusal(fault, "{*}faultstring")
    user = response.find("{*}UserResponses/{*}UserResponse")
    if user is None:
        return _refusal(response, "{*}ErrorMessage")
    match _text(user, "{*}ErrorCode"):
        case "RedirectAddress":
            return ToAddress(_text(user, "{*}RedirectTarget"))
        case "RedirectUrl":
            return ToUrl(_text(user, "{*}RedirectTarget"))
        case "NoError" | "":
            settings = {
                _text(setting, "{*}Name"): _text(setting, "{*}Value")
                for setting in user.iterfind("{*}UserSettings/{*}UserSetting")
                if _text(setting, "{*}Value")
            }
            return _best(settings, "ExternalEwsUrl", "InternalEwsUrl")
        case _:
            return _refusal(user, "{*}ErrorMessage")


def _json_meaning(body: bytes) -> Meaning:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return NOT_AUTODISCOVER
    if not isinstance(said, dict):
        return NOT_AUTODISCOVER
    if isinstance(said.get("Url"), str):
        return Endpoint(said["Url"].strip())
    words = said.get("ErrorMessage") or said.get("ErrorCode")
    return _said(str(words)) if words else NOT_AUTODISCOVER


def _best(urls: Mapping[str, str], *names: str) -> Meaning:
    for name in names:
        if name in urls:
            return Endpoint(urls[name])
    return Nothing("knows the mailbox, but names no EWS for it")


def _refusal(element: Element, words: str) -> Nothing:
    return _said(_text(element, words) or _text(element, "{*}ErrorCode"))


def _said(words: str) -> Nothing:
    short = " ".join(words.split())[:LONGEST_WORDS]
    return Nothing(f"says: {short or 'nothing'}")


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
