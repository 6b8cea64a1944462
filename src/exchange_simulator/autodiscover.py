"""Autodiscover as Exchange speaks it: plain old XML (MS-OXDSCLI), SOAP (MS-OXWSADISC), JSON of Exchange Online.

`Exchange.autodiscover` says how it behaves. The first two want a sign-in, the last answers anybody.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from exchange_simulator.versions import Version

XML: Final = "text/xml; charset=utf-8"
EWS_PATH: Final = "/EWS/Exchange.asmx"
_SOAP: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_POX: Final = "http://schemas.microsoft.com/exchange/autodiscover"


class Form(StrEnum):
    """The forms, by the ends of their paths."""

    POX = "xml"
    SOAP = "svc"
    JSON = "json"


@dataclass
class Autodiscover:
    """How Autodiscover behaves; all may be changed while the server runs."""

    forms: frozenset[Form] = frozenset(Form)
    """Those that there are; the others are 404."""
    location: str | None = None
    """Everybody is sent there by HTTP, before any sign-in."""
    redirect_url: str | None = None
    """Who has signed in is told to ask there."""
    redirect_addresses: dict[str, str] = field(default_factory=dict)
    """Who asks for one address is told to ask for another."""
    ews_url: str | None = None
    """The EWS that is named; None = this server's own, "" = none."""
    page: bytes | None = None
    """A web page, or whatever else is answered instead."""


@dataclass(frozen=True)
class Answer:
    """What is answered, and what about."""

    status: int
    body: bytes = b""
    content_type: str = XML
    address: str | None = None
    code: str = "NoError"


def answer(
    settings: Autodiscover,
    form: Form,
    *,
    base: str,
    body: bytes,
    address: str | None,
    knows: frozenset[str],
    version: Version,
) -> Answer:
    """Answer one request; `address` is given by the URL of JSON, `knows` are the mailboxes, in lower case."""
    asked = address if form is Form.JSON else _asked(form, body)
    if settings.page is not None:
        return Answer(200, settings.page, "text/html", asked, "WebPage")
    if not asked:
        return Answer(400, code="ErrorInvalidRequest")
    url = f"{base}{EWS_PATH}" if settings.ews_url is None else settings.ews_url
    if form is Form.JSON:
        return _json(asked, url, knows)
    other = settings.redirect_addresses.get(asked.lower())
    is_known = other is None and settings.redirect_url is None and asked.lower() in knows
    named, location = url if is_known else None, settings.redirect_url
    if form is Form.POX:
        return _pox(asked, url=named, location=location, address=other)
    return _soap(
        asked, _settings(body), url=named, location=location, address=other, version=version
    )


def _asked(form: Form, body: bytes) -> str | None:
    """Find the address that is asked for."""
    name = "EMailAddress" if form is Form.POX else "Mailbox"
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    return next((one.text.strip() for one in root.iter(f"{{*}}{name}") if one.text), None)


def _settings(body: bytes) -> tuple[str, ...]:
    """Find the settings that are asked for."""
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    return tuple(one.text.strip() for one in root.iter(f"{{{_SOAP}}}Setting") if one.text)


def _json(asked: str, url: str, knows: frozenset[str]) -> Answer:
    if asked.lower() in knows:
        said, status, code = {"Protocol": "EWS", "Url": url}, 200, "NoError"
    else:
        code = "UserNotFound"
        said, status = {"ErrorCode": code, "ErrorMessage": f"The user {asked} is not found."}, 404
    return Answer(status, json.dumps(said).encode(), "application/json", asked, code)


def _pox(
    asked: str,
    *,
    url: str | None = None,
    location: str | None = None,
    address: str | None = None,
) -> Answer:
    if url is None and location is None and address is None:
        code = "500"
        inside = (
            f'<Response xmlns="{_POX}/responseschema/2006"><Error Time="12:00:00.0000000" Id="1">'
            f"<ErrorCode>{code}</ErrorCode><Message>The email address can't be found.</Message><DebugData />"
            "</Error></Response>"
        )
        return Answer(200, _pox_document(inside), address=asked, code=code)
    if address is not None:
        account = f"<Action>redirectAddr</Action><RedirectAddr>{escape(address)}</RedirectAddr>"
    elif location is not None:
        account = f"<Action>redirectUrl</Action><RedirectUrl>{escape(location)}</RedirectUrl>"
    else:
        named = f"<EwsUrl>{escape(url)}</EwsUrl>" if url else ""
        account = "<Action>settings</Action>" + "".join(
            f"<Protocol><Type>{kind}</Type>{named}</Protocol>" for kind in ("EXCH", "EXPR")
        )
    user = (
        f"<User><DisplayName>{escape(asked.partition('@')[0])}</DisplayName></User>" if url else ""
    )
    inside = (
        f'<Response xmlns="{_POX}/outlook/responseschema/2006a">{user}'
        f"<Account><AccountType>email</AccountType>{account}</Account></Response>"
    )
    return Answer(200, _pox_document(inside), address=asked)


def _pox_document(inside: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<Autodiscover xmlns="{_POX}/responseschema/2006">{inside}</Autodiscover>'
    ).encode()


def _soap(
    asked: str,
    wanted: tuple[str, ...],
    *,
    url: str | None,
    location: str | None,
    address: str | None,
    version: Version,
) -> Answer:
    """Answer with the settings that are asked for, and one by one say which there are not (UserSettingError)."""
    if address is not None:
        code, text, target = "RedirectAddress", "Redirection address.", address
    elif location is not None:
        code, text, target = "RedirectUrl", "Redirection Url.", location
    elif url is None:
        code, text, target = "InvalidUser", f"Invalid user: '{asked}'", ""
    else:
        code, text, target = "NoError", "No error.", ""
    settings = {
        "UserDisplayName": asked.partition("@")[0],
        "AutoDiscoverSMTPAddress": asked,
        "ExternalEwsUrl": url,
        "InternalEwsUrl": url,
        "EwsSupportedSchemas": "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, "
        f"Exchange2010_SP2{'' if version is Version.EXCHANGE_2010_SP2 else ', Exchange2013'}",
        "GroupingInformation": "Default-First-Site-Name",
    }
    written = "".join(
        f'<UserSetting i:type="StringSetting"><Name>{name}</Name><Value>{escape(value)}</Value></UserSetting>'
        for name, value in settings.items()
        if url is not None and value and name in (wanted or settings)
    )
    missing = "".join(
        "<UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode>"
        f"<ErrorMessage>The setting {escape(name)} is not available.</ErrorMessage>"
        f"<SettingName>{escape(name)}</SettingName></UserSettingError>"
        for name in wanted
        if url is not None and not settings.get(name)
    )
    redirect = f"<RedirectTarget>{escape(target)}</RedirectTarget>" if target else ""
    major, minor, build, revision = version.build
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="http://www.w3.org/2005/08/addressing">'
        f'<s:Header><a:Action s:mustUnderstand="1">{_SOAP}/Autodiscover/GetUserSettingsResponse</a:Action>'
        f'<h:ServerVersionInfo xmlns:h="{_SOAP}"><h:MajorVersion>{major}</h:MajorVersion>'
        f"<h:MinorVersion>{minor}</h:MinorVersion><h:MajorBuildNumber>{build}</h:MajorBuildNumber>"
        f"<h:MinorBuildNumber>{revision}</h:MinorBuildNumber><h:Version>Exchange2013_SP1</h:Version>"
        "</h:ServerVersionInfo></s:Header>"
        f'<s:Body><GetUserSettingsResponseMessage xmlns="{_SOAP}">'
        '<Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        "<ErrorCode>NoError</ErrorCode><ErrorMessage /><UserResponses><UserResponse>"
        f"<ErrorCode>{code}</ErrorCode><ErrorMessage>{escape(text)}</ErrorMessage>{redirect}"
        f"<UserSettingErrors>{missing}</UserSettingErrors><UserSettings>{written}</UserSettings>"
        "</UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>"
    )
    return Answer(200, body.encode(), address=asked, code=code)
