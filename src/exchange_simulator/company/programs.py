"""How each mail program lays out what somebody wrote, and how it quotes what was answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape

from exchange_simulator.company.language import Language

LOGO = "image001.png@01DB3C5E.7A1F2B40"
"""Content-ID of the inline logo below a signature."""


class Program(StrEnum):
    """A mail program; the value is what it calls itself in the header."""

    OUTLOOK = "Microsoft Outlook 16.0"
    OUTLOOK_PLAIN = "Microsoft Outlook 15.0"
    OUTLOOK_MOBILE = "Outlook-iOS/2.4"
    GMAIL = "Gmail"
    APPLE_MAIL = "Apple Mail (2.3774.600.62)"
    THUNDERBIRD = "Mozilla Thunderbird"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody wrote, before a mail program lays it out."""

    greeting: str
    paragraphs: tuple[str, ...]
    closing: str
    signature: tuple[str, ...]
    """Lines, the name first."""
    disclaimer: str | None = None
    has_logo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """The message that is answered or forwarded, as far as a mail program quotes it."""

    name: str
    address: str
    to: str
    sent_at: datetime
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Body:
    """A laid-out message."""

    text: str
    fragment: str
    """HTML between the body tags: what the next program quotes."""
    html: str | None
    """The HTML document; None where the program writes plain text only."""


def lay_out(program: Program, draft: Draft, quoted: Quoted | None, language: Language) -> Body:
    """Write a message as the program would, above the message that it quotes."""
    match program:
        case Program.OUTLOOK:
            return _outlook(draft, quoted, language)
        case Program.OUTLOOK_MOBILE:
            return _outlook_mobile(draft, quoted, language)
        case Program.GMAIL:
            return _gmail(draft, quoted, language)
        case Program.APPLE_MAIL:
            return _apple_mail(draft, quoted, language)
        case Program.THUNDERBIRD:
            wrote = language.thunderbird_wrote
            text = _lines(draft, "-- ") + _marked(quoted, wrote, language)
        case Program.OUTLOOK_PLAIN:
            text = _lines(draft) + _headed(quoted, language, language.original_message)
    fragment = "<div>" + escape(text, quote=False).replace("\n", "<br>\n") + "</div>"
    return Body(text, fragment, None)


def _lines(draft: Draft, separator: str = "") -> str:
    """Write the plain text of a draft, `separator` being the line above the signature."""
    name, *rest = draft.signature
    signature = [name, separator, *rest] if separator and rest else [name, *rest]
    text = "\n\n".join((draft.greeting, *draft.paragraphs, draft.closing))
    text += "\n" + "\n".join(signature) + "\n"
    return text + f"\n{draft.disclaimer}\n" if draft.disclaimer else text


def _header_block(quoted: Quoted, language: Language) -> tuple[tuple[str, str], ...]:
    """Write the lines by which Outlook introduces what it quotes."""
    values = (
        f"{quoted.name} <{quoted.address}>",
        language.dated(language.header_date, quoted.sent_at),
        quoted.to,
        quoted.subject,
    )
    return tuple(zip(language.header_names, values, strict=True))


def _headed(quoted: Quoted | None, language: Language, rule: str) -> str:
    """Write a quoted message below its header block, as plain text."""
    if quoted is None:
        return ""
    block = "\n".join(f"{name} {value}" for name, value in _header_block(quoted, language))
    return f"\n{rule}\n{block}\n\n{quoted.text}"


def _marked(quoted: Quoted | None, wrote: str, language: Language) -> str:
    """Write a quoted message with a mark before each line, as plain text."""
    if quoted is None:
        return ""
    lines = quoted.text.rstrip().split("\n")
    marked = "\n".join(f">{line}" if line.startswith(">") else f"> {line}" for line in lines)
    return f"\n{_wrote(quoted, wrote, language)}\n{marked}\n"


def _wrote(quoted: Quoted, pattern: str, language: Language) -> str:
    return language.dated(pattern, quoted.sent_at, name=quoted.name, address=quoted.address)


def _direction(language: Language) -> str:
    return "rtl" if language.code == "ar" else "ltr"


def _outlook(draft: Draft, quoted: Quoted | None, language: Language) -> Body:
    def paragraph(text: str, style: str = "") -> str:
        inner = escape(text, quote=False) or "&nbsp;"
        span = f'<span style="{style}">{inner}</span>' if style else inner
        return f'<p class="MsoNormal">{span}<o:p></o:p></p>\n'

    html = "".join(
        paragraph(text) + paragraph("") for text in (draft.greeting, *draft.paragraphs)
    ) + paragraph(draft.closing)
    name, *rest = draft.signature
    html += paragraph(name, "font-family:&quot;Arial&quot;,sans-serif;color:#1F3864")
    for line in rest:
        html += paragraph(
            line, "font-size:9.0pt;font-family:&quot;Arial&quot;,sans-serif;color:gray"
        )
    if draft.has_logo:
        html += (
            f'<p class="MsoNormal"><img width="120" height="32" src="cid:{LOGO}" alt="Lindholt">'
            "<o:p></o:p></p>\n"
        )
    if draft.disclaimer:
        html += paragraph("") + paragraph(draft.disclaimer, "font-size:7.5pt;color:#7F7F7F")
    if quoted:
        block = "<br>\n".join(
            f"<b>{name}</b> {escape(value, quote=False)}"
            for name, value in _header_block(quoted, language)
        )
        html += (
            '<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
            f'\n<p class="MsoNormal">{block}<o:p></o:p></p></div></div>\n'
            f'<p class="MsoNormal"><o:p>&nbsp;</o:p></p>\n{quoted.html}'
        )
    document = (
        '<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
        ' xmlns="http://www.w3.org/TR/REC-html40">\n<head>\n'
        '<meta name="Generator" content="Microsoft Word 15 (filtered medium)">\n<style><!--\n'
        '@font-face\n\t{font-family:"Cambria Math";\n\tpanose-1:2 4 5 3 5 4 6 3 2 4;}\n'
        "p.MsoNormal, li.MsoNormal, div.MsoNormal\n\t{margin:0cm;\n\tfont-size:11.0pt;\n"
        '\tfont-family:"Calibri",sans-serif;}\na:link, span.MsoHyperlink\n\t{color:#0563C1;}\n'
        "--></style><!--[if gte mso 9]><xml>\n"
        '<o:shapedefaults v:ext="edit" spidmax="1026" />\n</xml><![endif]-->\n</head>\n'
        f'<body lang="{language.code.upper()}" dir="{_direction(language)}" link="#0563C1">\n'
        f'<div class="WordSection1">\n{html}</div>\n</body>\n</html>\n'
    )
    text = _lines(draft) + _headed(quoted, language, "_" * 32)
    return Body(text, html, document)


def _outlook_mobile(draft: Draft, quoted: Quoted | None, language: Language) -> Body:
    style = 'style="font-family: Aptos, Calibri, Helvetica, sans-serif; font-size: 12pt;"'
    lines = (draft.greeting, *draft.paragraphs, draft.closing, draft.signature[0])
    html = "".join(f"<div {style}>{escape(line, quote=False)}</div>\n" for line in lines)
    link = '<a href="https://aka.ms/o0ukef">Outlook</a>'
    html += (
        f'<div id="ms-outlook-mobile-signature"><div><br></div>'
        f"{language.mobile.format(link=link)}</div>\n"
    )
    if quoted:
        block = "<br>\n".join(
            f"<b>{name}</b> {escape(value, quote=False)}"
            for name, value in _header_block(quoted, language)
        )
        html += (
            '<hr style="display:inline-block;width:98%" tabindex="-1">\n'
            '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" '
            f'style="font-size:11pt" color="#000000">{block}</font><div>&nbsp;</div></div>\n'
            f"{quoted.html}"
        )
    document = f'<html><head></head>\n<body dir="{_direction(language)}">\n{html}</body></html>\n'
    mobile = language.mobile.format(link="Outlook")
    text = "\n\n".join(lines[:-1]) + f"\n{lines[-1]}\n\n{mobile}\n"
    return Body(text + _headed(quoted, language, "_" * 32), html, document)


def _gmail(draft: Draft, quoted: Quoted | None, language: Language) -> Body:
    direction = _direction(language)
    lines = "<br><br>".join(
        escape(line, quote=False) for line in (draft.greeting, *draft.paragraphs, draft.closing)
    )
    name, *rest = (escape(line, quote=False) for line in draft.signature)
    html = f'<div dir="{direction}">{lines}<br>{name}'
    if rest:
        html += (
            '<br clear="all"><div><br></div><span class="gmail_signature_prefix">-- </span><br>'
            f'<div dir="{direction}" class="gmail_signature" data-smartmail="gmail_signature">'
            f"{'<br>'.join(rest)}</div>"
        )
    html += "</div>\n"
    if quoted:
        wrote = escape(_wrote(quoted, language.gmail_wrote, language), quote=False)
        html += (
            '<br><div class="gmail_quote gmail_quote_container">'
            f'<div dir="{direction}" class="gmail_attr">{wrote}<br></div>\n'
            '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;'
            'border-left:1px solid rgb(204,204,204);padding-left:1ex">\n'
            f"{quoted.html}</blockquote></div>\n"
        )
    text = _lines(draft, "-- ") + _marked(quoted, language.gmail_wrote, language)
    return Body(text, html, html)


def _apple_mail(draft: Draft, quoted: Quoted | None, language: Language) -> Body:
    lines = (draft.greeting, *draft.paragraphs, draft.closing, *draft.signature)
    html = "<div><br></div>\n".join(
        f"<div>{escape(line, quote=False)}</div>\n" for line in lines[: -len(draft.signature)]
    )
    html += "".join(f"<div>{escape(line, quote=False)}</div>\n" for line in draft.signature)
    if quoted:
        wrote = escape(_wrote(quoted, language.apple_wrote, language), quote=False)
        html += (
            f'<div><br><blockquote type="cite">\n<div>{wrote}</div>'
            f'<br class="Apple-interchange-newline"><div>\n{quoted.html}</div></blockquote></div>\n'
        )
    document = (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
        '<body style="overflow-wrap: break-word; -webkit-nbsp-mode: space; '
        f'line-break: after-white-space;" dir="{_direction(language)}">\n{html}</body></html>\n'
    )
    return Body(_lines(draft) + _marked(quoted, language.apple_wrote, language), html, document)
