"""How an email is protected: signed, encrypted (S/MIME), or with rights of its own (IRM)."""

from typing import Final

from mailmine.model.email import Email, Protection

RIGHTS_MANAGED_CLASS: Final = "rpmsg.message"
"""The Content-Class of the wrapping (MS-OXORMMS, 2.1.1)."""
RIGHTS_MANAGED_TYPE: Final = "application/x-microsoft-rpmsg-message"

_SEALED_CLASS: Final = "ipm.note.smime"
_SIGNED_CLASS: Final = "ipm.note.smime.multipartsigned"


def protection(email: Email) -> Protection | None:
    """Tell what protects an email, the strongest of it; None for nothing.

    Of one whose seal was not opened its kind of item and its headers tell, as far as they do.
    """
    opened = email.protection
    if opened is Protection.ENCRYPTED:
        return opened
    if _is_rights_managed(email):
        return Protection.RIGHTS_MANAGED
    return opened or _of_unopened(email)


def is_sealed(email: Email) -> bool:
    """Tell whether Exchange keeps an email as one sealed attachment, which was not opened yet."""
    kind = email.item_class.lower()
    is_smime = kind == _SEALED_CLASS or kind.startswith(f"{_SEALED_CLASS}.")
    return is_smime and email.protection is None and len(email.attachments) == 1


def _is_rights_managed(email: Email) -> bool:
    header = _header(email, "content-class")
    return header.startswith(RIGHTS_MANAGED_CLASS) or any(
        one.content_type == RIGHTS_MANAGED_TYPE or one.name.lower() == "message.rpmsg"
        for one in email.attachments
    )


def _of_unopened(email: Email) -> Protection | None:
    kind, header = email.item_class.lower(), _header(email, "content-type")
    if header.startswith("multipart/encrypted"):
        return Protection.ENCRYPTED
    if kind == _SIGNED_CLASS:
        return Protection.SIGNED
    if kind == _SEALED_CLASS and "enveloped-data" in header:
        return Protection.ENCRYPTED
    return Protection.SIGNED if kind == _SEALED_CLASS and "signed-data" in header else None


def _header(email: Email, name: str) -> str:
    return next((value.lower() for key, value in email.headers if key.lower() == name), "")
