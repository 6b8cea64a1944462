"""An email becomes a comment. Pure functions: no I/O, nothing raised for what an email holds."""

from lxml import etree

from mailmine.model.email import Email
from mailmine.refine.language import language
from mailmine.refine.result import VERSION, Kind, Refined, Zone

__all__ = ["VERSION", "Kind", "Refined", "Zone", "refine"]


def refine(email: Email) -> Refined:
    """Tell the new words of an email's author from everything else in its body. Never raises."""
    text = email.text or ""
    if email.html:
        try:
            document = etree.fromstring(email.html, etree.HTMLParser())
            text = "\n".join(str(piece) for piece in document.itertext())
        except (etree.LxmlError, ValueError, AttributeError):
            text = email.html
    text = text.strip()
    return Refined(
        text=text,
        reply=text,
        signature="",
        language=language(text),
        zones=(Zone(Kind.NEW, text),) if text else (),
    )
